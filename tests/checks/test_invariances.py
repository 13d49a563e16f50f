"""Laws that every verdict on ranks obeys, whatever the scores."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from builders import TableContext, make_pairs
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from rmcheck.checks import Check
from rmcheck.checks.mapped import MappedContext
from rmcheck.checks.no_regression import NoRegression
from rmcheck.checks.score_gap import ScoreGap
from rmcheck.checks.win_rate import WinRate
from rmcheck.strategies import AffineMap
from rmcheck.verdict import Verdict

Columns = tuple[list[float], list[float]]
quick = settings(max_examples=40, deadline=None)

# Whole numbers, so that a·r + b with a power of two and a whole b is exact in float64.
score = st.integers(-6, 6).map(float)


@st.composite
def contexts(draw: st.DrawFn, group_sizes: st.SearchStrategy[int] = st.just(1)) -> TableContext:
    n = draw(st.integers(15, 60))
    size = draw(group_sizes)
    column = st.lists(score, min_size=n, max_size=n)
    pairs = make_pairs(n, group_size=size)
    return TableContext(
        pairs, (draw(column), draw(column)), (draw(column), draw(column)),
        comparisons=draw(st.integers(1, 3)),
    )  # fmt: skip


grouped = contexts(st.integers(1, 3))
rank_based = st.one_of(
    st.builds(
        WinRate,
        min=st.sampled_from([0.3, 0.5, 0.7]),
        ties=st.sampled_from(["half", "loss"]),
        on_inconclusive=st.sampled_from(["point", "pass", "fail"]),
    ),
    st.builds(
        NoRegression,
        max_drop=st.sampled_from([0.0, 0.05, 0.2]),
        ties=st.sampled_from(["half", "loss"]),
        require=st.sampled_from(["no_regression", "non_inferior"]),
    ),
)


def conclusion(verdict: Verdict) -> tuple[Any, ...]:
    """What must not change, up to the last digits of a sum taken in another order."""
    estimate = verdict.estimate
    numbers = [] if estimate is None else [estimate.value, estimate.low, estimate.high]
    numbers += [verdict.p_value or 0.0, verdict.detectable or 0.0]
    return (
        verdict.decision, verdict.outcome, verdict.state, verdict.weak,
        [round(number, 9) for number in numbers],
    )  # fmt: skip


def same(one: Verdict, two: Verdict) -> bool:
    (*words, numbers), (*others, found) = conclusion(one), conclusion(two)
    return words == others and numbers == pytest.approx(found, abs=2e-9)


@quick
@given(grouped, rank_based, st.sampled_from([2.0**-6, 0.5, 1.0, 2.0, 64.0]), st.integers(-50, 50))
def test_a_positive_affine_map_changes_no_verdict_on_ranks(
    ctx: TableContext, check: Check, factor: float, shift: int
) -> None:
    mapped = tuple([factor * value + shift for value in column] for column in ctx.candidate)
    moved = dataclasses.replace(ctx, candidate=mapped)
    before, after = check.judge(ctx), check.judge(moved)
    assume(before.state != "identical" and after.state != "identical")  # of scores, not of ranks
    assert same(before, after)
    # The same, as `scale_invariance` looks at a suite; float32 holds these numbers exactly.
    through = MappedContext(ctx, AffineMap(factor, float(shift)), "float32")
    seen = check.judge(through)
    assert same(seen, after)


@quick
@given(grouped, st.sampled_from([2.0**-6, 0.5, 2.0, 64.0]), st.integers(-50, 50))
def test_a_positive_affine_map_changes_no_score_gap(
    ctx: TableContext, factor: float, shift: int
) -> None:
    mapped = tuple([factor * value + shift for value in column] for column in ctx.candidate)
    before = ScoreGap().judge(ctx)
    after = ScoreGap().judge(dataclasses.replace(ctx, candidate=mapped))
    assert same(before, after)


@quick
@given(grouped, rank_based, st.data())
def test_names_and_order_of_rows_change_no_verdict(
    ctx: TableContext, check: Check, data: st.DataObject
) -> None:
    rows = data.draw(st.permutations(range(len(ctx.pairs))))

    def moved(columns: Columns) -> Columns:
        return tuple([column[row] for row in rows] for column in columns)  # type: ignore[return-value]

    pairs = [
        dataclasses.replace(ctx.pairs[row], id=f"other-{row * 7}", group=ctx.pairs[row].group[::-1])
        for row in rows
    ]
    assert ctx.baseline is not None
    other = dataclasses.replace(
        ctx, pairs=pairs, candidate=moved(ctx.candidate), baseline=moved(ctx.baseline)  # type: ignore[arg-type]
    )  # fmt: skip
    before, after = check.judge(ctx), check.judge(other)
    assert same(before, after)
    ids = {f"other-{i * 7}": pair.id for i, pair in enumerate(ctx.pairs)}
    assert {ids[name] for name in after.evidence.pairs} == set(before.evidence.pairs) or (
        isinstance(check, WinRate)  # which shows the ten worst: ties among them may go either way
    )


@quick
@given(grouped, st.sampled_from(["half", "loss"]))
def test_swapping_candidate_and_baseline_negates_the_difference(
    ctx: TableContext, ties: str
) -> None:
    check = NoRegression(ties=ties)  # type: ignore[arg-type]
    swapped = dataclasses.replace(ctx, candidate=ctx.baseline, baseline=ctx.candidate)
    there, back = check.judge(ctx).estimate, check.judge(swapped).estimate
    assume(there is not None and back is not None)  # too few prompts, or all tied
    assert there is not None
    assert back is not None
    assert there.value == -back.value
    assert (there.low, there.high) == pytest.approx((-back.high, -back.low), abs=1e-12)


def worse(ctx: TableContext, row: int, by: float) -> TableContext:
    chosen = list(ctx.candidate[0])
    chosen[row] -= by
    return dataclasses.replace(ctx, candidate=(chosen, ctx.candidate[1]))


def decided(verdict: Verdict) -> bool:
    """Not failed for having nothing to decide on; one pair made worse may end that."""
    return "undecidable" not in verdict.message


@quick
@given(contexts(), rank_based, st.data())
def test_making_one_pair_worse_never_turns_a_fail_into_a_pass(
    ctx: TableContext, check: Check, data: st.DataObject
) -> None:
    before = check.judge(ctx)
    assume(before.outcome == "fail" and decided(before))
    row = data.draw(st.integers(0, len(ctx.pairs) - 1))
    after = check.judge(worse(ctx, row, data.draw(st.sampled_from([0.5, 1.0, 3.0, 20.0]))))
    assume(after.state != "identical")  # all scores back at the baseline's: the very same model
    assert after.outcome == "fail"


@quick
@given(grouped, st.data())
def test_nor_does_it_within_a_group(ctx: TableContext, data: st.DataObject) -> None:
    checks: list[Check] = [WinRate(min=data.draw(st.sampled_from([0.4, 0.5, 0.6])))]
    checks.append(NoRegression(max_drop=data.draw(st.sampled_from([0.0, 0.05, 0.2]))))
    row = data.draw(st.integers(0, len(ctx.pairs) - 1))
    lowered = worse(ctx, row, data.draw(st.sampled_from([0.5, 1.0, 3.0, 20.0])))
    for check in checks:
        before = check.judge(ctx)
        if before.outcome == "fail" and decided(before):
            assert check.judge(lowered).outcome == "fail"


@quick
@given(contexts(), st.data())
def test_making_one_pair_worse_never_raises_the_win_rate_s_interval(
    ctx: TableContext, data: st.DataObject
) -> None:
    row = data.draw(st.integers(0, len(ctx.pairs) - 1))
    before, after = WinRate(min=0.5).judge(ctx), WinRate(min=0.5).judge(worse(ctx, row, 2.0))
    assume(before.estimate is not None and after.estimate is not None)
    assert before.estimate is not None
    assert after.estimate is not None
    assert after.estimate.value <= before.estimate.value
    assert after.estimate.low <= before.estimate.low
    assert after.estimate.high <= before.estimate.high
