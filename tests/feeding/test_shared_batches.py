import errno
import gc
import mmap
import multiprocessing
import os
import pickle
import re
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from course_utils.feeding import shared_batches
from course_utils.feeding.layout import Layout
from course_utils.feeding.shared_batches import MIB, NoRoom, SharedBatches, check_room, room

sys.path.append(str(Path(__file__).parent))  # for workers, too

import process_functions

SPECS = {
    "photo": tf.TensorSpec((5, 7, 3), tf.uint8),
    "text": tf.TensorSpec((), tf.string),
    "label": tf.TensorSpec((), tf.int32),
    "row": tf.TensorSpec((3,), tf.bfloat16),
    "unknown": tf.TensorSpec((None, 2), tf.float32),
    "empty": tf.TensorSpec((0, 2), tf.float64),
}
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc and /dev/shm")


def memory_of(signature, rows=4, slots=3, numbers=2):
    return SharedBatches(Layout(signature).leaves, rows, slots, numbers)


def photos(slots=3):
    """Memory with one array a slot, of 4 photos."""
    return memory_of(tf.TensorSpec((8, 16), tf.uint8), slots=slots)


def address(array):
    return array.__array_interface__["data"][0]


def mappings():
    return sum("/pym-" in line for line in Path("/proc/self/maps").read_text().splitlines())


# What is there


def test_arrays_are_those_of_the_leaves():
    memory = memory_of(SPECS)
    photo, text, label, row, unknown, empty = memory.arrays(0)
    assert text is None
    assert unknown is None
    assert (photo.shape, photo.dtype) == ((4, 5, 7, 3), "uint8")
    assert (label.shape, label.dtype) == ((4,), "int32")
    assert (row.shape, row.dtype) == ((4, 3), tf.bfloat16.as_numpy_dtype)
    assert (empty.shape, empty.dtype) == ((4, 0, 2), "float64")


def test_arrays_begin_at_a_multiple_of_64_bytes_and_can_be_written():
    memory = memory_of(SPECS)
    for slot in range(3):
        for array in memory.arrays(slot):
            if array is not None and array.size:
                assert address(array) % 64 == 0
                assert array.flags.writeable
                assert array.flags.c_contiguous


def test_nothing_overlaps():
    memory = memory_of(SPECS)
    memory.numbers[:] = 7, 8
    arrays = [array for slot in range(3) for array in memory.arrays(slot) if array is not None]
    for number, array in enumerate(arrays):
        array[...] = number
    assert memory.numbers.tolist() == [7, 8]
    for number, array in enumerate(arrays):
        assert (array == number).all()


def test_a_slot_is_the_same_memory_each_time():
    memory = photos()
    memory.arrays(1)[0][...] = 9
    assert (memory.arrays(1)[0] == 9).all()
    assert (memory.arrays(0)[0] == 0).all(), "new memory holds zeros"


def test_text_alone_takes_no_room():
    memory = memory_of(SPECS["text"], slots=5)
    assert memory.slot_bytes == 0
    assert memory.arrays(4) == (None,)
    assert not memory.held(4)
    assert memory.numbers.tolist() == [0, 0]


# Other processes


@pytest.mark.parametrize("start_method", ["fork", "forkserver", "spawn"])
def test_another_process_has_the_same_memory(start_method):
    if start_method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"this system has no {start_method}")
    memory = memory_of({name: SPECS[name] for name in ("photo", "text", "label")})
    context = multiprocessing.get_context(start_method)
    child = context.Process(target=process_functions.fill, args=(memory, 1, 5))
    child.start()
    child.join(30)
    assert child.exitcode == 0
    child.close()
    for slot, expected in ((0, 0), (1, 5), (2, 0)):
        photo, _, label = memory.arrays(slot)
        assert (photo == expected).all()
        assert (label == expected).all()
    assert memory.numbers.tolist() == [5, 5]
    assert not memory.held(1)


# Who holds a slot


HOLDERS = {
    "the array": lambda array: array,
    "a slice": lambda array: array[1:3],
    "a slice of a slice": lambda array: array[1:][1:][:, 2:5],
    "one row": lambda array: array[0],
    "one number's place": lambda array: array[0, 0, 0, ...],
    "another shape": lambda array: array[:2].reshape(-1),
    "transposed": lambda array: array.T,
    "another dtype": lambda array: array.view("int8"),
    "a memoryview": memoryview,
    "a memoryview of a slice": lambda array: memoryview(array[1:])[0:1],
    "an array of a memoryview": lambda array: np.asarray(memoryview(array[1:])),
    "an iterator": lambda array: iter(array),
    "a subclass": lambda array: array.view(np.recarray),
    "a view of a subclass": lambda array: array.view(np.recarray)[1:].view(np.ndarray)[:1],
    "a broadcast view": lambda array: np.broadcast_to(array, (2, *array.shape)),
    "a strided view": lambda array: np.lib.stride_tricks.sliding_window_view(array, 2, axis=0),
    "dlpack": lambda array: np.from_dlpack(array),
    "a tensor": lambda array: tf.convert_to_tensor(array),
    "a tensor by dlpack": lambda array: tf.experimental.dlpack.from_dlpack(array.__dlpack__()),
    "a tensor's array": lambda array: tf.convert_to_tensor(array).numpy(),
    "a reshaped tensor": lambda array: tf.reshape(tf.convert_to_tensor(array), [-1]),
    "a constant": lambda array: tf.constant(array),
}


@pytest.mark.parametrize("holder", HOLDERS)
def test_a_slot_is_held_by_whatever_can_read_it(holder):
    memory = photos()
    assert not any(memory.held(slot) for slot in range(3))
    (array,) = memory.arrays(1)
    array[...] = 1
    held = HOLDERS[holder](array)
    del array
    assert not memory.held(0)
    if not memory.held(1):  # TensorFlow copies an array now and then
        memory.arrays(1)[0][...] = 9
    if holder == "an iterator":
        assert (next(held) == 1).all()
    else:
        assert (np.asarray(held) == 1).all()
    del held
    assert not memory.held(1)


def test_what_was_copied_holds_nothing():
    memory = photos()
    (array,) = memory.arrays(0)
    kept = array.copy(), array[0, 0, 0], array.tobytes(), array.max(), address(array)
    del array
    assert not memory.held(0)
    assert len(kept) == 5


# Nothing is left


@LINUX
def test_the_memory_has_no_name_and_goes_with_its_last_view():
    open_files, mapped = len(os.listdir("/proc/self/fd")), mappings()
    memory = photos()
    assert not any(name.startswith(f"pym-{os.getpid()}-") for name in os.listdir("/dev/shm"))
    assert mappings() == mapped + 1
    view = memory.arrays(2)[0][1:]
    view[...] = 3
    del memory
    gc.collect()
    assert mappings() == mapped + 1
    assert (view == 3).all()
    del view
    assert mappings() == mapped
    assert len(os.listdir("/proc/self/fd")) == open_files


@LINUX
def test_the_memory_is_there_in_full():
    memory = memory_of(tf.TensorSpec((MIB,), tf.uint8), rows=2, slots=4)
    assert os.fstat(memory._arena.fd).st_blocks * 512 >= 8 * MIB


# No room


def told(free):
    return (
        "The loader needs 32.0 MiB of shared memory, for 8 batches of 4.0 MiB, and "
        f"{shared_batches.FOLDER} has {free} MiB free. Give it more (docker run --shm-size=1g; a "
        "Kubernetes emptyDir with medium: Memory), or need less: smaller batches, a smaller "
        "`ahead`, fewer processes, uint8 instead of float32."
    )


def test_too_little_room_is_told(small_disk, monkeypatch):
    monkeypatch.setattr(shared_batches, "FOLDER", str(small_disk(8)))
    check_room(8 * MIB, 8)
    with pytest.raises(NoRoom) as caught:
        check_room(32 * MIB, 8)
    assert str(caught.value) == told("8.0")
    assert isinstance(caught.value, MemoryError)
    with pytest.raises(NoRoom, match=r"The loader needs 32\.1 MiB"):
        memory_of(tf.TensorSpec((MIB,), tf.uint8), rows=4, slots=8)


@LINUX
def test_room_that_is_gone_when_it_is_taken_is_told(monkeypatch):
    """As when somebody else fills the folder meanwhile."""
    open_files, mapped = len(os.listdir("/proc/self/fd")), mappings()

    def full(descriptor, begin, size):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(NoRoom) as caught:
        memory_of(tf.TensorSpec((MIB,), tf.uint8), rows=4, slots=8, numbers=0)
    assert re.sub(r"has [\d,.]+ MiB", "has 0.0 MiB", str(caught.value)) == told("0.0")
    assert isinstance(caught.value, MemoryError)
    del caught
    gc.collect()
    assert mappings() == mapped
    assert len(os.listdir("/proc/self/fd")) == open_files


def test_where_there_is_no_such_folder_nothing_is_refused(monkeypatch, tmp_path):
    monkeypatch.setattr(shared_batches, "FOLDER", str(tmp_path / "none"))
    check_room(2**60, 8)


def test_as_much_as_is_free_is_enough(monkeypatch):
    if not os.path.isdir(shared_batches.FOLDER):
        pytest.skip("this system has no such folder")
    free = 64 * mmap.PAGESIZE
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(2**30, 0, free))
    check_room(free, 1)
    with pytest.raises(NoRoom):
        check_room(free + 1, 1)


def test_what_is_checked_is_what_is_taken():
    leaves = Layout((tf.TensorSpec((3,), tf.float32), tf.TensorSpec((), tf.int64))).leaves
    for numbers in (1, 9):
        memory = SharedBatches(leaves, 5, 3, numbers)
        assert memory._arena.size == room(leaves, 5, 3, numbers)


def test_what_is_needed_never_reads_like_what_is_free(monkeypatch):
    free = 4 * MIB
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(2**30, 0, free))
    if os.path.isdir(shared_batches.FOLDER):
        with pytest.raises(NoRoom, match=r"needs 4\.1 MiB .* has 4\.0 MiB free"):
            check_room(free + 64, 8)


def test_the_error_travels():
    with pytest.raises(NoRoom) as caught:
        memory_of(tf.TensorSpec((2**50,), tf.uint8))
    copy = pickle.loads(pickle.dumps(caught.value))
    assert (type(copy), str(copy)) == (NoRoom, str(caught.value))
