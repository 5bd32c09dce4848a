"""One epoch of a ``ThreadLoader``: a consumer, the threads that work ahead of it, and the end."""

from __future__ import annotations

import threading
import time
import warnings
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import count
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from course_utils.feeding.interrupts import interrupt_held_back
from course_utils.feeding.item_errors import Failures, in_words
from course_utils.feeding.layout import check_written
from course_utils.feeding.packing import Packing

if TYPE_CHECKING:
    from course_utils.feeding.threads import ThreadLoader

PATIENCE = 5.0  # seconds to wait, when an epoch is left, for functions at work
TURN = 0.1  # seconds that a task fills rows for
MAIN_THREAD_ENDED = (
    "The epoch can't go on: the main thread has ended, and Python begins no further work in "
    "threads. Have the main thread wait, with join(), for the thread that takes the elements."
)
SOURCE, NOTHING = object(), object()

# Number -> an epoch that runs under it. The lowest free one is taken, so that epochs at once have
# threads of different names, and one after the other the same.
_running: WeakValueDictionary[int, ThreadEpoch] = WeakValueDictionary()
_numbering = threading.Lock()


@dataclass(eq=False)
class _Batch:
    """Rows to be filled, or one element."""

    size: int  # rows it gets an item for; fewer than asked for, once the items have ended
    arrays: tuple
    element: Any = None
    first: int = 0  # the place of its first item
    drawn: int = 0  # rows that have an item
    done: int = 0  # rows whose function has returned, or raised
    failed: dict[int, tuple[Any, BaseException]] = field(default_factory=dict)
    arrived: bool = False


class ThreadEpoch:
    """One epoch: its threads draw items and fill batches, its consumer opens and takes them.

    No thread waits for memory to write to. The consumer opens as many batches as keep the threads
    busy, and another one for each that it takes. A thread that finds no row to fill is free; so the
    executor, which waits for its threads when the interpreter exits, never waits for the consumer.
    """

    def __init__(self, loader: ThreadLoader) -> None:
        self.loader = loader
        self.failures = Failures(loader.errors == "skip", loader.at_most)
        self.opened: deque[_Batch] = deque()  # not taken yet
        self.unfilled: deque[_Batch] = deque()  # those of them with rows that have no item
        self.finished: SimpleQueue[_Batch | BaseException] = SimpleQueue()
        self.source: Iterator[Any] | None = None
        self.source_error: BaseException | None = None
        self.places = 0  # items drawn
        self.ended = False  # no item is drawn any more
        self.busy = 0  # tasks that have not decided to end
        self.waiting = 0  # those of them that have not begun
        self.refused = ""  # why those that have not begun never will
        self.idle: SimpleQueue[None] = SimpleQueue()  # told when there are none, after the end
        self.threads: list[int] = []
        self.at_work: dict[int, Any] = {}  # thread -> the item, or SOURCE
        # Held while an item is drawn, which may take for ever. The other is held for microseconds.
        self.drawing, self.counting = threading.Lock(), threading.Lock()

    def elements(self) -> Iterator[Any]:
        """The epoch as its consumer sees it: the generator that an epoch is."""
        packing = Packing(self.loader.batch_size or 1)
        error = None
        # Given no method of this object: its threads would hold it, and it holds the executor.
        self.executor = ThreadPoolExecutor(
            self.loader.workers, self._name(), initializer=_note_thread, initargs=(self.threads,)
        )
        try:
            self._open()
            while self.opened and error is None:
                batch = self._take()
                self._open()
                rows, error = self.failures.examine(batch.first, batch.drawn, batch.failed)
                yield from self._in_structure(batch, rows, packing)
            yield from map(self.loader.layout.structure, packing.rest())
            if error := error or self.failures.at_the_end(self.source_error):
                raise error
        finally:
            del error  # holds this frame by its traceback
            self._leave()

    def _name(self) -> str:
        """What the names of the threads begin with."""
        with _numbering:
            self.number = next(number for number in count(1) if number not in _running)
            _running[self.number] = self
        return f"loader-{self.number}"

    # The consumer's side

    def _open(self) -> None:
        """Open batches, and start as many tasks as can be at work on them."""
        loader = self.loader
        while len(self.opened) < loader.under_way:
            arrays = tuple(buffers.take() for buffers in loader.buffers)
            batch = _Batch(loader.batch_size or 1, arrays)
            with self.counting:
                if self.ended:
                    return
                self.opened.append(batch)
                self.unfilled.append(batch)
                free = min(loader.workers - self.busy, batch.size)
            for _ in range(free):
                self._start_task()

    def _take(self) -> _Batch:
        """Wait for the oldest batch or, where the order is free, for any."""
        if not self.loader.ordered:
            batch = self._next_finished()
            self.opened.remove(batch)
            return batch
        while not self.opened[0].arrived:
            self._next_finished().arrived = True
        return self.opened.popleft()

    def _next_finished(self) -> _Batch:
        finished = self.finished.get()
        if isinstance(finished, BaseException):
            raise finished
        return finished

    def _in_structure(self, batch: _Batch, rows: list[int], packing: Packing) -> Iterator[Any]:
        if self.loader.batch_size:
            yield from map(self.loader.layout.structure, packing.add(batch.arrays, rows))
        elif rows:
            yield batch.element

    def _leave(self) -> None:
        """End the threads; what they run at the moment is waited for."""
        self.ended = True
        if threading.get_ident() in self.threads:
            # Called by the garbage collector in one of them, which can't wait for itself. The
            # threads end with the executor, which nobody holds once the functions have returned.
            return
        self.executor.shutdown(wait=False)
        with self.counting:
            busy = self.busy
        try:
            if busy:
                self.idle.get(timeout=PATIENCE)
        except Empty:
            warnings.warn(_still_at_work(dict(self.at_work)), RuntimeWarning, stacklevel=3)
            return
        self.executor.shutdown(wait=True)
        _running.pop(self.number, None)
        # An error holds by its traceback the frame that it came from, and so its batch and this
        # epoch. They would be kept, with their memory, for the garbage collector.
        for batch in self.opened:
            batch.failed.clear()
        self.source_error = None
        if self.source is not None:
            self.loader.end_source(self.source)

    # Tasks

    def _start_task(self) -> None:
        with interrupt_held_back():
            with self.counting:
                self.busy += 1
                self.waiting += 1
            try:
                self.executor.submit(self._work)
            except RuntimeError as error:  # no further thread can start, or Python exits
                no_thread = "can't start new thread" in str(error)
                self._refuse_tasks(str(error) if no_thread else MAIN_THREAD_ENDED)
                raise RuntimeError(self.refused) from error

    def _refuse_tasks(self, why: str) -> None:
        """Let none begin that hasn't: the executor may have kept one that it couldn't start."""
        with self.counting:
            self.refused = self.refused or why
        self.executor.shutdown(wait=False, cancel_futures=True)
        with self.counting:
            self._rest(self.waiting)
            self.waiting = 0

    def _begins(self) -> bool:
        with self.counting:
            if not self.refused:
                self.waiting -= 1
            return not self.refused

    def _rest(self, tasks: int = 1) -> None:
        """Tasks end, or are about to. `counting` is held."""
        self.busy -= tasks
        if self.ended and self.busy == 0:
            self.idle.put(None)

    # The threads' side

    def _work(self) -> None:
        """Fill rows as long as there are any; after a while, let another task go on.

        When the interpreter exits, the executor refuses further tasks and waits for those that it
        has. So that doesn't take longer than a task.
        """
        if not self._begins():
            return
        me, end = threading.get_ident(), time.monotonic() + TURN
        try:
            while drawn := self._draw(me):
                batch, row, item = drawn
                self.at_work[me] = item
                try:
                    self._fill(batch, row, item)
                except BaseException as error:
                    self._done(batch, row, item, error)
                else:
                    self._done(batch, row)
                del self.at_work[me]
                # Not after the end: an epoch that the garbage collector leaves while a thread takes
                # a task would wait for this one, and this one for the lock which that thread has.
                if time.monotonic() > end and not self.ended:
                    self._start_task()
                    with self.counting:
                        self._rest()
                    break
        except BaseException as error:
            self.ended = True
            with self.counting:
                self._rest()
            self.finished.put(error)
        finally:
            self.at_work.pop(me, None)

    def _draw(self, me: int) -> tuple[_Batch, int, Any] | None:
        """The next item, with the row that is its place; None where there is no item or no row."""
        with self.drawing:
            with self.counting:
                if self.ended or not self.unfilled:
                    self._rest()
                    return None
            self.at_work[me] = SOURCE
            try:
                if self.source is None:
                    self.source = self.loader.begin_source()
                item = next(self.source, NOTHING)
            except BaseException as error:
                item, self.source_error = NOTHING, error
            with self.counting:
                if item is NOTHING:
                    self._end()
                if self.ended:
                    self._rest()
                    return None
                batch, place = self.unfilled[0], self.places
                row = batch.drawn
                batch.first = place - row
                batch.drawn += 1
                self.places += 1
                if batch.drawn == batch.size:
                    self.unfilled.popleft()
                return batch, row, item

    def _fill(self, batch: _Batch, row: int, item: Any) -> None:
        loader, layout = self.loader, self.loader.layout
        if loader.into:
            out = layout.row(batch.arrays, row)
            check_written(loader.function(item, out), out)
            if not loader.batch_size:
                batch.element = layout.structure(array[0] for array in batch.arrays)
        elif loader.batch_size:
            layout.write(loader.function(item), batch.arrays, row)
        else:
            batch.element = layout.checked(loader.function(item))

    def _done(
        self, batch: _Batch, row: int, item: Any = None, error: BaseException | None = None
    ) -> None:
        with self.counting:
            if error is not None:
                batch.failed[row] = item, error
                if self.loader.errors == "raise" or not isinstance(error, Exception):
                    self._end()
            batch.done += 1
            if batch.done == batch.size:
                self.finished.put(batch)

    def _end(self) -> None:
        """No further item: batches are finished with what they have. `counting` is held."""
        self.ended = True
        for batch in self.unfilled:
            batch.size = batch.drawn
            if batch.done == batch.size:
                self.finished.put(batch)
        self.unfilled.clear()


def _note_thread(threads: list[int]) -> None:
    threads.append(threading.get_ident())


def _still_at_work(at_work: dict[int, Any]) -> str:
    what = [
        "the items, which give no next one"
        if item is SOURCE
        else f"the function, with {in_words(item)}"
        for item in at_work.values()
    ]
    return (
        f"The epoch was left {PATIENCE:g} s ago, and its threads are still at work: "
        f"{'; '.join(what)}. Nothing can end them from outside: they end when that returns, and "
        "the interpreter can't exit before."
    )
