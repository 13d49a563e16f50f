"""Agreement of scores with ratings: three correlations, with intervals over groups."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

from rmcheck.stats import groups as grouping
from rmcheck.stats.bootstrap import bootstrap_weights, percentile_interval
from rmcheck.stats.bundles import is_large
from rmcheck.stats.columns import finite, proportion, same_length
from rmcheck.stats.concordance import Concordance
from rmcheck.stats.linearised import pearson_error, spearman_error
from rmcheck.stats.remembered import remembered
from rmcheck.verdict import Estimate
from rmcheck.wording import counted, minus

Coefficient = Callable[[NDArray[np.float64], NDArray[np.float64]], float]


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """Three correlations of two columns, each None where `degenerate` says why."""

    n: int
    n_groups: int
    pearson: Estimate | None
    spearman: Estimate | None
    kendall: Estimate | None
    degenerate: str | None = None


def pearson(
    x: NDArray[np.float64], y: NDArray[np.float64], weights: NDArray[np.float64] | None = None
) -> float:
    """Pearson's r of two (n,) columns, in [-1, 1]; NaN where one of them is constant.

    `weights` (n,) ≥ 0 say how often each row counts, once by default.
    """
    if weights is not None:
        kept = (weights > 0).nonzero()[0]
        x, y, weights = x.take(kept), y.take(kept), weights.take(kept)
    a, b = x - _mean(x, weights), y - _mean(y, weights)
    # Plain reductions: in a bootstrap, the methods of arrays would add a third to the time.
    a_most, b_most = max(_top(a), -_bottom(a)), max(_top(b), -_bottom(b))
    if _bottom(x) == _top(x) or _bottom(y) == _top(y):
        return math.nan
    # Scaled, so that squares of tiny or huge scores neither vanish nor overflow.
    a, b = a / a_most, b / b_most
    # Sums, not @: BLAS threads that wait for each other make a busy machine crawl.
    weighted = a if weights is None else a * weights
    square_b = b * b if weights is None else b * b * weights
    norm = math.sqrt(float(_sum(weighted * a)) * float(_sum(square_b)))
    return min(1.0, max(-1.0, float(_sum(weighted * b)) / norm))


_sum, _top, _bottom = np.add.reduce, np.maximum.reduce, np.minimum.reduce


def _mean(x: NDArray[np.float64], weights: NDArray[np.float64] | None) -> np.float64:
    total = x.mean() if weights is None else _sum(x * weights) / _sum(weights)
    return np.float64(total)


def spearman(
    x: NDArray[np.float64], y: NDArray[np.float64], weights: NDArray[np.float64] | None = None
) -> float:
    """Spearman's ρ: Pearson's r of mid-ranks; NaN where a column is constant.

    `weights` as for `pearson`: a row that counts twice takes two ranks.
    """
    return pearson(_midranks(_dense(x), weights), _midranks(_dense(y), weights), weights)


def _midranks(place: NDArray[np.intp], weights: NDArray[np.float64] | None) -> NDArray[np.float64]:
    """Ranks (n,) from 1/2 up of dense places (n,), the mean one for equal places."""
    mass = np.bincount(place, weights=weights).astype(np.float64)
    return np.asarray((np.cumsum(mass) - mass / 2)[place], dtype=np.float64)


def _dense(x: NDArray[np.float64]) -> NDArray[np.intp]:
    """Order of each value among the distinct ones, from 0: (n,) to (n,)."""
    return np.unique(x, return_inverse=True)[1].astype(np.intp)


def kendall(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """Kendall's τ-b, which allows for ties; NaN where a column is constant."""
    return float(Concordance(x, y).tau(np.ones((1, len(x))))[0])


COEFFICIENTS: dict[str, Coefficient] = {
    "pearson": pearson,
    "spearman": spearman,
    "kendall": kendall,
}


def _resampled(
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    groups: Sequence[str],
    method: str,
    draws: int,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """(draws,) bootstrap values of one coefficient."""
    weights = bootstrap_weights(groups, draws=draws, rng=rng)
    if method == "kendall":
        pairs = Concordance(x, y)
        return np.concatenate([pairs.tau(np.stack(few)) for few in _batched(weights, 64)])
    if method == "pearson":
        return np.array([pearson(x, y, weight) for weight in weights])
    # The order of the values is the same in every resample: it is found once.
    left, right = _dense(x), _dense(y)

    def ranked() -> NDArray[np.float64]:
        ranks = ((_midranks(left, w), _midranks(right, w), w) for w in weights)
        return np.array([pearson(*row) for row in ranks])

    return remembered(ranked, "spearman", [left, right], groups, rng, draws)


def _batched(
    weights: Iterator[NDArray[np.float64]], size: int
) -> Iterator[list[NDArray[np.float64]]]:
    """A few weightings at a time: all of them at once would not fit into memory."""
    while few := list(islice(weights, size)):
        yield few


def correlation(
    x: ArrayLike,
    y: ArrayLike,
    groups: Sequence[str],
    *,
    method: str = "spearman",
    level: float = 0.95,
    draws: int = 1_000,
    rng: np.random.Generator,
) -> Estimate | None:
    """Estimate one correlation with a percentile bootstrap interval over groups.

    Parameters
    ----------
    x, y : (n,) numbers, finite; row i of both belongs together.
    groups : (n,) group of each row; groups are independent of each other.
    method : `pearson`, `spearman` or `kendall` (τ-b).
    level : of the two-sided interval, in (0, 1).
    draws : bootstrap resamples; resamples in which a column is constant are left out.
    rng : source of the draws.

    Returns
    -------
    The estimate, method `bootstrap`; None where a column is constant (see `degenerate_columns`).
    Of very many groups (`bundles.MOST_GROUPS`), Pearson's and Spearman's have the normal interval
    of the linearised statistic (method `linearised`).

    Notes
    -----
    Where all resamples agree, as for a perfect correlation, the bootstrap has no width. The limit
    on the inner side is then Fisher's for r = ±(1 - 1/G) on G groups (method `fisher`).
    """
    if method not in COEFFICIENTS:
        allowed = ", ".join(COEFFICIENTS)
        raise ValueError(f"method={method!r} is unknown (allowed: {allowed})")
    proportion("level", level, closed=False)
    left, right = finite("x", x), finite("y", y)
    n = same_length(x=left, y=right, groups=groups)
    if degenerate_columns(left, right) is not None:
        return None
    n_groups = grouping.count(groups)
    if method == "spearman":  # the order of the values is found once
        places = _dense(left), _dense(right)
        value = pearson(_midranks(places[0], None), _midranks(places[1], None))
    else:
        places = None
        value = COEFFICIENTS[method](left, right)
    low, high = -1.0, 1.0
    how = "bootstrap"
    if is_large(groups) and method != "kendall":
        how = "linearised"
        half = float(ndtri((1 + level) / 2)) * _error(left, right, groups, places)
        low, high = max(-1.0, value - half), min(1.0, value + half)
    else:
        spread = _resampled(left, right, groups, method, draws, rng)
        if n_groups > 1 and not np.all(np.isnan(spread)):
            low, high = percentile_interval(spread, level)
    if high - low < 1e-9:
        how = "fisher"
        low, high = _fisher(value, n_groups, level)
    return Estimate(
        value=value,
        low=min(low, value),
        high=max(high, value),
        level=level,
        method=how,
        n=n,
        n_groups=n_groups,
    )


def _error(
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    groups: Sequence[str],
    places: tuple[NDArray[np.intp], NDArray[np.intp]] | None,
) -> float:
    """The standard error of Pearson's coefficient over groups; with `places`, of Spearman's."""
    codes = grouping.codes(groups)
    return pearson_error(x, y, codes) if places is None else spearman_error(*places, codes)


def degenerate_columns(x: NDArray[np.float64], y: NDArray[np.float64]) -> str | None:
    """Say why two (n,) columns have no correlation, or None if they have one."""
    if len(x) < 2:
        return f"{counted(len(x), 'row')}; at least 2 are needed for a correlation"
    for name, column in (("first", x), ("second", y)):
        if np.all(column == column[0]):
            value = minus(f"{column[0]:g}")
            return f"the {name} column is {value} in all {len(column)} rows"
    return None


def agreement(
    x: ArrayLike,
    y: ArrayLike,
    groups: Sequence[str],
    *,
    level: float = 0.95,
    draws: int = 1_000,
    rng: np.random.Generator,
) -> Agreement:
    """Estimate all three correlations; parameters as for `correlation`."""
    left, right = finite("x", x), finite("y", y)
    n = same_length(x=left, y=right, groups=groups)
    found = {
        method: correlation(left, right, groups, method=method, level=level, draws=draws, rng=rng)
        for method in COEFFICIENTS
    }
    return Agreement(
        n=n,
        n_groups=grouping.count(groups),
        degenerate=degenerate_columns(left, right),
        **found,
    )


def _fisher(value: float, n_groups: int, level: float) -> tuple[float, float]:
    """Fisher's interval for a correlation that is ±1 in every resample of G groups."""
    if n_groups < 4:
        return -1.0, 1.0
    inner = min(abs(value), 1.0 - 1.0 / n_groups)
    limit = math.tanh(math.atanh(inner) - float(ndtri((1 + level) / 2)) / math.sqrt(n_groups - 3))
    return (limit, 1.0) if value > 0 else (-1.0, -limit)
