"""Lost wins of two models: exact on the same pairs, and quiet where the models are alike."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest

from rmcheck.checks.more_flips import ALL, FlipRule, Flips, MoreFlips, more_flips
from rmcheck.stats.multiplicity import holm

NAN = float("nan")


def compare(flips: list[Flips], groups: list[str], most: float = 0.0, m: int = 1) -> MoreFlips:
    return more_flips(flips, groups, FlipRule(most=most, alpha=0.05, comparisons=m))


def names(n: int) -> list[str]:
    return [f"g{i}" for i in range(n)]


def flips(name: str, now: list[float], before: list[float]) -> Flips:
    return Flips(name, np.array(now), np.array(before))


def test_of_whole_flips_it_is_the_sign_test() -> None:
    now, before = [1.0] * 9 + [0.0] * 31, [0.0] * 7 + [1.0] * 5 + [0.0] * 28
    (found,) = compare([flips("typos", now, before)], names(40)).found
    # Two pairs flip for both; seven are new, three no longer.
    assert (found.n, found.n_groups, found.difference) == (40, 40, 4 / 40)
    assert found.p_value == pytest.approx(binomtest(7, 10, 0.5, "greater").pvalue)


def test_all_changes_together_are_one_comparison_more() -> None:
    a = flips("a", [1.0] * 6 + [0.0] * 14, [0.0] * 20)
    b = flips("b", [0.0] * 10 + [0.5] * 6 + [NAN] * 4, [0.0] * 16 + [NAN] * 4)
    result = compare([a, b], names(20), most=0.1)
    assert [each.name for each in result.found] == [ALL, "a", "b"]
    # Six whole flips and six halves, each in a pair of its own: all signs agree.
    assert [each.p_value for each in result.found] == pytest.approx([0.5**12, 0.5**6, 0.5**6])
    assert [each.adjusted for each in result.found] == holm([0.5**12, 0.5**6, 0.5**6])
    assert result.found[0].difference == pytest.approx((6 + 3) / (20 + 16))
    assert [each.name for each in result.worse] == [ALL]
    assert "more lost wins than main (max_more_flips 0.10): all changes +0.25" in result.message(
        "main"
    )
    assert len(result.tables("main")[0].rows) == 3


def test_prompts_change_sign_together() -> None:
    found = compare(
        [flips("a", [1.0] * 20 + [0.0] * 40, [0.0] * 60)], [f"g{i // 4}" for i in range(60)]
    ).found[0]
    assert found.p_value == 0.5**5


def test_too_few_prompts_in_common_decide_nothing() -> None:
    result = compare([flips("a", [1.0] * 14 + [NAN] * 6, [0.0] * 20)], names(20))
    assert (result.found, result.few, result.worse) == ([], ["a"], [])
    assert result.message("main") == "no change decides anything against main (too few prompts)"


def test_the_level_is_shared_with_other_comparisons_and_a_drop_must_be_large_enough() -> None:
    many = [flips("a", [1.0] * 6 + [0.0] * 34, [0.0] * 40)]  # p = 1/64
    assert compare(many, names(40)).worse
    assert not compare(many, names(40), m=2).worse
    assert not compare(many, names(40), most=0.2).worse
    assert compare(many, names(40), most=0.15).worse
    none = [flips("a", [0.0] * 40, [0.0] * 40)]
    assert not compare(none, names(40)).worse


def lost(
    rng: np.random.Generator, chosen: np.ndarray, rejected: np.ndarray, own: float
) -> np.ndarray:  # type: ignore[type-arg]
    """Flip shares (changes, n) of a model whose scores of copies have noise of their own."""
    shape = (40, len(chosen))
    flips = [
        (chosen + own * rng.normal(size=shape) < rejected),
        (chosen < rejected + own * rng.normal(size=shape)),
    ]
    shares = (flips[0].astype(float) + flips[1]) / 2
    shares[:, chosen <= rejected] = np.nan
    return shares


def red_runs(runs: int, *, extra: float, prompts: int = 100, seed: int = 0) -> int:
    """How many of `runs` comparisons of two models go red, over 40 changes of 2 pairs a prompt.

    The models share what is true of a pair and differ by the noise of their training; the copies of
    the candidate have so much more noise than the baseline's.
    """
    rng = np.random.default_rng(seed)
    groups = [f"g{i // 2}" for i in range(2 * prompts)]
    red = 0
    for _ in range(runs):
        hard = np.repeat(rng.normal(size=prompts), 2)
        truth = [0.8 + 0.5 * hard + rng.normal(size=2 * prompts), rng.normal(size=2 * prompts)]
        sides = [[side + 0.4 * rng.normal(size=2 * prompts) for side in truth] for _ in range(2)]
        now = lost(rng, *sides[0], 0.5 + extra)
        before = lost(rng, *sides[1], 0.5)
        made = [Flips(f"c{i}", now[i], before[i]) for i in range(len(now))]
        red += bool(compare(made, groups).worse)
    return red


@pytest.mark.ci
def test_of_two_models_trained_alike_few_runs_are_red() -> None:
    # α/2 = 2.5 % at most in expectation; 4 % is two standard errors of 500 runs above it.
    assert red_runs(500, extra=0.0) <= 20


@pytest.mark.ci
def test_a_model_that_is_less_steady_is_found() -> None:
    assert red_runs(40, extra=0.4, seed=1) >= 36
