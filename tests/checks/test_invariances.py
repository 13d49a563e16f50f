"""Laws that every verdict on ranks obeys, whatever the scores."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from builders import TableContext, make_pairs
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from rmcheck.checks import Check
from rmcheck.checks.affine import AffineMap
from rmcheck.checks.best_of_n import BestOfN
from rmcheck.checks.mapped import MappedContext
from rmcheck.checks.no_regression import NoRegression
from rmcheck.checks.null_controls import NullControls
from rmcheck.checks.score_gap import ScoreGap
from rmcheck.checks.ties import Ties
from rmcheck.checks.win_rate import WinRate
from rmcheck.data import ResponseSet
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

# All that is decided by which side scores higher, whatever the policy.
on_ranks = st.one_of(
    rank_based,
    st.builds(NullControls, alpha=st.sampled_from([0.05, 0.5])),
    st.builds(WinRate, min=st.sampled_from([0.3, 0.5, 0.7]), early_stop=st.just(True)),
    st.builds(NoRegression, max_drop=st.sampled_from([0.0, 0.2]), early_stop=st.just(True)),
)


@st.composite
def nearly_perfect(draw: st.DrawFn) -> TableContext:
    """15 to 25 prompts of 3 pairs, of which few are wrong, and a baseline that wins them all."""
    n = 3 * draw(st.integers(15, 25))
    wrong = draw(st.sets(st.integers(0, n - 1), max_size=4))
    now = [-1.0 if i in wrong else 1.0 for i in range(n)]
    return TableContext(make_pairs(n, group_size=3), (now, [0.0] * n), ([2.0] * n, [0.0] * n))


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


@pytest.mark.ci
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


@pytest.mark.ci
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
    assert check.judge(ctx).p_value == check.judge(swapped).p_value
    # Within groups the limits follow the candidate only: see `paired_difference`.
    if there.n == there.n_groups:
        assert (there.low, there.high) == pytest.approx((-back.high, -back.low), abs=1e-12)


def worse(ctx: TableContext, row: int, by: float) -> TableContext:
    chosen = list(ctx.candidate[0])
    chosen[row] -= by
    return dataclasses.replace(ctx, candidate=(chosen, ctx.candidate[1]))


def decided(verdict: Verdict) -> bool:
    """Not failed for having nothing to decide on; one pair made worse may end that."""
    return "undecidable" not in verdict.message


@pytest.mark.ci
@quick
@given(grouped, on_ranks, st.data())
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
@given(nearly_perfect(), st.sampled_from([0.7, 0.75, 0.8, 0.82, 0.85, 0.9]), st.data())
def test_nor_does_it_where_nearly_all_is_won(
    ctx: TableContext, minimum: float, data: st.DataObject
) -> None:
    row = data.draw(st.integers(0, len(ctx.pairs) - 1))
    lowered = worse(ctx, row, 20.0)
    checks: list[Check] = [
        WinRate(min=minimum, on_inconclusive="fail"),
        NoRegression(max_drop=round(1 - minimum, 2), require="non_inferior"),
    ]
    for check in checks:
        before, after = check.judge(ctx), check.judge(lowered)
        if before.outcome == "fail" and decided(before):
            assert after.outcome == "fail"
        # The limits fall with every pair, and a decision with them.
        assert before.estimate is not None
        assert after.estimate is not None
        assert after.estimate.low <= before.estimate.low + 1e-12
        assert after.estimate.high <= before.estimate.high + 1e-12


@quick
@given(st.integers(15, 30), st.data())
def test_nor_does_a_response_set_that_goes_wrong(n: int, data: st.DataObject) -> None:
    right = data.draw(st.lists(st.booleans(), min_size=n, max_size=n))
    lost = data.draw(st.integers(0, n - 1))
    minimum = data.draw(st.sampled_from([0.3, 0.5, 0.7, 0.85]))
    policy = data.draw(st.sampled_from(["point", "pass", "fail"]))
    for kind in (BestOfN, Ties):
        check = kind(min=minimum, on_inconclusive=policy)
        before = check.judge(sets_context(right))
        after = check.judge(sets_context([won and i != lost for i, won in enumerate(right)]))
        if before.outcome == "fail":
            assert after.outcome == "fail"


def sets_context(right: list[bool]) -> TableContext:
    """Response sets of three prompts a group, two best responses of three, on top or below."""
    pairs = make_pairs(len(right))
    sets = [
        (ResponseSet(f"s{i}", "?", ("a", "b", "c"), (0, 1), f"g{i % 25}"),
         [2.0, 2.1, 0.0 if won else 4.0])
        for i, won in enumerate(right)
    ]  # fmt: skip
    return TableContext(pairs, ([0.0] * len(right), [0.0] * len(right)), sets=sets)


def test_a_gap_may_grow_when_its_largest_margin_shrinks() -> None:
    # d_z = mean / sd is no rank: 39 margins of about 1 and one of 100 have a mean of 3.5 and an sd
    # of 15.6. With the last one at 2, the mean falls to 1.0 and the sd to 0.2.
    margins = [1.0 + 0.1 * (i % 3) for i in range(39)]
    ctx = [
        TableContext(make_pairs(40), ([*margins, last], [0.0] * 40)) for last in (100.0, 2.0, -1.0)
    ]
    outlying, tamed, lost = (ScoreGap(min_effect=0.5).judge(each) for each in ctx)
    assert [v.outcome for v in (outlying, tamed, lost)] == ["fail", "pass", "pass"]
    assert outlying.p_value is not None
    assert tamed.p_value is not None
    assert lost.p_value is not None
    assert outlying.p_value <= tamed.p_value <= lost.p_value
