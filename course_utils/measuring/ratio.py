"""The ratio of two pipelines' times, with its spread over the rounds of a race."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass, field
from math import comb, isfinite, sqrt
from typing import Literal

from course_utils.measuring.display import ratio_digits

Verdict = Literal["holds", "broken", "undecided"]


@dataclass(frozen=True, repr=False)
class Ratio:
    """How many times one pipeline's time is another's: one value for each round of a race.

    `low` to `high` is the interval that two of the sorted values span so that it holds the true
    median with a probability of at least 92 % (`coverage` says how much; 94 % for 5 rounds,
    96 % for 9), whatever the distribution of the noise. Fewer than 5 rounds give all they can:
    from the lowest value to the highest. The probability is that of a number of rounds chosen
    beforehand: adding rounds until a verdict falls makes it somewhat smaller.
    """

    values: tuple[float, ...]
    _more: Callable[[], Ratio | None] | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", tuple(float(value) for value in self.values))
        if not self.values or not all(isfinite(v) and v > 0 for v in self.values):
            raise ValueError(
                f"a ratio needs at least one value, each above 0 and finite; found {self.values}. "
                "Where a time was measured as 0, the epoch is too short for the clock"
            )

    @property
    def median(self) -> float:
        """The middle value; of two middle values the geometric mean.

        So the median of b to a is always 1 over the median of a to b.
        """
        low, high = statistics.median_low(self.values), statistics.median_high(self.values)
        return low if low == high else sqrt(low) * sqrt(high)

    @property
    def low(self) -> float:
        """The lower end of the interval of the median."""
        return sorted(self.values)[_rank(len(self.values)) - 1]

    @property
    def high(self) -> float:
        """The upper end of the interval of the median."""
        return sorted(self.values)[-_rank(len(self.values))]

    @property
    def coverage(self) -> float:
        """The probability, before the race, that `low` to `high` will hold the true median."""
        return _coverage(len(self.values), _rank(len(self.values)))

    def against(self, holds: Callable[[float], bool]) -> Verdict:
        """Hold a statement about the ratio, such as `lambda ratio: ratio > 2`, against it.

        "holds" when it is true over the whole interval from `low` to `high`, "broken" when it is
        false over the whole interval, "undecided" in between. It is tried at 101 points of the
        interval and at the measured values inside it.
        """
        low, high = self.low, self.high
        points = [low * (high / low) ** (step / 100) for step in range(101)]
        points += [value for value in self.values if low <= value <= high]
        answers = {bool(holds(point)) for point in points}
        if len(answers) > 1:
            return "undecided"
        return "holds" if answers.pop() else "broken"

    def more(self) -> Ratio | None:
        """Run one more round of the race and return the ratio with it.

        None when the race may run no more rounds, or when there is no race: a ratio made from
        values alone.
        """
        return self._more() if self._more else None

    def __repr__(self) -> str:
        rounds = "1 round" if len(self.values) == 1 else f"{len(self.values)} rounds"
        low, median, high = map(ratio_digits, (self.low, self.median, self.high))
        return f"{median} ({low} to {high}, {rounds})"


def _rank(count: int) -> int:
    """How many values from either end the interval of the median of `count` values begins."""
    rank = 1
    while rank < (count + 1) // 2 and _coverage(count, rank + 1) >= 0.92:
        rank += 1
    return rank


def _coverage(count: int, rank: int) -> float:
    """The probability that the `rank`-th values from both ends enclose the median.

    Each value is below the true median as often as a tossed coin shows heads, so the number of
    values below it is binomial (H. A. David, H. N. Nagaraja: Order Statistics, chapter 7.1).
    """
    return max(0.0, 1 - 2 * sum(comb(count, below) for below in range(rank)) / 2**count)
