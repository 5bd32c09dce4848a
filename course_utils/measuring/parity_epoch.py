"""One epoch of two sources, walked side by side: what is kept of it, and what differs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from itertools import count, groupby
from typing import Any

from course_utils.measuring.parity_elements import changed_kinds, compare
from course_utils.measuring.parity_fingerprint import (
    NoTensor,
    casts_between,
    fingerprint,
    hashed,
    parts_of,
)
from course_utils.measuring.parity_report import Difference, Gap
from course_utils.measuring.parity_source import END, Source


@dataclass
class Drawn:
    """The hashes of what one source gave in an epoch.

    elements, items: one hash each, in order. exact: of the elements with their dtypes. sizes: the
    rows of each element, None where it is no batch. ended: whether the source said that it has no
    more.
    """

    name: str
    elements: list[bytes] = field(default_factory=list)
    exact: list[bytes] = field(default_factory=list)
    items: list[bytes] = field(default_factory=list)
    sizes: list[int | None] = field(default_factory=list)
    ended: bool = False

    def add(self, element: Any, casts: dict[str, Any], number: int, epoch: int) -> None:
        """Keep the hashes of an element."""
        try:
            found = fingerprint(parts_of(element), casts)
        except NoTensor as error:
            raise TypeError(
                f"Epoch {epoch}, element {number} of {self.name} can't be compared: {error}."
            ) from None
        self.elements.append(found.digest)
        self.exact.append(found.exact)
        self.items += found.items
        self.sizes.append(found.size)


@dataclass(frozen=True)
class Summary:
    """What is left of an epoch: pairs are of the old one and the new one.

    counts: elements drawn. ended: whether that was all. orders: a hash of the items in their order.
    contents: one of the items in any order.
    """

    counts: tuple[int, int]
    ended: tuple[bool, bool]
    orders: tuple[bytes, bytes]
    contents: tuple[bytes, bytes]
    differences: list[Difference]


@dataclass(frozen=True)
class Epoch:
    """The hashes of an epoch, and how elements at one place differ."""

    number: int
    old: Drawn
    new: Drawn
    found: tuple[Difference, ...]

    def summary(self, ordered: bool) -> Summary:
        """Return what differs, in the words that explain most of it, without the hashes."""
        both = self.old, self.new
        return Summary(
            counts=(len(self.old.elements), len(self.new.elements)),
            ended=(self.old.ended, self.new.ended),
            orders=tuple(hashed(*one.items) for one in both),
            contents=tuple(hashed(*sorted(one.items)) for one in both),
            differences=self._differences(ordered),
        )

    def _differences(self, ordered: bool) -> list[Difference]:
        old, new = self.old, self.new
        kept = [each for each in self.found if each.kind in ("structure", "dtype")]
        loose = [each for each in self.found if each.kind not in ("structure", "dtype")]
        if len(old.elements) == len(new.elements) and old.ended == new.ended:
            if not self.found:
                return []
            if old.exact != new.exact and Counter(old.exact) == Counter(new.exact):
                return self._order("element", old.exact, new.exact) * ordered
            if not loose:
                return kept
            if Counter(old.elements) == Counter(new.elements):
                return [*kept, *self._order("element", old.elements, new.elements) * ordered]
        if goes_on := self._goes_on():
            return [*loose[:1], *kept, goes_on]
        return [*kept, *self._items(ordered, loose)]

    def _items(self, ordered: bool, loose: list[Difference]) -> list[Difference]:
        """Compare the rows of batches, where the batches differ."""
        old, new = self.old, self.new
        batches = [] if old.sizes == new.sizes else [self._difference("batches", self._sizes())]
        if old.items == new.items:
            return batches or loose
        missing, added = _less(old, new), _less(new, old)
        if not missing and not added:
            if not ordered and Counter(old.sizes) == Counter(new.sizes):
                return []
            return [*self._order("item", old.items, new.items) * ordered, *batches]
        if not missing or not added:
            return [self._difference("items", self._fewer())]
        if ordered:
            counts = [] if len(old.elements) == len(new.elements) else [self._counts()]
            return [*loose, *counts]
        return [self._difference("items", _strangers(old, new, missing, added))]

    def _order(self, noun: str, old: list[bytes], new: list[bytes]) -> list[Difference]:
        first = next(at for at, pair in enumerate(zip(old, new)) if pair[0] != pair[1])
        what = (
            f"the same {_counted(len(old), noun)} in another order, first at {noun} {first}: what "
            f"is {noun} {first} in the old one is {noun} {new.index(old[first])} in the new one"
        )
        return [self._difference("order", what)]

    def _sizes(self) -> str:
        same = self.old.items == self.new.items
        items = f"the same {_counted(len(self.old.items), 'item')} in other batches"
        return f"{items if same else 'the batches have other sizes'}: {self._both_sizes()}"

    def _both_sizes(self) -> str:
        return f"{_batches(self.old)} in the old one, {_batches(self.new)} in the new one"

    def _counts(self) -> Difference:
        old, new = len(self.old.elements), len(self.new.elements)
        what = f"{_counted(old, 'element')} in the old one, {new:,} in the new one"
        return self._difference("count", what)

    def _fewer(self) -> str:
        short, long = sorted((self.old, self.new), key=lambda one: len(one.items))
        lacking = _counted(len(long.items) - len(short.items), "item")
        first_ones = long.items[: len(short.items)] == short.items
        why = f"{short.name} lacks {'the last ' * first_ones}{lacking}"
        if first_ones and long.sizes[:-1] == short.sizes and _short_last(long):
            why += ", a batch that isn't full: drop_remainder=True leaves it out"
        elif set(short.items) == set(long.items):
            why = f"{long.name} gives items more than once"
        return f"{self._both_sizes()}. {why[0].upper()}{why[1:]}"

    def _goes_on(self) -> Difference | None:
        if self.old.ended == self.new.ended:
            return None
        ended, other = (self.old, self.new) if self.old.ended else (self.new, self.old)
        many = len(ended.elements)
        gives = f"ends after {_counted(many, 'element')}" if many else "gives no element"
        what = f"{ended.name} {gives}; {other.name} goes on, and was left after "
        what += f"{len(other.elements):,}"
        again = other.elements[len(ended.elements) :][:1]
        if ended.elements and again == other.elements[:1]:
            what += ". It begins again there: a loop or a repeat() without an end"
        return self._difference("count", what)

    def _difference(self, kind: str, what: str) -> Difference:
        return Difference(kind, what, epoch=self.number)


class Walk:
    """Draws the epochs of two sources side by side.

    gaps: place to how far the values are apart there, over all that was drawn. notes: what a
    dataset holds in another way, and can't help it.
    """

    def __init__(self, old: Source, new: Source, tolerance: float, limit: int) -> None:
        self._old, self._new = old, new
        self._tolerance, self._limit = tolerance, limit
        self._casts: dict[str, Any] | None = None
        self.gaps: dict[str, Gap] = {}
        self.notes: tuple[str, ...] = ()

    def epoch(self, number: int) -> Epoch:
        """Draw one epoch of both."""
        old, new = Drawn(self._old.name), Drawn(self._new.name)
        found: dict[tuple[str, str], Difference] = {}  # the first of each kind and place
        with (
            closing(self._old.elements(number)) as olds,
            closing(self._new.elements(number)) as news,
        ):
            for at in count():
                before, after = next(olds, END), next(news, END)
                old.ended, new.ended = before is END, after is END
                if before is END or after is END or at == self._limit:
                    break
                for each in self._pair(before, after, at, number, old, new):
                    found.setdefault((each.kind, each.place), each)
                before = after = None  # so that two elements live at a time, not four
            if old.ended and not new.ended:
                self._rest(after, news, new, old, number)
            elif new.ended and not old.ended:
                self._rest(before, olds, old, new, number)
            before = after = None
        for source in (self._old, self._new):
            source.end(number)
        if not old.elements and not new.elements:
            raise ValueError(
                f"Neither the old one nor the new one gave an element in epoch {number}, so there "
                "is nothing to compare. Does a function return what was used up before?"
            )
        return Epoch(number, old, new, tuple(found.values()))

    def _pair(
        self, before: Any, after: Any, at: int, epoch: int, old: Drawn, new: Drawn
    ) -> list[Difference]:
        if self._casts is None:
            self._first(before, after)
        old.add(before, self._casts, at, epoch)
        new.add(after, self._casts, at, epoch)
        equal = old.elements[-1] == new.elements[-1]
        return [
            replace(each, epoch=epoch, element=at)
            for each in compare(before, after, self.gaps, self._tolerance, equal)
        ]

    def _first(self, before: Any, after: Any) -> None:
        try:
            self._casts = casts_between(parts_of(before), parts_of(after))
        except NoTensor:
            self._casts = {}  # told with its place when it is hashed
        else:
            kinds = dict.fromkeys(changed_kinds(before, after))
            self.notes = tuple(f"The same to a dataset: {each}." for each in kinds)

    def _rest(
        self, element: Any, elements: Iterator[Any], drawn: Drawn, ended: Drawn, epoch: int
    ) -> None:
        """Draw what one gives after the other ended: about twice as many items, and no more."""
        while element is not END:
            at = len(drawn.elements)
            enough = at > len(ended.elements) and len(drawn.items) > 2 * len(ended.items)
            if enough or at >= self._limit:
                return
            drawn.add(element, self._casts or {}, at, epoch)
            element = next(elements, END)
        drawn.ended = True


def _less(one: Drawn, other: Drawn) -> Counter[bytes]:
    return Counter(one.items) - Counter(other.items)


def _strangers(old: Drawn, new: Drawn, missing: Counter[bytes], added: Counter[bytes]) -> str:
    lost = next(at for at, item in enumerate(old.items) if item in missing)
    return (
        f"{_counted(missing.total(), 'item')} of the old one's {len(old.items):,} {_are(missing)} "
        f"not in the new one, first item {lost}; {added.total():,} of the new one's "
        f"{len(new.items):,} {_are(added)} not in the old one"
    )


def _are(counter: Counter[bytes]) -> str:
    return "is" if counter.total() == 1 else "are"


def _short_last(drawn: Drawn) -> bool:
    return len(drawn.sizes) > 1 and (drawn.sizes[-1] or 0) < (drawn.sizes[-2] or 0)


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'s' * (number != 1)}"


def _batches(drawn: Drawn) -> str:
    """The sizes of the batches, in order: "2 batches of 8 and 1 of 4"."""
    runs = [(size, len(list(group))) for size, group in groupby(drawn.sizes)]
    if not runs:
        return "no element"
    parts = []
    for place, (size, number) in enumerate(runs[:4]):
        if size is None:
            parts.append(f"{number:,} single element{'s' * (number != 1)}")
        else:
            noun = "" if place else f" batch{'es' * (number != 1)}"
            parts.append(f"{number:,}{noun} of {size:,}")
    parts += ["…"] * (len(runs) > 4)
    return f"{', '.join(parts[:-1])} and {parts[-1]}" if len(parts) > 1 else parts[0]
