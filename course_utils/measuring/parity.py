"""Whether two sources give the same elements: a proof for what was converted to `tf.data`.

    parity(old, new)                        the same elements in the same order, in each epoch
    trained_parity(make_model, old, new)    the same weights after training

The old one may be anything that Keras is given: a PyDataset, a generator function, a dataset.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterator
from typing import Any

from course_utils.feeding.arguments import whole_number
from course_utils.measuring.parity_epoch import Summary, Walk
from course_utils.measuring.parity_report import Difference, Gap, Parity
from course_utils.measuring.parity_source import NEW, OLD, Source, check_source
from course_utils.measuring.parity_weights import trained_parity

__all__ = ["Difference", "Gap", "Parity", "parity", "trained_parity"]


def parity(
    old: Any,
    new: Any,
    epochs: int = 2,
    *,
    tolerance: float = 0.0,
    ordered: bool = True,
    limit: int = 10_000,
) -> Parity:
    """Compare the elements of two sources, epoch by epoch, and tell the first differences.

        parity(sequence, dataset)
        parity(lambda: Photos(paths, seed=0), lambda: wrapped(Photos(paths, seed=0)))

    Compared are how many elements an epoch has; of each its structure, dtypes, shapes and values;
    their order, and whether it changes from epoch to epoch. Where the elements differ, and their
    items (the rows of a batch) are the same in other batches or in another order, that is told.
    A list beside a tuple, text beside its UTF-8 bytes, and a number of Python's own beside the same
    number with a dtype are alike, and noted: a dataset has no other way to hold them.

    The two are walked side by side, one element of each at a time. Kept are hashes of 16 bytes, of
    each element and of each row, until the epoch ends. Where both read one object, such as a
    PyDataset that the new one wraps, each of the two moves it on for the other: where that changes
    what it gives, or a dataset reads ahead of it, give each its own.

    Args:
        old: a `tf.data.Dataset`; a Keras `PyDataset`; a list; a function that returns a fresh
            iterable for each epoch. `parity_source.Source` tells how each is walked, and which of a
            PyDataset's methods are called when.
        new: likewise.
        epochs: how many to compare, 1 or more. One doesn't tell whether the order changes. After
            an epoch that ends in one and goes on in the other, none is compared.
        tolerance: numbers may be so far apart, in their own unit. 0: their bytes are equal, and
            NaN equals NaN. That elements or items come in another order is known by equal bytes.
        ordered: False takes any order within an epoch; that the new one repeats its order where the
            old one changes it is still a difference.
        limit: elements of an epoch that are compared, 1 or more. What gives more may be endless,
            and the report says that it was left there.

    Raises:
        TypeError: no such source, or a generator object, which gives its elements once; a part of
            an element that no tensor can be made of.
        ValueError: an argument out of range; an epoch in which neither gives an element.

    What a source raises passes, with a note of which one, which epoch and which element.
    """
    epochs, limit = whole_number("epochs", epochs), whole_number("limit", limit)
    if isinstance(tolerance, bool) or not isinstance(tolerance, numbers.Real):
        raise TypeError(f"tolerance must be a number, 0 or more, found {tolerance!r}")
    if not 0 <= tolerance < math.inf:
        raise ValueError(f"tolerance must be a number, 0 or more, found {tolerance!r}")
    if tolerance and not ordered:
        raise ValueError(
            "tolerance= compares what stands at the same place, and ordered=False knows no places. "
            "Give one of the two."
        )
    for given, name in ((old, OLD), (new, NEW)):
        check_source(given, name)
    sources = Source(old, OLD), Source(new, NEW)
    walk = Walk(*sources, tolerance, limit)
    with sources[0].watched(), sources[1].watched():
        walked = list(_walked(walk, epochs, ordered))
    found = [each for one in walked for each in one.differences]
    if found or not ordered:
        found += _from_epoch_to_epoch(walked, ordered, any(one.is_py_dataset for one in sources))
    first: dict[tuple[str, str], Difference] = {}
    for each in found:
        first.setdefault((each.kind, each.place), each)
    # How far elements are apart that don't belong together says nothing.
    misplaced = {kind for kind, _ in first} & {"order", "batches", "items"} or not ordered
    gaps = {} if misplaced else {place: gap for place, gap in walk.gaps.items() if gap.largest}
    return Parity(
        same=not first,
        summary="Not the same:" if first else _same(walked, tolerance, ordered),
        counts=tuple(one.counts for one in walked),
        differences=tuple(first.values()),
        gaps=gaps,
        notes=(*walk.notes, *_left(walked, limit), *(_shared(sources) if first else ())),
    )


def _walked(walk: Walk, epochs: int, ordered: bool) -> Iterator[Summary]:
    for number in range(epochs):
        yield (summary := walk.epoch(number).summary(ordered))
        if summary.ended[0] != summary.ended[1]:
            return  # what was left in the middle isn't where a next epoch begins


def _from_epoch_to_epoch(
    walked: list[Summary], ordered: bool, py_dataset: bool
) -> list[Difference]:
    """Tell where one repeats its order and the other doesn't, or is an epoch behind."""
    old, new = zip(*(one.orders for one in walked))
    repeats = [len(set(orders)) == 1 for orders in (old, new)]
    if len(walked) == 1:
        return []
    if repeats[0] != repeats[1] and (ordered or repeats[1]):
        return [Difference("reshuffle", f"From epoch to epoch {_habits(walked)}")]
    contents = {content for one in walked for content in one.contents}
    if old == new or not ordered or len(contents) > 1 or all(repeats):
        return []
    for late, early, name, other in ((new, old, NEW, OLD), (old, new, OLD, NEW)):
        if late[1:] == early[:-1]:
            what = f"{name.capitalize()} is an epoch behind: its epoch 1 is epoch 0 of {other}"
            if py_dataset:
                what += (
                    ". fit calls a PyDataset's on_epoch_end once before the first epoch, too, and "
                    "so does parity"
                )
            return [Difference("reshuffle", what)]
    what = "Both change their order from epoch to epoch: ordered=False accepts that it is another"
    return [Difference("reshuffle", what)]


def _habit(walked: list[Summary], which: int) -> str:
    """What the old one (0) or the new one (1) does from epoch to epoch."""
    if len({one.orders[which] for one in walked}) == 1:
        return "repeats itself"
    if len({one.contents[which] for one in walked}) == 1:
        return "changes its order"
    return "changes its elements"


def _habits(walked: list[Summary]) -> str:
    return f"{OLD} {_habit(walked, 0)}, {NEW} {_habit(walked, 1)}"


def _same(walked: list[Summary], tolerance: float, ordered: bool) -> str:
    """The sentence for what has no difference."""
    counts = [one.counts[0] for one in walked]
    number = f"{counts[0]:,}" if len(set(counts)) == 1 else ", ".join(map(str, counts))
    elements = "element" if set(counts) == {1} else "elements"
    what = f"{len(walked)} epoch{'s' * (len(walked) > 1)} of {number} {elements}"
    within = f" within {tolerance:g}" if tolerance else ""
    order = "in the same order" if ordered else "in any order"
    sentence = f"Same{within}: {what}, {order}"
    habit = _habit(walked, 0)
    if len(walked) == 1:
        return f"{sentence}."
    if habit != _habit(walked, 1):
        return f"{sentence}. From epoch to epoch {_habits(walked)}."
    ending = {
        "repeats itself": "which repeats in both",
        "changes its order": "which changes from epoch to epoch in both",
        "changes its elements": "and the elements change from epoch to epoch in both",
    }[habit]
    return f"{sentence}, {ending}."


def _left(walked: list[Summary], limit: int) -> tuple[str, ...]:
    if all(any(one.ended) for one in walked):
        return ()
    return (
        f"Neither had ended after {limit:,} elements, which is limit=: what comes later wasn't "
        "compared.",
    )


def _shared(sources: tuple[Source, Source]) -> Iterator[str]:
    for source in sources:
        if number := source.others_calls:
            yield (
                f"on_epoch_end of {source.name} was called {number} time{'s' * (number > 1)} by "
                "others than parity. If both read one PyDataset, each moves it on for the other: "
                "give each its own."
            )
