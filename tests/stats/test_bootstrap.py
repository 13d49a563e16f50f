import math
import re
import time

import numpy as np
import pytest
from scipy import stats

from rmcheck.stats.bootstrap import (
    bootstrap_means,
    bootstrap_statistic,
    bootstrap_weights,
    percentile_interval,
)


def singletons(n: int) -> list[str]:
    return [str(i) for i in range(n)]


def test_two_groups_have_a_known_distribution() -> None:
    # Groups a = {1, 0}, b = {1}: resamples aa, ab or ba, bb have means 1/2, 2/3, 1 with
    # probabilities 1/4, 1/2, 1/4.
    found = bootstrap_means([1, 0, 1], ["a", "a", "b"], draws=8000, rng=np.random.default_rng(0))
    values, counts = np.unique(found.round(9), return_counts=True)
    assert values.tolist() == pytest.approx([1 / 2, 2 / 3, 1])
    assert stats.chisquare(counts, [2000, 4000, 2000]).pvalue > 1e-4


def test_collapsed_cells_follow_the_binomial_law() -> None:
    # Singletons of wins: n times the mean is Binomial(n, p).
    wins = np.r_[np.ones(70), np.zeros(30)]
    found = bootstrap_means(wins, singletons(100), draws=20_000, rng=np.random.default_rng(1))
    assert (
        stats.kstest(
            found * 100 + np.random.default_rng(2).random(20_000) - 0.5,
            lambda x: (
                stats.binom.cdf(np.floor(x - 0.5), 100, 0.7)
                + (x + 0.5 - np.floor(x + 0.5)) * stats.binom.pmf(np.floor(x + 0.5), 100, 0.7)
            ),
        ).pvalue
        > 1e-4
    )


def test_indices_and_cells_agree() -> None:
    rng = np.random.default_rng(3)
    wins = (rng.random(600) < 0.7) * 1.0
    groups = [str(i // 3) for i in range(600)]
    cells = bootstrap_means(wins, groups, draws=4000, rng=rng)
    # A negligible jitter makes every group distinct, so that nothing collapses.
    jitter = wins + 1e-9 * rng.random(600)
    indices = bootstrap_means(jitter, groups, draws=4000, rng=rng)
    assert stats.ks_2samp(cells.round(6), indices.round(6)).pvalue > 1e-4


def test_the_spread_is_that_of_the_cluster_formula() -> None:
    rng = np.random.default_rng(4)
    values = np.repeat(rng.normal(size=300), 2) + rng.normal(size=600)
    groups = [str(i // 2) for i in range(600)]
    found = bootstrap_means(values, groups, draws=4000, rng=rng)
    sums = values.reshape(300, 2).sum(axis=1)
    # Equal groups: the mean's bootstrap variance is Σ(s - s̄)² / G² / size² exactly.
    expected = math.sqrt(((sums - sums.mean()) ** 2).sum()) / 300 / 2
    assert found.std() == pytest.approx(expected, rel=0.05)


def test_columns_are_resampled_together() -> None:
    rng = np.random.default_rng(5)
    x = rng.normal(size=50)
    found = bootstrap_means(np.stack([x, 2 * x + 1], axis=1), singletons(50), draws=100, rng=rng)
    assert found.shape == (100, 2)
    assert found[:, 1] == pytest.approx(2 * found[:, 0] + 1)


def test_the_same_generator_gives_the_same_draws() -> None:
    x = np.random.default_rng(6).normal(size=3000)
    runs = [
        bootstrap_means(x, singletons(3000), draws=3000, rng=np.random.default_rng(7))
        for _ in range(2)
    ]
    assert np.array_equal(*runs)


def test_any_statistic_of_whole_groups() -> None:
    groups = list("aabccc")
    seen: list[tuple[float, ...]] = []

    def keep(x: np.ndarray, y: np.ndarray) -> float:
        assert np.array_equal(y, 10 * x)
        seen.append(tuple(x))
        return float(x.mean())

    x = np.array([0.0, 1.0, 2.0, 3.0, 4.0, 5.0])
    found = bootstrap_statistic([x, 10 * x], groups, keep, draws=50, rng=np.random.default_rng(8))
    assert found.shape == (50,)
    blocks = {(0.0, 1.0), (2.0,), (3.0, 4.0, 5.0)}
    for rows in seen:
        rest = list(rows)
        while rest:
            size = {0.0: 2, 2.0: 1, 3.0: 3}[rest[0]]
            assert tuple(rest[:size]) in blocks
            rest = rest[size:]
    means = bootstrap_means(x, groups, draws=4000, rng=np.random.default_rng(9))
    many = bootstrap_statistic(
        [x], groups, lambda v: float(v.mean()), draws=4000, rng=np.random.default_rng(10)
    )
    assert stats.ks_2samp(means.round(9), many.round(9)).pvalue > 1e-4


def test_weights_count_whole_groups() -> None:
    rng = np.random.default_rng(11)
    drawn = list(bootstrap_weights(list("aabccc"), draws=500, rng=rng))
    for weights in drawn:
        assert weights[0] == weights[1]
        assert weights[3] == weights[4] == weights[5]
        assert weights[0] + weights[2] + weights[3] == 3
    # Each of the three groups is expected once.
    assert np.mean(drawn, axis=0) == pytest.approx(np.ones(6), abs=0.15)
    with pytest.raises(ValueError, match="n=0"):
        next(bootstrap_weights([], rng=rng))


def test_many_columns_are_resampled_like_few() -> None:
    x = np.random.default_rng(12).normal(size=40)
    groups = [str(i // 2) for i in range(40)]
    wide = bootstrap_means(
        np.stack([x, x, x, x], axis=1), groups, draws=300, rng=np.random.default_rng(13)
    )
    narrow = bootstrap_means(x, groups, draws=300, rng=np.random.default_rng(13))
    assert wide[:, 3] == pytest.approx(narrow)


def test_intervals_leave_undefined_draws_out() -> None:
    draws = np.r_[np.arange(101.0), math.nan]
    assert percentile_interval(draws, 0.9) == pytest.approx((5.0, 95.0))
    with pytest.raises(ValueError, match="undefined"):
        percentile_interval(np.array([math.nan]), 0.9)


def test_wrong_inputs_are_told() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match=re.escape("values[1] is nan")):
        bootstrap_means([1.0, math.nan], ["a", "b"], rng=rng)
    with pytest.raises(ValueError, match=re.escape("values[:, 1][0] is inf")):
        bootstrap_means([[1.0, math.inf]], ["a"], rng=rng)
    with pytest.raises(ValueError, match="n=0"):
        bootstrap_means([], [], rng=rng)
    with pytest.raises(ValueError, match="draws=0"):
        bootstrap_statistic([[1.0]], ["a"], float, draws=0, rng=rng)
    with pytest.raises(ValueError, match="one or two dimensions"):
        bootstrap_means(np.zeros((2, 2, 2)), ["a", "b"], rng=rng)


def test_a_hundred_thousand_pairs_of_wins_are_quick() -> None:
    wins = (np.random.default_rng(0).random(100_000) < 0.8) * 1.0
    names = [str(i // 3) for i in range(100_000)]
    started = time.perf_counter()
    bootstrap_means(wins, names, draws=10_000, rng=np.random.default_rng(1))
    assert time.perf_counter() - started < 2.0  # 0.05 s on a free core
