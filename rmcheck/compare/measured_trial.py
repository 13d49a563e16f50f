"""A simulated `no_regression` check whose measure looks at margins as well."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from rmcheck.compare.simulation import AHEAD, BEHIND, LOST, SAME, Draws, Guard, Trial
from rmcheck.stats import groups as grouping
from rmcheck.stats.decision import LossMeasure
from rmcheck.stats.measures import is_worse
from rmcheck.stats.multiplicity import one_sided_level
from rmcheck.stats.ranks import midranks
from rmcheck.stats.winrate import wins

Column = NDArray[np.float64]


class MeasuredTrial(Trial):
    """One guard whose margins decide as well.

    Models have no unit in common. So they change places in what the measure sees of a margin: its
    rank with its sign, or its multiple of the model's mean |margin|.
    """

    def __init__(
        self,
        guard: Guard,
        comparisons: int,
        margins: tuple[Column, Column | None],
        measure: LossMeasure,
    ) -> None:
        super().__init__(guard, comparisons)
        self._level = one_sided_level(guard.check.alpha, comparisons)
        self._measure = measure
        self._groups = grouping.numbered(guard.groups)
        self._now = unitless(margins[0], measure)
        self._before = None if margins[1] is None else unitless(margins[1], measure)

    def choice(self, draws: Draws, drop: float) -> NDArray[np.intp]:
        """As for wins; a group on which both win as much stays ahead or behind by a fair coin."""
        chosen = super().choice(draws, drop)
        even = (self._net[:, BEHIND] == 0) & (chosen != SAME) & (chosen != LOST)
        return np.where(even, np.where(draws[1] < 0.5, BEHIND, AHEAD), chosen)

    def red(self, choice: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Whether the check fails, run by run: (runs, G) contents to (runs,)."""
        check = self.guard.check
        if check.require != "no_regression":
            # Whether an interval rules out a drop is asked of the win rate alone.
            return super().red(choice)
        change = self._net[np.arange(choice.shape[1]), choice].sum(axis=1) / (2 * self._n)
        found = np.zeros(len(choice), dtype=bool)
        for run in np.flatnonzero(change <= -check.max_drop):
            now, before = self.columns(choice[run])
            zero = np.zeros(self._n)
            found[run] = is_worse(
                self._measure,
                margins=(now, before),
                wins=(wins(now, zero, ties=check.ties), wins(before, zero, ties=check.ties)),
                groups=self._groups,
                level=self._level,
            )
        return found

    def columns(self, contents: NDArray[np.intp]) -> tuple[Column, Column]:
        """Both models' margins, (n,), unitless, where groups have these contents, (G,)."""
        rows = contents[grouping.codes(self._groups)]
        now, before = self._contents_by_row[rows, np.arange(self._n)].T
        return now, before

    @cached_property
    def _contents_by_row(self) -> Column:
        """(4, n, 2): what each pair has of candidate and baseline, in each content of its group."""
        now = self._now
        table = np.empty((4, self._n, 2))
        if self._before is None:
            size = np.abs(now)
            # A tied pair is won by the one and lost by the other, too: by as little as any.
            size[size == 0.0] = size[size > 0.0].min()
            table[SAME] = np.stack([now, now], axis=1)
            table[AHEAD] = np.stack([size, -size], axis=1)
            table[BEHIND] = np.stack([-size, size], axis=1)
            table[LOST] = np.stack([-size, now], axis=1)
            return table
        before = self._before
        codes = grouping.codes(self.guard.groups)
        other = self.guard.before if self.guard.before is not None else self.guard.now
        lead = grouping.sums(self.guard.now - other, codes) > 0
        low = np.where(lead[codes], before, now)
        high = np.where(lead[codes], now, before)
        table[SAME] = np.stack([now, now], axis=1)
        table[AHEAD] = np.stack([high, low], axis=1)
        table[BEHIND] = np.stack([low, high], axis=1)
        both = (low > 0) & (high > 0)
        table[LOST] = np.stack([np.where(both, -low, low), high], axis=1)
        return table


def unitless(margins: Column, measure: LossMeasure) -> Column:
    """What a measure sees of margins, (n,): ranks with their sign, or multiples of the mean."""
    size = np.abs(margins)
    if measure == "rank_log_loss":
        return np.asarray(np.sign(margins) * midranks(size)[0])
    return margins / (float(size.mean()) or 1.0)
