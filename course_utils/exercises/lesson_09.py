"""The exercises of lesson 09: a PyDataset wrapped, mapped by index, photos augmented, parity."""

from __future__ import annotations

import contextlib
import functools
import inspect
import itertools
import numbers
import random
import re
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator

import numpy as np
import tensorflow as tf

from course_utils.classroom.exercise import Exercise, Mistake, Wrong

# ------------------------------------------------------------------------------------- 09.wrap

GIVEN_THE_OBJECT = (
    "from_generator was given the sequence itself, and needs something to call at the start of "
    "each pass. Write a generator function inside of wrapped that yields `sequence[index]` for "
    "each index, and hand over its name."
)
GIVEN_A_GENERATOR = (
    "from_generator was given a generator, the result of a call, and needs something to call at "
    "the start of each pass. Hand over the function: its name, without parentheses."
)
WITH_ARGS = (
    "The sequence was handed over in `args`, and what goes through there becomes a tensor, which "
    "an object can't. A generator function inside of wrapped knows `sequence` without that."
)
LOOPS_OVER_IT = (
    "With a sequence such as ImageDataGenerator's `flow` gives, your dataset never ends: a loop "
    "over one of these begins again when it is through. Ask for its batches by index, "
    "`sequence[index]` for `index in range(len(sequence))`."
)
ENDLESS = (
    "After the last batch comes another one: the loop begins again by itself, as generators did "
    "for the `fit_generator` of old. Let the generator function end with the last batch: the "
    "dataset calls it again for the next pass."
)
DRAWN_EARLY = (
    "All batches were made while the dataset was built: they lie in memory, and no later pass has "
    "an order of its own. Ask for a batch when it is its turn, in the generator function: `yield "
    "sequence[index]`."
)
USED_UP = (
    "The second pass is empty: the generator was made once, and at the end of the first pass it "
    "is used up. Give from_generator the function that makes it, to be called for each pass."
)
SAME_ORDER = (
    "The second pass has the order of the first: nobody called `on_epoch_end`. That is what "
    "`fit` does for a sequence; for a dataset that holds one it doesn't. Your generator function "
    "must call it, in a `finally` behind the loop."
)
CALLED_BEFORE = (
    "`on_epoch_end` was called before the first batch of the first pass. `fit` does so, too; here "
    "the first pass should have the order that the sequence had. Call it at the end of a pass: in "
    "a `finally` behind the loop."
)
AFTER_THE_LOOP = (
    "A consumer took as many batches as there are and asked for no more, as `take` does, and "
    "`on_epoch_end` wasn't called: at its last `yield` your generator waits to be asked again, and "
    "what stands after the loop is never reached. Put the loop into a `try` and the call into its "
    "`finally`, which runs when the generator is closed, too."
)
NOT_WHEN_LEFT = (
    "A pass was left after two of five batches, and `on_epoch_end` wasn't called: the next pass "
    "begins with the same batches, and whoever takes two each time never sees the others. Put the "
    "loop into a `try` and the call into its `finally`, which is reached however the pass ends."
)
UNKNOWN_LENGTH = (
    "The batches are right, but how many there are is unknown: TensorFlow can't look into a "
    "generator. Promise it: `dataset.apply(tf.data.experimental.assert_cardinality("
    "len(sequence)))`."
)
PROMISED_PHOTOS = (
    "assert_cardinality promises the number of photos. An element of this dataset is a batch: "
    "promise `len(sequence)`."
)
SIGNATURE_FIXED = (
    "The signature fixes the number of photos in a batch, and the last batch may have fewer: from "
    "it from_generator would make an error. Leave the first dimension open: `(None, 32, 32, 3)` "
    "for the images, `(None,)` for the labels."
)
SIGNATURE_OPEN = (
    "The signature leaves open what is known, the size of the photos: from that, `fit` can't build "
    "a model that begins with Flatten and Dense. Only the first dimension differs from batch to "
    "batch: `(None, 32, 32, 3)`."
)
UNBATCHED = (
    "The elements are single photos. `sequence[index]` is a batch already, and so should an "
    "element be: yield it as it is."
)
LABELS_CAST = (
    "The labels arrive as {found}: the signature says so, and TensorFlow casts without a word. "
    "They are int64 in the sequence: `tf.TensorSpec((None,), tf.int64)`."
)
IN_A_LIST = (
    "TensorFlow found one tensor where the signature promises two. A list counts as a single "
    "tensor: yield a tuple, as `sequence[index]` is one."
)
KEPT = (
    "A pass gives batches without asking the sequence for them: they were kept from an earlier "
    "one, as `cache` or a list does. They fill the memory, and never come in another order. Ask "
    "for each batch when it is its turn."
)

IMAGES = tf.TensorSpec((None, 32, 32, 3), tf.uint8)
LABELS = tf.TensorSpec((None,), tf.int64)


def wrapped(sequence):
    """Return a dataset of the batches of a PyDataset, which is told the end of each pass."""

    def batches():
        try:
            for index in range(len(sequence)):
                yield sequence[index]
        finally:
            sequence.on_epoch_end()

    signature = (tf.TensorSpec((None, 32, 32, 3), tf.uint8), tf.TensorSpec((None,), tf.int64))
    dataset = tf.data.Dataset.from_generator(batches, output_signature=signature)
    return dataset.apply(tf.data.experimental.assert_cardinality(len(sequence)))


END, BEGIN = "end", "begin"  # what a sequence notes beside its indices
MOST = 100  # batches that an endless loop over a sequence gives before it is stopped


class _Photos:
    """The part of a check's PyDataset that isn't Keras's: gives batches, and notes every call."""

    def __init__(self, count: int, batch_size: int, loops: bool = False):
        super().__init__()
        self.count, self.batch_size, self.loops = count, batch_size, loops
        rng = np.random.default_rng(9)
        self.images = rng.integers(0, 256, (count, 32, 32, 3), dtype=np.uint8)
        self.labels = 2**33 + (7 * np.arange(count) + 3) % 101  # no int32 holds them
        self.ends, self.notes, self.door = 0, [], None
        self.symbolic = self.past = self.overrun = False

    def __len__(self) -> int:
        return -(-self.count // self.batch_size)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        if tf.is_tensor(index) and not hasattr(index, "numpy"):
            self.symbolic = True
            raise TypeError("the index of a batch must be a number")
        index = int(index)
        if not 0 <= index < len(self):
            self.past = True
            raise IndexError(f"there is no batch {index}: there are {len(self)}")
        self.notes.append(index)
        if self.door is not None:
            self.door(index)
        return self.batches(self.ends)[index]

    def __iter__(self) -> Iterator:
        if not self.loops:
            return super().__iter__()
        return self._for_ever()

    def _for_ever(self) -> Iterator:
        for number in range(MOST):
            yield self[number % len(self)]
        self.overrun = True
        raise OverflowError("a loop over this sequence never ends")

    def on_epoch_begin(self) -> None:
        self.notes.append(BEGIN)

    def on_epoch_end(self) -> None:
        self.notes.append(END)
        self.ends += 1

    def batches(self, ends: int) -> list[tuple[np.ndarray, np.ndarray]]:
        """All batches as they are after so many calls of `on_epoch_end`."""
        order = np.random.default_rng([self.count, ends]).permutation(self.count)
        parts = [order[n : n + self.batch_size] for n in range(0, self.count, self.batch_size)]
        return [(self.images[part], self.labels[part]) for part in parts]


@functools.cache
def _photos_class() -> type:
    """A PyDataset that gives batches as `_Photos` does."""
    import keras

    return type("Photos", (_Photos, keras.utils.PyDataset), {})


def _photos(count: int, batch_size: int, loops: bool = False) -> _Photos:
    return _photos_class()(count, batch_size, loops)


def check_wrap(answer: Callable) -> None:
    """Draw whole passes, passes that are left, and a sequence whose loop never ends."""
    photos = _photos(5, 2)
    dataset = _wrapped(answer, photos)
    for number in range(2):
        _judge_pass(dataset, photos, number)
    _judge_length(dataset, photos, "wrapped", UNKNOWN_LENGTH, PROMISED_PHOTOS)
    _judge_passes_left(answer)
    photos = _photos(10, 4, loops=True)
    _judge_pass(_wrapped(answer, photos), photos, 0)
    photos = _photos(3, 4)
    _judge_pass(_wrapped(answer, photos), photos, 0)


def _wrapped(answer: Callable, photos: _Photos) -> tf.data.Dataset:
    try:
        dataset = answer(photos)
    except TypeError as error:
        if "must be a Python callable" in str(error):
            raise Wrong(_why_not_callable(error)) from None
        raise
    except ValueError as error:
        if re.search(r"to (a )?Tensor\b", str(error)):
            raise Wrong(WITH_ARGS) from None
        raise
    except OverflowError:
        _judge_loops(photos)
        raise
    _judge_dataset(dataset, "wrapped")
    spec = dataset.element_spec
    if len(set(_indices(photos.notes))) >= 3:
        raise Wrong(DRAWN_EARLY)
    _judge_spec(spec, SIGNATURE_FIXED, SIGNATURE_OPEN, SIGNATURE_OPEN, LABELS_CAST)
    return dataset


def _why_not_callable(error: TypeError) -> str:
    """Tell what from_generator was given, which its own message doesn't say."""
    frames, given = error.__traceback__, None
    while frames is not None:
        given = frames.tb_frame.f_locals.get("generator", given)
        frames = frames.tb_next
    return GIVEN_A_GENERATOR if isinstance(given, Iterator) else GIVEN_THE_OBJECT


def _judge_dataset(dataset: object, name: str) -> None:
    if isinstance(dataset, tf.data.Dataset):
        return
    if isinstance(dataset, Iterator):
        raise Wrong(
            f"{name} gave back {_kind(dataset)}, and should return a dataset. If `yield` stands in "
            f"{name} itself, put it into a function inside."
        )
    if callable(dataset):
        raise Wrong(
            f"{name} gave back {_kind(dataset)}, and should return a dataset: give that function "
            "to tf.data.Dataset.from_generator."
        )
    forgotten = " Is `return` missing?" if dataset is None else ""
    raise Wrong(f"{name} gave back {_kind(dataset)}, and should return a dataset.{forgotten}")


def _judge_spec(spec: object, fixed: str, unknown: str, size_open: str, cast: str) -> None:
    """Compare what the elements are described as with what they should be."""
    pair = isinstance(spec, tuple) and len(spec) == 2
    if not pair or not all(isinstance(part, tf.TensorSpec) for part in spec):
        raise Wrong(_other_spec(spec))
    images, labels = spec
    if images.shape.rank == 3 and labels.shape.rank == 0:
        raise Wrong(UNBATCHED)
    if labels.dtype.is_integer and labels.dtype != tf.int64 and images.dtype == tf.uint8:
        raise Wrong(cast.format(found=labels.dtype.name))
    if (images.dtype, labels.dtype) != (tf.uint8, tf.int64):
        raise Wrong(_other_spec(spec))
    if images.shape.rank is None or labels.shape.rank is None:
        raise Wrong(unknown)
    if images.shape.rank != 4 or labels.shape.rank != 1:
        raise Wrong(_other_spec(spec))
    if images.shape[0] is not None or labels.shape[0] is not None:
        raise Wrong(fixed)
    if None in tuple(images.shape[1:]):
        raise Wrong(size_open)
    if tuple(images.shape[1:]) != (32, 32, 3):
        raise Wrong(_other_spec(spec))


def _other_spec(spec: object) -> str:
    return (
        f"The elements are described as\n{_described(spec)}\n"
        f"They should be pairs of images and labels:\n{_described((IMAGES, LABELS))}"
    )


def _described(spec: object) -> str:
    return ", ".join(str(part).replace(", name=None", "") for part in tf.nest.flatten(spec))


def _drawn(dataset: Iterable, photos: _Photos, most: int) -> tuple[list, bool]:
    """Draw at most so many batches; return them, and whether the promised length was kept."""
    drawn = []
    try:
        for element in itertools.islice(dataset, most):
            drawn.append(element)
    except tf.errors.FailedPreconditionError:
        return drawn, False
    except tf.errors.OpError as error:
        _judge_an_error(str(error), photos)
        raise
    return drawn, True


def _judge_an_error(told: str, photos: _Photos) -> None:
    """Tell what an error in the dataset means, where it is known."""
    _judge_loops(photos)
    if photos.symbolic:
        raise Wrong(SYMBOLIC) from None
    if photos.past:
        raise Wrong(PAST_THE_END) from None
    if "did not match the expected structure" in told and "yielded element was [" in told:
        raise Wrong(IN_A_LIST) from None
    if "required positional argument" in told:
        raise Wrong(
            "TensorFlow calls your function without arguments, and it wants one. What it must know "
            "it finds around it: define it inside, where `sequence` is known."
        ) from None


def _judge_loops(photos: _Photos) -> None:
    if photos.overrun:
        raise Wrong(LOOPS_OVER_IT) from None


def _judge_pass(dataset: tf.data.Dataset, photos: _Photos, number: int) -> None:
    """Draw a whole pass; look at the batches, and at what the sequence was asked for."""
    begun, most = len(photos.notes), len(photos) + 2
    drawn, kept = _drawn(dataset, photos, most)
    if len(drawn) == most or (len(drawn) == len(photos) and not kept):
        if photos.loops:
            raise Wrong(LOOPS_OVER_IT)
        if int(dataset.cardinality()) != -2 and number == 0 and len(drawn) < most:
            _judge_promise(dataset, photos, drawn)
        raise Wrong(ENDLESS)
    if number and not drawn:
        raise Wrong(USED_UP)
    if not kept:
        _judge_promise(dataset, photos, drawn)
    _judge_ends(photos, begun, number, SAME_ORDER)
    _judge_batches(drawn, photos, photos.batches(number), f"In its {RANKS[number]} pass")
    _judge_indices(photos, begun, len(photos))


def _judge_promise(dataset: tf.data.Dataset, photos: _Photos, drawn: list) -> None:
    promised = int(dataset.cardinality())
    if promised == photos.count:
        raise Wrong(PROMISED_PHOTOS)
    if promised != len(photos) or len(drawn) < len(photos):
        raise Wrong(
            f"assert_cardinality promises {promised} batches, and a pass has {len(drawn)}. The "
            f"sequence has {len(photos)}, which is `len(sequence)`, each to be given once."
        )


RANKS = ("first", "second", "third")


def _indices(notes: list) -> list[int]:
    return [each for each in notes if isinstance(each, int)]


def _judge_ends(photos: _Photos, begun: int, number: int, missing: str) -> None:
    """Look how often `on_epoch_end` was called before the first batch of a pass, and within it."""
    asked = [at for at, note in enumerate(photos.notes) if at >= begun and isinstance(note, int)]
    if not asked and number:
        raise Wrong(KEPT)
    if not asked:
        return
    ends = photos.notes[: asked[0]].count(END)
    if ends < number:
        raise Wrong(missing)
    if ends > number == 0:
        raise Wrong(CALLED_BEFORE)
    if ends > number:
        raise Wrong(
            f"Before the {RANKS[number]} pass `on_epoch_end` had been called {_times(ends)}. Once "
            "after each pass is enough: each call makes another order."
        )
    # The last batch may be there when the end is noted: it is handed over behind it.
    if END in photos.notes[asked[0] : asked[min(len(photos), len(asked)) - 1]]:
        raise Wrong(
            "`on_epoch_end` was called in the middle of a pass, so what is left of it comes in "
            "another order: some photos twice, others not at all. Call it when the pass is over."
        )


def _judge_batches(drawn: list, photos: _Photos, expected: list, when: str) -> None:
    labels = [_numbers(batch[1]) for batch in drawn]
    right = [_numbers(batch[1]) for batch in expected]
    if labels != right:
        less = [[label - 2**33 for label in each] for each in (*labels, *right)]
        yours, wanted = less[: len(labels)], less[len(labels) :]
        raise Wrong(
            f"{when} your dataset should give batches with the labels 2**33 + {_some(wanted)}. "
            f"Yours are 2**33 + {_some(yours)}."
        )
    for (images, _), (others, _) in zip(drawn, expected):
        if not np.array_equal(images, others):
            raise Wrong(f"{when} the labels are right, but some images aren't those of the batch.")


def _numbers(labels: object) -> list[int]:
    return np.asarray(labels).tolist()


def _judge_indices(photos: _Photos, begun: int, count: int) -> None:
    asked = _indices(photos.notes[begun:])
    if asked != list(range(count)):
        raise Wrong(
            f"In one pass the sequence was asked for the batches {_some(asked)}. Ask for each "
            f"once, in order: {_some(range(count))}."
        )


def _judge_length(
    dataset: tf.data.Dataset, photos: _Photos, name: str, unknown: str, of_photos: str
) -> None:
    length = int(dataset.cardinality())
    if length == -2:
        raise Wrong(unknown)
    if length == photos.count:
        raise Wrong(of_photos)
    if length != len(photos):
        raise Wrong(
            f"The dataset of {name} has a length of {length}, and should have one of "
            f"{len(photos)}: the number of batches."
        )


def _judge_passes_left(answer: Callable) -> None:
    """Take all batches without asking for another one, then two of them, then all again."""
    photos = _photos(9, 2)
    dataset = _wrapped(answer, photos)
    missing = (SAME_ORDER, AFTER_THE_LOOP, NOT_WHEN_LEFT)
    for number, count in enumerate((5, 2, 5)):
        begun = len(photos.notes)
        drawn = _taken(dataset, photos, count, number)
        _judge_ends(photos, begun, number, missing[number])
        _judge_batches(drawn, photos, photos.batches(number)[:count], "Of a pass that was left")


def _taken(dataset: tf.data.Dataset, photos: _Photos, count: int, number: int) -> list:
    """Draw so many batches and let go, without asking for another one."""
    iterator = iter(dataset.take(count))
    drawn, _ = _drawn(iterator, photos, count)
    # Where something reads ahead, the end may be reached all the same.
    _until(lambda: photos.ends > number, 0.05)
    del iterator
    _until(lambda: photos.ends > number, 0.2)
    return drawn


def _until(condition: Callable[[], bool], seconds: float) -> bool:
    limit = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > limit:
            return False
        time.sleep(0.002)
    return True


def _gives_the_sequence(sequence):
    signature = (tf.TensorSpec((None, 32, 32, 3), tf.uint8), tf.TensorSpec((None,), tf.int64))
    dataset = tf.data.Dataset.from_generator(sequence, output_signature=signature)
    return dataset.apply(tf.data.experimental.assert_cardinality(len(sequence)))


def _gives_a_generator(sequence):
    def batches():
        try:
            for index in range(len(sequence)):
                yield sequence[index]
        finally:
            sequence.on_epoch_end()

    signature = (tf.TensorSpec((None, 32, 32, 3), tf.uint8), tf.TensorSpec((None,), tf.int64))
    dataset = tf.data.Dataset.from_generator(batches(), output_signature=signature)
    return dataset.apply(tf.data.experimental.assert_cardinality(len(sequence)))


def _hands_it_over(sequence):
    def batches(sequence):
        try:
            for index in range(len(sequence)):
                yield sequence[index]
        finally:
            sequence.on_epoch_end()

    signature = (tf.TensorSpec((None, 32, 32, 3), tf.uint8), tf.TensorSpec((None,), tf.int64))
    dataset = tf.data.Dataset.from_generator(batches, args=(sequence,), output_signature=signature)
    return dataset.apply(tf.data.experimental.assert_cardinality(len(sequence)))


def _loops_over_it(sequence):
    def batches():
        try:
            for batch in sequence:  # noqa: UP028 a loop, as a learner writes it
                yield batch
        finally:
            sequence.on_epoch_end()

    signature = (tf.TensorSpec((None, 32, 32, 3), tf.uint8), tf.TensorSpec((None,), tf.int64))
    dataset = tf.data.Dataset.from_generator(batches, output_signature=signature)
    return dataset.apply(tf.data.experimental.assert_cardinality(len(sequence)))


def _goes_on_for_ever(sequence):
    def batches():
        while True:
            for index in range(len(sequence)):
                yield sequence[index]
            sequence.on_epoch_end()

    signature = (tf.TensorSpec((None, 32, 32, 3), tf.uint8), tf.TensorSpec((None,), tf.int64))
    dataset = tf.data.Dataset.from_generator(batches, output_signature=signature)
    return dataset.apply(tf.data.experimental.assert_cardinality(len(sequence)))


def _makes_all_batches(sequence):
    batches = [sequence[index] for index in range(len(sequence))]
    signature = (tf.TensorSpec((None, 32, 32, 3), tf.uint8), tf.TensorSpec((None,), tf.int64))
    dataset = tf.data.Dataset.from_generator(lambda: batches, output_signature=signature)
    return dataset.apply(tf.data.experimental.assert_cardinality(len(sequence)))


def _makes_one_generator(sequence):
    batches = (sequence[index] for index in range(len(sequence)))
    signature = (tf.TensorSpec((None, 32, 32, 3), tf.uint8), tf.TensorSpec((None,), tf.int64))
    dataset = tf.data.Dataset.from_generator(lambda: batches, output_signature=signature)
    return dataset.apply(tf.data.experimental.assert_cardinality(len(sequence)))


def _never_ends_a_pass(sequence):
    def batches():
        for index in range(len(sequence)):
            yield sequence[index]

    signature = (tf.TensorSpec((None, 32, 32, 3), tf.uint8), tf.TensorSpec((None,), tf.int64))
    dataset = tf.data.Dataset.from_generator(batches, output_signature=signature)
    return dataset.apply(tf.data.experimental.assert_cardinality(len(sequence)))


def _begins_with_the_end(sequence):
    def batches():
        sequence.on_epoch_end()
        for index in range(len(sequence)):
            yield sequence[index]

    signature = (tf.TensorSpec((None, 32, 32, 3), tf.uint8), tf.TensorSpec((None,), tf.int64))
    dataset = tf.data.Dataset.from_generator(batches, output_signature=signature)
    return dataset.apply(tf.data.experimental.assert_cardinality(len(sequence)))


def _calls_it_after_the_loop(sequence):
    def batches():
        for index in range(len(sequence)):
            yield sequence[index]
        sequence.on_epoch_end()

    signature = (tf.TensorSpec((None, 32, 32, 3), tf.uint8), tf.TensorSpec((None,), tf.int64))
    dataset = tf.data.Dataset.from_generator(batches, output_signature=signature)
    return dataset.apply(tf.data.experimental.assert_cardinality(len(sequence)))


def _calls_it_with_the_last(sequence):
    def batches():
        for index in range(len(sequence)):
            batch = sequence[index]
            if index == len(sequence) - 1:
                sequence.on_epoch_end()
            yield batch

    signature = (tf.TensorSpec((None, 32, 32, 3), tf.uint8), tf.TensorSpec((None,), tf.int64))
    dataset = tf.data.Dataset.from_generator(batches, output_signature=signature)
    return dataset.apply(tf.data.experimental.assert_cardinality(len(sequence)))


def _promises_nothing(sequence):
    def batches():
        try:
            for index in range(len(sequence)):
                yield sequence[index]
        finally:
            sequence.on_epoch_end()

    signature = (tf.TensorSpec((None, 32, 32, 3), tf.uint8), tf.TensorSpec((None,), tf.int64))
    return tf.data.Dataset.from_generator(batches, output_signature=signature)


def _promises_photos(sequence):
    def batches():
        try:
            for index in range(len(sequence)):
                yield sequence[index]
        finally:
            sequence.on_epoch_end()

    count = sum(len(sequence[index][1]) for index in (0, len(sequence) - 1))
    count += (len(sequence) - 2) * len(sequence[0][1])
    signature = (tf.TensorSpec((None, 32, 32, 3), tf.uint8), tf.TensorSpec((None,), tf.int64))
    dataset = tf.data.Dataset.from_generator(batches, output_signature=signature)
    return dataset.apply(tf.data.experimental.assert_cardinality(count))


def _fixes_the_batch_size(sequence):
    def batches():
        try:
            for index in range(len(sequence)):
                yield sequence[index]
        finally:
            sequence.on_epoch_end()

    images, labels = sequence[0]
    signature = (tf.TensorSpec(images.shape, tf.uint8), tf.TensorSpec(labels.shape, tf.int64))
    dataset = tf.data.Dataset.from_generator(batches, output_signature=signature)
    return dataset.apply(tf.data.experimental.assert_cardinality(len(sequence)))


def _leaves_the_size_open(sequence):
    def batches():
        try:
            for index in range(len(sequence)):
                yield sequence[index]
        finally:
            sequence.on_epoch_end()

    dataset = tf.data.Dataset.from_generator(batches, output_types=(tf.uint8, tf.int64))
    return dataset.apply(tf.data.experimental.assert_cardinality(len(sequence)))


def _takes_them_apart(sequence):
    def photos():
        try:
            for index in range(len(sequence)):
                yield from zip(*sequence[index])
        finally:
            sequence.on_epoch_end()

    signature = (tf.TensorSpec((32, 32, 3), tf.uint8), tf.TensorSpec((), tf.int64))
    dataset = tf.data.Dataset.from_generator(photos, output_signature=signature)
    return dataset.apply(tf.data.experimental.assert_cardinality(len(sequence)))


def _says_int32(sequence):
    def batches():
        try:
            for index in range(len(sequence)):
                yield sequence[index]
        finally:
            sequence.on_epoch_end()

    signature = (tf.TensorSpec((None, 32, 32, 3), tf.uint8), tf.TensorSpec((None,), tf.int32))
    dataset = tf.data.Dataset.from_generator(batches, output_signature=signature)
    return dataset.apply(tf.data.experimental.assert_cardinality(len(sequence)))


def _yields_lists(sequence):
    def batches():
        try:
            for index in range(len(sequence)):
                images, labels = sequence[index]
                yield [images, labels]
        finally:
            sequence.on_epoch_end()

    signature = (tf.TensorSpec((None, 32, 32, 3), tf.uint8), tf.TensorSpec((None,), tf.int64))
    dataset = tf.data.Dataset.from_generator(batches, output_signature=signature)
    return dataset.apply(tf.data.experimental.assert_cardinality(len(sequence)))


# --------------------------------------------------------------------------------- 09.by_index

SYMBOLIC = (
    "The sequence was asked for a batch with a tensor that has no value: `map` calls its function "
    "once, with a stand-in for all indices. Let `tf.numpy_function(sequence.__getitem__, [index], "
    "...)` ask: it calls Python again for each index, with a number."
)
BAKED_IN = (
    "Every batch is the same one: the sequence was asked once, while the dataset was built, and "
    "what it gave was written into the graph as a constant. `map` calls its function once. Let "
    "`tf.numpy_function(sequence.__getitem__, [index], ...)` ask: it calls Python again for each "
    "index."
)
MADE_EARLY = (
    "All batches were made while the dataset was built, one after the other, and all lie in "
    "memory. Let `map` ask for them when it is their turn: `tf.numpy_function("
    "sequence.__getitem__, [index], ...)`."
)
ONE_AT_A_TIME = (
    "No two batches are made at the same time. A `map` calls its function several times at once "
    "where it is told so, `num_parallel_calls=parallel`; else one call follows the other, and "
    "whatever else is parallel has to wait."
)
SERIAL_SOURCE = (
    "No two batches are made at the same time: yours are made inside a generator, which is asked "
    "for one at a time, and what stands behind it can't help. Let "
    "`tf.data.Dataset.range(len(sequence))` give indices, and ask for the batch in the `map`."
)
TOO_MANY_AT_ONCE = (
    "More than `parallel` batches are made at the same time, and each takes memory. With "
    "`tf.data.AUTOTUNE` TensorFlow decides how many: say `num_parallel_calls=parallel`."
)
INTERLEAVED = (
    "More than `parallel` batches are made at the same time: besides the `cycle_length` elements "
    "whose turn it is, a parallel `interleave` begins with those that come next. A `map` keeps to "
    "its number: ask for the batch there, with `num_parallel_calls=parallel`."
)
AS_THEY_COME = (
    "The batches come in the order in which they are ready: when the first one took longer, "
    "another came before it. That is what `deterministic=False` allows. Leave it out, or say "
    "True: then one that is ready early waits for its turn."
)
SHAPES_UNKNOWN = (
    "The shapes are unknown, all dimensions of them: TensorFlow can't see what Python will return, "
    "and `fit` needs to. Say it behind numpy_function: `images.set_shape((None, 32, 32, 3))` and "
    "`labels.set_shape((None,))`."
)
SHAPES_FIXED = (
    "The shapes fix the number of photos in a batch, and the last batch may have fewer. Leave the "
    "first dimension open: `images.set_shape((None, 32, 32, 3))`, `labels.set_shape((None,))`."
)
SIZE_OPEN = (
    "The shapes leave open what is known, the size of the photos: from that, `fit` can't build a "
    "model that begins with Flatten and Dense. Only the first dimension differs from batch to "
    "batch: `images.set_shape((None, 32, 32, 3))`."
)
TYPES_DIFFER = (
    "You say that the labels are {found}, and the sequence gives int64. numpy_function converts "
    "nothing: it stops with an error where a type isn't the promised one, and py_function casts "
    "without a word. Say what comes: `(tf.uint8, tf.int64)`."
)
NO_INDICES = (
    "The length is unknown, although `len(sequence)` is known. Begin with "
    "`tf.data.Dataset.range(len(sequence))`: its length is known, and `map` keeps it."
)
PAST_THE_END = (
    "The sequence was asked for a batch past its last one. The indices go from 0 to "
    "`len(sequence) - 1`: `tf.data.Dataset.range(len(sequence))`."
)


def by_index(sequence, parallel):
    """Return a dataset of a PyDataset's batches in order, `parallel` of them made at once."""

    def batch(index):
        images, labels = tf.numpy_function(sequence.__getitem__, [index], (tf.uint8, tf.int64))
        images.set_shape((None, 32, 32, 3))
        labels.set_shape((None,))
        return images, labels

    dataset = tf.data.Dataset.range(len(sequence))
    return dataset.map(batch, num_parallel_calls=parallel)


class _Meeting:
    """Keeps batches waiting until so many are made at the same time, and looks for one more."""

    def __init__(self, wanted: int, patience: float = 1.0):
        self.wanted, self.patience = wanted, patience
        self.changed = threading.Condition()
        self.running = self.most = 0
        self.given_up = self.looked = self.in_a_generator = False

    def __call__(self, index: int) -> None:
        self.in_a_generator |= _in_a_generator()
        with self.changed:
            self.running += 1
            self.most = max(self.most, self.running)
            self.changed.notify_all()
            while self.most < self.wanted and not self.given_up:
                if not self.changed.wait_for(self._news(), self.patience):
                    self.given_up = True
            if not (self.given_up or self.looked):
                self.changed.wait_for(lambda: self.most > self.wanted, 0.1)
                self.looked = True
            self.running -= 1
            self.changed.notify_all()

    def _news(self) -> Callable[[], bool]:
        running = self.running
        return lambda: self.running != running or self.most >= self.wanted or self.given_up


def _in_a_generator() -> bool:
    """Tell whether whoever asks does so inside a generator, or for from_generator."""
    frame = sys._getframe(1)
    while frame is not None and frame.f_code is not _drawn.__code__:
        code = frame.f_code
        if code.co_flags & inspect.CO_GENERATOR or "from_generator" in code.co_filename:
            return True
        frame = frame.f_back
    return False


class _Late:
    """Keeps the first batch waiting until the consumer has another one, or for a while."""

    def __init__(self, patience: float = 0.3):
        self.patience, self.taken = patience, threading.Event()

    def __call__(self, index: int) -> None:
        if index == 0:
            self.taken.wait(self.patience)


def check_by_index(answer: Callable) -> None:
    """Draw passes whose batches must meet, one whose first batch is late, and other sizes."""
    photos = _photos(17, 2)
    dataset = _mapped(answer, photos, 3)
    _judge_meeting(dataset, photos, 3)
    _judge_length(dataset, photos, "by_index", NO_INDICES, NO_INDICES)
    _judge_late(dataset, photos)
    for count, batch_size, parallel in ((7, 3, 1), (5, 8, 4)):
        photos = _photos(count, batch_size)
        _judge_meeting(_mapped(answer, photos, parallel), photos, parallel)


def _mapped(answer: Callable, photos: _Photos, parallel: int) -> tf.data.Dataset:
    try:
        dataset = answer(photos, parallel)
    except Exception as error:
        if photos.symbolic or "SymbolicTensor" in str(error):
            raise Wrong(SYMBOLIC) from None
        if photos.past:
            raise Wrong(PAST_THE_END) from None
        raise
    _judge_dataset(dataset, "by_index")
    early = _indices(photos.notes)
    if len(set(early)) >= 3:
        raise Wrong(MADE_EARLY)
    if early:
        _judge_baked_in(dataset, photos)
    _judge_spec(dataset.element_spec, SHAPES_FIXED, SHAPES_UNKNOWN, SIZE_OPEN, TYPES_DIFFER)
    # With more threads than this machine may have cores: how many tf.data has isn't asked here.
    options = tf.data.Options()
    options.threading.private_threadpool_size = 16
    return dataset.with_options(options)


def _judge_baked_in(dataset: tf.data.Dataset, photos: _Photos) -> None:
    """Look whether a batch that was asked for early is given in place of all others."""
    begun, drawn = len(photos.notes), []
    with contextlib.suppress(tf.errors.OpError):  # of a last batch that's short, for example
        drawn += itertools.islice(dataset, len(photos))
    if len(drawn) > 1 and not _indices(photos.notes[begun:]):
        parts = [[np.asarray(part).tobytes() for part in tf.nest.flatten(each)] for each in drawn]
        raise Wrong(BAKED_IN if all(each == parts[0] for each in parts) else MADE_EARLY)


def _judge_meeting(dataset: tf.data.Dataset, photos: _Photos, parallel: int) -> None:
    """Draw two passes; in the first, `parallel` batches must be made at once, and no more."""
    wanted = min(parallel, len(photos))
    for number in range(2):
        begun = len(photos.notes)
        photos.door = meeting = _Meeting(wanted) if number == 0 else None
        drawn, _ = _drawn(dataset, photos, len(photos) + 2)
        photos.door = None
        if meeting is not None and meeting.most < wanted:
            if meeting.most == 1:
                raise Wrong(SERIAL_SOURCE if meeting.in_a_generator else ONE_AT_A_TIME)
            raise Wrong(
                f"With parallel = {parallel}, only {meeting.most} batches are made at the same "
                "time: `num_parallel_calls=parallel`."
            )
        if meeting is not None and meeting.most > wanted:
            interleaved = any("ParallelInterleave" in each for each in _operations(dataset))
            raise Wrong(INTERLEAVED if interleaved else TOO_MANY_AT_ONCE)
        if number and not drawn:
            raise Wrong("The second pass is empty. A dataset can be gone through again and again.")
        expected = photos.batches(photos.ends)
        labels, right = ([_numbers(each[1]) for each in row] for row in (drawn, expected))
        if labels != right and sorted(labels) == sorted(right):
            raise Wrong(AS_THEY_COME)
        _judge_batches(drawn, photos, expected, f"In its {RANKS[number]} pass")
        asked = _indices(photos.notes[begun:])
        if not asked:
            raise Wrong(KEPT)
        if sorted(asked) != list(range(len(photos))):
            raise Wrong(
                f"In one pass the sequence was asked for the batches {_some(sorted(asked))}, "
                "sorted. Ask for each once."
            )
    if END in photos.notes:
        raise Wrong(
            "`on_epoch_end` was called. Leave it out here: while one batch is made, another would "
            "change the order of all."
        )


def _judge_late(dataset: tf.data.Dataset, photos: _Photos) -> None:
    """Let the first batch be the last one that is ready: it comes first all the same."""
    photos.door, drawn = _Late(), []
    for element in itertools.islice(dataset, len(photos)):
        photos.door.taken.set()
        drawn.append(_numbers(element[1]))
    photos.door = None
    right = [_numbers(labels) for _, labels in photos.batches(photos.ends)]
    if drawn != right:
        raise Wrong(AS_THEY_COME)


def _says_nothing_of_parallel(sequence, parallel):
    def batch(index):
        images, labels = tf.numpy_function(sequence.__getitem__, [index], (tf.uint8, tf.int64))
        images.set_shape((None, 32, 32, 3))
        labels.set_shape((None,))
        return images, labels

    return tf.data.Dataset.range(len(sequence)).map(batch)


def _maps_a_generator(sequence, parallel):
    def batches():
        for index in range(len(sequence)):
            yield sequence[index]

    signature = (tf.TensorSpec((None, 32, 32, 3), tf.uint8), tf.TensorSpec((None,), tf.int64))
    dataset = tf.data.Dataset.from_generator(batches, output_signature=signature)
    dataset = dataset.map(lambda images, labels: (images, labels), num_parallel_calls=parallel)
    return dataset.apply(tf.data.experimental.assert_cardinality(len(sequence)))


def _lets_tensorflow_decide(sequence, parallel):
    def batch(index):
        images, labels = tf.numpy_function(sequence.__getitem__, [index], (tf.uint8, tf.int64))
        images.set_shape((None, 32, 32, 3))
        labels.set_shape((None,))
        return images, labels

    dataset = tf.data.Dataset.range(len(sequence))
    return dataset.map(batch, num_parallel_calls=tf.data.AUTOTUNE)


def _interleaves_generators(sequence, parallel):
    def one_batch(index):
        yield sequence[index]

    signature = (tf.TensorSpec((None, 32, 32, 3), tf.uint8), tf.TensorSpec((None,), tf.int64))
    dataset = tf.data.Dataset.range(len(sequence)).interleave(
        lambda index: tf.data.Dataset.from_generator(
            one_batch, args=(index,), output_signature=signature
        ),
        cycle_length=parallel,
        num_parallel_calls=parallel,
    )
    return dataset.apply(tf.data.experimental.assert_cardinality(len(sequence)))


def _takes_what_is_ready(sequence, parallel):
    def batch(index):
        images, labels = tf.numpy_function(sequence.__getitem__, [index], (tf.uint8, tf.int64))
        images.set_shape((None, 32, 32, 3))
        labels.set_shape((None,))
        return images, labels

    dataset = tf.data.Dataset.range(len(sequence))
    return dataset.map(batch, num_parallel_calls=parallel, deterministic=False)


def _sets_no_shapes(sequence, parallel):
    def batch(index):
        return tf.numpy_function(sequence.__getitem__, [index], (tf.uint8, tf.int64))

    dataset = tf.data.Dataset.range(len(sequence))
    return dataset.map(batch, num_parallel_calls=parallel)


def _sets_the_batch_size(sequence, parallel):
    shapes = [part.shape for part in sequence[0]]

    def batch(index):
        images, labels = tf.numpy_function(sequence.__getitem__, [index], (tf.uint8, tf.int64))
        images.set_shape(shapes[0])
        labels.set_shape(shapes[1])
        return images, labels

    dataset = tf.data.Dataset.range(len(sequence))
    return dataset.map(batch, num_parallel_calls=parallel)


def _sets_no_size(sequence, parallel):
    def batch(index):
        images, labels = tf.numpy_function(sequence.__getitem__, [index], (tf.uint8, tf.int64))
        images.set_shape((None, None, None, 3))
        labels.set_shape((None,))
        return images, labels

    dataset = tf.data.Dataset.range(len(sequence))
    return dataset.map(batch, num_parallel_calls=parallel)


def _asks_with_a_tensor(sequence, parallel):
    dataset = tf.data.Dataset.range(len(sequence))
    return dataset.map(lambda index: sequence[index], num_parallel_calls=parallel)


def _asks_once(sequence, parallel):
    indices = iter(range(len(sequence)))

    def batch(index):
        images, labels = sequence[next(indices)]
        return images, labels

    dataset = tf.data.Dataset.range(len(sequence))
    return dataset.map(batch, num_parallel_calls=parallel)


def _makes_them_all(sequence, parallel):
    batches = [sequence[index] for index in range(len(sequence))]
    signature = (tf.TensorSpec((None, 32, 32, 3), tf.uint8), tf.TensorSpec((None,), tf.int64))
    dataset = tf.data.Dataset.from_generator(lambda: batches, output_signature=signature)
    return dataset.apply(tf.data.experimental.assert_cardinality(len(sequence)))


def _promises_int32(sequence, parallel):
    def batch(index):
        images, labels = tf.numpy_function(sequence.__getitem__, [index], (tf.uint8, tf.int32))
        images.set_shape((None, 32, 32, 3))
        labels.set_shape((None,))
        return images, labels

    dataset = tf.data.Dataset.range(len(sequence))
    return dataset.map(batch, num_parallel_calls=parallel)


def _counts_from_one(sequence, parallel):
    def batch(index):
        images, labels = tf.numpy_function(sequence.__getitem__, [index], (tf.uint8, tf.int64))
        images.set_shape((None, 32, 32, 3))
        labels.set_shape((None,))
        return images, labels

    dataset = tf.data.Dataset.range(1, len(sequence) + 1)
    return dataset.map(batch, num_parallel_calls=parallel)


# ---------------------------------------------------------------------------------- 09.augment

GOES_ON = (
    "A second pass over the dataset, or another call with the same seed and epoch, gives other "
    "photos: `tf.image.random_...` and tf.random.Generator draw from numbers that go on, and in a "
    "parallel `map` nobody knows whose turn it is. Use `tf.image.stateless_random_...`, with a "
    "seed made of `seed`, `epoch` and the photo's place."
)
SEEDED_FOR_ALL = (
    "Your code sets TensorFlow's global seed, `tf.random.set_seed`: whoever else draws there now "
    "gets other numbers. Use `tf.image.stateless_random_...`, which wants nothing but its own "
    "seed."
)
DRAWN_FROM_ALL = (
    "Your code uses the random numbers that everybody shares, those of np.random or random: it "
    "changes what others draw, and they change what it draws. Use "
    "`tf.image.stateless_random_...`, which wants nothing but its own seed."
)
TRACED_ONCE = (
    "All photos of a dataset are changed alike, and in the next dataset all in another way: Python "
    "drew once, when `map` called its function to build the graph, and the number stands there as "
    "a constant. Draw with TensorFlow: `tf.image.stateless_random_...`, with a seed made of "
    "`seed`, `epoch` and the photo's place."
)
FROZEN = (
    "All photos of an epoch are {changed} alike: the number was drawn once, while the dataset was "
    "built, and stands there as a constant. Python draws no other for each photo: `map` calls its "
    "function once, to build the graph. Draw with TensorFlow: `tf.image.stateless_random_...`, "
    "with a seed made of `seed`, `epoch` and the photo's place."
)
OTHER_SEEDS = (
    "Each pass over the dataset, or each call, gets other seeds: `tf.data.Dataset.random` gives "
    "new ones with `rerandomize_each_iteration=True`, or where it is given no `seed`. A photo's "
    "seed should follow from its place: `tf.random.fold_in([seed, epoch], place)`."
)
OF_THE_GLOBAL_SEED = (
    "Where TensorFlow's global seed is another one, your photos are changed in another way: "
    "`tf.data.Dataset.random(seed=...)`, and what else takes a seed of its own and isn't "
    "`stateless`, mixes the two. `tf.random.fold_in([seed, epoch], place)` makes a photo's seed of "
    "nothing but the three."
)
ALL_ALIKE = (
    "All photos of an epoch are {changed} alike: each of them gets the same seed, or the same "
    "number. `enumerate` gives each its place, and `tf.random.fold_in([seed, epoch], place)` makes "
    "a seed of its own from that."
)
SAME_IN_EVERY_EPOCH = (
    "A photo is changed in the same way in every epoch, so the model sees each in one way only. "
    "Let `epoch` into the seed: `tf.random.fold_in([seed, epoch], place)`."
)
MIRRORED_IN_EVERY_EPOCH = (
    "Which photos are mirrored is the same in every epoch; the brightness alone changes. Let "
    "`epoch` into both seeds: make them with `tf.random.split` of one, "
    "`tf.random.fold_in([seed, epoch], place)`."
)
BRIGHT_IN_EVERY_EPOCH = (
    "A photo has the same brightness in every epoch; the mirroring alone changes. Let `epoch` into "
    "both seeds: make them with `tf.random.split` of one, `tf.random.fold_in([seed, epoch], "
    "place)`."
)
SEED_IGNORED = (
    "With two seeds the photos are {changed} in the same way: what you draw for that doesn't "
    "depend on `seed`. Let it in: `tf.random.fold_in([seed, epoch], place)`."
)
SHARED = (
    "Seed, epoch and place are mixed up: the photos of {one} are {changed} like those of "
    "{other}{by}."
    " A sum is the same for others as well. Keep the three apart: "
    "`tf.random.fold_in([seed, epoch], place)`."
)
TOGETHER = (
    "The mirrored photos are changed in brightness in another way than those that aren't: both are "
    "drawn with the same seed, and the same seed gives the same number. Make two seeds of it: "
    "`tf.random.split` does."
)
NOTHING_ADDED = (
    "The brightness stays as it is: the photos became floats of 0 to 255, and a delta of 0.2 is "
    "nothing among those. Give the uint8 photo to `tf.image.stateless_random_brightness`, which "
    "takes 0.2 as a part of the whole range; or add up to 51."
)
BLACK_OR_WHITE = (
    "Photos come back all black or all white: the brightness is a part of the whole range, for "
    "uint8 as well. 0.2 stands for up to 51 of 255, and 51 for 51 times the range: "
    "`tf.image.stateless_random_brightness(image, 0.2, seed)`."
)
WRAPS = (
    "Pixels begin again at the other end of 0 to 255, so bright ones become black, or dark ones "
    "white: a uint8 that has no room wraps around. Hold the sum between 0 and 255 before it "
    "becomes uint8, with `tf.clip_by_value`, as `tf.image.stateless_random_brightness` does."
)
FLOATS = (
    "The photos come back as {found}, and should be uint8 as they came: here the model's own "
    "layers make floats of them. Given uint8, `tf.image.stateless_random_brightness` gives uint8."
)
UNKNOWN_SIZE = (
    "The shape of the photos is lost: it was known before. Behind numpy_function say it again: "
    "`image.set_shape(...)`. TensorFlow's own operations keep it."
)
PLACE_AS_LABEL = (
    "The label of a photo is its place now. `enumerate` makes pairs of a place and an element, and "
    "the element is the pair of photo and label: give back the label, not the place."
)
UPSIDE_DOWN = (
    "A photo comes upside down. Left and right are to change places: "
    "`tf.image.stateless_random_flip_left_right`."
)
NEVER_MIRRORED = (
    "No photo is ever mirrored. `tf.image.stateless_random_flip_left_right(image, seed)` mirrors "
    "half of them; what it gives back must be used."
)


def augmented(dataset, seed, epoch):
    """Return a dataset of the photos, mirrored and brightened at random, and their labels."""

    def augment(place, element):
        image, label = element
        of_photo = tf.random.fold_in([seed, epoch], place)
        flip, light = tf.unstack(tf.random.split(of_photo))
        image = tf.image.stateless_random_flip_left_right(image, flip)
        image = tf.image.stateless_random_brightness(image, 0.2, light)
        return image, label

    return dataset.enumerate().map(augment, num_parallel_calls=tf.data.AUTOTUNE)


ROUNDING = 2  # grey levels that a pixel may differ by from what was added to all of them
STRONGEST = 51  # grey levels: 0.2 of 255
AS_IT_IS, MIRRORED, BRIGHTENED = "as it is", "mirrored", "brightened"
# Seeds and epochs: three epochs of one seed, then two seeds in one epoch. A sum, a product, or
# digits in a row would take some of them for the same.
PAIRS = ((1, 2), (1, 0), (1, 11), (0, 1), (11, 1), (0, 1000))
EPOCHS = 3


class _Album:
    """Photos and their labels; recognises a photo that was mirrored, or brightened."""

    def __init__(self, count: int, height: int, width: int):
        rng = np.random.default_rng([count, height])
        shape = (count, height, width, 3)
        middle = rng.integers(100, 156, shape)  # whatever is added: these have room for it
        borders = rng.choice([0, 3, 9, 20, 30, 225, 235, 246, 252, 255], shape)
        self.photos = np.where(rng.random(shape) < 0.5, middle, borders).astype(np.uint8)
        self.labels = 1000 + (7 * np.arange(count) + 3) % 101
        self.dataset = tf.data.Dataset.from_tensor_slices((self.photos, self.labels))

    def recognised(self, seen: np.ndarray, place: int) -> tuple[bool, float]:
        """Return whether a photo was mirrored, and what was added to it."""
        photo = self.photos[place].astype(int)
        ways = (
            (AS_IT_IS, photo),
            (MIRRORED, photo[:, ::-1]),
            (UPSIDE_DOWN, photo[::-1]),
            (UPSIDE_DOWN, photo[::-1, ::-1]),
        )
        for way, turned in ways:
            added = float(np.median((seen.astype(int) - turned)[_middle(turned)]))
            if np.abs(seen - np.clip(turned + added, 0, 255)).max() <= ROUNDING:
                if way not in (AS_IT_IS, MIRRORED):
                    raise Wrong(way)
                return way == MIRRORED, added
            # A cast from float may wrap some pixels around and hold others at the border.
            held = np.abs(seen - np.clip(turned + added, 0, 255))
            wrapped = np.abs((seen - turned - added + 128) % 256 - 128)
            if np.minimum(held, wrapped).max() <= ROUNDING:
                raise Wrong(WRAPS)
        raise Wrong(
            "A photo isn't what it should be: the one that was given, mirrored or not, with one "
            f"number from {-STRONGEST} to {STRONGEST} added to all its values, those that would "
            "leave 0 to 255 held at the border."
        )


def _middle(photo: np.ndarray) -> np.ndarray:
    return (photo >= 100) & (photo < 156)


@functools.cache
def _albums() -> tuple[_Album, _Album]:
    return _Album(64, 6, 8), _Album(9, 5, 4)


def check_augment(answer: Callable) -> None:
    """Draw again, in other epochs, with other seeds, of other photos; compare what was drawn."""
    album, other = _albums()
    with _numbers_kept():
        rows = {PAIRS[0]: _judge_again(answer, album)}
        rows |= {pair: _draws(answer, album, *pair) for pair in PAIRS[1:]}
        epochs = [rows[pair] for pair in PAIRS[:EPOCHS]]
        _judge_draws(epochs, list(rows.values()), lambda: _drawn_once(answer, album))
        alike = _alike(rows[0, 1], rows[11, 1])
        if alike:
            raise Wrong(SEED_IGNORED.format(changed=_changed(alike)))
        _judge_together(epochs)
        _judge_amounts(epochs)
        _judge_apart(rows)
        if not _same_draws(_draws(answer, other, *PAIRS[0]), epochs[0][: len(other.photos)]):
            raise Wrong(
                "With other photos, the same seed, epoch and place give another change. What is "
                "drawn for a photo should depend on these three alone, not on what it shows, how "
                "large it is, or how many there are."
            )


def _augmented(answer: Callable, album: _Album, seed: int, epoch: int) -> tf.data.Dataset:
    dataset = answer(album.dataset, seed, epoch)
    _judge_dataset(dataset, "augmented")
    spec, given = dataset.element_spec, album.dataset.element_spec
    pair = isinstance(spec, tuple) and len(spec) == 2
    if pair and all(isinstance(part, tf.TensorSpec) for part in spec):
        if spec[0].dtype.is_floating:
            raise Wrong(FLOATS.format(found=spec[0].dtype.name))
        if spec[0].dtype == tf.uint8 and spec[0].shape != given[0].shape:
            open_shape = spec[0].shape.rank is None or None in tuple(spec[0].shape)
            if open_shape and spec[0].shape.is_compatible_with(given[0].shape):
                raise Wrong(UNKNOWN_SIZE)
        if [(part.dtype, part.shape) for part in spec] == [
            (part.dtype, part.shape) for part in given
        ]:
            return dataset
    raise Wrong(
        f"The elements are described as\n{_described(spec)}\nThey should be pairs of a photo and "
        f"a label, as they came:\n{_described(given)}"
    )


def _draws(answer: Callable, album: _Album, seed: int, epoch: int) -> list[tuple[bool, float]]:
    return _recognised(_augmented(answer, album, seed, epoch), album)[0]


def _recognised(
    dataset: tf.data.Dataset, album: _Album, passes: int = 1
) -> list[list[tuple[bool, float]]]:
    """Draw passes; return for each of them what was done to each photo, place by place."""
    count = len(album.photos)
    # As one batch, which takes a tenth of the time of single elements.
    batches = itertools.islice(dataset.repeat(passes).batch(passes * count + 1), 1)
    photos, labels = next(batches, ((), np.zeros(0)))
    labels = np.asarray(labels).tolist()
    if len(labels) != passes * count:
        raise Wrong(f"Of {count} photos come {'fewer' if len(labels) < count else 'more'}.")
    if labels[:count] == list(range(count)):
        raise Wrong(PLACE_AS_LABEL)
    if labels != passes * album.labels.tolist():
        if sorted(labels[:count]) == sorted(album.labels.tolist()):
            raise Wrong("The photos come in another order than they had. Keep it.")
        raise Wrong("The labels have changed. Each photo keeps its label.")
    photos = np.asarray(photos)
    if {0, 255} <= {int(each.min()) for each in photos if each.min() == each.max()}:
        raise Wrong(BLACK_OR_WHITE)
    done = [album.recognised(each, at % count) for at, each in enumerate(photos)]
    return [done[n * count : (n + 1) * count] for n in range(passes)]


def _judge_again(answer: Callable, album: _Album) -> list[tuple[bool, float]]:
    """Draw the same in two ways: twice in one iterator, and from another call."""
    for others in (501, 502):  # others may draw meanwhile: what changes twice is the answer's
        random.seed(others)
        np.random.seed(others)
        before = _numbers_of_all()
        dataset = _augmented(answer, album, *PAIRS[0])
        first, second = _recognised(dataset, album, passes=2)
        again = _draws(answer, album, *PAIRS[0])
        after = _numbers_of_all()
        if after[2] != before[2]:
            raise Wrong(SEEDED_FOR_ALL)
        if first == second != again and _constant(first) and _constant(again):
            raise Wrong(TRACED_ONCE)
        operations = _operations(dataset)
        if not first == second == again:
            drawing = {each for each in operations if each.startswith(("Random", "Stateful"))}
            raise Wrong(OTHER_SEEDS if drawing and drawing <= SEEDED_DATASETS else GOES_ON)
        if after == before:
            break
    else:
        raise Wrong(DRAWN_FROM_ALL)
    if (
        operations & SEEDED_DATASETS
    ):  # not for others: setting it back makes the learner's own draws begin again
        tf.random.set_seed(others)
        if _draws(answer, album, *PAIRS[0]) != first:
            raise Wrong(OF_THE_GLOBAL_SEED)
    return first


# The global seed goes into theirs. Which version of an operation it is depends on its arguments.
SEEDED_DATASETS = {
    name + version for name in ("RandomDataset", "ShuffleDataset") for version in ("", "V2", "V3")
}


def _operations(dataset: tf.data.Dataset) -> set[str]:
    """The names of all that TensorFlow does for a dataset; empty where no graph can be made."""
    ignored = 1  # that a state, such as a generator's place, can't be kept in a graph
    variant = tf.data.experimental.to_variant(dataset)
    try:
        told = tf.raw_ops.DatasetToGraphV2(input_dataset=variant, external_state_policy=ignored)
    except tf.errors.OpError:
        return set()
    graph = tf.compat.v1.GraphDef.FromString(told.numpy())
    inside = (node for function in graph.library.function for node in function.node_def)
    return {node.op for node in (*graph.node, *inside)}


def _drawn_once(answer: Callable, album: _Album) -> bool:
    """Tell whether nothing in the dataset draws: neither TensorFlow nor Python."""
    operations = _operations(_augmented(answer, album, *PAIRS[0]))
    drawing = ("Random", "Rng", "PyFunc", "Generator")
    return bool(operations) and not any(name in each for each in operations for name in drawing)


def _constant(draws: list[tuple[bool, float]]) -> set[str]:
    """Tell in what all photos were changed alike: mirrored, or brightened."""
    flips, added = zip(*draws)
    mirrored = len(set(flips)) == 1
    brightened = max(added) - min(added) <= ROUNDING
    return _named(mirrored, brightened)


def _same_draws(one: list, other: list) -> bool:
    return len(one) == len(other) and all(
        flip == another and abs(added - more) <= ROUNDING
        for (flip, added), (another, more) in zip(one, other)
    )


def _alike(one: list, other: list) -> set[str]:
    """Tell in what two rows of draws are alike, as far as both go: mirrored, or brightened."""
    pairs = list(zip(one, other))
    mirrored = all(flip == another for (flip, _), (another, _) in pairs)
    brightened = all(abs(added - more) <= ROUNDING for (_, added), (_, more) in pairs)
    return _named(mirrored, brightened)


def _named(mirrored: bool, brightened: bool) -> set[str]:
    return {name for name, so in ((MIRRORED, mirrored), (BRIGHTENED, brightened)) if so}


def _changed(alike: set[str]) -> str:
    """The word for one of the two changes, or for both."""
    return next(iter(alike)) if len(alike) == 1 else "changed"


def _judge_draws(epochs: list, rows: list, drawn_once: Callable[[], bool]) -> None:
    """Look at some epochs of one seed, and at all rows: what is always so, or in each of them."""
    flips = {flip for row in rows for flip, _ in row}
    added = [[more for _, more in row] for row in rows]
    if max(max(map(abs, each)) for each in added) <= ROUNDING:
        raise Wrong(NOTHING_ADDED)
    constant = set.intersection(*map(_constant, rows))
    if BRIGHTENED in constant:
        raise Wrong(_why_all_alike(constant, drawn_once()))
    if flips == {False}:
        raise Wrong(NEVER_MIRRORED)
    if flips == {True}:
        raise Wrong("All photos are mirrored, always. Half of them should be, drawn for each.")
    if constant:
        raise Wrong(_why_all_alike(constant, drawn_once()))
    alike = set.intersection(*(_alike(epoch, epochs[0]) for epoch in epochs[1:]))
    if alike == {MIRRORED}:
        raise Wrong(MIRRORED_IN_EVERY_EPOCH)
    if alike == {BRIGHTENED}:
        raise Wrong(BRIGHT_IN_EVERY_EPOCH)
    if alike:
        raise Wrong(SAME_IN_EVERY_EPOCH)


def _why_all_alike(constant: set[str], drawn_once: bool) -> str:
    return (FROZEN if drawn_once else ALL_ALIKE).format(changed=_changed(constant))


def _judge_together(epochs: list[list[tuple[bool, float]]]) -> None:
    """Look whether who is mirrored is brightened in another way: 20 grey levels on average.

    By chance it would be about 4: more than 20 is once in some hundred thousand right answers.
    """
    draws = [draw for epoch in epochs for draw in epoch]
    mirrored = [added for flip, added in draws if flip]
    others = [added for flip, added in draws if not flip]
    if min(len(mirrored), len(others)) > 30 and abs(np.mean(mirrored) - np.mean(others)) > 20:
        raise Wrong(TOGETHER)


def _judge_amounts(epochs: list[list[tuple[bool, float]]]) -> None:
    """Look at how many are mirrored, and how much is added."""
    draws = [draw for epoch in epochs for draw in epoch]
    count, added = sum(flip for flip, _ in draws), [added for _, added in draws]
    if not 60 <= count <= len(draws) - 60:
        raise Wrong(
            f"Of {len(draws)} photos, {count} are mirrored. It should be about half of them."
        )
    low, high = min(added), max(added)
    if not (-STRONGEST - ROUNDING <= low < -38 and 38 < high <= STRONGEST + ROUNDING):
        raise Wrong(
            f"What is added to the values of {len(draws)} photos lies between {low:.0f} and "
            f"{high:.0f}. It should be drawn from {-STRONGEST} to {STRONGEST}, 0.2 of the range "
            "from 0 to 255, down as well as up."
        )
    if abs(np.mean(added)) > 15:
        raise Wrong(
            f"On average {np.mean(added):.0f} is added to the values of a photo. It should be "
            f"about 0: draw between {-STRONGEST} and {STRONGEST}, all alike."
        )


def _judge_apart(rows: dict[tuple[int, int], list[tuple[bool, float]]]) -> None:
    """No two pairs of seed and epoch share what they draw, not even some places further on."""
    for (one, row), (other, another) in itertools.combinations(rows.items(), 2):
        for shift in (0, 1, -1, 2, -2):
            alike = _alike(row[max(0, shift) :], another[max(0, -shift) :])
            if alike:
                raise Wrong(_shared(one, other, shift, _changed(alike)))


def _shared(
    one: tuple[int, int], other: tuple[int, int], shift: int, changed: str = "changed"
) -> str:
    if shift > 0:  # those of `one` are further on
        one, other = other, one
    places = "one place" if abs(shift) == 1 else f"{abs(shift)} places"
    return SHARED.format(
        one=f"seed {one[0]}, epoch {one[1]}",
        other=f"seed {other[0]}, epoch {other[1]}",
        by=f", {places} further on" if shift else "",
        changed=changed,
    )


NO_GLOBAL_SEED = 87654321  # what TensorFlow says where none is set


@contextlib.contextmanager
def _numbers_kept() -> Iterator[None]:
    """Leave the random numbers that everybody shares as they were."""
    of_python, of_numpy, of_tensorflow = random.getstate(), np.random.get_state(), _global_seed()
    try:
        yield
    finally:
        random.setstate(of_python)
        np.random.set_state(of_numpy)
        if _global_seed() != of_tensorflow:
            tf.random.set_seed(of_tensorflow)


def _numbers_of_all() -> tuple:
    """The states of the numbers that everybody shares, Python's, NumPy's and TensorFlow's."""
    name, keys, *rest = np.random.get_state()
    return random.getstate(), (name, keys.tobytes(), *rest), _global_seed()


def _global_seed() -> int | None:
    """TensorFlow's global seed, None where none is set."""
    seed = tf.compat.v1.random.get_seed(0)[0]
    return None if seed == NO_GLOBAL_SEED else seed


def _draws_with_state(dataset, seed, epoch):
    def augment(image, label):
        image = tf.image.random_flip_left_right(image, seed=seed + epoch)
        image = tf.image.random_brightness(image, 0.2, seed=seed * epoch + 1)
        return image, label

    return dataset.map(augment)


def _sets_the_global_seed(dataset, seed, epoch):
    tf.random.set_seed(1000 * seed + epoch)

    def augment(image, label):
        image = tf.image.random_flip_left_right(image)
        image = tf.image.random_brightness(image, 0.2)
        return image, label

    return dataset.map(augment)


def _draws_in_python(dataset, seed, epoch):
    import random

    def augment(image, label):
        if random.random() < 0.5:
            image = tf.image.flip_left_right(image)
        image = tf.image.adjust_brightness(image, random.uniform(-0.2, 0.2))
        return image, label

    return dataset.map(augment)


def _seeds_numpy(dataset, seed, epoch):
    np.random.seed([seed, epoch])
    flips = np.random.random(1000) < 0.5
    lights = np.random.uniform(-0.2, 0.2, 1000).astype(np.float32)

    def augment(place, element):
        image, label = element
        if tf.gather(flips, place):
            image = tf.image.flip_left_right(image)
        return tf.image.adjust_brightness(image, tf.gather(lights, place)), label

    return dataset.enumerate().map(augment)


def _has_one_seed(dataset, seed, epoch):
    def augment(image, label):
        flip, light = tf.unstack(tf.random.split([seed, epoch]))
        image = tf.image.stateless_random_flip_left_right(image, flip)
        image = tf.image.stateless_random_brightness(image, 0.2, light)
        return image, label

    return dataset.map(augment)


def _draws_while_traced(dataset, seed, epoch):
    rng = np.random.default_rng([seed, epoch])

    def augment(image, label):
        if rng.random() < 0.5:
            image = tf.image.flip_left_right(image)
        return tf.image.adjust_brightness(image, rng.uniform(-0.2, 0.2)), label

    return dataset.map(augment)


def _zips_new_seeds(dataset, seed, epoch):
    number = int(np.random.SeedSequence([seed, epoch]).generate_state(1)[0])
    seeds = tf.data.Dataset.random(seed=number, rerandomize_each_iteration=True).batch(2)

    def augment(element, of_photo):
        image, label = element
        flip, light = tf.unstack(tf.random.split(of_photo))
        image = tf.image.stateless_random_flip_left_right(image, flip)
        image = tf.image.stateless_random_brightness(image, 0.2, light)
        return image, label

    return tf.data.Dataset.zip(dataset, seeds).map(augment)


def _zips_seeds(dataset, seed, epoch):
    number = int(np.random.SeedSequence([seed, epoch]).generate_state(1)[0])
    seeds = tf.data.Dataset.random(seed=number).batch(2)

    def augment(element, of_photo):
        image, label = element
        flip, light = tf.unstack(tf.random.split(of_photo))
        image = tf.image.stateless_random_flip_left_right(image, flip)
        image = tf.image.stateless_random_brightness(image, 0.2, light)
        return image, label

    return tf.data.Dataset.zip(dataset, seeds).map(augment)


def _forgets_the_epoch(dataset, seed, epoch):
    def augment(place, element):
        image, label = element
        of_photo = tf.random.fold_in([seed, 0], place)
        flip, light = tf.unstack(tf.random.split(of_photo))
        image = tf.image.stateless_random_flip_left_right(image, flip)
        image = tf.image.stateless_random_brightness(image, 0.2, light)
        return image, label

    return dataset.enumerate().map(augment)


def _mirrors_without_the_epoch(dataset, seed, epoch):
    def augment(place, element):
        image, label = element
        flip = tf.random.fold_in([seed, 0], place)
        _, light = tf.unstack(tf.random.split(tf.random.fold_in([seed, epoch], place)))
        image = tf.image.stateless_random_flip_left_right(image, flip)
        image = tf.image.stateless_random_brightness(image, 0.2, light)
        return image, label

    return dataset.enumerate().map(augment)


def _brightens_without_the_epoch(dataset, seed, epoch):
    def augment(place, element):
        image, label = element
        light = tf.random.fold_in([seed, 0], place)
        flip, _ = tf.unstack(tf.random.split(tf.random.fold_in([seed, epoch], place)))
        image = tf.image.stateless_random_flip_left_right(image, flip)
        image = tf.image.stateless_random_brightness(image, 0.2, light)
        return image, label

    return dataset.enumerate().map(augment)


def _forgets_the_seed(dataset, seed, epoch):
    def augment(place, element):
        image, label = element
        of_photo = tf.random.fold_in([42, epoch], place)
        flip, light = tf.unstack(tf.random.split(of_photo))
        image = tf.image.stateless_random_flip_left_right(image, flip)
        image = tf.image.stateless_random_brightness(image, 0.2, light)
        return image, label

    return dataset.enumerate().map(augment)


def _adds_seed_and_epoch(dataset, seed, epoch):
    def augment(place, element):
        image, label = element
        of_photo = tf.stack([tf.cast((seed + epoch) % 2**31, tf.int64), place])
        flip, light = tf.unstack(tf.random.split(of_photo))
        image = tf.image.stateless_random_flip_left_right(image, flip)
        image = tf.image.stateless_random_brightness(image, 0.2, light)
        return image, label

    return dataset.enumerate().map(augment)


def _adds_epoch_and_place(dataset, seed, epoch):
    def augment(place, element):
        image, label = element
        of_photo = tf.stack([tf.cast(seed, tf.int64), epoch + place])
        flip, light = tf.unstack(tf.random.split(of_photo))
        image = tf.image.stateless_random_flip_left_right(image, flip)
        image = tf.image.stateless_random_brightness(image, 0.2, light)
        return image, label

    return dataset.enumerate().map(augment)


def _takes_a_seed_twice(dataset, seed, epoch):
    def augment(place, element):
        image, label = element
        of_photo = tf.random.fold_in([seed, epoch], place)
        image = tf.image.stateless_random_flip_left_right(image, of_photo)
        image = tf.image.stateless_random_brightness(image, 0.2, of_photo)
        return image, label

    return dataset.enumerate().map(augment)


def _adds_to_large_floats(dataset, seed, epoch):
    def augment(place, element):
        image, label = element
        of_photo = tf.random.fold_in([seed, epoch], place)
        flip, light = tf.unstack(tf.random.split(of_photo))
        image = tf.image.stateless_random_flip_left_right(image, flip)
        image = tf.cast(image, tf.float32)
        image = tf.image.stateless_random_brightness(image, 0.2, light)
        return tf.cast(tf.clip_by_value(image, 0, 255), tf.uint8), label

    return dataset.enumerate().map(augment)


def _counts_in_grey_levels(dataset, seed, epoch):
    def augment(place, element):
        image, label = element
        of_photo = tf.random.fold_in([seed, epoch], place)
        flip, light = tf.unstack(tf.random.split(of_photo))
        image = tf.image.stateless_random_flip_left_right(image, flip)
        image = tf.image.stateless_random_brightness(image, 51, light)
        return image, label

    return dataset.enumerate().map(augment)


def _wraps_around(dataset, seed, epoch):
    def augment(place, element):
        image, label = element
        of_photo = tf.random.fold_in([seed, epoch], place)
        flip, light = tf.unstack(tf.random.split(of_photo))
        image = tf.image.stateless_random_flip_left_right(image, flip)
        delta = tf.random.stateless_uniform([], light, -51, 52, tf.int32)
        return tf.cast(tf.cast(image, tf.int32) + delta, tf.uint8), label

    return dataset.enumerate().map(augment)


def _gives_floats(dataset, seed, epoch):
    def augment(place, element):
        image, label = element
        of_photo = tf.random.fold_in([seed, epoch], place)
        flip, light = tf.unstack(tf.random.split(of_photo))
        image = tf.image.convert_image_dtype(image, tf.float32)
        image = tf.image.stateless_random_flip_left_right(image, flip)
        image = tf.image.stateless_random_brightness(image, 0.2, light)
        return image, label

    return dataset.enumerate().map(augment)


def _gives_the_place(dataset, seed, epoch):
    def augment(place, element):
        image, _ = element
        of_photo = tf.random.fold_in([seed, epoch], place)
        flip, light = tf.unstack(tf.random.split(of_photo))
        image = tf.image.stateless_random_flip_left_right(image, flip)
        image = tf.image.stateless_random_brightness(image, 0.2, light)
        return image, place

    return dataset.enumerate().map(augment)


def _turns_upside_down(dataset, seed, epoch):
    def augment(place, element):
        image, label = element
        of_photo = tf.random.fold_in([seed, epoch], place)
        flip, light = tf.unstack(tf.random.split(of_photo))
        image = tf.image.stateless_random_flip_up_down(image, flip)
        image = tf.image.stateless_random_brightness(image, 0.2, light)
        return image, label

    return dataset.enumerate().map(augment)


def _drops_the_mirrored(dataset, seed, epoch):
    def augment(place, element):
        image, label = element
        of_photo = tf.random.fold_in([seed, epoch], place)
        flip, light = tf.unstack(tf.random.split(of_photo))
        tf.image.stateless_random_flip_left_right(image, flip)
        return tf.image.stateless_random_brightness(image, 0.2, light), label

    return dataset.enumerate().map(augment)


def _loses_the_size(dataset, seed, epoch):
    def changed(place, image):
        rng = np.random.default_rng([seed, epoch, place])
        image = image[:, ::-1] if rng.random() < 0.5 else image
        return np.clip(image + rng.uniform(-51, 51), 0, 255).astype(np.uint8)

    def augment(place, element):
        image, label = element
        return tf.numpy_function(changed, [place, image], tf.uint8), label

    return dataset.enumerate().map(augment)


# ----------------------------------------------------------------------------------- 09.parity

STOPS_AT_THE_SHORTER = (
    "One of the two has fewer elements, and same says that they are the same: `zip` stops without "
    "a word where the shorter one ends. `itertools.zip_longest` goes on, with None in place of "
    "what is missing."
)
FIRST_EPOCH_ONLY = (
    "The two differ in the second epoch, and same says that they are the same: only the first one "
    "was compared. A second epoch is a second call of `old()` and of `new()`."
)
CALLED_ONCE = (
    "The two differ in the second epoch, and same says that they are the same: `old()` and `new()` "
    "were called once, and what they gave is used up after one epoch. Call both in the loop over "
    "the epochs."
)
SUMS = (
    "Two pixels have changed places, and same says that nothing has changed: the sum, and so the "
    "average, is the same. Compare the values themselves: `np.array_equal`."
)
VALUES_UNSEEN = (
    "An image and a label differ in their values, and same says that they are the same: it "
    "compares nothing but their shapes, or how many there are. Compare the values, too: "
    "`np.array_equal`."
)
IMAGES_UNSEEN = (
    "An image differs, and same says that all is the same. Compare both parts of an element, "
    "images and labels."
)
LABELS_UNSEEN = (
    "A label differs, and same says that all is the same. Compare both parts of an element, images "
    "and labels: a conversion that shuffles the one without the other is found there."
)
AMBIGUOUS = (
    "`==` and `!=` of two arrays give an array, one truth value for each number, and `if` needs a "
    "single one: NumPy refuses to choose. `np.array_equal(one, other)` gives that one."
)
CLOSE = (
    "The labels 1000000 and 1000001 differ, and same says that they are the same: `np.allclose` "
    "takes for equal what differs by a hundred-thousandth. Where nothing was computed, the same "
    "means the same: `np.array_equal`."
)
TYPES_UNSEEN = (
    "The same values came as another type, {what}, and same says that they are the same. What is "
    "computed with them may differ: 200 + 100 is 44 in uint8. Compare `dtype`, too."
)
BROADCAST = (
    "The labels came in the shape (3, 1) in place of (3,), and same says that they are the same: "
    "between arrays of two shapes, `==` spreads the smaller one over the larger. "
    "`np.array_equal` compares the shapes as well."
)
FIRST_ELEMENT_ONLY = (
    "The two differ in a later element, and same says that they are the same: only the first one "
    "was compared. Go through all of them."
)
ORDER_UNSEEN = (
    "Two elements have changed places, and same says that all is the same. The order counts here: "
    "compare the first with the first, the second with the second."
)
LISTED = (
    "One of the two never ends, as those of ImageDataGenerator don't, and same wanted all of its "
    "elements: a list of them has no end. Go through both side by side, and stop at the first "
    "difference: `itertools.zip_longest`."
)
YES_OR_NO = (
    "same gave back {found}. Where the two are the same it should return None, else where they "
    "differ first: `return epoch, element`."
)
FROM_ONE = (
    "same returns {found} where the first difference is {expected}: epochs and elements are "
    "counted from 0, as indices are."
)
TURNED_ROUND = (
    "same returns {found}, and should return {expected}: the epoch first, then the element in it."
)
LAST_ONE = (
    "There are several differences, and same returns the last one, {found}. The first one is asked "
    "for, {expected}: `return` there, at once."
)
COUNTS_ON = (
    "same returns {found}, and should return {expected}: elements are counted anew in each epoch."
)


def same(old, new):
    """Return None where two epochs are the same, else (epoch, element) of the first difference."""
    from itertools import zip_longest

    for epoch in range(2):
        for element, (one, other) in enumerate(zip_longest(old(), new())):
            if one is None or other is None:
                return epoch, element
            for part, another in zip(one, other):
                part, another = np.asarray(part), np.asarray(another)
                if part.dtype != another.dtype or not np.array_equal(part, another):
                    return epoch, element
    return None


class _Epoch:
    """An iterator over some elements; knows how often somebody began to loop over it."""

    def __init__(self, elements: list, endless: bool):
        self.loops = 0
        self._elements = iter(elements) if not endless else self._for_ever(elements)

    def __iter__(self) -> _Epoch:
        self.loops += 1
        return self

    def __next__(self) -> tuple:
        return next(self._elements)

    @staticmethod
    def _for_ever(elements: list) -> Iterator:
        for number in range(MOST):
            yield elements[number % len(elements)]
        raise Wrong(LISTED)


class _Source:
    """What `same` is given: each call is an epoch. Notes the calls, and what they gave."""

    def __init__(self, *epochs: list, give: Callable | None = None, endless: bool = False):
        self.epochs, self.give, self.endless = epochs, give, endless
        self.given: list = []

    def __call__(self) -> Iterable:
        elements = self.epochs[min(len(self.given), len(self.epochs) - 1)]
        self.given.append(self.give(elements) if self.give else _Epoch(elements, self.endless))
        return self.given[-1]


def _element(number: int) -> tuple[np.ndarray, np.ndarray]:
    """Three small images and their labels, new arrays at each call."""
    rng = np.random.default_rng([9, number])
    images = rng.integers(0, 256, (3, 4, 5, 3), dtype=np.uint8)
    return images, 1_000_000 + rng.permutation(100)[:3]


def _epochs(count: int = 3) -> list[list[tuple]]:
    """Three epochs of three elements, all of them different, as after reshuffling."""
    return [[_element(10 * epoch + number) for number in range(count)] for epoch in range(3)]


def _with(epoch: int, element: int, change: Callable) -> list[list[tuple]]:
    """The epochs, with a change in one element."""
    epochs = _epochs()
    epochs[epoch][element] = change(*epochs[epoch][element])
    return epochs


def _other_pixel(images: np.ndarray, labels: np.ndarray) -> tuple:
    images[2, 1, 1, 0] ^= 1
    return images, labels


ONE_MORE = np.array([0, 1, 0])


def _other_label(images: np.ndarray, labels: np.ndarray) -> tuple:
    return images, labels + np.array([0, 0, 500_000])


def _two_pixels_swapped(images: np.ndarray, labels: np.ndarray) -> tuple:
    images[0, 0, 0, 0], images[0, 3, 4, 2] = images[0, 3, 4, 2], images[0, 0, 0, 0] + 0
    return images, labels


def check_parity(answer: Callable) -> None:
    """Compare two that are the same, then two that differ, in one way after the other."""
    _judge_same(answer)
    _judge_values(answer)
    _judge_first(answer)
    _judge_places(answer)
    _judge_lengths(answer)
    _judge_what_counts(answer)
    _judge_endless(answer)
    _judge_kinds(answer)


def _asked(answer: Callable, old: _Source, new: _Source) -> tuple[int, int] | None:
    """Ask for the first difference; return it, or None."""
    try:
        found = answer(old, new)
    except ValueError as error:
        if "truth value of an array" in str(error):
            raise Wrong(AMBIGUOUS) from None
        raise
    if found is None:
        return None
    if isinstance(found, (tuple, list)) and len(found) == 2:
        plain = [isinstance(n, numbers.Integral) and not isinstance(n, bool) for n in found]
        if all(plain):
            return int(found[0]), int(found[1])
    named = isinstance(found, (bool, int, float, str, tuple, list))
    raise Wrong(YES_OR_NO.format(found=_short(found) if named else _kind(found)))


def _asked_of(answer: Callable, changed: list[list[tuple]]) -> tuple[int, int] | None:
    return _asked(answer, _Source(*_epochs()), _Source(*changed))


def _expect(
    found: tuple[int, int] | None, expected: tuple[int, int] | None, missed: str, what: str
) -> None:
    """Refuse what isn't expected: `missed` is said where a difference wasn't seen."""
    if found == expected:
        return
    if found is None:
        raise Wrong(missed)
    if expected is not None:
        if expected == (0, 0) and found in ((0, 1), (1, 0), (1, 1)):
            raise Wrong(FROM_ONE.format(found=found, expected=expected))
        if found == expected[::-1]:
            raise Wrong(TURNED_ROUND.format(found=found, expected=expected))
    raise Wrong(f"{what}: same should return {expected}. Yours returns {found}.")


def _judge_same(answer: Callable) -> None:
    """Two that are the same, of three elements each, and of none."""
    for epochs in (_epochs, lambda: [[], [], []]):
        found = _asked(answer, _Source(*epochs()), _Source(*epochs()))
        _expect(found, None, "", "The two are the same")


def _judge_values(answer: Callable) -> None:
    """Differences in the very first element."""
    image = _asked_of(answer, _with(0, 0, _other_pixel))
    label = _asked_of(answer, _with(0, 0, _other_label))
    if image is None and label is None:
        raise Wrong(VALUES_UNSEEN)
    _expect(image, (0, 0), IMAGES_UNSEEN, "The first two elements differ in an image")
    _expect(label, (0, 0), LABELS_UNSEEN, "The first two elements differ in a label")


def _judge_places(answer: Callable) -> None:
    """Differences further on: in a later element, in the second epoch, in the third."""
    found = _asked_of(answer, _with(0, 2, _other_pixel))
    _expect(found, (0, 2), FIRST_ELEMENT_ONLY, "The third elements of the first epoch differ")
    old, new = _Source(*_epochs()), _Source(*_with(1, 2, _other_pixel))
    found = _asked(answer, old, new)
    if found in ((1, 5), (1, 6)):
        raise Wrong(COUNTS_ON.format(found=found, expected=(1, 2)))
    again = any(each.loops > 1 for each in (*old.given, *new.given))
    missed = CALLED_ONCE if again else FIRST_EPOCH_ONLY
    _expect(found, (1, 2), missed, "The third elements of the second epoch differ")
    found = _asked_of(answer, _with(2, 0, _other_pixel))
    _expect(found, None, "", "The two differ in a third epoch, and two epochs are to be compared")


def _judge_lengths(answer: Callable) -> None:
    """One of the two has an element less, or an epoch without any."""
    for epoch, length in ((0, 2), (1, 0), (1, 2)):
        for shorter in (0, 1):
            sources = [_epochs(), _epochs()]
            del sources[shorter][epoch][length:]
            found = _asked(answer, *(_Source(*each) for each in sources))
            name = ("old", "new")[shorter]
            what = f"In its {RANKS[epoch]} epoch {name} has {length} of 3 elements"
            _expect(found, (epoch, length), STOPS_AT_THE_SHORTER, what)


def _judge_what_counts(answer: Callable) -> None:
    """Differences that a sum, a rough comparison, or a loose one doesn't see."""
    found = _asked_of(answer, _with(0, 1, _two_pixels_swapped))
    _expect(found, (0, 1), SUMS, "Two pixels of the second element have changed places")
    turned = _epochs()
    turned[0][1:] = reversed(turned[0][1:])
    found = _asked_of(answer, turned)
    _expect(found, (0, 1), ORDER_UNSEEN, "The second and third element have changed places")
    found = _asked_of(answer, _with(1, 1, lambda images, labels: (images, labels + ONE_MORE)))
    _expect(found, (1, 1), CLOSE, "A label of the second epoch's second element is one more")
    for what, change in (
        ("int32 in place of int64", lambda images, labels: (images, labels.astype(np.int32))),
        ("float32 in place of uint8", lambda images, labels: (images.astype(np.float32), labels)),
    ):
        found = _asked_of(answer, _with(0, 1, change))
        missed = TYPES_UNSEEN.format(what=what)
        _expect(found, (0, 1), missed, f"The second element is the same, but {what}")
    alike = [(images, np.full(3, 7)) for images, _ in _epochs()[0]]
    spread = [(images, np.full((3, 1), 7)) for images, _ in _epochs()[0]]
    found = _asked(answer, _Source(alike), _Source(alike[:1] + spread[1:]))
    _expect(found, (0, 1), BROADCAST, "The second element's labels have another shape")


def _judge_first(answer: Callable) -> None:
    """Of several differences the first one counts."""
    places = ((0, 1), (0, 2), (1, 1), (1, 2))
    changed = _epochs()
    for epoch, element in places:
        changed[epoch][element] = _other_pixel(*changed[epoch][element])
    found = _asked_of(answer, changed)
    if found in places[1:]:
        raise Wrong(LAST_ONE.format(found=found, expected=places[0]))
    _expect(found, places[0], FIRST_ELEMENT_ONLY, "Four elements differ")


def _judge_endless(answer: Callable) -> None:
    """One of the two never ends, or both do not."""
    finite = _epochs()
    for endless in (0, 1):
        sources = [_Source(*finite, endless=endless == number) for number in (0, 1)]
        found = _asked(answer, *sources)
        name = ("old", "new")[endless]
        _expect(found, (0, 3), STOPS_AT_THE_SHORTER, f"Of 3 elements each, {name} goes on for ever")
    old, new = (_Source(each, endless=True) for each in (finite[0], _with(0, 2, _other_pixel)[0]))
    _expect(_asked(answer, old, new), (0, 2), VALUES_UNSEEN, "Both never end, and differ early")


def _judge_kinds(answer: Callable) -> None:
    """Lists and datasets in place of iterators: a dataset gives tensors."""
    for give in (list, _as_dataset):
        found = _asked(answer, _Source(*_epochs()), _Source(*_epochs(), give=give))
        kind = "a dataset" if give is _as_dataset else "a list"
        _expect(found, None, "", f"One gives {kind}, with the same elements")
    changed = _with(1, 1, _other_label)
    found = _asked(answer, _Source(*_epochs(), give=_as_dataset), _Source(*changed))
    _expect(found, (1, 1), LABELS_UNSEEN, "One gives a dataset, and they differ in a label")


def _as_dataset(elements: list[tuple]) -> tf.data.Dataset:
    images, labels = zip(*elements)
    return tf.data.Dataset.from_tensor_slices((np.stack(images), np.stack(labels)))


def _zips(old, new):
    for epoch in range(2):
        for element, (one, other) in enumerate(zip(old(), new())):
            for part, another in zip(one, other):
                part, another = np.asarray(part), np.asarray(another)
                if part.dtype != another.dtype or not np.array_equal(part, another):
                    return epoch, element
    return None


def _compares_one_epoch(old, new):
    from itertools import zip_longest

    for element, (one, other) in enumerate(zip_longest(old(), new())):
        if one is None or other is None:
            return 0, element
        for part, another in zip(one, other):
            part, another = np.asarray(part), np.asarray(another)
            if part.dtype != another.dtype or not np.array_equal(part, another):
                return 0, element
    return None


def _calls_them_once(old, new):
    from itertools import zip_longest

    olds, news = old(), new()
    for epoch in range(2):
        for element, (one, other) in enumerate(zip_longest(olds, news)):
            if one is None or other is None:
                return epoch, element
            for part, another in zip(one, other):
                part, another = np.asarray(part), np.asarray(another)
                if part.dtype != another.dtype or not np.array_equal(part, another):
                    return epoch, element
    return None


def _compares_sums(old, new):
    from itertools import zip_longest

    for epoch in range(2):
        for element, (one, other) in enumerate(zip_longest(old(), new())):
            if one is None or other is None:
                return epoch, element
            for part, another in zip(one, other):
                part, another = np.asarray(part), np.asarray(another)
                if part.shape != another.shape or part.sum() != another.sum():
                    return epoch, element
    return None


def _compares_shapes(old, new):
    from itertools import zip_longest

    for epoch in range(2):
        for element, (one, other) in enumerate(zip_longest(old(), new())):
            if one is None or other is None:
                return epoch, element
            for part, another in zip(one, other):
                if (part.shape, part.dtype) != (another.shape, another.dtype):
                    return epoch, element
    return None


def _compares_labels(old, new):
    from itertools import zip_longest

    for epoch in range(2):
        for element, (one, other) in enumerate(zip_longest(old(), new())):
            if one is None or other is None:
                return epoch, element
            if not np.array_equal(one[1], other[1]):
                return epoch, element
    return None


def _compares_images(old, new):
    from itertools import zip_longest

    for epoch in range(2):
        for element, (one, other) in enumerate(zip_longest(old(), new())):
            if one is None or other is None:
                return epoch, element
            if not np.array_equal(one[0], other[0]):
                return epoch, element
    return None


def _compares_pairs(old, new):
    from itertools import zip_longest

    for epoch in range(2):
        for element, (one, other) in enumerate(zip_longest(old(), new())):
            if one != other:
                return epoch, element
    return None


def _compares_roughly(old, new):
    from itertools import zip_longest

    for epoch in range(2):
        for element, (one, other) in enumerate(zip_longest(old(), new())):
            if one is None or other is None:
                return epoch, element
            for part, another in zip(one, other):
                if not np.allclose(np.float64(part), np.float64(another)):
                    return epoch, element
    return None


def _ignores_types(old, new):
    from itertools import zip_longest

    for epoch in range(2):
        for element, (one, other) in enumerate(zip_longest(old(), new())):
            if one is None or other is None:
                return epoch, element
            for part, another in zip(one, other):
                if not np.array_equal(part, another):
                    return epoch, element
    return None


def _spreads_shapes(old, new):
    from itertools import zip_longest

    for epoch in range(2):
        for element, (one, other) in enumerate(zip_longest(old(), new())):
            if one is None or other is None:
                return epoch, element
            for part, another in zip(one, other):
                part, another = np.asarray(part), np.asarray(another)
                if part.dtype != another.dtype or not (part == another).all():
                    return epoch, element
    return None


def _looks_at_the_first(old, new):
    for epoch in range(2):
        one, other = next(iter(old()), None), next(iter(new()), None)
        if one is None and other is None:
            continue
        if one is None or other is None:
            return epoch, 0
        for part, another in zip(one, other):
            part, another = np.asarray(part), np.asarray(another)
            if part.dtype != another.dtype or not np.array_equal(part, another):
                return epoch, 0
    return None


def _sorts_them(old, new):
    def known(source):
        return [[np.asarray(part).tobytes() for part in element] for element in source()]

    for epoch in range(2):
        olds, news = known(old), known(new)
        if sorted(olds) != sorted(news):
            for element in range(max(len(olds), len(news))):
                if olds[element : element + 1] != news[element : element + 1]:
                    return epoch, element
    return None


def _lists_them(old, new):
    for epoch in range(2):
        olds, news = list(old()), list(new())
        for element in range(max(len(olds), len(news))):
            if element >= min(len(olds), len(news)):
                return epoch, element
            for part, another in zip(olds[element], news[element]):
                part, another = np.asarray(part), np.asarray(another)
                if part.dtype != another.dtype or not np.array_equal(part, another):
                    return epoch, element
    return None


def _says_yes_or_no(old, new):
    from itertools import zip_longest

    for _ in range(2):
        for one, other in zip_longest(old(), new()):
            if one is None or other is None:
                return False
            for part, another in zip(one, other):
                part, another = np.asarray(part), np.asarray(another)
                if part.dtype != another.dtype or not np.array_equal(part, another):
                    return False
    return True


def _counts_from_1(old, new):
    from itertools import zip_longest

    for epoch in range(2):
        for element, (one, other) in enumerate(zip_longest(old(), new()), 1):
            if one is None or other is None:
                return epoch, element
            for part, another in zip(one, other):
                part, another = np.asarray(part), np.asarray(another)
                if part.dtype != another.dtype or not np.array_equal(part, another):
                    return epoch, element
    return None


def _keeps_the_last(old, new):
    from itertools import zip_longest

    found = None
    for epoch in range(2):
        for element, (one, other) in enumerate(zip_longest(old(), new())):
            if one is None or other is None:
                return epoch, element
            for part, another in zip(one, other):
                part, another = np.asarray(part), np.asarray(another)
                if part.dtype != another.dtype or not np.array_equal(part, another):
                    found = epoch, element
    return found


def _counts_on(old, new):
    from itertools import zip_longest

    element = -1
    for epoch in range(2):
        for one, other in zip_longest(old(), new()):
            element += 1
            if one is None or other is None:
                return epoch, element
            for part, another in zip(one, other):
                part, another = np.asarray(part), np.asarray(another)
                if part.dtype != another.dtype or not np.array_equal(part, another):
                    return epoch, element
    return None


# ------------------------------------------------------------------------------------- words


def _kind(value: object) -> str:
    if value is None:
        return "None"
    name = type(value).__name__
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _some(values: Iterable, most: int = 6) -> str:
    """The first few values, as a message names them."""
    values = list(values)
    shown = ", ".join(map(_short, values[:most]))
    return f"{shown}, ..." if len(values) > most else shown or "none"


def _short(value: object) -> str:
    plain = isinstance(value, (int, float, str, bytes, tuple, list, dict, type(None)))
    text = repr(value) if plain else _kind(value)
    return text if len(text) <= 30 else f"{text[:27]}..."


EXERCISES = (
    Exercise(
        id="09.wrap",
        task=(
            "Write wrapped(sequence): a dataset of the batches of a PyDataset, with signature and "
            "length, that calls the sequence's on_epoch_end after each pass."
        ),
        solution=wrapped,
        check=check_wrap,
        hints=(
            "Three parts: a generator function inside of wrapped, which knows `sequence`; a "
            "signature with an open first dimension; the promise of a length.",
            "The generator goes through `range(len(sequence))` and yields `sequence[index]`. A "
            "generator that is left, or not asked again after its last `yield`, is closed there: "
            "of what follows, only a `finally` is reached.",
            "In `batches`: `try:`, the loop `for index in range(len(sequence)): yield "
            "sequence[index]`, then `finally: sequence.on_epoch_end()`. The signature is "
            "`(tf.TensorSpec((None, 32, 32, 3), tf.uint8), tf.TensorSpec((None,), tf.int64))`, the "
            "dataset `tf.data.Dataset.from_generator(batches, output_signature=signature)`. The "
            "last line is `return "
            "dataset.apply(tf.data.experimental.assert_cardinality(len(sequence)))`.",
        ),
        mistakes=(
            Mistake(_gives_the_sequence, GIVEN_THE_OBJECT),
            Mistake(_gives_a_generator, GIVEN_A_GENERATOR),
            Mistake(_hands_it_over, WITH_ARGS),
            Mistake(_loops_over_it, LOOPS_OVER_IT),
            Mistake(_goes_on_for_ever, ENDLESS),
            Mistake(_makes_all_batches, DRAWN_EARLY),
            Mistake(_makes_one_generator, USED_UP),
            Mistake(_never_ends_a_pass, SAME_ORDER),
            Mistake(_begins_with_the_end, CALLED_BEFORE),
            Mistake(_calls_it_after_the_loop, AFTER_THE_LOOP),
            Mistake(_calls_it_with_the_last, NOT_WHEN_LEFT),
            Mistake(_promises_nothing, UNKNOWN_LENGTH),
            Mistake(_promises_photos, PROMISED_PHOTOS),
            Mistake(_fixes_the_batch_size, SIGNATURE_FIXED),
            Mistake(_leaves_the_size_open, SIGNATURE_OPEN),
            Mistake(_takes_them_apart, UNBATCHED),
            Mistake(_says_int32, LABELS_CAST.format(found="int32")),
            Mistake(_yields_lists, IN_A_LIST),
        ),
        right=(
            "every pass has its own order, also for `fit`, which takes the promised number of "
            "batches and asks for no more. A line behind the loop may never be reached there; your "
            "call of `on_epoch_end` is."
        ),
    ),
    Exercise(
        id="09.by_index",
        task=(
            "Write by_index(sequence, parallel): a dataset of a PyDataset's batches, in order, "
            "`parallel` of which are made at the same time."
        ),
        solution=by_index,
        check=check_by_index,
        hints=(
            "The source gives nothing but numbers, the indices. What takes time, asking the "
            "sequence for a batch, belongs into `map`, which can call its function several times "
            "at once.",
            "`tf.numpy_function(function, [index], types)` calls Python for each index, with a "
            "number. The function is `sequence.__getitem__`. What it gives back has no shapes: "
            "`set_shape` says them.",
            "In `batch`: `images, labels = tf.numpy_function(sequence.__getitem__, [index], "
            "(tf.uint8, tf.int64))`, then `images.set_shape((None, 32, 32, 3))` and "
            "`labels.set_shape((None,))`, then `return images, labels`. With `dataset = "
            "tf.data.Dataset.range(len(sequence))` it is `return dataset.map(batch, "
            "num_parallel_calls=parallel)`.",
        ),
        mistakes=(
            Mistake(_says_nothing_of_parallel, ONE_AT_A_TIME),
            Mistake(_maps_a_generator, SERIAL_SOURCE),
            Mistake(_lets_tensorflow_decide, TOO_MANY_AT_ONCE),
            Mistake(_interleaves_generators, INTERLEAVED),
            Mistake(_takes_what_is_ready, AS_THEY_COME),
            Mistake(_sets_no_shapes, SHAPES_UNKNOWN),
            Mistake(_sets_the_batch_size, SHAPES_FIXED),
            Mistake(_sets_no_size, SIZE_OPEN),
            Mistake(_asks_with_a_tensor, SYMBOLIC),
            Mistake(_asks_once, BAKED_IN),
            Mistake(_makes_them_all, MADE_EARLY),
            Mistake(_promises_int32, TYPES_DIFFER.format(found="int32")),
            Mistake(_counts_from_one, PAST_THE_END),
        ),
        right=(
            "`parallel` batches are under way, and they arrive in order. Their Python still shares "
            "one lock, so this pays where a batch waits for files or computes outside of Python, "
            "as OpenCV does."
        ),
    ),
    Exercise(
        id="09.parity",
        task=(
            "Write same(old, new): None where two sources give the same elements in the same order "
            "in two epochs, else the first difference, (epoch, element)."
        ),
        solution=same,
        check=check_parity,
        hints=(
            "Three loops: over two epochs, over the elements of both side by side, over the two "
            "parts of an element. At the first difference, `return`.",
            "`itertools.zip_longest(old(), new())` goes on where one of them has ended, with None "
            "in its place. Two arrays are the same where `dtype` is, and `np.array_equal` says so; "
            "`np.asarray` makes an array of a tensor.",
            "`for element, (one, other) in enumerate(zip_longest(old(), new())):`, in it `if one "
            "is None or other is None: return epoch, element`, then `for part, another in zip(one, "
            "other):`, `part, another = np.asarray(part), np.asarray(another)`, and `if part.dtype "
            "!= another.dtype or not np.array_equal(part, another): return epoch, element`. All of "
            "it in `for epoch in range(2):`, with `from itertools import zip_longest` before it.",
        ),
        mistakes=(
            Mistake(_zips, STOPS_AT_THE_SHORTER),
            Mistake(_compares_one_epoch, FIRST_EPOCH_ONLY),
            Mistake(_calls_them_once, CALLED_ONCE),
            Mistake(_compares_sums, SUMS),
            Mistake(_compares_shapes, VALUES_UNSEEN),
            Mistake(_compares_labels, IMAGES_UNSEEN),
            Mistake(_compares_images, LABELS_UNSEEN),
            Mistake(_compares_pairs, AMBIGUOUS),
            Mistake(_compares_roughly, CLOSE),
            Mistake(_ignores_types, TYPES_UNSEEN.format(what="int32 in place of int64")),
            Mistake(_spreads_shapes, BROADCAST),
            Mistake(_looks_at_the_first, FIRST_ELEMENT_ONLY),
            Mistake(_sorts_them, ORDER_UNSEEN),
            Mistake(_lists_them, LISTED),
            Mistake(_says_yes_or_no, YES_OR_NO.format(found="True")),
            Mistake(_counts_from_1, FROM_ONE.format(found=(0, 1), expected=(0, 0))),
            Mistake(_keeps_the_last, LAST_ONE.format(found=(1, 2), expected=(0, 1))),
            Mistake(_counts_on, COUNTS_ON.format(found=(1, 5), expected=(1, 2))),
        ),
        right=(
            "it needs no more than one element of each at a time, so it compares datasets of any "
            "size, and one that never ends as well. The same elements are the half of it: "
            "`trained_parity` compares what a model has learned from them."
        ),
    ),
    Exercise(
        id="09.augment",
        task=(
            "Write augmented(dataset, seed, epoch): the photos mirrored and brightened at random, "
            "by random numbers that depend on seed, epoch and place alone."
        ),
        solution=augmented,
        check=check_augment,
        hints=(
            "`tf.image.stateless_random_flip_left_right` and `stateless_random_brightness` draw "
            "from a seed that they are given, two whole numbers, and from nothing else. So each "
            "photo needs a seed of its own, and each of its two changes another one.",
            "`dataset.enumerate()` gives pairs of a place and an element. "
            "`tf.random.fold_in([seed, epoch], place)` makes one seed of the three, and "
            "`tf.random.split` makes two seeds of one.",
            "In `augment(place, element)`: `image, label = element`, `of_photo = "
            "tf.random.fold_in([seed, epoch], place)`, `flip, light = "
            "tf.unstack(tf.random.split(of_photo))`, `image = "
            "tf.image.stateless_random_flip_left_right(image, flip)`, `image = "
            "tf.image.stateless_random_brightness(image, 0.2, light)`, `return image, label`. Then "
            "`return dataset.enumerate().map(augment, num_parallel_calls=tf.data.AUTOTUNE)`.",
        ),
        mistakes=(
            Mistake(_draws_with_state, GOES_ON),
            Mistake(_sets_the_global_seed, SEEDED_FOR_ALL),
            Mistake(_draws_in_python, TRACED_ONCE),
            Mistake(_seeds_numpy, DRAWN_FROM_ALL),
            Mistake(_draws_while_traced, FROZEN.format(changed="changed")),
            Mistake(_has_one_seed, ALL_ALIKE.format(changed="changed")),
            Mistake(_zips_new_seeds, OTHER_SEEDS),
            Mistake(_zips_seeds, OF_THE_GLOBAL_SEED),
            Mistake(_forgets_the_epoch, SAME_IN_EVERY_EPOCH),
            Mistake(_mirrors_without_the_epoch, MIRRORED_IN_EVERY_EPOCH),
            Mistake(_brightens_without_the_epoch, BRIGHT_IN_EVERY_EPOCH),
            Mistake(_forgets_the_seed, SEED_IGNORED.format(changed="changed")),
            Mistake(_adds_seed_and_epoch, _shared((1, 0), (0, 1), 0)),
            Mistake(_adds_epoch_and_place, _shared((1, 2), (1, 0), -2)),
            Mistake(_takes_a_seed_twice, TOGETHER),
            Mistake(_adds_to_large_floats, NOTHING_ADDED),
            Mistake(_counts_in_grey_levels, BLACK_OR_WHITE),
            Mistake(_wraps_around, WRAPS),
            Mistake(_gives_floats, FLOATS.format(found="float32")),
            Mistake(_gives_the_place, PLACE_AS_LABEL),
            Mistake(_turns_upside_down, UPSIDE_DOWN),
            Mistake(_drops_the_mirrored, NEVER_MIRRORED),
            Mistake(_loses_the_size, UNKNOWN_SIZE),
        ),
        right=(
            "whoever repeats an epoch gets the same photos, in however many threads they are made. "
            "And since nothing in `map` keeps a state, tf.data could run it in parallel even "
            "without being told."
        ),
    ),
)
