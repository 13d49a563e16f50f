import math
import re

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from rmcheck.stats.noise import noise_drop


def singletons(n: int) -> list[str]:
    return [str(i) for i in range(n)]


def test_one_seed_of_singletons_is_the_paired_t_interval() -> None:
    rng = np.random.default_rng(0)
    clean, noisy = (rng.random(80) < 0.8) * 1.0, (rng.random(80) < 0.6) * 1.0
    found = noise_drop(clean, noisy[None, :], singletons(80))
    oracle = stats.ttest_rel(clean, noisy).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((oracle.low, oracle.high))
    assert found.value == pytest.approx(clean.mean() - noisy.mean())
    assert (found.n, found.n_groups, found.method) == (80, 80, "t-clustered")


def test_groups_have_the_clustered_error_of_statsmodels() -> None:
    rng = np.random.default_rng(1)
    clean = (rng.random(120) < 0.8) * 1.0
    noisy = (rng.random((3, 120)) < 0.6) * 1.0
    codes = np.repeat(np.arange(40), 3)
    found = noise_drop(clean, noisy, [str(c) for c in codes], level=0.9)
    fit = sm.OLS(clean - noisy.mean(axis=0), np.ones(120)).fit()
    error = fit.get_robustcov_results(
        "cluster", groups=codes, use_correction=False, df_correction=False
    ).bse[0]
    half = stats.t.ppf(0.95, 39) * error * math.sqrt(40 / 39)
    assert found.high - found.value == pytest.approx(half)


def test_no_change_still_has_a_width() -> None:
    wins = np.r_[np.ones(35), np.zeros(15)]
    found = noise_drop(wins, np.stack([wins, wins]), singletons(50))
    # Bonett and Price 2012 with no discordant pair: √(2/52²) by t(49).
    half = stats.t.ppf(0.975, 49) * math.sqrt(2) / 52
    assert (found.low, found.value, found.high) == pytest.approx((-half, 0.0, half))


@pytest.mark.ci
@settings(deadline=None)
@given(st.integers(1, 30), st.integers(1, 4), st.integers(1, 6), st.integers(0, 2**32))
def test_the_interval_is_sane(n: int, seeds: int, size: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    clean = rng.choice([0.0, 0.5, 1.0], n)
    noisy = rng.choice([0.0, 0.5, 1.0], (seeds, n))
    found = noise_drop(clean, noisy, [str(i // size) for i in range(n)])
    assert -1.0 <= found.low <= found.value + 1e-12
    assert found.value - 1e-12 <= found.high <= 1.0
    assert found.high - found.low > 0.01
    assert found.value == pytest.approx(np.mean([clean.mean() - row.mean() for row in noisy]))


def test_one_group_says_nothing() -> None:
    found = noise_drop([1.0, 0.0], [[0.0, 0.0]], ["a", "a"])
    assert (found.low, found.high) == (-1.0, 1.0)


def test_wrong_tables_are_told() -> None:
    with pytest.raises(ValueError, match=re.escape("allowed: (seeds, 2)")):
        noise_drop([1, 0], [1, 0], ["a", "b"])
    with pytest.raises(ValueError, match="allowed"):
        noise_drop([1, 0], np.zeros((0, 2)), ["a", "b"])
    with pytest.raises(ValueError, match=re.escape("wins_noisy[1][0] is nan")):
        noise_drop([1, 0], [[1, 0], [math.nan, 0]], ["a", "b"])
    with pytest.raises(ValueError, match="at least one pair"):
        noise_drop([], np.zeros((1, 0)), [])
