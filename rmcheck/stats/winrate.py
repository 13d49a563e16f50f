"""The win rate: the share of pairs whose chosen response is scored above the rejected one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rmcheck.stats import groups as grouping
from rmcheck.stats.columns import finite, proportion, same_length, win_column
from rmcheck.stats.decision import MIN_GROUPS
from rmcheck.stats.monotone import Better, Column, lowest
from rmcheck.verdict import Estimate
from rmcheck.wording import be, counted

TIES = ("half", "loss", "epsilon")
"""How a tie counts: as half a win, as a loss, or as half a win up to a margin of epsilon."""

# As few as cover 0.94 from 30 groups on (benchmarks/simulate_decisions.py); of 3 pairs, it is 2.
_PRIOR_GROUPS = 2.0 / 3.0
# Estimates of columns up to this length are kept: 256 of them take at most 20 MB.
_MOST_KEPT = 5_000


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


def wilson_low(p: ArrayLike, n: ArrayLike, critical: float) -> Column:
    """Lower Wilson limits: (k,) shares on (k,) numbers of pairs to (k,); see `wilson_limits`."""
    share, pairs = np.asarray(p, dtype=np.float64), np.asarray(n, dtype=np.float64)
    square = critical * critical
    centre = share + square / (2 * pairs)
    half = critical * np.sqrt(share * (1 - share) / pairs + square / (4 * pairs * pairs))
    # At p = 0 the limit is 0; rounding must not push it past.
    low = np.where(share == 0.0, 0.0, (centre - half) / (1 + square / pairs))
    return np.maximum(0.0, low)


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
    return float(wilson_low(p, n, critical)), 1.0 - float(wilson_low(1.0 - p, n, critical))


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
    n_eff = p(1 - p) / SE² with SE clustered by group, steadied where few credits inform it, at most
    n; see `groups.Design.effective_size`. t replaces z when entries share groups. For
    singletons this is Wilson 1927 at n. A credit between 0 and 1 varies less than a win or a loss,
    so that with such credits the interval errs on the wide side.

    With groups, n_eff can rise when a pair gets worse (the first loss among groups that won
    everything tells that a group need not fail together), and Wilson's limit with it. So the lower
    limit is the smallest that any data at least as good would have, the upper one the largest that
    any data at most as good would have (`monotone.lowest`): a credit that falls, by halves, never
    raises a limit. G groups that all won are thereby the best case, and no lower limit
    is above G / (G + t²). Elsewhere it rarely changes a limit, and it never narrows an interval.
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
    estimated = _estimated if n <= _MOST_KEPT else _estimated.__wrapped__
    return estimated(column.tobytes(), grouping.codes(groups).tobytes(), level)


def effective_size(credits: ArrayLike, groups: Sequence[str]) -> float:
    """How many independent entries these credits are worth: n_eff of `share_estimate`.

    Parameters
    ----------
    credits : (n,) in [0, 1], n ≥ 1.
    groups : (n,) group of each entry.

    Returns
    -------
    At most n; n for singletons.
    """
    codes = grouping.codes(groups)
    sums = grouping.sums(finite("credits", credits), codes)
    return _GroupedRate(grouping.Design.of(codes), sums, 0.0).n_eff


@lru_cache(maxsize=256)
def _estimated(credits: bytes, group_codes: bytes, level: float) -> Estimate:
    """`share_estimate` of columns as bytes; in a gate most calls repeat an earlier one."""
    column = np.frombuffer(credits, dtype=np.float64)
    codes = np.frombuffer(group_codes, dtype=np.intp)
    n, n_groups = len(column), int(codes.max()) + 1
    critical = grouping.critical_value(level, codes)
    rate = _GroupedRate(grouping.Design.of(codes), grouping.sums(column, codes), critical)
    other = _GroupedRate(rate.design, rate.design.sizes - rate.sums, critical)
    plain = n_groups == n and bool(np.all((column == 0.0) | (column == 1.0)))
    return Estimate(
        value=rate.value,
        low=rate.lowest(),
        high=1.0 - other.lowest(),
        level=level,
        method="wilson" if plain else f"wilson-neff{round(rate.n_eff)}",
        n=n,
        n_groups=n_groups,
    )


@dataclass(frozen=True)
class _GroupedRate:
    """A share of wins by the sums of its groups, (G,), and its lower limit."""

    design: grouping.Design
    sums: Column
    critical: float

    @cached_property
    def better(self) -> Better:
        return Better(self.design, self.sums, self.design.sizes - self.sums)

    @cached_property
    def value(self) -> float:
        return min(1.0, float(self.sums.sum()) / self.design.n)

    @cached_property
    def n_eff(self) -> float:
        return float(self._after(np.zeros(1))[1][0])

    def _after(self, gained: Column) -> tuple[Column, Column]:
        """Rates and effective sizes, each (k,), after (k,) gains."""
        n = self.design.n
        p = np.minimum(1.0, (float(self.sums.sum()) + gained) / n)
        unit = p * (1 - p)
        n_eff = self.design.effective_size(
            self.better.spread(gained), unit, n * np.minimum(p, 1 - p), prior_groups=_PRIOR_GROUPS
        )
        return p, n_eff

    def _limits(self, gained: Column) -> tuple[Column, Column]:
        p, n_eff = self._after(gained)
        least = np.full(len(p), self.design.least)
        return wilson_low(p, n_eff, self.critical), wilson_low(p, least, self.critical)

    def lowest(self) -> float:
        if math.isinf(self.critical):
            return 0.0
        seen = float(wilson_low(self.value, self.n_eff, self.critical))
        if self.design.singletons:
            return seen
        return min(seen, lowest(self._limits, self.better.most))


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
    wins: ArrayLike,
    groups: Sequence[str],
    *,
    min_pairs: int = 1,
    min_groups: int = MIN_GROUPS,
) -> str | None:
    """Say in one clause why these pairs cannot decide, or None if they can.

    Parameters
    ----------
    wins : (n,) in {0, 0.5, 1}; n may be 0.
    groups : (n,) group of each pair.
    min_pairs, min_groups : what the check requires; see `stats.decision.MIN_GROUPS`.
    """
    column = win_column("wins", wins)
    n = same_length(wins=column, groups=groups)
    n_groups = grouping.count(groups)
    if n == 0:
        return "no pairs to decide on"
    if n < min_pairs:
        return f"{counted(n, 'pair')}; at least {min_pairs} {be(min_pairs)} needed"
    if n_groups < min_groups:
        return (
            f"{counted(n, 'pair')} of {counted(n_groups, 'different prompt')}; at least "
            f"{min_groups} prompts are needed"
        )
    effective = grouping.effective_groups(grouping.codes(groups))
    if effective < 2.0:
        return (
            f"nearly all of the {n} pairs share one prompt, so the {n_groups} prompts count as "
            f"only {effective:.1f}"
        )
    if np.all(column == 0.5):
        return f"all {n} pairs are tied: the model scores both responses the same"
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
    threshold, or the present interval is [0, 1].

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
