"""What a loader says of items that fail: which one it was, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

LONGEST = 80  # characters of an item that is shown
SHOWN = 3  # of the items left out, in a message

__all__ = ["ItemError", "LeftOut", "SourceError", "TooManyLeftOut", "WorkerError", "WorkerLost"]


class ItemError(RuntimeError):
    """The function failed for one item; ``__cause__`` is what it raised, with its traceback.

    ``place`` is the item's number in its epoch, from 0; ``item`` the item in a few words (str);
    ``reason`` the class and the text of the cause (str); ``worker`` the number of the worker
    process, None without one. Travels between processes: all of them survive pickling.
    """

    def __init__(self, place: int, item: str, reason: str, worker: int | None = None) -> None:
        super().__init__(place, item, reason, worker)
        self.place, self.item, self.reason, self.worker = self.args

    def __str__(self) -> str:
        where = "" if self.worker is None else f" in worker {self.worker}"
        return f"Item {self.place} ({self.item}) failed{where}: {self.reason}"


class SourceError(RuntimeError):
    """The items themselves can't be drawn, or no further ones; ``__cause__`` says why."""


class TooManyLeftOut(RuntimeError):
    """More items of one epoch failed than were allowed to be left out, or every one of them."""


class WorkerError(RuntimeError):
    """Stands for an exception of a worker process that can't be pickled; ``reason`` says it."""

    @property
    def reason(self) -> str:
        """The class and the text of the exception (str)."""
        return self.args[0]


class WorkerLost(RuntimeError):
    """A worker process has ended in the middle of its work, or before it could begin.

    ``worker`` is its number; ``process`` the system's (pid), None where it was not started yet;
    ``exitcode`` what the system says, the negative number of a signal; ``places`` those of the
    items that it held; ``at`` the place of the one it was working on, None where it was at none.
    """

    def __init__(
        self,
        message: str,
        worker: int,
        process: int | None,
        exitcode: int | None,
        places: list[int],
        at: int | None,
    ) -> None:
        super().__init__(message, worker, process, exitcode, places, at)
        self.worker, self.process, self.exitcode, self.places, self.at = self.args[1:]

    def __str__(self) -> str:
        return self.args[0]


@dataclass(frozen=True)
class LeftOut:
    """An item that was left out, and the class and the text of what the function raised."""

    item: Any
    reason: str


class Failures:
    """What failed in an epoch so far: decides whether it is left out or ends the epoch.

    Args:
        skip: whether failed items are left out.
        at_most: how many; None: any number, as long as one item is left.
    """

    def __init__(self, skip: bool, at_most: int | None) -> None:
        self.skip, self.at_most = skip, at_most
        self.left_out: dict[int, LeftOut] = {}
        self._examined = 0  # items

    def examine(
        self,
        first: int,
        count: int,
        failed: dict[int, tuple[Any, BaseException]],
        worker: int | None = None,
    ) -> tuple[list[int], BaseException | None]:
        """The rows of a batch that count, and the error that ends the epoch behind them, if any.

        Args:
            first: the place of the item of row 0.
            count: rows that had an item.
            failed: row -> the item and what its function raised. Emptied.
            worker: the number of the worker process, if one did it.
        """
        rows = []
        for row in range(count):
            self._examined += 1
            if row not in failed:
                rows.append(row)
            elif error := self._judge(first + row, *failed.pop(row), worker):
                failed.clear()
                return rows, error
        return rows, None

    def at_the_end(self, source_error: BaseException | None) -> BaseException | None:
        """The error behind an epoch's last element, if any: the items' own, or none is left."""
        if isinstance(source_error, Exception):
            drawn = f"{self._examined or 'none'} had been drawn"
            return _because_of(
                source_error,
                SourceError(f"The items raised after {drawn}: {reason_of(source_error)}"),
            )
        if source_error is None and 0 < self._examined == len(self.left_out):
            return TooManyLeftOut(
                f"Every item failed, all {len(self.left_out)}, so the epoch has no element. "
                f"{_first(self.left_out)}. Is it the function?"
            )
        return source_error

    def _judge(
        self, place: int, item: Any, error: BaseException, worker: int | None
    ) -> BaseException | None:
        if not isinstance(error, Exception):
            return error  # such as KeyboardInterrupt, which is no matter of the item
        if not self.skip:
            failure = ItemError(place, in_words(item), reason_of(error), worker)
            return _because_of(error, failure)
        self.left_out[place] = LeftOut(item, reason_of(error))
        if self.at_most is None or len(self.left_out) <= self.at_most:
            return None
        return _because_of(
            error,
            TooManyLeftOut(
                f"{len(self.left_out)} of the first {self._examined} items failed, and "
                f"{self.at_most or 'none'} may be left out. {_first(self.left_out)}. Mend or "
                "remove them, or raise at_most."
            ),
        )


def in_words(item: Any) -> str:
    """The item's repr, cut where it is long."""
    try:
        text = repr(item)
    except Exception:  # the learner's own class may do anything
        text = f"an object of type {type(item).__name__}"
    text = " ".join(text.split())  # an array's takes several lines
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def reason_of(error: BaseException) -> str:
    """The class and the text of an error, as a traceback's last line has them."""
    if isinstance(error, WorkerError):
        return error.reason
    try:
        text = str(error)
    except Exception:  # the learner's own class may do anything
        text = ""
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _because_of(cause: BaseException, error: BaseException) -> BaseException:
    error.__cause__ = cause
    return error


def _first(left_out: dict[int, LeftOut]) -> str:
    shown = [
        f"item {place} ({in_words(one.item)}): {one.reason}"
        for place, one in list(left_out.items())[:SHOWN]
    ]
    if len(left_out) > SHOWN:
        shown.append(f"{len(left_out) - SHOWN} more, see left_out")
    return "; ".join(shown)
