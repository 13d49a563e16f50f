"""The check `ties`: equally good responses score alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from rmcheck.checks import evidence, threshold
from rmcheck.checks.check import Context, Share
from rmcheck.checks.response_sets import SetCheck, all_tied
from rmcheck.data import ResponseSet
from rmcheck.data.preferences import PreferenceData
from rmcheck.verdict import Evidence, Table, Verdict


@dataclass(frozen=True, kw_only=True)
class Ties(SetCheck):
    """Equally good responses have similar scores, clearly above those of the worse responses.

    Uses sets with two or more best responses and one or more worse ones. In at least a share `min`
    of the sets, the gap (lowest best score minus highest worse score) is larger than the spread of
    the best scores.

    Parameters
    ----------
    min
        The smallest acceptable share of clearly separated sets, in [0, 1].
    on_inconclusive
    """

    kind: ClassVar[str] = "ties"
    sentence: ClassVar[str] = "Whether equally good answers have similar scores."

    min: Share

    def _sets(self, data: PreferenceData) -> list[ResponseSet]:
        return [each for each in data.sets if 2 <= len(set(each.best)) < len(each.responses)]

    def judge(self, ctx: Context) -> Verdict:
        """Compare the interval of the share with `min`."""
        from rmcheck.stats.bestofn import separation

        sets = self._sets(ctx.data)
        criterion = {"min": self.min}
        groups = [each.group for each in sets]
        which = " with several best responses"
        reason = threshold.too_few(len(sets), len(set(groups)), "set", which)
        scores = [] if reason else self._scores(ctx, sets)
        reason = reason or all_tied(scores)
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
                        "Lowest best score minus highest worse score",
                        found.gap,
                        bins=16,
                        x_label="gap in the model's own units",
                    ),
                ),
                tables=(
                    Table(
                        title="Sets",
                        columns=(
                            "every best above every worse",
                            "and the best closer together than this gap",
                        ),
                        rows=((found.separated.value, found.clear.value),),
                    ),
                ),
            ),
        )
