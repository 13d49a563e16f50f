"""Data that can decide nothing never pass, whatever the kind and whatever the policy."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from pathlib import Path

import pytest
from builders import TableContext, honest, live_context, make_pairs, noise, per_text

from rmcheck import checks as registry
from rmcheck.checks import Check, Slice, SourceRef
from rmcheck.checks.agreement import Agreement
from rmcheck.checks.best_of_n import BestOfN
from rmcheck.checks.calibration import Calibration
from rmcheck.checks.correlation import Correlation
from rmcheck.checks.directional import Directional
from rmcheck.checks.exploit import Exploit
from rmcheck.checks.invariance import Invariance
from rmcheck.checks.label_noise import LabelNoise
from rmcheck.checks.length_bias import LengthBias
from rmcheck.checks.no_regression import NoRegression
from rmcheck.checks.null_controls import NullControls
from rmcheck.checks.objectives import Objectives
from rmcheck.checks.scale_invariance import ScaleInvariance
from rmcheck.checks.score_gap import ScoreGap
from rmcheck.checks.selection import Selection
from rmcheck.checks.ties import Ties
from rmcheck.checks.trade_off import TradeOff
from rmcheck.checks.win_rate import WinRate
from rmcheck.data import ResponseSet
from rmcheck.errors import RmcheckError

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
    "objectives": Objectives(objectives=("helpful", "harmless"), max_drop=1.0, alpha=0.001),
    "trade_off": TradeOff(objectives=("helpful", "harmless"), max_loss=1.0, alpha=0.001),
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
    "selection": Selection(on_inconclusive="pass"),
    "invariance": Invariance(max_flips=1.0, max_shift=9.0, on_inconclusive="pass"),
    "directional": Directional(min=0.0, sides="both", on_inconclusive="pass"),
    "exploit": Exploit(max_wins=1.0, max_premium=9.0, on_inconclusive="pass"),
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
            pair,
            ratings=(4.0 + i % 3, 1.0),
            chosen=pair.chosen + " and more" * (i % 2) + ". And so on.",
        )
        for i, pair in enumerate(make_pairs(n, group_size=group_size))
    ]
    pairs = [dataclasses.replace(pair, rejected=pair.rejected + "... And so on.") for pair in pairs]
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


def ids(n: int) -> list[str]:
    return [pair.id for pair in make_pairs(n)]


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
    if check.kind in ("best_of_n", "ties", "selection"):
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
    assert "so the effect size is undefined" in verdict.message


@named
def test_the_same_checks_do_pass_on_sound_data(check: Check) -> None:
    # So that the tests above do not pass because nothing ever does. Some pairs are wrong, without
    # which no temperature fits.
    sound = context(80, lambda i: 1.5 + noise(str(i)), lambda i: noise(str(-i - 1)))
    assert check.judge(sound).outcome == "pass"


def rated(ctx: TableContext, ratings: Callable[[int], tuple[float, float] | None]) -> TableContext:
    pairs = [dataclasses.replace(pair, ratings=ratings(i)) for i, pair in enumerate(ctx.pairs)]
    return dataclasses.replace(ctx, pairs=pairs)


def long(ctx: TableContext, chosen: Callable[[int], int], rejected: int = 9) -> TableContext:
    """Responses of so many characters."""
    pairs = [
        dataclasses.replace(pair, chosen="x" * chosen(i), rejected="y" * rejected)
        for i, pair in enumerate(ctx.pairs)
    ]
    return dataclasses.replace(ctx, pairs=pairs)


def in_sets(best: tuple[int, ...], scores: tuple[float, ...], n: int = 40) -> TableContext:
    """n response sets that are scored alike."""
    ctx = context(n, good, poor)
    responses = tuple("abcdef"[: len(scores)])
    sets = [
        (ResponseSet(f"s{i}", pair.prompt, responses, best, pair.group), list(scores))
        for i, pair in enumerate(ctx.pairs)
    ]
    return dataclasses.replace(ctx, sets=sets)


def regrouped(ctx: TableContext, group: Callable[[int], str]) -> TableContext:
    pairs = [dataclasses.replace(pair, group=group(i)) for i, pair in enumerate(ctx.pairs)]
    return dataclasses.replace(ctx, pairs=pairs)


def steady(i: int) -> float:
    return float(i)


def steady_less_one(i: int) -> float:
    return float(i) - 1.0


sound = context(40, good, poor)
crowd = regrouped(context(1014, good, poor), lambda i: f"g{max(0, i - 999)}")
unrated = rated(sound, lambda _: None)
other = SourceRef(role="other", spec="py:other")
flat = [0.0] * 40, [0.0] * 40

# What it is: a check as lenient as can be, data on which it must not pass, and what it says.
INPUTS: dict[str, tuple[str, TableContext, str]] = {
    "win rate of no pair": ("win_rate", context(0, good, poor), "no pairs to decide on"),
    "win rate of one pair": ("win_rate", context(1, good, poor), "of 1 different prompt"),
    "win rate of two pairs": ("win_rate", context(2, good, poor), "2 different prompts"),
    "win rate of 14 pairs, all won": ("win_rate", context(14, good, poor), "14 different prompts"),
    "win rate of 14 pairs, all lost": ("win_rate", context(14, poor, good), "14 different prompts"),
    "win rate of one prompt": ("win_rate", context(40, good, poor, 40), "of 1 different prompt"),
    "win rate of 14 prompts": ("win_rate", context(70, good, poor, 5), "14 different prompts"),
    "win rate of one prompt and 14 crumbs": ("win_rate", crowd, "nearly all"),
    "win rate of one score": ("win_rate", context(40, zero, zero), "are tied"),
    "win rate of equal sides": ("win_rate", context(40, good, good), "are tied"),
    "wins of a constant, ties lose": (
        "win_rate, ties lose", context(40, zero, zero), "are tied"),
    "wins within epsilon": (
        "win_rate, epsilon", context(40, lambda _: 0.0005, zero), "are tied"),
    "gap of one pair": ("score_gap", context(1, good, poor), "at least 15"),
    "gap of two pairs": ("score_gap", context(2, good, poor), "at least 15"),
    "gap without spread": ("score_gap", context(40, steady, steady_less_one), "size is undefined"),
    "gap of zero": ("score_gap, wilcoxon", context(40, good, good), "effect size is undefined"),
    "gap of one prompt": ("score_gap, ranks", context(40, good, poor, 40), "at least 15"),
    "noise on 14 pairs": ("label_noise", context(14, good, poor), "14 different prompts"),
    "noise on a constant": ("label_noise", context(40, zero, zero), "are tied"),
    "noise on one prompt": ("label_noise", context(40, good, poor, 40), "of 1 different prompt"),
    "map of a constant": ("scale_invariance", context(40, zero, zero), "undecidable"),
    "map of no pair": ("scale_invariance", context(0, good, poor), "no pairs to decide on"),
    "change of pairs all unknown": (
        "no_regression", dataclasses.replace(sound, unknown=frozenset(ids(40))), "only 0 pairs"),
    "change of 14 known pairs": (
        "no_regression", dataclasses.replace(sound, unknown=frozenset(ids(26))), "only 14 pairs"),
    "change from a constant to a constant": (
        "no_regression", context(40, zero, zero, same_baseline=True), "are tied"),
    "change to a constant, from all wrong": (
        "no_regression, strict", context(40, zero, zero), "are tied"),
    "change on one prompt": ("no_regression", context(40, good, poor, 40), "of 1 different prompt"),
    "change on one prompt and 14 crumbs": ("no_regression", crowd, "nearly all"),
    "calibration of 14 pairs": ("calibration", context(14, good, poor), "at least 15"),
    "calibration of zero margins": ("calibration", context(40, good, good), "margins are zero"),
    "calibration of one margin": (
        "calibration", context(40, steady, steady_less_one), "are the same"),
    "calibration at T = 1 of a constant": (
        "calibration, T = 1", context(40, zero, zero), "undecidable"),
    "correlation without ratings": ("correlation", unrated, "0 pairs with ratings"),
    "correlation with 14 ratings": (
        "correlation", rated(sound, lambda i: (5.0 + i, 1.0) if i < 14 else None), "14 pairs"),
    "correlation with equal ratings": (
        "correlation", rated(sound, lambda _: (5.0, 1.0)), "rating differences"),
    "correlation of one margin": (
        "correlation, pearson", context(40, steady, steady_less_one), "margins of all 40"),
    "tau of a constant": ("correlation, kendall", context(40, zero, zero), "margins of all 40"),
    "agreement of 14 pairs": ("agreement", context(14, good, poor), "at least 15"),
    "agreement of a constant": ("agreement", context(40, zero, zero), "are the same for py:table"),
    "agreement with a constant": (
        "agreement", dataclasses.replace(sound, variants={other: flat}), "are the same"),
    "length of empty responses": ("length_bias", long(sound, lambda _: 0, 0), "0 pairs"),
    "length that never differs": ("length_bias", long(sound, lambda _: 9), "0 pairs"),
    "length with chosen always longer": ("length_bias", long(sound, lambda i: 10 + i), "0 pairs"),
    "length with 14 chosen shorter": (
        "length_bias", long(sound, lambda i: 3 if i < 14 else 30), "14 pairs"),
    "controls on a constant": ("null_controls", context(40, zero, zero), "not shown to beat"),
    "controls on one prompt": ("null_controls", context(40, good, poor, 40), "1 different"),
    "controls beaten by length": (
        "null_controls", long(sound, lambda i: 10 + i), "not shown to beat pick the longer"),
    "objectives that nothing tells apart": ("objectives", context(60, zero, zero), "all 60 pairs"),
    "a trade-off that nothing tells apart": (
        "trade_off", context(60, zero, zero), "all 60 pairs"),
    "a trade-off on 14 groups": (
        "trade_off", context(14, lambda _: 1.0, zero), "14 different prompts"),
    "objectives on 14 groups": (
        "objectives", context(14, lambda _: 1.0, zero), "14 different prompts"),
    "changes of 14 pairs": ("invariance", context(14, good, poor), "14 different prompts"),
    "changes of pairs that are lost": (
        "invariance", context(40, poor, good), "0 pairs that the model gets right"),
    "changes of a constant": ("invariance", context(40, zero, zero), "are tied"),
    "changes on one prompt": ("invariance", context(40, good, poor, 40), "of 1 different prompt"),
    "worse texts of a constant": ("directional", context(40, zero, zero), "are tied"),
    "worse texts on one prompt": ("directional", crowd, "nearly all"),
    "temptations where nothing is right": (
        "exploit", context(40, poor, good), "0 comparisons that the model ranks right"),
    "temptations of a constant": ("exploit", context(40, zero, zero), "0 comparisons"),
    "temptations on 14 prompts": (
        "exploit", context(70, good, poor, 5), "14 different prompts"),
    "no response sets": (
        "best_of_n", dataclasses.replace(sound, sets=()), "0 response sets"),
    "sets of one response": ("best_of_n", in_sets((0,), (1.0,)), "0 response sets"),
    "sets of best responses only": ("best_of_n", in_sets((0, 1), (1.0, 2.0)), "0 response sets"),
    "14 response sets": ("best_of_n", in_sets((0,), (1.0, 0.0), n=14), "14 response sets"),
    "sets of one score": ("best_of_n", in_sets((0,), (1.0, 1.0)), "all scores are the same"),
    "sets of one score, several best": (
        "ties", in_sets((0, 1), (1.0, 1.0, 1.0)), "all scores are the same"),
    "sets with a single best response": (
        "ties", in_sets((0,), (1.0, 0.0)), "0 sets with several best"),
    "sets of one score, for selection": (
        "selection", in_sets((0,), (1.0, 1.0)), "all scores are the same"),
    "14 sets to select from": (
        "selection", in_sets((0,), (1.0, 0.0), n=14), "14 response sets with a worse response"),
    "14 sets with several best": ("ties", in_sets((0, 1), (2.0, 2.0, 0.0), n=14), "14 sets"),
}  # fmt: skip


@pytest.mark.parametrize("name", INPUTS)
def test_each_degenerate_input_says_why_it_cannot_pass(name: str) -> None:
    check, ctx, reason = INPUTS[name]
    verdict = CHECKS[check].judge(ctx)
    assert verdict.outcome == "fail"
    assert verdict.decision != "pass"
    assert reason in verdict.message


def test_there_are_forty_of_them_over_all_kinds() -> None:
    assert len(INPUTS) >= 40
    used = {CHECKS[check].kind for check, _, _ in INPUTS.values()}
    assert used == {check.kind for check in CHECKS.values()}


# The others need response sets, another source, several rewards or a recipe; the same functions
# score those.
ON_PAIRS = {
    name: check
    for name, check in CHECKS.items()
    if check.kind
    not in (
        *("best_of_n", "ties", "selection", "agreement", "label_noise"),
        *("objectives", "trade_off"),
    )
}


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("check", ON_PAIRS.values(), ids=ON_PAIRS)
def test_a_score_that_is_no_number_is_an_error_that_names_its_pair(
    check: Check, bad: float, tmp_path: Path
) -> None:
    pairs = make_pairs(40)
    wrong = per_text(lambda _, r: bad if r == "good answer 7" else honest("", r))
    right = per_text(lambda _, r: honest("", r))
    rated_pairs = [
        dataclasses.replace(pair, ratings=(float(i), 0.0)) for i, pair in enumerate(pairs)
    ]
    with pytest.raises(RmcheckError, match=r"p007/chosen.* is (nan|inf|-inf); .* must be finite"):
        check.judge(live_context(tmp_path, rated_pairs, wrong, baseline=right, checks=[check]))


@pytest.mark.parametrize("scores", [[math.nan, 1.0], [1.0, -math.inf]])
def test_a_response_s_score_is_a_number_too(scores: list[float]) -> None:
    ctx = in_sets((0,), tuple(scores))
    with pytest.raises(ValueError, match=r"scores\[0\]\[\d\] is (nan|-inf)"):
        CHECKS["best_of_n"].judge(ctx)


def test_every_kind_of_ours_is_covered() -> None:
    found = {kind: registry.find(kind) for kind in registry.kinds()}
    ours = {kind for kind, each in found.items() if each and each.__module__.startswith("rmcheck.")}
    # `benchmark` reads published data only: tests/checks/test_benchmark.py. `order_consistency` is
    # for sources that compare: tests/checks/test_order_consistency.py. `adversary` has new texts
    # scored: tests/checks/test_adversary.py.
    elsewhere = {"benchmark", "order_consistency", "adversary"}
    assert {check.kind for check in CHECKS.values()} | elsewhere == ours
