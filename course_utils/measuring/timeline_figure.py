"""The figure of a timeline: a row for each lane, a bar for each span, drawn to its length.

The same spans give the same figure on every machine: axes, sizes and what is left out depend on
nothing else.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from course_utils.measuring.display import three_digits

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from course_utils.measuring.timeline import Span

MOST_LANES = 24
MOST_BARS = 600  # an SVG of 170 kB
MOST_NAMES = 14  # of more, those with the fewest seconds look the same

# All lengths in points. The width is the course's 7 inches.
WIDTH = 504.0
MARGIN = 10.0
WIDEST_LANE = 124.0
BESIDE_LANE = 8.0
RIGHT = 16.0  # for half of the last number on the axis
LINE = 15.0  # of the title and the legend
BAR, AROUND = 16.0, 2.5  # the height of a bar; by how much it is higher for each level in it
DEEPEST = 4  # levels of nesting that still get smaller
BETWEEN_ROWS, BETWEEN_LANES = 2.0, 8.0
NARROWEST = 1.6  # a shorter span is drawn as wide as this
TEXT, SMALL = 9.0, 8.0

INK, QUIET, PAPER, FAINT = "#1a1a1a", "#5c5c5c", "#ffffff", "#dddddd"
# Okabe and Ito's colours, told apart by colour-blind eyes; each with a hatch, which tells the same
# without colour.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9", "#5c5c5c")
# Lines only: a pattern of dots takes 60 kB of SVG.
HATCHES = ("", "////", "\\\\\\\\", "xxxx", "----", "||||", "++++")
OTHER = "other names"
LINE_STYLE = {"linewidth": 0.8, "linestyle": "-", "marker": "", "zorder": 0}


@dataclass(frozen=True)
class Look:
    """How a name's spans are drawn."""

    colour: str
    hatch: str

    @property
    def tint(self) -> str:
        """The colour of the bar: pale, so that text can be read on it."""
        parts = (int(self.colour[i : i + 2], 16) for i in (1, 3, 5))
        return "#" + "".join(f"{round(0.35 * part + 0.65 * 255):02x}" for part in parts)

    @property
    def style(self) -> dict:
        """The arguments of a patch."""
        return {
            "facecolor": self.tint,
            "edgecolor": self.colour,
            "hatch": self.hatch,
            "linewidth": 0.8,
        }


@dataclass
class Bar:
    """A span's place: its row within the lane, and how deep it lies in others."""

    span: Span
    row: int
    depth: int
    holds_others: bool = False
    short: bool = False
    count: int = 1  # short neighbours that this bar stands for
    left: float = 0.0
    right: float = 0.0


def draw(spans: Sequence[Span], title: str | None = None) -> Figure:
    """Draw spans that are in order: 7 inches wide, as high as the lanes need.

    Raises ValueError for more than 24 lanes, or more bars than can be told apart (600).
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    lanes = _lanes(spans)
    looks = _looks(spans)
    begin, end = _window(spans)
    labels = [_cut(lane, WIDEST_LANE, TEXT) for lane in lanes]
    left = MARGIN + max((_width(label, TEXT) for label in labels), default=0) + BESIDE_LANE
    scale = (WIDTH - RIGHT - left) / (end - begin)

    def across(seconds: float) -> float:
        return left + (seconds - begin) * scale

    rows = {lane: _placed(bars, across) for lane, bars in lanes.items()}
    _check_number(rows)
    legend = _legend(looks, any(span.ended is None for span in spans))
    heads = textwrap.wrap(title, 84) if title else []
    top = 12.0 + LINE * (len(heads) + len(legend))
    height = top + sum(_lane_height(bars) + BETWEEN_LANES for bars in rows.values()) + 32.0
    with rc_context({"hatch.linewidth": 0.6}):
        figure = Figure(figsize=(WIDTH / 72, height / 72), dpi=96, facecolor=PAPER)
        axes = figure.add_axes((0, 0, 1, 1), xlim=(0, WIDTH), ylim=(height, 0))
        axes.set_axis_off()
        for number, line in enumerate(heads):
            _write(axes, MARGIN, 6 + LINE * (number + 0.5), line, 10, INK)
        _draw_legend(axes, legend, 6 + LINE * len(heads))
        if not spans:
            _write(axes, WIDTH / 2, top - 6, "No span has been recorded.", TEXT, QUIET, ha="center")
        foot = height - 32.0
        _draw_axis(axes, begin, end, across, (top, foot))
        _write(axes, MARGIN, height - 8, _axis_words(end, rows, scale), SMALL, QUIET)
        for label, bars in zip(labels, rows.values(), strict=True):
            _draw_lane(axes, label, left, top, bars, looks)
            top += _lane_height(bars) + BETWEEN_LANES
    return figure


def describe(spans: Sequence[Span]) -> str:
    """The figure in words."""
    if not spans:
        return "A timeline without spans: none has been recorded."
    begin = min(span.began for span in spans)
    end = max(span.began if span.ended is None else span.ended for span in spans)
    lanes = list(dict.fromkeys(span.lane for span in spans))
    lines = [
        f"A row for each of {_number(len(lanes), 'lane')}, a bar for each of "
        f"{_number(len(spans), 'span')}, from {_time(begin)} to {_time(end)}. In brackets: the "
        "share of this time."
    ]
    for lane in lanes:
        own = [span for span in spans if span.lane == lane and span.ended is not None]
        said = [
            _said(name, [span.seconds for span in own if span.name == name], end - begin)
            for name in dict.fromkeys(span.name for span in own)
        ]
        said += [
            f"{span.name} not ended, begun at {_time(span.began)}"
            for span in spans
            if span.lane == lane and span.ended is None
        ]
        lines.append(f"{lane}: {'; '.join(said)}.")
    return "\n".join(lines)


def _said(name: str, seconds: list[float], whole: float) -> str:
    share = sum(seconds) / whole if whole else 0.0
    percent = "under 1%" if 0 < share < 0.01 else f"{share:.0%}"
    times = "once" if len(seconds) == 1 else f"{len(seconds):,} times"
    return f"{name} {times}, {_time(sum(seconds))} ({percent})"


def _time(seconds: float) -> str:
    unit, name = _unit(seconds)
    return f"{three_digits(seconds / unit)} {name}"


def _unit(seconds: float) -> tuple[float, str]:
    if seconds == 0 or seconds >= 2:
        return 1.0, "s"
    return (1e-3, "ms") if seconds >= 1e-3 else (1e-6, "µs")


def _number(count: int, unit: str) -> str:
    return f"{count:,} {unit}" + ("" if count == 1 else "s")


def _window(spans: Sequence[Span]) -> tuple[float, float]:
    """Return the seconds at which the axis begins and ends."""
    if not spans:
        return 0.0, 1.0
    begin = min(span.began for span in spans)
    end = max(span.began if span.ended is None else span.ended for span in spans)
    begin = 0.0 if begin <= 0.25 * end else begin
    end = max(end, begin + 1e-6)
    if any(span.ended is None for span in spans):
        end += 0.08 * (end - begin)  # so that what has not ended shows
    return begin, end


def _looks(spans: Sequence[Span]) -> dict[str, Look]:
    names = list(dict.fromkeys(span.name for span in spans))
    looks = {}
    kept = names
    if len(names) > MOST_NAMES:
        seconds = dict.fromkeys(names, 0.0)
        for span in spans:
            seconds[span.name] += 0 if span.ended is None else span.seconds
        kept = sorted(names, key=seconds.__getitem__, reverse=True)[: MOST_NAMES - 1]
    for name in names:
        if name in kept:
            number = len(looks)
            turn = number + number // len(COLOURS)  # another hatch when colours begin again
            looks[name] = Look(COLOURS[number % len(COLOURS)], HATCHES[turn % len(HATCHES)])
    return looks if kept is names else looks | {OTHER: Look("#9a9a9a", "**")}


def _look(looks: dict[str, Look], name: str) -> Look:
    return looks.get(name) or looks[OTHER]


def _lanes(spans: Sequence[Span]) -> dict[str, list[Bar]]:
    """Return each lane's bars: nested spans inside each other, others that overlap in rows."""
    found: dict[str, list[Bar]] = {}
    rows: dict[str, list[list[Bar]]] = {}
    for span in spans:
        stacks = rows.setdefault(span.lane, [])
        bar = _fit(span, stacks)
        found.setdefault(span.lane, []).append(bar)
    return found


def _fit(span: Span, stacks: list[list[Bar]]) -> Bar:
    """Put a span into the first row where it lies inside all that runs, or after it."""
    for stack in stacks:
        while stack and _end(stack[-1].span) <= span.began:
            stack.pop()
    fitting = (
        row for row, stack in enumerate(stacks) if not stack or _end(stack[-1].span) >= _end(span)
    )
    row = next(fitting, len(stacks))
    if row == len(stacks):
        stacks.append([])
    stack = stacks[row]
    bar = Bar(span, row, len(stack))
    if stack:
        stack[-1].holds_others = True
    stack.append(bar)
    return bar


def _end(span: Span) -> float:
    return float("inf") if span.ended is None else span.ended


def _placed(bars: list[Bar], across: Callable[[float], float]) -> list[Bar]:
    """Give bars their edges; short ones that would touch become one."""
    placed: list[Bar] = []
    last: dict[tuple, Bar] = {}
    for bar in bars:
        bar.left = across(bar.span.began)
        bar.right = WIDTH - RIGHT if bar.span.ended is None else across(bar.span.ended)
        short = bar.right - bar.left < NARROWEST
        bar.right = max(bar.right, bar.left + NARROWEST)
        key = bar.row, bar.depth, bar.span.name
        before = last.get(key)
        if short and before and before.short and bar.left < before.right + 0.4:
            before.right = bar.right
            before.count += 1
            continue
        bar.short = short
        last[key] = bar
        placed.append(bar)
    return placed


def _check_number(rows: dict[str, list[Bar]]) -> None:
    bars = sum(map(len, rows.values()))
    cure = "Draw a part of it, for example timeline.part(0, 0.5) or timeline.part(lanes=[...])."
    if len(rows) > MOST_LANES:
        raise ValueError(
            f"This timeline has {len(rows)} lanes, and a figure has room for {MOST_LANES}. {cure}"
        )
    if bars > MOST_BARS:
        raise ValueError(
            f"This timeline would be drawn with {bars:,} bars, and beyond {MOST_BARS:,} they can't "
            f"be told apart. {cure}"
        )


def _lane_height(bars: list[Bar]) -> float:
    rows = max(bar.row for bar in bars) + 1
    return rows * (_row_height(bars) + BETWEEN_ROWS) - BETWEEN_ROWS


def _row_height(bars: list[Bar]) -> float:
    return BAR + 2 * AROUND * min(DEEPEST, max(bar.depth for bar in bars))


def _draw_lane(
    axes: Axes, label: str, left: float, top: float, bars: list[Bar], looks: dict[str, Look]
) -> None:
    from matplotlib.patches import Rectangle

    height = _lane_height(bars)
    _write(axes, MARGIN, top + height / 2, label, TEXT, INK)
    for bar in bars:
        row_height = _row_height(bars)
        inset = AROUND * min(DEEPEST, bar.depth)
        upper = top + bar.row * (row_height + BETWEEN_ROWS) + inset
        size = bar.right - bar.left, row_height - 2 * inset
        style = _look(looks, bar.span.name).style
        if bar.span.ended is None:
            style |= {"linestyle": (0, (3, 2)), "facecolor": PAPER}
        axes.add_patch(Rectangle((bar.left, upper), *size, **style))
        if not bar.holds_others:
            middle = (bar.left + bar.right) / 2, upper + size[1] / 2
            _label(axes, bar, middle, style)


def _label(axes: Axes, bar: Bar, middle: tuple[float, float], style: dict) -> None:
    """Write into the bar what it was done to, or else what was done, where there is room."""
    from matplotlib.patches import Rectangle

    text = bar.span.name if bar.span.item is None else str(bar.span.item)
    if bar.count > 1:
        text = f"{bar.count:,} × {bar.span.name}"
    width = _width(text, SMALL)
    if not text.strip() or width + 5 > bar.right - bar.left:
        return
    if style["hatch"]:
        # A ground behind the text, so that the hatch doesn't run through it.
        corner = middle[0] - width / 2 - 1.5, middle[1] - 0.6 * SMALL
        ground = {"facecolor": style["facecolor"], "linewidth": 0}
        axes.add_patch(Rectangle(corner, width + 3, 1.2 * SMALL, **ground))
    _write(axes, *middle, text, SMALL, INK, ha="center")


def _legend(looks: dict[str, Look], some_open: bool) -> list[list[tuple[float, str, dict]]]:
    """Return the legend's lines: each entry's left edge, its text and its patch's style."""
    entries = [(name, look.style) for name, look in looks.items()]
    if some_open:
        nothing = {"facecolor": PAPER, "edgecolor": QUIET, "linestyle": (0, (3, 2))}
        entries.append(("not ended", nothing | {"linewidth": 0.8, "hatch": ""}))
    lines: list[list[tuple[float, str, dict]]] = []
    x = WIDTH
    for name, style in entries:
        text = _cut(name, 150, TEXT)
        room = 20 + _width(text, TEXT)
        if x + room > WIDTH - MARGIN:
            lines.append([])
            x = MARGIN
        lines[-1].append((x, text, style))
        x += room + 14
    return lines


def _draw_legend(axes: Axes, legend: list[list[tuple[float, str, dict]]], top: float) -> None:
    from matplotlib.patches import Rectangle

    for number, line in enumerate(legend):
        middle = top + LINE * (number + 0.5)
        for x, text, style in line:
            axes.add_patch(Rectangle((x, middle - 4.5), 15, 9, **style))
            _write(axes, x + 20, middle, text, TEXT, INK)


def _draw_axis(
    axes: Axes,
    begin: float,
    end: float,
    across: Callable[[float], float],
    edges: tuple[float, float],
) -> None:
    """Draw a line down at every round time, and write the time below it."""
    unit, _ = _unit(end)
    top, foot = edges
    last = 0.0
    for tick in _ticks(begin, end):
        x = across(tick)
        axes.plot((x, x), (top - 2, foot), color=FAINT, **LINE_STYLE)
        text = f"{tick / unit:.10g}"
        if x - _width(text, SMALL) / 2 > last:
            _write(axes, x, foot + 7, text, SMALL, QUIET, ha="center")
            last = x + _width(text, SMALL) / 2 + 4
    ends = (across(begin), across(end))
    axes.plot(ends, (foot, foot), color=QUIET, **LINE_STYLE)


def _ticks(begin: float, end: float) -> list[float]:
    """Return 4 to 10 round times, exact to the nanosecond."""
    first, last = round(begin * 1e9), round(end * 1e9)
    step = 1
    while (last - first) / step > 10:
        # 1, 2, 5, 10, 20, 50 ...
        step = step * 5 // 2 if str(step)[0] == "2" else step * 2
    return [tick / 1e9 for tick in range(-(-first // step) * step, last + 1, step)]


def _axis_words(end: float, rows: dict[str, list[Bar]], scale: float) -> str:
    words = f"Time in {_unit(end)[1]}."
    if any(bar.short for bars in rows.values() for bar in bars):
        words += (
            f" Spans under {_time(NARROWEST / scale)} are drawn wider than they are, "
            "neighbours among them as one."
        )
    return words


def _write(axes: Axes, x: float, middle: float, text: str, size: float, color: str, ha="left"):
    # By the baseline: a digit's middle is 0.36 of its size above it, whatever else stands there.
    y = middle + 0.36 * size
    axes.text(x, y, text, size=size, color=color, ha=ha, va="baseline", parse_math=False)


def _cut(text: str, room: float, size: float) -> str:
    """Leave out the middle of a text that is too wide: names of threads differ at their ends."""
    text = " ".join(text.split())
    if _width(text, size) <= room:
        return text
    for kept in range(len(text) - 1, 0, -1):
        cut = text[: -(-kept // 2)].rstrip() + "…" + text[len(text) - kept // 2 :].lstrip()
        if _width(cut, size) <= room:
            return cut
    return "…"


@lru_cache(maxsize=4096)
def _width(text: str, size: float) -> float:
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextPath

    if not text.strip():
        return 0.0
    font = FontProperties(family="DejaVu Sans")
    text = text.replace("$", r"\$")  # no formula
    return float(TextPath((0, 0), text, size=100, prop=font).get_extents().x1) * size / 100
