import gc
import multiprocessing
import sys
import threading
import time

import numpy as np
import psutil
import pytest
import tensorflow as tf

from course_utils.feeding.pictures import broken_files
from course_utils.feeding.pipelines import (
    native,
    pool_batches,
    pool_each_epoch,
    threaded_batches,
    threaded_generator,
)
from course_utils.feeding.readers import read_photo

COUNT, HEIGHT, WIDTH = 20, 40, 48
START_METHODS = [
    method for method in ("fork", "spawn") if method in multiprocessing.get_all_start_methods()
]
SMALL = {"batch_size": 8, "height": HEIGHT, "width": WIDTH}
# The labels are 0 to 19, so that each photo can be told in any order.
PIPELINES = {
    "pool_each_epoch": lambda paths, **more: pool_each_epoch(
        paths, range(len(paths)), **SMALL, processes=2, **more
    ),
    "threaded_generator": lambda paths: threaded_generator(
        paths, range(len(paths)), **SMALL, threads=3
    ),
    "native": lambda paths: native(paths, range(len(paths)), **SMALL),
}


@pytest.fixture(scope="module")
def paths(photos):
    return photos.paths[:COUNT]


@pytest.fixture(scope="module")
def expected(paths):
    """The photos as they should arrive: float32, 0.0 to 1.0."""
    photos = np.stack([read_photo(path, HEIGHT, WIDTH) for path in paths])
    return photos.astype(np.float32) / 255


def one_epoch(dataset):
    """Batch sizes, then the photos and labels sorted by label."""
    batches = [(photos.numpy(), labels.numpy()) for photos, labels in dataset]
    labels = np.concatenate([labels for _, labels in batches])
    photos = np.concatenate([photos for photos, _ in batches])
    order = np.argsort(labels, kind="stable")
    return [len(labels) for _, labels in batches], photos[order], labels[order]


def helpers():
    """The threads and child processes that someone is still to end."""
    threads = {
        thread
        for thread in threading.enumerate()
        # TensorFlow's own threads, seen by Python once they ran some of it.
        if not isinstance(thread, threading._DummyThread)
    }
    processes = {
        child
        for child in psutil.Process().children(recursive=True)
        # One for the whole of this process, as long as it lives.
        if child.is_running() and "resource_tracker" not in " ".join(child.cmdline())
    }
    return threads | processes


def wait_until_ended(before, seconds=30):
    limit = time.monotonic() + seconds
    while left := helpers() - before:
        assert time.monotonic() < limit, f"still there after {seconds} s: {left}"
        gc.collect()
        time.sleep(0.02)


@pytest.mark.parametrize("name", PIPELINES)
def test_same_elements_for_all(name, paths):
    photos, labels = PIPELINES[name](paths).element_spec
    assert photos.dtype == tf.float32
    assert photos.shape.as_list() == [None, HEIGHT, WIDTH, 3]
    assert labels.dtype == tf.int32
    assert labels.shape.as_list() == [None]


@pytest.mark.parametrize(
    ("name", "more"),
    [
        *[("pool_each_epoch", {"start_method": method}) for method in START_METHODS],
        ("threaded_generator", {}),
        ("native", {}),
    ],
)
def test_each_photo_once_per_epoch_with_its_label(name, more, paths, expected):
    before = helpers()
    dataset = PIPELINES[name](paths, **more)
    for _ in range(2):
        sizes, photos, labels = one_epoch(dataset)
        assert sizes == [8, 8, 4]
        assert labels.tolist() == list(range(COUNT))
        if name == "pool_each_epoch":
            photos = photos[..., ::-1]  # BGR, one of its flaws
        if name == "native":
            # Another decoder and another bilinear resize.
            difference = np.abs(photos - expected).mean(axis=(1, 2, 3))
            others = np.abs(photos - np.roll(expected, 1, axis=0)).mean(axis=(1, 2, 3))
            assert difference.max() < 0.05
            assert (difference < others).all()
        else:
            assert np.abs(photos - expected).max() < 1e-6
    wait_until_ended(before)


def test_order_and_length_of_the_tuned_ones(paths):
    for name in ("threaded_generator", "native"):
        dataset = PIPELINES[name](paths)
        assert dataset.cardinality() == 3
        labels = np.concatenate([labels.numpy() for _, labels in dataset])
        assert labels.tolist() == list(range(COUNT)), name


def test_the_pool_shuffles_and_tells_no_length(paths):
    dataset = PIPELINES["pool_each_epoch"](paths)
    assert dataset.cardinality() == tf.data.UNKNOWN_CARDINALITY
    orders = []
    for _ in range(2):
        np.random.seed(0)
        orders.append(np.concatenate([labels.numpy() for _, labels in dataset]).tolist())
    assert orders[0] == orders[1] != sorted(orders[0])
    assert np.concatenate([labels.numpy() for _, labels in dataset]).tolist() != orders[0]


@pytest.mark.parametrize(
    ("name", "more"),
    [
        *[("pool_each_epoch", {"start_method": method}) for method in START_METHODS],
        ("threaded_generator", {}),
        ("native", {}),
    ],
)
def test_an_epoch_left_early_leaves_no_process_and_no_thread(name, more, paths):
    before = helpers()
    dataset = PIPELINES[name](paths, **more)
    for _ in dataset:
        if name != "native":
            assert helpers() - before, "someone is at work"
        break
    wait_until_ended(before)
    assert one_epoch(dataset)[2].tolist() == list(range(COUNT)), "the next epoch is complete"
    wait_until_ended(before)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc/<pid>/maps")
def test_a_spawned_worker_does_not_load_tensorflow(paths):
    def libraries(process):
        return {entry.path for entry in process.memory_maps()}

    before = helpers()
    iterator = iter(PIPELINES["pool_each_epoch"](paths, start_method="spawn"))
    next(iterator)
    workers = [child for child in helpers() - before if isinstance(child, psutil.Process)]
    assert len(workers) == 2
    assert any("tensorflow" in path for path in libraries(psutil.Process()))
    for worker in workers:
        loaded = libraries(worker)
        assert any("cv2" in path for path in loaded)
        assert not any("tensorflow" in path for path in loaded)
    del iterator
    wait_until_ended(before)


def test_a_picture_that_cannot_be_read_is_named_and_the_threads_end(paths, tmp_path):
    before = helpers()
    bad = broken_files(tmp_path)["truncated"]
    dataset = PIPELINES["threaded_generator"]([*paths[:10], bad, *paths[10:]])
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"truncated\.jpg.*cut short"):
        one_epoch(dataset)
    wait_until_ended(before)


def test_the_generators_without_tensorflow(paths, expected):
    texts, labels = [str(path) for path in paths], np.arange(COUNT, dtype=np.int32)
    batches = list(threaded_batches(texts, labels, 8, HEIGHT, WIDTH, 2))
    assert [photos.dtype for photos, _ in batches] == [np.uint8] * 3
    assert np.array_equal(np.concatenate([labels for _, labels in batches]), labels)
    addresses = {photos.ctypes.data for photos, _ in batches}
    assert len(addresses) == 3, "a batch that was handed over is never written again"
    photos, first = next(pool_batches(texts, labels, 8, HEIGHT, WIDTH, 1, START_METHODS[0]))
    assert photos.dtype == np.float64
    assert np.allclose(photos[..., ::-1], expected[first], atol=1e-6)


@pytest.mark.parametrize("pipeline", [pool_each_epoch, threaded_generator, native])
@pytest.mark.parametrize(
    ("paths", "labels", "more", "kind", "text"),
    [
        ([], [], {}, ValueError, "found no paths"),
        (["a", "b"], [0], {}, ValueError, r"found 2 paths and labels of shape \(1,\)"),
        (["a"], [[0]], {}, ValueError, r"labels of shape \(1, 1\)"),
        (["a"], [0.5], {}, TypeError, "whole numbers, found an array of float64"),
        ("a.jpg", [0], {}, TypeError, "found a single one: 'a.jpg'"),
        (["a"], [0], {"batch_size": 0}, ValueError, "batch_size must be 1 or more, found 0"),
        (["a"], [0], {"width": 2.5}, TypeError, "width must be a whole number, found 2.5"),
    ],
)
def test_what_does_not_fit_is_refused_at_once(pipeline, paths, labels, more, kind, text):
    with pytest.raises(kind, match=text):
        pipeline(paths, labels, **more)


def test_numbers_of_workers_and_start_methods_are_checked():
    with pytest.raises(ValueError, match="threads must be 1 or more, found 0"):
        threaded_generator(["a"], [0], threads=0)
    with pytest.raises(ValueError, match="processes must be 1 or more, found 0"):
        pool_each_epoch(["a"], [0], processes=0)
    with pytest.raises(ValueError, match=r"start_method must be one of .* found 'thread'"):
        pool_each_epoch(["a"], [0], start_method="thread")


def test_importing_the_pipelines_does_not_import_tensorflow(ask_python):
    loaded = ask_python(
        "import sys, json, course_utils.feeding.pipelines\n"
        "print(json.dumps([name for name in ('tensorflow', 'keras') if name in sys.modules]))"
    )
    assert loaded == []
