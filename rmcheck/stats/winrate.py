"""The win rate: the share of pairs whose chosen response is scored above the rejected one."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rmcheck.stats import groups as grouping
from rmcheck.stats.columns import finite, proportion, same_length, win_column
from rmcheck.verdict import Estimate

TIES = ("half", "loss", "epsilon")
"""How a tie counts: as half a win, as a loss, or as half a win up to a margin of epsilon."""


def wins(
    chosen: ArrayLike, rejected: ArrayLike, *, ties: str = "half", epsilon: float = 0.0
) -> NDArray[np.float64]:
    """Decide each pair: 1 where chosen scores higher, 0 where lower, ties by policy.

    Parameters
    ----------
    chosen, rejected : (n,) scores in the model's own units; finite.
    ties : `half` (an exact tie is 0.5), `loss` (an exact tie is 0), or `epsilon`
        (|chosen - rejected| ≤ epsilon is 0.5).
    epsilon : ≥ 0, in score units; used by `epsilon` only.

    Returns
    -------
    (n,) float64 in {0, 0.5, 1}.

    Raises
    ------
    ValueError
        For a NaN or infinite score (with its index), lengths that differ, an unknown policy.
    """
    if ties not in TIES:
        raise ValueError(f"ties={ties!r} is unknown (allowed: {', '.join(TIES)})")
    if not (math.isfinite(epsilon) and epsilon >= 0.0):
        raise ValueError(f"epsilon={epsilon} must be finite and at least 0")
    better, worse = finite("chosen", chosen), finite("rejected", rejected)
    same_length(chosen=better, rejected=worse)
    if ties == "epsilon":
        # Two huge scores of opposite sign overflow to an infinite margin, which is still decided.
        with np.errstate(over="ignore"):
            margin = better - worse
        return np.where(np.abs(margin) <= epsilon, 0.5, (margin > 0).astype(np.float64))
    won = (better > worse).astype(np.float64)
    return won if ties == "loss" else np.where(better == worse, 0.5, won)


def wilson_limits(p: float, n: float, critical: float) -> tuple[float, float]:
    """Wilson's score interval for a proportion `p` seen on `n` independent pairs.

    Parameters
    ----------
    p : observed share in [0, 1].
    n : (effective) number of pairs, > 0, not necessarily whole.
    critical : two-sided critical value; infinite gives [0, 1].

    Notes
    -----
    Wilson 1927: all rates q with (p - q)² ≤ critical² · q(1 - q) / n.
    """
    if math.isinf(critical):
        return 0.0, 1.0
    square = critical * critical
    centre = (p + square / (2 * n)) / (1 + square / n)
    half = critical / (1 + square / n) * math.sqrt(p * (1 - p) / n + square / (4 * n * n))
    # At p = 0 and p = 1 one limit is p itself; rounding must not push it past.
    low = 0.0 if p == 0.0 else max(0.0, centre - half)
    high = 1.0 if p == 1.0 else min(1.0, centre + half)
    return low, high


def share_estimate(credits: ArrayLike, groups: Sequence[str], *, level: float = 0.95) -> Estimate:
    """Estimate a mean of credits in [0, 1] with Wilson's interval at the effective sample size.

    Parameters
    ----------
    credits : (n,) in [0, 1], n ≥ 1; not only 0 and 1.
    groups : (n,) group of each entry; groups are independent of each other.
    level : of the two-sided interval, in (0, 1).

    Returns
    -------
    Estimate
        Method `wilson` for singletons of credits 0 and 1, else `wilson-neff<n_eff rounded>`.

    Notes
    -----
    n_eff = n / design effect, see `groups.effective_size`: p(1 - p) / SE² with SE clustered by
    group, steadied where few credits inform it, at most n. t takes the place of z when entries
    share groups. For singletons this is Wilson 1927 at n. A credit between 0 and 1 varies less
    than a win or a loss, so that with such credits the interval errs on the wide side.
    """
    column = finite("credits", credits)
    bad = np.flatnonzero((column < 0.0) | (column > 1.0))
    if bad.size:
        first = int(bad[0])
        raise ValueError(f"credits[{first}] is {column[first]}; allowed: [0, 1]")
    proportion("level", level, closed=False)
    n = same_length(credits=column, groups=groups)
    if n == 0:
        raise ValueError("a rate needs at least one pair")
    codes = grouping.codes(groups)
    n_groups = int(codes.max()) + 1
    total = float(column.sum())
    p = min(1.0, total / n)
    rarer = min(total, max(0.0, n - total))
    n_eff = grouping.effective_size(column, codes, p * (1 - p), informative=rarer)
    low, high = wilson_limits(p, n_eff, grouping.critical_value(level, codes))
    plain = n_groups == n and bool(np.all((column == 0.0) | (column == 1.0)))
    return Estimate(
        value=p,
        low=low,
        high=high,
        level=level,
        method="wilson" if plain else f"wilson-neff{round(n_eff)}",
        n=n,
        n_groups=n_groups,
    )


def win_rate(wins: ArrayLike, groups: Sequence[str], *, level: float = 0.95) -> Estimate:
    """Estimate the win rate: `share_estimate` of wins in {0, 0.5, 1}.

    Parameters
    ----------
    wins : (n,) in {0, 0.5, 1}, n ≥ 1, as `wins` gives them.
    groups : (n,) group of each pair.
    level : of the two-sided interval, in (0, 1).
    """
    return share_estimate(win_column("wins", wins), groups, level=level)


def undecidable(
    wins: ArrayLike, groups: Sequence[str], *, min_pairs: int = 1, min_groups: int = 15
) -> str | None:
    """Say in one sentence why these pairs can decide nothing, or None if they can.

    Parameters
    ----------
    wins : (n,) in {0, 0.5, 1}; n may be 0.
    groups : (n,) group of each pair.
    min_pairs, min_groups : what the check asks for; under 15 groups no clustered error is sound.
    """
    column = win_column("wins", wins)
    n = same_length(wins=column, groups=groups)
    n_groups = len(set(groups))
    if n == 0:
        return "There are no pairs to decide on."
    if n < min_pairs:
        return f"There are {n} pairs, and at least {min_pairs} are needed."
    if n_groups < min_groups:
        return (
            f"The {n} pairs fall into {n_groups} groups, and at least {min_groups} are needed "
            "for a sound interval."
        )
    if np.all(column == 0.5):
        return f"All {n} pairs are tied: the scores tell no response from another."
    return None


def pairs_to_decide(estimate: Estimate, minimum: float) -> int | None:
    """About how many pairs would decide a threshold if the rate stayed as it is.

    Parameters
    ----------
    estimate : a win rate with a Wilson interval.
    minimum : the threshold, in [0, 1].

    Returns
    -------
    The number of pairs, in groups like the present ones; None when the rate equals the
    threshold, or the present interval is [0, 1] and tells nothing.

    Notes
    -----
    A Wilson limit q solves (p - q)² = c² q(1 - q) / n_eff. Present limits therefore give n_eff/c²,
    and putting q = minimum gives the n_eff/c² at which the interval just touches the threshold;
    their ratio is that of the numbers of pairs, whatever the groups.
    """
    proportion("minimum", minimum)
    p = estimate.value
    if p == minimum:
        return None
    limit = estimate.low if 0.0 < estimate.low < p else estimate.high
    if not 0.0 < limit < 1.0 or limit == p:
        return None
    present = limit * (1 - limit) / (p - limit) ** 2
    needed = minimum * (1 - minimum) / (p - minimum) ** 2
    return max(1, math.ceil(estimate.n * needed / present))
