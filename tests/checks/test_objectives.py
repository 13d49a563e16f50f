"""`objectives`: each objective compared at its share of alpha, the worst one decides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest
from builders import TableContext, from_wins, make_pairs

from rmcheck.checks import BASELINE, CANDIDATE
from rmcheck.checks.no_regression import NoRegression
from rmcheck.checks.objectives import Objectives

Counts = tuple[int, int, int, int]
"""Pairs that both get right, only the baseline, only the candidate, neither."""

SAME: Counts = (70, 0, 0, 30)
WORSE: Counts = (60, 25, 5, 10)
BETTER: Counts = (60, 5, 25, 10)
SLIGHTLY: Counts = (60, 21, 7, 12)
"""p = 0.0125: below 0.05, above a fifth of it."""


def context(sides: Mapping[str, Counts], comparisons: int = 1) -> TableContext:
    """One table a named objective; the candidate's margins are half as large."""
    variants = {}
    for name, (both, lost, won, neither) in sides.items():
        before = [1] * both + [1] * lost + [0] * won + [0] * neither
        now = [1] * both + [0] * lost + [1] * won + [0] * neither
        halved = [margin / 2 for margin in from_wins(now)[0]]
        variants[replace(CANDIDATE, objective=name)] = (halved, [0.0] * len(now))
        variants[replace(BASELINE, objective=name)] = from_wins(before)
    rows = make_pairs(100)
    nothing = ([0.0] * 100, [0.0] * 100)
    return TableContext(rows, nothing, nothing, variants=variants, comparisons=comparisons)


def test_the_worst_objective_decides_and_the_trade_off_is_named() -> None:
    check = Objectives(objectives=("helpful", "harmless", "short"), max_drop=0.1)
    found = check.judge(context({"helpful": BETTER, "harmless": WORSE, "short": SAME}))
    assert (found.state, found.outcome) == ("regressed", "fail")
    assert found.estimate is not None
    assert found.estimate.value == pytest.approx(-0.2)
    assert "harmless regressed" in found.message
    assert "helpful improved" in found.message
    assert found.message.endswith("trade-off: helpful improved at the cost of harmless")
    table = found.evidence.tables[0]
    assert [row[:2] for row in table.rows] == [
        ("helpful", "improved"), ("harmless", "regressed"), ("short", "non_inferior"),
    ]  # fmt: skip
    forest = found.evidence.pictures[0]
    assert [row.label for row in forest.rows] == [  # type: ignore[union-attr]
        "helpful (n=100)", "harmless (n=100)", "short (n=100)",
    ]  # fmt: skip
    assert len(found.evidence.pairs) == 25


def test_each_objective_gets_an_equal_share_of_alpha() -> None:
    names = tuple("abcde")
    ctx = context({name: SLIGHTLY if name == "c" else SAME for name in names})
    alone = NoRegression(max_drop=0.1).judge(ctx.side("c"))
    assert (alone.state, alone.outcome) == ("regressed", "fail")
    found = Objectives(objectives=names, max_drop=0.1).judge(ctx)
    assert (found.state, found.outcome, found.weak) == ("inconclusive", "pass", True)
    assert found.p_value == alone.p_value
    two = Objectives(objectives=("b", "c"), max_drop=0.1).judge(ctx)
    assert two.state == "regressed"


def test_nothing_worse_passes() -> None:
    found = Objectives(objectives=("a", "b"), max_drop=0.1).judge(context({"a": BETTER, "b": SAME}))
    assert found.outcome == "pass"
    assert found.state == "non_inferior"
    assert "trade-off" not in found.message


def test_a_failure_for_want_of_evidence_is_not_hidden_by_a_worse_state() -> None:
    """`require: non_inferior` fails what is inconclusive, though another one is fine."""
    ctx = context({"a": SAME, "b": (70, 8, 4, 18)})
    found = Objectives(objectives=("a", "b"), max_drop=0.1, require="non_inferior").judge(ctx)
    assert (found.state, found.outcome) == ("inconclusive", "fail")


def test_needs_ask_for_every_objective_of_both_models() -> None:
    ctx = context({})
    needs = Objectives(objectives=("a", "b"), max_drop=0.1).needs(ctx.data)
    assert [(need.source.role, need.source.objective) for need in needs] == [
        ("candidate", "a"), ("baseline", "a"), ("candidate", "b"), ("baseline", "b"),
    ]  # fmt: skip
    assert all(len(need.dialogues) == 200 for need in needs)


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"objectives": ("a", "a")}, "a given twice"),
        ({"objectives": ("a", "b"), "objective": "a"}, "no effect beside 'objectives'"),
    ],
)
def test_mistakes(keys: dict[str, object], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        Objectives(**keys)  # type: ignore[arg-type]
