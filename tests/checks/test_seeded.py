"""`no_regression` over seeds: hand-made trainings of two recipes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from builders import TableContext, from_wins, make_pairs

from rmcheck.checks import BASELINE, CANDIDATE, SourceRef
from rmcheck.checks.no_regression import NoRegression
from rmcheck.verdict import Verdict

N = 400


def trainings(rates: Sequence[float], rng: np.random.Generator) -> list[list[int]]:
    """Wins of each training, of these shares; pairs that are hard for one are hard for all."""
    hard = rng.random(N)
    return [(0.8 * hard + 0.2 * rng.random(N) < rate).astype(int).tolist() for rate in rates]


def table(ours: Sequence[float], theirs: Sequence[float], seed: int = 0) -> TableContext:
    """Both recipes' trainings: the first of each as it is, the others by their seeds."""
    rng = np.random.default_rng(seed)
    sides = {
        side.role: [from_wins(each) for each in trainings(rates, rng)]
        for side, rates in ((CANDIDATE, ours), (BASELINE, theirs))
    }
    variants = {
        SourceRef(role=role, seed=number): columns
        for role, every in sides.items()
        for number, columns in enumerate(every)
        if number
    }
    pairs = make_pairs(N)
    return TableContext(
        pairs, sides["candidate"][0], sides["baseline"][0], variants=variants
    )  # fmt: skip


def judge(ctx: TableContext, **keys: Any) -> Verdict:
    return NoRegression(**keys).judge(ctx)


def test_a_drop_within_what_seeds_do_is_inconclusive_and_says_so() -> None:
    verdict = judge(table((0.58, 0.70, 0.66), (0.72, 0.61, 0.70)))
    assert (verdict.state, verdict.outcome, verdict.weak) == ("inconclusive", "pass", True)
    assert "mean win rate of 3 trainings fell" in verdict.message
    assert "of the variance is between seeds" in verdict.message
    assert "400 pairs and 3 + 3 trainings catch is" in verdict.message
    assert verdict.detectable is not None
    assert verdict.detectable > 0.05
    assert verdict.p_less is not None
    assert verdict.p_less > 0.05  # of the recipes, not of their first trainings


def test_the_first_trainings_alone_would_be_a_regression() -> None:
    ctx = table((0.58, 0.70, 0.66), (0.72, 0.61, 0.70))
    alone = TableContext(ctx.pairs, ctx.candidate, ctx.baseline)
    assert judge(alone).state == "regressed"


def test_a_drop_in_every_training_is_a_regression() -> None:
    verdict = judge(table((0.50, 0.52, 0.51), (0.70, 0.69, 0.72)))
    assert (verdict.state, verdict.outcome) == ("regressed", "fail")
    assert verdict.p_value is not None
    assert verdict.p_value < 0.001
    assert verdict.evidence.pairs


def test_a_gain_in_every_training_is_an_improvement() -> None:
    verdict = judge(table((0.70, 0.69, 0.72), (0.50, 0.52, 0.51)))
    assert (verdict.state, verdict.outcome) == ("improved", "pass")


def test_the_evidence_has_each_training_and_how_the_variance_divides() -> None:
    ctx = table((0.58, 0.70, 0.66), (0.72, 0.61))
    verdict = judge(ctx)
    rates, split, planned = verdict.evidence.tables[:3]
    assert [row[:2] for row in rates.rows] == [
        ("candidate", "0"), ("candidate", "1"), ("candidate", "2"), ("main", "0"), ("main", "1"),
    ]  # fmt: skip
    later = [ctx.variants[SourceRef(seed=1)], ctx.variants[SourceRef(seed=2)]]
    theirs = [ctx.baseline, ctx.variants[SourceRef(role="baseline", seed=1)]]
    columns = [ctx.candidate, *later, *theirs]
    assert [row[2] for row in rates.rows] == [
        float(np.mean([margin > 0 for margin in each[0]])) for each in columns if each
    ]
    assert float(split.rows[0][1]) + float(split.rows[1][1]) == pytest.approx(1.0)  # type: ignore[arg-type]
    assert [row[0] for row in planned.rows] == [2, 3, 5, 10]
    assert verdict.criterion["seeds"] == [0, 1, 2]
    assert verdict.criterion["baseline_seeds"] == [0, 1]
    assert "seeds:0,1,2/0,1" in verdict.signature


def test_a_baseline_with_one_training_is_compared_with_a_remedy() -> None:
    verdict = judge(table((0.58, 0.70, 0.66), (0.72,)))
    assert "main (1 training)" in verdict.message
    assert any("bless a run with --rm-seeds 3" in note for note in verdict.evidence.notes)


def test_trainings_that_the_baseline_has_are_identical() -> None:
    ctx = table((0.58, 0.70, 0.66), (0.72, 0.61, 0.70))
    same = {SourceRef(role="baseline", seed=1): ctx.variants[SourceRef(seed=1)]}
    both = {SourceRef(seed=1): ctx.variants[SourceRef(seed=1)], **same}
    verdict = judge(TableContext(ctx.pairs, ctx.candidate, ctx.candidate, variants=both))
    assert verdict.state == "identical"
    assert verdict.message.endswith("as in main (n=400, seeds 0, 1)")
    # One training of three that are kept, with the same scores: the same recipe, run faster.
    few = TableContext(ctx.pairs, ctx.candidate, ctx.candidate, variants=same)
    assert judge(few).state == "identical"


def test_what_an_identical_recipe_has_besides_is_not_a_difference() -> None:
    # Two trainings of the baseline's three: the third one wins other pairs.
    ctx = table((0.75, 0.75, 0.45), (0.75, 0.75, 0.45))
    mine = {seed: ctx.variants[SourceRef(seed=seed)] for seed in (1, 2)}
    others = {SourceRef(role="baseline", seed=seed): columns for seed, columns in mine.items()}
    variants = {SourceRef(seed=1): mine[1], **others}
    for measure in ("win_rate", "log_loss"):
        context = TableContext(ctx.pairs, ctx.candidate, ctx.candidate, variants=variants)
        verdict = judge(context, measure=measure)
        assert (verdict.state, verdict.outcome) == ("identical", "pass")
        assert verdict.message.endswith(
            "identical: every score of 2 trainings is the same as in main (n=400, seeds 0, 1)"
        )
        assert verdict.estimate is not None
        assert verdict.estimate.value == 0.0
        assert verdict.estimate.low < 0.0 < verdict.estimate.high
        assert (verdict.p_value, verdict.p_less, verdict.evidence.pairs) == (1.0, 1.0, ())
        tables = {each.title: each.rows for each in verdict.evidence.tables}
        assert tables["Newly wrong pairs by tag"] == ()
        ((right, lost, gained, wrong),) = tables["Pairs"]
        assert (right + wrong, lost, gained) == (400, 0, 0)
        assert verdict.criterion["baseline_seeds"] == [0, 1, 2]


def test_too_few_prompts_are_undecidable_as_ever() -> None:
    ctx = table((0.58, 0.70, 0.66), (0.72, 0.61, 0.70))
    few = [pair.id for pair in ctx.pairs[10:]]
    limited = TableContext(
        ctx.pairs, ctx.candidate, ctx.baseline, variants=ctx.variants, unknown=frozenset(few)
    )
    verdict = judge(limited)
    assert (verdict.outcome, verdict.estimate) == ("fail", None)
    assert "at least 15 prompts are needed" in verdict.message


def test_non_inferior_is_required_of_recipes_as_of_models() -> None:
    ctx = table((0.66, 0.70, 0.66), (0.72, 0.65, 0.70))
    assert judge(ctx).outcome == "pass"
    assert judge(ctx, require="non_inferior").outcome == "fail"


def test_early_stopping_is_refused_with_seeds() -> None:
    with pytest.raises(ValueError, match="early_stop compares two models, and seeds: 3 compares"):
        NoRegression(early_stop=True, seeds=3)
    check = NoRegression(seeds=3)
    assert check.stopping(True) is check
