"""A set of records: which files it has, what is in them, and whether they are still as written."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tensorflow as tf

from course_utils.feeding.examples import Examples
from course_utils.feeding.record_writer import SHARD, files_named, index_name
from course_utils.feeding.values import described

FORMAT = 1  # to be raised with every change of what the files hold


class DamagedRecords(ValueError):
    """A file of records isn't as it was written."""


@dataclass(frozen=True, repr=False)
class Records:
    """A whole set of records: its files, and what is in them."""

    folder: Path
    """Where the files are."""
    files: tuple[Path, ...]
    """The shards. Element i is in file i % len(files)."""
    counts: tuple[int, ...]
    """The records of each file."""
    sizes: tuple[int, ...]
    """The bytes of each file."""
    signature: Any
    """Of one element: ``tf.TensorSpec``, or tuples and dicts of it."""
    name: str = "records"
    """What the files' names begin with."""

    @property
    def count(self) -> int:
        """All elements."""
        return sum(self.counts)

    @property
    def bytes(self) -> int:
        """All files together."""
        return sum(self.sizes)

    def __len__(self) -> int:
        return self.count

    def __repr__(self) -> str:
        files = f"{len(self.files)} file{'s' * (len(self.files) > 1)}"
        return f"{self.count:,} elements in {files}, {self.bytes:,} bytes\n{self.signature}"

    @classmethod
    def read(cls, folder: str | Path, name: str = "records") -> Records:
        """Find a set of records again, by the index that ``write_records`` left beside it.

        Raises:
            FileNotFoundError, NotADirectoryError: no such folder, or no whole set of that name.
            ValueError: the index is damaged, or the name can't be one.
            TypeError: the name is no str.
        """
        check_name(name)
        folder = Path(folder).expanduser().absolute()
        path = folder / index_name(name)
        try:
            content = path.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            raise _no_index(folder, name) from None
        try:
            index = json.loads(content.decode("utf-8"))
            if index["format"] != FORMAT:
                raise ValueError(f"its format is {index['format']}, and this reads {FORMAT}")
            found = cls(
                folder=folder,
                files=tuple(folder / Path(one["name"]).name for one in index["files"]),
                counts=tuple(int(one["records"]) for one in index["files"]),
                sizes=tuple(int(one["bytes"]) for one in index["files"]),
                signature=_from_json(index["signature"]),
                name=name,
            )
            _check_index(found)
            return found
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(
                f"{path} can't be read: {type(error).__name__}: {error}. It tells what the files "
                "of records hold. Write them anew: write_records(..., overwrite=True)."
            ) from error

    def check_sizes(self) -> None:
        """Raise where a file isn't as long as it was; quick to see, before an epoch begins.

        Raises:
            FileNotFoundError: a file is missing.
            DamagedRecords: one has another size.
        """
        for path, size in zip(self.files, self.sizes):
            try:
                found = path.stat().st_size
            except FileNotFoundError:
                raise FileNotFoundError(
                    f"{path} is missing. Bring it back, or write the records anew "
                    '(write_records(..., overwrite=True)); errors="skip" reads the other files.'
                ) from None
            if found != size:
                raise DamagedRecords(
                    f"{path} has {found:,} bytes, and {size:,} were written: it was cut or "
                    'changed. check_records tells where; errors="skip" reads the rest; '
                    "write_records(..., overwrite=True) writes it anew."
                )


def index_of(signature: Any) -> dict[str, Any]:
    """What is to be told of a set, beside its files."""
    return {"format": FORMAT, "signature": _to_json(signature)}


def check_name(name: Any) -> None:
    """Raise where it can't be the name of a set.

    Raises:
        TypeError, ValueError: it is no str, or one that files shouldn't have.
    """
    words = f"name must be of letters, digits, ., - and _, found {described(name)}"
    if not isinstance(name, str):
        raise TypeError(words)
    if not re.fullmatch(r"\w[\w.-]*", name):
        raise ValueError(words)


def _check_index(found: Records) -> None:
    """Raise where an index tells what can't be: bytes of it may be damaged."""
    if not found.files:
        raise ValueError("it names no file")
    shards = len(found.files)
    if found.counts != tuple(len(range(n, found.count, shards)) for n in range(shards)):
        raise ValueError(f"its files have {found.counts} records, which aren't given out in turn")
    if len(set(found.files)) < shards:
        raise ValueError("it names a file twice")
    Examples(found.signature)


def _no_index(folder: Path, name: str) -> OSError:
    if not folder.is_dir():
        kind = NotADirectoryError if folder.exists() else FileNotFoundError
        return kind(f"Found no folder {folder}. Expected: one that write_records has filled.")
    left = files_named(folder, name)
    others = sorted(
        found[1] for path in folder.iterdir() if (found := re.fullmatch("(.+)" + SHARD, path.name))
    )
    others = [other for other in dict.fromkeys(others) if (folder / index_name(other)).exists()]
    text = f"Found no {index_name(name)} in {folder}, so there is no whole set of records."
    if left:
        text += (
            f" There is {left[0].name}: its writing may have been ended half-way, or be another's."
        )
    if others:
        text += (
            f" There are records named {', '.join(others)}: Records.read(folder, name) finds them."
        )
    return FileNotFoundError(f"{text} write_records writes one.")


def _to_json(signature: Any) -> Any:
    if isinstance(signature, tuple):
        return {"tuple": [_to_json(part) for part in signature]}
    if isinstance(signature, dict):
        return {"dict": {key: _to_json(part) for key, part in signature.items()}}
    shape = None if signature.shape.rank is None else signature.shape.as_list()
    return {"dtype": signature.dtype.name, "shape": shape}


def _from_json(kept: Any) -> Any:
    if "tuple" in kept:
        return tuple(_from_json(part) for part in kept["tuple"])
    if "dict" in kept:
        return {key: _from_json(part) for key, part in kept["dict"].items()}
    return tf.TensorSpec(kept["shape"], tf.as_dtype(kept["dtype"]))
