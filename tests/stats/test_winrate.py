import math
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.proportion import proportion_confint

from rmcheck.stats.winrate import (
    pairs_to_decide,
    share_estimate,
    undecidable,
    wilson_limits,
    win_rate,
    wins,
)
from rmcheck.verdict import Estimate

finite = st.floats(allow_nan=False, allow_infinity=False)


def singletons(n: int) -> list[str]:
    return [f"g{i}" for i in range(n)]


def test_ties_by_policy() -> None:
    chosen, rejected = [2.0, 1.0, 1.0, 1.0], [1.0, 2.0, 1.0, 1.25]
    assert wins(chosen, rejected).tolist() == [1, 0, 0.5, 0]
    assert wins(chosen, rejected, ties="loss").tolist() == [1, 0, 0, 0]
    assert wins(chosen, rejected, ties="epsilon", epsilon=0.25).tolist() == [1, 0, 0.5, 0.5]
    assert wins([], []).tolist() == []


@settings(deadline=None)
@given(st.lists(st.tuples(finite, finite), max_size=20))
def test_a_pair_and_its_mirror_share_one_win(scores: list[tuple[float, float]]) -> None:
    left, right = [a for a, _ in scores], [b for _, b in scores]
    for policy in ("half", "epsilon"):
        total = wins(left, right, ties=policy) + wins(right, left, ties=policy)
        assert np.all(total == 1.0)


def test_wrong_scores_are_named() -> None:
    with pytest.raises(ValueError, match=re.escape("rejected[1] is nan")):
        wins([1.0, 2.0], [0.0, math.nan])
    with pytest.raises(ValueError, match="differ in length"):
        wins([1.0], [0.0, 1.0])
    with pytest.raises(ValueError, match=r"allowed: half, loss, epsilon"):
        wins([1.0], [0.0], ties="win")
    with pytest.raises(ValueError, match="epsilon=-1"):
        wins([1.0], [0.0], ties="epsilon", epsilon=-1)


@pytest.mark.ci
@settings(deadline=None)
@given(st.integers(1, 400), st.data(), st.sampled_from([0.8, 0.9, 0.95, 0.99]))
def test_singletons_have_the_wilson_interval_of_statsmodels(
    n: int, data: st.DataObject, level: float
) -> None:
    right = data.draw(st.integers(0, n))
    column = np.r_[np.ones(right), np.zeros(n - right)]
    found = win_rate(column, singletons(n), level=level)
    low, high = proportion_confint(right, n, alpha=1 - level, method="wilson")
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-12)
    assert (found.value, found.method, found.n, found.n_groups) == (right / n, "wilson", n, n)


def test_wilson_1927_by_hand() -> None:
    # 0 of n: the upper limit is z²/(n + z²); 10 of 10: the lower one is n/(n + z²).
    assert wilson_limits(0.0, 10, 2.0) == pytest.approx((0.0, 4 / 14))
    assert wilson_limits(1.0, 10, 2.0) == pytest.approx((10 / 14, 1.0))


def test_groups_of_copies_count_as_one_pair_each() -> None:
    # 40 groups of 3 copies carry 40 pairs: n_eff = 40 · 39/40 by the factor G/(G-1), drawn to 40 by
    # the worst design effect, 3, with the weight of 2 pairs against the 30 lost ones.
    column = np.repeat(np.r_[np.ones(30), np.zeros(10)], 3)
    found = win_rate(column, [f"g{i // 3}" for i in range(120)])
    measured = 3 * 40 / 39
    expected = 120 / ((30 * measured + 2 * 3) / 32)
    assert found.method == f"wilson-neff{round(expected)}"
    assert (found.low, found.high) == pytest.approx(
        wilson_limits(0.75, expected, 2.022690920036762)  # t(39) at 0.975, from a table
    )


def test_ties_never_narrow_the_interval() -> None:
    tied = win_rate([1, 1, 0.5, 0.5, 0, 0], singletons(6))
    plain = win_rate([1, 1, 1, 0, 0, 0], singletons(6))
    assert (tied.low, tied.high) == (plain.low, plain.high)
    assert tied.method == "wilson-neff6"


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from([0.0, 0.5, 1.0]), st.integers(0, 9)), min_size=1, max_size=60
    )
)
def test_no_interval_has_width_zero(rows: list[tuple[float, int]]) -> None:
    found = win_rate([win for win, _ in rows], [str(group) for _, group in rows])
    assert 0.0 <= found.low <= found.value <= found.high <= 1.0
    assert found.high - found.low > 0.01


def test_one_group_says_nothing() -> None:
    found = win_rate([1, 1, 0], ["a", "a", "a"])
    assert (found.low, found.high) == (0.0, 1.0)
    nearly = win_rate([1.0] * 1000 + [0.0], ["a"] * 1000 + ["b"])
    assert nearly.high - nearly.low > 0.99


def test_share_estimate_takes_any_credit() -> None:
    found = share_estimate([1.0, 1 / 3, 0.0], singletons(3))
    assert found.value == pytest.approx(4 / 9)
    with pytest.raises(ValueError, match=re.escape("credits[1] is 1.5; allowed: [0, 1]")):
        share_estimate([1.0, 1.5], singletons(2))


def test_no_pairs_have_no_win_rate() -> None:
    with pytest.raises(ValueError, match="at least one pair"):
        win_rate([], [])
    with pytest.raises(ValueError, match=re.escape("wins[0] is nan")):
        win_rate([math.nan], ["a"])
    with pytest.raises(ValueError, match=r"level=1.0 is outside \(0, 1\)"):
        win_rate([1.0], ["a"], level=1.0)


def test_degenerate_data_say_why() -> None:
    assert undecidable([1, 0] * 10, singletons(20)) is None
    assert undecidable([], []) == "no pairs to decide on"
    assert "20 pairs; at least 30" in str(undecidable([1] * 20, singletons(20), min_pairs=30))
    assert "2 different prompts; at least 15" in str(undecidable([1] * 20, ["a", "b"] * 10))
    assert undecidable([1, 0], ["a", "b"], min_groups=2) is None
    assert "all 20 pairs are tied" in str(undecidable([0.5] * 20, singletons(20)))


@pytest.mark.parametrize(("right", "n"), [(110, 150), (45, 50), (24, 30), (3, 40)])
@pytest.mark.parametrize("minimum", [0.3, 0.65, 0.7, 0.95])
def test_pairs_to_decide_just_decide(right: int, n: int, minimum: float) -> None:
    rate = right / n
    column = np.r_[np.ones(right), np.zeros(n - right)]
    needed = pairs_to_decide(win_rate(column, singletons(n)), minimum)
    assert needed is not None

    def decided(pairs: float) -> bool:
        # proportion_confint takes a count that is not whole.
        low, high = proportion_confint(rate * pairs, pairs, method="wilson")
        return bool(low >= minimum or high < minimum)

    assert decided(needed + 1e-6)
    assert needed <= 1 or not decided(needed - 1)


def test_pairs_to_decide_counts_grouped_pairs() -> None:
    # Three copies of each pair: three times as many are needed, less what t and G/(G-1) change.
    column = np.r_[np.ones(300), np.zeros(100)]
    alone = pairs_to_decide(win_rate(column, singletons(400)), 0.73)
    copies = pairs_to_decide(
        win_rate(np.repeat(column, 3), [f"{i // 3}" for i in range(1200)]), 0.73
    )
    assert alone is not None
    assert copies is not None
    assert copies == pytest.approx(3 * alone, rel=0.02)


def test_some_thresholds_are_never_decided() -> None:
    assert pairs_to_decide(win_rate([1, 0], singletons(2)), 0.5) is None
    everything = Estimate(value=0.5, low=0, high=1, level=0.95, method="x", n=3, n_groups=1)
    assert pairs_to_decide(everything, 0.7) is None
