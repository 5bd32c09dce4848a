"""The exercises of lesson 10: a cache in its place, TFRecord files, and when they pay."""

from __future__ import annotations

import contextlib
import itertools
import math
import numbers
import os
import re
import struct
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import tensorflow as tf

from course_utils.classroom.exercise import Exercise, Mistake, Wrong, first

# ----------------------------------------------------------------------------------- 10.cache

NO_CACHE = (
    "Each file is read again in every epoch: nothing keeps what `read` gave. Put `.cache()` behind "
    "`map(read)`, and go on with what it returns: like all its methods, it leaves the dataset that "
    "it is called on as it is."
)
PATHS_CACHED = (
    "Each file is read again in every epoch: `cache` stands before `map(read)`, so it keeps the "
    "paths. It keeps what comes out of the step before it: put it behind `map(read)`."
)
TAKE_BEHIND = (
    "Each file is read again in every epoch, though there is a cache. It counts only when it was "
    "filled to the end, and where nobody knows beforehand how many photos come, `take` behind it "
    "stops after the last one without asking whether there is another. So what was kept is thrown "
    "away. Leave `take` out, or put it before `cache`."
)
READ_AGAIN = (
    "Each file should be read once, however many epochs there are. In {epochs} epochs of {files} "
    "files yours reads {reads} times. Put `.cache()` behind `map(read)`."
)
FROZEN = (
    "The second epoch has the same augmented photos as the first: `cache` stands behind "
    "`map(augment)`, so it keeps what `augment` gave, and nothing is drawn anew. Cache what was "
    "read, and augment behind it: `map(read).cache()`, then `map(augment)`."
)
ORDER_FROZEN = (
    "The photos come in the same shuffled order in every epoch: `shuffle` stands before `cache`, "
    "which keeps the elements in the order of the first epoch. Put `shuffle` behind `cache`."
)
SAME_ORDER = (
    "The photos come in the same shuffled order in every epoch: `shuffle` was told not to shuffle "
    "anew. Leave `reshuffle_each_iteration` out; a `seed` may stay."
)
SHUFFLED_ONCE = (
    "The photos come in the same shuffled order in every epoch: they were put into an order once, "
    "when the dataset was built. Leave that to `shuffle(len(files))` behind `cache`, which makes a "
    "new order in every epoch."
)
NOT_SHUFFLED = (
    "The photos come in the order of `files`, in every epoch. Put `shuffle(len(files))` behind "
    "`cache`."
)
SMALL_BUFFER = (
    "The photos are hardly shuffled: each stays near its place in `files`, since the next one "
    "always comes from a small buffer. Give `shuffle` a buffer for all of them: "
    "`shuffle(len(files))`."
)
REPEAT_BEFORE = (
    "`repeat` stands before `cache`: what is to be kept then has more than one epoch in it, or no "
    "end at all, so the files are read again, and memory fills with copies of the same photos. "
    "Leave `repeat` out: whoever uses the dataset says how many epochs there are."
)
ENDLESS = (
    "The dataset goes on after the last photo, as `repeat` makes it. An epoch should end with the "
    "last photo: leave `repeat` out, whoever uses the dataset says how many epochs there are."
)
IN_A_FILE = (
    "The photos are kept in files, at a place that was given to `cache` or a step like it. They "
    "stay there after the program has ended, and the next one would take them, also where the "
    "photos have changed. Keep them in memory: `cache()`, without a name."
)
READ_WHEN_BUILT = (
    "Files are read while the dataset is built, before anybody has asked for a photo: `read` is "
    "called in Python, or the dataset is run through already. Give `read` to `map`, and leave it "
    "to the first epoch to fill the cache."
)
READ_INTO_A_LIST = (
    "`read` is called in Python while the dataset is built, before anybody has asked for a photo, "
    "and one tensor is to be made of what it gave, which can't be: sizes differ. Let a dataset of "
    "paths call it, in the first epoch: `tf.data.Dataset.from_tensor_slices(files).map(read)`, and "
    "`.cache()` behind that keeps the photos."
)
IN_BATCHES = (
    "The elements are batches, and single photos are asked for: leave `batch` out. (Batches that "
    "are cached keep together for good: `shuffle` behind them moves whole batches.)"
)
NOT_AUGMENTED = (
    "The photos arrive as `read` gave them: `augment` is missing. Put `map(augment)` behind "
    "`cache`, so that each epoch calls it anew."
)
AUGMENT_FIRST = (
    "`augment` is given a path: it stands before `read`. First `map(read)`, and `map(augment)` "
    "behind `cache`."
)
FILES_CHANGED = (
    "The list that was given has another order than before: `random.shuffle` and `sort` change the "
    "caller's list. Leave it as it is, and shuffle the dataset."
)
ONE_PATH = (
    "`read` is given more than one path at once. It takes a single one: "
    "`tf.data.Dataset.from_tensor_slices(files).map(read)` calls it for each."
)

IN_NAME_ONLY = (
    "`list_files` looks for files on the disk, and those of the check exist in name only: `read` "
    "knows what is in them. The paths are in `files` already: "
    "`tf.data.Dataset.from_tensor_slices(files)`."
)

EPOCHS, FILES = 4, 48
# What TensorFlow and NumPy say where arrays of several shapes are to become one.
OF_SEVERAL_SIZES = (
    "Shapes of all inputs must match|must have the same shape|inhomogeneous|non-rectangular"
    "|Dimensions .* are not compatible"
)


def cached(files, read, augment):
    """Return a dataset that reads each file once; each epoch shuffles and augments anew."""
    photos = tf.data.Dataset.from_tensor_slices(files).map(read).cache()
    return photos.shuffle(len(files)).map(augment)


def check_cache(answer: Callable) -> None:
    """Draw some epochs; look what was read, what came, and in which order."""
    given = _Photos(FILES)
    files = list(given.files)
    try:
        dataset = answer(files, given.read, given.augment)
    except Exception as error:
        told = [message for message in (ONE_PATH, AUGMENT_FIRST) if message in str(error)]
        if told:
            raise Wrong(told[0]) from None
        if "No files matched pattern" in str(error):
            raise Wrong(IN_NAME_ONLY) from None
        if given.reads and re.search(OF_SEVERAL_SIZES, str(error)):
            raise Wrong(READ_INTO_A_LIST) from None
        _judge_function(error)
        raise
    if not isinstance(dataset, tf.data.Dataset):
        raise Wrong(_no_dataset("cached", dataset))
    if given.reads:
        raise Wrong(READ_WHEN_BUILT)
    steps = _Steps(dataset)
    if _keeps_files(steps):
        raise Wrong(IN_A_FILE)
    if dataset.cardinality() == tf.data.INFINITE_CARDINALITY:
        raise Wrong(_too_many(steps))
    _judge_elements(dataset.element_spec)
    epochs = [_epoch(given, dataset, steps) for _ in range(EPOCHS)]
    if len({ticket for epoch in epochs for _, ticket in epoch}) < EPOCHS * FILES:
        raise Wrong(FROZEN)
    _judge_reads(given, steps)
    _judge_orders([[number for number, _ in epoch] for epoch in epochs], steps)
    if files != given.files:
        raise Wrong(FILES_CHANGED)


class _Photos:
    """Files that exist in name only, with a `read` and an `augment` that notice each call.

    What `augment` returns tells which photo it is, and which call of `augment` made it.
    """

    def __init__(self, count: int):
        self.files = [f"photo_{number:02d}.jpg" for number in np.arange(count) * 7 % count]
        self.reads: list[str] = []  # list.append needs no lock: `map` may call from many threads
        self._tickets = itertools.count(1)
        self._numbers = {
            self._photo(path).tobytes(): number for number, path in enumerate(self.files)
        }

    @staticmethod
    def _photo(path: str) -> np.ndarray:
        number = int(path[6:8])
        rng = np.random.default_rng([10, number])
        return rng.integers(0, 256, (3 + number % 4, 5, 3), np.uint8)

    def _read(self, path: bytes | np.ndarray) -> np.ndarray:
        path = np.asarray(path).item().decode()  # an array, where `read` is called in Python
        self.reads.append(path)
        return self._photo(path)

    @tf.autograph.experimental.do_not_convert
    def read(self, path: tf.Tensor) -> tf.Tensor:
        """Return the photo of a path."""
        path = tf.convert_to_tensor(path)
        if path.shape.rank != 0:
            raise ValueError(ONE_PATH)
        photo = tf.numpy_function(self._read, [path], tf.uint8)
        return tf.ensure_shape(photo, (None, None, 3))

    @tf.autograph.experimental.do_not_convert
    def augment(self, photo: tf.Tensor) -> tf.Tensor:
        """Return a photo as float32, with the number of this call added to it."""
        photo = tf.convert_to_tensor(photo)
        if photo.dtype == tf.string:
            raise ValueError(AUGMENT_FIRST)
        ticket = tf.numpy_function(lambda: np.float32(next(self._tickets)), [], tf.float32)
        changed = tf.cast(photo, tf.float32) / 256 + ticket
        return tf.ensure_shape(changed, photo.shape)

    def told(self, element: np.ndarray) -> tuple[int, int]:
        """Return a photo's place in `files`, and the number of the call that augmented it."""
        element = np.nan_to_num(element.astype(np.float64))
        ticket = np.floor(element)
        photo = ((element - ticket) * 256).astype(np.uint8)
        number = self._numbers.get(photo.tobytes())
        if number is None or ticket.min() < 1 or ticket.min() != ticket.max():
            raise Wrong(
                "An element isn't what `augment(read(path))` gives, of one of the files. Each "
                "should come as it is, as one float32 photo."
            )
        return number, int(ticket.min())


def _judge_elements(spec: object) -> None:
    if not isinstance(spec, tf.TensorSpec):
        raise Wrong(f"The elements are {_described(spec)}. Each should be one photo, and no more.")
    if spec.dtype == tf.uint8:
        raise Wrong(NOT_AUGMENTED)
    if spec.shape.rank is not None and spec.shape.rank > 3:
        raise Wrong(IN_BATCHES)
    if spec.dtype != tf.float32:
        raise Wrong(f"The elements are {spec.dtype.name}. They should be what `augment` returns.")


def _epoch(given: _Photos, dataset: tf.data.Dataset, steps: _Steps) -> list[tuple[int, int]]:
    elements = first(_calm(dataset), FILES + 3)
    found = [given.told(np.asarray(element)) for element in elements]
    counts = Counter(number for number, _ in found)
    if len(found) == len(counts) == FILES:
        return found
    if len(found) > FILES:
        raise Wrong(_too_many(steps))
    raise Wrong(
        f"In an epoch each of the {FILES} photos should come once. Yours has {len(found)} "
        f"elements, of {len(counts)} photos."
    )


def _too_many(steps: _Steps) -> str:
    repeats = set(steps.of("RepeatDataset"))
    kept = any(repeats & steps.before(cache) for cache in steps.of("CacheDataset"))
    return REPEAT_BEFORE if kept else ENDLESS


def _keeps_files(steps: _Steps) -> bool:
    names = [name for cache in steps.of("CacheDataset") for name in steps.constants(cache)]
    return any(names) or bool(steps.of("SnapshotDataset", "SaveDataset"))


def _judge_reads(given: _Photos, steps: _Steps) -> None:
    reads = Counter(given.reads)
    if all(reads[path] == 1 for path in given.files):
        return
    caches = steps.of("CacheDataset")
    if steps.known and not caches:
        raise Wrong(NO_CACHE)
    if caches and all(_kept_by(cache) == [tf.string] for cache in caches):
        raise Wrong(PATHS_CACHED)
    if any(set(caches) & steps.before(take) for take in steps.of("TakeDataset")):
        raise Wrong(TAKE_BEHIND)
    raise Wrong(READ_AGAIN.format(epochs=EPOCHS, files=FILES, reads=len(given.reads)))


def _kept_by(cache: _Step) -> list[tf.DType]:
    return [tf.as_dtype(kind) for kind in cache.node.attr["output_types"].list.type]


def _judge_orders(orders: list[list[int]], steps: _Steps) -> None:
    """Look whether each epoch has an order of its own, and whether all photos change places.

    With a buffer for half of the files or fewer, no photo comes that much before its place. That
    this happens in all epochs with a buffer for all has a chance of 1 in 10**16.
    """
    in_order = list(range(FILES))
    if all(order == in_order for order in orders):
        raise Wrong(NOT_SHUFFLED)
    if len(set(map(tuple, orders))) == 1:
        raise Wrong(_why_the_same(steps))
    if len(set(map(tuple, orders))) < EPOCHS:
        raise Wrong("Some epochs have the same order. Each should be shuffled anew.")
    forward = max(number - place for order in orders for place, number in enumerate(order))
    if forward < FILES // 2:
        raise Wrong(SMALL_BUFFER)


def _why_the_same(steps: _Steps) -> str:
    shuffles = set(steps.of("ShuffleDataset"))
    if not shuffles:
        return SHUFFLED_ONCE
    kept = {each for cache in steps.of("CacheDataset") for each in steps.before(cache)}
    return SAME_ORDER if shuffles - kept else ORDER_FROZEN


def _has_no_cache(files, read, augment):
    photos = tf.data.Dataset.from_tensor_slices(files).map(read)
    return photos.shuffle(len(files)).map(augment)


def _caches_the_paths(files, read, augment):
    paths = tf.data.Dataset.from_tensor_slices(files).cache()
    return paths.shuffle(len(files)).map(read).map(augment)


def _caches_at_the_end(files, read, augment):
    photos = tf.data.Dataset.from_tensor_slices(files).map(read).shuffle(len(files))
    return photos.map(augment).cache()


def _shuffles_before(files, read, augment):
    photos = tf.data.Dataset.from_tensor_slices(files).shuffle(len(files)).map(read)
    return photos.cache().map(augment)


def _shuffles_once(files, read, augment):
    photos = tf.data.Dataset.from_tensor_slices(files).map(read).cache()
    return photos.shuffle(len(files), reshuffle_each_iteration=False).map(augment)


def _shuffles_in_python(files, read, augment):
    files = list(np.random.default_rng(3).permutation(files))
    return tf.data.Dataset.from_tensor_slices(files).map(read).cache().map(augment)


def _never_shuffles(files, read, augment):
    return tf.data.Dataset.from_tensor_slices(files).map(read).cache().map(augment)


def _has_a_small_buffer(files, read, augment):
    photos = tf.data.Dataset.from_tensor_slices(files).map(read).cache()
    return photos.shuffle(10).map(augment)


def _repeats_before(files, read, augment):
    photos = tf.data.Dataset.from_tensor_slices(files).map(read).repeat().cache()
    return photos.shuffle(len(files)).map(augment)


def _repeats_behind(files, read, augment):
    photos = tf.data.Dataset.from_tensor_slices(files).map(read).cache().repeat()
    return photos.shuffle(len(files)).map(augment)


def _names_a_file(files, read, augment):
    photos = tf.data.Dataset.from_tensor_slices(files).map(read).cache("photos")
    return photos.shuffle(len(files)).map(augment)


def _reads_when_built(files, read, augment):
    photos = tf.data.Dataset.from_tensor_slices(files).map(read).cache()
    for _ in photos:  # so that the cache is full
        pass
    return photos.shuffle(len(files)).map(augment)


def _reads_into_a_list(files, read, augment):
    photos = tf.data.Dataset.from_tensor_slices([read(file) for file in files])
    return photos.shuffle(len(files)).map(augment)


def _makes_batches(files, read, augment):
    photos = tf.data.Dataset.from_tensor_slices(files).map(read).cache()
    return photos.shuffle(len(files)).map(augment).batch(8)


def _never_augments(files, read, augment):
    photos = tf.data.Dataset.from_tensor_slices(files).map(read).cache()
    return photos.shuffle(len(files))


# ----------------------------------------------------------------------------------- 10.write

NOT_CLOSED = (
    "When `write` returns, a file is still open: the end of what was written waits in its "
    "writer's buffer, and a reader would find a shorter file, or an empty one. Close each writer, "
    "also where an error comes: in `finally`, or by `with`."
)
ALL_IN_ONE = (
    "All examples are in one file. Open `shards` writers, and give them the examples in turn: "
    "number 0 to the first, 1 to the second, ...: `writers[number % shards]`."
)
IN_BLOCKS = (
    "The first file has the first examples, one after the other, the next file those that follow. "
    "Then someone must know beforehand how many there are. Deal them out in turn instead: example "
    "number `n` goes into file `n % shards`."
)
ALL_HELD = (
    "Examples are drawn, and none is written: all of them are in memory before the first is "
    "written, and there may be more than memory holds. Write each as soon as it comes."
)
NOT_SERIALIZED = (
    "`write` of a TFRecordWriter takes bytes, and was given {kind}. The bytes of an Example are "
    "`example.SerializeToString()`, those of a tensor `tensor.numpy()`."
)
TEXT_WRITTEN = (
    "A record holds the text that `print(example)` would show, and no reader takes an Example "
    "apart that was written so. The bytes come from `example.SerializeToString()`, not from `str` "
    "or `repr`."
)
NO_EXAMPLE = (
    "A record holds the JPEG alone, without a label. Make a tf.train.Example of both, with the "
    "features `photo` and `label`, and write its `SerializeToString()`."
)
LABEL_AS_FLOAT = (
    "The label is kept as a float. Who asks for int64, as the labels of classes are, is refused, "
    "and above 16,777,216 float32 doesn't hold every whole number: "
    "`tf.train.Feature(int64_list=tf.train.Int64List(value=[label]))`."
)
LABEL_AS_BYTES = (
    "The label is kept as bytes, a text. It's a number: "
    "`tf.train.Feature(int64_list=tf.train.Int64List(value=[label]))`."
)
PHOTO_AS_NUMBERS = (
    "The photo is kept as a list of numbers, one for each byte. JPEG is bytes, and goes in whole: "
    "`tf.train.Feature(bytes_list=tf.train.BytesList(value=[photo]))`."
)
PHOTO_WRAPPED = (
    "The photo was given to `tf.io.serialize_tensor`, which puts a head before the bytes, and no "
    "JPEG decoder reads that. It's bytes already, as a feature wants them: "
    "`tf.train.BytesList(value=[photo])`."
)
PHOTO_CHANGED = (
    "A photo's bytes are others than those that came. It's a JPEG already: leave it as it is, "
    "`tf.train.BytesList(value=[photo])`. Decoded it would be several times as large, and encoded "
    "again it would lose a little each time."
)
HALF_LEFT = (
    "The examples ended with an error in the middle, and a file is left under its own name with "
    "some of them in it. A later run would take it for whole. Write under another name, and give "
    "the files their own, by `os.replace`, when all are written and closed."
)
HALF_SEEN = (
    "After an error nothing is left, but while examples are written the files have their own names "
    "already. A process that is killed cleans nothing up, and a reader may come at any time. Write "
    "under another name, and rename when all are written and closed."
)
OLD_LOST = (
    "The new run failed, and the earlier files are gone. Don't delete them: `os.replace` replaces "
    "them in the end."
)
STILL_OPEN = (
    "Files got their own names while their writers were still open, so for a moment something lay "
    "there that wasn't whole: the end of it waits in the writer's buffer. Leave the `with`, or "
    "close each writer, before you rename."
)
ERROR_SWALLOWED = (
    "The examples ended with an error in the middle, and `write` returned as if they were "
    "complete. Clean up in `finally`, without `except`, or raise the error again: whoever called "
    "must hear of it."
)
LAST_ONLY = (
    "Each file holds its last example alone: a TFRecordWriter begins with an empty file, so "
    "opening it again throws away what was written. Open each file once, before the loop."
)
COMPRESSED = (
    "The files are compressed, and a reader that isn't told so can't read them. JPEG is compressed "
    "already, so there is nothing to gain: leave `options` out."
)
NONE_EMPTY = (
    "With fewer examples than shards a file is missing. There should always be `shards` files, and "
    "some may be empty: whoever reads them knows from the names how many there are."
)
USED_UP = (
    "The files hold less than was given: the examples are gone through twice, and a generator is "
    "used up after the first time. Write each example in the same pass that draws it."
)
PATH_REFUSED = (
    "A TFRecordWriter takes a path as a str, and no Path: `tf.io.TFRecordWriter(str(path))`, or "
    "`os.fspath(path)`."
)
WITHOUT_A_LIST = (
    "The value of a feature is always a list, also of one: `value=[photo]` and `value=[label]`."
)
LEFT_BEHIND = (
    "Beside the files of photos the folder holds {others}. What was written under another name "
    "should be renamed, so that nothing stays there."
)


def write(examples, folder, shards):
    """Write pairs (JPEG bytes, label) to TFRecord files, in turn; return the files' paths."""
    paths = [f"{folder}/photos-{n:05d}-of-{shards:05d}.tfrecord" for n in range(shards)]
    writers = [tf.io.TFRecordWriter(f"{path}.unfinished") for path in paths]
    try:
        for number, (photo, label) in enumerate(examples):
            feature = {
                "photo": tf.train.Feature(bytes_list=tf.train.BytesList(value=[photo])),
                "label": tf.train.Feature(int64_list=tf.train.Int64List(value=[label])),
            }
            example = tf.train.Example(features=tf.train.Features(feature=feature))
            writers[number % shards].write(example.SerializeToString())
    finally:
        for writer in writers:
            writer.close()
    for path in paths:
        os.replace(f"{path}.unfinished", path)
    return paths


def check_write(answer: Callable) -> None:
    """Have examples written: some, then others that end with an error, then fewer than files."""
    with tempfile.TemporaryDirectory(prefix="records_", ignore_cleanup_errors=True) as folder:
        whole, few = (os.path.join(folder, name) for name in ("some", "few"))
        os.mkdir(whole)
        os.mkdir(few)
        given = _Examples(EXAMPLES, whole, 3)
        _judge_files(_written(answer, given), given)
        torn = _judge_an_error(answer, whole)
        if given.half_seen or torn.half_seen:
            raise Wrong(HALF_SEEN)
        if torn.contents() != torn.before:
            raise Wrong(OLD_LOST)
        if given.still_open:
            raise Wrong(STILL_OPEN)
        given = _Examples(EXAMPLES[:2], few, 5)
        _judge_files(_written(answer, given), given)


class _Torn(Exception):
    """The error of an iterator of examples."""


def _jpeg(number: int) -> bytes:
    """Return a small photo that no two numbers share."""
    pixels = np.random.default_rng([11, number]).integers(0, 256, (8, 12, 3), np.uint8)
    return cv2.imencode(".jpg", pixels)[1].tobytes()


LABELS = (4, 0, 2**40, 7, 1, 1, 300, 9)
EXAMPLES = [(_jpeg(number), label) for number, label in enumerate(LABELS)]
OTHERS = [(_jpeg(20 + number), number) for number in range(8)]


class _Examples(Iterator):
    """Examples to be written, which notice what becomes of them and what lies in the folder."""

    def __init__(self, examples: list, folder: str, shards: int, until: int | None = None):
        self.examples, self.folder, self.shards = examples, folder, shards
        self.until = until  # how many come before the error
        self.names = [f"photos-{n:05d}-of-{shards:05d}.tfrecord" for n in range(shards)]
        self.writers: list = []
        self.refused: list = []  # what a writer was given that isn't bytes
        self.drawn = self.written = self.most_held = 0
        self.ended = self.drawn_twice = self.half_seen = self.still_open = False
        self.before = self.contents()

    def __next__(self) -> tuple[bytes, int]:
        """Return the next example; look what has become of those before."""
        self.drawn_twice |= self.ended
        if not self.ended:
            self.most_held = max(self.most_held, self.drawn - self.written)
            self.half_seen |= not self.contents().items() <= self.before.items()
        if self.ended or self.drawn == len(self.examples):
            self.ended = True
            raise StopIteration
        if self.drawn == self.until:
            self.ended = True
            raise _Torn("the camera is broken")
        self.drawn += 1
        return self.examples[self.drawn - 1]

    def contents(self) -> dict[str, bytes]:
        """What lies under the names of whole files."""
        paths = [Path(self.folder, name) for name in self.names]
        return {path.name: path.read_bytes() for path in paths if path.is_file()}

    @contextlib.contextmanager
    def closing(self) -> Iterator[None]:
        """Look whether closing a writer adds to a file that has its own name already."""
        before = self.contents()
        yield
        self.still_open |= self.contents() != before

    def others(self) -> list[str]:
        """What else lies in the folder."""
        return sorted(set(os.listdir(self.folder)) - set(self.names))


@contextlib.contextmanager
def _noticed(given: _Examples) -> Iterator[None]:
    """Have this thread's TFRecordWriters tell what becomes of them, and live on if not closed.

    A writer that nobody holds any longer is closed by Python. Whether somebody does, such as a
    variable of a notebook or an error's traceback, isn't up to the function that opened it.
    """
    real, thread = tf.io.TFRecordWriter, threading.get_ident()

    class TFRecordWriter(real):
        def __init__(self, *arguments, **options):
            super().__init__(*arguments, **options)
            self.closed, self.noticed = False, threading.get_ident() == thread
            if self.noticed:
                given.writers.append(self)

        def write(self, record):
            if not isinstance(record, (bytes, bytearray, str)):
                given.refused.append(record)
            super().write(record)
            given.written += self.noticed

        def close(self):
            self.closed = True
            with given.closing():
                super().close()

        def __exit__(self, *error):
            self.closed = True
            with given.closing():
                return super().__exit__(*error)

    tf.io.TFRecordWriter = TFRecordWriter
    try:
        yield
    finally:
        tf.io.TFRecordWriter = real


def _written(answer: Callable, given: _Examples) -> object:
    """Call the answer, and give back what it returns; some errors are told in other words."""
    try:
        with _noticed(given):
            result = answer(given, given.folder, given.shards)
        _judge_kind(result)
        if not all(writer.closed for writer in given.writers):
            raise Wrong(NOT_CLOSED)
        return result
    except TypeError as error:
        told = str(error)
        if given.refused and "write(): incompatible" in told:
            raise Wrong(NOT_SERIALIZED.format(kind=_kind(given.refused[0]))) from None
        if "expected bytes, int found" in told or "must assign iterable" in told:
            raise Wrong(WITHOUT_A_LIST) from None
        if "Expected binary or unicode string, got" in told and "Path(" in told:
            raise Wrong(PATH_REFUSED) from None
        raise
    finally:
        for writer in given.writers:
            writer.close()


def _judge_files(result: object, given: _Examples) -> None:
    there = given.contents()
    if not there:
        told = _some(given.others()) or "nothing"
        raise Wrong(f"A file `{given.names[0]}` should lie in the folder. There is {told}.")
    found = {name: _examples_in(content, given) for name, content in there.items()}
    _compare_shards(found, given)
    paths = [result] if isinstance(result, (str, os.PathLike)) else result
    expected = [os.path.join(given.folder, name) for name in given.names]
    if list(map(os.path.realpath, paths)) != list(map(os.path.realpath, expected)):
        raise Wrong(
            "write should return the paths of the files, in the order of their numbers. Yours "
            f"returns {_some(map(os.path.basename, paths)) or 'none'}."
        )
    if given.written and given.most_held > given.shards + 1:
        raise Wrong(ALL_HELD)
    if given.others():
        raise Wrong(LEFT_BEHIND.format(others=_some(given.others())))


def _judge_kind(result: object) -> None:
    paths = [result] if isinstance(result, (str, os.PathLike)) else result
    if not isinstance(paths, (list, tuple)) or not all(
        isinstance(each, (str, os.PathLike)) for each in paths
    ):
        forgotten = " Is `return` missing?" if result is None else ""
        raise Wrong(
            f"write gave back {_kind(result)}, and should return a list of paths.{forgotten}"
        )


def _examples_in(content: bytes, given: _Examples) -> list[tuple[bytes, int]]:
    """Return the pairs in a file's bytes; raise Wrong where they aren't what they should be."""
    if content[:2] == b"\x1f\x8b" or content[:1] == b"\x78":  # gzip, zlib
        raise Wrong(COMPRESSED)
    return [_pair(record, given) for record in _records(content)]


def _records(content: bytes) -> Iterator[bytes]:
    """Take a TFRecord file apart: 8 bytes length, 4 of a checksum, the record, 4 of another."""
    place = 0
    while place < len(content):
        (length,) = struct.unpack("<Q", content[place : place + 8].ljust(8, b"\0"))
        end = place + 12 + length + 4
        if place + 12 > len(content) or end > len(content):
            raise Wrong("A file ends in the middle of a record. Write with a TFRecordWriter.")
        yield content[place + 12 : end - 4]
        place = end


def _pair(record: bytes, given: _Examples) -> tuple[bytes, int]:
    photos = [photo for photo, _ in given.examples]
    if record in photos:
        raise Wrong(NO_EXAMPLE)
    try:
        feature = tf.train.Example.FromString(record).features.feature
    except Exception:  # protobuf's DecodeError, which has no public name here
        text = record.decode("ascii", "replace")
        if "bytes_list" in text:
            raise Wrong(TEXT_WRITTEN) from None
        raise Wrong(f"A record isn't a tf.train.Example. It begins with {record[:12]!r}.") from None
    if sorted(feature) != ["label", "photo"]:
        raise Wrong(
            "An Example should have two features, `photo` and `label`. Yours has "
            f"{_some(sorted(feature)) or 'none'}."
        )
    return _photo_of(feature["photo"], photos), _label_of(feature["label"])


def _photo_of(feature: tf.train.Feature, photos: list[bytes]) -> bytes:
    if feature.WhichOneof("kind") in ("int64_list", "float_list"):
        raise Wrong(PHOTO_AS_NUMBERS)
    values = list(feature.bytes_list.value)
    if len(values) != 1:
        raise Wrong(f"Each Example should hold one photo. One of yours holds {len(values)}.")
    if values[0] in photos:
        return values[0]
    if any(photo in values[0] for photo in photos):
        raise Wrong(PHOTO_WRAPPED)
    raise Wrong(PHOTO_CHANGED)


def _label_of(feature: tf.train.Feature) -> int:
    kind = feature.WhichOneof("kind")
    if kind in ("float_list", "bytes_list"):
        raise Wrong(LABEL_AS_FLOAT if kind == "float_list" else LABEL_AS_BYTES)
    values = list(feature.int64_list.value)
    if len(values) != 1:
        raise Wrong(f"Each Example should hold one label. One of yours holds {len(values)}.")
    return values[0]


def _compare_shards(found: dict[str, list], given: _Examples) -> None:
    """Hold what each file has against what it should have: every `shards`-th example."""
    right = {name: given.examples[n :: given.shards] for n, name in enumerate(given.names)}
    if found == right:
        return
    every = [pair for name in given.names for pair in found.get(name, [])]
    if found.get(given.names[0]) == given.examples and len(given.examples) > 2:
        raise Wrong(ALL_IN_ONE)
    if set(found) < set(right):
        if all(found[name] == right[name] for name in found) and not any(
            right[name] for name in set(right) - set(found)
        ):
            raise Wrong(NONE_EMPTY)
        raise Wrong(
            f"There should be {given.shards} files: {_some(given.names)}. There is "
            f"{_some(sorted(found))}."
        )
    if every == given.examples:
        raise Wrong(IN_BLOCKS)
    if all(found[name] == right[name][-1:] for name in right):
        raise Wrong(LAST_ONLY)
    if len(every) < len(given.examples) and given.drawn_twice:
        raise Wrong(USED_UP)
    there = {pair: number for number, pair in enumerate(given.examples)}
    numbers = [[there.get(pair, "?") for pair in found[name]] for name in given.names]
    expected = [[*range(len(there))[n :: given.shards]] for n in range(given.shards)]
    raise Wrong(
        f"Of {len(given.examples)} examples in {given.shards} files, by their numbers, the files "
        f"should hold {expected}. Yours hold {numbers}."
    )


def _judge_an_error(answer: Callable, folder: str) -> _Examples:
    """Have other examples written into the same folder, of which the sixth is an error."""
    given = _Examples(OTHERS, folder, 3, until=5)
    try:
        _written(answer, given)
    except Wrong:
        raise Wrong(ERROR_SWALLOWED) from None
    except BaseException as error:
        if not _comes_from(error, _Torn):
            raise
    else:
        raise Wrong(ERROR_SWALLOWED)
    if not given.contents().items() <= given.before.items():
        raise Wrong(HALF_LEFT)
    return given


def _comes_from(error: BaseException | None, kind: type) -> bool:
    while error is not None:
        if isinstance(error, kind):
            return True
        error = error.__cause__ or error.__context__
    return False


def _never_closes(examples, folder, shards):
    paths = [f"{folder}/photos-{n:05d}-of-{shards:05d}.tfrecord" for n in range(shards)]
    writers = [tf.io.TFRecordWriter(f"{path}.unfinished") for path in paths]
    for number, (photo, label) in enumerate(examples):
        feature = {
            "photo": tf.train.Feature(bytes_list=tf.train.BytesList(value=[photo])),
            "label": tf.train.Feature(int64_list=tf.train.Int64List(value=[label])),
        }
        example = tf.train.Example(features=tf.train.Features(feature=feature))
        writers[number % shards].write(example.SerializeToString())
    for path in paths:
        os.replace(f"{path}.unfinished", path)
    return paths


def _writes_one_file(examples, folder, shards):
    path = f"{folder}/photos-{0:05d}-of-{shards:05d}.tfrecord"
    with tf.io.TFRecordWriter(f"{path}.unfinished") as writer:
        for photo, label in examples:
            feature = {
                "photo": tf.train.Feature(bytes_list=tf.train.BytesList(value=[photo])),
                "label": tf.train.Feature(int64_list=tf.train.Int64List(value=[label])),
            }
            example = tf.train.Example(features=tf.train.Features(feature=feature))
            writer.write(example.SerializeToString())
    os.replace(f"{path}.unfinished", path)
    return [path]


def _makes_blocks(examples, folder, shards):
    examples, paths = list(examples), []
    most = -(-len(examples) // shards)
    for n in range(shards):
        path = f"{folder}/photos-{n:05d}-of-{shards:05d}.tfrecord"
        with tf.io.TFRecordWriter(f"{path}.unfinished") as writer:
            for photo, label in examples[n * most : (n + 1) * most]:
                feature = {
                    "photo": tf.train.Feature(bytes_list=tf.train.BytesList(value=[photo])),
                    "label": tf.train.Feature(int64_list=tf.train.Int64List(value=[label])),
                }
                example = tf.train.Example(features=tf.train.Features(feature=feature))
                writer.write(example.SerializeToString())
        paths.append(path)
    for path in paths:
        os.replace(f"{path}.unfinished", path)
    return paths


def _holds_all(examples, folder, shards):
    examples = list(examples)
    paths = [f"{folder}/photos-{n:05d}-of-{shards:05d}.tfrecord" for n in range(shards)]
    for n, path in enumerate(paths):
        with tf.io.TFRecordWriter(f"{path}.unfinished") as writer:
            for photo, label in examples[n::shards]:
                feature = {
                    "photo": tf.train.Feature(bytes_list=tf.train.BytesList(value=[photo])),
                    "label": tf.train.Feature(int64_list=tf.train.Int64List(value=[label])),
                }
                example = tf.train.Example(features=tf.train.Features(feature=feature))
                writer.write(example.SerializeToString())
    for path in paths:
        os.replace(f"{path}.unfinished", path)
    return paths


def _goes_through_them_for_each_file(examples, folder, shards):
    paths = [f"{folder}/photos-{n:05d}-of-{shards:05d}.tfrecord" for n in range(shards)]
    for n, path in enumerate(paths):
        with tf.io.TFRecordWriter(f"{path}.unfinished") as writer:
            for number, (photo, label) in enumerate(examples):
                if number % shards == n:
                    feature = {
                        "photo": tf.train.Feature(bytes_list=tf.train.BytesList(value=[photo])),
                        "label": tf.train.Feature(int64_list=tf.train.Int64List(value=[label])),
                    }
                    example = tf.train.Example(features=tf.train.Features(feature=feature))
                    writer.write(example.SerializeToString())
    for path in paths:
        os.replace(f"{path}.unfinished", path)
    return paths


def _writes_the_example(examples, folder, shards):
    paths = [f"{folder}/photos-{n:05d}-of-{shards:05d}.tfrecord" for n in range(shards)]
    writers = [tf.io.TFRecordWriter(f"{path}.unfinished") for path in paths]
    try:
        for number, (photo, label) in enumerate(examples):
            feature = {
                "photo": tf.train.Feature(bytes_list=tf.train.BytesList(value=[photo])),
                "label": tf.train.Feature(int64_list=tf.train.Int64List(value=[label])),
            }
            example = tf.train.Example(features=tf.train.Features(feature=feature))
            writers[number % shards].write(example)
    finally:
        for writer in writers:
            writer.close()
    for path in paths:
        os.replace(f"{path}.unfinished", path)
    return paths


def _writes_its_text(examples, folder, shards):
    paths = [f"{folder}/photos-{n:05d}-of-{shards:05d}.tfrecord" for n in range(shards)]
    writers = [tf.io.TFRecordWriter(f"{path}.unfinished") for path in paths]
    try:
        for number, (photo, label) in enumerate(examples):
            feature = {
                "photo": tf.train.Feature(bytes_list=tf.train.BytesList(value=[photo])),
                "label": tf.train.Feature(int64_list=tf.train.Int64List(value=[label])),
            }
            example = tf.train.Example(features=tf.train.Features(feature=feature))
            writers[number % shards].write(str(example))
    finally:
        for writer in writers:
            writer.close()
    for path in paths:
        os.replace(f"{path}.unfinished", path)
    return paths


def _writes_the_jpeg_alone(examples, folder, shards):
    paths = [f"{folder}/photos-{n:05d}-of-{shards:05d}.tfrecord" for n in range(shards)]
    writers = [tf.io.TFRecordWriter(f"{path}.unfinished") for path in paths]
    try:
        for number, (photo, _label) in enumerate(examples):
            writers[number % shards].write(photo)
    finally:
        for writer in writers:
            writer.close()
    for path in paths:
        os.replace(f"{path}.unfinished", path)
    return paths


def _makes_the_label_a_float(examples, folder, shards):
    paths = [f"{folder}/photos-{n:05d}-of-{shards:05d}.tfrecord" for n in range(shards)]
    writers = [tf.io.TFRecordWriter(f"{path}.unfinished") for path in paths]
    try:
        for number, (photo, label) in enumerate(examples):
            feature = {
                "photo": tf.train.Feature(bytes_list=tf.train.BytesList(value=[photo])),
                "label": tf.train.Feature(float_list=tf.train.FloatList(value=[label])),
            }
            example = tf.train.Example(features=tf.train.Features(feature=feature))
            writers[number % shards].write(example.SerializeToString())
    finally:
        for writer in writers:
            writer.close()
    for path in paths:
        os.replace(f"{path}.unfinished", path)
    return paths


def _makes_the_label_a_text(examples, folder, shards):
    paths = [f"{folder}/photos-{n:05d}-of-{shards:05d}.tfrecord" for n in range(shards)]
    writers = [tf.io.TFRecordWriter(f"{path}.unfinished") for path in paths]
    try:
        for number, (photo, label) in enumerate(examples):
            text = str(label).encode()
            feature = {
                "photo": tf.train.Feature(bytes_list=tf.train.BytesList(value=[photo])),
                "label": tf.train.Feature(bytes_list=tf.train.BytesList(value=[text])),
            }
            example = tf.train.Example(features=tf.train.Features(feature=feature))
            writers[number % shards].write(example.SerializeToString())
    finally:
        for writer in writers:
            writer.close()
    for path in paths:
        os.replace(f"{path}.unfinished", path)
    return paths


def _makes_numbers_of_the_photo(examples, folder, shards):
    paths = [f"{folder}/photos-{n:05d}-of-{shards:05d}.tfrecord" for n in range(shards)]
    writers = [tf.io.TFRecordWriter(f"{path}.unfinished") for path in paths]
    try:
        for number, (photo, label) in enumerate(examples):
            feature = {
                "photo": tf.train.Feature(int64_list=tf.train.Int64List(value=list(photo))),
                "label": tf.train.Feature(int64_list=tf.train.Int64List(value=[label])),
            }
            example = tf.train.Example(features=tf.train.Features(feature=feature))
            writers[number % shards].write(example.SerializeToString())
    finally:
        for writer in writers:
            writer.close()
    for path in paths:
        os.replace(f"{path}.unfinished", path)
    return paths


def _serializes_the_photo(examples, folder, shards):
    paths = [f"{folder}/photos-{n:05d}-of-{shards:05d}.tfrecord" for n in range(shards)]
    writers = [tf.io.TFRecordWriter(f"{path}.unfinished") for path in paths]
    try:
        for number, (photo, label) in enumerate(examples):
            tensor = tf.io.serialize_tensor(photo).numpy()
            feature = {
                "photo": tf.train.Feature(bytes_list=tf.train.BytesList(value=[tensor])),
                "label": tf.train.Feature(int64_list=tf.train.Int64List(value=[label])),
            }
            example = tf.train.Example(features=tf.train.Features(feature=feature))
            writers[number % shards].write(example.SerializeToString())
    finally:
        for writer in writers:
            writer.close()
    for path in paths:
        os.replace(f"{path}.unfinished", path)
    return paths


def _decodes_the_photo(examples, folder, shards):
    paths = [f"{folder}/photos-{n:05d}-of-{shards:05d}.tfrecord" for n in range(shards)]
    writers = [tf.io.TFRecordWriter(f"{path}.unfinished") for path in paths]
    try:
        for number, (photo, label) in enumerate(examples):
            pixels = tf.io.decode_jpeg(photo).numpy().tobytes()
            feature = {
                "photo": tf.train.Feature(bytes_list=tf.train.BytesList(value=[pixels])),
                "label": tf.train.Feature(int64_list=tf.train.Int64List(value=[label])),
            }
            example = tf.train.Example(features=tf.train.Features(feature=feature))
            writers[number % shards].write(example.SerializeToString())
    finally:
        for writer in writers:
            writer.close()
    for path in paths:
        os.replace(f"{path}.unfinished", path)
    return paths


def _leaves_half_files(examples, folder, shards):
    paths = [f"{folder}/photos-{n:05d}-of-{shards:05d}.tfrecord" for n in range(shards)]
    writers = [tf.io.TFRecordWriter(path) for path in paths]
    try:
        for number, (photo, label) in enumerate(examples):
            feature = {
                "photo": tf.train.Feature(bytes_list=tf.train.BytesList(value=[photo])),
                "label": tf.train.Feature(int64_list=tf.train.Int64List(value=[label])),
            }
            example = tf.train.Example(features=tf.train.Features(feature=feature))
            writers[number % shards].write(example.SerializeToString())
    finally:
        for writer in writers:
            writer.close()
    return paths


def _removes_half_files(examples, folder, shards):
    paths = [f"{folder}/photos-{n:05d}-of-{shards:05d}.tfrecord" for n in range(shards)]
    writers = [tf.io.TFRecordWriter(path) for path in paths]
    try:
        for number, (photo, label) in enumerate(examples):
            feature = {
                "photo": tf.train.Feature(bytes_list=tf.train.BytesList(value=[photo])),
                "label": tf.train.Feature(int64_list=tf.train.Int64List(value=[label])),
            }
            example = tf.train.Example(features=tf.train.Features(feature=feature))
            writers[number % shards].write(example.SerializeToString())
    except Exception:
        for path in paths:
            os.remove(path)
        raise
    finally:
        for writer in writers:
            writer.close()
    return paths


def _deletes_the_earlier_files(examples, folder, shards):
    paths = [f"{folder}/photos-{n:05d}-of-{shards:05d}.tfrecord" for n in range(shards)]
    for path in paths:
        if os.path.exists(path):
            os.remove(path)
    writers = [tf.io.TFRecordWriter(f"{path}.unfinished") for path in paths]
    try:
        for number, (photo, label) in enumerate(examples):
            feature = {
                "photo": tf.train.Feature(bytes_list=tf.train.BytesList(value=[photo])),
                "label": tf.train.Feature(int64_list=tf.train.Int64List(value=[label])),
            }
            example = tf.train.Example(features=tf.train.Features(feature=feature))
            writers[number % shards].write(example.SerializeToString())
    finally:
        for writer in writers:
            writer.close()
    for path in paths:
        os.replace(f"{path}.unfinished", path)
    return paths


def _renames_inside_the_with(examples, folder, shards):
    from contextlib import ExitStack

    paths = [f"{folder}/photos-{n:05d}-of-{shards:05d}.tfrecord" for n in range(shards)]
    with ExitStack() as stack:
        writers = [
            stack.enter_context(tf.io.TFRecordWriter(f"{path}.unfinished")) for path in paths
        ]
        for number, (photo, label) in enumerate(examples):
            feature = {
                "photo": tf.train.Feature(bytes_list=tf.train.BytesList(value=[photo])),
                "label": tf.train.Feature(int64_list=tf.train.Int64List(value=[label])),
            }
            example = tf.train.Example(features=tf.train.Features(feature=feature))
            writers[number % shards].write(example.SerializeToString())
        for path in paths:
            os.replace(f"{path}.unfinished", path)
    return paths


def _swallows_the_error(examples, folder, shards):
    paths = [f"{folder}/photos-{n:05d}-of-{shards:05d}.tfrecord" for n in range(shards)]
    writers = [tf.io.TFRecordWriter(f"{path}.unfinished") for path in paths]
    try:
        for number, (photo, label) in enumerate(examples):
            feature = {
                "photo": tf.train.Feature(bytes_list=tf.train.BytesList(value=[photo])),
                "label": tf.train.Feature(int64_list=tf.train.Int64List(value=[label])),
            }
            example = tf.train.Example(features=tf.train.Features(feature=feature))
            writers[number % shards].write(example.SerializeToString())
    except Exception:
        pass
    for writer in writers:
        writer.close()
    for path in paths:
        os.replace(f"{path}.unfinished", path)
    return paths


def _opens_for_each(examples, folder, shards):
    paths = [f"{folder}/photos-{n:05d}-of-{shards:05d}.tfrecord" for n in range(shards)]
    for number, (photo, label) in enumerate(examples):
        feature = {
            "photo": tf.train.Feature(bytes_list=tf.train.BytesList(value=[photo])),
            "label": tf.train.Feature(int64_list=tf.train.Int64List(value=[label])),
        }
        example = tf.train.Example(features=tf.train.Features(feature=feature))
        with tf.io.TFRecordWriter(f"{paths[number % shards]}.unfinished") as writer:
            writer.write(example.SerializeToString())
    for path in paths:
        os.replace(f"{path}.unfinished", path)
    return paths


def _compresses(examples, folder, shards):
    paths = [f"{folder}/photos-{n:05d}-of-{shards:05d}.tfrecord" for n in range(shards)]
    writers = [tf.io.TFRecordWriter(f"{path}.unfinished", "GZIP") for path in paths]
    try:
        for number, (photo, label) in enumerate(examples):
            feature = {
                "photo": tf.train.Feature(bytes_list=tf.train.BytesList(value=[photo])),
                "label": tf.train.Feature(int64_list=tf.train.Int64List(value=[label])),
            }
            example = tf.train.Example(features=tf.train.Features(feature=feature))
            writers[number % shards].write(example.SerializeToString())
    finally:
        for writer in writers:
            writer.close()
    for path in paths:
        os.replace(f"{path}.unfinished", path)
    return paths


# ------------------------------------------------------------------------------------ 10.read

ONE_BY_ONE = (
    "The elements are right, but each record is parsed by itself, with one call for each. Make "
    "batches of the records as they are, `records.batch(batch_size)`, and parse each batch with "
    "one call of `tf.io.parse_example`, in a `map` behind."
)
SINGLE_OF_A_BATCH = (
    "`tf.io.parse_single_example` was given a batch of records, and takes a single one. For a "
    "batch there is `tf.io.parse_example`, with the same two arguments."
)
FILE_AFTER_FILE = (
    "The records come file after file, so one file is read at a time, and the examples come in "
    "another order than they were written. Take from all files in turn: "
    "`files.interleave(tf.data.TFRecordDataset, cycle_length=len(paths), ...)`."
)
TOO_FEW_AT_A_TIME = (
    "Fewer files are open at a time than there are. `interleave` takes turns among `cycle_length` "
    "files, and where it isn't said, that depends on how many cores the machine has, and so does "
    "the order. Say `cycle_length=len(paths)`."
)
SEVERAL_IN_A_ROW = (
    "Several records in a row come from the same file, as `block_length` makes it. They were "
    "written in turn, one to each file, so one of each must be taken: leave `block_length` out."
)
NOT_PARALLEL = (
    "The elements are right, but no step of the dataset reads files in parallel. `interleave` by "
    "itself only takes turns: it waits for each file alone. Say how many may be read at the same "
    "time: `num_parallel_calls=tf.data.AUTOTUNE`."
)
ANY_ORDER = (
    "The dataset is told that the order doesn't matter, `deterministic=False`: whichever file is "
    "ready first comes first, so each epoch may have another order. Leave that out."
)
SHUFFLED = (
    "The dataset shuffles, and the examples should come in the order in which they were written. "
    "(`tf.data.Dataset.list_files` shuffles the files, too, unless it's told `shuffle=False`.)"
)
NOT_PARSED = (
    "The elements are records as they lie in the files, of which nothing is parsed yet. Behind "
    "`batch` a `map` is missing, with `tf.io.parse_example` in it."
)
A_DICT = (
    "The elements are dicts, as `parse_example` returns them. `fit` takes a whole dict for the "
    'inputs, and finds no labels. Return a pair: `parsed["photo"], parsed["label"]`.'
)
SWAPPED = (
    "The labels come first, and the pair is (photos, labels), as `fit` wants it. (The dict that "
    "`parse_example` returns is sorted by the features' names, so its `values()` begin with the "
    'label.) Take both by name: `return parsed["photo"], parsed["label"]`.'
)
IN_COLUMNS = (
    "The labels have the shape (n, 1), of one column each: `FixedLenFeature([1], ...)` says that "
    "each example has a list of one. A loss would take that for something else. A single number "
    "has the shape `()`: `tf.io.FixedLenFeature((), tf.int64)`."
)
SPARSE = (
    "The {name} are a SparseTensor, which `VarLenFeature` makes of values that some examples have "
    "more of than others. Each has exactly one: `tf.io.FixedLenFeature((), {dtype})`."
)
OTHER_DTYPE = (
    "`parse_example` knows three types, as a tf.train.Example does: tf.string, tf.int64 and "
    "tf.float32. The photo was written as bytes, which is tf.string, and the label as tf.int64."
)
LABEL_NOT_INT64 = (
    "The label is asked for as another type than it was written with, which was int64, and "
    "TensorFlow refuses it. Say `tf.io.FixedLenFeature((), tf.int64)`; a `tf.cast` may come behind."
)
NO_SUCH_FEATURE = (
    "There is no feature `{name}` in the records. They have two, named as they were written: "
    "`photo` and `label`."
)
NO_FEATURES = (
    "`parse_example` can't guess what is in a record. It wants a dict from each feature's name to "
    "its description, such as `tf.io.FixedLenFeature((), tf.int64)`, and not to the type alone."
)
DECODED_RAW = (
    "The photos are numbers, uint8, as `tf.io.decode_raw` makes them: one for each byte of the "
    "JPEG, which is no pixel. Leave the photos as they are, strings; `tf.io.decode_jpeg` decodes "
    "them later, one by one."
)
DECODED_EACH = (
    "The photos are decoded: these are pixels. Leave them as they are, strings: photos of several "
    "sizes make no batch, and whoever uses the dataset decodes them, one by one."
)
DECODED = (
    "`tf.io.decode_jpeg`, and what is like it, takes the bytes of one photo, and a batch is many. "
    "Here the photos are to stay as they are, bytes: whoever uses the dataset decodes them, one by "
    "one."
)
IN_PYTHON = (
    "Python runs in this dataset, by from_generator, tf.numpy_function or tf.py_function, and to "
    "leave it is what TFRecord files are for. TensorFlow reads and parses by itself: "
    "tf.data.TFRecordDataset and `tf.io.parse_example`."
)
LAST_BATCH_LOST = (
    "Examples are missing at the end: {found} of {count}, in batches of {size}. The last batch may "
    "be smaller: leave `drop_remainder` out."
)
READS_ON = (
    "The dataset goes on after the last example, as `repeat` makes it. An epoch should end there: "
    "leave `repeat` out, whoever uses the dataset says how many epochs there are."
)
DATASETS = (
    "The elements are datasets, one for each file: `map` makes an element of what it gets. "
    "`interleave` takes the records out of them."
)


def read(paths, batch_size):
    """Return a dataset of batches (JPEG bytes, labels), read in parallel, parsed in batches."""
    features = {
        "photo": tf.io.FixedLenFeature((), tf.string),
        "label": tf.io.FixedLenFeature((), tf.int64),
    }

    def parse(records):
        parsed = tf.io.parse_example(records, features)
        return parsed["photo"], parsed["label"]

    records = tf.data.Dataset.from_tensor_slices(paths).interleave(
        tf.data.TFRecordDataset, cycle_length=len(paths), num_parallel_calls=tf.data.AUTOTUNE
    )
    return records.batch(batch_size).map(parse)


def check_read(answer: Callable) -> None:
    """Have examples read from a few files, then from more than cores, or than a number says."""
    with tempfile.TemporaryDirectory(prefix="records_", ignore_cleanup_errors=True) as folder:
        examples = EXAMPLES + OTHERS[:3]
        few, many = (os.path.join(folder, name) for name in ("few", "many"))
        os.mkdir(few)
        os.mkdir(many)
        _judge_reading(answer, write(examples, few, 3), examples, 4)
        files = max(17, (os.cpu_count() or 1) + 2)
        examples = [(b"%d" % number, number) for number in range(2 * files + 1)]
        # In another order than that of their names.
        paths = write(examples, many, files)
        _judge_reading(answer, [*paths[1:], paths[0]], _shifted(examples, files), 7)


def _shifted(examples: list, files: int) -> list:
    """What comes of files that are read in turn, the first one last; it has one example more."""
    rounds = [examples[at : at + files] for at in range(0, len(examples), files)]
    return [pair for each in rounds for pair in (*each[1:], each[0])]


def _judge_reading(answer: Callable, paths: list, examples: list, size: int) -> None:
    dataset = _built(lambda: answer(list(paths), size))
    steps = _Steps(dataset)
    if any(step.does(*PYTHON) for step in steps.every):
        raise Wrong(IN_PYTHON)
    _judge_batches(dataset.element_spec)
    if steps.of("ShuffleDataset"):
        raise Wrong(SHUFFLED)
    if dataset.options().deterministic is False or any(
        step.node.attr["deterministic"].s == b"false" for step in steps.every
    ):
        raise Wrong(ANY_ORDER)
    if dataset.cardinality() == tf.data.INFINITE_CARDINALITY:
        raise Wrong(READS_ON)
    for _ in range(2):
        _compare_batches(_drawn_batches(dataset, len(examples) + 2), examples, paths, size, steps)
    if steps.known:
        _judge_steps(steps)


def _judge_steps(steps: _Steps) -> None:
    """Look how the batches are made, which are right."""
    parallel = [step for step in steps.every if step.does("ParallelInterleaveDataset")]
    if not parallel or steps.constants(parallel[0])[-1:] == [1]:
        raise Wrong(NOT_PARALLEL)
    for step in steps.every:
        batched = any("Batch" in each.node.op for each in steps.before(step))
        if step.does("ParseExample", "ParseSingleExample") and (not batched or step.does("While")):
            raise Wrong(ONE_BY_ONE)


def _built(build: Callable) -> tf.data.Dataset:
    """Call the answer; some errors of its `map` are told in other words."""
    try:
        dataset = build()
    except Exception as error:
        told = str(error)
        if "Input serialized must be a scalar" in told:
            raise Wrong(SINGLE_OF_A_BATCH) from None
        if "dense_defaults" in told and "not in list of allowed values" in told:
            raise Wrong(OTHER_DTYPE) from None
        if "Unsupported DType" in told or "Unsupported DataType" in told:
            raise Wrong(NO_FEATURES) from None
        if "Shape must be rank 0 but is rank 1" in told and "Decode" in told:
            raise Wrong(DECODED) from None
        _judge_function(error)
        raise
    if not isinstance(dataset, tf.data.Dataset):
        raise Wrong(_no_dataset("read", dataset))
    return dataset


def _judge_batches(spec: object) -> None:
    if isinstance(spec, tf.data.DatasetSpec):
        raise Wrong(DATASETS)
    if isinstance(spec, dict):
        raise Wrong(A_DICT)
    if isinstance(spec, tf.TensorSpec) and spec.dtype == tf.string:
        raise Wrong(NOT_PARSED)
    if not isinstance(spec, tuple) or len(spec) != 2:
        raise Wrong(
            f"The elements are {_described(spec)}. Each should be a pair: the photos of a batch, "
            "and their labels."
        )
    for name, part, dtype in zip(("photos", "labels"), spec, ("tf.string", "tf.int64")):
        if isinstance(part, tf.SparseTensorSpec):
            raise Wrong(SPARSE.format(name=name, dtype=dtype))
        if not isinstance(part, tf.TensorSpec):
            raise Wrong(f"The {name} are {_described(part)}. They should be one tensor.")
    photos, labels = spec
    if (photos.dtype, labels.dtype) == (tf.int64, tf.string):
        raise Wrong(SWAPPED)
    if photos.dtype == tf.uint8 and photos.shape.rank == 2:
        raise Wrong(DECODED_RAW)
    if photos.dtype == tf.uint8 or (photos.dtype.is_floating and photos.shape.rank == 4):
        raise Wrong(DECODED_EACH)
    if 2 in (photos.shape.rank, labels.shape.rank):
        raise Wrong(IN_COLUMNS)
    if 0 in (photos.shape.rank, labels.shape.rank):
        raise Wrong("The elements are single examples. Make batches of them.")
    if photos.dtype != tf.string:
        raise Wrong(f"The photos are {photos.dtype.name}. They should be strings, as written.")


def _drawn_batches(dataset: tf.data.Dataset, most: int) -> list[tuple[list, list]]:
    try:
        drawn = first(_calm(dataset), most)
    except tf.errors.OpError as error:
        told = str(error)
        if "Data types don't match" in told:
            raise Wrong(LABEL_NOT_INT64) from None
        if "is required but could not be found" in told:
            name = told.split("Feature: ")[-1].split(" (")[0]
            raise Wrong(NO_SUCH_FEATURE.format(name=name)) from None
        raise
    return [tuple(np.asarray(part) for part in batch) for batch in drawn]


def _compare_batches(found: list, examples: list, paths: list, size: int, steps: _Steps) -> None:
    sizes = [len(photos) for photos, _ in found]
    pairs = [pair for photos, labels in found for pair in zip(photos.tolist(), labels.tolist())]
    if any(labels.dtype != np.int64 for _, labels in found):
        raise Wrong(
            f"The labels are {found[0][1].dtype}, and should be int64, as they were written."
        )
    if pairs != examples:
        raise Wrong(_why_others(pairs, examples, len(paths), size, steps))
    whole, rest = divmod(len(examples), size)
    if sizes != [size] * whole + [rest] * bool(rest):
        raise Wrong(
            f"{len(examples)} examples in batches of {size} should have the sizes "
            f"{[size] * whole + [rest] * bool(rest)}. Yours have {sizes[:12]}."
        )


def _why_others(pairs: list, examples: list, files: int, size: int, steps: _Steps) -> str:
    if len(pairs) > len(examples) and pairs[: len(examples)] == examples:
        return READS_ON
    if sorted(pairs) == sorted(examples):
        return _why_in_another_order(files, steps)
    if pairs == examples[: len(pairs)] and len(pairs) == len(examples) // size * size:
        return LAST_BATCH_LOST.format(found=len(pairs), count=len(examples), size=size)
    return (
        f"Each of {len(examples)} examples should come once an epoch, as it was written. Yours "
        f"brings {len(pairs)}, of which {len(set(pairs) & set(examples))} differ and were written."
    )


def _why_in_another_order(files: int, steps: _Steps) -> str:
    turns = steps.of("InterleaveDataset")
    if not turns:
        return FILE_AFTER_FILE
    cycle_length, block_length, *_ = (*steps.constants(turns[0]), files, 1)
    if cycle_length < files:
        return TOO_FEW_AT_A_TIME
    if block_length > 1:
        return SEVERAL_IN_A_ROW
    return "The examples come in another order than they were written."


def _parses_one_by_one(paths, batch_size):
    features = {
        "photo": tf.io.FixedLenFeature((), tf.string),
        "label": tf.io.FixedLenFeature((), tf.int64),
    }

    def parse(record):
        parsed = tf.io.parse_single_example(record, features)
        return parsed["photo"], parsed["label"]

    records = tf.data.Dataset.from_tensor_slices(paths).interleave(
        tf.data.TFRecordDataset, cycle_length=len(paths), num_parallel_calls=tf.data.AUTOTUNE
    )
    return records.map(parse).batch(batch_size)


def _parses_a_batch_as_one(paths, batch_size):
    features = {
        "photo": tf.io.FixedLenFeature((), tf.string),
        "label": tf.io.FixedLenFeature((), tf.int64),
    }

    def parse(records):
        parsed = tf.io.parse_single_example(records, features)
        return parsed["photo"], parsed["label"]

    records = tf.data.Dataset.from_tensor_slices(paths).interleave(
        tf.data.TFRecordDataset, cycle_length=len(paths), num_parallel_calls=tf.data.AUTOTUNE
    )
    return records.batch(batch_size).map(parse)


def _reads_file_after_file(paths, batch_size):
    features = {
        "photo": tf.io.FixedLenFeature((), tf.string),
        "label": tf.io.FixedLenFeature((), tf.int64),
    }

    def parse(records):
        parsed = tf.io.parse_example(records, features)
        return parsed["photo"], parsed["label"]

    return tf.data.TFRecordDataset(paths).batch(batch_size).map(parse)


def _leaves_the_cycle_open(paths, batch_size):
    features = {
        "photo": tf.io.FixedLenFeature((), tf.string),
        "label": tf.io.FixedLenFeature((), tf.int64),
    }

    def parse(records):
        parsed = tf.io.parse_example(records, features)
        return parsed["photo"], parsed["label"]

    records = tf.data.Dataset.from_tensor_slices(paths).interleave(
        tf.data.TFRecordDataset, cycle_length=2, num_parallel_calls=tf.data.AUTOTUNE
    )
    return records.batch(batch_size).map(parse)


def _takes_several_in_a_row(paths, batch_size):
    features = {
        "photo": tf.io.FixedLenFeature((), tf.string),
        "label": tf.io.FixedLenFeature((), tf.int64),
    }

    def parse(records):
        parsed = tf.io.parse_example(records, features)
        return parsed["photo"], parsed["label"]

    records = tf.data.Dataset.from_tensor_slices(paths).interleave(
        tf.data.TFRecordDataset,
        cycle_length=len(paths),
        block_length=batch_size,
        num_parallel_calls=tf.data.AUTOTUNE,
    )
    return records.batch(batch_size).map(parse)


def _takes_turns_alone(paths, batch_size):
    features = {
        "photo": tf.io.FixedLenFeature((), tf.string),
        "label": tf.io.FixedLenFeature((), tf.int64),
    }

    def parse(records):
        parsed = tf.io.parse_example(records, features)
        return parsed["photo"], parsed["label"]

    files = tf.data.Dataset.from_tensor_slices(paths)
    records = files.interleave(tf.data.TFRecordDataset, cycle_length=len(paths))
    return records.batch(batch_size).map(parse)


def _gives_up_the_order(paths, batch_size):
    features = {
        "photo": tf.io.FixedLenFeature((), tf.string),
        "label": tf.io.FixedLenFeature((), tf.int64),
    }

    def parse(records):
        parsed = tf.io.parse_example(records, features)
        return parsed["photo"], parsed["label"]

    records = tf.data.Dataset.from_tensor_slices(paths).interleave(
        tf.data.TFRecordDataset,
        cycle_length=len(paths),
        num_parallel_calls=tf.data.AUTOTUNE,
        deterministic=False,
    )
    return records.batch(batch_size).map(parse)


def _lists_the_files(paths, batch_size):
    features = {
        "photo": tf.io.FixedLenFeature((), tf.string),
        "label": tf.io.FixedLenFeature((), tf.int64),
    }

    def parse(records):
        parsed = tf.io.parse_example(records, features)
        return parsed["photo"], parsed["label"]

    records = tf.data.Dataset.list_files(paths).interleave(
        tf.data.TFRecordDataset, cycle_length=len(paths), num_parallel_calls=tf.data.AUTOTUNE
    )
    return records.batch(batch_size).map(parse)


def _never_parses(paths, batch_size):
    records = tf.data.Dataset.from_tensor_slices(paths).interleave(
        tf.data.TFRecordDataset, cycle_length=len(paths), num_parallel_calls=tf.data.AUTOTUNE
    )
    return records.batch(batch_size)


def _returns_dicts(paths, batch_size):
    features = {
        "photo": tf.io.FixedLenFeature((), tf.string),
        "label": tf.io.FixedLenFeature((), tf.int64),
    }
    records = tf.data.Dataset.from_tensor_slices(paths).interleave(
        tf.data.TFRecordDataset, cycle_length=len(paths), num_parallel_calls=tf.data.AUTOTUNE
    )
    return records.batch(batch_size).map(lambda batch: tf.io.parse_example(batch, features))


def _takes_the_values(paths, batch_size):
    features = {
        "photo": tf.io.FixedLenFeature((), tf.string),
        "label": tf.io.FixedLenFeature((), tf.int64),
    }

    def parse(records):
        return tuple(tf.io.parse_example(records, features).values())

    records = tf.data.Dataset.from_tensor_slices(paths).interleave(
        tf.data.TFRecordDataset, cycle_length=len(paths), num_parallel_calls=tf.data.AUTOTUNE
    )
    return records.batch(batch_size).map(parse)


def _makes_columns(paths, batch_size):
    features = {
        "photo": tf.io.FixedLenFeature((), tf.string),
        "label": tf.io.FixedLenFeature([1], tf.int64),
    }

    def parse(records):
        parsed = tf.io.parse_example(records, features)
        return parsed["photo"], parsed["label"]

    records = tf.data.Dataset.from_tensor_slices(paths).interleave(
        tf.data.TFRecordDataset, cycle_length=len(paths), num_parallel_calls=tf.data.AUTOTUNE
    )
    return records.batch(batch_size).map(parse)


def _says_variable_length(paths, batch_size):
    features = {
        "photo": tf.io.FixedLenFeature((), tf.string),
        "label": tf.io.VarLenFeature(tf.int64),
    }

    def parse(records):
        parsed = tf.io.parse_example(records, features)
        return parsed["photo"], parsed["label"]

    records = tf.data.Dataset.from_tensor_slices(paths).interleave(
        tf.data.TFRecordDataset, cycle_length=len(paths), num_parallel_calls=tf.data.AUTOTUNE
    )
    return records.batch(batch_size).map(parse)


def _asks_for_uint8(paths, batch_size):
    features = {
        "photo": tf.io.FixedLenFeature((), tf.uint8),
        "label": tf.io.FixedLenFeature((), tf.int64),
    }

    def parse(records):
        parsed = tf.io.parse_example(records, features)
        return parsed["photo"], parsed["label"]

    records = tf.data.Dataset.from_tensor_slices(paths).interleave(
        tf.data.TFRecordDataset, cycle_length=len(paths), num_parallel_calls=tf.data.AUTOTUNE
    )
    return records.batch(batch_size).map(parse)


def _asks_for_floats(paths, batch_size):
    features = {
        "photo": tf.io.FixedLenFeature((), tf.string),
        "label": tf.io.FixedLenFeature((), tf.float32),
    }

    def parse(records):
        parsed = tf.io.parse_example(records, features)
        return parsed["photo"], parsed["label"]

    records = tf.data.Dataset.from_tensor_slices(paths).interleave(
        tf.data.TFRecordDataset, cycle_length=len(paths), num_parallel_calls=tf.data.AUTOTUNE
    )
    return records.batch(batch_size).map(parse)


def _names_another_feature(paths, batch_size):
    features = {
        "image": tf.io.FixedLenFeature((), tf.string),
        "label": tf.io.FixedLenFeature((), tf.int64),
    }

    def parse(records):
        parsed = tf.io.parse_example(records, features)
        return parsed["image"], parsed["label"]

    records = tf.data.Dataset.from_tensor_slices(paths).interleave(
        tf.data.TFRecordDataset, cycle_length=len(paths), num_parallel_calls=tf.data.AUTOTUNE
    )
    return records.batch(batch_size).map(parse)


def _says_the_types_alone(paths, batch_size):
    features = {"photo": tf.string, "label": tf.int64}

    def parse(records):
        parsed = tf.io.parse_example(records, features)
        return parsed["photo"], parsed["label"]

    records = tf.data.Dataset.from_tensor_slices(paths).interleave(
        tf.data.TFRecordDataset, cycle_length=len(paths), num_parallel_calls=tf.data.AUTOTUNE
    )
    return records.batch(batch_size).map(parse)


def _decodes_raw(paths, batch_size):
    features = {
        "photo": tf.io.FixedLenFeature((), tf.string),
        "label": tf.io.FixedLenFeature((), tf.int64),
    }

    def parse(records):
        parsed = tf.io.parse_example(records, features)
        return tf.io.decode_raw(parsed["photo"], tf.uint8), parsed["label"]

    records = tf.data.Dataset.from_tensor_slices(paths).interleave(
        tf.data.TFRecordDataset, cycle_length=len(paths), num_parallel_calls=tf.data.AUTOTUNE
    )
    return records.batch(batch_size).map(parse)


def _decodes_each(paths, batch_size):
    features = {
        "photo": tf.io.FixedLenFeature((), tf.string),
        "label": tf.io.FixedLenFeature((), tf.int64),
    }

    def parse(records):
        parsed = tf.io.parse_example(records, features)
        photos = tf.map_fn(
            tf.io.decode_jpeg, parsed["photo"], fn_output_signature=tf.TensorSpec(None, tf.uint8)
        )
        return photos, parsed["label"]

    records = tf.data.Dataset.from_tensor_slices(paths).interleave(
        tf.data.TFRecordDataset, cycle_length=len(paths), num_parallel_calls=tf.data.AUTOTUNE
    )
    return records.batch(batch_size).map(parse)


def _decodes_the_batch(paths, batch_size):
    features = {
        "photo": tf.io.FixedLenFeature((), tf.string),
        "label": tf.io.FixedLenFeature((), tf.int64),
    }

    def parse(records):
        parsed = tf.io.parse_example(records, features)
        return tf.io.decode_jpeg(parsed["photo"]), parsed["label"]

    records = tf.data.Dataset.from_tensor_slices(paths).interleave(
        tf.data.TFRecordDataset, cycle_length=len(paths), num_parallel_calls=tf.data.AUTOTUNE
    )
    return records.batch(batch_size).map(parse)


def _parses_in_python(paths, batch_size):
    def examples():
        for record in tf.data.TFRecordDataset(paths, num_parallel_reads=len(paths)):
            feature = tf.train.Example.FromString(record.numpy()).features.feature
            yield feature["photo"].bytes_list.value[0], feature["label"].int64_list.value[0]

    signature = (tf.TensorSpec((), tf.string), tf.TensorSpec((), tf.int64))
    dataset = tf.data.Dataset.from_generator(examples, output_signature=signature)
    return dataset.batch(batch_size)


def _drops_the_last(paths, batch_size):
    features = {
        "photo": tf.io.FixedLenFeature((), tf.string),
        "label": tf.io.FixedLenFeature((), tf.int64),
    }

    def parse(records):
        parsed = tf.io.parse_example(records, features)
        return parsed["photo"], parsed["label"]

    records = tf.data.Dataset.from_tensor_slices(paths).interleave(
        tf.data.TFRecordDataset, cycle_length=len(paths), num_parallel_calls=tf.data.AUTOTUNE
    )
    return records.batch(batch_size, drop_remainder=True).map(parse)


def _repeats(paths, batch_size):
    features = {
        "photo": tf.io.FixedLenFeature((), tf.string),
        "label": tf.io.FixedLenFeature((), tf.int64),
    }

    def parse(records):
        parsed = tf.io.parse_example(records, features)
        return parsed["photo"], parsed["label"]

    records = tf.data.Dataset.from_tensor_slices(paths).interleave(
        tf.data.TFRecordDataset, cycle_length=len(paths), num_parallel_calls=tf.data.AUTOTUNE
    )
    return records.batch(batch_size).map(parse).repeat()


# ------------------------------------------------------------------------------------ 10.pays

CUT_OFF = (
    "What comes after the point is cut off, by `//` or by `int`: of 4.33 epochs 4 are left, and "
    "after 4 it hasn't paid yet. Round up: `int(np.ceil(...))`, or `math.ceil`."
)
ROUNDED = (
    "`round` goes to the nearest whole number, and that may be the one before it pays: of 4.33 "
    "epochs 4 are left. Round up: `int(np.ceil(...))`, or `math.ceil`."
)
FRACTION = (
    "The result isn't a whole number. Epochs are counted whole, and with a part of one more it "
    "hasn't paid yet: round up, with `int(np.ceil(...))` or `math.ceil`."
)
FLOATS = (
    "The numbers are right, and some are floats, as `np.ceil` and `//` make them of floats: "
    "`range(4.0)` is refused. Make an int of it, `int(np.ceil(...))`, or take `math.ceil`."
)
EQUAL_LEFT_OUT = (
    "Where the two totals are equal, yours asks for one epoch more: 12 s to build and 3 s gained "
    "an epoch are 4 epochs, not 5. At most as long in total is what counts here. Don't add 1 after "
    "`//`: round up."
)
FIRST_AS_BEFORE = (
    "Yours takes one epoch more than needed, always, as if the first epoch still took `before`, "
    "like the one that fills a cache. Here building comes before the first epoch, and that takes "
    "`after` already."
)
FIRST_IN_BUILDING = (
    "Yours takes the first epoch for free, as if it were part of building. Building comes before "
    "it, and each of the epochs takes `after`, the first one, too: `build_seconds + epochs * "
    "after`."
)
RATIO = (
    "You divide `before` by `after`. That says how many times faster an epoch is, but not what it "
    "gains: from 2 s to 1 s and from 200 s to 100 s have the same ratio. What an epoch gains is "
    "the difference, `before - after`."
)
BY_RATIO = (
    "Yours is `build_seconds / before * after`, which is also `build_seconds` divided by the ratio "
    "`before / after`. That is how many seconds the new way needs for the epochs that the old way "
    "makes while you build, and no number of epochs. What an epoch gains is the difference, "
    "`before - after`: divide `build_seconds` by that."
)
BY_BEFORE = (
    "You divide by `before`: so many epochs of the old way take as long as building. But each "
    "epoch of the new way takes time, too. What it gains is `before - after`: divide by that."
)
BY_AFTER = (
    "You divide by `after`: so many epochs of the new way take as long as building. What an epoch "
    "gains is `before - after`: divide by that."
)
SIGN = (
    "The difference is the wrong way round. An epoch gains `before - after`, which is above 0 "
    "where the new way is faster."
)
BUILDING_FORGOTTEN = (
    "`build_seconds` plays no part. One epoch that is faster doesn't pay for all that was built: "
    "ask how often `before - after` must be gained for that."
)
AT_LEAST_ONE = (
    "Where nothing is to be built, yours asks for 1 epoch. Nothing has to be gained back then: 0."
)
DIVIDED_BY_0 = (
    "Where an epoch takes as long as before, nothing is gained, and your division by `before - "
    "after` is one by 0. Ask first whether anything is gained, and return None where it isn't."
)
NEGATIVE = (
    "Where an epoch takes longer than before, yours gives back a negative number of epochs. It "
    "never pays then: return None."
)
ZERO_FOR_NEVER = (
    "Where nothing is gained, yours gives back 0, which says that it pays at once. It never does: "
    "return None."
)
INFINITE = (
    "Where nothing is gained, yours gives back infinity. It's true in a way, but no number of "
    "epochs: return None, as the task says."
)

# build_seconds, before, after: sums that floats hold exactly, so that loops find the same.
PAYS = (
    (12, 5, 2),
    (13, 5, 2),
    (0.75, 0.5, 0.25),
    (1, 0.5, 0.125),
    (0.5, 8, 2),
    (90, 2.5, 2.25),
    (30, 10, 0.5),
    (4.25, 3, 1),
    (100, 1, 0.75),
    (0, 4, 3),
)
NEVER = ((12, 5, 5), (0, 3, 3), (0.25, 1.5, 1.75), (12, 2, 5), (0, 2, 5))


def epochs_until_it_pays(build_seconds, before, after):
    """Return the smallest number of epochs with which building has paid, None where none does."""
    if after >= before:
        return None
    return int(np.ceil(build_seconds / (before - after)))


def check_pays(answer: Callable) -> None:
    """Ask for cases that pay, and see which rule gives the same; then for those that never do."""
    found = [_epochs(answer, case) for case in PAYS]
    right = [epochs_until_it_pays(*case) for case in PAYS]
    if found != right:
        for rule, message in RULES:
            if _same(found, [rule(*case) for case in PAYS]):
                raise Wrong(message)
        if all(yours is None for yours in found) and _epochs(answer, NEVER[-2]) is not None:
            raise Wrong(SIGN)
        case, expected, yours = next(each for each in zip(PAYS, right, found) if each[1] != each[2])
        raise Wrong(_why_pays(case, expected, yours))
    for case in NEVER:
        try:
            yours = _epochs(answer, case)
        except ZeroDivisionError:
            raise Wrong(DIVIDED_BY_0) from None
        if yours is not None:
            raise Wrong(_why_never(case, yours))
    if any(isinstance(each, float) for each in found):
        raise Wrong(FLOATS)


def _epochs(answer: Callable, case: tuple) -> int | float | None:
    with np.errstate(divide="ignore", invalid="ignore"):
        value = answer(*case)
    if isinstance(value, np.ndarray) and value.shape == ():
        value = value[()]
    if value is None:
        return None
    if isinstance(value, numbers.Real) and not isinstance(value, (bool, np.bool_)):
        return int(value) if isinstance(value, numbers.Integral) else float(value)
    raise Wrong(
        f"epochs_until_it_pays gave back {_kind(value)}, and should return a whole number, or None "
        "where it never pays."
    )


def _same(found: list, wrong: list) -> bool:
    return all(
        one == other or (None not in (one, other) and math.isclose(one, other, rel_tol=1e-9))
        for one, other in zip(found, wrong)
    )


def _why_pays(case: tuple, expected: int, yours: float | None) -> str:
    build_seconds, before, after = case
    forgotten = " Is `return` missing?" if yours is None else ""
    return (
        f"epochs_until_it_pays{case} should be {expected}: {expected} epochs and building take "
        f"{build_seconds + expected * after:g} s, as before they take {expected * before:g} s"
        + (
            f", and with one epoch less that is {build_seconds + (expected - 1) * after:g} s and "
            f"{(expected - 1) * before:g} s"
            if expected
            else ""
        )
        + f". Yours gives {yours if yours is None else f'{yours:g}'}.{forgotten}"
    )


def _why_never(case: tuple, yours: float) -> str:
    if math.isnan(yours) or abs(yours) == math.inf:
        return INFINITE
    if yours < 0:
        return NEGATIVE
    if yours == 0:
        return ZERO_FOR_NEVER
    return (
        f"epochs_until_it_pays{case} should be None: an epoch isn't faster than before, so nothing "
        f"is ever gained. Yours gives {yours:g}."
    )


def _cuts_off(build_seconds, before, after):
    return None if after >= before else int(build_seconds / (before - after))


def _rounds(build_seconds, before, after):
    return None if after >= before else round(build_seconds / (before - after))


def _leaves_a_fraction(build_seconds, before, after):
    return None if after >= before else build_seconds / (before - after)


def _leaves_a_float(build_seconds, before, after):
    return None if after >= before else np.ceil(build_seconds / (before - after))


def _wants_more_than_equal(build_seconds, before, after):
    return None if after >= before else int(build_seconds // (before - after)) + 1


def _has_a_slow_first_epoch(build_seconds, before, after):
    return None if after >= before else int(np.ceil(build_seconds / (before - after))) + 1


def _has_a_free_first_epoch(build_seconds, before, after):
    if after >= before:
        return None
    return max(0, int(np.ceil((build_seconds - after) / (before - after))))


def _takes_the_ratio(build_seconds, before, after):
    return None if after >= before else int(np.ceil(before / after))


def _divides_by_the_ratio(build_seconds, before, after):
    return None if after >= before else int(np.ceil(build_seconds / before * after))


def _divides_by_before(build_seconds, before, after):
    return None if after >= before else int(np.ceil(build_seconds / before))


def _divides_by_after(build_seconds, before, after):
    return None if after >= before else int(np.ceil(build_seconds / after))


def _turns_the_difference(build_seconds, before, after):
    return None if after == before else int(np.ceil(build_seconds / (after - before)))


def _forgets_the_building(build_seconds, before, after):
    return 1 if after < before else None


def _asks_for_one(build_seconds, before, after):
    return None if after >= before else max(1, int(np.ceil(build_seconds / (before - after))))


def _divides_by_zero(build_seconds, before, after):
    return int(np.ceil(build_seconds / (before - after)))


def _goes_below_zero(build_seconds, before, after):
    return None if after == before else int(np.ceil(build_seconds / (before - after)))


def _says_zero(build_seconds, before, after):
    return 0 if after >= before else int(np.ceil(build_seconds / (before - after)))


def _says_infinity(build_seconds, before, after):
    return float("inf") if after >= before else int(np.ceil(build_seconds / (before - after)))


PAYS_MISTAKES = (
    Mistake(_cuts_off, CUT_OFF),
    Mistake(_rounds, ROUNDED),
    Mistake(_leaves_a_fraction, FRACTION),
    Mistake(_leaves_a_float, FLOATS),
    Mistake(_wants_more_than_equal, EQUAL_LEFT_OUT),
    Mistake(_has_a_slow_first_epoch, FIRST_AS_BEFORE),
    Mistake(_has_a_free_first_epoch, FIRST_IN_BUILDING),
    Mistake(_takes_the_ratio, RATIO),
    Mistake(_divides_by_the_ratio, BY_RATIO),
    Mistake(_divides_by_before, BY_BEFORE),
    Mistake(_divides_by_after, BY_AFTER),
    Mistake(_turns_the_difference, SIGN),
    Mistake(_forgets_the_building, BUILDING_FORGOTTEN),
    Mistake(_asks_for_one, AT_LEAST_ONE),
    Mistake(_divides_by_zero, DIVIDED_BY_0),
    Mistake(_goes_below_zero, NEGATIVE),
    Mistake(_says_zero, ZERO_FOR_NEVER),
    Mistake(_says_infinity, INFINITE),
)


def _up(value: float) -> int:
    return math.ceil(value)


# What is wrong where it pays: the mistakes above, and the same in other guises.
RULES = (
    *((each.answer, each.message) for each in PAYS_MISTAKES),
    (lambda build, before, after: (build - after) / (before - after), FIRST_IN_BUILDING),
    (lambda build, before, after: _up((build - after) / (before - after)), FIRST_IN_BUILDING),
    (
        lambda build, before, after: max(1, _up((build - after) / (before - after))),
        FIRST_IN_BUILDING,
    ),
    (lambda build, before, after: build / (before - after) + 1, FIRST_AS_BEFORE),
    (lambda build, before, after: before / after, RATIO),
    (lambda build, before, after: before // after, RATIO),
    # Four ways, which floats may tell apart where a whole number comes out.
    (lambda build, before, after: build / (before / after), BY_RATIO),
    (lambda build, before, after: build // (before / after), BY_RATIO),
    (lambda build, before, after: int(build / before * after), BY_RATIO),
    (lambda build, before, after: _up(build / (before / after)), BY_RATIO),
    (lambda build, before, after: build / before, BY_BEFORE),
    (lambda build, before, after: build / after, BY_AFTER),
    (lambda build, before, after: build // before, BY_BEFORE),
    (lambda build, before, after: build // after, BY_AFTER),
    (lambda build, before, after: build / (after - before), SIGN),
    (lambda build, before, after: build // (after - before), SIGN),
    (lambda build, before, after: 0, BUILDING_FORGOTTEN),
    (lambda build, before, after: before - after, BUILDING_FORGOTTEN),
)

# ---------------------------------------------------------------------------------------- steps


def _judge_function(error: Exception) -> None:
    """Tell an error of a function that was given to `map` in one line: TensorFlow has many."""
    if "in user code:" in str(error):
        *_, last = str(error).strip().splitlines()
        raise Wrong(f"The function that you gave to `map` fails. {last.strip()}") from error


def _calm(dataset: tf.data.Dataset) -> tf.data.Dataset:
    """The same elements without autotuning: whoever lets go of an iterator waits for the tuner."""
    options = tf.data.Options()
    options.autotune.enabled = False
    return dataset.with_options(options)


IGNORED = 1  # that a dataset's state, such as a generator's place, can't be kept in a graph
PYTHON = ("PyFunc", "GeneratorDataset")  # PyFuncStateless and EagerPyFunc as well


@dataclass(frozen=True, eq=False)
class _Step:
    """One step of a dataset, with all that TensorFlow does inside of it, as `map`'s function."""

    node: tf.compat.v1.NodeDef
    inside: tuple[tf.compat.v1.NodeDef, ...]

    def does(self, *names: str) -> bool:
        """Say whether this step, or anything inside of it, has one of these names in its own."""
        return any(name in node.op for node in (self.node, *self.inside) for name in names)


class _Steps:
    """What TensorFlow does for a dataset, step by step, as its graph of it tells.

    Where no graph can be made it isn't `known`, and has no steps.
    """

    def __init__(self, dataset: tf.data.Dataset):
        variant = tf.data.experimental.to_variant(dataset)
        try:
            told = tf.raw_ops.DatasetToGraphV2(input_dataset=variant, external_state_policy=IGNORED)
        except tf.errors.OpError:
            told = tf.constant(b"")
        graph = tf.compat.v1.GraphDef.FromString(told.numpy())
        functions = {each.signature.name: each.node_def for each in graph.library.function}
        self.every = [_Step(node, tuple(_inside(node, functions))) for node in graph.node]
        self.known = bool(self.every)
        self._named = {step.node.name: step for step in self.every}

    def of(self, *names: str) -> list[_Step]:
        """The steps with one of these names in their own."""
        return [step for step in self.every if any(name in step.node.op for name in names)]

    def before(self, step: _Step) -> set[_Step]:
        """All steps that come before one."""
        found, waiting = set(), list(self._inputs(step))
        while waiting:
            each = waiting.pop()
            if each not in found:
                found.add(each)
                waiting += self._inputs(each)
        return found

    def constants(self, step: _Step) -> list[object]:
        """The single values that a step is given, in their order."""
        given = [each.node for each in self._inputs(step) if each.node.op == "Const"]
        kinds = (tf.string.as_datatype_enum, tf.int64.as_datatype_enum)
        tensors = [node.attr["value"].tensor for node in given if node.attr["dtype"].type in kinds]
        values = map(tf.make_ndarray, tensors)
        return [value.item() for value in values if value.shape == ()]

    def _inputs(self, step: _Step) -> list[_Step]:
        names = [name.lstrip("^").split(":")[0] for name in step.node.input]
        return [self._named[name] for name in names if name in self._named]


def _inside(node: tf.compat.v1.NodeDef, functions: dict) -> Iterator[tf.compat.v1.NodeDef]:
    """All nodes of the functions that a node calls, and of those that they call."""
    seen, waiting = set(), [node]
    while waiting:
        for name in _called(waiting.pop()):
            if name in functions and name not in seen:
                seen.add(name)
                waiting += functions[name]
                yield from functions[name]


def _called(node: tf.compat.v1.NodeDef) -> Iterator[str]:
    if "GeneratorDataset" not in node.op:  # what it calls is Python, where elements come from
        yield node.op  # a function may be called as an operation is
        for value in node.attr.values():
            yield value.func.name
            yield from (each.name for each in value.list.func)


# ---------------------------------------------------------------------------------------- words


def _no_dataset(name: str, value: object) -> str:
    forgotten = " Is `return` missing?" if value is None else ""
    return f"{name} gave back {_kind(value)}, and should return a dataset.{forgotten}"


def _described(spec: object) -> str:
    if isinstance(spec, (tuple, list, dict)):
        return f"a {type(spec).__name__} of {len(spec)}"
    if isinstance(spec, tf.TensorSpec):
        return f"{spec.dtype.name} of the shape {spec.shape}"
    return _kind(spec)


def _kind(value: object) -> str:
    if value is None:
        return "None"
    name = type(value).__name__
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"


def _some(values: Iterable, most: int = 3) -> str:
    """The first few values, as a message names them."""
    values = list(map(str, values))
    return ", ".join(values[:most]) + (", ..." if len(values) > most else "")


EXERCISES = (
    Exercise(
        id="10.cache",
        task=(
            "Write cached(files, read, augment): a dataset of augmented photos that reads each "
            "file once in all epochs, and shuffles and augments anew in each."
        ),
        solution=cached,
        check=check_cache,
        hints=(
            "`cache` keeps what comes out of the step before it, once and for all epochs. What is "
            "to be kept stands before it, and what is to change from epoch to epoch behind it.",
            "There are four steps: read, cache, shuffle, augment. The paths come from "
            "`tf.data.Dataset.from_tensor_slices(files)`.",
            "`photos = tf.data.Dataset.from_tensor_slices(files).map(read).cache()`, and behind "
            "it `photos.shuffle(len(files)).map(augment)`.",
        ),
        mistakes=(
            Mistake(_has_no_cache, NO_CACHE),
            Mistake(_caches_the_paths, PATHS_CACHED),
            Mistake(_caches_at_the_end, FROZEN),
            Mistake(_shuffles_before, ORDER_FROZEN),
            Mistake(_shuffles_once, SAME_ORDER),
            Mistake(_shuffles_in_python, SHUFFLED_ONCE),
            Mistake(_never_shuffles, NOT_SHUFFLED),
            Mistake(_has_a_small_buffer, SMALL_BUFFER),
            Mistake(_repeats_before, REPEAT_BEFORE),
            Mistake(_repeats_behind, ENDLESS),
            Mistake(_names_a_file, IN_A_FILE),
            Mistake(_reads_when_built, READ_WHEN_BUILT),
            Mistake(_reads_into_a_list, READ_INTO_A_LIST),
            Mistake(_makes_batches, IN_BATCHES),
            Mistake(_never_augments, NOT_AUGMENTED),
        ),
        right=(
            "what is dear is kept, what is random stays behind the cache. And one more to know: "
            "the cache holds the uint8 that `read` gave, and the float32 that `augment` returns "
            "would have taken four times the memory."
        ),
    ),
    Exercise(
        id="10.write",
        task=(
            "Write write(examples, folder, shards): pairs of JPEG bytes and a label go into "
            "TFRecord files in turn, and no half file ever lies there under a whole one's name."
        ),
        solution=write,
        check=check_write,
        hints=(
            "One writer for each file, all open at the same time, under a name of their own for "
            "unfinished files. What must be done at the end also when `examples` raises an error, "
            "and what only when it doesn't?",
            "Example `number` goes to `writers[number % shards]`, as the "
            "`SerializeToString()` of a `tf.train.Example`. Its features are "
            "`tf.train.Feature(bytes_list=tf.train.BytesList(value=[photo]))`, and the same with "
            "`int64_list` and `tf.train.Int64List` for the label.",
            '`paths = [f"{folder}/photos-{n:05d}-of-{shards:05d}.tfrecord" for n in '
            'range(shards)]`, `writers = [tf.io.TFRecordWriter(f"{path}.unfinished") for path in '
            "paths]`. In `try:` the loop, `for number, (photo, label) in enumerate(examples)`, "
            'with `feature = {"photo": ..., "label": ...}`, `example = '
            "tf.train.Example(features=tf.train.Features(feature=feature))` and `writers[number % "
            "shards].write(example.SerializeToString())`; in `finally:` `writer.close()` for each; "
            'and behind both, where no error comes, `os.replace(f"{path}.unfinished", path)` '
            "for each, and `return paths`.",
        ),
        mistakes=(
            Mistake(_never_closes, NOT_CLOSED),
            Mistake(_writes_one_file, ALL_IN_ONE),
            Mistake(_makes_blocks, IN_BLOCKS),
            Mistake(_holds_all, ALL_HELD),
            Mistake(_goes_through_them_for_each_file, USED_UP),
            Mistake(_writes_the_example, NOT_SERIALIZED.format(kind="an Example")),
            Mistake(_writes_its_text, TEXT_WRITTEN),
            Mistake(_writes_the_jpeg_alone, NO_EXAMPLE),
            Mistake(_makes_the_label_a_float, LABEL_AS_FLOAT),
            Mistake(_makes_the_label_a_text, LABEL_AS_BYTES),
            Mistake(_makes_numbers_of_the_photo, PHOTO_AS_NUMBERS),
            Mistake(_serializes_the_photo, PHOTO_WRAPPED),
            Mistake(_decodes_the_photo, PHOTO_CHANGED),
            Mistake(_leaves_half_files, HALF_LEFT),
            Mistake(_removes_half_files, HALF_SEEN),
            Mistake(_deletes_the_earlier_files, OLD_LOST),
            Mistake(_renames_inside_the_with, STILL_OPEN),
            Mistake(_swallows_the_error, ERROR_SWALLOWED),
            Mistake(_opens_for_each, LAST_ONLY),
            Mistake(_compresses, COMPRESSED),
        ),
        right=(
            "a file with its own name is whole, whatever happened on the way. And one more to "
            "know: a record costs 16 bytes besides what is in it, 8 for its length and 4 for each "
            "of two checksums, by which a reader notices a damaged one."
        ),
    ),
    Exercise(
        id="10.read",
        task=(
            "Write read(paths, batch_size): a dataset of batches of JPEG bytes and labels, read "
            "from all files in parallel, in the order they were written, parsed batch by batch."
        ),
        solution=read,
        check=check_read,
        hints=(
            "Three steps: take records from all files in turn, make batches of them as they are, "
            "parse each batch. The order follows from how the files were written, one record to "
            "each in turn.",
            "`interleave(tf.data.TFRecordDataset, ...)` takes turns: of how many files, says "
            "`cycle_length`, and how many may be read at the same time, `num_parallel_calls`. What "
            "is in a record is told by a dict of `tf.io.FixedLenFeature`.",
            '`features = {"photo": tf.io.FixedLenFeature((), tf.string), "label": '
            "tf.io.FixedLenFeature((), tf.int64)}`. In a function `parse(records)`: `parsed = "
            'tf.io.parse_example(records, features)`, `return parsed["photo"], '
            'parsed["label"]`. Then `records = tf.data.Dataset.from_tensor_slices(paths)'
            ".interleave(tf.data.TFRecordDataset, cycle_length=len(paths), "
            "num_parallel_calls=tf.data.AUTOTUNE)`, and `records.batch(batch_size).map(parse)`.",
        ),
        mistakes=(
            Mistake(_parses_one_by_one, ONE_BY_ONE),
            Mistake(_parses_a_batch_as_one, SINGLE_OF_A_BATCH),
            Mistake(_reads_file_after_file, FILE_AFTER_FILE),
            Mistake(_leaves_the_cycle_open, TOO_FEW_AT_A_TIME),
            Mistake(_takes_several_in_a_row, SEVERAL_IN_A_ROW),
            Mistake(_takes_turns_alone, NOT_PARALLEL),
            Mistake(_gives_up_the_order, ANY_ORDER),
            Mistake(_lists_the_files, SHUFFLED),
            Mistake(_never_parses, NOT_PARSED),
            Mistake(_returns_dicts, A_DICT),
            Mistake(_takes_the_values, SWAPPED),
            Mistake(_makes_columns, IN_COLUMNS),
            Mistake(_says_variable_length, SPARSE.format(name="labels", dtype="tf.int64")),
            Mistake(_asks_for_uint8, OTHER_DTYPE),
            Mistake(_asks_for_floats, LABEL_NOT_INT64),
            Mistake(_names_another_feature, NO_SUCH_FEATURE.format(name="image")),
            Mistake(_says_the_types_alone, NO_FEATURES),
            Mistake(_decodes_raw, DECODED_RAW),
            Mistake(_decodes_each, DECODED_EACH),
            Mistake(_decodes_the_batch, DECODED),
            Mistake(_parses_in_python, IN_PYTHON),
            Mistake(_drops_the_last, LAST_BATCH_LOST.format(found=8, count=11, size=4)),
            Mistake(_repeats, READS_ON),
        ),
        right=(
            "no Python runs in it, and taking one record of each file in turn undoes the dealing "
            "out. And one more to know: the dataset can't say how many examples it has, since "
            "nobody knows before the files are read to their end. Where you do know, "
            "`tf.data.experimental.assert_cardinality` tells it."
        ),
    ),
    Exercise(
        id="10.pays",
        task=(
            "Write epochs_until_it_pays(build_seconds, before, after): with how many epochs it has "
            "paid to build something that makes them faster."
        ),
        solution=epochs_until_it_pays,
        check=check_pays,
        hints=(
            "What does one epoch gain? And how often must that be gained, until it is as much as "
            "building took?",
            "`build_seconds / (before - after)` is how often. Epochs are whole, and a part of one "
            "more is one more: round up. Where nothing is gained it never pays, so look at that "
            "first.",
            "`if after >= before:` it is `return None`. Otherwise it is `int(np.ceil(build_seconds "
            "/ (before - after)))`.",
        ),
        mistakes=PAYS_MISTAKES,
        right=(
            "the difference decides, not the ratio. And one more to know: measure both epochs "
            "while a model trains. Where its step takes longer than making a batch, before and "
            "after, and the two overlap, an epoch gains nothing, and it never pays."
        ),
        limit=3.0,
    ),
)
