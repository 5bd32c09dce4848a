"""One element by its signature: its parts, checked strictly, and its row in a batch's arrays.

``from_generator`` makes an element into the signature's dtype whatever it takes: 300 becomes 44 in
uint8, 0.9 becomes 0, None becomes nan, without a word. Here such an element is refused.

No TensorFlow: a signature is anything with ``shape`` and ``dtype``, such as ``tf.TensorSpec``, or
tuples and dicts of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np

from course_utils.feeding.values import article, as_array, change, described, keys, uneven

TEXT = np.dtype(object)


class WrongElement(TypeError):
    """The function returned what doesn't fit the signature."""


@dataclass(frozen=True)
class Leaf:
    """One tensor of an element. shape: None where unknown, with None for a size unknown.

    dtype: NumPy's, object for text.
    """

    place: str
    shape: tuple[int | None, ...] | None
    dtype: np.dtype

    @property
    def whole(self) -> bool:
        """Whether every size is known."""
        return self.shape is not None and None not in self.shape

    def fits(self, shape: tuple[int, ...]) -> bool:
        """Whether an array of this shape is one that the leaf describes."""
        if self.whole or self.shape is None:
            return self.shape is None or shape == self.shape
        return len(shape) == len(self.shape) and all(
            size in (None, found) for size, found in zip(self.shape, shape)
        )

    def __str__(self) -> str:
        shape = "any shape" if self.shape is None else f"shape {self.shape}"
        return f"{shape} and dtype {_name(self.dtype)}"


class Layout:
    """How the elements of a signature are laid out.

    Args:
        signature: of one element, as ``from_generator`` takes it: ``tf.TensorSpec``, or tuples and
            dicts of it.

    Raises:
        TypeError: what is no such signature.

    ``leaves`` are the tensors of an element, in order.
    """

    def __init__(self, signature: Any) -> None:
        self.leaves = tuple(_leaves(signature, ""))
        if not self.leaves:
            raise TypeError("The signature holds no spec. An element has at least one tensor.")
        # Without TensorFlow's specs: a worker process that unpickled one would import TensorFlow.
        self.signature = _structure(signature, iter(self.leaves))

    def checked(self, element: Any) -> Any:
        """Return the element with every part as NumPy's own; raises WrongElement."""
        parts = _parts(element, self.signature, "")
        return self.structure(map(_as_numpy, parts, self.leaves))

    def write(self, element: Any, arrays: tuple[np.ndarray, ...], row: int) -> None:
        """Write an element into one row of the arrays, one array a leaf; raises WrongElement."""
        for part, leaf, array in zip(
            _parts(element, self.signature, ""), self.leaves, arrays, strict=True
        ):
            array[row] = _as_numpy(part, leaf)

    def flat(self, element: Any) -> tuple[Any, ...]:
        """The parts of an element, one a leaf."""
        return tuple(_parts(element, self.signature, ""))

    def row(self, arrays: tuple[np.ndarray, ...], row: int) -> Any:
        """One row of each array, as writable views in the structure of the signature."""
        return self.structure(array[row, ...] for array in arrays)

    def check_text(self, arrays: tuple[np.ndarray, ...], row: int) -> None:
        """Raise WrongElement where something else than text was written into a row of text."""
        for array, leaf in zip(arrays, self.leaves, strict=True):
            if leaf.dtype == TEXT:
                _text(array[row], leaf)

    def structure(self, parts: Any) -> Any:
        """Put one value for each leaf into the structure of the signature."""
        return _structure(self.signature, iter(parts))


def check_written(returned: Any, out: Any) -> None:
    """Raise WrongElement where a function returned an element other than the one it was to fill.

    ``cv2.resize(photo, size, dst=out)`` makes an array of its own, without a word, where ``out``
    hasn't the size and the dtype of the result. A number is an element only where ``out`` is one:
    elsewhere it may be a count, as ``readinto`` returns it.
    """
    if returned is None or returned is out:
        return
    if isinstance(returned, (tuple, list, Mapping)):
        given = [part for part in _flat(returned) if isinstance(part, np.ndarray)]
        parts = [part for part in _flat(out) if part.size]
        written = all(any(np.may_share_memory(one, part) for one in given) for part in parts)
    elif hasattr(returned, "__array__") and not isinstance(returned, np.generic):
        array = np.asarray(returned)
        written = any(np.may_share_memory(array, part) for part in _flat(out))
    else:
        written = not (isinstance(out, np.ndarray) and out.ndim == 0)
    if not written:
        raise WrongElement(
            f"`out` was not written: the function returned {described(returned)} of its own, and "
            f"`out` is {described(out)}. Write into `out`, and return nothing"
        )


def _flat(structure: Any) -> Iterator[Any]:
    if isinstance(structure, Mapping):
        structure = tuple(structure.values())
    if isinstance(structure, (tuple, list)):
        for part in structure:
            yield from _flat(part)
    else:
        yield structure


def _leaves(signature: Any, place: str) -> Iterator[Leaf]:
    if isinstance(signature, Mapping):
        for key in signature:
            yield from _leaves(signature[key], f"{place}[{key!r}]")
    elif isinstance(signature, tuple):
        for number, part in enumerate(signature):
            yield from _leaves(part, place + _step(signature, number))
    else:
        yield _leaf(signature, place)


def _leaf(spec: Any, place: str) -> Leaf:
    where = f"signature{place}" if place else "The signature"
    if isinstance(spec, type) or not (hasattr(spec, "shape") and hasattr(spec, "dtype")):
        raise TypeError(
            f"{where} is {spec if isinstance(spec, type) else described(spec)}, and a "
            "tf.TensorSpec was expected, or a tuple or dict of them."
        )
    if type(spec).__name__ in ("RaggedTensorSpec", "SparseTensorSpec"):
        raise TypeError(f"{where} is {article(type(spec).__name__)}. A loader fills dense arrays.")
    shape = spec.shape
    shape = None if getattr(shape, "rank", 0) is None else tuple(shape)
    try:
        dtype = np.dtype(getattr(spec.dtype, "as_numpy_dtype", spec.dtype))
    except (KeyError, TypeError):  # TensorFlow's variant and resource
        dtype = np.dtype("V")
    if dtype.kind not in "biufcSUTO" and dtype.isbuiltin != 2:  # 2: such as bfloat16
        raise TypeError(f"{where} has dtype {_name(spec.dtype)}, which a loader can't fill.")
    return Leaf(place, shape, TEXT if dtype.kind in "SUTO" else dtype)


def _parts(element: Any, signature: Any, place: str) -> Iterator[Any]:
    """The parts of an element in the order of the leaves; raises WrongElement."""
    if isinstance(signature, Leaf):
        yield element
    elif isinstance(signature, Mapping):
        if not isinstance(element, Mapping) or element.keys() != signature.keys():
            expected = f"a dict with the keys {keys(signature)}"
            raise WrongElement(f"{_at(place)}found {described(element)}, expected {expected}")
        for key in signature:
            yield from _parts(element[key], signature[key], f"{place}[{key!r}]")
    else:
        if not isinstance(element, tuple) or len(element) != len(signature):
            raise WrongElement(
                f"{_at(place)}found {described(element)}, expected a tuple of {len(signature)}"
            )
        for number, part in enumerate(signature):
            yield from _parts(element[number], part, place + _step(signature, number))


def _as_numpy(value: Any, leaf: Leaf) -> Any:
    """The value as an array or scalar of the leaf's dtype; raises WrongElement."""
    # First what is usual, and must be quick: arrays and scalars of the dtype, and whole numbers.
    if type(value) is np.ndarray or isinstance(value, np.generic):
        if value.dtype == leaf.dtype and value.shape == leaf.shape and leaf.dtype != TEXT:
            return value
    elif type(value) is int and leaf.shape == () and leaf.dtype.kind in "iu":
        with suppress(OverflowError):
            return leaf.dtype.type(value)
    elif hasattr(value, "numpy"):  # a tensor
        value = value.numpy()
    if leaf.dtype == TEXT:
        array = _text(value, leaf)
    elif isinstance(value, (bool, int, float, complex, list)) and not isinstance(value, np.generic):
        array = _from_python(value, leaf)
    else:
        array = _array(value, leaf)
        if array.dtype.newbyteorder("=") == leaf.dtype:
            array = array.astype(leaf.dtype, copy=False)
        else:
            cure = f"Convert it with astype({_name(leaf.dtype)!r}), if that is what you mean"
            raise WrongElement(f"{_found(value, leaf)}. {cure}")
    if not leaf.fits(array.shape):
        raise WrongElement(_found(value, leaf))
    return array if array.ndim else array[()]


def _array(value: Any, leaf: Leaf) -> np.ndarray:
    if isinstance(value, np.ma.MaskedArray):
        raise WrongElement(f"{_at(leaf.place)}found a masked array: its mask would be lost")
    if value is None:
        raise WrongElement(
            f"{_at(leaf.place)}found None, expected {leaf}. Has the function lost its `return`?"
        )
    if not any(hasattr(value, name) for name in ("__array__", "__array_interface__")):
        raise WrongElement(_found(value, leaf))
    return np.asarray(value)


def _from_python(value: Any, leaf: Leaf) -> np.ndarray:
    """Numbers of Python's own, which have no dtype, and lists of them: their value is kept."""
    if uneven(value):
        raise WrongElement(f"{_found(value, leaf)}: its rows are of unequal length")
    before = np.asarray(value)
    kinds = {"b": "b", "i": "iu", "u": "iu", "f": "iuf", "c": "iufc"}
    kind = "f" if leaf.dtype.isbuiltin == 2 else leaf.dtype.kind
    # Whole numbers beyond 64 bits are an array of objects.
    if before.size and before.dtype.kind not in kinds[kind]:
        raise WrongElement(_found(value, leaf))
    with np.errstate(all="ignore"):
        after = before.astype(leaf.dtype)
    changed = change(value, after)
    if changed and not _rounded(before, after):
        raise WrongElement(
            f"{_at(leaf.place)}{described(changed.before)} would become "
            f"{described(changed.after)} in {_name(leaf.dtype)}"
        )
    return after


def _rounded(before: np.ndarray, after: np.ndarray) -> bool:
    """Whether these are fractions, and differ by no more than the digits that a float lacks."""
    if before.dtype.kind not in "fc":
        return False
    exact = before.astype(np.complex128)
    off = np.abs(after.astype(np.complex128) - exact)
    return bool(np.all((off <= np.abs(exact) / 100) | ~np.isfinite(exact)))


def _text(value: Any, leaf: Leaf) -> np.ndarray:
    array = as_array(value) if isinstance(value, (str, bytes)) else np.asarray(value, dtype=object)
    if not all(isinstance(item, (str, bytes)) for item in array.ravel().tolist()):
        raise WrongElement(_found(value, leaf))
    return array


def _found(value: Any, leaf: Leaf) -> str:
    return f"{_at(leaf.place)}found {described(value)}, expected {leaf}"


def _at(place: str) -> str:
    return f"{place}: " if place else ""


def _step(structure: tuple, number: int) -> str:
    names = getattr(structure, "_fields", None)
    return f".{names[number]}" if names else f"[{number}]"


def _structure(signature: Any, parts: Iterator[Any]) -> Any:
    if isinstance(signature, Leaf):  # first what is usual: asking for a Mapping takes longer
        return next(parts)
    if isinstance(signature, Mapping):
        return {key: _structure(signature[key], parts) for key in signature}
    if isinstance(signature, tuple):
        made = [_structure(part, parts) for part in signature]
        return type(signature)(*made) if hasattr(signature, "_fields") else tuple(made)
    return next(parts)


def _name(dtype: Any) -> str:
    return "text" if dtype == TEXT else getattr(dtype, "name", str(dtype))
