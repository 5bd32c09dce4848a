import hashlib
import io
import itertools
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import nbformat
import numpy as np
import pytest
from matplotlib.figure import Figure

from course_utils.classroom import figures
from course_utils.classroom.figures import as_svg, clipped, course_map, describe_map, photos
from course_utils.classroom.manifest import Course, Lesson, load
from course_utils.measuring.elements import Elements
from course_utils.measuring.race import Race
from course_utils.measuring.timing import Epoch

ROOT = Path(__file__).parents[2]
ALT = "Bars of three heights: one, two and three."

TITLES = (
    "Start here", "Numbers", "Signatures", "Arrays and training", "Photos", "Arguments and state",
    "Where time goes", "Threads", "Processes", "Keras generators", "Leaving Python",
    "A busy accelerator", "Many machines", "When things break", "Your own pipeline",
)  # fmt: skip
NEEDS = {
    1: [0], 2: [1], 3: [2], 4: [1, 2], 5: [2], 6: [4], 7: [6], 8: [7], 9: [4, 5], 10: [6, 9],
    11: [6, 10], 12: [10], 13: [4, 8], 14: [11, 12, 13],
}  # fmt: skip


def synthetic(lessons: int, indices: int = 0, needs=NEEDS, titles=TITLES) -> Course:
    stems = [f"{n:02d}_lesson" for n in range(15)]
    made = [
        Lesson(stem, titles[n], "Why?", 20 + n, 10, needs=tuple(stems[k] for k in needs.get(n, [])))
        for n, stem in enumerate(stems[:lessons])
    ]
    made += [
        Lesson(stem, title, "Which?", 0, 0)
        for stem, title in (
            ("claims_on_trial", "Claims on trial"),
            ("find_your_problem", "Find your problem"),
        )[:indices]
    ]
    return Course("Feeding TensorFlow", tuple(made))


def bars(label: str = "three") -> Figure:
    fig = Figure(figsize=figures.SIZE)
    ax = fig.add_subplot()
    for n, name in enumerate(("one", "two", label)):
        ax.bar(name, n + 1 / 3, color=figures.COLOURS[n], hatch=figures.HATCHES[n], label=name)
    ax.plot([0, 1, 2], [0.1, 0.7, 1.9], marker="o")
    ax.set_ylabel("height, cm")
    ax.legend()
    return fig


# SVG


def test_the_svg_has_its_words_and_nothing_of_the_machine():
    svg = as_svg(bars(), 'Bars of "three" heights & <more>.').svg
    root = ET.fromstring(svg)
    assert root.get("role") == "img"
    assert root.get("aria-label") == 'Bars of "three" heights & <more>.'
    assert (root.get("width"), root.get("height")) == ("504pt", "216pt")
    title = root.find("{http://www.w3.org/2000/svg}title")
    assert title.text == 'Bars of "three" heights & <more>.'
    assert ">height, cm</text>" in svg
    assert "sans-serif" in svg
    assert not re.search(
        r"metadata|Matplotlib v|matplotlib\.org|\d{4}-\d\d-\d\d|https?://(?!www\.w3)", svg
    )
    assert 'style="fill: #ffffff"' in svg


def test_coordinates_are_rounded_to_a_tenth():
    svg = as_svg(bars(), ALT).svg
    numbers = re.findall(r'\s(?:d|x|y|width|height|points)="([^"]*)"', svg)
    assert len(numbers) > 20
    assert not re.search(r"\.\d\d|e-", " ".join(numbers))


def test_every_reference_has_its_id():
    svg = as_svg(bars(), ALT).svg
    ids = re.findall(r'\bid="([^"]+)"', svg)
    assert len(ids) == len(set(ids))
    referred = set(re.findall(r'(?:url\(|href=")#([\w-]+)', svg))
    assert referred
    assert referred <= set(ids)
    assert not re.search(r"[#\"][a-zA-Z][0-9a-f]{10}[\")]", svg)


def test_figures_on_one_page_refer_to_their_own_ids():
    def referred(labels: str) -> set[str]:
        svg = as_svg(bars(labels), ALT).svg
        return set(re.findall(r'(?:url\(|href=")#([\w-]+)', svg))

    assert referred("three")
    assert referred("three") == referred("three")
    assert not referred("three") & referred("four")


IN_A_PROCESS = """
import sys
sys.path.insert(0, {folder!r})
import hashlib, test_figures as t
t.figures.style()
for figure in (t.bars(), t.course_map(t.synthetic(15, 2))):
    print(hashlib.sha256(t.as_svg(figure, t.ALT).svg.encode()).hexdigest())
"""


def test_two_processes_draw_the_same_bytes(tmp_path):
    code = IN_A_PROCESS.format(folder=str(Path(__file__).parent))
    results = []
    for n, seed in enumerate(("1", "2")):
        folder = tmp_path / str(n)
        folder.mkdir()
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=folder, env=environment, capture_output=True,
            text=True, check=True,
        )  # fmt: skip
        results.append(done.stdout)
    assert results[0] == results[1]
    assert len(results[0].split()) == 2


def test_drawing_twice_gives_the_same_and_another_label_gives_other_bytes():
    digests = [hashlib.sha256(as_svg(bars(n), ALT).svg.encode()).hexdigest()
               for n in ("three", "three", "thrее")]  # fmt: skip
    assert digests[0] == digests[1] != digests[2]


def test_noise_below_a_tenth_of_a_point_changes_nothing():
    def line(noise: float) -> str:
        fig = Figure(figsize=figures.SIZE)
        ax = fig.add_axes((0.1 + noise, 0.1, 0.8, 0.8), xlim=(0, 1), ylim=(0, 1))
        ax.plot([0.1, 0.52 + noise], [0.3, 0.71], marker="s")
        return as_svg(fig, ALT).svg

    assert line(0) == line(1e-9)
    assert line(0) != line(0.01)


@pytest.mark.parametrize(
    "alt", ["", "   ", "Bars.", "one two three", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaa"]
)
def test_words_that_say_too_little_are_refused(alt):
    with pytest.raises(ValueError, match="alt says too little"):
        figures.show(bars(), alt)


@pytest.mark.parametrize("alt", [3, ["Bars of three heights: one, two."]])
def test_words_are_text(alt):
    with pytest.raises(TypeError, match="alt is the figure in words"):
        figures.show(bars(), alt)


def test_a_figure_is_given_with_its_words():
    with pytest.raises(TypeError, match=r"none was given: show\(fig, alt\)"):
        figures.show(bars())


class Record:
    """Draws and describes itself."""

    def figure(self):
        return bars()

    def describe(self):
        return ALT


def small_race() -> Race:
    epochs = {"a": Epoch(1, 1, 0, 2, 8, 8), "a again": Epoch(1, 2, 0, 1, 8, 8)}
    return Race(("a", "a again"), "a", "rows", (epochs,), 2, {}, "Linux", "2026-01-01")


@pytest.mark.parametrize("record", [Record(), small_race(), Elements({"a": [0, 1]})])
def test_a_record_is_shown_with_its_own_words(capsys, monkeypatch, record):
    figures.show(record)
    assert capsys.readouterr().out == f"{record.describe()}\n"
    shown = []
    monkeypatch.setattr(figures, "_display", lambda bundle: shown.append(bundle) or True)
    figures.show(record)
    figures.show(record.figure(), record.describe())
    assert capsys.readouterr().out == ""
    assert len(shown) == 4
    assert shown[:2] == shown[2:]
    assert [set(one) for one in shown[:2]] == [
        {"image/svg+xml", "text/plain"},
        {"text/html", "text/plain"},
    ]


def test_a_record_takes_no_words_of_others():
    with pytest.raises(TypeError, match=r"type Record, which describes itself: leave alt out\."):
        figures.show(Record(), ALT)


def test_what_only_looks_like_a_record_is_refused():
    with pytest.raises(TypeError, match=r"not type\. A record is shown"):
        figures.show(Record)
    half = Record()
    half.describe = None
    with pytest.raises(TypeError, match=r"not Record\. A record .* figure\(\) and describe\(\)"):
        figures.show(half)
    half.describe = lambda: "Bars."
    with pytest.raises(ValueError, match=r"alt says too little: 'Bars\.'"):
        figures.show(half)


def test_what_is_no_figure_is_refused():
    with pytest.raises(TypeError, match=r"expects a Matplotlib figure, not Axes.* ax\.figure"):
        figures.show(Figure().add_subplot(), ALT)
    with pytest.raises(TypeError, match="not str"):
        figures.show("figure", ALT)


def test_outside_a_notebook_the_words_are_printed(capsys):
    figures.show(bars(), ALT)
    assert capsys.readouterr().out == ALT + "\n"


def test_in_a_notebook_the_figure_is_shown_once_with_its_words_below():
    from nbclient import NotebookClient

    code = """
import matplotlib.pyplot as plt
import numpy as np
from course_utils.classroom import figures, finding
figures.style()
fig, ax = plt.subplots()
ax.plot([1, 2, 3])
figures.show(fig, "A line that rises from one to three.")
"""
    last = 'finding("00.a", 1, 1, "One.")'
    picture = """
figures.photos([np.zeros((30, 40, 3), np.uint8)], ["black"], "One black photo, wider than high.")
"""
    cells = [nbformat.v4.new_code_cell(source) for source in (code, last, picture)]
    notebook = nbformat.v4.new_notebook(cells=cells)
    NotebookClient(notebook, timeout=60, resources={"metadata": {"path": str(ROOT)}}).execute()
    svg, words = notebook.cells[0].outputs
    assert set(svg.data) == {"image/svg+xml", "text/plain"}
    assert svg.data["text/plain"] == "A line that rises from one to three."
    assert "<details><summary>This figure in words</summary>" in words.data["text/html"]
    assert words.data["text/plain"] == "A line that rises from one to three."
    # A finding as the last expression is printed, and not displayed as well.
    (line,) = notebook.cells[1].outputs
    assert line.text == "✓ 00.a = 1: One.\n"
    jpeg, table = notebook.cells[2].outputs
    assert set(jpeg.data) == {"image/jpeg", "text/plain"}
    assert "black" in table.text


# Style


def test_the_style_can_be_set_twice_and_draws_without_warnings(recwarn):
    import matplotlib

    with matplotlib.rc_context():
        figures.style()
        once = dict(matplotlib.rcParams)
        figures.style()
        assert dict(matplotlib.rcParams) == once
        fig = Figure()
        ax = fig.add_subplot()
        lines = [ax.plot([0, 1], [n, n + 1])[0] for n in range(len(figures.COLOURS))]
        looks = {(one.get_color(), one.get_marker(), one.get_linestyle()) for one in lines}
        assert len(looks) == len(figures.COLOURS)
        assert tuple(fig.get_size_inches()) == figures.SIZE
        as_svg(fig, ALT)
    assert not recwarn.list


# clipped


def text_figure(*texts: tuple[float, float, str]) -> Figure:
    fig = Figure(figsize=(4, 2))
    for x, y, text in texts:
        fig.text(x, y, text)
    return fig


def test_whole_texts_are_not_reported():
    assert clipped(text_figure((0.1, 0.1, "one"), (0.1, 0.5, "two"), (0.5, 0.1, "three"))) == []


def test_a_text_beyond_the_canvas_is_reported():
    assert clipped(text_figure((0.9, 0.5, "too far right"))) == [
        "'too far right' leaves the canvas"
    ]
    assert clipped(text_figure((0.1, -0.05, "low"))) == ["'low' leaves the canvas"]


def test_texts_that_cover_each_other_are_reported():
    assert clipped(text_figure((0.1, 0.5, "one"), (0.12, 0.52, "two"))) == [
        "'one' and 'two' overlap"
    ]


def test_axis_labels_are_looked_at_and_hidden_ones_are_not():
    fig = Figure(figsize=(7, 3), layout="constrained")
    ax = fig.add_subplot()
    ax.plot([0.001, 0.999], [3, 97])
    ax.set_xlim(0.05, 0.95)
    assert clipped(fig) == []
    ax.set_xticks(np.linspace(0.1, 0.9, 60))
    assert any("overlap" in one for one in clipped(fig))
    ax.set_axis_off()
    assert clipped(fig) == []


# Photos


def photo(height: int, width: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_photos_print_their_sizes_and_means(capsys):
    red = np.zeros((20, 40, 3), np.uint8)
    red[..., 0] = 255
    half = np.zeros((2, 1, 3), np.uint8)
    half[0] = 1  # a mean of 0.5 in each channel
    photos([red, half], ["red", "007"], "A red photo and a black one, side by side.")
    out = capsys.readouterr().out
    assert "red      20 x 40                255         0         0" in out
    assert "007      2 x 1                    1         1         1" in out


@pytest.mark.parametrize("number", [1, 3, 8, 24, 64])
def test_the_contact_sheet_is_a_small_jpeg(number):
    from PIL import Image

    images = [photo(100 + 7 * n, 330 - 3 * n, n) for n in range(number)]  # noise: the hardest case
    data = figures.contact_sheet(images, [f"photo {n}" for n in range(number)])
    assert len(data) <= 60_000
    sheet = Image.open(io.BytesIO(data))
    assert sheet.format == "JPEG"
    assert sheet.width <= 760


def test_photos_keep_their_proportions():
    from PIL import Image

    wide = np.zeros((50, 200, 3), np.uint8)
    sheet = Image.open(io.BytesIO(figures.contact_sheet([wide], ["wide"])))
    dark = np.asarray(sheet.convert("L"))[:160] < 60
    rows, columns = dark.any(axis=1).sum(), dark.any(axis=0).sum()
    assert columns / rows == pytest.approx(4, rel=0.1)


@pytest.mark.parametrize(
    ("image", "error", "words"),
    [
        (np.zeros((4, 4, 3)), TypeError, "Photo 1 holds float64, expected uint8"),
        (np.zeros((4, 4, 3), np.int64), TypeError, "holds int64"),
        ([[1]], TypeError, "no array but list"),
        (None, TypeError, "no array but NoneType"),
        (np.zeros((4, 4), np.uint8), ValueError, r"shape \(4, 4\), expected \(height, width, 3\)"),
        (np.zeros((4, 4, 4), np.uint8), ValueError, "expected"),
        (np.zeros((3, 4, 5), np.uint8), ValueError, "expected"),
        (np.zeros((0, 4, 3), np.uint8), ValueError, "expected"),
    ],
)
def test_what_is_no_photo_is_refused(image, error, words):
    with pytest.raises(error, match=words):
        photos([image], ["a"], "A photo that is none at all.")


def test_numbers_that_do_not_fit_are_refused():
    good, alt = photo(9, 9, 0), "A photo of pure coloured noise."
    with pytest.raises(ValueError, match="1 photos were given with 2 titles"):
        photos([good], ["a", "b"], alt)
    with pytest.raises(ValueError, match="1 to 64 photos, and 0 were given"):
        photos([], [], alt)
    with pytest.raises(ValueError, match="1 to 64 photos, and 65 were given"):
        photos([good] * 65, ["a"] * 65, alt)
    with pytest.raises(ValueError, match="columns is a whole number"):
        photos([good], ["a"], alt, columns=0)


# The map

COURSES = {
    "1": synthetic(1), "2": synthetic(2), "5": synthetic(5), "9": synthetic(9),
    "15 and 2": synthetic(15, 2),
    "no needs": synthetic(7, needs={}),
    "many needs": synthetic(15, 2, needs={n: list(range(0, n, 2)) for n in range(15)}),
    "stars": synthetic(15, 0, needs={n: [n % 3] for n in range(3, 15)}),
    "long titles": synthetic(6, titles=[
        "Donaudampfschifffahrtselektrizitätenhauptbetriebswerk", "one " * 40, "a", "W" * 30,
        "Where does all of my time go when I feed photos", "Ünïcode — ½",
    ]),
}  # fmt: skip


@pytest.fixture(params=COURSES)
def course(request) -> Course:
    return COURSES[request.param]


def test_the_maps_texts_are_whole_and_within_their_boxes(course):
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.patches import FancyBboxPatch

    fig = course_map(course)
    assert clipped(fig) == []
    renderer = FigureCanvasAgg(fig).get_renderer()
    boxes = [one.get_window_extent(renderer) for one in fig.findobj(FancyBboxPatch)]
    assert len(boxes) == len(course.lessons)
    for text in fig.axes[0].texts[1:-1]:
        extent = text.get_window_extent(renderer)
        assert any(
            box.x0 <= extent.x0 and extent.x1 <= box.x1 and box.y0 <= extent.y0
            and extent.y1 <= box.y1
            for box in boxes
        ), text.get_text()  # fmt: skip
    for a, b in itertools.combinations(boxes, 2):
        assert not a.overlaps(b)
    assert all(fig.bbox.x0 <= box.x0 and box.x1 <= fig.bbox.x1 for box in boxes)


def test_no_arrow_crosses_a_box_or_lies_on_another(course):
    from course_utils.classroom import coursemap

    rows = coursemap._rows(course)
    routes = coursemap._routes(course, rows)
    layout = coursemap._layout(rows, routes)
    segments = []
    for route in routes:
        points = coursemap._points(layout, route)
        segments += [(route.start, *pair) for pair in itertools.pairwise(points)]
    for _, (x0, y0), (x1, y1) in segments:
        assert x0 == x1 or y0 == y1
        assert min(x0, x1) > 0
        assert max(x0, x1) < coursemap.WIDTH
        for stem in layout.places:
            left, top = layout.left(stem), layout.top(stem)
            within = (
                max(x0, x1) > left + 0.1
                and min(x0, x1) < left + layout.box_width - 0.1
                and max(y0, y1) > top + 0.1
                and min(y0, y1) < top + layout.box_height - 0.1
            )
            assert not within, stem
    for (one, a0, a1), (other, b0, b1) in itertools.combinations(segments, 2):
        if one != other:
            for k in (0, 1):
                if a0[k] == a1[k] == b0[k] == b1[k]:
                    low = max(min(a0[1 - k], a1[1 - k]), min(b0[1 - k], b1[1 - k]))
                    high = min(max(a0[1 - k], a1[1 - k]), max(b0[1 - k], b1[1 - k]))
                    assert high <= low + 0.1, (one, other)


def test_arrows_that_follow_from_others_are_left_out():
    from matplotlib.patches import FancyArrowPatch

    chain = synthetic(4, needs={1: [0], 2: [0, 1], 3: [0, 1, 2]})
    assert len(course_map(chain).findobj(FancyArrowPatch)) == 3


def test_the_map_in_words_names_everything():
    words = describe_map(synthetic(15, 2))
    lines = words.splitlines()
    assert lines[0] == "Map of the course Feeding TensorFlow: 17 notebooks in order."
    assert len(lines) == 18
    assert "14 Your own pipeline: 34 + 10 min; builds on 11, 12 and 13." in lines
    assert "00 Start here: 20 + 10 min." in lines
    assert "Claims on trial: to look things up." in lines
    assert as_svg(course_map(synthetic(1)), describe_map(synthetic(1))).alt


def test_the_courses_own_map_can_be_read():
    assert clipped(course_map(load(ROOT))) == []
