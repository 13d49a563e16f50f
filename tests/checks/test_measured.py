"""`no_regression` with another measure: the p that decides, the message, and what is recorded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from builders import TableContext, make_pairs
from numpy.typing import NDArray

from rmcheck.checks import Changes
from rmcheck.checks.no_regression import NoRegression
from rmcheck.checks.paired_scores import PairedScores, RecipeScores
from rmcheck.stats.measures import weigh
from rmcheck.stats.winrate import wins
from rmcheck.verdict import Verdict

MEASURES = ("log_loss", "rank_log_loss")

# Ranks are relative: where the pairs that it wins move down, those that it loses move up.
REASONS = {
    "log_loss": "it is less sure of pairs that both win",
    "rank_log_loss": "it is surer of pairs that both get wrong",
}


def less_sure(n: int = 400, lost: int = 20, gained: int = 10) -> TableContext:
    """A few pairs change sides, and how sure the candidate is says less of who is right."""
    rng = np.random.default_rng(3)
    right = np.arange(n) < 0.8 * n
    before = np.where(right, 1.0, -1.0) * rng.gamma(np.where(right, 4.0, 1.0))
    now = before * rng.uniform(0.3, 1.7, n)
    now[right] *= np.where(rng.random(int(right.sum())) < 0.15, 0.3, 1.0)
    # Sides change where the baseline was least sure.
    by_size = np.argsort(np.abs(before))
    now[by_size[right[by_size]][:lost]] *= -0.1
    now[by_size[~right[by_size]][:gained]] *= -1
    zeros = [0.0] * n
    return TableContext(
        make_pairs(n), (list(now), zeros), (list(before), zeros), comparisons=1
    )  # fmt: skip


def _columns(ctx: TableContext) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    assert ctx.baseline is not None
    now, before = (np.column_stack(side) for side in (ctx.candidate, ctx.baseline))
    return now, before


def judge(ctx: TableContext, **keys: object) -> Verdict:
    return NoRegression(**keys).judge(ctx)  # type: ignore[arg-type]


def test_the_win_rate_is_the_default_and_leaves_no_trace() -> None:
    plain, named = judge(less_sure()), judge(less_sure(), measure="win_rate")
    assert plain == named
    assert "measure" not in plain.criterion
    assert "by" not in plain.message.split(";")[0]
    assert [table.title for table in plain.evidence.tables] == ["Pairs", "Newly wrong pairs by tag"]


@pytest.mark.parametrize("measure", MEASURES)
def test_evidence_that_the_wins_do_not_have(measure: str) -> None:
    # 20 lost and 10 won of 400: 2.5 points, which wins alone do not tell from chance (p = 0.1).
    by_wins = judge(less_sure())
    assert by_wins.state == "inconclusive"
    assert by_wins.p_value == pytest.approx(0.0987, abs=1e-4)  # 2 · P(Binomial(30, 1/2) ≤ 10)
    verdict = judge(less_sure(), measure=measure)
    assert (verdict.state, verdict.outcome) == ("regressed", "fail")
    assert verdict.estimate == by_wins.estimate
    assert verdict.criterion["measure"] == measure
    sides = _columns(less_sure())
    found = weigh(
        measure,  # type: ignore[arg-type]
        margins=(sides[0][:, 0], sides[1][:, 0]),
        wins=(wins(*sides[0].T), wins(*sides[1].T)),
        groups=[pair.group for pair in less_sure().pairs],
    )
    assert verdict.p_value == found.p_two_sided
    head = verdict.message.split(";")[0]
    assert head.startswith("no_regression regressed: win rate fell 2.5 points against main")
    assert f"p={found.p_two_sided:.2g} by {measure} (p=0.099 by win rate)" in head
    page = Path(__file__).parents[2] / "docs" / "measures.md"
    assert (verdict.message in page.read_text(encoding="utf-8")) == (measure == "log_loss")
    assert head.endswith(f": most of the evidence is that {REASONS[measure]}")


def test_where_the_loss_rose_adds_up() -> None:
    tables = {
        table.title: table for table in judge(less_sure(), measure=MEASURES[1]).evidence.tables
    }
    assert tables["Evidence by measure"].rows[1] == ("win_rate", pytest.approx(0.0987, abs=1e-4))
    rows = dict(tables["Rise of the mean rank_log_loss, by what became of the pairs"].rows)
    assert list(rows) == ["both right", "changed sides", "both wrong", "all"]
    assert rows["all"] == pytest.approx(sum(rows.values()) - rows["all"])
    assert rows["all"] > 0.0


def test_a_drop_that_is_tolerated_is_none_whatever_the_measure_sees() -> None:
    verdict = judge(less_sure(), measure="rank_log_loss", max_drop=0.026)
    assert verdict.state == "inconclusive"
    assert verdict.p_value is not None
    assert verdict.p_value < 0.001
    assert "the smallest drop that 400 pairs catch by win rate alone is" in verdict.message


def test_a_measure_that_sees_no_more_than_the_wins_gives_no_reason() -> None:
    # Margins of one size: every measure is the exact test of the wins.
    now = [-1.0] * 25 + [1.0] * 65 + [-1.0] * 10
    before = [1.0] * 85 + [-1.0] * 15
    zeros = [0.0] * 100
    ctx = TableContext(make_pairs(100), (now, zeros), (before, zeros))
    by_wins, by_ranks = judge(ctx), judge(ctx, measure="rank_log_loss")
    assert by_ranks.p_value == pytest.approx(by_wins.p_value)
    assert by_ranks.state == by_wins.state == "regressed"
    assert "most of the evidence" not in by_ranks.message


def test_the_measure_is_in_the_signature() -> None:
    plain, other = judge(less_sure()), judge(less_sure(), measure="log_loss")
    assert "measure:log_loss" in other.signature
    assert "measure" not in plain.signature
    assert other.signature.replace("|measure:log_loss", "") == plain.signature


def test_several_trainings_are_compared_by_the_measure_too() -> None:
    now, before = _columns(less_sure())
    ids = [pair.id for pair in less_sure().pairs]
    first = PairedScores(ids=ids, groups=ids, tags=[()] * len(ids), now=now, before=before)
    scores = RecipeScores(
        first=first,
        now=np.stack([now, 2 * now]),
        before=np.stack([before, 2 * before]),
        now_seeds=(0, 1),
        before_seeds=(0, 1),
    )

    def verdict(check: NoRegression) -> Verdict:
        return check.compare(scores, Changes(), baseline="main", comparisons=1, sign=str)

    plain, other = (verdict(NoRegression(measure=each)) for each in ("win_rate", "rank_log_loss"))
    assert (plain.state, other.state) == ("inconclusive", "regressed")
    assert other.estimate == plain.estimate
    assert other.criterion["measure"] == "rank_log_loss"
