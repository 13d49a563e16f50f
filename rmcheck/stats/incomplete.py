"""Rates of two recipes' trainings where each training may lack some of the pairs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rmcheck.stats import groups as grouping
from rmcheck.stats.columns import same_length
from rmcheck.stats.rounded_flip import rounded, sign_flip_p_sums
from rmcheck.stats.seeds import Spread, crossed_spread, p_below

Column = NDArray[np.float64]


class Cells(NamedTuple):
    """What was counted of each training on each pair.

    `total` (k, n) are the sums of what was counted, ≥ 0, and `times` (k, n) how often something
    was: 0 where a pair is missing. The rate of a training is Σ total / Σ times.
    """

    total: Column
    times: Column

    @classmethod
    def of(cls, values: Column) -> Cells:
        """Those of one value each, NaN where it is missing."""
        known = ~np.isnan(values)
        return cls(np.where(known, values, 0.0), known.astype(np.float64))

    def take(self, rows: NDArray[np.intp]) -> Cells:
        """Those of some pairs."""
        return Cells(self.total[:, rows], self.times[:, rows])


@dataclass(frozen=True, kw_only=True, eq=False)
class RateDifference:
    """The mean rate of the candidate's trainings less that of the baseline's.

    `now` (k,) and `before` (j,) are the rates of the trainings, `p_more` the one-sided p of a rise,
    `spread` what varies in the difference.
    """

    now: Column
    before: Column
    difference: float
    p_more: float
    spread: Spread


def rate_difference(candidate: Cells, baseline: Cells, groups: Sequence[str]) -> RateDifference:
    """Compare the rates of two recipes whose trainings do not all have the same pairs.

    Parameters
    ----------
    candidate, baseline : (k, n) and (j, n); at least one of k and j is 2 or more, and every
        training has something that was counted.
    groups : (n,) group of each pair; groups are independent of each other.

    Raises
    ------
    ValueError
        For a training without a pair, for columns that do not go together, and for two models.

    Notes
    -----
    As `seeds.recipe_difference`, with rates in place of means: a pair adds
    (total - rate · times) / Σ times to the error of a training's rate (the linearised ratio of
    survey sampling; Cochran 1977, chapter 6), 0 where it is missing. Without gaps it is the same
    number. p is never below that of the sign-flip test over groups of what the pairs add to the
    difference: of two recipes that are alike, a group's part is as likely to be the other way
    round.
    """
    sides = (candidate, baseline)
    for name, side in zip(("candidate", "baseline"), sides, strict=True):
        if side.total.shape != side.times.shape or side.total.ndim != 2:
            said = f"{side.total.shape} and {side.times.shape}"
            raise ValueError(f"{name} has shapes {said}; expected twice (trainings, pairs)")
        same_length(groups=groups, **{name: side.total[0]})
        empty = np.flatnonzero(side.times.sum(axis=1) == 0.0)
        if empty.size:
            raise ValueError(f"{name}[{int(empty[0])}] has no pair")
    if len(candidate.total) + len(baseline.total) < 3:
        raise ValueError("a comparison over seeds needs two trainings of one recipe at least")
    codes = grouping.codes(groups)
    n = len(codes)
    times = [side.times.sum(axis=1) for side in sides]
    rates = [side.total.sum(axis=1) / count for side, count in zip(sides, times, strict=True)]
    parts = [
        n * (side.total - own[:, None] * side.times) / count[:, None]
        for side, own, count in zip(sides, rates, times, strict=True)
    ]
    spread = crossed_spread(parts, rates, parts[0].mean(axis=0) - parts[1].mean(axis=0), codes)
    difference = float(rates[0].mean() - rates[1].mean())
    adds = [
        (side.total / count[:, None]).mean(axis=0) for side, count in zip(sides, times, strict=True)
    ]
    flipped, _ = sign_flip_p_sums(grouping.sums(rounded(_even(adds[0] - adds[1])), codes))
    return RateDifference(
        now=rates[0],
        before=rates[1],
        difference=difference,
        p_more=max(p_below(-difference, spread), flipped),
        spread=spread,
    )


def _even(adds: Column) -> Column:
    """Without the rounding errors of differences that are 0."""
    return np.where(np.abs(adds) > 1e-12 * np.abs(adds).max(initial=0.0), adds, 0.0)
