"""What the course builds and teaches: its loaders, and rows that stand beside the race."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np

from benchmarks import floor
from benchmarks.contestant import Contestant, Epoch, without_forkserver
from benchmarks.work import BATCH, SHAPE, SIDE, read_into

if TYPE_CHECKING:
    import tensorflow as tf

    from course_utils.feeding.loading import Loader


def threads(paths: list[str], dtype: str) -> Epoch:
    """The thread loader in a plain loop: NumPy batches, the threads write the rows."""
    return _thread_loader(paths, dtype)


def threads_through_from_generator(paths: list[str], dtype: str) -> Epoch:
    """The same through ``from_generator``; float32 is made of whole batches in the graph.

    Without the autotuner, and so without the prefetch that TensorFlow would put at the end: the
    loader reads ahead itself, and there is nothing else to tune.
    """
    return _without_autotuner(_in_the_graph(_thread_loader(paths, "uint8"), dtype)).__iter__


def processes(paths: list[str], dtype: str) -> Epoch:
    """The process loader in a plain loop: the processes write the rows, in memory they share.

    They are kept between epochs, so the epoch that isn't timed starts them.
    """
    return _process_loader(paths, dtype)


def processes_through_from_generator(paths: list[str], dtype: str) -> Epoch:
    """The same through ``from_generator``, as the thread loader's row."""
    return _without_autotuner(_in_the_graph(_process_loader(paths, "uint8"), dtype)).__iter__


def float_rows(paths: list[str], dtype: str) -> Epoch:
    """Float32 made by the threads, row by row, so that the batch crosses as it is."""
    return _without_autotuner(_thread_loader(paths, "float32").dataset()).__iter__


def whole_batches(paths: list[str], dtype: str) -> Epoch:
    """``map(numpy_function)`` that makes a whole batch in one call: the shortest road."""
    import tensorflow as tf

    def read_batch(names: np.ndarray) -> np.ndarray:
        photos = np.empty((len(names), *SHAPE), np.uint8)
        for name, photo in zip(names, photos):
            read_into(name.decode(), photo)
        return photos

    def load(names: tf.Tensor) -> tf.Tensor:
        photos = tf.numpy_function(read_batch, [names], tf.uint8, stateful=False)
        photos = tf.ensure_shape(photos, (None, *SHAPE))
        return tf.cast(photos, tf.float32) if dtype == "float32" else photos

    names = tf.data.Dataset.from_tensor_slices(paths).batch(BATCH)
    return names.map(load, num_parallel_calls=tf.data.AUTOTUNE).__iter__


def with_autotuner(paths: list[str], dtype: str) -> Epoch:
    """The thread loader's dataset as it is where nothing is said of the autotuner."""
    return _in_the_graph(_thread_loader(paths, "uint8"), dtype).__iter__


def one_by_one(paths: list[str], dtype: str) -> Epoch:
    """Seed 001-E2's way: one photo an element, divided as float64, blue first."""
    import cv2
    import tensorflow as tf

    def photos() -> Iterator[np.ndarray]:
        for path in paths:
            yield cv2.resize(cv2.imread(path), (SIDE, SIDE)) / 255.0

    signature = tf.TensorSpec(SHAPE, tf.float32)
    dataset = tf.data.Dataset.from_generator(photos, output_signature=signature)
    return dataset.batch(BATCH).prefetch(tf.data.AUTOTUNE).__iter__


def _thread_loader(paths: list[str], dtype: str) -> Loader:
    from course_utils.feeding.threads import ThreadLoader

    return ThreadLoader(read_into, paths, _photo(dtype), BATCH, into=True)


def _process_loader(paths: list[str], dtype: str) -> Loader:
    from course_utils.feeding.processes import ProcessLoader

    return ProcessLoader(
        read_into,
        paths,
        _photo(dtype),
        BATCH,
        into=True,
        start_method="forkserver",
        persistent=True,
    )


def _photo(dtype: str) -> SimpleNamespace:
    """The signature of a photo; TensorFlow's own would import TensorFlow into a plain loop."""
    return SimpleNamespace(shape=SHAPE, dtype=np.dtype(dtype))


def _in_the_graph(loader: Loader, dtype: str) -> tf.data.Dataset:
    import tensorflow as tf

    dataset = loader.dataset()
    if dtype == "float32":
        dataset = dataset.map(lambda photos: tf.cast(photos, tf.float32))
    return dataset


def _without_autotuner(dataset: tf.data.Dataset) -> tf.data.Dataset:
    import tensorflow as tf

    options = tf.data.Options()
    options.autotune.enabled = False
    return dataset.with_options(options)


TENSORFLOW = ("tensorflow",)
THROUGH = (
    "uint8 crosses; float32 is made in the graph; autotuner off: the loader reads ahead itself"
)
FLOORS = (
    Contestant("floor, threads", "floor", floor.threads, "one tight loop a core"),
    Contestant("floor, processes", "floor", floor.processes, "one tight loop a core"),
)
OURS = (
    Contestant("thread loader", "ours", threads, "plain loop", often=True),
    Contestant(
        "thread loader through from_generator",
        "ours",
        threads_through_from_generator,
        THROUGH,
        TENSORFLOW,
        often=True,
    ),
    Contestant(
        "process loader",
        "ours",
        processes,
        "plain loop; forkserver, a process a core",
        often=True,
        why_not=without_forkserver,
    ),
    Contestant(
        "process loader through from_generator",
        "ours",
        processes_through_from_generator,
        "as the thread loader's",
        TENSORFLOW,
        often=True,
        why_not=without_forkserver,
    ),
)
ASIDE = (
    Contestant(
        "map(numpy_function), whole batches",
        "aside",
        whole_batches,
        "one call makes 32 photos",
        TENSORFLOW,
    ),
    Contestant(
        "thread loader, autotuner on",
        "aside",
        with_autotuner,
        "and with it a prefetch of TensorFlow's",
        TENSORFLOW,
    ),
    Contestant(
        "thread loader, float32 rows",
        "aside",
        float_rows,
        "the threads write float32",
        TENSORFLOW,
        tables=("float32",),
    ),
    Contestant(
        "seed 001-E2's way",
        "aside",
        one_by_one,
        "one photo an element, made by the generator itself",
        TENSORFLOW,
        tables=("float32",),
        pixels=lambda photos: (photos * 255)[..., ::-1],
    ),
)
