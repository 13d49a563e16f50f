"""The checks `best_of_n` and `ties`: n responses to one prompt, ranked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from rmcheck.checks import evidence
from rmcheck.checks.check import CANDIDATE, Check, Context, Need, Share
from rmcheck.data import ResponseSet
from rmcheck.data.preferences import PreferenceData
from rmcheck.verdict import Evidence, Table, Verdict
from rmcheck.wording import counted

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class _SetCheck(Check):
    """What checks on response sets share: which sets, and what they need scored."""

    min: Share
    on_inconclusive: Literal["point", "pass", "fail"] = "point"

    def _sets(self, data: PreferenceData) -> list[ResponseSet]:
        return [each for each in data.sets if len(set(each.best)) < len(each.responses)]

    def needs(self, data: PreferenceData) -> list[Need]:
        """Every response of the sets, by the candidate."""
        return [Need(CANDIDATE, [side for each in self._sets(data) for side in each.dialogues()])]

    def __post_init__(self) -> None:
        if self.where is not None:
            raise ValueError("'where' selects pairs; this check looks at response sets")

    def _scores(self, ctx: Context, sets: list[ResponseSet]) -> list[NDArray[np.float64]]:
        return [ctx.score(each.dialogues()) for each in sets]


@dataclass(frozen=True, kw_only=True)
class BestOfN(_SetCheck):
    """The top score of n responses goes to one of the best ones, as best-of-n sampling relies on.

    Of k responses tied at the top each counts 1/k. Chance, printed beside it, is the share of best
    responses. Sets without a worse response are left out.

    Parameters
    ----------
    min
        The smallest top-1 accuracy that is acceptable, in [0, 1].
    on_inconclusive
        `point` (default: the point estimate decides, marked weak), `pass` or `fail`.
    """

    kind: ClassVar[str] = "best_of_n"

    def judge(self, ctx: Context) -> Verdict:
        """Hold the accuracy's interval against `min`."""
        from rmcheck.checks import threshold
        from rmcheck.stats.bestofn import top_one

        sets = self._sets(ctx.data)
        criterion = {"min": self.min}
        groups = [each.group for each in sets]
        reason = threshold.too_few(len(sets), len(set(groups)), "response set")
        scores = [] if reason else self._scores(ctx, sets)
        reason = reason or _all_tied(scores)
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
                    f"{counted(len(wrong), 'set')} went to a worse response: "
                    f"{', '.join(wrong[:12])}",
                )
                if wrong
                else (),
            ),
        )


@dataclass(frozen=True, kw_only=True)
class Ties(_SetCheck):
    """Equally good responses score alike: closer together than they lie to the worse ones.

    Looks at sets with two or more best responses and one or more worse ones. The share of sets in
    which the gap (lowest best less highest worse score) exceeds the spread within the best is at
    least `min`.

    Parameters
    ----------
    min
        The smallest share of clearly separated sets, in [0, 1].
    on_inconclusive
        `point` (default: the point estimate decides, marked weak), `pass` or `fail`.
    """

    kind: ClassVar[str] = "ties"

    def _sets(self, data: PreferenceData) -> list[ResponseSet]:
        return [each for each in data.sets if 2 <= len(set(each.best)) < len(each.responses)]

    def judge(self, ctx: Context) -> Verdict:
        """Hold the share's interval against `min`."""
        from rmcheck.checks import threshold
        from rmcheck.stats.bestofn import separation

        sets = self._sets(ctx.data)
        criterion = {"min": self.min}
        groups = [each.group for each in sets]
        which = " with several best responses"
        reason = threshold.too_few(len(sets), len(set(groups)), "set", which)
        scores = [] if reason else self._scores(ctx, sets)
        reason = reason or _all_tied(scores)
        found = None if reason else separation(scores, [each.best for each in sets], groups)
        if found is None:
            return threshold.undecidable(self.label, reason or f"no sets{which}", criterion)
        return threshold.hold(
            f"{self.label} clearly separated",
            found.clear,
            threshold.Bound(name="min", low=self.min),
            self.on_inconclusive,
            unit="sets",
            criterion=criterion,
            signature=ctx.signature(self.kind, threshold.interval_facts(found.clear)),
            evidence=Evidence(
                pictures=(
                    evidence.histogram(
                        "Lowest best less highest worse score",
                        found.gap,
                        bins=16,
                        x_label="gap in the model's own units",
                    ),
                ),
                tables=(
                    Table(
                        title="Sets",
                        columns=("every best above every worse", "and closer together than that"),
                        rows=((found.separated.value, found.clear.value),),
                    ),
                ),
            ),
        )


def _all_tied(scores: list[NDArray[np.float64]]) -> str | None:
    """Why a model that tells no response from another decides nothing."""
    tied = all(float(np.ptp(each)) == 0.0 for each in scores)
    return f"within each of the {len(scores)} sets all scores are the same" if tied else None
