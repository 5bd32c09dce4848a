"""A generator made from a function and items, with processes that work ahead of its consumer.

    loader = ProcessLoader(read_photo, photos.paths, tf.TensorSpec((224, 224, 3), tf.uint8), 32)
    for batch in loader(): ...          # a plain loop
    dataset = loader.dataset()          # or through from_generator

Processes help where the function computes in Python, which threads can't do at the same time. They
cost more: a start, a function that can be imported, and items that can be pickled.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import count
from multiprocessing import current_process, get_all_start_methods
from typing import Any

import numpy as np

from course_utils.feeding import importable
from course_utils.feeding.arguments import whole_number
from course_utils.feeding.buffers import Buffers
from course_utils.feeding.cores import usable_cores
from course_utils.feeding.item_errors import (
    ItemError,
    LeftOut,
    SourceError,
    TooManyLeftOut,
    WorkerError,
    WorkerLost,
)
from course_utils.feeding.layout import TEXT, WrongElement
from course_utils.feeding.loading import Loader
from course_utils.feeding.lost_workers import GUARD
from course_utils.feeding.process_epoch import ProcessEpoch
from course_utils.feeding.shared_batches import NoRoom, SharedBatches, check_room, room
from course_utils.feeding.worker import Job
from course_utils.feeding.workers import PATIENCE, Workers

__all__ = [
    "ItemError",
    "LeftOut",
    "NoRoom",
    "ProcessLoader",
    "SourceError",
    "TooManyLeftOut",
    "WorkerError",
    "WorkerLost",
    "WrongElement",
    "safe_start_method",
]

HURRY = 0.3  # seconds that functions at work get to return, when an error is to be told
SPARE = 4  # slots beyond those of batches under way: the consumer's, and TensorFlow's


def safe_start_method() -> str:
    """How workers are started where nothing is said: "forkserver", on Windows "spawn".

    Both begin with an empty Python, so they are safe in a process that has threads, and TensorFlow
    has many: a fork copies the thread that calls it alone, and a lock that another one held stays
    taken for ever in the copy. The price is paid once for each worker, a few tenths of a second to
    import what the function needs, and the function must be one that can be imported. A script is
    imported as well: with ``import tensorflow`` at its top, some seconds and 200 MiB a worker, so
    put that behind ``if __name__ == "__main__":``. Python itself does the same on Linux from 3.14.
    """
    return "forkserver" if "forkserver" in get_all_start_methods() else "spawn"


class ProcessLoader(Loader):
    """Call a function for every item, in processes, and yield what it returns, epoch after epoch.

    Args:
        function: of one item; returns an element. With ``into=True``, of an item and ``out``: it
            writes the element into ``out``, arrays in the structure of the signature, which hold
            what is left of earlier elements, and returns nothing, or ``out``. It must be at the top
            level of a module that workers can import, except with ``start_method="fork"``.
        items: a list or anything else that can be iterated anew each epoch, or a function without
            arguments that returns such a thing and is called once an epoch (shuffle there). Drawn
            by the consumer, and pickled: give paths rather than photos.
        signature: of one element, as for ``from_generator``: ``tf.TensorSpec``, or tuples and dicts
            of it. An element that TensorFlow would cast to it in silence is refused.
        batch_size: elements a batch; the last one may be smaller. None: elements singly, each with
            a journey of its own.
        processes: as many as there are usable cores if None.
        ahead: how many batches (elements, without ``batch_size``) may be finished before they are
            asked for, beyond the one that each process works on; 1 or more.
        ordered: whether elements keep the order of the items. If not, batches come as completed.
        errors: "raise": the first item that fails ends the epoch, where ``ordered`` after the
            elements before it. "skip": it is left out, see ``left_out``.
        at_most: how many items of an epoch may be left out; None: all but one.
        into: whether the function writes into ``out``.
        start_method: "forkserver", "spawn" or "fork"; see ``safe_start_method`` for None.
        persistent: whether the processes live on after an epoch, for the next one. ``close`` ends
            them, and so does the end of the loader or of the interpreter.
        lost: what follows where a process is lost, killed or crashed: "raise" WorkerLost, or
            "restart": a new one does its batches again, none is lost or doubled.
        seed: the function gets ``rng=``, a ``numpy.random.Generator`` of its own for each item and
            epoch: the same numbers for the same seed, however many processes there are.

    Yields:
        Elements in the structure of the signature, NumPy arrays and scalars; batches with one more
        dimension in front. They lie in memory that is shared with the workers, and that is written
        again when nobody holds the batch, or any view or tensor of it. Who keeps more of them than
        there are spare slots gets copies.

    Raises:
        ItemError: from an epoch; the function raised for an item, or returned what doesn't fit. Its
            ``__cause__`` is what it raised, with the worker's traceback as a note, or a WorkerError
            with the same words where that can't be pickled.
        WorkerLost: from an epoch, at once; a process has ended. Batches not taken yet are lost.
        SystemExit and the like: from an epoch, as the function raised it; SystemExit as well for
            what can't be pickled and isn't an Exception.
        SourceError: from an epoch; the items raised.
        TooManyLeftOut: from an epoch with more than ``at_most`` failed items, or only such.
        NoRoom: there isn't as much shared memory as the batches take.
        TypeError, ValueError: at once, for arguments that don't fit, or a function that workers
            can't import.
        RuntimeError: at once, where the main script was read from no file; from an epoch that a
            script without ``if __name__ == "__main__":`` begins in a worker.

    Without ``persistent``, an epoch's processes end with it: at its end, when its iterator is
    closed or forgotten, at an error, an interrupt, and when the interpreter exits. What runs at
    that moment gets ``workers.PATIENCE`` seconds, then it is ended; after an error ``HURRY``
    seconds. When the process that started them is killed, they end when their function returns, a
    second later at most. What stays until the interpreter exits, with "forkserver" and "spawn", are
    one or two small helper processes: the loaders' server, and Python's resource tracker.

    No thread works beside the consumer: whenever it asks for a batch, others are sent to workers,
    ahead of the time, each to the worker with the fewest. So what was sent to a worker waits there
    behind a slow item, also where another worker is idle.

    The global random numbers of ``random`` and ``numpy.random`` are seeded anew for each batch:
    forked workers would all draw the same ones. ``cv2.setNumThreads(0)`` is called before each
    batch in a worker that has imported OpenCV. ``copied`` counts the batches that were copied for a
    consumer who keeps many.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        items: Iterable[Any] | Callable[[], Iterable[Any]],
        signature: Any,
        batch_size: int | None = None,
        *,
        processes: int | None = None,
        ahead: int = 2,
        ordered: bool = True,
        errors: str = "raise",
        at_most: int | None = None,
        into: bool = False,
        start_method: str | None = None,
        persistent: bool = False,
        lost: str = "raise",
        seed: int | None = None,
    ) -> None:
        super().__init__(
            function,
            items,
            signature,
            batch_size,
            workers=usable_cores() if processes is None else whole_number("processes", processes),
            ahead=ahead,
            ordered=ordered,
            errors=errors,
            at_most=at_most,
            into=into,
        )
        self.start_method = safe_start_method() if start_method is None else start_method
        if self.start_method not in get_all_start_methods():
            there = ", ".join(f'"{name}"' for name in get_all_start_methods())
            raise ValueError(f"start_method must be one of {there}, found {start_method!r}")
        if lost not in ("raise", "restart"):
            raise ValueError(f'lost must be "raise" or "restart", found {lost!r}')
        self.persistent, self.lost = bool(persistent), lost
        self.seed = None if seed is None else whole_number("seed", seed, least=0)
        self.copied = 0
        rows = self.batch_size or 1
        self.under_way = self.workers + self.ahead
        self.slots = self.under_way + SPARE
        self.buffers = tuple(
            None
            if leaf.dtype == TEXT or not leaf.whole
            else Buffers((rows, *leaf.shape), leaf.dtype, SPARE)
            for leaf in self.layout.leaves
        )
        check_room(room(self.layout.leaves, rows, self.slots, 1 + self.workers), self.slots)
        job = Job(
            function=function,
            layout=self.layout,
            rows=rows,
            batched=bool(self.batch_size),
            into=self.into,
            skip=errors == "skip",
            entropy=np.random.SeedSequence().entropy if self.seed is None else self.seed,
            with_rng=self.seed is not None,
        )
        # Pickled here, and not by the standard library at the start of each process: so that it is
        # refused at once, with a sentence.
        self._job = (
            job
            if self.start_method == "fork"
            else importable.packed(job, function, self.start_method)
        )
        self._epochs = count()
        self._idle: list[Workers] = []
        self._to_keep: weakref.WeakSet[Workers] = weakref.WeakSet()  # lent since the last `close`

    def __call__(self) -> Iterator[Any]:
        """Begin an epoch: a generator, whose processes start with its first element."""
        # CPython's own mark, as `multiprocessing` itself looks at it (`spawn.py`).
        if getattr(current_process(), "_inheriting", False):
            raise RuntimeError(
                f"An epoch was begun while a worker process imports the main script. {GUARD}"
            )
        if current_process().daemon:
            raise RuntimeError(
                "An epoch was begun in a worker process, which can't have workers of its own. Use "
                "a ThreadLoader there."
            )
        epoch = ProcessEpoch(self, next(self._epochs))
        self._left_out = epoch.failures.left_out
        return epoch.elements()

    def __enter__(self) -> ProcessLoader:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """End the processes that a persistent loader keeps. The next epoch starts new ones.

        Those of an epoch that goes on end with that epoch.
        """
        self._to_keep.clear()
        while workers := self._kept():
            workers.close()

    def borrow_workers(self) -> Workers:
        """Workers that no other epoch uses: those of an epoch before, or new ones."""
        while workers := self._kept():
            if workers.alive:
                self._to_keep.add(workers)
                return workers
            workers.close()
        memory = SharedBatches(
            self.layout.leaves, self.batch_size or 1, self.slots, 1 + self.workers
        )
        workers = Workers(
            self._job, self.workers, self.start_method, self.lost == "restart", memory
        )
        if self.persistent:
            self._to_keep.add(workers)
        return workers

    def return_workers(self, workers: Workers, usable: bool, hurry: bool) -> None:
        """Keep them for the next epoch, or end them."""
        if workers in self._to_keep and usable and workers.alive and not self._idle:
            self._idle.append(workers)
        else:
            workers.close(HURRY if hurry else PATIENCE)

    def _kept(self) -> Workers | None:
        with suppress(IndexError):  # another thread may be quicker
            return self._idle.pop()
        return None
