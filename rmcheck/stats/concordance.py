"""Kendall's τ-b of weighted rows, for many weightings of the same rows at once."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

# A batch of weightings takes a few arrays of this many cells, which fit a processor's cache.
_BATCH_CELLS: Final = 65_536


class Concordance:
    """Two columns whose order is found once, to weigh their rows again and again.

    Parameters
    ----------
    x, y : (n,) numbers, finite; row i of both belongs together.

    Notes
    -----
    Knight 1966: sorted by x and then y, discordant pairs are the inversions of y. They are counted
    as a merge sort finds them: at each level every block of rows is split in two halves, and the
    order by y within the block does not depend on the weights. Where a column has few different
    values, as ratings have, they are counted value by value. Both counts are exact.
    """

    def __init__(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> None:
        self._rows = np.lexsort((y, x))
        left, right = x[self._rows], y[self._rows]
        n = len(left)
        self._x_starts = _starts(left[1:] != left[:-1])
        self._both_starts = _starts((left[1:] != left[:-1]) | (right[1:] != right[:-1]))
        self._by_y = np.argsort(right, kind="stable")
        ordered = right[self._by_y]
        self._y_starts = _starts(ordered[1:] != ordered[:-1])
        depth = max(0, n - 1).bit_length()
        self._size = 1 << depth
        # Rows that fill the blocks up weigh nothing.
        place = np.zeros(self._size, dtype=np.intp)
        place[self._by_y] = np.cumsum(np.r_[0, ordered[1:] != ordered[:-1]])
        x_place = np.cumsum(np.r_[0, left[1:] != left[:-1]])
        few, many = sorted((x_place, place[:n]), key=np.max) if n else (x_place, x_place)
        self._values: list[Value] = []
        self._levels: list[Level] = []
        if n and int(few.max()) < depth:
            self._values = [_value(few, many, value) for value in range(int(few.max()))]
        else:
            self._levels = [_level(place, 2 << level) for level in range(depth)]

    def tau(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """τ-b under each of (draws, n) whole weights: (draws,), NaN where a column is constant."""
        draws = max(1, _BATCH_CELLS // self._size)
        parts = [
            self._batch(weights[start : start + draws]) for start in range(0, len(weights), draws)
        ]
        return np.concatenate(parts)

    def _batch(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        sorted_weights = weights[:, self._rows]
        total = sorted_weights.sum(axis=1)
        every = _pairs(total)
        tied_x = _tied(sorted_weights, self._x_starts)
        tied_y = _tied(sorted_weights[:, self._by_y], self._y_starts)
        tied_both = _tied(sorted_weights, self._both_starts)
        # Counts are whole numbers below 2^53: sums of floats are exact in any order.
        score = every - tied_x - tied_y + tied_both - 2 * self._discordant(sorted_weights)
        spread_x, spread_y = every - tied_x, every - tied_y
        constant = (spread_x == 0) | (spread_y == 0)
        with np.errstate(invalid="ignore", divide="ignore"):
            tau = score / np.sqrt(spread_x) / np.sqrt(spread_y)
        return np.where(constant, np.nan, np.clip(tau, -1.0, 1.0))

    def _discordant(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        draws, n = weights.shape
        found = np.zeros(draws)
        for members, above, before in self._values:
            reached = np.zeros((draws, len(above) + 1))
            np.cumsum(weights[:, above], axis=1, out=reached[:, 1:])
            found += (weights[:, members] * reached[:, before]).sum(axis=1)
        if not self._levels:
            return found
        padded = np.zeros((draws, self._size))
        padded[:, :n] = weights
        for order, first, second in self._levels:
            block = padded[:, order]
            smaller = np.cumsum((block * second).reshape(draws, *first.shape), axis=2)
            smaller *= block.reshape(draws, *first.shape)
            smaller *= first
            found += smaller.sum(axis=(1, 2))
        return found


Value = tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]


def _value(few: NDArray[np.intp], many: NDArray[np.intp], value: int) -> Value:
    """The rows of one value, the rows above it by the other column, and how many are before each.

    A row is discordant with those that are above it in one column and before it in the other.
    """
    order = np.argsort(many, kind="stable")
    members, above = order[few[order] == value], order[few[order] > value]
    return members, above, np.searchsorted(many[above], many[members], side="left")


Level = tuple[NDArray[np.intp], NDArray[np.float64], NDArray[np.float64]]


def _level(place: NDArray[np.intp], width: int) -> Level:
    """The rows by block and y, and which of them are of a block's first and second half.

    Among equal y the first half comes first, so that equal values are no inversion.
    """
    rows = np.arange(len(place))
    order = np.lexsort((rows, place, rows // width))
    second = (order % width >= width // 2).astype(np.float64)
    return order, (1.0 - second).reshape(-1, width), second


def _starts(changes: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Where runs of equal values begin."""
    return np.flatnonzero(np.r_[True, changes])


def _pairs(count: NDArray[np.float64]) -> NDArray[np.float64]:
    return count * (count - 1) / 2


def _tied(weights: NDArray[np.float64], starts: NDArray[np.intp]) -> NDArray[np.float64]:
    """Pairs of rows within the runs that begin at `starts`, (draws, n) to (draws,)."""
    tied: NDArray[np.float64] = _pairs(np.add.reduceat(weights, starts, axis=1)).sum(axis=1)
    return tied
