"""How the instruments' records show themselves: numbers, units and tables."""

from __future__ import annotations

import re
from collections.abc import Sequence
from math import isfinite


def html_table(rows: Sequence[Sequence[str]], headers: Sequence[str], align: Sequence[str]) -> str:
    """Return a table for a notebook; `align` is "left" or "right" for each column."""
    from tabulate import tabulate

    table = tabulate(rows, headers, tablefmt="html", disable_numparse=True, colalign=align)
    # tabulate leaves "left" unsaid, and JupyterLab aligns to the right what says nothing.
    return re.sub("<(td|th)>", r'<\1 style="text-align: left;">', table)


def three_digits(number: float) -> str:
    """1234.5 as 1,230; 12.345 as 12.3."""
    if not isfinite(number):
        return str(number)
    return f"{float(f'{number:.3g}'):,.0f}" if number >= 100 else f"{number:.3g}"


def ratio_digits(ratio: float) -> str:
    """As many digits as a ratio of times deserves: 0.053, 0.97, 1.02, 8.1, 23."""
    if ratio >= 10:
        return f"{ratio:,.0f}"
    if ratio >= 2:
        return f"{ratio:.1f}"
    return f"{ratio:.2f}" if ratio >= 0.1 else f"{ratio:.2g}"


def singular(unit: str) -> str:
    """One of the unit: "pictures" as "picture", "batches" as "batch"."""
    for ending in ("ches", "shes", "sses", "xes"):
        if unit.endswith(ending):
            return unit.removesuffix("es")
    return unit.removesuffix("s")
