"""Limits that never rise when a pair gets worse, although the groups' spread is estimated."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from rmcheck.stats.columns import distinct_rows
from rmcheck.stats.groups import Design

Column = NDArray[np.float64]

# Wins move by halves, so every better data set is on this grid.
_STEP = 0.5
_FIRST_CHUNK, _LARGEST_CHUNK = 16, 512


@dataclass(frozen=True)
class Better:
    """All data at least as good as the ones seen, as far as the groups' sums distinguish them.

    `sums` (G,) are the groups' sums seen, such as their wins; `room` (G,) ≥ 0 says by how much each
    can still rise.
    """

    design: Design
    sums: Column
    room: Column

    @cached_property
    def most(self) -> float:
        """By how much all groups together can rise."""
        return float(self.room.sum())

    @cached_property
    def _cells(self) -> tuple[Column, Column, Column, Column]:
        """Groups that are alike, once each: sizes, sums, room, and how many there are."""
        rows = np.stack([self.design.sizes, self.sums, self.room], axis=1)
        cells, counts = distinct_rows(rows)
        sizes, sums, room = cells.T
        return sizes, sums, room, counts.astype(np.float64)

    def spread(self, gained: Column) -> Column:
        """The largest Σ (sum of a group - its share of the total)² after a gain, or a bit more.

        Parameters
        ----------
        gained : (k,) rises of the total, in [0, `most`].

        Returns
        -------
        (k,) upper bounds, exact where nothing was gained. Of two data sets of which one is worse,
        the worse one has the larger bound at the same total, since more can be reached from it.

        Notes
        -----
        A convex function of the groups' sums, each between what was seen and its top. Over each
        such interval it is below its chord, and the chords are filled steepest first.
        """
        sizes, sums, room, counts = self._cells
        mean = (float(counts @ sums) + gained)[:, None] / self.design.n
        seen = np.square(sums - mean * sizes) @ counts
        slopes = room + 2.0 * (sums - mean * sizes)
        order = np.argsort(-slopes, axis=1, kind="stable")
        space = (counts * room)[order]
        filled = np.clip(gained[:, None] - (np.cumsum(space, axis=1) - space), 0.0, space)
        return np.asarray(seen + (filled * np.take_along_axis(slopes, order, axis=1)).sum(axis=1))


Limits = Callable[[Column], tuple[Column, Column]]
"""(k,) gains to the lowest limit after each, and to what it cannot fall below, which rises."""


def lowest(limits: Limits, most: float) -> float:
    """The smallest limit of any data that are better than the ones seen.

    The smaller of this and the limit of the data seen never rises when a pair gets worse: whatever
    the worse data can be improved to includes the better data and all that these can be improved
    to. Gains are tried in steps of half a win until no larger one can give a smaller limit.

    Parameters
    ----------
    limits : see `Limits`.
    most : the largest gain that is possible, ≥ 0.

    Returns
    -------
    The limit; infinite where nothing can be gained.
    """
    best, step, chunk = np.inf, 1, _FIRST_CHUNK
    while (step - 1) * _STEP < most:
        gained = np.minimum(_STEP * np.arange(step, step + chunk), most)
        low, floor = limits(gained)
        best = min(best, float(low.min()))
        if float(floor[-1]) >= best:
            break
        step, chunk = step + chunk, min(2 * chunk, _LARGEST_CHUNK)
    return best
