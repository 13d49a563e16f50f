"""What pairs buy a comparison whose measure looks at margins as well."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtri
from scipy.stats import multivariate_normal

from rmcheck.compare.measured_trial import Column, MeasuredTrial
from rmcheck.compare.simulation import Guard
from rmcheck.stats import groups as grouping
from rmcheck.stats.decision import MIN_GROUPS, LossMeasure
from rmcheck.stats.measures import pair_losses
from rmcheck.stats.multiplicity import one_sided_level
from rmcheck.stats.power import MOST_PAIRS
from rmcheck.stats.winrate import wins

POWER = 0.8
_GROUPS_DRAWN = 5_000
"""At least so many prompts are drawn for the moments of one drop."""
_LEAST_DRAWS = 8
_PRECISION = 1e-4


@dataclass(frozen=True)
class _Moments:
    """Of what prompts add to z of the rise in loss and to the change in wins.

    `rise` is z for one prompt, `change` the mean change; `covariance` (2, 2) is that of both for
    one prompt, so that z and the change of G prompts have √G and G times the means and once and G
    times the variances.
    """

    rise: float
    change: float
    covariance: Column

    @classmethod
    def of(cls, rises: Column, changes: Column, change: float) -> _Moments:
        """From (k,) prompts' rises and changes, and the mean change.

        z of G prompts is √G·m / √q with the means m of the rises and q of their squares. To first
        order a prompt with rise r adds r / √q - m·r² / (2·q^1.5) to it (the delta method): large
        rises also raise what z is divided by.
        """
        mean, square = float(rises.mean()), float((rises**2).mean())
        if not square:
            return cls(0.0, change, np.zeros((2, 2)))
        root = math.sqrt(square)
        added = rises / root - mean * rises**2 / (2.0 * root**3)
        return cls(mean / root, change, np.cov(np.stack([added, changes])))

    def power(self, groups: float, pairs: int, max_drop: float, level: float) -> float:
        """P(z of the rise ≥ its critical value, and the change is -max_drop·pairs or less)."""
        root = math.sqrt(groups)
        spread = np.sqrt(np.diag(self.covariance))
        if not (spread > 0.0).all():
            return 0.0
        rise = (root * self.rise + float(ndtri(level))) / spread[0]
        # Changes are whole wins; half a win is what a normal distribution leaves out.
        most = -math.ceil(max_drop * pairs - 1e-9) + 0.5
        fall = (most / root - root * self.change) / spread[1]
        # P(-z of the rise ≤ …, change ≤ …): the first one's sign turns the correlation around.
        r = -float(self.covariance[0, 1] / (spread[0] * spread[1]))
        r = min(0.999999, max(-0.999999, r))
        both = multivariate_normal([0.0, 0.0], [[1.0, r], [r, 1.0]])
        return float(both.cdf([rise, fall]))


class MeasuredPower:
    """How surely a check with `measure: log_loss` or `rank_log_loss` catches a drop.

    Parameters
    ----------
    guard
        The check with both models' margins on its pairs.
    comparisons
        The m of the gate.

    Notes
    -----
    A drop is planted as in `rmcheck selftest`: the two models change places prompt by prompt,
    tilted towards the worse one; what is left of the drop turns wins around. The mean and the
    variance of what that does to a prompt's loss and to its wins are taken from such draws, and
    the rule (observed drop and p) from the normal distribution of both over more or fewer prompts
    like these.
    """

    def __init__(self, guard: Guard, comparisons: int, *, seed: int = 0) -> None:
        measure = guard.check.measure
        if measure == "win_rate" or guard.margins is None:
            raise ValueError("a measured plan needs margins and a measure of them")
        self._measure: LossMeasure = measure
        self._guard = guard
        self._level = one_sided_level(guard.check.alpha, comparisons)
        self._trial = MeasuredTrial(guard, comparisons, guard.margins, measure)
        self._groups = len(self._trial.names)
        self._codes = grouping.codes(guard.groups)
        draws = max(_LEAST_DRAWS, math.ceil(_GROUPS_DRAWN / self._groups))
        rng = np.random.default_rng(seed)
        # The same draws for each drop, so that power rises with it.
        size = (draws, self._groups)
        self._draws = (rng.random(size), rng.random(size), rng.random(size))
        self._known: dict[float, _Moments] = {}

    def power(self, drop: float, pairs: int, max_drop: float) -> float:
        """The probability that so many pairs like these call a true drop a regression."""
        groups = self._groups * pairs / len(self._codes)
        return self._moments(drop).power(groups, pairs, max_drop, self._level)

    def detectable(self, pairs: int) -> float | None:
        """The smallest drop that so many pairs catch with `POWER`; None if none that can be."""
        max_drop, most = self._guard.check.max_drop, self._trial.most
        if self._groups * pairs / len(self._codes) < MIN_GROUPS:
            return None
        if self.power(most, pairs, max_drop) < POWER:
            return None
        if self.power(0.0, pairs, max_drop) >= POWER:
            return _PRECISION
        return float(
            brentq(
                lambda drop: self.power(drop, pairs, max_drop) - POWER, 0.0, most, xtol=_PRECISION
            )
        )

    def needed(self, drop: float, max_drop: float) -> int | None:
        """About how many pairs catch a drop with `POWER`, to two digits; None: no number does."""
        if drop <= max_drop or drop > self._trial.most:
            return None
        high = len(self._codes)
        while self.power(drop, high, max_drop) < POWER:
            high *= 2
            if high > MOST_PAIRS:
                return None
        low = 1
        while high - low > max(1, low // 100):
            middle = (low + high) // 2
            enough = self.power(drop, middle, max_drop) >= POWER
            low, high = (low, middle) if enough else (middle, high)
        step = 10 ** max(0, math.floor(math.log10(high)) - 1)
        return int(math.ceil(high / step) * step)

    def _moments(self, drop: float) -> _Moments:
        if drop not in self._known:
            self._known[drop] = self._drawn(drop)
        return self._known[drop]

    def _drawn(self, drop: float) -> _Moments:
        ties = self._guard.check.ties
        rises, changes = [], []
        for choice in self._trial.choice(self._draws, drop):
            now, before = self._trial.columns(choice)
            zero = np.zeros(len(now))
            won, held = (wins(column, zero, ties=ties) for column in (now, before))
            ours, theirs = pair_losses(self._measure, margins=(now, before), wins=(won, held))
            rises.append(grouping.sums(ours - theirs, self._codes))
            changes.append(grouping.sums(won - held, self._codes))
        # The mean change is known: the drop that was planted.
        change = -drop * len(self._codes) / self._groups
        return _Moments.of(np.concatenate(rises), np.concatenate(changes), change)
