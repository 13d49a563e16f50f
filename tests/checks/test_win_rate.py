"""`win_rate`: Wilson's interval against a threshold; statsmodels is the oracle."""

from __future__ import annotations

import dataclasses

import pytest
from builders import TableContext, from_margins, from_wins, make_pairs
from statsmodels.stats.proportion import proportion_confint

from rmcheck.checks import Slice
from rmcheck.checks.win_rate import WinRate


def context(wins: list[int], group_size: int = 1) -> TableContext:
    return TableContext(make_pairs(len(wins), group_size=group_size), from_wins(wins))


@pytest.mark.parametrize(("won", "n"), [(0, 20), (9, 20), (50, 100), (90, 100), (100, 100)])
def test_the_interval_is_that_of_statsmodels(won: int, n: int) -> None:
    estimate = WinRate(min=0.5).judge(context([1] * won + [0] * (n - won))).estimate
    assert estimate is not None
    low, high = proportion_confint(won, n, alpha=0.05, method="wilson")
    assert (estimate.value, estimate.n, estimate.n_groups) == (won / n, n, n)
    assert (estimate.low, estimate.high) == pytest.approx((low, high), abs=1e-12)
    assert (estimate.method, estimate.level) == ("wilson", 0.95)


@pytest.mark.parametrize(
    ("minimum", "policy", "decision", "outcome", "weak"),
    [
        # 80 of 100: Wilson's interval is [0.711, 0.867] (statsmodels, above).
        (0.71, "point", "pass", "pass", False),
        (0.71, "fail", "pass", "pass", False),
        (0.79, "point", "inconclusive", "pass", True),
        (0.80, "point", "inconclusive", "pass", True),
        (0.81, "point", "inconclusive", "fail", True),
        (0.79, "pass", "inconclusive", "pass", True),
        (0.81, "pass", "inconclusive", "pass", True),
        (0.79, "fail", "inconclusive", "fail", True),
        (0.87, "point", "fail", "fail", False),
        (0.87, "pass", "fail", "fail", False),
    ],
)
def test_a_threshold_and_its_policies(
    minimum: float, policy: str, decision: str, outcome: str, weak: bool
) -> None:
    check = WinRate(min=minimum, on_inconclusive=policy)  # type: ignore[arg-type]
    verdict = check.judge(context([1] * 80 + [0] * 20))
    assert (verdict.decision, verdict.outcome, verdict.weak) == (decision, outcome, weak)
    assert verdict.criterion == {"min": minimum}
    assert ("weak" in verdict.message) is weak


def test_the_message_says_what_was_measured_and_what_would_decide() -> None:
    verdict = WinRate(min=0.70).judge(context([1] * 80 + [0] * 20))
    assert verdict.message == "win_rate 0.800 [0.711, 0.867] (wilson 95%, n=100) ≥ min 0.70"
    # The lower limit at p = 0.8 is 0.75 when (0.05)² = z² · 0.75 · 0.25 / n, so at
    # n = 1.96² · 0.1875 / 0.0025 = 288.1.
    verdict = WinRate(min=0.75, name="short").judge(context([1] * 80 + [0] * 20))
    assert verdict.message == (
        "short 0.800 [0.711, 0.867] (wilson 95%, n=100) ≥ min 0.75; "
        "weak: the interval includes 0.75, about 289 pairs would decide"
    )
    assert (
        WinRate(min=0.8)
        .judge(context([1] * 80 + [0] * 20))
        .message.endswith("the estimate equals the threshold")
    )


@pytest.mark.parametrize(
    ("ties", "epsilon", "value"),
    [
        # Margins: 40 of 1, 20 of 0.25, 20 of 0, 20 of -1.
        ("half", 0.0, (60 + 10) / 100),
        ("loss", 0.0, 60 / 100),
        ("epsilon", 0.25, (40 + 20) / 100),
        ("epsilon", 0.24, (60 + 10) / 100),
        ("epsilon", 1.0, 0.5),
    ],
)
def test_ties_count_by_policy(ties: str, epsilon: float, value: float) -> None:
    margins = [1.0] * 40 + [0.25] * 20 + [0.0] * 20 + [-1.0] * 20
    ctx = TableContext(make_pairs(100), from_margins(margins))
    verdict = WinRate(min=0.3, ties=ties, epsilon=epsilon).judge(ctx)  # type: ignore[arg-type]
    assert verdict.estimate is not None
    assert verdict.estimate.value == value
    assert verdict.evidence.tables[0].rows == ((60, 20, 20),)  # what the scores say


def test_an_epsilon_without_its_policy_is_refused() -> None:
    with pytest.raises(ValueError, match="epsilon has no effect without 'ties: epsilon'"):
        WinRate(min=0.5, epsilon=0.1)


def test_a_slice_is_decided_on_its_own_pairs() -> None:
    pairs = [
        dataclasses.replace(pair, tags=("easy",) if i < 40 else ("hard",))
        for i, pair in enumerate(make_pairs(80))
    ]
    ctx = TableContext(pairs, from_wins([1] * 40 + [1] * 10 + [0] * 30))
    for tag, value in (("easy", 1.0), ("hard", 0.25)):
        verdict = WinRate(min=0.5, where=Slice(tags=(tag,))).judge(ctx)
        assert verdict.estimate is not None
        assert (verdict.estimate.value, verdict.estimate.n) == (value, 40)
        assert verdict.outcome == ("pass" if tag == "easy" else "fail")
    # The forest names both tags, and the worst pairs are wrong ones.
    verdict = WinRate(min=0.5).judge(ctx)
    labels = [row["label"] for row in verdict.evidence.pictures[0].data["rows"]]
    assert labels == ["all pairs (n=80)", "easy (n=40)", "hard (n=40)"]
    wrong = {pair.id for pair in pairs[50:]}
    assert set(verdict.evidence.pairs) <= wrong
    assert len(verdict.evidence.pairs) == 10


def test_pairs_of_one_prompt_count_for_less() -> None:
    # 30 prompts of 4 pairs that win or lose together carry far less than 120 pairs.
    wins = [1] * 96 + [0] * 24
    alone = WinRate(min=0.7).judge(context(wins)).estimate
    together = WinRate(min=0.7).judge(context(wins, group_size=4)).estimate
    assert alone is not None
    assert together is not None
    assert together.value == alone.value
    assert together.n_groups == 30
    assert together.low < alone.low < alone.high < together.high
    assert WinRate(min=0.7).judge(context(wins)).decision == "pass"
    assert WinRate(min=0.7).judge(context(wins, group_size=4)).decision == "inconclusive"


def test_the_signature_names_what_could_change_the_number() -> None:
    check = WinRate(min=0.5, ties="epsilon", epsilon=0.5)
    verdict = check.judge(context([1] * 30 + [0] * 10))
    assert verdict.signature == "win_rate|n:40|groups:40|ties:epsilon0.5|ci:wilson-neff40@0.95" or (
        verdict.signature == "win_rate|n:40|groups:40|ties:epsilon0.5|ci:wilson@0.95"
    )
