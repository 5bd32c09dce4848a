"""Elements as ``tf.train.Example``: what a TFRecord file holds, and back, with nothing lost.

    examples = Examples((tf.TensorSpec((224, 224, 3), tf.uint8), tf.TensorSpec((), tf.int64)))
    record = examples.write((photo, label))     # bytes
    photo, label = examples.read(record)        # tensors; or a batch of them, of many records

An Example is a flat dict of lists, and a list holds int64, float32 or bytes, without a shape. So
each part of an element gets a name of its own ("0" and "1" of a tuple, a dict's keys, "boxes/0"
where they are nested, "value" of what has no parts) and one of three ways to be kept:

=========================================  =====================================================
int16, int32, int64, uint16, uint32        a list of int64
float32                                    a list of float32 (a NaN stays one, of whatever kind)
text                                       a list of bytes; str as its UTF-8 bytes
all else: uint8, bool, float64, bfloat16…  the array's own bytes, as one item of a list of bytes
=========================================  =====================================================

float64 isn't kept as float32, which would round it; uint8 takes 1 byte a value, and 2 as an int64
from 128 on. The dtype is told by the signature, and so is the shape where it is the same for all
elements; where a size is None, the shape stands in the Example too, as "<name>/shape".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from course_utils.feeding.conversions import DELIVERED
from course_utils.feeding.layout import TEXT, Layout, Leaf
from course_utils.feeding.values import article

AS_INTEGERS = ("int16", "int32", "int64", "uint16", "uint32")
# decode_raw knows most dtypes, but not these: the same bytes are read as another one.
READ_AS = {"uint64": tf.int64}
NO_SIZE = -1  # where a batch holds shapes of differing length


class Examples:
    """Turns elements of one signature into records, and records into elements.

    Args:
        signature: ``tf.TensorSpec``, or tuples and dicts of it. Of any shape, None included, and
            any dtype that TensorFlow has arrays of.

    Raises:
        TypeError: what is no such signature, or has a dict's key that isn't a string.
        ValueError: two parts that would have one name.

    ``signature`` is what ``read`` returns: as it was given, but named tuples are tuples.
    """

    def __init__(self, signature: Any) -> None:
        self.layout = Layout(_plain(signature, ""))
        self.parts = tuple(map(_Part, _names(signature, ""), self.layout.leaves))
        self.signature = self.layout.structure(part.spec for part in self.parts)
        self.features = {name: one for part in self.parts for name, one in part.features().items()}
        if len(self.features) != sum(len(part.features()) for part in self.parts):
            names = ", ".join(name for part in self.parts for name in part.features())
            raise ValueError(f"Two parts of the signature would have one name: {names}.")

    def write(self, element: Any) -> bytes:
        """Return one element as a serialized ``tf.train.Example``.

        Raises:
            WrongElement: it doesn't fit the signature; nothing is converted but Python's numbers.
        """
        features = {}
        arrays = self.layout.flat(self.layout.checked(element))
        for part, array in zip(self.parts, arrays, strict=True):
            # As objects: NumPy's own type for bytes drops the zeros at their end.
            text = part.leaf.dtype == TEXT
            features |= part.write(np.asarray(array, object if text else None))
        return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()

    def read(self, records: tf.Tensor) -> Any:
        """Return the element of a record, or the batch of elements of many; runs in a graph.

        Args:
            records: string, shape () or (batch,).

        Raises:
            tf.errors.InvalidArgumentError: no records of this signature, or a batch of elements
                that differ in size.
        """
        parsed = tf.io.parse_example(records, self.features)
        return self.layout.structure(part.read(parsed, records) for part in self.parts)


@dataclass(frozen=True)
class _Part:
    """One tensor of an element, as features of an Example."""

    name: str
    leaf: Leaf

    @property
    def spec(self) -> tf.TensorSpec:
        dtype = tf.string if self.leaf.dtype == TEXT else self.leaf.dtype
        return tf.TensorSpec(self.leaf.shape, dtype)

    @property
    def kept_as(self) -> tf.DType:
        """The type of the list; string also for the array's own bytes."""
        if self.leaf.dtype.name in AS_INTEGERS:
            return tf.int64
        return tf.float32 if self.leaf.dtype == np.float32 else tf.string

    @property
    def raw(self) -> bool:
        """Whether the array's bytes are kept."""
        return self.kept_as == tf.string and self.leaf.dtype != TEXT

    @property
    def one_shape(self) -> bool:
        # A list that is always empty is nothing that parse_example could be told of.
        return self.leaf.whole and 0 not in self.leaf.shape

    def features(self) -> dict[str, Any]:
        """What parse_example is to look for."""
        several = tf.io.FixedLenSequenceFeature
        if self.raw:
            found = {self.name: tf.io.FixedLenFeature((), tf.string)}
        elif self.one_shape:
            found = {self.name: tf.io.FixedLenFeature(self.leaf.shape, self.kept_as)}
        else:
            found = {self.name: several((), self.kept_as, allow_missing=True)}
        if not self.one_shape:
            found[f"{self.name}/shape"] = several((), tf.int64, True, default_value=NO_SIZE)
        return found

    def write(self, array: np.ndarray) -> dict[str, tf.train.Feature]:
        if self.raw:
            found = {self.name: _bytes([array.tobytes()])}
        elif self.kept_as == tf.string:
            items = array.ravel().tolist()
            found = {self.name: _bytes([tf.compat.as_bytes(item) for item in items])}
        elif self.kept_as == tf.int64:
            found = {self.name: _integers(array.ravel().tolist())}
        else:
            floats = tf.train.FloatList(value=array.ravel().tolist())
            found = {self.name: tf.train.Feature(float_list=floats)}
        if not self.one_shape:
            found[f"{self.name}/shape"] = _integers(array.shape)
        return found

    def read(self, parsed: dict[str, tf.Tensor], records: tf.Tensor) -> tf.Tensor:
        """The part's tensor, of shape (batch, *shape) where `records` has shape (batch,)."""
        values, spec = parsed[self.name], self.spec
        shape = self.leaf.shape
        if not self.one_shape:
            shape = self._shared_shape(parsed[f"{self.name}/shape"], records)
        with tf.control_dependencies([shape]):  # a batch of several shapes is told as that
            values = tf.identity(values)
        if self.raw:
            values = _from_bytes(values, spec.dtype)
        elif values.dtype != spec.dtype:
            values = tf.cast(values, spec.dtype)
        values = tf.reshape(values, tf.concat([tf.shape(records), shape], 0))
        return tf.ensure_shape(values, records.shape.concatenate(spec.shape))

    def _shared_shape(self, shapes: tf.Tensor, records: tf.Tensor) -> tf.Tensor:
        """The one shape of all elements of a batch, int32."""
        shapes = tf.cast(shapes, tf.int32)
        if records.shape.rank == 0:
            return shapes
        differs = tf.reduce_any(shapes != shapes[:1], axis=1)
        other = shapes[tf.argmax(differs)]  # the first of them
        same = tf.debugging.Assert(
            tf.logical_not(tf.reduce_any(differs)),
            [
                f"'{self.name}' differs in shape within a batch:",
                shapes[0],
                "and",
                other,
                "Take batch_size=None, bring the elements to one shape, and batch then.",
            ],
            summarize=10,
        )
        with tf.control_dependencies([same]):
            return tf.identity(shapes[0])


def _from_bytes(values: tf.Tensor, dtype: tf.DType) -> tf.Tensor:
    if dtype.name in READ_AS:
        return tf.bitcast(tf.io.decode_raw(values, READ_AS[dtype.name]), dtype)
    return tf.io.decode_raw(values, dtype)


def _bytes(items: list[bytes]) -> tf.train.Feature:
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=items))


def _integers(items: Any) -> tf.train.Feature:
    return tf.train.Feature(int64_list=tf.train.Int64List(value=items))


def _names(signature: Any, before: str) -> Iterator[str]:
    """A name for each part, in the order of the layout's leaves."""
    if isinstance(signature, (Mapping, tuple)):
        pairs = signature.items() if isinstance(signature, Mapping) else enumerate(signature)
        for name, part in pairs:
            yield from _names(part, f"{before}/{name}" if before else str(name))
    else:
        yield before or "value"


def _plain(signature: Any, place: str) -> Any:
    """The signature with tuples for named tuples: no file can tell of the learner's own class."""
    if isinstance(signature, Mapping):
        for key in signature:
            if not isinstance(key, str):
                raise TypeError(
                    f"signature{place} has the key {key!r}. Parts of a record have names: use "
                    "strings as keys."
                )
        return {key: _plain(part, f"{place}[{key!r}]") for key, part in signature.items()}
    if isinstance(signature, tuple):
        return tuple(_plain(part, f"{place}[{n}]") for n, part in enumerate(signature))
    where = f"signature{place}" if place else "The signature"
    if isinstance(signature, tf.TypeSpec) and not isinstance(signature, tf.TensorSpec):
        raise TypeError(
            f"{where} is {article(type(signature).__name__)}, and a record keeps arrays. Yield its "
            "parts, such as the values and the row splits of a ragged tensor."
        )
    if isinstance(signature, tf.TensorSpec) and signature.dtype not in DELIVERED:
        raise TypeError(
            f"{where} has dtype {signature.dtype.name}, and a record keeps numbers, truth values "
            "and text."
        )
    return signature
