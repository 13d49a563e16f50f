import math
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar

from rmcheck.stats.paired import Difference, classify, paired_difference
from rmcheck.verdict import Estimate
from stats.newcombe import newcombe_limits

Z = 1.959963984540054

# Newcombe 1998, Statistics in Medicine 17:2635-2650, Table III, method 10: the fourfold table
# (both, first only, second only, neither) and the 95 % limits, to the four decimals printed there.
NEWCOMBE = [
    (36, 12, 2, 0, 0.0569, 0.3404),
    (20, 12, 2, 16, 0.0562, 0.3292),
    (18, 12, 2, 18, 0.0562, 0.3290),
    (36, 14, 0, 0, 0.1528, 0.4167),
    (35, 14, 0, 1, 0.1461, 0.4175),
    (18, 14, 0, 18, 0.1441, 0.3963),
    (2, 97, 1, 0, 0.8721, 0.9854),
    (1, 97, 1, 1, 0.8736, 0.9850),
    (0, 29, 1, 0, 0.6666, 0.9882),
    (2, 98, 0, 0, 0.9178, 0.9945),
    (1, 98, 0, 1, 0.9171, 0.9916),
    (0, 30, 0, 0, 0.8395, 1.0000),
    (54, 0, 0, 0, -0.0664, 0.0664),
    (53, 0, 0, 1, -0.0729, 0.0729),
    (30, 0, 0, 24, -0.0358, 0.0358),
    (29, 0, 0, 25, -0.0354, 0.0354),
    (28, 0, 0, 26, -0.0352, 0.0352),
    (27, 0, 0, 27, -0.0351, 0.0351),
]
# Fagerland, Lydersen, Laake, *Statistical Analysis of Contingency Tables*, ch. 8 (Cavo 2012).
FAGERLAND = [(59, 6, 16, 80, -0.1186, -0.0046)]


def columns(both: int, first: int, second: int, neither: int) -> tuple[np.ndarray, np.ndarray]:
    counts = [both, first, second, neither]
    return np.repeat([1.0, 1.0, 0.0, 0.0], counts), np.repeat([1.0, 0.0, 1.0, 0.0], counts)


def singletons(n: int) -> list[str]:
    return [str(i) for i in range(n)]


@pytest.mark.parametrize(("e", "f", "g", "h", "low", "high"), NEWCOMBE + FAGERLAND)
def test_published_intervals(e: int, f: int, g: int, h: int, low: float, high: float) -> None:
    candidate, baseline = columns(e, f, g, h)
    found = paired_difference(candidate, baseline, singletons(e + f + g + h)).estimate
    # One unit in the last decimal: his 0.8736 comes out as 0.87365.
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.00011)
    assert found.method == "newcombe"
    assert found.value == pytest.approx((f - g) / (e + f + g + h))


@pytest.mark.ci
@settings(deadline=None)
@given(*[st.integers(0, 40)] * 4)
def test_p_values_are_mcnemars(e: int, f: int, g: int, h: int) -> None:
    if e + f + g + h == 0:
        return
    candidate, baseline = columns(e, f, g, h)
    found = paired_difference(candidate, baseline, singletons(len(candidate)))
    assert (found.newly_right, found.newly_wrong) == (f, g)
    if f + g == 0:
        assert (found.p_less, found.p_two_sided) == (1.0, 1.0)
        return
    assert found.p_two_sided == pytest.approx(mcnemar([[e, f], [g, h]], exact=True).pvalue)
    assert found.p_less == pytest.approx(stats.binom.cdf(f, f + g, 0.5))


wins = st.sampled_from([0.0, 0.5, 1.0])


@pytest.mark.ci
@settings(deadline=None)
@given(st.lists(st.tuples(wins, wins, st.integers(0, 7)), min_size=1, max_size=50))
def test_the_interval_has_width_and_p_mirrors(rows: list[tuple[float, float, int]]) -> None:
    first, second = [row[0] for row in rows], [row[1] for row in rows]
    groups = [str(row[2]) for row in rows]
    one = paired_difference(first, second, groups)
    other = paired_difference(second, first, groups)
    assert -1.0 <= one.estimate.low <= one.estimate.value <= one.estimate.high <= 1.0
    assert one.estimate.high - one.estimate.low > 0.005
    assert one.estimate.value == -other.estimate.value
    if len(set(groups)) == len(groups):
        mirrored = (-other.estimate.high, -other.estimate.low)
        assert (one.estimate.low, one.estimate.high) == pytest.approx(mirrored)
    # Right and wrong exchanged, everything mirrors, in groups too.
    wrong = paired_difference(1 - np.array(first), 1 - np.array(second), groups).estimate
    assert (one.estimate.low, one.estimate.high) == pytest.approx((-wrong.high, -wrong.low))
    assert one.p_two_sided == pytest.approx(other.p_two_sided)
    assert (one.newly_right, one.newly_wrong) == (other.newly_wrong, other.newly_right)
    assert one.design_effect >= 1.0


def test_groups_of_copies_are_one_pair_each() -> None:
    candidate, baseline = columns(30, 3, 12, 15)
    groups = [str(i // 3) for i in range(180)]
    copies = paired_difference(np.repeat(candidate, 3), np.repeat(baseline, 3), groups)
    alone = paired_difference(candidate, baseline, singletons(60))
    assert copies.p_less == pytest.approx(alone.p_less, rel=1e-12)
    assert copies.estimate.value == alone.estimate.value
    # A design effect of 3 · 60/59 by the factor G/(G-1), drawn to 3 by two groups against the 45
    # that moved, and t(59) in place of z.
    assert copies.design_effect == pytest.approx((45 * 180 / 59 + 6 * 3) / 51)
    assert copies.estimate.method == "newcombe-neff59"
    n_eff = 180 / copies.design_effect
    expected = newcombe_limits(*(x * n_eff / 60 for x in (30, 3, 12, 15)), stats.t.ppf(0.975, 59))
    assert (copies.estimate.low, copies.estimate.high) == pytest.approx(expected)


def test_ties_move_by_halves() -> None:
    # Δ = (-0.5 + 0.5 - 1) / 4; doubled nets -1, 1, -2: of 8 patterns ±1 ±1 ±2 the sums at most -2
    # are -4, -2, -2 (twice, from +1 -1 -2 and -1 +1 -2) -> 3/8.
    found = paired_difference([0.5, 0.5, 0.0, 1.0], [1.0, 0.0, 1.0, 1.0], list("abcd"))
    assert found.estimate.value == -0.25
    assert found.p_less == pytest.approx(3 / 8)
    assert (found.newly_wrong, found.newly_right) == (2, 1)
    assert found.estimate.method == "newcombe-neff4"


def test_a_drop_of_three_in_150_is_exactly_two_points() -> None:
    candidate, baseline = columns(100, 0, 3, 47)
    assert paired_difference(candidate, baseline, singletons(150)).estimate.value == -0.02


def test_one_group_says_nothing() -> None:
    found = paired_difference([1, 0, 1], [0, 0, 0], ["a"] * 3)
    assert (found.estimate.low, found.estimate.high) == (-1.0, 1.0)
    assert found.p_two_sided == 1.0


@pytest.mark.parametrize("n", [1, 2])
def test_very_few_pairs(n: int) -> None:
    found = paired_difference([0.0] * n, [1.0] * n, singletons(n))
    assert found.estimate.value == -1.0
    assert found.estimate.high > -0.6
    assert found.p_less == 0.5**n


def test_wrong_wins_are_named() -> None:
    with pytest.raises(ValueError, match="at least one pair"):
        paired_difference([], [], [])
    with pytest.raises(ValueError, match=re.escape("wins_baseline[0] is nan")):
        paired_difference([1.0], [math.nan], ["a"])
    with pytest.raises(ValueError, match="groups has 1"):
        paired_difference([1.0, 1.0], [0.0, 1.0], ["a"])


def seen(low: float, value: float, high: float, p: float) -> Difference:
    estimate = Estimate(
        value=value, low=low, high=high, level=0.95, method="newcombe", n=99, n_groups=99
    )
    return Difference(estimate=estimate, p_less=p, p_two_sided=1.0, newly_wrong=0, newly_right=0)


@pytest.mark.parametrize(
    ("difference", "state"),
    [
        (seen(0.001, 0.05, 0.1, 0.99), "improved"),
        (seen(0.0, 0.05, 0.1, 0.99), "non_inferior"),
        (seen(-0.019, -0.01, 0.0, 0.01), "non_inferior"),
        (seen(-0.02, -0.01, 0.0, 0.01), "inconclusive"),  # a drop, but a tolerated one
        (seen(-0.05, -0.02, 0.0, 0.025), "regressed"),  # both bounds are touched
        (seen(-0.05, -0.0199, 0.0, 0.001), "inconclusive"),
        (seen(-0.05, -0.04, 0.0, 0.0251), "inconclusive"),
        (seen(-0.3, -0.2, -0.1, 1e-9), "regressed"),
    ],
)
def test_the_first_line_that_holds_names_the_state(difference: Difference, state: str) -> None:
    found = classify(difference, identical=False, max_drop=0.02, alpha=0.05, comparisons=1)
    assert found == state
    assert (
        classify(difference, identical=True, max_drop=0.02, alpha=0.05, comparisons=1)
        == "identical"
    )


def test_alpha_is_shared_among_the_comparisons() -> None:
    drop = seen(-0.2, -0.1, -0.01, 0.004)
    states = [
        classify(drop, identical=False, max_drop=0.02, alpha=0.05, comparisons=m) for m in (1, 6, 7)
    ]
    # α/2m: 0.025, 0.00417, 0.00357.
    assert states == ["regressed", "regressed", "inconclusive"]


def test_a_rule_out_of_range_is_told() -> None:
    for wrong in ({"max_drop": -0.1}, {"alpha": 1.0}, {"comparisons": 0}):
        rule = {"max_drop": 0.02, "alpha": 0.05, "comparisons": 1, **wrong}
        with pytest.raises(ValueError, match=next(iter(wrong))):
            classify(seen(-0.1, 0, 0.1, 0.5), identical=False, **rule)
