"""The check `win_rate`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from annotated_types import Ge

from rmcheck.checks import evidence, threshold
from rmcheck.checks.check import Context, Share
from rmcheck.stats.decision import MIN_GROUPS
from rmcheck.verdict import Evidence, Table, Verdict


@dataclass(frozen=True, kw_only=True)
class WinRate(threshold.ThresholdCheck):
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

        scored = ctx.scored(self.select(ctx.data))
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
        estimate = winrate.win_rate(wins, scored.groups)
        rows = {"all pairs": estimate, **evidence.estimates_by_tag(scored.pairs, wins)}
        margins = scored.margins
        sides = (int((margins > 0).sum()), int((margins < 0).sum()), int((margins == 0).sum()))
        facts = {
            "n": estimate.n,
            "groups": estimate.n_groups,
            "ties": f"{self.ties}{self.epsilon:g}" if self.epsilon else self.ties,
            "ci": f"{estimate.method}@{estimate.level:g}",
        }
        return threshold.hold(
            self.label,
            estimate,
            threshold.Bound(name="min", low=self.min),
            self.on_inconclusive,
            reason=too_little,
            criterion={"min": self.min},
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
