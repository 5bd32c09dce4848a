"""The figure of Python work: what processes gain, and from which cost of an item on."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from course_utils.classroom.figures import COLOURS, HATCHES, PAPER, QUIET, as_svg, style
from course_utils.measuring.display import ratio_digits

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FILE = "python_work.svg"


def svg(measured: dict[str, Any]) -> str:
    """What ``python_work`` measured, as a picture that carries its own words."""
    return as_svg(draw(measured), in_words(measured)).svg


def draw(measured: dict[str, Any]) -> Figure:
    """Gains as bars, the break-even as a curve."""
    from matplotlib.figure import Figure

    style()
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1.15, 1))
    _bars(left, measured["gains"], measured["of_two_processes"])
    _curve(right, measured["break_even"])
    return figure


def in_words(measured: dict[str, Any]) -> str:
    """The same in words."""
    bars = "; ".join(f"{row['way']} {_numbers(row)}" for row in measured["gains"])
    points = measured["break_even"]["points"]
    curve = "; ".join(f"{point['cost_ms']:.2g} ms {_numbers(point)}" for point in points)
    return (
        f"Two charts. Bars: {_work(measured['gains'])}, items a second relative to one bare "
        f"process, with the lowest and the highest of the rounds: {bars}. Of the gain of two bare "
        f"processes the process loader has {measured['of_two_processes']:.2f}. A curve: items a "
        "second "
        "of the process loader with two processes, relative to a plain loop, over the cost of an "
        f"item: {curve}. {_crossing(measured['break_even'])}."
    )


def _bars(axes: Axes, rows: list[dict[str, Any]], of_two: float) -> None:
    for place, row in enumerate(rows):
        look = 0 if "process" in row["way"] else 1
        low, high = row["gain_range"]
        axes.barh(
            place,
            row["gain"],
            0.6,
            xerr=[[row["gain"] - low], [high - row["gain"]]],
            color=COLOURS[look],
            hatch=HATCHES[look],
            edgecolor="white",
            error_kw={"elinewidth": 1, "capsize": 3},
        )
        axes.annotate(
            ratio_digits(row["gain"]),
            (high, place),
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
            bbox={"facecolor": PAPER, "edgecolor": "none", "pad": 1},
        )
    _line_at_one(axes.axvline)
    axes.set_yticks(range(len(rows)), [row["way"] for row in rows])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlim(0, 1.2 * max(row["gain_range"][1] for row in rows))
    axes.set_xlabel(
        "items/s, one bare process = 1\n"
        f"(in more rounds: the loader's gain is {of_two:.2f} of that of two bare processes)"
    )
    axes.set_title(_work(rows))


def _curve(axes: Axes, measured: dict[str, Any]) -> None:
    points = measured["points"]
    costs = [point["cost_ms"] for point in points]
    gains = [point["gain"] for point in points]
    off = [
        [point["gain"] - point["gain_range"][0] for point in points],
        [point["gain_range"][1] - point["gain"] for point in points],
    ]
    axes.errorbar(costs, gains, off, color=COLOURS[0], marker="o", capsize=3, elinewidth=1)
    _line_at_one(axes.axhline)
    axes.set_xscale("log")
    ticks = [0.01, 0.1, 1]
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.set_ylim(bottom=0)
    axes.set_xlabel("cost of an item, ms (logarithmic)")
    axes.set_ylabel("items/s, plain loop = 1")
    axes.set_title(_crossing(measured))


def _line_at_one(draw: Any) -> None:
    draw(1, color=QUIET, linewidth=0.8, linestyle="--", marker="", zorder=0)


def _work(rows: list[dict[str, Any]]) -> str:
    return f"Python work, {rows[0]['cpu_ms_per_item']:.1f} ms an item"


def _crossing(measured: dict[str, Any]) -> str:
    if math.isinf(measured["crossing_ms"]):
        return "The loader never pays here"
    return f"The loader pays from {measured['crossing_ms']:.2g} ms on"


def _numbers(row: dict[str, Any]) -> str:
    return f"{row['gain']:.2f} ({row['gain_range'][0]:.2f} to {row['gain_range'][1]:.2f})"
