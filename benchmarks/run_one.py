"""One run of one contestant: what a process of its own does. Prints a JSON record.

python -m benchmarks.run_one "thread loader" uint8 2048
python -m benchmarks.run_one "thread loader" uint8 2048 512      and compares 512 photos' pixels
"""

from __future__ import annotations

import gc
import json
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil

try:
    import resource
except ImportError:  # Windows has no such module
    resource = None

from benchmarks.contestant import Contestant, Epoch
from benchmarks.contestants import find
from benchmarks.work import BATCH, crops, read
from course_utils.measuring.memory import page_faults, peak_memory_bytes
from course_utils.measuring.timing import batch_length, epoch

ROUNDING = 1e-4  # of what was divided by 255 and is multiplied again to be compared
LIKE = 3.0  # of 255: another decoder's rounding, another resizer's; two photos differ by tens


@dataclass(frozen=True)
class Run:
    """What one epoch cost: wall time, and all processes of the run together."""

    pictures: int
    seconds: float
    """Until the iterator said that there is no more."""
    end_seconds: float
    """What the iterator then took to be gone: threads to join, tf.data's autotuner to wake up."""
    cpu_ms_per_picture: float
    faults_per_picture: float
    peak_mib: float
    """The sum of each process's own peak: what workers share with their parent counts twice."""
    pixels_differ: float | None = None
    """The mean difference from OpenCV's pixels, of 0 to 255; None where nobody compared."""


def measure(name: str, dtype: str, pictures: int, compare: int = 0) -> Run:
    """An epoch that nobody times, then one that is timed; then ``compare`` photos are looked at.

    Raises:
        RuntimeError: pictures are missing, or pixels differ that should be equal.
    """
    begin = find(name).start(crops(pictures), dtype)
    workers_peak = 0
    for number, _batch in enumerate(begin()):
        if (number + 1) * BATCH >= pictures:  # workers that end with the epoch are still there
            workers_peak = _workers_peak()
    del _batch
    gc.collect()
    faults = _all_faults()
    beginning = Beginning(begin)
    timed = epoch(beginning, batch_length)
    faults = _all_faults() - faults
    leaving = time.perf_counter()
    del beginning.iterator
    end_seconds = time.perf_counter() - leaving
    if timed.items != pictures:
        raise RuntimeError(f"{name} gave {timed.items} pictures, and {pictures} were asked for")
    peak = peak_memory_bytes() + max(workers_peak, _workers_peak())
    return Run(
        pictures=timed.items,
        seconds=timed.seconds,
        end_seconds=end_seconds,
        cpu_ms_per_picture=timed.cpu_ms_per_item,
        faults_per_picture=faults / timed.items,
        peak_mib=peak / 2**20,
        pixels_differ=difference(find(name), dtype, compare) if compare else None,
    )


class Beginning:
    """Begins an epoch when it is iterated, so that the beginning is timed as well, and holds it."""

    def __init__(self, begin: Epoch) -> None:
        self._begin = begin

    def __iter__(self) -> Iterator[Any]:
        self.iterator = self._begin()
        return self.iterator


def difference(contestant: Contestant, dtype: str, pictures: int) -> float:
    """The mean difference of a contestant's pixels from OpenCV's, in order; 0.0 where equal.

    Raises:
        RuntimeError: it isn't 0 where decoder and resizer are the same, or it is too large to be
            the same photos; a batch of another dtype or size; pictures missing.
    """
    paths = crops(pictures)
    keep = {"keep": True} if contestant.kind == "floor" else {}
    total = 0.0
    seen = 0
    for batch in contestant.start(paths, dtype, **keep)():
        photos = np.asarray(batch)
        expected = np.stack([read(path) for path in paths[seen : seen + BATCH]])
        if photos.dtype != dtype or photos.shape != expected.shape:
            raise RuntimeError(f"{contestant.name} gave {photos.dtype} of shape {photos.shape}")
        total += (
            np.abs(contestant.pixels(photos).astype(np.float64) - expected)
            .mean(axis=(1, 2, 3))
            .sum()
        )
        seen += len(photos)
    if seen != pictures:
        raise RuntimeError(f"{contestant.name} gave {seen} of {pictures} pictures")
    mean = total / pictures
    if mean > (ROUNDING if contestant.same_pixels else LIKE):
        raise RuntimeError(f"{contestant.name}: pixels differ by {mean:.3g} of 255 on average")
    return 0.0 if contestant.same_pixels else mean


def _all_faults() -> int:
    """Page faults of this process and its descendants, the ended ones too."""
    total = page_faults()
    if resource:
        ended = resource.getrusage(resource.RUSAGE_CHILDREN)
        total += ended.ru_minflt + ended.ru_majflt
    for process in psutil.Process().children(recursive=True):
        fields = _stat(process.pid)
        total += sum(int(fields[place]) for place in (7, 8, 9, 10)) if fields else 0
    return total


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the third on; see proc(5)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _workers_peak() -> int:
    total = 0
    for process in psutil.Process().children(recursive=True):
        try:
            lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))
    return total


def main(arguments: list[str]) -> None:
    """Measure, and print the record as the last line."""
    name, dtype, *numbers = arguments
    record: dict[str, Any] = asdict(measure(name, dtype, *map(int, numbers)))
    print(json.dumps(record), flush=True)
    # What libraries do at the end of a process is no part of the race; but workers must not stay.
    for process in psutil.Process().children(recursive=True):
        process.kill()
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1:])
