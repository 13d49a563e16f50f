"""Losses of several trainings: as of two models where there are two, and what they see."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from rmcheck.stats.measures import losses_of, pair_losses
from rmcheck.stats.recipe_measures import recipe_evidence
from rmcheck.stats.seeds import recipe_difference

N = 300
GROUPS = [f"g{row}" for row in range(N)]


def margins(trainings: int, seed: int, *, blur: float = 0.0) -> NDArray[np.float64]:
    """Trainings that share the pairs' difficulty; `blur` takes away how sure they are, not more."""
    difficulty = np.random.default_rng(9).standard_normal(N) + 0.7
    rng = np.random.default_rng(seed)
    shift = 0.05 * rng.standard_normal((trainings, 1))
    noise = np.sqrt(0.1 + blur**2) * rng.standard_normal((trainings, N))
    return difficulty + shift + noise


@pytest.mark.parametrize("measure", ["log_loss", "rank_log_loss"])
def test_two_trainings_have_the_losses_of_two_models(measure: str) -> None:
    both = margins(2, 0)
    wins = (both > 0).astype(np.float64)
    expected = pair_losses(measure, margins=(both[0], both[1]), wins=(wins[0], wins[1]))  # type: ignore[arg-type]
    assert losses_of(measure, both, wins) == pytest.approx(np.stack(expected), rel=1e-6)  # type: ignore[arg-type]


def test_one_temperature_is_the_best_for_all_trainings_together() -> None:
    table = margins(3, 3)
    losses = losses_of("log_loss", table, (table > 0).astype(np.float64))
    logits = -np.log(np.expm1(losses))  # margin / T, each in units of its training
    scales = logits / table
    assert np.ptp(scales, axis=1) == pytest.approx(np.zeros(3), abs=1e-9)
    assert scales.mean(axis=1) * np.abs(table).mean(axis=1) == pytest.approx(
        np.full(3, scales[0, 0] * np.abs(table[0]).mean())
    )
    for factor in (0.98, 1.02):
        assert np.logaddexp(0.0, -logits * factor).mean() > losses.mean()


@pytest.mark.parametrize("measure", ["log_loss", "rank_log_loss"])
def test_the_scale_of_a_training_changes_nothing(measure: str) -> None:
    ours, theirs = margins(3, 1, blur=0.5), margins(3, 2)
    scaled = ours * np.array([[1.0], [1000.0], [1e-3]])

    def evidence(table: NDArray[np.float64]) -> tuple[float, float]:
        return recipe_evidence(
            measure,  # type: ignore[arg-type]
            margins=(table, theirs),
            wins=((table > 0).astype(np.float64), (theirs > 0).astype(np.float64)),
            groups=GROUPS,
        )

    assert evidence(scaled) == pytest.approx(evidence(ours), rel=1e-6)


def test_a_recipe_that_is_less_sure_is_seen_better_than_by_its_wins() -> None:
    ours, theirs = margins(3, 1, blur=0.8), margins(3, 2)
    won, held = (ours > 0).astype(np.float64), (theirs > 0).astype(np.float64)
    worse, _ = recipe_evidence(
        "rank_log_loss", margins=(ours, theirs), wins=(won, held), groups=GROUPS
    )
    assert worse < 0.5 * recipe_difference(won, held, GROUPS).p_less


def test_exchanging_the_recipes_exchanges_the_tails() -> None:
    ours, theirs = margins(3, 1), margins(2, 2)
    won, held = (ours > 0).astype(np.float64), (theirs > 0).astype(np.float64)
    one = recipe_evidence("log_loss", margins=(ours, theirs), wins=(won, held), groups=GROUPS)
    other = recipe_evidence("log_loss", margins=(theirs, ours), wins=(held, won), groups=GROUPS)
    assert one[1] == pytest.approx(other[1])
    assert one[0] > 0.5 > other[0] or other[0] > 0.5 > one[0]


@pytest.mark.slow
@pytest.mark.parametrize("measure", ["log_loss", "rank_log_loss"])
def test_equal_recipes_are_red_in_no_more_than_four_in_a_hundred(measure: str) -> None:
    rng = np.random.default_rng(0)
    red, runs = 0, 600
    for _ in range(runs):
        ours, theirs = (margins(3, int(rng.integers(2**32))) for _ in range(2))
        worse, _ = recipe_evidence(
            measure,  # type: ignore[arg-type]
            margins=(ours, theirs),
            wins=((ours > 0).astype(np.float64), (theirs > 0).astype(np.float64)),
            groups=GROUPS,
        )
        red += worse <= 0.025
    assert red / runs <= 0.04
