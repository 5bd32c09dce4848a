"""What a worker process does: fill batches in shared memory, one task after the other.

Imported by every worker when it starts, so it imports little: NumPy, and no TensorFlow.
"""

from __future__ import annotations

import os
import pickle
import random
import signal
import sys
import time
import traceback
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import parent_process
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from course_utils.feeding.item_errors import reason_of
from course_utils.feeding.layout import Layout, check_written
from course_utils.feeding.shared_batches import SharedBatches

READY = b"ready"
END = b""
LOOK = 1.0  # seconds from one look at the parent to the next
# The first shared number is the epoch that goes on, 0 between epochs. After it stands, for each
# worker, the place of the item that it works on, -1 between tasks.
EPOCH = 0
ENDED = -1  # instead of an epoch: the workers are to end


@dataclass(frozen=True)
class Job:
    """What is the same for all items. ``entropy`` is the seed of all random numbers."""

    function: Any
    layout: Layout
    rows: int
    batched: bool
    into: bool
    skip: bool
    entropy: Any
    with_rng: bool


@dataclass(eq=False)
class Task:
    """The items of one batch, and where it goes."""

    number: int
    epoch: int  # among those of these workers, from 1
    loader_epoch: int  # the loader's epoch, from 0: for random numbers
    slot: int
    first: int  # the place of its first item
    items: list  # on their way each is pickled by itself, so that it fails by itself


@dataclass(frozen=True)
class Failed:
    """An exception on its way: pickled where it can be, and in words."""

    pickled: bytes | None
    is_exception: bool
    reason: str
    traceback: str


@dataclass(frozen=True)
class Done:
    """What came of a task."""

    number: int
    drawn: int  # rows whose function was called
    failed: dict[int, Failed]
    parts: tuple  # a leaf each: what isn't shared, None for what is
    left: bool = False  # not finished: its epoch has ended


@dataclass(frozen=True)
class Setting:
    """What a process that isn't forked would have of another time, or not at all."""

    folder: str
    environment: dict[str, str]
    search: list[str]

    @classmethod
    def of_this_process(cls) -> Setting:
        """The setting as it is now."""
        folder = os.getcwd()
        return cls(folder, dict(os.environ), [each or folder for each in sys.path])

    def take(self) -> None:
        """Make it this process's own."""
        os.environ.clear()
        os.environ.update(self.environment)
        os.chdir(self.folder)
        # multiprocessing puts the first folder of all in the place of "", the present one.
        sys.path[:] = self.search


def main(
    connection: Connection,
    number: int,
    job: Job | None,
    memory: SharedBatches,
    parent: int | None,
    inherited: list[Connection],
) -> None:
    """Work until the connection says END, or the process that started this one is gone."""
    # Ctrl+C goes to all processes of a terminal. The parent alone decides what follows from it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # a fork has the program's own handler
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    for each in inherited:
        each.close()
    try:
        try:
            job = job or _sent(connection)
        except BaseException as error:
            connection.send_bytes(pickle.dumps(failed(error)))
            return
        connection.send_bytes(READY)
        while (message := _next(connection, parent)) != END:
            done = _do(pickle.loads(message), number, job, memory, parent)
            memory.numbers[1 + number] = -1
            connection.send_bytes(pickle.dumps(done))
    except (EOFError, ConnectionError):
        return  # the parent is gone, or doesn't want any more


def _sent(connection: Connection) -> Job:
    """The job of a process that isn't forked: its first message."""
    setting, job = pickle.loads(connection.recv_bytes())
    setting.take()
    return pickle.loads(job)


def _next(connection: Connection, parent: int | None) -> bytes:
    """The next message, or END where the parent has ended.

    The pipe alone may not tell: a forked worker has inherited the parent's end of its own pipe.
    """
    while not connection.poll(LOOK):
        if not _alive(parent):
            return END
    return connection.recv_bytes()


def _alive(parent: int | None) -> bool:
    if parent is not None:
        return os.getppid() == parent
    return parent_process().is_alive()


def _do(task: Task, number: int, job: Job, memory: SharedBatches, parent: int | None) -> Done:
    """Fill the rows of a task, as long as its epoch goes on.

    Raises:
        ConnectionError: the parent has ended.
    """
    looked = time.monotonic()
    _no_helpers()
    _seed_globals(job, task)
    shared = memory.arrays(task.slot)
    arrays = tuple(
        np.empty((job.rows, *(leaf.shape if leaf.whole else ())), object)
        if array is None
        else array
        for array, leaf in zip(shared, job.layout.leaves, strict=True)
    )
    failures: dict[int, Failed] = {}
    for row, item in enumerate(task.items):
        if memory.numbers[EPOCH] != task.epoch:
            return Done(task.number, 0, {}, (), left=True)
        if time.monotonic() > looked + LOOK:
            looked = time.monotonic()
            if not _alive(parent):
                raise ConnectionError("the parent has ended")
        memory.numbers[1 + number] = task.first + row
        if failure := item if isinstance(item, Failed) else _fill(job, task, arrays, row, item):
            failures[row] = failure
            if not (job.skip and failure.is_exception):
                break
    parts = tuple(array if one is None else None for array, one in zip(arrays, shared))
    return Done(task.number, row + 1, failures, parts)


def _no_helpers() -> None:
    """OpenCV without threads of its own: there is a process a core.

    Not 1: that waits until the helpers have ended, and a fork has none of those of its parent.
    """
    # It may not be imported, or not as a whole.
    set_threads = getattr(sys.modules.get("cv2"), "setNumThreads", None)
    if set_threads:
        set_threads(0)


def _fill(
    job: Job, task: Task, arrays: tuple[np.ndarray, ...], row: int, pickled: bytes
) -> Failed | None:
    """Make an element and write it; return what went wrong, if anything."""
    layout, more = job.layout, {}
    try:
        item = pickle.loads(pickled)
        if job.with_rng:
            more["rng"] = np.random.default_rng(_stream(job, task, task.first + row))
        if job.into:
            out = layout.row(arrays, row)
            check_written(job.function(item, out, **more), out)
            layout.check_text(arrays, row)
        elif job.batched or all(leaf.whole for leaf in layout.leaves):
            layout.write(job.function(item, **more), arrays, row)
        else:
            element = layout.checked(job.function(item, **more))
            for array, part in zip(arrays, layout.flat(element)):
                array[0] = part
    except BaseException as error:
        return failed(error)
    return None


def _stream(job: Job, task: Task, place: int) -> np.random.SeedSequence:
    return np.random.SeedSequence(job.entropy, spawn_key=(task.loader_epoch, place))


def _seed_globals(job: Job, task: Task) -> None:
    """Random numbers of the modules' own: else forked workers would all draw the same ones."""
    words = _stream(job, task, task.first).generate_state(4)
    random.seed(words.tobytes())
    np.random.seed(words)


def failed(error: BaseException) -> Failed:
    """Make an exception ready to travel."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next  # our own lines say nothing to anybody
    text = "".join(traceback.format_exception(type(error), error, trace)).rstrip()
    reason, pickled = reason_of(error), None
    with suppress(Exception):  # the class may take other arguments, or hold an open file
        data = pickle.dumps(error)
        copy = pickle.loads(data)
        if type(copy) is type(error) and reason_of(copy) == reason:
            pickled = data
    return Failed(pickled, isinstance(error, Exception), reason, text)
