"""One TFRecord file: which of its records can be read, and where it is damaged or cut.

A file is record after record, and nothing else:

==========  ==========================================================================
8 bytes     the length of the data: unsigned, little-endian
4 bytes     a checksum of those 8 bytes (CRC-32C, masked)
so many     the data
4 bytes     a checksum of the data
==========  ==========================================================================

TensorFlow checks both. At a wrong one it raises DataLossError without a file's name, and the rest
of the file is lost to it: where the next record begins is told by the length of this one. Here the
length is read again, and where it is damaged itself, the next one that its checksum agrees with is
looked for. What lies between is a gap. Nothing in the file tells how many records it held; the
set's index does, which knows how many were written.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np
import tensorflow as tf

HEADER = struct.Struct("<QI")
AROUND = HEADER.size + 4  # bytes of a record beside its data
BLOCK = 1 << 20  # bytes that are searched at a time


@dataclass(frozen=True)
class Damage:
    """A place of a file that can't be read.

    record: number in the file, from 0, of the first record that is lost; lost: how many are.
    element: that record's number among all that were written. start, end: in bytes.
    exact: whether these numbers are certain, see ``examine``; the text says "about" where not.
    """

    record: int
    element: int
    lost: int
    start: int
    end: int
    what: str
    exact: bool = True

    def __str__(self) -> str:
        place = f"byte {self.start:,}: {self.what}"
        if not self.lost:
            return place
        text = f"record {self.record} (element {self.element})"
        if self.lost > 1:
            text = f"{self.lost} records from {text} on"
        return f"{'' if self.exact else 'about '}{text}, {place}"


@dataclass(frozen=True)
class Run:
    """Records that can be read one after the other, from byte `start` on; `lost` follow them."""

    start: int
    records: int
    lost: int = 0


@dataclass(frozen=True)
class FileReport:
    """What can be read of one file: `readable` of the `written` records."""

    path: Path
    written: int
    damages: tuple[Damage, ...]
    runs: tuple[Run, ...] = field(repr=False)

    @property
    def readable(self) -> int:
        """How many records can be read."""
        return sum(run.records for run in self.runs)

    @property
    def whole(self) -> bool:
        """Whether all that was written can be read."""
        return not self.damages

    def __str__(self) -> str:
        lines = [f"{self.path.name}: {self.readable:,} of {self.written:,}"]
        return "\n    ".join([*lines, *map(str, self.damages)])


@dataclass(frozen=True, repr=False)
class RecordsReport:
    """What can be read of a set of records: `readable` of the `written`."""

    files: tuple[FileReport, ...]

    @property
    def readable(self) -> int:
        """Records that can be read, of all files."""
        return sum(file.readable for file in self.files)

    @property
    def written(self) -> int:
        """Records that were written, to all files."""
        return sum(file.written for file in self.files)

    @property
    def whole(self) -> bool:
        """Whether all that was written can be read."""
        return all(file.whole for file in self.files)

    def __repr__(self) -> str:
        files = f"{len(self.files)} file{'s' * (len(self.files) > 1)}"
        first = f"{self.readable:,} of {self.written:,} records in {files} can be read:"
        return "\n  ".join([first, *map(str, self.files)])


def records_from(path: tf.Tensor, start: tf.Tensor) -> tf.data.Dataset:
    """A dataset of the records of one file from byte `start` on, each a string of bytes.

    To be called in the function of an `interleave` or a `flat_map`: outside of one, TensorFlow 2.21
    loses the start, and refuses the rest. ``tf.data.TFRecordDataset`` has no start; this is the
    operation behind it.
    """
    variant = tf.raw_ops.TFRecordDatasetV2(
        filenames=[path], compression_type="", buffer_size=256 << 10, byte_offsets=[start]
    )
    return tf.data.experimental.from_variant(variant, tf.TensorSpec((), tf.string))


def examine(path: Path, written: int, bytes_written: int, shard: int, shards: int) -> FileReport:
    """Read a file whole, and tell what can be read of it.

    What can be read is certain. How many records a gap held is known where it is the only one: all
    that are missing. Of several gaps, each held at least one, and the rest is shared out by bytes.
    That is exact where there is no rest, and where all records have one size. Else each damage from
    the first gap to the last has ``exact=False``, and what is read between them may have other
    numbers than it seems, so that it comes early or late among the records of other files. Within
    the file the order is right in any case, and behind the last gap the numbers are, too.

    A file that is shorter than it was counts as cut: the missing bytes are a gap at its end. Of one
    that is longer, nothing is read beyond its old end. Where elements hold whole TFRecord files as
    their bytes, the search in a gap may take what is in them for records of the set.

    Args:
        path: the file; one that isn't there has lost all.
        written: how many records it was given.
        bytes_written: how long it was then.
        shard: which of the shards it is, from 0: tells which elements are lost.
        shards: how many there are.

    Raises:
        OSError: it can't be opened.
    """
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            pieces = _pieces(file, path, written, bytes_written)
    except FileNotFoundError:
        size, pieces = 0, [_Piece(0, what="there is no such file", end=bytes_written, gap=True)]
    _fill_gaps(pieces, written)
    runs: list[Run] = []
    damages: list[Damage] = []
    number = 0
    for piece in pieces:
        runs.append(Run(piece.start, len(piece.sizes), piece.lost))
        number += len(piece.sizes)
        if piece.what:
            numbers = (number, number * shards + shard, piece.lost)
            end = min(piece.end, size)
            damages.append(Damage(*numbers, piece.damage, end, piece.what, piece.exact))
        number += piece.lost
    if size > bytes_written:
        what = f"{size - bytes_written:,} bytes more than were written"
        damages.append(Damage(number, number * shards + shard, 0, bytes_written, size, what))
    return FileReport(path, written, tuple(damages), tuple(runs))


@dataclass
class _Piece:
    """Records that can be read, from byte `start` on, and what can't be, up to byte `end`."""

    start: int
    sizes: list[int] = field(default_factory=list)  # of the records, in bytes
    what: str = ""  # can't be read, and why
    end: int = 0
    gap: bool = False  # how many records were lost has to be found out
    lost: int = 0
    exact: bool = True

    @property
    def damage(self) -> int:
        """The first byte that can't be read."""
        return self.start + sum(self.sizes)


def _pieces(file: BinaryIO, path: Path, written: int, bytes_written: int) -> list[_Piece]:
    """What the file consists of, from its first byte on; its gaps are yet to be filled."""
    size = min(file.seek(0, os.SEEK_END), bytes_written)
    pieces: list[_Piece] = []
    found = place = 0
    while place < size and found < written:
        piece = _Piece(place, _readable(path, place, size - place)[: written - found])
        pieces.append(piece)
        found += len(piece.sizes)
        place = piece.damage
        if place < size and found < written:
            piece.end, piece.what, piece.gap = _damage(file, place, size)
            if not piece.gap:
                piece.lost = 1
                found += 1
            elif piece.end == size:
                piece.end = bytes_written
            place = piece.end
    cut = size < bytes_written and place == size
    if found < written and (cut or not any(piece.gap for piece in pieces)):
        pieces.append(_Piece(place, what="the file ends here", end=bytes_written, gap=True))
    return pieces


def _fill_gaps(pieces: list[_Piece], written: int) -> None:
    """Find out how many records each gap held, as ``examine`` tells."""
    gaps = [number for number, piece in enumerate(pieces) if piece.gap]
    missing = written - sum(len(piece.sizes) + piece.lost for piece in pieces)
    if not gaps:
        return
    lengths = np.array([pieces[gap].end - pieces[gap].damage for gap in gaps])
    mean = lengths.sum() / max(missing, 1)
    rest = missing - len(gaps)
    if len(gaps) == 1:
        lost = np.array([missing])
    elif rest > 0:
        above = np.maximum(lengths - mean, 0)  # without the one record that each gap has for sure
        lost = 1 + np.diff(np.rint(np.cumsum(above) * (rest / above.sum())), prepend=0)
    else:  # less than 0 where the file was changed on purpose
        lost = np.arange(len(gaps)) < missing
    for gap, number in zip(gaps, lost):
        pieces[gap].lost = int(number)
    sizes = {size for piece in pieces for size in piece.sizes}
    if len(gaps) > 1 and rest and not (sizes <= {mean} and (lengths == lost * mean).all()):
        for piece in pieces[gaps[0] : gaps[-1] + 1]:
            piece.exact = False


def _readable(path: Path, start: int, room: int) -> list[int]:
    """The bytes of each record that TensorFlow reads from here on, as far as there is room."""
    found = tf.data.Dataset.from_tensors((str(path), np.int64(start))).flat_map(records_from)
    lengths = found.ignore_errors().batch(64).map(tf.strings.length)
    sizes = [int(one) + AROUND for batch in lengths.as_numpy_iterator() for one in batch]
    ends = np.cumsum(sizes)
    return sizes[: int(np.searchsorted(ends, room, "right"))]


def _damage(file: BinaryIO, place: int, size: int) -> tuple[int, str, bool]:
    """Where what can't be read ends, what it is, and whether it is a gap: else it is one record."""
    file.seek(place)
    header = file.read(HEADER.size)
    if place + HEADER.size > size:
        return size, f"cut, {size - place} bytes of it are there", True
    length, checksum = HEADER.unpack(header)
    if _checksums(np.frombuffer(header[:8], np.uint8))[0] != checksum:
        end = _next_header(file, place + 1, size)
        if end == size:
            return size, "no record begins here, nor after it", True
        return end, f"its length is damaged; {end - place:,} bytes are left out", True
    end = place + length + AROUND
    if end > size:
        return size, f"cut, {size - place:,} of its {end - place:,} bytes are there", True
    return end, f"its {length:,} bytes of data are damaged", False


def _next_header(file: BinaryIO, place: int, size: int) -> int:
    """The first byte from here on at which a record may begin; the file's size if there is none."""
    while place + AROUND <= size:
        file.seek(place)
        block = np.frombuffer(file.read(BLOCK), np.uint8)
        # At every byte of the block: the checksum of 8 bytes, and the one that follows them.
        told = np.lib.stride_tricks.sliding_window_view(block, HEADER.size)[:, 8:]
        told = np.ascontiguousarray(told).view("<u4")[:, 0]
        for offset in np.flatnonzero(_checksums(block[:-4]) == told):
            length, _ = HEADER.unpack(block[offset : offset + HEADER.size].tobytes())
            if place + int(offset) + length + AROUND <= size:
                return place + int(offset)
        place += len(told)
    return size


def _table() -> np.ndarray:
    """What each byte does to a CRC-32C."""
    table = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        table = np.where(table & 1, (table >> 1) ^ np.uint32(0x82F63B78), table >> 1)
    return table


TABLE = _table()


def _checksums(content: np.ndarray) -> np.ndarray:
    """The masked CRC-32C of each run of 8 bytes: uint32, shape (len(content) - 7,)."""
    count = len(content) - 7
    crc = np.full(count, 0xFFFFFFFF, np.uint32)
    for number in range(8):
        crc = TABLE[(crc ^ content[number : number + count]) & 0xFF] ^ (crc >> 8)
    crc = ~crc
    return ((crc >> 15) | (crc << 17)) + np.uint32(0xA282EAD8)
