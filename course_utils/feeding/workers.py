"""The worker processes of a loader, seen from the process that started them."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import sys
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from itertools import count
from multiprocessing import connection, util
from typing import Any

import psutil

from course_utils.feeding import lost_workers, worker
from course_utils.feeding.interrupts import interrupt_held_back
from course_utils.feeding.item_errors import WorkerError, WorkerLost
from course_utils.feeding.shared_batches import SharedBatches
from course_utils.feeding.worker import ENDED, EPOCH, Done, Failed, Job, Task

PATIENCE = 2.0  # seconds that a function gets to return, when its process is to end
LOOK = 1.0  # seconds from one look at all processes to the next
ATTEMPTS = 3  # workers that may be lost with the same items, or before they begin
# Bytes that may lie unread in a pipe, far below what it holds (Linux 200 KiB, macOS 8 KiB): who
# writes more than it holds waits for the reader, and the two could wait for each other.
UNREAD = 2**16 if sys.platform == "linux" else 2**12
MESSAGE = 1024 if sys.platform == "linux" else 0  # bytes that each takes there beside its own

_numbering, _starting = count(1), threading.Lock()
# This side's ends of all pipes, which a forked worker inherits: it must close them, or it would
# hold its own pipe open, and not hear of its parent's end.
_ours: weakref.WeakSet[connection.Connection] = weakref.WeakSet()


def _after_fork() -> None:
    global _starting
    _starting = threading.Lock()  # it is taken while a worker is forked


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


@dataclass(eq=False)
class _Worker:
    number: int
    process: Any
    system: psutil.Process | None  # the same, known by the time of its start as well
    connection: connection.Connection
    ready: bool = False
    tasks: dict[int, Task] = field(default_factory=dict)  # sent, oldest first
    unread: dict[int, int] = field(default_factory=dict)  # bytes of each of them


class Workers:
    """So many processes, and the shared memory that they write batches into.

    Args:
        job: what each of them does; pickled, except where they are forked.
        processes: how many.
        start_method: "fork", "forkserver" or "spawn".
        restart: whether a new one takes the place of one that is lost.
        memory: the shared memory.

    They start with the first task. Used by one epoch at a time, whose number is ``epoch``.
    """

    def __init__(
        self,
        job: Job | bytes,
        processes: int,
        start_method: str,
        restart: bool,
        memory: SharedBatches,
    ) -> None:
        self.job, self.restart, self.memory = job, restart, memory
        self.owner = os.getpid()
        self.context = multiprocessing.get_context(start_method)
        self.processes = processes
        self.epoch, self._epochs = 0, count(1)
        self.name = f"loader-{next(_numbering)}"
        self.crew: list[_Worker] = []
        self._numbers = count()
        self._looked = time.monotonic()
        self._unsent: deque[tuple[Task, bytes]] = deque()
        self._busy: set[int] = set()  # slots that a task has
        self._attempts: dict[int, int] = {}  # task, or a beginning -> workers lost with it
        memory.numbers[1:] = -1  # no worker is at an item
        self._end = weakref.finalize(self, _end, self.crew, self.owner, memory.numbers)

    def begin(self) -> None:
        """Begin an epoch."""
        self.epoch = next(self._epochs)
        self.memory.numbers[EPOCH] = self.epoch

    def leave(self) -> None:
        """End the epoch: what was begun for it is left, and nobody waits for that."""
        if os.getpid() != self.owner:  # a forked process has inherited the epoch
            return
        self.memory.numbers[EPOCH] = 0
        for task, _ in self._unsent:
            self._busy.discard(task.slot)
        self._unsent.clear()

    def close(self, patience: float = PATIENCE) -> None:
        """End the processes; what a function does at the moment gets so many seconds."""
        with interrupt_held_back():
            if self._end.detach():
                _end(self.crew, self.owner, self.memory.numbers, patience)

    @property
    def alive(self) -> bool:
        """Whether they are this process's own, and none has ended."""
        ours = os.getpid() == self.owner and self._end.alive
        return ours and all(_is_alive(one) for one in self.crew)

    def free(self) -> list[int]:
        """The slots that no task has, and nobody holds."""
        slots = range(self.memory.slots)
        return [slot for slot in slots if slot not in self._busy and not self.memory.held(slot)]

    def give(self, slot: int, first: int, items: list, loader_epoch: int) -> Task:
        """Have a batch made in this slot.

        Raises:
            RuntimeError: this process isn't the one that began the epoch.
        """
        self._check_owner()
        task = Task(next(self._numbers), self.epoch, loader_epoch, slot, first, items)
        self._busy.add(slot)
        self._unsent.append((task, _message(task)))
        wanted = len(self._unsent) + sum(len(one.tasks) for one in self.crew)
        while len(self.crew) < min(self.processes, wanted):
            self._start(len(self.crew))
        self._send()
        return task

    def wait(self, timeout: float | None) -> Iterator[tuple[Task, Done, _Worker]]:
        """What is done by now, or after a wait for the first event, of at most so many seconds.

        Raises:
            WorkerLost: a process has ended.
            RuntimeError: this process isn't the one that began the epoch.
        """
        self._check_owner()
        waited_for = {one.connection: one for one in self.crew}
        waited_for |= {one.process.sentinel: one for one in self.crew}
        found = connection.wait(waited_for, LOOK if timeout is None else timeout)
        for each in found:
            one = waited_for[each]
            yield from self._hear(one) if each is one.connection else self._ended(one)
        if time.monotonic() > self._looked + LOOK:
            # A process that was forked at a bad moment may hold a sentinel open: look at all.
            self._looked = time.monotonic()
            for one in self.crew[:]:
                if not one.process.is_alive():
                    yield from self._ended(one)
        self._send()

    def _check_owner(self) -> None:
        if os.getpid() != self.owner:
            raise RuntimeError(
                f"This epoch belongs to process {self.owner}, of which this one is a fork. Begin "
                "one of your own."
            )

    def told(self, failed: Failed, one: _Worker) -> BaseException:
        """The exception that a worker reported, with the traceback as a note."""
        kind = WorkerError if failed.is_exception else SystemExit
        error: BaseException = kind(failed.reason)
        if failed.pickled:
            with suppress(Exception):
                error = pickle.loads(failed.pickled)
        error.add_note(
            f"Traceback of worker {one.number} (process {one.process.pid}):\n{failed.traceback}"
        )
        return error

    def _start(self, number: int) -> None:
        """Start a worker, and put it into its place in the crew.

        Raises:
            WorkerLost: it has ended before it had read what it is to do; with ``restart``, several
                have.
        """
        for attempt in range(1, ATTEMPTS + 1):
            try:
                self._start_once(number)
                return
            except (BrokenPipeError, ConnectionResetError, EOFError) as error:
                if not self.restart or attempt == ATTEMPTS:
                    raise lost_workers.lost_at_the_start(number) from error

    def _start_once(self, number: int) -> None:
        forked = not isinstance(self.job, bytes)
        self.memory.numbers[1 + number] = -1
        with interrupt_held_back(), _starting:
            # Nobody may start a process in between: it would hold `there`, and a lost worker's
            # pipe would have no end.
            here, there = self.context.Pipe()
            _ours.add(here)
            job, parent, inherited = None, None, []
            if forked:
                job, parent, inherited = self.job, os.getpid(), list(_ours)
            process = _process_class(self.context)(
                target=worker.main,
                name=f"{self.name}_{number}",
                args=(there, number, job, self.memory, parent, inherited),
                daemon=True,
            )
            try:
                with _interrupt_blocked(self.context.get_start_method()):
                    process.start()
            finally:
                there.close()
            system = None
            with suppress(psutil.Error):  # it may have ended already
                system = psutil.Process(process.pid)
            self.crew[number : number + 1] = [_Worker(number, process, system, here)]
        if not forked:
            # Not among the arguments: where they are many bytes, and the process ends before it
            # has read them, multiprocessing waits for ever ("spawn", Python 3.11 to 3.14).
            with suppress(OSError):
                here.send_bytes(pickle.dumps((worker.Setting.of_this_process(), self.job)))

    def _send(self) -> None:
        """Send tasks on, each to the worker that has the fewest."""
        while self._unsent:
            task, data = self._unsent[0]
            able = [one for one in self.crew if _can_take(one, len(data))]
            if not able:
                return
            one = min(able, key=lambda one: len(one.tasks))
            self._unsent.popleft()
            one.tasks[task.number], one.unread[task.number] = task, len(data) + MESSAGE
            try:
                one.connection.send_bytes(data)
            except OSError:  # it has ended; what it wrote before is read first
                return

    def _hear(self, one: _Worker) -> Iterator[tuple[Task, Done, _Worker]]:
        """Take a message."""
        try:
            message = one.connection.recv_bytes()
        except (EOFError, OSError):
            self._replace(one)
            return
        if message == worker.READY:
            one.ready = True
            self._attempts.pop(_beginning(one), None)
            return
        told = pickle.loads(message)
        if isinstance(told, Failed):
            why = self.told(told, one)
            raise lost_workers.cannot_begin(one.number, one.process, told.reason) from why
        task = one.tasks.pop(told.number)
        del one.unread[told.number]
        self._busy.discard(task.slot)
        self._attempts.pop(task.number, None)
        if task.epoch == self.epoch and not told.left:
            yield task, told, one

    def _ended(self, one: _Worker) -> Iterator[tuple[Task, Done, _Worker]]:
        """Take what a worker wrote before its end, and replace it."""
        with suppress(OSError):  # Windows: of a pipe that has ended
            while one in self.crew and one.connection.poll():
                yield from self._hear(one)
        self._replace(one)

    def _replace(self, one: _Worker) -> None:
        """Put a new worker in the place of one that has ended; raises where that isn't asked for.

        Raises:
            WorkerLost: always without ``restart``; with it, where new ones are lost as well.
        """
        if one not in self.crew:  # replaced already
            return
        _signal(one, psutil.Process.kill)  # where only its pipe has ended
        one.process.join(PATIENCE)
        held = [task for task in one.tasks.values() if task.epoch == self.epoch]
        for task in one.tasks.values():
            if task not in held:
                self._busy.discard(task.slot)
        cause = held[0].number if held and one.ready else _beginning(one)
        self._attempts[cause] = self._attempts.get(cause, 0) + 1
        code = one.process.exitcode
        # Where it came from no server, the next one will.
        never_began = not one.ready and code not in (None, lost_workers.NO_SERVER) and code > 0
        if util.is_exiting() or self.memory.numbers[EPOCH] == ENDED:
            raise RuntimeError("The epoch can't go on: its workers have been ended.") from None
        if not self.restart or never_began or self._attempts[cause] >= ATTEMPTS:
            raise self._lost(one, held, self._attempts[cause]) from None
        self._unsent.extendleft((task, _message(task)) for task in reversed(held))
        one.connection.close()
        self._start(one.number)

    def _lost(self, one: _Worker, held: list[Task], attempts: int) -> WorkerLost:
        if not one.ready:
            return lost_workers.lost_before_ready(one.number, one.process)
        follows = 'With lost="restart" a new worker does these items again.'
        if self.restart:
            follows = f"{attempts} workers were lost in a row here, so no further one is started."
        at = int(self.memory.numbers[1 + one.number])
        return lost_workers.lost(one.number, one.process, held, at, follows)


def _beginning(one: _Worker) -> int:
    """Stands for the beginning of a worker where attempts are counted; tasks count from 0."""
    return -1 - one.number


def _can_take(one: _Worker, size: int) -> bool:
    idle = one.ready and not one.tasks
    return idle or sum(one.unread.values()) + size + MESSAGE <= UNREAD


def _message(task: Task) -> bytes:
    return pickle.dumps(replace(task, items=[_pickled(item) for item in task.items]))


def _pickled(item: Any) -> bytes | Failed:
    try:
        return pickle.dumps(item)
    except Exception as error:
        text = (
            f"can't be sent to a worker process: {error}. Give items that can be pickled, such as "
            "paths, and open them in the function"
        )
        return worker.failed(TypeError(text))


def _process_class(context: Any) -> Any:
    if context.get_start_method() != "forkserver":
        return context.Process
    from course_utils.feeding import worker_server  # Windows has none

    return worker_server.Process


@contextmanager
def _interrupt_blocked(start_method: str) -> Iterator[None]:
    """A new process inherits that Ctrl+C waits; it ignores it as soon as it can."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    if start_method != "fork":
        from multiprocessing import resource_tracker  # which Windows hasn't

        resource_tracker.ensure_running()  # its own start would lift the block
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _end(crew: list[_Worker], owner: int, numbers: Any, patience: float = PATIENCE) -> None:
    """End processes: ask, wait, then insist. Also when the interpreter exits."""
    if os.getpid() != owner:  # a forked process has inherited the object, not the workers
        return
    with interrupt_held_back():
        numbers[EPOCH] = ENDED
        for one in crew:
            with suppress(OSError):
                one.connection.send_bytes(worker.END)
        for insist in (None, psutil.Process.terminate, psutil.Process.kill):
            for one in crew:
                _signal(one, insist)
            _wait(crew, patience)
            patience = PATIENCE / 4
        for one in crew:
            one.connection.close()
            with suppress(ValueError):
                one.process.close()
        crew.clear()


def _is_alive(one: _Worker) -> bool:
    """Also where the program has its children buried by the system: Python can't tell then."""
    return one.process.is_alive() and one.system is not None and one.system.is_running()


def _wait(crew: list[_Worker], seconds: float) -> None:
    """Wait until all have ended, at most so long."""
    deadline = time.monotonic() + seconds
    while alive := [one for one in crew if _is_alive(one)]:
        left = deadline - time.monotonic()
        if left <= 0:
            return
        _drain(alive, min(left, 0.1))


def _signal(one: _Worker, insist: Callable[[psutil.Process], None] | None) -> None:
    """By psutil, which knows a process by its start as well: its number may be another's by now.

    And `multiprocessing` takes one whose server was killed for ended.
    """
    if insist and one.system:
        with suppress(psutil.Error):
            insist(one.system)


def _drain(crew: list[_Worker], timeout: float) -> None:
    """Read what workers write, so that none waits for a reader."""
    waited_for = {one.connection: one for one in crew if not one.connection.closed}
    sentinels = [one.process.sentinel for one in crew]
    for each in connection.wait([*waited_for, *sentinels], timeout):
        if each in waited_for:
            try:
                each.recv_bytes()
            except (EOFError, OSError):
                each.close()
