"""Files of records, all of them or none: written under other names, renamed when whole.

A TFRecord file that is cut between two records looks whole, and one that a killed process has left
is read without an error. So no file has its own name before all are written, and the index, without
which none of them is read, gets its name last.
"""

from __future__ import annotations

import errno
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import tensorflow as tf

from course_utils.feeding.interrupts import interrupt_held_back

PART = ".part"
SHARD = r"-\d{5,}-of-\d{5,}\.tfrecord"  # what follows the set's name
FULL = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))


def file_name(name: str, shard: int, shards: int) -> str:
    """The name of one of the files, such as records-00000-of-00002.tfrecord."""
    return f"{name}-{shard:05d}-of-{shards:05d}.tfrecord"


def index_name(name: str) -> str:
    """The name of the file that tells what the others hold."""
    return f"{name}.json"


def files_named(folder: Path, name: str) -> list[Path]:
    """The files in a folder that are named as shards of `name`, sorted."""
    return _matching(folder, re.escape(name) + SHARD)


class RecordWriter:
    """Writes records to several files in turn; they appear all at once, or not at all.

        with RecordWriter(folder, "records", 2, overwrite=False) as writer:
            for record in records:
                writer.write(record)
            writer.publish(index)

    Args:
        folder: made where it isn't there; removed again where it was, and nothing is published.
        name: what the files' names begin with.
        shards: how many files.
        overwrite: replace what has these names.

    Raises:
        FileExistsError: there are such files, and `overwrite` is false.
        BlockingIOError: another writer is at work on the same name.
        OSError: with a sentence: the disk is full, the folder can't be written.

    ``counts``: the records of each file so far; ``sizes``: their bytes, known when published.
    """

    def __init__(self, folder: Path, name: str, shards: int, overwrite: bool = False) -> None:
        self.folder, self.name, self.overwrite = folder, name, overwrite
        self.names = tuple(file_name(name, shard, shards) for shard in range(shards))
        self.counts = [0] * shards
        self.sizes: tuple[int, ...] = ()
        self._written = 0

    def __enter__(self) -> RecordWriter:
        self._writers: list[tf.io.TFRecordWriter] = []
        self._made: list[Path] = []
        try:
            with _in_words(self.folder):
                parents = (self.folder, *self.folder.parents)
                self._made = [path for path in parents if not path.exists()]
                self.folder.mkdir(parents=True, exist_ok=True)
                self._lock = _locked(self.folder / f".{self.name}.lock")
        except BaseException:
            self._remove_made()
            raise
        try:
            with _in_words(self.folder):
                self._remove_parts()
                self._check_free()
                self._writers += (
                    tf.io.TFRecordWriter(str(self._part(name))) for name in self.names
                )
        except BaseException:
            self.__exit__()
            raise
        return self

    def write(self, record: bytes) -> None:
        """Write one record to the file whose turn it is."""
        shard = self._written % len(self._writers)
        with _in_words(self.folder):
            self._writers[shard].write(record)
        self.counts[shard] += 1
        self._written += 1

    def publish(self, index: dict[str, Any]) -> None:
        """Give the files their names, and write the index with their names, counts and sizes."""
        with _in_words(self.folder):
            # What is written last may wait in memory until here: a full disk shows now.
            while self._writers:
                self._writers.pop().close()
            sizes = tuple(self._part(name).stat().st_size for name in self.names)
            files = [
                {"name": name, "records": count, "bytes": size}
                for name, count, size in zip(self.names, self.counts, sizes)
            ]
            target = self.folder / index_name(self.name)
            self._part(target.name).write_text(json.dumps(index | {"files": files}), "utf-8")
            with interrupt_held_back():
                target.unlink(missing_ok=True)  # from here on, what was there isn't read any more
                for path in files_named(self.folder, self.name):
                    path.unlink()
                for name in self.names:
                    os.replace(self._part(name), self.folder / name)
                os.replace(self._part(target.name), target)
                self._made = []
        self.sizes = sizes

    def __exit__(self, *_: object) -> None:
        while self._writers:
            with suppress(tf.errors.OpError):
                self._writers.pop().close()
        with suppress(OSError):
            self._remove_parts()
        with suppress(OSError):
            # While it is held: whoever waits for a file that is gone takes another one.
            os.unlink(self._lock.lock_file)
        self._lock.release()
        self._remove_made()

    def _part(self, name: str) -> Path:
        return self.folder / f".{name}{PART}"

    def _remove_parts(self) -> None:
        """Remove what was not published, also what a killed process has left."""
        index = self._part(index_name(self.name))
        if not (self.folder / index_name(self.name)).exists():
            # Killed while it renamed: what the unpublished index names was its own.
            for name in _listed(index):
                (self.folder / name).unlink(missing_ok=True)
        for path in _matching(self.folder, re.escape(f".{self.name}") + SHARD + re.escape(PART)):
            path.unlink()
        index.unlink(missing_ok=True)

    def _check_free(self) -> None:
        index = self.folder / index_name(self.name)
        there = [index] * index.exists() + files_named(self.folder, self.name)
        if there and not self.overwrite:
            raise FileExistsError(
                f"{self.folder} has {there[0].name} already. overwrite=True replaces these "
                "records; another name= keeps both."
            )

    def _remove_made(self) -> None:
        for folder in self._made:
            with suppress(OSError):  # not empty
                folder.rmdir()


def _locked(path: Path) -> Any:
    """Hold a lock until the process ends or the lock is released."""
    from filelock import FileLock, Timeout

    lock = FileLock(path, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise BlockingIOError(
            f"Another process is writing records to {path.parent} under the same name. Wait for "
            "its end, or give another name= or folder."
        ) from None
    return lock


def _matching(folder: Path, pattern: str) -> list[Path]:
    return sorted(path for path in folder.iterdir() if re.fullmatch(pattern, path.name))


def _listed(index: Path) -> list[str]:
    """The files that an index names; none where it is not there or not whole."""
    try:
        return [Path(one["name"]).name for one in json.loads(index.read_text("utf-8"))["files"]]
    except (OSError, ValueError, KeyError, TypeError):
        return []


@contextmanager
def _in_words(folder: Path) -> Iterator[None]:
    """Say of an error what was found, what was expected and what to do."""
    try:
        yield
    except tf.errors.OpError as error:
        # Its class says little: a full disk is the same as too many open files. Its last words are
        # the system's.
        numbers = {os.strerror(number): number for number in errno.errorcode}
        number = numbers.get(error.message.rpartition("; ")[2], 0)
        raise _sentence(number, folder, error) from None
    except OSError as error:
        if error.errno is None:  # a sentence already
            raise
        raise _sentence(error.errno, folder, error) from error


def _sentence(number: int, folder: Path, error: Exception) -> OSError:
    kind: type[OSError] = OSError
    if number in FULL:
        found, cure = f"The disk that {folder} is on is full", "Free some space"
    elif number == errno.EFBIG:
        found = f"A file in {folder} has reached the largest size that is allowed"
        cure = "Give more shards"
    elif number in (errno.EMFILE, errno.ENFILE):
        found = f"No more files can be open at once, to write to {folder}"
        cure = "Give fewer shards"
    elif number in (errno.EACCES, errno.EPERM, errno.EROFS):
        kind, found = PermissionError, f"No permission to write to {folder}"
        cure = "Change its permissions"
    elif number in (errno.ENOTDIR, errno.EEXIST, errno.EISDIR):
        kind, found = NotADirectoryError, f"A file is in the way of the folder {folder}"
        cure = "Move that file"
    else:
        words = getattr(error, "message", str(error))
        found, cure = f"Writing to {folder} failed ({words})", "Look at that folder"
    named = kind(
        f"{found}. Expected: a folder that can be written, with room for all records. {cure}, or "
        "name another folder. No records were written."
    )
    named.errno = number
    return named
