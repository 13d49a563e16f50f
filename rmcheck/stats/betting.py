"""Betting against "nothing changed": evidence of a stream that may be looked at at any time."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

SIZES = (0.1, 0.3, 0.7)
"""The shares of the capital that are bet: small ones for small changes."""
JUMP = 0.001
"""The share of the capital that changes its bet after each block, for changes that begin late."""


class Ranks:
    """The place of each value of a stream among all values before it, as a p-value.

    Values are whole numbers from 0 to `kinds` - 1, such as the bin of a score, so that counts are
    all that has to be kept.

    Notes
    -----
    These are smoothed conformal p-values (Vovk, Gammerman and Shafer, *Algorithmic Learning in a
    Random World*, 2005): if the values are exchangeable, they are independent and uniform,
    whatever the distribution of the values is.
    """

    def __init__(self, kinds: int) -> None:
        self.counts = np.zeros(kinds, dtype=np.int64)

    def add(self, codes: ArrayLike) -> None:
        """Count values of the reference, (n,) whole numbers; their p-values are not needed."""
        column = np.asarray(codes, dtype=np.int64)
        self.counts += np.bincount(column, minlength=len(self.counts))

    def p_values(self, codes: ArrayLike, draws: ArrayLike) -> NDArray[np.float64]:
        """Count values and give the p-value of each among those up to it.

        Parameters
        ----------
        codes : (n,) whole numbers, in the order of the stream.
        draws : (n,) uniform in [0, 1), one for each; they break ties.

        Returns
        -------
        (n,) in (0, 1): near 0 for values larger than those before, near 1 for smaller ones.
        """
        column = np.asarray(codes, dtype=np.int64)
        n, kinds = len(column), len(self.counts)
        rows = np.arange(n)
        so_far = np.zeros((n, kinds), dtype=np.int64)
        so_far[rows, column] = 1
        so_far = so_far.cumsum(axis=0) + self.counts
        same = so_far[rows, column]
        larger = so_far.sum(axis=1) - so_far.cumsum(axis=1)[rows, column]
        seen = self.counts.sum() + rows + 1
        self.add(column)
        return np.asarray((larger + np.asarray(draws) * same) / seen)


class Capital:
    """What a player owns who began with 1 and bets that p-values are not uniform.

    Half of the capital waits at first. The rest is divided over bets that values got larger, got
    smaller, spread wider or spread less, each of several `SIZES`. After each block `JUMP` of the
    capital is divided anew, so a change that begins after a million values is found as well.

    Notes
    -----
    Each bet multiplies its capital by 1 + s·f(p) with f in [-1, 1] and of mean 0 for a uniform p,
    so the capital is a nonnegative martingale if nothing changed. By Ville's inequality it ever
    reaches 1/alpha with probability at most alpha, over all looks. The rule is a "simple jumper"
    (Vovk and others, *Retrain or not retrain*, 2021) with more bets, jumping once a block.
    """

    def __init__(self) -> None:
        shares = [0.5 / (4 * len(SIZES))] * (4 * len(SIZES))
        self._prior = np.log([0.5, *shares])
        self._logs = self._prior.copy()
        self.log = 0.0
        self.peak = 0.0
        """Natural logarithms of the capital now, and of the most that it has been."""

    def bet(self, p: ArrayLike) -> None:
        """Bet on a block of p-values, (n,) in [0, 1]."""
        column = np.asarray(p, dtype=np.float64)
        place = 1.0 - 2.0 * column
        shapes = (place, -place, 2.0 * np.abs(place) - 1.0, 1.0 - 2.0 * np.abs(place))
        won = [np.log1p(size * shape).sum() for shape in shapes for size in SIZES]
        self._logs += np.array([0.0, *won])
        self.log = float(np.logaddexp.reduce(self._logs))
        self.peak = max(self.peak, self.log)
        self._logs = np.logaddexp(
            self._logs + np.log1p(-JUMP), self._prior + np.log(JUMP) + self.log
        )
