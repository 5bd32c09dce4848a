"""Work in Python, which holds the GIL: what processes gain there, and from which cost on they pay.

Run in one process, beside the race of photos, where threads do as well. Two questions:

- The gain. A loop in Python over every pixel of a small photo, by one and by two, processes and
  threads, bare and in the course's loaders; each against one bare process in the same round. Then
  one and two bare processes and the process loader alone, in more rounds: the gains of the last
  two are close.
- The break-even. The same number of turns of a loop for each item, from 0.005 to 1 ms: a plain loop
  in this process against the process loader with two processes that are there already. Its result
  is a number, so next to nothing is sent, and what is left is the journey of a batch.

python -m benchmarks.python_work 5
"""

from __future__ import annotations

import json
import math
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np

from benchmarks import floor
from benchmarks.contestant import Epoch
from benchmarks.work import BATCH, Work, crops, read
from course_utils.feeding.processes import ProcessLoader
from course_utils.feeding.threads import ThreadLoader
from course_utils.measuring.race import Race, race

SIDE = 56
PHOTOS = 512
ONE = "one bare process"
TWO = "two bare processes"
TWO_THREADS = "two bare threads"
THREAD_LOADER = "thread loader, 2 threads"
PROCESS_LOADER = "process loader, 2 processes"

COSTS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)  # milliseconds of an item, about
SECONDS = 0.2  # of a plain loop over an epoch, about
MORE = 4  # rounds of those three for each of all
LEAST_BATCHES = 16  # of an epoch; the last one of a worker may find the other one idle


def augment_into(path: str, out: np.ndarray) -> None:
    """Read a small photo and take half of its colour away, pixel by pixel in Python: about 2 ms."""
    photo = cv2.imread(path, cv2.IMREAD_COLOR_RGB)
    out[...] = [[_paler(*pixel) for pixel in row] for row in photo.tolist()]


def _paler(red: int, green: int, blue: int) -> tuple[int, int, int]:
    grey = (299 * red + 587 * green + 114 * blue) // 1000
    return (red + grey) // 2, (green + grey) // 2, (blue + grey) // 2


AUGMENTING = Work(augment_into, (SIDE, SIDE, 3))


def small_photos(folder: Path, count: int) -> list[str]:
    """Write so many of the course's crops as small files; return their paths."""
    paths = []
    for number, path in enumerate(crops(count)):
        paths.append(str(folder / f"{number:04}.jpg"))
        cv2.imwrite(paths[-1], cv2.resize(read(path), (SIDE, SIDE))[..., ::-1])
    return paths


def ways(paths: list[str]) -> dict[str, Epoch]:
    """The ways to do Python work: name to a function that begins an epoch."""
    bare = {"paths": paths, "dtype": "uint8", "work": AUGMENTING}
    photo = SimpleNamespace(shape=AUGMENTING.shape, dtype=np.dtype("uint8"))
    loader = (augment_into, paths, photo, BATCH)
    one, two = (
        ProcessLoader(*loader, processes=number, into=True, persistent=True) for number in (1, 2)
    )
    return {
        ONE: floor.processes(**bare, workers=1),
        TWO: floor.processes(**bare, workers=2),
        "one bare thread": floor.threads(**bare, workers=1),
        TWO_THREADS: floor.threads(**bare, workers=2),
        THREAD_LOADER: ThreadLoader(*loader, threads=2, into=True),
        "process loader, 1 process": one,
        PROCESS_LOADER: two,
    }


def gains(rounds: int, photos: int) -> dict[str, Any]:
    """The rows of the table of gains, and the gain over that of two bare processes."""
    with tempfile.TemporaryDirectory() as folder:
        raced = ways(small_photos(Path(folder), photos))
        contested = race(raced, control=ONE, rounds=rounds, most_rounds=rounds)
        three = {name: raced[name] for name in (ONE, TWO, PROCESS_LOADER)}
        close = race(three, control=ONE, rounds=MORE * rounds, most_rounds=MORE * rounds)
        for loader in raced.values():
            if isinstance(loader, ProcessLoader):
                loader.close()
    rows = [
        {
            "way": name,
            "items_per_second": contested.median(name, lambda run: run.per_second_overall),
            "cpu_ms_per_item": contested.median(name, lambda run: run.cpu_ms_per_item),
            "gain": contested.ratio(ONE, name).median,
            "gain_range": _range(contested, ONE, name),
        }
        for name in contested.names
        if name != contested.again
    ]
    return {
        "gains": rows,
        # Both gains are over the same one, so their ratio is that of the two.
        "of_two_processes": close.ratio(TWO, PROCESS_LOADER).median,
        "of_two_processes_range": _range(close, TWO, PROCESS_LOADER),
        "close_rounds": MORE * rounds,
    }


def spin(turns: int) -> int:
    """Compute in Python: so many turns of a loop."""
    value = 0
    for turn in range(turns):
        value = (value + turn) % 1009
    return value


def turns_of(milliseconds: float) -> int:
    """How many turns take about so long here."""
    turns, times = 20_000, []
    for _ in range(7):
        began = time.perf_counter()
        spin(turns)
        times.append(time.perf_counter() - began)
    return max(1, round(milliseconds / 1000 * turns / statistics.median(times)))


def plain_loop(items: list[int]) -> Iterator[np.ndarray]:
    """Make the batches in this process."""
    for start in range(0, len(items), BATCH):
        yield np.array([spin(turns) for turns in items[start : start + BATCH]], np.int64)


def items_of(cost: float) -> list[int]:
    """The items of an epoch: numbers of turns, which all take about so many milliseconds."""
    batches = max(LEAST_BATCHES, round(1000 * SECONDS / cost / BATCH))
    return [turns_of(cost)] * (batches * BATCH)


def break_even(rounds: int, costs: tuple[float, ...]) -> dict[str, Any]:
    """The gain of the loader at each cost, and the cost at which there begins to be one."""
    items = {cost: items_of(cost) for cost in costs}
    chosen: list[int] = []  # the loader's items: those of the epoch that begins
    loader = ProcessLoader(
        spin,
        chosen,
        SimpleNamespace(shape=(), dtype=np.dtype("int64")),
        BATCH,
        processes=2,
        persistent=True,
    )

    def through_loader(cost: float) -> Iterator[np.ndarray]:
        chosen[:] = items[cost]
        return loader()

    raced = {_loop(cost): partial(plain_loop, items[cost]) for cost in costs}
    raced |= {_loader(cost): partial(through_loader, cost) for cost in costs}
    contested = race(raced, control=_loop(costs[0]), rounds=rounds, most_rounds=rounds)
    loader.close()
    by_round = [
        crossing(
            [1000 * epochs[_loop(cost)].seconds_per_item for cost in costs],
            [
                epochs[_loop(cost)].seconds_per_item / epochs[_loader(cost)].seconds_per_item
                for cost in costs
            ],
        )
        for epochs in contested.rounds
    ]
    return {
        "points": [
            {
                "cost_ms": 1000 * contested.median(_loop(cost), lambda run: run.seconds_per_item),
                "gain": contested.ratio(_loop(cost), _loader(cost)).median,
                "gain_range": _range(contested, _loop(cost), _loader(cost)),
            }
            for cost in costs
        ],
        "crossing_ms": statistics.median(by_round),
        "crossing_range": (min(by_round), max(by_round)),
    }


def crossing(costs: list[float], gains: list[float]) -> float:
    """The cost from which on the gain stays above 1, between two costs on a line.

    The axis of costs is logarithmic. Where the gain is above 1 at all costs it is the least of
    them, and infinite where it is not above 1 at the last.
    """
    below = [place for place, gain in enumerate(gains) if gain <= 1]
    if not below:
        return costs[0]
    last = below[-1]
    if last == len(costs) - 1:
        return math.inf
    share = (1 - gains[last]) / (gains[last + 1] - gains[last])
    return costs[last] * (costs[last + 1] / costs[last]) ** share


def _loop(cost: float) -> str:
    return f"plain loop, {cost:g} ms"


def _loader(cost: float) -> str:
    return f"process loader, {cost:g} ms"


def _range(contested: Race, slower: str, faster: str) -> tuple[float, float]:
    values = contested.ratio(slower, faster).values
    return min(values), max(values)


def main(rounds: int, photos: int = PHOTOS, costs: tuple[float, ...] = COSTS) -> None:
    """Measure both, and print them as JSON."""
    found = {**gains(rounds, photos), "break_even": break_even(rounds, costs)}
    print(json.dumps(found))


if __name__ == "__main__":
    main(int(sys.argv[1]))
