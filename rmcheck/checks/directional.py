"""The check `directional`: changes that make a text worse must lower its score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from rmcheck.checks import threshold
from rmcheck.checks.check import CANDIDATE, Context, Need, ScoredPairs, Share
from rmcheck.checks.copies import Copies, scores_copies
from rmcheck.checks.counterexamples import Break
from rmcheck.checks.perturbed import PerturbedCheck, Tests, rows_where, scores_by_copy
from rmcheck.checks.trial_evidence import Words
from rmcheck.checks.trials import Trial
from rmcheck.data import Pairs, PreferencePair
from rmcheck.data.dialogue import Promise
from rmcheck.data.preferences import PreferenceData
from rmcheck.stats import groups as grouping
from rmcheck.verdict import Verdict

Column = NDArray[np.float64]

WORDS = Words(
    share="scores that fall", broken="scores that do not fall", moved="rise (sd)", kept=True
)
PROMISE = "worse than before, so its score must fall"


@dataclass(frozen=True, kw_only=True)
class Directional(PerturbedCheck):
    """A text that a change makes worse scores lower in at least `min` of the cases.

    Each transformation that promises to degrade a text (sentences shuffled, a negation put in, the
    answer to another prompt, …), and each variant of that kind in the data, is applied to the
    chosen response: a worse text made of a good one. (A rejected response may be so poor that the
    change makes no difference; `sides: both` includes it.) A score that stays counts as half a
    fall. Fails if the share of falls over all changes is below `min`, or if that of one change is
    shown to be by an exact one-sided test at the effective size, adjusted over the changes. A
    change that applies to fewer than 15 prompts is undecidable, which the evidence says. Skipped
    for a source that cannot score new text.

    Parameters
    ----------
    min
        The smallest acceptable share of scores that fall, in [0, 1], over all changes and for each.
        0.5 is chance.
    sides
        Which responses are changed: `chosen` (default) or `both`.
    transformations
    strength
    seed
    control
    alpha
    on_inconclusive
    """

    kind: ClassVar[str] = "directional"
    sentence: ClassVar[str] = "How often the score falls when an answer is made worse."
    promise: ClassVar[Promise] = "degrades"

    min: Share
    sides: Literal["chosen", "both"] = "chosen"

    def needs(self, data: PreferenceData) -> list[Need]:
        """Both sides of the pairs, and the copies of those that are changed."""
        return [Need(CANDIDATE, self._with_copies(self.select(data)))]

    def _copies(self, pairs: Sequence[PreferencePair]) -> list[Copies]:
        found = super()._copies(pairs)
        if self.sides == "both":
            return found
        return [replace(each, rejected=(None,) * len(pairs)) for each in found]

    def judge(self, ctx: Context) -> Verdict:
        """Compare the share of scores that fall with `min`, over all changes and for each."""
        from rmcheck.stats import winrate

        scores_copies(ctx)
        pairs = self.select(ctx.data)
        criterion = {"min": self.min}
        scored = ctx.scored(pairs)
        reason = winrate.undecidable(winrate.wins(scored.chosen, scored.rejected), scored.groups)
        if reason:
            return threshold.undecidable(self.label, reason, criterion)
        copies = self._copies(pairs)
        columns = scores_by_copy(ctx, [side for x in copies for side in (x.chosen, x.rejected)])
        spread = float(np.concatenate([scored.chosen, scored.rejected]).std())
        found = [
            Degraded(each, columns[2 * place], columns[2 * place + 1], spread)
            for place, each in enumerate(copies)
        ]
        groups = list(scored.groups)
        tests = Tests(
            words=WORDS,
            trials=[each.trial(scored, groups) for each in found],
            groups=groups,
            tags=[pair.tags for pair in pairs],
            breaks=[one for each in found for one in each.breaks(pairs, scored)],
            copies={each.name: each for each in copies},
        )
        return self._verdict(
            ctx,
            tests,
            self._rule(1 - self.min, None),
            threshold.Bound(name="min", low=self.min),
            criterion,
        )


@dataclass(frozen=True, eq=False)
class Degraded:
    """Scores of the worse copies of both sides, (n,), NaN without one."""

    copies: Copies
    chosen: Column
    rejected: Column
    spread: float

    def trial(self, scored: ScoredPairs, groups: Sequence[str]) -> Trial:
        """The share of a pair's texts whose score does not fall, and all changes of scores."""
        moves = np.stack([self.chosen - scored.chosen, self.rejected - scored.rejected])
        known = ~np.isnan(moves)
        stays = np.where(moves == 0, 0.5, (moves > 0).astype(np.float64))
        rows = np.flatnonzero(known.any(axis=0))
        times = known.sum(axis=0)[rows]
        return Trial(
            name=self.copies.name,
            families=self.copies.families,
            rows=rows,
            credits=np.where(known, stays, 0.0).sum(axis=0)[rows] / times,
            groups=grouping.taken(groups, rows),
            moves=moves[known] / self.spread,
            move_groups=grouping.taken(groups, np.nonzero(known)[1]),
        )

    def breaks(self, pairs: Pairs, scored: ScoredPairs) -> list[Break]:
        """The texts whose score does not fall."""
        found = []
        sides = (
            (0, self.copies.chosen, self.chosen, scored.chosen),
            (1, self.copies.rejected, self.rejected, scored.rejected),
        )
        for side, copies, after, before in sides:
            for row in rows_where(after >= before):
                copy = copies[row]
                if copy is not None:
                    found.append(
                        Break(
                            change=self.copies.name,
                            size=float(after[row] - before[row]) / self.spread,
                            promise=PROMISE,
                            before=pairs[row].dialogues()[side],
                            after=copy,
                            before_score=float(before[row]),
                            after_score=float(after[row]),
                            against=float(before[row]),
                        )
                    )
        return found
