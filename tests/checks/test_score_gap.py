"""`score_gap`: a test of the margins and their standardised size; scipy is the oracle."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from builders import TableContext, from_margins, make_pairs
from scipy import stats

from rmcheck.checks.score_gap import ScoreGap

RNG = np.random.default_rng(5)
MARGINS = (0.6 + RNG.normal(size=60)).tolist()


def judge(check: ScoreGap, margins: list[float], group_size: int = 1):
    ctx = TableContext(make_pairs(len(margins), group_size=group_size), from_margins(margins))
    return check.judge(ctx)


def test_the_effect_is_mean_over_standard_deviation() -> None:
    estimate = judge(ScoreGap(), MARGINS).estimate
    assert estimate is not None
    assert estimate.value == pytest.approx(np.mean(MARGINS) / np.std(MARGINS, ddof=1))
    assert estimate.low < estimate.value < estimate.high
    assert (estimate.n, estimate.n_groups) == (60, 60)
    assert estimate.method.startswith("bootstrap")


def test_the_textbook_tests_are_those_of_scipy() -> None:
    chosen, rejected = RNG.normal(0.4, 1, 50).tolist(), RNG.normal(0, 1, 50).tolist()
    ctx = TableContext(make_pairs(50), (chosen, rejected))
    margins = np.array(chosen) - np.array(rejected)
    ranks = stats.mannwhitneyu(chosen, rejected, alternative="greater")
    found = ScoreGap(test="mann_whitney").judge(ctx)
    assert found.p_value == pytest.approx(ranks.pvalue)
    assert f"AUC {ranks.statistic / 2500:.3f}" in found.message
    signed = stats.wilcoxon(margins, alternative="greater").pvalue
    assert ScoreGap(test="wilcoxon").judge(ctx).p_value == pytest.approx(signed)
    rows = dict(ScoreGap().judge(ctx).evidence.tables[0].rows)
    assert rows["Wilcoxon signed rank"] == pytest.approx(signed)
    assert rows["Mann–Whitney"] == pytest.approx(ranks.pvalue)


def test_the_sign_flip_test_flips_whole_groups() -> None:
    # 15 groups of 2: the oracle enumerates the 2¹⁵ sign patterns of their sums.
    margins = (0.3 + RNG.normal(size=30)).tolist()
    sums = np.array(margins).reshape(15, 2).sum(axis=1)
    signs = np.array(list(itertools.product([1, -1], repeat=15)))
    exact = float(np.mean(signs @ sums >= sums.sum() - 1e-9))
    assert judge(ScoreGap(), margins, group_size=2).p_value == pytest.approx(exact)


@pytest.mark.parametrize(
    ("check", "outcome"),
    [
        (ScoreGap(alpha=0.01, min_effect=0.2), "pass"),
        (ScoreGap(alpha=0.01, min_effect=2.0), "fail"),  # significant, too small
        (ScoreGap(alpha=1e-5, min_effect=0.2), "fail"),  # large, not significant enough
    ],
)
def test_both_conditions_must_hold(check: ScoreGap, outcome: str) -> None:
    verdict = judge(check, MARGINS)
    assert verdict.p_value is not None
    # Student's t on the same margins is close to the sign-flip test at n = 60.
    student = stats.ttest_1samp(MARGINS, 0, alternative="greater").pvalue
    assert student / 2 < verdict.p_value < student * 2
    assert 1e-5 < student < 0.01
    assert (verdict.decision, verdict.outcome, verdict.weak) == (outcome, outcome, False)
    assert verdict.criterion == {"alpha": check.alpha, "min_effect": check.min_effect}


def test_the_wrong_direction_fails() -> None:
    verdict = judge(ScoreGap(min_effect=0.0), [-margin for margin in MARGINS])
    assert verdict.outcome == "fail"
    assert verdict.p_value is not None
    assert verdict.p_value > 0.99


def test_the_message_and_the_same_numbers_again() -> None:
    first, again = judge(ScoreGap(name="gap"), MARGINS), judge(ScoreGap(name="gap"), MARGINS)
    assert first == again
    assert first.message.startswith("gap d_z ")
    assert "≥ min_effect 0.20, p=" in first.message
    assert "≤ alpha 0.01 (sign_flip, n=60); AUC " in first.message
    assert judge(ScoreGap(min_effect=9.0), MARGINS).message.count("< min_effect 9.00") == 1


@pytest.mark.parametrize("factor", [2.0**-20, 1.0, 2.0**30])
def test_scale_and_shift_change_nothing(factor: float) -> None:
    ctx = TableContext(make_pairs(60), from_margins([factor * margin for margin in MARGINS]))
    verdict, plain = ScoreGap().judge(ctx), judge(ScoreGap(), MARGINS)
    assert verdict.p_value == plain.p_value
    assert verdict.estimate is not None
    assert plain.estimate is not None
    assert verdict.estimate.value == pytest.approx(plain.estimate.value, rel=1e-12)
    assert verdict.estimate.low == pytest.approx(plain.estimate.low, rel=1e-9)
