import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from rmcheck.stats.ranks import mann_whitney_greater, midranks, wilcoxon_greater


@pytest.mark.ci
@settings(max_examples=100, deadline=None)
@given(st.integers(2, 120), st.integers(0, 2**32), st.integers(0, 3))
def test_both_tests_are_scipys_digit_by_digit(n: int, seed: int, digits: int) -> None:
    rng = np.random.default_rng(seed)
    x, y = rng.normal(0.2, 1, n), rng.normal(0, 1, n)
    if digits < 3:  # ties, and zeros among the margins
        x, y = x.round(digits), y.round(digits)
    oracle = stats.mannwhitneyu(x, y, alternative="greater")
    assert mann_whitney_greater(x, y) == (oracle.statistic, oracle.pvalue)
    margins = x - y
    if margins.any():
        assert wilcoxon_greater(margins) == stats.wilcoxon(margins, alternative="greater").pvalue


def test_without_a_difference() -> None:
    same = np.full(60, 2.0)
    assert wilcoxon_greater(np.zeros(60)) == 1.0
    u, p = mann_whitney_greater(same, same)
    assert u == 60 * 60 / 2
    assert p == pytest.approx(stats.mannwhitneyu(same, same, alternative="greater").pvalue)


def test_ties_share_their_mean_rank() -> None:
    # 1 has rank 1; the two 2s have ranks 2 and 3, so 2.5 each; 5 has rank 4.
    ranks, ties = midranks(np.array([2.0, 5.0, 1.0, 2.0]))
    assert ranks.tolist() == [2.5, 4.0, 1.0, 2.5]
    assert ties.tolist() == [1, 2, 1]
