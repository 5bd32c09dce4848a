"""What arrived at a loop, row by row: counted, never timed, so its figure is always the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_ROWS = 12
MOST_PLACES = 24  # in a row of the figure: for boxes, and for the "…" where some are left out
MOST_ELEMENTS = 10_000  # in a row; what gives more may be endless
LONGEST_LABEL = 32  # characters
LONGEST_ELEMENT = 7  # characters
NOT_DELIVERED = "made, but not delivered"


@dataclass(frozen=True)
class undelivered:
    """An element that was made, but never arrived, such as `undelivered(2)`."""

    value: Any


class Batch(tuple):
    """The elements of one batch, as `Elements` keeps them."""


@dataclass(frozen=True, repr=False)
class Elements:
    """The elements that arrived, row by row, such as one row for each epoch.

        Elements({"epoch 1": [0, 1, undelivered(2)], "epoch 2": [3, 4], "epoch 3": []})
        Elements({"batch(4)": [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]})

    rows: labels of at most 32 characters, each with its elements: in any iterable that keeps an
        order and ends, such as a list or a `tf.data.Dataset`. 1 to 12 rows. An element is an int
        or a string of at most 7 characters; a list or a one-dimensional array is a batch. What
        NumPy and TensorFlow hold becomes Python's own, bytes become text.

    In a terminal a batch stands in square brackets, and what was made but not delivered in round
    ones. Of a row with more than 24 elements the middle is left out; of long elements, and of
    batches of one, fewer than 24 are shown.

    Raises TypeError or ValueError, in a sentence, for anything else.
    """

    rows: Mapping[str, Iterable[Any]]

    def __post_init__(self) -> None:
        if not isinstance(self.rows, Mapping):
            raise TypeError(
                f"rows is of type {type(self.rows).__name__}. A mapping from labels to elements "
                'was expected, such as {"epoch 1": [0, 1, 2]}.'
            )
        if not 1 <= len(self.rows) <= MOST_ROWS:
            raise ValueError(
                f"{len(self.rows)} rows were given, and a figure holds 1 to {MOST_ROWS}."
            )
        rows = {_label(label): _row(label, row) for label, row in self.rows.items()}
        object.__setattr__(self, "rows", rows)

    def figure(self) -> Figure:
        """Draw each element as a box with its number in it, 7 inches wide; a batch is framed."""
        from course_utils.measuring.elements_figure import draw

        return draw(self)

    def shown(self) -> dict[str, tuple[Any, ...]]:
        """Return the rows as they are drawn: with `...` in place of what is left out."""
        places = self._places()
        return {label: _shortened(row, places) for label, row in self.rows.items()}

    def describe(self) -> str:
        """The figure in words."""
        number = len(self.rows)
        head = f"The elements that arrived, in {number} row{'s' * (number > 1)}."
        if self.shown() != self.rows:
            head += " … stands for elements that are left out."
        places = self._places()
        lines = [f"{label}: {_in_words(row, places)}." for label, row in self.rows.items()]
        return "\n".join([head, *lines])

    def __repr__(self) -> str:
        width = max(map(len, self.rows))
        return "\n".join(
            f"{label:<{width}}  {' '.join(map(_in_brief, row)) or 'nothing'}"
            for label, row in self.shown().items()
        )

    def _places(self) -> int:
        # The figure's width holds about 114 small characters; a label's are larger, and a box
        # takes one more than what stands in it.
        texts = [in_text(each) for row in self.rows.values() for each in _each(row)]
        left = 114 - 1.3 * max(map(len, self.rows))
        return min(MOST_PLACES, int(left // (max(map(len, texts), default=0) + 1)))


def in_text(element: Any) -> str:
    """Return what stands in an element's box."""
    if element is ...:
        return "…"
    return str(element.value if isinstance(element, undelivered) else element)


def _shortened(row: tuple[Any, ...], places: int) -> tuple[Any, ...]:
    """Leave as much out of the middle of each batch, then of the row, as it takes to fit."""

    def fits(units: tuple[Any, ...]) -> bool:
        boxes = sum(1 for _ in _each(units))
        # A frame takes room, too: that of half a box. Only many small batches are cut for it.
        frames = sum(isinstance(unit, Batch) for unit in units)
        return boxes <= places and boxes + frames / 2 <= 1.25 * places

    # A batch keeps two elements at each end, as long as the row's first and last batch fit so.
    for least in (5, 3):
        for most in range(places, least - 1, -1):
            shorter = tuple(_without_middle(unit, most) for unit in row)
            if fits(shorter):
                return shorter
        for most in range(places, 2, -1):
            if fits(kept := _without_middle(shorter, most)):
                return kept
    raise AssertionError(f"{places} places are too few for two batches of 3 and a gap")


def _without_middle(units: Any, most: int) -> Any:
    """Return the first and the last of a row or a batch, and `...` between them: `most` in all."""
    if not isinstance(units, tuple) or len(units) <= most:
        return units
    return type(units)((*units[: most // 2], ..., *units[len(units) - (most - 1) // 2 :]))


def _each(units: tuple[Any, ...]) -> Iterator[Any]:
    """Each element of a row, those of batches, too."""
    for unit in units:
        yield from unit if isinstance(unit, Batch) else (unit,)


def _in_words(row: tuple[Any, ...], places: int) -> str:
    parts = []
    for arrived, words in ((True, "delivered"), (False, NOT_DELIVERED)):
        units = tuple(unit for unit in row if _arrived(unit) == arrived)
        if units:
            listed = ", ".join(map(_listed, _shortened(units, places)))
            parts.append(f"{_counted(units)} {words}: {listed}")
    return "; ".join(parts) or "nothing"


def _arrived(unit: Any) -> bool:
    """Tell whether an element, or any of a batch, was delivered."""
    return not all(isinstance(each, undelivered) for each in _each((unit,)))


def _counted(units: tuple[Any, ...]) -> str:
    """Tell how many there are: "2 elements", or "2 batches of 4 and 1 of 2"."""
    parts = []
    single = sum(not isinstance(unit, Batch) for unit in units)
    if single:
        parts.append(f"{single} element{'s' * (single > 1)}")
    sizes = Counter(len(unit) for unit in units if isinstance(unit, Batch))
    for place, (size, number) in enumerate(sizes.items()):
        noun = "" if place else (" batches" if number > 1 else " batch")
        parts.append(f"{number}{noun} of {size}")
    *first, last = parts
    return f"{', '.join(first)} and {last}" if first else last


def _listed(unit: Any) -> str:
    if not isinstance(unit, Batch):
        return in_text(unit)
    # Among what was delivered stands a batch that is short of some of its elements, too.
    some = _arrived(unit)
    words = [
        f"{in_text(each)} ({NOT_DELIVERED})"
        if some and isinstance(each, undelivered)
        else in_text(each)
        for each in unit
    ]
    return f"[{', '.join(words)}]"


def _in_brief(unit: Any) -> str:
    if isinstance(unit, Batch):
        return f"[{' '.join(map(_in_brief, unit))}]"
    return f"({in_text(unit)})" if isinstance(unit, undelivered) else in_text(unit)


def _label(label: Any) -> str:
    if not isinstance(label, str):
        raise TypeError(f"A row's label is a text, not {_short(label)}.")
    if not (label.strip() and label.isprintable() and len(label) <= LONGEST_LABEL):
        raise ValueError(
            f"A row's label has 1 to {LONGEST_LABEL} characters on one line, unlike "
            f"{_short(label)}. Shorten it, and tell the rest in the text."
        )
    return label


def _row(label: str, row: Any) -> tuple[Any, ...]:
    try:
        # A set's order differs from process to process; a text holds letters, no elements.
        iterator = iter(None if isinstance(row, (str, bytes, Mapping, Set)) else row)
    except TypeError:
        raise TypeError(
            f"The row {label!r} is of type {type(row).__name__}. Elements that can be iterated in "
            "order were expected, such as [0, 1, 2] or a dataset; [] where there are none."
        ) from None
    units = list(islice(iterator, MOST_ELEMENTS + 1))
    if len(units) > MOST_ELEMENTS:
        raise ValueError(
            f"The row {label!r} gives more than {MOST_ELEMENTS:,} elements: does it ever end? "
            "Take a part of it, such as dataset.take(10) or itertools.islice(row, 10)."
        )
    return tuple(_unit(label, unit) for unit in units)


def _unit(label: str, unit: Any) -> Any:
    unit = _plain(unit)
    if not isinstance(unit, (list, Batch)):
        return _element(label, unit)
    if not unit:
        raise ValueError(f"The row {label!r} holds a batch without elements. Leave it out.")
    if len(unit) > MOST_ELEMENTS:
        raise ValueError(
            f"The row {label!r} holds a batch of {len(unit):,} elements, and {MOST_ELEMENTS:,} "
            "are the most."
        )
    return Batch(_element(label, _plain(each)) for each in unit)


def _element(label: str, element: Any) -> Any:
    if isinstance(element, undelivered):
        value = _plain(element.value)
        if isinstance(value, (list, Batch, undelivered)):
            raise TypeError(
                f"The row {label!r} holds {_short(element)}. undelivered() takes one element; of a "
                "batch that was not delivered each is marked: [undelivered(8), undelivered(9)]."
            )
        return undelivered(_element(label, value))
    if isinstance(element, bytes):
        element = element.decode("utf-8", errors="replace")
    if isinstance(element, (list, Batch)):
        raise TypeError(
            f"The row {label!r} holds a batch within a batch: {_short(element)}. A batch is a list "
            "of ints or short strings."
        )
    if type(element) not in (int, str):
        raise TypeError(
            f"The row {label!r} holds {_short(element)}, of type {type(element).__name__}. An "
            "element is an int or a short string, and a batch is a list of those."
        )
    text = str(element)
    if not (1 <= len(text) <= LONGEST_ELEMENT and text.isprintable()):
        raise ValueError(
            f"The row {label!r} holds {_short(element)}, and a box has room for 1 to "
            f"{LONGEST_ELEMENT} characters on a line. Give it a number or a shorter name."
        )
    return element


def _plain(value: Any) -> Any:
    """Turn a tensor, an array or a scalar of NumPy into Python's own; leave the rest."""
    # Asked by attribute: neither NumPy nor TensorFlow is imported for it.
    if callable(getattr(value, "numpy", None)):
        value = value.numpy()
    if hasattr(value, "dtype") and callable(getattr(value, "tolist", None)):
        return value.tolist()
    return value


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]} …"
