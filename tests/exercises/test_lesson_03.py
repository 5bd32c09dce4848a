"""What is particular to lesson 03's exercises: right answers other than ours, and odd ones."""

import itertools
import math
import random
import tracemalloc
import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf

from course_utils.classroom import workspace
from course_utils.classroom.exercise import check, get, of_lesson
from course_utils.exercises import lesson_03

promise = tf.data.experimental.assert_cardinality
from_generator = tf.data.Dataset.from_generator
EVERY = of_lesson("03")


@pytest.fixture(autouse=True)
def no_workspace(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(workspace, "_progress", {})


def said(id, answer):
    shown = check(id, answer)
    return f"{shown.status}: {shown.message}"


def sliced(array, size):
    """The generator function of a right `rows_of`, and its signature."""

    def slices():
        for start in range(0, len(array), size):
            yield array[start : start + size]

    return slices, tf.TensorSpec((None, array.shape[1]), tf.float32)


def mixed(dataset, seed):
    return dataset.shuffle(len(dataset), seed=seed, reshuffle_each_iteration=False)


class BatchesRight:
    def with_shuffled_positions(data, labels, batch_size, rng):
        order = np.arange(len(data))
        rng.shuffle(order)
        for start in range(0, len(data), batch_size):
            chosen = order[start : start + batch_size]
            yield np.take(data, chosen, axis=0), np.take(labels, chosen)

    def whole_copies_first(data, labels, batch_size, rng):
        order = rng.permutation(len(labels))
        data, labels = data[order], labels[order]
        for start in range(0, len(data), batch_size):
            yield data[start : start + batch_size], labels[start : start + batch_size]

    def row_by_row(data, labels, batch_size, rng):
        order = iter(rng.choice(len(data), len(data), replace=False).tolist())
        while chosen := list(itertools.islice(order, batch_size)):
            yield np.stack([data[k] for k in chosen]), np.array([labels[k] for k in chosen])

    def by_sorting_random_numbers(data, labels, batch_size, rng):
        order = np.random.default_rng(rng).random(len(data)).argsort()
        for chosen in np.split(order, range(batch_size, len(order), batch_size)):
            yield data[chosen], labels[chosen]

    def of_a_child(data, labels, batch_size, rng):
        order = rng.spawn(1)[0].permutation(len(data))
        cuts = range(batch_size, len(data), batch_size)
        return ((data[chosen], labels[chosen]) for chosen in np.split(order, cuts))

    def on_a_copy_in_place(data, labels, batch_size, rng):
        together = list(zip(data, labels))
        rng.shuffle(together)
        for start in range(0, len(together), batch_size):
            rows, names = zip(*together[start : start + batch_size])
            yield np.array(rows), np.array(names)


class RowsRight:
    def single_rows_batched(array, size):
        def rows():
            yield from array

        one = tf.TensorSpec(array.shape[1:], tf.float32)
        rows = from_generator(rows, output_signature=one).apply(promise(len(array)))
        return rows.batch(size)

    def prefetched(array, size):
        slices, signature = sliced(array, size)
        dataset = from_generator(slices, output_signature=signature)
        return dataset.apply(promise(-(-len(array) // size))).prefetch(tf.data.AUTOTUNE)

    def by_positions(array, size):
        def read(start):
            return tf.ensure_shape(
                tf.numpy_function(lambda at: array[at : at + size], [start], tf.float32),
                (None, array.shape[1]),
            )

        return tf.data.Dataset.range(0, len(array), size).map(read)

    def prefetched_by_one(array, size):
        return lesson_03.rows_of(array, size).prefetch(1)

    def prefetched_by_two(array, size):
        return lesson_03.rows_of(array, size).prefetch(2)

    def read_in_parallel(array, size):
        def read(start):
            rows = tf.numpy_function(lambda at: array[at : at + size], [start], tf.float32)
            return tf.ensure_shape(rows, (None, array.shape[1]))

        starts = tf.data.Dataset.range(0, len(array), size)
        return starts.map(read, num_parallel_calls=tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)

    def rows_prefetched_too(array, size):
        one = tf.TensorSpec(array.shape[1:], tf.float32)
        rows = from_generator(lambda: iter(array), output_signature=one).apply(promise(len(array)))
        return rows.prefetch(size).batch(size, num_parallel_calls=tf.data.AUTOTUNE).prefetch(2)

    def of_views(array, size):
        views = [array[start : start + size] for start in range(0, len(array), size)]
        signature = tf.TensorSpec((None, None), tf.float32)
        dataset = from_generator(lambda: iter(views), output_signature=signature)
        return dataset.apply(promise(len(views)))

    def in_the_older_form(array, size):
        slices, _ = sliced(array, size)
        dataset = from_generator(slices, output_types=tf.float32)
        return dataset.apply(promise(len(range(0, len(array), size))))


class TrainRight:
    def with_the_bar(model, dataset, steps, epochs):
        return model.fit(dataset.repeat(), steps_per_epoch=steps, epochs=epochs)

    def cut_at_the_end_of_all(model, dataset, steps, epochs):
        data = dataset.repeat().take(steps * epochs).prefetch(2)
        model.fit(data, epochs=epochs, steps_per_epoch=steps, verbose=2)
        return model.history

    def from_a_generator(model, dataset, steps, epochs):
        endless = (batch for batch in itertools.cycle(dataset))
        return model.fit(endless, steps_per_epoch=steps, epochs=epochs, verbose=0)

    def in_a_graph_of_its_own(model, dataset, steps, epochs):
        model.compile(optimizer="adam", loss="mae", jit_compile=False)
        warnings.warn("a learner's own warning", stacklevel=1)
        quiet = keras.callbacks.TerminateOnNaN()
        return model.fit(
            dataset.repeat(), None, None, epochs, 1, callbacks=quiet, steps_per_epoch=steps
        )

    def promised_over_all(model, dataset, steps, epochs):
        data = dataset.repeat().apply(promise(steps * epochs))
        return model.fit(x=data, steps_per_epoch=steps, epochs=epochs)

    def rounds_counted(model, dataset, steps, epochs):
        return model.fit(
            dataset.cache().repeat(steps * epochs),
            steps_per_epoch=steps,
            epochs=epochs,
            callbacks=[keras.callbacks.TerminateOnNaN()],
        )


class SplitRight:
    def of_keras(dataset, n, seed):
        training, validation = keras.utils.split_dataset(
            dataset, left_size=len(dataset) - n, right_size=n, shuffle=True, seed=seed
        )
        return training.shuffle(len(training)), validation

    def by_numpy(dataset, n, seed):
        numbers = np.array(list(dataset.as_numpy_iterator()))
        order = np.random.default_rng(seed).permutation(len(numbers))
        slices = tf.data.Dataset.from_tensor_slices
        training = slices(numbers[order[n:]])
        return training.shuffle(len(training)), slices(numbers[order[:n]])

    def from_the_other_end(dataset, n, seed):
        order = mixed(dataset, seed)
        left = len(dataset) - n
        return [order.take(left).shuffle(left, seed=seed), order.skip(left).cache().prefetch(1)]

    def with_a_small_second_buffer(dataset, n, seed):
        order = mixed(dataset, seed)
        return order.skip(n).shuffle(5), order.take(n).shuffle(n)

    def by_a_filter(dataset, n, seed):
        chosen = random.Random(seed).sample(list(dataset.as_numpy_iterator()), n)
        training = dataset.filter(lambda number: tf.reduce_all(number != chosen))
        return training.shuffle(len(dataset)), tf.data.Dataset.from_tensor_slices(chosen)

    def by_a_global_seed(dataset, n, seed):
        tf.random.set_seed(seed)
        order = dataset.shuffle(2000, reshuffle_each_iteration=False)
        return order.skip(n).shuffle(2000), order.take(n)


RIGHT = {
    "03.batches": BatchesRight,
    "03.rows": RowsRight,
    "03.train": TrainRight,
    "03.split": SplitRight,
}


@pytest.mark.parametrize(
    ("id", "name"),
    [(id, name) for id, each in RIGHT.items() for name in vars(each) if name[0] != "_"],
)
def test_other_right_answers_are_right(id, name):
    assert said(id, getattr(RIGHT[id], name)) == f"Right: {get(id).right}"


# ---------------------------------------------------------------------------- the same, in disguise


def shuffles_apart_in_place(data, labels, batch_size, rng):
    rng.shuffle(data)
    rng.shuffle(labels)
    yield from lesson_03._drops_the_last(data, labels, batch_size, rng)


def seeds_numpy(data, labels, batch_size, rng):
    np.random.seed(1)
    yield from lesson_03._draws_from_numpy(data, labels, batch_size, rng)


def draws_from_python(data, labels, batch_size, rng):
    order = np.array(random.sample(range(len(data)), len(data)))
    for start in range(0, len(data), batch_size):
        yield data[order[start : start + batch_size]], labels[order[start : start + batch_size]]


def draws_for_ever(data, labels, batch_size, rng):
    while True:
        chosen = rng.integers(0, len(data), batch_size)
        yield data[chosen], labels[chosen]


def with_replacement(data, labels, batch_size, rng):
    order = rng.integers(0, len(data), len(data))
    for start in range(0, len(data), batch_size):
        yield data[order[start : start + batch_size]], labels[order[start : start + batch_size]]


def turns_backwards(data, labels, batch_size, rng):
    order = np.roll(np.arange(len(data))[::-1], rng.integers(1, len(data)))
    for chosen in np.split(order, range(batch_size, len(order), batch_size)):
        yield data[chosen], labels[chosen]


def from_a_buffer(held, data, labels, batch_size, rng):
    """The order of a buffer of `held` positions, as `shuffle` draws it."""
    buffer, order = [], []
    for position in range(len(data)):
        buffer.append(position)
        if len(buffer) == held:
            order.append(buffer.pop(rng.integers(held)))
    order = np.array(order + rng.permutation(buffer).tolist())
    for chosen in np.split(order, range(batch_size, len(order), batch_size)):
        yield data[chosen], labels[chosen]


def buffer_of_a_batch_and_one(data, labels, batch_size, rng):
    yield from from_a_buffer(batch_size + 1, data, labels, batch_size, rng)


def buffer_of_a_hundred(data, labels, batch_size, rng):
    yield from from_a_buffer(100, data, labels, batch_size, rng)


def pairs_together(data, labels, batch_size, rng):
    pairs = rng.permutation(np.arange(0, len(data), 2))
    order = np.stack([pairs, pairs + 1], axis=1).ravel()
    order = order[order < len(data)]
    for chosen in np.split(order, range(batch_size, len(order), batch_size)):
        yield data[chosen], labels[chosen]


def rows_prefetched_far(array, size):
    one = tf.TensorSpec(array.shape[1:], tf.float32)
    rows = from_generator(lambda: iter(array), output_signature=one).apply(promise(len(array)))
    return rows.prefetch(200).batch(size)


def all_prefetched(array, size):
    return lesson_03.rows_of(array, size).prefetch(len(array))


def rows_ahead_in_blocks(array, size):
    """Copies the rows of 50 batches at a time."""

    def slices():
        for block in range(0, len(array), 50 * size):
            rows = array[block : block + 50 * size].copy()
            for start in range(0, len(rows), size):
                yield rows[start : start + size]

    dataset = from_generator(slices, output_signature=sliced(array, size)[1])
    return dataset.apply(promise(-(-len(array) // size)))


def ensures_the_size(array, size):
    shape = size, array.shape[1]
    return lesson_03.rows_of(array, size).map(lambda rows: tf.ensure_shape(rows, shape))


def sets_the_size(array, size):
    def with_size(rows):
        rows.set_shape((size, array.shape[1]))
        return rows

    return lesson_03.rows_of(array, size).map(with_size)


def copies_at_once(array, size):
    slices, signature = sliced(array.copy(), size)
    dataset = from_generator(slices, output_signature=signature)
    return dataset.apply(promise(len(range(0, len(array), size))))


def a_constant(array, size):
    return tf.data.Dataset.from_tensors(tf.constant(array)).unbatch().batch(size)


def last_dropped_and_promised(array, size):
    slices, signature = sliced(array[: len(array) // size * size], size)
    dataset = from_generator(slices, output_signature=signature)
    return dataset.apply(promise(-(-len(array) // size)))


def drops_the_remainder(array, size):
    return RowsRight.single_rows_batched(array, size).unbatch().batch(size, drop_remainder=True)


def shares_without_a_promise(array, size):
    slices, signature = sliced(array, size)
    shared = slices()
    return from_generator(lambda: shared, output_signature=signature)


def takes_of_the_repeated(model, dataset, steps, epochs):
    return model.fit(dataset.repeat().take(steps), epochs=epochs)


def promises_the_steps(model, dataset, steps, epochs):
    return model.fit(dataset.repeat().apply(promise(steps)), epochs=epochs)


def promises_and_says_the_steps(model, dataset, steps, epochs):
    return model.fit(dataset.apply(promise(steps)), steps_per_epoch=steps, epochs=epochs)


def promises_and_repeats_with_steps(model, dataset, steps, epochs):
    data = dataset.repeat().apply(promise(steps))
    return model.fit(x=data, steps_per_epoch=steps, epochs=epochs)


def promises_before_it_repeats(model, dataset, steps, epochs):
    data = dataset.apply(promise(steps)).repeat()
    return model.fit(data, steps_per_epoch=steps, epochs=epochs)


def promises_all_without_repeat(model, dataset, steps, epochs):
    data = dataset.apply(promise(steps * epochs))
    return model.fit(data, steps_per_epoch=steps, epochs=epochs)


def neither_steps_nor_epochs(model, dataset, steps, epochs):
    return model.fit(dataset.take(steps))


def shuffles_the_repeated(model, dataset, steps, epochs):
    return model.fit(dataset.repeat().shuffle(10), steps_per_epoch=steps, epochs=epochs)


def begins_in_the_middle(model, dataset, steps, epochs):
    data = dataset.skip(2).concatenate(dataset.take(2)).repeat()
    return model.fit(data, steps_per_epoch=steps, epochs=epochs)


def fits_in_a_loop_without_repeat(model, dataset, steps, epochs):
    for epoch in range(epochs):
        history = model.fit(
            dataset, steps_per_epoch=steps, initial_epoch=epoch, epochs=epoch + 1, verbose=0
        )
    return history


def two_shuffles(dataset, n, seed):
    return dataset.shuffle(60).skip(n), dataset.shuffle(60).take(n)


def two_shuffles_of_a_seed(dataset, n, seed):
    return dataset.shuffle(60, seed=seed).skip(n), dataset.shuffle(60, seed=seed).take(n)


def cached_before_the_cut(dataset, n, seed):
    order = dataset.shuffle(len(dataset), seed=seed).cache()
    return order.skip(n).shuffle(len(dataset)), order.take(n)


def a_thousand(dataset, n, seed):
    order = dataset.shuffle(1000, seed=seed, reshuffle_each_iteration=False)
    return order.skip(n).shuffle(1000), order.take(n)


def a_block_by_python(dataset, n, seed):
    numbers = list(dataset.as_numpy_iterator())
    start = random.Random(seed).randrange(n, len(numbers) - n)
    slices = tf.data.Dataset.from_tensor_slices
    training = slices(numbers[:start] + numbers[start + n :])
    return training.shuffle(len(numbers)), slices(numbers[start : start + n])


def blocks_of_three(dataset, n, seed):
    blocks = dataset.batch(3)
    order = blocks.shuffle(len(blocks), seed=seed, reshuffle_each_iteration=False).unbatch()
    return order.skip(n).shuffle(len(dataset)), order.take(n)


def filters_and_mixes_a_little(dataset, n, seed):
    chosen = random.Random(seed).sample(list(dataset.as_numpy_iterator()), n)
    training = dataset.filter(lambda number: tf.reduce_all(number != chosen))
    return training.shuffle(10), tf.data.Dataset.from_tensor_slices(chosen)


def filters_and_mixes_a_thousand(dataset, n, seed):
    chosen = random.Random(seed).sample(list(dataset.as_numpy_iterator()), n)
    training = dataset.filter(lambda number: tf.reduce_all(number != chosen))
    return training.shuffle(1000), tf.data.Dataset.from_tensor_slices(chosen)


def unshuffled_at_all(dataset, n, seed):
    return dataset.skip(n), dataset.take(n)


def cuts_then_shuffles(dataset, n, seed):
    return dataset.skip(n).shuffle(len(dataset)), dataset.take(n).shuffle(n, seed=seed)


def fixed_by_a_list(dataset, n, seed):
    numbers = list(dataset.as_numpy_iterator())
    random.Random(seed).shuffle(numbers)
    return (
        tf.data.Dataset.from_tensor_slices(numbers[n:]),
        tf.data.Dataset.from_tensor_slices(numbers[:n]),
    )


def reseeds_and_draws(dataset, n, seed):
    order = dataset.shuffle(len(dataset), seed=0, reshuffle_each_iteration=False)
    return order.skip(n).shuffle(len(dataset), seed=seed), order.take(n)


@pytest.mark.parametrize(
    ("id", "answer", "message"),
    [
        ("03.batches", shuffles_apart_in_place, lesson_03.IN_PLACE),
        ("03.batches", seeds_numpy, lesson_03.SAME_ORDER),
        ("03.batches", draws_from_python, lesson_03.NOT_FROM_RNG),
        ("03.batches", draws_for_ever, lesson_03.NO_END),
        ("03.batches", with_replacement, lesson_03.DRAWN_ANEW),
        ("03.batches", turns_backwards, lesson_03.STILL_NEIGHBOURS),
        ("03.batches", buffer_of_a_batch_and_one, lesson_03.STILL_NEIGHBOURS),
        ("03.batches", pairs_together, lesson_03.STILL_NEIGHBOURS),
        ("03.batches", buffer_of_a_hundred, lesson_03.NEVER_EARLY),
        ("03.rows", copies_at_once, lesson_03.COPIED),
        ("03.rows", rows_prefetched_far, lesson_03.READ_AHEAD),
        ("03.rows", rows_ahead_in_blocks, lesson_03.READ_AHEAD),
        ("03.rows", all_prefetched, lesson_03.COPIED_AT_THE_START),
        ("03.rows", ensures_the_size, lesson_03.SIZE_IN_THE_SIGNATURE),
        ("03.rows", sets_the_size, lesson_03.SIZE_IN_THE_SIGNATURE),
        ("03.rows", a_constant, lesson_03.COPIED),
        ("03.rows", last_dropped_and_promised, lesson_03.LAST_ROWS_LOST),
        ("03.rows", drops_the_remainder, lesson_03.LAST_ROWS_LOST),
        ("03.rows", shares_without_a_promise, lesson_03.LENGTH_UNKNOWN),
        ("03.train", takes_of_the_repeated, lesson_03.ALWAYS_THE_SAME),
        ("03.train", promises_the_steps, lesson_03.PROMISED),
        ("03.train", promises_and_says_the_steps, lesson_03.PROMISED),
        ("03.train", promises_and_repeats_with_steps, lesson_03.PROMISED),
        ("03.train", promises_before_it_repeats, lesson_03.PROMISE_BROKEN),
        ("03.train", promises_all_without_repeat, lesson_03.PROMISE_BROKEN),
        ("03.train", neither_steps_nor_epochs, lesson_03.NO_EPOCHS),
        ("03.train", shuffles_the_repeated, lesson_03.OTHER_ORDER),
        ("03.train", begins_in_the_middle, lesson_03.OTHER_ORDER),
        ("03.train", fits_in_a_loop_without_repeat, lesson_03.FIT_IN_A_LOOP),
        ("03.split", two_shuffles, lesson_03.LEAKS),
        ("03.split", two_shuffles_of_a_seed, lesson_03.LEAKS),
        ("03.split", cached_before_the_cut, lesson_03.LEAKS),
        ("03.split", a_thousand, lesson_03.SMALL_BUFFER),
        ("03.split", a_block_by_python, lesson_03.SIDE_BY_SIDE),
        ("03.split", blocks_of_three, lesson_03.SIDE_BY_SIDE),
        ("03.split", filters_and_mixes_a_little, lesson_03.TRAINING_SORTED),
        ("03.split", filters_and_mixes_a_thousand, lesson_03.TRAINING_SORTED),
        ("03.split", unshuffled_at_all, lesson_03.FIRST_ONES),
        ("03.split", cuts_then_shuffles, lesson_03.FIRST_ONES),
        ("03.split", fixed_by_a_list, lesson_03.TRAIN_FIXED),
        ("03.split", reseeds_and_draws, lesson_03.SEED_FIXED),
    ],
)
def test_a_mistake_in_another_guise_gets_the_same_message(id, answer, message):
    assert said(id, answer) == f"Wrong: {message}"


# -------------------------------------------------------------------------------- wrong, and odd


def in_order(data, labels, batch_size, rng):
    for start in range(0, len(data), batch_size):
        yield data[start : start + batch_size], labels[start : start + batch_size]


def one_by_one(data, labels, batch_size, rng):
    for k in rng.permutation(len(data)):
        yield data[k], labels[k]


def lists_of_two(data, labels, batch_size, rng):
    for rows, names in lesson_03.batches(data, labels, batch_size, rng):
        yield [rows, names]


def as_tensors(data, labels, batch_size, rng):
    for rows, names in lesson_03.batches(data, labels, batch_size, rng):
        yield tf.constant(rows), names


def as_halves(data, labels, batch_size, rng):
    for rows, names in lesson_03.batches(data, labels, batch_size, rng):
        yield rows.astype(np.float64), names


def other_numbers(data, labels, batch_size, rng):
    for rows, names in lesson_03.batches(data, labels, batch_size, rng):
        yield rows * np.float32(np.nan), names


def half_batches(data, labels, batch_size, rng):
    yield from lesson_03.batches(data, labels, batch_size // 2, rng)


def one_batch_too_many(data, labels, batch_size, rng):
    order = rng.permutation(len(data))
    for number in range(len(data) // batch_size + 1):
        chosen = order[number * batch_size : (number + 1) * batch_size]
        yield data[chosen], labels[chosen]


def without_labels(data, labels, batch_size, rng):
    for rows, _ in lesson_03.batches(data, labels, batch_size, rng):
        yield rows, None


def shared_and_promised_for_each_size(array, size):
    slices, signature = sliced(array + 0, size)
    return from_generator(slices, output_signature=signature).cache()


def kept(array, size):
    return lesson_03.rows_of(array, size).cache()


def rows_singly(array, size):
    one = tf.TensorSpec(array.shape[1:], tf.float32)
    return from_generator(lambda: iter(array), output_signature=one).apply(promise(len(array)))


def never_ending_rows(array, size):
    return lesson_03.rows_of(array, size).repeat()


def in_doubles(array, size):
    return lesson_03.rows_of(array, size).map(lambda rows: tf.cast(rows, tf.float64))


def with_targets(array, size):
    return lesson_03.rows_of(array, size).map(lambda rows: (rows, rows))


def tuples_of_one(array, size):
    slices, signature = sliced(array, size)
    dataset = from_generator(lambda: zip(slices()), output_signature=(signature,))
    return dataset.apply(promise(-(-len(array) // size)))


def dicts_of_one(array, size):
    return lesson_03.rows_of(array, size).map(lambda rows: {"rows": rows})


def two_more_promised(array, size):
    slices, signature = sliced(array, size)
    dataset = from_generator(slices, output_signature=signature)
    return dataset.apply(promise(-(-len(array) // size) + 2))


def always_two_columns(array, size):
    slices, _ = sliced(array, size)
    two = tf.TensorSpec((None, 2), tf.float32)
    dataset = from_generator(slices, output_signature=two)
    return dataset.apply(promise(-(-len(array) // size)))


def raises_in_the_generator(array, size):
    def slices():
        yield array * np.nan
        raise KeyError("no such row")

    return from_generator(slices, output_signature=sliced(array, size)[1])


def swaps_steps_and_epochs(model, dataset, steps, epochs):
    return model.fit(dataset.repeat(), steps_per_epoch=epochs, epochs=steps)


def rounds_as_epochs(model, dataset, steps, epochs):
    return model.fit(dataset.repeat(epochs), epochs=epochs)


def shared_over_several_fits(model, dataset, steps, epochs):
    endless = (batch for batch in dataset.repeat())
    for _ in range(epochs):
        history = model.fit((next(endless) for _ in range(steps)), steps_per_epoch=steps, verbose=0)
    return history


def by_hand(model, dataset, steps, epochs):
    for inputs, targets in dataset.repeat().take(steps * epochs):
        model.train_on_batch(inputs, targets)


def by_hand_for_ever(model, dataset, steps, epochs):
    for inputs, targets in dataset.repeat():
        model.train_on_batch(inputs, targets)


def the_dictionary(model, dataset, steps, epochs):
    return lesson_03.train(model, dataset, steps, epochs).history


def the_iterator(model, dataset, steps, epochs):
    return model.fit(iter(dataset.repeat()), steps_per_epoch=steps, epochs=epochs)


def one_batch_left_out(model, dataset, steps, epochs):
    return lesson_03.train(model, dataset.skip(1), steps, epochs)


def no_number_in_it(model, dataset, steps, epochs):
    nans = dataset.map(lambda x, y: (x * np.nan, y))
    return lesson_03.train(model, nans, steps, epochs)


def the_last_ones(dataset, n, seed):
    rest = len(dataset) - n
    return dataset.take(rest).shuffle(rest), dataset.skip(rest)


def half_of_it(dataset, n, seed):
    order = mixed(dataset, seed)
    return order.skip(2 * n).shuffle(9), order.take(n)


def endless_training(dataset, n, seed):
    training, validation = lesson_03.split(dataset, n, seed)
    return training.repeat(), validation


def single_tuples(dataset, n, seed):
    training, validation = lesson_03.split(dataset, n, seed)
    return training.map(lambda number: (number,)), validation


def six_too_few_of_many(dataset, n, seed):
    training, validation = lesson_03.split(dataset, n, seed)
    return (training.skip(6) if n == 150 else training), validation


def nothing_of_many(dataset, n, seed):
    training, validation = lesson_03.split(dataset, n, seed)
    return (training.take(0), validation.take(0)) if n == 150 else (training, validation)


def with_positions(dataset, n, seed):
    training, validation = lesson_03.split(dataset, n, seed)
    return training.enumerate(), validation


def others(dataset, n, seed):
    training, validation = lesson_03.split(dataset, n, seed)
    return training.map(lambda number: number + 1000), validation


def lists(dataset, n, seed):
    numbers = list(dataset.as_numpy_iterator())
    return numbers[n:], numbers[:n]


def only_twelve(dataset, n, seed):
    order = mixed(dataset, seed)
    return order.skip(12).shuffle(48), order.take(12)


def a_dataset(*anything):
    return tf.data.Dataset.range(3)


def a_function(*anything):
    return a_dataset


def nothing(*anything):
    return None


def a_tensor(*anything):
    return tf.constant([np.nan])


def raises(*anything):
    raise LookupError("no idea")


@pytest.mark.parametrize(
    ("id", "answer", "words"),
    [
        ("03.batches", nothing, "Your function gave back None, which can't be iterated."),
        ("03.batches", a_dataset, "batches(...) gave back a dataset. Only the generator is wanted"),
        ("03.batches", a_function, "gave back a function, and nobody calls it."),
        ("03.batches", a_tensor, "A batch came as an EagerTensor, and should be a tuple of two"),
        ("03.batches", raises, "LookupError: no idea\nin line "),
        ("03.batches", lambda *a: iter(()), "rows. Yours have none at all."),
        ("03.batches", in_order, "The rows come in the order of the array. Draw another order"),
        ("03.batches", one_by_one, "The rows come one by one."),
        ("03.batches", lists_of_two, "A batch came as a list, and should be a tuple of two"),
        ("03.batches", as_tensors, "The rows of a batch are an EagerTensor, and should be an arr"),
        (
            "03.batches",
            as_halves,
            "have the shape (4, 2) and the type float64. They should have (batch_size, 2) and fl",
        ),
        ("03.batches", other_numbers, "A batch holds a row or a label that isn't one of those"),
        (
            "03.batches",
            half_batches,
            "Of 30 rows, batches of 4 should have 4, 4, 4, 4, 4, 4, 4, 2 rows. Yours have 2, 2, ",
        ),
        ("03.batches", one_batch_too_many, "An empty batch comes. End the epoch when no row is"),
        ("03.batches", without_labels, "The labels of a batch are None, and should be an array."),
        ("03.rows", nothing, "rows_of(array, size) gave back None, not a dataset. Is `return` mis"),
        ("03.rows", a_dataset, "should be one float32 tensor, a batch of rows. Yours are desc"),
        ("03.rows", a_function, "rows_of gave back a function. Give that function to from_gen"),
        ("03.rows", a_tensor, "rows_of(array, size) gave back an EagerTensor, not a dataset."),
        ("03.rows", raises, "LookupError: no idea\nin line "),
        ("03.rows", lambda array, size: [array], "gave back a list, not a dataset."),
        ("03.rows", lambda array, size: (row for row in array), "rows_of gave back a generator:"),
        ("03.rows", shared_and_promised_for_each_size, "the dataset still gives the old rows"),
        ("03.rows", kept, "the second one gives what the first one gave: the rows were kept"),
        (
            "03.rows",
            rows_singly,
            "Of 10 rows in batches of 3, the first epoch should give [[100.0, 101.0], [102.0, 1",
        ),
        ("03.rows", never_ending_rows, "[118.0, 119.0]], [[100.0, 101.0], [102.0, 103.0], [104"),
        ("03.rows", in_doubles, "Yours are described as\nTensorSpec(shape=(None, 2), dtype=tf.fl"),
        ("03.rows", with_targets, "Yours are described as\nTensorSpec(shape=(None, 2), dtype=tf."),
        ("03.rows", tuples_of_one, "Each element is a tuple of one, and should be the tensor in"),
        ("03.rows", dicts_of_one, "Each element is a dict of one, and should be the tensor in it,"),
        (
            "03.rows",
            two_more_promised,
            "Of 10 rows in batches of 3, the length should be 4. Yours says 6.",
        ),
        ("03.rows", always_two_columns, "yielded an element of shape (4, 3) where an element of"),
        ("03.rows", raises_in_the_generator, "KeyError: 'no such row'\nin line "),
        ("03.train", nothing, "fit was never called. Keras trains, and keeps the history:"),
        ("03.train", by_hand, "fit was never called."),
        ("03.train", by_hand_for_ever, "fit was never called."),
        ("03.train", raises, "LookupError: no idea\nin line "),
        ("03.train", swaps_steps_and_epochs, lesson_03.STEPS_AND_EPOCHS_SWAPPED),
        (
            "03.train",
            rounds_as_epochs,
            "Yours trains on [0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0, 1, 2, 3, 4], [0, "
            "1, 2, 3, 4, 0, 1], and was stopped there.",
        ),
        ("03.train", shared_over_several_fits, "but fit was called 4 times, and each history kn"),
        ("03.train", the_dictionary, "train gave back a dict. Return the History that fit gives"),
        ("03.train", the_iterator, "ValueError: Unrecognized data type: x=<tensorflow"),
        ("03.train", one_batch_left_out, "Yours trains on [1, 2, 3], [4, 1, 2], [3, 4, 1], [2, "),
        ("03.train", no_number_in_it, "train on [0, 1, 2], [3, 4, 0], [1, 2, 3], [4, 0, 1], a l"),
        ("03.split", nothing, "split(dataset, n, seed) gave back None. It should return two data"),
        ("03.split", a_dataset, "gave back a _RangeDataset. It should return two datasets"),
        ("03.split", a_tensor, "gave back an EagerTensor. It should return two datasets"),
        ("03.split", raises, "LookupError: no idea\nin line "),
        ("03.split", the_last_ones, lesson_03.LAST_ONES),
        (
            "03.split",
            half_of_it,
            "training should hold 48 and validation 12. Yours hold 36 and 12.",
        ),
        ("03.split", endless_training, "Yours hold more than 60 and 12."),
        ("03.split", single_tuples, "Each element is a tuple of one, and should be the tensor in"),
        ("03.split", six_too_few_of_many, "Of 1500 elements, 150 for validation, training should"),
        ("03.split", nothing_of_many, "training should hold 1350 and validation 150. Yours hold 0"),
        ("03.split", with_positions, "The elements should be single ints, as in the dataset."),
        ("03.split", others, "There are numbers in the parts that the dataset doesn't hold."),
        ("03.split", lists, "Training is a list, and should be a dataset."),
        (
            "03.split",
            only_twelve,
            "training should hold 1350 and validation 150. Yours hold 1488 and 12.",
        ),
    ],
)
def test_other_wrong_answers_are_told_how(id, answer, words):
    shown = said(id, answer)
    assert shown.startswith("Wrong")
    assert words in shown


# ------------------------------------------------------------- what the checks do, and leave alone


def random_state():
    of_numpy = np.random.get_state()
    of_tensorflow = tf.compat.v1.random.get_seed(0)
    return random.getstate(), of_numpy[1].tolist(), of_numpy[2], of_tensorflow


@pytest.fixture
def seeds_put_back():
    before = random.getstate(), np.random.get_state()
    yield
    random.setstate(before[0])
    np.random.set_state(before[1])
    tf.random.set_seed(None)


@pytest.mark.parametrize("global_seed", [None, 7])
@pytest.mark.parametrize(
    ("id", "answer"),
    [
        *((task.id, task.solution) for task in EVERY),
        ("03.batches", seeds_numpy),
        ("03.batches", draws_from_python),
        ("03.split", SplitRight.of_keras),
        ("03.split", SplitRight.by_a_global_seed),
    ],
)
def test_a_check_leaves_the_random_numbers_as_they_were(id, answer, global_seed, seeds_put_back):
    random.seed(5)
    np.random.seed(5)
    tf.random.set_seed(global_seed)
    before = random_state()
    check(id, answer)
    assert random_state() == before


def test_a_check_takes_no_name_from_the_learners_models():
    def number():
        return int(keras.Sequential([keras.layers.Dense(1)]).layers[0].name.split("_")[-1])

    keras.layers.Dense(1)  # the very first one has no number
    before = number()
    check("03.train", lesson_03.train)
    assert number() == before + 1


def test_training_is_quiet(capfd):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert said("03.train", TrainRight.with_the_bar).startswith("Right")
        assert said("03.train", lesson_03._never_repeats).startswith("Wrong")
    assert capfd.readouterr().out == ""


@pytest.mark.parametrize("name", ["prefetched", "prefetched_by_one", "prefetched_by_two"])
def test_a_short_prefetch_never_counts_as_a_copy(name):
    answer = getattr(RowsRight, name)
    assert {said("03.rows", answer)[:5] for _ in range(7)} == {"Right"}


def test_a_long_prefetch_is_always_found():
    told = {said("03.rows", lesson_03._prefetches_a_hundred) for _ in range(7)}
    assert told == {f"Wrong: {lesson_03.READ_AHEAD}"}


@pytest.mark.parametrize("global_seed", [None, 0, 7])
def test_the_split_is_judged_alike_whatever_the_global_seed(global_seed, seeds_put_back):
    tf.random.set_seed(global_seed)
    task = get("03.split")
    for mistake in task.mistakes:
        assert said("03.split", mistake.answer) == f"Wrong: {mistake.message}"
    for answer in (lesson_03.split, SplitRight.by_a_global_seed, SplitRight.from_the_other_end):
        assert said("03.split", answer) == f"Right: {task.right}"


# ------------------------------------------------- how rarely a true shuffle is refused: under 1e-9


def none_early(count, places):
    """The probability that no element of a whole shuffle comes `places` places early, or more.

    Place k can then hold the numbers below k + places alone: `places` choices for each of the
    first count - places places, one fewer for each one after them.
    """
    ways = (count - places) * math.log(places) + math.lgamma(places + 1)
    return math.exp(ways - math.lgamma(count + 1))


def many_near(count, reach, most):
    """At least the probability that `most` neighbours of a shuffle lay within `reach` places.

    After k elements the next one is one of count - k, of which 2 * reach at most are near: so
    there are never more likely many than with independent draws of these chances.
    """
    chances = np.array([1.0])  # of 0, 1, 2, ... near ones
    for k in range(1, count):
        near = min(1.0, 2 * reach / (count - k))
        chances = np.convolve(chances, [1 - near, near])
    return chances[most:].sum()


def few_blocks(count, chosen, most):
    """The probability that so many numbers, drawn from `count`, make at most `most` blocks."""
    ways = sum(
        math.comb(chosen - 1, blocks - 1) * math.comb(count - chosen + 1, blocks)
        for blocks in range(1, most + 1)
    )
    return ways / math.comb(count, chosen)


def test_the_formulas_agree_with_all_orders_of_seven():
    orders = np.array(list(itertools.permutations(range(7))))
    early = (orders - np.arange(7)).max(axis=1)
    assert none_early(7, 4) == pytest.approx(np.mean(early < 4))
    near = (np.abs(np.diff(orders, axis=1)) <= 1).sum(axis=1)
    assert many_near(7, 1, 4) >= np.mean(near >= 4)
    drawn = np.array(list(itertools.combinations(range(7), 4)))
    blocks = 1 + (np.diff(drawn, axis=1) > 1).sum(axis=1)
    assert few_blocks(7, 4, 2) == pytest.approx(np.mean(blocks <= 2))


def test_a_whole_shuffle_is_refused_less_than_once_in_a_thousand_million_times():
    of_batches = none_early(300, 200) + many_near(300, 10, 150)
    assert of_batches < 1e-9
    none_from_the_last_part = math.comb(1300, 150) / math.comb(1500, 150)
    of_a_mixture = none_early(1350, 1100) + few_blocks(1500, 150, 75) + none_from_the_last_part
    same_or_at_an_end = 3 / math.comb(60, 12) + 2 / math.comb(50, 30)
    assert of_a_mixture + same_or_at_an_end < 1e-9


# --------------------------------------------------------------------- what a right answer is told


def test_a_batch_is_a_copy():
    data = np.arange(8.0).reshape(4, 2)
    drawn = lesson_03.batches(data, np.arange(4), 2, np.random.default_rng(0))
    assert not any(np.shares_memory(rows, data) for rows, _ in drawn)


def test_data_chosen_takes_a_batch_and_data_order_the_whole():
    data, labels = np.zeros((1000, 1000)), np.zeros(1000)

    def most_taken(answer):
        tracemalloc.start()
        try:
            for _ in answer(data, labels, 10, np.random.default_rng(0)):
                pass
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert most_taken(lesson_03.batches) < data.nbytes / 10
    assert most_taken(BatchesRight.whole_copies_first) >= data.nbytes


def test_rows_of_reads_a_file_too(tmp_path):
    path = tmp_path / "rows.npy"
    np.save(path, np.arange(14, dtype=np.float32).reshape(7, 2))
    dataset = lesson_03.rows_of(np.load(path, mmap_mode="r"), 3)
    changed = np.load(path, mmap_mode="r+")
    changed[6] = 100
    changed.flush()
    assert len(dataset) == 3
    assert [rows.numpy()[:, 0].tolist() for rows in dataset] == [[0, 2, 4], [6, 8, 10], [100]]


@pytest.mark.parametrize("steps", [{}, {"steps_per_epoch": 3}], ids=["no steps", "steps"])
@pytest.mark.parametrize("repeated", [False, True])
def test_a_promise_of_three_begins_anew_with_every_pass(steps, repeated):
    dataset = lesson_03._numbered(5)
    dataset = (dataset.repeat() if repeated else dataset).apply(promise(3))
    model = lesson_03._Noting(most=100)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(dataset, epochs=4, verbose=0, **steps)
    assert model.noted == [[0, 1, 2]] * 4


def test_fit_keeps_one_iterator_for_all_epochs():
    started = []

    def numbered():
        started.append(len(started))
        for _ in range(5):
            yield np.zeros((2, 1), np.float32), np.zeros((2, 1), np.float32)

    column = tf.TensorSpec((None, 1), tf.float32)
    dataset = from_generator(numbered, output_signature=(column, column))
    options = tf.data.Options()
    options.experimental_optimization.inject_prefetch = False  # it may start a round ahead
    dataset = dataset.with_options(options)
    model = keras.Sequential([keras.layers.Dense(1, name="one")])
    model.compile(optimizer="sgd", loss="mse")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of shuffle=True, which nobody passed
        history = lesson_03.train(model, dataset, 3, 4)
    assert history.epoch == [0, 1, 2, 3]
    assert len(started) == 3  # 12 batches: two rounds of 5, and 2 of a third


def test_a_shuffle_reads_all_before_it_gives_the_first():
    read = []

    def numbers():
        for number in range(20):
            read.append(number)
            yield number

    signature = tf.TensorSpec((), tf.int64)
    dataset = from_generator(numbers, output_signature=signature).apply(promise(20))
    training, _ = lesson_03.split(dataset, 5, seed=1)
    next(iter(training))
    assert read == list(range(20))


def test_a_shuffle_mixes_its_seed_with_the_global_one(seeds_put_back):
    def validation(global_seed):
        tf.random.set_seed(global_seed)
        return [int(number) for number in lesson_03.split(tf.data.Dataset.range(60), 12, 3)[1]]

    drawn = {seed: validation(seed) for seed in (None, 0, 7)}
    assert drawn == {seed: validation(seed) for seed in (None, 0, 7)}
    assert drawn[None] != drawn[0] != drawn[7] != drawn[None]
