"""`scale_invariance`: honest rewards hold, and each way of spoiling them is caught."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from builders import TableContext, honest, live_context, make_pairs, noise, per_text
from numpy.typing import NDArray

from rmcheck.checks import Check, Context
from rmcheck.checks.no_regression import NoRegression
from rmcheck.checks.scale_invariance import ScaleInvariance
from rmcheck.checks.score_gap import ScoreGap
from rmcheck.checks.win_rate import WinRate
from rmcheck.data import Dialogue, prompt_text
from rmcheck.reward_source import RewardSource, Source
from rmcheck.sources.function import FunctionSource
from rmcheck.stats.precision import cast
from rmcheck.verdict import Verdict

PAIRS = make_pairs(60)
CHECK = ScaleInvariance(examples=60)


def judge(folder: Path, source: RewardSource, check: ScaleInvariance = CHECK) -> Verdict:
    siblings = (check, WinRate(min=0.6), ScoreGap(), NoRegression())
    baseline = per_text(lambda p, r: noise("old", p, r) + r.startswith("good"))
    ctx = live_context(folder, PAIRS, source, baseline=baseline, checks=siblings)
    return check.judge(ctx)


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


@pytest.mark.parametrize(
    "reward",
    [
        honest,
        lambda p, r: 1e6 * honest(p, r),
        lambda p, r: 1e-6 * honest(p, r),
        lambda p, r: 100 + honest(p, r),
        lambda p, r: math.tanh(honest(p, r) / 4),  # bends, but keeps every ordering apart
        lambda p, r: len(r) + noise(p, r),
    ],
)
def test_an_honest_continuous_reward_holds(
    tmp_path: Path, reward: Callable[[str, str], float]
) -> None:
    verdict = judge(tmp_path, per_text(reward))
    assert (verdict.decision, verdict.outcome, verdict.weak) == ("pass", "pass", False)
    assert verdict.message.startswith(
        "scale_invariance holds: 0 of 60 orderings lost over 60 maps a·r + b in float32 ("
    )
    assert verdict.evidence.notes == (
        "py:<lambda> has no head to rescale; only its scores were checked",
    )


@pytest.mark.parametrize(
    ("reward", "said"),
    [
        (lambda p, r: min(1.0, max(-1.0, honest(p, r))), "share their score with another"),
        (lambda p, r: max(0.0, honest(p, r) - 1), "share their score with another"),
        (lambda p, r: math.tanh(8 * honest(p, r)), "lost at"),
        (lambda p, r: sigmoid(9 * honest(p, r)), "lost at"),
        (
            lambda p, r: float(cast(np.array([sigmoid(honest(p, r))]), "bfloat16")[0]),
            "share their score with another",
        ),
        (lambda p, r: round(honest(p, r), 1), "share their score with another"),
        (lambda p, r: float(len(r)), "share their score with another"),
        (lambda p, r: 1e6 + 0.01 * honest(p, r), "lost at"),
    ],
)
def test_spoilt_rewards_fail(
    tmp_path: Path, reward: Callable[[str, str], float], said: str
) -> None:
    verdict = judge(tmp_path, per_text(reward))
    assert (verdict.decision, verdict.outcome) == ("fail", "fail")
    assert said in verdict.message


def scores_of(texts: list[tuple[str, str]]) -> NDArray[np.float64]:
    return np.array([honest(prompt, response) for prompt, response in texts])


@pytest.mark.parametrize(
    "normalise",
    [
        lambda scores: (scores - scores.mean()) / scores.std(),
        lambda scores: scores - scores.mean(),
        lambda scores: scores / np.abs(scores).max(),
        lambda scores: (scores - scores.min()) / (scores.max() - scores.min()),
        lambda scores: scores.argsort().argsort() / len(scores),
    ],
)
def test_rewards_that_are_normalised_by_their_batch_fail(
    tmp_path: Path, normalise: Callable[[NDArray[np.float64]], NDArray[np.float64]]
) -> None:
    source = FunctionSource(lambda texts: normalise(scores_of(texts)).tolist())
    verdict = judge(tmp_path, source)
    assert verdict.outcome == "fail"
    assert "a score depends on the rest of its batch: p" in verdict.message
    assert (
        judge(tmp_path, FunctionSource(lambda texts: scores_of(texts).tolist())).outcome == "pass"
    )


class Headed(Source):
    """A model in little: hidden state times head, then something behind the head."""

    fingerprint = None
    scores_new_text = True
    spec = "hf:little"

    def __init__(self, behind: Callable[[float, float], float], factor: float = 1.0) -> None:
        self.behind, self.factor = behind, factor

    def score(self, dialogues: list[Dialogue]) -> NDArray[np.float64]:
        hidden = [honest(prompt_text(d.prompt), d.response) for d in dialogues]
        values = [self.behind(float(np.float32(h)), self.factor) for h in hidden]
        return np.array(values, dtype=np.float32).astype(np.float64)

    def with_head_scaled(self, factor: float) -> RewardSource:
        return Headed(self.behind, factor)


@pytest.mark.parametrize(
    ("behind", "outcome"),
    [
        (lambda h, a: a * h, "pass"),
        (lambda h, a: a * (3 * h + 2), "pass"),  # weights and bias scale together
        (lambda h, a: math.tanh(a * h / 4), "fail"),
        (lambda h, a: max(-20.0, min(20.0, a * h)), "fail"),
        (lambda h, a: a * h + 0.5, "fail"),  # a bias that is not the head's
        (lambda h, a: h, "fail"),  # the factor never arrives
        (lambda h, a: a * h * (1 + 0.001 * (a != 1)), "fail"),
    ],
)
def test_a_head_times_a_constant_gives_scores_times_that_constant(
    tmp_path: Path, behind: Callable[[float, float], float], outcome: str
) -> None:
    verdict = judge(tmp_path, Headed(behind))
    assert verdict.outcome == outcome
    assert verdict.evidence.notes == ()
    if outcome == "fail":
        assert re.search(r"the head times \S+ gives \S+ for p\d+/chosen, not", verdict.message)
        assert verdict.message.endswith("something after the head is not linear")


def test_the_smallest_counterexample_is_named() -> None:
    # One pair's margin is 2⁻³⁰ at a score of 1: a float32, with 24 bits, cannot hold it at all,
    # so the search shrinks to the identity, and names that pair and no other.
    chosen, rejected = [2.0 + i for i in range(60)], [-2.0 - i for i in range(60)]
    chosen[7], rejected[7] = 1 + 2.0**-30, 1.0
    ctx = TableContext(PAIRS, (chosen, rejected))
    verdict = CHECK.judge(ctx)
    assert verdict.message == (
        "scale_invariance 1 of 60 orderings is lost at a=1, b=0 in float32 (max_flips 0), "
        "first p007"
    )
    assert verdict.evidence.pairs == ("p007",)
    # Around 0 a float32 holds such a margin; a shift is needed, and the simplest is one spread.
    chosen[7], rejected[7] = 2.0**-30, 0.0
    verdict = CHECK.judge(TableContext(PAIRS, (chosen, rejected)))
    spread = float(np.concatenate([chosen, rejected]).std())
    assert f"1 of 60 orderings is lost at a=1, b={spread:.6g} in float32" in verdict.message
    assert np.float32(chosen[7] + spread) == np.float32(rejected[7] + spread)
    # One flip may be allowed.
    assert dataclasses.replace(CHECK, max_flips=1).judge(ctx).outcome == "pass"


def test_lost_pairs_stand_in_the_order_of_their_margins() -> None:
    chosen, rejected = [2.0 + i for i in range(60)], [-2.0 - i for i in range(60)]
    for row, margin in ((3, 2.0**-28), (9, -(2.0**-30)), (20, 2.0**-29)):
        chosen[row], rejected[row] = 1 + margin, 1.0
    verdict = CHECK.judge(TableContext(PAIRS, (chosen, rejected)))
    assert verdict.evidence.pairs == ("p009", "p020", "p003")
    assert "(max_flips 0), first p009;" in verdict.message


def test_the_coarser_precisions_lose_more(tmp_path: Path) -> None:
    verdict = judge(tmp_path, per_text(honest))
    lost = dict(verdict.evidence.tables[0].rows)
    # 8, 11 and 24 bits of mantissa.
    assert lost["float32"] == 0 < lost["float16"] < lost["bfloat16"]
    strict = dataclasses.replace(CHECK, precision="bfloat16")
    verdict = judge(tmp_path, per_text(honest), strict)
    assert verdict.outcome == "fail"
    assert "in bfloat16 (max_flips 0), first p" in verdict.message
    lenient = dataclasses.replace(strict, max_flips=lost["bfloat16"])
    assert "lost at" not in judge(tmp_path, per_text(honest), lenient).message


def test_a_share_of_equal_scores_may_be_allowed() -> None:
    # 4 of 120 responses share one score.
    chosen = [float(i) + 0.5 for i in range(60)]
    rejected = [-float(i) - 0.5 for i in range(60)]
    chosen[0] = chosen[1] = chosen[2] = chosen[3] = 77.0
    ctx = TableContext(PAIRS, (chosen, rejected))
    verdict = dataclasses.replace(CHECK, max_shared=3 / 120).judge(ctx)
    assert (
        "4 of 120 different responses share their score with another (4 have 77)" in verdict.message
    )
    assert dataclasses.replace(CHECK, max_shared=4 / 120).judge(ctx).outcome == "pass"
    # One response that stands in many pairs shares its score with nobody.
    pairs = [dataclasses.replace(pair, prompt="same", rejected="same") for pair in PAIRS]
    ctx = TableContext(pairs, ([float(i) + 0.5 for i in range(60)], [-7.0] * 60))
    assert CHECK.judge(ctx).outcome == "pass"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Absolute(Check):
    """Chosen responses score above 1 on average: a statement that no rescaling leaves alone."""

    kind = "absolute"

    def judge(self, ctx: Context) -> Verdict:
        high = ctx.scored(self.select(ctx.data)).chosen.mean() > 1
        decision = "pass" if high else "fail"
        return Verdict(decision=decision, outcome=decision, message="")


class Declared(Absolute):
    kind = "declared"

    @property
    def scale_free(self) -> bool:
        return False


def test_verdicts_that_depend_on_the_scale_are_found_or_declared(tmp_path: Path) -> None:
    source = per_text(honest)

    def with_sibling(*checks: Check) -> Verdict:
        siblings = (CHECK, WinRate(min=0.6), *checks)
        return CHECK.judge(live_context(tmp_path, PAIRS, source, checks=siblings))

    found = with_sibling(Absolute())
    # Scores of mean 2 are near 2/64 - 3·1.4 after the smallest map.
    assert found.outcome == "fail"
    assert "the verdict of absolute changes from pass to fail at a=0.015625, b=-" in found.message
    declared = with_sibling(Declared())
    assert declared.outcome == "pass"
    assert (
        "not compared under rescaling, because they depend on the scale: declared"
        in declared.evidence.notes
    )
    epsilon = with_sibling(WinRate(name="close", min=0.6, ties="epsilon", epsilon=0.5))
    assert epsilon.outcome == "pass"
    assert (
        "not compared under rescaling, because they depend on the scale: close"
        in epsilon.evidence.notes
    )


def test_scores_beyond_a_precision_are_lost_orderings_not_a_crash(tmp_path: Path) -> None:
    # A float16 ends at 65504; 64 times a score of 5000 does not fit.
    check = dataclasses.replace(CHECK, precision="float16")
    verdict = judge(tmp_path, per_text(lambda p, r: 5000 + honest(p, r)), check)
    assert verdict.outcome == "fail"
    assert "orderings are lost" in verdict.message
    generous = dataclasses.replace(check, max_flips=60)
    verdict = judge(tmp_path, per_text(lambda p, r: 5000 + honest(p, r)), generous)
    assert "at a=64" not in verdict.message  # nobody judges what is infinite


def test_the_same_seed_gives_the_same_verdict(tmp_path: Path) -> None:
    source = per_text(lambda p, r: math.tanh(8 * honest(p, r)))
    assert judge(tmp_path, source) == judge(tmp_path, source)


def test_the_command_line_says_how_long_to_search(tmp_path: Path) -> None:
    ctx = live_context(tmp_path, PAIRS, per_text(honest), checks=(CHECK,), examples=11)
    assert "over 11 maps" in CHECK.judge(ctx).message
    assert "|examples:11|" in CHECK.judge(ctx).signature
