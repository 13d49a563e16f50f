"""Calibration: whether σ(margin / T) is the probability that the chosen response is preferred."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize_scalar
from scipy.special import expit

from rmcheck.stats import groups as grouping
from rmcheck.stats.at_once import at_once
from rmcheck.stats.bootstrap import bootstrap_means, percentile_interval
from rmcheck.stats.columns import finite, proportion, same_length
from rmcheck.stats.remembered import remembered
from rmcheck.stats.winrate import share_estimate
from rmcheck.verdict import Estimate
from rmcheck.wording import counted

# A temperature is sought within e^±7 (a factor of 1,100) of the typical margin.
_REACH = 7.0
_ROUNDING = 1e-12


@dataclass(frozen=True, kw_only=True)
class Bin:
    """One bar of a reliability diagram: predictions within [low, high), the last one closed.

    `confidence` is their mean, `frequency` the share that came true; both None for an empty bin.
    """

    low: float
    high: float
    n: int
    confidence: float | None
    frequency: float | None


@dataclass(frozen=True, kw_only=True)
class Scoring:
    """How well probabilities fit: ECE and Brier in [0, 1], NLL in nats ≥ 0, lower is better.

    The intervals are bootstrapped over groups; where the resamples do not differ (one group, all
    margins alike) they are [0, 1], method `none`. Where every pair is right (or every one wrong)
    no resample knows how rare the other outcome is: the upper limits are then raised by what
    Wilson's interval of the win rate leaves open.
    """

    ece: Estimate
    brier: Estimate
    nll: float
    bins: tuple[Bin, ...]


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """Calibration at T = 1 and at the cross-validated temperature.

    `temperature` is fitted to all pairs, in units of the margin; `fitted` scores each pair with the
    temperature that the *other* folds gave. `fitted` and `temperature` are None where `degenerate`
    says why it is missing.
    """

    n: int
    n_groups: int
    raw: Scoring
    fitted: Scoring | None
    temperature: float | None
    degenerate: str | None = None


def calibrate(
    margins: ArrayLike,
    groups: Sequence[str],
    *,
    rng: np.random.Generator,
    n_bins: int = 10,
    folds: int = 5,
    level: float = 0.95,
    draws: int = 2_000,
) -> Calibration:
    """Measure the calibration of p(chosen preferred) = σ(margin / T).

    Parameters
    ----------
    margins : (n,) chosen less rejected score, n ≥ 1, finite.
    groups : (n,) group of each pair; a group is never split between folds.
    rng : swaps the sides, deals the folds, draws the bootstrap, in this order.
    n_bins : bins of equal width on [0, 1].
    folds : of the cross-validation; at most the number of groups is used.
    level, draws : of the bootstrap intervals over groups.

    Notes
    -----
    Guo et al. 2017, arXiv 1706.04599, for the temperature and the ECE. In preference data the
    chosen response is always the better one, so that binning σ(margin) against that label gives
    1 - mean(p) whatever the model does; ours swaps the sides of each pair by a fair coin first,
    which leaves Brier and NLL as they are. The ECE is biased upwards, by about √(n_bins/n)/3 for a
    calibrated model.
    """
    column = finite("margins", margins)
    n = same_length(margins=column, groups=groups)
    if n == 0:
        raise ValueError("calibration needs at least one pair")
    if n_bins < 1 or folds < 2:
        raise ValueError(f"n_bins={n_bins} must be at least 1 and folds={folds} at least 2")
    proportion("level", level, closed=False)
    work = partial(
        _calibrate, column, groups, rng=rng, n_bins=n_bins, folds=folds, level=level, draws=draws
    )
    return remembered(work, "calibrate", [column], groups, rng, n_bins, folds, level, draws)


def _calibrate(
    column: NDArray[np.float64],
    groups: Sequence[str],
    *,
    rng: np.random.Generator,
    n_bins: int,
    folds: int,
    level: float,
    draws: int,
) -> Calibration:
    n = len(column)
    swapped = rng.random(n) < 0.5
    codes = grouping.codes(groups)
    n_groups = int(codes.max()) + 1
    fold_of = rng.permutation(n_groups) % min(folds, n_groups)

    def score(scaled: NDArray[np.float64]) -> Scoring:
        return _score(scaled, swapped, groups, n_bins=n_bins, level=level, draws=draws, rng=rng)

    raw = score(column)
    reason = None
    if n_groups < 2:
        reason = (
            f"{counted(n, 'pair')} of one group; at least 2 groups are needed to cross-validate a "
            "temperature"
        )
    elif not column.any():
        reason = f"all {n} margins are zero, so every temperature gives p = 0.5"
    fitted = temperature = None
    if reason is None:
        fold = fold_of[codes]

        def without(held: int) -> float:
            return fit_temperature(column[fold != held])

        temperature, *others = at_once(without, range(-1, int(fold_of.max()) + 1), n=n)
        fitted = score(column / np.array(others)[fold])
    return Calibration(
        n=n,
        n_groups=n_groups,
        raw=raw,
        fitted=fitted,
        temperature=temperature,
        degenerate=reason,
    )


def fit_temperature(margins: NDArray[np.float64]) -> float:
    """Temperature T > 0 at which σ(margin / T) has the least mean NLL on (n,) margins.

    The NLL is convex in 1/T, so that one bounded search finds it. Where it has no minimum (all
    pairs right: T → 0; more wrong than right: T → ∞) the search ends within a factor of
    1,100 of the mean absolute margin. All margins zero: 1.0.
    """
    scale = float(np.abs(margins).mean()) if margins.size else 0.0
    if scale == 0.0:
        return 1.0
    unit = margins / scale

    def loss(log_inverse: float) -> float:
        return float(np.logaddexp(0.0, -unit * math.exp(log_inverse)).mean())

    found = minimize_scalar(loss, bounds=(-_REACH, _REACH), method="bounded")
    best = min((float(found.x), -_REACH, _REACH), key=loss)
    return scale * math.exp(-best)


def expected_calibration_error(
    p: NDArray[np.float64], outcome: NDArray[np.float64], n_bins: int
) -> float:
    """ECE: Σ over bins of |Σ (outcome - p)| / n, for (n,) probabilities and 0/1 outcomes."""
    gaps = np.bincount(_bin(p, n_bins), weights=outcome - p, minlength=n_bins)
    return float(np.abs(gaps).sum()) / len(p)


def reliability(
    p: NDArray[np.float64], outcome: NDArray[np.float64], n_bins: int
) -> tuple[Bin, ...]:
    """Bars of the reliability diagram, for (n,) probabilities and 0/1 outcomes."""
    place = _bin(p, n_bins)
    counts = np.bincount(place, minlength=n_bins)
    predicted = np.bincount(place, weights=p, minlength=n_bins)
    true = np.bincount(place, weights=outcome, minlength=n_bins)
    return tuple(
        Bin(
            low=k / n_bins,
            high=(k + 1) / n_bins,
            n=int(counts[k]),
            confidence=float(predicted[k] / counts[k]) if counts[k] else None,
            frequency=float(true[k] / counts[k]) if counts[k] else None,
        )
        for k in range(n_bins)
    )


def _bin(p: NDArray[np.float64], n_bins: int) -> NDArray[np.intp]:
    return np.minimum((p * n_bins).astype(np.intp), n_bins - 1)


def _score(
    scaled: NDArray[np.float64],
    swapped: NDArray[np.bool_],
    groups: Sequence[str],
    *,
    n_bins: int,
    level: float,
    draws: int,
    rng: np.random.Generator,
) -> Scoring:
    n = len(scaled)
    p = expit(np.where(swapped, -scaled, scaled))
    outcome = np.where(swapped, 0.0, 1.0)
    squares = (outcome - p) ** 2
    gaps = np.zeros((n, n_bins))
    gaps[np.arange(n), _bin(p, n_bins)] = outcome - p
    means = bootstrap_means(np.column_stack([squares, gaps]), groups, draws=draws, rng=rng)
    n_groups = grouping.count(groups)
    unseen = 0.0
    if np.ptp(scaled) > 0.0 and (np.all(scaled > 0.0) or np.all(scaled < 0.0)):
        unseen = 1.0 - share_estimate(np.ones(n), groups, level=level).low

    def estimate(value: float, spread: NDArray[np.float64], *, basic: bool) -> Estimate:
        low, high = percentile_interval(spread, level)
        method = "bootstrap-basic" if basic else "bootstrap"
        if high - low < _ROUNDING:
            # Certain of every pair: what is left open is how rare the other outcome is.
            low, high, method = (value, value, "wilson") if unseen else (0.0, 1.0, "none")
        elif basic:
            low, high = max(0.0, 2 * value - high), min(1.0, 2 * value - low)
        high = min(1.0, max(high, value) + unseen)
        return Estimate(
            value=value,
            low=min(low, value),
            high=high,
            level=level,
            method=method,
            n=n,
            n_groups=n_groups,
        )

    ece = expected_calibration_error(p, outcome, n_bins)
    return Scoring(
        # Resampling adds the upward bias of the ECE a second time; the basic interval takes it off.
        ece=estimate(ece, np.abs(means[:, 1:]).sum(axis=1), basic=True),
        brier=estimate(float(squares.mean()), means[:, 0], basic=False),
        # logaddexp stays finite where log(p) would be -inf.
        nll=float(np.logaddexp(0.0, -scaled).mean()),
        bins=reliability(p, outcome, n_bins),
    )
