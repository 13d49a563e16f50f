"""The check `correlation`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np
from annotated_types import Ge, Le
from numpy.typing import NDArray

from rmcheck.checks import evidence, threshold
from rmcheck.checks.check import CANDIDATE, Context, Need
from rmcheck.data import PreferencePair, pair_dialogues
from rmcheck.data.preferences import PreferenceData
from rmcheck.verdict import Evidence, Table, Verdict


@dataclass(frozen=True, kw_only=True)
class Correlation(threshold.ThresholdCheck):
    """Margins grow with the differences between the ratings: their correlation is at least `min`.

    Uses the pairs that have ratings. It compares differences (chosen minus rejected), because
    rewards of different prompts are not comparable.

    Parameters
    ----------
    min
        The smallest acceptable correlation, in [-1, 1].
    method
        `spearman` (default), `kendall` or `pearson`; all three are shown.
    on_inconclusive
    """

    kind: ClassVar[str] = "correlation"
    sentence: ClassVar[str] = "Whether the margin grows with the difference between the ratings."

    min: Annotated[float, Ge(-1), Le(1)]
    method: Literal["spearman", "kendall", "pearson"] = "spearman"

    def _rated(self, data: PreferenceData) -> list[PreferencePair]:
        return [pair for pair in self.select(data) if pair.ratings is not None]

    def needs(self, data: PreferenceData) -> list[Need]:
        """The rated pairs, by the candidate."""
        return [Need(CANDIDATE, pair_dialogues(self._rated(data)))]

    def judge(self, ctx: Context) -> Verdict:
        """Compare the interval of the correlation with `min`."""
        from rmcheck.stats.correlation import agreement

        pairs = self._rated(ctx.data)
        criterion = {"min": self.min, "method": self.method}
        n, groups = len(pairs), [pair.group for pair in pairs]
        reason = threshold.too_few(n, len(set(groups)), which=" with ratings")
        if reason:
            return threshold.undecidable(self.label, reason, criterion)
        margins = ctx.scored(pairs).margins
        ratings = _differences(pairs)
        found = agreement(margins, ratings, groups, rng=np.random.default_rng(ctx.seed))
        estimates = {
            "spearman": found.spearman,
            "kendall": found.kendall,
            "pearson": found.pearson,
        }
        estimate = estimates[self.method]
        if estimate is None:
            which = "rating differences" if np.ptp(ratings) == 0 else "margins"
            reason = f"the {which} of all {n} pairs are the same"
            return threshold.undecidable(self.label, reason, criterion)
        rows = [(name, each.value, each.low, each.high) for name, each in estimates.items() if each]
        return threshold.hold(
            f"{self.label} {self.method} of margin and rating difference",
            estimate,
            threshold.Bound(name="min", low=self.min),
            self.on_inconclusive,
            criterion=criterion,
            signature=ctx.signature(
                self.kind, {"method": self.method, **threshold.interval_facts(estimate)}
            ),
            evidence=Evidence(
                pictures=(
                    evidence.scatter(
                        "Margin against rating difference",
                        (pair.id for pair in pairs),
                        ratings,
                        margins,
                        margins > 0,
                        x_label="rating difference",
                        y_label="margin",
                    ),
                ),
                tables=(
                    Table(
                        title="Correlation of margins with rating differences",
                        columns=("method", "value", "low", "high"),
                        rows=tuple(rows),
                    ),
                ),
            ),
        )


def _differences(pairs: Sequence[PreferencePair]) -> NDArray[np.float64]:
    return np.array(
        [pair.ratings[0] - pair.ratings[1] for pair in pairs if pair.ratings], dtype=np.float64
    )
