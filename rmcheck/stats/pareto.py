"""Several objectives at once: weightings to try, and which points no other point beats."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray


def lattice(k: int, steps: int) -> NDArray[np.float64]:
    """All weightings of k objectives in steps of 1/steps that sum to 1, shape (g, k).

    The simplex lattice of Scheffé (1958), "Experiments with mixtures"; g = C(steps + k - 1, k - 1).

    Parameters
    ----------
    k : at least 1.
    steps : at least 1.

    >>> lattice(2, 2).tolist()
    [[1.0, 0.0], [0.5, 0.5], [0.0, 1.0]]
    """
    return np.array(list(_parts(k, steps)), dtype=np.float64) / steps


def _parts(k: int, total: int) -> Iterator[tuple[int, ...]]:
    """All ways to write `total` as k whole numbers from 0."""
    if k == 1:
        yield (total,)
        return
    for first in range(total, -1, -1):
        for rest in _parts(k - 1, total - first):
            yield (first, *rest)


def front(points: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which points no other one dominates, shape (n,).

    A point dominates another one if it is at least as high in every coordinate and higher in one.
    Equal points do not dominate each other.

    Parameters
    ----------
    points : (n, k), higher is better.

    >>> front(np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 0.5], [1.0, 0.0]])).tolist()
    [True, True, False, True]
    """
    kept = np.ones(len(points), dtype=np.bool_)
    for row, point in enumerate(points):
        over = (points >= point).all(axis=1) & (points > point).any(axis=1)
        kept[row] = not over.any()
    return kept
