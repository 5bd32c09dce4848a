"""Values before and after a conversion, compared exactly, and described in words.

NumPy alone is no judge: to compare an int64 with a float64 it rounds the former. Python compares
its own numbers as they are, and so are the arrays here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

LONGEST = 60  # characters of a value that is shown
LARGEST_EXACT = 2.0**53  # float64 holds every whole number up to here


@dataclass(frozen=True)
class Change:
    """The first value that differs, before and after; `count` of `size` values do."""

    before: Any
    after: Any
    count: int
    size: int

    @property
    def rounded(self) -> bool:
        """Whether the first one is still the same number, with fewer digits."""
        if not (isinstance(self.before, float) and isinstance(self.after, float)):
            return False
        return abs(self.after - self.before) <= abs(self.before) / 100


def change(value: Any, after: np.ndarray) -> Change | None:
    """Tell how an array differs from the value it was made of; None where it doesn't.

    Text equals its UTF-8 bytes, nan equals nan, True equals 1, and a number equals the same number
    in another dtype. What is masked in a masked array is None before.

    Args:
        value: what was yielded: a number, text, an array, a list, a tensor, or anything else.
        after: an array of numbers of any dtype, or of bytes objects (dtype object).
    """
    before = as_array(value)
    if before.shape != after.shape:  # such as one object of which one True was made
        return Change(value, after, 1, 1)
    if before.dtype == after.dtype and _numeric(before):
        return None  # nothing was converted
    if _numeric(before) and _numeric(after):
        same = _same_numbers(_known_to_numpy(before), _known_to_numpy(after))
    else:
        pairs = zip(before.ravel().tolist(), after.ravel().tolist())
        same = np.fromiter((_same(*pair) for pair in pairs), bool, before.size)
        same = same.reshape(before.shape)
    if same.all():
        return None
    first = np.unravel_index(np.argmin(same), same.shape)
    pair = (_pythons_own(array[first]) for array in (before, after))
    return Change(*pair, int(np.count_nonzero(~same)), before.size)


def as_array(value: Any) -> np.ndarray:
    """An array of the value's own numbers, or of dtype object with its own objects."""
    if hasattr(value, "numpy"):  # TensorFlow's tensors and variables
        value = value.numpy()
    if isinstance(value, np.ma.MaskedArray):
        items = np.array(value.data, dtype=object)
        items[np.ma.getmaskarray(value)] = None
        return items
    if isinstance(value, (bool, int, float, complex, str, bytes)):
        return _boxed(value)
    if isinstance(value, (list, tuple)) and not are_times(value):
        if (exact := _exact(value)) is not None:
            return exact
        try:
            return np.asarray(value, dtype=object)  # without it, all would get one dtype
        except ValueError:  # arrays of several shapes; TensorFlow takes some that are empty
            return _boxed(value)
    array = np.asarray(value)
    if array.dtype.kind in "mM":
        return array.astype(str).astype(object)  # as objects, some units are whole numbers
    return array if _numeric(array) else array.astype(object)


def subnormals_gone(value: Any, after: np.ndarray) -> np.ndarray:
    """What the threads of TensorFlow make of a conversion: numbers next to zero become zero.

    They compute without subnormal numbers, which are below 1.2e-38 in float32 and bfloat16 and
    below 2.2e-308 in float64; so they neither find one in what they convert nor leave one. A copy
    within one range computes nothing.

    Args:
        value: what was yielded.
        after: what NumPy made of it.
    """
    try:
        before = np.asarray(value)
    except (TypeError, ValueError):  # no numbers
        return after
    if before.shape != after.shape:
        return after
    ranges = _smallest_normal(before.dtype), _smallest_normal(after.dtype)
    if after.dtype == bool and _numeric(before) and ranges[0]:
        return np.asarray(after & ~(np.abs(before) < ranges[0]))
    if not _numeric(after) or not ranges[1] or ranges[0] == ranges[1]:
        return after
    for part in (after.real, after.imag) if after.dtype.kind == "c" else (after,):
        part[np.abs(part) < max(ranges)] *= 0  # keeps the sign
    return after


def described(value: Any) -> str:
    """The value in a few words, the same in every process."""
    value = _pythons_own(value)
    if value is None or isinstance(value, (bool, int, float, complex, str, bytes, np.number)):
        text = repr(value)
        return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
    if isinstance(value, np.ndarray) or hasattr(value, "numpy"):
        kind = "array" if isinstance(value, np.ndarray) else type(value).__name__
        return f"{article(kind)} of shape {tuple(value.shape)} and dtype {_name(value.dtype)}"
    if isinstance(value, Mapping):
        return f"a dict with the keys {keys(value)}" if value else "an empty dict"
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return f"the named tuple {type(value).__name__} of {len(value)}"
    if isinstance(value, (list, tuple, set, frozenset, range)):
        return f"a {type(value).__name__} of {len(value)}"
    return f"an object of type {type(value).__name__}"


def uneven(value: Any) -> bool:
    """Whether it is a list of lists that differ in length: no array can be made of it."""
    if not isinstance(value, (list, tuple)):
        return False
    try:
        np.asarray(value)
    except (TypeError, ValueError) as error:
        return "inhomogeneous" in str(error)
    return False


def keys(mapping: Mapping) -> str:
    """The keys as text, the first five of many."""
    names = [repr(key) for key in mapping]
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(names[:5]) + more


def _numeric(array: np.ndarray) -> bool:
    # isbuiltin is 2 for the dtypes that others add to NumPy, such as bfloat16.
    return array.dtype.kind in "biufc" or array.dtype.isbuiltin == 2


def _exact(value: list | tuple) -> np.ndarray | None:
    """The array of a list of numbers where that loses nothing, which is much the fastest way."""
    try:
        array = np.asarray(value)
    except (TypeError, ValueError):  # of unequal length, or of several types
        return None
    whole = array.dtype.kind in "biu"
    small = array.dtype == np.float64 and not np.any(np.abs(array) >= LARGEST_EXACT)
    return array if whole or small else None


def are_times(value: Any) -> bool:
    """Whether dates or time spans are in it, all in all."""
    try:
        return np.asarray(value).dtype.kind in "mM"
    except (TypeError, ValueError):  # of several types, or of unequal length
        return False


def _smallest_normal(dtype: np.dtype) -> float:
    """0.0 for float16, which is converted bit by bit, and for what is no floating number."""
    if dtype.isbuiltin == 2:
        return float(np.finfo(np.float32).tiny)  # bfloat16's range
    if dtype.kind == "O":
        return float(np.finfo(np.float64).tiny)  # Python's own numbers
    return float(np.finfo(dtype).tiny) if dtype.kind in "fc" and dtype != np.float16 else 0.0


def _known_to_numpy(array: np.ndarray) -> np.ndarray:
    """Added dtypes, all of them small, as float64."""
    return array.astype(np.float64) if array.dtype.isbuiltin == 2 else array


def _same_numbers(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    if "c" in left.dtype.kind + right.dtype.kind:
        return _same_numbers(left.real, right.real) & _same_numbers(left.imag, right.imag)
    with np.errstate(all="ignore"):
        same = np.asarray((left == right) | ((left != left) & (right != right)))
    if {left.dtype.kind, right.dtype.kind} in ({"i", "f"}, {"u", "f"}):
        floats = left if left.dtype.kind == "f" else right
        doubtful = same & (np.abs(floats) >= np.float64(LARGEST_EXACT))
        pairs = zip(left[doubtful].tolist(), right[doubtful].tolist())
        same[doubtful] = [one == other for one, other in pairs]
    return same


def _same(before: Any, after: Any) -> bool:
    before, after = _pythons_own(before), _pythons_own(after)
    if isinstance(before, str):
        before = before.encode("utf-8", "surrogatepass")
    if isinstance(before, bytes) != isinstance(after, bytes):
        return False
    try:
        if isinstance(before, bytes) or before == after:
            return bool(before == after)
        return all(
            one == other or (one != one and other != other)
            for one, other in ((before.real, after.real), (before.imag, after.imag))
        )
    except Exception:  # an object's own == may do anything
        return False


def _pythons_own(value: Any) -> Any:
    """A scalar of NumPy's or TensorFlow's as Python's own."""
    if hasattr(value, "numpy") and getattr(value, "shape", None) == ():
        value = value.numpy()
    if isinstance(value, (str, bytes)):
        # Not str(value): an enum of texts gives its own name there.
        return str.__str__(value) if isinstance(value, str) else bytes(value)
    if isinstance(value, np.generic) or (isinstance(value, np.ndarray) and value.ndim == 0):
        return value.item()
    return value


def _boxed(value: Any) -> np.ndarray:
    box = np.empty((), dtype=object)
    box[()] = value
    return box


def _name(dtype: Any) -> str:
    return getattr(dtype, "name", str(dtype))


def article(noun: str) -> str:
    """The noun with its article, such as "an array"."""
    return f"an {noun}" if noun[0].lower() in "aeiou" else f"a {noun}"
