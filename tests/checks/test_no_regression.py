"""`no_regression`: hand-made tables of two models; the exact tests of scipy and statsmodels."""

from __future__ import annotations

import dataclasses
import re

import numpy as np
import pytest
from builders import TableContext, from_wins, make_pairs
from scipy.stats import binomtest
from statsmodels.stats.contingency_tables import mcnemar

from rmcheck.checks import Changes
from rmcheck.checks.no_regression import NoRegression
from rmcheck.checks.paired_scores import PairedScores
from rmcheck.verdict import Verdict


def table(both: int, lost: int, won: int, neither: int, **options: object) -> TableContext:
    """Pairs that both models get right, only the baseline, only the candidate, neither."""
    before = [1] * both + [1] * lost + [0] * won + [0] * neither
    now = [1] * both + [0] * lost + [1] * won + [0] * neither
    # The candidate's margins are half as large, so that equal wins are not equal scores.
    chosen = [margin / 2 for margin in from_wins(now)[0]]
    return TableContext(
        make_pairs(len(now)), (chosen, [0.0] * len(now)), from_wins(before), **options  # type: ignore[arg-type]
    )  # fmt: skip


def judge(ctx: TableContext, **keys: object) -> Verdict:
    return NoRegression(**keys).judge(ctx)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("counts", "keys", "state", "decision", "outcome", "weak"),
    [
        # 25 lost, 5 won of 100: Δ = -0.2, and twice P(at most 5 of 30 heads) is 0.0003.
        ((60, 25, 5, 10), {}, "regressed", "fail", "fail", False),
        # 5 lost, 25 won: the interval lies above 0.
        ((60, 5, 25, 10), {}, "improved", "pass", "pass", False),
        # Nothing changed sides among 400: a drop of 2 points is ruled out (3/400 = 0.75 points).
        ((300, 0, 0, 100), {}, "non_inferior", "pass", "pass", False),
        # 8 lost, 4 won of 100: Δ = -0.04, twice P(at most 4 of 12 heads) is 0.39.
        ((70, 8, 4, 18), {}, "inconclusive", "inconclusive", "pass", True),
        ((70, 8, 4, 18), {"require": "non_inferior"}, "inconclusive", "inconclusive", "fail", True),
        # The same table when 15 points are tolerated.
        ((70, 8, 4, 18), {"max_drop": 0.15}, "non_inferior", "pass", "pass", False),
        # 16 lost, 2 won of 1000: surely a drop (p = 0.0013), but of 1.4 points only.
        ((800, 16, 2, 182), {}, "inconclusive", "inconclusive", "pass", True),
        ((800, 16, 2, 182), {"max_drop": 0.014}, "regressed", "fail", "fail", False),
        # All is lost: nothing but losses.
        ((0, 40, 0, 0), {}, "regressed", "fail", "fail", False),
    ],
)
def test_states_by_hand(
    counts: tuple[int, int, int, int],
    keys: dict[str, object],
    state: str,
    decision: str,
    outcome: str,
    weak: bool,
) -> None:
    verdict = judge(table(*counts), **keys)
    assert (verdict.state, verdict.decision, verdict.outcome, verdict.weak) == (
        state, decision, outcome, weak,
    )  # fmt: skip
    both, lost, won, neither = counts
    assert verdict.evidence.tables[0].rows == ((both, lost, won, neither),)
    assert verdict.estimate is not None
    assert verdict.estimate.value == (won - lost) / sum(counts)
    assert verdict.estimate.low < verdict.estimate.high


@pytest.mark.parametrize(("lost", "won"), [(1, 0), (5, 5), (8, 4), (4, 8), (25, 5), (40, 0)])
def test_the_p_value_is_the_exact_test_of_mcnemar(lost: int, won: int) -> None:
    p_value = judge(table(30, lost, won, 20)).p_value
    assert p_value == pytest.approx(mcnemar([[30, lost], [won, 20]], exact=True).pvalue)
    assert p_value == pytest.approx(binomtest(won, lost + won, 0.5).pvalue)


def test_equal_scores_are_identical_and_rounding_is_no_difference() -> None:
    pairs = make_pairs(40)
    rng = np.random.default_rng(3)
    chosen, rejected = rng.normal(1, 1, 40), rng.normal(0, 1, 40)
    same = TableContext(pairs, (chosen.tolist(), rejected.tolist()),
                        (chosen.tolist(), rejected.tolist()))  # fmt: skip
    verdict = judge(same, max_drop=0.0, require="non_inferior")
    assert (verdict.state, verdict.outcome, verdict.weak) == ("identical", "pass", False)
    assert verdict.message == "no_regression identical: every score is the same as in main (n=40)"
    # What stands beside a text moves its float32 score by some 2e-6 (about 2⁻¹⁹) of the spread: a
    # change of 2⁻¹⁹ of a score, 2 at most here, is below the last decided digit, 1e-5 · sd ...
    nearly = TableContext(pairs, ((chosen * (1 + 2.0**-19)).tolist(), rejected.tolist()),
                          (chosen.tolist(), rejected.tolist()))  # fmt: skip
    assert judge(nearly).state == "identical"
    # ... one of 2⁻¹⁴ (6e-5) is not.
    other = TableContext(pairs, ((chosen * (1 + 2.0**-14)).tolist(), rejected.tolist()),
                         (chosen.tolist(), rejected.tolist()))  # fmt: skip
    assert judge(other).state != "identical"


def test_the_number_of_comparisons_changes_the_verdict() -> None:
    # 10 lost, 2 won: p = 2 · (1 + 12 + 66) / 2¹² = 0.0386, to be held against 0.05 / m.
    assert judge(table(60, 10, 2, 28)).p_value == pytest.approx(2 * 79 / 4096)
    assert judge(table(60, 10, 2, 28)).state == "regressed"
    assert judge(table(60, 10, 2, 28, comparisons=2)).state == "inconclusive"
    assert judge(table(60, 10, 2, 28, comparisons=2), alpha=0.1).state == "regressed"
    assert judge(table(60, 10, 2, 28), alpha=0.03).state == "inconclusive"


def test_what_could_have_been_seen_falls_with_the_pairs_and_rises_with_the_comparisons() -> None:
    small = judge(table(35, 4, 2, 9)).detectable
    large = judge(table(350, 40, 20, 90)).detectable
    many = judge(table(350, 40, 20, 90, comparisons=7)).detectable
    assert small is not None
    assert large is not None
    assert many is not None
    assert 0 < large < many < small < 1
    message = judge(table(35, 4, 2, 9)).message
    assert message.endswith(f"the smallest drop that 50 pairs catch is {small * 100:.1f} points")


def test_a_regression_names_its_pairs_the_worst_first() -> None:
    ctx = table(20, 20, 0, 20)
    chosen = list(ctx.candidate[0])
    chosen[25] = -9.0  # the most wrong of the pairs 20 to 39 that are newly wrong
    pairs = [dataclasses.replace(pair, tags=("late",) if i >= 25 else ("early",))
             for i, pair in enumerate(ctx.pairs)]  # fmt: skip
    ctx = dataclasses.replace(ctx, pairs=pairs, candidate=(chosen, ctx.candidate[1]))
    verdict = judge(ctx)
    assert verdict.evidence.pairs[0] == "p025"
    assert set(verdict.evidence.pairs) == {f"p{i:03d}" for i in range(20, 40)}
    assert verdict.message.startswith(
        "no_regression regressed: win rate fell 33.3 points against main ["
    )
    # Below zero with a true minus sign, and three pairs named; the evidence has them all.
    assert re.search(r" against main \[−\d\d\.\d, −\d\d\.\d\], p=", verdict.message)
    assert verdict.message.endswith(
        "; 20 pairs newly wrong (most often tagged 'late', 15): p025, p020, p021 and 17 more"
    )
    assert verdict.evidence.tables[1].rows == (("late", 15), ("early", 5))
    points = {point[3]: point[2] for point in verdict.evidence.pictures[1].data["points"]}
    assert (points["p000"], points["p025"], points["p045"]) == (
        "kept_right", "newly_wrong", "kept_wrong",
    )  # fmt: skip


def test_new_and_edited_pairs_are_left_out_and_named() -> None:
    ctx = table(40, 20, 0, 20)
    # Without the 20 lost pairs nothing is left of the regression.
    known = dataclasses.replace(ctx, unknown=frozenset(f"p{i:03d}" for i in range(40, 60)))
    verdict = judge(known)
    assert verdict.state != "regressed"
    assert verdict.estimate is not None
    assert (verdict.estimate.n, verdict.estimate.value) == (60, 0.0)
    (note,) = verdict.evidence.notes
    assert note.startswith("20 pairs left out, new since main: p040, p041,")
    assert note.endswith("p051 …")
    # With fewer than 15 known prompts nothing can be said, and the remedy is named.
    few = dataclasses.replace(ctx, unknown=frozenset(f"p{i:03d}" for i in range(14, 80)))
    verdict = judge(few)
    assert (verdict.state, verdict.outcome) == ("inconclusive", "fail")
    assert verdict.message == (
        "no_regression: undecidable: only 14 pairs of 14 different prompts are the same as in "
        "main; at least 15 prompts are needed (66 new or edited); bless this run as "
        "a new baseline: rmcheck bless --red"
    )


def test_columns_alone_are_enough() -> None:
    # 25 lost, 5 won of 100, as above; one pair is new, one edited, one gone.
    before = np.array([[1.0, 0.0]] * 85 + [[0.0, 1.0]] * 15)
    now = np.array([[2.0, 0.0]] * 60 + [[0.0, 2.0]] * 25 + [[2.0, 0.0]] * 5 + [[0.0, 2.0]] * 10)
    ids = [f"p{i:03d}" for i in range(100)]
    verdict = NoRegression().compare(
        PairedScores(ids=ids, groups=ids, tags=[("t",)] * 100, now=now, before=before),
        Changes(added=("new",), edited=("other",), removed=("gone",)),
        baseline="old",
        comparisons=1,
        sign=lambda facts: f"{facts['base']}, n={facts['n']}",
    )
    assert (verdict.state, verdict.signature) == ("regressed", "old, n=100")
    assert verdict.estimate is not None
    assert verdict.estimate.value == -0.2
    assert verdict.evidence.pairs == tuple(ids[60:85])
    assert verdict.evidence.notes == (
        "1 pair left out, edited since old: other",
        "1 pair left out, new since old: new",
        "1 pair of old no longer in the data: gone",
    )


def test_ties_by_policy() -> None:
    # 40 pairs that the baseline wins by 1 and the candidate ties, 40 that both win.
    pairs = make_pairs(80)
    ctx = TableContext(pairs, ([0.0] * 40 + [1.0] * 40, [0.0] * 80), ([1.0] * 80, [0.0] * 80))
    for ties, value in (("half", -0.25), ("loss", -0.5)):
        estimate = judge(ctx, ties=ties).estimate
        assert estimate is not None
        assert estimate.value == value


def test_pairs_of_one_prompt_change_together() -> None:
    # 12 lost pairs are proof (2 · 2⁻¹²); 3 prompts of 4 that are lost together are not (2 · 2⁻³).
    alone = table(48, 12, 0, 20)
    together = dataclasses.replace(alone, pairs=make_pairs(80, group_size=4))
    assert judge(alone).p_value == pytest.approx(2 * 2.0**-12)
    assert judge(alone).state == "regressed"
    assert judge(together).p_value == pytest.approx(2 * 2.0**-3)
    assert judge(together).state == "inconclusive"


def test_a_model_that_tells_nothing_apart_any_more() -> None:
    # All tied: against a good baseline a regression, else undecidable; never a pass.
    pairs = make_pairs(40)
    tied = ([0.5] * 40, [0.5] * 40)
    good, poor = from_wins([1] * 40), from_wins([1] * 20 + [0] * 20)
    assert judge(TableContext(pairs, tied, good)).state == "regressed"
    for before in (poor, tied, ([0.1] * 40, [0.1] * 40)):
        verdict = judge(TableContext(pairs, tied, before))
        assert (verdict.state, verdict.outcome) == ("inconclusive", "fail")
        assert "all 40 pairs are tied" in verdict.message
