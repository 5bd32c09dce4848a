from collections import namedtuple
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from course_utils.feeding.layout import Layout, WrongElement, check_written

Boxes = namedtuple("Boxes", "corners count")
SHAPES = {"photo": (2, 2, 3), "label": (), "row": (3,)}


def spec(shape, dtype="float32"):
    return tf.TensorSpec(shape, dtype)


def outcome(element, signature):
    """What stands in the second of two rows, or the error's sentence."""
    layout = Layout(signature)
    arrays = tuple(np.zeros((2, *leaf.shape), leaf.dtype) for leaf in layout.leaves)
    sentences = []
    for check in (layout.checked, lambda element: layout.write(element, arrays, 1)):
        try:
            checked = check(element)
        except WrongElement as error:
            sentences.append(str(error))
    if sentences:
        assert sentences[:1] * 2 == sentences
        return sentences[0]
    checked = layout.checked(element)
    tf.nest.map_structure(np.testing.assert_array_equal, checked, layout.row(arrays, 1))
    dtypes = [np.asarray(part).dtype for part in tf.nest.flatten(checked)]
    if object not in (leaf.dtype for leaf in layout.leaves):
        assert dtypes == [part.dtype for part in tf.nest.flatten(layout.row(arrays, 1))]
    return [array[1, ...].tolist() for array in arrays]


@pytest.mark.parametrize(
    ("value", "shape", "dtype", "expected"),
    [
        (np.array([1, 2, 3], "uint8"), (3,), "uint8", [1, 2, 3]),
        (np.arange(6, dtype="uint8")[::2], (3,), "uint8", [0, 2, 4]),
        (np.array([1, 2, 3], ">f4"), (3,), "float32", [1, 2, 3]),
        (np.uint8(7), (), "uint8", 7),
        (np.array(7, "int32"), (), "int32", 7),
        (7, (), "int32", 7),
        (255, (), "uint8", 255),
        (2**64 - 1, (), "uint64", 2**64 - 1),
        (-(2**63), (), "int64", -(2**63)),
        (7, (), "float32", 7.0),
        (2**24, (), "float32", 2.0**24),
        (0.1, (), "float32", float(np.float32(0.1))),
        (0.1, (), "float64", 0.1),
        (float("inf"), (), "float32", float("inf")),
        (True, (), "bool", True),
        (1 + 2j, (), "complex64", 1 + 2j),
        (1.5, (), "complex64", 1.5),
        (0.1, (), "bfloat16", 0.10009765625),
        ([1, 2, 3], (3,), "int32", [1, 2, 3]),
        ([0.1, 2, 3], (3,), "float64", [0.1, 2, 3]),
        ([[1], [2]], (2, 1), "uint8", [[1], [2]]),
        ([True, False], (2,), "bool", [True, False]),
        ([], (0,), "int32", []),
        (tf.constant([1, 2, 3], tf.uint8), (3,), "uint8", [1, 2, 3]),
        (tf.Variable(3.5), (), "float32", 3.5),
        (PIL.Image.new("L", (3, 1), 9), (1, 3), "uint8", [[9, 9, 9]]),
        (np.matrix([[1, 2, 3]], dtype="uint8"), (1, 3), "uint8", [[1, 2, 3]]),
        ("grün", (), "string", "grün"),
        (b"raw", (), "string", b"raw"),
        (["a", b"b"], (2,), "string", ["a", b"b"]),
        (np.array(["a", "bc"]), (2,), "string", ["a", "bc"]),
        (np.str_("a"), (), "string", "a"),
        (tf.constant("a"), (), "string", b"a"),
    ],
)
def test_a_value_that_is_kept_is_taken(value, shape, dtype, expected):
    assert outcome(value, spec(shape, dtype)) == [expected]


def test_nan_is_taken_for_nan():
    assert np.isnan(Layout(spec(())).checked(float("nan")))


@pytest.mark.parametrize(
    ("value", "shape", "dtype", "sentence"),
    [
        (
            np.zeros(3),
            (3,),
            "float32",
            "found an array of shape (3,) and dtype float64, expected shape (3,) and dtype "
            "float32. Convert it with astype('float32'), if that is what you mean",
        ),
        (np.float64(1), (), "float32", "found 1.0, expected shape () and dtype float32. Convert"),
        (np.int64(1), (), "int32", "found 1, expected shape () and dtype int32. Convert"),
        (
            np.zeros((3, 1), "uint8"),
            (3,),
            "uint8",
            "found an array of shape (3, 1) and dtype uint8, expected shape (3,) and dtype uint8",
        ),
        (np.zeros((), "uint8"), (3,), "uint8", "found 0, expected shape (3,) and dtype uint8"),
        (np.uint8(1), (1,), "uint8", "found 1, expected shape (1,) and dtype uint8"),
        (300, (), "uint8", "300 would become 44 in uint8"),
        (-1, (), "uint8", "-1 would become 255 in uint8"),
        (2**40, (), "int32", "1099511627776 would become 0 in int32"),
        (2**70, (), "int64", "found 1180591620717411303424, expected shape () and dtype int64"),
        (2**24 + 1, (), "float32", "16777217 would become 16777216.0 in float32"),
        (1e39, (), "float32", "1e+39 would become inf in float32"),
        (1e-50, (), "float32", "1e-50 would become 0.0 in float32"),
        (3.7, (), "int32", "found 3.7, expected shape () and dtype int32"),
        (3.0, (), "int32", "found 3.0, expected shape () and dtype int32"),
        (float("nan"), (), "int32", "found nan, expected shape () and dtype int32"),
        (True, (), "int32", "found True, expected shape () and dtype int32"),
        (1, (), "bool", "found 1, expected shape () and dtype bool"),
        (1j, (), "float32", "found 1j, expected shape () and dtype float32"),
        ([0.2, 0.9], (2,), "uint8", "found a list of 2, expected shape (2,) and dtype uint8"),
        ([1, 300], (2,), "uint8", "300 would become 44 in uint8"),
        ([1, 2], (3,), "uint8", "found a list of 2, expected shape (3,) and dtype uint8"),
        ([[1], [1, 2]], (2, 1), "uint8", "its rows are of unequal length"),
        ((1, 2), (2,), "int32", "found a tuple of 2, expected shape (2,) and dtype int32"),
        ({"a": 1}, (), "int32", "found a dict with the keys 'a', expected shape () and dtype"),
        (
            None,
            (),
            "float32",
            "found None, expected shape () and dtype float32. Has the function lost its `return`?",
        ),
        ("7", (), "int32", "found '7', expected shape () and dtype int32"),
        (7, (), "string", "found 7, expected shape () and dtype text"),
        (["a", 7], (2,), "string", "found a list of 2, expected shape (2,) and dtype text"),
        (None, (), "string", "found None, expected shape () and dtype text"),
        ("ab", (2,), "string", "found 'ab', expected shape (2,) and dtype text"),
        (Path("a"), (), "string", "found an object of type PosixPath, expected"),
        ((x for x in "ab"), (), "int32", "found an object of type generator, expected shape ()"),
        (
            np.ma.masked_array([1, 2], [0, 1], "uint8"),
            (2,),
            "uint8",
            "found a masked array: its mask would be lost",
        ),
        (
            tf.constant([1.0]),
            (1,),
            "int32",
            "found an array of shape (1,) and dtype float32, expected shape (1,) and dtype int32",
        ),
    ],
)
def test_a_value_that_tensorflow_would_change_is_refused(value, shape, dtype, sentence):
    assert sentence in outcome(value, spec(shape, dtype))


@given(
    st.one_of(st.integers(-(2**70), 2**70), st.floats(), st.booleans()),
    st.sampled_from(["uint8", "int8", "int32", "int64", "uint64", "float16", "float32", "float64"]),
)
def test_a_number_is_either_kept_or_refused(value, dtype):
    kept = outcome(value, spec((), dtype))
    if isinstance(kept, str):
        return
    assert type(value) is not bool
    if isinstance(value, float):
        assert kept[0] == pytest.approx(value, rel=0.01, nan_ok=True)
    else:
        assert kept[0] == value


STRUCTURE = {"photo": spec((2,), "uint8"), "more": (spec(()), Boxes(spec((1,)), spec((), "int64")))}


def test_parts_are_found_where_the_signature_has_them():
    element = {
        "more": (0.5, Boxes([2.0], 3)),
        "photo": np.array([8, 9], "uint8"),
    }
    assert outcome(element, STRUCTURE) == [[8, 9], 0.5, [2.0], 3]
    checked = Layout(STRUCTURE).checked(element)
    assert list(checked) == ["photo", "more"]
    assert type(checked["more"][1]) is Boxes
    plain = {"photo": element["photo"], "more": (0.5, ([2.0], 3))}
    assert type(Layout(STRUCTURE).checked(plain)["more"][1]) is Boxes


@pytest.mark.parametrize(
    ("element", "sentence"),
    [
        (1, "found 1, expected a dict with the keys 'photo', 'more'"),
        ({"photo": 1}, "found a dict with the keys 'photo', expected a dict with the keys"),
        ({"photo": np.zeros(2, "uint8"), "more": 1}, "['more']: found 1, expected a tuple of 2"),
        (
            {"photo": np.zeros(2, "uint8"), "more": [0.5, 1]},
            "['more']: found a list of 2, expected a tuple of 2",
        ),
        (
            {"photo": np.zeros(2, "uint8"), "more": (0.5, Boxes([2.0], 2.5))},
            "['more'][1].count: found 2.5, expected shape () and dtype int64",
        ),
        (
            {"photo": np.zeros(3, "uint8"), "more": (0.5, Boxes([2.0], 2))},
            "['photo']: found an array of shape (3,) and dtype uint8, expected shape (2,)",
        ),
    ],
)
def test_the_place_of_what_is_wrong_is_named(element, sentence):
    assert sentence in outcome(element, STRUCTURE)


@pytest.mark.parametrize(
    ("signature", "sentence"),
    [
        ((), "The signature holds no spec"),
        (None, "The signature is None, and a tf.TensorSpec was expected"),
        ([spec(())], "The signature is a list of 1, and a tf.TensorSpec was expected"),
        ((224, 224, 3), "signature[0] is 224, and a tf.TensorSpec was expected"),
        ({"x": tf.uint8}, "signature['x'] is an object of type DType, and a tf.TensorSpec"),
        (np.float32, "The signature is <class 'numpy.float32'>, and a tf.TensorSpec was"),
        (tf.RaggedTensorSpec((None,), tf.int32), "is a RaggedTensorSpec. A loader fills dense"),
        (tf.SparseTensorSpec((3,), tf.int32), "is a SparseTensorSpec. A loader fills dense"),
        (spec((), tf.variant), "has dtype variant, which a loader can't fill"),
        (spec((), tf.resource), "has dtype resource, which a loader can't fill"),
        (spec((), tf.qint8), "has dtype qint8, which a loader can't fill"),
    ],
)
def test_what_is_no_signature_is_refused(signature, sentence):
    with pytest.raises(TypeError) as error:
        Layout(signature)
    assert sentence in str(error.value)


@pytest.mark.parametrize(
    ("shape", "found", "fits"),
    [
        (None, (3, 4), True),
        ((None,), (3,), True),
        ((None, 3), (7, 3), True),
        ((None, 3), (7, 4), False),
        ((None, 3), (3,), False),
    ],
)
def test_unknown_sizes_take_any(shape, found, fits):
    layout = Layout(spec(shape))
    value = np.zeros(found, "float32")
    if fits:
        assert layout.checked(value) is value
    else:
        with pytest.raises(WrongElement, match="expected shape"):
            layout.checked(value)


def test_without_tensorflow_anything_with_shape_and_dtype_is_a_spec():
    layout = Layout((np.zeros((2, 3), "int16"), np.zeros((), "U5")))
    assert [str(leaf) for leaf in layout.leaves] == [
        "shape (2, 3) and dtype int16",
        "shape () and dtype text",
    ]


def test_a_row_is_writable_scalars_too():
    layout = Layout((spec((3,), "uint8"), spec((), "int32")))
    arrays = np.zeros((2, 3), "uint8"), np.zeros(2, "int32")
    photo, label = layout.row(arrays, 1)
    photo[:] = 5
    label[...] = 7
    assert arrays[0].tolist() == [[0, 0, 0], [5, 5, 5]]
    assert arrays[1].tolist() == [0, 7]


ARRAY, NUMBER, EMPTY = np.zeros(3, "uint8"), np.zeros(2, "int32")[1, ...], np.zeros((0, 2))


@pytest.mark.parametrize(
    ("returned", "out"),
    [
        (None, ARRAY),
        (ARRAY, ARRAY),
        (ARRAY[:2], ARRAY),
        (3, ARRAY),  # bytes, as readinto counts them
        (True, (ARRAY, NUMBER)),
        ((True, ARRAY), ARRAY),  # as OpenCV's threshold has it
        ((ARRAY[:], NUMBER), (ARRAY, NUMBER)),
        ({"a": ARRAY, "b": (NUMBER,)}, {"a": ARRAY, "b": (NUMBER,)}),
        (ARRAY, (ARRAY, NUMBER)),
        ((EMPTY, ARRAY), (EMPTY, ARRAY)),
    ],
)
def test_out_that_was_written_is_not_complained_of(returned, out):
    check_written(returned, out)


@pytest.mark.parametrize(
    ("returned", "out", "found"),
    [
        (np.arange(3), ARRAY, r"an array of shape \(3,\) and dtype int64 of its own"),
        ([1, 2, 3], ARRAY, "a list of 3 of its own"),
        (tf.constant([1, 2, 3], tf.uint8), ARRAY, "of its own, and `out` is an array of shape"),
        (np.arange(3), (ARRAY, NUMBER), "of its own, and `out` is a tuple of 2"),
        ((np.zeros(3, "uint8"), 7), (ARRAY, NUMBER), "a tuple of 2 of its own"),
        ((ARRAY, 7), (ARRAY, NUMBER), "a tuple of 2 of its own"),
        ({"a": np.zeros(3, "uint8")}, {"a": ARRAY}, "a dict with the keys 'a' of its own"),
        (7, NUMBER, "the function returned 7 of its own, and `out` is 0"),
        (np.int32(7), NUMBER, "the function returned 7 of its own"),
        (0.5, NUMBER, "the function returned 0.5 of its own"),
        ("a", np.array("b", object), "the function returned 'a' of its own"),
    ],
)
def test_out_that_was_not_written_is_noticed(returned, out, found):
    with pytest.raises(WrongElement, match=f"`out` was not written: .*{found}"):
        check_written(returned, out)
