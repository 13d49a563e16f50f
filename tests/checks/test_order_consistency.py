"""`order_consistency`: judges that prefer a place, and judges that change their mind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from builders import honest, live_context, make_pairs, per_text
from numpy.typing import NDArray
from scipy.stats import binomtest

from rmcheck.checks import CANDIDATE, CannotDecide
from rmcheck.checks.null_controls import NullControls
from rmcheck.checks.order_consistency import OrderConsistency
from rmcheck.checks.scale_invariance import ScaleInvariance
from rmcheck.checks.win_rate import WinRate
from rmcheck.data import Dialogue, Ordered, PreferencePair
from rmcheck.data.preferences import PreferenceData
from rmcheck.reward_source import BothOrders, completed
from rmcheck.verdict import Verdict


class Comparing:
    """A source of another package that prefers good answers, and the first place for some prompts.

    `moody`: every third answer is another one when it is asked again.
    """

    fingerprint = None

    def __init__(self, biased: int = 0, *, moody: bool = False) -> None:
        self.biased = biased
        self.moody = moody
        self.asked: dict[Ordered, int] = {}

    def score(self, questions: Sequence[Dialogue]) -> NDArray[np.float64]:
        return np.array([self._answer(question) for question in questions])

    def _answer(self, question: Dialogue) -> float:
        assert isinstance(question, Ordered)
        self.asked[question] = self.asked.get(question, 0) + 1
        number = int(question.prompt.split()[-1])  # type: ignore[union-attr]
        value = 1.0 if question.response.startswith("good") else -1.0
        if number < self.biased:
            value = 2.0
        return -value if self.moody and self.asked[question] > 1 and number % 3 == 0 else value

    def margins(
        self, chosen_first: NDArray[np.float64], rejected_first: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        return (chosen_first - rejected_first) / 2


def judge(folder: Path, source: object, pairs: list[PreferencePair], **keys: object) -> Verdict:
    check = OrderConsistency(**{"min": 0.8, **keys})  # type: ignore[arg-type]
    return check.judge(live_context(folder, pairs, completed(source)))


def test_an_unbiased_judge_passes(tmp_path: Path) -> None:
    verdict = judge(tmp_path, Comparing(), make_pairs(40))
    assert (verdict.outcome, verdict.weak) == ("pass", False)
    assert verdict.estimate is not None
    assert verdict.estimate.value == 1.0
    assert verdict.message.startswith("order_consistency same verdict in both orders 1.000")
    assert "first place wins 0.500" in verdict.message
    assert verdict.evidence.pairs == ()


def test_a_judge_that_prefers_the_first_place_fails(tmp_path: Path) -> None:
    source = Comparing(biased=24)
    verdict = judge(tmp_path, source, make_pairs(40))
    assert (verdict.decision, verdict.outcome) == ("fail", "fail")
    exact = binomtest(16, 40).proportion_ci(method="wilson")
    assert verdict.estimate is not None
    assert verdict.estimate.value == 16 / 40
    assert (verdict.estimate.low, verdict.estimate.high) == pytest.approx((exact.low, exact.high))
    # The first wins both questions of 24 pairs and one of the two of 16: 64 of 80.
    assert "first place wins 0.800 [" in verdict.message
    assert verdict.message.endswith("; not the same: p000, p001, p002 and 21 more")
    assert verdict.evidence.pairs == tuple(f"p{row:03d}" for row in range(24))
    assert dict(verdict.evidence.tables[0].rows) == {
        "the chosen response in both orders": 16, "the rejected response in both orders": 0,
        "whichever is first": 24, "whichever is second": 0, "undecided in an order": 0,
    }  # fmt: skip
    assert set(source.asked.values()) == {1}
    assert len(source.asked) == 80


def test_the_interval_knows_prompts_not_pairs(tmp_path: Path) -> None:
    alone = judge(tmp_path, Comparing(biased=8), make_pairs(80, group_size=1)).estimate
    pairs = make_pairs(80, group_size=4)
    together = judge(tmp_path, Comparing(biased=8), pairs).estimate
    assert alone is not None
    assert together is not None
    assert together.n_groups == 20
    assert together.high - together.low > 1.5 * (alone.high - alone.low)


def test_a_question_that_is_asked_again(tmp_path: Path) -> None:
    # Prompts 0, 3, …, 57: 20 of 60 change both of their answers when asked again.
    source = Comparing(moody=True)
    verdict = judge(tmp_path, source, make_pairs(60), repeats=2)
    assert verdict.outcome == "pass"
    assert "same answer when asked again 0.667 [" in verdict.message
    assert set(source.asked.values()) == {3}
    verdict = judge(tmp_path, Comparing(moody=True), make_pairs(60), repeats=2, min_repeat=0.9)
    assert (verdict.decision, verdict.outcome, verdict.weak) == ("fail", "fail", False)
    assert "same answer when asked again 0.667" in verdict.message
    assert "< min_repeat 0.90" in verdict.message
    assert verdict.criterion == {"min": 0.8, "min_repeat": 0.9}
    verdict = judge(tmp_path, Comparing(), make_pairs(60), repeats=1, min_repeat=0.9)
    assert (verdict.decision, verdict.outcome) == ("pass", "pass")
    with pytest.raises(ValueError, match="min_repeat has no effect without"):
        OrderConsistency(min=0.8, min_repeat=0.9)


def test_a_judge_that_decides_for_neither_fails(tmp_path: Path) -> None:
    class Silent(Comparing):
        def _answer(self, question: Dialogue) -> float:
            return 0.0

    verdict = judge(tmp_path, Silent(), make_pairs(40), min=0.1, on_inconclusive="pass")
    assert (verdict.decision, verdict.outcome) == ("fail", "fail")
    assert verdict.evidence.tables[0].rows[-1] == ("undecided in an order", 40)


def test_few_prompts_decide_nothing(tmp_path: Path) -> None:
    verdict = judge(tmp_path, Comparing(), make_pairs(40, group_size=8))
    assert (verdict.outcome, verdict.weak) == ("fail", True)
    assert "undecidable: 40 pairs of 5 different prompts" in verdict.message


def test_a_source_without_an_order_is_not_asked_and_the_check_is_skipped(tmp_path: Path) -> None:
    context = live_context(tmp_path, make_pairs(40), per_text(honest))
    with pytest.raises(CannotDecide, match="scores each response by itself, so an order cannot"):
        OrderConsistency(min=0.8).judge(context)
    check = OrderConsistency(min=0.8, repeats=2)
    needs = check.needs(PreferenceData(tuple(make_pairs(40))))
    assert {need.only for need in needs} == {BothOrders}
    assert [need.source.probe for need in needs] == ["", "repeat 1", "repeat 2"]


def test_other_checks_see_its_margins(tmp_path: Path) -> None:
    pairs = make_pairs(40)
    source = Comparing(biased=10)
    context = live_context(tmp_path, pairs, completed(source))
    scored = context.scored(pairs)
    # For 10 prompts 2.0 in both orders: nothing for either. Else 1.0 for the chosen one.
    assert scored.margins.tolist() == [0.0] * 10 + [1.0] * 30
    assert scored.chosen.tolist() == [0.0] * 10 + [0.5] * 30
    assert context.has_scored(pairs)
    verdict = WinRate(min=0.5).judge(context)
    assert verdict.estimate is not None
    assert verdict.estimate.value == 35 / 40
    assert NullControls().judge(context).estimate is not None  # pairs under other prompts
    assert set(source.asked.values()) == {1}


def test_what_needs_single_responses_is_skipped_with_the_reason(tmp_path: Path) -> None:
    context = live_context(tmp_path, make_pairs(40), completed(Comparing()))
    for decide in (
        lambda: ScaleInvariance(examples=5).judge(context),
        lambda: context.score([Dialogue("q", "a", "p/chosen")], CANDIDATE),
        lambda: context.score([Dialogue("q", "a", "s/0"), Dialogue("q", "b", "s/1")]),
    ):
        with pytest.raises(CannotDecide, match="compares two responses and gives a single one no"):
            decide()


def test_sides_of_different_pairs_are_not_compared(tmp_path: Path) -> None:
    context = live_context(tmp_path, make_pairs(40), completed(Comparing()))
    one, other = make_pairs(2, group_size=2)
    same = replace(other, prompt=one.prompt)
    with pytest.raises(CannotDecide):
        context.score([one.dialogues()[0], same.dialogues()[1]])
