from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from course_utils.classroom.finding import (
    Finding,
    FindingBroken,
    Inconclusive,
    at_least,
    at_most,
    between,
    finding,
    findings,
    shows,
)
from course_utils.measuring.ratio import Ratio


@dataclass(frozen=True)
class Steps:
    """A ratio whose measurements are given: each round adds the next one."""

    values: tuple[float, ...]
    coming: tuple[float, ...] = ()

    def against(self, holds: Callable[[float], bool]) -> str:
        answers = {holds(value) for value in self.values}
        return "undecided" if len(answers) > 1 else "holds" if answers == {True} else "broken"

    def more(self) -> "Steps | None":
        return Steps((self.coming[0],), self.coming[1:]) if self.coming else None

    def __str__(self) -> str:
        return f"{self.values[0]} ({len(self.values)} rounds)"


def test_an_exact_finding_prints_its_value(capsys):
    finding("00.pictures", 512, 512, "Every photo arrives once.")
    assert capsys.readouterr().out == "✓ 00.pictures = 512: Every photo arrives once.\n"


@pytest.mark.parametrize(
    ("bound", "words"),
    [
        (at_least(3), "at least 3"),
        (at_most(3.5), "at most 3.5"),
        (between(2.9, 3.1), "between 2.9 and 3.1"),
        (at_least(-1_234_567), "at least -1234567"),
    ],
)
def test_a_bounded_finding_prints_the_bound_and_not_the_measurement(capsys, bound, words):
    finding("001-C6", 3.0123, bound, "They cost the same.")
    assert capsys.readouterr().out == f"✓ 001-C6 ({words}): They cost the same.\n"


@pytest.mark.parametrize(
    "bound", [at_least(3.2), at_most(2.8), between(0, 2.9), between(3.1, 9), 4, "3", [3], True]
)
def test_a_broken_bound_raises_with_both_sides(capsys, bound):
    with pytest.raises(FindingBroken, match=r"^001-C6: measured 3, expected .*: Wrong\.$"):
        finding("001-C6", 3, bound, "Wrong.")
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("bound", [at_least(3), at_most(3), between(3, 3)])
def test_the_ends_belong_to_the_bound(bound):
    finding("00.ends", 3, bound, "It holds.")


@pytest.mark.parametrize(
    ("measured", "bound"),
    [
        (0, 0),
        (False, False),
        ("a", "a"),
        (b"a", b"a"),
        ([1, (2, None)], [1, (2, None)]),
        ({"a": [True]}, {"a": [True]}),
        (np.int64(5), 5),
        (np.float32(5), 5),
        (np.bool_(True), True),
        (np.str_("a"), "a"),
        (np.array([1, 2]), [1, 2]),
        ([np.int64(1), np.int64(2)], [1, 2]),
        ((np.int64(1),), (1,)),
    ],
)
def test_exact_values_that_are_the_same(measured, bound):
    assert finding("00.exact", measured, bound, "Same.").state == "holds"


@pytest.mark.parametrize(
    ("measured", "bound"),
    [
        (True, 1),
        (1, True),
        (0, False),
        ([True], [1]),
        ({"a": 1}, {"a": True}),
        ([1, 2], (1, 2)),
        ([1, 2], [1]),
        ({"a": 1}, {"b": 1}),
        ("1", 1),
        (b"a", "a"),
        (np.bool_(True), 1),
        (np.array([1, 2]), [1, 3]),
    ],
)
def test_exact_values_that_differ(measured, bound):
    with pytest.raises(FindingBroken, match="expected exactly"):
        finding("00.exact", measured, bound, "Same.")


@pytest.mark.parametrize("bound", [1.0, [1.0], {"a": 0.1}, np.float64(1), np.array([1])])
def test_floats_and_arrays_are_no_exact_bound(bound):
    with pytest.raises(TypeError, match=r"Use between\(\.\.\.\)"):
        finding("00.float", 1, bound, "One.")


@pytest.mark.parametrize("bound", [{1, 2}, object(), int])
def test_other_types_are_no_exact_bound(bound):
    with pytest.raises(TypeError, match="an exact bound is a bool, int"):
        finding("00.type", 1, bound, "One.")


@pytest.mark.parametrize(
    ("measured", "error", "words"),
    [
        (float("nan"), ValueError, "NaN"),
        (np.nan, ValueError, "NaN"),
        (float("inf"), ValueError, "divided by zero"),
        (None, ValueError, "nothing was measured"),
        ("3", TypeError, "a number was expected"),
        (True, TypeError, "a number was expected"),
        ([3], TypeError, "a number was expected"),
    ],
)
def test_what_is_no_measurement_is_refused(measured, error, words):
    with pytest.raises(error, match=words):
        finding("00.number", measured, at_least(0), "A number.")


def test_a_measurement_needs_a_bound():
    with pytest.raises(ValueError, match="no bound was given"):
        finding("00.bound", 3, None, "Three.")


@pytest.mark.parametrize("id", ["1-C6", "001-c6", "001-E2", "pictures", "0.a", "00.A", "", None, 7])
def test_an_id_of_another_form_is_refused(id):
    with pytest.raises(ValueError, match="'001-C6' or the lesson's own"):
        finding(id, 1, 1, "One.")


@pytest.mark.parametrize("verdict", ["", "  ", None, 3])
def test_a_verdict_is_needed(verdict):
    with pytest.raises(ValueError, match="verdict is empty"):
        finding("00.verdict", 1, 1, verdict)


def test_a_verdict_is_one_line():
    with pytest.raises(ValueError, match="one line"):
        finding("00.verdict", 1, 1, "One.\nTwo.")


@pytest.mark.parametrize(
    "make",
    [
        lambda: at_least(float("nan")),
        lambda: between(2, 1),
        lambda: at_most(float("inf")),
        lambda: between(1, float("nan")),
    ],
)
def test_bounds_that_bound_nothing_are_refused(make):
    with pytest.raises(ValueError, match=r"NaN|lower number first|inf"):
        make()


@pytest.mark.parametrize("value", ["3", None, True, [1]])
def test_bounds_are_numbers(value):
    with pytest.raises(TypeError, match="a number was expected"):
        at_least(value)


def test_what_cannot_be_tested_is_counted_apart(capsys):
    found = finding("001-C16", None, None, "not testable: a matter of taste.")
    assert capsys.readouterr().out == "– 001-C16 not testable: a matter of taste.\n"
    assert found.state == "not testable"
    assert found in findings()


@pytest.mark.parametrize(
    "verdict", ["It is so.", "not testable:", "not testable: ", "Not testable: x"]
)
def test_nothing_measured_needs_its_reason(verdict):
    with pytest.raises(ValueError, match=r"not testable: <reason>|one line"):
        finding("001-C16", None, None, verdict)


def test_what_was_measured_is_testable():
    with pytest.raises(ValueError, match="something was measured"):
        finding("001-C16", 3, 3, "not testable: too hard.")


def test_running_a_cell_twice_keeps_one_finding():
    before = len(findings())
    for _ in range(3):
        finding("90.twice", 1, 1, "Once.")
    finding("90.twice", 1, at_least(0), "Another sentence.")
    assert len(findings()) == before + 2


def test_a_finding_that_breaks_on_the_second_run_is_no_longer_kept_as_holding():
    finding("90.breaks", 1, at_least(1), "It holds.")
    with pytest.raises(FindingBroken):
        finding("90.breaks", 0, at_least(1), "It holds.")
    assert [one.state for one in findings() if one.id == "90.breaks"] == ["broken"]


def test_an_undecided_ratio_measures_more_rounds(capsys):
    ratio = Steps((0.5, 3), (0.4, 0.3))
    assert finding("001-C6", ratio, at_most(1), "It is faster.").state == "holds"
    assert "0." not in capsys.readouterr().out


def test_a_ratio_may_break_its_bound_after_more_rounds():
    with pytest.raises(FindingBroken, match=r"measured 3 \(1 rounds\), expected at most 1"):
        finding("001-C6", Steps((0.5, 3), (3,)), at_most(1), "It is faster.")


def test_a_ratio_that_stays_undecided_is_inconclusive(capsys):
    with pytest.raises(Inconclusive, match=r"measured 0.5 \(2 rounds\).*at most 1.*busy"):
        finding("001-C6", Steps((0.5, 3)), at_most(1), "It is faster.")
    assert capsys.readouterr().out == ""


def test_a_ratio_is_never_exact():
    with pytest.raises(TypeError, match="a ratio of times is never exact"):
        finding("001-C6", Steps((1,)), 1, "It is the same.")


def test_the_course_s_own_ratio_fits():
    ratio = Ratio((8.0, 8.1, 8.2, 8.3, 8.4))
    assert finding("001-C6", ratio, at_least(5), "It is slower.").state == "holds"
    with pytest.raises(FindingBroken, match=r"8\.2"):
        finding("001-C6", ratio, at_most(5), "It is slower.")
    with pytest.raises(Inconclusive):
        finding("001-C6", ratio, at_most(8.2), "It is slower.")
    # Values on both sides of the bound, and none within it: neither holds nor broken.
    wide = Ratio((0.5, 0.5, 0.5, 2.0, 2.0, 2.0))
    with pytest.raises(Inconclusive):
        finding("001-C6", wide, between(0.9, 1.1), "They cost the same.")


def test_long_values_are_shortened(capsys):
    finding("00.long", list(range(1000)), list(range(1000)), "All of them.")
    out = capsys.readouterr().out
    assert len(out) < 140
    assert "0, 1, 2" in out
    assert "998, 999]" in out


@given(st.floats(allow_nan=False, allow_infinity=False), st.floats(-1e9, 1e9))
def test_at_least_and_at_most_are_opposites(value, bound):
    assert at_least(bound).holds(value) or at_most(bound).holds(value)
    assert between(bound, bound).holds(value) == (value == bound)


def test_a_finding_shows_itself_as_its_line():
    found = Finding("00.a", "= 1", "One.", "holds")
    assert repr(found) == str(found) == "✓ 00.a = 1: One."


# shows


def test_shows_prints_class_and_message(capsys):
    with shows(KeyError) as shown:
        {}["a"]
    assert capsys.readouterr().out == "KeyError: 'a'\n"
    assert (shown.name, shown.message) == ("KeyError", "'a'")


def test_shows_prints_the_class_alone_without_a_message(capsys):
    with shows(ValueError, KeyError):
        raise ValueError
    assert capsys.readouterr().out == "ValueError\n"


def test_shows_cleans_the_message(capsys, tmp_path):
    with shows(FileNotFoundError):
        open(tmp_path / "a.jpg")  # noqa: SIM115
    assert capsys.readouterr().out == (
        "FileNotFoundError: [Errno 2] No such file or directory: '…/a.jpg'\n"
    )


def test_shows_takes_subclasses(capsys):
    with shows(OSError):
        raise FileNotFoundError("gone")
    assert capsys.readouterr().out == "FileNotFoundError: gone\n"


def test_shows_fails_when_nothing_is_raised(capsys):
    with (
        pytest.raises(AssertionError, match=r"^ValueError or KeyError was expected here"),
        shows(ValueError, KeyError),
    ):
        pass
    assert capsys.readouterr().out == ""


def test_shows_lets_other_exceptions_through_untouched(capsys):
    error = TypeError("mine")
    with pytest.raises(TypeError) as caught, shows(ValueError):
        raise error
    assert caught.value is error
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_shows_lets_an_interruption_through(kind):
    with pytest.raises(kind), shows(Exception):
        raise kind


def test_shows_stop_iteration(capsys):
    with shows(StopIteration):
        next(iter(()))
    assert capsys.readouterr().out == "StopIteration\n"


def test_shows_asks_for_a_part_of_the_message(capsys):
    with shows(ValueError, contains="broken"):
        raise ValueError("picture 3 is broken")
    with (
        pytest.raises(AssertionError, match="doesn't contain 'whole'"),
        shows(ValueError, contains="whole"),
    ):
        raise ValueError("picture 3 is broken")


@pytest.mark.parametrize("classes", [(), (KeyboardInterrupt,), (BaseException,), ("E",), (3,)])
def test_shows_expects_exception_classes(classes):
    with pytest.raises(TypeError, match=r"no exception class|subclasses of Exception"):
        shows(*classes)


@pytest.mark.parametrize("contains", ["", 3])
def test_shows_expects_a_text(contains):
    with pytest.raises(TypeError, match="a text of the message"):
        shows(ValueError, contains=contains)


def test_a_long_message_is_cut(capsys):
    with shows(ValueError):
        raise ValueError("\n".join(f"line {n}" for n in range(100)))
    out = capsys.readouterr().out.splitlines()
    assert len(out) == 12
    assert out[0] == "ValueError: line 0"
    assert out[-1] == "line 99"
    assert "[… 89 lines left out …]" in out
