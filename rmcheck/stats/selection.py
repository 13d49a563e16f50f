"""Best of n as n grows: how good the response with the highest score is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rmcheck.stats import groups as grouping
from rmcheck.stats.columns import finite, proportion, same_length
from rmcheck.stats.multiplicity import holm
from rmcheck.stats.signflip import sign_flip_p_margins
from rmcheck.verdict import Estimate

_POWER = 0.8
# Two n whose qualities differ by less than this share of the range are equal but for rounding.
_ROUNDING = 1e-9


@dataclass(frozen=True, kw_only=True)
class Step:
    """From one n to the next: the gain in quality, and a test whether it is a fall.

    `p` is the one-sided p of a gain below 0, `adjusted` the same by Holm's method over all steps.
    `detectable` is the fall that is found in 4 of 5 runs at the level of the smallest p.
    """

    before: int
    after: int
    gain: Estimate
    p: float
    adjusted: float
    detectable: float


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Quality against n: `quality` has an estimate for each of `sizes`, `steps` one fewer.

    `gain` is the quality at the last n less that at the first.
    """

    sizes: tuple[int, ...]
    quality: tuple[Estimate, ...]
    steps: tuple[Step, ...]
    gain: Estimate

    def fall(self, alpha: float) -> Step | None:
        """The first step whose fall is shown at level `alpha`, over all steps."""
        return next((step for step in self.steps if step.adjusted <= alpha), None)


def sizes_up_to(most: int) -> tuple[int, ...]:
    """1, 2, 4, 8, … and `most` itself, ≥ 2.

    >>> sizes_up_to(4), sizes_up_to(6)
    ((1, 2, 4), (1, 2, 4, 6))
    """
    if most < 2:
        raise ValueError(f"most={most} must be at least 2")
    powers = [1 << power for power in range(most.bit_length())]
    return tuple(sorted({*(size for size in powers if size <= most), most}))


def expected_quality(
    scores: ArrayLike, quality: ArrayLike, sizes: Sequence[int]
) -> NDArray[np.float64]:
    """Mean quality of the response with the highest score among n drawn from a set.

    Parameters
    ----------
    scores : (k,) scores of the responses, finite; their order alone counts.
    quality : (k,) how good each response is.
    sizes : each n in 1 … k.

    Returns
    -------
    (len(sizes),) the mean over all subsets of n responses, each equally likely; responses tied
    at the top of a subset are chosen with equal probability.

    Notes
    -----
    Exact: with L responses below a score and T at it, the top of a subset has that score in
    C(L+T, n) - C(L, n) of the C(k, n) subsets, and by symmetry each of the T is then chosen equally
    often. This is the unbiased estimate of best-of-n quality for responses drawn independently
    (Chen et al. 2021, arXiv 2107.03374, whose pass@k is the case of a perfect choice).
    """
    column, good = finite("scores", scores), finite("quality", quality)
    k = same_length(scores=column, quality=good)
    outside = [size for size in sizes if not 1 <= size <= k]
    if outside:
        raise ValueError(f"sizes: expected numbers from 1 to {k}, got {outside[0]}")
    _, block, counts = np.unique(column, return_inverse=True, return_counts=True)
    means = np.bincount(block, weights=good) / counts
    up_to = np.concatenate([[0], np.cumsum(counts)]).tolist()
    found = []
    for size in sizes:
        ways = [math.comb(end, size) for end in up_to]
        shares = [(high - low) / ways[-1] for low, high in pairwise(ways)]
        found.append(float(np.dot(shares, means)))
    return np.array(found)


def selection(
    scores: Sequence[ArrayLike],
    quality: Sequence[ArrayLike],
    groups: Sequence[str],
    sizes: Sequence[int],
    *,
    rng: np.random.Generator,
    level: float = 0.95,
    alpha: float = 0.05,
) -> Selection:
    """Quality against n over response sets, and whether it falls from one n to the next.

    Parameters
    ----------
    scores, quality : one (k,) column each a set; sets may differ in k.
    groups : (n_sets,) group of each set; groups are independent of each other.
    sizes : at least two, increasing, none above the smallest k.
    rng : draws the signs of the tests.
    level : of the two-sided intervals, in (0, 1).
    alpha : the level for which detectable falls are computed.

    Returns
    -------
    Selection
        Qualities are means over sets. Intervals are Student's with the error clustered by group
        (`t-clustered`), kept within the range of all qualities. Where all groups agree the error
        is taken as √2 / (G + 2) of that range, the least one of `noise.noise_drop`, so that no
        interval has a width of zero.

    Notes
    -----
    The test of a step flips the signs of whole groups of the paired differences.
    """
    proportion("level", level, closed=False)
    proportion("alpha", alpha, closed=False)
    n = same_length(scores=np.arange(len(scores)), quality=np.arange(len(quality)), groups=groups)
    if n == 0 or len(sizes) < 2:
        raise ValueError(f"selection needs sets and two sizes, got {n} and {len(sizes)}")
    if any(later <= earlier for earlier, later in pairwise(sizes)):
        raise ValueError(f"sizes must increase, got {list(sizes)}")
    table = np.stack(
        [
            expected_quality(column, good, sizes)
            for column, good in zip(scores, quality, strict=True)
        ]
    )
    every = np.concatenate([np.asarray(good, dtype=np.float64) for good in quality])
    low, high = float(every.min()), float(every.max())
    width = high - low
    gains = [table[:, at + 1] - table[:, at] for at in range(len(sizes) - 1)]
    gains = [np.where(np.abs(gain) <= _ROUNDING * width, 0.0, gain) for gain in gains]
    means = [_mean(gain, groups, (-width, width), width, level) for gain in gains]
    p = [sign_flip_p_margins(gain, groups, alternative="less", rng=rng) for gain in gains]
    reach = NormalDist().inv_cdf(1 - alpha / len(gains)) + NormalDist().inv_cdf(_POWER)
    return Selection(
        sizes=tuple(sizes),
        quality=tuple(_mean(column, groups, (low, high), width, level) for column in table.T),
        steps=tuple(
            Step(
                before=before,
                after=after,
                gain=mean,
                p=each,
                adjusted=adjusted,
                detectable=reach * _error(gain, groups, width),
            )
            for before, after, gain, mean, each, adjusted in zip(
                sizes[:-1], sizes[1:], gains, means, p, holm(p), strict=True
            )
        ),
        gain=_mean(table[:, -1] - table[:, 0], groups, (-width, width), width, level),
    )


def _mean(
    values: NDArray[np.float64],
    groups: Sequence[str],
    within: tuple[float, float],
    width: float,
    level: float,
) -> Estimate:
    codes = grouping.codes(groups)
    critical = grouping.student_value(level, codes)
    value = float(values.mean())
    low, high = within
    if math.isfinite(critical):
        half = critical * _error(values, groups, width)
        low, high = max(low, value - half), min(high, value + half)
    return Estimate(
        value=value,
        low=min(low, value),
        high=max(high, value),
        level=level,
        method="t-clustered",
        n=len(values),
        n_groups=int(codes.max()) + 1,
    )


def _error(values: NDArray[np.float64], groups: Sequence[str], width: float) -> float:
    codes = grouping.codes(groups)
    n_groups = int(codes.max()) + 1
    measured = grouping.clustered_variance(values, codes) if n_groups > 1 else 0.0
    return math.sqrt(measured) or width * math.sqrt(2) / (n_groups + 2)
