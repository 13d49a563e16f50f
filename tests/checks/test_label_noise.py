"""`label_noise`: what flipped training labels cost; by hand and by Student's t of scipy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from builders import TableContext, from_wins, honest, live_context, make_pairs, noise, per_text
from scipy import stats

from rmcheck.checks import CannotDecide, SourceRef
from rmcheck.checks.label_noise import LabelNoise
from rmcheck.data import Dialogue, prompt_text
from rmcheck.reward_source import RewardSource, Source


def context(clean: int, *noisy: int, rate: float = 0.2, n: int = 100) -> TableContext:
    """The clean training wins the first `clean` pairs, that of each seed the first `noisy` ones."""
    variants = {
        SourceRef(flip_rate=rate, flip_seed=seed): from_wins([1] * won + [0] * (n - won))
        for seed, won in enumerate(noisy)
    }
    return TableContext(
        make_pairs(n), from_wins([1] * clean + [0] * (n - clean)), variants=variants
    )


def test_the_drop_and_its_interval() -> None:
    # 90 % clean; 80 % and 70 % noisy, 75 % on average: a drop of 15 points.
    estimate = LabelNoise().judge(context(90, 80, 70)).estimate
    assert estimate is not None
    assert estimate.value == pytest.approx(0.15)
    # Pair by pair: 70 lose nothing, 10 lose half a win, 10 a whole one, 10 were lost anyway.
    drops = np.array([0.0] * 70 + [0.5] * 10 + [1.0] * 10 + [0.0] * 10)
    low, high = stats.t.interval(0.95, 99, drops.mean(), stats.sem(drops))
    assert (estimate.low, estimate.high) == pytest.approx((low, high))


@pytest.mark.parametrize(
    ("max_drop", "policy", "decision", "outcome", "weak"),
    [
        # The interval above is [0.088, 0.212].
        (0.22, "point", "pass", "pass", False),
        (0.16, "point", "inconclusive", "pass", True),
        (0.14, "point", "inconclusive", "fail", True),
        (0.14, "pass", "inconclusive", "pass", True),
        (0.16, "fail", "inconclusive", "fail", True),
        (0.08, "pass", "fail", "fail", False),
    ],
)
def test_a_threshold_and_its_policies(
    max_drop: float, policy: str, decision: str, outcome: str, weak: bool
) -> None:
    check = LabelNoise(max_drop=max_drop, on_inconclusive=policy)  # type: ignore[arg-type]
    verdict = check.judge(context(90, 80, 70))
    assert (verdict.decision, verdict.outcome, verdict.weak) == (decision, outcome, weak)


def test_the_highest_rate_decides_and_all_are_shown() -> None:
    low, high = context(90, 89, 89, rate=0.1), context(90, 40, 40, rate=0.4)
    both = TableContext(low.pairs, low.candidate, variants={**low.variants, **high.variants})
    verdict = LabelNoise(rates=(0.4, 0.1)).judge(both)
    assert verdict.estimate is not None
    assert verdict.estimate.value == pytest.approx(0.5)
    assert verdict.outcome == "fail"
    assert "at 40% flipped training labels the win rate falls by 50.0 points" in verdict.message
    assert "(clean 0.900, noisy 0.400, 0.400; n=100)" in verdict.message
    rows = verdict.evidence.tables[0].rows
    assert [row[0] for row in rows] == ["0 %", "10%", "40%"]
    assert [row[1] for row in rows] == pytest.approx([0.9, 0.89, 0.4])


def test_noise_that_helps_passes() -> None:
    verdict = LabelNoise(max_drop=0.0).judge(context(60, 90, 90))
    assert verdict.estimate is not None
    assert verdict.estimate.value == pytest.approx(-0.3)
    assert (verdict.decision, verdict.outcome) == ("pass", "pass")


class Trained(Source):
    """A recipe in little: after flips at `rate` it reads the wrong way as often."""

    spec, fingerprint, scores_new_text = "recipe:little", None, True

    def __init__(self, rate: float = 0.0, seed: int = 0) -> None:
        self.rate, self.seed = rate, seed
        self.spec = f"recipe:little-{rate}-{seed}"

    def score(self, dialogues: list[Dialogue]) -> np.ndarray:
        return np.array([self._one(prompt_text(d.prompt), d.response) for d in dialogues])

    def _one(self, prompt: str, response: str) -> float:
        flipped = stats.norm.cdf(noise(prompt, str(self.seed))) < self.rate
        better = response.startswith("good") != flipped
        return 5.0 * better + 0.1 * noise(prompt, response)

    def with_label_noise(self, rate: float, seed: int) -> RewardSource:
        return Trained(rate, seed)


def test_a_source_that_can_be_trained_again(tmp_path: Path) -> None:
    # The little recipe wins every pair; at a rate of 0.3 it loses as many in expectation, with a
    # standard error of √(0.3 · 0.7 / 200 / 2) = 0.023 over two seeds.
    ctx = live_context(tmp_path, make_pairs(200), Trained())
    verdict = LabelNoise(rates=(0.3,), seeds=2).judge(ctx)
    assert verdict.estimate is not None
    assert abs(verdict.estimate.value - 0.3) < 4 * 0.023
    assert verdict.outcome == "fail"
    # Each seed is a training of its own: their win rates differ.
    shares = verdict.message.split("noisy ")[1].split(";")[0].split(", ")
    assert len(set(shares)) == 2


def test_a_source_that_is_no_recipe_is_skipped_with_the_remedy(tmp_path: Path) -> None:
    ctx = live_context(tmp_path, make_pairs(40), per_text(honest, spec="py:mine"))
    with pytest.raises(CannotDecide, match="py:mine is not a recipe; use --rm recipe:NAME"):
        LabelNoise().judge(ctx)
