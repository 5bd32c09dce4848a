"""The peers: other loaders, each in the way its own documentation recommends.

Where a documentation leaves a choice open (how many threads, where float32 is made), the way that
took the least CPU here was taken; the others run with --all. One photo is made by one call, except
with Keras's ``PyDataset``, which asks for whole batches.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from benchmarks.contestant import Contestant, Epoch, without_forkserver
from benchmarks.work import BATCH, SHAPE, SIDE, batches_of, read, read_into
from course_utils.feeding.cores import usable_cores


def tf_data(paths: list[str], dtype: str) -> Epoch:
    """tf.data's guide: TensorFlow reads, decodes and resizes; no Python in it.

    https://www.tensorflow.org/guide/data (decoding image data and resizing it)
    https://www.tensorflow.org/guide/data_performance (parallel map, prefetch at the end)
    """
    import tensorflow as tf

    def load(path: tf.Tensor) -> tf.Tensor:
        photo = tf.io.decode_jpeg(tf.io.read_file(path), channels=3)
        photo = tf.image.resize(photo, (SIDE, SIDE))  # float32, 0 to 255
        return photo if dtype == "float32" else tf.cast(photo, tf.uint8)

    photos = tf.data.Dataset.from_tensor_slices(paths)
    photos = photos.map(load, num_parallel_calls=tf.data.AUTOTUNE)
    return photos.batch(BATCH).prefetch(tf.data.AUTOTUNE).__iter__


def numpy_function(paths: list[str], dtype: str) -> Epoch:
    """``map`` with a Python function, one photo a call; float32 of whole batches in the graph.

    https://www.tensorflow.org/guide/data (applying arbitrary Python logic)
    """
    import tensorflow as tf

    def load(path: tf.Tensor) -> tf.Tensor:
        photo = tf.numpy_function(lambda name: read(name.decode()), [path], tf.uint8)
        photo.set_shape(SHAPE)
        return photo

    photos = tf.data.Dataset.from_tensor_slices(paths)
    photos = photos.map(load, num_parallel_calls=tf.data.AUTOTUNE).batch(BATCH)
    if dtype == "float32":
        photos = photos.map(lambda batch: tf.cast(batch, tf.float32))
    return photos.prefetch(tf.data.AUTOTUNE).__iter__


def grain(paths: list[str], dtype: str, threads: int | None = None) -> Epoch:
    """Grain: a ``MapDataset``, read by threads in the background.

    https://google-grain.readthedocs.io/en/latest/tutorials/dataset_basic_tutorial.html
    """
    import grain

    photos = grain.MapDataset.source(paths).map(read)
    options = grain.ReadOptions(num_threads=threads or usable_cores())
    batches = photos.to_iter_dataset(options).batch(BATCH)
    return (_floats(batches) if dtype == "float32" else batches).__iter__


def grain_default(paths: list[str], dtype: str) -> Epoch:
    """The same with Grain's own number of threads, 16."""
    return grain(paths, dtype, threads=16)


def grain_batches(paths: list[str], dtype: str) -> Epoch:
    """The same, batched before it becomes an ``IterDataset``: a thread makes a whole batch."""
    import grain

    batches = grain.MapDataset.source(paths).map(read).batch(BATCH)
    if dtype == "float32":
        batches = _floats(batches)
    threads = usable_cores()
    return batches.to_iter_dataset(grain.ReadOptions(threads, 2 * threads)).__iter__


def grain_processes(paths: list[str], dtype: str) -> Epoch:
    """Grain's worker processes (``mp_prefetch``), which send batches through shared memory."""
    import grain

    batches = grain.MapDataset.source(paths).map(read).batch(BATCH)
    if dtype == "float32":
        batches = _floats(batches)
    options = grain.MultiprocessingOptions(num_workers=usable_cores())
    return batches.to_iter_dataset(grain.ReadOptions(1, 4)).mp_prefetch(options).__iter__


def grain_data_loader(paths: list[str], dtype: str) -> Epoch:
    """``grain.DataLoader`` in this process (``worker_count=0``), with its threads.

    https://google-grain.readthedocs.io/en/latest/tutorials/data_loader_tutorial.html
    """
    import grain

    class Read(grain.transforms.Map):
        def map(self, element: str) -> np.ndarray:
            return read(element)

    sampler = grain.samplers.IndexSampler(len(paths), shuffle=False, num_epochs=1)
    loader = grain.DataLoader(
        data_source=paths,
        sampler=sampler,
        operations=[Read(), grain.transforms.Batch(BATCH)],
        worker_count=0,
        read_options=grain.ReadOptions(num_threads=usable_cores()),
    )
    if dtype == "uint8":
        return loader.__iter__
    return lambda: (batch.astype(np.float32) for batch in loader)


def spdl(paths: list[str], dtype: str) -> Epoch:
    """SPDL's pipeline: threads make photos, which are then collated.

    https://facebookresearch.github.io/spdl/main/getting_started/pytorch.html
    """

    def collate(photos: list[np.ndarray]) -> np.ndarray:
        batch = np.empty((len(photos), *SHAPE), dtype)
        return np.stack(photos, out=batch)

    from spdl.pipeline import PipelineBuilder

    threads = usable_cores()
    in_order = {"concurrency": threads, "output_order": "input"}

    def epoch() -> Iterator[np.ndarray]:
        builder = PipelineBuilder().add_source(paths).pipe(read, **in_order)
        pipeline = builder.aggregate(BATCH).pipe(collate).add_sink(3).build(num_threads=threads)
        return _run(pipeline)

    return epoch


def spdl_batches(paths: list[str], dtype: str) -> Epoch:
    """The same, each call making a whole batch, without arrays of single photos.

    https://facebookresearch.github.io/spdl/main/best_practice.html (intermediate tensors)
    """
    from spdl.pipeline import PipelineBuilder

    threads = usable_cores()

    def load(batch: list[str]) -> np.ndarray:
        photos = np.empty((len(batch), *SHAPE), dtype)
        for path, photo in zip(batch, photos):
            read_into(path, photo)
        return photos

    def epoch() -> Iterator[np.ndarray]:
        builder = PipelineBuilder().add_source(batches_of(paths))
        builder = builder.pipe(load, concurrency=threads, output_order="input").add_sink(3)
        return _run(builder.build(num_threads=threads))

    return epoch


def spdl_ffmpeg(paths: list[str], dtype: str) -> Epoch:
    """SPDL with its own decoder, FFmpeg's, and ``convert_frames`` into a batch.

    https://facebookresearch.github.io/spdl/main/best_practice.html
    """
    import spdl.io
    from spdl.pipeline import PipelineBuilder

    threads = usable_cores()
    in_order = {"concurrency": threads, "output_order": "input"}
    description = spdl.io.get_video_filter_desc(
        scale_width=SIDE, scale_height=SIDE, scale_algo="bilinear", scale_mode=None
    )

    def decode(path: str) -> Any:
        return spdl.io.decode_packets(spdl.io.demux_image(path), filter_desc=description)

    def collate(frames: list[Any]) -> np.ndarray:
        return spdl.io.to_numpy(spdl.io.convert_frames(frames)).astype(dtype, copy=False)

    def epoch() -> Iterator[np.ndarray]:
        builder = PipelineBuilder().add_source(paths).pipe(decode, **in_order)
        pipeline = builder.aggregate(BATCH).pipe(collate).add_sink(3).build(num_threads=threads)
        return _run(pipeline)

    return epoch


def pytorch(paths: list[str], dtype: str, start_method: str | None = None) -> Epoch:
    """PyTorch's ``DataLoader``: worker processes, kept between epochs, default collate.

    They are started as Python does by default: forked here, by Python 3.11 on Linux.

    https://docs.pytorch.org/docs/stable/data.html
    """
    from torch.utils.data import DataLoader

    from benchmarks.torch_photos import Photos

    loader = DataLoader(
        Photos(paths),
        batch_size=BATCH,
        num_workers=usable_cores(),
        persistent_workers=True,
        multiprocessing_context=start_method,
    )
    if dtype == "uint8":
        return loader.__iter__
    return lambda: (batch.float() for batch in loader)


def pytorch_forkserver(paths: list[str], dtype: str) -> Epoch:
    """The same with workers that a server process starts, as the process loader's are."""
    return pytorch(paths, dtype, "forkserver")


def keras_threads(paths: list[str], dtype: str) -> Epoch:
    """Keras's ``PyDataset`` with workers, which are threads.

    https://keras.io/api/utils/python_utils/#pydataset-class
    """
    return _keras(paths, dtype, processes=False)


def keras_processes(paths: list[str], dtype: str) -> Epoch:
    """The same with ``use_multiprocessing=True``."""
    return _keras(paths, dtype, processes=True)


def _keras(paths: list[str], dtype: str, processes: bool) -> Epoch:
    """An epoch of ``fit`` without the training: the adapter that it uses, and its dataset.

    uint8 crosses into TensorFlow in both tables, and float32 is made of it there, as a
    ``Rescaling`` layer at the model's beginning does; float32 from ``__getitem__`` took more CPU.
    """
    import tensorflow as tf
    from keras.src.trainers.data_adapters.py_dataset_adapter import PyDatasetAdapter
    from keras.utils import PyDataset

    batches = batches_of(paths)

    class Photos(PyDataset):
        def __len__(self) -> int:
            return len(batches)

        def __getitem__(self, number: int) -> tuple[np.ndarray]:
            photos = np.empty((len(batches[number]), *SHAPE), np.uint8)
            for path, photo in zip(batches[number], photos):
                read_into(path, photo)
            return (photos,)

    photos = Photos(workers=usable_cores(), use_multiprocessing=processes)
    adapter = PyDatasetAdapter(photos)
    dataset = adapter.get_tf_dataset()

    def epoch() -> Iterator[Any]:
        adapter.on_epoch_begin()
        for (batch,) in dataset:
            yield tf.cast(batch, dtype)  # of the same dtype: the batch as it is
        adapter.on_epoch_end()

    return epoch


def _floats(batches: Any) -> Any:
    return batches.map(lambda batch: batch.astype(np.float32))


def _run(pipeline: Any) -> Iterator[np.ndarray]:
    with pipeline.auto_stop():
        yield from pipeline.get_iterator()


def _without_ffmpeg() -> str | None:
    from spdl.io.utils import get_ffmpeg_versions

    try:
        get_ffmpeg_versions()
    except RuntimeError:
        return "its wheel holds no FFmpeg, and none of the versions it takes is on this system"
    return None


TENSORFLOW, KERAS, GRAIN = ("tensorflow",), ("keras", "tensorflow"), ("grain",)
HOW_TF_DATA = "AUTOTUNE; its decoder takes a faster, less exact transform by default"
PEERS = (
    Contestant(
        "tf.data, guide recipe", "peer", tf_data, HOW_TF_DATA, TENSORFLOW, same_pixels=False
    ),
    Contestant(
        "map(numpy_function)", "peer", numpy_function, "one photo a call, AUTOTUNE", TENSORFLOW
    ),
    Contestant("Grain, threads", "peer", grain, "a thread a core", GRAIN, often=True),
    Contestant(
        "Grain, threads that batch", "peer", grain_batches, "a thread a core", GRAIN, often=True
    ),
    Contestant("Grain, 16 threads", "peer", grain_default, "its default", GRAIN, best=False),
    Contestant("Grain, processes", "peer", grain_processes, "mp_prefetch", GRAIN, best=False),
    Contestant("Grain, DataLoader", "peer", grain_data_loader, "worker_count=0", GRAIN, best=False),
    Contestant("SPDL", "peer", spdl, "a thread a core", ("spdl",)),
    Contestant(
        "SPDL, FFmpeg",
        "peer",
        spdl_ffmpeg,
        "its own decoder",
        ("spdl",),
        same_pixels=False,
        best=False,
        why_not=_without_ffmpeg,
    ),
    Contestant("PyTorch DataLoader", "peer", pytorch, "a process a core, forked", ("torch",)),
    Contestant(
        "PyTorch DataLoader, forkserver",
        "peer",
        pytorch_forkserver,
        "a process a core",
        ("torch",),
        often=True,
        why_not=without_forkserver,
    ),
    Contestant("Keras PyDataset, threads", "peer", keras_threads, "a worker a core", KERAS),
    Contestant("Keras PyDataset, processes", "peer", keras_processes, "a worker a core", KERAS),
    Contestant("SPDL, whole batches", "aside", spdl_batches, "one call makes 32 photos", ("spdl",)),
)
