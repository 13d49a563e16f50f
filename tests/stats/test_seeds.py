"""Two recipes over seeds: textbook cases of its two variances, and simulated trainings."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from rmcheck.stats.paired import paired_difference
from rmcheck.stats.seeds import (
    Spread,
    detectable_recipe_drop,
    half_width,
    p_below,
    recipe_difference,
)

Wins = NDArray[np.float64]


def singletons(n: int) -> list[str]:
    return [f"g{row}" for row in range(n)]


def drawn(
    rng: np.random.Generator, ability: Wins, trainings: int, *, seed: float, noise: float = 0.8
) -> Wins:
    """Wins of trainings whose ability differs by seed, and by seed and pair."""
    n = len(ability)
    shift = seed * rng.standard_normal((trainings, 1))
    return (ability + shift + noise * rng.standard_normal((trainings, n)) > 0).astype(np.float64)


def only_seeds(degrees: int, *, pairs: float = 0.0) -> Spread:
    return Spread(
        pairs=pairs, seed=1e-4, noise=0.0, factor=2 / 3, degrees=degrees, pair_degrees=1e9
    )


@pytest.mark.parametrize("degrees", [1, 2, 4, 8])
@pytest.mark.parametrize("drop", [0.005, 0.02, 0.1])
def test_where_seeds_decide_p_is_that_of_students_t(degrees: int, drop: float) -> None:
    expected = stats.t.cdf(-drop / math.sqrt(2 / 3 * 1e-4), degrees)
    assert p_below(-drop, only_seeds(degrees)) == pytest.approx(expected, rel=1e-4)


def test_where_pairs_decide_p_is_that_of_the_normal() -> None:
    spread = Spread(pairs=1e-4, seed=0.0, noise=0.0, factor=1.0, degrees=2, pair_degrees=1e9)
    assert p_below(-0.02, spread) == pytest.approx(stats.norm.cdf(-2.0), rel=1e-6)
    assert half_width(0.025, spread) == pytest.approx(0.0195996, rel=1e-4)


def test_p_is_that_of_behrens_and_fisher() -> None:
    # Drawn: the variance of the seeds may be 4 · S² / χ²(4), that of the pairs is known.
    rng = np.random.default_rng(0)
    spread = only_seeds(4, pairs=1e-4)
    possible = 1e-4 + 2 / 3 * 4 * 1e-4 / rng.chisquare(4, 400_000)
    expected = stats.norm.cdf(-0.03 / np.sqrt(possible)).mean()
    assert p_below(-0.03, spread) == pytest.approx(expected, rel=0.01)


def test_the_variances_are_those_of_a_two_way_analysis() -> None:
    rng = np.random.default_rng(1)
    ours, theirs = (drawn(rng, rng.standard_normal(60) + 0.5, k, seed=0.3) for k in (3, 2))
    spread = recipe_difference(ours, theirs, singletons(60)).spread
    seen, noise = 0.0, 0.0
    for table in (ours, theirs):
        k, n = table.shape
        seen += (k - 1) * table.mean(axis=1).var(ddof=1)
        fitted = table.mean(axis=0) + table.mean(axis=1)[:, None] - table.mean()
        noise += float(((table - fitted) ** 2).sum()) / (n - 1) / n
    assert spread.seed == pytest.approx(seen / 3)
    assert spread.noise == pytest.approx(noise / 3)
    change = ours.mean(axis=0) - theirs.mean(axis=0)
    assert spread.pairs == pytest.approx(change.var(ddof=1) / 60)
    assert (spread.factor, spread.degrees) == (1 / 3 + 1 / 2, 3)


def test_the_difference_is_exact() -> None:
    # 3 trainings against 1 on 150 pairs; each of the three loses just 3 pairs: 0.02.
    theirs = np.ones((1, 150))
    ours = np.ones((3, 150))
    for row in range(3):
        ours[row, 3 * row : 3 * row + 3] = 0.0
    found = recipe_difference(ours, theirs, singletons(150))
    assert found.estimate.value == -0.02
    assert found.estimate.method == "newcombe-seeds3x1"
    assert (found.newly_wrong, found.newly_right) == (9, 0)


def test_exchanging_the_recipes_mirrors_everything() -> None:
    rng = np.random.default_rng(2)
    ours, theirs = (drawn(rng, rng.standard_normal(80) + 0.5, k, seed=0.2) for k in (3, 2))
    one, other = (
        recipe_difference(*both, singletons(80)) for both in ((ours, theirs), (theirs, ours))
    )
    assert one.estimate.value == -other.estimate.value
    assert one.estimate.low == pytest.approx(-other.estimate.high)
    assert one.p_two_sided == pytest.approx(other.p_two_sided)


def test_few_discordant_pairs_are_judged_by_the_exact_test() -> None:
    # Five pairs lost by every training of 200: whatever the variances, chance does it with 1/32.
    theirs, ours = np.ones((2, 200)), np.ones((2, 200))
    ours[:, :5] = 0.0
    assert recipe_difference(ours, theirs, singletons(200)).p_less == pytest.approx(1 / 32)


def test_equal_trainings_have_an_interval_all_the_same() -> None:
    wins = np.ones((2, 40))
    found = recipe_difference(wins, wins, singletons(40))
    assert found.estimate.low < 0.0 < found.estimate.high
    assert (found.p_less, found.p_two_sided) == (1.0, 1.0)


def test_one_group_says_nothing() -> None:
    found = recipe_difference(np.zeros((2, 40)), np.ones((2, 40)), ["same"] * 40)
    assert (found.estimate.low, found.estimate.high) == (-1.0, 1.0)
    assert found.p_less >= 0.5


def test_pairs_of_a_prompt_count_together() -> None:
    rng = np.random.default_rng(3)
    ours, theirs = (drawn(rng, rng.standard_normal(60) + 0.5, 3, seed=0.1) for _ in range(2))
    alone = recipe_difference(ours, theirs, singletons(60)).spread
    copies = [np.repeat(table, 3, axis=1) for table in (ours, theirs)]
    groups = [f"g{row // 3}" for row in range(180)]
    together = recipe_difference(*copies, groups).spread
    assert together.pairs == pytest.approx(alone.pairs)
    assert together.noise == pytest.approx(alone.noise)


@pytest.mark.parametrize(
    ("ours", "theirs", "said"),
    [
        (np.ones((1, 20)), np.ones((1, 20)), "two trainings of one recipe"),
        (np.ones((2, 20)), np.ones((2, 19)), "they must be the same number"),
        (np.full((2, 20), 0.7), np.ones((2, 20)), r"candidate\[0, 0\] is 0.7"),
        (np.ones(20), np.ones((2, 20)), r"expected \(trainings, pairs\)"),
    ],
)
def test_mistakes_are_named(ours: Wins, theirs: Wins, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        recipe_difference(ours, theirs, singletons(20))


def alarms(trainings: tuple[int, int], seed: float, *, runs: int, drop: float = 0.0) -> float:
    """The share of simulated comparisons of 300 pairs that are red at one-sided 0.025."""
    rng = np.random.default_rng(0)
    red = 0
    for _ in range(runs):
        ability = rng.standard_normal(300) + 0.7
        ours = drawn(rng, ability - drop, trainings[0], seed=seed)
        theirs = drawn(rng, ability, trainings[1], seed=seed)
        found = recipe_difference(ours, theirs, singletons(300))
        red += found.estimate.value <= -0.02 and found.p_less <= 0.025
    return red / runs


def test_equal_recipes_are_seldom_red() -> None:
    # 3.5 standard errors above the nominal share of 0.025.
    assert alarms((2, 3), 0.3, runs=60) <= 0.025 + 3.5 * math.sqrt(0.025 * 0.975 / 60)


def test_judged_as_two_models_equal_recipes_are_red_far_too_often() -> None:
    # The fault that this is about: one training of each, judged by the pairs alone.
    rng = np.random.default_rng(0)
    red = 0
    for _ in range(40):
        ability = rng.standard_normal(300) + 0.7
        ours, theirs = (drawn(rng, ability, 1, seed=0.3)[0] for _ in range(2))
        found = paired_difference(ours, theirs, singletons(300))
        red += found.estimate.value <= -0.02 and found.p_less <= 0.025
    assert red / 40 >= 0.125


@pytest.mark.slow
@pytest.mark.parametrize("trainings", [(2, 2), (3, 3), (5, 5), (1, 3), (3, 1)])
@pytest.mark.parametrize("seed", [0.0, 0.03, 0.1, 0.3])
def test_equal_recipes_are_red_in_no_more_than_four_in_a_hundred(
    trainings: tuple[int, int], seed: float
) -> None:
    assert alarms(trainings, seed, runs=1000) <= 0.04


@pytest.mark.slow
@pytest.mark.parametrize(("trainings", "seed"), [((3, 3), 0.1), ((5, 5), 0.05)])
def test_the_drop_that_is_said_to_be_detected_is(trainings: tuple[int, int], seed: float) -> None:
    rng = np.random.default_rng(5)
    ability = rng.standard_normal(4000) + 0.7  # many pairs: what is seen is what is true
    tables = [drawn(rng, ability, 40, seed=seed) for _ in range(2)]
    spread = recipe_difference(*tables, singletons(4000)).spread
    said = detectable_recipe_drop(
        spread, trainings=trainings, max_drop=0.02, each=0.025, pairs=300 / 4000, now=(40, 40)
    )
    assert said is not None
    # One standard deviation of ability and of noise: points of win rate per unit of ability.
    before, after = (stats.norm.cdf((0.7 - d) / math.sqrt(1 + 0.64 + seed**2)) for d in (0.0, 0.1))
    caught = alarms(trainings, seed, runs=150, drop=0.1 * said / (before - after))
    assert 0.68 <= caught <= 0.92


def test_more_seeds_and_more_pairs_detect_smaller_drops() -> None:
    spread = Spread(pairs=2e-4, seed=4e-4, noise=1e-4, factor=2 / 3, degrees=4, pair_degrees=999.0)

    def said(k: int, pairs: float = 1.0, each: float = 0.025) -> float:
        found = detectable_recipe_drop(
            spread, trainings=(k, k), max_drop=0.02, each=each, pairs=pairs, now=(3, 3)
        )
        assert found is not None
        return found

    assert said(2) > said(3) > said(5) > said(10) > 0.02
    assert said(3, pairs=4) < said(3) < said(3, each=0.025 / 8)
