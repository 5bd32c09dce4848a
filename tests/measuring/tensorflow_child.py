"""What the processes with TensorFlow run; see `tensorflow_children`."""

import json  # noqa: F401 - used by the line that each process runs after these
from concurrent.futures import ThreadPoolExecutor
from statistics import median
from threading import Barrier, Lock

import numpy as np

from course_utils.measuring import memory

SHAPE = (32, 224, 224, 3)
BATCHES = 45


def make(label):
    batch = np.empty(SHAPE, np.uint8)
    for picture in batch:
        decoded = np.full((330, 400, 3), label, np.uint8)
        picture[...] = decoded[:224, :224]
    return batch


def generate():
    with ThreadPoolExecutor(2) as pool:
        for first in range(0, BATCHES, 3):
            yield from pool.map(make, range(first, first + 3))


def faults_per_picture():
    import tensorflow as tf

    dataset = tf.data.Dataset.from_generator(
        generate, output_signature=tf.TensorSpec(SHAPE, tf.uint8)
    )
    for number, _ in enumerate(dataset, 1):
        if number == 15:  # the heaps have grown by now
            began = memory.page_faults()
    return (memory.page_faults() - began) / (32 * (BATCHES - 15))


def faults_per_array():
    """The middle one of five threads, which live at the same time so that each has its own heap.

    A new thread may take over the heap of one that has ended. Something that still lives at the
    end of such a heap keeps what lies free before it, and arrays that fit there cost no faults.
    """
    together, in_turn = Barrier(5), Lock()

    def count():
        together.wait()
        with in_turn:
            for _ in range(3):
                np.ones(3_000_000, np.uint8)
            with memory.count_faults() as counted:
                for _ in range(20):
                    np.ones(3_000_000, np.uint8)
            return counted.faults / 20

    with ThreadPoolExecutor(5) as pool:
        return median([each.result() for each in [pool.submit(count) for _ in range(5)]])


def faults():
    """Faults in one process, before and after each thing that changes its allocator."""
    found = {"arrays at first": faults_per_array()}
    found["pictures"] = faults_per_picture()
    found["arrays after from_generator"] = faults_per_array()
    peak = memory.peak_memory_bytes()
    found["record"] = str(memory.keep_freed_memory())
    found["pictures, kept"] = faults_per_picture()
    found["arrays, kept"] = faults_per_array()
    found["peak grew"] = memory.peak_memory_bytes() - peak
    memory.return_freed_memory()
    found["arrays, returned"] = faults_per_array()
    return found


def race_of_datasets():
    """Elements and items of each pipeline's epoch."""
    import tensorflow as tf

    from course_utils.measuring.race import race

    dataset = tf.data.Dataset.from_tensor_slices((np.zeros((64, 2)), np.zeros(64))).batch(16)
    found = race(
        {"dataset": dataset, "made": lambda: dataset.map(lambda x, y: {"x": x, "y": y})},
        control="dataset",
        rounds=1,
    )
    epochs = found.rounds[0]
    return [[epochs[name].elements, epochs[name].items] for name in found.names]


def elements_of_datasets():
    """What `Elements` makes of TensorFlow's own elements and batches."""
    import tensorflow as tf

    from course_utils.measuring.elements import Elements

    numbers = tf.data.Dataset.range(5)
    words = tf.data.Dataset.from_tensor_slices(["a", "b"])
    return repr(Elements({"numbers": numbers, "batch(2)": numbers.batch(2), "words": words}))


def everything():
    # The faults first: they depend on what the process did before.
    return {"faults": faults(), "race": race_of_datasets(), "elements": elements_of_datasets()}
