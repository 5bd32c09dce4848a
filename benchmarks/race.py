"""The race: rounds of runs, each in a process of its own; then medians and tables.

Each round runs every contestant once and begins with the next one; every second round goes
backwards. A short floor runs before and after each run, and its ratios are to those two.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.beside import Beside
from benchmarks.contestant import Contestant
from benchmarks.work import CROPS
from course_utils.measuring.memory import freed_memory_environment

ROOT = Path(__file__).resolve().parents[1]
BESIDE = 4  # the floor beside the rows takes so many times fewer pictures than they
LIMIT = 120  # seconds for one run; the slowest takes about 20
# No log lines, and no GPU: only the host's work is raced.
QUIET = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "", "KERAS_BACKEND": "tensorflow"}

Runs = dict[str, dict[str, Any]]
"""Name to the record of a run."""


@dataclass(frozen=True)
class Row:
    """A contestant's medians over the rounds, and the ratios to the floor before and after."""

    name: str
    kind: str
    how: str
    pictures_per_second: float
    runs: int
    throughput_of_floor: float
    throughput_of_floor_range: tuple[float, float]
    cpu_ms_per_picture: float
    cpu_of_floor: float
    cpu_of_floor_range: tuple[float, float]
    faults_per_picture: float
    faults_per_picture_range: tuple[float, float]
    peak_mib: float
    longest_end_ms: float
    pixels_differ: float | None


def run_round(
    contestants: Iterable[Contestant],
    dtype: str,
    number: int,
    pictures: int,
    left_out: dict[str, str],
    say: Callable[[str], object] = lambda text: None,
) -> Runs:
    """Run each contestant of a table once; round 0 also compares pixels.

    One that fails is put into ``left_out`` with its reason, and no round runs it again.
    """
    names = [contestant.name for contestant in contestants if dtype in contestant.tables]
    names = [name for name in names if name not in left_out]
    runs = {}
    with Beside(dtype, max(pictures // BESIDE, 1)) as floor:
        before = floor.measure()
        for name in order(names, number):
            compare = min(pictures, CROPS) if number == 0 else 0
            try:
                run = run_apart("benchmarks.run_one", name, dtype, pictures, compare)
            except RuntimeError as reason:
                left_out[name] = f"failed with {dtype}: {last_line(reason)}"
                say(f"{name}: {reason}")
                continue
            after = floor.measure()
            runs[name] = {**run, "floors": [before, after]}
            before = after
            say(f"{dtype}, round {number + 1}: {name}, {_in_words(runs[name])}")
    return {name: runs[name] for name in names if name in runs}


def order(names: list[str], number: int) -> list[str]:
    """The order of a round: turned by one each time, every second time backwards."""
    turn = number % max(len(names), 1)
    turned = names[turn:] + names[:turn]
    return turned[::-1] if number % 2 else turned


def run_apart(module: str, *arguments: object, seconds: float = LIMIT) -> dict[str, Any]:
    """Run a module in a process of its own, memory kept; return the JSON of its last line.

    It may take so many seconds.

    Raises:
        RuntimeError: it failed or took too long; with the end of what it wrote.
    """
    command = [sys.executable, "-m", module, *map(str, arguments)]
    environment = {**os.environ, **freed_memory_environment(), **QUIET}
    try:
        done = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=seconds
        )
    except subprocess.TimeoutExpired:
        raise RuntimeError(f"{' '.join(command)}: not done after {seconds} s") from None
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def last_line(reason: RuntimeError) -> str:
    """The last line of a failure's message, which says most, without its full stop."""
    return str(reason).strip().splitlines()[-1].rstrip(".")


def rows(contestants: Iterable[Contestant], rounds: list[Runs]) -> list[Row]:
    """The rows of a table: of the contestants that ran in one round at least."""
    found = []
    for contestant in contestants:
        own = [runs[contestant.name] for runs in rounds if contestant.name in runs]
        if own:
            found.append(_row(contestant, own))
    return found


def cpu_of_floor(run: dict[str, Any]) -> float:
    """A run's CPU time over the mean of the floors before and after it."""
    return run["cpu_ms_per_picture"] / _beside(run, "cpu_ms_per_picture")


def throughput_of_floor(run: dict[str, Any]) -> float:
    """A run's pictures a second over the floors', whose time is the mean of the two."""
    return _beside(run, "seconds_per_picture") * run["pictures"] / run["seconds"]


def _row(contestant: Contestant, runs: list[dict[str, Any]]) -> Row:
    cpu = [cpu_of_floor(run) for run in runs]
    speed = [throughput_of_floor(run) for run in runs]
    faults = [run["faults_per_picture"] for run in runs]
    return Row(
        name=contestant.name,
        kind=contestant.kind,
        how=contestant.how,
        pictures_per_second=runs[0]["pictures"] / _median(runs, "seconds"),
        runs=len(runs),
        throughput_of_floor=statistics.median(speed),
        throughput_of_floor_range=(min(speed), max(speed)),
        cpu_ms_per_picture=_median(runs, "cpu_ms_per_picture"),
        cpu_of_floor=statistics.median(cpu),
        cpu_of_floor_range=(min(cpu), max(cpu)),
        faults_per_picture=statistics.median(faults),
        faults_per_picture_range=(min(faults), max(faults)),
        peak_mib=_median(runs, "peak_mib"),
        longest_end_ms=1000 * max(run["end_seconds"] for run in runs),
        pixels_differ=runs[0]["pixels_differ"],
    )


def _beside(run: dict[str, Any], value: str) -> float:
    return statistics.mean(floor[value] for floor in run["floors"])


def _median(runs: list[dict[str, Any]], value: str) -> float:
    return statistics.median(run[value] for run in runs)


def _in_words(run: dict[str, Any]) -> str:
    speed = run["pictures"] / run["seconds"]
    return f"{speed:,.0f} pictures/s, {run['cpu_ms_per_picture']:.2f} CPU ms a picture"
