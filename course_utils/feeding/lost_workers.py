"""What is said of a worker process that has ended, or can't begin."""

from __future__ import annotations

import signal
from contextlib import suppress
from typing import Any

from course_utils.feeding.item_errors import WorkerLost, in_words
from course_utils.feeding.worker import Task

GUARD = (
    "In a script, everything that isn't a definition belongs behind "
    '`if __name__ == "__main__":`, since each worker imports the script.'
)


NO_SERVER = 255  # the exit code that multiprocessing gives where its forkserver was killed


def lost(number: int, process: Any, held: list[Task], at: int, what_follows: str) -> WorkerLost:
    """The error for a worker that was lost at its work.

    Args:
        number: the worker's.
        process: ``multiprocessing``'s, which has ended.
        held: the tasks it had, oldest first.
        at: the place of the item that it worked on; any other number where it was at none.
        what_follows: the last sentence.
    """
    code, places = process.exitcode, []
    text = [f"Worker {number} (process {process.pid}) {_ended(code)}."]
    for task in held:
        places += range(task.first, task.first + len(task.items))
    text.append(f"It held {_items(places)}." if held else "It held no item.")
    if at in places:
        task = next(task for task in held if task.first <= at < task.first + len(task.items))
        text.append(f"It was at item {at} ({in_words(task.items[at - task.first])}).")
    if code is not None and -code == getattr(signal, "SIGKILL", None):
        text.append("A system without free memory ends processes so (on Linux: `dmesg` tells).")
    text.append(what_follows)
    where = at if at in places else None
    return WorkerLost(" ".join(text), number, process.pid, code, places, where)


def lost_before_ready(number: int, process: Any) -> WorkerLost:
    """The error for a worker that has ended before it could take a task."""
    code = process.exitcode
    text = f"Worker {number} (process {process.pid}) {_ended(code)} before it was ready."
    if code is not None and code > 0:
        text += f" It has written why to standard error. {GUARD}"
    return WorkerLost(text, number, process.pid, code, [], None)


def lost_at_the_start(number: int) -> WorkerLost:
    """The error for a worker that has ended before it had read what it is to do."""
    text = (
        f"Worker {number} has ended while it was started: it, or the server that it comes from, "
        "was killed, or the system has no room for another process."
    )
    return WorkerLost(text, number, None, None, [], None)


def cannot_begin(number: int, process: Any, reason: str) -> WorkerLost:
    """The error for a worker that can't import what it needs."""
    return WorkerLost(
        f"Worker {number} can't begin: {reason}. It must be able to import the module of the "
        "function, with all that this one imports; its traceback stands above.",
        number,
        process.pid,
        None,
        [],
        None,
    )


def _ended(code: int | None) -> str:
    if code is None:
        return "can't be reached any more"
    if code < 0:
        with suppress(ValueError):
            return f"was ended by {signal.Signals(-code).name}"
        return f"was ended by signal {-code}"
    if code == NO_SERVER:
        return "has exited with code 255, or the server that it came from was killed"
    return f"has exited with code {code}"


def _items(places: list[int]) -> str:
    """So many items, and which, in ascending order."""
    if len(places) == 1:
        return f"item {places[0]}"
    there = set(places)
    begins = [place for place in places if place - 1 not in there]
    ends = [place for place in places if place + 1 not in there]
    spans = [f"{begin} to {end}" if begin < end else f"{begin}" for begin, end in zip(begins, ends)]
    return f"{len(places)} items, from {', '.join(spans)}"
