import collections
import dataclasses
import datetime
import enum
import tracemalloc

import numpy as np
import pytest
import tensorflow as tf

from course_utils.feeding.signatures import (
    NotRestartable,
    Problem,
    Report,
    SourceAdvanced,
    signature_of,
    validate,
)

Spec = tf.TensorSpec
Point = collections.namedtuple("Point", "x y")
BFLOAT16 = tf.bfloat16.as_numpy_dtype


def yielding(*elements):
    """A function that yields these."""

    def make():
        yield from elements

    return make


# The signature of a generator


@pytest.mark.parametrize(
    ("elements", "signature"),
    [
        ([1], Spec((), tf.int64)),
        ([1.0], Spec((), tf.float64)),
        ([True], Spec((), tf.bool)),
        ([1j], Spec((), tf.complex128)),
        ([2**63], Spec((), tf.uint64)),
        (["a"], Spec((), tf.string)),
        ([b"a"], Spec((), tf.string)),
        ([np.str_("a")], Spec((), tf.string)),
        ([np.bytes_(b"a")], Spec((), tf.string)),
        ([np.array(["a", "bc"])], Spec((2,), tf.string)),
        ([np.array([b"a", "b"], object)], Spec((2,), tf.string)),
        ([["a", b"bc"]], Spec((2,), tf.string)),
        ([["", b"\x80"]], Spec((2,), tf.string)),
        ([np.float32(1)], Spec((), tf.float32)),
        ([np.zeros((2, 3), np.uint8)], Spec((2, 3), tf.uint8)),
        ([np.zeros(2, BFLOAT16)], Spec((2,), tf.bfloat16)),
        ([np.zeros(2, ">i4")], Spec((2,), tf.int32)),
        ([np.array([1, 2.5], object)], Spec((2,), tf.float64)),
        ([np.zeros((0, 3), np.int8)], Spec((0, 3), tf.int8)),
        ([tf.constant([1, 2])], Spec((2,), tf.int32)),
        ([tf.constant("a")], Spec((), tf.string)),
        ([tf.Variable([1.5])], Spec((1,), tf.float32)),
        ([[1, 2]], Spec((2,), tf.int64)),
        ([[[1, 2.5]], [[3, 4]]], Spec((1, 2), tf.float64)),
        ([[np.float32(1), np.float32(2)]], Spec((2,), tf.float32)),
        ([range(3)], Spec((3,), tf.int64)),
        ([(1, "a")], (Spec((), tf.int64), Spec((), tf.string))),
        ([Point(1, 2.0)], Point(Spec((), tf.int64), Spec((), tf.float64))),
        (
            [{"boxes": ([1, 2], 0.5), "name": "x"}],
            {
                "boxes": (Spec((2,), tf.int64), Spec((), tf.float64)),
                "name": Spec((), tf.string),
            },
        ),
        ([{"b": 1, "a": 2}, {"a": 3, "b": 4}], {"a": Spec((), tf.int64), "b": Spec((), tf.int64)}),
        ([collections.OrderedDict(a=1)], {"a": Spec((), tf.int64)}),
        ([(1, ())], (Spec((), tf.int64), ())),
        ([tf.ragged.constant([[1, 2], [3]])], tf.RaggedTensorSpec((2, None), tf.int32, 1)),
        ([tf.sparse.from_dense([[1, 0]])], tf.SparseTensorSpec((1, 2), tf.int32)),
    ],
)
def test_the_signature_is_what_numpy_makes_of_the_values(elements, signature):
    found = signature_of(yielding(*elements))
    assert found == signature
    assert type(found) is type(signature)
    dataset = tf.data.Dataset.from_generator(yielding(*elements), output_signature=found)
    assert len(list(dataset)) == len(elements)


@pytest.mark.parametrize(
    ("elements", "signature"),
    [
        ([np.zeros((4, 5, 3)), np.zeros((6, 5, 3))], Spec((None, 5, 3), tf.float64)),
        ([[1], [1, 2], []], Spec((None,), tf.int64)),
        ([[], ["a"]], Spec((None,), tf.string)),
        ([[], []], Spec((0,), tf.float64)),
        ([1.0, [1.0]], Spec(None, tf.float64)),
        ([np.zeros(1), np.zeros((1, 1)), np.zeros(1)], Spec(None, tf.float64)),
        ([1, 0.5], Spec((), tf.float64)),
        ([True, 2], Spec((), tf.int64)),
        ([np.uint8(1), np.int8(-1)], Spec((), tf.int16)),
        ([1.5, 1j], Spec((), tf.complex128)),
        ([np.zeros(1, BFLOAT16), np.zeros(1, np.float16)], Spec((1,), tf.float32)),
        ([np.zeros(1, BFLOAT16), np.zeros(1, np.int64)], Spec((1,), tf.float64)),
        ([("a", [1]), (b"b", [1, 2])], (Spec((), tf.string), Spec((None,), tf.int64))),
        (
            [tf.ragged.constant([[1, 2], [3]]), tf.ragged.constant([[1]])],
            tf.RaggedTensorSpec((None, None), tf.int32, 1),
        ),
        (
            [tf.sparse.from_dense([[1, 0]]), tf.sparse.from_dense([[1, 0], [0, 0]])],
            tf.SparseTensorSpec((None, 2), tf.int32),
        ),
    ],
)
def test_what_differs_between_elements_is_left_open_or_widened(elements, signature):
    assert signature_of(yielding(*elements)) == signature
    dataset = tf.data.Dataset.from_generator(yielding(*elements), output_signature=signature)
    assert len(list(dataset)) == len(elements)


def test_as_many_elements_as_asked_for_are_looked_at():
    made = []

    def make():
        for size in (2, 2, 3):
            made.append(size)
            yield np.zeros(size)

    assert signature_of(make, count=2) == Spec((2,), tf.float64)
    assert made == [2, 2]
    assert signature_of(make) == Spec((None,), tf.float64)


def test_one_array_used_for_all_elements_is_no_obstacle():
    def make():
        row = np.zeros(2, np.uint8)
        for number in range(3):
            row[:] = number
            yield row

    assert signature_of(make) == Spec((2,), tf.uint8)


class Odd:
    pass


@dataclasses.dataclass
class Pair:
    x: int
    y: int


@pytest.mark.parametrize(
    ("elements", "error", "words"),
    [
        ([], ValueError, "It yielded no element"),
        (
            [1, None],
            TypeError,
            r"Element 1 is None\. Leave the element out, or yield float\('nan'\)",
        ),
        ([[1, None]], TypeError, "Element 0 holds None"),
        ([{1, 2}], TypeError, "Element 0 is a set of 2, of which NumPy makes neither"),
        ([Odd()], TypeError, "Element 0 is an object of type Odd, of which NumPy"),
        ([Pair(1, 2)], TypeError, "Element 0 is an object of type Pair, of which NumPy"),
        ([[b"\x80", "", None]], TypeError, "Element 0 holds None"),
        ([2**70 + 0j, 2**70], TypeError, "Element 1 is 1180591620717411303424, which is too large"),
        ([[Odd()]], TypeError, "Element 0 holds an object of type Odd"),
        ([[{"a": 1}]], TypeError, "Element 0 holds a dict with the keys 'a'"),
        ([tf.data.Dataset.range(2)], TypeError, "Element 0 is an object of type _RangeDataset"),
        (
            [[[1, 2], [3]]],
            ValueError,
            r"rows are of unequal length\. Pad them, or.*ragged\.constant",
        ),
        ([[["a"], ["b", "c"]]], ValueError, "rows are of unequal length"),
        ([[np.zeros(2), np.zeros(3)]], ValueError, "rows are of unequal length"),
        ([[1, "a"]], TypeError, "holds numbers and text, and one tensor has one dtype"),
        ([np.array([1, "a"], object)], TypeError, "holds numbers and text"),
        ([2**64], TypeError, "is 18446744073709551616, which is too large for any dtype"),
        ([np.datetime64("2020-01-01")], TypeError, "is a date or a time span"),
        ([datetime.datetime(2020, 1, 1)], TypeError, r"is a date.*such as when\.timestamp\(\)"),
        ([np.zeros(2, "m8[s]")], TypeError, "holds a date or a time span"),
        (
            [np.zeros(2, [("x", int)])],
            TypeError,
            "TensorFlow doesn't know. Yield its fields as a d",
        ),
        ([{1: 0, "a": 0}], TypeError, "keys of several types.*TensorFlow sorts them"),
        ([()], TypeError, "The signature holds no spec"),
        (
            [(1, 2), (1, 2, 3)],
            ValueError,
            "Element 1 is a tuple of 3, and the elements before have a tuple of 2 there",
        ),
        (
            [{"a": 1}, {"b": 1}],
            ValueError,
            "Element 1 is a dict with the keys 'b', and the elements before have a dict with the "
            "keys 'a' there",
        ),
        (
            [(1, 2), 3],
            ValueError,
            "Element 1 is a tensor, and the elements before have a tuple of 2",
        ),
        (
            [(1, 2), Point(1, 2)],
            ValueError,
            "Element 1 is the named tuple Point of 2, and the elem",
        ),
        (
            [[1], tf.ragged.constant([[1]])],
            ValueError,
            "Element 1 is a ragged tensor, and the.*a te",
        ),
        ([1, "a"], TypeError, "Element 1 is text, and the elements before have a tensor of int64"),
        (
            ["a", np.float32(1)],
            TypeError,
            "is a tensor of float32, and the elements before have text",
        ),
        (
            [tf.ragged.constant([[1]]), tf.ragged.constant([[1.5]])],
            ValueError,
            "Element 1 has RaggedTensorSpec.*yield all of one dtype and one ragged rank",
        ),
        (
            [tf.sparse.from_dense([1]), tf.sparse.from_dense([1.5])],
            ValueError,
            "Element 1 has SparseTensorSpec.*yield all of one dtype",
        ),
        ([2**53 + 1, 0.5], ValueError, r"Element 0: 9007199254740993 becomes.*No dtype takes it"),
        ([[2**53 + 1, 0.5]], ValueError, "No dtype takes it as it is"),
        ([np.ma.array([1, 2], mask=[0, 1])], ValueError, "Element 0: None becomes 2 in int64"),
        (["\ud800"], ValueError, r"can't be written in UTF-8\. No signature takes it as it is"),
        (
            [(tf.ragged.constant([[1]]), tf.Variable(1))],
            ValueError,
            r"Element 0, \[1\]: a tf\.Variable, where a dense int32 tensor.*No signature takes it",
        ),
        (
            [(tf.ragged.constant([[1]]), tf.constant(n)) for n in (1, 1.5)],
            ValueError,
            r"Element 0, \[1\]:.*can't become float64\. No signature takes it",
        ),
        ([{"boxes": (1, [1, None])}], TypeError, r"Element 0, \['boxes'\]\[1\] holds None"),
        ([Point(1, {"a": None})], TypeError, r"Element 0, \.y\['a'\] is None"),
        ([(1, "a"), (1, 2)], TypeError, r"Element 1, \[1\] is a tensor of int64"),
    ],
)
def test_what_has_no_signature_is_refused_with_its_place(elements, error, words):
    with pytest.raises(error, match=words):
        signature_of(yielding(*elements))


def test_a_generator_in_a_generator_is_refused():
    def make():
        yield (number for number in (1, 2))

    with pytest.raises(TypeError, match="Element 0 is an object of type generator, of which NumPy"):
        signature_of(make)


@pytest.mark.skipif(np.dtype(np.longdouble) == np.float64, reason="this system has no wider float")
def test_a_wider_float_than_tensorflow_has_is_refused():
    with pytest.raises(TypeError, match=r"which TensorFlow doesn't know\. Convert it with"):
        signature_of(yielding(np.longdouble(1)))


# What holds for both


@pytest.mark.parametrize(
    "look", [signature_of, lambda make, **more: validate(make, Spec((), tf.int64), **more)]
)
class TestBoth:
    def test_what_would_lose_elements_is_refused_or_allowed(self, look):
        shared = iter(range(5))
        with pytest.raises(NotRestartable, match="uses `shared`, an iterator"):
            look(lambda: shared)
        look(lambda: shared, count=2, advance=True)
        assert list(shared) == [2, 3, 4]

    def test_a_change_outside_is_told_at_the_callers_line(self, look):
        items = [1, 2, 3]

        def make():
            while items:
                yield items.pop()

        with pytest.warns(SourceAdvanced, match="Drawing 2 elements.*shrank from 3 to 1") as warned:
            look(make, count=2)
        assert warned[0].filename == __file__

    def test_what_the_generator_raises_passes_through(self, look):
        closed = []

        def make():
            try:
                yield 1
                raise OSError("no such row")
            finally:
                closed.append(True)

        with pytest.raises(OSError, match="no such row"):
            look(make)
        assert closed == [True]

    def test_what_is_no_function_is_refused(self, look):
        with pytest.raises(TypeError, match="Give `make` in place of"):
            look(yielding(1)())
        with pytest.raises(TypeError, match="lost its `yield`"):
            look(lambda: None)
        with pytest.raises(ValueError, match="count must be 1 or more, found 0"):
            look(yielding(1), count=0)


# The report


def test_elements_are_counted_and_looked_at_up_to_count():
    made = []

    def make():
        for number in range(100):
            made.append(number)
            yield number

    assert validate(make, Spec((), tf.int64)) == Report(32, (), ())
    assert len(made) == 32
    assert validate(make, Spec((), tf.int64), count=5).elements == 5
    assert validate(yielding(1, 2), Spec((), tf.int64)).elements == 2


def test_each_element_is_looked_at_before_the_next_is_made():
    def make():
        row = np.zeros(1)
        for value in (0.5, 300.0):
            row[:] = value
            yield row

    report = validate(make, Spec((1,), tf.uint8))
    assert [problem.what for problem in report.changed] == [
        "0.5 becomes 0 in uint8",
        "300.0 becomes 44 in uint8",
    ]


def test_problems_have_element_place_and_words():
    signature = {"label": Spec((), tf.uint8), "boxes": (Spec((2,), tf.int32),)}
    boxes = (np.zeros(2, int),)
    report = validate(
        yielding(
            {"label": 1, "boxes": boxes},
            {"label": 300, "boxes": boxes},
            {"label": 300, "boxes": (np.zeros(3),)},
            {"label": 2, "boxes": (np.array([0, 1.5]),)},
            {"label": 3},
        ),
        signature,
    )
    assert report.elements == 5
    assert report.changed == (
        Problem(1, "['label']", "300 becomes 44 in uint8"),
        Problem(3, "['boxes'][0]", "1.5 becomes 1 in int32: 1 of 2 values change"),
    )
    assert report.refused == (
        Problem(2, "['boxes'][0]", "shape (3,) found, (2,) expected"),
        Problem(4, "", "a dict without the key 'boxes'"),
    )
    assert repr(report) == (
        "5 elements: 2 refused, 2 changed. An epoch ends with an error at element 2.\n"
        "  refused: element 2, ['boxes'][0]: shape (3,) found, (2,) expected\n"
        "  refused: element 4: a dict without the key 'boxes'\n"
        "  changed: element 1, ['label']: 300 becomes 44 in uint8\n"
        "  changed: element 3, ['boxes'][0]: 1.5 becomes 1 in int32: 1 of 2 values change"
    )
    assert not report.fine


def test_what_is_fine_is_said_in_one_line():
    assert repr(validate(yielding(*range(8)), Spec((), tf.int32))) == (
        "8 elements: nothing refused, nothing changed."
    )
    assert validate(yielding(1), Spec((), tf.int32)).fine


def test_no_element_is_not_fine():
    report = validate(yielding(), Spec((), tf.int32))
    assert repr(report) == "0 elements: nothing was yielded, so nothing could be checked."
    assert not report.fine


def test_the_same_problem_in_many_elements_is_one_line():
    photos = [np.full((4, 4), number + 0.5) for number in range(20)]
    assert repr(validate(yielding(*photos), Spec((4, 4), tf.uint8))) == (
        "20 elements: nothing refused, 20 changed.\n"
        "  changed: element 0 and 19 more: 0.5 becomes 0 in uint8: 16 of 16 values change"
    )
    assert repr(validate(yielding(*photos), Spec((4, 3), tf.float64))) == (
        "20 elements: 20 refused, nothing changed. An epoch ends with an error at element 0.\n"
        "  refused: element 0 and 19 more: shape (4, 4) found, (4, 3) expected"
    )


def test_a_report_has_at_most_ten_lines():
    names = [f"part {number:02}" for number in range(30)]
    signature = {name: Spec((), tf.int32) for name in names}
    report = validate(yielding(dict.fromkeys(names, 0.5)), signature)
    lines = repr(report).splitlines()
    assert len(lines) == 10
    assert lines[0] == "1 element: nothing refused, 1 changed."
    assert lines[-1] == "  and 22 other problems"
    assert len(report.changed) == 30


def test_a_value_that_is_long_is_cut():
    report = validate(yielding("9" * 500), Spec((), tf.float64))
    assert len(report.changed[0].what) < 100


def test_records_cannot_be_changed():
    report = validate(yielding(1), Spec((), tf.int32))
    with pytest.raises(dataclasses.FrozenInstanceError):
        report.elements = 3


def test_a_report_names_no_address_and_nothing_else_that_varies():
    report = validate(
        yielding({"a": {"x", "y"}, "b": Odd()}, {"a": Odd(), "c": 1}),
        {"a": Spec((), tf.bool), "b": Spec((), tf.int32)},
    )
    assert repr(report) == (
        "2 elements: 2 refused, nothing changed. An epoch ends with an error at element 0.\n"
        "  refused: element 0, ['b']: an object of type Odd can't become int32\n"
        "  refused: element 1: a dict without the key 'b' and with the key 'c' that the signature "
        "lacks"
    )


IN_A_PROCESS = """
from course_utils.feeding.restartable import drawing
from course_utils.feeding.values import described
class Odd: pass
print(described({"x", "y"}), described(Odd()), described({"b": Odd(), "a": 1}))
rest, more = iter([1]), iter([2])
try:
    with drawing(lambda: zip(more, rest), 1): pass
except ValueError as error:
    print(error)
"""


@pytest.mark.parametrize("seed", ["1", "2", "3"])
def test_every_process_says_the_same(seed, start_python):
    out, err = start_python(IN_A_PROCESS, PYTHONHASHSEED=seed).communicate(timeout=60)
    assert out == (
        "a set of 2 an object of type Odd a dict with the keys 'b', 'a'\n"
        "The function uses `more`, an iterator (list_iterator) made outside of it, and to look at "
        "elements may use them up. Make it inside the function, so that each call begins anew, "
        "or pass advance=True.\n"
    ), err


# The signature that is checked


@pytest.mark.parametrize(
    ("signature", "words"),
    [
        (tf.int32, r"The signature is a type alone, int32\. Give tf\.TensorSpec\(shape, dtype\)"),
        ({"a": np.dtype("int32")}, r"signature\['a'\] is a type alone, int32"),
        ((Spec(()), float), r"signature\[1\] is a type alone, float"),
        (
            [Spec(())],
            "The signature is a list, which TensorFlow takes for one tensor.*Give a tuple",
        ),
        (Point(Spec(()), [Spec(())]), r"signature\.y is a list"),
        ((2, 2), r"The signature is \(2, 2\), a shape\. Give tf\.TensorSpec\(\(2, 2\), dtype\)"),
        ({"a": (None, 3)}, r"signature\['a'\] is \(None, 3\), a shape"),
        (None, "The signature is None, and a tf.TensorSpec was expected"),
        ((), "The signature holds no spec"),
        ({1: Spec(()), "a": Spec(())}, "The signature has keys of several types"),
        (
            tf.OptionalSpec(Spec(())),
            "The signature is an OptionalSpec, which can't be checked here",
        ),
        (Spec((), tf.qint8), "The signature is of dtype qint8, which can't be checked here"),
        ({"a": Spec((), tf.variant)}, r"signature\['a'\] is of dtype variant"),
    ],
)
def test_what_is_no_signature_is_refused_before_anything_is_made(signature, words):
    made = []

    def make():
        made.append(1)
        yield 1

    with pytest.raises(TypeError, match=words):
        validate(make, signature)
    assert not made


# Large elements


def test_large_images_are_compared_as_arrays(monkeypatch):
    """A comparison value by value would take thousands of times as many calls."""
    from course_utils.feeding import values

    calls = []
    same = values._same
    monkeypatch.setattr(values, "_same", lambda *pair: calls.append(1) or same(*pair))
    image = np.random.default_rng(0).integers(0, 256, (224, 224, 3), np.uint8)
    for value, dtype, fine in (
        (image, tf.uint8, True),
        (image, tf.float32, True),
        (image / 255, tf.float32, False),
        (image.astype(np.float32) + 90, tf.uint8, False),
        (image.astype(np.int64), tf.float16, True),
        (image.astype(BFLOAT16), tf.float32, True),
    ):
        assert validate(yielding(value), Spec((None, None, 3), dtype)).fine == fine
    assert not calls
    validate(yielding(3), Spec((), tf.float32))
    assert calls


class Kind(str, enum.Enum):  # noqa: UP042 - StrEnum's str() is the text, this one's isn't
    CAT = "cat"


def test_an_enum_of_texts_is_its_text():
    make = yielding(Kind.CAT)
    assert signature_of(make) == Spec((), tf.string)
    assert validate(make, Spec((), tf.string)).fine
    (arrived,) = tf.data.Dataset.from_generator(make, output_signature=Spec((), tf.string))
    assert arrived.numpy() == b"cat"


def test_time_spans_beside_a_ragged_part_are_refused():
    """TensorFlow 2.21 ends the process where it makes a text of them, so it isn't asked."""
    signature = (Spec((None,), tf.string), tf.RaggedTensorSpec((None, None), tf.int32))
    spans = [np.timedelta64(3, "s")]
    report = validate(yielding((spans, tf.ragged.constant([[1], [2, 3]]))), signature)
    assert [problem.place for problem in report.refused] == ["[0]"]


def test_long_lists_are_compared_without_an_object_for_each_number():
    photo = np.random.default_rng(0).random((224, 224, 3)).tolist()
    tracemalloc.start()
    report = validate(yielding(photo), Spec((224, 224, 3), tf.float64))
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [problem.what for problem in report.changed] == [
        "a list of 224 becomes one tensor of shape (224, 224, 3)"
    ]
    assert most < 4 * 224 * 224 * 3 * 8  # a few arrays of 8 bytes a number


@pytest.mark.parametrize("value", [[2**53 + 1, 0.5], [2**63, -1], [True, 0.5], [1, None]])
def test_mixed_lists_are_compared_exactly(value):
    array = np.array(value, dtype=np.float64)
    same = [one == other for one, other in zip(value, array.tolist(), strict=True)]
    report = validate(yielding(value), Spec((2,), tf.float64))
    told = [problem.what for problem in report.changed if "become" in problem.what]
    assert bool([what for what in told if "one tensor" not in what]) == (not all(same))
