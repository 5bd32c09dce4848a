"""What the course's loaders are to reach, held against a record of the race.

A median decides; the range over the rounds stands beside it.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from benchmarks import python_work
from benchmarks.race import cpu_of_floor, throughput_of_floor

LOADER = "thread loader"
THROUGH = "thread loader through from_generator"
PROCESSES = "process loader"
PROCESSES_THROUGH = "process loader through from_generator"
TORCH = "PyTorch DataLoader, forkserver"
CPU, SPEED, FAULTS = "cpu_of_floor", "throughput_of_floor", "faults_per_picture"
OF_RUN = {
    "throughput": throughput_of_floor,
    "CPU": cpu_of_floor,
    "peak memory": lambda run: run["peak_mib"],
}


@dataclass(frozen=True)
class Target:
    """One target; ``measured``, ``low``, ``high`` and ``met`` are None where nobody measured."""

    name: str
    required: str
    measured: float | None
    low: float | None
    high: float | None
    met: bool | None


def targets(record: dict[str, Any]) -> list[Target]:
    """All targets, with what a record says of them."""
    return [
        _of_row(record, "uint8", LOADER, CPU, at_most=1.10),
        _of_row(record, "uint8", LOADER, SPEED, at_least=0.95),
        _of_row(record, "uint8", THROUGH, CPU, at_most=1.15),
        _of_row(record, "uint8", THROUGH, SPEED, at_least=0.90),
        _of_row(record, "uint8", THROUGH, FAULTS, under=5.0),
        _of_peers(record, "float32", THROUGH, CPU, above=1.0),
        *(
            _of_peers(record, dtype, LOADER, value, **limit)
            for dtype in ("uint8", "float32")
            for value, limit in ((CPU, {"at_least": 1.10}), (SPEED, {"above": 1.0}))
        ),
        _over(record, "uint8", PROCESSES, TORCH, "throughput", at_least=1.30),
        _over(record, "uint8", PROCESSES, TORCH, "CPU", at_most=0.80),
        _over(record, "uint8", PROCESSES, TORCH, "peak memory", at_most=1.00),
        _of_row(record, "uint8", PROCESSES_THROUGH, CPU, at_most=1.20),
        *_of_small_records(record, at_least=15.0),
        *_of_python_work(record["python_work"]),
    ]


def _of_row(record: dict[str, Any], dtype: str, name: str, value: str, **limit: float) -> Target:
    """A value of one row."""
    title = f"{name}, {dtype}: {value.replace('_', ' ')}"
    for row in record["tables"].get(dtype, []):
        if row["name"] == name:
            return _target(title, row[value], row[f"{value}_range"], limit)
    return _target(title, None, None, limit)


def _of_peers(record: dict[str, Any], dtype: str, name: str, value: str, **limit: float) -> Target:
    """The best peer's CPU time over ours, or our throughput over the best peer's."""
    cpu = value == CPU
    words = "CPU of the best peer over ours" if cpu else "throughput over the best peer's"
    title = f"{name}, {dtype}: {words}"
    rows = {row["name"]: row for row in record["tables"].get(dtype, [])}
    peers = [peer for peer, row in rows.items() if row["kind"] == "peer"]
    if name not in rows or not peers:
        return _target(title, None, None, limit)

    def ahead(ours: float, others: list[float]) -> float:
        return min(others) / ours if cpu else ours / max(others)

    of_run = cpu_of_floor if cpu else throughput_of_floor
    rounds = [
        ahead(of_run(runs[name]), [of_run(runs[peer]) for peer in peers])
        for runs in record["rounds"][dtype]
        if {name, *peers} <= set(runs)  # short rounds have no peer but one
    ]
    measured = ahead(rows[name][value], [rows[peer][value] for peer in peers])
    return _target(title, measured, (min(rounds), max(rounds)) if rounds else None, limit)


def _over(
    record: dict[str, Any], dtype: str, name: str, other: str, value: str, **limit: float
) -> Target:
    """A value of one row over that of another, each time of the same round."""
    of_run = OF_RUN[value]
    ratios = [
        of_run(runs[name]) / of_run(runs[other])
        for runs in record["rounds"].get(dtype, [])
        if {name, other} <= set(runs)
    ]
    title = f"{name}, {dtype}: {value} over that of {other}"
    if not ratios:
        return _target(title, None, None, limit)
    return _target(title, statistics.median(ratios), (min(ratios), max(ratios)), limit)


def _of_small_records(record: dict[str, Any], **limit: float) -> Iterator[Target]:
    """The fastest size of chunks, for each kind of record."""
    for kind in ("numbers", "rows of 20"):
        rows = [row for row in record["small_records"] if row["records"] == kind]
        best = max(rows, key=lambda row: row["times_faster"], default=None)
        way = best["way"] if best else "in chunks"
        yield _target(
            f"small records, {kind}, {way}: throughput over one an element",
            best and best["times_faster"],
            best and best["times_faster_range"],
            limit,
        )


def _of_python_work(measured: dict[str, Any]) -> Iterator[Target]:
    """What processes gain, what threads don't, and from which cost of an item on they pay."""
    rows = {row["way"]: row for row in measured.get("gains", [])}

    yield _target(
        f"Python work, {python_work.PROCESS_LOADER}: gain over that of two bare processes",
        measured.get("of_two_processes"),
        measured.get("of_two_processes_range"),
        {"at_least": 0.9},
    )
    for way in (python_work.TWO_THREADS, python_work.THREAD_LOADER):
        row = rows.get(way, {"gain": None, "gain_range": None})
        title = f"Python work, {way}: gain over one bare process"
        yield _target(title, row["gain"], row["gain_range"], {"under": 1.1})
    even = measured.get("break_even", {"crossing_ms": None, "crossing_range": None})
    title = "process loader, 2 processes: ms an item from which on it pays"
    yield _target(title, even["crossing_ms"], even["crossing_range"], {"under": 0.1})


def _target(name: str, measured: float | None, span: Any, limit: dict[str, float]) -> Target:
    ((word, bound),) = limit.items()
    low, high = span or (None, None)
    met = None
    if measured is not None:
        met = {
            "at_most": measured <= bound,
            "at_least": measured >= bound,
            "under": measured < bound,
            "above": measured > bound,
        }[word]
    return Target(name, f"{word.replace('_', ' ')} {bound:.2f}", measured, low, high, met)
