"""One epoch of a ``ProcessLoader``: draw items, have batches made, take them, and the end."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any

from course_utils.feeding.interrupts import interrupt_held_back
from course_utils.feeding.item_errors import Failures
from course_utils.feeding.packing import Packing
from course_utils.feeding.worker import Done, Task

if TYPE_CHECKING:
    from course_utils.feeding.processes import ProcessLoader


@dataclass(eq=False)
class _Batch:
    """A batch that was ordered: its items, and its arrays once it has arrived."""

    task: Task
    items: list
    arrays: tuple = ()
    drawn: int = 0  # rows whose function was called
    failed: dict[int, tuple[Any, BaseException]] = field(default_factory=dict)
    worker: int = 0
    arrived: bool = False


class ProcessEpoch:
    """One epoch: its consumer orders batches ahead, and takes them as they arrive."""

    def __init__(self, loader: ProcessLoader, number: int) -> None:
        self.loader, self.number = loader, number
        self.failures = Failures(loader.errors == "skip", loader.at_most)
        self.ordered: deque[_Batch] = deque()  # not taken yet
        self.source: Iterator[Any] | None = None
        self.source_error: BaseException | None = None
        self.ended = False  # no item is drawn any more
        self.places = 0  # items drawn

    def elements(self) -> Iterator[Any]:
        """The epoch as its consumer sees it: the generator that an epoch is."""
        packing = Packing(self.loader.batch_size or 1)
        self.workers = self.loader.borrow_workers()
        error, usable, hurry = None, False, True
        try:
            self.workers.begin()
            self._order()
            while self.ordered and error is None:
                batch = self._take()
                rows, error = self.failures.examine(
                    batch.task.first, batch.drawn, batch.failed, batch.worker
                )
                self._order()
                yield from self._in_structure(batch, rows, packing)
            yield from map(self.loader.layout.structure, packing.rest())
            usable = True
            if error := error or self.failures.at_the_end(self.source_error):
                raise error
            hurry = False
        except GeneratorExit:
            usable, hurry = True, False
            raise
        finally:
            del error  # holds this frame by its traceback
            self._leave(usable, hurry)

    def _order(self) -> None:
        """Order as many batches as may be under way."""
        loader = self.loader
        while not self.ended and len(self.ordered) < loader.under_way:
            slots = self.workers.free()
            if not slots and self.ordered:
                return
            while not slots:  # those of an epoch before, which was left, are still written
                for _ in self.workers.wait(None):
                    pass
                slots = self.workers.free()
            items = self._draw(loader.batch_size or 1)
            if items:
                first, self.places = self.places, self.places + len(items)
                task = self.workers.give(slots[0], first, items, self.number)
                self.ordered.append(_Batch(task, items))

    def _draw(self, count: int) -> list:
        """The next items; fewer where there are no more."""
        items: list = []
        try:
            if self.source is None:
                self.source = self.loader.begin_source()
            items.extend(islice(self.source, count))
        except BaseException as error:
            if not isinstance(error, Exception):
                raise
            self.source_error = error
        self.ended = len(items) < count
        return items

    def _take(self) -> _Batch:
        """Wait for the oldest batch or, where the order is free, for any."""
        while True:
            candidates = islice(self.ordered, 1) if self.loader.ordered else self.ordered
            found = next((batch for batch in candidates if batch.arrived), None)
            # Where one is there, too: whoever has ended is noticed at every batch.
            for task, done, one in self.workers.wait(0.0 if found else None):
                self._arrived(task, done, one)
            if found:
                self.ordered.remove(found)
                return self._own(found)

    def _arrived(self, task: Task, done: Done, one: Any) -> None:
        batch = next(batch for batch in self.ordered if batch.task is task)
        shared = self.workers.memory.arrays(task.slot)
        parts = done.parts or [None] * len(shared)
        batch.arrays = tuple(
            part if array is None else array for array, part in zip(shared, parts, strict=True)
        )
        batch.drawn, batch.worker, batch.arrived = done.drawn, one.number, True
        for row, failed in done.failed.items():
            batch.failed[row] = batch.items[row], self.workers.told(failed, one)
            if self.loader.errors == "raise" or not failed.is_exception:
                self.ended = True

    def _own(self, batch: _Batch) -> _Batch:
        """Copy a batch out of the shared memory, where that is needed to go on.

        What the consumer keeps, as in ``list(dataset)``, stays in its slot as long as there are
        enough other slots.
        """
        if len(self.workers.free()) + len(self.ordered) < self.loader.under_way:
            arrays = []
            for array, buffers in zip(batch.arrays, self.loader.buffers, strict=True):
                if buffers is not None:
                    copy = buffers.take()
                    copy[...] = array
                    array = copy
                arrays.append(array)
            batch.arrays = tuple(arrays)
            self.loader.copied += 1
        return batch

    def _in_structure(self, batch: _Batch, rows: list[int], packing: Packing) -> Iterator[Any]:
        structure = self.loader.layout.structure
        if self.loader.batch_size:
            yield from map(structure, packing.add(batch.arrays, rows))
        elif rows:
            yield structure(array[0] for array in batch.arrays)

    def _leave(self, usable: bool, hurry: bool) -> None:
        """Give the workers back; an error is told without waiting long for functions at work."""
        self.ended = True
        if os.getpid() != self.workers.owner:  # a forked process has inherited the epoch
            return
        self.ordered.clear()
        self.source_error = None
        try:
            with interrupt_held_back():
                self.workers.leave()
                self.loader.return_workers(self.workers, usable, hurry)
        finally:
            if self.source is not None:
                self.loader.end_source(self.source)
