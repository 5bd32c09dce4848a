"""How spans come from a child process to the timeline of its parent: through files of the child's.

A child maps a file into its memory and notes in it when each span begins and ends. That takes a
microsecond and no system call, and what was noted is in the operating system's hands: a child that
is killed takes nothing along, and a span that never ended is known. The parent reads the files
when it is asked.

They lie in a folder of the temporary ones that exists only while a child needs it. The parent
deletes a file as soon as it has opened it; where a system refuses that (Windows), once the child
has ended. Only a parent that is killed before it has read leaves files behind.

Others may write to the temporary folder, too. So a folder is used only if it is this user's, and a
file's texts are JSON: reading them runs nothing.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import mmap
import multiprocessing
import os
import shutil
import stat
import struct
import tempfile
import threading
import uuid
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

# name, lane, item, began, ended: times in nanoseconds of the clock
Record = tuple[str, str, "str | int | None", int, "int | None"]
# where a span is noted: a file in memory, and the place of its first byte
Slot = tuple[mmap.mmap, int]

# A file is a row of slots. A slot holds the length of the texts, when the span ended, when it
# began (0: not yet; written last, so that a slot is whole once it isn't 0), and the texts.
SLOT, SLOTS = 256, 1024
HEAD = struct.Struct("Hqq")
TIME = struct.Struct("q")
ENDED_AT, BEGAN_AT = HEAD.size - 2 * TIME.size, HEAD.size - TIME.size
LONGEST = 60  # bytes kept of each text where they would not fit
_AS_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class Writer:
    """Notes spans in a child process. Any number of threads may use it.

    folder: where the parent looks for files.
    owner: the parent's process number. If it has ended nothing is noted.

    A span's name, lane and item have 232 bytes together, as JSON; of longer ones each is cut after
    60. Raises PermissionError where the folder is another user's.
    """

    def __init__(self, folder: str, owner: int) -> None:
        self._folder, self._owner = folder, owner
        self._free: deque[Slot] = deque()  # adding and taking are atomic: no lock is needed

    @classmethod
    def of(cls, folder: str, owner: int) -> Writer:
        """Return this process's writer: one for a timeline, however often it is unpickled here."""
        key = folder, os.getpid()
        if key not in _writers:
            _writers[key] = cls(folder, owner)
        return _writers[key]

    def prepare(self, name: str, lane: str, item: str | int | None) -> Slot:
        """Write a span's texts; return the place for its times. Once in 1,024 spans a file is made.

        So a span is timed only afterwards.
        """
        texts = _packed((name, lane, item))
        if len(texts) > SLOT - HEAD.size:
            texts = _packed((_cut(name), _cut(lane), _cut(str(item))))
        while True:
            try:
                memory, place = self._free.popleft()
                break
            except IndexError:
                self._add_file()
        end = place + HEAD.size + len(texts)
        memory[end - len(texts) : end] = texts
        HEAD.pack_into(memory, place, len(texts), 0, 0)
        return memory, place

    def begin(self, slot: Slot, began: int) -> None:
        """Note that a span has begun, at a nanosecond of the clock."""
        memory, place = slot
        TIME.pack_into(memory, place + BEGAN_AT, began)

    def end(self, slot: Slot, ended: int) -> None:
        """Note that a span has ended."""
        memory, place = slot
        TIME.pack_into(memory, place + ENDED_AT, ended)

    def _add_file(self) -> None:
        size = SLOT * SLOTS
        if not _exists(self._owner):
            memory = mmap.mmap(-1, size)  # nobody would read a file, nor delete it
        else:
            path = os.path.join(self._folder, f"{os.getpid()}_{uuid.uuid4().hex}")
            with _created(path) as file:
                # Written, not only sized: a full disk is an error here, later it would kill.
                file.write(bytes(size))
                file.flush()
                memory = mmap.mmap(file.fileno(), size)
        self._free.extend((memory, place) for place in range(0, size, SLOT))


class Reader:
    """Collects, in the parent, what its children have noted.

    shared: whether another process has been told of the folder. Forks are counted besides.
    """

    def __init__(self) -> None:
        self.folder = os.path.join(tempfile.gettempdir(), f"timeline_{uuid.uuid4().hex}")
        self.shared = False
        self._process = os.getpid()
        self._forks = _forks
        self._done: set[str] = set()
        self._open: dict[str, _ChildFile] = {}
        self._complete: list[Record] = []
        self._lock = threading.Lock()

    def records(self) -> list[Record]:
        """Return every span so far; `ended` is None where one has not ended.

        Raises PermissionError where the folder is another user's, and ValueError where a file in
        it holds no spans.
        """
        with self._lock:
            self._open_new()
            unfinished: list[Record] = []
            for name, file in list(self._open.items()):
                # Asked before the reading: what it noted until it ended is read then.
                gone = not _exists(file.process)
                self._complete.extend(file.ended())
                rest = list(file.begun())
                if gone:
                    self._complete.extend(rest)
                else:
                    unfinished.extend(rest)
                if gone or file.is_full():
                    self._open.pop(name).close()
                    self._done.add(name)
            with contextlib.suppress(OSError):
                os.rmdir(self.folder)  # a child that needs it makes it anew
            return self._complete + unfinished

    def close(self) -> None:
        """Delete what is left of the children's files, unless this is a copy made by fork."""
        if self._process == os.getpid():
            for name in list(self._open):
                self._open.pop(name).close()
            shutil.rmtree(self.folder, ignore_errors=True)
            if self.shared or self._forks != _forks:
                # A child that goes on may write again.
                atexit.register(_delete, self.folder, self._process)

    def _open_new(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            _check_owner(self.folder)
            for name in os.listdir(self.folder):
                if name not in self._open and name not in self._done:
                    self._open[name] = _ChildFile(Path(self.folder, name))


class _ChildFile:
    """A file of a child's, opened to be read, and deleted where the system allows that."""

    def __init__(self, path: Path) -> None:
        self.process = int(path.name.partition("_")[0])
        self._path = path
        self._file = path.open("rb")
        self._read: set[int] = set()
        self._begun: list[Record] = []
        with contextlib.suppress(PermissionError):
            path.unlink()

    def ended(self) -> Iterator[Record]:
        """Yield the spans that have ended since the last time."""
        self._begun = []
        self._file.seek(0)
        slots = self._file.read()
        for place in range(0, len(slots) - SLOT + 1, SLOT):
            length, ended, began = HEAD.unpack_from(slots, place)
            if not began or place in self._read:
                continue
            start = place + HEAD.size
            name, lane, item = self._unpacked(slots[start : start + length])
            if ended:
                self._read.add(place)
                yield name, lane, item, began, ended
            else:
                self._begun.append((name, lane, item, began, None))

    def begun(self) -> list[Record]:
        """Return the spans that had not ended when `ended` was called last."""
        return self._begun

    def is_full(self) -> bool:
        """Tell whether every slot holds a span that has ended."""
        return len(self._read) == SLOTS

    def _unpacked(self, texts: bytes) -> tuple[str, str, str | int | None]:
        found = None
        with contextlib.suppress(ValueError):
            found = json.loads(texts)
        match found:
            case [str(), str(), str() | int() | None]:
                return tuple(found)
        raise ValueError(f"The file {self._path} holds no spans of a child process: {texts!r}.")

    def close(self) -> None:
        self._file.close()
        with contextlib.suppress(PermissionError):
            self._path.unlink(missing_ok=True)


_writers: dict[tuple[str, int], Writer] = {}
_forks = 0  # how often this process was forked: a child by fork knows its parent's folders


def _count_fork() -> None:
    global _forks
    _forks += 1


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_parent=_count_fork)


def _delete(folder: str, process: int) -> None:
    if process == os.getpid():
        shutil.rmtree(folder, ignore_errors=True)


def in_child() -> bool:
    """Tell whether `multiprocessing` has started this process."""
    return multiprocessing.parent_process() is not None


def parent() -> int | None:
    """Return the number of the process that started this one by `multiprocessing`."""
    process = multiprocessing.parent_process()
    return process.pid if process else None


def process_name() -> str:
    """Return the name of this process, for its lanes."""
    if in_child():
        return multiprocessing.current_process().name
    return f"process {os.getpid()}"


def _created(path: str) -> BinaryIO:
    for _ in range(100):
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        # The parent may remove the empty folder in this moment.
        with contextlib.suppress(FileNotFoundError):
            _check_owner(os.path.dirname(path))
            return open(path, "x+b")
    raise FileNotFoundError(f"The spans of this process can't be written to {path}.")


def _check_owner(folder: str) -> None:
    """Refuse what another user has put where a folder of this user's should be."""
    found = os.lstat(folder)
    if not hasattr(os, "geteuid"):
        return  # Windows: a temporary folder is the user's own there
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise PermissionError(
            f"{folder} is no folder of this user's, so it is not used for the spans of child "
            "processes. Set TMPDIR to a folder that only you can write to."
        )


def _packed(texts: object) -> bytes:
    # A file's name may hold bytes that are no UTF-8, which Python keeps as lone surrogates.
    return _AS_JSON(texts).encode("utf-8", "surrogatepass")


def _cut(text: str) -> str:
    kept = text[:LONGEST]
    while len(_packed(kept)) > LONGEST + len('""'):
        kept = kept[:-1]
    return text if kept == text else kept + "…"


def _exists(process: int) -> bool:
    """Tell whether a process can still do something: one that only waits for its parent can't."""
    import psutil

    try:
        return psutil.Process(process).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
