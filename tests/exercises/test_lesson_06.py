"""What is particular to lesson 06's exercises: right answers other than ours, and odd ones."""

import itertools
import math
import operator
import re
import statistics
import sys
from collections.abc import Generator
from fractions import Fraction
from functools import partial

import keras
import numpy as np
import pytest
import tensorflow as tf

from course_utils.classroom import workspace
from course_utils.classroom.exercise import check, get, of_lesson
from course_utils.exercises import lesson_06
from course_utils.measuring.simulate import Stage, simulate

EVERY = of_lesson("06")
from_generator = tf.data.Dataset.from_generator
AUTOTUNE = tf.data.AUTOTUNE


@pytest.fixture(autouse=True)
def no_workspace(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(workspace, "_progress", {})


def said(id, answer):
    shown = check(id, answer)
    return f"{shown.status}: {shown.message}"


# ------------------------------------------------------------------------------- right answers


class VerdictRight:
    def with_numpy(ours, control, again):
        ours, control, again = map(np.array, (ours, control, again))
        middle, noise = np.median(ours / control), np.append(again / control, 1)
        if middle < noise.min():
            return "faster"
        return "slower" if middle > noise.max() else "can't tell"

    def by_the_middle_of_sorted_ratios(ours, control, again):
        ratios = sorted(ours[n] / control[n] for n in range(len(ours)))
        noise = sorted([again[n] / control[n] for n in range(len(ours))] + [1.0])
        middle = (ratios[len(ratios) // 2] + ratios[~(len(ratios) // 2)]) / 2
        return "can't tell" if noise[0] <= middle <= noise[-1] else (
            "faster" if middle < noise[0] else "slower")  # fmt: skip

    def with_limits_for_1(ours, control, again):
        middle = statistics.median(map(operator.truediv, ours, control))
        noise = list(map(operator.truediv, again, control))
        if middle < min(1, *noise):
            return "faster"
        return "slower" if middle > max(1, *noise) else "can't tell"

    def in_two_questions(ours, control, again):
        middle = np.median(np.divide(ours, control))
        noise = np.divide(again, control)
        if middle < 1 and middle < noise.min():
            return "faster"
        return "slower" if middle > 1 and middle > noise.max() else "can't tell"

    def with_the_control_by_itself(ours, control, again):
        noise = [each / b for a, b in zip(again, control) for each in (a, b)]
        middle = statistics.median(a / b for a, b in zip(ours, control))
        return "faster" if middle < min(noise) else (
            "slower" if middle > max(noise) else "can't tell")  # fmt: skip

    def turned_over_behind_the_median(ours, control, again):
        speed = 1 / statistics.median(a / b for a, b in zip(ours, control))
        noise = [1, *(b / a for a, b in zip(again, control))]
        if speed > max(noise):
            return "faster"
        return "slower" if speed < min(noise) else "can't tell"

    def that_takes_the_lists_apart(ours, control, again):
        ratios, noise = [], [1]
        while control:
            base = control.pop()
            ratios.append(ours.pop() / base)
            noise.append(again.pop() / base)
        middle = statistics.median(ratios)
        every = [middle < each for each in noise]
        if all(every):
            return "faster"
        return np.str_("slower") if all(middle > each for each in noise) else "can't tell"


def rows_of(chunks, shape=(None, 20)):
    return from_generator(chunks, output_signature=tf.TensorSpec(shape, tf.float32))


def blocks(rows, size):
    rows = iter(rows)
    while block := list(itertools.islice(rows, size)):
        yield block


class ChunksRight:
    def in_a_loop(records, size):
        def chunks():
            chunk = []
            for row in records():
                chunk.append(row)
                if len(chunk) == size:
                    yield np.array(chunk)
                    chunk.clear()
            if chunk:
                yield np.array(chunk)

        return rows_of(chunks).unbatch()

    def as_lists_of_rows(records, size):  # hardly slower than np.stack, for rows as short as these
        return rows_of(lambda: blocks(records(), size)).unbatch()

    def as_tuples_of_rows(records, size):  # as itertools.batched gives them
        return rows_of(lambda: map(tuple, blocks(records(), size))).unbatch()

    def with_a_shape_told_behind(records, size):
        chunks = rows_of(lambda: blocks(records(), size), None)
        return chunks.map(lambda chunk: tf.ensure_shape(chunk, (None, 20))).unbatch()

    def as_lists_of_numbers(records, size):
        def chunks():
            for block in blocks(records(), size):
                yield [row.tolist() for row in block]

        return rows_of(chunks).unbatch()

    def with_a_prefetch(records, size):
        return rows_of(lambda: blocks(records(), size)).unbatch().prefetch(AUTOTUNE)

    def with_prefetches(records, size):
        return rows_of(lambda: blocks(records(), size)).prefetch(3).unbatch().prefetch(40)

    def by_flat_map(records, size):
        chunks = rows_of(lambda: map(np.vstack, blocks(records(), size)))
        return chunks.flat_map(tf.data.Dataset.from_tensor_slices)

    def by_interleave(records, size):
        chunks = rows_of(lambda: map(np.vstack, blocks(records(), size)))
        return chunks.interleave(tf.data.Dataset.from_tensor_slices, cycle_length=1)

    def one_chunk_ahead(records, size):
        def chunks():
            made = map(np.stack, blocks(records(), size))
            for before, _ in itertools.pairwise(itertools.chain(made, [None])):
                yield before

        return rows_of(chunks).unbatch()

    def in_one_buffer(records, size):
        def chunks():
            buffer, filled = np.empty((size, 20), np.float32), 0
            for row in records():
                buffer[filled] = row
                filled += 1
                if filled == size:
                    yield buffer.copy()
                    filled = 0
            if filled:
                yield buffer[:filled]

        return rows_of(chunks).unbatch()

    def flat(records, size):
        chunks = rows_of(lambda: map(np.concatenate, blocks(records(), size)), (None,))
        return chunks.map(lambda numbers: tf.reshape(numbers, (-1, 20))).unbatch()

    def with_tensors(records, size):
        return rows_of(lambda: map(tf.stack, blocks(records(), size))).unbatch()

    def with_an_empty_chunk_at_the_end(records, size):
        def chunks():
            rows, block = records(), [None]
            while block:
                block = list(itertools.islice(rows, size))
                yield np.array(block, np.float32).reshape(-1, 20)

        return rows_of(chunks).unbatch()

    def by_next(records, size):
        def chunks():
            rows = records()
            while True:
                chunk = []
                for _ in range(size):
                    try:
                        chunk.append(next(rows))
                    except StopIteration:
                        break
                if not chunk:
                    return
                yield np.stack(chunk)

        return rows_of(chunks).unbatch()

    def by_a_class(records, size):
        class Chunks:
            def __iter__(self):
                return map(np.stack, blocks(records(), size))

        return rows_of(partial(iter, Chunks())).unbatch()

    def by_rebatching(records, size):
        chunks = rows_of(lambda: map(np.stack, blocks(records(), size)))
        return chunks.rebatch(5).unbatch()

    def as_float64_under_float32(records, size):
        return rows_of(
            lambda: map(partial(np.array, dtype=float), blocks(records(), size))
        ).unbatch()

    def without_autotune(records, size):
        options = tf.data.Options()
        options.autotune.enabled = False
        return rows_of(lambda: blocks(records(), size)).unbatch().with_options(options)

    def by_types_and_shapes(records, size):
        return from_generator(
            lambda: map(np.stack, blocks(records(), size)), tf.float32, (None, 20)
        ).unbatch()


def bytes_of(photos, signature=(None, None, 3)):
    return from_generator(photos, output_signature=tf.TensorSpec(signature, tf.uint8))


class BorderRight:
    def by_convert_image_dtype(photos):
        return bytes_of(photos).map(lambda each: tf.image.convert_image_dtype(each, tf.float32))

    def by_rescaling(photos):
        return bytes_of(photos).map(keras.layers.Rescaling(1 / 255))

    def dividing_uint8(photos):  # `/` casts it to float32 first
        return bytes_of(photos).map(lambda each: each / 255)

    def multiplying(photos):
        return bytes_of(photos).map(lambda each: tf.cast(each, "float32") * (1 / 255))

    def in_parallel(photos):
        scaled = bytes_of(photos).map(lambda each: tf.cast(each, tf.float32) / 255.0, AUTOTUNE)
        return scaled.prefetch(AUTOTUNE)

    def in_two_maps(photos):
        floats = bytes_of(photos).map(lambda each: tf.cast(each, tf.float32))
        return floats.map(lambda each: each / tf.constant(255.0))

    def in_double_precision(photos):
        return bytes_of(photos).map(lambda e: tf.cast(tf.cast(e, tf.float64) / 255, tf.float32))

    def yielded_anew(photos):
        def copies():
            for photo in photos():
                yield np.ascontiguousarray(photo.copy().astype(np.uint8))

        return bytes_of(copies).map(lambda each: each / 255)

    def as_tensors(photos):
        return bytes_of(lambda: map(tf.constant, photos())).map(lambda each: each / 255)

    def as_lists(photos):
        lists = bytes_of(lambda: (photo.tolist() for photo in photos()), None)
        return lists.map(lambda each: tf.ensure_shape(each, (None, None, 3)) / 255)

    def as_bytes_with_a_shape(photos):
        signature = (tf.TensorSpec((), tf.string), tf.TensorSpec((3,), tf.int32))
        packed = from_generator(
            lambda: ((photo.tobytes(), photo.shape) for photo in photos()),
            output_signature=signature,
        )

        def photo(data, shape):
            pixels = tf.reshape(tf.io.decode_raw(data, tf.uint8), shape)
            return tf.ensure_shape(pixels, (None, None, 3)) / 255

        return packed.map(photo)

    def in_batches_of_one(photos):
        batched = bytes_of(lambda: (photo[None] for photo in photos()), (1, None, None, 3))
        return batched.unbatch().map(lambda each: each / 255)

    def by_types_and_shapes(photos):
        return from_generator(photos, tf.uint8, (None, None, 3)).map(lambda each: each / 255)

    def with_a_shape_told_behind(photos):
        told = bytes_of(photos, None).map(lambda each: tf.ensure_shape(each, (None, None, 3)))
        return told.map(lambda each: each / 255)

    def with_a_variable(photos):
        most = tf.Variable(255.0)
        return bytes_of(photos).map(lambda each: tf.cast(each, tf.float32) / most)

    def by_a_function_of_tensorflow(photos):
        return bytes_of(photos).map(tf.function(lambda each: tf.cast(each, tf.float32) / 255))


class PredictRight:
    def by_rates(source, workers, step, buffered):
        return min(workers / source, 1 / step) if buffered else 1 / (source + step)

    def in_two_returns(source, workers, step, buffered):
        if not buffered:
            return (source + step) ** -1
        each = source / workers
        return 1 / (each if each > step else step)

    def in_numpy(source, workers, step, buffered):
        return np.float32(1 / np.where(buffered, np.maximum(source / workers, step), source + step))

    def in_fractions(source, workers, step, buffered):
        source, step = Fraction(source), Fraction(step)
        return 1 / (max(source / workers, step) if buffered else source + step)

    def in_milliseconds(source, workers, step, buffered):
        source, step = 1000 * source, 1000 * step
        return 1000 / (max(source / workers, step) if buffered else source + step)


RIGHT = {
    "06.verdict": VerdictRight,
    "06.chunks": ChunksRight,
    "06.border": BorderRight,
    "06.predict": PredictRight,
}


@pytest.mark.parametrize(
    ("id", "name"),
    [(id, name) for id, each in RIGHT.items() for name in vars(each) if name[0] != "_"],
)
def test_other_right_answers_are_right(id, name):
    answer = getattr(RIGHT[id], name)
    assert [said(id, answer) for _ in range(2)] == [f"Right: {get(id).right}"] * 2


# ------------------------------------------------------- the same mistake in another guise


def ratios(one, other):
    return [a / b for a, b in zip(one, other)]


def judged(middle, noise):
    noise = [1, *noise]
    return "faster" if middle < min(noise) else "slower" if middle > max(noise) else "can't tell"


def judged_without_1(middle, noise):
    return "faster" if middle < min(noise) else "slower" if middle > max(noise) else "can't tell"


def numpy_without_1(ours, control, again):
    ours, control, again = map(np.array, (ours, control, again))
    return judged_without_1(np.median(ours / control), again / control)


def means_divided(ours, control, again):
    return judged(statistics.mean(ours) / statistics.mean(control), ratios(again, control))


def means_divided_without_1(ours, control, again):
    middle = statistics.mean(ours) / statistics.mean(control)
    return judged_without_1(middle, ratios(again, control))


def mean_without_1(ours, control, again):
    return judged_without_1(statistics.mean(ratios(ours, control)), ratios(again, control))


def best_without_1(ours, control, again):
    return judged_without_1(min(ours) / min(control), ratios(again, control))


def differences_without_0(ours, control, again):
    middle = statistics.median(a - b for a, b in zip(ours, control))
    return judged_without_1(middle, [a - b for a, b in zip(again, control)])


def every_round_without_1(ours, control, again):
    each, noise = ratios(ours, control), ratios(again, control)
    if max(each) < min(noise):
        return "faster"
    return "slower" if min(each) > max(noise) else "can't tell"


def lower_of_two(ours, control, again):
    return judged(statistics.median_low(ratios(ours, control)), ratios(again, control))


def upper_of_two(ours, control, again):
    return judged(statistics.median_high(ratios(ours, control)), ratios(again, control))


def upper_of_two_without_1(ours, control, again):
    each = sorted(ratios(ours, control))
    return judged_without_1(each[len(each) // 2], ratios(again, control))


def lower_by_its_place(ours, control, again):
    each = sorted(ratios(ours, control))
    return judged(each[(len(each) - 1) // 2], ratios(again, control))


WORDS_TURNED = {"faster": "slower", "slower": "faster", "can't tell": "can't tell"}


def words_swapped(ours, control, again):
    middle = statistics.median(ratios(ours, control))
    return WORDS_TURNED[judged(middle, ratios(again, control))]


def words_swapped_without_1(ours, control, again):
    middle = statistics.median(ratios(ours, control))
    return WORDS_TURNED[judged_without_1(middle, ratios(again, control))]


def speeds_with_the_words_of_times(ours, control, again):
    return judged(statistics.median(ratios(control, ours)), ratios(control, again))


def speeds_with_the_words_of_times_without_1(ours, control, again):
    return judged_without_1(statistics.median(ratios(control, ours)), ratios(control, again))


def speeds(ours, control, again):
    return WORDS_TURNED[speeds_with_the_words_of_times(ours, control, again)]


def speeds_without_1(ours, control, again):
    return WORDS_TURNED[speeds_with_the_words_of_times_without_1(ours, control, again)]


def speeds_among_times(ours, control, again):
    return WORDS_TURNED[judged(statistics.median(ratios(control, ours)), ratios(again, control))]


def control_by_ours_without_1(ours, control, again):
    return judged_without_1(statistics.median(ratios(control, ours)), ratios(again, control))


def beyond_the_middle_of_the_noise(ours, control, again):
    noise = [statistics.median(ratios(again, control))]
    return judged_without_1(statistics.median(ratios(ours, control)), noise)


def beyond_the_mean_of_the_noise(ours, control, again):
    noise = [statistics.mean(ratios(again, control))]
    return judged_without_1(statistics.median(ratios(ours, control)), noise)


def beyond_a_tenth(ours, control, again):
    return judged(statistics.median(ratios(ours, control)), [0.9, 1.1])


def all_sorted(ours, control, again):
    ours, control, again = map(sorted, (ours, control, again))
    return judged(statistics.median(ratios(ours, control)), ratios(again, control))


def sorted_in_place(ours, control, again):
    ours.sort()
    control.sort()
    again.sort()
    return judged_without_1(statistics.median(ratios(ours, control)), ratios(again, control))


def in_blocks_but_one_by_one(records, size):
    def rows():
        for block in blocks(records(), size):
            yield from block

    return rows_of(rows, (20,))


def across_as_float64(records, size, shape=(None, 20)):
    signature = tf.TensorSpec(shape, tf.float64)
    made = blocks(records(), size) if size else records()
    crossed = from_generator(lambda: made, output_signature=signature)
    crossed = crossed.map(lambda chunk: tf.cast(chunk, tf.float32))
    return crossed.unbatch() if size else crossed


def one_by_one_as_float64(records, size):
    return across_as_float64(records, 0, (20,))


def twice_as_many_as_float64(records, size):
    return across_as_float64(records, 2 * size)


def half_as_many_as_float64(records, size):  # as many bytes as they should be
    return across_as_float64(records, size // 2)


def shape_forgotten_behind(records, size):
    return through_numpy(records, size)


# What Python 3.11 says of itertools.batched, in any Python.
NO_BATCHED = AttributeError("module 'itertools' has no attribute 'batched'")
NOT_IMPORTED = "cannot import name 'batched' from 'itertools' (unknown location)"


def batched_too_early(records, size):
    raise NO_BATCHED


def batched_too_early_in_the_generator(records, size):
    def chunks():
        yield from ()
        raise NO_BATCHED

    return rows_of(chunks).unbatch()


def batched_imported_too_early(records, size):
    raise ImportError(NOT_IMPORTED)


def as_they_are(records, size):
    return rows_of(records, (20,))


def batched_without_the_rest(records, size):
    return rows_of(records, (20,)).batch(size, drop_remainder=True).unbatch()


def zipped(records, size):
    return rows_of(lambda: map(np.stack, zip(*[records()] * size))).unbatch()


def batches_of_fixed_size(records, size):
    return rows_of(lambda: blocks(records(), size), (size, 20)).unbatch()


def all_in_a_list(records, size):
    def chunks():
        rows = list(records())
        for start in range(0, len(rows), size):
            yield np.stack(rows[start : start + size])

    return rows_of(chunks).unbatch()


def all_in_an_array_for_ever(records, size):
    def chunks():
        rows, start = np.array(list(records())), 0
        while True:
            yield rows[start : start + size]
            start += size

    return rows_of(chunks).unbatch()


def sliced(records, size):
    rows = np.array(list(records()))
    return tf.data.Dataset.from_tensor_slices(rows).batch(size).unbatch()


def empty_arrays_for_ever(records, size):
    def chunks():
        rows = records()
        while True:
            chunk = list(itertools.islice(rows, size))
            yield np.array(chunk, np.float32).reshape(-1, 20)

    return rows_of(chunks).unbatch()


def empty_lists_for_ever(records, size):
    def chunks():
        rows = records()
        while True:
            yield list(itertools.islice(rows, size))

    return rows_of(chunks).unbatch()


def one_next_too_many(records, size):
    def chunks():
        rows = records()
        while True:
            chunk = np.empty((size, 20), np.float32)
            for place in range(size):
                chunk[place] = next(rows)
            yield chunk

    return rows_of(chunks).unbatch()


def first_row_of_each_call(records, size):
    def chunks():
        while True:
            yield np.stack([next(records()) for _ in range(size)])

    return rows_of(chunks).unbatch()


def padded_with_its_last_row(records, size):
    def chunks():
        for block in blocks(records(), size):
            yield np.stack(block + block[-1:] * (size - len(block)))

    return rows_of(chunks).unbatch()


def chunks_in_batches(records, size):
    return rows_of(records, (20,)).batch(size)


def one_generator_in_a_lambda(records, size):
    rows = records()
    return rows_of(lambda: blocks(rows, size)).unbatch()


def float32_and_then_divided(photos):
    def scaled():
        for photo in photos():
            yield photo.astype("f") / 255

    return rows_of(scaled, (None, None, 3))


def multiplied_in_the_generator(photos):
    return rows_of(lambda: (photo * np.float32(1 / 255) for photo in photos()), (None, None, 3))


def divided_by_numpy(photos):
    scaled = partial(map, partial(np.divide, dtype=np.float32), photos(), itertools.repeat(255))
    return rows_of(scaled, (None, None, 3))


def divided_by_numpy_anew(photos):
    def scaled():
        for photo in photos():
            yield np.divide(photo, 255, dtype=np.float32)

    return rows_of(scaled, (None, None, 3))


def float_by_numpy(photos):
    floats = rows_of(lambda: map(np.float32, photos()), (None, None, 3))
    return floats.map(lambda each: each / 255)


def float_by_tensorflow(photos):
    floats = rows_of(lambda: (tf.cast(each, tf.float32) for each in photos()), (None, None, 3))
    return floats.map(lambda each: each / 255)


def scaled_by_tensorflow_in_python(photos):
    def scaled():
        for photo in photos():
            yield tf.image.convert_image_dtype(photo, tf.float32)

    return rows_of(scaled, (None, None, 3))


def divided_as_float64(photos):
    scaled = from_generator(
        lambda: (photo / 255 for photo in photos()),
        output_signature=tf.TensorSpec((None, None, 3), tf.float64),
    )
    return scaled.map(lambda each: tf.cast(each, tf.float32))


def back_by(function, photos):
    def scaled(photo):
        made = function(lambda each: np.float32(each / np.float32(255)), [photo], tf.float32)
        return tf.ensure_shape(made, (None, None, 3))

    return bytes_of(photos).map(scaled, AUTOTUNE).prefetch(2)


def back_by_py_function(photos):
    return back_by(tf.py_function, photos)


def back_by_py_func(photos):
    return back_by(tf.compat.v1.py_func, photos)


def back_in_python_without_a_shape(photos):
    return bytes_of(photos).map(lambda e: tf.numpy_function(np.divide, [e, 255.0], tf.float32))


def back_in_a_function_of_tensorflow(photos):
    def scaled(photo):
        made = tf.numpy_function(lambda each: np.float32(each / 255), [photo], tf.float32)
        return tf.ensure_shape(made, (None, None, 3))

    return bytes_of(photos).flat_map(
        lambda photo: tf.data.Dataset.from_tensors(photo).map(tf.function(scaled)).cache()
    )


def shape_unknown_to_the_map(photos):
    return bytes_of(photos).map(lambda each: tf.reshape(each, shape_of_unknown_length(each)) / 255)


def shape_of_unknown_length(photo):  # of which TensorFlow knows nothing before it runs
    shape = tf.shape(photo)
    return tf.boolean_mask(shape, shape > 0)


def size_of_the_second(photos):
    return bytes_of(photos, (24, 16, 3)).map(lambda each: each / 255)


def one_height(photos):
    return bytes_of(photos, (16, None, 3)).map(lambda each: each / 255)


def half_precision_on_the_way(photos):
    halves = bytes_of(photos).map(lambda each: tf.cast(each, tf.float16) / 255)
    return halves.map(lambda each: tf.cast(each, tf.float32))


def half_precision_at_the_end(photos):
    return bytes_of(photos).map(lambda each: tf.cast(each / 255, "float16"))


def half_precision_across(photos):
    halves = from_generator(
        lambda: (np.float16(photo / 255) for photo in photos()),
        output_signature=tf.TensorSpec((None, None, 3), tf.float16),
    )
    return halves.map(lambda each: tf.cast(each, tf.float32))


def half_precision_by_rescaling(photos):
    return bytes_of(photos).map(keras.layers.Rescaling(1 / 255, dtype="float16"))


def floor_divided_floats(photos):
    return bytes_of(photos).map(lambda each: tf.cast(each, tf.float32) // 255)


def divided_and_cut(photos):
    return bytes_of(photos).map(lambda e: tf.cast(tf.cast(e / 255, tf.uint8), tf.float32))


def divided_uint8_left(photos):
    return bytes_of(photos).map(lambda each: each // 255)


def cast_then_converted(photos):
    def scaled(photo):
        return tf.image.convert_image_dtype(tf.cast(photo, tf.float32), tf.float32)

    return bytes_of(photos).map(scaled)


def divided_then_rescaled(photos):
    return bytes_of(photos).map(lambda each: each / 255).map(keras.layers.Rescaling(1 / 255))


def multiplied_by_a_constant(photos):
    return bytes_of(photos).map(lambda each: tf.multiply(each, tf.constant(1 / 255)))


def rescaled_around_zero(photos):
    return bytes_of(photos).map(keras.layers.Rescaling(1 / 127.5, offset=-1))


def from_a_list(photos):
    given = list(photos())
    return bytes_of(lambda: given).map(lambda each: each / 255)


def listed_in_the_generator(photos):
    return bytes_of(lambda: list(photos())).map(lambda each: each / 255)


def asks_on_and_on(photos):
    def given():
        left = photos()
        while True:
            for photo in left:  # noqa: UP028 a loop, as a learner writes it
                yield photo

    return bytes_of(given).map(lambda each: each / 255)


def adds(source, workers, step, buffered):
    return 1 / (source + step)


def adds_with_all_workers(source, workers, step, buffered):
    return 1 / (source / workers + step)


def workers_for_both(source, workers, step, buffered):
    return workers / (max(source, step) if buffered else source + step)


def workers_for_the_step(source, workers, step, buffered):
    return 1 / (max(source, step / workers) if buffered else source + step)


def as_an_int(source, workers, step, buffered):
    return int(PredictRight.by_rates(source, workers, step, buffered))


def rounded(source, workers, step, buffered):
    return round(PredictRight.by_rates(source, workers, step, buffered))


def whole_seconds(source, workers, step, buffered):
    return 1 / (max(source // workers, step) if buffered else source + step)


def faster_of_two_rates(source, workers, step, buffered):
    return max(workers / source, 1 / step) if buffered else 1 / (source + step)


as_float64 = lesson_06.CROSSES_AS.format(dtype="float64", bytes="8 bytes")
rows_unknown = lesson_06.SHAPE_UNKNOWN.format(shape="(None, 20)", dtype="tf.float32")
photos_unknown = lesson_06.SHAPE_UNKNOWN.format(shape="(None, None, 3)", dtype="tf.uint8")

GUISES = [
    (means_divided, "06.verdict", lesson_06.TOTALS),
    (means_divided_without_1, "06.verdict", lesson_06.TOTALS),
    (mean_without_1, "06.verdict", lesson_06.MEAN),
    (best_without_1, "06.verdict", lesson_06.BEST_OF),
    (differences_without_0, "06.verdict", lesson_06.DIFFERENCES),
    (every_round_without_1, "06.verdict", lesson_06.EVERY_ROUND),
    (numpy_without_1, "06.verdict", lesson_06.LEFT_OUT_1),
    (lower_of_two, "06.verdict", lesson_06.ONE_OF_TWO),
    (upper_of_two, "06.verdict", lesson_06.ONE_OF_TWO),
    (upper_of_two_without_1, "06.verdict", lesson_06.ONE_OF_TWO),
    (lower_by_its_place, "06.verdict", lesson_06.ONE_OF_TWO),
    (speeds, "06.verdict", lesson_06.TURNED_OVER),
    (speeds_without_1, "06.verdict", lesson_06.TURNED_OVER),
    (speeds_among_times, "06.verdict", lesson_06.TURNED_OVER),
    (control_by_ours_without_1, "06.verdict", lesson_06.SWAPPED),
    (words_swapped_without_1, "06.verdict", lesson_06.SWAPPED),
    (speeds_with_the_words_of_times_without_1, "06.verdict", lesson_06.SWAPPED),
    (words_swapped, "06.verdict", lesson_06.SWAPPED),
    (speeds_with_the_words_of_times, "06.verdict", lesson_06.SWAPPED),
    (beyond_the_middle_of_the_noise, "06.verdict", lesson_06.NOISE_IGNORED),
    (beyond_the_mean_of_the_noise, "06.verdict", lesson_06.NOISE_IGNORED),
    (beyond_a_tenth, "06.verdict", lesson_06.A_LIMIT_OF_ITS_OWN),
    (all_sorted, "06.verdict", lesson_06.SORTED),
    (sorted_in_place, "06.verdict", lesson_06.SORTED),
    (in_blocks_but_one_by_one, "06.chunks", lesson_06.ROW_BY_ROW),
    (one_by_one_as_float64, "06.chunks", lesson_06.ROW_BY_ROW),
    (twice_as_many_as_float64, "06.chunks", as_float64),
    (half_as_many_as_float64, "06.chunks", as_float64),
    (shape_forgotten_behind, "06.chunks", rows_unknown),
    (batched_too_early, "06.chunks", lesson_06.TOO_NEW),
    (batched_too_early_in_the_generator, "06.chunks", lesson_06.TOO_NEW),
    (batched_imported_too_early, "06.chunks", lesson_06.TOO_NEW),
    (as_they_are, "06.chunks", lesson_06.ROW_BY_ROW),
    (batched_without_the_rest, "06.chunks", lesson_06.ROW_BY_ROW),
    (zipped, "06.chunks", lesson_06.LAST_CHUNK_LOST.format(count=50, size=8, found=48)),
    (batches_of_fixed_size, "06.chunks", lesson_06.FIXED_CHUNKS.format(size=8)),
    (all_in_a_list, "06.chunks", lesson_06.ALL_ROWS_FIRST),
    (all_in_an_array_for_ever, "06.chunks", lesson_06.ALL_ROWS_FIRST),
    (sliced, "06.chunks", lesson_06.DRAWN_WHEN_BUILT),
    (empty_arrays_for_ever, "06.chunks", lesson_06.EMPTY_CHUNK),
    (empty_lists_for_ever, "06.chunks", lesson_06.EMPTY_CHUNK),
    (one_next_too_many, "06.chunks", lesson_06.RAN_OUT),
    (first_row_of_each_call, "06.chunks", lesson_06.FIRST_ROWS_AGAIN),
    (padded_with_its_last_row, "06.chunks", lesson_06.LAST_CHUNK_PADDED),
    (chunks_in_batches, "06.chunks", lesson_06.STILL_IN_CHUNKS),
    (one_generator_in_a_lambda, "06.chunks", lesson_06.ROWS_USED_UP),
    (float32_and_then_divided, "06.border", lesson_06.CAST_IN_PYTHON),
    (multiplied_in_the_generator, "06.border", lesson_06.DIVIDED_IN_PYTHON),
    (divided_by_numpy, "06.border", lesson_06.PHOTOS_USED_UP),
    (divided_by_numpy_anew, "06.border", lesson_06.DIVIDED_IN_PYTHON),
    (float_by_numpy, "06.border", lesson_06.SAID_FLOAT32),
    (float_by_tensorflow, "06.border", lesson_06.SAID_FLOAT32),
    (scaled_by_tensorflow_in_python, "06.border", lesson_06.SAID_FLOAT32),
    (divided_as_float64, "06.border", lesson_06.FLOAT64_CROSSES),
    (back_by_py_function, "06.border", lesson_06.BACK_IN_PYTHON),
    (back_by_py_func, "06.border", lesson_06.BACK_IN_PYTHON),
    (back_in_python_without_a_shape, "06.border", lesson_06.BACK_IN_PYTHON),
    (back_in_a_function_of_tensorflow, "06.border", lesson_06.BACK_IN_PYTHON),
    (size_of_the_second, "06.border", lesson_06.FIXED_SIZE.format(said="(24, 16, 3)")),
    (one_height, "06.border", lesson_06.FIXED_SIZE.format(said="(16, None, 3)")),
    (half_precision_on_the_way, "06.border", lesson_06.HALF_PRECISION),
    (half_precision_at_the_end, "06.border", lesson_06.HALF_PRECISION),
    (half_precision_across, "06.border", lesson_06.HALF_PRECISION),
    (half_precision_by_rescaling, "06.border", lesson_06.HALF_PRECISION),
    (shape_unknown_to_the_map, "06.border", photos_unknown),
    (floor_divided_floats, "06.border", lesson_06.WHOLE_NUMBERS),
    (divided_and_cut, "06.border", lesson_06.WHOLE_NUMBERS),
    (divided_uint8_left, "06.border", lesson_06.WHOLE_NUMBERS),
    (cast_then_converted, "06.border", lesson_06.NOT_SCALED),
    (divided_then_rescaled, "06.border", lesson_06.SCALED_TWICE),
    (multiplied_by_a_constant, "06.border", lesson_06.MULTIPLIED_AS_UINT8),
    (rescaled_around_zero, "06.border", lesson_06.AROUND_ZERO),
    (from_a_list, "06.border", lesson_06.PHOTOS_DRAWN_WHEN_BUILT),
    (listed_in_the_generator, "06.border", lesson_06.ALL_PHOTOS_FIRST),
    (asks_on_and_on, "06.border", lesson_06.NO_END),
    (adds, "06.predict", lesson_06.ADDS_THE_BUFFERED),
    (adds_with_all_workers, "06.predict", lesson_06.ADDS_THE_BUFFERED),
    (workers_for_both, "06.predict", lesson_06.STEP_DIVIDED),
    (workers_for_the_step, "06.predict", lesson_06.STEP_DIVIDED),
    (as_an_int, "06.predict", lesson_06.WHOLE_BATCHES),
    (rounded, "06.predict", lesson_06.WHOLE_BATCHES),
    (whole_seconds, "06.predict", lesson_06.WHOLE_BATCHES),
    (faster_of_two_rates, "06.predict", lesson_06.FASTEST),
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


def a_generator(*anything):
    yield 1


def a_tensor(*anything):
    return tf.constant([np.nan])


def an_array(*anything):
    return np.array([np.nan, 1.0])


def nan(*anything):
    return math.nan


def raises(*anything):
    raise LookupError("no idea")


def raises_later(*anything):
    def elements():
        yield from ()
        raise LookupError("no idea")

    return rows_of(elements, (20,))


def always(what):
    def answer(*anything):
        return what

    return answer


def without_1_above(ours, control, again):
    middle, noise = statistics.median(ratios(ours, control)), ratios(again, control)
    if middle < min(1, *noise):
        return "faster"
    return "slower" if middle > max(noise) else "can't tell"


def larger_chunks(records, size):
    return rows_of(lambda: map(np.stack, blocks(records(), 3 * size))).unbatch()


def twice_the_size(records, size):
    return rows_of(lambda: blocks(records(), 2 * size)).unbatch()


def half_the_size(records, size):
    return rows_of(lambda: blocks(records(), size // 2)).unbatch()


def half_across(records, size):
    signature = tf.TensorSpec((None, 20), tf.float16)
    chunks = from_generator(lambda: blocks(records(), size), output_signature=signature)
    return chunks.map(lambda chunk: tf.cast(chunk, tf.float32)).unbatch()


def another_name(records, size):
    return rows_of(lambda: itertools.batches(records(), size)).unbatch()


def always_two(records, size):
    return rows_of(lambda: map(np.stack, blocks(records(), 2))).unbatch()


def float64_across(records, size):
    signature = tf.TensorSpec((None, 20), tf.float64)
    chunks = from_generator(lambda: blocks(records(), size), output_signature=signature)
    return chunks.map(lambda chunk: tf.cast(chunk, tf.float32)).unbatch()


def kept(records, size):
    return rows_of(lambda: blocks(records(), size)).unbatch().cache()


def backwards(records, size):
    return rows_of(lambda: (np.stack(block[::-1]) for block in blocks(records(), size))).unbatch()


def doubled(records, size):
    return rows_of(lambda: (2 * np.stack(block) for block in blocks(records(), size))).unbatch()


def first_ten(records, size):
    return chunked(records, size).take(10)


def first_forty(records, size):
    return chunked(records, size).take(40)


def chunked(records, size):
    return rows_of(lambda: blocks(records(), size)).unbatch()


def twice(records, size):
    rows = chunked(records, size)
    return rows.flat_map(lambda row: tf.data.Dataset.from_tensors(row).repeat(2))


def repeated(records, size):
    return chunked(records, size).repeat()


def through_numpy(records, size):
    return chunked(records, size).map(lambda row: tf.numpy_function(np.abs, [row], tf.float32))


def ragged(records, size):
    return chunked(records, size).map(lambda row: tf.RaggedTensor.from_tensor(row[None]))


def with_a_label(records, size):
    return chunked(records, size).map(lambda row: (row, 1))


def one_number(records, size):
    return chunked(records, size).unbatch()


def endless_ones(records, size):
    return tf.data.Dataset.from_tensors(tf.ones(20)).repeat()


def wrong_columns(records, size):
    return rows_of(lambda: blocks(records(), size), (None, 21)).map(lambda c: c[:, :20]).unbatch()


def a_brighter_one(photos):
    return bytes_of(photos).map(lambda each: tf.minimum(each / 255 + 0.1, 1))


def other_colours(photos):
    return bytes_of(photos).map(lambda each: each[..., ::-1] / 255)


def in_half_precision(photos):
    return bytes_of(photos).map(lambda each: tf.cast(tf.round(each / 255), tf.float16))


def rounded_photos(photos):
    return bytes_of(photos).map(lambda each: tf.round(100 * each / 255) / 100)


def by_256(photos):
    return bytes_of(photos).map(lambda each: tf.cast(each, tf.float32) / 256)


def divided_by_256_as_uint8(photos):
    return bytes_of(photos).map(lambda each: each / 256)


def a_wrong_name(photos):
    return bytes_of(photos).map(lambda each: tf.cast(each, tf.float) / 255)


def four_photos(photos):
    return bytes_of(photos).map(lambda each: each / 255).take(4)


def every_second(photos):
    return bytes_of(photos).map(lambda each: each / 255).shard(2, 0)


def smaller_ones(photos):
    return bytes_of(photos).map(lambda each: each[::2, ::2] / 255)


def with_labels(photos):
    return bytes_of(photos).map(lambda each: (each / 255, 1))


def in_batches(photos):
    return bytes_of(photos).batch(1).map(lambda each: each / 255)


def a_fixed_size(photos):
    return bytes_of(photos, (16, 24, 3)).map(lambda each: each / 255)


def grey_ones(photos):
    return bytes_of(photos, (None, None, 1)).map(lambda each: tf.repeat(each, 3, axis=2) / 255)


def two_dimensions(photos):
    return bytes_of(photos, (None, None)).map(lambda each: tf.stack([each] * 3, axis=2) / 255)


def of_any_colours(photos):
    return bytes_of(photos, (None, None, None)).map(lambda each: each / 255)


def resized(photos):
    return bytes_of(photos).map(lambda each: tf.image.resize(each, (16, 24)) / 255)


def nearly_255(photos):
    return bytes_of(photos).map(lambda each: tf.cast(each, tf.float32) * 0.00392)


def bfloat16(photos):
    return bytes_of(photos).map(lambda each: tf.cast(each / 255, tf.bfloat16))


def across_as(dtype, photos):
    crossed = from_generator(photos, output_signature=tf.TensorSpec((None, None, 3), dtype))
    return crossed.map(lambda each: tf.cast(each, tf.float32) / 255)


def int64_across(photos):
    return across_as(tf.int64, photos)


def int32_across(photos):
    return across_as(tf.int32, photos)


def two_bytes_across(photos):
    return across_as(tf.uint16, photos)


def kept_photos(photos):
    return bytes_of(photos).map(lambda each: each / 255).cache()


def nan_photos(photos):
    return bytes_of(photos).map(lambda each: each / 255 * np.nan)


ODD = [
    ("06.verdict", nothing, "verdict gave back None. It should return one of the three"),
    ("06.verdict", a_tensor, "verdict gave back an EagerTensor. It should return one of the"),
    ("06.verdict", an_array, "verdict gave back a ndarray. It should return one of the three"),
    ("06.verdict", always(True), "verdict gave back True. It should return one of the three"),
    ("06.verdict", always("Faster"), "verdict gave back 'Faster'. It should return one of the"),
    ("06.verdict", always("can\N{RIGHT SINGLE QUOTATION MARK}t tell"), lesson_06.CURLY),
    ("06.verdict", nan, "verdict gave back nan. It should return one of the three"),
    ("06.verdict", a_generator, "verdict gave back a generator. It should return one of the thr"),
    ("06.verdict", raises, "LookupError: no idea\nin line "),
    (
        "06.verdict",
        always("faster"),
        "Of ours = [0.031, 0.03, 0.033, 0.034], control = [0.02, 0.021, 0.022, 0.02] and again",
    ),
    ("06.verdict", always("slower"), "the median of ours / control is 0.5, and the control's rat"),
    ("06.verdict", always("slower"), '1 and again / control, go from 0.952 to 1.05: "faster".'),
    ("06.verdict", without_1_above, '1 and again / control, go from 0.5 to 1: "can\'t tell".'),
    ("06.verdict", always("can't tell"), '"faster". Yours says "can\'t tell".'),
    ("06.chunks", nothing, "in_chunks gave back None, not a dataset. Is `return` missing?"),
    ("06.chunks", a_function, "in_chunks gave back a function. Give it to tf.data.Dataset.from_"),
    ("06.chunks", a_generator, "in_chunks gave back a generator. Give a generator function to"),
    ("06.chunks", an_array, "in_chunks gave back a ndarray, not a dataset."),
    ("06.chunks", a_dataset, "The elements are described as\nTensorSpec(shape=(), dtype=tf.int64)"),
    ("06.chunks", raises, "LookupError: no idea\nin line "),
    ("06.chunks", raises_later, "LookupError: no idea\nin line "),
    ("06.chunks", larger_chunks, "With size = 12, 36 rows cross at a time. It should be 12"),
    ("06.chunks", twice_the_size, "With size = 12, 24 rows cross at a time. It should be 12"),
    ("06.chunks", half_the_size, "With size = 12, 6 rows cross at a time. It should be 12"),
    ("06.chunks", half_across, "The rows cross as float16, 2 bytes for each number that had 4."),
    ("06.chunks", another_name, "has no attribute 'batches'"),
    ("06.chunks", always_two, "With size = 12, 2 rows cross at a time. It should be 12"),
    ("06.chunks", float64_across, "The rows cross as float64, 8 bytes for each number that had 4."),
    ("06.chunks", kept, "An epoch came without calling the function that you were given"),
    ("06.chunks", backwards, "The rows come in another order. They should come as `records` gi"),
    ("06.chunks", doubled, "A row arrives that `records` didn't give."),
    ("06.chunks", first_ten, "Your dataset ends after 10 rows, where `records` has more to give."),
    ("06.chunks", first_forty, "at the end: of 50 rows in chunks of 8, 40 arrive."),
    ("06.chunks", repeated, "After the last row the dataset goes on with the first one, as `repea"),
    ("06.chunks", through_numpy, "The dataset doesn't know the shape of its elements"),
    ("06.chunks", ragged, "The elements are described as\na RaggedTensorSpec of "),
    ("06.chunks", twice, "Of 50 rows, in chunks of 8, each should arrive once, in order. Of yours"),
    (
        "06.chunks",
        with_a_label,
        "The elements are described as\na tuple of TensorSpec(shape=(20,),",
    ),
    (
        "06.chunks",
        one_number,
        "The elements are described as\nTensorSpec(shape=(), dtype=tf.float3",
    ),
    ("06.chunks", endless_ones, "in_chunks gave back a dataset into which nothing comes by from_"),
    ("06.chunks", wrong_columns, "TypeError: `generator` yielded an element of shape (12, 20)"),
    ("06.border", nothing, "photos_dataset gave back None, not a dataset. Is `return` missing?"),
    ("06.border", a_function, "photos_dataset gave back a function. Give it to tf.data.Dataset"),
    ("06.border", a_generator, "photos_dataset gave back a generator. Give a generator function"),
    ("06.border", a_tensor, "photos_dataset gave back an EagerTensor, not a dataset."),
    ("06.border", a_dataset, "The elements are described as\nTensorSpec(shape=(), dtype=tf.int64)"),
    ("06.border", raises, "LookupError: no idea\nin line "),
    ("06.border", a_brighter_one, "A value of 0 should become 0.000000, its 255th part. Yours"),
    ("06.border", other_colours, "its 255th part. Yours becomes"),
    ("06.border", in_half_precision, "its 255th part. Yours becomes"),
    ("06.border", rounded_photos, "its 255th part. Yours becomes"),
    ("06.border", nan_photos, lesson_06.NOT_FINITE),
    ("06.border", divided_by_256_as_uint8, lesson_06.NOT_FINITE),
    ("06.border", a_wrong_name, "The function that you gave to `map` fails. "),
    ("06.border", a_wrong_name, "has no attribute 'float'"),
    ("06.border", four_photos, "Your dataset ends after 4 photos, where `photos` has more to giv"),
    ("06.border", by_256, lesson_06.BY_256),
    ("06.border", every_second, "each should come once, in order, and with its size. Yours:"),
    ("06.border", smaller_ones, "each should come once, in order, and with its size. Yours:"),
    ("06.border", with_labels, "The elements are described as\na tuple of TensorSpec(shape=(None"),
    (
        "06.border",
        in_batches,
        "The elements are described as\nTensorSpec(shape=(None, None, None, 3",
    ),
    (
        "06.border",
        a_fixed_size,
        "The signature says that each photo is of (16, 24, 3), and they differ in height and",
    ),
    ("06.border", grey_ones, "The signature says (None, None, 1), and a photo of (16, 24, 3) came"),
    ("06.border", two_dimensions, "The signature says (None, None), and a photo of (16, 24, 3) ca"),
    ("06.border", of_any_colours, "described as\nTensorSpec(shape=(None, None, None), dtype=tf.fl"),
    ("06.border", resized, "each should come once, in order, and with its size. Yours: (16, 24, 3"),
    ("06.border", nearly_255, "its 255th part. Yours becomes"),
    ("06.border", bfloat16, "its 255th part. Yours becomes"),
    ("06.border", int64_across, lesson_06.FLOAT64_CROSSES),
    ("06.border", int32_across, lesson_06.SAID_FLOAT32),
    ("06.border", two_bytes_across, "Of each photo of 1152 bytes, 2304 cross at a time."),
    ("06.border", kept_photos, "An epoch came without calling the function that you were given"),
    ("06.predict", nothing, "batches_per_second gave back None, and should return a number. Is"),
    ("06.predict", a_tensor, "gave back an EagerTensor, and should return a number."),
    ("06.predict", an_array, "gave back a ndarray, and should return a number."),
    ("06.predict", always(True), "gave back a bool, and should return a number."),
    ("06.predict", always("20"), "gave back a str, and should return a number."),
    ("06.predict", nan, "with a buffer: 14.29 batches per second. Yours says nan."),
    (
        "06.predict",
        always(14.285714285714286),
        "no buffer: 8.333 batches per second. Yours says 14.29",
    ),
    ("06.predict", raises, "LookupError: no idea\nin line "),
    ("06.predict", lambda source, workers, step, buffered: 1 / 0, "ZeroDivisionError"),
]


@pytest.mark.parametrize(
    ("id", "answer", "words"), [pytest.param(*o, id=f"{o[0]}-{o[1].__name__}") for o in ODD]
)
def test_other_wrong_answers_are_told_how(id, answer, words):
    shown = said(id, answer)
    assert shown.startswith("Wrong")
    assert words in shown


def test_a_reason_is_given_for_each_of_the_three():
    for expected in lesson_06.VERDICTS:
        (rounds, *_) = [r for r in lesson_06.ROUNDS if lesson_06.verdict(*r) == expected]
        assert f'"{expected}". Yours says "nonsense".' in lesson_06._why(
            rounds, expected, "nonsense"
        )


# --------------------------------------------------------------- what the checks are built upon


def rules_of(pairs, cases):
    given = {}
    for rule, message in pairs:
        given.setdefault(tuple(rule(*map(copied, case)) for case in cases), set()).add(message)
    return given


def copied(value):
    return list(value) if isinstance(value, list) else value


def test_each_wrong_rule_of_a_verdict_is_told_from_all_others():
    given = rules_of(lesson_06._rules_of_verdicts(), lesson_06.ROUNDS)
    assert all(len(messages) == 1 for messages in given.values())
    assert tuple(lesson_06.verdict(*rounds) for rounds in lesson_06.ROUNDS) not in given


def test_each_wrong_rule_of_a_prediction_is_told_from_all_others():
    rules = list(lesson_06._rules_of_paces())
    paces = [[rule(*each) for each in lesson_06.PIPELINES] for rule, _ in rules]
    right = [lesson_06.batches_per_second(*each) for each in lesson_06.PIPELINES]
    for one, other in itertools.combinations(range(len(rules)), 2):
        if rules[one][1] != rules[other][1]:
            assert not lesson_06._same_paces(paces[one], paces[other])
    assert not any(lesson_06._same_paces(each, right) for each in paces)


def test_no_verdict_lies_near_its_limit():
    """So rounding changes none."""
    for ours, control, again in lesson_06.ROUNDS:
        if ours == control == again:
            continue
        noise, middle = [1, *ratios(again, control)], statistics.median(ratios(ours, control))
        assert min(abs(middle / limit - 1) for limit in (min(noise), max(noise))) > 0.02


def test_a_control_that_was_slower_in_every_round_makes_nothing_faster():
    control, again = [1.0, 1.0, 1.0], [1.19, 1.5, 2.0]
    assert lesson_06.verdict([1.01, 1.01, 1.01], control, again) == "can't tell"
    assert lesson_06._leaves_1_out([1.01, 1.01, 1.01], control, again) == "faster"
    assert lesson_06.verdict([0.99, 0.99, 0.99], control, again) == "faster"
    assert lesson_06.verdict([0.99, 0.9, 0.8], control, [0.5, 0.7, 0.8]) == "can't tell"
    assert lesson_06._leaves_1_out([0.99, 0.9, 0.95], control, [0.5, 0.7, 0.8]) == "slower"


def test_some_races_lie_on_one_side_of_1_and_some_have_even_rounds():
    noises = [ratios(again, control) for _, control, again in lesson_06.ROUNDS]
    assert any(min(noise) > 1.1 for noise in noises)
    assert any(max(noise) < 0.9 for noise in noises)
    assert sum(len(noise) % 2 == 0 for noise in noises) >= 3


def test_midway_between_two_ratios_is_elsewhere_once_they_are_turned_over():
    assert statistics.median([0.5, 1.5]) == 1
    assert statistics.median([1 / 0.5, 1 / 1.5]) == pytest.approx(1.333, abs=0.001)
    assert 1 / statistics.median([1 / 0.5, 1 / 1.5]) == pytest.approx(0.75)


@pytest.mark.parametrize("pipeline", lesson_06.PIPELINES, ids=str)
def test_the_predictions_are_those_of_the_simulation(pipeline):
    source, workers, step, buffered = pipeline
    load = Stage("load", source, workers=workers, ahead=2 if buffered else 0)
    run = simulate([load], consumer=Stage("train", step), items=400)
    assert run.per_second == pytest.approx(lesson_06.batches_per_second(*pipeline), rel=0.02)


def test_a_python_without_batched_says_so_as_the_guises_do():
    told = []
    for ask in ("itertools.batched", "from itertools import batched"):
        try:
            exec(ask, {"itertools": itertools})
        except (AttributeError, ImportError) as error:
            told.append(str(error))
    assert told == ([] if sys.version_info >= (3, 12) else [str(NO_BATCHED), NOT_IMPORTED])


@pytest.mark.parametrize("dtype", [tf.float64, tf.float32, tf.uint8])
def test_what_a_dataset_does_is_known_and_what_its_generator_calls_is_not_of_it(dtype):
    crossed = from_generator(lambda: iter([[1]]), output_signature=tf.TensorSpec((1,), dtype))
    dataset = crossed.map(lambda each: each * 2).batch(3)
    assert lesson_06._dtype_across(dataset) == dtype
    names = [node.op for node in lesson_06._nodes(dataset)]
    assert names.count(lesson_06.GENERATOR) == 1
    assert {"MapDataset", "BatchDatasetV2", "Mul"} <= set(names)
    assert not set(names) & set(lesson_06.BACK_TO_PYTHON)
    before = len(names)
    again = dataset.map(lambda each: tf.numpy_function(np.abs, [each], dtype))
    names = [node.op for node in lesson_06._nodes(again)]
    assert len(names) > before
    assert names.count("PyFunc") == 1


def test_float16_has_11_bits_and_float32_24():
    for dtype, bits in ((np.float16, 11), (np.float32, 24)):
        assert np.finfo(dtype).nmant + 1 == bits


@pytest.mark.parametrize("size", [1, 12])
def test_tensorflow_counts_what_crosses(size):
    """By hand: a generator that counts what it yields."""
    records = lesson_06._Source(lesson_06._row, 1000, endless=True)
    yielded = []

    def chunks():
        for block in blocks(records(), size):
            yielded.append(np.stack(block))
            yield yielded[-1]

    options = tf.data.Options()
    options.experimental_optimization.inject_prefetch = False
    iterator = lesson_06._counted(rows_of(chunks).unbatch().with_options(options))
    for _ in range(2 * size + 1):
        next(iterator)
    assert lesson_06._crossed(iterator, records) == (3, 3 * size * 20 * 4)
    assert len(yielded) == 3
    assert sum(chunk.nbytes for chunk in yielded) == 3 * size * 20 * 4


def test_a_source_is_a_function_of_fresh_generators_that_can_be_closed():
    records = lesson_06._Source(lesson_06._row, 3)
    one, other = records(), records()
    assert isinstance(one, Generator)
    assert len(list(one)) == 3
    assert list(one) == []
    next(other)
    other.close()
    assert list(other) == []
    assert (records.overdrawn, records.never_stops) == (False, False)
    assert (records.calls, len(records.drawn)) == (2, 4)


def test_no_two_rows_or_photos_are_alike():
    rows = {lesson_06._row(c, n).tobytes() for c in range(3) for n in range(50)}
    photos = {lesson_06._photo(c, n).tobytes() for c in range(3) for n in range(4)}
    assert (len(rows), len(photos)) == (150, 12)
    assert {lesson_06._photo(0, n).nbytes for n in range(4)} == {lesson_06.PHOTO_BYTES}


def test_a_photo_notes_what_is_done_to_it():
    def after(work):
        photo = lesson_06._photo(0, 0)
        made = work(photo)
        assert type(made) in (np.ndarray, lesson_06._Photo) or not isinstance(made, np.ndarray)
        return photo.done

    assert after(lambda photo: photo / 255) == ["divide"]
    assert after(lambda photo: photo[:2] * 0.5) == ["multiply"]
    assert after(lambda photo: photo.astype(np.float32)) == ["astype"]
    assert after(lambda photo: np.add(photo, 1, out=photo)) == ["add"]
    assert after(lambda photo: photo.astype(np.uint8).copy()[::2]) == []
    assert after(lambda photo: tf.constant(photo)) == []


def test_checks_leave_no_random_numbers_changed():
    np.random.seed(11)
    expected = np.random.random()
    np.random.seed(11)
    before = tf.compat.v1.random.get_seed(0)[0]
    for task in EVERY:
        said(task.id, task.solution)
    assert np.random.random() == expected
    assert tf.compat.v1.random.get_seed(0)[0] == before


# --------------------------------------------------------------- what the praise says is true


def test_more_rounds_never_narrow_the_range_of_the_noise():
    noise = np.random.default_rng(0).normal(1, 0.05, 50)
    ends = [(noise[:count].min(), noise[:count].max()) for count in range(1, 51)]
    assert all(a[0] >= b[0] and a[1] <= b[1] for a, b in itertools.pairwise(ends))


def test_rebatch_makes_batches_of_chunks_of_any_size():
    rows = np.random.default_rng(0).random((50, 20), np.float32)
    chunks = rows_of(lambda: map(np.stack, blocks(rows, 7)))
    rebatched, unbatched = list(chunks.rebatch(32)), list(chunks.unbatch().batch(32))
    assert [len(each) for each in rebatched] == [32, 18]
    assert all(map(np.array_equal, rebatched, unbatched))


def test_dividing_and_multiplying_differ_in_the_last_bit():
    values = tf.range(256)
    divided = tf.cast(values, tf.float32) / 255
    for scaled in (
        tf.image.convert_image_dtype(tf.cast(values, tf.uint8), tf.float32),
        keras.layers.Rescaling(1 / 255)(values),
    ):
        apart = np.abs(divided.numpy().view(np.int32) - np.asarray(scaled).view(np.int32))
        assert apart.max() == 1


def test_a_buffer_at_most_doubles_the_pace_of_one_worker():
    def gain(source, step):
        pace = partial(lesson_06.batches_per_second, source, 1, step)
        return pace(True) / pace(False)

    times = [0.01 * n for n in range(1, 20)]
    gains = {(a, b): gain(a, b) for a in times for b in times}
    assert max(gains.values()) == pytest.approx(2)
    assert all((value > 1.99) == math.isclose(*pair) for pair, value in gains.items())


def test_messages_name_no_placeholder():
    for task in EVERY:
        for mistake in task.mistakes:
            assert not re.search(r"[{}]", mistake.message)
