import ast
from itertools import islice
from numbers import Integral

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils.classroom import workspace
from course_utils.classroom.exercise import check, of_lesson
from course_utils.exercises import lesson_00

(COUNTDOWN,) = of_lesson("00")


@pytest.fixture(autouse=True)
def no_workspace(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(workspace, "_progress", {})


def other_right_answers():
    def by_range(n):
        yield from range(n, 0, -1)

    def by_numpy(n):
        yield from np.arange(n, 0, -1)

    def by_expression(n):
        return (n - i for i in range(n))

    def recursive(n):
        if n:
            yield n
            yield from recursive(n - 1)

    class Method:
        def countdown(self, n):
            yield from range(n, 0, -1)

    return [by_range, by_numpy, by_expression, recursive, Method().countdown]


@pytest.mark.parametrize("answer", other_right_answers())
def test_other_right_answers_are_right(answer):
    assert check("00.countdown", answer).status == "Right"


def endless(n):
    while True:
        yield n


def past_the_end(n):
    while True:
        yield n
        n -= 1


def only_five(n):
    yield from (5, 4, 3, 2, 1)


def the_small_ones_alone(n):
    yield from {5: (5, 4, 3, 2, 1), 1: (1,), 3: (3, 2, 1)}.get(n, ())


def floats(n):
    yield from map(float, range(n, 0, -1))


def nothing(n):
    return
    yield


def an_iterator(n):
    return iter(range(n, 0, -1))


def nothing_returned(n):
    pass


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (endless, "Yours yields 5, 5, 5, 5, 5, 5, 5, 5, and more."),
        (past_the_end, "Yours yields 5, 4, 3, 2, 1, 0, -1, -2, and more."),
        (only_five, "countdown(1) should yield 1. Yours yields 5, 4, 3, 2, and more."),
        (the_small_ones_alone, "countdown(17) should yield 17, 16, 15, 14, "),
        (floats, "Yours yields 5.0, 4.0, 3.0, 2.0, 1.0."),
        (nothing, "Yours yields nothing."),
        (an_iterator, "type range_iterator, not a generator"),
        (nothing_returned, "gives back None: no `yield`"),
        (COUNTDOWN.solution(3), 'without calling it: `check("00.countdown", countdown)`'),
    ],
)
def test_other_wrong_answers_are_told_how(answer, words):
    shown = check("00.countdown", answer)
    assert shown.status == "Wrong"
    assert words in shown.message


def test_the_generator_of_the_notebook_isnt_used_up_by_the_check():
    handed_over = COUNTDOWN.solution(3)
    check("00.countdown", handed_over)
    assert list(handed_over) == [3, 2, 1]


class Agrees:
    """Equal to everything, as a mistaken answer might be."""

    def __eq__(self, other):
        return True

    __hash__ = None


class Raises:
    def __eq__(self, other):
        raise RuntimeError("compared")

    def __repr__(self):
        raise RuntimeError("shown")

    __hash__ = None


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 8)
    | st.floats()
    | st.text(max_size=5)
    | st.builds(Agrees)
    | st.builds(Raises)
    | st.just(np.arange(3)),
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.text(max_size=2), inner),
    max_leaves=8,
)


def behaves(answer):
    return all(
        [type(x) is int and x for x in islice(answer(n), n + 1)] == list(range(n, 0, -1))
        for n in (5, 1, 3, 17)
    )


@settings(max_examples=60, deadline=None)
@given(values)
def test_garbage_in_place_of_a_function_is_wrong(answer):
    assert check("00.countdown", answer).status == "Wrong"


@settings(max_examples=60, deadline=None)
@given(values)
def test_a_function_that_returns_garbage_is_wrong(value):
    assert check("00.countdown", lambda n: value).status == "Wrong"


@settings(max_examples=120, deadline=None)
@given(st.dictionaries(st.sampled_from([1, 3, 5]), st.lists(values, max_size=7)))
def test_a_function_that_yields_garbage_is_wrong(table):
    def yields(n):
        yield from table.get(n, range(n, 0, -1) if n == 17 else [])

    shown = check("00.countdown", yields)
    assert shown.status == "Wrong" or all(
        len(table[n]) == n
        and all(isinstance(x, Integral) and x == n - i for i, x in enumerate(table[n]))
        for n in (1, 3, 5)
    )


@settings(max_examples=120, deadline=None)
@given(st.integers(-2, 2), st.integers(-2, 2), st.sampled_from([-2, -1, 1, 2]))
def test_a_range_is_right_only_where_it_behaves_right(start, stop, step):
    def ranges(n):
        yield from range(n + start, stop, step)

    assert (check("00.countdown", ranges).status == "Right") == behaves(ranges)


def test_the_file_holds_what_the_course_expects():
    assert COUNTDOWN.id == "00.countdown"
    assert lesson_00.EXERCISES == (COUNTDOWN,)
    assert len(COUNTDOWN.hints) == 3
    assert ast.parse(COUNTDOWN.source).body[0].name == "countdown"
