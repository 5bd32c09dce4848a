"""The map of the course, drawn from the manifest: boxes in rows, arrows in the lanes between."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .figures import INK, PAPER, QUIET
from .manifest import Course, Lesson

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# All lengths in points. The width is the course's 7 inches.
WIDTH = 504.0
MARGIN = 10.0
WIDEST_BOX = 150.0
GAP = 20.0  # between boxes, without lanes
LANE = 6.0
HEAD = 34.0
FOOT = 24.0
TITLE_SIZE, SMALL_SIZE = 8.5, 7.5
LINE = 11.5
MOST_LINES = 4


def draw(course: Course) -> Figure:
    """Draw the map; see `figures.course_map`."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context({"font.family": "sans-serif", "font.sans-serif": ["DejaVu Sans", "Verdana"]}):
        rows = _rows(course)
        routes = _routes(course, rows)
        layout = _layout(rows, routes)
        fig = Figure(figsize=(WIDTH / 72, layout.height / 72), dpi=96, facecolor=PAPER)
        ax = fig.add_axes((0, 0, 1, 1), xlim=(0, WIDTH), ylim=(layout.height, 0))
        ax.set_axis_off()
        ax.text(MARGIN, 15, course.title, size=12, weight="bold", color=INK, va="center")
        for lesson in course.lessons:
            _draw_box(ax, layout, lesson)
        for route in routes:
            _draw_arrow(ax, layout, route)
        words = "Minutes to read and run + minutes to practise."
        if routes:
            words += " An arrow leads to a lesson that builds on the one it starts from."
        ax.text(MARGIN, layout.height - 12, words, size=SMALL_SIZE, color=QUIET, va="center")
    return fig


def describe(course: Course) -> str:
    """Return the map in words; see `figures.describe_map`."""
    names = {one.notebook: one.number or one.title for one in course.lessons}
    number = len(course.lessons)
    lines = [f"Map of the course {course.title}: {number} notebook{'s' * (number > 1)} in order."]
    for one in course.lessons:
        needs = _and(names[stem] for stem in one.needs)
        builds = f"; builds on {needs}" if needs else ""
        lines.append(f"{one.number} {one.title}: {_minutes(one)}{builds}.".strip())
    return "\n".join(lines)


@dataclass(frozen=True)
class _Place:
    row: int
    column: int


@dataclass(frozen=True)
class _Route:
    """An arrow on its way from one box to another."""

    start: str
    end: str
    kind: str  # "beside", "same row", "next row" or "far"


@dataclass
class _Layout:
    places: dict[str, _Place]
    lines: dict[str, list[str]]  # each box's title, wrapped
    box_width: float
    box_height: float
    lefts: list[float]  # of each column
    tops: list[float]  # of each row
    height: float
    lanes_below: list[list[str]]  # of each row: whose arrows run there, by source
    lanes_left: list[list[str]]  # of each column
    ends: dict[tuple[str, str], list[str]]  # (box, side): the sources of the arrows that end there

    def left(self, stem: str) -> float:
        return self.lefts[self.places[stem].column]

    def top(self, stem: str) -> float:
        return self.tops[self.places[stem].row]

    def lane_below(self, row: int, source: str) -> float:
        # The last points above the next row are left to the arrow heads.
        return self.tops[row] + self.box_height + 10 + LANE * self.lanes_below[row].index(source)

    def lane_left(self, column: int, source: str) -> float:
        return self.lefts[column] - 9 - LANE * self.lanes_left[column].index(source)


def _rows(course: Course) -> list[list[Lesson]]:
    """Return the lessons in rows of 3 or 4, and the indices, which have no number, below them."""
    lessons = [one for one in course.lessons if one.number]
    indices = [one for one in course.lessons if not one.number]
    # The last row should not hold one box alone where 3 columns fill it better.
    columns = 3 if len(lessons) in (5, 6, 9) else 4
    return [
        part[at : at + columns]
        for part in (lessons, indices)
        for at in range(0, len(part), columns)
    ]


def _routes(course: Course, rows: list[list[Lesson]]) -> list[_Route]:
    places = _places(rows)
    routes = []
    for start, end in _direct_needs(course):
        a, b = places[start], places[end]
        if a.row == b.row:
            kind = "beside" if b.column == a.column + 1 else "same row"
        else:
            kind = "next row" if b.row == a.row + 1 else "far"
        routes.append(_Route(start, end, kind))
    return routes


def _direct_needs(course: Course) -> list[tuple[str, str]]:
    """Return (needed, needing) pairs without those that follow from others."""
    behind: dict[str, set[str]] = {}  # everything a lesson builds on, also through others
    pairs = []
    for one in course.lessons:  # the manifest's order: what is needed comes first
        through = set().union(*(behind[need] for need in one.needs))
        behind[one.notebook] = through | set(one.needs)
        pairs += [(need, one.notebook) for need in one.needs if need not in through]
    return pairs


def _layout(rows: list[list[Lesson]], routes: list[_Route]) -> _Layout:
    places = _places(rows)
    columns = max(len(row) for row in rows)
    below: list[list[str]] = [[] for _ in rows]
    left: list[list[str]] = [[] for _ in range(columns)]
    ends: dict[tuple[str, str], list[str]] = {}
    for route in routes:
        a, b = places[route.start], places[route.end]
        if route.kind == "beside":
            continue
        _add(below[a.row], route.start)
        if route.kind == "far":
            _add(left[b.column], route.start)
            _add(below[b.row - 1], route.start)
        side = "bottom" if route.kind == "same row" else "top"
        _add(ends.setdefault((route.end, side), []), route.start)

    spaces = [GAP + LANE * max(0, len(lanes) - 1) for lanes in left]
    spaces[0] = MARGIN + (4 + LANE * len(left[0]) if left[0] else 0)
    box = min(WIDEST_BOX, (WIDTH - MARGIN - sum(spaces)) / columns)
    lefts = [sum(spaces[: i + 1]) + box * i for i in range(columns)]
    lines = {one.notebook: _wrapped(_name(one), box - 14) for row in rows for one in row}
    box_height = 24 + LINE * max(len(wrapped) for wrapped in lines.values())
    tops, top = [], HEAD
    for lanes in below:
        tops.append(top)
        top += box_height + 21 + LANE * len(lanes)
    height = tops[-1] + box_height + (LANE * len(below[-1]) + 7 if below[-1] else 0) + FOOT
    return _Layout(places, lines, box, box_height, lefts, tops, height, below, left, ends)


def _places(rows: list[list[Lesson]]) -> dict[str, _Place]:
    return {
        one.notebook: _Place(row, column)
        for row, lessons in enumerate(rows)
        for column, one in enumerate(lessons)
    }


def _draw_box(ax: Axes, layout: _Layout, lesson: Lesson) -> None:
    from matplotlib.patches import FancyBboxPatch

    x, y = layout.left(lesson.notebook), layout.top(lesson.notebook)
    number = bool(lesson.number)
    ax.add_patch(
        FancyBboxPatch(
            (x, y),
            layout.box_width,
            layout.box_height,
            boxstyle="round,pad=0,rounding_size=5",
            facecolor="#e8f1f8" if number else PAPER,
            edgecolor="#0072B2" if number else QUIET,
            linestyle="-" if number else "--",
            linewidth=1.1,
        )
    )
    for at, line in enumerate(layout.lines[lesson.notebook]):
        ax.text(x + 7, y + 12 + LINE * at, line, size=TITLE_SIZE, weight="bold", color=INK,
                va="center")  # fmt: skip
    ax.text(x + 7, y + layout.box_height - 9, _minutes(lesson), size=SMALL_SIZE, color=QUIET,
            va="center")  # fmt: skip


def _draw_arrow(ax: Axes, layout: _Layout, route: _Route) -> None:
    from matplotlib.patches import FancyArrowPatch
    from matplotlib.path import Path

    ax.add_patch(
        FancyArrowPatch(
            path=Path(_points(layout, route)),
            arrowstyle="-|>,head_length=5,head_width=2.4",
            mutation_scale=1,
            color=QUIET,
            linewidth=1.2,
            shrinkA=0,
            shrinkB=0,
            joinstyle="round",
        )
    )


def _points(layout: _Layout, route: _Route) -> list[tuple[float, float]]:
    """Return the corners of an arrow's way, which never crosses a box."""
    width, height = layout.box_width, layout.box_height
    left, top = layout.left(route.start), layout.top(route.start)
    to_left, to_top = layout.left(route.end), layout.top(route.end)
    if route.kind == "beside":
        return [(left + width, top + height / 2), (to_left, top + height / 2)]

    # Arrows leave in the middle of the lower edge and arrive left of it (from above) or right of
    # it (from below), so that one's way down never lies upon another's.
    row = layout.places[route.start].row
    out = left + width * 0.6
    lane = layout.lane_below(row, route.start)
    side = "bottom" if route.kind == "same row" else "top"
    sources = layout.ends[route.end, side]
    share = (sources.index(route.start) + 1) / (len(sources) + 1)
    way = [(out, top + height), (out, lane)]
    if side == "bottom":
        into = to_left + width * (0.68 + 0.3 * share)
        return [*way, (into, lane), (into, to_top + height)]
    into = to_left + width * (0.05 + 0.45 * share)
    if route.kind == "far":
        place = layout.places[route.end]
        beside = layout.lane_left(place.column, route.start)
        last = layout.lane_below(place.row - 1, route.start)
        way += [(beside, lane), (beside, last)]
        lane = last
    return [*way, (into, lane), (into, to_top)]


def _wrapped(text: str, width: float) -> list[str]:
    """Break `text` into at most 4 lines of `width` points; what is left is shortened."""
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and _text_width(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(_cut(word, width))
    if len(lines) > MOST_LINES:
        lines = [*lines[: MOST_LINES - 1], _cut(lines[MOST_LINES - 1] + " …", width)]
    return lines


def _cut(text: str, width: float) -> str:
    if _text_width(text) <= width:
        return text
    text = text.removesuffix("…").rstrip()
    while len(text) > 1 and _text_width(text + "…") > width:
        text = text[:-1]
    return text + "…"


def _text_width(text: str) -> float:
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextPath

    font = FontProperties(family="DejaVu Sans", weight="bold")
    return float(TextPath((0, 0), text, size=TITLE_SIZE, prop=font).get_extents().width)


def _name(lesson: Lesson) -> str:
    return f"{lesson.number} {lesson.title}".strip()


def _minutes(lesson: Lesson) -> str:
    if not lesson.teach and not lesson.practise:
        return "to look things up"
    return f"{lesson.teach} + {lesson.practise} min"


def _and(words: Iterable[str]) -> str:
    *first, last = [*words] or [""]
    return f"{', '.join(first)} and {last}" if first else last


def _add(names: list[str], name: str) -> None:
    if name not in names:
        names.append(name)
