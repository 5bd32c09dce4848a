"""What is particular to lesson 05's exercises: right answers other than ours, and odd ones."""

import functools
import itertools
import math
import operator
import pickle
import random
import threading
from functools import partial

import keras
import numpy as np
import pytest
import tensorflow as tf

from course_utils.classroom import workspace
from course_utils.classroom.exercise import check, get
from course_utils.exercises import lesson_05

from_generator = tf.data.Dataset.from_generator


@pytest.fixture(autouse=True)
def no_workspace(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(workspace, "_progress", {})


def said(id, answer):
    shown = check(id, answer)
    return f"{shown.status}: {shown.message}"


# ------------------------------------------------------------------------------- right answers


def pieces(text, size):
    return [text[start : start + size] for start in range(0, len(text), size)]


class ArrivesRight:
    def by_as_text(text, size, reverse):
        for piece in pieces(tf.compat.as_text(text), size):
            yield piece[::-1] if reverse else piece

    def by_trying(text, size, reverse):
        try:
            text = text.decode("utf-8")
        except AttributeError:
            text = str(text)
        step = -1 if reverse else 1
        yield from (piece[::step] for piece in pieces(text, int(size)))

    def by_str_with_an_encoding(text, size, reverse):
        text = text if isinstance(text, str) else str(text, "utf8")
        while text:
            piece, text = text[:size], text[size:]
            yield "".join(reversed(piece)) if reverse else piece

    def by_a_map(text, size, reverse):
        text = text.decode() if hasattr(text, "decode") else text
        step = {True: -1, False: None}[bool(reverse)]
        return map(operator.itemgetter(slice(None, None, step)), pieces(text, size))

    def comparing_with_true(text, size, reverse):
        text = tf.compat.as_str(text)
        yield from (p[::-1] if reverse == True else p for p in pieces(text, size))  # noqa: E712

    def letter_by_letter(text, size, reverse):
        piece = ""
        for letter in tf.compat.as_text(text):
            piece = letter + piece if reverse else piece + letter
            if len(piece) == size:
                yield piece
                piece = ""
        if piece:
            yield piece

    def as_numpy_str(text, size, reverse):
        for piece in pieces(tf.compat.as_text(text), size):
            yield np.str_(piece[::-1] if reverse else piece)


class Source:
    def __init__(self, name, read):
        self.name, self.read = name, read

    def __call__(self):
        return self.read(self.name)


class SourcesRight:
    def by_a_default(names, read):
        return [lambda name=name: read(name) for name in names]

    def by_a_class(names, read):
        return [Source(name, read) for name in names]

    def by_an_inner_function(names, read):
        def source_of(name):
            def source():
                yield from read(name)

            return source

        return list(map(source_of, names))

    def by_a_partial_of_a_partial(names, read):
        found = []
        for name in names:
            found.append(partial(partial(read), name=name))
        return found

    def over_a_copy(names, read):
        names = list(names)
        return [lambda k=k: read(names[k]) for k in range(len(names))]

    def a_tuple(names, read):
        return tuple(partial(read, name) for name in names)

    def bound_methods(names, read):
        return [Source(name, read).__call__ for name in names]

    def mapped(names, read):
        return [functools.partial(map, str, read(name)) and partial(read, name) for name in names]


def plain(photos):
    def validation():
        yield from photos

    return validation


class FlipsRight:
    def seeds_a_thousand_apart(photos, seed):
        epochs = iter(range(10**9))

        def training():
            rng = np.random.default_rng(1000 * seed + next(epochs))
            for photo in photos:
                yield np.fliplr(photo) if rng.integers(2) else photo

        return training, lambda: photos

    def counted_when_called(photos, seed):
        epoch = -1

        def one_epoch(rng):
            for photo in photos:
                yield np.flip(photo, axis=1).copy() if rng.random() > 0.5 else photo.copy()

        def training():
            nonlocal epoch
            epoch += 1
            return one_epoch(np.random.default_rng((seed, epoch)))

        return training, lambda: iter(photos)

    def drawn_at_the_start_of_each_epoch(photos, seed):
        rng = np.random.default_rng(seed)

        def training():
            mirrored = rng.random(len(photos)) < 0.5
            for photo, mirrors in zip(photos, mirrored):
                yield photo[:, ::-1] if mirrors else photo

        return training, plain(photos)

    def by_spawning(photos, seed):
        parent = np.random.default_rng(seed)

        def training():
            (rng,) = parent.spawn(1)
            for photo in photos:
                yield photo[:, ::-1] if rng.random() < 0.5 else photo

        return training, plain(photos)

    def by_pythons_random(photos, seed):
        epochs = itertools.count(1)

        def training():
            rng = random.Random(f"{seed} {next(epochs)}")
            for photo in photos:
                yield photo[:, ::-1] if rng.choice((True, False)) else photo

        return training, plain(photos)

    def by_a_hash_of_numbers(photos, seed):  # it is the same in every run
        epochs = itertools.count()

        def training():
            rng = random.Random(hash((seed, next(epochs))))
            for photo in photos:
                yield photo[:, ::-1] if rng.random() < 0.5 else photo

        return training, plain(photos)

    def by_an_own_random_state(photos, seed):
        epochs = itertools.count()

        def training():
            numbers = np.random.RandomState([seed, next(epochs)])
            return (p[:, ::-1] if numbers.rand() < 0.5 else p for p in photos)

        return training, plain(photos)

    def by_a_stateless_flip(photos, seed):
        epochs = itertools.count()

        def training():
            epoch = next(epochs)
            for number, photo in enumerate(photos):
                key = tf.random.experimental.stateless_fold_in((seed, epoch), number)
                yield tf.image.stateless_random_flip_left_right(photo, key)

        return training, plain(photos)

    def by_a_class_with_a_switch(photos, seed):
        class Photos:
            def __init__(self, mirrors):
                self.mirrors, self.epochs = mirrors, itertools.count()

            def __call__(self):
                rng = np.random.default_rng([seed, next(self.epochs)])
                for photo in photos:
                    yield photo[:, ::-1] if self.mirrors and rng.random() < 0.5 else photo

        return Photos(True), Photos(False)

    def by_a_thread_safe_count(photos, seed):
        lock, begun = threading.Lock(), []

        def training():
            with lock:
                begun.append(None)
                rng = np.random.default_rng([seed, len(begun)])
            for photo in photos:
                yield photo[:, :: -1 if rng.random() < 0.5 else 1]

        return [training, plain(photos)]

    def in_one_buffer(photos, seed):
        epochs = itertools.count()

        def training():
            rng = np.random.default_rng([seed, next(epochs)])
            for photo in photos:
                copy = photo.copy()
                if rng.random() < 0.5:
                    copy[:] = copy[:, ::-1].copy()
                yield copy

        return training, plain(photos)


class BatchesRight:
    def one_batch_ahead(rows, size):
        batch = rows[:size].copy()
        for start in range(size, len(rows), size):
            following = rows[start : start + size].copy()
            yield batch
            batch = following
        yield batch

    def parts_of_one_large_array(rows, size):
        copy = np.empty_like(rows)
        for start in range(0, len(rows), size):
            part = slice(start, start + size)
            copy[part] = rows[part]
            yield copy[part]

    def new_array_each_time(rows, size):
        for start in range(0, len(rows), size):
            part = rows[start : start + size]
            batch = np.empty(part.shape, np.float32)
            for place, row in enumerate(part):
                batch[place] = row
            yield batch

    def of_lists(rows, size):
        batch = []
        for row in rows:
            batch.append(row)
            if len(batch) == size:
                yield np.array(batch)
                batch.clear()
        if batch:
            yield np.stack(batch)

    def one_buffer_copied(rows, size):
        buffer = np.empty((size, rows.shape[1]), rows.dtype)
        filled = 0
        for row in rows:
            buffer[filled] = row
            filled += 1
            if filled == size:
                yield buffer.copy()
                filled = 0
        if filled:
            yield buffer[:filled]

    def by_picking(rows, size):
        for start in range(0, len(rows), size):
            yield rows[np.arange(start, min(start + size, len(rows)))]

    def as_type(rows, size):
        return (rows[start : start + size].astype("f") for start in range(0, len(rows), size))

    def through_a_list_of_numbers(rows, size):
        for part in pieces(rows, size):
            yield tf.constant(part.tolist())

    def through_bytes(rows, size):
        for part in pieces(rows, size):
            yield np.frombuffer(part.tobytes(), np.float32).reshape(part.shape)

    def slices_of_a_copy(rows, size):
        rows = rows.copy()
        yield from pieces(rows, size)

    def splits_a_copy(rows, size):
        yield from np.array_split(rows.copy(), range(size, len(rows), size))

    def collects_copies(rows, size):
        yield from [part.copy() for part in pieces(rows, size)]

    def lists_all_numbers(rows, size):
        for part in pieces(rows.tolist(), size):
            yield np.array(part, np.float32)

    def through_tensor_slices(rows, size):
        yield from tf.data.Dataset.from_tensor_slices(rows).batch(size).as_numpy_iterator()

    def ten_batches_ahead(rows, size):
        for part in pieces(rows, 10 * size):
            yield from pieces(part.copy(), size)


RIGHT = {
    "05.arrives": ArrivesRight,
    "05.sources": SourcesRight,
    "05.flips": FlipsRight,
    "05.batches": BatchesRight,
}


@pytest.mark.parametrize(
    ("id", "name"),
    [(id, name) for id, each in RIGHT.items() for name in vars(each) if name[0] != "_"],
)
def test_other_right_answers_are_right(id, name):
    answer = getattr(RIGHT[id], name)
    assert [said(id, answer) for _ in range(2)] == [f"Right: {get(id).right}"] * 2


# ------------------------------------------------------- the same mistake in another guise


def asks_for_a_bool(text, size, reverse):
    for piece in pieces(tf.compat.as_text(text), size):
        yield piece[::-1] if isinstance(reverse, bool) and reverse else piece


def splits(text, size, reverse):
    text = text.replace("-", "")
    yield from (piece[::-1] if reverse else piece for piece in pieces(text, size))


def adds_letters(text, size, reverse):
    for piece in pieces(text, size):
        whole = ""
        for letter in piece:
            whole = letter + whole if reverse else whole + letter
        yield whole


def formats(text, size, reverse):
    yield from (piece[::-1] if reverse else piece for piece in pieces(f"{text}", size))


def decodes_by_the_class(text, size, reverse):
    text = bytes.decode(text)
    yield from (piece[::-1] if reverse else piece for piece in pieces(text, size))


def decodes_by_str(text, size, reverse):
    text = str(text, "utf-8")
    yield from (piece[::-1] if reverse else piece for piece in pieces(text, size))


def replaces_what_is_cut(text, size, reverse):
    for piece in pieces(text, size):
        piece = piece.decode(errors="replace") if isinstance(piece, bytes) else piece
        yield piece[::-1] if reverse else piece


def ignores_what_is_cut(text, size, reverse):
    for piece in pieces(text, size):
        piece = piece.decode(errors="ignore") if isinstance(piece, bytes) else piece
        yield piece[::-1] if reverse else piece


def slides_to_the_end(text, size, reverse):
    text = tf.compat.as_text(text)
    for start in range(len(text)):
        piece = text[start : start + size]
        yield piece[::-1] if reverse else piece


def late_in_a_comprehension(names, read):
    return [lambda: read(name) for name in names]  # noqa: B023 the mistake


def late_in_an_inner_function(names, read):
    made = []
    for name in names:

        def source():
            yield from read(name)  # noqa: B023 the mistake

        made.append(source)
    return made


def late_by_position(names, read):
    return [lambda: read(names[k]) for k in range(len(names))]  # noqa: B023 the mistake


def by_position_and_default(names, read):
    return [lambda k=k, names=names: read(names[k]) for k in range(len(names))]


def by_a_partial_of_the_list(names, read):
    return [partial(lambda names, k: read(names[k]), names, k) for k in range(len(names))]


def read_itself(names, read):
    return [read] * len(names)


def calls_without(names, read):
    return [lambda: read() for name in names]


def a_map(names, read):
    return map(partial(partial, read), names)


def wraps_the_iterator(names, read):
    made = []
    for name in names:
        iterator = read(name)
        made.append(lambda iterator=iterator: (line for line in iterator))
    return made


def kept_by_a_cache(names, read):
    read = functools.cache(read)
    return [partial(read, name) for name in names]


def returns_a_list_of_lines(names, read):
    return [lambda name=name: list(read(name)) for name in names]


def reads_all_in_the_generator(names, read):
    def source_of(name):
        yield from list(read(name))

    return [partial(source_of, name) for name in names]


def reads_ten_at_a_time(names, read):
    def source_of(name):
        lines = read(name)
        while ten := list(itertools.islice(lines, 10)):
            yield from ten

    return [partial(source_of, name) for name in names]


def reads_the_first_in_the_call(names, read):
    def source_of(name):
        lines = read(name)
        return itertools.chain([next(lines)], lines)

    return [partial(source_of, name) for name in names]


def keeps_lists(names, read):
    return [lambda lines=tuple(read(name)): lines for name in names]  # noqa: B008 the mistake


def seeded(make):
    """A flips that seeds shared numbers with `make(seed)`, once, and then draws there."""

    def answer(photos, seed):
        make(seed)
        draw = random.random if make is random.seed else np.random.random

        def training():
            for photo in photos:
                yield photo[:, ::-1] if draw() < 0.5 else photo

        return training, plain(photos)

    return answer


def draws_from_random(photos, seed):
    def training():
        for photo in photos:
            yield photo[:, ::-1] if random.random() < 0.5 else photo

    return training, plain(photos)


def seeds_tensorflow(photos, seed):
    epochs = itertools.count()

    def training():
        tf.random.set_seed(seed + next(epochs))
        for photo in photos:
            yield tf.image.random_flip_left_right(photo)

    return training, plain(photos)


def by_tensorflow_unseeded(photos, seed):
    def training():
        for photo in photos:
            yield tf.image.random_flip_left_right(photo)

    return training, plain(photos)


def validation_that(touches):
    """A flips whose validation calls `touches`, which has to do with shared numbers."""

    def answer(photos, seed):
        def validation():
            touches()
            yield from photos

        return lesson_05.flips(photos, seed)[0], validation

    return answer


def one_of_each_pair(photos, seed):
    epochs = itertools.count()

    def training():
        drawn = np.random.default_rng([seed, next(epochs)]).random(len(photos)) < 0.5
        for number, photo in enumerate(photos):
            yield photo[:, ::-1] if drawn[number // 2] != number % 2 else photo

    return training, plain(photos)


def once_for_four(photos, seed):
    epochs = itertools.count()

    def training():
        drawn = np.random.default_rng([seed, next(epochs)]).random(len(photos)) < 0.5
        for number, photo in enumerate(photos):
            yield photo[:, ::-1] if drawn[number // 4] else photo

    return training, plain(photos)


def drawn_once(photos, seed):
    mirrored = np.random.default_rng(seed).random(len(photos)) < 0.5

    def training():
        for photo, mirrors in zip(photos, mirrored):
            yield photo[:, ::-1] if mirrors else photo

    return training, plain(photos)


def counted_for_ever(photos, seed, epochs=itertools.count()):  # noqa: B008 the mistake
    def training():
        rng = np.random.default_rng([seed, next(epochs)])
        for photo in photos:
            yield photo[:, ::-1] if rng.random() < 0.5 else photo

    return training, plain(photos)


def drawn_for_ever(photos, seed, rng=np.random.default_rng(3)):  # noqa: B008 the mistake
    def training():
        mirrored = rng.random(len(photos)) < 0.5
        for photo, mirrors in zip(photos, mirrored):
            yield photo[:, ::-1] if mirrors else photo

    return training, plain(photos)


def numbered(rng_of):
    """A flips whose epochs draw from `rng_of(seed, epoch)`."""

    def answer(photos, seed):
        epochs = itertools.count()

        def training():
            rng = rng_of(seed, next(epochs))
            for photo in photos:
                yield photo[:, ::-1] if rng.random() < 0.5 else photo

        return training, plain(photos)

    return answer


def counted_in_a_finally(photos, seed):
    epoch = 0

    def training():
        nonlocal epoch
        rng = np.random.default_rng([seed, epoch])
        try:
            for photo in photos:
                yield photo[:, ::-1] if rng.random() < 0.5 else photo
        finally:
            epoch += 1

    return training, plain(photos)


def shares_a_random(photos, seed):
    rng = random.Random(seed)

    def training():
        for photo in photos:
            yield photo[:, ::-1] if rng.getrandbits(1) else photo

    return training, plain(photos)


class KeepsItsRng:
    def __init__(self, photos, seed):
        self.photos, self.seed, self.epoch = photos, seed, -1

    def __call__(self):
        self.epoch += 1
        self.rng = np.random.default_rng([self.seed, self.epoch])
        for photo in self.photos:
            yield photo[:, ::-1] if self.rng.random() < 0.5 else photo


def kept_in_an_object(photos, seed):
    return KeepsItsRng(photos, seed), plain(photos)


def kept_as_a_list(photos, seed):
    epochs, mirrored = itertools.count(), []

    def training():
        rng = np.random.default_rng([seed, next(epochs)])
        mirrored[:] = rng.random(len(photos)) < 0.5
        for photo, mirrors in zip(photos, mirrored):
            yield photo[:, ::-1] if mirrors else photo

    return training, plain(photos)


def every_second_in_turns(photos, seed):
    epochs = itertools.count(seed)

    def training():
        epoch = next(epochs)
        for number, photo in enumerate(photos):
            yield photo[:, ::-1] if (number + epoch) % 2 else photo

    return training, plain(photos)


def never(photos, seed):
    return plain(photos), plain(photos)


def swaps_the_colours(photos, seed):
    epochs = itertools.count()

    def training():
        rng = np.random.default_rng([seed, next(epochs)])
        for photo in photos:
            yield photo[..., ::-1] if rng.random() < 0.5 else photo

    return training, plain(photos)


def both_sides_apart(photos, seed):
    def training():
        yield from photos
        for photo in photos:
            yield photo[:, ::-1]

    return training, plain(photos)


def the_same_buffer(rows, size):
    buffer = np.zeros((size, rows.shape[1]), np.float32)
    for part in pieces(rows, size):
        buffer = buffer[: len(part)]
        buffer[:] = part
        yield buffer


def as_an_array_of_it(rows, size):
    buffer = np.zeros((size, rows.shape[1]), np.float32)
    for part in pieces(rows, size):
        buffer[: len(part)] = part
        yield np.asarray(buffer)[: len(part)]


def in_turns_of(count):
    def answer(rows, size):
        buffers = [np.zeros((size, rows.shape[1]), np.float32) for _ in range(count)]
        for part, buffer in zip(pieces(rows, size), itertools.cycle(buffers)):
            buffer[: len(part)] = part
            yield buffer[: len(part)]

    return answer


def forty_kept(rows, size, buffers={}):  # noqa: B006 the mistake
    turns = buffers.setdefault(
        rows.shape, itertools.cycle(np.zeros((40, size, rows.shape[1]), np.float32))
    )
    for part, buffer in zip(pieces(rows, size), turns):
        buffer[: len(part)] = part
        yield buffer[: len(part)]


def as_type_without_a_copy(rows, size):
    return (part.astype(np.float32, copy=False) for part in pieces(rows, size))


def split(rows, size):
    yield from np.array_split(rows, range(size, len(rows), size))


def reshaped(rows, size):
    for part in pieces(rows, size):
        yield part.reshape(-1, rows.shape[1])


def one_list_for_all(rows, size):
    batch = []
    for row in rows:
        batch.append(row)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def pads_with_zeros(rows, size):
    for part in pieces(rows, size):
        batch = np.zeros((size, rows.shape[1]), np.float32)
        batch[: len(part)] = part
        yield batch


def zeros_by_default(rows, size):
    for part in pieces(rows, size):
        batch = np.zeros((len(part), rows.shape[1]))
        batch[:] = part
        yield batch


GUISES = [
    (asks_for_a_bool, "05.arrives", lesson_05.ASKS_IS_TRUE),
    (splits, "05.arrives", lesson_05.BYTES_TAKEN_FOR_STR),
    (adds_letters, "05.arrives", lesson_05.BYTES_TAKEN_FOR_STR),
    (formats, "05.arrives", lesson_05.STR_OF_BYTES),
    (decodes_by_the_class, "05.arrives", lesson_05.DECODES_ALWAYS),
    (decodes_by_str, "05.arrives", lesson_05.DECODES_ALWAYS),
    (replaces_what_is_cut, "05.arrives", lesson_05.CUT_IN_BYTES),
    (ignores_what_is_cut, "05.arrives", lesson_05.CUT_IN_BYTES),
    (slides_to_the_end, "05.arrives", lesson_05.OVERLAPPING),
    (late_in_a_comprehension, "05.sources", lesson_05.ALL_THE_LAST),
    (late_in_an_inner_function, "05.sources", lesson_05.ALL_THE_LAST),
    (late_by_position, "05.sources", lesson_05.ALL_THE_LAST),
    (by_position_and_default, "05.sources", lesson_05.LOOKED_UP_LATER),
    (by_a_partial_of_the_list, "05.sources", lesson_05.LOOKED_UP_LATER),
    (read_itself, "05.sources", lesson_05.READ_WITHOUT_A_NAME),
    (calls_without, "05.sources", lesson_05.READ_WITHOUT_A_NAME),
    (a_map, "05.sources", lesson_05.NO_LIST_OF_SOURCES),
    (wraps_the_iterator, "05.sources", lesson_05.SAME_ITERATOR),
    (kept_by_a_cache, "05.sources", lesson_05.SAME_ITERATOR),
    (returns_a_list_of_lines, "05.sources", lesson_05.READ_AHEAD),
    (reads_all_in_the_generator, "05.sources", lesson_05.READ_AHEAD),
    (reads_ten_at_a_time, "05.sources", lesson_05.READ_AHEAD),
    (reads_the_first_in_the_call, "05.sources", lesson_05.READ_AHEAD),
    (keeps_lists, "05.sources", lesson_05.READ_AT_ONCE),
    (seeded(np.random.seed), "05.flips", lesson_05.SEEDED_FOR_ALL),
    (seeded(random.seed), "05.flips", lesson_05.SEEDED_FOR_ALL),
    (seeded(keras.utils.set_random_seed), "05.flips", lesson_05.SEEDED_FOR_ALL),
    (seeds_tensorflow, "05.flips", lesson_05.SEEDED_FOR_ALL),
    (draws_from_random, "05.flips", lesson_05.DRAWN_FROM_ALL),
    (validation_that(lambda: np.random.seed(0)), "05.flips", lesson_05.SEEDED_FOR_ALL),
    (validation_that(lambda: tf.random.set_seed(1)), "05.flips", lesson_05.SEEDED_FOR_ALL),
    (validation_that(np.random.random), "05.flips", lesson_05.DRAWN_FROM_ALL),
    (validation_that(random.random), "05.flips", lesson_05.DRAWN_FROM_ALL),
    (one_of_each_pair, "05.flips", lesson_05.IN_PAIRS),
    (once_for_four, "05.flips", lesson_05.IN_PAIRS),
    (by_tensorflow_unseeded, "05.flips", lesson_05.NOT_AGAIN),
    (counted_for_ever, "05.flips", lesson_05.NOT_AGAIN),
    (drawn_for_ever, "05.flips", lesson_05.NOT_AGAIN),
    (
        numbered(lambda seed, epoch: random.Random(seed + epoch)),
        "05.flips",
        lesson_05._shared_by_seeds(1, 3, 0, 4),
    ),
    (
        numbered(lambda seed, epoch: np.random.RandomState(100 + seed + epoch)),
        "05.flips",
        lesson_05._shared_by_seeds(1, 3, 0, 4),
    ),
    (
        numbered(lambda seed, epoch: np.random.default_rng(seed * epoch)),
        "05.flips",
        lesson_05._shared_by_seeds(0, 3, 0, 4),
    ),
    (
        numbered(lambda seed, epoch: np.random.default_rng(seed ^ epoch)),
        "05.flips",
        lesson_05._shared_by_seeds(2, 3, 5, 4),
    ),
    (drawn_once, "05.flips", lesson_05.ALWAYS_THE_SAME_FLIPS),
    (counted_in_a_finally, "05.flips", lesson_05.COUNTED_AT_THE_END),
    (shares_a_random, "05.flips", lesson_05.ONE_RNG),
    (kept_in_an_object, "05.flips", lesson_05.STATE_SHARED),
    (kept_as_a_list, "05.flips", lesson_05.STATE_SHARED),
    (every_second_in_turns, "05.flips", lesson_05.EVERY_SECOND),
    (never, "05.flips", lesson_05.NEVER_FLIPPED),
    (swaps_the_colours, "05.flips", lesson_05.COLOURS_TURNED),
    (both_sides_apart, "05.flips", lesson_05.BOTH_SIDES),
    (the_same_buffer, "05.batches", lesson_05.SLICE_OF_THE_BUFFER),
    (as_an_array_of_it, "05.batches", lesson_05.SLICE_OF_THE_BUFFER),
    (in_turns_of(8), "05.batches", lesson_05.SEVERAL_BUFFERS),
    (in_turns_of(40), "05.batches", lesson_05.SEVERAL_BUFFERS),
    (forty_kept, "05.batches", lesson_05.OVERWRITTEN_BY_AN_EPOCH),
    (as_type_without_a_copy, "05.batches", lesson_05.VIEWS_OF_THE_ROWS),
    (split, "05.batches", lesson_05.VIEWS_OF_THE_ROWS),
    (reshaped, "05.batches", lesson_05.VIEWS_OF_THE_ROWS),
    (one_list_for_all, "05.batches", lesson_05.BATCHES_OF_ROWS_IN_LISTS),
    (pads_with_zeros, "05.batches", lesson_05.LAST_BATCH_PADDED),
    (zeros_by_default, "05.batches", lesson_05.FLOAT64),
]


@pytest.mark.parametrize(
    ("answer", "id", "message"), [pytest.param(*g, id=f"{g[1]}-{g[0].__name__}") for g in GUISES]
)
def test_the_same_mistake_in_another_guise_gets_the_same_message(answer, id, message):
    assert said(id, answer) == f"Wrong: {message}"


# ---------------------------------------------------------------------------------- odd answers


def nothing(*anything):
    return None


def a_dataset(*anything):
    return tf.data.Dataset.range(3)


def a_function(*anything):
    return a_dataset


def a_tensor(*anything):
    return tf.constant([np.nan])


def an_array(*anything):
    return np.array([np.nan, 1.0])


def a_number(*anything):
    return math.nan


def nones(*anything):
    yield None


def raises(*anything):
    raise LookupError("no idea")


def raises_later(*anything):
    yield from ()
    raise LookupError("no idea")


def for_ever(*anything):
    yield from itertools.repeat("ab")


def letters_in_lists(text, size, reverse):
    yield from (list(piece) for piece in pieces(text, size))


def reverses_never(text, size, reverse):
    yield from pieces(tf.compat.as_text(text), size)


def in_latin(text, size, reverse):
    text = text.decode("latin-1") if isinstance(text, bytes) else text
    yield from (piece[::-1] if reverse else piece for piece in pieces(text, size))


def in_ascii(text, size, reverse):
    text = text.decode("ascii") if isinstance(text, bytes) else text
    yield from (piece[::-1] if reverse else piece for piece in pieces(text, size))


def wants_an_int(text, size, reverse):
    if not isinstance(size, int):
        raise ValueError("size is no int")
    yield from (piece[::-1] if reverse else piece for piece in pieces(text, size))


def drops_the_spaces(text, size, reverse):
    text = tf.compat.as_text(text).replace(" ", "")
    yield from (piece[::-1] if reverse else piece for piece in pieces(text, size))


def tensors_in_pairs(text, size, reverse):
    yield from (tf.constant(piece) for piece in pieces(text, size))


def one_short(names, read):
    return [partial(read, name) for name in dict.fromkeys(names)]


def the_names(names, read):
    return list(names)


def a_dict(names, read):
    return {name: partial(read, name) for name in names}


def backwards(names, read):
    return [partial(read, name) for name in reversed(names)]


def numbers(names, read):
    return [lambda: 3 for _ in names]


def empty_ones(names, read):
    return [lambda: iter(()) for _ in names]


def in_capitals_the_second_time(names, read):
    def source_of(name):
        calls = itertools.count()

        def source():
            number = next(calls)
            for line in read(name):
                yield line.upper() if number % 2 else line

        return source

    return [source_of(name) for name in names]


def fails_when_called(*anything):
    raise TypeError("numbers don't go with words")


def endless_sources(names, read):
    return [lambda name=name: itertools.cycle([f"{name} 0"]) for name in names]


def swapped(photos, seed):
    return lesson_05.flips(photos, seed)[::-1]


def one_only(photos, seed):
    return lesson_05.flips(photos, seed)[0]


def with_an_argument(photos, seed):
    training, validation = lesson_05.flips(photos, seed)
    return (lambda epoch: training()), validation


def floats(photos, seed):
    return lesson_05.flips([photo / 255 for photo in photos], seed)


def pairs_of_photos(photos, seed):
    def training():
        yield from ((photo, 1) for photo in photos)

    return training, plain(photos)


def repeated(photos, seed):
    def training():
        yield from itertools.cycle(photos)

    return training, plain(photos)


def shuffled(photos, seed):
    def training():
        yield from (photos[k] for k in np.random.default_rng(seed).permutation(len(photos)))

    return training, plain(photos)


def one_generator(photos, seed):
    training, validation = lesson_05.flips(photos, seed)
    begun = training()
    return (lambda: begun), validation


def all_mirrored(photos, seed):
    return plain([photo[:, ::-1] for photo in photos]), plain(photos)


def a_tenth(photos, seed):
    epochs = itertools.count()

    def training():
        rng = np.random.default_rng([seed, next(epochs)])
        for photo in photos:
            yield photo[:, ::-1] if rng.random() < 0.1 else photo

    return training, plain(photos)


def in_turns(photos, seed):
    epochs = itertools.count()

    def training():
        rng = np.random.default_rng([seed, next(epochs) % 2])
        for photo in photos:
            yield photo[:, ::-1] if rng.random() < 0.5 else photo

    return training, plain(photos)


def counts_validation(photos, seed):
    epochs = itertools.count()

    def training():
        rng = np.random.default_rng([seed, next(epochs)])
        for photo in photos:
            yield photo[:, ::-1] if rng.random() < 0.5 else photo

    def validation():
        next(epochs)
        yield from photos

    return training, validation


def brighter(photos, seed):
    return plain([photo + 1 for photo in photos]), plain(photos)


def nothing_in_them(photos, seed):
    return nothing, plain(photos)


def nones_in_them(photos, seed):
    return nones, plain(photos)


def stops_after_another(photos, seed):
    """Ends early where the epoch before was left early."""
    epochs, finished = itertools.count(), [True]

    def training():
        count = len(photos) if finished.pop() else 5
        finished.append(False)
        rng = np.random.default_rng([seed, next(epochs)])
        for photo in photos[:count]:
            yield photo[:, ::-1] if rng.random() < 0.5 else photo
        finished[0] = True

    return training, plain(photos)


def other_flips_in_another_thread(photos, seed):
    epochs, here = itertools.count(), threading.get_ident()

    def training():
        rng = np.random.default_rng([seed, next(epochs), threading.get_ident() == here])
        for photo in photos:
            yield photo[:, ::-1] if rng.random() < 0.5 else photo

    return training, plain(photos)


def row_by_row(rows, size):
    yield from rows.copy()


def flat(rows, size):
    yield from (part.reshape(1, 1, -1).copy() for part in pieces(rows, size))


def integers(rows, size):
    yield from (part.astype(np.int32) for part in pieces(rows, size))


def doubled(rows, size):
    yield from (2 * part for part in pieces(rows, size))


def always_the_first(rows, size):
    yield from (rows[: len(part)].copy() for part in pieces(rows, size))


def sorts_the_rows(rows, size):
    rows[:] = rows[::-1].copy()
    yield from (part.copy() for part in pieces(rows, size))


def larger_ones(rows, size):
    yield from (part.copy() for part in pieces(rows, size + 1))


def endless_batches(rows, size):
    while True:
        yield rows[:size].copy()


def wiped_at_the_end(rows, size):
    kept = [part.copy() for part in pieces(rows, size)]
    yield from kept
    kept[-1][:] = 0


def once_only(rows, size, calls=itertools.count()):  # noqa: B008 the mistake
    if next(calls) % 2 == 0:
        yield from (part.copy() for part in pieces(rows, size))


def a_ragged_one(rows, size):
    yield tf.ragged.constant([[1.0], [2.0, 3.0]])


ODD = [
    ("05.arrives", nothing, "windows gave back None, which can't be iterated. Is `yield` missing?"),
    ("05.arrives", a_dataset, "windows gave back a dataset. Only the generator is wanted here"),
    ("05.arrives", a_function, "windows gave back a function, and nobody calls it."),
    ("05.arrives", a_tensor, "a piece comes as an EagerTensor, and should be a str."),
    ("05.arrives", an_array, "a piece comes as a float64, and should be a str."),
    ("05.arrives", a_number, "windows gave back a float, which can't be iterated."),
    ("05.arrives", nones, "Called directly, a piece comes as None, and should be a str."),
    ("05.arrives", raises, "LookupError: no idea\nin line "),
    ("05.arrives", raises_later, "LookupError: no idea\nin line "),
    ("05.arrives", for_ever, "should yield 'ba', 'dc', 'fe'. Yours: 'ab', 'ab', "),
    ("05.arrives", for_ever, "'ab', and more."),
    ("05.arrives", lambda *a: iter(()), "should yield 'ba', 'dc', 'fe'. Yours: nothing."),
    ("05.arrives", letters_in_lists, "a piece comes as a list, and should be a str."),
    ("05.arrives", reverses_never, "each piece is to be reversed. Yours never are."),
    (
        "05.arrives",
        in_latin,
        "As a source, windows('Zürich', 2, True) should yield 'üZ', 'ir', 'hc'.",
    ),
    ("05.arrives", in_ascii, "the text can't be decoded as ascii. TensorFlow keeps text in UTF-8"),
    ("05.arrives", wants_an_int, "your function raised ValueError: size is no int. There the text"),
    ("05.arrives", drops_the_spaces, "should yield 'two ', 'word', 's'. Yours: 'twow', 'ords'."),
    ("05.arrives", tensors_in_pairs, "a piece comes as an EagerTensor, and should be a str."),
    ("05.sources", nothing, "sources gave back None, and should return a list. Is `return` missi"),
    ("05.sources", a_dataset, "sources gave back a dataset. Only the list of callables is wanted"),
    ("05.sources", a_number, "sources gave back a float, and should return a list."),
    ("05.sources", an_array, "sources gave back a ndarray, and should return a list."),
    ("05.sources", raises, "LookupError: no idea\nin line "),
    (
        "05.sources",
        one_short,
        "Of 4 names there should be 4 sources, also where a name comes twice.",
    ),
    ("05.sources", the_names, "The list holds a str, and should hold callables."),
    ("05.sources", a_dict, "sources gave back a dict, and should return a list."),
    (
        "05.sources",
        lambda names, read: [None] * 4,
        "The list holds None, and should hold callables.",
    ),
    ("05.sources", numbers, "A source gave back an int, and should give back an iterator."),
    ("05.sources", empty_ones, "The source of 'anna', number 0, should give the 20 elements"),
    (
        "05.sources",
        in_capitals_the_second_time,
        "Two iterators of one source give differ",
    ),
    ("05.sources", lambda *a: [fails_when_called] * 4, "TypeError: numbers don't go with words"),
    ("05.flips", lambda *a: (fails_when_called,) * 2, "TypeError: numbers don't go with words"),
    ("05.sources", endless_sources, "Yours gives 23 elements, first 'anna 0'."),
    ("05.flips", nothing, "flips(photos, seed) gave back None. It should return two functions"),
    ("05.flips", one_only, "gave back a function. It should return two functions"),
    ("05.flips", an_array, "gave back a ndarray. It should return two functions"),
    (
        "05.flips",
        lambda photos, seed: (1, 2),
        "flips gave back an int, where a function is expecte",
    ),
    ("05.flips", raises, "LookupError: no idea\nin line "),
    ("05.flips", swapped, "The two are in the wrong order: `return training, validation`."),
    (
        "05.flips",
        with_an_argument,
        "training wants an argument, and from_generator calls it without",
    ),
    ("05.flips", floats, "validation gives photos of float64, and should give uint8"),
    ("05.flips", pairs_of_photos, "training gives a tuple, and should give photos: uint8 arrays."),
    ("05.flips", repeated, "should give each of 40 photos once. Of one came more than 40."),
    ("05.flips", shuffled, "training gives the photos in another order."),
    ("05.flips", one_generator, "should give each of 40 photos once. Of one came 0."),
    ("05.flips", all_mirrored, "Training mirrors all photos, always."),
    ("05.flips", a_tenth, "are mirrored. It should be about half of them"),
    ("05.flips", in_turns, "Some epochs have the same flips. Each should have flips of its own."),
    ("05.flips", counts_validation, "A round of validation between two epochs changes the flips"),
    (
        "05.flips",
        brighter,
        "training gives something that is neither a photo nor its mirror image.",
    ),
    ("05.flips", nothing_in_them, "training() gave back None, which can't be iterated."),
    ("05.flips", nones_in_them, "training gives None, and should give photos: uint8 arrays."),
    ("05.flips", stops_after_another, "should give each of 40 photos once. Of one came 5."),
    (
        "05.flips",
        other_flips_in_another_thread,
        "As a source of from_generator, training gives other flips than when it's called directly",
    ),
    ("05.batches", nothing, "batches gave back None, which can't be iterated. Is `yield` missing?"),
    ("05.batches", a_dataset, "batches gave back a dataset. Only the generator is wanted here"),
    ("05.batches", a_function, "batches gave back a function, and nobody calls it."),
    ("05.batches", a_tensor, "A batch has the shape (), and should have (size, 16)."),
    ("05.batches", an_array, "A batch came as a float64, and should be an array."),
    ("05.batches", a_ragged_one, "A batch has the shape (2, None), and should have (size, 16)."),
    ("05.batches", nones, "A batch came as None, and should be an array."),
    ("05.batches", for_ever, "A batch came as a str, and should be an array."),
    ("05.batches", raises, "LookupError: no idea\nin line "),
    ("05.batches", raises_later, "LookupError: no idea\nin line "),
    (
        "05.batches",
        lambda *a: iter(()),
        "there should be 34 batches, of 3 rows, the last one of 1.",
    ),
    ("05.batches", row_by_row, "The rows come one by one. A batch is an array of several"),
    ("05.batches", flat, "A batch has the shape (1, 1, 48), and should have (size, 16)."),
    ("05.batches", integers, "A batch holds int32, and should hold float32."),
    ("05.batches", doubled, "a batch holds other rows than it should when it comes."),
    ("05.batches", always_the_first, "a batch holds other rows than it should when it comes."),
    ("05.batches", sorts_the_rows, "Your function changes the `rows` that it is given."),
    ("05.batches", larger_ones, "Yours are 25, of 4, 4, 4, 4, 4, ..."),
    ("05.batches", endless_batches, "Yours are more than 35, of 3, 3, 3, 3, 3, ..."),
    ("05.batches", once_only, "and a second one, after `rows` had changed, doesn't."),
    ("05.batches", wiped_at_the_end, "A batch changed after the last one had come."),
]


@pytest.mark.parametrize(
    ("id", "answer", "words"), [pytest.param(*o, id=f"{o[0]}-{o[1].__name__}") for o in ODD]
)
def test_other_wrong_answers_are_told_how(id, answer, words):
    shown = said(id, answer)
    assert shown.startswith("Wrong")
    assert words in shown


# ------------------------------------------------------------------------- what a check leaves


@pytest.mark.parametrize("seed", [None, 7])
@pytest.mark.parametrize(
    "answer",
    [lesson_05.flips, seeded(np.random.seed), draws_from_random, seeds_tensorflow, raises],
)
def test_the_numbers_that_everybody_shares_stay_as_they_were(answer, seed):
    before = lesson_05._global_seed()
    try:
        tf.random.set_seed(seed)
        np.random.seed(11)
        random.seed(12)
        expected = np.random.random(), random.random()
        np.random.seed(11)
        random.seed(12)
        said("05.flips", answer)
        assert (np.random.random(), random.random()) == expected
        assert lesson_05._global_seed() == seed
    finally:
        tf.random.set_seed(before)


def test_what_another_thread_draws_meanwhile_is_not_the_answers_fault():
    """A source of the learner's that still runs; its draws are noticed, and are in one run only."""
    calls = []

    def answer(photos, seed):
        calls.append(None)
        if len(calls) == 2:  # the first of the runs that watch the shared numbers
            np.random.random()
        return lesson_05.flips(photos, seed)

    assert said("05.flips", answer).startswith("Right")


def test_a_fair_draw_is_hardly_ever_refused():
    """The bounds on the number of flips, by the binomial distribution itself."""
    n = lesson_05.PHOTOS * lesson_05.EPOCHS
    refused = 2 * sum(math.comb(n, k) for k in range(lesson_05.FEWEST)) / 2**n
    assert refused < 1e-9


def test_a_fair_draw_hardly_ever_looks_like_pairs():
    pairs = lesson_05.EPOCHS * lesson_05.PHOTOS // 2
    assert 2 / 2**pairs < 1e-9


def test_fair_draws_of_two_seeds_hardly_ever_share_an_epoch():
    assert lesson_05.EPOCHS**2 / 2**lesson_05.PHOTOS < 1e-9


def test_no_photo_looks_like_another_one_or_like_itself_turned():
    album = lesson_05._album(lesson_05.PHOTOS)
    assert len(album.known) == 5 * lesson_05.PHOTOS


def test_the_rows_begin_where_tensorflow_copies_nothing():
    for n, columns in ((100, 16), (120, 3), (3, 2)):
        rows = lesson_05._aligned_rows(n, columns)
        assert rows.ctypes.data % 64 == 0
        assert rows.tolist() == np.arange(n * columns).reshape(n, columns).tolist()


# --------------------------------------------------------------- what the praise says is true


def test_what_arrives_by_way_of_args():
    arrived = []

    def noting(*arguments):
        arrived.append(arguments)
        yield 0

    spec = tf.TensorSpec((), tf.int32)
    list(from_generator(noting, args=("abcdef", 2, True), output_signature=spec))
    list(from_generator(noting, args="ab", output_signature=spec))
    (text, size, reverse), letters = arrived
    assert (type(text), type(size), type(reverse)) == (bytes, np.int32, np.bool_)
    assert reverse is np.True_
    assert letters == (b"a", b"b")


def lines_of(name):
    yield from (f"{name} {number}" for number in range(3))


def test_a_partial_can_be_pickled_and_a_lambda_cannot():
    (source,) = lesson_05.sources(["anna"], lines_of)
    assert list(pickle.loads(pickle.dumps(source))()) == ["anna 0", "anna 1", "anna 2"]
    with pytest.raises((pickle.PicklingError, AttributeError)):
        pickle.dumps(lambda: lines_of("anna"))


def test_a_later_epoch_needs_none_of_those_before_it():
    album = lesson_05._album(40)
    training, _ = lesson_05.flips(album.photos, 3)
    epochs = [lesson_05._epoch(training, album) for _ in range(8)]
    rng = np.random.default_rng([3, 7])
    assert [rng.random() < 0.5 for _ in range(40)] == epochs[7]


@pytest.mark.parametrize(("offset", "corrupted"), [(0, True), (4, False), (16, False), (32, False)])
def test_one_buffer_is_corrupted_by_its_address(offset, corrupted):
    memory = np.empty(64, np.float32)
    start = -memory.ctypes.data % 64 // 4 + offset // 4
    buffer = memory[start : start + 2]

    def batches():
        for number in range(4):
            buffer[:] = number
            yield buffer

    spec = tf.TensorSpec((2,), tf.float32)
    kept = list(from_generator(batches, output_signature=spec))
    values = [int(batch[0]) for batch in kept]
    assert values == ([3, 3, 3, 3] if corrupted else [0, 1, 2, 3])
