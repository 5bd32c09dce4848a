"""The figure of elements: a row of boxes for each label, a frame around each batch."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from course_utils.measuring.elements import NOT_DELIVERED, Batch, in_text, undelivered

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from course_utils.measuring.elements import Elements

# All lengths in points. The width is the course's 7 inches.
WIDTH = 504.0
MARGIN = 10.0
EDGE = 4.0  # above the first row and below the last
ROW = 30.24  # 0.42 inch
WIDEST_LABEL = 168.0
BESIDE_LABEL = 14.0
HIGHEST_BOX = 20.0
BETWEEN, WITHIN, AFTER_BATCH = 3.0, 1.5, 4.5  # from box to box, in a batch, from batch to batch
FRAME = 2.5  # from a batch's boxes to its frame
GAP = 13.0  # for "…"
LARGEST, OF_A_BOX = 9.5, 0.6  # the size of text, and its share of a small box

INK, QUIET, PAPER = "#1a1a1a", "#5c5c5c", "#ffffff"
DELIVERED = {"facecolor": "#e8f1f8", "edgecolor": "#0072B2", "linewidth": 1.0}
LOST = {"facecolor": PAPER, "edgecolor": "#9a9a9a", "linewidth": 1.0, "hatch": "/////"}
BATCH = {"facecolor": "none", "edgecolor": QUIET, "linewidth": 0.9}


def draw(elements: Elements) -> Figure:
    """Draw the elements: 7 inches wide, 0.42 inch for each row."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context({"hatch.linewidth": 0.7}):
        rows = elements.shown()
        labels = [_wrapped(label) for label in rows]
        left = MARGIN + max(_width(line, LARGEST) for each in labels for line in each)
        left += BESIDE_LABEL
        box, size = _box_and_text(list(rows.values()), WIDTH - MARGIN - left)
        some_lost = any(
            isinstance(each, undelivered) for row in rows.values() for each in _flat(row)
        )
        height = ROW * (len(rows) + 0.8 * some_lost) + 2 * EDGE
        figure = Figure(figsize=(WIDTH / 72, height / 72), dpi=96, facecolor=PAPER)
        axes = figure.add_axes((0, 0, 1, 1), xlim=(0, WIDTH), ylim=(height, 0))
        axes.set_axis_off()
        for number, (lines, row) in enumerate(zip(labels, rows.values(), strict=True)):
            middle = EDGE + ROW * (number + 0.5)
            for place, line in enumerate(lines):
                line_middle = middle + 1.2 * LARGEST * (place - (len(lines) - 1) / 2)
                _write(axes, MARGIN, line_middle, line, LARGEST, INK)
            if row:
                _draw_row(axes, left, middle, row, box, size)
            else:
                _write(axes, left, middle, "nothing", LARGEST, QUIET)
        if some_lost:
            middle = EDGE + ROW * (len(rows) + 0.4)
            _draw_box(axes, left, middle, (13.0, 13.0), undelivered(""), size)
            _write(axes, left + 19, middle, NOT_DELIVERED, 9, QUIET)
    return figure


def _draw_row(axes: Axes, left: float, middle: float, row: tuple, box: float, size: float) -> None:
    from matplotlib.patches import FancyBboxPatch

    height = _height(box)
    elements, frames, _ = _places(row, box)
    for start, end in frames:
        axes.add_patch(
            FancyBboxPatch(
                (left + start, middle - height / 2 - FRAME),
                end - start,
                height + 2 * FRAME,
                boxstyle="round,pad=0,rounding_size=3",
                **BATCH,
            )
        )
    for x, element in elements:
        if element is ...:
            _write(axes, left + x + GAP / 2, middle, in_text(element), LARGEST, QUIET, ha="center")
        else:
            _draw_box(axes, left + x, middle, (box, height), element, size)


def _draw_box(axes: Axes, left: float, middle: float, sides: tuple, element: Any, size: float):
    from matplotlib.patches import Rectangle

    width, height = sides
    missing = isinstance(element, undelivered)
    top = middle - height / 2
    axes.add_patch(Rectangle((left, top), width, height, **(LOST if missing else DELIVERED)))
    text = in_text(element)
    if missing and text:
        # White behind the number, so that the hatch doesn't run through it.
        clear = min(_width(text, size) + 3, width - 2)
        corner = (left + (width - clear) / 2, middle - 0.55 * size)
        axes.add_patch(Rectangle(corner, clear, 1.1 * size, facecolor=PAPER, linewidth=0))
    if text:
        _write(axes, left + width / 2, middle, text, size, QUIET if missing else INK, ha="center")


def _write(axes: Axes, x: float, middle: float, text: str, size: float, color: str, ha="left"):
    # By the baseline: a digit's middle is 0.36 of its size above it, whatever else stands there.
    y = middle + 0.36 * size
    axes.text(x, y, text, size=size, color=color, ha=ha, va="baseline", parse_math=False)


def _places(row: tuple, box: float) -> tuple[list, list, float]:
    """Return each box's left edge and element, each frame's edges, and where the row ends."""
    elements, frames, x, after = [], [], 0.0, 0.0
    for unit in row:
        framed = isinstance(unit, Batch)
        start = x = x + (AFTER_BATCH if framed and after else after)
        x += FRAME if framed else 0
        for place, element in enumerate(unit if framed else (unit,)):
            x += WITHIN if place else 0
            elements.append((x, element))
            x += GAP if element is ... else box
        x += FRAME if framed else 0
        if framed:
            frames.append((start, x))
        after = AFTER_BATCH if framed else BETWEEN
    return elements, frames, x


def _box_and_text(rows: list[tuple], room: float) -> tuple[float, float]:
    """Return the width of every box and the size of every number: as large as the rows allow."""
    texts = {in_text(each) for row in rows for each in _flat(row) if each is not ...}
    widest = max((_width(text, 1) for text in texts), default=0)
    box = max(HIGHEST_BOX, widest * LARGEST + 6)
    for row in filter(None, rows):
        _, _, spaces = _places(row, 0)
        box = min(box, (room - spaces) / sum(each is not ... for each in _flat(row)))
    # In tenths, so that the last digit of a font's measure moves nothing.
    box = int(box * 10) / 10
    size = min(LARGEST, OF_A_BOX * _height(box), 0.9 * box / widest if widest else LARGEST)
    return box, int(size * 10) / 10


def _height(box: float) -> float:
    return min(box, HIGHEST_BOX)


def _flat(row: tuple) -> Iterator[Any]:
    return (element for _, element in _places(row, 0)[0])


def _wrapped(label: str) -> list[str]:
    """Break a label in two where it is wider than its column."""
    if _width(label, LARGEST) <= WIDEST_LABEL:
        return [label]
    return textwrap.wrap(label, -(-len(label) // 2) + 3)


def _width(text: str, size: float) -> float:
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextPath

    if not text.strip():
        return 0.0
    font = FontProperties(family="DejaVu Sans")
    text = text.replace("$", r"\$")  # no formula
    return float(TextPath((0, 0), text, size=100, prop=font).get_extents().x1) * size / 100
