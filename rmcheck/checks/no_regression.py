"""The check `no_regression`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

import numpy as np
from annotated_types import Ge, Gt, Le, Lt
from numpy.typing import NDArray

from rmcheck.checks import evidence
from rmcheck.checks.at_look import difference_at, state_at
from rmcheck.checks.check import (
    BASELINE,
    CANDIDATE,
    Changes,
    Context,
    Need,
    ScoredPairs,
    Share,
)
from rmcheck.checks.headline import headline
from rmcheck.checks.left_out import LeftOut, within
from rmcheck.checks.looks import ALL, Look, StoppingCheck, looks_at
from rmcheck.checks.measured import Measured
from rmcheck.checks.paired_scores import NewlyWrong, PairedScores, RecipeScores, crosstab
from rmcheck.checks.seeded import compare_recipes, recipe_scores, with_first_only
from rmcheck.data import sides_of
from rmcheck.data.preferences import PreferenceData
from rmcheck.stats.decision import MIN_GROUPS, Measure
from rmcheck.verdict import Decision, Evidence, Outcome, State, Verdict
from rmcheck.wording import be, counted

if TYPE_CHECKING:
    from rmcheck.stats.paired import Difference


@dataclass(frozen=True, kw_only=True)
class NoRegression(StoppingCheck):
    """The candidate's win rate has not fallen below the baseline's, on the same pairs.

    Fails if the win rate fell by `max_drop` or more and an exact paired test (McNemar's if every
    prompt has one pair) rules out chance at alpha/m, where m is the number of required comparisons
    in the run; `measure` says what that test looks at. The states are identical, improved,
    non_inferior, regressed and inconclusive. An inconclusive comparison passes and is marked weak;
    the message says which drop this many pairs would have detected.

    Parameters
    ----------
    max_drop
        The largest acceptable drop of the win rate, in [0, 1].
    require
        `no_regression` (default), or `non_inferior`: passes only if the interval rules out a drop
        of `max_drop` (or the candidate is identical or better).
    max_left_out
        The largest share of the baseline's pairs, in [0, 1], that may have been edited or removed
        (or have lost the tags in `where`) since the baseline was blessed; 2 pairs are always
        allowed. With more, the check fails until the run is blessed. New pairs do not count.
    alpha
        The level of the whole run: its probability of a false alarm is at most this.
    ties
        How equal scores count: `half` a win (default) or as a `loss`. Applies to both models, even
        if the baseline was blessed with the other setting.
    early_stop
    measure
        What the paired test compares: the wins alone (`win_rate`, default), or how sure each model
        is as well: `rank_log_loss` by the rank of its margins, `log_loss` by their size. The size
        of a drop is that of the win rate in any case, and the message gives both p. See
        docs/measures.md.
    seeds
        Compares recipes: the recipe is trained this many times, with its own seed and the ones
        that follow, and the test includes what a seed changes (default: `rm_seeds`, which is 1).
        The baseline has as many trainings as were blessed. No effect for a model that is not a
        recipe, which is said.
    """

    kind: ClassVar[str] = "no_regression"
    sentence: ClassVar[str] = "Whether the model got worse than the baseline on the same pairs."
    compares: ClassVar[bool] = True

    max_drop: Share = 0.02
    require: Literal["no_regression", "non_inferior"] = "no_regression"
    max_left_out: Share = 0.05
    alpha: Annotated[float, Gt(0), Lt(1)] = 0.05
    ties: Literal["half", "loss"] = "half"
    measure: Measure = "win_rate"
    seeds: Annotated[int, Ge(1), Le(20)] | None = None

    def __post_init__(self) -> None:
        if self.early_stop and self.measure != "win_rate":
            raise ValueError(
                "early_stop looks at wins alone; remove it, or use 'measure: win_rate'"
            )
        if self.early_stop and (self.seeds or 1) > 1:
            raise ValueError(
                f"early_stop compares two models, and seeds: {self.seeds} compares two recipes; "
                "remove one of them"
            )

    def trainings_asked(self, count: int) -> int:
        """How many trainings of a recipe it compares: `seeds`, or those of the run."""
        return self.seeds or count

    def stopping(self, early: bool) -> Self:
        """The same check with or without early stopping, if it compares the wins of two models."""
        can = self.measure == "win_rate" and (self.seeds or 1) == 1
        return super().stopping(early) if can else self

    def needs(self, data: PreferenceData) -> list[Need]:
        """The selected pairs, by the candidate and by the baseline."""
        dialogues = sides_of(self.select(data))
        return [Need(source, dialogues, seeds=self.seeds) for source in (CANDIDATE, BASELINE)]

    def judge(self, ctx: Context) -> Verdict:
        """Compare the two models' scores of the pairs that the baseline knows as they are now."""
        look = self.seen(ctx)
        pairs = look.pairs
        now = ctx.scored(pairs)
        changes = within(self.where, ctx, self.select(ctx.data))
        scores = PairedScores(
            ids=[pair.id for pair in pairs],
            groups=now.groups,
            tags=[pair.tags for pair in pairs],
            now=_both(now),
            before=_both(ctx.scored(pairs, BASELINE)),
        )
        verdict = self.compare(
            recipe_scores(ctx, pairs, scores, self.seeds) or scores,
            changes,
            baseline=ctx.name(BASELINE),
            comparisons=ctx.comparisons,
            sign=partial(ctx.signature, self.kind),
            look=look,
        )
        return with_first_only(verdict, ctx)

    def looks(self, ctx: Context) -> list[Look]:
        """The looks at the pairs that the baseline knows as they are now."""
        return looks_at(ctx.comparable(self.select(ctx.data))[0], early=self.early_stop)

    def settles(self, ctx: Context, look: Look) -> bool:
        """Whether the pairs of this look show a state, or leave no room for a regression."""
        from rmcheck.stats.winrate import undecidable, wins

        difference, state = self.found(ctx, look)
        if state == "inconclusive" and not self.safe(look, difference.estimate.value):
            return False
        now = ctx.scored(look.pairs)
        tied = undecidable(wins(now.chosen, now.rejected), now.groups)
        return state == "regressed" or not tied

    def safe(self, look: Look, change: float) -> bool:
        """Whether no result of the other pairs makes a regression of this change at a look."""
        lost = len(look.rest) - change * len(look.pairs)
        return self.require == "no_regression" and lost < self.max_drop * len(look.whole) - 1e-9

    def found(self, ctx: Context, look: Look) -> tuple[Difference, State]:
        """What the pairs of a look show."""
        from rmcheck.stats.winrate import wins

        now, before = (ctx.scored(look.pairs, source) for source in (CANDIDATE, BASELINE))
        ours, theirs = (wins(one.chosen, one.rejected, ties=self.ties) for one in (now, before))
        return self.state_at(look, ours, theirs, now.groups, ctx.comparisons)

    def state_at(
        self,
        look: Look,
        ours: NDArray[np.float64],
        theirs: NDArray[np.float64],
        groups: Sequence[str],
        comparisons: int,
    ) -> tuple[Difference, State]:
        """What the two models' wins (n,) of a look's pairs show."""
        wins = ours, theirs
        difference = difference_at(look, wins, groups)
        state = state_at(self, look, wins, groups, difference, comparisons=comparisons)
        return difference, state

    def compare(
        self,
        scores: PairedScores | RecipeScores,
        changes: Changes,
        *,
        baseline: str,
        comparisons: int,
        sign: Callable[[Mapping[str, object]], str],
        look: Look = ALL,
    ) -> Verdict:
        """Pair the two models' wins and name the state; asks for nothing but columns.

        Parameters
        ----------
        scores
            Of two models, or of the trainings of two recipes.
        changes
            Which pairs `scores` leaves out, being new or edited, and which are gone.
        baseline
            What messages call the baseline.
        comparisons
            m, which alpha is shared by; at least 1.
        sign
            Makes the verdict's signature of its facts.
        look
            Which of the looks at all pairs `scores` are of.
        """
        from rmcheck.stats import groups as grouping
        from rmcheck.stats.winrate import undecidable, wins

        if isinstance(scores, RecipeScores):
            return self._compare_recipes(scores, changes, baseline, comparisons, sign)
        compared = len(look.whole) or len(scores.ids)
        criterion: dict[str, object] = {
            "max_drop": self.max_drop,
            "require": self.require,
            "alpha": self.alpha,
        }
        left_out = LeftOut(
            changes=changes, compared=compared, most=self.max_left_out, baseline=baseline
        )
        if self.measure != "win_rate":
            criterion["measure"] = self.measure
        if look.planned:
            criterion["early_stop"] = True
        if left_out.count:
            criterion["max_left_out"] = self.max_left_out

        def undecided(reason: str) -> Verdict:
            return Verdict(
                decision="inconclusive",
                outcome="fail",
                state="inconclusive",
                weak=True,
                criterion=criterion,
                message=f"{self.label}: undecidable: {reason}",
                left_out=left_out.count,
                evidence=Evidence(notes=left_out.notes),
            )

        n_groups = grouping.count(scores.groups)
        if n_groups < MIN_GROUPS:
            unlike = len(changes.added) + len(changes.edited)
            remedy = (
                f" ({unlike} new or edited); bless this run as a new baseline: rmcheck bless --red"
                if unlike
                else ""
            )
            n = len(scores.ids)
            return undecided(
                f"only {counted(n, 'pair')} of {counted(n_groups, 'different prompt')} "
                f"{be(n)} the same as in {baseline}; at least {MIN_GROUPS} prompts "
                f"are needed{remedy}"
            )
        now, before = scores.now, scores.before
        margins_now, margins_before = scores.margins
        wins_now = wins(now[:, 0], now[:, 1], ties=self.ties)
        wins_before = wins(before[:, 0], before[:, 1], ties=self.ties)
        both = wins_now, wins_before
        difference = difference_at(look, both, scores.groups)
        difference = replace(difference, p_two_sided=look.adjusted(difference.p_two_sided))
        measured = Measured.of(self.measure, scores, wins=both, difference=difference)
        state = state_at(
            self,
            look,
            both,
            scores.groups,
            difference,
            comparisons=comparisons,
            p_less=measured.p_less,
            identical=scores.identical,
        )
        all_tied = undecidable(wins(now[:, 0], now[:, 1]), scores.groups)
        if all_tied and state != "regressed":
            return undecided(all_tied)
        alpha = look.alpha(self.alpha, comparisons)
        detectable = self._detectable(difference, scores.groups, alpha, comparisons)
        decision, outcome, weak = self.decide(state)
        if left_out.too_many and state != "regressed":
            decision, outcome, weak = "inconclusive", "fail", True
        newly_wrong = NewlyWrong.of(scores, wins_now - wins_before)
        facts = {
            "base": baseline,
            "n": difference.estimate.n,
            "groups": difference.estimate.n_groups,
            "ties": self.ties,
            "ci": f"{difference.estimate.method}@{difference.estimate.level:g}",
            "test": f"signflip{'-mid' if look.interim else ''}@{self.alpha:g}/{comparisons}",
            **measured.facts,
            **look.facts,
        }
        return Verdict(
            decision=decision,
            outcome=outcome,
            state=state,
            weak=weak,
            estimate=difference.estimate,
            criterion=criterion,
            p_value=measured.p_two_sided,
            p_less=look.repeated(measured.p_less),
            detectable=detectable if look.last else None,
            left_out=left_out.count,
            message=headline(
                self.label,
                difference,
                state,
                measured=measured,
                detectable=detectable,
                newly_wrong=newly_wrong,
                baseline=baseline,
            )
            + left_out.message
            + look.told,
            signature=sign(facts),
            evidence=Evidence(
                pictures=(
                    evidence.forest(
                        f"Change of the win rate against {baseline}",
                        {"all pairs": difference.estimate},
                        x_label="candidate − baseline",
                        threshold=-self.max_drop,
                        reference=0.0,
                    ),
                    evidence.scatter(
                        "Margins, candidate against baseline",
                        scores.ids,
                        margins_before,
                        margins_now,
                        wins_now == 1,
                        wins_before == 1,
                        x_label="baseline's margin",
                        y_label="candidate's margin",
                    ),
                ),
                tables=(crosstab(wins_now, wins_before), newly_wrong.by_tag, *measured.tables),
                pairs=tuple(newly_wrong.ids[: evidence.MOST_PAIRS]),
                notes=left_out.notes,
            ),
            looked=look.looked,
        )

    def _compare_recipes(
        self,
        scores: RecipeScores,
        changes: Changes,
        baseline: str,
        comparisons: int,
        sign: Callable[[Mapping[str, object]], str],
    ) -> Verdict:
        models = self.compare(
            scores.first, changes, baseline=baseline, comparisons=comparisons, sign=sign
        )
        left_out = LeftOut(
            changes=changes,
            compared=len(scores.first.ids),
            most=self.max_left_out,
            baseline=baseline,
        )
        return compare_recipes(self, scores, models, left_out, comparisons=comparisons, sign=sign)

    def decide(self, state: State) -> tuple[Decision, Outcome, bool]:
        """What `require` makes of a state: decision, outcome, and whether it is weak."""
        if state == "regressed":
            return "fail", "fail", False
        if state != "inconclusive":
            return "pass", "pass", False
        passes = self.require == "no_regression"
        return "inconclusive", "pass" if passes else "fail", True

    def _detectable(
        self, difference: Difference, groups: Sequence[str], alpha: float, comparisons: int
    ) -> float | None:
        from rmcheck.stats.power import detectable_drop, smoothed_discordant

        n = difference.estimate.n
        return detectable_drop(
            n=n,
            group_sizes_or_groups=groups,
            discordant=smoothed_discordant(difference.newly_wrong, difference.newly_right, n),
            max_drop=self.max_drop,
            alpha=alpha,
            comparisons=comparisons,
            design_effect=difference.design_effect,
        )


def _both(scored: ScoredPairs) -> NDArray[np.float64]:
    return np.column_stack([scored.chosen, scored.rejected])
