"""Whether a share is shown to exceed a bound, and how large a share would be."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import bdtrc, betaincinv, ndtri

from rmcheck.stats import groups as grouping
from rmcheck.stats.columns import finite, proportion, same_length
from rmcheck.stats.signflip import sign_flip_p_margins
from rmcheck.stats.winrate import effective_size, share_estimate
from rmcheck.verdict import Estimate

# A quotient of whole numbers, times its divisor, is a whole number again but for rounding.
_ROUNDING = 1e-9


@dataclass(frozen=True, kw_only=True)
class Excess:
    """A share against an upper bound.

    `estimate` is the share with its interval; `p_value` the one-sided p of a share above the bound;
    `n_eff` the number of independent entries that it rests on; `detectable` the smallest true share
    that the test finds to exceed the bound with probability 0.8, None if no share is.
    """

    estimate: Estimate
    p_value: float
    n_eff: float
    detectable: float | None


def share_excess(
    credits: ArrayLike, groups: Sequence[str], bound: float, *, alpha: float, tests: int = 1
) -> Excess:
    """Test a mean of credits in [0, 1] against an upper bound.

    Parameters
    ----------
    credits : (n,) in [0, 1], n ≥ 1; 1 where the event happened, parts of it in between.
    groups : (n,) group of each entry; groups are independent of each other.
    bound : the share that is tolerated, in [0, 1].
    alpha : level of the family of tests, in (0, 1); of use for `detectable` only.
    tests : how many tests share alpha, ≥ 1.

    Returns
    -------
    Excess
        `p_value` is P(X ≥ k) for X binomial with n_eff trials and probability `bound`, where k is
        share · n_eff, both rounded down; 1.0 for k = 0.

    Notes
    -----
    Exact for singletons of credits 0 and 1: the binomial test. With groups, n_eff is the effective
    size of `winrate.share_estimate`, whose design effect is drawn towards the worst one possible.
    """
    estimate = share_estimate(credits, groups)
    proportion("bound", bound)
    n_eff = effective_size(credits, groups)
    trials = math.floor(n_eff + _ROUNDING)
    events = math.floor(estimate.value * trials + _ROUNDING)
    return Excess(
        estimate=estimate,
        p_value=_at_least(events, trials, bound),
        n_eff=n_eff,
        detectable=detectable_share(trials, bound, alpha / tests),
    )


def _at_least(events: int, trials: int, share: float) -> float:
    """P(X ≥ events) for X binomial."""
    if events <= 0:
        return 1.0
    return float(bdtrc(events - 1, trials, share)) if events <= trials else 0.0


def detectable_share(trials: int, bound: float, alpha: float, power: float = 0.8) -> float | None:
    """The smallest true share that is found to exceed a bound with probability `power`.

    Parameters
    ----------
    trials : independent entries, ≥ 0.
    bound : the share that is tolerated, in [0, 1].
    alpha : level of the one test, in (0, 1).
    power : in (0, 1).

    Returns
    -------
    The share, above `bound`; None where not even a share of 1 would be found to exceed it.

    Notes
    -----
    With c the fewest events whose binomial p is at most alpha, P(X ≥ c) = power is inverted by the
    quantile of the beta distribution. c starts from the normal approximation.
    """
    proportion("bound", bound)
    proportion("alpha", alpha, closed=False)
    proportion("power", power, closed=False)
    if _at_least(trials, trials, bound) > alpha:
        return None
    spread = math.sqrt(trials * bound * (1 - bound))
    fewest = min(trials, max(1, math.ceil(trials * bound + float(ndtri(1 - alpha)) * spread)))
    while _at_least(fewest, trials, bound) > alpha:
        fewest += 1
    while fewest > 1 and _at_least(fewest - 1, trials, bound) <= alpha:
        fewest -= 1
    return float(betaincinv(fewest, trials - fewest + 1, power))


@dataclass(frozen=True, kw_only=True)
class Shift:
    """A mean change of scores: `value` in the unit given, `p_value` two-sided, of no change."""

    value: float
    p_value: float


def mean_shift(changes: ArrayLike, groups: Sequence[str], *, seed: int) -> Shift:
    """The mean change and the sign-flip p of none; groups flip together.

    Parameters
    ----------
    changes : (n,) score after less score before, n ≥ 1.
    groups : (n,) group of each entry.
    seed : of the sign patterns, which are drawn when there are more than 16 groups.
    """
    sums = _sorted_sums(changes, groups)
    n = len(np.asarray(changes))
    return Shift(value=float(sums.sum()) / n, p_value=_flip(sums, seed, two_sided=True))


def shift_excess(
    changes: ArrayLike,
    groups: Sequence[str],
    bound: float,
    *,
    seed: int,
    either_way: bool = True,
) -> float:
    """The p of a mean change of at most `bound`, by sign flips over groups.

    Parameters
    ----------
    changes : (n,) score after less score before, n ≥ 1.
    groups : (n,) group of each entry.
    bound : the mean change that is tolerated, in the same unit; at least 0 with `either_way`.
    seed : of the sign patterns.
    either_way : whether the size of the mean change is bounded, or only a change upwards.

    Returns
    -------
    The one-sided p of a mean above the bound; with `either_way`, twice the p of a mean beyond it in
    the direction seen. 1.0 for a mean within the bound.

    Notes
    -----
    The bound is taken from every entry, and the signs of what is left are flipped, group by group.
    """
    if either_way and bound < 0:
        raise ValueError(f"bound={bound} must be at least 0")
    column = finite("changes", changes)
    down = either_way and column.mean() < 0
    beyond = (-column if down else column) - bound
    if beyond.mean() <= 0:
        return 1.0
    p_value = _flip(_sorted_sums(beyond, groups), seed, two_sided=False)
    return min(1.0, 2 * p_value) if either_way else p_value


def _sorted_sums(values: ArrayLike, groups: Sequence[str]) -> NDArray[np.float64]:
    """Sums of groups, (G,), in an order that does not depend on that of the entries."""
    column = finite("changes", values)
    if same_length(changes=column, groups=groups) == 0:
        raise ValueError("a mean change needs at least one entry")
    return np.sort(grouping.sums(column, grouping.codes(groups)))


def _flip(sums: NDArray[np.float64], seed: int, *, two_sided: bool) -> float:
    return sign_flip_p_margins(
        sums,
        [str(place) for place in range(len(sums))],
        alternative="two-sided" if two_sided else "greater",
        rng=np.random.default_rng(seed),
    )
