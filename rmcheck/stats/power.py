"""The smallest change that the rule of a check can detect."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import bdtrc, betaincinv, gammaln, ndtri, xlog1py, xlogy

from rmcheck.stats import groups as grouping
from rmcheck.stats.columns import proportion
from rmcheck.stats.multiplicity import one_sided_level

# Discordant counts further out than this many standard deviations weigh less than 1e-14.
_REACH = 8.0
_PRECISION = 1e-5
MOST_PAIRS = 10_000_000
"""Nobody labels more; a drop that needs more than these is told as one that cannot be caught."""


def smoothed_discordant(newly_wrong: float, newly_right: float, n: int) -> float:
    """Share of pairs on which two models differ, pulled off 0 and 1.

    Parameters
    ----------
    newly_wrong, newly_right : numbers of pairs ≥ 0 (a change by half a win may count half).
    n : number of pairs, ≥ 1.

    Returns
    -------
    (newly_wrong + newly_right + 1) / (n + 2), in (0, 1): Laplace's rule, as if one more discordant
    and one more concordant pair had been seen. So two models that never differed do not look as
    though they never could.
    """
    if n < 1 or newly_wrong < 0 or newly_right < 0 or newly_wrong + newly_right > n:
        raise ValueError(f"newly_wrong={newly_wrong}, newly_right={newly_right} do not fit n={n}")
    return (newly_wrong + newly_right + 1) / (n + 2)


def worst_design_effect(group_sizes_or_groups: Sequence[str] | Sequence[int]) -> float:
    """Design effect when pairs of one group always change together: Σ size² / Σ size.

    Parameters
    ----------
    group_sizes_or_groups : (G,) sizes of the groups, or (n,) names, one a pair.

    Returns
    -------
    1 for singletons, k for equal groups of k.
    """
    sizes = _sizes(group_sizes_or_groups)
    total = int(sizes.sum())
    return float((sizes.astype(np.float64) ** 2).sum()) / total if total else 1.0


def _sizes(group_sizes_or_groups: Sequence[str] | Sequence[int]) -> NDArray[np.intp]:
    names = np.asarray(group_sizes_or_groups)
    if np.issubdtype(names.dtype, np.integer):
        return names.astype(np.intp)
    if isinstance(group_sizes_or_groups, grouping.Groups):
        return grouping.sizes(group_sizes_or_groups.codes)
    return grouping.sizes(grouping.codes([str(name) for name in group_sizes_or_groups]))


def detectable_drop(
    *,
    n: int,
    group_sizes_or_groups: Sequence[str] | Sequence[int],
    discordant: float,
    max_drop: float,
    alpha: float,
    comparisons: int,
    power: float = 0.8,
    design_effect: float | None = None,
) -> float | None:
    """Find the smallest true drop that the rule detects with probability `power`.

    Parameters
    ----------
    n : number of pairs, ≥ 0.
    group_sizes_or_groups : (G,) sizes of the groups, or (n,) names, one a pair.
    discordant : share of pairs on which the models differ, in (0, 1]; see `smoothed_discordant`.
    max_drop, alpha, comparisons : the rule of `paired.classify`.
    power : in (0, 1).
    design_effect : n / n_eff where it was measured (`Difference.design_effect`). None: the worst
        that these groups allow, all pairs of a group changing together.

    Returns
    -------
    The drop of the win rate, in (0, 1], to 0.00001; None when not even the loss of every pair
    would be caught.

    Notes
    -----
    Exact for singletons without ties. For a true drop δ the number of discordant pairs is
    binomial with share max(discordant, δ), the number lost among them binomial, and the power is
    summed over both; it rises with δ and is inverted by Brent's method. Groups enter as n / design
    effect (rounded down) independent pairs, which is an approximation. Wins count whole: ties move
    by halves and are caught a little more easily.
    """
    proportion("max_drop", max_drop)
    proportion("power", power, closed=False)
    each = one_sided_level(alpha, comparisons)
    if not 0.0 < discordant <= 1.0:
        raise ValueError(f"discordant={discordant} is outside (0, 1]")
    worst = worst_design_effect(group_sizes_or_groups)
    effect = worst if design_effect is None else design_effect
    if not effect >= 1.0:
        raise ValueError(f"design_effect={effect} must be at least 1")
    pairs = math.floor(n / effect + 1e-9)
    return _detectable(pairs, float(discordant), float(max_drop), each, power)


def pairs_to_catch(
    drop: float,
    *,
    discordant: float,
    max_drop: float,
    alpha: float,
    comparisons: int,
    power: float = 0.8,
    design_effect: float = 1.0,
) -> int | None:
    """Find about how many pairs would catch a true drop with probability `power`.

    Parameters
    ----------
    drop : true loss of the win rate, in (0, 1].
    discordant, max_drop, alpha, comparisons, power : as for `detectable_drop`.
    design_effect : at least 1, of groups like the present ones; see `worst_design_effect`.

    Returns
    -------
    The number of pairs, rounded up to two digits; None for a drop of at most `max_drop`, which the
    rule catches half of the time however many pairs there are.

    Notes
    -----
    Bisection on `drop_power`. That one is jagged in n, so that a number somewhat smaller may do.
    """
    proportion("max_drop", max_drop)
    proportion("power", power, closed=False)
    each = one_sided_level(alpha, comparisons)
    if not 0.0 < drop <= 1.0:
        raise ValueError(f"drop={drop} is outside (0, 1]")
    if drop <= max_drop:
        return None

    def caught(n: int) -> bool:
        return drop_power(n, discordant, drop, max_drop, each) >= power

    high = 1
    while not caught(high):
        high *= 2
        if high > MOST_PAIRS:
            return None
    low = high // 2
    while high - low > max(1, low // 100):
        middle = (low + high) // 2
        low, high = (low, middle) if caught(middle) else (middle, high)
    pairs = math.ceil(high * design_effect)
    step = 10 ** max(0, math.floor(math.log10(pairs)) - 1)
    return int(math.ceil(pairs / step) * step)


@lru_cache(maxsize=1024)
def _detectable(
    n: int, discordant: float, max_drop: float, alpha: float, power: float
) -> float | None:
    """`detectable_drop` for n independent pairs at level alpha of one comparison."""

    def caught(drop: float) -> float:
        return drop_power(n, discordant, drop, max_drop, alpha)

    if n < 1 or caught(1.0) < power:
        return None
    # Power is continuous in the drop and rises from caught(0) < power to caught(1) ≥ power.
    if caught(0.0) >= power:
        return _PRECISION
    found = brentq(lambda drop: caught(drop) - power, 0.0, 1.0, xtol=_PRECISION / 2)
    return min(1.0, float(found) + _PRECISION / 2)


def drop_power(n: int, discordant: float, drop: float, max_drop: float, alpha: float) -> float:
    """Probability that the rule calls a true drop a regression, for independent pairs.

    Parameters
    ----------
    n : independent pairs, ≥ 1.
    discordant : share of pairs on which the models differ; raised to `drop` where it is smaller.
    drop : true loss of the win rate, in [0, 1].
    max_drop, alpha : the rule: lost - gained ≥ max_drop·n and exact one-sided p ≤ alpha.

    Returns
    -------
    The exact probability, in [0, 1].
    """
    share = min(1.0, max(discordant, drop))
    if share == 0.0:
        return 0.0
    reach = _REACH * math.sqrt(n * share * (1 - share)) + _REACH
    changed = np.arange(
        max(0, math.floor(n * share - reach)), min(n, math.ceil(n * share + reach)) + 1
    )
    weight = np.exp(
        gammaln(n + 1)
        - gammaln(changed + 1)
        - gammaln(n - changed + 1)
        + xlogy(changed, share)
        + xlog1py(n - changed, -share)
    )
    # Shares times n carry rounding: 0.02 * 150 must be 3.
    least = math.ceil(max_drop * n - 1e-9)
    by_test = _critical_losses(int(changed[0]), int(changed[-1]), alpha)
    needed = np.maximum(by_test, (changed + least + 1) // 2)
    lost_share = (share + drop) / (2 * share)
    return min(1.0, float(weight @ _at_least(needed, changed, min(1.0, lost_share))))


@lru_cache(maxsize=64)
def _critical_losses(first: int, last: int, alpha: float) -> NDArray[np.int64]:
    """Fewest losses with an exact p of at most alpha, for first, …, last discordant pairs."""
    changed = np.arange(first, last + 1)
    z = float(ndtri(1 - alpha))
    losses = np.floor(changed / 2 + z * np.sqrt(changed) / 2).astype(np.int64)
    while True:
        short = (losses <= changed) & (_at_least(losses, changed, 0.5) > alpha)
        if not short.any():
            break
        losses = losses + short
    while True:
        spare = (losses > 0) & (_at_least(losses - 1, changed, 0.5) <= alpha)
        if not spare.any():
            return losses
        losses = losses - spare


def _at_least(
    count: NDArray[np.int64], trials: NDArray[np.int64], share: float
) -> NDArray[np.float64]:
    """P(Binomial(trials, share) ≥ count), elementwise."""
    inside = np.clip(count - 1, 0, trials)
    tail = bdtrc(inside.astype(np.float64), trials, share)
    return np.where(count <= 0, 1.0, np.where(count > trials, 0.0, tail)).astype(np.float64)


def detectable_shortfall(
    n_eff: float, minimum: float, level: float, power: float = 0.8
) -> float | None:
    """How far below a threshold the true rate must be for the check to say `fail`.

    Parameters
    ----------
    n_eff : effective number of pairs, > 0; rounded down.
    minimum : the threshold on the win rate, in [0, 1].
    level : of the Wilson interval, in (0, 1).
    power : with which the failure must be seen, in (0, 1).

    Returns
    -------
    minimum - rate for the highest rate at which the interval is below `minimum` with that
    probability; None when the data are too few for any rate to fail.

    Notes
    -----
    Exact for untied singletons: the upper Wilson limit is below the minimum up to some number of
    wins c, and P(Binomial(n, rate) ≤ c) = power is inverted by the beta quantile.
    """
    proportion("minimum", minimum)
    proportion("level", level, closed=False)
    proportion("power", power, closed=False)
    n = math.floor(n_eff + 1e-9)
    if n < 1 or minimum == 0.0:
        return None
    z = float(ndtri((1 + level) / 2))
    edge = n * minimum - z * math.sqrt(n * minimum * (1 - minimum))
    most = math.ceil(edge - 1e-9) - 1
    if most < 0:
        return None
    # most < n always holds, because the edge is at most n.
    rate = 1.0 - float(betaincinv(n - most, most + 1, power))
    return minimum - rate
