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
looked for.
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
    """

    record: int
    element: int
    lost: int
    start: int
    end: int
    what: str

    def __str__(self) -> str:
        text = f"record {self.record} (element {self.element})"
        if self.lost > 1:
            text = f"{self.lost} records from {text} on"
        return f"{text}, byte {self.start:,}: {self.what}"


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

    Args:
        path: the file; one that isn't there has lost all.
        written: how many records it was given.
        bytes_written: how long it was then.
        shard: which of the shards it is, from 0: tells which elements are lost.
        shards: how many there are.

    Raises:
        OSError: it can't be opened.
    """
    runs: list[Run] = []
    damages: list[Damage] = []
    number = place = 0  # of the next record, and of its first byte

    def damaged(end: int, lost: int, what: str) -> None:
        nonlocal number, place
        damages.append(Damage(number, number * shards + shard, lost, place, end, what))
        number, place = number + lost, end

    try:
        file = path.open("rb")
    except FileNotFoundError:
        damaged(0, written, "there is no such file")
        return FileReport(path, written, tuple(damages), (Run(0, 0, written),))
    with file:
        size = file.seek(0, os.SEEK_END)
        while place < size and number < written:
            records, length = _readable(path, place)
            run, records = place, min(records, written - number)
            before = number = number + records
            place += length
            if place < size and number < written:
                end, what = _damage(file, place, size)
                # Of what is cut nobody can tell how many records it was, but that none follows.
                damaged(end, 1 if end < size else written - number, what)
            runs.append(Run(run, records, number - before))
    if number < written:
        runs.append(Run(place, 0, written - number))
        damaged(size, written - number, "the file ends here")
    if size > bytes_written:
        damaged(size, 0, f"{size - bytes_written:,} bytes more than were written")
    return FileReport(path, written, tuple(damages), tuple(runs))


def _readable(path: Path, start: int) -> tuple[int, int]:
    """How many records TensorFlow reads from here on, and how many bytes these are."""
    records = length = 0
    found = tf.data.Dataset.from_tensors((str(path), np.int64(start))).flat_map(records_from)
    lengths = found.ignore_errors().batch(64).map(tf.strings.length)
    for batch in lengths.as_numpy_iterator():
        records += len(batch)
        length += int(batch.sum(dtype=np.int64)) + AROUND * len(batch)
    return records, length


def _damage(file: BinaryIO, place: int, size: int) -> tuple[int, str]:
    """Where what can't be read ends, and what it is."""
    file.seek(place)
    header = file.read(HEADER.size)
    if len(header) < HEADER.size:
        return size, f"cut, {len(header)} bytes of it are there"
    length, checksum = HEADER.unpack(header)
    if _checksums(np.frombuffer(header[:8], np.uint8))[0] != checksum:
        end = _next_header(file, place + 1, size)
        if end == size:
            return size, "no record begins here, nor after it"
        return end, f"its length is damaged; {end - place:,} bytes are left out"
    end = place + length + AROUND
    if end > size:
        return size, f"cut, {size - place:,} of its {end - place:,} bytes are there"
    return end, f"its {length:,} bytes of data are damaged"


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
