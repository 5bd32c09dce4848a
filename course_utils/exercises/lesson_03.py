"""The exercises of lesson 03: rows uncopied, shuffled batches, steps and epochs, a split."""

from __future__ import annotations

import contextlib
import io
import itertools
import random
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator

import keras
import numpy as np
import tensorflow as tf

from course_utils.classroom.exercise import Exercise, Mistake, Wrong, first
from course_utils.measuring.watch import settled

# ------------------------------------------------------------------------------------- 03.rows

COPIED = (
    "The array was changed after the dataset was built, and the dataset still gives the old rows:"
    " it holds a copy, as from_tensor_slices makes one, or copy(). Let a generator slice the array"
    " itself."
)
COPIED_AT_THE_START = (
    "The last row was changed after the first batch, and came with its old numbers: the whole "
    "array had been copied by then, at the start of the epoch or by a long prefetch. Slice the "
    "array itself, one batch at a time: a slice is a view, not a copy."
)
READ_AHEAD = (
    "Rows that were changed long before their turn came with their old numbers: more than 20 "
    "batches are read ahead, as by `prefetch(100)`. Read one or two ahead, `prefetch(2)`, or leave"
    " the prefetch out."
)
LAST_ROWS_LOST = (
    "Of 10 rows in batches of 3, the last one never comes. The last batch may be smaller: begin a"
    " batch at every position of `range(0, len(array), size)`."
)
LENGTH_UNKNOWN = (
    "The batches are right, but their number is unknown: TensorFlow can't look into a generator. "
    "Promise it with assert_cardinality."
)
LENGTH_TOO_SHORT = (
    "The length says 3 and 4 batches come, so TensorFlow raises FailedPreconditionError: "
    "`len(array) // size` leaves out the smaller last batch. Round up, or take the len of "
    "`range(0, len(array), size)`."
)
LENGTH_IN_ROWS = (
    "The length says 10, the count of the rows, and the elements are 4 batches: at the end "
    "TensorFlow raises FailedPreconditionError. Promise the count of batches."
)
SIZE_IN_THE_SIGNATURE = (
    "Every batch is said to have 3 rows, in the signature or by ensure_shape, and TensorFlow "
    "refuses the last one, which has fewer. A size that varies is None in the shape."
)
ROWS_ONCE = (
    "The second epoch is empty: every call of what you gave to from_generator hands over the same "
    "generator, and that one is used up. Make the generator inside the function."
)
ROWS_GIVEN_A_GENERATOR = (
    "from_generator was given a generator, the result of a call. It must be given the function, "
    "to call it once an epoch: write its name without the parentheses."
)


def rows_of(array, size):
    """Return a dataset of batches of `size` rows, each read from the array when asked for."""
    starts = range(0, len(array), size)

    def slices():
        for start in starts:
            yield array[start : start + size]

    signature = tf.TensorSpec((None, array.shape[1]), tf.float32)
    dataset = tf.data.Dataset.from_generator(slices, output_signature=signature)
    return dataset.apply(tf.data.experimental.assert_cardinality(len(starts)))


def check_rows(answer: Callable) -> None:
    """Change the array after the dataset is built, between two epochs, and during one."""
    for n, columns, size in ((10, 2, 3), (12, 3, 4), (2, 5, 4)):
        array = np.arange(n * columns, dtype=np.float32).reshape(n, columns)
        dataset = _rows(answer, array, size)
        for epoch in ("first", "second"):
            array += 100  # so what is old is below 100, and below 200 in the second epoch
            _judge_rows(dataset, array, size, epoch)
    _judge_what_is_read_ahead(answer)


AHEAD = 20  # batches; TensorFlow's own prefetch, or one of 1 or 2, has read 3 at most


def _judge_what_is_read_ahead(answer: Callable) -> None:
    """Change the array after the first batch, and look which batches had been read by then."""
    array = np.zeros((600, 2), np.float32)
    one_thread = tf.data.Options()  # a parallel map may read ahead with each of its threads
    one_thread.threading.private_threadpool_size = 1
    drawn = iter(_rows(answer, array, 3).with_options(one_thread))
    next(drawn)
    _wait_while_others_read(len(array))
    array[3 * AHEAD :] = 7
    # Some old ones are missing: where it can, TensorFlow takes a view instead of a copy.
    old = [k for k, batch in enumerate(first(drawn, 199), 1) if k >= AHEAD and 0 in batch.numpy()]
    if old:
        raise Wrong(COPIED_AT_THE_START if old[-1] >= 190 else READ_AHEAD)


def _wait_while_others_read(count: int) -> None:
    """Wait until a dataset of ours has read so many elements ahead: others had the time as well."""
    made = []

    def numbers():
        for number in range(count):
            made.append(number)
            yield number

    signature = tf.TensorSpec((), tf.int64)
    dataset = tf.data.Dataset.from_generator(numbers, output_signature=signature)
    ours = iter(dataset.prefetch(count))
    next(ours)
    settled(made, count, limit=5)


def _rows(answer: Callable, array: np.ndarray, size: int) -> tf.data.Dataset:
    try:
        dataset = answer(array, size)
    except TypeError as error:
        if "must be a Python callable" in str(error):
            raise Wrong(ROWS_GIVEN_A_GENERATOR) from None
        raise
    if isinstance(dataset, Generator):
        raise Wrong(
            "rows_of gave back a generator: put the `yield` into a function inside, and give that "
            "one to from_generator."
        )
    if not isinstance(dataset, tf.data.Dataset):
        if callable(dataset):
            raise Wrong(
                "rows_of gave back a function. Give that function to from_generator, with a "
                "signature, and return the dataset."
            )
        raise Wrong(_no_dataset("rows_of(array, size)", dataset))
    spec = dataset.element_spec
    _refuse_one_inside(spec)
    if not (isinstance(spec, tf.TensorSpec) and spec.dtype == tf.float32):
        raise Wrong(
            "Each element should be one float32 tensor, a batch of rows. Yours are described as\n"
            f"{_described(spec)}"
        )
    return dataset


def _judge_rows(dataset: tf.data.Dataset, array: np.ndarray, size: int, epoch: str) -> None:
    n = len(array)
    right = [array[start : start + size].tolist() for start in range(0, n, size)]
    length = int(dataset.cardinality())
    drawn, broken = _rows_drawn(dataset, n + 3, size)
    lost = n % size > 0 and drawn == right[:-1]
    if epoch == "second" and not drawn:
        raise Wrong(ROWS_ONCE)
    _refuse_old(drawn, epoch)
    if (n, size) == (10, 3):
        if lost and broken and length == 3:
            raise Wrong(LENGTH_TOO_SHORT)
        if lost:
            raise Wrong(LAST_ROWS_LOST)
        if drawn == right and length == 10:
            raise Wrong(LENGTH_IN_ROWS)
    if drawn != right and not (broken and drawn == right[:length]):
        more = ", and more" if len(drawn) > len(right) + 1 else ""
        yours = (_listed(drawn[: len(right) + 1]) or "nothing") + more
        raise Wrong(
            f"Of {n} rows in batches of {size}, the {epoch} epoch should give {_listed(right)}. "
            f"Yours gives {yours}."
        )
    if length < 0:
        raise Wrong(LENGTH_UNKNOWN)
    if length != len(right) or broken:
        raise Wrong(
            f"Of {n} rows in batches of {size}, the length should be {len(right)}. Yours says "
            f"{length}."
        )


def _rows_drawn(dataset: tf.data.Dataset, most: int, size: int) -> tuple[list, bool]:
    """Draw at most so many batches; return them as lists, and whether a promise was broken."""
    drawn = []
    try:
        for batch in itertools.islice(dataset, most):
            drawn.append(batch.numpy().tolist())  # at once: the tensor may share the array's memory
    except tf.errors.FailedPreconditionError:
        return drawn, True
    except tf.errors.InvalidArgumentError as error:
        shape = dataset.element_spec.shape
        if "shape" in str(error).lower() and shape.rank and shape[0] == size:
            raise Wrong(SIZE_IN_THE_SIGNATURE) from None
        raise
    return drawn, False


def _refuse_old(drawn: list, epoch: str) -> None:
    """The array was changed since: its numbers were below 100, in the second epoch below 200."""
    newest = 100 if epoch == "first" else 200
    old = [batch for batch in drawn if np.size(batch) and np.min(batch) < newest]
    if old and epoch == "first":
        raise Wrong(COPIED)
    if old:
        raise Wrong(
            "The array was changed between two epochs, and the second one gives what the first "
            "one gave: the rows were kept, as cache() does. Read them again in each epoch."
        )


def _from_tensor_slices(array, size):
    return tf.data.Dataset.from_tensor_slices(array).batch(size)


def _copies_in_the_generator(array, size):
    starts = range(0, len(array), size)

    def slices():
        rows = array.tolist()
        for start in starts:
            yield rows[start : start + size]

    signature = tf.TensorSpec((None, array.shape[1]), tf.float32)
    dataset = tf.data.Dataset.from_generator(slices, output_signature=signature)
    return dataset.apply(tf.data.experimental.assert_cardinality(len(starts)))


def _leaves_out_the_last(array, size):
    count = len(array) // size

    def slices():
        for number in range(count):
            yield array[number * size : (number + 1) * size]

    signature = tf.TensorSpec((None, array.shape[1]), tf.float32)
    dataset = tf.data.Dataset.from_generator(slices, output_signature=signature)
    return dataset.apply(tf.data.experimental.assert_cardinality(count))


def _promises_no_length(array, size):
    def slices():
        for start in range(0, len(array), size):
            yield array[start : start + size]

    signature = tf.TensorSpec((None, array.shape[1]), tf.float32)
    return tf.data.Dataset.from_generator(slices, output_signature=signature)


def _rounds_down(array, size):
    def slices():
        for start in range(0, len(array), size):
            yield array[start : start + size]

    signature = tf.TensorSpec((None, array.shape[1]), tf.float32)
    dataset = tf.data.Dataset.from_generator(slices, output_signature=signature)
    return dataset.apply(tf.data.experimental.assert_cardinality(len(array) // size))


def _promises_rows(array, size):
    def slices():
        for start in range(0, len(array), size):
            yield array[start : start + size]

    signature = tf.TensorSpec((None, array.shape[1]), tf.float32)
    dataset = tf.data.Dataset.from_generator(slices, output_signature=signature)
    return dataset.apply(tf.data.experimental.assert_cardinality(len(array)))


def _says_the_size(array, size):
    starts = range(0, len(array), size)

    def slices():
        for start in starts:
            yield array[start : start + size]

    signature = tf.TensorSpec((size, array.shape[1]), tf.float32)
    dataset = tf.data.Dataset.from_generator(slices, output_signature=signature)
    return dataset.apply(tf.data.experimental.assert_cardinality(len(starts)))


def _prefetches_a_hundred(array, size):
    starts = range(0, len(array), size)

    def slices():
        for start in starts:
            yield array[start : start + size]

    signature = tf.TensorSpec((None, array.shape[1]), tf.float32)
    dataset = tf.data.Dataset.from_generator(slices, output_signature=signature)
    promised = dataset.apply(tf.data.experimental.assert_cardinality(len(starts)))
    return promised.prefetch(100)


def _shares_one_generator(array, size):
    starts = range(0, len(array), size)
    slices = (array[start : start + size] for start in starts)
    signature = tf.TensorSpec((None, array.shape[1]), tf.float32)
    dataset = tf.data.Dataset.from_generator(lambda: slices, output_signature=signature)
    return dataset.apply(tf.data.experimental.assert_cardinality(len(starts)))


def _calls_the_generator(array, size):
    starts = range(0, len(array), size)

    def slices():
        for start in starts:
            yield array[start : start + size]

    signature = tf.TensorSpec((None, array.shape[1]), tf.float32)
    dataset = tf.data.Dataset.from_generator(slices(), output_signature=signature)
    return dataset.apply(tf.data.experimental.assert_cardinality(len(starts)))


# ---------------------------------------------------------------------------------- 03.batches

IN_PLACE = (
    "The caller's arrays have changed: rng.shuffle moves the rows of the array that it is given. "
    "Leave the arrays as they are, and draw an order of positions: `rng.permutation(len(data))`."
)
APART = (
    "Rows and labels no longer belong together: each was put into an order of its own. Draw one "
    "order, and pick from both arrays with it."
)
DROPPED = (
    "Of 30 rows in batches of 4, the 2 that are left over never come. The last batch may be "
    "smaller: begin a batch at every position of `range(0, len(data), batch_size)`."
)
NOT_FROM_RNG = (
    "Two generators with the same seed gave two different orders, so the order doesn't come from "
    "rng, and no run can be repeated. Draw with the methods of rng, never with those of "
    "np.random or random."
)
SAME_ORDER = (
    "The second epoch has the order of the first one: what you draw from is made or seeded anew "
    "in every call. Draw from the rng that is handed over: it goes on where it stood."
)
INSIDE_ONLY = (
    "The rows are shuffled inside each batch only: the first batch always holds the first 4 rows. "
    "Shuffle first, all the positions, and cut the batches from that order."
)
BATCH_ORDER = (
    "Only the batches change places: rows that are neighbours in the array always come together. "
    "Shuffle the positions of the rows, then cut the batches."
)
STILL_NEIGHBOURS = (
    "Of 300 rows, most come beside one that lay near them in the array, at most 10 rows away: the"
    " order was only turned, or mixed a few rows at a time. Draw one order of all the positions: "
    "`rng.permutation(len(data))`."
)
NEVER_EARLY = (
    "Of 300 rows, none comes 200 places early or more: the last rows never come at the beginning,"
    " as if from a buffer that holds only a part. Draw one order of all the positions: "
    "`rng.permutation(len(data))`."
)
DRAWN_ANEW = (
    "Some rows come twice and others never: each batch was drawn from all the rows anew. Draw "
    "one order for the whole epoch, and go through it slice by slice."
)
SAME_ROWS = (
    "Every batch holds the same rows, so the others never come. Each batch is a slice of its own: "
    "from start to start + batch_size."
)
NO_END = (
    "After the last row the generator goes on: the epoch never ends. One call is one epoch, so "
    "leave out the `while True`; who wants another epoch calls again."
)
ROWS_IN_A_LIST = (
    "The rows of a batch come as a list. Pick them in one operation: an array indexed with an "
    "array of positions, `data[chosen]`, is an array."
)
A_LIST_OF_BATCHES = (
    "batches(...) gave back a list, so the whole epoch was copied before its first batch is "
    "used. `yield` each batch in the loop."
)


def batches(data, labels, batch_size, rng):
    """Yield the batches of one epoch, each a tuple (rows, labels), in an order drawn from rng."""
    order = rng.permutation(len(data))
    for start in range(0, len(data), batch_size):
        chosen = order[start : start + batch_size]
        yield data[chosen], labels[chosen]


def check_batches(answer: Callable) -> None:
    """Draw epochs of several sizes; look which rows came together, and where the order is from."""
    with _seeds_kept():
        rng = np.random.default_rng(1)
        epoch = _epoch(answer, 30, 4, rng)
        _judge_shuffle(epoch)
        _judge_distances(_epoch(answer, 300, 7, rng))
        if _epoch(answer, 30, 4, np.random.default_rng(1)) != epoch:
            raise Wrong(NOT_FROM_RNG)
        if _epoch(answer, 30, 4, rng) == epoch:
            raise Wrong(SAME_ORDER)
        # A last batch that is full, pictures instead of rows, one batch that is never full.
        for n, batch_size, shape in ((12, 4, (2,)), (15, 6, (2, 3)), (3, 5, (2,))):
            _epoch(answer, n, batch_size, rng, shape)


def _epoch(
    answer: Callable, n: int, size: int, rng: np.random.Generator, shape: tuple = (2,)
) -> list[list[int]]:
    """Draw one epoch; return the positions of the rows in each batch."""
    data = np.arange(n * int(np.prod(shape)), dtype=np.float32).reshape(n, *shape)
    labels = np.arange(100, 100 + n, dtype=np.int32)
    given = data.copy(), labels.copy()
    needed = -(-n // size)
    drawn = first(_a_generator(answer(data, labels, size, rng)), 3 * needed)
    if not (np.array_equal(data, given[0]) and np.array_equal(labels, given[1])):
        raise Wrong(IN_PLACE)
    for batch in drawn:
        _check_batch(batch, data)
    rows = [_positions(batch[0], data) for batch in drawn]
    with_labels = [_positions(batch[1], labels) for batch in drawn]
    if -1 in itertools.chain(*rows, *with_labels):
        raise Wrong("A batch holds a row or a label that isn't one of those given.")
    if rows != with_labels:
        raise Wrong(APART)
    _check_whole(rows, n, size)
    return rows


def _a_generator(result: object) -> Iterable:
    if isinstance(result, (list, tuple)):
        raise Wrong(A_LIST_OF_BATCHES)
    if isinstance(result, tf.data.Dataset):
        raise Wrong(
            "batches(...) gave back a dataset. Only the generator is wanted here: a function with "
            "`yield` in it."
        )
    if callable(result) and not isinstance(result, Iterable):
        raise Wrong(
            "batches(...) gave back a function, and nobody calls it. Put the `yield` into batches "
            "itself."
        )
    return result


def _check_batch(batch: object, data: np.ndarray) -> None:
    if not (isinstance(batch, tuple) and len(batch) == 2):
        raise Wrong(
            f"A batch came as {_kind(batch)}, and should be a tuple of two arrays: "
            "`yield rows, labels`."
        )
    for name, part in zip(("rows", "labels"), batch):
        if isinstance(part, (list, tuple)):
            raise Wrong(ROWS_IN_A_LIST)
        _check_rows_of_a_batch(name, part, data)


def _check_rows_of_a_batch(name: str, part: object, data: np.ndarray) -> None:
    if not isinstance(part, np.ndarray):
        raise Wrong(f"The {name} of a batch are {_kind(part)}, and should be an array.")
    if name == "labels":
        return
    if part.shape == data.shape[1:]:
        raise Wrong("The rows come one by one. A batch is an array of several: `data[chosen]`.")
    if part.shape[1:] != data.shape[1:] or part.dtype != data.dtype:
        expected = ", ".join(map(str, ("batch_size", *data.shape[1:])))
        raise Wrong(
            f"The rows of a batch have the shape {part.shape} and the type {part.dtype}. They "
            f"should have ({expected}) and {data.dtype}."
        )
    if not len(part):
        raise Wrong("An empty batch comes. End the epoch when no row is left.")


def _positions(part: np.ndarray, whole: np.ndarray) -> list[int]:
    """Where the rows of a batch stand in the whole array; -1 for one that isn't there."""
    places = {row.tobytes(): place for place, row in enumerate(whole)}
    return [places.get(row.tobytes(), -1) for row in np.atleast_1d(part)]


def _check_whole(rows: list[list[int]], n: int, size: int) -> None:
    """Every row once, in batches of the right sizes."""
    flat = list(itertools.chain.from_iterable(rows))
    sizes = [len(batch) for batch in rows]
    right = [min(size, n - start) for start in range(0, n, size)]
    if len(rows) == 3 * len(right) and len(flat) > n:
        raise Wrong(NO_END)
    if len(set(flat)) < len(flat):
        raise Wrong(SAME_ROWS if len({tuple(sorted(b)) for b in rows}) == 1 else DRAWN_ANEW)
    if (n, size, sizes) == (30, 4, [4] * 7):
        raise Wrong(DROPPED)
    # The small batch is elsewhere where whole batches change places: that has a message.
    if sorted(sizes, reverse=True) != right or (sizes != right and not _neighbours(rows)):
        raise Wrong(
            f"Of {n} rows, batches of {size} should have {_listed(right)} rows. Yours have "
            f"{_listed(sizes[:8]) or 'none at all'}{', ...' if len(sizes) > 8 else ''}."
        )


def _judge_shuffle(rows: list[list[int]]) -> None:
    """Look whether the order of 30 rows is one that a whole shuffle would hardly give."""
    if not _neighbours(rows):
        return
    starts = [min(batch) for batch in rows]
    if starts != sorted(starts):
        raise Wrong(BATCH_ORDER)
    if all(batch == sorted(batch) for batch in rows):
        raise Wrong(
            "The rows come in the order of the array. Draw another order from rng: "
            "`rng.permutation(len(data))`."
        )
    raise Wrong(INSIDE_ONLY)


def _judge_distances(rows: list[list[int]]) -> None:
    """Look how far 300 rows have moved; the tests compute how rarely a whole shuffle is refused."""
    order = np.array(list(itertools.chain.from_iterable(rows)))
    if np.count_nonzero(np.abs(np.diff(order)) <= 10) >= 150:
        raise Wrong(STILL_NEIGHBOURS)
    if _earliest(order) < 200:
        raise Wrong(NEVER_EARLY)


def _earliest(order: np.ndarray) -> int:
    """By how many places an element comes earlier than in the order of its number, from 0 on."""
    return int((order - np.arange(len(order))).max())


def _neighbours(rows: list[list[int]]) -> bool:
    """Tell whether each batch holds rows that are neighbours in the array."""
    return all(max(batch) - min(batch) == len(batch) - 1 for batch in rows)


def _shuffles_in_place(data, labels, batch_size, rng):
    state = rng.bit_generator.state
    rng.shuffle(data)
    rng.bit_generator.state = state
    rng.shuffle(labels)
    for start in range(0, len(data), batch_size):
        yield data[start : start + batch_size], labels[start : start + batch_size]


def _permutes_apart(data, labels, batch_size, rng):
    data, labels = rng.permutation(data), rng.permutation(labels)
    for start in range(0, len(data), batch_size):
        yield data[start : start + batch_size], labels[start : start + batch_size]


def _drops_the_last(data, labels, batch_size, rng):
    order = rng.permutation(len(data))
    for number in range(len(data) // batch_size):
        chosen = order[number * batch_size : (number + 1) * batch_size]
        yield data[chosen], labels[chosen]


def _draws_from_numpy(data, labels, batch_size, rng):
    order = np.random.permutation(len(data))
    for start in range(0, len(data), batch_size):
        chosen = order[start : start + batch_size]
        yield data[chosen], labels[chosen]


def _makes_its_own_rng(data, labels, batch_size, rng):
    rng = np.random.default_rng(42)
    order = rng.permutation(len(data))
    for start in range(0, len(data), batch_size):
        chosen = order[start : start + batch_size]
        yield data[chosen], labels[chosen]


def _shuffles_inside(data, labels, batch_size, rng):
    for start in range(0, len(data), batch_size):
        chosen = rng.permutation(np.arange(start, min(start + batch_size, len(data))))
        yield data[chosen], labels[chosen]


def _shuffles_batches(data, labels, batch_size, rng):
    for start in rng.permutation(np.arange(0, len(data), batch_size)):
        yield data[start : start + batch_size], labels[start : start + batch_size]


def _turns_the_order(data, labels, batch_size, rng):
    order = np.roll(np.arange(len(data)), rng.integers(len(data)))
    for start in range(0, len(data), batch_size):
        chosen = order[start : start + batch_size]
        yield data[chosen], labels[chosen]


def _shuffles_in_a_buffer(data, labels, batch_size, rng):
    buffer, order = [], []
    for position in range(len(data)):
        buffer.append(position)
        if len(buffer) == 10 * batch_size:
            order.append(buffer.pop(rng.integers(len(buffer))))
    order = np.array(order + rng.permutation(buffer).tolist())
    for start in range(0, len(data), batch_size):
        chosen = order[start : start + batch_size]
        yield data[chosen], labels[chosen]


def _draws_each_batch(data, labels, batch_size, rng):
    for start in range(0, len(data), batch_size):
        size = min(batch_size, len(data) - start)
        chosen = rng.choice(len(data), size, replace=False)
        yield data[chosen], labels[chosen]


def _begins_at_the_first(data, labels, batch_size, rng):
    order = rng.permutation(len(data))
    for _ in range(0, len(data), batch_size):
        chosen = order[:batch_size]
        yield data[chosen], labels[chosen]


def _never_stops(data, labels, batch_size, rng):
    while True:
        order = rng.permutation(len(data))
        for start in range(0, len(data), batch_size):
            chosen = order[start : start + batch_size]
            yield data[chosen], labels[chosen]


def _yields_lists(data, labels, batch_size, rng):
    order = rng.permutation(len(data))
    for start in range(0, len(data), batch_size):
        chosen = order[start : start + batch_size]
        yield [data[k] for k in chosen], [labels[k] for k in chosen]


def _returns_a_list(data, labels, batch_size, rng):
    order = rng.permutation(len(data))
    made = []
    for start in range(0, len(data), batch_size):
        chosen = order[start : start + batch_size]
        made.append((data[chosen], labels[chosen]))
    return made


# ------------------------------------------------------------------------------------ 03.train

NO_REPEAT = (
    "Of 5 batches with 3 steps, the epochs had 3, 2, 3 and 2: where the data end, Keras ends the "
    "epoch early, and begins the next one at the start. Let the data go round: "
    "`dataset.repeat()`."
)
ALWAYS_THE_SAME = (
    "Every epoch trained on the same 3 batches, the first ones, and never on the others: the rest"
    " is cut off, as by `take`, before Keras comes to it. Leave the cut to steps_per_epoch."
)
PROMISED = (
    "Every epoch trained on the same 3 batches: a promise of 3 ends each pass at the third batch, "
    "and the next pass begins anew with the first. A promise is for a length that is true; an "
    "epoch of `dataset.repeat()` ends after `steps_per_epoch=steps`."
)
PROMISE_BROKEN = (
    "Another number of batches came than was promised, so TensorFlow raises "
    "FailedPreconditionError: nobody knows how many this dataset holds. Promise nothing about it:"
    " repeat it, and say `steps_per_epoch=steps`."
)
TOO_FEW_ROUNDS = (
    "repeat(epochs) goes through the data 3 times, which makes 15 batches, and 3 epochs of 7 "
    "steps need 21. Rounds and epochs differ here: leave repeat() without a number."
)
FIT_IN_A_LOOP = (
    "fit was called once an epoch, and every call starts anew with the first batch. Call it once,"
    " with `epochs=epochs`."
)
NEVER_ENDS = (
    "The first epoch never ends: a repeated dataset has no end, and Keras waits for one. Say "
    "where an epoch ends, with `steps_per_epoch=steps`."
)
NO_STEPS = (
    "Every epoch had 5 batches, all that the dataset holds, instead of 3: the steps were never "
    "handed over. An epoch ends after `steps_per_epoch=steps`."
)
ONE_LONG_EPOCH = (
    "All 12 batches came in a single epoch. Hand over both numbers, `steps_per_epoch=steps` and "
    "`epochs=epochs`."
)
NO_EPOCHS = (
    "One epoch was trained, and 4 were asked for: without a number, fit trains one. Hand over "
    "`epochs=epochs`."
)
OTHER_ORDER = (
    "The epochs have the right lengths, and the batches come in another order than in the dataset"
    ". Leave out `shuffle`: each epoch goes on where the one before stopped."
)
STEPS_AND_EPOCHS_SWAPPED = (
    "It trained 3 epochs of 4 steps, and should train 4 epochs of 3 steps: the two numbers have "
    "changed places."
)
NO_HISTORY = (
    "The training is right, but train gave back None. Return what fit gives back: "
    "`return model.fit(...)`."
)
THE_MODEL_BACK = (
    "The training is right, but train gave back the model, which the caller has already. Return "
    "what fit gives back, the history."
)

HELD = 5  # batches in the dataset


def train(model, dataset, steps, epochs):
    """Train for `epochs` epochs of `steps` batches, the data going round; return the history."""
    return model.fit(dataset.repeat(), steps_per_epoch=steps, epochs=epochs, verbose=0)


def check_train(answer: Callable) -> None:
    """Let a model note its batches: 4 epochs shorter than the data, then 3 longer ones."""
    for steps, epochs in ((3, 4), (7, 3)):
        with _seeds_kept():
            model = _Noting(most=steps * epochs + 3 * HELD)
            result, stopped = _trained(answer, model, steps, epochs)
        _judge_epochs(model, stopped, steps, epochs)
        _judge_history(result, epochs)


class _Enough(Exception):
    """The model has seen more batches than any answer that ends needs."""


class _Noting(keras.Model):
    """A model that trains, and notes the number of each batch, by epoch."""

    def __init__(self, most: int):
        # With names, since those that Keras gives are counted: the learner's next model would
        # have another one. With zeros, since random numbers would come from the learner's seed.
        super().__init__(name="noting")
        self.weighted = keras.layers.Dense(1, kernel_initializer="zeros", name="weighted")
        self.most = most
        self.noted: list[list[int]] = []
        self.fits = 0
        self.given: object = None  # what fit was called with
        self.compile(optimizer="sgd", loss="mse")

    def compile(self, *arguments, **named):
        # Eagerly, also where an answer compiles it again: a batch has no numbers in a graph.
        super().compile(*arguments, **{**named, "run_eagerly": True})

    def call(self, inputs):
        return self.weighted(inputs)

    def fit(self, x=None, *arguments, callbacks=None, **named):
        self.fits += 1
        self.given = x
        begins = keras.callbacks.LambdaCallback(
            on_epoch_begin=lambda epoch, logs=None: self.noted.append([])
        )
        given = keras.tree.flatten(callbacks or [])
        return super().fit(x, *arguments, callbacks=[begins, *given], **named)

    def train_step(self, data):
        if sum(map(len, self.noted)) >= self.most:
            raise _Enough
        result = super().train_step(data)
        if not self.noted:  # without fit there are no epochs
            self.noted.append([])
        self.noted[-1].append(_number_of(keras.utils.unpack_x_y_sample_weight(data)[0]))
        return result


def _number_of(inputs: object) -> int | float:
    """The number that a batch is filled with; NaN where it holds nothing."""
    number = float(next(iter(np.ravel(inputs)), np.nan))
    return int(number) if number.is_integer() else number


def _numbered(count: int) -> tf.data.Dataset:
    """A dataset of so many batches, of unknown length; each is filled with its number."""

    def numbered():
        for number in range(count):
            yield np.full((2, 1), number, np.float32), np.full((2, 1), number, np.float32)

    column = tf.TensorSpec((None, 1), tf.float32)
    return tf.data.Dataset.from_generator(numbered, output_signature=(column, column))


def _trained(answer: Callable, model: _Noting, steps: int, epochs: int) -> tuple[object, bool]:
    """Let the answer train; return its result, and whether it had to be stopped."""
    quiet = io.StringIO()
    with (
        contextlib.redirect_stdout(quiet),
        contextlib.redirect_stderr(quiet),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        try:
            return answer(model, _numbered(HELD), steps, epochs), False
        except _Enough:
            return None, True
        except tf.errors.FailedPreconditionError as error:
            if "expected to contain" in str(error):
                raise Wrong(PROMISE_BROKEN) from None
            raise


def _judge_epochs(model: _Noting, stopped: bool, steps: int, epochs: int) -> None:
    batch = itertools.cycle(range(HELD))
    right = [[next(batch) for _ in range(steps)] for _ in range(epochs)]
    noted, counts = model.noted, [len(epoch) for epoch in model.noted]
    if not model.fits:
        raise Wrong("fit was never called. Keras trains, and keeps the history: `model.fit(...)`.")
    if stopped and counts[0] == model.most:
        raise Wrong(NEVER_ENDS)
    if noted == right and model.fits == 1 and not stopped:
        return
    if (steps, epochs) == (3, 4) and not stopped:
        if model.fits > 1 and noted == [[0, 1, 2]] * 4:
            raise Wrong(FIT_IN_A_LOOP)
        if noted == [[0, 1, 2]] * 4:
            raise Wrong(PROMISED if _promises_too_few(model.given, 3) else ALWAYS_THE_SAME)
        for foreseen, message in (
            ([3, 2, 3, 2], NO_REPEAT),
            ([5, 5, 5, 5], NO_STEPS),
            ([12], ONE_LONG_EPOCH),
            ([3], NO_EPOCHS),
            ([4, 4, 4], STEPS_AND_EPOCHS_SWAPPED),
        ):
            if counts == foreseen:
                raise Wrong(message)
    if (steps, epochs, counts) == (7, 3, [7, 7, 1]):
        raise Wrong(TOO_FEW_ROUNDS)
    if noted == right:
        raise Wrong(
            f"The batches are right, but fit was called {model.fits} times, and each history "
            "knows of its own call only. Call it once."
        )
    came = list(itertools.chain(*noted))
    different = len(set(came))
    # A shuffle of many repetitions may miss one by chance; a part that goes round is no shuffle.
    goes_round = came[different:] == came[:-different]
    lengths_right = counts == [steps] * epochs and model.fits == 1 and not stopped
    if lengths_right and (different == HELD or not goes_round):
        raise Wrong(OTHER_ORDER)
    raise Wrong(
        f"Of {HELD} batches, numbered from 0, train(model, dataset, {steps}, {epochs}) should "
        f"train on {_listed(right)}, a list for each epoch. Yours trains on "
        f"{_listed(noted[:epochs]) or 'nothing'}{', and more' if counts[epochs:] else ''}"
        f"{', and was stopped there' if stopped else ''}."
    )


def _promises_too_few(data: object, promised: int) -> bool:
    """Tell whether the data were promised to have so many batches, and have more."""
    try:
        isinstance(data, tf.data.Dataset) and first(data, promised + 1)
    except tf.errors.FailedPreconditionError:
        return True
    return False


def _judge_history(result: object, epochs: int) -> None:
    if isinstance(result, keras.callbacks.History):
        return
    if result is None:
        raise Wrong(NO_HISTORY)
    if isinstance(result, keras.Model):
        raise Wrong(THE_MODEL_BACK)
    inside = " That lies inside: return the whole." if isinstance(result, dict) else ""
    raise Wrong(
        f"The training is right, but train gave back {_kind(result)}. Return the History that "
        f"fit gives back.{inside}"
    )


def _never_repeats(model, dataset, steps, epochs):
    return model.fit(dataset, steps_per_epoch=steps, epochs=epochs)


def _takes_the_steps(model, dataset, steps, epochs):
    return model.fit(dataset.take(steps), epochs=epochs)


def _promises_the_steps(model, dataset, steps, epochs):
    promised = dataset.apply(tf.data.experimental.assert_cardinality(steps))
    return model.fit(promised, epochs=epochs)


def _repeats_by_epochs(model, dataset, steps, epochs):
    return model.fit(dataset.repeat(epochs), steps_per_epoch=steps, epochs=epochs)


def _fits_in_a_loop(model, dataset, steps, epochs):
    for _ in range(epochs):
        history = model.fit(dataset.repeat(), steps_per_epoch=steps)
    return history


def _says_no_steps(model, dataset, steps, epochs):
    return model.fit(dataset.repeat(), epochs=epochs)


def _forgets_the_steps(model, dataset, steps, epochs):
    return model.fit(dataset, epochs=epochs)


def _forgets_the_epochs(model, dataset, steps, epochs):
    return model.fit(dataset.repeat(), steps_per_epoch=steps)


def _shuffles_the_batches(model, dataset, steps, epochs):
    return model.fit(dataset.shuffle(100).repeat(), steps_per_epoch=steps, epochs=epochs)


def _trains_one_epoch(model, dataset, steps, epochs):
    return model.fit(dataset.repeat(), steps_per_epoch=steps * epochs)


def _forgets_to_return(model, dataset, steps, epochs):
    model.fit(dataset.repeat(), steps_per_epoch=steps, epochs=epochs)


def _returns_the_model(model, dataset, steps, epochs):
    model.fit(dataset.repeat(), steps_per_epoch=steps, epochs=epochs)
    return model


# ------------------------------------------------------------------------------------ 03.split

LEAKS = (
    "Elements of validation come in training as well, in this epoch or in the next, so the model "
    "has seen them: what take keeps and what skip leaves are cut from different orders. Fix one "
    "order for both: a single shuffle with `reshuffle_each_iteration=False`."
)
FIRST_ONES = (
    "Validation holds the first elements of the dataset, as they lie there: sorted, so all of one"
    " label. Shuffle before you cut."
)
LAST_ONES = (
    "Validation holds the last elements of the dataset, as they lie there: sorted, so all of one "
    "label. Shuffle before you cut."
)
TRAIN_FIXED = (
    "Training comes in the same order in every epoch. Fixed must be only the order in which you "
    "cut: shuffle the part for training once more."
)
NOT_CUT_OUT = (
    "Training holds all the elements, those of validation included: the model sees them. Skip "
    "them with `skip(n)`."
)
SMALL_BUFFER = (
    "What lies in the last part of the dataset isn't drawn for validation. A shuffle before the "
    "cut reaches only as far as its buffer is long, so the buffer must hold all: "
    "`shuffle(len(dataset), ...)`."
)
SIDE_BY_SIDE = (
    "Validation holds elements that lie side by side in the dataset, which is sorted, so they are "
    "of few labels: whole blocks were drawn. Draw each element by itself: shuffle all of them "
    "before you cut."
)
TRAINING_SORTED = (
    "In training the last elements of the dataset never come early: what was sorted is mixed only"
    " in part, and the batches have few labels. The buffer of its shuffle must hold all of "
    "training: `shuffle(len(dataset))`."
)
SEED_IGNORED = (
    "Two calls with the same seed have put different elements into validation, so no result can "
    "be compared with an earlier one. Hand `seed=seed` to the dataset's shuffle, before the cut."
)
SEED_FIXED = (
    "Two different seeds have put the same elements into validation. Draw them with the seed "
    "that is handed over: `seed=seed`."
)
PARTS_SWAPPED = (
    "The first part has n elements, and the second one all others: the two have changed places. "
    "Return training first, then validation."
)
IN_BATCHES = (
    "The elements are batches, and should be single numbers, as in the dataset. n counts elements"
    " here: leave out the batch."
)


def split(dataset, n, seed):
    """Return two datasets: training, reshuffled in each epoch, and validation, n elements."""
    mixed = dataset.shuffle(len(dataset), seed=seed, reshuffle_each_iteration=False)
    validation = mixed.take(n)
    training = mixed.skip(n).shuffle(len(dataset) - n)
    return training, validation


def check_split(answer: Callable) -> None:
    """Draw two epochs of both parts; then a large dataset, another seed, and another size."""
    with _seeds_kept():
        chosen = _judge_split(answer, 60, 12, seed=3)
        if _judge_split(answer, 60, 12, seed=3, validation_first=True) != chosen:
            raise Wrong(SEED_IGNORED)
        _judge_mixture(*_parts(answer(_sorted_numbers(1500), 150, 6)))
        if _judge_split(answer, 60, 12, seed=4) == chosen:
            raise Wrong(SEED_FIXED)
        _judge_split(answer, 50, 30, seed=5)


FROM = 100  # the first number that it is given: none that could be mistaken for a position


def _sorted_numbers(count: int) -> tf.data.Dataset:
    return tf.data.Dataset.from_tensor_slices(np.arange(FROM, FROM + count))


def _judge_split(
    answer: Callable, count: int, n: int, seed: int, validation_first: bool = False
) -> set[int]:
    """Draw two epochs of both parts, and judge them; return what is in validation."""
    parts = _parts(answer(_sorted_numbers(count), n, seed))
    order = (1, 0) if validation_first else (0, 1)  # fit begins with training
    epochs = []
    for _ in range(2):
        drawn = {which: _drawn(parts[which], count + 1) for which in order}
        epochs.append((drawn[0], drawn[1]))
    for training, validation in epochs:
        _judge_counts(training, validation, count, n)
    (training, validation), (training_2, validation_2) = epochs
    everything, chosen = set(range(FROM, FROM + count)), set(validation)
    if not {*training, *validation, *training_2, *validation_2} <= everything:
        raise Wrong("There are numbers in the parts that the dataset doesn't hold.")
    others = everything - chosen
    if [set(training), set(validation_2), set(training_2)] != [others, chosen, others]:
        raise Wrong(LEAKS)
    if chosen == set(range(FROM, FROM + n)):
        raise Wrong(FIRST_ONES)
    if chosen == set(range(FROM + count - n, FROM + count)):
        raise Wrong(LAST_ONES)
    if training == training_2:
        raise Wrong(TRAIN_FIXED)
    return chosen


def _judge_mixture(training: tf.data.Dataset, validation: tf.data.Dataset) -> None:
    """Look how 1350 and 150 of 1500 elements lay; the tests compute how rarely this is wrong."""
    parts = _drawn(training, 1501), _drawn(validation, 1501)
    _judge_counts(*parts, 1500, 150)
    others, chosen = np.array(parts[0]), np.sort(parts[1]) - FROM
    blocks = 1 + np.count_nonzero(np.diff(chosen) > 1)
    at_the_front = chosen.min() < 100 and chosen.max() < 1300
    if blocks <= 75 and not at_the_front:
        raise Wrong(SIDE_BY_SIDE)
    if chosen.max() < 1300:  # with a buffer of 1000 none from the 1150th on could be chosen
        raise Wrong(SMALL_BUFFER)
    if _earliest(others.argsort().argsort()) < 1100:
        raise Wrong(TRAINING_SORTED)


def _parts(result: object) -> tuple[tf.data.Dataset, tf.data.Dataset]:
    if not (isinstance(result, (tuple, list)) and len(result) == 2):
        raise Wrong(
            f"split(dataset, n, seed) gave back {_kind(result)}. It should return two datasets: "
            "`return training, validation`."
        )
    for name, part in zip(("Training", "Validation"), result):
        if not isinstance(part, tf.data.Dataset):
            raise Wrong(f"{name} is {_kind(part)}, and should be a dataset.")
        spec = part.element_spec
        _refuse_one_inside(spec)
        if isinstance(spec, tf.TensorSpec) and spec.shape.rank != 0:
            raise Wrong(IN_BATCHES)
        if not (isinstance(spec, tf.TensorSpec) and spec.dtype.is_integer):
            raise Wrong(
                "The elements should be single ints, as in the dataset. Yours are described as\n"
                f"{_described(spec)}"
            )
    return result[0], result[1]


def _drawn(dataset: tf.data.Dataset, most: int) -> list[int]:
    return [int(number) for number in first(dataset, most)]


def _judge_counts(training: list, validation: list, count: int, n: int) -> None:
    found = len(training), len(validation)
    if found == (count - n, n):
        return
    if found == (n, count - n):
        raise Wrong(PARTS_SWAPPED)
    if found == (count, n):
        raise Wrong(NOT_CUT_OUT)
    counted = [f"more than {count}" if each > count else each for each in found]
    raise Wrong(
        f"Of {count} elements, {n} for validation, training should hold {count - n} and "
        f"validation {n}. Yours hold {counted[0]} and {counted[1]}."
    )


def _reshuffles_and_cuts(dataset, n, seed):
    mixed = dataset.shuffle(len(dataset), seed=seed)
    return mixed.skip(n), mixed.take(n)


def _cuts_unshuffled(dataset, n, seed):
    return dataset.skip(n).shuffle(len(dataset)), dataset.take(n)


def _never_reshuffles(dataset, n, seed):
    mixed = dataset.shuffle(len(dataset), seed=seed, reshuffle_each_iteration=False)
    return mixed.skip(n), mixed.take(n)


def _forgets_to_skip(dataset, n, seed):
    mixed = dataset.shuffle(len(dataset), seed=seed, reshuffle_each_iteration=False)
    return mixed.shuffle(len(dataset)), mixed.take(n)


def _shuffles_a_little(dataset, n, seed):
    mixed = dataset.shuffle(n, seed=seed, reshuffle_each_iteration=False)
    return mixed.skip(n).shuffle(len(dataset)), mixed.take(n)


def _draws_a_block(dataset, n, seed):
    start = int(np.random.default_rng(seed).integers(len(dataset) - n))
    others = dataset.take(start).concatenate(dataset.skip(start + n))
    return others.shuffle(len(dataset)), dataset.skip(start).take(n)


def _mixes_training_a_little(dataset, n, seed):
    numbers = np.array(list(dataset.as_numpy_iterator()))
    chosen = np.random.default_rng(seed).choice(len(numbers), n, replace=False)
    training = tf.data.Dataset.from_tensor_slices(np.delete(numbers, chosen))
    return training.shuffle(10), tf.data.Dataset.from_tensor_slices(numbers[chosen])


def _ignores_the_seed(dataset, n, seed):
    mixed = dataset.shuffle(len(dataset), reshuffle_each_iteration=False)
    return mixed.skip(n).shuffle(len(dataset)), mixed.take(n)


def _has_a_seed_of_its_own(dataset, n, seed):
    mixed = dataset.shuffle(len(dataset), seed=42, reshuffle_each_iteration=False)
    return mixed.skip(n).shuffle(len(dataset)), mixed.take(n)


def _swaps_the_parts(dataset, n, seed):
    mixed = dataset.shuffle(len(dataset), seed=seed, reshuffle_each_iteration=False)
    return mixed.take(n), mixed.skip(n).shuffle(len(dataset))


def _makes_batches(dataset, n, seed):
    mixed = dataset.shuffle(len(dataset), seed=seed, reshuffle_each_iteration=False)
    return mixed.skip(n).shuffle(len(dataset)).batch(n), mixed.take(n).batch(n)


# ------------------------------------------------------------------------------------------------


NO_GLOBAL_SEED = 87654321  # what TensorFlow says where none is set


@contextlib.contextmanager
def _seeds_kept() -> Iterator[None]:
    """Leave the global random numbers as they were, whatever an answer seeds or draws."""
    of_python, of_numpy, of_tensorflow = random.getstate(), np.random.get_state(), _global_seed()
    try:
        yield
    finally:
        random.setstate(of_python)
        np.random.set_state(of_numpy)
        if _global_seed() != of_tensorflow:
            tf.random.set_seed(of_tensorflow)


def _global_seed() -> int | None:
    """TensorFlow's global seed, None where none is set."""
    seed = tf.compat.v1.random.get_seed(0)[0]
    return None if seed == NO_GLOBAL_SEED else seed


def _kind(value: object) -> str:
    if value is None:
        return "None"
    name = type(value).__name__
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"


def _no_dataset(call: str, value: object) -> str:
    forgotten = " Is `return` missing?" if value is None else ""
    return f"{call} gave back {_kind(value)}, not a dataset.{forgotten}"


def _refuse_one_inside(spec: object) -> None:
    """A tuple of one looks like what is in it, once it is described."""
    if isinstance(spec, (tuple, dict)) and len(spec) == 1:
        kind = type(spec).__name__
        comma = " (A comma behind a value makes a tuple of it.)" if isinstance(spec, tuple) else ""
        raise Wrong(
            f"Each element is a {kind} of one, and should be the tensor in it, without the {kind}, "
            f"also in the signature.{comma}"
        )


def _described(spec: object) -> str:
    return ", ".join(str(part).replace(", name=None", "") for part in tf.nest.flatten(spec))


def _listed(things: list) -> str:
    return ", ".join(map(str, things))


EXERCISES = (
    Exercise(
        id="03.rows",
        task=(
            "Write rows_of(array, size): a dataset of known length, of batches of `size` rows, "
            "each read from the array itself when it is asked for."
        ),
        solution=rows_of,
        check=check_rows,
        hints=(
            "from_tensor_slices copies the array. A generator inside of rows_of can slice it, one "
            "batch at a time, and a slice is a view.",
            "`array[start : start + size]` is a batch, for each start in "
            "`range(0, len(array), size)`. The number of rows in the signature is None, since the "
            "last batch is smaller.",
            "With `starts = range(0, len(array), size)` the generator is `for start in starts: "
            "yield array[start : start + size]`, its signature `tf.TensorSpec((None, "
            "array.shape[1]), tf.float32)`, and the promise "
            "`tf.data.experimental.assert_cardinality(len(starts))`.",
        ),
        mistakes=(
            Mistake(_from_tensor_slices, COPIED),
            Mistake(_copies_in_the_generator, COPIED_AT_THE_START),
            Mistake(_prefetches_a_hundred, READ_AHEAD),
            Mistake(_leaves_out_the_last, LAST_ROWS_LOST),
            Mistake(_promises_no_length, LENGTH_UNKNOWN),
            Mistake(_rounds_down, LENGTH_TOO_SHORT),
            Mistake(_promises_rows, LENGTH_IN_ROWS),
            Mistake(_says_the_size, SIZE_IN_THE_SIGNATURE),
            Mistake(_shares_one_generator, ROWS_ONCE),
            Mistake(_calls_the_generator, ROWS_GIVEN_A_GENERATOR),
        ),
        right=(
            "the array is never copied as a whole. So it need not even be in memory: give rows_of "
            'a file, `np.load(path, mmap_mode="r")`, and each batch is read when its turn comes.'
        ),
    ),
    Exercise(
        id="03.batches",
        task=(
            "Write a generator function batches(data, labels, batch_size, rng): one epoch of "
            "tuples (rows, labels), every row once, in an order drawn from rng."
        ),
        solution=batches,
        check=check_batches,
        hints=(
            "No row needs to be moved: draw an order of the positions, and go through it. Each "
            "batch is a slice of that order.",
            "`order = rng.permutation(len(data))` draws the order, and an array indexed with a "
            "part of it is a batch of rows.",
            "`for start in range(0, len(data), batch_size):`, and in it "
            "`chosen = order[start : start + batch_size]` and `yield data[chosen], "
            "labels[chosen]`. A slice that goes past the end stops there by itself.",
        ),
        mistakes=(
            Mistake(_shuffles_in_place, IN_PLACE),
            Mistake(_permutes_apart, APART),
            Mistake(_drops_the_last, DROPPED),
            Mistake(_draws_from_numpy, NOT_FROM_RNG),
            Mistake(_makes_its_own_rng, SAME_ORDER),
            Mistake(_shuffles_inside, INSIDE_ONLY),
            Mistake(_shuffles_batches, BATCH_ORDER),
            Mistake(_turns_the_order, STILL_NEIGHBOURS),
            Mistake(_shuffles_in_a_buffer, NEVER_EARLY),
            Mistake(_draws_each_batch, DRAWN_ANEW),
            Mistake(_begins_at_the_first, SAME_ROWS),
            Mistake(_never_stops, NO_END),
            Mistake(_yields_lists, ROWS_IN_A_LIST),
            Mistake(_returns_a_list, A_LIST_OF_BATCHES),
        ),
        right=(
            "every epoch has an order of its own, and the same seed gives the same epochs again. "
            "The data needn't be copied as a whole: `data[chosen]` copies the rows of one batch, "
            "`data[order]` all of them."
        ),
    ),
    Exercise(
        id="03.train",
        task=(
            "Write train(model, dataset, steps, epochs): `epochs` epochs of exactly `steps` "
            "batches, the data going round and round; return the history."
        ),
        solution=train,
        check=check_train,
        hints=(
            "Two things are needed: data that never run out, and an epoch that ends by count. The "
            "first is the dataset's, the second is fit's.",
            "`dataset.repeat()` has no end. Then fit must be told where an epoch ends: "
            "`steps_per_epoch=steps`.",
            "`return model.fit(dataset.repeat(), steps_per_epoch=steps, epochs=epochs)`, with "
            "`verbose=0` if it shall be quiet.",
        ),
        mistakes=(
            Mistake(_never_repeats, NO_REPEAT),
            Mistake(_takes_the_steps, ALWAYS_THE_SAME),
            Mistake(_promises_the_steps, PROMISED),
            Mistake(_repeats_by_epochs, TOO_FEW_ROUNDS),
            Mistake(_fits_in_a_loop, FIT_IN_A_LOOP),
            Mistake(_says_no_steps, NEVER_ENDS),
            Mistake(_forgets_the_steps, NO_STEPS),
            Mistake(_forgets_the_epochs, NO_EPOCHS),
            Mistake(_shuffles_the_batches, OTHER_ORDER),
            Mistake(_trains_one_epoch, ONE_LONG_EPOCH),
            Mistake(_forgets_to_return, NO_HISTORY),
            Mistake(_returns_the_model, THE_MODEL_BACK),
        ),
        right=(
            "an epoch is now a number of steps, and no longer a round through the data: fit keeps "
            "one iterator for all epochs, and each goes on where the one before stopped."
        ),
    ),
    Exercise(
        id="03.split",
        task=(
            "Write split(dataset, n, seed): training, shuffled whole and anew in each epoch, and "
            "validation, n random elements that stay the same."
        ),
        solution=split,
        check=check_split,
        hints=(
            "Shuffle before you cut, since the dataset is sorted. The order in which you cut must "
            "be the same for both parts, and in each epoch.",
            "`dataset.shuffle(len(dataset), seed=seed, reshuffle_each_iteration=False)` is mixed "
            "once and for all. Then `take(n)` and `skip(n)` cut it.",
            "With `mixed = dataset.shuffle(len(dataset), seed=seed, "
            "reshuffle_each_iteration=False)` validation is `mixed.take(n)`, and training is "
            "`mixed.skip(n).shuffle(len(dataset) - n)`, shuffled once more.",
        ),
        mistakes=(
            Mistake(_reshuffles_and_cuts, LEAKS),
            Mistake(_cuts_unshuffled, FIRST_ONES),
            Mistake(_never_reshuffles, TRAIN_FIXED),
            Mistake(_forgets_to_skip, NOT_CUT_OUT),
            Mistake(_shuffles_a_little, SMALL_BUFFER),
            Mistake(_draws_a_block, SIDE_BY_SIDE),
            Mistake(_mixes_training_a_little, TRAINING_SORTED),
            Mistake(_ignores_the_seed, SEED_IGNORED),
            Mistake(_has_a_seed_of_its_own, SEED_FIXED),
            Mistake(_swaps_the_parts, PARTS_SWAPPED),
            Mistake(_makes_batches, IN_BATCHES),
        ),
        right=(
            "one order is fixed for the cut, and another is drawn anew in each epoch. A whole "
            "shuffle reads all elements into its buffer before it gives the first one: of photos, "
            "split the paths. And its seed isn't all: after another `tf.random.set_seed` the same "
            "`shuffle(..., seed=seed)` gives another order."
        ),
    ),
)
