"""Two models on the same pairs: the difference of their win rates, and the state it implies."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rmcheck.stats import groups as grouping
from rmcheck.stats.columns import proportion, same_length, win_column
from rmcheck.stats.monotone import Better, Column, lowest
from rmcheck.stats.multiplicity import one_sided_level
from rmcheck.stats.signflip import sign_flip_p_integer
from rmcheck.stats.winrate import wilson_low
from rmcheck.verdict import Estimate, State

# Changes are rare. With less than this the first few of them would make the limits jump, and what
# `_GroupedTable.lowest` does about it would show.
_PRIOR_GROUPS = 2.0


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Candidate against baseline.

    `estimate` is Δ = candidate - baseline win rate with Newcombe's paired interval; `p_less` the
    one-sided exact sign-flip p of Δ < 0 (or its mid-p), `p_two_sided` that of Δ ≠ 0; `newly_wrong`
    counts pairs that did worse (a win became a tie or a loss, a tie a loss), `newly_right` pairs
    that did better. `design_effect`, at least 1, says by how much groups dilute the pairs; it is
    steadied (`groups.Design`), so that a few changes in as few groups do not promise too much.
    """

    estimate: Estimate
    p_less: float
    p_two_sided: float
    newly_wrong: int
    newly_right: int
    design_effect: float = 1.0


def newcombe_low(
    both: ArrayLike,
    candidate_only: ArrayLike,
    baseline_only: ArrayLike,
    neither: ArrayLike,
    critical: float,
) -> Column:
    """Lower limits of Newcombe's interval for the difference of two rates on the same pairs.

    The upper limit is that of the table with right and wrong exchanged, with its sign changed.

    Parameters
    ----------
    both, candidate_only, baseline_only, neither : (k,) counts ≥ 0 of pairs that both models got
        right, only one, or neither; not necessarily whole. Their sum is the (effective) sample
        size, > 0.
    critical : two-sided critical value, finite.

    Returns
    -------
    (k,) lower limits of candidate - baseline, at least -1.

    Notes
    -----
    Newcombe 1998, *Statistics in Medicine* 17:2635-2650, method 10: Wilson limits of the two
    rates, joined by squares with the correlation φ̂ whose numerator is moved towards zero by n/2
    (the continuity correction) when positive. φ̂ = 0 when a margin is empty.
    """
    a, b = np.asarray(both, dtype=np.float64), np.asarray(candidate_only, dtype=np.float64)
    c, d = np.asarray(baseline_only, dtype=np.float64), np.asarray(neither, dtype=np.float64)
    n, right_1, right_2 = a + b + c + d, a + b, a + c
    p_1, p_2 = np.minimum(1.0, right_1 / n), np.minimum(1.0, right_2 / n)
    product = right_1 * (n - right_1) * right_2 * (n - right_2)
    cross = a * d - b * c
    corrected = np.where(cross > 0, np.maximum(cross - n / 2, 0.0), cross)
    root = np.sqrt(np.where(product > 0.0, product, 1.0))
    phi = np.where(product > 0.0, corrected / root, 0.0)
    down = p_1 - wilson_low(p_1, n, critical)
    up = 1.0 - wilson_low(1.0 - p_2, n, critical) - p_2
    below = np.sqrt(np.maximum(0.0, down**2 - 2 * phi * down * up + up**2))
    return np.maximum(-1.0, (b - c) / n - below)


def paired_difference(
    wins_candidate: ArrayLike,
    wins_baseline: ArrayLike,
    groups: Sequence[str],
    *,
    level: float = 0.95,
    mid: bool = False,
) -> Difference:
    """Compare two models' wins on the same pairs.

    Parameters
    ----------
    wins_candidate, wins_baseline : (n,) in {0, 0.5, 1}, pair by pair, n ≥ 1.
    groups : (n,) group of each pair; groups are independent of each other.
    level : of the two-sided interval, in (0, 1).
    mid : p-values are mid-p instead of exact ones.

    Returns
    -------
    Difference
        Its estimate's method is `newcombe` for singletons without ties, else
        `newcombe-neff<n_eff rounded>`.

    Notes
    -----
    The p-values are exact (`sign_flip_p_integer` on each group's net wins, doubled because of
    ties), and p_less never rises when a pair of the candidate gets worse: only a flip of that
    group's sign can then become less extreme than what was seen. The same is true of the mid-p.

    The interval is Newcombe's method 10 on the table of shares times n_eff, that of the per-pair
    differences d with unit variance mean |d| - Δ² (`groups.Design.effective_size`); t replaces
    z when pairs share groups. For singletons that is Newcombe 1998 at n. A tie enters the
    table by halves: of a win against a tie, half is `both` and half `candidate_only`; of two ties,
    half is `both` and half `neither`.

    For singletons without ties neither limit rises when a pair of the candidate gets worse (all
    tables of up to 60 pairs were tried). With groups n_eff can rise then, and so each limit is the
    lowest (highest) of any candidate at least (at most) as good, the baseline being what it is:
    see `monotone.lowest`. Where that changes a limit, exchanging the two models does not exactly
    mirror the interval; Δ and p it always mirrors.
    """
    candidate = win_column("wins_candidate", wins_candidate)
    baseline = win_column("wins_baseline", wins_baseline)
    proportion("level", level, closed=False)
    n = same_length(wins_candidate=candidate, wins_baseline=baseline, groups=groups)
    if n == 0:
        raise ValueError("a paired difference needs at least one pair")
    codes = grouping.codes(groups)
    n_groups = int(codes.max()) + 1
    critical = grouping.critical_value(level, codes)
    change = candidate - baseline
    doubled = np.rint(2 * change).astype(np.int64)
    net = np.rint(grouping.sums(2 * change, codes)).astype(np.int64)
    # A quotient of integers, so that a drop of 3 in 150 is exactly the 0.02 that a user writes.
    delta = int(doubled.sum()) / (2 * n)
    table = _GroupedTable.of(candidate, baseline, codes, critical)
    mirrored = _GroupedTable.of(1.0 - candidate, 1.0 - baseline, codes, critical)
    plain = n_groups == n and not (np.any(candidate == 0.5) or np.any(baseline == 0.5))
    return Difference(
        estimate=Estimate(
            value=delta,
            low=min(table.lowest(), delta),
            high=max(-mirrored.lowest(), delta),
            level=level,
            method="newcombe" if plain else f"newcombe-neff{round(table.n_eff)}",
            n=n,
            n_groups=n_groups,
        ),
        p_less=sign_flip_p_integer(net, "less", mid=mid),
        p_two_sided=sign_flip_p_integer(net, "two-sided", mid=mid),
        newly_wrong=int(np.count_nonzero(doubled < 0)),
        newly_right=int(np.count_nonzero(doubled > 0)),
        design_effect=n / table.n_eff,
    )


@dataclass(frozen=True)
class _GroupedTable:
    """Two models' wins on the same pairs, by groups: Newcombe's lower limit of their difference.

    `cells` are the sums both, candidate only, baseline only, neither; `better` holds the groups'
    sums of candidate - baseline, which can rise to where the candidate wins every pair.
    """

    better: Better
    cells: tuple[float, float, float, float]
    critical: float

    @classmethod
    def of(
        cls, candidate: Column, baseline: Column, codes: NDArray[np.intp], critical: float
    ) -> _GroupedTable:
        change = candidate - baseline
        better = Better(
            grouping.Design.of(codes),
            grouping.sums(change, codes),
            grouping.sums(1.0 - candidate, codes),
        )
        columns = (
            np.minimum(candidate, baseline),
            np.maximum(change, 0.0),
            np.maximum(-change, 0.0),
            1.0 - np.maximum(candidate, baseline),
        )
        both, ours, theirs, neither = (float(column.sum()) for column in columns)
        return cls(better, (both, ours, theirs, neither), critical)

    @cached_property
    def n_eff(self) -> float:
        return float(self._n_eff(*self._after(np.zeros(1), np.zeros((1, 1))))[0, 0])

    def _after(self, gained: Column, of_neither: Column) -> tuple[Column, tuple[Column, ...]]:
        """Spreads (k, 1) and cells, each (k, j), after (k,) gains, `of_neither` (k, j) of them on
        pairs that neither had right and the rest on pairs that the baseline alone had."""
        both, ours, theirs, neither = self.cells
        regained = gained[:, None] - of_neither
        cells = (both + regained, ours + of_neither, theirs - regained, neither - of_neither)
        if self.better.design.singletons:  # which have no spread that would count
            return np.zeros((len(gained), 1)), cells
        return self.better.spread(gained)[:, None], cells

    def _n_eff(self, spread: Column, cells: tuple[Column, ...]) -> Column:
        n, (_, ours, theirs, _) = self.better.design.n, cells
        unit = (ours + theirs) / n - ((ours - theirs) / n) ** 2
        return self.better.design.effective_size(
            spread, unit, ours + theirs, prior_groups=_PRIOR_GROUPS
        )

    def _low(self, n_eff: Column | float, cells: tuple[Column, ...]) -> Column:
        scale = n_eff / self.better.design.n
        both, ours, theirs, neither = (scale * cell for cell in cells)
        return newcombe_low(both, ours, theirs, neither, self.critical)

    def _limits(self, gained: Column) -> tuple[Column, Column]:
        _, _, theirs, neither = self.cells
        halves = 0.5 * np.arange(2 * min(float(gained[-1]), neither) + 1)
        # A gain that the cells do not hold is put back to the nearest one that they do.
        of_neither = np.clip(halves, np.maximum(0.0, gained - theirs)[:, None], gained[:, None])
        of_neither = np.minimum(of_neither, neither)
        spread, cells = self._after(gained, of_neither)
        low = self._low(self._n_eff(spread, cells), cells)
        floor = self._low(self.better.design.least, cells)
        return low.min(axis=1), floor.min(axis=1)

    def lowest(self) -> float:
        if math.isinf(self.critical):
            return -1.0
        _, cells = self._after(np.zeros(1), np.zeros((1, 1)))
        seen = float(self._low(self.n_eff, cells)[0, 0])
        if self.better.design.singletons:
            return seen
        return min(seen, lowest(self._limits, self.better.most))


class Compared(Protocol):
    """What `classify` looks at: a difference of win rates and the p of a drop."""

    @property
    def estimate(self) -> Estimate: ...
    @property
    def p_less(self) -> float: ...


def classify(
    difference: Compared,
    *,
    identical: bool,
    max_drop: float,
    alpha: float,
    comparisons: int,
    p_less: float | None = None,
) -> State:
    """Name the state of a comparison: the first line of the table that holds.

    Parameters
    ----------
    difference : what `paired_difference` found.
    identical : whether every score is the same to the last decided digit.
    max_drop : the drop that is tolerated, in [0, 1].
    alpha : two-sided level of the whole run, in (0, 1).
    comparisons : the number m ≥ 1 of required comparisons of the run.
    p_less : the one-sided p of another measure of "worse" (`measures.weigh`) in place of that of
        the win rate.

    Returns
    -------
    `identical`; `improved` when the interval is above 0; `non_inferior` when it is above
    -max_drop; `regressed` when Δ ≤ -max_drop and the one-sided p is at most α/2m (that is, the
    two-sided p at most α/m; see `multiplicity.one_sided_level`); else `inconclusive`.
    """
    proportion("max_drop", max_drop)
    each = one_sided_level(alpha, comparisons)
    if identical:
        return "identical"
    if difference.estimate.low > 0.0:
        return "improved"
    if difference.estimate.low > -max_drop:
        return "non_inferior"
    evidence = difference.p_less if p_less is None else p_less
    if difference.estimate.value <= -max_drop and evidence <= each:
        return "regressed"
    return "inconclusive"
