import math
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import roc_auc_score

from rmcheck.stats.gap import score_gap


def singletons(n: int) -> list[str]:
    return [str(i) for i in range(n)]


def sample(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.normal(0.4, 1, n), rng.normal(0, 1.5, n)


@settings(max_examples=20, deadline=None)
@given(st.integers(5, 80), st.integers(0, 2**32))
def test_the_numbers_are_those_of_scipy_and_sklearn(n: int, seed: int) -> None:
    chosen, rejected = sample(n, seed)
    found = score_gap(chosen, rejected, singletons(n), rng=np.random.default_rng(0), draws=50)
    margins = chosen - rejected
    assert found.mean_gap == pytest.approx(margins.mean())
    assert found.median_gap == pytest.approx(np.median(margins))
    assert found.d_z is not None
    # t = d_z √n.
    oracle = stats.ttest_1samp(margins, 0.0).statistic
    assert found.d_z.value == pytest.approx(oracle / math.sqrt(n))
    labels = np.r_[np.ones(n), np.zeros(n)]
    assert found.auc == pytest.approx(roc_auc_score(labels, np.r_[chosen, rejected]))
    assert found.p_wilcoxon == pytest.approx(
        stats.wilcoxon(chosen, rejected, alternative="greater").pvalue
    )
    assert found.p_mann_whitney == pytest.approx(
        stats.mannwhitneyu(chosen, rejected, alternative="greater").pvalue
    )


def test_the_three_tests_by_hand() -> None:
    # Margins 1, 2, 3 of three pairs: all signs up has 1 of 8 patterns for sign flips and ranks.
    found = score_gap([2, 4, 6], [1, 2, 3], list("abc"), rng=np.random.default_rng(0))
    assert found.p_sign_flip == 1 / 8
    assert found.p_wilcoxon == 1 / 8
    # Chosen 2, 4, 6 against 1, 2, 3: wins 1.5 + 3 + 3 of 9.
    assert found.auc == pytest.approx(7.5 / 9)
    # d_z = 2 / 1.
    assert found.d_z is not None
    assert found.d_z.value == pytest.approx(2.0)


def test_groups_enter_the_sign_flips_and_the_interval() -> None:
    chosen, rejected = sample(60, 1)
    alone = score_gap(chosen, rejected, singletons(60), rng=np.random.default_rng(0))
    groups = [str(i // 6) for i in range(360)]
    copies = score_gap(
        np.repeat(chosen, 6), np.repeat(rejected, 6), singletons(360), rng=np.random.default_rng(0)
    )
    grouped = score_gap(
        np.repeat(chosen, 6),
        np.repeat(rejected, 6),
        [str(i // 6) for i in range(360)],
        rng=np.random.default_rng(0),
    )
    assert len(set(groups)) == grouped.n_groups == 60
    assert grouped.p_sign_flip == pytest.approx(alone.p_sign_flip, abs=0.005)
    assert copies.p_sign_flip < alone.p_sign_flip
    for one in (alone, copies, grouped):
        assert one.d_z is not None
    width = [one.d_z.high - one.d_z.low for one in (alone, copies, grouped) if one.d_z]
    assert width[2] == pytest.approx(width[0], rel=0.1)
    assert width[1] == pytest.approx(width[0] / math.sqrt(6), rel=0.1)


@pytest.mark.ci
def test_the_interval_of_d_z_covers() -> None:
    rng = np.random.default_rng(5)
    hits = 0
    for _ in range(200):
        # Skewed margins: exponential with mean 1 and sd 1, so the true d_z is 1.
        found = score_gap(
            rng.exponential(size=150), np.zeros(150), singletons(150), rng=rng, draws=200
        ).d_z
        assert found is not None
        hits += found.low <= 1.0 <= found.high
    # 0.93 for such skewed margins, less three standard errors of 200 runs.
    assert hits / 200 > 0.87


def test_the_scale_of_the_rewards_does_not_matter() -> None:
    chosen, rejected = sample(50, 2)
    found = [
        score_gap(a * chosen, a * rejected, singletons(50), rng=np.random.default_rng(0))
        for a in (1.0, 1e-12, 3e12)
    ]
    for one in found[1:]:
        assert one.p_sign_flip == found[0].p_sign_flip
        assert one.auc == found[0].auc
        assert one.d_z is not None
        assert found[0].d_z is not None
        assert (one.d_z.value, one.d_z.low, one.d_z.high) == pytest.approx(
            (found[0].d_z.value, found[0].d_z.low, found[0].d_z.high)
        )


def test_no_spread_is_no_effect_size() -> None:
    rng = np.random.default_rng(0)
    # Rounding makes the margins differ in the last bit only.
    rejected = rng.normal(size=40)
    same = score_gap(rejected + 0.1, rejected, singletons(40), rng=rng)
    assert same.d_z is None
    assert "all 40 margins are 0.1" in str(same.degenerate)
    tied = score_gap(rejected, rejected, singletons(40), rng=rng)
    assert tied.d_z is None
    assert (tied.p_sign_flip, tied.p_wilcoxon, tied.auc) == (1.0, 1.0, 0.5)


def test_few_pairs_or_groups() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="at least one pair"):
        score_gap([], [], [], rng=rng)
    one = score_gap([1.0], [0.0], ["a"], rng=rng)
    assert one.d_z is None
    assert "1 pair" in str(one.degenerate)
    group = score_gap([1.0, 3.0], [0.0, 0.0], ["a", "a"], rng=rng)
    assert group.d_z is None
    assert "one group" in str(group.degenerate)
    two = score_gap([1.0, 3.0], [0.0, 0.0], ["a", "b"], rng=rng)
    assert two.d_z is None or two.d_z.high > two.d_z.low


def test_copied_groups_keep_a_width() -> None:
    found = score_gap(
        [1.0, 3.0] * 20, [0.0] * 40, [str(i // 2) for i in range(40)], rng=np.random.default_rng(0)
    )
    assert found.d_z is not None
    assert found.d_z.high - found.d_z.low > 0.5


def test_wrong_scores_are_named() -> None:
    with pytest.raises(ValueError, match=re.escape("chosen[0] is nan")):
        score_gap([math.nan], [0.0], ["a"], rng=np.random.default_rng(0))
