"""What an element is, in a few bytes: its parts with dtype and shape, and a hash of its values.

Hashes tell whether two elements are the same where there is no room to keep both. What a dataset
can't help but change is made alike first: text becomes UTF-8, and each NaN is the same NaN.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from course_utils.feeding.values import article, described, keys

HASHED = 16  # bytes of a hash: two different elements share one by chance in 2**64 elements
NOTHING = np.zeros((), "S1")


class NoTensor(TypeError):
    """A part of an element is nothing that a dataset could deliver."""


@dataclass(frozen=True)
class Part:
    """One tensor of an element.

    place: within the element, such as "[0]" or "['boxes']", "" where it is the whole element.
    dtype: the name of NumPy's dtype; "text" or "bytes"; of a number of Python's own "Python's int"
    and so on. values: an array, of bytes objects where it is text or bytes. None, and a structure
    without parts, are parts as well: with NOTHING as values.
    """

    place: str
    dtype: str
    values: np.ndarray

    @property
    def numeric(self) -> bool:
        """Whether differences of its values are numbers."""
        return self.values.dtype.kind in "biufc" or self.values.dtype.isbuiltin == 2  # bfloat16


@dataclass(frozen=True)
class Fingerprint:
    """What is kept of an element.

    digest: a hash of its places, shapes and values. exact: one of the dtypes, too. items: the hash
    of each row, where every part has one first dimension (a batch); else the element itself is the
    only item. size: the number of rows, None where it is no batch.
    """

    digest: bytes
    exact: bytes
    items: tuple[bytes, ...]
    size: int | None


def fingerprint(parts: list[Part], casts: Mapping[str, np.dtype] | None = None) -> Fingerprint:
    """Return the fingerprint of an element's parts.

    casts: place to the dtype that its values are hashed in, so that arrays of two dtypes with
    equal values have one hash.
    """
    casts = casts or {}
    arrays = [(part.place, canonical(_cast(part, casts.get(part.place)))) for part in parts]
    given = [pair for pair, part in zip(arrays, parts) if part.values is not NOTHING]
    sizes = {array.shape[:1] for _, array in given}
    size = next(iter(sizes))[0] if len(sizes) == 1 and () not in sizes else None
    if size is None:
        items = (_hash(given),)
    else:
        items = tuple(_hash([(place, array[row]) for place, array in given]) for row in range(size))
    shapes = repr([(part.place, part.values.shape) for part in parts])
    digest = hashed(shapes.encode(), *items)
    exact = hashed(digest, repr([(part.place, part.dtype) for part in parts]).encode())
    return Fingerprint(digest, exact, items, size)


def parts_of(element: Any, place: str = "") -> list[Part]:
    """Return the parts of an element, from left to right; of a dict in the order of its keys' text.

    Raises NoTensor, in a sentence, where one is an object that no tensor can be made of.
    """
    opened = open_up(element)
    if opened is None:
        return [_part(element, place)]
    if not opened:
        return [Part(place, container(element), NOTHING)]
    return [part for step, inner in opened.items() for part in parts_of(inner, place + step)]


def open_up(value: Any) -> dict[str, Any] | None:
    """Return what a structure holds, by the step that leads there; None where it is one tensor.

    A list is a structure where it holds arrays or structures, as in an element of a PyDataset; a
    list of numbers, nested or not, is a tensor.
    """
    if isinstance(value, Mapping):
        return {f"[{key!r}]": value[key] for key in sorted(value, key=repr)}
    if isinstance(value, tuple) or (isinstance(value, list) and any(map(_no_number, value))):
        return {f"[{number}]": inner for number, inner in enumerate(value)}
    if hasattr(value, "nested_row_splits"):  # a ragged tensor
        splits = {f".row_splits[{n}]": each for n, each in enumerate(value.nested_row_splits)}
        return {".flat_values": value.flat_values, **splits}
    if hasattr(value, "dense_shape") and hasattr(value, "indices"):  # a sparse tensor
        return {f".{name}": getattr(value, name) for name in ("indices", "values", "dense_shape")}
    return None


def container(value: Any) -> str:
    """Name the structure that a value is: "a tuple of 2", "a dict with the keys 'x', 'y'"."""
    opened = open_up(value)
    if opened is None:
        return "one tensor"
    if isinstance(value, Mapping):
        return f"a dict with the keys {keys(dict.fromkeys(sorted(value, key=repr)))}"
    if isinstance(value, (tuple, list)):
        return described(value)
    return "a ragged tensor" if ".flat_values" in opened else "a sparse tensor"


def casts_between(old: list[Part], new: list[Part]) -> dict[str, np.dtype]:
    """Return for each place with two dtypes the one that holds the numbers of both."""
    before = {part.place: part.values.dtype for part in old if part.numeric}
    casts = {}
    for part in new:
        dtype = before.get(part.place, part.values.dtype)
        if part.numeric and dtype != part.values.dtype:
            added = 2 in (dtype.isbuiltin, part.values.dtype.isbuiltin)
            casts[part.place] = (
                np.dtype(np.float64) if added else np.result_type(dtype, part.values.dtype)
            )
    return casts


def gaps(old: np.ndarray, new: np.ndarray) -> np.ndarray:
    """Return how far each number is from its counterpart, in an array of the same shape.

    0 where both are NaN or the same infinity, infinity where one of them alone is. Whole numbers
    are compared exactly.
    """
    if old.dtype.kind in "iu" and new.dtype.kind in "iu":
        common = np.result_type(old, new)
        if common.kind != "f":  # of int64 beside uint64
            old, new = old.astype(common), new.astype(common)
            # Unsigned numbers wrap around, so this is right even where int64 is too short.
            with np.errstate(over="ignore"):
                low, high = np.minimum(old, new), np.maximum(old, new)
                return high.astype(np.uint64) - low.astype(np.uint64)
    wide = np.complex128 if "c" in old.dtype.kind + new.dtype.kind else np.float64
    old, new = old.astype(wide), new.astype(wide)
    with np.errstate(all="ignore"):
        far = np.asarray(np.abs(old - new))
        alike = (old == new) | ((old != old) & (new != new))
    return np.where(alike, 0.0, np.where(np.isnan(far), np.inf, far))


def hashed(*parts: bytes) -> bytes:
    """One hash of all parts, in their order."""
    found = hashlib.blake2b(digest_size=HASHED)
    for part in parts:
        found.update(part)
    return found.digest()


def canonical(values: np.ndarray) -> np.ndarray:
    """Return the values with one NaN for all kinds of it."""
    if values.dtype.kind in "fc" or values.dtype.isbuiltin == 2:
        missing = values != values
        if np.any(missing):
            values = values.copy()
            values[missing] = np.nan
    return values


def _cast(part: Part, dtype: np.dtype | None) -> np.ndarray:
    # Not where a later element has something else at this place, such as text.
    held = part.numeric and dtype is not None
    added = part.values.dtype.isbuiltin == 2
    if held and (added or np.can_cast(part.values.dtype, dtype, "safe")):
        return part.values.astype(dtype)
    return part.values


def _no_number(value: Any) -> bool:
    if isinstance(value, (tuple, Mapping)):
        return True
    if isinstance(value, list):
        return any(map(_no_number, value))
    return getattr(value, "ndim", None) not in (None, 0) or hasattr(value, "nested_row_splits")


def _part(value: Any, place: str) -> Part:
    if value is None:
        return Part(place, "None", NOTHING)
    number = type(value) in (bool, int, float, complex)
    own = f"Python's {type(value).__name__}" if number else None
    if not isinstance(value, (np.ndarray, str, bytes)) and callable(getattr(value, "numpy", None)):
        value = value.numpy()  # a tensor
    try:
        array = np.asarray(value, dtype=object if isinstance(value, (str, bytes)) else None)
        if array.dtype == object and not _texts(array):
            array = np.asarray(array.tolist())
    except (TypeError, ValueError):  # a list whose rows are of unequal length
        raise NoTensor(_no_tensor(value, place)) from None
    if array.dtype.kind in "USO" and _texts(array := array.astype(object)):
        return _text(array, place)
    part = Part(place, own or array.dtype.name, array)
    if not part.numeric:
        raise NoTensor(_no_tensor(value, place))
    native = array.dtype.newbyteorder("=")
    return Part(place, part.dtype, array.astype(native, copy=False))


def _texts(array: np.ndarray) -> bool:
    return all(isinstance(item, (str, bytes)) for item in array.ravel().tolist())


def _text(array: np.ndarray, place: str) -> Part:
    encoded = np.empty(array.shape, dtype=object)
    for index, item in np.ndenumerate(array):
        encoded[index] = item.encode("utf-8", "surrogatepass") if isinstance(item, str) else item
    text = any(isinstance(item, str) for item in array.ravel().tolist())
    return Part(place, "text" if text else "bytes", encoded)


def _no_tensor(value: Any, place: str) -> str:
    where = f"{place} is " if place else "it is "
    if isinstance(value, (list, np.ndarray)):
        return f"{where}{described(value)}, of which no tensor of numbers or text can be made"
    return f"{where}{article(type(value).__name__)}, of which no tensor can be made"


def _hash(arrays: list[tuple[str, np.ndarray]]) -> bytes:
    found = []
    for place, array in arrays:
        found.append(f"{place}{np.shape(array)}".encode())
        found.append(_joined(array) if _is_text(array) else array.tobytes())
    return hashed(*found)


def _is_text(array: Any) -> bool:
    return isinstance(array, bytes) or array.dtype == object


def _joined(array: Any) -> bytes:
    texts: Iterator[bytes] = iter([array] if isinstance(array, bytes) else array.ravel().tolist())
    # With its length before each, "ab", "c" is another than "a", "bc".
    return b"".join(len(text).to_bytes(8, "big") + text for text in texts)
