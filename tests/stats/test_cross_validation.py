"""Cross-validated win rates: a derivation by hand, limits that must agree, and coverage."""

import math
from collections.abc import Iterator

import numpy as np
import pytest
from scipy import stats

from rmcheck.stats.cross_validation import cross_validated
from rmcheck.stats.winrate import wilson_limits, win_rate


def names(n: int, size: int = 1) -> list[str]:
    return [str(row // size) for row in range(n)]


def test_folds_that_differ_by_their_pairs_alone_have_the_corrected_variance() -> None:
    # 5 folds of 20 pairs with 14 wins each: p = 0.7, v = 0.7 · 0.3 / 100, nothing between folds.
    wins = np.tile(np.arange(20) < 14, 5) * 1.0
    found = cross_validated(wins, names(100), np.repeat(np.arange(1, 6), 20))
    assert found.between == 0.0
    assert found.pooled == win_rate(wins, names(100))
    # v (1 + 5/4): as many pairs as 100 / 2.25, with t of 99 degrees of freedom.
    low, high = wilson_limits(0.7, 100 / 2.25, stats.t.ppf(0.975, 99))
    assert (found.estimate.low, found.estimate.high) == pytest.approx((low, high), abs=1e-12)
    assert found.estimate.method == "cv5-neff44"
    assert found.estimate.value == 0.7


def test_models_that_differ_widen_it() -> None:
    # Two folds of 100 pairs, won 90 and 50 times: p = 0.7 and v = 0.7 · 0.3 / 200.
    wins = np.concatenate([np.arange(100) < 90, np.arange(100) < 50]) * 1.0
    found = cross_validated(wins, names(200), np.repeat([1, 2], 100))
    # Rates 0.9 and 0.5: variance 0.08. Their pairs explain the mean of p(1-p) / (n-1) with n = 100.
    tau2 = 0.08 - (0.9 * 0.1 + 0.5 * 0.5) / 99 / 2
    assert found.between == pytest.approx(math.sqrt(tau2))
    v, models = 0.7 * 0.3 / 200, (1 / 2 + 1) * found.between**2
    degrees = (v + models) ** 2 / (v**2 / 199 + models**2 / 1)
    low, high = wilson_limits(0.7, 0.21 / (v + models), stats.t.ppf(0.975, degrees))
    assert (found.estimate.low, found.estimate.high) == pytest.approx((low, high))


def test_strata_explain_what_they_explain() -> None:
    # An easy tag (all won) and a hard one (half won), divided evenly: with the strata, the pairs
    # vary less, so that the same rates of the folds leave more to the models.
    rng = np.random.default_rng(0)
    folds = np.tile(np.arange(1, 5), 50)
    kinds = ["easy" if row < 100 else "hard" for row in range(200)]
    wins = np.where(np.arange(200) < 100, 1.0, rng.random(200) < np.where(folds < 3, 0.3, 0.7))
    plain = cross_validated(wins, names(200), folds)
    known = cross_validated(wins, names(200), folds, kinds)
    assert known.between > plain.between
    assert known.estimate.value == plain.estimate.value


def test_what_it_is_given_is_checked() -> None:
    with pytest.raises(ValueError, match="at least 2 different folds, got 1"):
        cross_validated([1.0, 0.0], names(2), np.array([1, 1]))
    with pytest.raises(ValueError, match="wins"):
        cross_validated([1.0, 0.3], names(2), np.array([1, 2]))


def test_all_won_is_not_certain() -> None:
    found = cross_validated(np.ones(60), names(60), np.tile(np.arange(1, 4), 20))
    assert found.estimate.value == found.estimate.high == 1.0
    assert found.estimate.low < found.pooled.low < 1.0


def learned(
    n: int, size: int, mean: float, noise: float, rng: np.random.Generator, folds: np.ndarray
) -> Iterator[np.ndarray]:
    """(n,) wins out of fold, of a model whose direction is the mean of its training pairs.

    A pair is the difference of two responses, (d,), with 20 dimensions of which one carries
    `mean`; the pairs of a prompt share half of their variance. `noise` is what the seed adds.
    """
    pairs = rng.normal(size=(n, 20))
    shared = np.repeat(rng.normal(size=(-(-n // size), 20)), size, axis=0)[:n]
    pairs = pairs if size == 1 else (pairs + shared) / math.sqrt(2)
    pairs[:, 0] += mean
    for fold in np.unique(folds):
        train, test = pairs[folds != fold], pairs[folds == fold]
        seed = noise * rng.normal(size=20) / math.sqrt(len(train))
        yield folds == fold, test @ (train.mean(axis=0) + seed) > 0  # type: ignore[misc]


@pytest.mark.ci
@pytest.mark.parametrize(
    ("n", "size", "mean", "noise", "pooled_covers"),
    [
        pytest.param(200, 1, 0.3, 0.0, 0.92, id="overfits"),
        pytest.param(200, 1, 0.5, 1.0, 0.93, id="overfits and depends on its seed"),
        pytest.param(300, 3, 0.3, 1.0, 0.95, id="prompts of three pairs"),
        pytest.param(400, 1, 1.0, 0.0, 0.99, id="stable"),
    ],
)
def test_it_covers(n: int, size: int, mean: float, noise: float, pooled_covers: float) -> None:
    rng = np.random.default_rng([n, size, int(10 * mean), int(noise)])
    groups, folds = names(n, size), np.arange(n) // size % 5
    runs, covers, pooled, rates = 300, 0, 0, []
    found = []
    for _ in range(runs):
        wins = np.zeros(n)
        for rows, won in learned(n, size, mean, noise, rng, folds):
            wins[rows] = won
        found.append(cross_validated(wins, groups, folds))
        rates.append(found[-1].estimate.value)
    # Unbiased for models of 4/5 of the pairs: the mean over runs is the truth, to 0.003.
    truth = float(np.mean(rates))
    for one in found:
        covers += one.estimate.low <= truth <= one.estimate.high
        pooled += one.pooled.low <= truth <= one.pooled.high
    assert covers / runs >= 0.95 - 3 * math.sqrt(0.05 * 0.95 / runs)
    assert pooled / runs <= pooled_covers
