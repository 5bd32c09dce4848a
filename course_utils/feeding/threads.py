"""A generator made from a function and items, with threads that work ahead of its consumer.

    loader = ThreadLoader(read_photo, photos.paths, tf.TensorSpec((224, 224, 3), tf.uint8), 32)
    for batch in loader(): ...          # a plain loop
    dataset = loader.dataset()          # or through from_generator

Threads help where the function waits, or works with the GIL released, as OpenCV and NumPy do in
their C code. They don't where it computes in Python.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from course_utils.feeding.arguments import whole_number
from course_utils.feeding.buffers import Buffers
from course_utils.feeding.cores import usable_cores
from course_utils.feeding.item_errors import ItemError, LeftOut, SourceError, TooManyLeftOut
from course_utils.feeding.layout import WrongElement
from course_utils.feeding.loading import Loader
from course_utils.feeding.thread_epoch import ThreadEpoch

__all__ = ["ItemError", "LeftOut", "SourceError", "ThreadLoader", "TooManyLeftOut", "WrongElement"]

SPARE = 8  # arrays in use beyond those of batches under way: the consumer's, and TensorFlow's


class ThreadLoader(Loader):
    """Call a function for every item, in threads, and yield what it returns, epoch after epoch.

    Args:
        function: of one item; returns an element. With ``into=True``, of an item and ``out``: it
            writes the element into ``out``, arrays in the structure of the signature, which hold
            what is left of earlier elements, and returns nothing, or ``out``. Without
            ``batch_size`` the array that it returns is the one yielded, so it must be a new one
            each time: one written again would be overwritten by the reading ahead.
        items: a list or anything else that can be iterated anew each epoch, or a function without
            arguments that returns such a thing and is called once an epoch (shuffle there). Drawn
            one by one, by the threads.
        signature: of one element, as for ``from_generator``: ``tf.TensorSpec``, or tuples and dicts
            of it. An element that TensorFlow would cast to it in silence is refused.
        batch_size: elements a batch; the last one may be smaller. None: elements singly.
        threads: as many as there are usable cores if None.
        ahead: how many batches (elements, without ``batch_size``) may be finished before they are
            asked for, beyond those that the threads need to be at work; 1 or more.
        ordered: whether elements keep the order of the items. If not, batches come as completed.
        errors: "raise": the first item that fails ends the epoch, where ``ordered`` after the
            elements before it; if not, those that hadn't arrived are lost. "skip": it is left out,
            see ``left_out``.
        at_most: how many items of an epoch may be left out; None: all but one.
        into: whether the function writes into ``out``.

    Yields:
        Elements in the structure of the signature, NumPy arrays and scalars; batches with one more
        dimension in front. A batch is yours: its memory is written again when nobody holds the
        batch, or any view or tensor of it.

    Raises:
        ItemError: from an epoch; the function raised for an item, or returned what doesn't fit.
        SourceError: from an epoch; the items raised.
        TooManyLeftOut: from an epoch with more than ``at_most`` failed items, or only such.
        TypeError, ValueError: at once, for arguments that don't fit.

    An epoch's threads end with it: at its end, when its iterator is closed or forgotten, at an
    error, an interrupt, and when the interpreter exits. What runs at that moment is waited for, up
    to ``thread_epoch.PATIENCE`` seconds. Nothing can end a function, or items, that never return:
    a warning names them, and their threads end if they return after all. Until then the interpreter
    can't exit. Once the main thread has ended, no epoch goes on: let it join a thread of yours that
    takes elements.

    The threads are named ``loader-1_0``, ``loader-1_1``, ...; those of a second epoch at the same
    time ``loader-2_0``, ...
    """

    def __init__(
        self,
        function: Callable[..., Any],
        items: Iterable[Any] | Callable[[], Iterable[Any]],
        signature: Any,
        batch_size: int | None = None,
        *,
        threads: int | None = None,
        ahead: int = 2,
        ordered: bool = True,
        errors: str = "raise",
        at_most: int | None = None,
        into: bool = False,
    ) -> None:
        super().__init__(
            function,
            items,
            signature,
            batch_size,
            workers=usable_cores() if threads is None else whole_number("threads", threads),
            ahead=ahead,
            ordered=ordered,
            errors=errors,
            at_most=at_most,
            into=into,
        )
        rows = self.batch_size or 1
        self.under_way = self.ahead + -(-self.workers // rows)
        self.buffers = tuple(
            Buffers((rows, *leaf.shape), leaf.dtype, self.under_way + SPARE)
            for leaf in self.layout.leaves
            if self.batch_size or self.into
        )

    def __call__(self) -> Iterator[Any]:
        """Begin an epoch: a generator, whose threads start with its first element."""
        epoch = ThreadEpoch(self)
        self._left_out = epoch.failures.left_out
        return epoch.elements()
