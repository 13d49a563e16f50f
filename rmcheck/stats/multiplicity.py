"""Many comparisons in one run: p-values adjusted for the family."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rmcheck.stats.columns import proportion


def one_sided_level(alpha: float, comparisons: int) -> float:
    """The level for the one-sided p of a regression: α / 2m.

    Parameters
    ----------
    alpha : two-sided level of the whole run, in (0, 1).
    comparisons : the number m ≥ 1 of required comparisons of the run.

    Notes
    -----
    Bonferroni, with the half of α that belongs to drops; the other half would belong to gains, so
    that p_two_sided ≤ α/m says the same. A run over equal models then fails with probability
    α/2 at most: 2.5 % for α = 0.05, where α/m one-sided would allow 5 %.

    >>> one_sided_level(0.05, 5)
    0.005
    """
    proportion("alpha", alpha, closed=False)
    if comparisons < 1:
        raise ValueError(f"comparisons={comparisons} must be at least 1")
    return alpha / (2 * comparisons)


def holm(p: Sequence[float]) -> list[float]:
    """Adjust p-values by Holm's step-down method.

    Parameters
    ----------
    p : (m,) p-values in [0, 1], in any order; m may be 0.

    Returns
    -------
    (m,) adjusted p-values in the order given: the smallest α at which each is rejected while the
    chance of any false rejection in the family stays at most α.

    Notes
    -----
    Holm 1979. The smallest adjusted p is m times the smallest p, so that with two-sided p-values
    some adjusted p is at most α exactly when some p is at most α/m, the bound of `paired.classify`.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    column = _p_values(p)
    order = np.argsort(column, kind="stable")
    stepped = np.minimum(1.0, column[order] * np.arange(len(column), 0, -1))
    adjusted = np.empty_like(column)
    adjusted[order] = np.maximum.accumulate(stepped)
    return [float(value) for value in adjusted]


def benjamini_hochberg(p: Sequence[float]) -> list[float]:
    """Adjust p-values by the step-up method of Benjamini and Hochberg.

    Parameters
    ----------
    p : (m,) p-values in [0, 1], in any order; m may be 0.

    Returns
    -------
    (m,) adjusted p-values in the order given: the smallest level at which each is rejected while
    the expected share of false rejections among all rejections stays at most that level.

    Notes
    -----
    Benjamini and Hochberg 1995, for tests that are independent or depend positively on each other.

    >>> benjamini_hochberg([0.01, 0.04, 0.03])
    [0.03, 0.04, 0.04]
    """
    column = _p_values(p)
    order = np.argsort(column, kind="stable")[::-1]
    scale = len(column) / np.arange(len(column), 0, -1)
    adjusted = np.empty_like(column)
    adjusted[order] = np.minimum(1.0, np.minimum.accumulate(column[order] * scale))
    return [float(value) for value in adjusted]


def _p_values(p: Sequence[float]) -> NDArray[np.float64]:
    column = np.asarray(p, dtype=np.float64)
    bad = np.flatnonzero(~((column >= 0.0) & (column <= 1.0)))
    if bad.size:
        first = int(bad[0])
        raise ValueError(f"p[{first}] is {column[first]}; allowed: [0, 1]")
    return column
