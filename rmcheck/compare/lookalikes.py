"""Made-up models that are like the candidate and the baseline of a comparison, and worse ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from rmcheck.compare.measured_trial import unitless
from rmcheck.compare.simulation import ASSUMED, Guard
from rmcheck.stats import groups as grouping
from rmcheck.stats.winrate import wins

Column = NDArray[np.float64]
Contents = NDArray[np.intp]

HIGH, LOW, RIGHT, WRONG, GONE = range(5)
"""What a model has of a group: the margins of the better or of the worse of the two models; the
candidate's with some pairs turned right, or turned wrong; or all pairs wrong."""

_SEED: Final = 0
"""Which pairs of a group are turned is drawn once."""


class Lookalikes:
    """Any number of models on the pairs of one guard, of which each two differ as its two do.

    Notes
    -----
    Histories and series compare many models with one baseline, so the models must be drawn one by
    one and not pair by pair of models. A model takes each group from the candidate or from the
    baseline by a fair coin. Two such models agree on half of the groups on which those two differ.
    So as many other groups are drawn, once for each series, on which a model has some pairs right
    or wrong by the coin: as many pairs as one of the two is ahead by elsewhere. Two models then
    differ by as much as the candidate and the baseline do, on average; and a baseline can be lucky
    for all that follow. Where no comparison tells how often models differ, it is on `ASSUMED` of
    the groups, and on all their pairs.

    A drop is planted as in `rmcheck selftest`: it first tilts the coin, and what is left of it
    turns groups wrong, which are drawn once for each series.
    """

    def __init__(self, guard: Guard) -> None:
        self.guard = guard
        self.groups = grouping.numbered(guard.groups)
        self.codes = grouping.codes(self.groups)
        self.names = list(dict.fromkeys(guard.groups))
        self._every = np.arange(len(self.names))
        now, before = _margins(guard)
        size = np.abs(now)
        # A tied pair can be lost, too: by as little as any.
        size[size == 0.0] = size[size > 0.0].min(initial=1.0)
        zero = np.zeros(len(now))
        ties = guard.check.ties
        gain = wins(now, zero, ties=ties) - wins(before, zero, ties=ties)
        leads = grouping.sums(gain, self.codes)
        ahead = (leads > 0)[self.codes]
        turned = self._turned(leads)
        self.margins = np.stack(
            [
                np.where(ahead, now, before),
                np.where(ahead, before, now),
                np.where(turned, size, now),
                np.where(turned, -size, now),
                -size,
            ]
        )
        """(5, n) margins of each pair, by content of its group."""
        self.wins = np.stack([wins(row, zero, ties=ties) for row in self.margins])
        """(5, n) wins of the same."""
        self._net = np.stack(
            [np.rint(grouping.sums(2.0 * row, self.codes)).astype(np.int64) for row in self.wins]
        )
        self._differs = leads != 0.0
        agreed = int((~self._differs).sum())
        more = float(self._differs.sum()) if guard.before is not None else 2 * ASSUMED * agreed
        self._more = min(1.0, more / agreed) if agreed else 0.0

    def _turned(self, leads: Column) -> NDArray[np.bool_]:
        """Which pairs of a group, (n,), are right or wrong by the coin where its group is."""
        if self.guard.before is None:
            return np.ones(len(self.codes), dtype=np.bool_)
        seen = np.ceil(np.abs(leads[leads != 0.0]))
        rng = np.random.default_rng(_SEED)
        count = rng.choice(seen, len(leads))
        order = np.lexsort((rng.random(len(self.codes)), self.codes))
        sizes = grouping.sizes(self.codes)
        place = np.empty(len(self.codes))
        place[order] = np.arange(len(order)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        return np.asarray(place < count[self.codes])

    def contents(
        self, tossed: Column, coins: Column, gone: Column | None = None, drop: float = 0.0
    ) -> Contents:
        """What models have of each group.

        Parameters
        ----------
        tossed : (G,) uniform, one draw for a whole series.
        coins : (..., G) uniform, a row for each model.
        gone : (G,) uniform, one draw for a whole series; needed for a drop.
        drop : how much lower the true win rate of these models is, at least 0.

        Returns
        -------
        (..., G) of `HIGH`, `LOW`, `RIGHT`, `WRONG` and `GONE`.
        """
        extra = ~self._differs & (tossed < self._more)
        better, worse = np.where(extra, RIGHT, HIGH), np.where(extra, WRONG, LOW)
        if gone is None or drop <= 0.0:
            return np.where(coins < 0.5, better, worse)
        n = len(self.codes)
        lead = self._net[better, self._every] - self._net[worse, self._every]
        most = float(lead.sum()) / (4 * n)
        tilt = 0.5 * min(1.0, drop / most) if most else 0.0
        chosen = np.where(coins < np.where(lead > 0, 0.5 - tilt, 0.5), better, worse)
        if drop <= most:
            return chosen
        kept = float(self._net[worse, self._every].sum()) / (2 * n)
        lost = (drop - most) / kept if kept else 1.0
        return np.where(gone < lost, GONE, chosen)

    def net(self, now: Contents, before: Contents) -> NDArray[np.int64]:
        """Twice the wins gained less those lost in each group: (..., G) and (G,) to (..., G)."""
        return np.asarray(self._net[now, self._every] - self._net[before, self._every])

    def columns(self, contents: Contents) -> tuple[Column, Column]:
        """Margins and wins of one model, (n,) and (n,); `contents` is (G,)."""
        rows = contents[self.codes], np.arange(len(self.codes))
        return self.margins[rows], self.wins[rows]


def places(models: Sequence[Lookalikes]) -> tuple[int, list[NDArray[np.intp]]]:
    """How many groups all of them have, and the places of each one's: shared groups share draws."""
    known: dict[str, int] = {}
    for each in models:
        for name in each.names:
            known.setdefault(name, len(known))
    return len(known), [np.array([known[name] for name in each.names]) for each in models]


def _margins(guard: Guard) -> tuple[Column, Column]:
    """Both models' margins in one unit; the candidate's twice where no baseline is known."""
    now, before = guard.margins or (2 * guard.now - 1, None)
    if guard.before is None or before is None:
        before = now if guard.before is None else 2 * guard.before - 1
    measure = guard.check.measure
    by = "rank_log_loss" if measure == "win_rate" else measure
    return unitless(now, by), unitless(before, by)
