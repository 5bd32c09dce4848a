"""The named pipelines that lessons, tests and races share.

Each is a function of the photos' paths and labels that returns a ``tf.data.Dataset`` of the same
work: batches ``(photos, labels)`` with photos float32, shape (batch, height, width, 3), 0.0 to
1.0, and labels int32, shape (batch,); the last batch of an epoch may be smaller.

    pool_each_epoch     worker processes, a new pool each epoch: the pattern of 004-E3
    threaded_generator  worker threads, whole batches, uint8 until TensorFlow has them
    native              no Python at all in the pipeline

The generators behind the first two are functions of their own, to be read: ``pool_batches`` and
``threaded_batches``.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from course_utils.feeding.arguments import paths_and_labels, whole_number
from course_utils.feeding.cores import usable_cores
from course_utils.feeding.readers import read_bgr_float64, read_photo

if TYPE_CHECKING:
    import tensorflow as tf

__all__ = ["native", "pool_batches", "pool_each_epoch", "threaded_batches", "threaded_generator"]


def pool_batches(
    paths: list[str],
    labels: np.ndarray,
    batch_size: int,
    height: int,
    width: int,
    processes: int | None,
    start_method: str | None,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield float64 BGR batches from a pool of processes: see ``pool_each_epoch``."""
    pool = multiprocessing.get_context(start_method).Pool(processes)
    read = partial(read_bgr_float64, height=height, width=width)
    order = np.arange(len(paths))
    np.random.shuffle(order)
    for start in range(0, len(order), batch_size):
        chosen = order[start : start + batch_size]
        photos = pool.map(read, [paths[place] for place in chosen])
        yield np.array(photos), labels[chosen]
    pool.close()
    pool.join()


def threaded_batches(
    paths: list[str],
    labels: np.ndarray,
    batch_size: int,
    height: int,
    width: int,
    threads: int,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield uint8 RGB batches that threads fill: see ``threaded_generator``."""
    # Leaving the with-block ends the threads, also when the epoch is left early.
    with ThreadPoolExecutor(threads) as pool:
        for start in range(0, len(paths), batch_size):
            chosen = paths[start : start + batch_size]
            # A new array for each batch: TensorFlow may use it without copying it.
            photos = np.empty((len(chosen), height, width, 3), np.uint8)
            tasks = [
                pool.submit(read_photo, path, height, width, out=photo)
                for path, photo in zip(chosen, photos, strict=True)
            ]
            for task in tasks:
                task.result()
            yield photos, labels[start : start + batch_size]


def pool_each_epoch(
    paths: Sequence[str | Path],
    labels: Sequence[int] | np.ndarray,
    batch_size: int = 32,
    height: int = 224,
    width: int = 224,
    processes: int | None = None,
    start_method: str | None = None,
) -> tf.data.Dataset:
    """Feed from worker processes the way 004-E3 does, its flaws included.

    For comparison, not for use. The flaws:

    - A new ``multiprocessing.Pool`` each epoch: its start is paid each epoch, and with "spawn"
      every worker imports the main module again.
    - Nothing ends the pool when the epoch is left early or a picture can't be read (no ``try`` and
      ``finally``, no ``with``): that is left to the garbage collector.
    - ``pool.map`` waits for a whole batch; the workers idle while TensorFlow takes it.
    - A worker that is killed (memory) takes its task with it: ``pool.map`` waits for ever.
    - Each photo comes back pickled through a pipe, as float64: eight times its bytes.
    - ``np.array`` of the list copies the batch once more, and the signature's float32 copies it
      again, without a word.
    - The order is drawn from NumPy's global state, without a seed.
    - The channels are BGR, and a file that can't be read is a ``cv2.error`` without its name.
    - The number of batches is unknown to TensorFlow (cardinality -2).
    - ``.prefetch(AUTOTUNE)`` at the end is what TensorFlow adds by itself.

    Args:
        paths: the files.
        labels: whole numbers, one for each path.
        batch_size: photos per batch.
        height: of the photos, in pixels.
        width: of the photos, in pixels.
        processes: worker processes; one for each core if None.
        start_method: "fork", "spawn" or "forkserver"; the platform's own if None.

    Raises:
        ValueError, TypeError: paths and labels that don't fit, or a number below 1.
    """
    import tensorflow as tf

    paths, labels = _checked(paths, labels, batch_size=batch_size, height=height, width=width)
    if processes is not None:
        whole_number("processes", processes)
    if start_method not in (None, *multiprocessing.get_all_start_methods()):
        raise ValueError(
            f"start_method must be one of {multiprocessing.get_all_start_methods()} on this "
            f"system, or None; found {start_method!r}"
        )
    return tf.data.Dataset.from_generator(
        lambda: pool_batches(paths, labels, batch_size, height, width, processes, start_method),
        output_signature=(
            tf.TensorSpec((None, height, width, 3), tf.float32),
            tf.TensorSpec((None,), tf.int32),
        ),
    ).prefetch(tf.data.AUTOTUNE)


def threaded_generator(
    paths: Sequence[str | Path],
    labels: Sequence[int] | np.ndarray,
    batch_size: int = 32,
    height: int = 224,
    width: int = 224,
    threads: int | None = None,
) -> tf.data.Dataset:
    """Feed from worker threads that fill whole uint8 batches, still a Python generator.

    Threads do, because OpenCV releases the GIL while it decodes and resizes. The photos come in
    the order of ``paths``, RGB; TensorFlow makes float32 of them, knows the number of batches, and
    the threads end with the epoch, also when it is left early. A picture that can't be read ends
    the epoch with an error that names it.

    Args:
        paths: the files.
        labels: whole numbers, one for each path.
        batch_size: photos per batch.
        height: of the photos, in pixels.
        width: of the photos, in pixels.
        threads: worker threads; one for each core that this process may use if None.

    Raises:
        ValueError, TypeError: paths and labels that don't fit, or a number below 1.
    """
    import tensorflow as tf

    paths, labels = _checked(paths, labels, batch_size=batch_size, height=height, width=width)
    threads = usable_cores() if threads is None else whole_number("threads", threads)

    def unit_range(photos: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return tf.cast(photos, tf.float32) / 255.0, labels

    batches = tf.data.Dataset.from_generator(
        lambda: threaded_batches(paths, labels, batch_size, height, width, threads),
        output_signature=(
            tf.TensorSpec((None, height, width, 3), tf.uint8),
            tf.TensorSpec((None,), tf.int32),
        ),
    )
    # The number of batches, rounded up: a generator doesn't tell.
    batches = batches.apply(tf.data.experimental.assert_cardinality(-(-len(paths) // batch_size)))
    return batches.map(unit_range, num_parallel_calls=tf.data.AUTOTUNE)


def native(
    paths: Sequence[str | Path],
    labels: Sequence[int] | np.ndarray,
    batch_size: int = 32,
    height: int = 224,
    width: int = 224,
) -> tf.data.Dataset:
    """Feed without a generator: TensorFlow reads, decodes and resizes, as its tf.data guide does.

    The photos come in the order of ``paths``, RGB. For JPEG, PNG and GIF files without animation
    (what ``tf.io.decode_jpeg`` takes); unlike OpenCV it leaves the rotation that EXIF asks for
    undone.

    Args:
        paths: the files.
        labels: whole numbers, one for each path.
        batch_size: photos per batch.
        height: of the photos, in pixels.
        width: of the photos, in pixels.

    Raises:
        ValueError, TypeError: paths and labels that don't fit, or a number below 1.
    """
    import tensorflow as tf

    paths, labels = _checked(paths, labels, batch_size=batch_size, height=height, width=width)

    def read(path: tf.Tensor, label: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        photo = tf.io.decode_jpeg(tf.io.read_file(path), channels=3)
        return tf.image.resize(photo, (height, width)) / 255.0, label

    photos = tf.data.Dataset.from_tensor_slices((paths, labels))
    photos = photos.map(read, num_parallel_calls=tf.data.AUTOTUNE)
    return photos.batch(batch_size).prefetch(tf.data.AUTOTUNE)


def _checked(
    paths: Sequence[str | Path], labels: Sequence[int] | np.ndarray, **numbers: int
) -> tuple[list[str], np.ndarray]:
    """The paths as a list of str, the labels as an int32 array; raises where they don't fit."""
    for name, number in numbers.items():
        whole_number(name, number)
    return paths_and_labels(paths, labels)
