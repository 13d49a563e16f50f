"""What the pairs of a look say of two models: their difference, and the state it implies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from rmcheck.checks.looks import Look
from rmcheck.verdict import State

if TYPE_CHECKING:
    from rmcheck.stats.paired import Difference

EARLY_LEVEL = 0.90
"""Before all pairs are scored, this interval of a regression is below -`max_drop` as well."""

Wins = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Of the candidate and of the baseline, (n,) each."""


class Rule(Protocol):
    """The settings of `no_regression` that decide."""

    @property
    def max_drop(self) -> float: ...
    @property
    def alpha(self) -> float: ...


def difference_at(look: Look, wins: Wins, groups: Sequence[str]) -> Difference:
    """Compare the wins of a look's pairs, at the look's level.

    Before the last look the p-values are mid-p. The levels of looks are those of a continuous
    statistic, which exact p-values never reach with few pairs; with mid-p, all looks together stay
    within alpha (calculated in `tests/checks/test_look_levels.py`).
    """
    from rmcheck.stats.paired import paired_difference

    return paired_difference(*wins, groups, level=look.level, mid=look.interim)


def state_at(
    rule: Rule,
    look: Look,
    wins: Wins,
    groups: Sequence[str],
    difference: Difference,
    *,
    comparisons: int,
    p_less: float | None = None,
    identical: bool = False,
) -> State:
    """Name the state that a look's pairs show; `p_less` and `identical` as in `paired.classify`.

    Before the last look, a regression needs more than an observed drop of `max_drop`: the interval
    of level `EARLY_LEVEL` is below it. Otherwise a small drop, which all pairs would show to be
    tolerated, were found regressed by a look at few pairs on which it happens to be larger.
    """
    from rmcheck.stats.paired import classify, paired_difference

    state = classify(
        difference,
        p_less=p_less,
        identical=identical and look.last,
        max_drop=rule.max_drop,
        alpha=look.alpha(rule.alpha, comparisons),
        comparisons=comparisons,
    )
    if state == "regressed" and look.interim:
        sure = paired_difference(*wins, groups, level=EARLY_LEVEL).estimate
        return state if sure.high <= -rule.max_drop else "inconclusive"
    return state
