from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from rmcheck.checks import Check, Context
from rmcheck.checks.check import Share
from rmcheck.checks.threshold import Bound, hold, interval_facts, too_few, undecidable
from rmcheck.stats.winrate import win_rate
from rmcheck.verdict import Evidence, Verdict


@dataclass(frozen=True, kw_only=True)
class ClearWins(Check):
    """The share of pairs won by a clear margin is at least `min`.

    Parameters
    ----------
    min
        The smallest share, in [0, 1].
    clear
        A margin is clear if it is at least this many standard deviations of the scores.
    """

    kind: ClassVar[str] = "clear_wins"
    sentence: ClassVar[str] = "How often the better answer wins by a clear margin."

    min: Share
    clear: float = 0.5

    def judge(self, ctx: Context) -> Verdict:
        criterion = {"min": self.min, "clear": self.clear}
        pairs = self.select(ctx.data)
        groups = [pair.group for pair in pairs]
        reason = too_few(len(pairs), len(set(groups)))
        if reason:
            return undecidable(self.label, reason, criterion)
        scored = ctx.scored(pairs)
        if not scored.margins.any():
            return undecidable(self.label, "every pair is tied", criterion)
        spread = np.concatenate([scored.chosen, scored.rejected]).std()
        share = win_rate((scored.margins >= self.clear * spread).astype(np.float64), groups)
        return hold(
            self.label,
            share,
            Bound(name="min", low=self.min),
            "point",
            criterion=criterion,
            signature=ctx.signature(self.kind, interval_facts(share)),
            evidence=Evidence(),
        )
