"""What is particular to lesson 09's exercises: other right answers, odd ones, what praise says."""

import contextlib
import itertools
import threading
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import tensorflow as tf

from course_utils.classroom import workspace
from course_utils.classroom.exercise import Wrong, check, get, of_lesson
from course_utils.exercises import lesson_09

EVERY = of_lesson("09")
PAIR = (tf.TensorSpec((None, 32, 32, 3), tf.uint8), tf.TensorSpec((None,), tf.int64))
from_generator = tf.data.Dataset.from_generator
promise = tf.data.experimental.assert_cardinality


@pytest.fixture(autouse=True)
def no_workspace(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(workspace, "_progress", {})


@pytest.fixture(autouse=True)
def nothing_left(capsys):
    """No check leaves a thread, prints anything, or changes the numbers that everybody shares."""
    threads, numbers = set(threading.enumerate()), lesson_09._numbers_of_all()
    yield
    deadline = time.monotonic() + 5
    while (left := threads_since(threads)) and time.monotonic() < deadline:
        time.sleep(0.01)  # the timer of check's limit, a pool that nobody refers to any more
    assert left == []
    assert lesson_09._numbers_of_all() == numbers
    assert capsys.readouterr() == ("", "")


def threads_since(before):
    """Threads that weren't there, without those that TensorFlow brings along."""
    there = [thread for thread in threading.enumerate() if thread not in before]
    return [thread for thread in there if not thread.name.startswith("Dummy-")]


def said(id, answer):
    began = time.monotonic()
    shown = check(id, answer)
    assert time.monotonic() - began < 9  # far from the limit that would stop it
    return f"{shown.status}: {shown.message}"


# ------------------------------------------------------------------------------- right answers


def dataset_of(sequence, batches, **named):
    return from_generator(batches, output_signature=PAIR, **named).apply(promise(len(sequence)))


def batches_of(sequence):
    """The generator function of the solution."""

    def batches():
        try:
            for index in range(len(sequence)):
                yield sequence[index]
        finally:
            sequence.on_epoch_end()

    return batches


class Passes:
    """Passes over a sequence, one for each call."""

    def __init__(self, sequence):
        self.sequence, self.begun = sequence, False

    def __call__(self):
        if self.begun:
            self.sequence.on_epoch_end()
        self.begun = True
        return map(self.sequence.__getitem__, range(len(self.sequence)))


class WrapRight:
    def at_the_beginning_of_the_next(sequence):
        passes = itertools.count()

        def batches():
            if next(passes):
                sequence.on_epoch_end()
            yield from (sequence[index] for index in range(sequence.num_batches))

        return dataset_of(sequence, batches)

    def by_an_object(sequence):
        return dataset_of(sequence, Passes(sequence))

    def by_a_loop_that_is_cut(sequence):
        def batches():
            with contextlib.ExitStack() as stack:
                stack.callback(sequence.on_epoch_end)
                yield from itertools.islice(sequence, len(sequence))

        return dataset_of(sequence, batches)

    def as_fit_calls_it(sequence):
        def batches():
            sequence.on_epoch_begin()
            try:
                yield from map(sequence.__getitem__, range(len(sequence)))
            finally:
                sequence.on_epoch_end()

        return dataset_of(sequence, batches)

    def in_the_older_form(sequence):
        dataset = from_generator(
            batches_of(sequence), (tf.uint8, tf.int64), ((None, 32, 32, 3), (None,))
        )
        return dataset.apply(promise(len(sequence)))

    def with_names(sequence):
        images, labels = PAIR
        named = (
            tf.TensorSpec(images.shape, images.dtype, "images"),
            tf.TensorSpec(labels.shape, labels.dtype, "labels"),
        )
        return from_generator(batches_of(sequence), output_signature=named).apply(
            promise(len(sequence))
        )

    def with_the_shapes_of_a_batch(sequence):
        signature = tuple(
            tf.TensorSpec((None, *part.shape[1:]), part.dtype) for part in sequence[0]
        )
        dataset = from_generator(batches_of(sequence), output_signature=signature)
        return dataset.apply(promise(len(sequence)))

    def with_a_prefetch(sequence):
        return dataset_of(sequence, batches_of(sequence)).prefetch(2)

    def with_a_prefetch_that_adapts(sequence):
        return dataset_of(sequence, batches_of(sequence)).prefetch(tf.data.AUTOTUNE)

    def with_arrays_made_anew(sequence):
        def batches():
            try:
                for index in range(len(sequence)):
                    yield tuple(part.copy() for part in sequence[index])
            finally:
                sequence.on_epoch_end()

        return dataset_of(sequence, batches)


def set_shapes(images, labels):
    images.set_shape((None, 32, 32, 3))
    labels.set_shape((None,))
    return images, labels


class ByIndexRight:
    def by_py_function(sequence, parallel):
        def batch(index):
            asked = tf.py_function(lambda i: sequence[i.numpy()], [index], (tf.uint8, tf.int64))
            return set_shapes(*asked)

        return tf.data.Dataset.range(len(sequence)).map(batch, num_parallel_calls=parallel)

    def by_py_function_with_a_tensor(sequence, parallel):
        def batch(index):
            asked = tf.py_function(sequence.__getitem__, [index], (tf.uint8, tf.int64))
            return set_shapes(*asked)

        return tf.data.Dataset.range(len(sequence)).map(batch, num_parallel_calls=parallel)

    def with_ensured_shapes(sequence, parallel):
        @tf.autograph.experimental.do_not_convert
        def batch(index):
            images, labels = tf.numpy_function(
                lambda place: sequence[place], [index], (tf.uint8, tf.int64)
            )
            return tf.ensure_shape(images, (None, 32, 32, 3)), tf.ensure_shape(labels, (None,))

        dataset = tf.data.Dataset.range(len(sequence))
        return dataset.map(batch, num_parallel_calls=parallel, deterministic=True)

    def from_an_array(sequence, parallel):
        def batch(index):
            asked = tf.numpy_function(sequence.__getitem__, [index], (tf.uint8, tf.int64))
            return set_shapes(*asked)

        dataset = tf.data.Dataset.from_tensor_slices(np.arange(len(sequence), dtype=np.int32))
        return dataset.map(batch, num_parallel_calls=parallel).prefetch(1)

    def with_the_shapes_of_a_batch(sequence, parallel):
        shapes = [(None, *part.shape[1:]) for part in sequence[0]]

        def batch(index):
            asked = tf.numpy_function(sequence.__getitem__, [index], (tf.uint8, tf.int64))
            for part, shape in zip(asked, shapes):
                part.set_shape(shape)
            return tuple(asked)

        return tf.data.Dataset.range(len(sequence)).map(batch, num_parallel_calls=parallel)

    def by_threads_of_its_own(sequence, parallel):
        def batches():
            indices, waiting = iter(range(len(sequence))), deque()
            with ThreadPoolExecutor(parallel) as pool:
                for index in itertools.islice(indices, parallel):
                    waiting.append(pool.submit(sequence.__getitem__, index))
                while waiting:
                    batch = waiting.popleft().result()
                    for index in itertools.islice(indices, 1):
                        waiting.append(pool.submit(sequence.__getitem__, index))
                    yield batch

        return dataset_of(sequence, batches)


def mirrored_and_brightened(image, rng):
    image = image[:, ::-1] if rng.random() < 0.5 else image
    return np.clip(image + rng.uniform(-51, 51), 0, 255).astype(np.uint8)


def by_seeds(dataset, seeds_of):
    """Change each photo with the two seeds that its place and photo give."""

    def augment(place, element):
        image, label = element
        flip, light = seeds_of(place)
        image = tf.image.stateless_random_flip_left_right(image, flip)
        return tf.image.stateless_random_brightness(image, 0.2, light), label

    return dataset.enumerate().map(augment, num_parallel_calls=4)


class AugmentRight:
    def in_numpy(dataset, seed, epoch):
        def changed(place, image):
            return mirrored_and_brightened(image, np.random.default_rng([seed, epoch, place]))

        def augment(place, element):
            image, label = element
            new = tf.numpy_function(changed, [place, image], tf.uint8)
            new.set_shape(image.shape)
            return new, label

        return dataset.enumerate().map(augment, num_parallel_calls=4)

    def in_a_generator(dataset, seed, epoch):
        def photos():
            rng = np.random.default_rng([epoch, seed])
            for image, label in dataset.as_numpy_iterator():
                yield mirrored_and_brightened(image, rng), label

        return from_generator(photos, output_signature=dataset.element_spec)

    def in_three_steps(dataset, seed, epoch):
        def seeds(place):
            of_photo = tf.random.fold_in(
                tf.random.fold_in([seed, 3], epoch), tf.cast(place, "int32")
            )
            return tf.random.fold_in(of_photo, 0), tf.random.fold_in(of_photo, 1)

        return by_seeds(dataset, seeds)

    def by_numpys_seeds(dataset, seed, epoch):
        made = np.random.SeedSequence([seed, epoch]).generate_state(4 * 100, np.uint32)
        table = tf.constant(made.astype(np.int32).reshape(-1, 2, 2))
        return by_seeds(dataset, lambda place: tf.unstack(table[place]))

    def with_a_number_of_its_own(dataset, seed, epoch):
        def augment(place, element):
            image, label = element
            seeds = tf.random.split(tf.random.fold_in((seed, epoch), place), 2)
            turned = tf.random.stateless_uniform([], seeds[0]) < 0.5
            image = tf.cond(turned, lambda: image[:, ::-1], lambda: image)
            delta = tf.random.stateless_uniform([], seeds[1], -51, 52, tf.int32)
            image = tf.clip_by_value(tf.cast(image, tf.int32) + delta, 0, 255)
            return tf.cast(image, tf.uint8), label

        return dataset.enumerate().map(augment)

    def on_floats(dataset, seed, epoch):
        def augment(place, element):
            image, label = element
            flip, light = tf.unstack(tf.random.split(tf.random.fold_in([seed, epoch], place)))
            image = tf.image.convert_image_dtype(image, tf.float32)
            image = tf.image.stateless_random_flip_left_right(image, flip)
            image = tf.image.stateless_random_brightness(image, 0.2, light)
            return tf.image.convert_image_dtype(image, tf.uint8, saturate=True), label

        return dataset.enumerate().map(augment)

    def with_numbered_photos(dataset, seed, epoch):
        numbered = tf.data.Dataset.zip(dataset, tf.data.Dataset.counter())

        def augment(element, place):
            image, label = element
            light, flip = tf.unstack(tf.random.split(tf.random.fold_in([epoch, seed], place)))
            image = tf.image.stateless_random_brightness(image, 0.2, light)
            return tf.image.stateless_random_flip_left_right(image, flip), label

        return numbered.map(augment).prefetch(2)


def known(element):
    parts = map(np.asarray, element)
    return [(part.dtype.str, part.shape, part.tobytes()) for part in parts]


class ParityRight:
    def by_bytes(old, new):
        for epoch in range(2):
            for element, pair in enumerate(itertools.zip_longest(old(), new(), fillvalue=())):
                one, other = map(known, pair)
                if one != other:
                    return epoch, element
        return None

    def with_next(old, new):
        end = object()
        for epoch in range(2):
            olds, news = iter(old()), iter(new())
            for element in itertools.count():
                one, other = next(olds, end), next(news, end)
                if one is end and other is end:
                    break
                if one is end or other is end or known(one) != known(other):
                    return epoch, element

    def as_a_list_of_numpys_numbers(old, new):
        found = ParityRight.by_bytes(old, new)
        return None if found is None else list(np.array(found))

    def by_numpys_own_test(old, new):
        for epoch in range(2):
            for element, (one, other) in enumerate(itertools.zip_longest(old(), new())):
                try:
                    for part, another in zip(one, other):
                        np.testing.assert_array_equal(part, another, strict=True)
                except (AssertionError, TypeError):
                    return epoch, element

    def both_epochs_at_once(old, new):
        for epoch, (olds, news) in enumerate([(old(), new()), (old(), new())]):
            for element, pair in enumerate(itertools.zip_longest(olds, news, fillvalue=())):
                if known(pair[0]) != known(pair[1]):
                    return epoch, element


RIGHT = {
    "09.wrap": WrapRight,
    "09.by_index": ByIndexRight,
    "09.augment": AugmentRight,
    "09.parity": ParityRight,
}


@pytest.mark.parametrize(
    ("id", "name"),
    [(id, name) for id, each in RIGHT.items() for name in vars(each) if name[0] != "_"],
)
def test_other_right_answers_are_right(id, name):
    assert said(id, getattr(RIGHT[id], name)) == f"Right: {get(id).right}"


# ------------------------------------------------------- the same mistake in another guise


def wrapping(body):
    """An answer to 09.wrap: the solution with another generator function."""
    return lambda sequence: dataset_of(sequence, lambda: body(sequence))


def without_an_end(sequence):
    yield from (sequence[index] for index in range(len(sequence)))


def after_the_loop(sequence):
    yield from without_an_end(sequence)
    sequence.on_epoch_end()


def only_when_left(sequence):
    try:
        yield from without_an_end(sequence)
    except GeneratorExit:
        sequence.on_epoch_end()
        raise


def ended_with_the_last(sequence):
    for index in range(len(sequence)):
        batch = sequence[index]
        if index + 1 == len(sequence):
            sequence.on_epoch_end()
        yield batch


def in_a_ring(sequence):
    for index in itertools.cycle(range(len(sequence))):
        yield sequence[index]


def all_of_it_first(sequence):
    try:
        yield from list(sequence)
    finally:
        sequence.on_epoch_end()


def the_sequence_as_an_iterable(sequence):
    return dataset_of(sequence, lambda: sequence)


def its_own_iter(sequence):
    return dataset_of(sequence, sequence.__iter__)


def an_iterator_of_it(sequence):
    return from_generator(iter(sequence), output_signature=PAIR)


def one_generator(sequence):
    batches = batches_of(sequence)()
    return dataset_of(sequence, lambda: batches)


def ended_when_built(sequence):
    sequence.on_epoch_end()
    return dataset_of(sequence, batches_of(sequence))


def from_slices(sequence):
    images, labels = map(np.concatenate, zip(*sequence))
    dataset = tf.data.Dataset.from_tensor_slices((images, labels)).batch(len(sequence[0][1]))
    return dataset.map(lambda images, labels: (tf.ensure_shape(images, PAIR[0].shape), labels))


def counted_photos(sequence):
    count = sum(len(sequence[index][1]) for index in {0, len(sequence) - 1})
    return from_generator(batches_of(sequence), output_signature=PAIR).apply(
        promise(count + (len(sequence) - 2) * len(sequence[0][1]))
    )


def unbatched(sequence):
    return dataset_of(sequence, batches_of(sequence)).unbatch()


def signed(images, labels):
    """An answer to 09.wrap with another signature."""

    def answer(sequence):
        signature = tf.TensorSpec(*images), tf.TensorSpec(*labels)
        return from_generator(batches_of(sequence), output_signature=signature).apply(
            promise(len(sequence))
        )

    return answer


UINT8, INT64 = ((None, 32, 32, 3), tf.uint8), ((None,), tf.int64)


def asking(ask, *, finish=set_shapes, **how):
    """An answer to 09.by_index: a map over the indices."""

    def answer(sequence, parallel):
        dataset = tf.data.Dataset.range(len(sequence))
        told = {"num_parallel_calls": parallel} | how
        return dataset.map(lambda index: finish(*ask(sequence, index)), **told)

    return answer


def by_numpy(sequence, index, types=(tf.uint8, tf.int64)):
    return tf.numpy_function(sequence.__getitem__, [index], types)


def by_an_int(sequence, index):
    return sequence[int(index)]


def by_its_number(sequence, index):
    return sequence[index.numpy()]


def in_a_closure(sequence, index):
    return tf.numpy_function(lambda: sequence[index], [], (tf.uint8, tf.int64))


def always_the_first(sequence, index):
    return sequence[0]


def as_int32(sequence, index):
    return by_numpy(sequence, index, (tf.uint8, tf.int32))


def cast_by_py_function(sequence, index):
    return tf.py_function(sequence.__getitem__, [index], (tf.uint8, tf.int32))


def one_after_another(sequence, parallel):
    lock = threading.Lock()

    def ask(index):
        with lock:
            return sequence[index]

    def batch(index):
        return set_shapes(*tf.numpy_function(ask, [index], (tf.uint8, tf.int64)))

    return tf.data.Dataset.range(len(sequence)).map(batch, num_parallel_calls=parallel)


def a_generator_and_a_prefetch(sequence, parallel):
    return from_generator(lambda: without_an_end(sequence), output_signature=PAIR).prefetch(
        parallel
    )


def by_a_class(sequence, parallel):
    class Batches:
        def __init__(self):
            self.index = -1

        def __iter__(self):
            return self

        def __next__(self):
            self.index += 1
            if self.index == len(sequence):
                raise StopIteration
            return sequence[self.index]

    dataset = dataset_of(sequence, Batches)
    return dataset.map(lambda *batch: batch, num_parallel_calls=parallel)


def indices_of_a_generator(sequence, parallel):
    """Numbers come from a generator, batches from a map that isn't parallel."""

    def indices():
        yield from range(len(sequence))

    dataset = from_generator(indices, output_signature=tf.TensorSpec((), tf.int64))
    dataset = dataset.map(lambda index: set_shapes(*by_numpy(sequence, index)))
    return dataset.apply(promise(len(sequence)))


def by_interleave(sequence, parallel):
    def one(index):
        return tf.data.Dataset.from_tensors(set_shapes(*by_numpy(sequence, index)))

    dataset = tf.data.Dataset.range(len(sequence))
    dataset = dataset.interleave(one, cycle_length=parallel, num_parallel_calls=parallel)
    return dataset.apply(promise(len(sequence)))


def with_options_of_its_own(sequence, parallel):
    options = tf.data.Options()
    options.deterministic = False
    return lesson_09.by_index(sequence, parallel).with_options(options)


def a_list_of_batches(sequence, parallel):
    batches = list(sequence)
    return from_generator(lambda: iter(batches), output_signature=PAIR)


def counted_for_ever(sequence, parallel):
    def batch(index):
        return set_shapes(*by_numpy(sequence, index))

    return tf.data.Dataset.counter().map(batch, num_parallel_calls=parallel)


def drawn_by(change, **how):
    """An answer to 09.augment: a map with a function of seed, epoch, place and photo."""

    def answer(dataset, seed, epoch):
        def augment(place, element):
            image, label = element
            return change(seed, epoch, place, image), label

        return dataset.enumerate().map(augment, **how)

    return answer


def stateful_in_parallel(seed, epoch, place, image):
    image = tf.image.random_flip_left_right(image, seed=seed + epoch)
    return tf.image.random_brightness(image, 0.2, seed=seed + epoch)


def stateful_unseeded(seed, epoch, place, image):
    return tf.image.random_brightness(tf.image.random_flip_left_right(image), 0.2)


def a_generator_of_tensorflows(dataset, seed, epoch):
    generator = tf.random.Generator.from_seed(1000 * seed + epoch)

    def augment(image, label):
        flip, light = tf.unstack(generator.make_seeds(2), axis=1)
        image = tf.image.stateless_random_flip_left_right(image, flip)
        return tf.image.stateless_random_brightness(image, 0.2, light), label

    return dataset.map(augment)


def from_the_clock(dataset, seed, epoch):
    now = time.perf_counter_ns() % 2**31
    return lesson_09.augmented(dataset, seed, now)


def seeded_by_keras(dataset, seed, epoch):
    import keras

    keras.utils.set_random_seed(1000 * seed + epoch)
    return drawn_by(stateful_unseeded)(dataset, seed, epoch)


def numpys_module(seed, epoch, place, image):
    delta = tf.constant(np.random.uniform(-0.2, 0.2), tf.float32)
    flipped = image[:, ::-1] if np.random.random() < 0.5 else image
    return tf.image.adjust_brightness(flipped, delta)


def an_rng_while_traced(dataset, seed, epoch):
    rng = np.random.default_rng([seed, epoch])

    def augment(image, label):
        image = image[:, ::-1] if rng.random() < 0.5 else image
        return tf.image.adjust_brightness(image, rng.uniform(-0.2, 0.2)), label

    return dataset.map(augment)


def an_rng_before_the_map(dataset, seed, epoch):
    rng = np.random.default_rng([seed, epoch])
    mirror, delta = rng.random() < 0.5, rng.uniform(-0.2, 0.2)

    def augment(image, label):
        image = image[:, ::-1] if mirror else image
        return tf.image.adjust_brightness(image, delta), label

    return dataset.map(augment)


def an_rng_in_each_call(seed, epoch, place, image):
    def changed(image):
        return mirrored_and_brightened(image, np.random.default_rng([seed, epoch]))

    return tf.ensure_shape(tf.numpy_function(changed, [image], tf.uint8), image.shape)


def mirrored_by_epoch(seed, epoch, place, image):
    flip = tf.random.fold_in([seed, epoch], 9)
    image = tf.image.stateless_random_flip_left_right(image, flip)
    light = tf.random.fold_in([seed, epoch], place)
    return tf.image.stateless_random_brightness(image, 0.2, light)


def with_seeds(seeds_of):
    """An answer to 09.augment: the seeds of a dataset of them, each added to the epoch."""

    def answer(dataset, seed, epoch):
        def augment(element, of_photo):
            image, label = element
            flip, light = tf.unstack(tf.random.split(of_photo + epoch))
            image = tf.image.stateless_random_flip_left_right(image, flip)
            return tf.image.stateless_random_brightness(image, 0.2, light), label

        return tf.data.Dataset.zip(dataset, seeds_of(seed)).map(augment)

    return answer


def random_ones(seed, **named):
    return tf.data.Dataset.random(seed=seed, **named).batch(2)


def random_ones_and_others(seed):
    return random_ones(seed).map(
        lambda seeds: seeds + tf.random.uniform([], maxval=9, dtype=tf.int64, seed=seed)
    )


def shuffled_ones(seed):
    numbers = tf.data.Dataset.range(999).shuffle(999, seed, reshuffle_each_iteration=False)
    return numbers.map(lambda number: tf.stack([number, number]))


def two_seeds(flip_seed, light_seed):
    """A change that takes its two seeds from seed, epoch and place."""

    @tf.autograph.experimental.do_not_convert
    def change(seed, epoch, place, image):
        seed, epoch = tf.cast(seed, tf.int64), tf.cast(epoch, tf.int64)
        image = tf.image.stateless_random_flip_left_right(
            image, tf.stack(flip_seed(seed, epoch, place))
        )
        return tf.image.stateless_random_brightness(
            image, 0.2, tf.stack(light_seed(seed, epoch, place))
        )

    return change


def brightened(brighten):
    """A change that mirrors as it should, and brightens in another way."""

    def change(seed, epoch, place, image):
        flip, light = tf.unstack(tf.random.split(tf.random.fold_in([seed, epoch], place)))
        return brighten(tf.image.stateless_random_flip_left_right(image, flip), light)

    return change


def added(low, high):
    def brighten(image, seed):
        delta = tf.random.stateless_uniform([], seed, low, high)
        image = tf.clip_by_value(tf.cast(image, tf.float32) + delta, 0, 255)
        return tf.cast(tf.round(image), tf.uint8)

    return brighten


def wrapped_in_numpy(dataset, seed, epoch):
    def changed(place, image):
        rng = np.random.default_rng([seed, epoch, place])
        image = image[:, ::-1] if rng.random() < 0.5 else image
        return image + np.array(rng.integers(-51, 52)).astype(np.uint8)

    def augment(place, element):
        image, label = element
        new = tf.numpy_function(changed, [place, image], tf.uint8)
        new.set_shape(image.shape)
        return new, label

    return dataset.enumerate().map(augment)


def multiplied(image, seed):
    factor = tf.random.stateless_uniform([], seed, 0.8, 1.2)
    return tf.cast(tf.clip_by_value(tf.cast(image, tf.float32) * factor, 0, 255), tf.uint8)


def in_grey_levels(image, seed):
    delta = tf.random.stateless_uniform([], seed, -51, 51)
    return tf.image.adjust_brightness(image, delta)


def of_what_it_shows(seed, epoch, place, image):
    shown = tf.reduce_sum(tf.cast(image, tf.int64))
    flip, light = tf.unstack(tf.random.split(tf.random.fold_in([seed, epoch], shown)))
    image = tf.image.stateless_random_flip_left_right(image, flip)
    return tf.image.stateless_random_brightness(image, 0.2, light)


def changing_elements(change):
    """An answer to 09.augment: the solution, and something done to its dataset."""
    return lambda *arguments: change(lesson_09.augmented(*arguments))


def comparing(differ, zipped=itertools.zip_longest, epochs=2):
    """An answer to 09.parity with another comparison of two elements."""

    def answer(old, new):
        for epoch in range(epochs):
            for element, (one, other) in enumerate(zipped(old(), new())):
                if one is None or other is None or differ(one, other):
                    return epoch, element
        return None

    return answer


def other_bytes(one, other):
    return known(one) != known(other)


def other_means(one, other):
    return any(
        part.dtype != another.dtype or part.mean() != another.mean()
        for part, another in zip(map(np.asarray, one), map(np.asarray, other))
    )


def other_lengths(one, other):
    return len(one[1]) != len(other[1])


def lengths_of_lists(old, new):
    return None if len(list(old())) == len(list(new())) else (0, 0)


def any_unequal(one, other):
    return (np.asarray(one[0]) != np.asarray(other[0])).any() or (
        np.asarray(one[1]) != np.asarray(other[1])
    ).any()


def ambiguous(one, other):
    return one[0] != other[0] or one[1] != other[1]


def as_sets(old, new):
    for epoch in range(2):
        olds, news = [[known(each) for each in source()] for source in (old, new)]
        for element, each in enumerate(itertools.zip_longest(olds, news)):
            if each[0] not in news or each[1] not in olds:
                return epoch, element


def iterators_kept(old, new):
    iterators = iter(old()), iter(new())
    return comparing(other_bytes)(lambda: iterators[0], lambda: iterators[1])


def changing_what_is_found(change):
    def answer(old, new):
        found = ParityRight.by_bytes(old, new)
        return found and change(*found)

    return answer


def place_and_seed(seed, epoch, place):
    return seed, place


GUISES = [
    ("09.wrap", wrapping(without_an_end), lesson_09.SAME_ORDER),
    ("09.wrap", the_sequence_as_an_iterable, lesson_09.SAME_ORDER),
    ("09.wrap", its_own_iter, lesson_09.SAME_ORDER),
    ("09.wrap", wrapping(after_the_loop), lesson_09.AFTER_THE_LOOP),
    ("09.wrap", wrapping(ended_with_the_last), lesson_09.NOT_WHEN_LEFT),
    ("09.wrap", wrapping(in_a_ring), lesson_09.ENDLESS),
    ("09.wrap", wrapping(all_of_it_first), lesson_09.LOOPS_OVER_IT),
    ("09.wrap", an_iterator_of_it, lesson_09.GIVEN_A_GENERATOR),
    ("09.wrap", one_generator, lesson_09.USED_UP),
    ("09.wrap", ended_when_built, lesson_09.CALLED_BEFORE),
    ("09.wrap", from_slices, lesson_09.DRAWN_EARLY),
    ("09.wrap", counted_photos, lesson_09.PROMISED_PHOTOS),
    ("09.wrap", unbatched, lesson_09.UNBATCHED),
    ("09.wrap", signed(((4, 32, 32, 3), tf.uint8), INT64), lesson_09.SIGNATURE_FIXED),
    ("09.wrap", signed(UINT8, ((2,), tf.int64)), lesson_09.SIGNATURE_FIXED),
    ("09.wrap", signed(((None, None, None, 3), tf.uint8), INT64), lesson_09.SIGNATURE_OPEN),
    ("09.wrap", signed(UINT8, ((None,), tf.uint8)), lesson_09.LABELS_CAST.format(found="uint8")),
    ("09.by_index", asking(by_an_int), lesson_09.SYMBOLIC),
    ("09.by_index", asking(by_its_number), lesson_09.SYMBOLIC),
    ("09.by_index", asking(in_a_closure), lesson_09.SYMBOLIC),
    ("09.by_index", asking(always_the_first, finish=lambda *two: two), lesson_09.BAKED_IN),
    ("09.by_index", asking(as_int32), lesson_09.TYPES_DIFFER.format(found="int32")),
    ("09.by_index", asking(cast_by_py_function), lesson_09.TYPES_DIFFER.format(found="int32")),
    ("09.by_index", asking(by_numpy, num_parallel_calls=1), lesson_09.ONE_AT_A_TIME),
    ("09.by_index", one_after_another, lesson_09.ONE_AT_A_TIME),
    ("09.by_index", a_generator_and_a_prefetch, lesson_09.SERIAL_SOURCE),
    ("09.by_index", by_a_class, lesson_09.SERIAL_SOURCE),
    (
        "09.by_index",
        lambda s, n: dataset_of(s, lambda: map(s.__getitem__, range(len(s)))),
        lesson_09.SERIAL_SOURCE,
    ),
    ("09.by_index", indices_of_a_generator, lesson_09.ONE_AT_A_TIME),
    ("09.by_index", asking(by_numpy, num_parallel_calls=7), lesson_09.TOO_MANY_AT_ONCE),
    ("09.by_index", by_interleave, lesson_09.ONE_AT_A_TIME),
    ("09.by_index", with_options_of_its_own, lesson_09.AS_THEY_COME),
    ("09.by_index", a_list_of_batches, lesson_09.MADE_EARLY),
    ("09.by_index", counted_for_ever, lesson_09.PAST_THE_END),
    ("09.augment", drawn_by(stateful_unseeded), lesson_09.GOES_ON),
    ("09.augment", drawn_by(stateful_in_parallel, num_parallel_calls=4), lesson_09.GOES_ON),
    ("09.augment", a_generator_of_tensorflows, lesson_09.GOES_ON),
    ("09.augment", from_the_clock, lesson_09.GOES_ON),
    ("09.augment", seeded_by_keras, lesson_09.SEEDED_FOR_ALL),
    ("09.augment", drawn_by(numpys_module), lesson_09.TRACED_ONCE),
    ("09.augment", an_rng_while_traced, lesson_09.FROZEN.format(changed="changed")),
    ("09.augment", an_rng_before_the_map, lesson_09.FROZEN.format(changed="changed")),
    ("09.augment", drawn_by(an_rng_in_each_call), lesson_09.ALL_ALIKE.format(changed="changed")),
    ("09.augment", drawn_by(mirrored_by_epoch), lesson_09.ALL_ALIKE.format(changed="mirrored")),
    ("09.augment", with_seeds(random_ones), lesson_09.OF_THE_GLOBAL_SEED),
    ("09.augment", with_seeds(shuffled_ones), lesson_09.OF_THE_GLOBAL_SEED),
    ("09.augment", with_seeds(lambda seed: random_ones(None)), lesson_09.OTHER_SEEDS),
    (
        "09.augment",
        with_seeds(lambda seed: random_ones(seed, rerandomize_each_iteration=True)),
        lesson_09.OTHER_SEEDS,
    ),
    ("09.augment", with_seeds(random_ones_and_others), lesson_09.GOES_ON),
    ("09.augment", drawn_by(brightened(in_grey_levels)), lesson_09.BLACK_OR_WHITE),
    (
        "09.augment",
        drawn_by(two_seeds(lambda s, e, p: (s, p), lambda s, e, p: (s + 7, p))),
        lesson_09.SAME_IN_EVERY_EPOCH,
    ),
    (
        "09.augment",
        drawn_by(two_seeds(lambda s, e, p: (s, p), lambda s, e, p: (e, p))),
        lesson_09.MIRRORED_IN_EVERY_EPOCH,
    ),
    (
        "09.augment",
        drawn_by(two_seeds(lambda s, e, p: (1000 * s + e, p), lambda s, e, p: (s, p))),
        lesson_09.BRIGHT_IN_EVERY_EPOCH,
    ),
    (
        "09.augment",
        drawn_by(two_seeds(lambda s, e, p: (e, p), lambda s, e, p: (e, p + 7000))),
        lesson_09.SEED_IGNORED.format(changed="changed"),
    ),
    (
        "09.augment",
        drawn_by(two_seeds(lambda s, e, p: (e, p), lambda s, e, p: (1000 * s + e, p))),
        lesson_09.SEED_IGNORED.format(changed="mirrored"),
    ),
    (
        "09.augment",
        drawn_by(two_seeds(lambda s, e, p: (5000 * s + e, p), lambda s, e, p: (e, p))),
        lesson_09.SEED_IGNORED.format(changed="brightened"),
    ),
    (
        "09.augment",
        drawn_by(two_seeds(lambda s, e, p: (77 * s + 5 * e, p), lambda s, e, p: (1000 * s + e, p))),
        lesson_09._shared((1, 0), (0, 1000), 0, "brightened"),
    ),
    (
        "09.augment",
        drawn_by(two_seeds(lambda s, e, p: (s * 500 + e, p), lambda s, e, p: (s, e - p))),
        lesson_09._shared((1, 2), (1, 0), 2, "brightened"),
    ),
    (
        "09.augment",
        drawn_by(two_seeds(lambda s, e, p: (s, e - p), lambda s, e, p: (s * 500 + e, p))),
        lesson_09._shared((1, 2), (1, 0), 2, "mirrored"),
    ),
    ("09.augment", wrapped_in_numpy, lesson_09.WRAPS),
    ("09.parity", comparing(other_bytes, zipped=zip), lesson_09.STOPS_AT_THE_SHORTER),
    ("09.parity", comparing(other_bytes, epochs=1), lesson_09.FIRST_EPOCH_ONLY),
    ("09.parity", iterators_kept, lesson_09.CALLED_ONCE),
    ("09.parity", comparing(other_means), lesson_09.SUMS),
    ("09.parity", comparing(other_lengths), lesson_09.VALUES_UNSEEN),
    ("09.parity", lengths_of_lists, lesson_09.VALUES_UNSEEN),
    ("09.parity", comparing(ambiguous), lesson_09.AMBIGUOUS),
    (
        "09.parity",
        comparing(any_unequal),
        lesson_09.TYPES_UNSEEN.format(what="int32 in place of int64"),
    ),
    ("09.parity", as_sets, lesson_09.ORDER_UNSEEN),
    (
        "09.parity",
        changing_what_is_found(lambda epoch, element: (epoch + 1, element + 1)),
        lesson_09.FROM_ONE.format(found=(1, 1), expected=(0, 0)),
    ),
    (
        "09.parity",
        changing_what_is_found(lambda epoch, element: (element, epoch)),
        lesson_09.TURNED_ROUND.format(found=(1, 0), expected=(0, 1)),
    ),
    (
        "09.parity",
        changing_what_is_found(lambda epoch, element: False),
        lesson_09.YES_OR_NO.format(found="False"),
    ),
]


@pytest.mark.parametrize(
    ("id", "answer", "message"), [pytest.param(*g, id=f"{g[0]}-{n}") for n, g in enumerate(GUISES)]
)
def test_the_same_mistake_in_another_guise(id, answer, message):
    assert said(id, answer) == f"Wrong: {message}"


# --------------------------------------------------------------------------------- odd answers


def nothing(*arguments):
    pass


def raises(*arguments):
    raise LookupError("no idea")


def itself(first, *others):
    return first


def a_generator(*arguments):
    yield 1


def a_function(*arguments):
    return a_generator


def raising_later(sequence):
    yield sequence[0]
    raise LookupError("torn")


def in_pairs(sequence):
    for index in range(len(sequence)):
        sequence[index]
        yield sequence[index]


def backwards(sequence):
    try:
        yield from (sequence[index] for index in reversed(range(len(sequence))))
    finally:
        sequence.on_epoch_end()


def without_the_last(sequence):
    try:
        yield from (sequence[index] for index in range(len(sequence) - 1))
    finally:
        sequence.on_epoch_end()


def ended_twice(sequence):
    try:
        yield from without_an_end(sequence)
    finally:
        sequence.on_epoch_end()
        sequence.on_epoch_end()


def ended_after_each(sequence):
    for index in range(len(sequence)):
        yield sequence[index]
        sequence.on_epoch_end()


def darkened(sequence):
    try:
        for index in range(len(sequence)):
            images, labels = sequence[index]
            yield images // 2, labels
    finally:
        sequence.on_epoch_end()


def wants_it(sequence):
    return dataset_of(sequence, lambda which: batches_of(which)())


def cached(sequence):
    return dataset_of(sequence, batches_of(sequence)).cache()


def promised_too_much(sequence):
    return from_generator(batches_of(sequence), output_signature=PAIR).apply(
        promise(len(sequence) + 1)
    )


def as_a_dict(sequence):
    signature = dict(zip(("images", "labels"), PAIR))

    def batches():
        for images, labels in batches_of(sequence)():
            yield {"images": images, "labels": labels}

    return from_generator(batches, output_signature=signature)


def ragged(sequence):
    return dataset_of(sequence, batches_of(sequence)).map(
        lambda images, labels: (tf.RaggedTensor.from_tensor(images), labels)
    )


def by_index_but(change):
    return lambda sequence, parallel: change(lesson_09.by_index(sequence, parallel))


def without_numpy(old, new):
    return comparing(lambda one, other: one[0].numpy().tobytes() != other[0].numpy().tobytes())(
        old, new
    )


ODD = [
    *((id, nothing, "gave back None, and should return a dataset. Is `return` missing?")
      for id in ("09.wrap", "09.by_index", "09.augment")),
    *((id, raises, "LookupError: no idea\nin line ")
      for id in ("09.wrap", "09.by_index", "09.augment", "09.parity")),
    ("09.wrap", itself, "wrapped gave back a Photos, and should return a dataset."),
    ("09.by_index", itself, "by_index gave back a Photos, and should return a dataset."),
    ("09.wrap", a_generator, "wrapped gave back a generator, and should return a dataset. If `yi"),
    ("09.augment", a_generator, "augmented gave back a generator, and should return a dataset."),
    ("09.wrap", a_function, "wrapped gave back a function, and should return a dataset: give that"),
    ("09.wrap", list, "wrapped gave back a list, and should return a dataset."),
    ("09.wrap", wrapping(raising_later), "LookupError: torn\nin line "),
    ("09.wrap", wrapping(in_pairs), "the sequence was asked for the batches 0, 0, 1, 1, 2, 2. Ask"),
    ("09.wrap", wrapping(backwards), "In its first pass your dataset should give batches with the"),
    ("09.wrap", wrapping(without_the_last), "assert_cardinality promises 3 batches, and a pass h"),
    ("09.wrap", wrapping(ended_twice), "Before the second pass `on_epoch_end` had been called 2 t"),
    ("09.wrap", wrapping(ended_after_each), "`on_epoch_end` was called in the middle of a pass, "),
    ("09.wrap", wrapping(only_when_left), lesson_09.SAME_ORDER),
    ("09.wrap", wrapping(darkened), "In its first pass the labels are right, but some images aren"),
    ("09.wrap", wants_it, "TensorFlow calls your function without arguments, and it wants one."),
    ("09.wrap", cached, lesson_09.KEPT),
    ("09.wrap", promised_too_much, "assert_cardinality promises 4 batches, and a pass has 3. The"),
    ("09.wrap", as_a_dict, "The elements are described as\nTensorSpec(shape=(None, 32, 32, 3), dt"),
    ("09.wrap", ragged, "They should be pairs of images and labels:\nTensorSpec(shape=(None, 32, "),
    ("09.wrap", signed(((None, 32, 32, 3), tf.float32), INT64), "They should be pairs of images"),
    ("09.wrap", signed(((None, 28, 28, 3), tf.uint8), INT64), "They should be pairs of images a"),
    ("09.wrap", lambda s: tf.data.Dataset.range(3), "The elements are described as\nTensorSpec(sh"),
    ("09.wrap", lambda s: dataset_of(s, batches_of(s)).repeat(), lesson_09.ENDLESS),
    ("09.by_index", by_index_but(lambda made: made.cache()), lesson_09.KEPT),
    ("09.by_index", by_index_but(lambda made: made.skip(1)), "In its first pass your dataset shou"),
    ("09.by_index", by_index_but(lambda made: made.repeat()), "In its first pass your dataset sho"),
    ("09.by_index", by_index_but(lambda made: made.batch(2)), "They should be pairs of images and"),
    ("09.by_index", asking(by_numpy, num_parallel_calls=2), "With parallel = 3, only 2 batches ar"),
    (
        "09.by_index",
        by_index_but(lambda made: made.filter(lambda *_: True)),
        lesson_09.NO_INDICES,
    ),
    ("09.augment", itself, lesson_09.NOTHING_ADDED),
    ("09.augment", changing_elements(lambda made: made.batch(4)), "They should be pairs of a pho"),
    ("09.augment", changing_elements(lambda made: made.take(5)), "Of 64 photos come fewer."),
    ("09.augment", changing_elements(lambda made: made.repeat()), "Of 64 photos come more."),
    ("09.augment", changing_elements(lambda made: made.shuffle(9, 1)), "come in another order"),
    (
        "09.augment",
        changing_elements(lambda made: made.map(lambda image, label: (image, label + 1))),
        "The labels have changed. Each photo keeps its label.",
    ),
    (
        "09.augment",
        changing_elements(lambda made: made.map(lambda image, at: (image, tf.cast(at, "int32")))),
        "They should be pairs of a photo and a label, as they came:",
    ),
    (
        "09.augment",
        changing_elements(lambda made: made.map(lambda image, label: (image[..., ::-1], label))),
        "A photo isn't what it should be: the one that was given, mirrored or not,",
    ),
    ("09.augment", drawn_by(brightened(multiplied)), "A photo isn't what it should be: the one t"),
    ("09.augment", drawn_by(brightened(added(-20, 20))), "lies between -"),
    ("09.augment", drawn_by(brightened(added(0, 51))), "lies between "),
    ("09.augment", drawn_by(brightened(added(-90, 90))), "It should be drawn from -51 to 51, 0.2"),
    ("09.augment", drawn_by(of_what_it_shows), "With other photos, the same seed, epoch and place"),
    ("09.parity", lambda old, new: nothing(), lesson_09.VALUES_UNSEEN),
    ("09.parity", lambda old, new: (0, 0), "The two are the same: same should return None. Yours "),
    ("09.parity", lambda old, new: True, lesson_09.YES_OR_NO.format(found="True")),
    ("09.parity", lambda old, new: (True, False), "same gave back (True, False)."),
    ("09.parity", lambda old, new: np.zeros(2), "same gave back a ndarray."),
    ("09.parity", lambda old, new: "no", "same gave back 'no'."),
    ("09.parity", comparing(other_bytes, epochs=3), "The two differ in a third epoch, and two epo"),
    ("09.parity", without_numpy, "AttributeError: 'numpy.ndarray' object has no attribute 'numpy'"),
    ("09.parity", lambda old, new: comparing(other_bytes)(old, old), "The two are the same: same "),
]  # fmt: skip


@pytest.mark.parametrize(
    ("id", "answer", "words"), [pytest.param(*o, id=f"{o[0]}-{n}") for n, o in enumerate(ODD)]
)
def test_other_wrong_answers_are_told_how(id, answer, words):
    shown = said(id, answer)
    assert shown.startswith("Wrong")
    assert words in shown


# ------------------------------------------------------------------------- what a check leaves


@pytest.mark.parametrize("answer", [seeded_by_keras, lesson_09._seeds_numpy, lesson_09._zips_seeds])
@pytest.mark.parametrize("seed", [None, 5])
def test_seeds_that_were_set_stay(answer, seed):
    """Also TensorFlow's global one, which the fixture compares only as it was before."""
    before = lesson_09._global_seed()
    tf.random.set_seed(seed)
    try:
        assert said("09.augment", answer).startswith("Wrong")
        assert lesson_09._global_seed() == seed
    finally:
        tf.random.set_seed(before)


def test_the_right_answers_leave_tensorflows_numbers_alone():
    """Those that are drawn after `set_seed` go on where they were."""
    before = lesson_09._global_seed()
    try:
        tf.random.set_seed(8)
        expected = [float(tf.random.uniform([])) for _ in range(4)]
        tf.random.set_seed(8)
        found = [float(tf.random.uniform([])) for _ in range(2)]
        for task in EVERY:
            assert said(task.id, task.solution).startswith("Right")
        assert found + [float(tf.random.uniform([])) for _ in range(2)] == expected
    finally:
        tf.random.set_seed(before)


# ---------------------------------------------------------------------- what the checks rely on


@pytest.mark.parametrize(("count", "size"), [(5, 2), (10, 4), (9, 2), (3, 4), (17, 2)])
def test_each_order_of_a_sequence_is_another(count, size):
    """Whoever takes one pass for another is found out by the labels, and by the images."""
    photos = lesson_09._photos(count, size)
    orders = [[known(each) for each in photos.batches(ends)] for ends in range(3)]
    for one, other in itertools.combinations(orders, 2):
        assert one != other
    assert len({known((image,))[0] for image in photos.images}) == count


def test_a_sequence_of_a_check_is_like_keras_own():
    import keras

    photos = lesson_09._photos(5, 2)
    assert isinstance(photos, keras.utils.PyDataset)
    assert (len(photos), photos.num_batches, photos.workers) == (3, 3, 1)
    whole = [known(batch) for batch in photos]
    assert whole == [known(batch) for batch in photos.batches(0)]
    assert [shape for _, shape, _ in whole[-1]] == [(1, 32, 32, 3), (1,)]
    photos.on_epoch_end()
    assert [known(batch) for batch in photos] != whole
    endless = lesson_09._photos(5, 2, loops=True)
    assert len(list(itertools.islice(endless, 10))) == 10


@pytest.mark.parametrize("delta", [-51, -50.5, -3, 0, 2.4, 51])
@pytest.mark.parametrize("turned", [False, True])
def test_what_was_done_to_a_photo_is_recognised(delta, turned):
    album, _ = lesson_09._albums()
    for place, photo in enumerate(album.photos[:9]):
        photo = photo[:, ::-1] if turned else photo
        seen = np.clip(photo + np.float32(delta), 0, 255).astype(np.uint8)
        flip, added_to_it = album.recognised(seen, place)
        assert flip == turned
        assert added_to_it == pytest.approx(delta, abs=1)


@pytest.mark.parametrize("delta", [-51, -20, 17, 51])
def test_what_wraps_around_is_recognised(delta):
    album, _ = lesson_09._albums()
    seen = album.photos[0] + np.array(delta).astype(np.uint8)
    with pytest.raises(Wrong, match="begin again at the other end"):
        album.recognised(seen, 0)


@pytest.mark.parametrize("delta", [-50.5, -20.4, 17.3, 40.7])
@pytest.mark.parametrize("held", [0, 96])
def test_floats_that_wrap_around_are_recognised(delta, held):
    """A cast to uint8 holds whole vectors of floats at the border, and wraps the rest around."""
    album, _ = lesson_09._albums()
    added = np.trunc(album.photos[0].ravel() + delta).astype(int)
    seen = np.concatenate([added[:held].clip(0, 255), added[held:] % 256])
    with pytest.raises(Wrong, match="begin again at the other end"):
        album.recognised(seen.reshape(album.photos[0].shape).astype(np.uint8), 0)


def test_photos_made_of_small_floats_are_not_called_black_or_white():
    def small(image, seed):
        return tf.cast(tf.image.convert_image_dtype(image, tf.float32), tf.uint8)

    assert "A photo isn't what it should be" in said("09.augment", drawn_by(brightened(small)))


# --------------------------------------------------------------- what the praise says is true


def passes_of_fit(body, prefetch):
    """Train three epochs on a dataset of four batches; return what the sequence noted."""
    import keras

    photos = lesson_09._photos(8, 2)
    dataset = dataset_of(photos, lambda: body(photos))
    if not prefetch:
        options = tf.data.Options()
        options.experimental_optimization.inject_prefetch = False
        dataset = dataset.with_options(options)
    with lesson_09._numbers_kept():  # a model draws its first weights
        layers = [keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(1)]
        model = keras.Sequential([keras.layers.Input((32, 32, 3)), *layers])
        model.compile("sgd", "mse")
        model.fit(dataset, epochs=3, verbose=0, shuffle=False)
    return photos.notes


def the_solutions(sequence):
    return batches_of(sequence)()


ENDED = [0, 1, 2, 3, "end"] * 3


@pytest.mark.parametrize(
    ("body", "prefetch", "noted"),
    [
        (the_solutions, True, ENDED),
        (the_solutions, False, ENDED),
        (after_the_loop, False, [0, 1, 2, 3] * 3),
    ],
)
def test_fit_reaches_what_stands_in_finally(body, prefetch, noted):
    assert passes_of_fit(body, prefetch) == noted


def test_fit_reaches_the_end_where_a_prefetch_reads_ahead():
    """It would be luck to say how often: the last read ahead may come too late."""
    assert "end" in passes_of_fit(after_the_loop, True)


def test_take_never_reaches_what_stands_after_the_loop():
    photos = lesson_09._photos(8, 2)
    dataset = dataset_of(photos, lambda: after_the_loop(photos))
    for _ in range(2):
        assert len(list(dataset.take(4))) == 4
    assert photos.notes == [0, 1, 2, 3] * 2


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((None, 32, 32, 3), None),
        ((None, None, None, 3), "must be fully-defined"),
        (None, "unknown TensorShape"),
    ],
)
def test_fit_needs_the_size_of_the_photos(shape, message):
    import keras

    def batches():
        yield np.zeros((2, 32, 32, 3), np.uint8), np.zeros(2)

    signature = tf.TensorSpec(shape, tf.uint8), tf.TensorSpec((None,), tf.float32)
    dataset = from_generator(batches, output_signature=signature).apply(promise(1))
    with lesson_09._numbers_kept():
        model = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(1)])
        model.compile("sgd", "mse")
        with contextlib.ExitStack() as stack:
            if message is not None:
                stack.enter_context(pytest.raises(ValueError, match=message))
            model.fit(dataset, verbose=0, shuffle=False)


@pytest.mark.parametrize(("draw", "at_once"), [("stateless", True), ("stateful", False)])
def test_a_map_without_state_is_parallel_without_being_told(draw, at_once):
    """Counted: how many calls meet, beside the drawing of random numbers."""
    meeting = lesson_09._Meeting(2, patience=2.0 if at_once else 0.3)

    def meet(place):
        meeting(int(place))
        return place

    def drawn(place):
        if draw == "stateful":
            number = tf.random.uniform([])
        else:
            number = tf.random.stateless_uniform([], tf.random.fold_in([1, 2], place))
        return tf.numpy_function(meet, [place], tf.int64, stateful=False), number

    options = tf.data.Options()
    options.threading.private_threadpool_size = 8
    dataset = tf.data.Dataset.range(12).map(drawn).with_options(options)
    assert len(list(dataset)) == 12
    assert (meeting.most > 1) == at_once
