"""The check `agreement`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np
from annotated_types import Ge, Le, MinLen

from rmcheck.checks import evidence, threshold
from rmcheck.checks.check import CANDIDATE, Context, Need, ScoredPairs, SourceRef
from rmcheck.data import sides_of
from rmcheck.data.preferences import PreferenceData
from rmcheck.verdict import Evidence, Table, Verdict


@dataclass(frozen=True, kw_only=True)
class Agreement(threshold.ThresholdCheck):
    """The model ranks pairs like another source: their margins correlate by at least `min`.

    Computes the rank correlation of the margins on the same pairs (scales do not matter). Also
    shows the share of pairs on which both prefer the same side, and the pairs on which they differ
    most.

    Parameters
    ----------
    with_source
        The other source: any spec that `--rm` takes.
    min
        The smallest acceptable correlation, in [-1, 1].
    method
        `spearman` (default) or `kendall`.
    on_inconclusive
    """

    kind: ClassVar[str] = "agreement"
    sentence: ClassVar[str] = "Whether the model ranks the pairs like another reward source."

    with_source: Annotated[str, MinLen(1)]
    min: Annotated[float, Ge(-1), Le(1)]
    method: Literal["spearman", "kendall"] = "spearman"

    @property
    def _other(self) -> SourceRef:
        return SourceRef(role="other", spec=self.with_source)

    def needs(self, data: PreferenceData) -> list[Need]:
        """The selected pairs, by both sources."""
        dialogues = sides_of(self.select(data))
        return [Need(CANDIDATE, dialogues), Need(self._other, dialogues)]

    def judge(self, ctx: Context) -> Verdict:
        """Compare the interval of the rank correlation with `min`."""
        from rmcheck.stats.correlation import correlation
        from rmcheck.stats.winrate import win_rate

        pairs = self.select(ctx.data)
        criterion = {"with_source": self.with_source, "min": self.min, "method": self.method}
        groups = [pair.group for pair in pairs]
        reason = threshold.too_few(len(pairs), len(set(groups)))
        if reason:
            return threshold.undecidable(self.label, reason, criterion)
        mine, theirs = ctx.scored(pairs), ctx.scored(pairs, self._other)
        found = correlation(
            mine.margins,
            theirs.margins,
            groups,
            method=self.method,
            rng=np.random.default_rng(ctx.seed),
        )
        if found is None:
            flat = ctx.name() if np.ptp(mine.margins) == 0 else ctx.name(self._other)
            reason = f"the margins of all {len(pairs)} pairs are the same for {flat}"
            return threshold.undecidable(self.label, reason, criterion)
        same = np.sign(mine.margins) == np.sign(theirs.margins)
        share = win_rate(same.astype(np.float64), groups)
        return threshold.hold(
            f"{self.label} {self.method} of margins with {ctx.name(self._other)} (same side on "
            f"{share.value:.0%})",
            found,
            threshold.Bound(name="min", low=self.min),
            self.on_inconclusive,
            criterion=criterion,
            signature=ctx.signature(
                self.kind,
                {
                    "with": ctx.name(self._other),
                    "method": self.method,
                    **threshold.interval_facts(found),
                },
            ),
            evidence=Evidence(
                pictures=(
                    evidence.scatter(
                        f"Margins, the model against {self.with_source}",
                        (pair.id for pair in pairs),
                        theirs.margins,
                        mine.margins,
                        mine.margins > 0,
                        theirs.margins > 0,
                        x_label=f"margin of {self.with_source}",
                        y_label="the model's margin",
                    ),
                ),
                tables=(
                    Table(
                        title="Both prefer the same side",
                        columns=("share", "low", "high"),
                        rows=((share.value, share.low, share.high),),
                    ),
                ),
                pairs=_apart(mine, theirs),
            ),
        )


def _ranks(
    margins: np.ndarray[tuple[int], np.dtype[np.float64]],
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    order = np.empty(len(margins))
    order[np.argsort(margins, kind="stable")] = np.arange(len(margins))
    return order


def _apart(mine: ScoredPairs, theirs: ScoredPairs, most: int = 10) -> tuple[str, ...]:
    """Ids of the pairs whose margins differ most in rank."""
    distance = np.abs(_ranks(mine.margins) - _ranks(theirs.margins))
    return tuple(mine.pairs[int(row)].id for row in np.argsort(-distance, kind="stable")[:most])
