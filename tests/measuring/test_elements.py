import hashlib
import io
import itertools
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.patches import FancyBboxPatch, Rectangle

from course_utils.classroom import figures
from course_utils.measuring.elements import Elements, undelivered

ROOT = Path(__file__).parents[2]
EPOCHS = {"epoch 1": [0, 1, undelivered(2)], "epoch 2": [3, 4], "epoch 3": []}
BATCHES = {"batch(4)": [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]}


class Tensor:
    """Has TensorFlow's way to NumPy, and no other."""

    def __init__(self, value):
        self.value = value

    def numpy(self):
        return self.value


def batches(count, size, start=0):
    numbers = list(range(start, start + count))
    return [numbers[at : at + size] for at in range(0, count, size)]


# In words


def test_rows_show_themselves_in_a_terminal():
    assert repr(Elements(EPOCHS)) == "epoch 1  0 1 (2)\nepoch 2  3 4\nepoch 3  nothing"
    rows = BATCHES | {"dropped": [[0, 1], [undelivered(2)]]}
    assert repr(Elements(rows)) == "batch(4)  [0 1 2 3] [4 5 6 7] [8 9]\ndropped   [0 1] [(2)]"


def test_every_row_is_described():
    assert Elements(EPOCHS).describe().splitlines() == [
        "The elements that arrived, in 3 rows.",
        "epoch 1: 2 elements delivered: 0, 1; 1 element made, but not delivered: 2.",
        "epoch 2: 2 elements delivered: 3, 4.",
        "epoch 3: nothing.",
    ]


def test_batches_are_described_with_their_sizes():
    rows = BATCHES | {
        "drop_remainder": [[0, 1, 2, 3], [undelivered(4), undelivered(5)]],
        "torn": [[0, undelivered(1)], 2],
        "one": [["a"]],
    }
    assert Elements(rows).describe().splitlines() == [
        "The elements that arrived, in 4 rows.",
        "batch(4): 2 batches of 4 and 1 of 2 delivered: [0, 1, 2, 3], [4, 5, 6, 7], [8, 9].",
        "drop_remainder: 1 batch of 4 delivered: [0, 1, 2, 3]; "
        "1 batch of 2 made, but not delivered: [4, 5].",
        "torn: 1 element and 1 batch of 2 delivered: [0, 1 (made, but not delivered)], 2.",
        "one: 1 batch of 1 delivered: [a].",
    ]


def test_the_words_are_enough_for_a_figure():
    figures.as_svg((shown := Elements({"a": []})).figure(), shown.describe())


@pytest.mark.parametrize(
    ("row", "shown"),
    [
        (range(24), " ".join(map(str, range(24)))),
        (range(25), "0 1 2 3 4 5 6 7 8 9 10 11 … 14 15 16 17 18 19 20 21 22 23 24"),
        (batches(24, 4), "[0 1 2 3] [4 5 6 7] [8 9 10 11] [12 13 14 15] [16 17 18 19] "
                         "[20 21 22 23]"),
        (batches(28, 4), "[0 1 2 3] [4 5 6 7] [8 9 10 11] … [20 21 22 23] [24 25 26 27]"),
        (batches(100, 32), "[0 1 2 … 30 31] [32 33 34 … 62 63] [64 65 66 … 94 95] [96 97 98 99]"),
        (batches(99, 33), "[0 1 2 3 … 30 31 32] [33 34 35 36 … 63 64 65] "
                          "[66 67 68 69 … 96 97 98]"),
        (batches(640, 32), "[0 1 … 30 31] [32 33 … 62 63] … "
                           "[576 577 … 606 607] [608 609 … 638 639]"),
        (
            [*range(40), undelivered(40)],
            "0 1 2 3 4 5 6 7 8 9 10 11 … 30 31 32 33 34 35 36 37 38 39 (40)",
        ),
        (["1234567"] * 30, " ".join(["1234567"] * 7 + ["…"] + ["1234567"] * 6)),
    ],
)  # fmt: skip
def test_of_more_elements_than_fit_the_middle_is_left_out(row, shown):
    elements = Elements({"r": row})
    assert repr(elements) == f"r  {shown}"
    left_out = "…" in shown
    described = elements.describe()
    assert ("… stands for elements that are left out." in described) == left_out
    assert f"{len(row) - ('(40)' in shown)} " in described  # all are counted


@pytest.mark.parametrize("count", [25, 60, 333, 3000])
@pytest.mark.parametrize("size", [1, 2, 3, 7, 30, 1000])
@pytest.mark.parametrize("label", ["r", "a row's label of 32 characters.."])
@pytest.mark.parametrize("start", [0, 1_000_000])
def test_what_is_left_out_is_more_than_the_gap_takes(count, size, label, start):
    for row in (range(start, start + count), batches(count, size, start)):
        (shown,) = Elements({label: row}).shown().values()
        places = [each for unit in shown for each in (unit if isinstance(unit, tuple) else [unit])]
        assert 3 <= len(places) <= 24
        whole = [each for unit in row for each in (unit if isinstance(unit, list) else [unit])]
        drawn = [each for each in places if each is not ...]
        assert set(drawn) <= set(whole)
        assert drawn == sorted(drawn)
        assert (places[0], places[-1]) == (whole[0], whole[-1])
        assert len(whole) - len(drawn) > places.count(...)


# What is taken


@pytest.mark.parametrize(
    ("row", "taken"),
    [
        ((0, 1), (0, 1)),
        ((number for number in (0, 1)), (0, 1)),
        (np.arange(2), (0, 1)),
        ([np.int64(0), np.uint8(1)], (0, 1)),
        ([np.arange(2), np.array([2])], ((0, 1), (2,))),
        (np.arange(4).reshape(2, 2), ((0, 1), (2, 3))),
        ([Tensor(np.int32(0)), Tensor(b"caf\xc3\xa9"), Tensor(np.arange(2))], (0, "café", (0, 1))),
        ([undelivered(Tensor(np.int32(3))), undelivered(b"a"), [undelivered(np.int8(1))]],
         (undelivered(3), undelivered("a"), (undelivered(1),))),
        ([np.str_("a"), np.bytes_(b"b"), ["c", Tensor(b"d")]], ("a", "b", ("c", "d"))),
        ([-1, 9999999], (-1, 9999999)),
    ],
)  # fmt: skip
def test_scalars_and_arrays_become_pythons_own(row, taken):
    kept = Elements({"r": row}).rows["r"]
    assert kept == taken
    kinds = {type(getattr(each, "value", each)) for each in kept if not isinstance(each, tuple)}
    assert kinds <= {int, str}


def test_tensorflows_own_elements_are_taken(tensorflow_children):
    assert tensorflow_children[0]["elements"].splitlines() == [
        "numbers   0 1 2 3 4",
        "batch(2)  [0 1] [2 3] [4]",
        "words     a b",
    ]


def test_rows_can_be_taken_over():
    one, other = Elements(EPOCHS), Elements(BATCHES)
    assert Elements(one.rows | other.rows) == Elements(EPOCHS | BATCHES)
    assert one != other


@pytest.mark.parametrize(
    ("rows", "error", "words"),
    [
        ([0, 1], TypeError, "rows is of type list. A mapping from labels to elements was expected"),
        ({}, ValueError, "0 rows were given, and a figure holds 1 to 12."),
        (dict.fromkeys("abcdefghijklm", ()), ValueError, "13 rows were given"),
        ({1: []}, TypeError, "A row's label is a text, not 1."),
        ({"": []}, ValueError, "A row's label has 1 to 32 characters on one line, unlike ''."),
        ({"a\nb": []}, ValueError, r"unlike 'a\nb'"),
        ({"a" * 33: []}, ValueError, "A row's label has 1 to 32 characters"),
        ({"a": 5}, TypeError, "The row 'a' is of type int. Elements that can be iterated"),
        ({"a": None}, TypeError, "The row 'a' is of type NoneType"),
        ({"a": "abc"}, TypeError, "The row 'a' is of type str"),
        ({"a": {1, 2}}, TypeError, "The row 'a' is of type set"),
        ({"a": {1: 2}}, TypeError, "The row 'a' is of type dict"),
        ({"a": np.array(3)}, TypeError, "The row 'a' is of type ndarray"),
        ({"a": itertools.count()}, ValueError, "gives more than 10,000 elements: does it ever end"),
        ({"a": [list(range(10_001))]}, ValueError, "holds a batch of 10,001 elements"),
        ({"a": [[[1]]]}, TypeError, "The row 'a' holds a batch within a batch: [1]. A batch is"),
        ({"a": [np.zeros((1, 2), int)]}, TypeError, "holds a batch within a batch: [0, 0]"),
        ({"a": [0, []]}, ValueError, "The row 'a' holds a batch without elements."),
        ({"a": [1.5]}, TypeError, "The row 'a' holds 1.5, of type float. An element is an int or"),
        ({"a": [True]}, TypeError, "holds True, of type bool"),
        ({"a": [(1, 2)]}, TypeError, "holds (1, 2), of type tuple"),
        ({"a": [[None]]}, TypeError, "holds None, of type NoneType"),
        ({"a": [undelivered([1])]}, TypeError, "undelivered() takes one element; of a batch"),
        ({"a": [undelivered(undelivered(1))]}, TypeError, "undelivered() takes one element"),
        ({"a": [undelivered(0.5)]}, TypeError, "holds 0.5, of type float"),
        ({"a": ["12345678"]}, ValueError, "holds '12345678', and a box has room for 1 to 7"),
        ({"a": [-1234567]}, ValueError, "holds -1234567, and a box has room"),
        ({"a": [""]}, ValueError, "holds '', and a box has room"),
        ({"a": ["\n"]}, ValueError, r"holds '\n', and a box has room"),
    ],
)
def test_what_cannot_be_drawn_is_refused(rows, error, words):
    with pytest.raises(error, match=re.escape(words)):
        Elements(rows)


# The figure

CASES = {
    "1": {"numbers": range(5)},
    "3": EPOCHS,
    "12": {f"epoch {n + 1}": [*range(n), undelivered(n)] for n in range(12)},
    "remainder": BATCHES
    | {"dropped": [[0, 1, 2, 3], [4, 5, 6, 7], [undelivered(8), undelivered(9)]]},
    "24": {"numbers": range(24), "batches": batches(24, 4, start=24)},
    "many": {"batch(32)": batches(1000, 32), "batch(1)": batches(40, 1), "all": range(1000)},
    "long labels": {
        "a generator and its 28 signs": range(24),
        "batch(4, drop_remainder=True)": batches(24, 4, start=1000),
        "a row's label of 32 characters..": [[n] for n in range(24)],
        "W" * 32: [undelivered(n) for n in range(24)],
    },
    "long elements": {"strings": ["start", "a_word7", "x"], "many": ["9999999"] * 30},
    "wide letters": {"W" * 32: ["W" * 7] * 30, "Mm": [["M" * 7] * 30] * 3},
    "signs": {"$a_1$ & <b>": ["$x$", "<&>", "gjpq", undelivered("Ég")], "…": []},
    "nothing": {"epoch 1": []},
}


@pytest.fixture(params=CASES)
def elements(request):
    return Elements(CASES[request.param])


def boxes(figure):
    """Return the boxes of elements, without the white behind numbers and the legend's box."""
    drawn = [one for one in figure.findobj(Rectangle) if one.get_linewidth() and one.axes]
    return [one for one in drawn if one.get_width() != 13]


def test_every_text_is_whole_and_every_number_in_its_box(elements):
    figure = elements.figure()
    assert figures.clipped(figure) == []
    renderer = FigureCanvasAgg(figure).get_renderer()
    texts = [one for one in figure.axes[0].texts if one.get_ha() == "center"]
    texts = [one for one in texts if one.get_text() != "…"]
    extents = [(box.get_window_extent(), box.get_hatch()) for box in boxes(figure)]
    assert len(extents) == len(texts)
    for text, (box, hatch) in zip(texts, extents, strict=True):
        inside = text.get_window_extent(renderer)
        assert box.x0 < inside.x0 < inside.x1 < box.x1
        assert inside.y0 > box.y0 - 1  # room for letters that reach below the line
        assert inside.y1 < box.y1
        assert (text.get_color() == "#5c5c5c") == bool(hatch)


def test_numbers_are_large_enough_to_be_read(elements):
    smallest = min(text.get_fontsize() for text in elements.figure().axes[0].texts)
    assert smallest >= (4 if "Mm" in elements.rows else 5.5)  # the widest of letters get smaller


def test_no_box_or_frame_covers_another_or_leaves_the_canvas(elements):
    figure = elements.figure()
    frames = [one.get_window_extent() for one in figure.findobj(FancyBboxPatch)]
    extents = [one.get_window_extent() for one in boxes(figure)]
    for group in (frames, extents):
        for a, b in itertools.combinations(group, 2):
            assert not (a.x0 < b.x1 and b.x0 < a.x1 and a.y0 < b.y1 and b.y0 < a.y1)
    for one in [*frames, *extents]:
        assert figure.bbox.x0 < one.x0 < one.x1 < figure.bbox.x1
        assert figure.bbox.y0 < one.y0 < one.y1 < figure.bbox.y1
    labels = [text for text in figure.axes[0].texts if text.get_position()[0] == 10]
    if extents and labels:
        renderer = FigureCanvasAgg(figure).get_renderer()
        ends = max(text.get_window_extent(renderer).x1 for text in labels)
        assert ends + 5 < min(one.x0 for one in [*frames, *extents])


def test_all_boxes_have_the_same_size(elements):
    sizes = {(box.get_width(), box.get_height()) for box in boxes(elements.figure())}
    assert len(sizes) <= 1
    assert all(height <= 20 and width >= 10 for width, height in sizes)
    texts = [text.get_text() for text in elements.figure().axes[0].texts if text.get_ha() != "left"]
    if max(map(len, texts), default=0) <= 2:
        assert all(width == height for width, height in sizes)


def test_a_figure_is_7_inches_wide_and_as_high_as_its_rows():
    heights = []
    for count in (1, 2, 12):
        width, height = Elements({str(n): [n] for n in range(count)}).figure().get_size_inches()
        assert width == 7
        heights.append(height)
    assert heights[1] - heights[0] == pytest.approx(0.42)
    assert heights[2] - heights[0] == pytest.approx(11 * 0.42)
    assert heights[0] < 0.6


def test_the_boxes_hold_what_was_given():
    axes = Elements(EPOCHS).figure().axes[0]
    rows = {}
    for text in axes.texts:
        rows.setdefault(text.get_position()[1], []).append(text.get_text())
    assert list(rows.values()) == [
        ["epoch 1", "0", "1", "2"],
        ["epoch 2", "3", "4"],
        ["epoch 3", "nothing"],
        ["made, but not delivered"],
    ]
    assert [bool(box.get_hatch()) for box in boxes(axes.figure)] == [False, False, True] + [
        False
    ] * 2


def test_the_legend_is_there_only_where_something_was_lost():
    def texts(rows):
        return [text.get_text() for text in Elements(rows).figure().axes[0].texts]

    assert "made, but not delivered" in texts({"a": [0, [1, undelivered(2)]]})
    assert "made, but not delivered" not in texts({"a": [0, [1, 2]]})
    high, low = (
        Elements(rows).figure().get_figheight() for rows in ({"a": [undelivered(0)]}, {"a": [0]})
    )
    assert high > low


def test_each_batch_has_a_frame_around_its_boxes():
    figure = Elements(BATCHES | {"single": [0, 1]}).figure()
    frames = [one.get_window_extent() for one in figure.findobj(FancyBboxPatch)]
    inside = [
        sum(
            frame.x0 < one.get_window_extent().x0
            and one.get_window_extent().x1 < frame.x1
            and frame.y0 < one.get_window_extent().y0
            and one.get_window_extent().y1 < frame.y1
            for one in boxes(figure)
        )
        for frame in frames
    ]
    assert inside == [4, 4, 2]


def test_the_text_of_a_label_is_no_formula():
    svg = figures.as_svg((shown := Elements(CASES["signs"])).figure(), shown.describe()).svg
    assert ">$a_1$ &amp; &lt;b&gt;</text>" in svg
    assert ">$x$</text>" in svg


def test_drawing_warns_of_nothing(elements, recwarn):
    elements.figure().savefig(io.BytesIO(), format="svg")
    assert [str(one.message) for one in recwarn] == []


IN_A_PROCESS = """
import hashlib
from course_utils.classroom import figures
from course_utils.measuring.elements import Elements, undelivered
figures.style()
for rows in (
    {"epoch 1": [0, 1, undelivered(2)], "epoch 2": [3, 4], "epoch 3": []},
    {"batch(4)": [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]], "numbers": range(100)},
):
    shown = Elements(rows)
    svg = figures.as_svg(shown.figure(), shown.describe()).svg
    print(hashlib.sha256(svg.encode()).hexdigest())
"""


def test_two_processes_draw_the_same_bytes(tmp_path):
    found = []
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            [sys.executable, "-c", IN_A_PROCESS],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        found.append(done.stdout.split())
    assert found[0] == found[1]
    assert len(set(found[0])) == 2


@pytest.mark.parametrize(
    "other",
    [
        {
            "epoch 1": [0, 1, undelivered(2)],
            "epoch 2": [3, 4],
            "еpoch 3": [],
        },  # a Cyrillic letter
        {"epoch 1": [0, 1, undelivered(2)], "epoch 2": [3, 5], "epoch 3": []},
        {"epoch 1": [0, 1, 2], "epoch 2": [3, 4], "epoch 3": []},
        {"epoch 1": [0, 1, undelivered(2)], "epoch 2": [[3, 4]], "epoch 3": []},
    ],
)
def test_what_is_changed_changes_the_bytes(other):
    def digest(rows):
        svg = figures.as_svg(Elements(rows).figure(), "The same words for all of them.").svg
        return hashlib.sha256(svg.encode()).hexdigest()

    assert digest(EPOCHS) == digest(EPOCHS) != digest(other)


def test_nothing_heavy_is_imported_before_the_first_drawing(python):
    shown = python(
        "import sys\n"
        "from course_utils.measuring.elements import Elements, undelivered\n"
        "shown = Elements({'a': [0, [1, undelivered(2)]]})\n"
        "print(shown)\n"
        "shown.describe()\n"
        "print([name for name in ('matplotlib', 'numpy', 'tensorflow') if name in sys.modules])"
    )
    assert shown == "a  0 [1 (2)]\n[]\n"
