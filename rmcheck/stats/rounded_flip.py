"""The sign-flip test of sums that are not whole wins, by rounding them to a fine grid."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import ndtr

from rmcheck.stats.signflip import sign_flip_p_integer

FINENESS: Final = 32
"""The mean size of a rounded difference: rounding moves one by 1/64 of it at most."""

MOST_EXACT: Final = 2_000
"""Up to so many groups the distribution is computed exactly, beyond by a saddlepoint."""

_FEW_SIZES: Final = 8
# From so many groups on, a p by the saddlepoint that is more than twice a level is above it: the
# formula is wrong by a few percent, and by a third where nearly all numbers are of one size.
_SURE_GROUPS: Final = 100
_SURE_FACTOR: Final = 2.0
# Sums are halved once for so many signs: far fewer than would overflow.
_HALVED: Final = 256
_SMALLEST: Final = float(np.finfo(np.float64).tiny)


def rounded(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Whole numbers (n,) in proportion to `values` (n,), of mean size `FINENESS`; zeros stay zero.

    Notes
    -----
    Rounding is symmetric about 0 and its unit does not depend on signs: what is exchangeable before
    is so afterwards, and a sign-flip test of the rounded values is as valid as one of the values.
    """
    sizes = np.abs(values[values != 0.0])
    if not sizes.size:
        return np.zeros(len(values))
    unit = math.fsum(sizes.tolist()) / len(sizes) / FINENESS
    return np.asarray(np.rint(values / unit))


def sign_flip_p_sums(net: NDArray[np.float64]) -> tuple[float, float]:
    """How often fair signs make the sum of `net` at least, and at most, as large as it is.

    Parameters
    ----------
    net : (G,) whole numbers, one a group.

    Returns
    -------
    Two p-values in [2.2e-308, 1]; 1.0 and 1.0 when every number is zero.

    Notes
    -----
    Exact up to `MOST_EXACT` groups and where the numbers have few sizes. Beyond, the formula of
    Lugannani and Rice 1980 for the sum of Σ ±net, K(t) = Σ log cosh(t·net), whose relative error is
    of the order of 1/G.
    """
    values = np.rint(net).astype(np.int64)
    values = values[values != 0]
    if not values.size:
        return 1.0, 1.0
    sizes = np.sort(np.abs(values))
    if len(np.unique(sizes)) <= _FEW_SIZES:
        return sign_flip_p_integer(values, "greater"), sign_flip_p_integer(values, "less")
    total, lost = int(sizes.sum()), int(values[values > 0].sum())
    if len(sizes) <= MOST_EXACT:
        bound = min(lost, total - lost)
        cells = _lower_tail(bound, sizes)
        # With fair signs the lost part T has P(T ≥ t) = P(T ≤ total - t).
        rare = max(_SMALLEST, float(cells.sum()))
        common = 1.0 - float(cells[:-1].sum())
        return (common, rare) if bound == lost else (rare, common)
    return _saddlepoint(2 * lost - total, sizes), _saddlepoint(total - 2 * lost, sizes)


def p_at_most(net: NDArray[np.float64]) -> float:
    """What the first p of `sign_flip_p_sums` does not exceed, at once: in (0, 1].

    Parameters
    ----------
    net : (G,) whole numbers, one a group.

    Notes
    -----
    Hoeffding 1963: P(Σ ±net ≥ s) ≤ exp(-s² / 2Σnet²).
    """
    total, squares = float(net.sum()), float((net**2).sum())
    return math.exp(-total * total / (2.0 * squares)) if total > 0.0 else 1.0


def is_significant(net: NDArray[np.float64], level: float) -> bool:
    """Whether the first p of `sign_flip_p_sums` is at most `level`; faster, if it is far from it.

    Parameters
    ----------
    net : (G,) whole numbers, one a group.
    level : one-sided, in (0, 0.5).
    """
    if p_at_most(net) <= level:
        return True
    if float(net.sum()) <= 0.0:
        return False  # p is above a half
    sizes = np.abs(net[net != 0.0]).astype(np.int64)
    if len(sizes) >= _SURE_GROUPS:
        near = _saddlepoint(int(net.sum()), sizes)
        if near > _SURE_FACTOR * level:
            return False
    return sign_flip_p_sums(net)[0] <= level


def _lower_tail(bound: int, sizes: NDArray[np.int64]) -> NDArray[np.float64]:
    """P(T = 0), …, P(T = bound) for T the sum of `sizes`, ascending, each kept by a fair coin."""
    cells = np.zeros(bound + 1)
    cells[0] = 1.0
    reached = 0
    for place, size in enumerate(sizes.tolist(), start=1):
        kept = min(reached, bound - size) + 1
        reached = min(bound, reached + size)
        if kept > 0:
            cells[size : size + kept] += cells[:kept]
        if place % _HALVED == 0:
            cells[: reached + 1] *= 0.5**_HALVED
    return np.asarray(cells * 0.5 ** (len(sizes) % _HALVED))


def _saddlepoint(observed: int, sizes: NDArray[np.int64]) -> float:
    """P(Σ ±sizes ≥ observed)."""
    unit = math.sqrt(float((sizes.astype(np.float64) ** 2).sum()))
    parts = sizes / unit
    target = observed / unit
    # Near the middle the formula divides by next to nothing, and the normal tail is exact enough.
    if abs(target) < 1e-4:
        return float(ndtr(-target))
    if target < 0.0:
        return 1.0 - _saddlepoint(-observed, sizes)
    if observed >= int(sizes.sum()):
        return max(_SMALLEST, 0.5 ** len(sizes))

    def slope(t: float) -> float:
        return float((parts * np.tanh(t * parts)).sum()) - target

    high = 1.0
    while slope(high) < 0.0:
        high *= 2.0
        if high > 1e6:
            return max(_SMALLEST, 0.5 ** len(sizes))
    t = float(brentq(slope, 0.0, high, xtol=1e-13, rtol=1e-12))
    grown = np.abs(t * parts)
    cumulant = float((grown + np.log1p(np.exp(-2.0 * grown)) - math.log(2.0)).sum())
    w = math.sqrt(2.0 * (t * target - cumulant))
    v = t * math.sqrt(float((parts**2 / np.cosh(np.minimum(grown, 300.0)) ** 2).sum()))
    density = math.exp(-w * w / 2.0) / math.sqrt(2.0 * math.pi)
    return max(_SMALLEST, float(ndtr(-w)) + density * (1.0 / v - 1.0 / w))
