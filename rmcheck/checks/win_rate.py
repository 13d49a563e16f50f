"""The check `win_rate`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, Literal

import numpy as np
from annotated_types import Ge
from numpy.typing import NDArray

from rmcheck.checks import evidence, threshold
from rmcheck.checks.check import Context, Share
from rmcheck.checks.looks import LEVEL, Look, StoppingCheck, looks_at
from rmcheck.stats.decision import MIN_GROUPS, apply_policy, decide_threshold
from rmcheck.verdict import Evidence, Outcome, Table, Verdict


@dataclass(frozen=True, kw_only=True)
class WinRate(StoppingCheck, threshold.ThresholdCheck):
    """The share of pairs whose chosen response scores higher is at least `min`.

    Uses the Wilson interval at the effective sample size. Passes if the whole interval is at or
    above `min`, fails if all of it is below; otherwise `on_inconclusive` decides.

    Parameters
    ----------
    min
        The threshold in [0, 1]. 0.5 is chance.
    ties
        How equal scores count: `half` a win (default), as a `loss`, or as half a win up to
        `epsilon`.
    epsilon
        With `ties: epsilon`: margins up to this size, in score units, are ties.
    on_inconclusive
    min_groups
        The check is undecidable with fewer different prompts than this.
    early_stop
    """

    kind: ClassVar[str] = "win_rate"
    sentence: ClassVar[str] = "How often the model scores the better answer above the worse one."

    min: Share
    ties: Literal["half", "loss", "epsilon"] = "half"
    epsilon: Annotated[float, Ge(0)] = 0.0
    min_groups: Annotated[int, Ge(MIN_GROUPS)] = MIN_GROUPS

    def __post_init__(self) -> None:
        if self.epsilon and self.ties != "epsilon":
            raise ValueError("epsilon has no effect without 'ties: epsilon'")

    @property
    def scale_free(self) -> bool:
        """False with an epsilon, which is in score units."""
        return not self.epsilon

    def judge(self, ctx: Context) -> Verdict:
        """Compare the win rate's interval with `min`."""
        from rmcheck.stats import winrate

        look = self.seen(ctx)
        scored = ctx.scored(look.pairs)
        wins = winrate.wins(scored.chosen, scored.rejected, ties=self.ties, epsilon=self.epsilon)
        too_little = winrate.undecidable(
            wins, scored.groups, min_groups=self.min_groups
        ) or winrate.undecidable(winrate.wins(scored.chosen, scored.rejected), scored.groups)
        if not len(wins):
            why = f"; `where:` selects none of {len(ctx.data.pairs)}" if self.where else ""
            return Verdict(
                decision="inconclusive",
                outcome="fail",
                weak=True,
                criterion={"min": self.min},
                message=f"{self.label}: no pairs to decide on{why}",
            )
        estimate = winrate.win_rate(wins, scored.groups, level=look.level)
        rows = {"all pairs": estimate, **evidence.estimates_by_tag(scored.pairs, wins)}
        margins = scored.margins
        sides = (int((margins > 0).sum()), int((margins < 0).sum()), int((margins == 0).sum()))
        facts = {
            "n": estimate.n,
            "groups": estimate.n_groups,
            "ties": f"{self.ties}{self.epsilon:g}" if self.epsilon else self.ties,
            "ci": f"{estimate.method}@{estimate.level:g}",
            **look.facts,
        }
        verdict = threshold.hold(
            self.label,
            estimate,
            threshold.Bound(name="min", low=self.min),
            self.on_inconclusive,
            reason=too_little,
            criterion={"min": self.min, **({"early_stop": True} if look.planned else {})},
            signature=ctx.signature(self.kind, facts),
            evidence=Evidence(
                pictures=(
                    evidence.forest(
                        "Win rate, all pairs and by tag",
                        rows,
                        x_label="win rate",
                        threshold=self.min,
                        reference=0.5,
                    ),
                    evidence.margin_histogram(scored),
                ),
                tables=(Table(title="Pairs", columns=("right", "wrong", "tied"), rows=(sides,)),),
                pairs=evidence.worst(scored),
            ),
        )
        return replace(verdict, message=verdict.message + look.told, looked=look.looked)

    def looks(self, ctx: Context) -> list[Look]:
        """The looks at the selected pairs."""
        pairs = self.select(ctx.data)
        return looks_at(pairs, early=self.early_stop, least=self.min_groups)

    def settles(self, ctx: Context, look: Look) -> bool:
        """Whether the interval excludes `min`, or no result of the other pairs counts any more."""
        from rmcheck.stats import winrate

        scored = ctx.scored(look.pairs)
        wins = winrate.wins(scored.chosen, scored.rejected, ties=self.ties, epsilon=self.epsilon)
        estimate = winrate.win_rate(wins, scored.groups, level=look.level)
        decision = decide_threshold(estimate, minimum=self.min)
        sure = decision != "inconclusive" and self._exactly(wins, scored.groups, look)
        if not sure and not self._out_of_reach(wins, scored.groups, look):
            return False
        plain = winrate.wins(scored.chosen, scored.rejected)
        return not any(winrate.undecidable(column, scored.groups) for column in (wins, plain))

    def _exactly(self, wins: NDArray[np.float64], groups: Sequence[str], look: Look) -> bool:
        """Whether the binomial test on one side or the other is at the look's level, too.

        Wilson's interval is approximate, and at 99.8 % of few pairs by more than all looks can
        bear.
        """
        from rmcheck.stats.excess import share_excess

        level = look.nominal((1.0 - LEVEL) / 2.0)
        sides = ((wins, self.min), (1.0 - wins, 1.0 - self.min))
        tested = (
            share_excess(credits, groups, bound=bound, alpha=level, tests=1)
            for credits, bound in sides
        )
        return min(each.p_value for each in tested) <= level

    def _out_of_reach(self, wins: NDArray[np.float64], groups: Sequence[str], look: Look) -> bool:
        """Whether the outcome is the same if all other pairs are won, and if all are lost."""
        if len(look.rest) > len(look.pairs):
            return False  # so many pairs can change what is not decided yet
        every = [*groups, *(pair.group for pair in look.rest)]
        reachable = {
            self._outcome(np.append(wins, np.full(len(look.rest), rest)), every, look.final.level)
            for rest in (0.0, 1.0)
        }
        return len(reachable) == 1

    def _outcome(self, wins: NDArray[np.float64], groups: Sequence[str], level: float) -> Outcome:
        from rmcheck.stats import winrate

        estimate = winrate.win_rate(wins, groups, level=level)
        decision = decide_threshold(estimate, minimum=self.min)
        return apply_policy(decision, estimate.value >= self.min, self.on_inconclusive, None)[0]
