"""The errors of correlations without resampling, against a bootstrap and against derivatives."""

from __future__ import annotations

import numpy as np
import pytest

from rmcheck.stats import bundles
from rmcheck.stats.correlation import correlation
from rmcheck.stats.groups import Groups


def columns(seed: int) -> tuple[np.ndarray, np.ndarray, Groups]:
    """4,000 rows of 2,000 prompts: skewed, with ties, and rows of a prompt alike."""
    rng = np.random.default_rng(seed)
    codes = np.repeat(np.arange(2_000), 2)
    shared = rng.normal(0, 1, 2_000)[codes]
    x = shared + rng.normal(0, 1, 4_000)
    y = np.round(np.exp(0.4 * shared + rng.normal(0, 0.6, 4_000)), 1)
    return x, y, Groups(map(str, codes))


@pytest.mark.ci
@pytest.mark.parametrize("method", ["pearson", "spearman"])
def test_the_interval_is_that_of_a_bootstrap(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    x, y, groups = columns(1)
    drawn = correlation(x, y, groups, method=method, draws=2_000, rng=np.random.default_rng(2))
    monkeypatch.setattr(bundles, "MOST_GROUPS", 1_999)
    made = correlation(x, y, groups, method=method, rng=np.random.default_rng(2))
    assert drawn is not None
    assert made is not None
    assert (drawn.method, made.method) == ("bootstrap", "linearised")
    assert made.value == drawn.value
    width = drawn.high - drawn.low
    # A limit of 2,000 draws has a standard error of 2.5 % of the width.
    assert made.low == pytest.approx(drawn.low, abs=0.1 * width)
    assert made.high == pytest.approx(drawn.high, abs=0.1 * width)


@pytest.mark.parametrize("method", ["pearson", "spearman"])
def test_the_error_is_the_sum_of_squared_derivatives(
    method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The derivative by a row's weight, by differences of the weighted coefficient itself.
    from rmcheck.stats.correlation import pearson, spearman

    rng = np.random.default_rng(3)
    x, y = rng.normal(size=40), np.round(rng.normal(size=40), 1)
    x[:6] = x[6:12]
    groups = Groups(str(row // 2) for row in range(40))
    weighted = {"pearson": pearson, "spearman": spearman}[method]
    step, slopes = 1e-5, np.empty(40)
    for row in range(40):
        more, less = np.ones(40), np.ones(40)
        more[row] += step
        less[row] -= step
        slopes[row] = (weighted(x, y, more) - weighted(x, y, less)) / (2 * step)
    sums = slopes.reshape(20, 2).sum(axis=1)
    error = float(np.sqrt(np.square(sums).sum()))
    monkeypatch.setattr(bundles, "MOST_GROUPS", 19)
    found = correlation(x, y, groups, method=method, rng=rng)
    assert found is not None
    assert found.high - found.value == pytest.approx(1.959964 * error, rel=1e-4)
