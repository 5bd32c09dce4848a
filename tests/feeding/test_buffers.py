import threading

import numpy as np
import pytest
import tensorflow as tf

from course_utils.feeding import buffers
from course_utils.feeding.buffers import Buffers

SHAPE = (4, 8, 16)


def address(array):
    return array.__array_interface__["data"][0]


@pytest.mark.parametrize("dtype", ["uint8", "float32", "complex128", "bool", "int64"])
@pytest.mark.parametrize("shape", [(4, 8, 16), (3,), (5, 0, 2), (7, 3), ()])
def test_arrays_begin_at_a_multiple_of_64_bytes(shape, dtype):
    taken = [Buffers(shape, np.dtype(dtype), 1).take() for _ in range(5)]
    for array in taken:
        assert (array.shape, array.dtype) == (shape, dtype)
        assert address(array) % 64 == 0 or array.size == 0
        assert array.flags.writeable
        array[...] = 1


def test_what_was_let_go_is_taken_again():
    pool = Buffers(SHAPE, np.dtype("uint8"), 3)
    first = address(pool.take())
    assert {address(pool.take()) for _ in range(100)} == {first}
    assert pool.allocated == 1


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
    "a broadcast view": lambda array: np.broadcast_to(array, (2, *array.shape)),
    "a strided view": lambda array: np.lib.stride_tricks.sliding_window_view(array, 2, axis=0),
    "array interface": lambda array: np.asarray(Interface(array)),
    "dlpack": lambda array: np.from_dlpack(array),
    "a tensor": lambda array: tf.convert_to_tensor(array),
    "a tensor by dlpack": lambda array: tf.experimental.dlpack.from_dlpack(array.__dlpack__()),
    "a tensor's array": lambda array: tf.convert_to_tensor(array).numpy(),
    "a reshaped tensor": lambda array: tf.reshape(tf.convert_to_tensor(array), [-1]),
    "a constant": lambda array: tf.constant(array),
}


class Interface:
    def __init__(self, array):
        self.array = array
        self.__array_interface__ = array.__array_interface__


@pytest.mark.parametrize("holder", HOLDERS)
def test_what_somebody_holds_is_not_written_again(holder):
    pool = Buffers(SHAPE, np.dtype("uint8"), 3)
    array = pool.take()
    array[...] = 1
    held = HOLDERS[holder](array)
    del array
    for _ in range(20):
        pool.take()[...] = 9
    if holder == "an iterator":
        assert (next(held) == 1).all()
    else:
        assert (np.asarray(held) == 1).all()


def test_many_at_once_are_given_up_and_freed_with_their_users(monkeypatch):
    monkeypatch.setattr(buffers, "MOST_KEPT", 8)
    pool = Buffers(SHAPE, np.dtype("uint8"), 3)
    held = [pool.take() for _ in range(50)]
    for number, array in enumerate(held):
        array[...] = number
    assert pool.allocated == 50
    assert [array.max() for array in held] == [array.min() for array in held] == list(range(50))
    assert len(pool._kept) == 8
    del held, array
    for _ in range(20):
        pool.take()
    assert pool.allocated == 50
    assert len(pool._kept) == 1, "one is enough, so the others are given up"


def test_large_arrays_are_kept_by_the_least_number():
    assert Buffers((2**20,), np.dtype("uint8"), 3).recent == buffers.MOST_KEPT
    assert Buffers((2**24,), np.dtype("uint8"), 3).recent == 8
    assert Buffers((2**40,), np.dtype("uint8"), 3).recent == 3


def test_text_is_never_kept():
    pool = Buffers((3,), np.dtype(object), 3)
    first, second = pool.take(), pool.take()
    assert first.tolist() == [None] * 3
    assert first is not second
    assert pool.allocated == 0


def test_threads_never_take_the_same():
    pool, wrong = Buffers((64,), np.dtype("int64"), 8), []

    def use(number):
        for _ in range(2000):
            array = pool.take()
            array[...] = number
            if (array != number).any():
                wrong.append(number)

    threads = [threading.Thread(target=use, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    # Not few to the last: the array of a thread that isn't run for long is given up, and is not
    # taken again. But a take is hardly ever an allocation.
    assert pool.allocated < 100, "of 8,000"
