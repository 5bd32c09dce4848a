"""What ``tf.data.Dataset.from_generator`` makes of one element, told without running it.

TensorFlow 2.21 goes one of two ways, by the signature:

- Dense specs alone: NumPy makes each part into the dtype, whatever it takes (``np.asarray``, then
  ``astype``), and the shape is checked.
- A ragged, sparse or dataset spec anywhere, or a single ``TensorSpec`` of unknown shape:
  ``tf.convert_to_tensor`` makes each part into the dtype. It refuses more, such as 3.7 for int32.

Both are repeated here with public functions. Read in ``data/ops/from_generator_op.py``,
``ops/script_ops.py`` and ``data/util/structure.py`` of TensorFlow 2.21, and held against it by
``tests/feeding/test_signatures_against_tensorflow.py``.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from course_utils.feeding.values import (
    are_times,
    article,
    change,
    described,
    keys,
    subnormals_gone,
    uneven,
)

DELIVERED = (
    *(tf.bool, tf.string, tf.float16, tf.bfloat16, tf.float32, tf.float64, tf.complex64),
    *(tf.complex128, tf.int8, tf.int16, tf.int32, tf.int64),
    *(tf.uint8, tf.uint16, tf.uint32, tf.uint64),
)
SPECS = (tf.TensorSpec, tf.RaggedTensorSpec, tf.SparseTensorSpec, tf.data.DatasetSpec)
LIKE_FLOAT32 = (tf.float32, tf.bfloat16, tf.complex64)
SMALLEST = np.finfo(np.float32).tiny  # the smallest normal number
COMPOSITE = (tf.Variable, tf.RaggedTensor, tf.SparseTensor, tf.IndexedSlices, tf.data.Dataset)


@dataclass(frozen=True)
class Finding:
    """What happens to the part of an element at `place`, such as "['boxes'][1]".

    refused: TensorFlow raises. Otherwise it goes on with something else than was yielded.
    what: a phrase with values; kind: what it has in common with other elements' findings.
    """

    place: str
    what: str
    kind: str
    refused: bool = False


class Refused(Exception):
    """TensorFlow would raise; `str` of it is the reason, in a phrase."""


def findings(element: Any, signature: Any) -> list[Finding]:
    """Tell what TensorFlow would refuse of an element, or else what it would change.

    Args:
        element: what a generator yielded.
        signature: a checked one; see ``check_signature``.
    """
    convert = _converted if not _dense_way(signature) else _dense
    found = []
    for place, value, spec in _parts(element, signature, ""):
        if isinstance(spec, Finding):
            found.append(spec)
            continue
        try:
            arrived = convert(value, spec)
        except Refused as refusal:
            found.append(Finding(place, str(refusal), _kind_of(value, spec), refused=True))
            continue
        found += _changes(place, value, arrived)
    return [one for one in found if one.refused] or found


def check_signature(signature: Any) -> None:
    """Raise TypeError, with the place, for what ``from_generator`` takes for no signature."""
    leaves = list(_leaves(signature, ""))
    if not leaves:
        raise TypeError("The signature holds no spec. An element has at least one tensor.")
    for place, spec in leaves:
        if not isinstance(spec, SPECS):
            raise TypeError(f"{_in_signature(place)} is {_not_a_spec(spec)}")
        dtype = getattr(spec, "dtype", tf.string)  # a DatasetSpec has none
        if dtype not in DELIVERED:
            raise TypeError(
                f"{_in_signature(place)} is of dtype {dtype.name}, which can't be checked here."
            )


def _leaves(signature: Any, place: str) -> Iterator[tuple[str, Any]]:
    if isinstance(signature, Mapping):
        try:
            names = sorted(signature)
        except TypeError:
            raise TypeError(
                f"{_in_signature(place)} has keys of several types ({keys(signature)}), and "
                "TensorFlow sorts them. Use strings alone."
            ) from None
        for name in names:
            yield from _leaves(signature[name], f"{place}[{name!r}]")
    elif isinstance(signature, tuple):
        if signature and all(size is None or isinstance(size, int) for size in signature):
            raise TypeError(
                f"{_in_signature(place)} is {signature!r}, a shape. Give "
                f"tf.TensorSpec({signature!r}, dtype)."
            )
        for number, part in enumerate(signature):
            yield from _leaves(part, place + step(signature, number))
    else:
        yield place, signature


def _in_signature(place: str) -> str:
    return f"signature{place}" if place else "The signature"


def _not_a_spec(spec: Any) -> str:
    if isinstance(spec, (tf.DType, np.dtype, type)):
        name = spec.__name__ if isinstance(spec, type) else spec.name
        return f"a type alone, {name}. Give tf.TensorSpec(shape, dtype), with both."
    if isinstance(spec, list):
        return "a list, which TensorFlow takes for one tensor, not for parts. Give a tuple."
    if isinstance(spec, tf.TypeSpec):
        return f"{article(type(spec).__name__)}, which can't be checked here."
    return f"{described(spec)}, and a tf.TensorSpec was expected, or a tuple or dict of them."


def _dense_way(signature: Any) -> bool:
    dense = all(isinstance(spec, tf.TensorSpec) for _, spec in _leaves(signature, ""))
    # TensorFlow asks whether the shapes are true, and an unknown one on its own is not.
    alone_and_unknown = isinstance(signature, tf.TensorSpec) and signature.shape.rank is None
    return dense and not alone_and_unknown


def _parts(value: Any, signature: Any, place: str) -> Iterator[tuple[str, Any, Any]]:
    """Place, part and spec; a Finding in place of the spec where the structure is another."""
    if not isinstance(signature, (Mapping, tuple)):
        yield place, value, signature
    elif not isinstance(value, type(signature)):
        yield place, value, _refusal(place, _other_structure(value, signature))
    elif isinstance(signature, Mapping):
        if set(value) != set(signature):
            yield place, value, _refusal(place, _other_keys(value, signature))
            return
        for name in sorted(signature):
            yield from _parts(value[name], signature[name], f"{place}[{name!r}]")
    elif len(value) != len(signature):
        what = (
            f"a {type(value).__name__} of {len(value)}, where {len(signature)} parts are expected"
        )
        yield place, value, _refusal(place, what)
    else:
        if type(value) is not type(signature):
            name = type(value).__name__
            what = f"the {name} arrives as a plain {type(signature).__name__}"
            yield place, value, Finding(place, what, "nesting")
        for number, (part, spec) in enumerate(zip(value, signature)):
            yield from _parts(part, spec, place + step(signature, number))


def step(structure: tuple, number: int) -> str:
    """The place of a tuple's part: "[0]", of a named tuple's ".name"."""
    names = getattr(structure, "_fields", None)
    return f".{names[number]}" if names else f"[{number}]"


def _refusal(place: str, what: str) -> Finding:
    return Finding(place, what, what, refused=True)


def _other_structure(value: Any, signature: Any) -> str:
    if isinstance(signature, Mapping):
        kind = "dict" if type(signature) is dict else type(signature).__name__
        return (
            f"{described(value)}, where {article(kind)} with the keys {keys(signature)} is expected"
        )
    expected = f"a tuple of {len(signature)} is expected"
    if type(signature) is not tuple:
        expected = f"the named tuple {type(signature).__name__} is expected"
    if isinstance(value, (list, np.ndarray, tf.Tensor)):
        kind = "a list" if isinstance(value, list) else "an array"
        return f"{described(value)}, where {expected}: {kind} is one tensor. Yield a tuple"
    return f"{described(value)}, where {expected}"


def _other_keys(value: Mapping, signature: Mapping) -> str:
    missing = {key: None for key in signature if key not in value}
    extra = {key: None for key in value if key not in signature}
    found = [f"without the key {keys(missing)}"] * bool(missing)
    found += [f"with the key {keys(extra)} that the signature lacks"] * bool(extra)
    return "a dict " + " and ".join(found)


def _dense(value: Any, spec: tf.TensorSpec) -> np.ndarray:
    dtype = spec.dtype.as_numpy_dtype
    try:
        with _silently():
            if np.issubdtype(dtype, np.number):
                array = np.asarray(value, order="C").astype(dtype, copy=False)
            else:
                array = np.asarray(value, dtype=dtype, order="C")
            array = subnormals_gone(value, array)
    except Exception as error:
        raise Refused(_why_not(value, spec)) from error
    if not spec.shape.is_compatible_with(array.shape):
        raise Refused(_other_shape(value, array.shape, spec))
    return _as_bytes(value, array, spec) if spec.dtype == tf.string else array


def _as_bytes(value: Any, array: np.ndarray, spec: tf.TensorSpec) -> np.ndarray:
    encoded = np.empty(array.shape, dtype=object)
    for index, item in np.ndenumerate(array):
        try:
            encoded[index] = item.encode() if isinstance(item, str) else item
        except UnicodeEncodeError as error:
            raise Refused(f"{described(item)} can't be written in UTF-8") from error
        if not isinstance(encoded[index], bytes):
            raise Refused(_why_not(value if uneven(value) else item, spec))
    return encoded


def _converted(value: Any, spec: tf.TypeSpec) -> Any:
    # TensorFlow keeps the scalars that it converted, for all its threads. Three kinds must not be
    # converted here: it raises at the first negative int for uint64, but takes it the next time,
    # and its own threads make 0.0 of what is subnormal in float32.
    dtype = getattr(spec, "dtype", None)
    if isinstance(value, int) and value < 0 and dtype == tf.uint64:
        raise Refused(_why_not(value, spec))
    if dtype == tf.string and isinstance(value, (list, tuple, np.ndarray)) and are_times(value):
        raise Refused(_why_not(value, spec))  # TensorFlow would end the process
    if isinstance(value, float) and abs(value) < SMALLEST and dtype in LIKE_FLOAT32:
        value *= 0.0
    try:
        with _silently():
            tensor = _tensor(value, spec)
        found = tf.type_spec_from_value(tensor)
    except Exception as error:
        raise Refused(_why_not(value, spec)) from error
    if not (found.is_compatible_with(spec) and spec.is_compatible_with(found)):
        if isinstance(found, tf.TensorSpec) and isinstance(spec, tf.TensorSpec):
            raise Refused(_other_shape(value, found.shape, spec))
        raise Refused(_why_not(value, spec))
    if not isinstance(tensor, tf.Tensor):
        return tensor
    if tensor.dtype == tf.string:
        return np.asarray(tensor.numpy(), dtype=object)
    return subnormals_gone(value, np.array(tensor.numpy()))


def _tensor(value: Any, spec: tf.TypeSpec) -> Any:
    if isinstance(spec, tf.SparseTensorSpec):
        return tf.SparseTensor.from_value(value)
    if isinstance(spec, tf.data.DatasetSpec) or isinstance(value, COMPOSITE):
        return value
    dtype = spec.dtype if isinstance(spec, tf.TensorSpec) else None
    return tf.convert_to_tensor(value, dtype)


@contextmanager
def _silently() -> Iterator[None]:
    """Without NumPy's warnings, of nan for a whole number or an imaginary part dropped."""
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _why_not(value: Any, spec: tf.TypeSpec) -> str:
    if not isinstance(spec, tf.TensorSpec):
        return f"{_whole(value)}, where {_whole(spec)} is expected"
    if isinstance(value, COMPOSITE):
        hint = ": yield what its read_value() gives" * isinstance(value, tf.Variable)
        return f"{_whole(value)}, where a dense {spec.dtype.name} tensor is expected{hint}"
    what = f"{described(value)} can't become {spec.dtype.name}"
    if isinstance(value, Mapping):
        return f"{what}: describe its parts with a dict in the signature"
    if uneven(value):
        return f"{what}: its rows are of unequal length. Pad them, or use tf.ragged.constant"
    if spec.dtype == tf.string:
        return f"{what}: only text and bytes can"
    return what


def _whole(value: Any) -> str:
    """A ragged or sparse tensor, or its spec, with all that must agree."""
    spec = value if isinstance(value, tf.TypeSpec) else None
    if isinstance(value, (tf.RaggedTensor, tf.SparseTensor)):
        spec = tf.type_spec_from_value(value)
    if isinstance(spec, tf.RaggedTensorSpec):
        rank = f"ragged rank {spec.ragged_rank}, row splits of {spec.row_splits_dtype.name}"
        return f"a ragged tensor of shape {spec.shape}, {spec.dtype.name}, {rank}"
    if isinstance(spec, tf.SparseTensorSpec):
        return f"a sparse tensor of shape {spec.shape}, {spec.dtype.name}"
    if isinstance(value, tf.data.Dataset):
        value = tf.data.DatasetSpec.from_value(value)
    if isinstance(value, tf.data.DatasetSpec):
        return f"a dataset of {value.element_spec}"
    return "a tf.Variable" if isinstance(value, tf.Variable) else described(value)


def _other_shape(value: Any, shape: Any, spec: tf.TensorSpec) -> str:
    what = f"shape {tuple(shape)} found, {tuple(spec.shape)} expected"
    return f"{what}: rows of unequal length" if uneven(value) else what


def _kind_of(value: Any, spec: Any) -> str:
    """Two refusals alike: parts of one type and shape."""
    return f"{type(value).__name__}{getattr(value, 'shape', '')} {spec}"


def _changes(place: str, value: Any, arrived: Any) -> Iterator[Finding]:
    if not isinstance(arrived, np.ndarray):
        return  # ragged, sparse, a dataset: taken whole or refused
    dtype = "bytes" if arrived.dtype == object else arrived.dtype.name
    if changed := change(value, arrived):
        verb = "is rounded to" if changed.rounded else "becomes"
        what = f"{described(changed.before)} {verb} {described(changed.after)} in {dtype}"
        if changed.size > 1:
            what += f": {changed.count:,} of {changed.size:,} values change"
        yield Finding(place, what, f"{verb} {type(changed.before).__name__} {dtype}")
    if tf.nest.is_nested(value):
        what = f"{described(value)} becomes one tensor of shape {arrived.shape}"
        yield Finding(place, what, "nesting")
