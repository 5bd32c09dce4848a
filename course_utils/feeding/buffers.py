"""Memory for batches that is allocated once, and used again when nobody else holds it.

A new array of some megabytes costs a page fault for each 4 KiB of it, and TensorFlow takes an
array without a copy only where its address is a multiple of 64. So batches are written into
memory that begins there and is kept. When may it be written again? TensorFlow doesn't say when it
has let go, and neither does a learner who keeps a slice. But each of them holds a reference: NumPy
gives every view, and every view of a view, the array that owns the memory as its ``base``, and a
tensor or memoryview holds the view it was made of. As long as the owner has more references than
the two of this module, somebody can still read it.

The count is CPython's own, ``sys.getrefcount``. A bare address (``array.ctypes.data``) isn't a
reference: who keeps one must keep the array as well.
"""

from __future__ import annotations

import math
import sys
import threading

import numpy as np

ALIGNMENT = 64  # bytes; EIGEN_MAX_ALIGN_BYTES of TensorFlow
MOST_KEPT = 64  # arrays: each is looked at when one is taken
BYTES_KEPT = 2**27


class Buffers:
    """Arrays of one shape and dtype; safe to use from several threads.

    An array that was not taken during the last ``recent`` takes is given up: if nobody holds it,
    so many aren't needed; if somebody does, as under ``list(dataset)``, it is freed with its last
    user. So memory that is kept for nothing is bounded: by 128 MiB, or by ``least`` arrays. That
    holds for each ``Buffers``, and a loader has one for each tensor of its signature.

    Args:
        shape: of each array.
        dtype: of each array. Object arrays (text) are made anew each time.
        least: how many arrays are in use at once, usually.

    ``allocated`` counts the arrays allocated so far.
    """

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype, least: int) -> None:
        self.shape, self.dtype = shape, np.dtype(dtype)
        self.bytes = math.prod(shape) * self.dtype.itemsize
        self.recent = max(least, min(MOST_KEPT, BYTES_KEPT // max(self.bytes, 1)))
        self.allocated = 0
        self._takes = 0
        self._kept: list[_Buffer] = []  # taken last comes last
        self._lock = threading.Lock()

    def take(self) -> np.ndarray:
        """An array that nobody else holds. What it contains is left from its last use."""
        if self.dtype.hasobject:
            return np.empty(self.shape, self.dtype)
        with self._lock:
            buffer = self._free() or self._new()
            self._takes += 1
            buffer.taken = self._takes
            self._kept.append(buffer)
            while self._kept[0].taken <= self._takes - self.recent:
                del self._kept[0]
            return buffer.array[...]  # a view: from now on somebody holds it

    def _free(self) -> _Buffer | None:
        """One that nobody holds, of these the one taken last: what isn't needed stays behind."""
        for number in reversed(range(len(self._kept))):
            if self._kept[number].is_free():
                return self._kept.pop(number)
        return None

    def _new(self) -> _Buffer:
        self.allocated += 1
        return _Buffer(self.shape, self.dtype, self.bytes)


class _Buffer:
    def __init__(self, shape: tuple[int, ...], dtype: np.dtype, size: int) -> None:
        self.owner = np.empty(size + ALIGNMENT, np.uint8)
        begin = -self.owner.__array_interface__["data"][0] % ALIGNMENT
        self.array = self.owner[begin : begin + size].view(dtype).reshape(shape)
        self.taken = 0
        self.alone = sys.getrefcount(self.owner)

    def is_free(self) -> bool:
        return sys.getrefcount(self.owner) == self.alone
