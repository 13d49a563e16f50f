"""How alike two models judge the same pairs: flips, rank agreement, log-loss of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rmcheck.stats.bootstrap import bootstrap_means, percentile_interval
from rmcheck.stats.calibration import fit_temperature
from rmcheck.stats.columns import finite, same_length
from rmcheck.stats.correlation import degenerate_columns, kendall
from rmcheck.stats.winrate import win_rate
from rmcheck.verdict import Estimate


@dataclass(frozen=True, kw_only=True)
class Likeness:
    """Two models on the same n pairs, by their margins (chosen minus rejected).

    Attributes
    ----------
    flips
        Share of the pairs on which they prefer different sides; a tie is a side of its own.
    newly_wrong, newly_right
        Flips by which the candidate did worse or better than the baseline.
    tau
        Kendall's τ-b of the margins, in [-1, 1]; None where a column is constant.
    loss, loss_before
        Mean −log σ(margin) of candidate and baseline, in nats; ln 2 is a guess.
    loss_change
        loss − loss_before with a bootstrap interval over groups; None for pairs of one group.
    temperature, temperature_before
        What margins are divided by for the least log-loss, see `fit_temperature`; > 0.
    best, best_before
        That log-loss, which does not depend on the unit of the rewards.
    """

    n: int
    flips: Estimate
    newly_wrong: int
    newly_right: int
    tau: float | None
    loss: float
    loss_before: float
    loss_change: Estimate | None
    temperature: float
    temperature_before: float
    best: float
    best_before: float


def likeness(
    margins: ArrayLike,
    before: ArrayLike,
    groups: Sequence[str],
    *,
    level: float = 0.95,
    draws: int = 2_000,
    rng: np.random.Generator,
) -> Likeness:
    """Compare two models pair by pair.

    Parameters
    ----------
    margins, before : (n,) margins of candidate and baseline, n ≥ 1, finite; row i of both is the
        same pair.
    groups : (n,) group of each pair; groups are independent of each other.
    level : of the intervals.
    draws : resamples of the interval of the log-loss.
    rng : source of the draws.

    Raises
    ------
    ValueError
        Without pairs, for a NaN or infinite margin, or for columns of different lengths.
    """
    now, then = finite("margins", margins), finite("before", before)
    n = same_length(margins=now, before=then, groups=groups)
    if n == 0:
        raise ValueError("a comparison needs at least one pair")
    side, other = np.sign(now), np.sign(then)
    same = win_rate((side == other).astype(np.float64), groups, level=level)
    change = _losses(now) - _losses(then)
    scale, scale_before = fit_temperature(now), fit_temperature(then)
    return Likeness(
        n=n,
        flips=_complement(same),
        newly_wrong=int((side < other).sum()),
        newly_right=int((side > other).sum()),
        tau=None if degenerate_columns(now, then) else kendall(now, then),
        loss=float(_losses(now).mean()),
        loss_before=float(_losses(then).mean()),
        loss_change=_mean(change, groups, level, draws, rng),
        temperature=scale,
        temperature_before=scale_before,
        best=float(_losses(now / scale).mean()),
        best_before=float(_losses(then / scale_before).mean()),
    )


def _losses(margins: NDArray[np.float64]) -> NDArray[np.float64]:
    """−log σ(m) of each margin, without overflow."""
    return np.logaddexp(0.0, -margins)


def _complement(share: Estimate) -> Estimate:
    return Estimate(
        value=1.0 - share.value,
        low=1.0 - share.high,
        high=1.0 - share.low,
        level=share.level,
        method=share.method,
        n=share.n,
        n_groups=share.n_groups,
    )


def _mean(
    values: NDArray[np.float64],
    groups: Sequence[str],
    level: float,
    draws: int,
    rng: np.random.Generator,
) -> Estimate | None:
    """The mean with a percentile interval of resampled groups; None for a single group."""
    n_groups = len(set(groups))
    if n_groups < 2:
        return None
    value = float(values.mean())
    low, high = percentile_interval(bootstrap_means(values, groups, draws=draws, rng=rng), level)
    return Estimate(
        value=value,
        low=min(low, value),
        high=max(high, value),
        level=level,
        method="bootstrap",
        n=len(values),
        n_groups=n_groups,
    )
