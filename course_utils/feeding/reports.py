"""What `signatures.validate` found, as a record that is read in a notebook or a terminal."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

MOST_LINES = 10


@dataclass(frozen=True)
class Problem:
    """One problem of one element.

    element: its number, from 0; place: within the element, such as "['boxes'][1]", "" for an
    element without parts; what: in words, with the values; kind: equal for the same problem in
    several elements.
    """

    element: int
    place: str
    what: str
    kind: str = field(default="", repr=False, compare=False)


@dataclass(frozen=True, repr=False)
class Report:
    """What `from_generator` would refuse, and what it would change without a word.

    elements: how many were looked at. refused: TensorFlow raises at this element, and the epoch
    ends there; the elements after it are looked at all the same. changed: it goes on, with other
    values or another nesting than were yielded.
    """

    elements: int
    refused: tuple[Problem, ...]
    changed: tuple[Problem, ...]

    @property
    def fine(self) -> bool:
        """Whether there was an element, and all of them arrive as they were yielded."""
        return self.elements > 0 and not self.refused and not self.changed

    def __repr__(self) -> str:
        if not self.elements:
            return "0 elements: nothing was yielded, so nothing could be checked."
        number = f"{self.elements} element{'s' * (self.elements > 1)}"
        counts = ", ".join(
            f"{len({one.element for one in problems}) or 'nothing'} {outcome}"
            for outcome, problems in (("refused", self.refused), ("changed", self.changed))
        )
        end = ""
        if self.refused:
            end = f" An epoch ends with an error at element {self.refused[0].element}."
        lines = [*_lines("refused", self.refused), *_lines("changed", self.changed)]
        if len(lines) > MOST_LINES - 1:
            left_out = len(lines) - (MOST_LINES - 2)
            lines = [*lines[: MOST_LINES - 2], f"  and {left_out} other problems"]
        return "\n".join([f"{number}: {counts}.{end}", *lines])


def _lines(outcome: str, problems: Iterable[Problem]) -> list[str]:
    """One line for each problem, however many elements have it."""
    alike: dict[tuple[str, str], list[Problem]] = {}
    for problem in problems:
        alike.setdefault((problem.place, problem.kind or problem.what), []).append(problem)
    lines = []
    for (place, _), group in alike.items():
        elements = len({one.element for one in group})
        where = f"element {group[0].element}"
        if elements > 1:
            where += f" and {elements - 1} more"
        lines.append(f"  {outcome}: {where}{', ' * bool(place)}{place}: {group[0].what}")
    return lines
