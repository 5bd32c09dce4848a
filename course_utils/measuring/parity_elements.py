"""Two elements compared, part by part: structure, dtype, shape and values."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from course_utils.feeding.values import described
from course_utils.measuring.parity_fingerprint import (
    Part,
    canonical,
    container,
    gaps,
    open_up,
    parts_of,
)
from course_utils.measuring.parity_report import Difference, Gap

TEXTS = {"text", "bytes"}
# A number of Python's own has no dtype: those whose names begin so hold it.
HOLDING = {
    "Python's bool": ("bool",),
    "Python's int": ("int", "uint"),
    "Python's float": ("float", "bfloat"),
    "Python's complex": ("complex",),
}


def compare(
    old: Any,
    new: Any,
    apart: dict[str, Gap],
    tolerance: float = 0.0,
    equal: bool = False,
    place: str = "",
) -> Iterator[Difference]:
    """Yield the differences of two elements, the first of each part.

    apart: place to the gaps of the elements before, to which those of this pair are added.
    tolerance: numbers may be so far apart; 0: their bytes are equal. equal: the hashes of both are
    equal, so that values needn't be looked at.
    """
    before, after = open_up(old), open_up(new)
    if before is None and after is None:
        yield from _parts(parts_of(old, place)[0], parts_of(new, place)[0], apart, tolerance, equal)
    elif before is None or after is None or not _alike(old, new, before, after):
        yield Difference("structure", _both(_named(old), _named(new)), place=place)
    else:
        for step in before:
            yield from compare(before[step], after[step], apart, tolerance, equal, place + step)


def changed_kinds(old: Any, new: Any) -> Iterator[str]:
    """Yield what a dataset can't help but change: lists, named tuples, text, Python's numbers."""
    before, after = open_up(old), open_up(new)
    if before is None or after is None:
        kinds = [_dtype(value) for value in (old, new)] if before is after is None else []
        if len(set(kinds)) == 2 and _dtypes_alike(*kinds):
            yield _both(*kinds)
        return
    if not _alike(old, new, before, after):
        return
    if isinstance(old, (tuple, list)) and type(old) is not type(new):
        kinds = [_sequence(value) for value in (old, new)]
        yield _both(*(f"a {kind}" for kind in kinds))
    for step in before:
        yield from changed_kinds(before[step], after[step])


def _alike(old: Any, new: Any, before: dict[str, Any], after: dict[str, Any]) -> bool:
    sequences = [isinstance(value, (tuple, list)) for value in (old, new)]
    return before.keys() == after.keys() and sequences[0] == sequences[1]


def _parts(
    old: Part, new: Part, apart: dict[str, Gap], tolerance: float, equal: bool
) -> Iterator[Difference]:
    if old.dtype != new.dtype and not _dtypes_alike(old.dtype, new.dtype):
        yield Difference("dtype", _both(f"dtype {old.dtype}", new.dtype), place=old.place)
    if old.values.shape != new.values.shape:
        shapes = f"shape {old.values.shape}", str(new.values.shape)
        yield Difference("shape", _both(*shapes), place=old.place)
        return
    if not (old.numeric and new.numeric):
        yield from _values(old, new, np.asarray(old.values != new.values), "")
        return
    gap = apart.setdefault(old.place, Gap())
    if equal:
        gap.values += old.values.size
        return
    far = gaps(old.values, new.values)
    largest = gap.add(far)
    off = far > tolerance
    if not tolerance and old.values.dtype == new.values.dtype:
        off = _as_bytes(old.values) != _as_bytes(new.values)  # -0.0 equals 0.0 as a number alone
    more = f"; the largest difference is {largest:.3g}" if off.size > 1 and largest else ""
    yield from _values(old, new, np.asarray(off), more)


def _values(old: Part, new: Part, off: np.ndarray, more: str) -> Iterator[Difference]:
    if not off.any():
        return
    first = np.unravel_index(off.argmax(), off.shape)
    plain = str if old.values.dtype == new.values.dtype and old.numeric else described
    what = _both(*(plain(part.values[first]) for part in (old, new)))
    if off.size > 1:
        at = ", ".join(map(str, first))
        count = f"{np.count_nonzero(off):,} of {off.size:,} values differ"
        what = f"{count}, the first at [{at}]: {what}{more}"
    yield Difference("values", what, place=old.place)


def _as_bytes(values: np.ndarray) -> np.ndarray:
    return canonical(values).view(f"V{values.dtype.itemsize}")


def _both(old: str, new: str) -> str:
    return f"{old} in the old one, {new} in the new one"


def _named(value: Any) -> str:
    if open_up(value) is not None:
        return container(value)
    part = parts_of(value)[0]
    return f"one tensor of shape {part.values.shape}"


def _dtype(value: Any) -> str:
    return parts_of(value)[0].dtype


def _dtypes_alike(old: str, new: str) -> bool:
    """Whether a dataset has no other way to hold the one than the other."""
    if {old, new} == TEXTS:
        return True
    return any(
        own in HOLDING and other.startswith(HOLDING[own]) for own, other in ((old, new), (new, old))
    )


def _sequence(value: Any) -> str:
    if hasattr(value, "_fields"):
        return f"named tuple {type(value).__name__}"
    return "list" if isinstance(value, list) else "tuple"
