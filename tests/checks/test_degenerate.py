"""Data that can decide nothing never pass, whatever the kind and whatever the policy."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest
from builders import TableContext, make_pairs, noise

from rmcheck import checks as registry
from rmcheck.checks import Check, Slice, SourceRef
from rmcheck.checks.agreement import Agreement
from rmcheck.checks.calibration import Calibration
from rmcheck.checks.correlation import Correlation
from rmcheck.checks.label_noise import LabelNoise
from rmcheck.checks.length_bias import LengthBias
from rmcheck.checks.no_regression import NoRegression
from rmcheck.checks.null_controls import NullControls
from rmcheck.checks.response_sets import BestOfN, Ties
from rmcheck.checks.scale_invariance import ScaleInvariance
from rmcheck.checks.score_gap import ScoreGap
from rmcheck.checks.win_rate import WinRate
from rmcheck.data import ResponseSet

# Each as lenient as it can be made: what then passes would pass on anything.
CHECKS: dict[str, Check] = {
    "win_rate": WinRate(min=0.0, on_inconclusive="pass"),
    "win_rate, ties lose": WinRate(min=0.0, on_inconclusive="pass", ties="loss"),
    "win_rate, epsilon": WinRate(min=0.0, on_inconclusive="pass", ties="epsilon", epsilon=0.001),
    "score_gap": ScoreGap(alpha=0.999, min_effect=0.0),
    "score_gap, wilcoxon": ScoreGap(alpha=0.999, min_effect=0.0, test="wilcoxon"),
    "score_gap, ranks": ScoreGap(alpha=0.999, min_effect=0.0, test="mann_whitney"),
    "label_noise": LabelNoise(max_drop=1.0, on_inconclusive="pass"),
    "scale_invariance": ScaleInvariance(examples=10, max_flips=10_000, max_shared=1.0),
    "no_regression": NoRegression(max_drop=1.0, alpha=0.001),
    "no_regression, ties lose": NoRegression(max_drop=1.0, alpha=0.001, ties="loss"),
    "no_regression, strict": NoRegression(max_drop=1.0, alpha=0.001, require="non_inferior"),
    "calibration": Calibration(max_ece=1.0, on_inconclusive="pass"),
    "calibration, T = 1": Calibration(max_ece=1.0, on_inconclusive="pass", temperature="one"),
    "correlation": Correlation(min=-1.0, on_inconclusive="pass"),
    "correlation, kendall": Correlation(min=-1.0, on_inconclusive="pass", method="kendall"),
    "correlation, pearson": Correlation(min=-1.0, on_inconclusive="pass", method="pearson"),
    "agreement": Agreement(with_source="py:other", min=-1.0, on_inconclusive="pass"),
    "length_bias": LengthBias(max_gap=1.0, on_inconclusive="pass"),
    "null_controls": NullControls(alpha=0.999),
    "best_of_n": BestOfN(min=0.0, on_inconclusive="pass"),
    "ties": Ties(min=0.0, on_inconclusive="pass"),
}
named = pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS)


def context(
    n: int,
    chosen: Callable[[int], float],
    rejected: Callable[[int], float],
    group_size: int = 1,
    same_baseline: bool = False,
) -> TableContext:
    """n pairs and n response sets; noisy trainings and the other source score as the candidate
    does, the baseline gets every pair wrong."""
    pairs = [
        dataclasses.replace(
            pair, ratings=(4.0 + i % 3, 1.0), chosen=pair.chosen + " and more" * (i % 2)
        )
        for i, pair in enumerate(make_pairs(n, group_size=group_size))
    ]
    pairs = [dataclasses.replace(pair, rejected=pair.rejected + "...") for pair in pairs]
    now = [chosen(i) for i in range(n)], [rejected(i) for i in range(n)]
    variants = {SourceRef(flip_rate=0.2, flip_seed=seed): now for seed in range(2)}
    before = now if same_baseline else ([-1.0] * n, [1.0] * n)
    sets = [
        (ResponseSet(f"s{i}", pair.prompt, ("a", "b", "c", "d"), (0, 1), pair.group),
         [chosen(i), chosen(i), rejected(i), rejected(i)])
        for i, pair in enumerate(pairs)
    ]  # fmt: skip
    return TableContext(pairs, now, before, variants=variants, sets=sets)


def good(i: int) -> float:
    return 5.0 + noise(str(i))


def poor(i: int) -> float:
    return -5.0 + noise(str(-i))


def zero(_: int) -> float:
    return 0.0


DEGENERATE = {
    "no pairs": context(0, good, poor),
    "one pair": context(1, good, poor),
    "two pairs": context(2, good, poor),
    "14 pairs": context(14, good, poor),
    "one prompt": context(40, good, poor, group_size=40),
    "two prompts": context(40, good, poor, group_size=20),
    "14 prompts": context(70, good, poor, group_size=5),
    "one score": context(40, zero, zero),
    "one score, in the baseline too": context(40, zero, zero, same_baseline=True),
    "every pair tied": context(40, good, good),
    "every pair tied, in the baseline too": context(40, good, good, same_baseline=True),
}


@pytest.mark.parametrize("name", DEGENERATE)
@named
def test_degenerate_data_never_pass(name: str, check: Check) -> None:
    verdict = check.judge(DEGENERATE[name])
    # The constant candidate against a baseline that loses everything did improve from 0 to a half;
    # that is no reason to let a model pass that tells nothing apart.
    assert verdict.outcome == "fail"
    assert verdict.decision != "pass"
    assert verdict.estimate is None or verdict.estimate.low < verdict.estimate.high
    if check.kind != "null_controls":  # which is not beaten by a model that ties all
        assert "undecidable" in verdict.message or "no pairs to decide on" in verdict.message


@named
def test_a_slice_that_selects_nothing_never_passes(check: Check) -> None:
    where = Slice(tags=("nowhere",))
    if check.kind in ("best_of_n", "ties"):
        with pytest.raises(ValueError, match="'where' selects pairs"):
            dataclasses.replace(check, where=where)
        return
    verdict = dataclasses.replace(check, where=where).judge(context(40, good, poor))
    assert (verdict.decision, verdict.outcome) == ("inconclusive", "fail")
    if check.kind == "win_rate":
        assert verdict.message.endswith("`where:` selects none of 40")


def test_margins_without_spread_have_no_effect_size() -> None:
    verdict = ScoreGap(min_effect=0.0, alpha=0.9).judge(context(40, lambda i: i + 1.0, float))
    assert (verdict.decision, verdict.outcome) == ("inconclusive", "fail")
    assert "without spread there is no effect size" in verdict.message


@named
def test_the_same_checks_do_pass_on_sound_data(check: Check) -> None:
    # So that the tests above do not pass because nothing ever does. Some pairs are wrong, without
    # which no temperature fits.
    sound = context(80, lambda i: 1.5 + noise(str(i)), lambda i: noise(str(-i - 1)))
    assert check.judge(sound).outcome == "pass"


def test_every_kind_of_ours_is_covered() -> None:
    found = {kind: registry.find(kind) for kind in registry.kinds()}
    ours = {kind for kind, each in found.items() if each and each.__module__.startswith("rmcheck.")}
    assert {check.kind for check in CHECKS.values()} == ours
