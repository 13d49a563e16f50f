"""Label noise: what a model loses when some of its training labels are flipped."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rmcheck.stats import groups as grouping
from rmcheck.stats.columns import proportion, same_length, win_column
from rmcheck.verdict import Estimate


def noise_drop(
    wins_clean: ArrayLike,
    wins_noisy: ArrayLike,
    groups: Sequence[str],
    *,
    level: float = 0.95,
) -> Estimate:
    """Estimate the drop of the win rate from clean to noisy training labels.

    Parameters
    ----------
    wins_clean : (n,) in {0, 0.5, 1}, of the model trained on clean labels; n ≥ 1.
    wins_noisy : (seeds, n), of the models trained on noisy labels, on the same clean pairs.
    groups : (n,) group of each pair; groups are independent of each other.
    level : of the two-sided interval, in (0, 1).

    Returns
    -------
    Estimate
        clean - noisy, in [-1, 1] and positive where noise hurts; method `t-clustered`.

    Notes
    -----
    Wins are averaged over the seeds of a pair, and the interval is Student's t over groups: SE
    clustered, with the factor G/(G-1), and G-1 degrees of freedom for groups of one size. It speaks
    of other pairs given these trainings, not of other trainings. The SE is never taken below
    √2 / (G + 2), that of Bonett and Price 2012 for paired proportions when no pair changed, so that
    no agreement among few groups gives a width of zero. One group gives [-1, 1].
    """
    clean, noisy = _columns(wins_clean, wins_noisy)
    proportion("level", level, closed=False)
    n = same_length(wins_clean=clean, groups=groups)
    codes = grouping.codes(groups)
    n_groups = int(codes.max()) + 1
    drops = clean - noisy.mean(axis=0)
    value = float(drops.mean())
    critical = grouping.student_value(level, codes)
    if math.isinf(critical):
        low, high = -1.0, 1.0
    else:
        error = max(
            math.sqrt(grouping.clustered_variance(drops, codes)), math.sqrt(2) / (n_groups + 2)
        )
        half = critical * error
        low, high = max(-1.0, value - half), min(1.0, value + half)
    return Estimate(
        value=value,
        low=low,
        high=high,
        level=level,
        method="t-clustered",
        n=n,
        n_groups=n_groups,
    )


def _columns(
    wins_clean: ArrayLike, wins_noisy: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    clean = win_column("wins_clean", wins_clean)
    table = np.asarray(wins_noisy, dtype=np.float64)
    if clean.size == 0:
        raise ValueError("a drop needs at least one pair")
    if table.ndim != 2 or table.shape[0] == 0 or table.shape[1] != len(clean):
        raise ValueError(f"wins_noisy has shape {table.shape}; allowed: (seeds, {len(clean)})")
    noisy = [win_column(f"wins_noisy[{seed}]", row) for seed, row in enumerate(table)]
    return clean, np.stack(noisy)
