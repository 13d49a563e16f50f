"""Rank tests: Wilcoxon's signed-rank test and the Mann-Whitney U test, both one-sided.

Samples large enough for the normal distribution are tested here; `scipy.stats` is imported for
small ones alone, because its import takes as long as all statistics of a gate.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

# Up to these sizes scipy's tests are exact where there are no ties.
_EXACT_MARGINS: Final = 50
_EXACT_SAMPLE: Final = 8


def midranks(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Rank values from 1 up, equal ones by their mean rank: (n,) ranks and the (k,) tie sizes."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    mean_ranks = np.cumsum(counts) - (counts - 1) / 2
    return mean_ranks[place], counts.astype(np.float64)


def wilcoxon_greater(margins: NDArray[np.float64]) -> float:
    """One-sided signed-rank p that (n,) margins are above zero; 1.0 when every margin is zero.

    Notes
    -----
    Wilcoxon 1945: zeros are left out, and the variance is corrected for ties. Exact for up to 50
    margins without ties, otherwise normal without a continuity correction, as in
    `scipy.stats.wilcoxon`.
    """
    if not margins.any():
        return 1.0
    if len(margins) <= _EXACT_MARGINS:
        from scipy.stats import wilcoxon

        return float(wilcoxon(margins, alternative="greater").pvalue)
    kept = margins[margins != 0]
    n = float(len(kept))
    ranks, ties = midranks(np.abs(kept))
    above = float(ranks[kept > 0].sum())
    mean = n * (n + 1) * 0.25
    variance = (n * (n + 1) * (2 * n + 1) - float((ties**3 - ties).sum()) / 2) / 24
    return float(ndtr(-(above - mean) / math.sqrt(variance)))


def mann_whitney_greater(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[float, float]:
    """U of (n,) x over (m,) y and its one-sided p: x tends to be greater.

    Notes
    -----
    Mann and Whitney 1947, corrected for ties. Exact where a sample has 8 values or fewer and there
    are no ties, otherwise normal with a continuity correction, as in `scipy.stats.mannwhitneyu`.
    """
    n, m = len(x), len(y)
    if min(n, m) <= _EXACT_SAMPLE:
        from scipy.stats import mannwhitneyu

        found = mannwhitneyu(x, y, alternative="greater")
        return float(found.statistic), float(found.pvalue)
    ranks, ties = midranks(np.concatenate([x, y]))
    above = float(ranks[:n].sum()) - n * (n + 1) / 2
    both = n + m
    tied = float((ties**3 - ties).sum()) / (both * (both - 1))
    spread = math.sqrt(n * m / 12 * ((both + 1) - tied))
    if spread == 0.0:  # all values are equal
        return above, 1.0
    return above, float(ndtr(-(above - n * m / 2 - 0.5) / spread))
