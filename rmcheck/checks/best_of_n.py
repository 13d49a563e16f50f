"""The check `best_of_n`: the top score of n responses goes to a best one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from rmcheck.checks import evidence, threshold
from rmcheck.checks.check import Context, Share
from rmcheck.checks.response_sets import SetCheck, all_tied
from rmcheck.verdict import Evidence, Verdict
from rmcheck.wording import counted


@dataclass(frozen=True, kw_only=True)
class BestOfN(SetCheck):
    """The response with the highest score is one of the best ones in at least `min` of the sets.

    If k responses are tied at the top, each counts 1/k. The message also shows chance: the share of
    best responses. Sets without a worse response are left out.

    Parameters
    ----------
    min
        The smallest acceptable top-1 accuracy, in [0, 1].
    on_inconclusive
    """

    kind: ClassVar[str] = "best_of_n"
    sentence: ClassVar[str] = "How often the answer with the highest score is one of the best ones."

    min: Share

    def judge(self, ctx: Context) -> Verdict:
        """Compare the interval of the accuracy with `min`."""
        from rmcheck.stats.bestofn import top_one

        sets = self._sets(ctx.data)
        criterion = {"min": self.min}
        groups = [each.group for each in sets]
        reason = threshold.too_few(len(sets), len(set(groups)), "response set")
        scores = [] if reason else self._scores(ctx, sets)
        reason = reason or all_tied(scores)
        if reason:
            return threshold.undecidable(self.label, reason, criterion)
        found = top_one(scores, [each.best for each in sets], groups)
        wrong = tuple(
            each.id for each, credit in zip(sets, found.credits, strict=True) if credit < 1
        )
        return threshold.hold(
            f"{self.label} top-1 (chance {found.chance:.2f})",
            found.accuracy,
            threshold.Bound(name="min", low=self.min),
            self.on_inconclusive,
            unit="sets",
            criterion=criterion,
            signature=ctx.signature(self.kind, threshold.interval_facts(found.accuracy)),
            evidence=Evidence(
                pictures=(
                    evidence.forest(
                        "Top-1 accuracy",
                        {"all sets": found.accuracy},
                        x_label="share of sets whose best response is on top",
                        threshold=self.min,
                        reference=found.chance,
                    ),
                ),
                notes=(
                    f"a worse response has the top score in {counted(len(wrong), 'set')}: "
                    f"{', '.join(wrong[:12])}",
                )
                if wrong
                else (),
            ),
        )
