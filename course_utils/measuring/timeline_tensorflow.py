"""The work of tf.data's own operations, from TensorFlow's profiler, as spans.

The profiler writes what each thread of TensorFlow's did into a file, a protocol buffer that
TensorFlow itself can read (`tensorflow.tsl.profiler.protobuf.xplane_pb2`), so no other package is
needed. Taken from it are

- the calls for the next element of each transformation, named as TensorFlow names it: "Prefetch",
  "ParallelMapV2", "Generator" (what `from_generator` runs on). A call holds the calls that it
  makes for its own input, so they lie inside each other, and one that waits is drawn as long as
  it waits;
- on tf.data's threads, the operations of the functions that are mapped, such as "DecodeJpeg".
  "PyFunc" is Python: a generator's `next`, or a `numpy_function`.

The rows are TensorFlow's threads: "python" is one that Python started, the consumer's.
"""

from __future__ import annotations

import contextlib
import re
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

NEXT = re.compile(r"Iterator::(?:.*::)?(\w+)(?:\[\d+\])?$")
OPERATION = re.compile(r"[^:]+:(\w+)$")
PYTHON = ("PyFunc", "EagerPyFunc", "PyFuncStateless")
# name, lane, item, began, ended: as of a child process, in nanoseconds of `perf_counter`
Record = tuple[str, str, None, int, int]


@contextlib.contextmanager
def profile(found: list[Record]) -> Iterator[None]:
    """Profile TensorFlow while the block runs; at its end put what tf.data did into the list.

    Calls that go on when the block ends are not in it. Raises RuntimeError where another profile
    is running: TensorFlow has room for one.
    """
    import tensorflow as tf

    options = tf.profiler.experimental.ProfilerOptions(device_tracer_level=0)
    with tempfile.TemporaryDirectory(prefix="timeline_", ignore_cleanup_errors=True) as folder:
        try:
            tf.profiler.experimental.start(folder, options)
        except tf.errors.AlreadyExistsError:
            raise RuntimeError(
                "Another profile is running in this process, and TensorFlow makes one at a time. "
                "End it first: tf.profiler.experimental.stop()."
            ) from None
        try:
            ahead = _wall_ahead_of_counter()
            yield
        finally:
            tf.profiler.experimental.stop()
            found.extend(_read(Path(folder), ahead))


def _read(folder: Path, ahead: int) -> list[Record]:
    from tensorflow.tsl.profiler.protobuf import xplane_pb2

    found: list[Record] = []
    for path in folder.rglob("*.xplane.pb"):
        space = xplane_pb2.XSpace()
        space.ParseFromString(path.read_bytes())
        # Times in the file are relative to this one, which is the wall clock's.
        start = _start(space) - ahead
        for plane in space.planes:
            found.extend(_spans(plane, start))
    return found


def _start(space: Any) -> int:
    """Return when the profile started, in nanoseconds of the wall clock."""
    for plane in space.planes:
        for stat in plane.stats:
            if plane.stat_metadata[stat.metadata_id].name == "profile_start_time":
                return stat.uint64_value or stat.int64_value
    raise RuntimeError("TensorFlow's profile doesn't say when it started.")


def _wall_ahead_of_counter() -> int:
    """Return by how many nanoseconds the wall clock is ahead of `perf_counter`."""
    gaps = []
    for _ in range(5):
        before = time.perf_counter_ns()
        wall = time.time_ns()
        after = time.perf_counter_ns()
        gaps.append((after - before, wall - (before + after) // 2))
    return min(gaps)[1]


def _spans(plane: Any, start: int) -> Iterator[Record]:
    lines = {}
    for line in plane.lines:
        own_threads = line.name.startswith("tf_data")
        named = [(_name(plane, event, own_threads), event) for event in line.events]
        lines[line.id] = line, [(name, event) for name, event in named if name]
    for line, named, lane in _with_lanes([each for each in lines.values() if each[1]]):
        for name, event in named:
            began = start + line.timestamp_ns + event.offset_ps // 1000
            yield name, lane, None, began, began + event.duration_ps // 1000


def _name(plane: Any, event: Any, own_threads: bool) -> str | None:
    """Return the name of an event's span, or None for what is no work of tf.data's."""
    full = plane.event_metadata[event.metadata_id].name
    if found := NEXT.match(full):
        return found[1] if found[1] != "Root" else None
    found = OPERATION.match(full)
    if found and (found[1] in PYTHON or own_threads) and "Dataset" not in found[1]:
        return found[1]
    return None


def _with_lanes(lines: list[tuple]) -> Iterator[tuple]:
    """Name each thread as TensorFlow does; where several have a name, with a number."""
    lines = sorted(lines, key=lambda one: min(event.offset_ps for _, event in one[1]))
    names = [_clean(line.name) for line, _ in lines]
    total, seen = Counter(names), Counter()
    for (line, named), name in zip(lines, names):
        seen[name] += 1
        yield line, named, f"{name} {seen[name]}" if total[name] > 1 else name


def _clean(thread: str) -> str:
    return thread.partition("/")[0].removeprefix("tf_data_").replace("_", " ")
