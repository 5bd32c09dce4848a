"""The race: rounds of runs, each in a process of its own; then medians and tables.

Each round runs every contestant once and begins with the next one; every second round goes
backwards. What is compared are two runs of the same round.
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

from benchmarks.contestant import Contestant
from benchmarks.work import CROPS
from course_utils.measuring.memory import freed_memory_environment

ROOT = Path(__file__).resolve().parents[1]
LIMIT = 120  # seconds for one run; the slowest takes about 20
FLOOR = "floor"
# No log lines, and no GPU: only the host's work is raced.
QUIET = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "", "KERAS_BACKEND": "tensorflow"}

Runs = dict[str, dict[str, Any]]
"""Name to the record of a run."""


@dataclass(frozen=True)
class Row:
    """A contestant's medians over the rounds, and the ratios to the floor of the same round."""

    name: str
    kind: str
    how: str
    pictures_per_second: float
    throughput_of_floor: float
    cpu_ms_per_picture: float
    cpu_of_floor: float
    cpu_of_floor_range: tuple[float, float]
    faults_per_picture: float
    peak_mib: float
    longest_end_ms: float
    pixels_differ: float | None


def run_round(
    contestants: Iterable[Contestant],
    dtype: str,
    number: int,
    pictures: int,
    say: Callable[[str], object] = lambda text: None,
) -> Runs:
    """Run each contestant of a table once; round 0 also compares pixels."""
    names = [contestant.name for contestant in contestants if dtype in contestant.tables]
    runs = {}
    for name in order(names, number):
        compare = min(pictures, CROPS) if number == 0 else 0
        runs[name] = run_apart("benchmarks.run_one", name, dtype, pictures, compare)
        say(f"{dtype}, round {number + 1}: {name}, {_in_words(runs[name])}")
    return {name: runs[name] for name in names}


def order(names: list[str], number: int) -> list[str]:
    """The order of a round: turned by one each time, every second time backwards."""
    turn = number % len(names)
    turned = names[turn:] + names[:turn]
    return turned[::-1] if number % 2 else turned


def run_apart(module: str, *arguments: object) -> dict[str, Any]:
    """Run a module in a process of its own, memory kept; return the JSON of its last line.

    Raises:
        RuntimeError: it failed or took too long; with the end of what it wrote.
    """
    command = [sys.executable, "-m", module, *map(str, arguments)]
    environment = {**os.environ, **freed_memory_environment(), **QUIET}
    try:
        done = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=LIMIT
        )
    except subprocess.TimeoutExpired:
        raise RuntimeError(f"{' '.join(command)}: not done after {LIMIT} s") from None
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def rows(contestants: Iterable[Contestant], rounds: list[Runs]) -> list[Row]:
    """The rows of a table. The floor is the one of its two forms that takes less CPU."""
    known = [contestant for contestant in contestants if contestant.name in rounds[0]]
    floors = [contestant.name for contestant in known if contestant.kind == FLOOR]
    floor = min(floors, key=lambda name: _median(rounds, name, "cpu_ms_per_picture"))
    return [_row(contestant, rounds, floor) for contestant in known]


def _row(contestant: Contestant, rounds: list[Runs], floor: str) -> Row:
    name = contestant.name
    cpu = [runs[name]["cpu_ms_per_picture"] / runs[floor]["cpu_ms_per_picture"] for runs in rounds]
    speed = [runs[floor]["seconds"] / runs[name]["seconds"] for runs in rounds]
    seconds = _median(rounds, name, "seconds")
    return Row(
        name=name,
        kind=contestant.kind,
        how=contestant.how,
        pictures_per_second=rounds[0][name]["pictures"] / seconds,
        throughput_of_floor=statistics.median(speed),
        cpu_ms_per_picture=_median(rounds, name, "cpu_ms_per_picture"),
        cpu_of_floor=statistics.median(cpu),
        cpu_of_floor_range=(min(cpu), max(cpu)),
        faults_per_picture=_median(rounds, name, "faults_per_picture"),
        peak_mib=_median(rounds, name, "peak_mib"),
        longest_end_ms=1000 * max(runs[name]["end_seconds"] for runs in rounds),
        pixels_differ=rounds[0][name]["pixels_differ"],
    )


def _median(rounds: list[Runs], name: str, value: str) -> float:
    return statistics.median(runs[name][value] for runs in rounds)


def _in_words(run: dict[str, Any]) -> str:
    speed = run["pictures"] / run["seconds"]
    return f"{speed:,.0f} pictures/s, {run['cpu_ms_per_picture']:.2f} CPU ms a picture"
