"""Room for batches in memory that worker processes share with the process that reads them.

A worker writes a batch there, and it is never copied or pickled. The memory has no name: it is a
file in memory (``/dev/shm`` on Linux) that is removed from its folder as soon as it is open. So
nothing is left of it, however the processes end, except where a kill hits the moment in between:
then an empty file stays. (On macOS it is such a file on the disk.) ``multiprocessing.heap.Arena``
makes it: not documented, but the same in Python 3.11 to 3.13, and what its ``Array`` is made of.
"""

from __future__ import annotations

import errno
import math
import mmap
import os
import shutil
import sys
from multiprocessing.heap import Arena

import numpy as np

from course_utils.feeding.buffers import ALIGNMENT
from course_utils.feeding.interrupts import interrupt_held_back
from course_utils.feeding.layout import TEXT, Leaf

FOLDER = "/dev/shm"  # where Arena puts its files on Linux
MIB = 2**20
CURE = (
    "Give it more (docker run --shm-size=1g; a Kubernetes emptyDir with medium: Memory), or need "
    "less: smaller batches, a smaller `ahead`, fewer processes, uint8 instead of float32."
)


class NoRoom(MemoryError):
    """The memory that processes can share is too small, or full."""


class SharedBatches:
    """So many slots of the same size, each with room for a batch, and a few shared numbers.

    Args:
        leaves: the tensors of an element; text isn't shared.
        rows: elements a batch.
        slots: how many.
        numbers: how many int64 numbers stand before the slots.

    Raises:
        NoRoom: there is less free memory than that.

    ``numbers`` is the array of them. A copy in another process, which pickling makes while that
    process is started, has the same memory.
    """

    def __init__(self, leaves: tuple[Leaf, ...], rows: int, slots: int, numbers: int) -> None:
        self.shapes = _shapes(leaves, rows)
        self.slot_bytes, self.slots, self.first = _slot(self.shapes), slots, _whole(8 * numbers)
        self._arena = _reserve(room(leaves, rows, slots, numbers), slots)
        self._open(numbers)

    def __getstate__(self):
        state = self.__dict__.copy()
        state["numbers"] = len(self.numbers)
        del state["_owners"]
        return state

    def __setstate__(self, state):
        numbers = state.pop("numbers")
        self.__dict__.update(state)
        self._open(numbers)

    def _open(self, numbers: int) -> None:
        memory = self._arena.buffer
        self.numbers = np.frombuffer(memory, np.int64, numbers)
        # An owner of its own for each slot: every view of it holds it as its base.
        self._owners = [
            np.frombuffer(memory, np.uint8, self.slot_bytes, self.first + slot * self.slot_bytes)
            for slot in range(self.slots)
        ]

    def arrays(self, slot: int) -> tuple[np.ndarray | None, ...]:
        """The arrays of a slot, one a leaf; None for text and for what has an unknown size."""
        found, begin = [], 0
        for shape in self.shapes:
            if shape is None:
                found.append(None)
                continue
            size = _bytes(*shape)
            part = self._owners[slot][begin : begin + size]
            found.append(part.view(shape[1]).reshape(shape[0]))
            begin += _whole(size)
        return tuple(found)

    def held(self, slot: int) -> bool:
        """Whether an array of the slot, or any view of one, is in use in this process.

        As in ``buffers``: the count of references is CPython's own.
        """
        return sys.getrefcount(self._owners[slot]) > ALONE


def _references() -> int:
    """What ``held`` counts where nobody else holds the array: measured, not assumed."""
    arrays = [np.empty(1)]
    return sys.getrefcount(arrays[0])


ALONE = _references()


def room(leaves: tuple[Leaf, ...], rows: int, slots: int, numbers: int) -> int:
    """Bytes that ``SharedBatches`` takes."""
    return _whole(8 * numbers) + slots * _slot(_shapes(leaves, rows))


def check_room(size: int, slots: int) -> None:
    """Raise NoRoom where the system says that so many bytes aren't free."""
    size = -(-size // mmap.PAGESIZE) * mmap.PAGESIZE  # a file in memory takes whole pages
    if os.path.isdir(FOLDER) and shutil.disk_usage(FOLDER).free < size:
        raise NoRoom(_no_room(size, slots))


def _reserve(size: int, slots: int) -> Arena:
    """Shared memory that is there in full: else whoever first touches a page would be killed."""
    check_room(size, slots)
    with interrupt_held_back():  # for a moment it has a name
        try:
            arena = Arena(size)
        except OSError as error:
            if error.errno in (errno.EMFILE, errno.ENFILE):  # too many files are open
                raise
            raise NoRoom(
                f"The loader needs shared memory, and can't make it in {FOLDER}: {error}. {CURE}"
            ) from error
    if hasattr(os, "posix_fallocate"):
        try:
            os.posix_fallocate(arena.fd, 0, size)
        except OSError as error:
            raise NoRoom(_no_room(size, slots)) from error
    return arena


def _no_room(size: int, slots: int) -> str:
    free = shutil.disk_usage(FOLDER).free if os.path.isdir(FOLDER) else 0
    # Rounded up what is needed, and down what is free: so that the two never read the same.
    return (
        f"The loader needs {math.ceil(10 * size / MIB) / 10:,.1f} MiB of shared memory, for "
        f"{slots} batches of {size / slots / MIB:,.1f} MiB, and {FOLDER} has "
        f"{math.floor(10 * free / MIB) / 10:,.1f} MiB free. {CURE}"
    )


def _shapes(leaves: tuple[Leaf, ...], rows: int) -> list[tuple[tuple[int, ...], np.dtype] | None]:
    """Of each leaf's array in a slot; None for what isn't shared."""
    return [
        None if leaf.dtype == TEXT or not leaf.whole else ((rows, *leaf.shape), leaf.dtype)
        for leaf in leaves
    ]


def _slot(shapes: list[tuple[tuple[int, ...], np.dtype] | None]) -> int:
    """Bytes of a slot."""
    return sum(_whole(_bytes(*shape)) for shape in shapes if shape)


def _bytes(shape: tuple[int, ...], dtype: np.dtype) -> int:
    return math.prod(shape) * dtype.itemsize


def _whole(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT
