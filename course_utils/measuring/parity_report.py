"""What a comparison of two sources found, as a record that is read in a notebook or a terminal."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

MOST_LINES = 8


@dataclass(frozen=True)
class Difference:
    """One difference: where it was met first, and what was found there.

    kind: "count", "structure", "dtype", "shape", "values", "order", "batches", "items", "reshuffle"
    or "weights". epoch, element: from 0; None where it belongs to no single one. place: within the
    element, such as "[1]", "" where it is the whole element. what: in words, with both values.
    """

    kind: str
    what: str
    epoch: int | None = None
    element: int | None = None
    place: str = ""

    def __str__(self) -> str:
        where = [f"Epoch {self.epoch}"] * (self.epoch is not None)
        where += [f"element {self.element}"] * (self.element is not None)
        return ": ".join(filter(None, [", ".join(where), self.place, f"{self.what}."]))


@dataclass
class Gap:
    """How far the numbers at one place are apart, over all elements that were compared."""

    largest: float = 0.0
    total: float = 0.0
    values: int = 0

    def add(self, far: np.ndarray) -> float:
        """Add the differences of two arrays; return the largest of these."""
        largest = float(far.max(initial=0))
        self.largest = max(self.largest, largest)
        self.total += float(far.sum(dtype=np.float64))
        self.values += far.size
        return largest

    @property
    def mean(self) -> float:
        """The mean of all differences, those of 0 included."""
        return self.total / self.values if self.values else 0.0

    def __str__(self) -> str:
        return (
            f"the largest difference is {self.largest:.3g}, the mean over all "
            f"{self.values:,} values {self.mean:.3g}."
        )


@dataclass(frozen=True, repr=False)
class Parity:
    """What a comparison found; `repr` tells it in a few lines.

    same: whether no difference was found; a Parity is true where it is. counts: for each epoch the
    elements drawn, of the old one and of the new one. differences: one for each kind and place, the
    first that was met. gaps: place to how far the values are apart there. notes: what else is worth
    knowing, and is no difference.
    """

    same: bool
    summary: str
    counts: tuple[tuple[int, int], ...] = ()
    differences: tuple[Difference, ...] = ()
    gaps: dict[str, Gap] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return self.same

    def __repr__(self) -> str:
        lines = [str(each) for each in self.differences]
        if len(lines) > MOST_LINES:
            lines = [*lines[: MOST_LINES - 1], f"And {len(lines) - MOST_LINES + 1} more."]
        apart = [f"{place or 'The values'}: {gap}" for place, gap in self.gaps.items()]
        return "\n".join([self.summary, *lines, *apart, *self.notes])
