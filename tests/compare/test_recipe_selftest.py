"""`selftest` over recipes: equal ones whose trainings differ by seed, and ones that lost points."""

from __future__ import annotations

import numpy as np
import pytest
from builders import make_pairs, make_suite

from rmcheck.checks.no_regression import NoRegression
from rmcheck.cli.recipes import recipe_lines, recipes_json
from rmcheck.compare.comparison import Side
from rmcheck.compare.recipe_selftest import RecipeSelfTest, recipe_guards, recipe_selftest
from rmcheck.record.scores import PairScore

N = 300
PAIRS = make_pairs(N)
SUITE = make_suite(PAIRS, (NoRegression(),), name="chat")


def side(trainings: int, *, seed_effect: float = 0.2) -> Side:
    """A run of a recipe whose trainings differ by their seed."""
    rng = np.random.default_rng(0)
    ability = rng.standard_normal(N) + 0.7
    shift = seed_effect * rng.standard_normal((trainings, 1))
    margins = ability + shift + 0.8 * rng.standard_normal((trainings, N))
    rows = [
        PairScore(
            suite="chat",
            id=pair.id,
            hash=pair.hash,
            group=pair.group,
            chosen=float(column[0]),
            rejected=0.0,
            seeds={str(seed): (float(each), 0.0) for seed, each in enumerate(column)},
        )
        for pair, column in zip(PAIRS, margins.T, strict=True)
    ]
    return Side("run", rows)


@pytest.fixture(scope="module")
def found() -> RecipeSelfTest:
    guards = recipe_guards([SUITE], side(3), side(3))
    result = recipe_selftest(guards, comparisons=1, runs=60)
    assert result is not None
    return result


def test_equal_recipes_seldom_fail_and_large_drops_are_caught(found: RecipeSelfTest) -> None:
    assert found.red.value <= 0.1
    assert not found.cries_wolf
    (one,) = found.tested
    caught = [share.value for share in one.caught.values()]
    assert caught == sorted(caught)
    assert one.detectable is not None
    # A drop of the detectable size is caught in four of five runs, smaller ones less often.
    assert all(share.value < 0.95 for drop, share in one.caught.items() if drop < one.detectable)
    assert one.sd == pytest.approx(0.05, abs=0.04)


def test_a_seed_effect_makes_a_comparison_blinder() -> None:
    def detected(effect: float) -> float:
        guards = recipe_guards([SUITE], side(3, seed_effect=effect), None)
        result = recipe_selftest(guards, comparisons=1, runs=1)
        assert result is not None
        return result.tested[0].detectable or 1.0

    assert detected(0.0) < detected(0.2) < detected(0.6)


def test_lines_and_json_say_the_same(found: RecipeSelfTest) -> None:
    lines, data = recipe_lines(found), recipes_json(found)
    assert data is not None
    assert lines[1].startswith("equal recipes, trained with other seeds: ")
    assert "3 + 3" in lines[-1]
    assert data["checks"][0]["trainings"] == [3, 3]
    assert f"{data['equal_recipes']['value']:.1%} of 60 simulated runs" in lines[1]


def test_a_run_of_one_training_has_no_recipes_to_simulate() -> None:
    rows = [row.model_copy(update={"seeds": {}}) for row in side(2).rows]
    assert recipe_guards([SUITE], Side("run", rows), None) == []
    assert recipe_selftest([], comparisons=1, runs=10) is None
    assert (recipe_lines(None), recipes_json(None)) == ([], None)
