"""What arrived at a loop, row by row: counted, never timed, so its figure is always the same."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from itertools import groupby, islice
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_ROWS = 12
MOST_BOXES = 24  # in a row of the figure
MOST_ELEMENTS = 1000  # in a row; what gives more may be endless
LONGEST_LABEL = 32  # characters
LONGEST_ELEMENT = 10  # characters
NOT_DELIVERED = "made, but not delivered"


@dataclass(frozen=True)
class lost:
    """An element that was made, but never arrived: `lost(2)`."""

    value: int | str


Element = int | str | lost
Unit = Element | tuple[Element, ...]  # what a loop gets at once: an element or a batch


@dataclass(frozen=True, repr=False)
class Elements:
    """The elements that arrived, row by row, such as one row for each epoch.

        Elements({"epoch 1": [0, 1, lost(2)], "epoch 2": [3, 4], "epoch 3": []})
        Elements({"batch(4)": [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]})

    rows: label to its elements, in any iterable that ends, such as a list or a `tf.data.Dataset`;
        1 to 12 rows. An element is an int or a string of at most 10 characters; an inner list or
        a one-dimensional array is a batch of them. Scalars of NumPy and TensorFlow become Python's
        own, bytes become text. Kept as a dict of tuples.

    Raises TypeError or ValueError, in a sentence, for anything else.
    """

    rows: Mapping[str, Iterable[Any]]

    def __post_init__(self) -> None:
        if not isinstance(self.rows, Mapping):
            raise TypeError(
                f"rows is a {type(self.rows).__name__}, and a mapping from labels to elements was "
                'expected, such as {"epoch 1": [0, 1, 2]}.'
            )
        if not 1 <= len(self.rows) <= MOST_ROWS:
            raise ValueError(
                f"{len(self.rows)} rows were given, and a figure holds 1 to {MOST_ROWS}."
            )
        rows = {_label(label): _units(label, row) for label, row in self.rows.items()}
        object.__setattr__(self, "rows", rows)

    def figure(self) -> Figure:
        """Draw the elements as boxes, 7 inches wide; a batch is framed."""
        from course_utils.measuring.elements_figure import draw

        return draw(self)

    def describe(self) -> str:
        """The figure in words."""
        lines = [f"{label}: {_in_words(units)}." for label, units in self.rows.items()]
        return "\n".join(["The elements that were delivered, row by row.", *lines])

    def __repr__(self) -> str:
        width = max(map(len, self.rows))
        return "\n".join(
            f"{label:<{width}}  {' '.join(map(_in_brief, shortened(units))) or 'nothing'}"
            for label, units in self.rows.items()
        )


class Gap:
    """Where elements were left out of a row or of a batch."""

    value = "…"


GAP = Gap()


def shortened(units: tuple[Unit, ...], fits: Any = None) -> tuple[Any, ...]:
    """Return the units with as much left out of the middle, marked by `GAP`, as it takes to fit.

    Whole units go first, down to three; then the middle of each batch.

    fits: tells of units whether they fit; by default, those of at most 24 boxes.
    """
    fits = fits or (lambda some: sum(map(_boxes, some)) <= MOST_BOXES)
    if fits(units):
        return units
    for least in (3, 2):
        for number in range(min(len(units), MOST_BOXES), least - 1, -1):
            if fits(kept := _without_middle(units, number)):
                return kept
        for number in range(MOST_BOXES, 1, -1):
            kept = _without_middle(units, least)
            if fits(kept := tuple(_without_middle(one, number) for one in kept)):
                return kept
    raise ValueError(
        "The figure is too narrow for these elements beside these labels: shorten the labels or "
        "the elements."
    )


def _without_middle(units: Any, number: int) -> Any:
    """Return the first and last of a row or a batch, `number` in all, with a gap between them."""
    if not isinstance(units, tuple) or len(units) <= number:
        return units
    return (*units[: -(-number // 2)], GAP, *units[len(units) - number // 2 :])


def _boxes(unit: Unit | Gap) -> int:
    return len(unit) if isinstance(unit, tuple) else 1


def _in_brief(unit: Unit | Gap) -> str:
    if isinstance(unit, tuple):
        return f"[{' '.join(map(_in_brief, unit))}]"
    return f"({unit.value})" if isinstance(unit, lost) else str(getattr(unit, "value", unit))


def _in_words(units: tuple[Unit, ...]) -> str:
    if not units:
        return "nothing"
    kept = shortened(units)
    # Neighbours of one kind are told together; a batch is a group of its own.
    groups = groupby(enumerate(kept), lambda one: (_kind(one[1]), _boxes(one[1]) and None))
    words = []
    for _, group in groups:
        words.append([unit for _, unit in group])
    return str(words)
