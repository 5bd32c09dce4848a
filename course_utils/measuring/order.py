"""In which order elements arrived: counted, never timed, so its figure is always the same."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_PANELS = 4
MOST_ELEMENTS = 500
LONGEST_LABEL = 24  # characters


@dataclass(frozen=True, repr=False)
class Order:
    """The order in which the elements of some epochs arrived, such as of shuffled ones.

        Order({"shuffle(10)": dataset.shuffle(10, seed=1), "shuffle(200)": dataset.shuffle(200)})

    rows: 1 to 4 labels of at most 24 characters, each with its elements as they arrived: in an
        iterable of at most 500 whole numbers, such as a `tf.data.Dataset`. A number is the place
        that the element would have if nothing were shuffled: 0, 1, 2, ...

    Raises ValueError, in a sentence, where it isn't so.
    """

    rows: Mapping[str, Iterable[int]]

    def __post_init__(self) -> None:
        if not 1 <= len(self.rows) <= MOST_PANELS:
            raise ValueError(
                f"{len(self.rows)} rows were given, and a figure has room for 1 to {MOST_PANELS}."
            )
        rows = {_label(label): _numbers(label, row) for label, row in self.rows.items()}
        object.__setattr__(self, "rows", rows)

    def earliest(self) -> dict[str, int]:
        """Return for each row by how many places an element came earlier than unshuffled."""
        return {
            label: max((number - place for place, number in enumerate(row)), default=0)
            for label, row in self.rows.items()
        }

    def latest(self) -> dict[str, int]:
        """Return for each row by how many places an element came later than unshuffled."""
        return {
            label: max((place - number for place, number in enumerate(row)), default=0)
            for label, row in self.rows.items()
        }

    def figure(self) -> Figure:
        """Draw a panel for each row: a dot for each element, at its place and with its number."""
        from matplotlib.figure import Figure

        count = len(self.rows)
        figure = Figure(figsize=(7, 2.3), dpi=96, layout="constrained")
        panels = figure.subplots(1, count, sharex=True, sharey=True, squeeze=False)[0]
        for axes, (label, row) in zip(panels, self.rows.items(), strict=True):
            axes.plot(range(len(row)), row, linestyle="none", marker=".", markersize=3)
            axes.set_title(label, fontsize=9, loc="left")
            axes.set_xlabel("place in the epoch")
        panels[0].set_ylabel("element")
        return figure

    def describe(self) -> str:
        """The figure in words."""
        head = (
            "A dot for each element. Across: its place in the epoch. Up: its number, which is its "
            "place where nothing is shuffled."
        )
        early, late = self.earliest(), self.latest()
        lines = [
            f"{label}: {len(row)} elements, at most {early[label]} places earlier and "
            f"{late[label]} later."
            for label, row in self.rows.items()
        ]
        return "\n".join([head, *lines])

    def __repr__(self) -> str:
        return self.describe()


def _label(label: str) -> str:
    if not (isinstance(label, str) and label.isprintable() and 1 <= len(label) <= LONGEST_LABEL):
        raise ValueError(
            f"A row's label is a text of 1 to {LONGEST_LABEL} characters on one line, not "
            f"{label!r}."
        )
    return label


def _numbers(label: str, row: Iterable[int]) -> tuple[int, ...]:
    drawn = list(islice(row, MOST_ELEMENTS + 1))
    if len(drawn) > MOST_ELEMENTS:
        raise ValueError(
            f"The row {label!r} gives more than {MOST_ELEMENTS} elements. Take a part of it."
        )
    numbers = []
    for each in drawn:
        try:
            number = int(each)
        except (TypeError, ValueError, OverflowError):
            number = None
        if number is None or number != each or number < 0:
            raise ValueError(
                f"The row {label!r} holds {each!r}. Whole numbers from 0 were expected: the place "
                "of each element where nothing is shuffled."
            )
        numbers.append(number)
    if len(set(numbers)) < len(numbers):
        raise ValueError(f"The row {label!r} holds a number twice. Each stands for one element.")
    return tuple(numbers)
