"""Time an epoch: wall time of its first element and of the rest, CPU time of all processes.

One timing of one pipeline says little. To compare pipelines, race them: see `race`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from math import inf
from typing import Any

from course_utils.measuring.display import three_digits

Clock = Callable[[], float]


def cpu_seconds() -> float:
    """CPU time, user and system, of this process and all its descendants, living and ended.

    This process is counted exactly, all threads included. On Linux other processes are counted in
    steps of 10 ms (a clock tick), elsewhere as finely as the system tells. Not counted: a
    descendant that ended and was not waited for by its parent, one whose own parent ended before
    it, and work that another process does on this one's behalf (a server, a kernel thread).
    """
    return time.process_time() + _descendants_cpu_seconds()


def batch_length(element: Any) -> int:
    """The length of a batch: the first dimension of the element's first component.

    A tuple or dict is opened, as `tf.data` does, so `(images, labels)` counts its images; a list
    is one component.

    Raises:
        TypeError: the element has no first dimension; it is one item, not a batch.
    """
    component = element
    while isinstance(component, (tuple, Mapping)) and component:
        parts = component.values() if isinstance(component, Mapping) else component
        component = next(iter(parts))
    shape = getattr(component, "shape", None)
    try:
        return int(shape[0] if shape is not None else len(component))
    except (IndexError, TypeError, ValueError):
        raise TypeError(
            f"can't tell how many items this element holds: its first component is a "
            f"{type(component).__name__} without a first dimension. Give items=, a function "
            "from an element to its number of items (lambda element: 1 where it is one)"
        ) from None


@dataclass(frozen=True, repr=False)
class Epoch:
    """One pass over a pipeline.

    `first_seconds` runs from asking for the iterator to the first element, `rest_seconds` from
    there until the iterator said that it has no more. What the iterator then takes to be gone is in
    neither: TensorFlow's may wait for its autotuner's next turn, up to as long as the epoch was
    (lesson 06). A generator that loops over a dataset lets go of that one's iterator before it ends
    itself, so there the wait is in the time; `map(step, dataset)` holds it. `cpu_seconds` covers
    both, of this process and its descendants. `items` is what the elements hold together (pictures,
    say), `first_items` what the first one holds, an even share where nothing counted them.
    """

    elements: int
    first_seconds: float
    rest_seconds: float
    cpu_seconds: float
    items: int
    first_items: float

    @property
    def seconds(self) -> float:
        """Wall time of the whole epoch."""
        return self.first_seconds + self.rest_seconds

    @property
    def per_second_overall(self) -> float:
        """Items per second over the whole epoch, start-up included."""
        return divide(self.items, self.seconds)

    @property
    def per_second_after_first(self) -> float:
        """Items per second over all elements but the first: the pace once it runs.

        What the pipeline prepared while the first element was awaited counts as free. An epoch of
        one element has no rest; then it is `per_second_overall`.
        """
        if self.elements == 1:
            return self.per_second_overall
        return divide(self.items - self.first_items, self.rest_seconds)

    @property
    def seconds_per_item(self) -> float:
        """Wall time for one item, over the whole epoch."""
        return self.seconds / self.items

    @property
    def cpu_ms_per_item(self) -> float:
        """CPU milliseconds, of all processes, for one item."""
        return 1000 * self.cpu_seconds / self.items

    def __repr__(self) -> str:
        return (
            f"{self.elements:,} elements, {self.items:,} items in {self.seconds:.3g} s "
            f"(the first after {self.first_seconds:.3g} s): "
            f"{three_digits(self.per_second_overall)} items/s overall, "
            f"{three_digits(self.per_second_after_first)} after the first element; "
            f"{self.cpu_ms_per_item:.3g} CPU ms per item"
        )


def epoch(
    elements: Iterable[Any],
    items: Callable[[Any], int] | int | None = None,
    *,
    clock: Clock = time.perf_counter,
) -> Epoch:
    """Iterate once through `elements` and time it.

    Args:
        elements: a `tf.data.Dataset`, a generator, a list: whatever can be iterated.
        items: a function from an element to the number of items it holds, such as
            `batch_length`; it runs inside the timed loop, so it should be cheap. A number is
            what all elements hold together, where even that would cost too much; each then counts
            as an even share. None counts each element as one item.
        clock: a function that returns seconds.

    Raises:
        ValueError: there was no element, or no item.
    """
    # In this order, reading the other processes' times is no part of this one's.
    others_began = _descendants_cpu_seconds()
    own_began = time.process_time()
    began = first = clock()
    count = item_count = first_items = 0
    count_items = items if callable(items) else None
    iterator = iter(elements)  # held, so that its end is not in the time of the last element
    for element in iterator:
        if count == 0:
            first = clock()
        count += 1
        if count_items:
            item_count += count_items(element)
            if count == 1:
                first_items = item_count
    ended = clock()
    own_cpu = time.process_time() - own_began
    others_cpu = _descendants_cpu_seconds() - others_began
    if count == 0:
        raise ValueError(
            "there is nothing to time: the epoch had no element. A generator object gives its "
            "elements once; make a fresh one for each epoch"
        )
    if not count_items:
        item_count = count if items is None else items
        first_items = item_count / count
    if item_count <= 0:
        raise ValueError(
            f"items= counted {item_count} items in {count:,} elements; "
            "it should return the number of items in each element"
        )
    return Epoch(
        elements=count,
        first_seconds=first - began,
        rest_seconds=ended - first,
        cpu_seconds=own_cpu + others_cpu,
        items=item_count,
        first_items=first_items,
    )


def divide(amount: float, seconds: float) -> float:
    """`amount` / `seconds`; infinite where the clock saw no time pass."""
    return amount / seconds if seconds else inf


def _descendants_cpu_seconds() -> float:
    import psutil

    # A child that ends while the living are added up moves from one sum to the other; then
    # nobody knows whether it was counted twice, once or not at all, and the count is repeated.
    for _ in range(10):
        ended = _ended_children_seconds()
        living = sum(
            _process_seconds(process) for process in psutil.Process().children(recursive=True)
        )
        if _ended_children_seconds() == ended:
            break
    return ended + living


def _ended_children_seconds() -> float:
    times = os.times()
    return times.children_user + times.children_system


def _process_seconds(process: Any) -> float:
    """CPU time of a process and of its children that ended; 0 when it has vanished."""
    import psutil

    try:
        times = process.cpu_times()
    except psutil.Error:
        return 0.0
    # Windows doesn't tell the time of ended children.
    ended = getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0)
    return times.user + times.system + ended
