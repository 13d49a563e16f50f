"""The check `length_bias`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from rmcheck.checks import evidence, threshold
from rmcheck.checks.check import Context, ScoredPairs, Share
from rmcheck.stats.decision import MIN_GROUPS
from rmcheck.verdict import Evidence, Table, Verdict


@dataclass(frozen=True, kw_only=True)
class LengthBias(threshold.ThresholdCheck):
    """The win rate is about the same whether the better response is the longer or the shorter one.

    The difference between the win rate on pairs whose chosen side is longer and the win rate on
    pairs whose chosen side is shorter is at most `max_gap`, in either direction. Lengths are in
    characters.

    Parameters
    ----------
    max_gap
        The largest acceptable difference between the two win rates, in [0, 1].
    on_inconclusive
    """

    kind: ClassVar[str] = "length_bias"
    sentence: ClassVar[str] = "Whether the model prefers an answer because of its length."

    max_gap: Share = 0.20

    def judge(self, ctx: Context) -> Verdict:
        """Compare the interval of the difference with ±`max_gap`."""
        from rmcheck.stats import bundles, winrate
        from rmcheck.stats.length import Sides, length_bias
        from rmcheck.stats.unpaired import rate_difference

        scored = ctx.scored(self.select(ctx.data))
        criterion = {"max_gap": self.max_gap}
        wins = winrate.wins(scored.chosen, scored.rejected)
        reason = winrate.undecidable(wins, scored.groups, min_groups=MIN_GROUPS)
        if reason:
            return threshold.undecidable(self.label, reason, criterion)
        chosen, rejected = _lengths(scored)
        found = length_bias(
            Sides(
                chosen=scored.chosen,
                rejected=scored.rejected,
                chosen_length=chosen,
                rejected_length=rejected,
            ),
            scored.groups,
            rng=np.random.default_rng(ctx.seed),
        )
        for name, part in (("longer", found.longer), ("shorter", found.shorter)):
            if part is None or part.n_groups < MIN_GROUPS:
                n, groups = (0, 0) if part is None else (part.n, part.n_groups)
                few = threshold.too_few(n, groups, which=f" whose chosen side is the {name}")
                return threshold.undecidable(self.label, str(few), criterion)
        assert found.longer is not None
        assert found.shorter is not None
        gap = rate_difference(found.longer, found.shorter)
        rows = [
            (name, each.value, each.low, each.high)
            for name, each in (
                ("effect of length on P(win), log-odds", found.pull),
                ("win rate at equal lengths", found.controlled),
                ("Spearman of score and length", found.spearman),
            )
            if each is not None
        ]
        return threshold.hold(
            f"{self.label} win rate {found.longer.value:.3f} where the chosen side is longer, "
            f"{found.shorter.value:.3f} where it is shorter; difference",
            gap,
            threshold.Bound(name="max_gap", low=-self.max_gap, high=self.max_gap),
            self.on_inconclusive,
            criterion=criterion,
            signature=ctx.signature(
                self.kind, {"length": "characters", **threshold.interval_facts(gap)}
            ),
            evidence=Evidence(
                pictures=(
                    evidence.forest(
                        "Win rate by which side is longer",
                        {"chosen is longer": found.longer, "chosen is shorter": found.shorter},
                        x_label="win rate",
                        reference=0.5,
                    ),
                    evidence.scatter(
                        "Margin against difference in length",
                        (pair.id for pair in scored.pairs),
                        chosen - rejected,
                        scored.margins,
                        scored.margins > 0,
                        x_label="chosen − rejected, characters",
                        y_label="margin",
                    ),
                ),
                tables=(
                    Table(
                        title="Other measures of length bias",
                        columns=("measure", "value", "low", "high"),
                        rows=tuple(rows),
                    ),
                ),
                notes=bundles.notes(
                    scored.groups, "the interval of Spearman's ρ is linearised, not resampled"
                ),
            ),
        )


def _lengths(
    scored: ScoredPairs,
) -> tuple[np.ndarray[tuple[int], np.dtype[np.float64]], ...]:
    return scored.table.lengths[:, 0], scored.table.lengths[:, 1]
