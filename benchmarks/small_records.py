"""Small records through ``from_generator``: one an element, or many an element and ``unbatch``.

The third table, run in one process. A record is a number, or a row of 20; both float32. Each way
ends in batches of 256, for a Python loop over single records would cost more than they do.

python -m benchmarks.small_records 5
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from course_utils.measuring.race import Race, race

CHUNKS = (32, 128, 1024)
SINGLE = "one an element"
BATCH = 256
RECORDS = {SINGLE: 8_192, 32: 65_536, 128: 131_072, 1024: 262_144}
KINDS = {"numbers": (), "rows of 20": (20,)}


def singly(data: np.ndarray) -> tf.data.Dataset:
    """One record an element: Python's float, or one row of an array."""
    records = data.tolist() if data.ndim == 1 else data
    signature = tf.TensorSpec(data.shape[1:], tf.float32)
    return tf.data.Dataset.from_generator(lambda: iter(records), output_signature=signature)


def chunked(data: np.ndarray, size: int) -> tf.data.Dataset:
    """``size`` records an element, which ``unbatch`` takes apart."""

    def chunks() -> Iterator[np.ndarray]:
        for start in range(0, len(data), size):
            yield data[start : start + size]

    signature = tf.TensorSpec((None, *data.shape[1:]), tf.float32)
    return tf.data.Dataset.from_generator(chunks, output_signature=signature).unbatch()


def contest(shape: tuple[int, ...], rounds: int) -> Race:
    """Race the ways to feed records of one shape."""
    pipelines: dict[str, Callable[[], Any] | tf.data.Dataset] = {}
    for size, count in RECORDS.items():
        data = np.arange(count * int(np.prod(shape)), dtype=np.float32).reshape(count, *shape)
        records = singly(data) if size == SINGLE else chunked(data, size)
        pipelines[_name(size)] = records.batch(BATCH)
    return race(
        pipelines,
        control=SINGLE,
        rounds=rounds,
        most_rounds=rounds,
        items={_name(size): count for size, count in RECORDS.items()},
        unit="records",
    )


def record(kind: str, contested: Race) -> list[dict[str, Any]]:
    """The rows of the table for one kind of record."""
    return [
        {
            "records": kind,
            "way": name,
            "records_per_second": contested.median(name, lambda run: run.per_second_overall),
            "cpu_us_per_record": contested.median(name, lambda run: run.cpu_ms_per_item) * 1000,
            "times_faster": contested.ratio(SINGLE, name).median,
            "times_faster_range": _range(contested, name),
            "times_less_cpu": contested.ratio(SINGLE, name, of="cpu").median,
        }
        for name in contested.names
        if name != contested.again
    ]


def _range(contested: Race, name: str) -> tuple[float, float]:
    values = contested.ratio(SINGLE, name).values
    return min(values), max(values)


def _name(size: int | str) -> str:
    return size if isinstance(size, str) else f"{size} an element, unbatch"


def main(rounds: int) -> None:
    """Race both kinds of record, and print the table's rows as JSON."""
    found = [row for kind, shape in KINDS.items() for row in record(kind, contest(shape, rounds))]
    print(json.dumps(found))


if __name__ == "__main__":
    main(int(sys.argv[1]))
