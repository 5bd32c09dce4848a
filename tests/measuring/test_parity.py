import gc
import itertools
import random
import re
import threading
import tracemalloc
import weakref
from collections import namedtuple

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from course_utils.measuring.parity import Difference, parity

ITEMS = 20
IMAGES = np.arange(ITEMS * 6, dtype=np.uint8).reshape(ITEMS, 3, 2)
LABELS = np.arange(ITEMS, dtype=np.int64)
SIGNATURE = (tf.TensorSpec((None, 3, 2), tf.uint8), tf.TensorSpec((None,), tf.int64))
CURE = (
    "Give a tf.data.Dataset, a PyDataset, a list, or a function that returns a fresh iterable, "
    "such as the generator function itself."
)


def batches(size=8, order=None):
    order = np.arange(ITEMS) if order is None else order
    for start in range(0, ITEMS, size):
        rows = order[start : start + size]
        yield IMAGES[rows], LABELS[rows]


def changed(change):
    """The batches, each of them changed."""
    return lambda: itertools.starmap(change, batches())


class Photos(keras.utils.PyDataset):
    """Batches of 8, 8 and 4, reshuffled after each epoch with random numbers of its own."""

    def __init__(self, seed=0, **options):
        super().__init__(**options)
        self.random = np.random.default_rng(seed)
        self.order = np.arange(ITEMS)
        self.log = []

    def __len__(self):
        return 3

    def __getitem__(self, at):
        self.log.append(at)
        rows = self.order[8 * at : 8 * at + 8]
        return IMAGES[rows], LABELS[rows]

    def on_epoch_begin(self):
        self.log.append("begin")

    def on_epoch_end(self):
        self.log.append("end")
        self.order = self.random.permutation(ITEMS)


class Ordered(Photos):
    def on_epoch_end(self):
        self.log.append("end")


def wrapped(sequence, first=True):
    """What calls on_epoch_end as fit does, or all but the call before the first epoch."""
    passes = itertools.count()

    def generate():
        if next(passes) == 0 and first:
            sequence.on_epoch_end()
        for at in range(len(sequence)):
            yield sequence[at]
        sequence.on_epoch_end()

    return tf.data.Dataset.from_generator(generate, output_signature=SIGNATURE)


def reshuffled(seed=0):
    """A function whose epochs have another order each."""
    numbers = np.random.default_rng(seed)
    return lambda: batches(order=numbers.permutation(ITEMS))


def image_flow(**options):
    images = IMAGES.reshape(ITEMS, 3, 2, 1).astype(np.float32)
    from keras.src.legacy.preprocessing.image import ImageDataGenerator

    generator = ImageDataGenerator(horizontal_flip=True)
    return generator.flow(images, LABELS, batch_size=8, seed=1, **options)


def lines(*pair, **options):
    return repr(parity(*pair, **options)).splitlines()


# What is the same

REPEATS = "Same: 2 epochs of 3 elements, in the same order, which repeats in both."
CHANGES = (
    "Same: 2 epochs of 3 elements, in the same order, which changes from epoch to epoch in both."
)
SOURCES = {
    "a generator function": lambda: batches,
    "a function that returns a list": lambda: lambda: list(batches()),
    "a list": lambda: list(batches()),
    "a PyDataset": Ordered,
    "a function that returns a PyDataset": lambda: Ordered,
    "a dataset": lambda: wrapped(Ordered()),
    "a function that returns a dataset": lambda: lambda: wrapped(Ordered()),
}


@pytest.mark.parametrize("old", SOURCES)
@pytest.mark.parametrize("new", ["a list", "a PyDataset", "a dataset"])
def test_sources_of_every_kind(old, new):
    result = parity(SOURCES[old](), SOURCES[new]())
    assert repr(result) == REPEATS
    assert result
    assert result.counts == ((3, 3), (3, 3))
    assert result.differences == ()
    assert result.gaps == {}


def test_an_image_iterator_of_keras_ends_after_its_length():
    result = parity(image_flow(), image_flow())
    assert result.counts == ((3, 3), (3, 3))
    assert result.summary == (
        "Same: 2 epochs of 3 elements, in the same order, and the elements change from epoch to "
        "epoch in both."
    )


def test_what_reshuffles_in_the_same_way_is_the_same():
    assert lines(Photos(), Photos()) == [CHANGES]
    assert lines(Photos(), wrapped(Photos())) == [CHANGES]
    assert lines(Photos(), wrapped(Photos()).prefetch(2)) == [CHANGES]
    assert lines(Photos, lambda: wrapped(Photos())) == [CHANGES]
    assert lines(reshuffled(), reshuffled()) == [CHANGES]


def test_a_dataset_may_tune_itself():
    tuned = wrapped(Photos()).map(lambda x, y: (x, y), tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)
    assert lines(Photos(), tuned) == [CHANGES]


def test_one_epoch_tells_nothing_about_the_next():
    assert lines(batches, batches, epochs=1) == ["Same: 1 epoch of 3 elements, in the same order."]
    single = [IMAGES]
    assert lines(single, single, epochs=1) == ["Same: 1 epoch of 1 element, in the same order."]


def test_epochs_may_have_different_numbers_of_elements():
    def growing():
        passes = itertools.count(2)
        return lambda: range(next(passes))

    assert lines(growing(), growing()) == [
        "Same: 2 epochs of 2, 3 elements, in the same order, and the elements change from epoch to "
        "epoch in both."
    ]


def test_on_epoch_end_and_begin_are_called_as_fit_calls_them():
    walked, fitted = Photos(), Photos()
    parity(walked, batches, epochs=3)
    epoch = ["begin", 0, 1, 2, "end"]
    assert walked.log == ["end", *epoch * 3]
    model = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(fitted, epochs=3, shuffle=False, verbose=0)
    calls = [call for call in fitted.log if isinstance(call, str)]
    assert calls == [call for call in walked.log if isinstance(call, str)]
    assert [call for call in fitted.log if call != "begin"] == [
        *(0, 1),  # what fit looks at beforehand
        *[call for call in walked.log if call != "begin"],
    ]


def test_a_py_dataset_that_both_read():
    """Without the prefetch that TensorFlow would add, they stay in step."""
    for _ in range(5):
        sequence = Photos()
        assert lines(sequence, wrapped(sequence, first=False)) == [CHANGES]
        assert "on_epoch_end" not in vars(sequence)


def test_a_py_dataset_that_one_moves_on_for_the_other():
    sequence = Photos()

    def ahead():
        """As a dataset with a prefetch may."""
        drawn = [sequence[at] for at in range(3)]
        sequence.on_epoch_end()
        yield from drawn

    last = lines(sequence, ahead)[-1]
    assert last == (
        "on_epoch_end of the old one was called 2 times by others than parity. If both read one "
        "PyDataset, each moves it on for the other: give each its own."
    )
    assert "on_epoch_end" not in vars(sequence)


def test_an_own_on_epoch_end_of_an_object_is_put_back():
    sequence = Photos()
    sequence.on_epoch_end = own = lambda: sequence.log.append("own")
    assert lines(sequence, batches) == [REPEATS]
    assert sequence.on_epoch_end is own
    assert sequence.log.count("own") == 3


# Random numbers


class GlobalShuffle(Photos):
    """As most are written: they draw from NumPy's and Python's global random numbers."""

    def on_epoch_end(self):
        self.order = np.random.permutation(ITEMS)
        random.shuffle(self.order)


def test_each_has_the_global_random_numbers_to_itself():
    assert lines(GlobalShuffle(), GlobalShuffle()) == [CHANGES]
    assert lines(GlobalShuffle(), wrapped(GlobalShuffle())) == [CHANGES]


def test_the_global_random_numbers_stay_as_they_were():
    np.random.seed(5)
    random.seed(5)
    expected = np.random.random(), random.random()
    np.random.seed(5)
    random.seed(5)
    parity(GlobalShuffle(), lambda: GlobalShuffle())
    assert (np.random.random(), random.random()) == expected


# Endless ones


def endless():
    while True:
        yield from batches()


class Endless(keras.utils.PyDataset):
    num_batches = None

    def __getitem__(self, at):
        return np.full((2, 2), at)


def test_what_never_ends_is_left_at_the_limit():
    left = "Neither had ended after 5 elements, which is limit=: what comes later wasn't compared."
    same = "Same: 2 epochs of 5 elements, in the same order, which repeats in both."
    assert lines(endless, endless, limit=5) == [same, left]
    forever = tf.data.Dataset.from_tensors((IMAGES, LABELS)).repeat()
    assert lines(forever, forever, limit=5) == [same, left]
    assert lines(Endless(), Endless(), limit=5) == [same, left]


def test_what_ends_at_the_limit_has_ended():
    assert lines(batches, batches, limit=3) == [REPEATS]


def test_one_that_ends_and_one_that_does_not():
    again = "It begins again there: a loop or a repeat() without an end."
    expected = "the old one ends after 3 elements; the new one goes on, and was left after 7."
    result = parity(batches, endless)
    assert repr(result).splitlines() == ["Not the same:", f"Epoch 0: {expected} {again}"]
    assert result.counts == ((3, 7),)  # not 10,000, and no second epoch
    assert lines(wrapped(Ordered()).repeat(), Ordered())[1] == (
        f"Epoch 0: the new one ends after 3 elements; the old one goes on, and was left after 7. "
        f"{again}"
    )
    assert lines(batches, endless, limit=3)[1] == (
        "Epoch 0: the old one ends after 3 elements; the new one goes on, and was left after 3."
    )
    assert lines(lambda: [], batches)[1] == (
        "Epoch 0: the old one gives no element; the new one goes on, and was left after 1."
    )


def test_the_other_may_give_more_to_an_element():
    large = [(np.zeros((100, 2)),)] * 9
    small = [(np.zeros((2, 2)),)] * 2
    assert parity(small, large).counts == ((2, 3),)


# Differences


@pytest.mark.parametrize(
    ("new", "expected"),
    [
        (lambda: list(batches())[:2], [
            "Epoch 0: 2 batches of 8 and 1 of 4 in the old one, 2 batches of 8 in the new one. The "
            "new one lacks the last 4 items, a batch that isn't full: drop_remainder=True leaves "
            "it out.",
        ]),
        (lambda: list(batches())[:1], [
            "Epoch 0: 2 batches of 8 and 1 of 4 in the old one, 1 batch of 8 in the new one. The "
            "new one lacks the last 12 items.",
        ]),
        (lambda: list(batches())[1:], [
            "Epoch 0: 2 batches of 8 and 1 of 4 in the old one, 1 batch of 8 and 1 of 4 in the new "
            "one. The new one lacks 8 items.",
        ]),
        (lambda: [*batches(), *batches()], [
            "Epoch 0: 2 batches of 8 and 1 of 4 in the old one, 2 batches of 8, 1 of 4, 2 of 8 and "
            "1 of 4 in the new one. The new one gives items more than once.",
        ]),
        (lambda: batches(5), [
            "Epoch 0: the same 20 items in other batches: 2 batches of 8 and 1 of 4 in the old "
            "one, 4 batches of 5 in the new one.",
        ]),
        (lambda: zip(IMAGES, LABELS), [
            "Epoch 0: the same 20 items in other batches: 2 batches of 8 and 1 of 4 in the old "
            "one, 20 single elements in the new one.",
        ]),
        (lambda: list(batches())[::-1], [
            "Epoch 0: the same 3 elements in another order, first at element 0: what is element 0 "
            "in the old one is element 2 in the new one.",
        ]),
        (lambda: batches(order=np.r_[0, 1, 3, 2, 4:20]), [
            "Epoch 0: the same 20 items in another order, first at item 2: what is item 2 in the "
            "old one is item 3 in the new one.",
        ]),
        (lambda: batches(5, order=np.arange(ITEMS)[::-1]), [
            "Epoch 0: the same 20 items in another order, first at item 0: what is item 0 in the "
            "old one is item 19 in the new one.",
            "Epoch 0: the batches have other sizes: 2 batches of 8 and 1 of 4 in the old one, 4 "
            "batches of 5 in the new one.",
        ]),
        (changed(lambda x, y: (x, y.astype(np.float32))), [
            "Epoch 0, element 0: [1]: dtype int64 in the old one, float32 in the new one.",
        ]),
        (changed(lambda x, y: (x.transpose(0, 2, 1), y)), [
            "Epoch 0, element 0: [0]: shape (8, 3, 2) in the old one, (8, 2, 3) in the new one.",
        ]),
        (changed(lambda x, y: (x, y + (y == 10))), [
            "Epoch 0, element 1: [1]: 1 of 8 values differ, the first at [2]: 10 in the old one, "
            "11 in the new one; the largest difference is 1.",
            "[1]: the largest difference is 1, the mean over all 40 values 0.05.",
        ]),
        (changed(lambda x, y: {"image": x, "label": y}), [
            "Epoch 0, element 0: a tuple of 2 in the old one, a dict with the keys 'image', "
            "'label' in the new one.",
        ]),
        (changed(lambda x, y: (x, y, y)), [
            "Epoch 0, element 0: a tuple of 2 in the old one, a tuple of 3 in the new one.",
        ]),
        (changed(lambda x, y: x), [
            "Epoch 0, element 0: a tuple of 2 in the old one, one tensor of shape (8, 3, 2) in the "
            "new one.",
        ]),
        (changed(lambda x, y: ((x, x), y)), [
            "Epoch 0, element 0: [0]: one tensor of shape (8, 3, 2) in the old one, a tuple of 2 "
            "in the new one.",
        ]),
        (changed(lambda x, y: (x, None)), [
            "Epoch 0, element 0: [1]: dtype int64 in the old one, None in the new one.",
            "Epoch 0, element 0: [1]: shape (8,) in the old one, () in the new one.",
        ]),
    ],
)  # fmt: skip
def test_differences_in_words(new, expected):
    result = parity(batches, new)
    assert repr(result).splitlines() == ["Not the same:", *expected]
    assert not result


def test_more_and_other_elements():
    other = [*itertools.starmap(lambda x, y: (x + np.uint8(1), y), batches(5))]
    assert lines(batches, other) == [
        "Not the same:",
        "Epoch 0, element 0: [0]: shape (8, 3, 2) in the old one, (5, 3, 2) in the new one.",
        "Epoch 0, element 0: [1]: shape (8,) in the old one, (5,) in the new one.",
        "Epoch 0: 3 elements in the old one, 4 in the new one.",
    ]


def test_a_cast_does_not_hide_what_else_differs():
    cast = lambda: ((x, y.astype(np.int32)) for x, y in batches(5))  # noqa: E731
    assert lines(batches, cast)[1:] == [
        "Epoch 0, element 0: [1]: dtype int64 in the old one, int32 in the new one.",
        "Epoch 0: the same 20 items in other batches: 2 batches of 8 and 1 of 4 in the old one, 4 "
        "batches of 5 in the new one.",
    ]


def test_labels_that_lost_their_images():
    apart = changed(lambda x, y: (x, y[::-1]))
    result = parity(batches, apart)
    assert [(each.kind, each.place, each.element) for each in result.differences] == [
        ("values", "[1]", 0)
    ]


def test_differences_of_later_epochs():
    passes = itertools.count()

    def later():
        shift = int(next(passes) == 1)
        return ((x, y + shift * (y == 19)) for x, y in batches())

    result = parity(batches, later, epochs=3)
    assert result.differences[0] == Difference(
        "values",
        "1 of 4 values differ, the first at [3]: 19 in the old one, 20 in the new one; the largest "
        "difference is 1",
        epoch=1,
        element=2,
        place="[1]",
    )
    assert str(result.differences[1]) == (
        "From epoch to epoch the old one repeats itself, the new one changes its elements."
    )


def test_many_differences_are_cut():
    many = {f"part {n}": np.zeros(2) for n in range(12)}
    other = {name: value + 1 for name, value in many.items()}
    shown = lines([many], [other])
    assert len([line for line in shown if line.startswith("Epoch")]) == 7
    assert "And 5 more." in shown


# From epoch to epoch


def test_one_repeats_and_the_other_changes():
    assert lines(reshuffled(), batches)[2] == (
        "From epoch to epoch the old one changes its order, the new one repeats itself."
    )
    fixed = tf.data.Dataset.range(20).shuffle(20, seed=1, reshuffle_each_iteration=False)
    anew = tf.data.Dataset.range(20).shuffle(20, seed=1, reshuffle_each_iteration=True)
    assert lines(anew, fixed)[-1] == (
        "From epoch to epoch the old one changes its order, the new one repeats itself."
    )
    assert lines(anew, anew.batch(4), epochs=2)[0] == "Not the same:"


def test_both_change_each_in_its_own_way():
    assert lines(reshuffled(1), reshuffled(2))[2] == (
        "Both change their order from epoch to epoch: ordered=False accepts that it is another."
    )


@pytest.mark.parametrize("swapped", [False, True])
def test_an_epoch_behind(swapped):
    pair = [Photos(), wrapped(Photos(), first=False)][:: -1 if swapped else 1]
    late, early = ("old", "new") if swapped else ("new", "old")
    assert lines(*pair)[2] == (
        f"The {late} one is an epoch behind: its epoch 1 is epoch 0 of the {early} one. fit calls "
        "a PyDataset's on_epoch_end once before the first epoch, too, and so does parity."
    )


def test_an_epoch_behind_without_a_py_dataset():
    late = reshuffled()
    late()
    late_line = "The old one is an epoch behind: its epoch 1 is epoch 0 of the new one."
    assert lines(reshuffled(), late)[2] == late_line


def test_other_batches_of_one_order_are_no_other_order():
    def rebatched():
        return (each for each in batches(5, order=numbers.permutation(ITEMS)))

    numbers = np.random.default_rng(0)
    assert lines(reshuffled(), rebatched)[1:] == [
        "Epoch 0: the same 20 items in other batches: 2 batches of 8 and 1 of 4 in the old one, 4 "
        "batches of 5 in the new one.",
    ]


# In any order


def test_any_order_is_accepted():
    both = "Same: 2 epochs of 3 elements, in any order, which changes from epoch to epoch in both."
    assert lines(reshuffled(1), reshuffled(2), ordered=False) == [both]
    reverse = list(batches())[::-1]
    assert lines(batches, reverse, ordered=False) == [
        "Same: 2 epochs of 3 elements, in any order, which repeats in both."
    ]
    assert lines(batches, reshuffled(), ordered=False) == [
        "Same: 2 epochs of 3 elements, in any order. From epoch to epoch the old one repeats "
        "itself, the new one changes its order."
    ]


def test_a_lost_reshuffle_is_a_difference_in_any_order():
    assert lines(reshuffled(), batches, ordered=False) == [
        "Not the same:",
        "From epoch to epoch the old one changes its order, the new one repeats itself.",
    ]


def test_other_elements_are_a_difference_in_any_order():
    other = [*itertools.starmap(lambda x, y: (x, y + (y == 10) * 90), batches())][::-1]
    assert lines(batches, other, ordered=False) == [
        "Not the same:",
        "Epoch 0: 1 item of the old one's 20 is not in the new one, first item 10; 1 of the new "
        "one's 20 is not in the old one.",
    ]
    twice = [(IMAGES[:2], np.array([0, 0]))]
    once = [(IMAGES[:2], np.array([0, 1]))]
    assert "1 item" in lines(twice, once, ordered=False)[1]
    assert lines(batches, lambda: batches(5), ordered=False)[1].startswith(
        "Epoch 0: the same 20 items in other batches"
    )
    assert lines(batches, lambda: [*batches()][:2], ordered=False)[1].endswith("leaves it out.")
    cast = [(x, y.astype(np.int32)) for x, y in batches()][::-1]
    assert lines(batches, cast, ordered=False)[1:] == [
        "Epoch 0, element 0: [1]: dtype int64 in the old one, int32 in the new one."
    ]


# Values


def test_within_a_tolerance():
    shifted = [(x.astype(np.float32) + 0.25, y) for x, y in batches()]
    plain = [(x.astype(np.float32), y) for x, y in batches()]
    gap = "[0]: the largest difference is 0.25, the mean over all 240 values 0.25."
    result = parity(plain, shifted, tolerance=0.25)
    assert repr(result).splitlines() == [
        "Same within 0.25: 2 epochs of 3 elements, in the same order, which repeats in both.",
        gap,
    ]
    assert result.same
    assert result.gaps["[0]"].largest == 0.25
    assert result.gaps["[0]"].mean == 0.25
    below = parity(plain, shifted, tolerance=0.2)
    assert not below
    assert repr(below).splitlines()[-1] == gap


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        (np.nan, -np.nan, None),
        (np.inf, np.inf, None),
        (0.0, -0.0, "0.0 in the old one, -0.0 in the new one"),
        (1.0, np.nan, "1.0 in the old one, nan in the new one"),
        (np.inf, -np.inf, "inf in the old one, -inf in the new one"),
        (np.uint8(0), np.uint8(255), "0 in the old one, 255 in the new one"),
        (np.complex64(1j), np.complex64(2j), "1j in the old one, 2j in the new one"),
        (np.int64(2**63 - 1), np.int64(2**63 - 2), None.__class__),
        (True, False, "True in the old one, False in the new one"),
        ("a", "b", "b'a' in the old one, b'b' in the new one"),
        (np.array(["a", "b"]), np.array(["a", "ab"]), "1 of 2 values differ, the first at [1]: "
         "b'b' in the old one, b'ab' in the new one"),
    ],
)  # fmt: skip
def test_values(old, new, found):
    result = parity([old], [new])
    if found is None:
        assert result
        return
    values = [each.what for each in result.differences if each.kind == "values"]
    assert len(values) == 1
    if isinstance(found, str):
        assert values == [found]


def test_largest_differences_are_exact():
    pairs = [(2**63 - 1, -(2**63)), (2**53, 2**53 + 1)]
    for old, new in pairs:
        result = parity([np.array([old])], [np.array([new])])
        assert result.gaps[""].largest == float(abs(old - new))
    result = parity([np.array([np.nan])], [np.array([1.0])], tolerance=5)
    assert not result
    assert result.gaps[""].largest == np.inf


def test_alike_to_a_dataset():
    sample = namedtuple("Sample", "image label")
    old = [[IMAGES[0], 3, "é", 0.5]]
    new = [(IMAGES[0], np.int32(3), "é".encode(), np.float32(0.5))]
    assert lines(old, new, epochs=1) == [
        "Same: 1 epoch of 1 element, in the same order.",
        "The same to a dataset: a list in the old one, a tuple in the new one.",
        "The same to a dataset: Python's int in the old one, int32 in the new one.",
        "The same to a dataset: text in the old one, bytes in the new one.",
        "The same to a dataset: Python's float in the old one, float32 in the new one.",
    ]
    named = [sample(IMAGES[0], 3)]
    assert lines(named, [(IMAGES[0], 3)], epochs=1)[1:] == [
        "The same to a dataset: a named tuple Sample in the old one, a tuple in the new one."
    ]
    for own, value in (
        (True, np.True_),
        (2.0, tf.bfloat16.as_numpy_dtype(2)),
        (1j, np.complex64(1j)),
    ):
        assert parity([own], [value])
    for own, value in ((True, 1), (2, 2.0), (1, np.float32(1)), ("1", 1)):
        assert [each.kind for each in parity([own], [value]).differences][:1] == ["dtype"]
    through = tf.data.Dataset.from_tensors((IMAGES[0], 3, "é", 0.5))
    assert parity(old, through)


def test_a_number_that_its_dtype_rounds_is_another():
    assert lines([0.1], [np.float32(0.1)], epochs=1)[1].startswith(
        "Epoch 0, element 0: 0.1 in the old one, 0.10000000149011612 in the new one"
    )


@pytest.mark.parametrize(
    "element",
    [
        {"b": 1, "a": (np.zeros((2, 0)), None)},
        [[1, 2], [3, 4]],
        np.array([1, 2], dtype=object),
        np.array([1.5, 2.5], dtype=">f4"),
        np.zeros(3, dtype=tf.bfloat16.as_numpy_dtype),
        tf.ragged.constant([[1, 2], [3]]),
        tf.sparse.from_dense([[0, 1], [2, 0]]),
        tf.Variable([1.0, 2.0]),
        (),
        {},
        (np.zeros(0),),
    ],
    ids=repr,
)
def test_elements_of_every_kind(element):
    assert parity([element], [element])


def test_ragged_and_sparse_tensors_are_compared():
    ragged = tf.data.Dataset.from_tensors(tf.ragged.constant([[1, 2], [3]]))
    other = tf.data.Dataset.from_tensors(tf.ragged.constant([[1], [2, 3]]))
    assert parity(ragged, ragged)
    assert lines(ragged, other, epochs=1)[1] == (
        "Epoch 0, element 0: .row_splits[0]: 1 of 3 values differ, the first at [1]: 2 in the old "
        "one, 1 in the new one; the largest difference is 1."
    )
    dense = tf.data.Dataset.from_tensors(np.array([1, 2, 3]))
    assert lines(ragged, dense, epochs=1)[1] == (
        "Epoch 0, element 0: a ragged tensor in the old one, one tensor of shape (3,) in the new "
        "one."
    )


# What can't be compared


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (batches(), "The new one is a generator, which gives its elements once, and each epoch "
         f"needs them anew. {CURE}"),
        (iter([1]), "The new one is a list_iterator, which gives its elements once, and each epoch "
         f"needs them anew. {CURE}"),
        ({"x": [1]}, f"The new one is a dict with the keys 'x'. {CURE}"),
        ({1}, f"The new one is a set of 1. {CURE}"),
        ("photos", f"The new one is 'photos'. {CURE}"),
        (3, f"The new one is 3. {CURE}"),
        (None, f"The new one is None. {CURE}"),
        (lambda: None, "The function, the new one, returned None, which can't be iterated. Has it "
         "lost its `yield` or its `return`?"),
        (lambda: 3, "The function, the new one, returned 3, which can't be iterated."),
        (lambda: [object()], "Epoch 0, element 0 of the new one can't be compared: it is an "
         "object, of which no tensor can be made."),
        (lambda: [(1, np.zeros(1, "M8[D]"))], "Epoch 0, element 0 of the new one can't "
         "be compared: [1] is an array of shape (1,) and dtype datetime64[D], of which no tensor "
         "of numbers or text can be made."),
        (lambda: [[[1], [2, 3]]], "Epoch 0, element 0 of the new one can't be compared: it is a "
         "list of 2, of which no tensor of numbers or text can be made."),
    ],
)  # fmt: skip
def test_what_is_refused(given, sentence):
    with pytest.raises(TypeError) as caught:
        parity(lambda: [1], given)
    assert str(caught.value) == sentence


def test_a_dataset_s_own_iterator_is_refused():
    for spent in (iter(wrapped(Ordered())), wrapped(Ordered()).as_numpy_iterator()):
        with pytest.raises(TypeError, match=r"^The old one is .*, which gives its elements once"):
            parity(spent, batches)


def test_a_function_that_returns_one_generator_for_all_epochs():
    generator = batches()
    sentence = (
        "The function, the new one, returned the same generator for two epochs, and it gives its "
        "elements once. Make a fresh one in the function."
    )
    with pytest.raises(TypeError) as caught:
        parity(batches, lambda: generator)
    assert str(caught.value) == sentence


def test_nothing_is_no_proof():
    with pytest.raises(ValueError, match=r"^Neither the old one nor the new one gave an element in "
                       r"epoch 0, so there is nothing to compare\."):  # fmt: skip
        parity([], [])


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"epochs": 0}, "epochs must be 1 or more, found 0"),
        ({"limit": 0}, "limit must be 1 or more, found 0"),
        ({"tolerance": -1}, "tolerance must be a number, 0 or more, found -1"),
        ({"tolerance": np.nan}, "tolerance must be a number, 0 or more, found nan"),
        ({"tolerance": np.inf}, "tolerance must be a number, 0 or more, found inf"),
        ({"tolerance": 1, "ordered": False}, "tolerance= compares what stands at the same place, "
         "and ordered=False knows no places. Give one of the two."),
    ],
)  # fmt: skip
def test_arguments_out_of_range(options, sentence):
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        parity(batches, batches, **options)


@pytest.mark.parametrize("tolerance", ["1", None, True, [0]])
def test_a_tolerance_that_is_no_number(tolerance):
    with pytest.raises(TypeError, match=r"^tolerance must be a number, 0 or more, found "):
        parity(batches, batches, tolerance=tolerance)


class Torn(Photos):
    def __getitem__(self, at):
        if at == 2:
            raise OSError("no such photo")
        return super().__getitem__(at)


def torn():
    yield from itertools.islice(batches(), 2)
    raise OSError("no such photo")


@pytest.mark.parametrize(
    ("source", "error"),
    [
        (torn, OSError),
        (Torn(), OSError),
        (lambda: Torn(), OSError),
        (wrapped(Torn()), tf.errors.UnknownError),
    ],
)
@pytest.mark.parametrize("place", ["old", "new"])
def test_an_exception_passes_with_a_note(source, error, place):
    pair = (source, batches) if place == "old" else (batches, source)
    with pytest.raises(error, match="no such photo") as caught:
        parity(*pair)
    notes = [f"while parity drew element 2 of epoch 0 from the {place} one"]
    assert caught.value.__notes__ == notes


def test_exceptions_elsewhere_have_notes_too():
    class Late(Photos):
        def on_epoch_end(self):
            if "begin" in self.log:
                raise OSError("full")

    with pytest.raises(OSError, match="full") as caught:
        parity(batches, Late())
    assert caught.value.__notes__ == [
        "while parity called on_epoch_end of the new one after epoch 0"
    ]
    with pytest.raises(ZeroDivisionError) as caught:
        parity(batches, lambda: 1 / 0)
    assert caught.value.__notes__ == ["while parity called the new one, a function"]


# What is kept, and what is left


def test_elements_are_not_kept():
    class Block(np.ndarray):
        """An array that can be referred to weakly."""

    made, alive = [], []

    def blocks():
        for number in range(50):
            block = np.full((4, 4), number).view(Block)
            made.append(weakref.ref(block))
            alive.append(sum(each() is not None for each in made))
            yield block
            del block

    assert parity(blocks, blocks)
    assert len(made) == 2 * 2 * 50
    assert max(alive) == 2


def test_hashes_are_all_that_is_kept():
    def blocks():
        for number in range(24):
            yield np.full((4, 16, 1024), number)  # 0.5 MiB

    blocks_at_once = 12  # both elements, and what is made of them on the way
    tracemalloc.start()
    try:
        assert parity(blocks, blocks, epochs=1)
        assert not parity(blocks, lambda: (block + 1 for block in blocks()), epochs=1)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < blocks_at_once * 2**19


def test_generators_are_closed():
    closed = []

    def watched(name, source):
        def generate():
            try:
                yield from source()
            finally:
                closed.append(name)

        return generate

    parity(watched("a", batches), watched("b", endless))
    assert sorted(closed) == ["a", "b"]
    closed.clear()
    with pytest.raises(OSError, match="no such photo"):
        parity(watched("a", endless), watched("b", torn))
    assert sorted(closed) == ["a", "b"]


def test_no_thread_is_left():
    parity(batches, wrapped(Ordered()))
    before = threading.active_count()
    for _ in range(3):
        parity(Photos(workers=2), wrapped(Photos()).prefetch(2))
        parity(batches, wrapped(Ordered()).repeat(), epochs=1)
    gc.collect()
    assert threading.active_count() <= before


def test_tensorflow_and_keras_are_not_imported(python):
    code = (
        "import sys; from course_utils.measuring.parity import parity\n"
        "print(parity([1, 2], lambda: iter([1, 2])))\n"
        "print([name for name in ('tensorflow', 'keras') if name in sys.modules])"
    )
    same = "Same: 2 epochs of 2 elements, in the same order, which repeats in both."
    assert python(code).splitlines() == [same, "[]"]


# For all elements

NUMBERS = arrays.arrays(
    st.sampled_from([np.uint8, np.int64, np.float32, np.float64, bool]),
    arrays.array_shapes(min_dims=0, max_dims=3, max_side=3),
)
ELEMENTS = st.recursive(
    NUMBERS | st.integers(-(2**31), 2**31) | st.text(max_size=3) | st.none(),
    lambda inner: st.tuples(inner, inner) | st.dictionaries(st.text(max_size=2), inner, max_size=2),
    max_leaves=4,
)
WITHOUT_LIMIT = settings(deadline=None, max_examples=50)


@WITHOUT_LIMIT
@given(st.lists(ELEMENTS, min_size=1, max_size=5))
def test_whatever_is_given_is_the_same_as_itself(elements):
    result = parity(elements, lambda: iter(elements))
    assert result.same
    assert result.counts == ((len(elements),) * 2,) * 2
    assert parity(elements, elements[::-1], ordered=False).same


@WITHOUT_LIMIT
@given(st.permutations(range(6)))
def test_another_order_is_told_with_its_first_place(order):
    result = parity(range(6), [*order])
    wrong = [place for place, number in enumerate(order) if place != number]
    assert result.same == (not wrong)
    if wrong:
        what = result.differences[0].what
        assert f"first at element {wrong[0]}: what is element {wrong[0]} in the old one" in what
        assert f"is element {order.index(wrong[0])} in the new one" in what


@WITHOUT_LIMIT
@given(st.integers(1, 12), st.integers(1, 12), st.integers(1, 12))
def test_batches_of_any_two_sizes(items, size, other):
    rows = np.arange(items)

    def split(size):
        return [rows[at : at + size] for at in range(0, items, size)]

    result = parity(split(size), split(other))
    sizes = [[len(batch) for batch in split(each)] for each in (size, other)]
    assert result.same == (sizes[0] == sizes[1])
    assert [each.kind for each in result.differences] == ["batches"] * (not result.same)


@WITHOUT_LIMIT
@given(st.data())
def test_one_changed_value_is_found(data):
    batch = st.tuples(st.just(np.int64), st.just((3, 2)))
    elements = data.draw(st.lists(batch.flatmap(lambda at: arrays.arrays(*at)), min_size=1))
    at = data.draw(st.integers(0, len(elements) - 1))
    place = data.draw(st.tuples(st.integers(0, 2), st.integers(0, 1)))
    changed = [element.copy() for element in elements]
    changed[at][place] ^= data.draw(st.integers(1, 2**62))
    result = parity(elements, changed, epochs=1)
    assert not result.same
    old, new = (int(each[at][place]) for each in (elements, changed))
    if result.differences[0].kind == "values":  # else the change made another order of it
        found = result.differences[0]
        assert (found.epoch, found.element) == (0, at)
        assert f"[{place[0]}, {place[1]}]: {old} in the old one, {new} in the new" in found.what
        assert result.gaps[""].largest == float(abs(old - new))
