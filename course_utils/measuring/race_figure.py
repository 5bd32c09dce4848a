"""The figure of a race: a bar for each pipeline, a dot for each round.

Where one pipeline takes far longer than another (`race.FAR_APART` times), a bar for the faster one
would have no length. The axis is then logarithmic, and in place of the bar, whose length would
mean nothing, a line leads from the control's time to a square at the pipeline's own.
"""

from __future__ import annotations

import textwrap
from math import ceil, floor, log10
from typing import TYPE_CHECKING

from course_utils.measuring.display import singular

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from course_utils.measuring.race import Race
    from course_utils.measuring.ratio import Ratio

# Colours that stay apart for colour-blind eyes and in grey (Okabe and Ito's blue and black);
# the hatches tell the same without colour.
BAR = {"facecolor": "#56a0d3", "hatch": ""}
CONTROL_BAR = {"facecolor": "#d9d9d9", "hatch": "//"}
AGAIN_BAR = {"facecolor": "#f2f2f2", "hatch": "\\\\"}  # lines: dots are 60 kB of SVG


def draw(race: Race) -> Figure:
    """Draw the time per item of each pipeline, as a ratio to the control's.

    The figure is 7 inches wide, and as high as the pipelines' names and the caption need.
    """
    from matplotlib.figure import Figure

    labels = [textwrap.fill(_plain(name), 26) for name in race.names]
    rooms = [0.5 + 0.16 * label.count("\n") for label in labels]  # inches for each bar
    caption = textwrap.fill(race.caption, 105)
    height = 0.9 + sum(rooms) + 0.18 * (caption.count("\n") + 2)
    figure = Figure(figsize=(7, height), layout="constrained")
    axes = figure.subplots()
    far_apart = race.far_apart
    if far_apart:
        axes.set_xscale("log")
    widest = 0.0
    top = 0.0
    ticks = []
    for name, room in zip(race.names, rooms, strict=True):
        ticks.append(top + room / 2)
        top += room
        widest = max(widest, _draw_pipeline(axes, race, name, ticks[-1], far_apart))
    axes.axvline(1, color="#333333", linewidth=0.8, linestyle=(0, (4, 3)), zorder=0)
    axes.set_yticks(ticks, labels, fontsize=10)
    axes.set_ylim(top, 0)
    # A third of the width is for the numbers behind the longest bar.
    if far_apart:
        lowest = min(min(race.ratio(name, race.control).values) for name in race.names)
        start = 10 ** floor(log10(lowest)) / 1.8  # room for half a square
        axes.set_xlim(start, widest * (widest / start) ** 0.5)
        axes.set_xticks(_powers_of_ten(start, widest))
        axes.xaxis.set_major_formatter(lambda tick, _: f"{tick:,.12g}")
        axes.minorticks_off()
        axes.grid(axis="x", color="#d9d9d9", linewidth=0.8)
        axes.set_axisbelow(True)
    else:
        start = 0
        axes.set_xlim(0, widest * 1.5)
        axes.set_xticks([tick for tick in axes.get_xticks() if 0 <= tick <= widest * 1.05])
    axes.spines["bottom"].set_bounds(start, widest)
    axes.set_xlabel(_plain(_axis_words(race)), loc="left")
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    title = "Bars: median of the rounds. Dots: the rounds."
    if far_apart:
        title = "Squares: medians. Dots: the rounds. Logarithmic: ×10 from line to line."
    axes.set_title(title, fontsize=9, loc="left")
    figure.supxlabel(caption, fontsize=8, color="#555555", x=0.01, ha="left")
    return figure


def _powers_of_ten(start: float, end: float) -> list[float]:
    return [10.0**power for power in range(ceil(log10(start)), floor(log10(end)) + 1)]


def _draw_pipeline(axes: Axes, race: Race, name: str, position: float, far_apart: bool) -> float:
    """Draw the bar, the dots and the numbers of one pipeline; return where bar and dots end."""
    ratio = race.ratio(name, race.control)
    look = {race.control: CONTROL_BAR, race.again: AGAIN_BAR}.get(name, BAR)
    if far_apart:
        line = {"linestyle": "-", "marker": "", "linewidth": 3, "zorder": 1}
        axes.plot([1, ratio.median], [position] * 2, color=look["facecolor"], **line)
        square = {"marker": "s", "markersize": 11, "markeredgecolor": "#333333", "zorder": 2}
        axes.plot(ratio.median, position, markerfacecolor=look["facecolor"], **square)
    else:
        axes.barh(position, ratio.median, 0.3, edgecolor="#333333", linewidth=0.8, **look)
    end = ratio.median
    if name != race.control:
        _draw_dots(axes, ratio, position)
        end = max(end, *ratio.values)
    axes.annotate(
        _plain(f"{race.time_words(name)}\n{race.speed_words(name)}"),
        (end, position),
        xytext=(12 if far_apart else 8, 0),
        textcoords="offset points",
        va="center",
        fontsize=9,
        linespacing=1.25,
        # So that the line at 1 doesn't run through the numbers.
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.5},
    )
    return end


def _draw_dots(axes: Axes, ratio: Ratio, position: float) -> None:
    # They lie a little apart, in the order of the rounds, so that equal ones show.
    spread = len(ratio.values) - 1 or 1
    heights = [position + 0.16 * (i / spread - 0.5) for i in range(len(ratio.values))]
    axes.plot(
        ratio.values,
        heights,
        linestyle="none",
        marker="o",
        markersize=4,
        markerfacecolor="white",
        markeredgecolor="black",
        markeredgewidth=0.8,
    )


def _axis_words(race: Race) -> str:
    """In one line, or broken before the bracket."""
    compared = f"time per {singular(race.unit)}, relative to “{race.control}”"
    hint = "(shorter is faster)"
    if len(f"{compared} {hint}") <= 65:
        return f"{compared} {hint}"
    return f"{textwrap.fill(compared, 65)}\n{hint}"


def _plain(text: str) -> str:
    """Text in which Matplotlib sees no formula."""
    return text.replace("$", r"\$")
