"""The floor: the same work in one tight loop per core, without a loader around it.

Nothing is handed over, nothing is ordered, and each core fills one batch again and again, in
memory that was allocated before. So this is what the pictures themselves cost. Whoever delivers
them must cost a little more.
"""

from __future__ import annotations

import itertools
import multiprocessing
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from benchmarks.contestant import Epoch
from benchmarks.work import BATCH, PHOTOS, Work, batches_of
from course_utils.feeding.cores import usable_cores


def threads(
    paths: list[str],
    dtype: str,
    keep: bool = False,
    work: Work = PHOTOS,
    workers: int | None = None,
) -> Epoch:
    """One thread a core; OpenCV releases the GIL while it decodes and resizes.

    ``keep`` gives each batch memory of its own, so that its pixels can be looked at. ``work`` and
    the number of ``workers`` may be others.
    """
    batches = batches_of(paths)
    cores = workers or usable_cores()
    memory = np.zeros((len(batches) if keep else cores, BATCH, *work.shape), dtype)

    def fill(core: int, numbers: Iterator[int]) -> None:
        for number in numbers:
            if number >= len(batches):
                return
            _fill(work, batches[number], memory[number if keep else core])

    def epoch() -> Iterator[np.ndarray]:
        numbers = itertools.count()  # next() of it is one step: no two threads get the same
        crew = [threading.Thread(target=fill, args=(core, numbers)) for core in range(cores)]
        for worker in crew:
            worker.start()
        for worker in crew:
            worker.join()
        yield from _done(batches, memory)

    return epoch


def processes(
    paths: list[str],
    dtype: str,
    keep: bool = False,
    work: Work = PHOTOS,
    workers: int | None = None,
) -> Epoch:
    """One process a core, started beforehand; no pixel leaves the process that made it.

    ``keep`` puts each batch into memory that the processes share, so that it can be looked at.
    ``work`` and the number of ``workers`` may be others.
    """
    batches = batches_of(paths)
    cores = workers or usable_cores()
    context = multiprocessing.get_context()
    numbers = context.Value("q", 0)
    begin, end = context.Barrier(cores + 1), context.Barrier(cores + 1)
    shape = (len(batches) if keep else cores, BATCH, *work.shape)
    raw = context.RawArray("B", int(np.prod(shape)) * np.dtype(dtype).itemsize)
    memory = _array(raw, shape, dtype)
    for core in range(cores):
        place = None if keep else core
        details = (work, batches, raw, shape, dtype, place, numbers, begin, end)
        context.Process(target=_loop, args=details, daemon=True).start()

    def epoch() -> Iterator[np.ndarray]:
        numbers.value = 0
        begin.wait()
        end.wait()
        yield from _done(batches, memory)

    return epoch


def _loop(
    work: Work,
    batches: list[list[str]],
    raw: Any,
    shape: tuple[int, ...],
    dtype: str,
    place: int | None,
    numbers: Any,
    begin: Any,
    end: Any,
) -> None:
    """What a process does, epoch after epoch."""
    memory = _array(raw, shape, dtype)
    while True:
        begin.wait()
        while (number := _next(numbers)) < len(batches):
            _fill(work, batches[number], memory[number if place is None else place])
        end.wait()


def _next(numbers: Any) -> int:
    with numbers.get_lock():
        numbers.value += 1
        return numbers.value - 1


def _array(raw: Any, shape: Sequence[int], dtype: str) -> np.ndarray:
    return np.frombuffer(raw, dtype).reshape(shape)


def _fill(work: Work, batch: list[str], rows: np.ndarray) -> None:
    for path, row in zip(batch, rows):
        work.into(path, row)


def _done(batches: list[list[str]], memory: np.ndarray) -> Iterator[np.ndarray]:
    """What stands in memory for each batch: its pictures, or those that came after them."""
    for number, batch in enumerate(batches):
        yield memory[number % len(memory)][: len(batch)]
