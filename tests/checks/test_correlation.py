"""`correlation` of margins with the raters' differences; scipy has the coefficients."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from builders import TableContext, from_margins, make_pairs
from scipy import stats

from rmcheck.checks.correlation import Correlation
from rmcheck.data import PreferencePair
from rmcheck.data.preferences import PreferenceData
from rmcheck.verdict import Verdict

ORACLES = {"spearman": stats.spearmanr, "kendall": stats.kendalltau, "pearson": stats.pearsonr}


def rated(differences: list[float | None]) -> list[PreferencePair]:
    """Pairs with ratings that differ by so much; None is a pair without ratings."""
    return [
        replace(pair, ratings=None if given is None else (3.0 + given, 3.0))
        for pair, given in zip(make_pairs(len(differences)), differences, strict=True)
    ]


def judge(differences: list[float | None], margins: list[float], **keys: object) -> Verdict:
    ctx = TableContext(rated(differences), from_margins(margins))
    return Correlation(**{"min": 0.3, **keys}).judge(ctx)  # type: ignore[arg-type]


def noisy(n: int, share: float, seed: int = 0) -> tuple[list[float], list[float]]:
    """Differences on a scale of whole points, and margins that follow them in part."""
    rng = np.random.default_rng(seed)
    ratings = rng.integers(1, 5, n).astype(float)
    return ratings.tolist(), (share * ratings + rng.normal(0, 1, n)).tolist()


@pytest.mark.parametrize("method", list(ORACLES))
def test_coefficients_are_scipys_over_the_rated_pairs(method: str) -> None:
    ratings, margins = noisy(60, 0.8)
    # Ten pairs without ratings, whose margins would spoil any correlation.
    verdict = judge([*ratings, *[None] * 10], [*margins, *[-900.0] * 10], method=method)
    assert verdict.estimate is not None
    assert verdict.estimate.n == 60
    assert verdict.estimate.value == pytest.approx(ORACLES[method](margins, ratings).statistic)
    rows = {row[0]: row[1] for row in verdict.evidence.tables[0].rows}
    for name, oracle in ORACLES.items():
        assert rows[name] == pytest.approx(oracle(margins, ratings).statistic)


def test_following_the_raters_passes_and_defying_them_fails() -> None:
    ratings, margins = noisy(200, 2.0)
    good = judge(ratings, margins, min=0.5)
    assert (good.decision, good.outcome, good.weak) == ("pass", "pass", False)
    assert good.message.startswith("correlation spearman of margin and rating difference 0.9")
    assert good.message.endswith("(bootstrap 95%, n=200) ≥ min 0.50")
    bad = judge(ratings, [-margin for margin in margins], min=0.5)
    assert (bad.decision, bad.outcome) == ("fail", "fail")


def test_between_them_the_policy_decides() -> None:
    ratings, margins = noisy(40, 0.4)
    value = stats.spearmanr(margins, ratings).statistic
    for policy, outcome in (("point", "pass"), ("pass", "pass"), ("fail", "fail")):
        verdict = judge(ratings, margins, min=value - 0.01, on_inconclusive=policy)
        assert (verdict.decision, verdict.outcome, verdict.weak) == ("inconclusive", outcome, True)
        assert verdict.message.endswith(f"; weak: the interval includes {value - 0.01:.2f}")


def test_a_scale_of_the_rewards_changes_nothing() -> None:
    ratings, margins = noisy(50, 1.0)
    one = judge(ratings, margins)
    other = judge(ratings, [0.125 * margin for margin in margins])
    assert one.estimate == other.estimate


def test_a_perfect_correlation_is_not_certain() -> None:
    ratings = [float(i) for i in range(20)]
    verdict = judge(ratings, ratings, min=0.99)
    assert verdict.estimate is not None
    # Every resample gives 1; 20 pairs do not prove that, so Fisher's limit for 1 - 1/20 stands.
    fisher = np.tanh(np.arctanh(1 - 1 / 20) - 1.959964 / np.sqrt(20 - 3))
    assert verdict.estimate.low == pytest.approx(fisher, abs=1e-6)
    assert (verdict.decision, verdict.weak) == ("inconclusive", True)


NONE: list[float | None] = [None] * 40
FEW = "{} pairs with ratings of {} different prompts; at least 15 prompts are needed"


@pytest.mark.parametrize(
    ("ratings", "margins", "reason"),
    [
        ([], [], FEW.format(0, 0)),
        (NONE, [1.0] * 40, FEW.format(0, 0)),
        ([*range(14), *NONE], [1.0] * 54, FEW.format(14, 14)),
        ([2.0] * 30, list(range(30)), "the rating differences of all 30 pairs are the same"),
        (list(range(30)), [2.0] * 30, "the margins of all 30 pairs are the same"),
        (list(range(30)), [0.0] * 30, "the margins of all 30 pairs are the same"),
    ],
)
@pytest.mark.parametrize("method", list(ORACLES))
def test_what_cannot_be_decided_never_passes(
    ratings: list[float | None], margins: list[float], reason: str, method: str
) -> None:
    verdict = judge(ratings, margins, min=-1.0, on_inconclusive="pass", method=method)
    assert (verdict.decision, verdict.outcome) == ("inconclusive", "fail")
    assert verdict.message == f"correlation: undecidable: {reason}"


def test_only_rated_pairs_are_scored() -> None:
    pairs = rated([1.0, None, 2.0])
    (need,) = Correlation(min=0.0).needs(PreferenceData(tuple(pairs)))
    assert [dialogue.key for dialogue in need.dialogues] == [
        "p000/chosen", "p000/rejected", "p002/chosen", "p002/rejected",
    ]  # fmt: skip
