"""`no_regression` between two recipes, each trained with several seeds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from rmcheck.checks import evidence
from rmcheck.checks.check import BASELINE, CANDIDATE, Context, SourceRef
from rmcheck.checks.headline import interval, moved, named, too_weak
from rmcheck.checks.left_out import LeftOut
from rmcheck.checks.measured import Measured
from rmcheck.checks.paired_scores import NewlyWrong, PairedScores, RecipeScores, crosstab
from rmcheck.data import PreferencePair
from rmcheck.stats.decision import Measure
from rmcheck.verdict import Decision, Outcome, State, Table, Verdict
from rmcheck.wording import counted

if TYPE_CHECKING:
    from rmcheck.stats.seeds import RecipeDifference

PLANNED_SEEDS = (2, 3, 5, 10)
PLANNED_PAIRS = (1, 2, 4)
"""What the table of detectable drops shows: trainings of each recipe, times as many pairs."""


class Rule(Protocol):
    """The settings of `no_regression` that decide."""

    @property
    def label(self) -> str: ...
    @property
    def max_drop(self) -> float: ...
    @property
    def alpha(self) -> float: ...
    @property
    def ties(self) -> Literal["half", "loss"]: ...
    @property
    def measure(self) -> Measure: ...
    def decide(self, state: State) -> tuple[Decision, Outcome, bool]: ...


def recipe_scores(
    ctx: Context, pairs: Sequence[PreferencePair], first: PairedScores, count: int | None
) -> RecipeScores | None:
    """The scores of all trainings; None where two models are compared, not two recipes.

    That is so if the candidate is not a recipe, or if both sides have one training.
    """
    mine, theirs = ctx.trainings(CANDIDATE, count), ctx.trainings(BASELINE, count)
    if not mine.seeds or len(mine.refs) + len(theirs.refs) < 3:
        return None

    def every(refs: Sequence[SourceRef], own: NDArray[np.float64]) -> NDArray[np.float64]:
        others = (ctx.scored(pairs, ref) for ref in refs[1:])
        return np.stack([own, *(np.column_stack([one.chosen, one.rejected]) for one in others)])

    return RecipeScores(
        first=first,
        now=every(mine.refs, first.now),
        before=every(theirs.refs, first.before),
        now_seeds=mine.seeds,
        before_seeds=theirs.seeds,
    )


def with_first_only(verdict: Verdict, ctx: Context) -> Verdict:
    """The verdict on two models, which says that the baseline has more trainings than were used."""
    theirs = ctx.trainings(BASELINE)
    if len(theirs.refs) < 2 or ctx.trainings(CANDIDATE).seeds:
        return verdict
    said = (
        f"{ctx.name(CANDIDATE)} is not a recipe, so it is compared with the first of the "
        f"{len(theirs.refs)} trainings of {ctx.name(BASELINE)}"
    )
    notes = (*verdict.evidence.notes, said)
    return replace(verdict, evidence=replace(verdict.evidence, notes=notes))


def compare_recipes(
    rule: Rule,
    scores: RecipeScores,
    models: Verdict,
    left_out: LeftOut,
    *,
    comparisons: int,
    sign: Callable[[Mapping[str, object]], str],
) -> Verdict:
    """The verdict on two recipes: with the variance of their pairs and that of their seeds.

    Parameters
    ----------
    rule
        The check.
    models
        Its verdict on the first training of each, which has what does not depend on seeds.
    comparisons
        m, which alpha is shared by; at least 1.
    sign
        Makes the verdict's signature of its facts.
    """
    from rmcheck.stats import paired
    from rmcheck.stats.multiplicity import one_sided_level
    from rmcheck.stats.recipe_measures import recipe_evidence
    from rmcheck.stats.seeds import detectable_recipe_drop, recipe_difference

    if models.estimate is None:  # too few prompts, or all tied
        return models
    base = left_out.baseline
    now, before = (_wins(each, rule.ties) for each in (scores.now, scores.before))
    found = recipe_difference(now, before, scores.first.groups)
    measured = Measured(
        measure=rule.measure,
        p_less=found.p_less,
        p_two_sided=found.p_two_sided,
        win_rate=found.p_two_sided,
    )
    if rule.measure != "win_rate":
        p_less, p_two_sided = recipe_evidence(
            rule.measure,
            margins=(_margins(scores.now), _margins(scores.before)),
            wins=(now, before),
            groups=scores.first.groups,
        )
        measured = replace(measured, p_less=p_less, p_two_sided=p_two_sided)
    most_now, most_before = _majority(now), _majority(before)
    if scores.identical:  # what one recipe has besides the other's trainings is not a difference
        same = paired.paired_difference(now[0], now[0], scores.first.groups)
        found = replace(found, estimate=same.estimate)
        measured = replace(measured, p_less=1.0, p_two_sided=1.0, win_rate=1.0)
        most_before = most_now
    state = paired.classify(
        replace(found, p_less=measured.p_less),
        identical=scores.identical,
        max_drop=rule.max_drop,
        alpha=rule.alpha,
        comparisons=comparisons,
    )
    each = one_sided_level(rule.alpha, comparisons)
    trainings = (len(now), len(before))

    def detected(seeds: tuple[int, int], pairs: float = 1.0) -> float | None:
        return detectable_recipe_drop(
            found.spread,
            trainings=seeds,
            max_drop=rule.max_drop,
            each=each,
            pairs=pairs,
            now=trainings,
        )

    detectable = detected(trainings)
    decision, outcome, weak = rule.decide(state)
    if left_out.too_many and state != "regressed":
        decision, outcome, weak = "inconclusive", "fail", True
    newly_wrong = NewlyWrong.of(scores.first, most_now - most_before)
    seeds = [list(scores.now_seeds), list(scores.before_seeds)]
    facts = {
        "base": base,
        "n": found.estimate.n,
        "groups": found.estimate.n_groups,
        "ties": rule.ties,
        "seeds": "/".join(",".join(map(str, side)) or "?" for side in seeds),
        "ci": f"{found.estimate.method}@{found.estimate.level:g}",
        "test": f"behrens-fisher@{rule.alpha:g}/{comparisons}",
        **measured.facts,
    }
    forest = evidence.forest(
        f"Change of the mean win rate against {base}",
        {"all pairs": found.estimate},
        x_label="candidate − baseline",
        threshold=-rule.max_drop,
        reference=0.0,
    )
    planned = Table(
        title="Smallest drop that is detected with 80 % probability, in points",
        columns=("trainings of each", *(_times(pairs) for pairs in PLANNED_PAIRS)),
        rows=tuple(
            (k, *(_points(detected((k, k), pairs)) for pairs in PLANNED_PAIRS))
            for k in PLANNED_SEEDS
        ),
    )
    message = _headline(
        rule.label,
        found,
        state,
        measured=measured,
        scores=scores,
        detectable=detectable,
        newly_wrong=newly_wrong,
        baseline=base,
    )
    return replace(
        models,
        decision=decision,
        outcome=outcome,
        state=state,
        weak=weak,
        estimate=found.estimate,
        criterion={**models.criterion, "seeds": seeds[0], "baseline_seeds": seeds[1]},
        p_value=measured.p_two_sided,
        p_less=measured.p_less,
        detectable=detectable,
        message=message + left_out.message,
        signature=sign(facts),
        evidence=replace(
            models.evidence,
            pictures=(forest, *models.evidence.pictures[1:]),
            tables=(
                _by_seed(scores, now, before, base),
                _split(found),
                planned,
                crosstab(most_now, most_before),
                newly_wrong.by_tag,
            ),
            pairs=tuple(newly_wrong.ids[: evidence.MOST_PAIRS]),
            notes=(*models.evidence.notes, *_notes(scores, base)),
        ),
    )


def _wins(scores: NDArray[np.float64], ties: Literal["half", "loss"]) -> NDArray[np.float64]:
    from rmcheck.stats.winrate import wins

    return np.stack([wins(one[:, 0], one[:, 1], ties=ties) for one in scores])


def _margins(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    return scores[..., 0] - scores[..., 1]


def _majority(wins: NDArray[np.float64]) -> NDArray[np.float64]:
    """What most of the trainings say of each pair: (k, n) to (n,) in {0, 0.5, 1}."""
    won: NDArray[np.float64] = 0.5 * (1.0 + np.sign(wins.mean(axis=0) - 0.5))
    return won


def _headline(
    label: str,
    found: RecipeDifference,
    state: State,
    *,
    measured: Measured,
    scores: RecipeScores,
    detectable: float | None,
    newly_wrong: NewlyWrong,
    baseline: str,
) -> str:
    """The line that says what a comparison of two recipes found; see `headline.headline`."""
    estimate = found.estimate
    k, j = len(scores.now), len(scores.before)
    if state == "identical":
        same = counted(min(k, j), "training")
        return (
            f"{label} identical: every score of {same} is the same as in {baseline} "
            f"(n={estimate.n}, {_seeds(scores.now_seeds)})"
        )
    text = (
        f"{label} {state}: mean win rate of {counted(k, 'training')} {moved(estimate)} against "
        f"{baseline} ({counted(j, 'training')}) {interval(estimate)}, {measured.p_words}; "
        f"{found.spread.share:.0%} of the variance is between seeds"
    )
    text += named(newly_wrong, " in most trainings")
    if state == "inconclusive":
        of = f"{estimate.n} pairs and {k} + {j} trainings"
        text += too_weak(of, measured, detectable)
    return text


def _seeds(seeds: Sequence[int]) -> str:
    """The seeds in words: `seed 0`, `seeds 0, 1, 2`."""
    noun = "seed" if len(seeds) == 1 else "seeds"
    return f"{noun} {', '.join(map(str, seeds))}" if seeds else "seed not recorded"


def _by_seed(
    scores: RecipeScores, now: NDArray[np.float64], before: NDArray[np.float64], baseline: str
) -> Table:
    """The win rate of each training."""
    theirs = scores.before_seeds or ("not recorded",)
    sides = (("candidate", scores.now_seeds, now), (baseline, theirs, before))
    return Table(
        title="Win rate of each training",
        columns=("recipe", "seed", "win rate"),
        rows=tuple(
            (name, str(seed), float(row.mean()))
            for name, seeds, wins in sides
            for seed, row in zip(seeds, wins, strict=True)
        ),
    )


def _split(found: RecipeDifference) -> Table:
    """Where the uncertainty of the change comes from."""
    spread = found.spread
    between = max(0.0, spread.seed - spread.noise)
    rows = (
        ("other pairs", 1.0 - spread.share, 100 * spread.pairs**0.5),
        ("other seeds", spread.share, 100 * spread.seeds**0.5),
        ("both", 1.0, 100 * spread.total**0.5),
        ("one training of one recipe, between seeds", None, 100 * between**0.5),
    )
    return Table(
        title="What would change the result",
        columns=("what", "share of the variance", "standard deviation in points"),
        rows=rows,
    )


def _times(pairs: int) -> str:
    return "these pairs" if pairs == 1 else f"{pairs}× as many"


def _points(drop: float | None) -> object:
    return "nothing" if drop is None else round(100 * drop, 1)


def _notes(scores: RecipeScores, baseline: str) -> tuple[str, ...]:
    """Which trainings were compared, and what to do where one side has a single one."""
    theirs = _seeds(scores.before_seeds)
    said = [f"trainings compared: {_seeds(scores.now_seeds)}; of {baseline}: {theirs}"]
    k, j = len(scores.now), len(scores.before)
    if j == 1:
        said.append(
            f"{baseline} has one training, which is taken to vary between seeds as much as the "
            f"candidate's; bless a run with --rm-seeds {k} for a sharper comparison"
        )
    elif k == 1:
        said.append(
            f"the candidate was trained once, which is taken to vary between seeds as much as "
            f"{baseline}; run with --rm-seeds {j} for a sharper comparison"
        )
    return tuple(said)
