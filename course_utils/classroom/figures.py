"""One style for the course's figures, shown so that every machine draws the same bytes.

A figure that holds no measured time is shown as SVG and compared with the stored one, byte by
byte. Photos are shown as one small JPEG, beside a table of their pixels that is compared instead.
"""

from __future__ import annotations

import base64
import hashlib
import html
import io
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure
    from matplotlib.text import Text

    from .manifest import Course

SIZE = (7.0, 3.0)  # inches: 672 pixels wide, as wide as JupyterLab's text
INK, QUIET, PAPER = "#1a1a1a", "#5c5c5c", "#ffffff"
# Okabe and Ito's colours, told apart by colour-blind eyes; yellow is left out: too pale on white.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
LINES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)), (0, (1, 1)))
# For bars, in the colours' order: `ax.bar(..., color=COLOURS[i], hatch=HATCHES[i])`.
HATCHES = ("", "///", "...", "xxx", "\\\\\\", "---", "+++")
_STABLE = {
    "svg.fonttype": "none",  # text stays text: searchable, and no glyph outlines to differ
    "svg.hashsalt": "course",
    "savefig.bbox": None,  # "tight" would make the size depend on the fonts found
    "path.simplify": False,
}
JPEG_BYTES = 60_000


def style() -> None:
    """Set Matplotlib's defaults to the course's one style. Calling it again changes nothing."""
    import matplotlib
    from cycler import cycler

    matplotlib.rcParams.update(
        {
            **_STABLE,
            "figure.figsize": SIZE,
            "figure.dpi": 96,
            "figure.facecolor": PAPER,
            "savefig.facecolor": PAPER,
            "axes.facecolor": PAPER,
            "axes.prop_cycle": cycler(color=COLOURS, marker=MARKERS, linestyle=LINES),
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.edgecolor": QUIET,
            "axes.labelcolor": INK,
            "axes.titlesize": 11,
            "axes.titlelocation": "left",
            "axes.labelsize": 10,
            "axes.axisbelow": True,
            "font.family": "sans-serif",
            # DejaVu Sans comes with Matplotlib; Verdana is its nearest relative in a browser.
            "font.sans-serif": ["DejaVu Sans", "Verdana"],
            "font.size": 10,
            "grid.color": "#d9d9d9",
            "hatch.linewidth": 0.8,
            "image.cmap": "viridis",
            "legend.frameon": False,
            "legend.fontsize": 9,
            "lines.linewidth": 1.8,
            "lines.markersize": 5,
            "text.color": INK,
            "xtick.color": QUIET,
            "xtick.labelcolor": INK,
            "xtick.labelsize": 9,
            "ytick.color": QUIET,
            "ytick.labelcolor": INK,
            "ytick.labelsize": 9,
        }
    )


@dataclass(frozen=True, repr=False)
class Picture:
    """A figure as SVG text, with the words that say the same."""

    svg: str
    alt: str

    def __repr__(self) -> str:
        return self.alt

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"image/svg+xml": self.svg, "text/plain": self.alt}


class Drawable(Protocol):
    """A record that draws and describes itself, such as `Race` and `Elements`."""

    def figure(self) -> Figure:
        """Return a new figure of a fixed size."""

    def describe(self) -> str:
        """Return the same in words."""


def show(fig: Figure | Drawable, alt: str | None = None) -> None:
    """Show a figure as SVG, and below it, folded, the same in words.

        show(fig, "Bars of three heights: one, two and three.")
        show(race)

    fig: a Matplotlib figure of its own fixed size, which is closed afterwards; or a record with
        `figure()` and `describe()`.
    alt: what the figure shows, in sentences: for those who don't see it, and for the comparison.
        A record describes itself, and takes none.

    Outside IPython the words are printed. Raises TypeError or ValueError when `fig` is neither, or
    `alt` says too little, is missing or is given to a record.
    """
    if _is_record(fig):
        if alt is not None:
            raise TypeError(
                f"show() was given alt for a record of type {type(fig).__name__}, which describes "
                "itself: leave alt out. For words of your own give it the record's figure, "
                "show(record.figure(), alt)."
            )
        fig, alt = fig.figure(), fig.describe()
    picture = as_svg(fig, alt)
    if _display(picture._repr_mimebundle_()):
        _display({"text/html": _folded(picture.alt), "text/plain": picture.alt})
    else:
        print(picture.alt)


def as_svg(fig: Figure, alt: str | None) -> Picture:
    """Return the figure as a `Picture`: the same bytes in every process, for a fixed Matplotlib.

    The file carries no date and no name of a program, its ids are numbered in order and carry a
    hash of the file, coordinates are rounded to 0.1 pt, text is text, and the ground is white in
    the dark theme, too.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    if not isinstance(fig, Figure):
        hint = ""
        if isinstance(getattr(fig, "figure", None), Figure):
            hint = " Give it the axes' own: ax.figure."
        elif hasattr(fig, "figure"):
            hint = " A record is shown as it is where it has both figure() and describe()."
        raise TypeError(f"show() expects a Matplotlib figure, not {type(fig).__name__}.{hint}")
    alt = _checked_alt(alt)
    file = io.StringIO()
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    with rc_context(_STABLE):
        fig.savefig(file, format="svg", metadata=nothing, facecolor=PAPER, bbox_inches=None)
    _close(fig)
    return Picture(_with_own_ids(_with_words(_stable(file.getvalue()), alt)), alt)


def clipped(fig: Figure) -> list[str]:
    """Return what can't be read in a figure: texts that leave the canvas or cover each other.

    An empty list means that every text is whole. For the tests of a figure.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.text import Text

    canvas = FigureCanvasAgg(fig)
    canvas.draw()
    renderer = canvas.get_renderer()
    boxes = [
        (text.get_text(), Text.get_window_extent(text, renderer)) for text in _drawn_texts(fig)
    ]
    slack = 0.5  # pixels: rounding
    width, height = fig.bbox.width, fig.bbox.height
    found = [
        f"{text!r} leaves the canvas"
        for text, box in boxes
        if box.x0 < -slack or box.y0 < -slack or box.x1 > width + slack or box.y1 > height + slack
    ]
    for (one, a), (other, b) in combinations(boxes, 2):
        across = min(a.x1, b.x1) - max(a.x0, b.x0)
        down = min(a.y1, b.y1) - max(a.y0, b.y0)
        if across > slack and down > slack:
            found.append(f"{one!r} and {other!r} overlap")
    return found


def photos(images: Sequence[np.ndarray], titles: Sequence[str], alt: str, columns: int = 8) -> None:
    """Show photos as one contact sheet, and print a table of their sizes and mean colours.

    images: arrays of shape (height, width, 3), uint8, RGB; sizes may differ.
    titles: one for each, written beneath it (shortened where too long) and in the table.
    alt: what there is to see, in words.
    columns: photos in a row, 1 to 12.

    The sheet is a JPEG of at most 60 kB, which isn't compared; the table is. Raises TypeError or
    ValueError for arrays of another kind, shape or number.
    """
    arrays = [_checked_photo(image, number) for number, image in enumerate(images, 1)]
    names = [str(title) for title in titles]
    alt = _checked_alt(alt)
    if not 1 <= len(arrays) <= 64:
        raise ValueError(f"A contact sheet holds 1 to 64 photos, and {len(arrays)} were given.")
    if len(names) != len(arrays):
        raise ValueError(f"{len(arrays)} photos were given with {len(names)} titles.")
    if type(columns) is not int or not 1 <= columns <= 12:
        raise ValueError(f"columns is a whole number from 1 to 12, not {columns!r}.")
    data = contact_sheet(arrays, names, columns)
    _display({"image/jpeg": base64.b64encode(data).decode(), "text/plain": alt})
    print(pixel_table(arrays, names))


def pixel_table(images: Sequence[np.ndarray], titles: Sequence[str]) -> str:
    """Return the table of the photos' sizes in pixels and their mean red, green and blue."""
    from tabulate import tabulate

    rows = []
    for title, image in zip(titles, images, strict=True):
        # Sums of whole numbers are exact: no mean that rounds differently elsewhere.
        sums = image.reshape(-1, 3).sum(axis=0, dtype="int64")
        number = image.shape[0] * image.shape[1]
        means = [int((2 * int(one) + number) // (2 * number)) for one in sums]
        rows.append((title, f"{image.shape[0]} x {image.shape[1]}", *means))
    headers = ("photo", "height x width", "mean R", "mean G", "mean B")
    return tabulate(rows, headers, disable_numparse=[0, 1])


def contact_sheet(images: Sequence[np.ndarray], titles: Sequence[str], columns: int = 8) -> bytes:
    """Return the contact sheet as a JPEG of at most 60 kB; photos keep their proportions."""
    import numpy as np
    from PIL import Image, ImageDraw

    columns = min(columns, len(images))
    tile = min(160, 744 // columns - 8)  # pixels
    gap, line = 8, 15
    rows = -(-len(images) // columns)
    size = (gap + columns * (tile + gap), gap + rows * (tile + line + gap))
    sheet = Image.new("RGB", size, PAPER)
    draw = ImageDraw.Draw(sheet)
    font = _photo_font()
    for number, (image, title) in enumerate(zip(images, titles, strict=True)):
        left = gap + number % columns * (tile + gap)
        top = gap + number // columns * (tile + line + gap)
        draw.rectangle((left, top, left + tile - 1, top + tile - 1), fill="#e6e6e6")
        scale = tile / max(image.shape[:2])
        height, width = (max(1, round(side * scale)) for side in image.shape[:2])
        small = Image.fromarray(np.ascontiguousarray(image)).resize((width, height))
        sheet.paste(small, (left + (tile - width) // 2, top + (tile - height) // 2))
        text = _fitting(title, tile, font)
        draw.text((left + tile // 2, top + tile + 2), text, INK, font, anchor="ma")
    return _small_jpeg(sheet)


def course_map(course: Course) -> Figure:
    """Draw the course: its lessons in reading order, minutes, and which builds on which.

    An arrow leads from a lesson to one that needs it. Arrows that follow from others are left
    out: where 03 needs 02 and 02 needs 01, there is none from 01 to 03. Show it with
    `show(course_map(course), describe_map(course))`.
    """
    from .coursemap import draw

    return draw(course)


def describe_map(course: Course) -> str:
    """Return the map in words: every lesson with its minutes and what it builds on."""
    from .coursemap import describe

    return describe(course)


def _display(bundle: dict[str, str]) -> bool:
    """Display in IPython; tell whether there was one."""
    ipython = sys.modules.get("IPython")
    if ipython is None or ipython.get_ipython() is None:
        return False
    ipython.display.display(bundle, raw=True)
    return True


def _folded(alt: str) -> str:
    words = "<br>\n".join(html.escape(line) for line in alt.splitlines())
    return f"<details><summary>This figure in words</summary>\n{words}\n</details>"


def _is_record(fig: Any) -> bool:
    own = not isinstance(fig, type)  # a class has the names, too
    return own and all(callable(getattr(fig, name, None)) for name in ("figure", "describe"))


def _checked_alt(alt: str | None) -> str:
    if alt is None:
        raise TypeError(
            "alt is the figure in words, and none was given: show(fig, alt). Only a record that "
            "describes itself, such as a Race, is shown without."
        )
    if not isinstance(alt, str):
        raise TypeError(f"alt is the figure in words, not {type(alt).__name__}.")
    alt = alt.strip()
    if len(alt) < 20 or len(alt.split()) < 4:
        raise ValueError(
            f"alt says too little: {alt!r}. Tell in a sentence what the figure shows: it stands "
            "for the figure where that can't be seen."
        )
    return alt


def _close(fig: Figure) -> None:
    # Otherwise the inline backend shows it a second time at the end of the cell.
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is not None:
        pyplot.close(fig)


def _stable(svg: str) -> str:
    """Take out of Matplotlib's SVG what may differ between processes and machines."""
    svg = svg[svg.index("<svg ") :]
    svg = re.sub(r"\s*<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    # Ids made by hashing floating-point numbers get their place in the file instead.
    hashed = dict.fromkeys(re.findall(r'\bid="([A-Za-z][0-9a-f]{10})"', svg))
    for number, old in enumerate(hashed, 1):
        svg = re.sub(rf'(?<=[#"]){old}(?=["\)])', f"{old[0]}{number}", svg)
    return re.sub(
        r'(?<=\s)(d|points|x|y|x1|x2|y1|y2|cx|cy|r|rx|ry|width|height|viewBox|transform)="([^"]*)"',
        lambda found: f'{found[1]}="{_rounded(found[1], found[2])}"',
        svg,
    )


def _rounded(attribute: str, value: str) -> str:
    if attribute == "transform":
        # A scale is no coordinate.
        return re.sub(r"(?:translate|rotate)\([^)]*\)", lambda one: _tenths(one[0]), value)
    return _tenths(value)


def _tenths(numbers: str) -> str:
    def tenth(number: re.Match[str]) -> str:
        text = f"{float(number[0]):.1f}".removesuffix(".0")
        return "0" if text == "-0" else text

    return re.sub(r"-?\d*\.?\d+(?:e[-+]?\d+)?", tenth, numbers)


def _with_words(svg: str, alt: str) -> str:
    start = svg.index(">") + 1
    label = html.escape(" ".join(alt.split()))
    head = svg[: start - 1].rstrip()
    return f'{head} role="img" aria-label="{label}">\n <title>{label}</title>{svg[start:]}'


def _with_own_ids(svg: str) -> str:
    """Mark what a figure refers to by a hash of it all, as a page may hold several figures.

    An id stands for one thing on a page: another figure's clip path would cut this one's bars off.
    """
    mark = hashlib.sha256(svg.encode()).hexdigest()[:8]
    return re.sub(r'((?:\bid="|url\(#|href="#)[A-Za-z]\d+)(?=["\)])', rf"\1_{mark}", svg)


def _drawn_texts(fig: Figure) -> list[Text]:
    """Return the texts that were drawn: Matplotlib keeps tick labels beyond the axes' ends."""
    from matplotlib.axis import Axis
    from matplotlib.text import Text

    beyond = set()
    for axis in fig.findobj(Axis):
        low, high = sorted(axis.get_view_interval())
        margin = (high - low) * 1e-9
        for tick in [*axis.get_major_ticks(), *axis.get_minor_ticks()]:
            inside = low - margin <= tick.get_loc() <= high + margin
            if not (inside and axis.get_visible() and axis.axes.axison):
                beyond |= {tick.label1, tick.label2}
        if not axis.axes.axison:
            beyond |= {axis.label, axis.offsetText}
    return [
        text
        for text in fig.findobj(Text)
        if text not in beyond and text.get_visible() and text.get_text().strip()
    ]


def _checked_photo(image: np.ndarray, number: int) -> np.ndarray:
    shape, dtype = getattr(image, "shape", None), getattr(image, "dtype", None)
    if shape is None or dtype is None:
        raise TypeError(f"Photo {number} is no array but {type(image).__name__}.")
    if dtype != "uint8":
        raise TypeError(
            f"Photo {number} holds {dtype}, expected uint8 (0 to 255). Convert it on purpose, for "
            "example with (image * 255).astype(np.uint8) where it holds 0 to 1."
        )
    if len(shape) != 3 or shape[2] != 3 or 0 in shape:
        raise ValueError(
            f"Photo {number} has shape {tuple(shape)}, expected (height, width, 3): RGB."
        )
    return image


def _photo_font() -> Any:
    import matplotlib
    from PIL import ImageFont

    return ImageFont.truetype(f"{matplotlib.get_data_path()}/fonts/ttf/DejaVuSans.ttf", 11)


def _fitting(text: str, width: int, font: Any) -> str:
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(text + "…") > width:
        text = text[:-1]
    return text.rstrip() + "…"


def _small_jpeg(sheet: Any) -> bytes:
    for quality in (88, 80, 72, 64, 56, 48, 40, 32, 24, 16, 10):
        file = io.BytesIO()
        sheet.save(file, "JPEG", quality=quality, optimize=True)
        if file.tell() <= JPEG_BYTES:
            return file.getvalue()
    smaller = sheet.resize((sheet.width * 4 // 5, sheet.height * 4 // 5))
    return _small_jpeg(smaller)
