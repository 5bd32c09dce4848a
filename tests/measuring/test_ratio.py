import math

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from course_utils.measuring.ratio import Ratio

# Hypothesis would fail an example that takes 200 ms or long to draw, as one may on a busy machine.
unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def ratios(**limits):
    values = st.floats(1e-3, 1e3)
    return st.lists(values, min_size=1, max_size=25, **limits).map(tuple)


@unhurried
@given(ratios())
def test_the_interval_holds_the_median_and_lies_within_the_values(values):
    ratio = Ratio(values)
    assert ratio.low <= ratio.median * (1 + 1e-12)
    assert ratio.median <= ratio.high * (1 + 1e-12)
    assert min(values) <= ratio.low <= ratio.high <= max(values)
    assert ratio.low in values
    assert ratio.high in values


@unhurried
@given(ratios())
def test_the_ratio_the_other_way_round_is_the_inverse(values):
    one, other = Ratio(values), Ratio([1 / value for value in values])
    assert other.median == pytest.approx(1 / one.median)
    assert (other.low, other.high) == pytest.approx((1 / one.high, 1 / one.low))


@unhurried
@given(ratios(), st.floats(1e-3, 1e3))
def test_a_statement_and_its_opposite_are_never_decided_alike(values, bound):
    ratio = Ratio(values)
    above = ratio.against(lambda r: r > bound)
    below = ratio.against(lambda r: not r > bound)
    opposite = {"holds": "broken", "broken": "holds", "undecided": "undecided"}
    assert below == opposite[above]
    if above == "holds":
        assert ratio.median > bound


@unhurried
@given(ratios(), st.randoms())
def test_the_order_of_the_rounds_does_not_matter(values, random):
    shuffled = list(values)
    random.shuffle(shuffled)
    one, other = Ratio(values), Ratio(shuffled)
    assert (one.low, one.median, one.high) == (other.low, other.median, other.high)


@pytest.mark.parametrize(
    ("count", "low", "high", "coverage"),
    [
        (1, 1, 1, 0.0),
        (2, 1, 2, 0.5),
        (5, 1, 5, 1 - 2 / 2**5),
        (7, 1, 7, 1 - 2 / 2**7),
        (8, 2, 7, 1 - 2 * 9 / 2**8),
        (9, 2, 8, 1 - 2 * 10 / 2**9),
        (11, 3, 9, 1 - 2 * 67 / 2**11),
        (15, 4, 12, 1 - 2 * 576 / 2**15),
    ],
)
def test_which_values_bound_the_interval(count, low, high, coverage):
    ratio = Ratio(range(1, count + 1))
    assert (ratio.low, ratio.high) == (low, high)
    assert ratio.coverage == pytest.approx(coverage)
    if count >= 5:
        assert ratio.coverage >= 0.92


def test_the_median_of_an_even_number_is_the_geometric_mean_of_the_middle_two():
    assert Ratio([1, 2, 8, 9]).median == pytest.approx(4)


@pytest.mark.parametrize(
    ("values", "holds", "verdict"),
    [
        ([2.1, 2.2, 2.3, 2.4, 2.5], lambda r: r > 2, "holds"),
        ([2.1, 2.2, 2.3, 2.4, 2.5], lambda r: r > 3, "broken"),
        ([1.9, 2.2, 2.3, 2.4, 2.5], lambda r: r > 2, "undecided"),
        ([0.98, 0.99, 1.0, 1.01, 1.02], lambda r: 0.9 < r < 1.1, "holds"),
        ([0.5, 0.5, 2.0, 2.0, 2.0], lambda r: 0.9 < r < 1.1, "undecided"),
        ([2.0] * 5, lambda r: r > 2, "broken"),
    ],
)
def test_a_statement_is_decided_only_where_the_whole_interval_agrees(values, holds, verdict):
    assert Ratio(values).against(holds) == verdict


@pytest.mark.parametrize("values", [(), (1, 0), (-1,), (math.inf,), (math.nan, 1)])
def test_a_ratio_of_what_was_not_measured_is_refused(values):
    with pytest.raises(ValueError, match="at least one value"):
        Ratio(values)


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ([7.6, 8.0, 8.1, 8.3, 8.8], "8.1 (7.6 to 8.8, 5 rounds)"),
        ([0.97, 1.0, 1.02, 1.03, 1.04], "1.02 (0.97 to 1.04, 5 rounds)"),
        ([0.0312], "0.031 (0.031 to 0.031, 1 round)"),
        ([1234.0, 165.2], "452 (165 to 1,234, 2 rounds)"),
    ],
)
def test_a_ratio_shows_its_spread(values, shown):
    assert str(Ratio(values)) == repr(Ratio(values)) == shown


def test_a_ratio_from_values_alone_has_no_more_rounds():
    ratio = Ratio([1.0, 2.0])
    assert ratio.more() is None
    assert ratio == Ratio((1.0, 2.0))
