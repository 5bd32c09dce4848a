"""The learner's copy of the notebooks: made, brought up to date, restored, and found again."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from course_utils.classroom.files import free_name, reason, set_aside, write_whole
from course_utils.classroom.progress import Progress

BOOKS = ".course"  # the folder in the workspace for what the course writes down
MANIFEST = "course.toml"  # lies in a course's own folder of notebooks, in no workspace
FORMAT = 1
LOCK_LIMIT = 30  # seconds to wait for another update of the same workspace


class WorkspaceError(OSError):
    """The learner's copy can't be written; what was there is still there."""


@dataclass(frozen=True, repr=False)
class Update:
    """What `update` did, by the notebooks' file stems, and in words (`str`)."""

    new: tuple[str, ...] = ()
    updated: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()  # nothing newer, or already the same
    newer: tuple[str, ...] = ()  # edited by the learner and newer in the course: kept
    unreadable: tuple[str, ...] = ()  # can't be read as notebooks: kept
    notes: tuple[str, ...] = ()
    folder: str = "my_notebooks"

    def __repr__(self) -> str:
        """Return it in short sentences."""
        lines = list(self.notes)
        if self.new:
            lines.append(f"New in {self.folder}/: {', '.join(self.new)}.")
        if self.updated:
            lines.append(f"Brought up to date: {', '.join(self.updated)}.")
        if self.unchanged and not self.new and not self.updated:
            count = len(self.unchanged)
            lines.append(f"{count} notebook{'s' * (count != 1)} in {self.folder}/: up to date.")
        for stem in self.newer:
            lines.append(
                f"{stem}: you have edited it, so your version was kept. The course has a newer "
                f"one; to get it (yours is put aside): {_reset_command(stem)}"
            )
        for stem in self.unreadable:
            lines.append(
                f"{stem}: your version can't be read as a notebook; it was kept. "
                f"To get a fresh one (yours is put aside): {_reset_command(stem)}"
            )
        return "\n".join(lines)


@dataclass(frozen=True, repr=False)
class Reset:
    """What `reset` did: the lesson's stem, its fresh copy, and where the old one is kept."""

    stem: str
    copy: Path
    kept: Path | None  # None where there was no copy

    def __repr__(self) -> str:
        """Return it in one or two sentences."""
        folder = self.copy.parent.name
        done = f"{folder}/{self.copy.name} is as new."
        if self.kept is None:
            return done
        return f"{done} Your version is kept: {folder}/{self.kept.parent.name}/{self.kept.name}"


def update(course_root: Path, stems: Iterable[str], folder: Path | None = None) -> Update:
    """Make the learner's copies of notebooks, and bring up to date those that weren't edited.

    For each stem, `notebooks/<stem>.ipynb` is copied to `folder` (default: `my_notebooks` beside
    `notebooks`) without outputs and execution counts; of the cells' metadata the tags stay. A copy
    counts as edited where its cells' types and sources differ from what was written: outputs,
    counts, metadata and empty cells don't matter, since running and saving change them. An edited
    copy is never overwritten.

    Raises FileNotFoundError and ValueError for a notebook of the course that is missing or
    damaged, ValueError for a folder that is the course's own, WorkspaceError (an OSError) where
    the copy can't be written. No copy is lost.
    """
    course_root = Path(course_root)
    folder = _workspace(course_root, folder)
    originals = {stem: _original(course_root, stem) for stem in stems}
    done: dict[str, list[str]] = {
        key: [] for key in ("new", "updated", "unchanged", "newer", "unreadable", "notes")
    }
    try:
        with _opened(folder):
            written = _load_written(folder, done["notes"])
            for stem, notebook in originals.items():
                done[_bring(folder / f"{stem}.ipynb", notebook, written)].append(stem)
            _save_written(folder, written)
    except OSError as error:
        raise _cannot_write(folder, error) from error
    return Update(**{key: tuple(value) for key, value in done.items()}, folder=folder.name)


def reset(course_root: Path, lesson: str, folder: Path | None = None) -> Reset:
    """Restore one lesson of the learner's copy; the old version is kept in `kept/`.

    `lesson` is "01", "1", "01_numbers" or "01_numbers.ipynb". Progress in its exercises stays:
    what was solved was solved.

    Raises ValueError, with the lessons there are, for one that isn't there, and for a folder that
    is the course's own; WorkspaceError where the copy can't be written, and the old version is
    then where it was.
    """
    course_root = Path(course_root)
    folder = _workspace(course_root, folder)
    stem = _stem(course_root, lesson)
    notebook = _original(course_root, stem)
    copy = folder / f"{stem}.ipynb"
    kept = None
    try:
        with _opened(folder):
            written = _load_written(folder, [])
            fresh = folder / f".{stem}.{os.getpid()}.part"
            try:
                # First the fresh copy, whole, under another name: a full disk shows here.
                write_whole(fresh, _as_text(notebook))
                if copy.exists() or copy.is_symlink():
                    (folder / "kept").mkdir(exist_ok=True)
                    kept = free_name(folder / "kept", stem, ".ipynb")
                    os.rename(copy, kept)
                os.replace(fresh, copy)
            finally:
                fresh.unlink(missing_ok=True)
            written[stem] = _digest(notebook)
            _save_written(folder, written)
    except OSError as error:
        raise _cannot_write(folder, error) from error
    return Reset(stem, copy, kept)


def find() -> Path | None:
    """Return the workspace that this process works in, None where there is none.

    It is the current folder, or one above it, that holds `.course/`. The folder `notebooks/`,
    known by its course.toml, is never one, nor is any above it: there nothing is kept, so that
    its outputs are the same for everyone.
    """
    try:
        here = Path.cwd()
    except OSError:
        return None  # the folder is gone
    for folder in (here, *here.parents):
        if (folder / MANIFEST).is_file():
            return None
        if (folder / BOOKS).is_dir():
            return folder
    return None


def progress() -> Progress:
    """Return the progress kept in this process's workspace; without one, in memory."""
    folder = find()
    file = folder / BOOKS / "progress.json" if folder else None
    if file not in _progress:
        _progress[file] = Progress(file)
    return _progress[file]


_progress: dict[Path | None, Progress] = {}


def _workspace(course_root: Path, folder: Path | None) -> Path:
    """Return the folder for the copies. Raises ValueError for the course's own folders."""
    folder = Path(folder) if folder else course_root / "my_notebooks"
    # Links and ".." are followed first: "new/../notebooks" is there once "new" has been made.
    real = Path(os.path.realpath(folder))
    own = (course_root, course_root / "notebooks")
    if any(_same(real, each) for each in own) or os.path.isfile(real / MANIFEST):
        raise ValueError(
            f"{folder} is the course's own folder: copies in it would replace the originals. "
            "Name another folder for the learner's copy, such as my_notebooks."
        )
    return folder


def _same(one: Path, other: Path) -> bool:
    try:
        return os.path.samefile(one, other)
    except OSError:
        return False  # what can't be reached can't be written either, and that is told later


def _bring(copy: Path, original: dict[str, Any], written: dict[str, str]) -> str:
    """Make or update one copy where that loses nothing; return which list it belongs to."""
    stem, new = copy.stem, _digest(original)
    if not copy.exists():
        write_whole(copy, _as_text(original))
        written[stem] = new
        return "new"
    try:
        mine = _digest(json.loads(copy.read_bytes().decode("utf-8")))
    except (OSError, ValueError, RecursionError):
        return "unreadable"
    if mine == new:
        written[stem] = new
        return "unchanged"
    if mine == written.get(stem):
        write_whole(copy, _as_text(original))
        written[stem] = new
        return "updated"
    return "unchanged" if written.get(stem) == new else "newer"


def _original(course_root: Path, stem: str) -> dict[str, Any]:
    path = course_root / "notebooks" / f"{stem}.ipynb"
    if not path.is_file():
        raise FileNotFoundError(
            f"notebooks/{stem}.ipynb is missing. If you use git: git checkout -- notebooks"
        )
    try:
        notebook = json.loads(path.read_bytes().decode("utf-8"))
        _digest(notebook)
    except (ValueError, RecursionError) as error:
        raise ValueError(
            f"notebooks/{stem}.ipynb can't be read as a notebook ({error}). "
            "If you use git: git checkout -- notebooks"
        ) from None
    return notebook


def _digest(notebook: object) -> str:
    """A digest of the types and sources of a notebook's cells. Raises ValueError for no notebook.

    Empty cells don't count: JupyterLab adds one when the last cell is run.
    """
    cells = notebook.get("cells") if isinstance(notebook, dict) else None
    if not isinstance(cells, list):
        raise ValueError("it has no list of cells")
    content = []
    for cell in cells:
        if not isinstance(cell, dict) or not isinstance(cell.get("cell_type"), str):
            raise ValueError("a cell has no type")
        source = cell.get("source")
        if isinstance(source, list) and all(isinstance(line, str) for line in source):
            source = "".join(source)
        if not isinstance(source, str):
            raise ValueError("a cell has no source")
        if source.strip():
            content.append([cell["cell_type"], source.replace("\r\n", "\n")])
    return hashlib.sha256(json.dumps(content).encode("ascii")).hexdigest()


def _as_text(notebook: dict[str, Any]) -> str:
    """The learner's copy: no outputs, no counts, of the cells' metadata the tags."""
    cells = []
    for cell in notebook["cells"]:
        tags = (cell.get("metadata") or {}).get("tags")
        clean = {**cell, "metadata": {"tags": tags} if tags else {}}
        if cell["cell_type"] == "code":
            clean.update(outputs=[], execution_count=None)
        cells.append(clean)
    # As Jupyter writes it, so that its first save changes nothing but what the learner did.
    text = json.dumps({**notebook, "cells": cells}, indent=1, ensure_ascii=False, sort_keys=True)
    return text + "\n"


def _opened(folder: Path):
    """Make the workspace if it isn't there; return its lock, to be entered."""
    from filelock import FileLock

    (folder / BOOKS).mkdir(parents=True, exist_ok=True)
    return FileLock(folder / BOOKS / "copies.json.lock", timeout=LOCK_LIMIT)


def _load_written(folder: Path, notes: list[str]) -> dict[str, str]:
    """Return, for each stem, the digest of the copy as it was written."""
    path = folder / BOOKS / "copies.json"
    try:
        data = json.loads(path.read_bytes().decode("utf-8"))
        copies = data["copies"] if data["format"] == FORMAT else None
        if not isinstance(copies, dict) or not all(isinstance(d, str) for d in copies.values()):
            raise ValueError("not ours")
        return copies
    except FileNotFoundError:
        return {}
    except (ValueError, KeyError, TypeError, RecursionError):
        aside = set_aside(path)
        notes.append(
            f"The record of your copies was damaged; it is kept as {BOOKS}/{aside.name} and made "
            "anew. Copies that differ from the course's count as edited."
        )
        return {}


def _save_written(folder: Path, written: dict[str, str]) -> None:
    data = {"format": FORMAT, "copies": dict(sorted(written.items()))}
    path = folder / BOOKS / "copies.json"
    text = json.dumps(data, indent=1) + "\n"
    # Written only where it changes: a full disk is no trouble to who needs nothing new.
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        write_whole(path, text)


def _stem(course_root: Path, lesson: str) -> str:
    stems = sorted(path.stem for path in (course_root / "notebooks").glob("*.ipynb"))
    wanted = Path(lesson.strip()).name.removesuffix(".ipynb")
    if wanted in stems:
        return wanted
    found = [stem for stem in stems if wanted.isdecimal() and _number(stem) == int(wanted)]
    if len(found) == 1:
        return found[0]
    which = "Several lessons are" if found else "No lesson is"
    there = ", ".join(stems) or "none"
    raise ValueError(f'{which} called "{lesson}". There are: {there}.')


def _number(stem: str) -> int | None:
    found = re.match(r"\d+", stem)
    return int(found[0]) if found else None


def _reset_command(stem: str) -> str:
    found = re.match(r"\d+", stem)
    return f"python -m course_utils reset {found[0] if found else stem}"


def _cannot_write(folder: Path, error: OSError) -> WorkspaceError:
    if isinstance(error, TimeoutError):
        cure = "Another program is using it; wait for it to end, then run the command again."
    elif isinstance(error, (FileExistsError, NotADirectoryError)):
        cure = "A file is in the way of the folder: move it, then run the command again."
    else:
        cure = "Free some space or allow writing there, then run the command again."
    return WorkspaceError(
        f"The learner's copy in {folder} can't be written: {reason(error)}. {cure} "
        "Your own versions are all still there."
    )
