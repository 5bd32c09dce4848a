"""What a learner has predicted, attempted and solved: kept in a file, or in memory."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from course_utils.classroom.files import reason, set_aside, write_whole

FORMAT = 1
LOCK_LIMIT = 5  # seconds to wait for another kernel, which holds the lock for milliseconds

# What each entry holds, with its type: the check of a file that we didn't write.
EXERCISE = {
    "attempts": int,  # checks that ended in Wrong or Right
    "solved": bool,
    "hints": int,  # hints seen
    "solution_seen": bool,
    "unaided": bool,  # solved before the solution was seen
}
PREDICTION = {
    "guess": str,  # the last guess before the outcome was seen; "" where there is none
    "later": str,  # the last guess after that
    "seen": bool,  # whether the outcome was shown
}

T = TypeVar("T")


class NewerFormat(OSError):
    """The file is of a newer format than this course knows: not damaged, and not to be touched."""


class Progress:
    """Progress in the exercises and predictions of one learner.

    `file` is a JSON file, which survives a restarted kernel and may be shared by several kernels
    at once; None keeps everything in memory. Nothing here fails because of the file: one that is
    damaged is set aside, one that can't be written or that a newer course has made is left as it
    is and replaced by memory, and `notes()` says so, once.
    """

    def __init__(self, file: Path | None = None):
        self.file = file
        # What the file doesn't hold yet. Without a file: everything.
        self._pending: list[Callable[[dict], Any]] = []
        self._memory = _empty()
        self._notes: list[str] = []
        self._said: set[str] = set()

    def __repr__(self) -> str:
        """Return the numbers of exercises and predictions."""
        data = self._read()
        solved = sum(entry["solved"] for entry in data["exercises"].values())
        return (
            f"{solved} exercises solved of {len(data['exercises'])} begun; "
            f"{len(self.predicted)} predictions made"
        )

    @property
    def attempted(self) -> frozenset[str]:
        """The ids of the exercises that were checked with an answer, right or wrong."""
        return self._exercises(lambda entry: entry["attempts"] > 0)

    @property
    def solved(self) -> frozenset[str]:
        """The ids of the exercises with a right answer."""
        return self._exercises(lambda entry: entry["solved"])

    @property
    def solved_unaided(self) -> frozenset[str]:
        """The ids of the exercises solved before their solution was seen."""
        return self._exercises(lambda entry: entry["unaided"])

    @property
    def predicted(self) -> frozenset[str]:
        """The ids of the predictions made before their outcome was seen."""
        entries = self._read()["predictions"]
        return frozenset(name for name, entry in entries.items() if entry["guess"])

    def exercise(self, name: str) -> dict[str, Any]:
        """Return what is known of one exercise: the keys of EXERCISE."""
        return dict(self._read()["exercises"].get(name) or _new(EXERCISE))

    def prediction(self, name: str) -> dict[str, Any]:
        """Return what is known of one prediction: the keys of PREDICTION."""
        return dict(self._read()["predictions"].get(name) or _new(PREDICTION))

    def record_attempt(self, name: str, right: bool) -> None:
        """Count a check that ended in Right or Wrong. What was solved stays solved."""

        def change(data: dict) -> None:
            entry = data["exercises"].setdefault(name, _new(EXERCISE))
            entry["attempts"] += 1
            if right and not entry["solved"]:
                entry["solved"] = True
                entry["unaided"] = not entry["solution_seen"]

        self._change(change)

    def record_hint(self, name: str, most: int) -> int:
        """Count one more hint; return how many were asked for, at most `most`."""

        def change(data: dict) -> int:
            entry = data["exercises"].setdefault(name, _new(EXERCISE))
            entry["hints"] = min(entry["hints"] + 1, most)
            return entry["hints"]

        return self._change(change)

    def record_solution(self, name: str) -> None:
        """Record that the solution was shown."""

        def change(data: dict) -> None:
            data["exercises"].setdefault(name, _new(EXERCISE))["solution_seen"] = True

        self._change(change)

    def record_guess(self, name: str, guess: str) -> dict[str, Any]:
        """Keep a guess; return the entry, the guess that counts apart from a later one.

        Until the outcome is seen the last guess counts. After that the guess that counted stays,
        and a different one is kept beside it as `later`.
        """

        def change(data: dict) -> dict[str, Any]:
            entry = data["predictions"].setdefault(name, _new(PREDICTION))
            if not entry["seen"]:
                entry["guess"] = guess
            else:
                entry["later"] = guess if guess != entry["guess"] else ""
            return dict(entry)

        return self._change(change)

    def record_outcome(self, name: str) -> dict[str, Any]:
        """Record that the outcome of a prediction is shown; return the entry."""

        def change(data: dict) -> dict[str, Any]:
            entry = data["predictions"].setdefault(name, _new(PREDICTION))
            entry["seen"] = True
            return dict(entry)

        return self._change(change)

    def notes(self) -> str:
        """Return what the learner must be told of the file, "" for nothing; each is said once."""
        notes, self._notes = self._notes, []
        return " ".join(notes)

    def _exercises(self, holds: Callable[[dict], bool]) -> frozenset[str]:
        entries = self._read()["exercises"]
        return frozenset(name for name, entry in entries.items() if holds(entry))

    def _read(self) -> dict:
        if self.file is None:
            return self._memory
        try:
            try:
                data = _load(self.file)
            except ValueError:
                with _locked(self.file):
                    data = self._load_or_set_aside()
        except OSError as error:
            self._say_not_kept("read", error)
            data = _empty()
        for change in self._pending:
            change(data)
        return data

    def _change(self, change: Callable[[dict], T]) -> T:
        """Read, change and write, with no other kernel in between."""
        if self.file is None:
            return change(self._memory)
        data = None
        try:
            with _locked(self.file):
                data = self._load_or_set_aside()
                # What could not be written earlier comes first.
                for earlier in self._pending:
                    earlier(data)
                result = change(data)
                write_whole(self.file, json.dumps(data, indent=1, ensure_ascii=False) + "\n")
                self._pending = []
                return result
        except OSError as error:
            self._say_not_kept("written", error)
        data = self._read()
        self._pending.append(change)
        return change(data)

    def _load_or_set_aside(self) -> dict:
        try:
            return _load(self.file)
        except ValueError:
            aside = set_aside(self.file)
            self._say(
                f"The file of your progress was damaged; it is kept as {aside.parent.name}/"
                f"{aside.name}, and progress starts anew."
            )
            return _empty()

    def _say_not_kept(self, done: str, error: OSError) -> None:
        newer = isinstance(error, NewerFormat)
        kind = "newer" if newer else "not kept"
        if kind in self._said:
            return
        self._said.add(kind)
        why = f"can't be {done}: {reason(error)}."
        if newer:
            why = (
                "was made by a newer version of the course and is left as it is. "
                "To go on with it, bring the course up to date."
            )
        self._say(f"Your progress will be forgotten when the kernel stops: {self.file} {why}")

    def _say(self, note: str) -> None:
        self._notes.append(note)


def _locked(file: Path):
    # Imported at the first use, to keep the import of the classroom light.
    from filelock import FileLock

    # filelock's Timeout is an OSError (TimeoutError), so it ends as "can't be written".
    return FileLock(file.with_name(file.name + ".lock"), timeout=LOCK_LIMIT)


def _load(file: Path) -> dict:
    """Read the file. Raises ValueError where it isn't one of ours, OSError where it can't.

    NewerFormat, an OSError, where it is of a format to come.
    """
    try:
        content = file.read_bytes()
    except FileNotFoundError:
        return _empty()
    try:
        data = json.loads(content.decode("utf-8"))
    except RecursionError:
        raise ValueError("nested too deeply") from None
    found = data.get("format") if isinstance(data, dict) else None
    if type(found) is int and found > FORMAT:
        raise NewerFormat(f"of format {found}")
    if found != FORMAT:
        raise ValueError(f"not of format {FORMAT}")
    for part, fields in (("exercises", EXERCISE), ("predictions", PREDICTION)):
        entries = data.get(part)
        if not isinstance(entries, dict) or not all(_fits(e, fields) for e in entries.values()):
            raise ValueError(f"unexpected {part}")
    return data


def _fits(entry: object, fields: dict[str, type]) -> bool:
    return (
        isinstance(entry, dict)
        and entry.keys() == fields.keys()
        and all(type(entry[name]) is kind for name, kind in fields.items())
    )


def _new(fields: dict[str, type]) -> dict[str, Any]:
    return {name: kind() for name, kind in fields.items()}


def _empty() -> dict:
    return {"format": FORMAT, "exercises": {}, "predictions": {}}
