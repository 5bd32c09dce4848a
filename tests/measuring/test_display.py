import math
import re

import pytest

from course_utils.measuring.display import html_table, ratio_digits, singular, three_digits


def test_every_cell_of_a_table_says_its_side_and_text_stays_text():
    html = html_table([["<a>", "1e3"]], ["name", "number"], ("left", "right"))
    assert re.findall(r"<(t[dh]) style=.text-align: (\w+);.> *(.*?) *</t[dh]>", html) == [
        ("th", "left", "name"),
        ("th", "right", "number"),
        ("td", "left", "&lt;a&gt;"),
        ("td", "right", "1e3"),
    ]
    assert html.count("<td") + html.count("<th ") + html.count("<th>") == 4


@pytest.mark.parametrize(
    ("number", "shown"),
    [(1234.5, "1,230"), (12.345, "12.3"), (0.0312, "0.0312"), (99.96, "100"), (math.inf, "inf")],
)
def test_three_digits_of_a_number(number, shown):
    assert three_digits(number) == shown


@pytest.mark.parametrize(
    ("ratio", "shown"),
    [
        (0.053, "0.053"),
        (0.968, "0.97"),
        (1.02, "1.02"),
        (8.1, "8.1"),
        (23.4, "23"),
        (1234, "1,234"),
    ],
)
def test_digits_of_a_ratio(ratio, shown):
    assert ratio_digits(ratio) == shown


@pytest.mark.parametrize(
    ("unit", "one"),
    [("pictures", "picture"), ("batches", "batch"), ("boxes", "box"), ("rows", "row")],
)
def test_one_of_a_unit(unit, one):
    assert singular(unit) == one
