"""What a part of the pairs shows of a comparison with the baseline."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol

from rmcheck.checks.check import BASELINE, CANDIDATE, Context
from rmcheck.checks.looks import Look
from rmcheck.verdict import State

if TYPE_CHECKING:
    from rmcheck.stats.paired import Difference


class Rule(Protocol):
    """The settings of `no_regression` that decide."""

    @property
    def max_drop(self) -> float: ...
    @property
    def alpha(self) -> float: ...
    @property
    def ties(self) -> Literal["half", "loss"]: ...
    @property
    def require(self) -> Literal["no_regression", "non_inferior"]: ...


def found(rule: Rule, ctx: Context, look: Look) -> tuple[Difference, State]:
    """What the pairs of a look show: the difference of the win rates, and the state."""
    from rmcheck.stats import paired
    from rmcheck.stats.winrate import wins

    now, before = (ctx.scored(look.pairs, source) for source in (CANDIDATE, BASELINE))
    difference = paired.paired_difference(
        wins(now.chosen, now.rejected, ties=rule.ties),
        wins(before.chosen, before.rejected, ties=rule.ties),
        now.groups,
        level=look.level,
    )
    return difference, paired.classify(
        difference,
        identical=False,
        max_drop=rule.max_drop,
        alpha=look.alpha(rule.alpha, ctx.comparisons),
        comparisons=ctx.comparisons,
    )


def settles(rule: Rule, ctx: Context, look: Look) -> bool:
    """Whether a look decides: it shows a state, or the other pairs cannot make a regression."""
    from rmcheck.stats.winrate import undecidable, wins

    difference, state = found(rule, ctx, look)
    lost = len(look.rest) - difference.estimate.value * len(look.pairs)
    safe = rule.require == "no_regression" and lost < rule.max_drop * len(look.whole) - 1e-9
    if state == "inconclusive" and not safe:
        return False
    now = ctx.scored(look.pairs)
    tied = undecidable(wins(now.chosen, now.rejected), now.groups)
    return state == "regressed" or not tied
