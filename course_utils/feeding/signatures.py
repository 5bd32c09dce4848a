"""The signature of what a generator yields, and what TensorFlow does to elements under one.

    signature = signature_of(make)      what describes the first elements
    validate(make, signature)           what from_generator would refuse, or change in silence

`make` is what ``tf.data.Dataset.from_generator`` takes: a callable without arguments that returns
an iterable, such as a generator function.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from course_utils.feeding.conversions import check_signature, findings, step
from course_utils.feeding.reports import Problem, Report
from course_utils.feeding.restartable import NotRestartable, SourceAdvanced, drawing
from course_utils.feeding.values import described, keys, uneven

__all__ = ["NotRestartable", "Problem", "Report", "SourceAdvanced", "signature_of", "validate"]


def signature_of(make: Callable[[], Iterable[Any]], count: int = 8, advance: bool = False) -> Any:
    """Return the signature of the first elements: a nested structure of ``tf.TypeSpec``.

    Each dtype is what NumPy makes of the value, so that nothing is lost: int64 of Python's int,
    float64 of float, text of str and bytes. Where dtypes differ from element to element, it is the
    one that holds all. A size that differs becomes None; where the number of dimensions differs,
    the shape is unknown.

    Tuples, named tuples and dicts are structure; a list, nested too, is one tensor. Ragged and
    sparse tensors get their own specs.

    Args:
        make: a callable without arguments that returns an iterable.
        count: elements to look at, 1 or more. A later one that differs is not foreseen.
        advance: draw also from what can't be made anew; its elements are used up.

    Raises:
        NotRestartable: to look would use up elements; see ``restartable.drawing``.
        TypeError: no such callable, or a part of an element that no tensor can be made of.
        ValueError: no element at all, elements of different structure, values that no dtype holds.

    What the generator itself raises passes through. Warns as ``restartable.drawing`` does, which
    also says what it can't see. The elements are looked at again in the end, so a generator must
    not change one that it has yielded.
    """
    merged, elements = None, []
    with drawing(make, count, advance) as drawn:
        for number, element in enumerate(drawn):
            outline = _outline(element, _Place(number))
            merged = _merged(merged, outline, _Place(number)) if elements else outline
            elements.append(element)
        if not elements:
            raise ValueError("It yielded no element, so there is nothing to describe.")
        signature = _specs(merged)
        check_signature(signature)
        for number, element in enumerate(elements):
            _check_nothing_lost(number, element, signature)
    return signature


def validate(
    make: Callable[[], Iterable[Any]], signature: Any, count: int = 32, advance: bool = False
) -> Report:
    """Tell what ``from_generator(make, output_signature=signature)`` would do to the elements.

    Refused is an element at which TensorFlow raises; changed, one that arrives with another value
    or another nesting than it was yielded with. Text that arrives as UTF-8 bytes counts as
    unchanged, and so does a value that another dtype holds exactly. TensorFlow isn't run: its rules
    are repeated (see ``conversions``). An epoch ends at the first refused element; the report goes
    on, each element as if it stood alone.

    Args:
        make: a callable without arguments that returns an iterable.
        signature: what is to be checked, as for ``output_signature``: TensorSpec, RaggedTensorSpec,
            SparseTensorSpec and DatasetSpec in tuples, named tuples and dicts.
        count: elements to look at, at most; 1 or more.
        advance: draw also from what can't be made anew; its elements are used up.

    Raises:
        NotRestartable: to look would use up elements; see ``restartable.drawing``.
        TypeError: a signature that ``from_generator`` refuses itself, or one that can't be checked
            here; or no such callable.
        ValueError: `count` is below 1.

    What the generator itself raises passes through, unlike in TensorFlow, which makes another class
    of it. Warns as ``restartable.drawing`` does.
    """
    check_signature(signature)
    refused, changed, elements = [], [], 0
    with drawing(make, count, advance) as drawn:
        # At once: a generator may use an array again for its next element.
        for number, element in enumerate(drawn):
            elements = number + 1
            for found in findings(element, signature):
                problem = Problem(number, found.place, found.what, found.kind)
                (refused if found.refused else changed).append(problem)
    return Report(elements, tuple(refused), tuple(changed))


@dataclass(frozen=True)
class _Place:
    """Where in which element; `str` of it begins an error's sentence."""

    element: int
    within: str = ""

    def __str__(self) -> str:
        return f"Element {self.element}{', ' * bool(self.within)}{self.within}"

    def part(self, step: str) -> _Place:
        return _Place(self.element, self.within + step)


@dataclass(frozen=True)
class _Dense:
    """What is known of one tensor. dtype: NumPy's, object for text; None where all is empty."""

    shape: tf.TensorShape
    dtype: np.dtype | None

    @property
    def text(self) -> bool:
        return self.dtype == np.dtype(object)

    def __str__(self) -> str:
        return "text" if self.text else f"a tensor of {self.dtype}"


TEXT = np.dtype(object)
DATES = (datetime.date, datetime.time, datetime.timedelta, np.datetime64, np.timedelta64)


def _outline(value: Any, place: _Place) -> Any:
    """The element's structure, with a `_Dense` or a ragged or sparse spec for each tensor."""
    if type(value) in (tf.RaggedTensor, tf.SparseTensor):
        return tf.type_spec_from_value(value)
    if isinstance(value, dict):
        try:
            names = sorted(value)
        except TypeError:
            raise TypeError(
                f"{place} has keys of several types ({keys(value)}), and TensorFlow sorts them. "
                "Use strings alone."
            ) from None
        return {name: _outline(value[name], place.part(f"[{name!r}]")) for name in names}
    if isinstance(value, tuple):
        parts = [
            _outline(part, place.part(step(value, number))) for number, part in enumerate(value)
        ]
        return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
    return _dense(value, place)


def _dense(value: Any, place: _Place) -> _Dense:
    if isinstance(value, (tf.Tensor, tf.Variable)):
        return _Dense(value.shape, np.dtype(value.dtype.as_numpy_dtype))
    if isinstance(value, (str, bytes)):
        return _Dense(tf.TensorShape(()), TEXT)
    if uneven(value):
        raise ValueError(
            f"{place} is a list whose rows are of unequal length. Pad them, or yield "
            "tf.ragged.constant(rows)."
        )
    try:
        array = np.asarray(value)
    except (TypeError, ValueError):  # such as text and bytes in one list
        array = np.asarray(value, dtype=object)
    shape = tf.TensorShape(array.shape)
    if array.size == 0 and isinstance(value, list):
        return _Dense(shape, None)
    if array.dtype.kind in "SUTO":
        items = np.asarray(value, dtype=object).ravel().tolist()
        if all(isinstance(item, (str, bytes)) for item in items):
            return _Dense(shape, TEXT)
        array = np.asarray(array.tolist()) if array.dtype.kind == "O" else array
        if array.dtype.kind not in "biufc":
            raise TypeError(f"{place} {_why_no_tensor(array.ndim, items)}")
    if array.dtype.kind in "mM":
        raise TypeError(f"{place} {_why_no_tensor(array.ndim, [np.datetime64()])}")
    dtype = array.dtype.newbyteorder("=")
    if dtype.names or not _known_to_tensorflow(dtype):
        cure = "Yield its fields as a dict." if dtype.names else "Convert it with astype."
        raise TypeError(f"{place} has dtype {dtype}, which TensorFlow doesn't know. {cure}")
    return _Dense(shape, dtype)


def _known_to_tensorflow(dtype: np.dtype) -> bool:
    try:
        return bool(tf.as_dtype(dtype))
    except TypeError:
        return False


def _why_no_tensor(dimensions: int, items: list[Any]) -> str:
    """The rest of a sentence about a value that NumPy makes no numbers and no text of."""
    holds = "holds" if dimensions else "is"
    if any(isinstance(item, DATES) for item in items):
        return (
            f"{holds} a date or a time span, which TensorFlow has no type for. Yield a number, "
            "such as when.timestamp(), or text, such as str(when)."
        )
    if any(item is None for item in items):
        return f"{holds} None. Leave the element out, or yield float('nan') for a missing number."
    if any(isinstance(item, (str, bytes)) for item in items):
        return "holds numbers and text, and one tensor has one dtype. Yield a tuple."
    if all(isinstance(item, int) for item in items):
        return f"{holds} {described(max(items, key=abs))}, which is too large for any dtype."
    odd = next((item for item in items if not isinstance(item, (int, float, complex))), items[0])
    return (
        f"{holds} {described(odd)}, of which NumPy makes neither numbers nor text. Yield numbers, "
        "text, arrays or lists of them, in tuples and dicts."
    )


def _merged(known: Any, new: Any, place: _Place) -> Any:
    """What describes an element and all before it."""
    if _structure(known) != _structure(new):
        raise ValueError(
            f"{place} is {_named(new)}, and the elements before have {_named(known)} there. All "
            "elements must have one structure."
        )
    if isinstance(known, dict):
        return {name: _merged(known[name], new[name], place.part(f"[{name!r}]")) for name in known}
    if isinstance(known, tuple):
        parts = [
            _merged(old, part, place.part(step(known, number)))
            for number, (old, part) in enumerate(zip(known, new))
        ]
        return type(known)(*parts) if hasattr(known, "_fields") else tuple(parts)
    shape = known.shape.most_specific_compatible_shape(new.shape)
    if isinstance(known, _Dense):
        return _Dense(shape, _holding_both(known, new, place))
    return _merged_composite(known, new, shape, place)


def _structure(outline: Any) -> tuple:
    if isinstance(outline, dict):
        return ("dict", *sorted(outline))
    if isinstance(outline, tuple):
        return (type(outline), len(outline))
    return (type(outline),)


def _named(outline: Any) -> str:
    names = {tf.RaggedTensorSpec: "a ragged tensor", tf.SparseTensorSpec: "a sparse tensor"}
    names[_Dense] = "a tensor"
    return names.get(type(outline)) or described(outline)


def _holding_both(known: _Dense, new: _Dense, place: _Place) -> np.dtype | None:
    if known.dtype is None or new.dtype is None:
        return new.dtype if known.dtype is None else known.dtype
    if known.text != new.text:
        raise TypeError(
            f"{place} is {new}, and the elements before have {known} there. Yield one or the other."
        )
    try:
        return np.result_type(known.dtype, new.dtype)
    except TypeError:  # bfloat16 beside what is as wide: float32 holds all of the former
        wide = [np.float32 if one.isbuiltin == 2 else one for one in (known.dtype, new.dtype)]
        return np.result_type(*wide)


def _merged_composite(known: Any, new: Any, shape: tf.TensorShape, place: _Place) -> tf.TypeSpec:
    def kind(spec: tf.TypeSpec) -> list[Any]:
        names = ("dtype", "ragged_rank", "row_splits_dtype")
        return [getattr(spec, name) for name in names if hasattr(spec, name)]

    if kind(known) != kind(new):
        raise ValueError(
            f"{place} has {new}, and the elements before have {known}. TensorFlow converts no "
            "ragged or sparse tensor: yield all of one dtype and one ragged rank."
        )
    if isinstance(known, tf.SparseTensorSpec):
        return tf.SparseTensorSpec(shape, known.dtype)
    return tf.RaggedTensorSpec(shape, known.dtype, known.ragged_rank, known.row_splits_dtype)


def _specs(outline: Any) -> Any:
    if isinstance(outline, dict):
        return {name: _specs(part) for name, part in outline.items()}
    if isinstance(outline, tuple):
        parts = [_specs(part) for part in outline]
        return type(outline)(*parts) if hasattr(outline, "_fields") else tuple(parts)
    if not isinstance(outline, _Dense):
        return outline
    dtype = tf.string if outline.text else tf.as_dtype(outline.dtype or np.float64)
    return tf.TensorSpec(outline.shape, dtype)


def _check_nothing_lost(number: int, element: Any, signature: Any) -> None:
    """Raise ValueError where the signature doesn't take all of an element as it is."""
    for found in findings(element, signature):
        place = _Place(number, found.place)
        if found.refused:
            raise ValueError(f"{place}: {found.what}. No signature takes it as it is.")
        if found.kind != "nesting":
            raise ValueError(
                f"{place}: {found.what}. No dtype takes it as it is, beside the others: convert it "
                "before you yield it."
            )
