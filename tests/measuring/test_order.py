import numpy as np
import pytest
import tensorflow as tf

from course_utils.classroom import figures
from course_utils.measuring.order import Order


def test_how_far_elements_moved():
    order = Order({"as it is": range(5), "turned": [4, 3, 2, 1, 0], "first to last": [1, 2, 3, 0]})
    assert order.earliest() == {"as it is": 0, "turned": 4, "first to last": 1}
    assert order.latest() == {"as it is": 0, "turned": 4, "first to last": 3}


def test_a_dataset_is_a_row():
    numbers = tf.data.Dataset.range(50)
    order = Order({"plain": numbers, "shuffled": numbers.shuffle(10, seed=1)})
    assert order.rows["plain"] == tuple(range(50))
    assert sorted(order.rows["shuffled"]) == list(range(50))
    assert 0 < order.earliest()["shuffled"] < 10


def test_in_words():
    assert Order({"turned": [2, 1, 0], "none": []}).describe().splitlines() == [
        "A dot for each element. Across: its place in the epoch. Up: its number, which is its "
        "place where nothing is shuffled.",
        "turned: 3 elements, at most 2 places earlier and 2 later.",
        "none: 0 elements, at most 0 places earlier and 0 later.",
    ]


def test_each_row_is_a_panel_with_its_dots():
    figure = Order({"a": [0, 1, 2], "b": [2, 0, 1]}).figure()
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["a", "b"]
    dots = [axes.lines[0].get_xydata().tolist() for axes in figure.axes]
    assert dots == [[[0, 0], [1, 1], [2, 2]], [[0, 2], [1, 0], [2, 1]]]


def test_the_figure_is_always_the_same():
    figures.style()
    rows = {f"row {n}": np.random.default_rng(n).permutation(300) for n in range(4)}
    alt = Order(rows).describe()
    drawn = {figures.as_svg(Order(rows).figure(), alt).svg for _ in range(2)}
    assert len(drawn) == 1
    assert figures.clipped(Order(rows).figure()) == []


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ({}, "0 rows were given, and a figure has room for 1 to 4"),
        ({key: [0] for key in "abcde"}, "5 rows were given"),
        ({"a" * 25: [0]}, "a text of 1 to 24 characters"),
        ({3: [0]}, "a text of 1 to 24 characters on one line, not 3"),
        ({"a": range(501)}, "more than 500 elements"),
        ({"a": [0.5]}, r"holds 0\.5\. Whole numbers from 0"),
        ({"a": [-1]}, "holds -1"),
        ({"a": ["x"]}, "holds 'x'"),
        ({"a": [[0, 1]]}, r"holds \[0, 1\]"),
        ({"a": [float("inf")]}, "holds inf"),
        ({"a": [0, 1, 0]}, "holds a number twice"),
    ],
)
def test_what_is_no_order_is_refused(rows, words):
    with pytest.raises(ValueError, match=words):
        Order(rows)
