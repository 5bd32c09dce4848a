"""`validate` and `signature_of` held against real pipelines.

The oracle here knows nothing of the modules: it runs `from_generator`, and compares what was
yielded with what arrived, as Python's own values and as `tf.nest` sees the nesting.
"""

import array
import collections
import datetime
import itertools
import operator
import warnings

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from course_utils.feeding.signatures import signature_of, validate

Spec = tf.TensorSpec
Point = collections.namedtuple("Point", "x y")
Other = collections.namedtuple("Other", "x y")
BFLOAT16 = tf.bfloat16.as_numpy_dtype


class Triple(tuple):
    """A tuple of another class, without names."""


class ArrayLike:
    def __init__(self, values):
        self.values = values

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self.values, dtype)


# The oracle


def arriving(values, signature):
    """What arrives, one element for each; None where TensorFlow raises."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # NumPy's, of casts
        dataset = tf.data.Dataset.from_generator(lambda: iter(values), output_signature=signature)
        try:
            return list(dataset)
        except (tf.errors.OpError, ValueError, TypeError):
            return None


def python_values(value):
    """The values in it, in one list, as Python's own."""
    if isinstance(value, tf.data.Dataset):
        return python_values(list(value))
    if isinstance(value, tf.RaggedTensor):
        return ["ragged", *python_values(value.to_list())]
    if isinstance(value, tf.SparseTensor):
        return ["sparse", *python_values(tf.sparse.to_dense(value))]
    if isinstance(value, (tf.Tensor, tf.Variable)):
        value = value.numpy()
    if isinstance(value, dict):
        return [one for key in sorted(value) for one in python_values(value[key])]
    if isinstance(value, (np.ndarray, np.generic)) and value.dtype.kind in "mM":
        return [("time", str(one)) for one in np.ravel(value)]
    if isinstance(value, (bytes, str)):
        return [bytes(value) if isinstance(value, bytes) else value.encode("utf8", "replace")]
    if isinstance(value, Image.Image):
        value = np.asarray(value)
    if hasattr(value, "__array__") and not isinstance(value, (np.ndarray, np.generic)):
        value = np.asarray(value)
    if isinstance(value, (np.ndarray, np.generic)):
        return python_values(value.tolist())
    if isinstance(value, (set, frozenset)):
        return [value]
    if hasattr(value, "__iter__"):
        return [one for part in value for one in python_values(part)]
    return [value]


def equal(before, after):
    if isinstance(after, complex) and isinstance(before, (int, float, complex)):
        return equal(before.real, after.real) and equal(before.imag, after.imag)
    if isinstance(before, bytes) != isinstance(after, bytes):
        return False
    return before == after or (before != before and after != after)


def same_nesting(before, after):
    try:
        tf.nest.assert_same_structure(before, after)
    except (TypeError, ValueError):
        return False
    return True


def holds_a_dict(value):
    parts = value if isinstance(value, (list, tuple)) else ()
    return isinstance(value, dict) or any(map(holds_a_dict, parts))


def hold_against_tensorflow(value, signature):
    """Run both; return the report."""
    report = validate(lambda: iter([value]), signature)
    arrived = arriving([value], signature)
    assert report.elements == 1
    if arrived is None:
        assert report.refused, "TensorFlow raises"
        assert not report.changed
        assert all(problem.what for problem in report.refused)
        return report
    assert not report.refused, f"{arrived} arrives"
    before, after = python_values(value), python_values(arrived[0])
    values_same = len(before) == len(after) and all(map(equal, before, after))
    nesting_same = same_nesting(value, arrived[0])
    same = values_same and nesting_same
    assert bool(report.changed) == (not same), f"{arrived} arrives"
    # A dict that became one bool is one value, whatever it holds.
    if len(before) == len(after) and (nesting_same or not holds_a_dict(value)):
        for yielded, found in itertools.islice(zip(before, after), 1000):
            if not equal(yielded, found):
                assert any(repr(found) in problem.what for problem in report.changed)
                break
    assert report.fine == same
    return report


# One value, one signature

RAGGED = tf.ragged.constant([[1, 2], [3]])
RAGGED_SPEC = tf.RaggedTensorSpec((2, None), tf.int32)
SPARSE = tf.sparse.from_dense([[1, 0], [0, 2]])
SPARSE_SPEC = tf.SparseTensorSpec((2, 2), tf.int32)
ROWS = tf.data.Dataset.range(3)
READ_ONLY = np.arange(3.0)
READ_ONLY.flags.writeable = False
FLOATS = np.linspace(0, 1, 6).reshape(2, 3)


def scalar(dtype):
    return Spec((), dtype)


def beside_ragged(value, spec):
    """The same with a ragged part: TensorFlow's other way."""
    return (RAGGED, value), (RAGGED_SPEC, spec)


two = (scalar(tf.int32), scalar(tf.int32))
CHANGED = {
    "300 in uint8": (300, scalar(tf.uint8), "300 becomes 44 in uint8"),
    "-1 in uint8": (-1, scalar(tf.uint8), "-1 becomes 255 in uint8"),
    "3.7 in int32": (3.7, scalar(tf.int32), "3.7 becomes 3 in int32"),
    "2**40 in int32": (2**40, scalar(tf.int32), "1099511627776 becomes 0 in int32"),
    "nan in int32": (float("nan"), scalar(tf.int32), "nan becomes "),
    "text in int32": ("7", scalar(tf.int32), "'7' becomes 7 in int32"),
    "text in float32": ("1.5", scalar(tf.float32), "'1.5' becomes 1.5 in float32"),
    "text in bool": ("False", scalar(tf.bool), "'False' becomes True in bool"),
    "complex in float32": (2 + 1j, scalar(tf.float32), "(2+1j) becomes 2.0 in float32"),
    "None in float32": (None, scalar(tf.float32), "None becomes nan in float32"),
    "None in complex64": (None, scalar(tf.complex64), "None becomes "),
    "None in bool": (None, scalar(tf.bool), "None becomes False in bool"),
    "nan in bool": (float("nan"), scalar(tf.bool), "nan becomes True in bool"),
    "smallest int32 in bool": (np.int32(-(2**31)), scalar(tf.bool), "-2147483648 becomes True"),
    "2 in bool": (2, scalar(tf.bool), "2 becomes True in bool"),
    "0.1 in float32": (0.1, scalar(tf.float32), "0.1 is rounded to 0.10000000149011612 in float32"),
    "0.1 in float16": (0.1, scalar(tf.float16), "0.1 is rounded to 0.0999755859375 in float16"),
    "0.1 in bfloat16": (0.1, scalar(tf.bfloat16), "0.1 is rounded to 0.10009765625 in bfloat16"),
    "1e-40 in float32": (1e-40, scalar(tf.float32), "1e-40 becomes 0.0 in float32"),
    "1e-40 in bfloat16": (1e-40, scalar(tf.bfloat16), "1e-40 becomes 0.0 in bfloat16"),
    "1e-40j in complex64": (1e-40j, scalar(tf.complex64), "1e-40j becomes 0j in complex64"),
    "text 1e-310 in float64": ("1e-310", scalar(tf.float64), "'1e-310' becomes 0.0 in float64"),
    "1e-310 in bool": (1e-310, scalar(tf.bool), "1e-310 becomes False in bool"),
    "subnormal float32 in float64": (
        np.array([1, 1e-40], np.float32),
        Spec((2,), tf.float64),
        "becomes 0.0 in float64: 1 of 2 values",
    ),
    "subnormal bfloat16 in float64": (
        np.array([1e-40], BFLOAT16),
        Spec((1,), tf.float64),
        "becomes 0.0 in float64",
    ),
    "70000 in float16": (70000, scalar(tf.float16), "70000 becomes inf in float16"),
    "2**24 + 1 in float32": (16777217, scalar(tf.float32), "16777217 becomes 16777216.0"),
    "2**53 + 1 in float64": (2**53 + 1, scalar(tf.float64), "becomes 9007199254740992.0"),
    "int64 2**53 + 1 in float64": (np.int64(2**53 + 1), scalar(tf.float64), "9007199254740993"),
    "int64 array in float64": (np.array([1, 2**53 + 1]), Spec((2,), tf.float64), "1 of 2 values"),
    "largest int64 in float64": (np.array([2**63 - 1]), Spec((1,), tf.float64), "775807 becomes"),
    "uint64 in int64": (np.uint64(2**63), scalar(tf.int64), "becomes -9223372036854775808"),
    "-1 in uint64": (np.int64(-1), scalar(tf.uint64), "-1 becomes 18446744073709551615"),
    "2**70 in float32 + 1": (2**70 + 1, scalar(tf.float32), "1180591620717411303425 becomes"),
    "date in int64": (np.datetime64("2020-01-01"), scalar(tf.int64), "becomes 18262 in int64"),
    "ns in int64": (np.datetime64("2020-01-01", "ns"), scalar(tf.int64), "becomes 15778"),
    "span in float32": (np.timedelta64(3, "s"), scalar(tf.float32), "becomes 3.0 in float32"),
    "halves in uint8": ([0.2, 0.9], Spec((2,), tf.uint8), "0.2 becomes 0 in uint8: 2 of 2 values"),
    "list": ([1, 2], Spec((2,), tf.int32), "a list of 2 becomes one tensor of shape (2,)"),
    "list of lists": ([[1], [2]], Spec((2, 1), tf.int32), "becomes one tensor of shape (2, 1)"),
    "empty list": ([], Spec((0,), tf.int32), "a list of 0 becomes one tensor of shape (0,)"),
    "list of text": (["a", "bc"], Spec((2,), tf.string), "becomes one tensor of shape (2,)"),
    "list of arrays": ([np.zeros(2), np.ones(2)], Spec((2, 2), tf.float32), "shape (2, 2)"),
    "list of tensors": ([tf.constant(1), tf.constant(300)], Spec((2,), tf.uint8), "300 becomes 44"),
    "list with None": ([1.0, None], Spec((2,), tf.float32), "None becomes nan in float32: 1 of 2"),
    "list, numbers as text": ([1, "2"], Spec((2,), tf.int32), "'2' becomes 2 in int32: 1 of 2"),
    "list that NumPy rounds": ([2**53 + 1, 0.5], Spec((2,), tf.float64), "9007199254740993 become"),
    "tuple for one": (
        (1, 2),
        Spec((2,), tf.int32),
        "a tuple of 2 becomes one tensor of shape (2,)",
    ),
    "named tuple for one": (
        Point(1, 2),
        Spec((2,), tf.int32),
        "the named tuple Point of 2 becomes",
    ),
    "named tuple for a tuple": (Point(1, 2), two, "the Point arrives as a plain tuple"),
    "odd tuple for a tuple": (Triple((1, 2)), two, "the Triple arrives as a plain tuple"),
    "range": (range(3), Spec((3,), tf.int32), "a range of 3 becomes one tensor"),
    "deque": (collections.deque([1, 2]), Spec((2,), tf.int32), "one tensor of shape (2,)"),
    "bytearray": (bytearray(b"ab"), Spec((2,), tf.uint8), "one tensor of shape (2,)"),
    "array of the standard library": (
        array.array("i", [1, 2]),
        Spec((2,), tf.int32),
        "type array b",
    ),
    "dict in bool": ({"a": 1}, scalar(tf.bool), "becomes True in bool"),
    "set in bool": ({1, 2}, scalar(tf.bool), "a set of 2 becomes True in bool"),
    "object in bool": (datetime.UTC, scalar(tf.bool), "type timezone becomes True in bool"),
    "masked array": (np.ma.array([1, 2], mask=[0, 1]), Spec((2,), tf.int32), "None becomes 2 in"),
    "tensor": (tf.constant(3.7), scalar(tf.int32), "becomes 3 in int32"),
    "tensor, large": (
        tf.constant([300, 3]),
        Spec((2,), tf.uint8),
        "300 becomes 44 in uint8: 1 of 2",
    ),
    "variable": (tf.Variable(1.5), scalar(tf.int32), "1.5 becomes 1 in int32"),
    "float image": (FLOATS, Spec((2, 3), tf.uint8), "0.2 becomes 0 in uint8: 4 of 6 values"),
    "bright image": (FLOATS + 255, Spec((2, 3), tf.uint8), "255.2 becomes 255 in uint8: 5 of 6"),
    "second of a pair": ((0, [0.5]), (scalar(tf.int32), Spec((1,), tf.int32)), "0.5 becomes 0"),
    "object array": (np.array([1.5, 2], object), Spec((2,), tf.int32), "1.5 becomes 1 in int32"),
    "complex array": (np.array([1j, 2]), Spec((2,), tf.float64), "1j becomes 0.0 in float64: 1 of"),
    "0.1j in complex64": (0.1j, scalar(tf.complex64), "0.1j becomes 0.1"),
    "unknown shape, array": (np.array([1.5]), Spec(None, tf.int32), "1.5 becomes 1 in int32"),
    "unknown shape, NumPy's 3.7": (np.float64(3.7), Spec(None, tf.int32), "3.7 becomes 3 in int32"),
    "unknown shape, list": ([1, 2], Spec(None, tf.int32), "becomes one tensor of shape (2,)"),
    "unknown shape in a tuple": ((3.7,), (Spec(None, tf.int32),), "3.7 becomes 3 in int32"),
    "unknown shape, large": (2**40, Spec(None, tf.int32), "becomes 0 in int32"),
    "unknown shape, NumPy's bytes": (np.bytes_(b"a\0"), Spec(None, tf.string), r"b'a\x00' becomes"),
    "beside ragged: 300": (*beside_ragged(300, scalar(tf.uint8)), "300 becomes 44 in uint8"),
    "beside ragged: 1e-40": (*beside_ragged(1e-40, scalar(tf.float32)), "1e-40 becomes 0.0 in"),
    "beside ragged: subnormal array": (
        *beside_ragged(np.array([1e-40], np.float32), Spec((1,), tf.float64)),
        "becomes 0.0 in float64",
    ),
    "beside ragged: 0.1": (
        *beside_ragged(0.1, scalar(tf.float32)),
        "0.1 is rounded to 0.100000001",
    ),
    "beside ragged: first row empty": (
        *beside_ragged([[], [2]], Spec((2, None), tf.int32)),
        "a list of 2 becomes an array of shape (2, 0)",
    ),
    "beside ragged: empty arrays": (
        *beside_ragged((np.zeros(0), np.zeros((0, 0))), Spec((2, None), tf.float32)),
        "a tuple of 2 becomes one tensor of shape (2, 0)",
    ),
    "beside ragged: float array": (
        *beside_ragged(FLOATS, Spec((2, 3), tf.int32)),
        "0.2 becomes 0 in int32",
    ),
    "beside ragged: list": (
        *beside_ragged([1, 2], Spec((2,), tf.int32)),
        "one tensor of shape (2,)",
    ),
    "beside ragged: masked": (
        *beside_ragged(np.ma.array([1, 2], mask=[0, 1]), Spec((2,), tf.int64)),
        "None becomes 2",
    ),
}
REFUSED = {
    "shape": (np.zeros(3), Spec((4,), tf.float64), "shape (3,) found, (4,) expected"),
    "rank": (np.zeros(3), scalar(tf.float64), "shape (3,) found, () expected"),
    "scalar for a vector": (1, Spec((None,), tf.int32), "shape () found, (None,) expected"),
    "channels": (
        np.zeros((4, 5, 1)),
        Spec((None, None, 3), tf.float64),
        "(4, 5, 1) found, (None, N",
    ),
    "list for a pair": (
        [1, 2],
        two,
        "a list of 2, where a tuple of 2 is expected: a list is one t",
    ),
    "array for a pair": (np.array([1, 2]), two, "expected: an array is one tensor. Yield a tuple"),
    "number for a pair": (1, two, "1, where a tuple of 2 is expected"),
    "dict for a pair": ({"a": 1, "b": 2}, two, "a dict with the keys 'a', 'b', where a tuple of 2"),
    "3 for 2": ((1, 2, 3), two, "a tuple of 3, where 2 parts are expected"),
    "1 for 2": ((1,), two, "a tuple of 1, where 2 parts are expected"),
    "pair for a dict": (
        (1,),
        {"a": scalar(tf.int32)},
        "where a dict with the keys 'a' is expected",
    ),
    "key missing": ({}, {"a": scalar(tf.int32)}, "without the key 'a'"),
    "key too many": ({"a": 1, "b": 2}, {"a": scalar(tf.int32)}, "with the key 'b' that the sign"),
    "key misspelt": ({"A": 1}, {"a": scalar(tf.int32)}, "without the key 'a' and with the key 'A'"),
    "dict for an OrderedDict": (
        {"a": 1},
        collections.OrderedDict(a=scalar(tf.int32)),
        "where an OrderedDict with the keys 'a' is expected",
    ),
    "pair for a named tuple": ((1, 2), Point(*two), "where the named tuple Point is expected"),
    "another named tuple": (
        Other(1, 2),
        Point(*two),
        "the named tuple Other of 2, where the named",
    ),
    "deep": (
        {"boxes": (1, [1, 2])},
        {"boxes": (scalar(tf.int32), two)},
        "a list of 2, where a tuple of 2",
    ),
    "None in int32": (None, scalar(tf.int32), "None can't become int32"),
    "None in text": (None, scalar(tf.string), "None can't become string: only text and bytes can"),
    "None in bfloat16": (None, scalar(tf.bfloat16), "None can't become bfloat16"),
    "number in text": (7, scalar(tf.string), "7 can't become string: only text and bytes can"),
    "number in a list of text": (["a", 7], Spec((2,), tf.string), "7 can't become string"),
    "array in text": (np.zeros(2), Spec((2,), tf.string), "0.0 can't become string"),
    "word in int32": ("seven", scalar(tf.int32), "'seven' can't become int32"),
    "word in float32": (["1", "x"], Spec((2,), tf.float32), "a list of 2 can't become float32"),
    "text in bfloat16": ("1.5", scalar(tf.bfloat16), "'1.5' can't become bfloat16"),
    "complex in bfloat16": (1 + 2j, scalar(tf.bfloat16), "(1+2j) can't become bfloat16"),
    "lone surrogate": ("\ud800", scalar(tf.string), "can't be written in UTF-8"),
    "2**70 in int64": (2**70, scalar(tf.int64), "1180591620717411303424 can't become int64"),
    "uneven lists": (
        [[1, 2], [3]],
        Spec((2, None), tf.int32),
        "unequal length. Pad them, or use tf.",
    ),
    "uneven lists of text": ([["a"], ["b", "c"]], Spec((2, None), tf.string), "unequal length"),
    "dict for one": ({"a": 1}, scalar(tf.int32), "describe its parts with a dict in the signature"),
    "set": ({1, 2}, scalar(tf.int32), "a set of 2 can't become int32"),
    "datetime": (
        datetime.datetime(2020, 1, 1),
        scalar(tf.int64),
        "type datetime can't become int64",
    ),
    "date in text": (np.datetime64("2020-01-01"), scalar(tf.string), "can't become string"),
    "dataset": (ROWS, scalar(tf.int64), "a dataset of TensorSpec"),
    "ragged for dense": (
        RAGGED,
        Spec((2, None), tf.int32),
        "where a dense int32 tensor is expected",
    ),
    "ragged in bool": (RAGGED, scalar(tf.bool), "where a dense bool tensor is expected"),
    "ragged in text": (RAGGED, scalar(tf.string), "where a dense string tensor is expected"),
    "sparse for dense": (SPARSE, Spec((2, 2), tf.int32), "where a dense int32 tensor is expected"),
    "lists for ragged": (
        [[1, 2], [3]],
        RAGGED_SPEC,
        "where a ragged tensor of shape (2, None), int",
    ),
    "even lists for ragged": ([[1, 2], [3, 4]], RAGGED_SPEC, "a list of 2, where a ragged tensor"),
    "ragged of another dtype": (tf.cast(RAGGED, tf.int64), RAGGED_SPEC, "(2, None), int64, ragged"),
    "ragged of other splits": (
        RAGGED.with_row_splits_dtype(tf.int32),
        RAGGED_SPEC,
        "row splits of int32, where",
    ),
    "ragged of another shape": (tf.ragged.constant([[1]]), RAGGED_SPEC, "of shape (1, None)"),
    "ragged for a dataset": (RAGGED, tf.data.DatasetSpec(scalar(tf.int64)), "where a dataset of"),
    "sparse of another dtype": (SPARSE, tf.SparseTensorSpec((2, 2), tf.int64), "(2, 2), int32, wh"),
    "sparse of another shape": (SPARSE, tf.SparseTensorSpec((2, 3), tf.int32), "(2, 2), int32, wh"),
    "lists for sparse": (
        [[1, 0], [0, 2]],
        SPARSE_SPEC,
        "a list of 2, where a sparse tensor of sha",
    ),
    "other dataset": (ROWS, tf.data.DatasetSpec(scalar(tf.int32)), "where a dataset of TensorSpec"),
    "unknown shape, 3.7": (3.7, Spec(None, tf.int32), "3.7 can't become int32"),
    "unknown shape, None": (None, Spec(None, tf.float32), "None can't become float32"),
    "unknown shape, text": ("7", Spec(None, tf.int32), "'7' can't become int32"),
    "unknown shape, variable": (
        tf.Variable(1),
        Spec(None, tf.int32),
        "yield what its read_value()",
    ),
    "unknown shape, other tensor": (tf.constant(1), Spec(None, tf.float32), "can't become float32"),
    "beside ragged: 3.7": (*beside_ragged(3.7, scalar(tf.int32)), "3.7 can't become int32"),
    "beside ragged: None": (*beside_ragged(None, scalar(tf.float32)), "None can't become float32"),
    "beside ragged: 1 in bool": (*beside_ragged(1, scalar(tf.bool)), "1 can't become bool"),
    "beside ragged: shape": (
        *beside_ragged(1, Spec((1,), tf.int32)),
        "shape () found, (1,) expected",
    ),
    "beside ragged: variable": (*beside_ragged(tf.Variable(1), scalar(tf.int32)), "a tf.Variable"),
    "beside ragged: negative in uint64": (
        *beside_ragged(-987654321, scalar(tf.uint64)),
        "-987654321 can't become uint64",
    ),
    "beside ragged: slices": (
        *beside_ragged(tf.IndexedSlices(tf.constant([1]), tf.constant([0])), Spec((1,), tf.int32)),
        "where a dense int32 tensor",
    ),
    "beside sparse: 3.7": (
        (SPARSE, 3.7),
        (SPARSE_SPEC, scalar(tf.int32)),
        "3.7 can't become int32",
    ),
    "beside ragged: list for a pair": (*beside_ragged([1, 2], two), "a list is one tensor"),
}
FINE = {
    "int": (5, scalar(tf.int64)),
    "small int in int8": (-128, scalar(tf.int8)),
    "label in int32": (np.int64(7), scalar(tf.int32)),
    "255 in uint8": (255, scalar(tf.uint8)),
    "largest uint64": (2**64 - 1, scalar(tf.uint64)),
    "float in float32": (0.5, scalar(tf.float32)),
    "whole float in int32": (3.0, scalar(tf.int32)),
    "nan in float32": (float("nan"), scalar(tf.float32)),
    "inf in float16": (float("inf"), scalar(tf.float16)),
    "True in int32": (True, scalar(tf.int32)),
    "1 in bool": (1, scalar(tf.bool)),
    "real complex in float32": (2 + 0j, scalar(tf.float32)),
    "nan in complex": (complex(float("nan"), 1), scalar(tf.complex128)),
    "2**53 in float64": (2**53, scalar(tf.float64)),
    "2**70 in float32": (2**70, scalar(tf.float32)),
    "text": ("café", scalar(tf.string)),
    "bytes": (b"\xff\x00", scalar(tf.string)),
    "1e-310 in float64": (1e-310, scalar(tf.float64)),
    "1e-310 in complex128": (1e-310, scalar(tf.complex128)),
    "subnormal float32": (np.array([1e-40], np.float32), Spec((1,), tf.float32)),
    "subnormal float32 in complex64": (np.array([1e-40], np.float32), Spec((1,), tf.complex64)),
    "subnormal bfloat16 in float32": (np.array([1e-40], BFLOAT16), Spec((1,), tf.float32)),
    "subnormal float16 in float64": (np.array([1e-7], np.float16), Spec((1,), tf.float64)),
    "empty text": ("", scalar(tf.string)),
    "NumPy's text": (np.str_("é"), scalar(tf.string)),
    "NumPy's bytes with a zero": (np.bytes_(b"a\0"), scalar(tf.string)),
    "text array": (np.array(["a", "bcd"]), Spec((2,), tf.string)),
    "bytes array": (np.array([b"a\0", b"bcd"]), Spec((2,), tf.string)),
    "object array of text": (np.array(["a", b"b"], object), Spec((None,), tf.string)),
    "0-d array": (np.array(3), scalar(tf.int32)),
    "0-d text array": (np.array("a"), scalar(tf.string)),
    "empty array": (np.zeros((0, 3)), Spec((None, 3), tf.float32)),
    "None dimensions": (np.zeros((2, 5, 3), np.uint8), Spec((None, None, 3), tf.uint8)),
    "unknown shape": (np.zeros((2, 5)), Spec(None, tf.float64)),
    "unknown shape, text array": (np.array(["a\0", "b"]), Spec(None, tf.string)),
    "unknown shape in a tuple": ((np.zeros(3), 1), (Spec(None, tf.float32), scalar(tf.int32))),
    "float16 array": (np.array([0.1], np.float16), Spec((1,), tf.float32)),
    "bfloat16 array": (np.array([0.1], BFLOAT16), Spec((1,), tf.bfloat16)),
    "bfloat16 array in float64": (np.array([0.1], BFLOAT16), Spec((1,), tf.float64)),
    "uint8 in float16": (np.arange(256, dtype=np.uint8), Spec((256,), tf.float16)),
    "complex64 in complex128": (np.array([1j], np.complex64), Spec((1,), tf.complex128)),
    "bool array in uint8": (np.array([True, False]), Spec((2,), tf.uint8)),
    "non-contiguous": (np.arange(12).reshape(3, 4)[:, ::-2], Spec((3, 2), tf.int64)),
    "Fortran order": (np.asfortranarray(FLOATS), Spec((2, 3), tf.float64)),
    "big-endian": (np.arange(3, dtype=">i4"), Spec((3,), tf.int32)),
    "read-only": (READ_ONLY, Spec((3,), tf.float32)),
    "unmasked masked array": (np.ma.array([1, 2]), Spec((2,), tf.int32)),
    "picture": (Image.new("RGB", (3, 2), (255, 0, 7)), Spec((2, 3, 3), tf.uint8)),
    "array-like": (ArrayLike([1.5, 2]), Spec((2,), tf.float32)),
    "object array of numbers": (np.array([1, 2.0], object), Spec((2,), tf.float32)),
    "tensor": (tf.constant([1, 2]), Spec((2,), tf.int32)),
    "tensor, other dtype": (tf.constant([1, 2]), Spec((2,), tf.float32)),
    "text tensor": (tf.constant(["a"]), Spec((1,), tf.string)),
    "bfloat16 tensor": (tf.constant([0.1], tf.bfloat16), Spec((1,), tf.float32)),
    "variable": (tf.Variable([1.5]), Spec((1,), tf.float32)),
    "tuple": ((1, "a"), (scalar(tf.int32), scalar(tf.string))),
    "nested": (
        {"a": (1, {"b": 2.5}), "c": ()},
        {"a": (scalar(tf.int32), {"b": scalar(tf.float32)}), "c": ()},
    ),
    "key order": ({"b": 1, "a": "x"}, {"a": scalar(tf.string), "b": scalar(tf.int32)}),
    "whole-number keys": ({2: 1, 1: "x"}, {1: scalar(tf.string), 2: scalar(tf.int32)}),
    "OrderedDict": (collections.OrderedDict(a=1), {"a": scalar(tf.int32)}),
    "defaultdict": (collections.defaultdict(int, a=1), {"a": scalar(tf.int32)}),
    "named tuple": (Point(1, 2), Point(*two)),
    "ragged": (RAGGED, RAGGED_SPEC),
    "ragged, size unknown": (RAGGED, tf.RaggedTensorSpec((None, None), tf.int32)),
    "sparse": (SPARSE, SPARSE_SPEC),
    "sparse, size unknown": (SPARSE, tf.SparseTensorSpec((None, 2), tf.int32)),
    "a dataset": (ROWS, tf.data.DatasetSpec(scalar(tf.int64))),
    "beside ragged: int": beside_ragged(5, scalar(tf.int32)),
    "beside ragged: text": beside_ragged("é", scalar(tf.string)),
    "beside ragged: int in float32": beside_ragged(5, scalar(tf.float32)),
    "beside ragged: array": beside_ragged(FLOATS, Spec((2, None), tf.float64)),
    "beside ragged: picture": beside_ragged(
        Image.new("L", (3, 2), 7), Spec((None, None), tf.uint8)
    ),
    "beside ragged: pair": beside_ragged((1, 2), two),
    "beside sparse": ((SPARSE, 5), (SPARSE_SPEC, scalar(tf.int32))),
}


@pytest.mark.parametrize("case", CHANGED)
def test_what_arrives_otherwise_is_told(case):
    value, signature, words = CHANGED[case]
    report = hold_against_tensorflow(value, signature)
    assert report.changed
    assert any(words in problem.what for problem in report.changed), report


@pytest.mark.parametrize("case", REFUSED)
def test_what_tensorflow_raises_at_is_told(case):
    value, signature, words = REFUSED[case]
    report = hold_against_tensorflow(value, signature)
    assert any(words in problem.what for problem in report.refused), report


@pytest.mark.parametrize("case", FINE)
def test_of_what_arrives_as_it_was_nothing_is_told(case):
    report = hold_against_tensorflow(*FINE[case])
    assert repr(report) == "1 element: nothing refused, nothing changed."


def test_a_memory_map_arrives_as_it_was(tmp_path):
    mapped = np.memmap(tmp_path / "rows", np.float32, "w+", shape=(2, 3))
    mapped[:] = 0.1
    assert hold_against_tensorflow(mapped, Spec((2, 3), tf.float32)).fine
    assert hold_against_tensorflow(mapped, Spec((2, 3), tf.uint8)).changed


def test_a_generator_as_an_element_is_refused():
    def make():
        yield (number for number in (1, 2))

    report = validate(make, Spec((2,), tf.int32))
    assert arriving(list(make()), Spec((2,), tf.int32)) is None
    assert report.refused[0].what == "an object of type generator can't become int32"


@pytest.mark.parametrize(
    "signature",
    [
        tf.int32,
        (tf.int32, tf.int32),
        np.dtype("int32"),
        float,
        [scalar(tf.int32)],
        {"a": [scalar(tf.int32)]},
        (2, 2),
        (None, 3),
        {"a": (2,)},
        None,
        "int32",
        (),
        {},
        ({},),
        {1: scalar(tf.int32), "a": scalar(tf.int32)},
    ],
)
def test_what_from_generator_takes_for_no_signature_is_refused_here_too(signature):
    with pytest.raises((TypeError, ValueError)):
        tf.data.Dataset.from_generator(lambda: iter([1]), output_signature=signature)
    with pytest.raises(TypeError):
        validate(lambda: iter([1]), signature)


# Whatever comes

DTYPES = (
    *(tf.bool, tf.string, tf.float16, tf.bfloat16, tf.float32, tf.float64, tf.complex64),
    *(tf.complex128, tf.int8, tf.int16, tf.int32, tf.int64),
    *(tf.uint8, tf.uint16, tf.uint32, tf.uint64),
)
LARGE = st.sampled_from([2**24, 2**31, 2**32, 2**53, 2**63, 2**64, 2**70])
INTS = st.one_of(
    st.integers(-3, 300),
    st.builds(operator.add, LARGE, st.integers(-2, 2)),
    st.builds(operator.add, LARGE.map(operator.neg), st.integers(-2, 2)),
)
# Subnormal ones in arrays alone: of Python's own, TensorFlow may take one for a 0.0 it has kept.
ANY_FLOAT = st.floats(allow_subnormal=False)
FLOAT_VALUES = st.one_of(
    ANY_FLOAT, st.sampled_from([0.0, 1.0, -1.5, 255.0, 1e-40, 2.0**53, 2.0**63])
)
COMPLEX = st.complex_numbers(allow_subnormal=False)
NUMBERS = st.one_of(INTS, FLOAT_VALUES, st.booleans(), COMPLEX)
TEXTS = st.one_of(st.text(max_size=3), st.binary(max_size=3), st.sampled_from(["7", "1.5", "True"]))
ODD = st.sampled_from([None, frozenset({1}), datetime.date(2020, 1, 1), range(2), ArrayLike([1.5])])
NUMPY_DTYPES = st.one_of(
    hnp.boolean_dtypes(),
    hnp.integer_dtypes(),
    hnp.unsigned_integer_dtypes(),
    hnp.floating_dtypes(sizes=(16, 32, 64)),
    hnp.complex_number_dtypes(sizes=(64, 128)),
    hnp.byte_string_dtypes(max_len=3),
    hnp.unicode_string_dtypes(max_len=3),
    hnp.datetime64_dtypes(max_period="D"),
)
SHAPES = hnp.array_shapes(min_dims=0, max_dims=2, min_side=0, max_side=3)
ARRAYS = NUMPY_DTYPES.flatmap(lambda dtype: hnp.arrays(dtype, SHAPES))


def encodable(value):
    try:
        return all(one is not None for one in python_values(value)) and tf.constant(value)
    except (TypeError, ValueError, UnicodeEncodeError):
        return None


TENSORS = st.one_of(NUMBERS, TEXTS, ARRAYS).map(encodable).filter(lambda tensor: tensor is not None)
LEAVES = st.one_of(
    NUMBERS,
    NUMBERS,
    TEXTS,
    ARRAYS,
    ARRAYS,
    ODD,
    TENSORS.filter(lambda tensor: tensor is not False),
    st.lists(NUMBERS, max_size=3),
    st.lists(st.one_of(NUMBERS, TEXTS, st.none()), max_size=3),
    st.lists(TEXTS, max_size=3),
    st.lists(st.lists(INTS, min_size=2, max_size=2), max_size=3),
    st.lists(st.lists(FLOAT_VALUES, max_size=2), max_size=3),
)


def nested(leaves):
    return st.one_of(
        st.tuples(leaves, leaves),
        st.tuples(leaves),
        st.dictionaries(st.sampled_from("abc"), leaves, max_size=3),
        st.builds(Point, leaves, leaves),
    )


ELEMENTS = st.recursive(LEAVES, nested, max_leaves=4)


@st.composite
def specs(draw, value):
    """A spec that may fit."""
    try:
        shape = list(np.shape(value))
    except (ValueError, TypeError):
        shape = [2, None]
    changed = draw(st.sampled_from(["none", "none", "some", "some", "unknown", "other"]))
    if changed == "some":
        shape = [draw(st.sampled_from([size, None])) for size in shape]
    if changed == "other":
        shape = [*shape, 1]
    return Spec(None if changed == "unknown" else shape, draw(st.sampled_from(DTYPES)))


@st.composite
def signatures(draw, value):
    """A signature that may fit: now and then another structure."""
    if isinstance(value, (tuple, dict)) and draw(st.integers(0, 9)):
        if isinstance(value, dict):
            return {key: draw(signatures(part)) for key, part in value.items()}
        parts = [draw(signatures(part)) for part in value]
        if not draw(st.integers(0, 9)):
            parts = parts[1:]
        named = hasattr(value, "_fields") and len(parts) == 2 and draw(st.booleans())
        return Point(*parts) if named else tuple(parts)
    if not draw(st.integers(0, 19)):
        return draw(st.sampled_from([two, {"a": scalar(tf.int32)}]))
    return draw(specs(value))


@st.composite
def pairs(draw):
    value = draw(ELEMENTS)
    signature = draw(signatures(value))
    if draw(st.integers(0, 3)) == 0:
        value, signature = beside_ragged(value, signature)
    return value, signature


@settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
@given(pairs())
def test_no_false_alarm_and_no_miss(pair):
    value, signature = pair
    if not any(isinstance(spec, tf.TypeSpec) for spec in tf.nest.flatten(signature)):
        with pytest.raises(TypeError):
            validate(lambda: iter([value]), signature)
        return
    assume(not kept_by_tensorflow(value, signature))
    hold_against_tensorflow(value, signature)


def kept_by_tensorflow(value, signature):
    """A negative int for uint64, the second of which arrives where the first one raised."""
    converting = "Ragged" in str(signature) or signature == Spec(None, tf.uint64)
    if not converting or "uint64" not in str(signature):
        return False
    return any(isinstance(one, int) and one < 0 for one in python_values(value))


# signature_of

SMALL_INTS = st.integers(-(2**53), 2**53)
KINDS = (
    st.one_of(SMALL_INTS, ANY_FLOAT),
    st.one_of(SMALL_INTS, st.booleans(), SMALL_INTS.map(np.int64)),
    st.one_of(ANY_FLOAT, COMPLEX),
    TEXTS,
    hnp.arrays(np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, min_side=0, max_side=3)),
    hnp.arrays(np.float32, SHAPES),
    hnp.arrays(hnp.unicode_string_dtypes(max_len=3), SHAPES),
    hnp.arrays(np.float32, SHAPES).map(lambda one: one.astype(BFLOAT16)),
    st.lists(SMALL_INTS, max_size=3),
    st.lists(TEXTS, max_size=3),
    st.lists(st.lists(st.one_of(SMALL_INTS, ANY_FLOAT), min_size=2, max_size=2), max_size=3),
    hnp.arrays(np.int32, SHAPES).map(tf.constant),
    st.lists(st.lists(st.integers(-9, 9), max_size=2), min_size=1, max_size=3).map(
        lambda rows: tf.ragged.constant(rows, ragged_rank=1, dtype=tf.int32)
    ),
)
TEMPLATES = st.recursive(
    st.sampled_from(KINDS),
    lambda inner: st.one_of(
        st.tuples(inner), st.tuples(inner, inner), st.fixed_dictionaries({"a": inner, "b": inner})
    ),
    max_leaves=3,
)  # structures of the above


def elements_of(template):
    if isinstance(template, tuple):
        return st.tuples(*map(elements_of, template))
    if isinstance(template, dict):
        return st.fixed_dictionaries({key: elements_of(part) for key, part in template.items()})
    return template


@settings(
    max_examples=50,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(st.data())
def test_the_signature_of_anything_takes_it_as_it_is(data):
    template = data.draw(TEMPLATES)
    elements = data.draw(st.lists(elements_of(template), min_size=1, max_size=4))
    signature = signature_of(lambda: iter(elements))
    report = validate(lambda: iter(elements), signature)
    assert report.elements == len(elements)
    assert not report.refused
    assert all("becomes one tensor of shape" in problem.what for problem in report.changed)
    arrived = arriving(elements, signature)
    assert arrived is not None
    assert all(map(equal, python_values(elements), python_values(arrived)))
