"""The check `invariance`: changes that leave a text as good as it was must not lose wins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar

import numpy as np
from annotated_types import Ge, Le
from numpy.typing import NDArray

from rmcheck.checks import threshold
from rmcheck.checks.check import (
    BASELINE,
    CANDIDATE,
    Context,
    Need,
    ScoredPairs,
    Share,
    SourceRef,
)
from rmcheck.checks.copies import Copies, scores_copies
from rmcheck.checks.counterexamples import Break
from rmcheck.checks.more_flips import FlipRule, Flips, joined, more_flips, noted
from rmcheck.checks.perturbed import PerturbedCheck, Tests, rows_where, scores_by_copy
from rmcheck.checks.recipe_flips import RecipeFlips, more_recipe_flips
from rmcheck.checks.seeded import with_first_only
from rmcheck.checks.trial_evidence import Words
from rmcheck.checks.trials import Trial, why_not
from rmcheck.data import Pairs
from rmcheck.data.dialogue import Promise
from rmcheck.data.preferences import PreferenceData
from rmcheck.errors import BaselineMissing
from rmcheck.reward_source import Partial
from rmcheck.stats import groups as grouping
from rmcheck.verdict import Verdict

Column = NDArray[np.float64]

WORDS = Words(share="lost wins", broken="lost wins", moved="shift (sd)")


@dataclass(frozen=True, kw_only=True, eq=False)
class Changed:
    """Scores of one change: of the copies of both sides, and the wins that they lose.

    Parameters
    ----------
    copies
        The texts.
    chosen, rejected
        (n,) scores of the copies, NaN without one.
    lost_chosen, lost_rejected
        (n,) in {0, 0.5, 1}: whether the win over the rejected response is lost (tied: half) when
        the chosen (the rejected) one is the copy; NaN where nothing is compared. A change of the
        prompt gives one comparison, of both copies, which is in `lost_chosen`.
    """

    copies: Copies
    chosen: Column
    rejected: Column
    lost_chosen: Column
    lost_rejected: Column

    @classmethod
    def of(
        cls, copies: Copies, own: tuple[Column, Column], changed: tuple[Column, Column]
    ) -> Changed:
        """That of the scores of both sides, of the texts as they are and of their copies."""
        won = own[0] > own[1]
        chosen, rejected = changed
        prompt = np.array(copies.changes_prompt, dtype=bool)
        return cls(
            copies=copies,
            chosen=chosen,
            rejected=rejected,
            lost_chosen=_lost(chosen, np.where(prompt, rejected, own[1]), won),
            lost_rejected=_lost(own[0], rejected, won & ~prompt),
        )

    @property
    def flips(self) -> Column:
        """(n,) mean over the comparisons of a pair, in [0, 1]; NaN without any."""
        both = np.stack([self.lost_chosen, self.lost_rejected])
        known = ~np.isnan(both)
        times = known.sum(axis=0)
        total = np.where(known, both, 0.0).sum(axis=0)
        return np.where(times > 0, total / np.maximum(times, 1), np.nan)


@dataclass(frozen=True, kw_only=True)
class Invariance(PerturbedCheck):
    """Changes that leave a text as good as it was lose at most `max_flips` of the wins.

    Each transformation that promises to preserve a text (white space, typography, Markdown, typing
    errors, …), and each variant of that kind in the data, is applied to the pairs that the model
    gets right. A change of a response gives two comparisons, one with each side changed; a change
    of the prompt gives one. A win that is lost counts 1, a tie one half, and the flip share of a
    pair is the mean over its comparisons. Fails if the share over all changes is above
    `max_flips`, or if one change is shown to break a bound by an exact one-sided test at the
    effective size, adjusted over the changes. A change that applies to fewer than 15 prompts is
    undecidable, which the evidence says. Skipped for a source that cannot score new text.

    Parameters
    ----------
    max_flips
        The largest acceptable share of wins lost, in [0, 1], over all changes and for each.
    max_shift
        Optional: the largest acceptable mean change of the score by each change, up or down, in
        standard deviations of the scores.
    max_more_flips
        Optional: the largest acceptable increase of the share of wins lost against the baseline, in
        [0, 1], over all changes and for each, on pairs that both models get right. Needs a baseline
        that can score new text (`--rm-baseline SPEC`); without one the rest is still decided, and
        the message says that nothing was compared. Tested by exact sign flips over prompts at
        alpha/2m, where m is the number of required comparisons in the run.
    seeds
        With `max_more_flips`: compares recipes. The recipe is trained this many times, with its own
        seed and the ones that follow, each training is judged on the pairs that it gets right, and
        the test includes what a seed changes (default: `rm_seeds`, which is 1). The other bounds
        are decided on the first training. No effect for a model that is not a recipe, which is
        said.
    transformations
    strength
    seed
    control
    alpha
    on_inconclusive
    """

    kind: ClassVar[str] = "invariance"
    sentence: ClassVar[str] = "Whether changes that mean nothing turn the model's choice around."
    promise: ClassVar[Promise] = "preserves"

    max_flips: Share = 0.10
    max_shift: Annotated[float, Ge(0)] | None = None
    max_more_flips: Share | None = None
    seeds: Annotated[int, Ge(1), Le(20)] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.seeds is not None and self.max_more_flips is None:
            raise ValueError(
                f"seeds: {self.seeds} compares recipes, and nothing is compared without "
                "max_more_flips; add it, or remove seeds"
            )

    @property
    def compares(self) -> bool:
        """Whether it compares with the baseline: with `max_more_flips`."""
        return self.max_more_flips is not None

    def trainings_asked(self, count: int) -> int:
        """How many trainings of a recipe it compares: `seeds`, or those of the run."""
        return (self.seeds or count) if self.compares else 1

    def needs(self, data: PreferenceData) -> list[Need]:
        """Both sides of the pairs and all copies, by the candidate (and by the baseline)."""
        texts = self._with_copies(self.select(data))
        if not self.compares:
            return [Need(CANDIDATE, texts)]
        return [
            Need(role, texts, seeds=self.seeds, new_text=True) for role in (CANDIDATE, BASELINE)
        ]

    def judge(self, ctx: Context) -> Verdict:
        """Compare the share of lost wins with `max_flips`, over all changes and for each."""
        from rmcheck.stats import winrate

        scores_copies(ctx)
        pairs = self.select(ctx.data)
        criterion: dict[str, Any] = {"max_flips": self.max_flips}
        if self.max_shift is not None:
            criterion["max_shift"] = self.max_shift
        if self.max_more_flips is not None:
            criterion["max_more_flips"] = self.max_more_flips
        scored = ctx.scored(pairs)
        won = np.flatnonzero(scored.chosen > scored.rejected)
        reason = winrate.undecidable(
            winrate.wins(scored.chosen, scored.rejected), scored.groups
        ) or why_not(grouping.taken(scored.groups, won), "pair", " that the model gets right")
        if reason:
            return threshold.undecidable(self.label, reason, criterion)
        copies = self._copies(pairs)
        found = _changed(ctx, scored, copies, CANDIDATE)
        tests = _tests(pairs, scored, found)
        verdict = self._verdict(
            ctx,
            tests,
            self._rule(self.max_flips, self.max_shift),
            threshold.Bound(name="max_flips", high=self.max_flips),
            criterion,
        )
        if self.max_more_flips is None:
            return verdict
        return self._against(ctx, pairs, found, verdict, self.max_more_flips)

    def _against(
        self,
        ctx: Context,
        pairs: Pairs,
        found: Sequence[Changed],
        verdict: Verdict,
        most: float,
    ) -> Verdict:
        """The verdict with what the comparison with the baseline adds to it."""
        reason = _incomparable(ctx)
        if reason:
            note = f"not compared with a baseline (max_more_flips): {reason}"
            verdict = replace(verdict, message=f"{verdict.message}; {note}")
            return noted(verdict, note)
        copies = [each.copies for each in found]

        def flips(ref: SourceRef) -> list[Column]:
            return [each.flips for each in _changed(ctx, ctx.scored(pairs, ref), copies, ref)]

        rule = FlipRule(
            most=most, alpha=self.alpha, comparisons=ctx.comparisons, control=self.control
        )
        names = [each.name for each in copies]
        own = [each.flips for each in found]
        mine, theirs = ctx.trainings(CANDIDATE, self.seeds), ctx.trainings(BASELINE, self.seeds)
        if not mine.seeds or len(mine.refs) + len(theirs.refs) < 3:
            two = zip(names, own, flips(BASELINE), strict=True)
            models = more_flips([Flips(*each) for each in two], pairs.groups, rule)
            return with_first_only(joined(verdict, models, ctx.name(BASELINE)), ctx)
        now = [own, *(flips(ref) for ref in mine.refs[1:])]
        before = [flips(ref) for ref in theirs.refs]
        changes = zip(names, zip(*now, strict=True), zip(*before, strict=True), strict=True)
        recipes = more_recipe_flips(
            [RecipeFlips(name, np.stack(ours), np.stack(others)) for name, ours, others in changes],
            pairs.groups,
            rule,
            seeds=(mine.seeds, theirs.seeds),
        )
        return joined(verdict, recipes, ctx.name(BASELINE))


def _incomparable(ctx: Context) -> str | None:
    """Why the baseline cannot score changed texts, and what helps; None if it can."""
    try:
        if not ctx.offers(Partial, BASELINE):
            return None
        reason = f"'{ctx.name(BASELINE)}' has scores of its own pairs only"
    except BaselineMissing as error:
        reason = str(error).partition("; ")[0]
    return f"{reason}; give a model: --rm-baseline SPEC, or remove the key"


def _changed(
    ctx: Context, scored: ScoredPairs, copies: Sequence[Copies], source: SourceRef
) -> list[Changed]:
    """What each change does to the pairs that the model gets right."""
    columns = scores_by_copy(
        ctx, [side for each in copies for side in (each.chosen, each.rejected)], source=source
    )
    own = scored.chosen, scored.rejected
    return [
        Changed.of(each, own, (columns[2 * place], columns[2 * place + 1]))
        for place, each in enumerate(copies)
    ]


def _lost(chosen: Column, rejected: Column, won: NDArray[np.bool_]) -> Column:
    """1 where the chosen response is now below, 0.5 where it ties; NaN where nothing is known."""
    known = won & ~np.isnan(chosen) & ~np.isnan(rejected)
    lost = np.where(chosen == rejected, 0.5, (chosen < rejected).astype(np.float64))
    return np.where(known, lost, np.nan)


def _tests(pairs: Pairs, scored: ScoredPairs, found: Sequence[Changed]) -> Tests:
    spread = float(np.concatenate([scored.chosen, scored.rejected]).std())
    groups = list(pairs.groups)
    return Tests(
        words=WORDS,
        trials=[_trial(each, scored, groups, spread) for each in found],
        groups=groups,
        tags=[pair.tags for pair in pairs],
        breaks=[one for each in found for one in _breaks(each, pairs, scored, spread)],
        copies={each.copies.name: each.copies for each in found},
    )


def _trial(found: Changed, scored: ScoredPairs, groups: Sequence[str], spread: float) -> Trial:
    flips = found.flips
    rows = np.flatnonzero(~np.isnan(flips))
    sides = ((found.chosen, scored.chosen), (found.rejected, scored.rejected))
    moved = [np.flatnonzero(~np.isnan(after)) for after, _ in sides]
    moves = [
        (after[there] - before[there]) / spread
        for (after, before), there in zip(sides, moved, strict=True)
    ]
    return Trial(
        name=found.copies.name,
        families=found.copies.families,
        rows=rows,
        credits=flips[rows],
        groups=grouping.taken(groups, rows),
        moves=np.concatenate(moves),
        move_groups=grouping.taken(groups, np.concatenate(moved)),
    )


def _breaks(found: Changed, pairs: Pairs, scored: ScoredPairs, spread: float) -> list[Break]:
    """The lost wins of one change, with the response that now is as high or higher."""
    copies, breaks = found.copies, []
    for row in rows_where(found.lost_chosen > 0):
        chosen, _ = pairs[row].dialogues()
        against = found.rejected[row] if copies.changes_prompt[row] else scored.rejected[row]
        copy = copies.chosen[row]
        if copy is not None:
            breaks.append(
                Break(
                    change=copies.name,
                    size=float(against - found.chosen[row]) / spread,
                    promise="as good as before, so it must stay above the rejected response",
                    before=chosen,
                    after=copy,
                    before_score=float(scored.chosen[row]),
                    after_score=float(found.chosen[row]),
                    against=float(against),
                )
            )
    for row in rows_where(found.lost_rejected > 0):
        copy = copies.rejected[row]
        if copy is not None:
            breaks.append(
                Break(
                    change=copies.name,
                    size=float(found.rejected[row] - scored.chosen[row]) / spread,
                    promise="as good as before, so it must stay below the chosen response",
                    before=pairs[row].dialogues()[1],
                    after=copy,
                    before_score=float(scored.rejected[row]),
                    after_score=float(found.rejected[row]),
                    against=float(scored.chosen[row]),
                )
            )
    return breaks
