"""The check `ties`: equally good responses score alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from rmcheck.checks import evidence, threshold
from rmcheck.checks.check import Context
from rmcheck.checks.response_sets import SetCheck, all_tied
from rmcheck.data import ResponseSet
from rmcheck.data.preferences import PreferenceData
from rmcheck.verdict import Evidence, Table, Verdict


@dataclass(frozen=True, kw_only=True)
class Ties(SetCheck):
    """Equally good responses score alike: closer together than they lie to the worse ones.

    Looks at sets with two or more best responses and one or more worse ones. The share of sets in
    which the gap (lowest best less highest worse score) exceeds the spread within the best is at
    least `min`.

    Parameters
    ----------
    min
        The smallest share of clearly separated sets, in [0, 1].
    on_inconclusive
    """

    kind: ClassVar[str] = "ties"
    sentence: ClassVar[str] = "Whether answers that are equally good are scored alike."

    def _sets(self, data: PreferenceData) -> list[ResponseSet]:
        return [each for each in data.sets if 2 <= len(set(each.best)) < len(each.responses)]

    def judge(self, ctx: Context) -> Verdict:
        """Hold the share's interval against `min`."""
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
