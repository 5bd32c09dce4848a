"""What is particular to lesson 10's exercises: other right answers, odd ones, and what is true."""

import contextlib
import functools
import itertools
import math
import os
import random
import shutil
import tempfile
import threading
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
import tensorflow as tf

from course_utils.classroom import workspace
from course_utils.classroom.exercise import check, get, of_lesson
from course_utils.exercises import lesson_10
from course_utils.measuring.simulate import Stage, simulate

EVERY = of_lesson("10")
AUTOTUNE = tf.data.AUTOTUNE
WRITER = tf.io.TFRecordWriter
from_slices = tf.data.Dataset.from_tensor_slices
from_generator = tf.data.Dataset.from_generator


@pytest.fixture(autouse=True)
def nothing_left(tmp_path, monkeypatch, capsys):
    """No check leaves a file or a thread, prints anything, or another TFRecordWriter."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    monkeypatch.setattr(workspace, "_progress", {})
    threads = set(threading.enumerate())
    yield
    assert tf.io.TFRecordWriter is WRITER
    left = [*os.listdir(here), *os.listdir(temporary)]
    # AutoGraph keeps what it made of a function, until Python ends.
    assert [name for name in left if not name.startswith("__autograph_generated_file")] == []
    deadline = time.monotonic() + 5
    while set(threading.enumerate()) - threads and time.monotonic() < deadline:
        time.sleep(0.01)  # the timer of check's limit
    assert set(threading.enumerate()) <= threads
    assert capsys.readouterr() == ("", "")


def said(id, answer):
    shown = check(id, answer)
    return f"{shown.status}: {shown.message}"


# ------------------------------------------------------------------------------- right answers


class CacheRight:
    def in_parallel(files, read, augment):
        photos = from_slices(files).map(read, num_parallel_calls=AUTOTUNE).cache()
        shuffled = photos.shuffle(len(files), seed=3)
        return shuffled.map(augment, num_parallel_calls=2).prefetch(AUTOTUNE)

    def augmented_before_shuffle(files, read, augment):
        return from_slices(files).map(read).cache().map(augment).shuffle(10_000)

    def shuffled_twice(files, read, augment):
        paths = from_slices(files).shuffle(len(files))
        return paths.map(read).cache().shuffle(len(files)).map(augment)

    def cached_twice(files, read, augment):
        paths = from_slices(np.array(files)).cache()
        return paths.map(lambda path: read(path)).cache("").shuffle(99).map(augment)

    def taken_where_the_number_is_known(files, read, augment):
        photos = from_slices(files).map(read).cache().take(len(files))
        return photos.shuffle(len(files)).map(lambda photo: augment(photo))

    def taken_before(files, read, augment):
        photos = from_slices(files).repeat().take(len(files)).map(read)
        return photos.cache().shuffle(len(files)).map(augment)

    def in_a_generator(files, read, augment):
        kept, rng = {}, np.random.default_rng()

        def photos():
            for path in rng.permutation(files):
                if path not in kept:
                    kept[path] = read(path).numpy()
                yield kept[path]

        signature = tf.TensorSpec((None, None, 3), tf.uint8)
        return from_generator(photos, output_signature=signature).map(augment)

    def all_in_a_generator(files, read, augment):
        kept = {}

        def photos():
            for path in random.sample(files, len(files)):
                photo = kept.setdefault(path, None)
                if photo is None:
                    photo = kept[path] = read(tf.constant(path))
                yield augment(photo)

        return from_generator(photos, output_signature=tf.TensorSpec(None, tf.float32))

    def of_single_datasets(files, read, augment):
        photos = from_slices(files).flat_map(
            lambda path: tf.data.Dataset.from_tensors(path).map(read)
        )
        return photos.cache().shuffle(len(files)).map(augment)

    def without_an_order(files, read, augment):
        options = tf.data.Options()
        options.deterministic = False
        photos = from_slices(files).map(read, num_parallel_calls=4, deterministic=False).cache()
        return photos.shuffle(len(files)).map(augment).with_options(options)

    def captured(files, read, augment):
        zero = tf.Variable(0.0)
        photos = from_slices(files).map(read).cache().shuffle(len(files))
        return photos.map(lambda photo: augment(photo) + zero)


def example_of(photo, label):
    return tf.train.Example(
        features={
            "feature": {
                "photo": {"bytes_list": {"value": [photo]}},
                "label": {"int64_list": {"value": [label]}},
            }
        }
    )


def names(folder, shards):
    return [Path(folder, f"photos-{n:05d}-of-{shards:05d}.tfrecord") for n in range(shards)]


class WriteRight:
    def with_an_exit_stack(examples, folder, shards):
        paths = names(folder, shards)
        with contextlib.ExitStack() as stack:
            writers = [
                stack.enter_context(tf.io.TFRecordWriter(str(path.with_suffix(".tmp"))))
                for path in paths
            ]
            for writer, (photo, label) in zip(itertools.cycle(writers), examples):
                writer.write(example_of(photo, np.int64(label)).SerializePartialToString())
        for path in paths:
            path.with_suffix(".tmp").rename(path)
        return paths

    def in_a_folder_of_its_own(examples, folder, shards):
        paths = names(folder, shards)
        with tempfile.TemporaryDirectory(dir=folder) as unfinished:
            places = [os.path.join(unfinished, path.name) for path in paths]
            writers = [tf.io.TFRecordWriter(place) for place in places]
            try:
                for number, each in enumerate(examples):
                    writers[number % shards].write(example_of(*each).SerializeToString())
            finally:
                [writer.close() for writer in writers]
            for place in places:
                shutil.move(place, folder) if not os.path.exists(
                    os.path.join(folder, os.path.basename(place))
                ) else os.replace(place, os.path.join(folder, os.path.basename(place)))
        return tuple(paths)

    def some_at_a_time(examples, folder, shards):
        paths = list(map(str, names(folder, shards)))
        writers = [tf.io.TFRecordWriter(f"{path}~") for path in paths]
        examples = iter(examples)
        try:
            while group := list(itertools.islice(examples, shards)):
                for writer, each in zip(writers, group):
                    writer.write(example_of(*each).SerializeToString())
        except BaseException:
            for writer, path in zip(writers, paths):
                writer.close()
                os.remove(f"{path}~")
            raise
        for writer, path in zip(writers, paths):
            writer.close()
            os.replace(f"{path}~", path)
        return paths

    def that_tells_more_of_an_error(examples, folder, shards):
        try:
            return lesson_10.write(examples, folder, shards)
        except Exception as error:
            raise OSError(f"nothing was written to {folder}") from error

    def one_file_closed_and_renamed_after_the_other(examples, folder, shards):
        paths = names(folder, shards)
        writers = [tf.io.TFRecordWriter(f"{path}.new") for path in paths]
        with contextlib.ExitStack() as stack:
            for writer in writers:
                stack.callback(writer.close)
            for number, each in enumerate(examples):
                writers[number % shards].write(example_of(*each).SerializeToString())
            for writer, path in zip(writers, paths):
                writer.close()
                shutil.move(f"{path}.new", path)
        return paths

    def renamed_when_all_was_flushed(examples, folder, shards):
        paths = names(folder, shards)
        with contextlib.ExitStack() as stack:
            writers = [stack.enter_context(tf.io.TFRecordWriter(f"{path}.new")) for path in paths]
            for number, each in enumerate(examples):
                writers[number % shards].write(example_of(*each).SerializeToString())
            for writer, path in zip(writers, paths):
                writer.flush()
                os.replace(f"{path}.new", path)
        return paths

    def that_draws_by_hand(examples, folder, shards):
        paths = names(folder, shards)
        writers = [tf.io.TFRecordWriter(os.fspath(path) + ".new", options="") for path in paths]
        number = 0
        try:
            while True:
                try:
                    photo, label = next(examples)
                except StopIteration:
                    break
                writers[number % shards].write(example_of(photo, label).SerializeToString())
                number += 1
        finally:
            for writer in writers:
                writer.flush()
                writer.close()
        for path in paths:
            os.replace(os.fspath(path) + ".new", path)
        return paths

    def by_another_name_of_the_writer(examples, folder, shards):
        paths = names(folder, shards)
        writers = [WRITER(f"{path}.new") for path in paths]
        try:
            for number, each in enumerate(examples):
                writers[number % shards].write(example_of(*each).SerializeToString())
        finally:
            for writer in writers:
                writer.close()
        for path in paths:
            os.replace(f"{path}.new", path)
        return paths


FEATURES = {
    "photo": tf.io.FixedLenFeature([], tf.string),
    "label": tf.io.FixedLenFeature([], tf.int64),
}


def pair(records, features=None):
    parsed = tf.io.parse_example(records, features or FEATURES)
    return parsed["photo"], parsed["label"]


def in_turn(paths, **options):
    options = {"cycle_length": len(paths), "num_parallel_calls": AUTOTUNE} | options
    return from_slices(paths).interleave(tf.data.TFRecordDataset, **options)


class ReadRight:
    def by_parallel_reads(paths, batch_size):
        records = tf.data.TFRecordDataset(paths, num_parallel_reads=len(paths))
        return records.batch(batch_size).map(pair).prefetch(AUTOTUNE)

    def with_a_list(paths, batch_size):
        return in_turn(paths).batch(batch_size).map(lambda records: list(pair(records)))

    def with_all_in_parallel(paths, batch_size):
        records = in_turn(paths, num_parallel_calls=len(paths), deterministic=True)
        batches = records.batch(batch_size, num_parallel_calls=2)
        return batches.map(pair, num_parallel_calls=AUTOTUNE)

    def with_a_long_cycle(paths, batch_size):
        records = in_turn(paths, cycle_length=2000, num_parallel_calls=2)
        return records.batch(batch_size).map(tf.function(pair))

    def in_other_batches(paths, batch_size):
        return in_turn(paths).batch(5).map(pair).unbatch().batch(batch_size)

    def rebatched(paths, batch_size):
        return in_turn(paths).batch(5).map(pair).rebatch(batch_size)

    def with_the_number_told(paths, batch_size):
        count = sum(1 for _ in tf.data.TFRecordDataset(paths))
        records = in_turn(paths).apply(tf.data.experimental.assert_cardinality(count))
        return records.batch(batch_size).map(pair)

    def with_a_list_per_feature(paths, batch_size):
        features = FEATURES | {"label": tf.io.FixedLenFeature([1], tf.int64)}

        def parse(records):
            photos, labels = pair(records, features)
            return photos, tf.squeeze(labels, axis=1)

        return in_turn(paths).batch(batch_size).map(parse)

    def with_ragged_ones(paths, batch_size):
        features = FEATURES | {"label": tf.io.RaggedFeature(tf.int64)}

        def parse(records):
            photos, labels = pair(records, features)
            return photos, labels.values

        return in_turn(paths).batch(batch_size).map(parse)


class PaysRight:
    def with_math(build_seconds, before, after):
        gained = before - after
        return math.ceil(build_seconds / gained) if gained > 0 else None

    def in_a_loop(build_seconds, before, after):
        if before <= after:
            return None
        epochs = 0
        while build_seconds + epochs * after > epochs * before:
            epochs += 1
        return epochs

    def turned_twice(build_seconds, before, after):
        return int(-(-build_seconds // (before - after))) if after < before else None

    def of_numpy(build_seconds, before, after):
        if before > after:
            return np.int64(np.ceil(np.divide(build_seconds, before - after)))

    def as_an_array(build_seconds, before, after):
        if before > after:
            return np.array(math.ceil(build_seconds / (before - after)))

    def with_divmod(build_seconds, before, after):
        if after >= before:
            return None
        whole, rest = divmod(build_seconds, before - after)
        return int(whole) + (rest > 0)


RIGHT = {
    "10.cache": CacheRight,
    "10.write": WriteRight,
    "10.read": ReadRight,
    "10.pays": PaysRight,
}


@pytest.mark.parametrize(
    ("id", "name"),
    [(id, name) for id, each in RIGHT.items() for name in vars(each) if name[0] != "_"],
)
def test_other_right_answers_are_right(id, name):
    assert said(id, getattr(RIGHT[id], name)) == f"Right: {get(id).right}"


# ------------------------------------------------------- the same mistake in another guise


def throws_the_cache_away(files, read, augment):
    photos = from_slices(files).map(read)
    photos.cache()
    return photos.shuffle(len(files)).map(augment)


def keeps_by_functools(files, read, augment):
    return from_slices(files).map(functools.cache(read)).shuffle(len(files)).map(augment)


def lists_and_caches(files, read, augment):
    paths = from_slices(files).shuffle(len(files)).cache()
    return paths.shuffle(len(files)).map(lambda path: augment(read(path)))


def of_unknown_number(files):
    return from_generator(lambda: files, output_signature=tf.TensorSpec((), tf.string))


def takes_of_an_unknown_number(files, read, augment):
    photos = of_unknown_number(files).map(read).cache().take(len(files))
    return photos.shuffle(len(files)).map(augment)


def caches_inside(files, read, augment):
    def one(path):
        return tf.data.Dataset.from_tensors(path).map(read).cache()

    return from_slices(files).flat_map(one).shuffle(len(files)).map(augment)


def augments_while_reading(files, read, augment):
    photos = from_slices(files).map(lambda path: augment(read(path))).cache()
    return photos.shuffle(len(files))


def caches_twice(files, read, augment):
    photos = from_slices(files).map(read).cache().map(augment).cache()
    return photos.shuffle(len(files))


def shuffles_what_was_read(files, read, augment):
    return from_slices(files).map(read).shuffle(len(files)).cache().map(augment)


def samples(files, read, augment):
    files = random.sample(files, len(files))
    return from_slices(files).map(read).cache().map(augment)


def shuffles_the_list(files, read, augment):
    random.shuffle(files)
    return from_slices(files).map(read).cache().shuffle(len(files)).map(augment)


def shuffles_half(files, read, augment):
    return from_slices(files).map(read).cache().shuffle(len(files) // 2).map(augment)


def shuffles_one(files, read, augment):
    return from_slices(files).map(read).cache().shuffle(1).map(augment)


def repeats_the_paths(files, read, augment):
    return from_slices(files).repeat(3).map(read).cache().shuffle(len(files)).map(augment)


def repeats_without_a_number(files, read, augment):
    photos = of_unknown_number(files).repeat().map(read).cache()
    return photos.shuffle(len(files)).map(augment)


def repeats_twice_behind(files, read, augment):
    return from_slices(files).map(read).cache().shuffle(len(files)).map(augment).repeat(2)


def caches_in_the_temporary_folder(files, read, augment):
    place = os.path.join(tempfile.gettempdir(), "photos")
    return from_slices(files).map(read).cache(place).shuffle(len(files)).map(augment)


def takes_a_snapshot(files, read, augment):
    return from_slices(files).map(read).snapshot("photos").shuffle(len(files)).map(augment)


def reads_in_a_list(files, read, augment):
    photos = [read(path).numpy() for path in files]
    signature = tf.TensorSpec((None, None, 3), tf.uint8)
    dataset = from_generator(lambda: photos, output_signature=signature)
    return dataset.shuffle(len(files)).map(augment)


def reads_into(stack):
    def answer(files, read, augment):
        photos = from_slices(stack([read(path) for path in files]))
        return photos.shuffle(len(files)).map(augment)

    return answer


def looks_at_the_first(files, read, augment):
    photos = from_slices(files).map(read).cache()
    next(iter(photos))
    return photos.shuffle(len(files)).map(augment)


def pads_batches(files, read, augment):
    photos = from_slices(files).map(read).cache().padded_batch(8)
    return photos.shuffle(len(files))


def augments_the_paths(files, read, augment):
    return from_slices(files).map(augment).map(read).cache()


def reads_all_at_once(files, read, augment):
    return tf.data.Dataset.from_tensors(files).map(read).cache().map(augment)


def reads_batches(files, read, augment):
    return from_slices(files).batch(4).map(lambda paths: augment(read(paths)))


def writing(**changed):
    """Answers that are right but for one thing: see the names of the arguments."""

    def answer(examples, folder, shards):
        paths = list(map(str, names(folder, shards)))
        places = [path + changed.get("suffix", ".new") for path in paths]
        path_of = changed.get("path", str)
        writers = [tf.io.TFRecordWriter(path_of(place), changed.get("options")) for place in places]
        try:
            for number, each in enumerate(changed.get("examples", iter)(examples)):
                record = changed.get("record", lambda *e: example_of(*e).SerializeToString())(*each)
                writers[number % shards].write(record)
        except changed.get("caught", ()):
            pass
        except changed.get("cleaned", ()):
            for path in paths:
                os.remove(path)
            raise
        finally:
            changed.get("end", lambda writers: [writer.close() for writer in writers])(writers)
        for path, place in zip(paths, places):
            changed.get("rename", os.replace)(place, path)
        return changed.get("result", list)(paths)

    return answer


def closes_the_last(writers):
    writer = writers[-1]
    writer.close()


def flushes(writers):
    for writer in writers:
        writer.flush()


def returns_in_finally(examples, folder, shards):
    paths = names(folder, shards)
    writers = [tf.io.TFRecordWriter(f"{path}.new") for path in paths]
    try:
        for number, each in enumerate(examples):
            writers[number % shards].write(example_of(*each).SerializeToString())
    finally:
        for writer, path in zip(writers, paths):
            writer.close()
            os.replace(f"{path}.new", path)
        return paths  # noqa: B012 the mistake


def collects_by_file(examples, folder, shards):
    records = [[] for _ in range(shards)]
    for number, each in enumerate(examples):
        records[number % shards].append(example_of(*each).SerializeToString())
    paths = names(folder, shards)
    for path, some in zip(paths, records):
        with tf.io.TFRecordWriter(f"{path}.new") as writer:
            for record in some:
                writer.write(record)
        os.replace(f"{path}.new", path)
    return paths


def removes_the_old_ones(examples, folder, shards):
    for path in Path(folder).glob("*.tfrecord"):
        path.unlink()
    return lesson_10.write(examples, folder, shards)


def keeps_none_of_an_error(examples, folder, shards):
    try:
        return lesson_10.write(examples, folder, shards)
    except BaseException:
        for path in names(folder, shards):
            path.unlink(missing_ok=True)
        raise


def renames_while_open(rename, closed=0):
    """Answers that rename in the `with`, when so many of the writers are closed."""

    def answer(examples, folder, shards):
        paths = names(folder, shards)
        with contextlib.ExitStack() as stack:
            writers = [stack.enter_context(tf.io.TFRecordWriter(f"{path}.new")) for path in paths]
            for number, each in enumerate(examples):
                writers[number % shards].write(example_of(*each).SerializeToString())
            for writer in writers[:closed]:
                writer.close()
            for path in paths:
                rename(f"{path}.new", path)
        return paths

    return answer


def opens_when_needed(examples, folder, shards):
    paths = names(folder, shards)
    writers = {}
    try:
        for number, each in enumerate(examples):
            place = number % shards
            if place not in writers:
                writers[place] = tf.io.TFRecordWriter(f"{paths[place]}.new")
            writers[place].write(example_of(*each).SerializeToString())
    finally:
        for writer in writers.values():
            writer.close()
    for place in writers:
        os.replace(f"{paths[place]}.new", paths[place])
    return paths


def writes_into_the_first(examples, folder, shards):
    paths = names(folder, shards)
    writers = [tf.io.TFRecordWriter(f"{path}.new") for path in paths]
    try:
        for each in examples:
            writers[0].write(example_of(*each).SerializeToString())
    finally:
        for writer in writers:
            writer.close()
    for path in paths:
        os.replace(f"{path}.new", path)
    return paths


def with_label(kind, convert):
    def record(photo, label):
        feature = {
            "photo": {"bytes_list": {"value": [photo]}},
            "label": {kind: {"value": convert(label)}},
        }
        return tf.train.Example(features={"feature": feature}).SerializeToString()

    return record


def with_photo(kind, convert):
    def record(photo, label):
        feature = {
            "photo": {kind: {"value": convert(photo)}},
            "label": {"int64_list": {"value": [label]}},
        }
        return tf.train.Example(features={"feature": feature}).SerializeToString()

    return record


def encoded_again(photo):
    return [cv2.imencode(".jpg", cv2.imdecode(np.frombuffer(photo, np.uint8), 1))[1].tobytes()]


def python_parses(paths, batch_size):
    def parse(record):
        feature = tf.train.Example.FromString(record.numpy()).features.feature
        return feature["photo"].bytes_list.value[0], feature["label"].int64_list.value[0]

    def one(record):
        return tf.py_function(parse, [record], (tf.string, tf.int64))

    return in_turn(paths).map(one).batch(batch_size)


def reading(parse=pair, order=lambda records: records, end=lambda batches: batches, **options):
    def answer(paths, batch_size):
        return end(order(in_turn(paths, **options)).batch(batch_size).map(parse))

    return answer


def without_a_cycle(paths, batch_size):
    records = from_slices(paths).interleave(tf.data.TFRecordDataset, num_parallel_calls=AUTOTUNE)
    return records.batch(batch_size).map(pair)


def with_reads(count):
    def answer(paths, batch_size):
        records = tf.data.TFRecordDataset(paths, num_parallel_reads=count)
        return records.batch(batch_size).map(pair)

    return answer


def flat(paths, batch_size):
    records = from_slices(paths).flat_map(tf.data.TFRecordDataset)
    return records.batch(batch_size).map(pair)


def parses_single_ones_in_a_loop(paths, batch_size):
    def parse(records):
        parsed = tf.map_fn(
            lambda record: tf.io.parse_single_example(record, FEATURES),
            records,
            fn_output_signature={"photo": tf.string, "label": tf.int64},
        )
        return parsed["photo"], parsed["label"]

    return in_turn(paths).batch(batch_size).map(parse)


def parses_scalars(paths, batch_size):
    return in_turn(paths).map(pair).batch(batch_size)


def parses_where_it_reads(paths, batch_size):
    def records(path):
        return tf.data.TFRecordDataset(path).map(pair)

    files = from_slices(paths)
    parsed = files.interleave(records, cycle_length=len(paths), num_parallel_calls=AUTOTUNE)
    return parsed.batch(batch_size)


def decoding(decode, dtype=tf.uint8):
    def parse(records):
        photos, labels = pair(records)
        return tf.map_fn(decode, photos, fn_output_signature=dtype), labels

    return reading(parse)


def with_features(**features):
    def parse(records):
        return pair(records, FEATURES | features)

    return reading(parse)


def any_order(batches):
    options = tf.data.Options()
    options.deterministic = False
    return batches.with_options(options)


def pays(whole=math.ceil, never=None):
    def answer(build_seconds, before, after):
        if after >= before and never is not ZeroDivisionError:
            return never
        return whole(build_seconds / (before - after))

    return answer


def says_never_the_wrong_way(build_seconds, before, after):
    if after <= before:
        return None
    return math.ceil(build_seconds / (after - before))


def of_the_other_sign(build_seconds, before, after):
    return -math.ceil(build_seconds / (before - after)) if after != before else None


def counts_a_slow_first(build_seconds, before, after):
    if after >= before:
        return None
    epochs = 1
    while build_seconds + before + (epochs - 1) * after > epochs * before:
        epochs += 1
    return epochs


def counts_a_free_first(build_seconds, before, after):
    if after >= before:
        return None
    epochs = 1
    while build_seconds + (epochs - 1) * after > epochs * before:
        epochs += 1
    return epochs


def wants_less_than_before(build_seconds, before, after):
    if after >= before:
        return None
    epochs = 0
    while build_seconds + epochs * after >= epochs * before:
        epochs += 1
    return epochs


def clipped(build_seconds, before, after):
    return max(0, math.ceil(build_seconds / (before - after))) if before != after else None


def by_numpys_zero(build_seconds, before, after):
    return np.ceil(np.divide(build_seconds, max(0, before - after)))


GUISES = [
    ("10.cache", throws_the_cache_away, "NO_CACHE"),
    ("10.cache", lists_and_caches, "PATHS_CACHED"),
    ("10.cache", takes_of_an_unknown_number, "TAKE_BEHIND"),
    ("10.cache", caches_inside, "NO_CACHE"),
    ("10.cache", augments_while_reading, "FROZEN"),
    ("10.cache", caches_twice, "FROZEN"),
    ("10.cache", shuffles_what_was_read, "ORDER_FROZEN"),
    ("10.cache", samples, "SHUFFLED_ONCE"),
    ("10.cache", shuffles_the_list, "FILES_CHANGED"),
    ("10.cache", shuffles_half, "SMALL_BUFFER"),
    ("10.cache", shuffles_one, "NOT_SHUFFLED"),
    ("10.cache", repeats_the_paths, "REPEAT_BEFORE"),
    ("10.cache", repeats_without_a_number, "REPEAT_BEFORE"),
    ("10.cache", repeats_twice_behind, "ENDLESS"),
    ("10.cache", caches_in_the_temporary_folder, "IN_A_FILE"),
    ("10.cache", takes_a_snapshot, "IN_A_FILE"),
    ("10.cache", reads_in_a_list, "READ_WHEN_BUILT"),
    ("10.cache", looks_at_the_first, "READ_WHEN_BUILT"),
    *(
        ("10.cache", reads_into(stack), "READ_INTO_A_LIST")
        for stack in (list, tuple, tf.stack, np.stack, np.array)
    ),
    ("10.cache", reads_into(lambda photos: [np.asarray(p) for p in photos]), "READ_INTO_A_LIST"),
    ("10.cache", augments_the_paths, "AUGMENT_FIRST"),
    ("10.cache", reads_all_at_once, "ONE_PATH"),
    ("10.cache", reads_batches, "ONE_PATH"),
    ("10.write", writing(end=closes_the_last), "NOT_CLOSED"),
    ("10.write", writing(end=flushes), "NOT_CLOSED"),
    ("10.write", writes_into_the_first, "ALL_IN_ONE"),
    ("10.write", collects_by_file, "ALL_HELD"),
    ("10.write", writing(examples=list), "ALL_HELD"),
    ("10.write", writing(record=lambda *each: repr(example_of(*each))), "TEXT_WRITTEN"),
    ("10.write", writing(record=lambda *each: str(example_of(*each)).encode()), "TEXT_WRITTEN"),
    ("10.write", writing(record=lambda photo, label: photo), "NO_EXAMPLE"),
    ("10.write", writing(record=with_label("float_list", lambda n: [n])), "LABEL_AS_FLOAT"),
    ("10.write", writing(record=with_label("bytes_list", lambda n: [b"%d" % n])), "LABEL_AS_BYTES"),
    ("10.write", writing(record=with_label("int64_list", lambda n: n)), "WITHOUT_A_LIST"),
    ("10.write", writing(record=with_photo("bytes_list", lambda p: p)), "WITHOUT_A_LIST"),
    ("10.write", writing(record=with_photo("float_list", list)), "PHOTO_AS_NUMBERS"),
    ("10.write", writing(record=with_photo("bytes_list", encoded_again)), "PHOTO_CHANGED"),
    ("10.write", writing(suffix=""), "HALF_LEFT"),
    ("10.write", writing(suffix="", cleaned=BaseException), "HALF_SEEN"),
    ("10.write", removes_the_old_ones, "OLD_LOST"),
    ("10.write", keeps_none_of_an_error, "OLD_LOST"),
    ("10.write", renames_while_open(os.replace), "STILL_OPEN"),
    ("10.write", renames_while_open(os.rename, closed=2), "STILL_OPEN"),
    ("10.write", renames_while_open(lambda new, path: Path(new).replace(path)), "STILL_OPEN"),
    ("10.write", renames_while_open(lambda new, path: Path(new).rename(path)), "STILL_OPEN"),
    ("10.write", renames_while_open(shutil.move), "STILL_OPEN"),
    (
        "10.write",
        renames_while_open(lambda new, path: tf.io.gfile.rename(new, str(path), overwrite=True)),
        "STILL_OPEN",
    ),
    ("10.write", writing(caught=lesson_10._Torn), "ERROR_SWALLOWED"),
    ("10.write", returns_in_finally, "ERROR_SWALLOWED"),
    ("10.write", writing(options="ZLIB"), "COMPRESSED"),
    ("10.write", writing(path=Path), "PATH_REFUSED"),
    ("10.write", opens_when_needed, "NONE_EMPTY"),
    ("10.read", parses_scalars, "ONE_BY_ONE"),
    ("10.read", parses_where_it_reads, "ONE_BY_ONE"),
    ("10.read", parses_single_ones_in_a_loop, "ONE_BY_ONE"),
    ("10.read", flat, "FILE_AFTER_FILE"),
    ("10.read", without_a_cycle, "TOO_FEW_AT_A_TIME"),
    ("10.read", with_reads(1), "TOO_FEW_AT_A_TIME"),
    ("10.read", with_reads(2), "TOO_FEW_AT_A_TIME"),
    ("10.read", with_reads(AUTOTUNE), "TOO_FEW_AT_A_TIME"),
    *(("10.read", reading(cycle_length=n), "TOO_FEW_AT_A_TIME") for n in (3, 4, 5, 8, 16)),
    ("10.read", decoding(tf.io.decode_jpeg), "DECODED_EACH"),
    ("10.read", decoding(tf.io.decode_image), "DECODED_EACH"),
    ("10.read", decoding(lambda photo: tf.io.decode_jpeg(photo) / 255, tf.float32), "DECODED_EACH"),
    ("10.read", decoding(lambda photo: tf.io.decode_raw(photo, tf.uint8)), "DECODED_RAW"),
    ("10.read", reading(block_length=2), "SEVERAL_IN_A_ROW"),
    ("10.read", reading(num_parallel_calls=None), "NOT_PARALLEL"),
    ("10.read", reading(num_parallel_calls=1), "NOT_PARALLEL"),
    ("10.read", reading(end=any_order), "ANY_ORDER"),
    ("10.read", reading(order=lambda records: records.shuffle(20)), "SHUFFLED"),
    ("10.read", reading(end=lambda batches: batches.map(lambda x, y: (y, x))), "SWAPPED"),
    ("10.read", with_features(photo=tf.io.FixedLenFeature([1], tf.string)), "IN_COLUMNS"),
    ("10.read", with_features(label=tf.io.FixedLenFeature((), tf.int32)), "OTHER_DTYPE"),
    ("10.read", with_features(label=tf.io.FixedLenFeature((), tf.float32)), "LABEL_NOT_INT64"),
    ("10.read", with_features(image=tf.io.FixedLenFeature((), tf.string)), "NO_SUCH_FEATURE"),
    ("10.read", python_parses, "IN_PYTHON"),
    ("10.read", reading(end=lambda batches: batches.repeat(2)), "READS_ON"),
    ("10.read", lambda paths, size: from_slices(paths).map(tf.data.TFRecordDataset), "DATASETS"),
    ("10.pays", pays(math.floor), "CUT_OFF"),
    ("10.pays", pays(math.floor, never=0), "CUT_OFF"),
    ("10.pays", pays(round, never=ZeroDivisionError), "ROUNDED"),
    ("10.pays", pays(np.ceil), "FLOATS"),
    ("10.pays", pays(lambda epochs: np.array(np.ceil(epochs))), "FLOATS"),
    ("10.pays", pays(float, never=-1), "FRACTION"),
    ("10.pays", pays(lambda epochs: math.floor(epochs) + 1), "EQUAL_LEFT_OUT"),
    ("10.pays", wants_less_than_before, "EQUAL_LEFT_OUT"),
    ("10.pays", counts_a_slow_first, "FIRST_AS_BEFORE"),
    ("10.pays", counts_a_free_first, "FIRST_IN_BUILDING"),
    ("10.pays", lambda build, before, after: before / after, "RATIO"),
    ("10.pays", lambda build, before, after: math.ceil(build / before * after), "BY_RATIO"),
    ("10.pays", lambda build, before, after: build / before * after, "BY_RATIO"),
    ("10.pays", lambda build, before, after: math.ceil(build / (before / after)), "BY_RATIO"),
    ("10.pays", lambda build, before, after: round(build / (before / after), 9), "BY_RATIO"),
    ("10.pays", lambda build, before, after: int(build * after / before), "BY_RATIO"),
    ("10.pays", lambda build, before, after: build / before, "BY_BEFORE"),
    ("10.pays", says_never_the_wrong_way, "SIGN"),
    ("10.pays", of_the_other_sign, "SIGN"),
    ("10.pays", lambda build, before, after: 0, "BUILDING_FORGOTTEN"),
    ("10.pays", pays(lambda epochs: max(1, math.ceil(epochs))), "AT_LEAST_ONE"),
    ("10.pays", pays(never=ZeroDivisionError), "DIVIDED_BY_0"),
    ("10.pays", pays(never=-1), "NEGATIVE"),
    ("10.pays", clipped, "ZERO_FOR_NEVER"),
    ("10.pays", pays(never=math.inf), "INFINITE"),
    ("10.pays", pays(never=np.float64("nan")), "INFINITE"),
    ("10.pays", by_numpys_zero, "INFINITE"),
]


@pytest.mark.parametrize(
    ("id", "answer", "name"), [pytest.param(*g, id=f"{g[0]}-{n}") for n, g in enumerate(GUISES)]
)
def test_the_same_mistake_gets_the_same_message(id, answer, name):
    message = getattr(lesson_10, name)
    assert said(id, answer) == f"Wrong: {message.format(name='image')}"


# --------------------------------------------------------------------------------- odd answers


def nothing(*arguments):
    pass


def raises(*arguments):
    raise LookupError("no idea")


def a_generator(*arguments):
    yield 1.0


def cache_then(change):
    def answer(files, read, augment):
        photos = from_slices(files).map(read).cache().shuffle(len(files)).map(augment)
        return change(photos)

    return answer


def half_of_the_photos(files, read, augment):
    return lesson_10.cached(files[::2], read, augment)


def augments_twice(files, read, augment):
    return lesson_10.cached(files, read, augment).map(augment)


def reads_twice(files, read, augment):
    paths = from_slices(files)
    photos = tf.data.Dataset.zip((paths.map(read), paths.map(read)))
    return photos.map(lambda one, other: one).cache().shuffle(len(files)).map(augment)


def lists_the_files(files, read, augment):
    return tf.data.Dataset.list_files(files).map(read).cache().shuffle(len(files)).map(augment)


def fails_in_map(files, read, augment):
    return from_slices(files).map(lambda path: read(pth))  # noqa: F821 the mistake


def shuffles_by_turns(files, read, augment):
    calls = itertools.count()
    orders = [random.Random(n).sample(range(len(files)), len(files)) for n in range(2)]
    kept = {}

    def photos():
        for n in orders[next(calls) % 2]:
            if n not in kept:
                kept[n] = read(files[n])
            yield kept[n]

    signature = tf.TensorSpec((None, None, 3), tf.uint8)
    return from_generator(photos, output_signature=signature).map(augment)


def writes_nothing(examples, folder, shards):
    for _ in examples:
        pass
    return names(folder, shards)


def other_names(examples, folder, shards):
    paths = lesson_10.write(examples, folder, shards)
    for path in paths:
        os.rename(path, path.replace("photos", "shard"))
    return [path.replace("photos", "shard") for path in paths]


def two_files_too_few(examples, folder, shards):
    return lesson_10.write(examples, folder, 2)


def writes_backwards(examples, folder, shards):
    return lesson_10.write(reversed(list(examples)), folder, shards)


def skips_the_first(examples, folder, shards):
    next(examples)
    return lesson_10.write(examples, folder, shards)


def other_features(photo, label):
    feature = {
        "image": {"bytes_list": {"value": [photo]}},
        "label": {"int64_list": {"value": [label]}},
    }
    return tf.train.Example(features={"feature": feature}).SerializeToString()


def as_bytes(photo, label):
    return photo + b"%d" % label


def leaves_copies(place, path):
    shutil.copy(place, path)


def reads_and_raises(files, read, augment):
    for path in files:
        read(path)
    raise ValueError("no idea of shapes")


def raises_another(examples, folder, shards):
    try:
        return lesson_10.write(examples, folder, shards)
    except Exception:
        pass
    raise LookupError("no idea")


def cut_off(examples, folder, shards):
    paths = lesson_10.write(examples, folder, shards)
    for path in paths:
        os.truncate(path, max(0, os.path.getsize(path) - 3))
    return paths


ODD = [
    *((id, nothing, "gave back None, and should return") for id in ("10.cache", "10.write")),
    *((each.id, raises, "LookupError: no idea\nin line ") for each in EVERY),
    ("10.cache", nothing, "cached gave back None, and should return a dataset. Is `return` missin"),
    ("10.cache", a_generator, "cached gave back a generator, and should return a dataset."),
    ("10.cache", cache_then(list), "cached gave back a list, and should return a dataset."),
    (
        "10.cache",
        keeps_by_functools,
        "TypeError: Tensor is unhashable. Instead, use tensor.ref() a",
    ),
    ("10.cache", cache_then(iter), "cached gave back an OwnedIterator"),
    ("10.cache", cache_then(lambda d: d.map(lambda p: (p, 1))), "The elements are a tuple of 2."),
    ("10.cache", cache_then(lambda d: d.map(lambda p: {"photo": p})), "elements are a dict of 1."),
    ("10.cache", cache_then(lambda d: d.map(lambda p: tf.cast(p, tf.float16))), "are float16."),
    ("10.cache", cache_then(lambda d: d.map(lambda p: p / 2)), "An element isn't what `augment("),
    ("10.cache", cache_then(lambda d: d.map(tf.reduce_sum)), "An element isn't what `augment(rea"),
    ("10.cache", cache_then(lambda d: d.map(tf.zeros_like)), "An element isn't what `augment(rea"),
    ("10.cache", cache_then(lambda d: d.map(lambda p: p * np.nan)), "An element isn't what `augm"),
    ("10.cache", cache_then(lambda d: d.map(lambda p: p[:0])), "An element isn't what `augment(r"),
    ("10.cache", augments_twice, "An element isn't what `augment(read(path))` gives"),
    ("10.cache", half_of_the_photos, "Yours has 24 elements, of 24 photos."),
    ("10.cache", cache_then(lambda d: d.take(0)), "Yours has 0 elements, of 0 photos."),
    ("10.cache", reads_twice, "In 4 epochs of 48 files yours reads 96 times."),
    ("10.cache", lists_the_files, "IN_NAME_ONLY"),
    ("10.cache", lambda files, read, augment: from_slices(files), "The elements are string. They"),
    ("10.cache", reads_and_raises, "ValueError: no idea of shapes\nin line "),
    ("10.cache", fails_in_map, "The function that you gave to `map` fails. NameError: name 'pth'"),
    ("10.cache", shuffles_by_turns, "Some epochs have the same order. Each should be shuffled"),
    ("10.write", nothing, "write gave back None, and should return a list of paths. Is `return` "),
    ("10.write", a_generator, "write gave back a generator, and should return a list of paths."),
    ("10.write", writing(result=lambda paths: paths[0]), "Yours returns photos-00000-of-00003.tf"),
    ("10.write", writing(result=lambda paths: paths[::-1]), "Yours returns photos-00002-of-00003"),
    ("10.write", writing(result=lambda paths: []), "Yours returns none."),
    ("10.write", writing(result=len), "write gave back an int, and should return a list of paths."),
    ("10.write", writing(result=lambda paths: [None]), "write gave back a list, and should return"),
    (
        "10.write",
        writes_nothing,
        "A file `photos-00000-of-00003.tfrecord` should lie in the folder",
    ),
    (
        "10.write",
        other_names,
        "There is shard-00000-of-00003.tfrecord, shard-00001-of-00003.tfreco",
    ),
    ("10.write", two_files_too_few, "`photos-00000-of-00003.tfrecord` should lie in the folder."),
    (
        "10.write",
        writes_backwards,
        "files should hold [[0, 3, 6], [1, 4, 7], [2, 5]]. Yours hold [[7",
    ),
    ("10.write", skips_the_first, "Yours hold [[1, 4, 7], [2, 5], [3, 6]]."),
    ("10.write", writing(record=lambda *each: tf.constant(b"x")), "was given an EagerTensor. The"),
    ("10.write", writing(record=lambda *each: None), "was given None. The bytes of an Example"),
    ("10.write", writing(record=other_features), "`photo` and `label`. Yours has image, label."),
    ("10.write", writing(record=lambda *each: b""), "`photo` and `label`. Yours has none."),
    ("10.write", writing(record=as_bytes), "A record isn't a tf.train.Example. It begins with b'"),
    ("10.write", writing(record=with_label("int64_list", lambda n: [n, n])), "of yours holds 2."),
    ("10.write", writing(record=with_photo("bytes_list", lambda p: [p, p])), "of yours holds 2."),
    ("10.write", writing(record=with_label("int64_list", lambda n: [float(n)])), "TypeError: 'fl"),
    ("10.write", writing(rename=leaves_copies), "holds photos-00000-of-00003.tfrecord.new, photo"),
    ("10.write", raises_another, "LookupError: no idea\nin line "),
    ("10.write", cut_off, "A file ends in the middle of a record."),
    ("10.read", nothing, "read gave back None, and should return a dataset. Is `return` missing?"),
    ("10.read", a_generator, "read gave back a generator, and should return a dataset."),
    ("10.read", lambda paths, size: from_slices(paths), "NOT_PARSED"),
    ("10.read", lambda paths, size: in_turn(paths).map(pair), "The elements are single examples."),
    ("10.read", lambda paths, size: in_turn(paths).batch(5).map(pair), "sizes [4, 4, 3]. Yours ha"),
    ("10.read", reading(end=lambda b: b.take(1)), "Yours brings 4, of which 4 differ and were wri"),
    ("10.read", reading(end=lambda b: b.take(0)), "Yours brings 0, of which 0 differ and were wri"),
    ("10.read", reading(end=lambda b: b.map(lambda x, y: (x, -y))), "Yours brings 11, of which 2 "),
    ("10.read", reading(end=lambda b: b.map(lambda x, y: x)), "NOT_PARSED"),
    ("10.read", reading(end=lambda b: b.map(lambda x, y: y)), "are int64 of the shape (None,). Ea"),
    ("10.read", reading(end=lambda b: b.map(lambda x, y: (x, y, y))), "are a tuple of 3. Each sho"),
    (
        "10.read",
        reading(end=lambda b: b.map(lambda x, y: (y, y))),
        "The photos are int64. They sho",
    ),
    ("10.read", reading(end=lambda b: b.map(lambda x, y: (x, tf.cast(y, tf.int32)))), "are int32,"),
    ("10.read", reading(end=lambda b: b.map(lambda x, y: (x, {"label": y}))), "The labels are a d"),
    (
        "10.read",
        lambda paths, size: lesson_10.read(paths[::-1], size),
        "come in another order than",
    ),
    ("10.read", with_features(photo=tf.io.FixedLenFeature((), tf.int64)), "The photos are int64. "),
    (
        "10.read",
        with_features(label=tf.io.VarLenFeature(tf.int64)),
        "The labels are a SparseTensor",
    ),
    (
        "10.read",
        with_features(photo=tf.io.VarLenFeature(tf.string)),
        "The photos are a SparseTenso",
    ),
    (
        "10.read",
        reading(lambda r: pair(r, {"photo": 3})),
        "The function that you gave to `map` fai",
    ),
    ("10.read", reading(lambda records: pair(recods)), "fails. NameError: name 'recods' is not d"),  # noqa: F821
    (
        "10.pays",
        nothing,
        "as before they take 20 s, and with one epoch less that is 18 s and 15 s.",
    ),
    ("10.pays", nothing, "Yours gives None. Is `return` missing?"),
    ("10.pays", a_generator, "gave back a generator, and should return a whole number, or None"),
    ("10.pays", lambda *each: "4", "gave back a str, and should return a whole number, or None"),
    ("10.pays", lambda *each: True, "gave back a bool, and should return a whole number, or None"),
    ("10.pays", lambda *each: np.ones(2), "gave back a ndarray, and should return a whole number"),
    ("10.pays", lambda *each: math.nan, "(12, 5, 2) should be 4: 4 epochs and building take 20 s,"),
    (
        "10.pays",
        lambda *each: 4,
        "(13, 5, 2) should be 5: 5 epochs and building take 23 s, as befo",
    ),
    ("10.pays", pays(never=7), "(12, 5, 5) should be None: an epoch isn't faster than before"),
    ("10.pays", lambda b, x, y: pays()(b, x, y) if b else None, "(0, 4, 3) should be 0: 0 epochs "),
]


@pytest.mark.parametrize(
    ("id", "answer", "words"), [pytest.param(*o, id=f"{o[0]}-{n}") for n, o in enumerate(ODD)]
)
def test_other_wrong_answers_are_told_how(id, answer, words):
    shown = said(id, answer)
    assert shown.startswith("Wrong")
    assert getattr(lesson_10, words, words) in shown


def test_a_loop_that_never_ends_is_stopped(monkeypatch):
    def forgets_never(build_seconds, before, after):
        epochs = 0
        while build_seconds + epochs * after > epochs * before:
            epochs += 1
        return epochs

    shown = said("10.pays", forgets_never)
    assert shown.startswith("Wrong: it was still running after 3 s and was stopped.")


# ------------------------------------------------------------------------- what a check leaves


def test_a_check_that_is_stopped_leaves_no_writer_and_no_file():
    def stops(examples, folder, shards):
        tf.io.TFRecordWriter(f"{folder}/half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        check("10.write", stops)


def test_other_threads_writers_are_their_own(tmp_path):
    """Only what the answer's own thread opens is held, counted and closed."""
    path, began, go_on = str(tmp_path / "other"), threading.Event(), threading.Event()

    def others():
        began.wait(9)
        with tf.io.TFRecordWriter(path) as writer:
            writer.write(b"theirs")
            go_on.set()

    def waits(examples, folder, shards):
        began.set()
        assert go_on.wait(9)
        return lesson_10.write(examples, folder, shards)

    thread = threading.Thread(target=others)
    thread.start()
    assert said("10.write", waits) == f"Right: {get('10.write').right}"
    thread.join()
    (record,) = tf.data.TFRecordDataset(path)
    assert record.numpy() == b"theirs"


@pytest.mark.parametrize("task", EVERY, ids=lambda task: task.id)
def test_the_random_numbers_that_everybody_shares_stay_as_they_were(task):
    def drawn():
        return np.random.random(), random.random(), tf.random.uniform(()).numpy()

    def seed():
        np.random.seed(11)
        random.seed(12)
        tf.random.set_seed(13)

    seed()
    expected = drawn()
    seed()
    said(task.id, task.mistakes[1].answer)
    assert drawn()[:2] == expected[:2]


@pytest.mark.parametrize("cores", [1, 40, None])
def test_the_verdicts_are_the_same_on_another_machine(cores, monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    assert said("10.read", lesson_10.read).startswith("Right")
    for few in (with_reads(2), reading(cycle_length=4), reading(cycle_length=16)):
        assert said("10.read", few) == f"Wrong: {lesson_10.TOO_FEW_AT_A_TIME}"


@pytest.mark.parametrize("seed", [0, 7])
def test_a_seed_of_the_learners_does_not_stop_the_shuffling(seed):
    tf.random.set_seed(seed)
    try:
        assert said("10.cache", lesson_10.cached).startswith("Right")
    finally:
        tf.random.set_seed(None)


# --------------------------------------------------------------- what is said is true


def read_counted(dataset_of):
    """How often a source of 6 elements was asked, in three epochs."""
    asked = []

    def elements():
        for number in range(6):
            asked.append(number)
            yield number

    source = from_generator(elements, output_signature=tf.TensorSpec((), tf.int64))
    dataset = dataset_of(source)
    for _ in range(3):
        assert sorted(dataset.as_numpy_iterator()) == list(range(6))
    return len(asked)


def test_take_behind_a_cache_that_cannot_know_the_end_throws_it_away():
    assert read_counted(lambda source: source.cache().take(6)) == 18
    assert read_counted(lambda source: source.take(6).cache()) == 6
    assert read_counted(lambda source: source.cache()) == 6


def test_batches_that_are_cached_keep_together():
    batches = tf.data.Dataset.range(12).shuffle(12).batch(3).cache().shuffle(4)
    epochs = [{tuple(batch) for batch in batches.as_numpy_iterator()} for _ in range(4)]
    assert all(epoch == epochs[0] for epoch in epochs)


def test_the_cache_holds_a_quarter_of_what_augmented_photos_would_take():
    given = lesson_10._Photos(3)
    kept = from_slices(given.files).map(given.read)
    sizes = [
        sum(photo.nbytes for photo in dataset.as_numpy_iterator())
        for dataset in (kept, kept.map(given.augment))
    ]
    assert sizes[1] == 4 * sizes[0] > 0


def test_a_record_costs_16_bytes_more(tmp_path):
    paths = lesson_10.write(iter(lesson_10.EXAMPLES), tmp_path, 3)
    examples = [example_of(*each).SerializeToString() for each in lesson_10.EXAMPLES]
    assert sum(map(os.path.getsize, paths)) == sum(map(len, examples)) + 16 * len(examples)


@pytest.mark.parametrize("place", [0, 9, 30])
def test_a_reader_notices_a_damaged_record(place, tmp_path):
    """The length and its checksum, and the record."""
    (path,) = lesson_10.write(iter(lesson_10.EXAMPLES[:1]), tmp_path, 1)
    content = bytearray(Path(path).read_bytes())
    content[place] ^= 1
    Path(path).write_bytes(content)
    with pytest.raises(tf.errors.DataLossError):
        list(tf.data.TFRecordDataset(path))


def test_float32_does_not_hold_every_whole_number():
    assert int(np.float32(16_777_216)) == 16_777_216
    assert int(np.float32(16_777_217)) == 16_777_216


def test_a_text_of_an_example_is_no_example():
    text = str(example_of(b"photo", 1))
    with pytest.raises(tf.errors.InvalidArgumentError):
        tf.io.parse_single_example(text, FEATURES)


def test_what_serialize_tensor_makes_is_no_jpeg():
    photo = lesson_10.EXAMPLES[0][0]
    assert tf.io.decode_jpeg(photo).shape == (8, 12, 3)
    wrapped = tf.io.serialize_tensor(photo).numpy()
    assert wrapped.endswith(photo)
    assert len(wrapped) > len(photo)
    with pytest.raises(tf.errors.InvalidArgumentError):
        tf.io.decode_jpeg(wrapped)


def test_opening_a_writer_again_begins_anew(tmp_path):
    path = str(tmp_path / "records")
    for record in (b"one", b"two"):
        with tf.io.TFRecordWriter(path) as writer:
            writer.write(record)
    assert [record.numpy() for record in tf.data.TFRecordDataset(path)] == [b"two"]


def test_what_is_not_closed_waits_in_a_buffer(tmp_path):
    path = str(tmp_path / "records")
    writer = tf.io.TFRecordWriter(path)
    writer.write(b"one")
    assert os.path.getsize(path) == 0
    writer.close()
    assert os.path.getsize(path) == 16 + 3


def test_a_dataset_of_records_cannot_say_how_many_there_are(tmp_path):
    paths = lesson_10.write(iter(lesson_10.EXAMPLES), tmp_path, 3)
    dataset = lesson_10.read(paths, 4)
    assert dataset.cardinality() == tf.data.UNKNOWN_CARDINALITY
    told = dataset.apply(tf.data.experimental.assert_cardinality(2))
    assert len(told) == len(list(told)) == 2


@pytest.mark.parametrize(("count", "shards"), [(8, 3), (8, 8), (7, 4), (3, 5), (1, 1), (8, 1)])
def test_what_is_written_in_turn_is_read_in_turn(count, shards, tmp_path):
    examples = lesson_10.EXAMPLES[:count]
    batches = lesson_10.read(lesson_10.write(iter(examples), tmp_path, shards), 4)
    found = [pair for x, y in batches for pair in zip(x.numpy().tolist(), y.numpy().tolist())]
    assert found == examples


def test_the_dict_of_parse_example_begins_with_the_label():
    record = example_of(b"photo", 1).SerializeToString()
    assert list(tf.io.parse_example([record], FEATURES)) == ["label", "photo"]


def test_where_the_step_takes_longest_a_faster_pipeline_gains_nothing():
    step = Stage("step", 0.3)
    seconds = [
        simulate([Stage("make", made, ahead=2)], consumer=step, items=items).seconds
        for made in (0.2, 0.1)
        for items in (20, 40)
    ]
    before, after = seconds[1] - seconds[0], seconds[3] - seconds[2]
    assert before == pytest.approx(after)


@pytest.mark.parametrize("case", lesson_10.PAYS)
def test_the_number_of_epochs_is_the_smallest_that_pays(case):
    build_seconds, before, after = case
    epochs = lesson_10.epochs_until_it_pays(*case)
    assert build_seconds + epochs * after <= epochs * before
    assert epochs == 0 or build_seconds + (epochs - 1) * after > (epochs - 1) * before


@pytest.mark.parametrize("case", lesson_10.NEVER)
def test_never_is_never(case):
    build_seconds, before, after = case
    assert lesson_10.epochs_until_it_pays(*case) is None
    assert build_seconds + 10**6 * after >= 10**6 * before


def test_without_a_graph_the_elements_decide(monkeypatch):
    def fails(**arguments):
        raise tf.errors.UnimplementedError(None, None, "no graph of this")

    monkeypatch.setattr(tf.raw_ops, "DatasetToGraphV2", fails)
    for id in ("10.cache", "10.read"):
        assert said(id, get(id).solution) == f"Right: {get(id).right}"
    told = lesson_10.READ_AGAIN.format(epochs=4, files=48, reads=192)
    assert said("10.cache", lesson_10._has_no_cache) == f"Wrong: {told}"
    assert said("10.read", flat) == f"Wrong: {lesson_10.FILE_AFTER_FILE}"
