"""Two recipes, each trained with several seeds: their difference, and what varies in it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq
from scipy.special import chdtri, gammaln, ndtr, ndtri, stdtr

from rmcheck.stats import groups as grouping
from rmcheck.stats.columns import proportion
from rmcheck.stats.paired import newcombe_low
from rmcheck.stats.signflip import sign_flip_p_integer
from rmcheck.verdict import Estimate

Wins = NDArray[np.float64]

# As for two models (`paired`): with less than this the first few changes would make limits jump.
_PRIOR_GROUPS = 2.0
_NODES = 160
_ROUGH_NODES = 40
"""For planning, where a drop is told in tenths of points."""
_FAR = 1e-13


@dataclass(frozen=True, kw_only=True)
class Spread:
    """What varies in the difference Δ of two recipes' mean win rates.

    `pairs` is the part of Δ's variance that other pairs would change, `seed` the variance of one
    training's win rate between seeds as it was seen, `noise` the part of `seed` that these very
    pairs explain, `factor` 1/k + 1/j. `degrees` are those of `seed`, k + j - 2; `pair_degrees`
    those of `pairs`.
    """

    pairs: float
    seed: float
    noise: float
    factor: float
    degrees: int
    pair_degrees: float

    @property
    def seeds(self) -> float:
        """The part of Δ's variance that other seeds would change, ≥ 0."""
        return self.factor * max(0.0, self.seed - self.noise)

    @property
    def total(self) -> float:
        """The variance of Δ."""
        return self.pairs + self.seeds

    @property
    def share(self) -> float:
        """The share of the variance that is due to seeds, in [0, 1]; 0 where nothing varies."""
        return self.seeds / self.total if self.total > 0.0 else 0.0


@dataclass(frozen=True, kw_only=True)
class RecipeDifference:
    """Candidate recipe against baseline recipe, pairs crossed with seeds.

    `estimate` is the difference of the mean win rates. `p_less` is the one-sided p of a drop,
    `p_two_sided` that of any change. `newly_wrong` and `newly_right` count the pairs that the
    candidate's trainings win less (more) often than the baseline's.
    """

    estimate: Estimate
    p_less: float
    p_two_sided: float
    newly_wrong: int
    newly_right: int
    spread: Spread


def recipe_difference(
    candidate: ArrayLike, baseline: ArrayLike, groups: Sequence[str], *, level: float = 0.95
) -> RecipeDifference:
    """Compare two recipes by the wins of several trainings of each on the same pairs.

    Parameters
    ----------
    candidate, baseline : (k, n) and (j, n) in {0, 0.5, 1}: the wins of each training. n ≥ 1, and at
        least one of k and j is 2 or more.
    groups : (n,) group of each pair; groups are independent of each other.
    level : of the two-sided interval, in (0, 1).

    Returns
    -------
    RecipeDifference
        Its estimate's method is `newcombe-seeds<k>x<j>`.

    Notes
    -----
    Pairs and seeds are crossed: every training is judged on every pair. The variance of Δ is that
    over groups of the per-pair differences of mean wins, plus (1/k + 1/j) times the variance of a
    training's win rate between seeds, pooled over both recipes, less the part of it that is already
    in the first term (a two-way analysis of variance with one value a cell; Miller, arXiv
    2411.00640, for the groups). A recipe with one training adds no degrees of freedom and is taken
    to vary as the other one does.

    The seeds are few, so that their variance is hardly known: p averages the t distribution over
    what that variance may be, given what was seen (df · S² / χ²). This is the solution of Behrens
    and Fisher to the sum of two variances: it is Student's t with k + j - 2 degrees of freedom
    where seeds decide, the normal where pairs do, and errs on the side of no alarm in between. And
    p is never below that of the exact sign-flip test of the mean wins over groups, which holds for
    few discordant pairs, where no variance is known well.

    The interval is Newcombe's paired one of the mean wins, at the size that their variance
    implies, joined by squares with the part of the seeds.
    """
    ours, theirs = _wins("candidate", candidate), _wins("baseline", baseline)
    proportion("level", level, closed=False)
    (k, n), j = ours.shape, len(theirs)
    if theirs.shape[1] != n or len(groups) != n or n == 0:
        raise ValueError(
            f"candidate has {n} pairs, baseline {theirs.shape[1]}, groups {len(groups)}; "
            "they must be the same number, at least 1"
        )
    if k + j < 3:
        raise ValueError("a comparison over seeds needs two trainings of one recipe at least")
    codes = grouping.codes(groups)
    change = ours.mean(axis=0) - theirs.mean(axis=0)
    # In units of 1 / 2kj, so that sums are exact: a drop of 3 in 150 is the 0.02 of a suite.
    whole = np.rint(2 * (j * ours.sum(axis=0) - k * theirs.sum(axis=0))).astype(np.int64)
    delta = int(whole.sum()) / (2 * n * k * j)
    spread = spread_of(ours, theirs, change, codes)
    net = np.rint(grouping.sums(whole.astype(np.float64), codes)).astype(np.int64)
    p_less = max(p_below(delta, spread), sign_flip_p_integer(net, "less"))
    p_greater = max(p_below(-delta, spread), sign_flip_p_integer(net, "greater"))
    width = half_width((1.0 - level) / 2, spread) if np.isfinite(spread.pairs) else np.inf
    low = _low(ours, theirs, codes, spread, delta, level, width)
    high = -_low(1.0 - ours, 1.0 - theirs, codes, spread, -delta, level, width)
    return RecipeDifference(
        estimate=Estimate(
            value=delta,
            low=min(low, delta),
            high=max(high, delta),
            level=level,
            method=f"newcombe-seeds{k}x{j}",
            n=n,
            n_groups=int(codes.max()) + 1,
        ),
        p_less=p_less,
        p_two_sided=min(1.0, 2.0 * min(p_less, p_greater)),
        newly_wrong=int(np.count_nonzero(whole < 0)),
        newly_right=int(np.count_nonzero(whole > 0)),
        spread=spread,
    )


def regressed(
    candidate: Wins, baseline: Wins, groups: Sequence[str], *, max_drop: float, each: float
) -> bool:
    """Whether the rule of a comparison of two recipes finds a drop; without its interval.

    Parameters
    ----------
    candidate, baseline, groups : as for `recipe_difference`.
    max_drop : the drop that is tolerated.
    each : the one-sided level of the comparison, α/2m.
    """
    (k, n), j = candidate.shape, len(baseline)
    whole = np.rint(2 * (j * candidate.sum(axis=0) - k * baseline.sum(axis=0)))
    delta = float(whole.sum()) / (2 * n * k * j)
    if delta > -max_drop:
        return False
    codes = grouping.codes(groups)
    spread = spread_of(candidate, baseline, whole / (2 * k * j), codes)
    net = np.rint(grouping.sums(whole, codes)).astype(np.int64)
    return p_below(delta, spread) <= each and sign_flip_p_integer(net, "less") <= each


def _wins(name: str, given: ArrayLike) -> Wins:
    table = np.asarray(given, dtype=np.float64)
    if table.ndim != 2 or not len(table):
        raise ValueError(f"{name} has shape {table.shape}; expected (trainings, pairs)")
    bad = np.argwhere(~np.isin(table, (0.0, 0.5, 1.0)))
    if bad.size:
        row, pair = bad[0].tolist()
        raise ValueError(f"{name}[{row}, {pair}] is {table[row, pair]}; allowed: 0, 0.5, 1")
    return table


def spread_of(ours: Wins, theirs: Wins, change: Wins, codes: NDArray[np.intp]) -> Spread:
    """Both variances of the difference of the mean wins."""
    rates = [table.mean(axis=1) for table in (ours, theirs)]
    parts = [table - own[:, None] for table, own in zip((ours, theirs), rates, strict=True)]
    return crossed_spread(parts, rates, change, codes)


def crossed_spread(
    parts: Sequence[Wins], rates: Sequence[Wins], change: Wins, codes: NDArray[np.intp]
) -> Spread:
    """What varies in the difference of two recipes' mean rates.

    Parameters
    ----------
    parts : for each recipe (trainings, n), n times what each pair adds to the rate of a training
        less its share: sums over pairs are 0.
    rates : for each recipe (trainings,), the rates.
    change : (n,) n times what each pair adds to the difference of the mean rates.
    codes : (n,) the groups of the pairs.
    """
    n, n_groups = len(codes), int(codes.max()) + 1
    seen, noise, degrees = 0.0, 0.0, 0
    for part, own in zip(parts, rates, strict=True):
        if len(own) == 1:
            continue
        left = part - part.mean(axis=0)
        sums = np.stack([grouping.sums(row, codes) for row in left])
        bessel = n_groups / (n_groups - 1) if n_groups > 1 else 1.0
        noise += bessel * float(np.square(sums).sum()) / n**2
        seen += float(np.square(own - own.mean()).sum())
        degrees += len(own) - 1
    return Spread(
        pairs=grouping.clustered_variance(change, codes) if n_groups > 1 else np.inf,
        seed=seen / degrees,
        noise=noise / degrees,
        factor=sum(1 / len(own) for own in rates),
        degrees=degrees,
        pair_degrees=max(1.0, grouping.effective_groups(codes) - 1.0),
    )


def p_below(delta: float, spread: Spread) -> float:
    """The p of a difference as low as `delta`, if the true one is 0, in [0, 1].

    >>> only_seeds = Spread(pairs=0.0, seed=1e-4, noise=0.0, factor=2 / 3, degrees=4,
    ...                     pair_degrees=1e9)
    >>> t = -0.03 / (only_seeds.total ** 0.5)
    >>> bool(abs(p_below(-0.03, only_seeds) - stdtr(4, t)) < 1e-9)
    True
    """
    variance, weight = _possible(spread)
    if not np.isfinite(variance).all() or variance.max() <= 0.0:
        return 1.0 if not delta < 0.0 or not np.isfinite(variance).all() else 0.0
    ratio = delta / np.sqrt(np.maximum(variance, 1e-300))
    return float(weight @ stdtr(spread.pair_degrees, ratio))


def half_width(tail: float, spread: Spread) -> float:
    """How far from 0 a difference is whose one-sided p is `tail`, in (0, 0.5)."""
    variance, weight = _possible(spread)
    if variance.max() <= 0.0:
        return 0.0
    error = np.sqrt(np.maximum(variance, 1e-300))
    # In logarithms, in which the tail of a t distribution is nearly a line.
    start, end = math.log(float(error.min()) * 1e-3), math.log(float(error.max()) * 1e3)

    def excess(width: float) -> float:
        return float(weight @ stdtr(spread.pair_degrees, -math.exp(width) / error)) - tail

    return math.exp(brentq(excess, start, end, xtol=1e-7))


def _possible(spread: Spread) -> tuple[Wins, Wins]:
    """What the variance of Δ may be, given the few seeds, and how likely each value is."""
    chi, weight = _chi_square(spread.degrees)
    between = np.maximum(0.0, spread.degrees * spread.seed / chi - spread.noise)
    return spread.pairs + spread.factor * between, weight


@lru_cache(maxsize=64)
def _chi_square(degrees: int, nodes: int = _NODES) -> tuple[Wins, Wins]:
    """Values of a χ² and their weights: the trapezoid rule in its logarithm."""
    ends = np.log([float(chdtri(degrees, 1.0 - _FAR)), float(chdtri(degrees, _FAR))])
    logs = np.linspace(ends[0], ends[1], nodes)
    half = degrees / 2
    density = np.exp(half * logs - np.exp(logs) / 2 - half * np.log(2.0) - gammaln(half))
    return np.exp(logs), density / density.sum()


def _low(
    ours: Wins,
    theirs: Wins,
    codes: NDArray[np.intp],
    spread: Spread,
    delta: float,
    level: float,
    width: float,
) -> float:
    """The lower limit of the difference: Newcombe's for the pairs, then the seeds beside it.

    `width` is half that of a symmetric interval with both.
    """
    if not np.isfinite(spread.pairs):
        return -1.0
    mine, other = ours.mean(axis=0), theirs.mean(axis=0)
    n, worst = len(codes), len(codes) / grouping.effective_groups(codes)
    both, only = np.minimum(mine, other).sum(), np.maximum(mine - other, 0.0).sum()
    lost, neither = np.maximum(other - mine, 0.0).sum(), (1 - np.maximum(mine, other)).sum()
    # The size at which Newcombe's table has the variance that was seen; drawn towards the worst
    # that the groups allow as `groups.Design.effective_size` does.
    unit = float(only + lost) - n * delta**2
    prior = _PRIOR_GROUPS * worst
    size = n * (unit + prior) / (spread.pairs * n**2 + prior * worst)
    a, b, c, d = size / n * np.array([[both], [only], [lost], [neither]])
    critical = grouping.critical_value(level, codes)
    if not np.isfinite(critical):
        return -1.0
    down = delta - float(newcombe_low(a, b, c, d, critical)[0])
    beside = max(0.0, width**2 - critical**2 * spread.pairs)
    return max(-1.0, delta - float(np.sqrt(max(0.0, down) ** 2 + beside)))


def detectable_recipe_drop(
    spread: Spread,
    *,
    trainings: tuple[int, int],
    max_drop: float,
    each: float,
    power: float = 0.8,
    pairs: float = 1.0,
    now: tuple[int, int] | None = None,
) -> float | None:
    """The smallest true drop between two recipes that the rule catches with probability `power`.

    Parameters
    ----------
    spread : what was seen.
    trainings : k and j, how often candidate and baseline are trained; k + j ≥ 3.
    max_drop : the drop that is tolerated.
    each : the one-sided level of the comparison, α/2m.
    pairs : times as many pairs as there are now, > 0.
    now : the k and j that `spread` was seen with, if they are others.

    Returns
    -------
    In (0, 1]; None where not even the loss of every pair would be caught.

    Notes
    -----
    The variances are taken to be those seen, wins to be normal: an approximation, for planning.
    What the rule makes of them varies with the seeds that are drawn, which is averaged over.
    """
    k, j = trainings
    factor, degrees = 1 / k + 1 / j, k + j - 2
    before = spread.factor if now is None else 1 / now[0] + 1 / now[1]
    kept = max(0.0, spread.pairs - before * spread.noise)
    noise = spread.noise / pairs
    var_pairs = kept / pairs + factor * noise
    if not np.isfinite(var_pairs):
        return None
    between = max(0.0, spread.seed - spread.noise)
    chi, weight = _chi_square(degrees, _ROUGH_NODES)
    limits = _critical(var_pairs, factor, degrees, (between + noise) * chi / degrees, noise, each)
    limits = np.maximum(limits, max_drop)
    error = float(np.sqrt(var_pairs + factor * between))
    if error <= 0.0:
        return max_drop or None
    low, high = 0.0, 1.0
    if float(weight @ ndtr((1.0 - limits) / error)) < power:
        return None
    for _ in range(30):
        middle = (low + high) / 2
        caught = float(weight @ ndtr((middle - limits) / error)) >= power
        low, high = (low, middle) if caught else (middle, high)
    return high


def _critical(
    pairs: float, factor: float, degrees: int, seen: Wins, noise: float, tail: float
) -> Wins:
    """The drop at which p is `tail`, for each variance between seeds that may be seen."""
    chi, weight = _chi_square(degrees, _ROUGH_NODES)
    between = np.maximum(0.0, degrees * seen[:, None] / chi - noise)
    error = np.sqrt(np.maximum(pairs + factor * between, 1e-300))
    low = np.zeros(len(seen))
    high = np.full(len(seen), 100.0 * float(-ndtri(tail))) * np.sqrt(pairs + factor * seen)
    for _ in range(24):
        middle = (low + high) / 2
        inside = ndtr(-middle[:, None] / error) @ weight > tail
        low, high = np.where(inside, middle, low), np.where(inside, high, middle)
    return high
