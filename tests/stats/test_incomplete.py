"""Rates of trainings with gaps: the known numbers without any, else a bootstrap and a level."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from rmcheck.stats.incomplete import Cells, rate_difference
from rmcheck.stats.seeds import recipe_difference

Table = NDArray[np.float64]


def flips(
    rng: np.random.Generator, trainings: int, ability: Table, *, seed: float, worse: float = 0.0
) -> Table:
    """Lost wins of trainings that differ by seed; pairs that a training gets wrong are missing."""
    shift = worse + seed * rng.standard_normal((trainings, 1))
    own = ability + 0.8 * rng.standard_normal((trainings, len(ability)))
    lost = (own - 1.2 + shift + rng.standard_normal(own.shape) > 0).astype(np.float64)
    right = rng.random(own.shape) < 0.75
    return np.where(right, lost, np.nan)


def groups(n: int, size: int) -> list[str]:
    return [f"g{row // size}" for row in range(n)]


@pytest.mark.parametrize("size", [1, 3])
@pytest.mark.parametrize(("k", "j"), [(3, 3), (4, 2), (1, 3)])
def test_without_gaps_it_is_the_difference_of_recipes(k: int, j: int, size: int) -> None:
    rng = np.random.default_rng(k + 10 * j)
    now, before = (np.where(np.isnan(t), 0.0, t) for t in (
        flips(rng, k, rng.standard_normal(90), seed=0.3, worse=0.4),
        flips(rng, j, rng.standard_normal(90), seed=0.3),
    ))  # fmt: skip
    found = rate_difference(Cells.of(now), Cells.of(before), groups(90, size))
    known = recipe_difference(1.0 - now, 1.0 - before, groups(90, size))
    assert found.difference == pytest.approx(-known.estimate.value)
    for name in ("pairs", "seed", "noise", "factor", "degrees", "pair_degrees"):
        assert getattr(found.spread, name) == pytest.approx(getattr(known.spread, name)), name
    assert found.p_more == pytest.approx(known.p_less, rel=0.02)  # of flips rounded to a grid


def test_counts_stand_for_as_many_changes_of_the_same_pair() -> None:
    rng = np.random.default_rng(4)
    now = [flips(rng, 3, rng.standard_normal(40), seed=0.2) for _ in range(2)]
    before = [flips(rng, 2, rng.standard_normal(40), seed=0.2) for _ in range(2)]

    def summed(parts: list[Table]) -> Cells:
        total, times = zip(*(Cells.of(part) for part in parts), strict=True)
        return Cells(sum(total), sum(times))

    together = rate_difference(summed(now), summed(before), groups(40, 1))
    # The same as 80 pairs, two of each prompt.
    apart = rate_difference(
        Cells.of(np.concatenate(now, axis=1)),
        Cells.of(np.concatenate(before, axis=1)),
        groups(40, 1) * 2,
    )
    assert together.difference == pytest.approx(apart.difference)
    assert together.spread.pairs == pytest.approx(apart.spread.pairs)
    assert together.spread.noise == pytest.approx(apart.spread.noise)
    rates = [np.nanmean(np.concatenate([a, b])) for a, b in zip(*now, strict=True)]
    assert together.now == pytest.approx(rates)


@pytest.mark.ci
def test_the_variance_of_the_pairs_is_that_of_a_bootstrap_over_groups() -> None:
    rng = np.random.default_rng(5)
    hard = np.repeat(rng.standard_normal(120), 2)
    now, before = (flips(rng, 3, hard, seed=0.3) for _ in range(2))
    found = rate_difference(Cells.of(now), Cells.of(before), groups(240, 2))
    drawn = []
    for _ in range(4000):
        which = rng.integers(120, size=120)
        rows = np.concatenate([2 * which, 2 * which + 1])
        drawn.append(
            np.nanmean(now[:, rows], axis=1).mean() - np.nanmean(before[:, rows], axis=1).mean()
        )
    assert found.spread.pairs == pytest.approx(np.var(drawn), rel=0.12)


def test_what_cannot_be_compared_is_refused() -> None:
    one = Cells.of(np.ones((1, 20)))
    two = Cells.of(np.ones((2, 20)))
    with pytest.raises(ValueError, match="needs two trainings"):
        rate_difference(one, one, groups(20, 1))
    with pytest.raises(ValueError, match=r"candidate\[0\] has no pair"):
        rate_difference(Cells.of(np.full((1, 20), np.nan)), two, groups(20, 1))
    with pytest.raises(ValueError, match="differ in length"):
        rate_difference(two, one, groups(21, 1))
    with pytest.raises(ValueError, match="expected twice"):
        rate_difference(Cells(np.ones((2, 20)), np.ones((2, 19))), one, groups(20, 1))


def red(runs: int, *, worse: float, seed: float) -> float:
    rng = np.random.default_rng(6)
    names = groups(160, 2)
    found = 0
    for _ in range(runs):
        hard = np.repeat(rng.standard_normal(80), 2)
        now, before = (flips(rng, 3, hard, seed=seed, worse=w) for w in (worse, 0.0))
        found += rate_difference(Cells.of(now), Cells.of(before), names).p_more <= 0.025
    return found / runs


@pytest.mark.ci
@pytest.mark.parametrize("seed", [0.0, 0.3, 1.0])
def test_of_recipes_that_are_alike_few_are_worse(seed: float) -> None:
    # 2.5 % at most in expectation; three standard errors of 600 runs are 1.9 points.
    assert red(600, worse=0.0, seed=seed) <= 0.044


def test_a_recipe_that_loses_more_is_found() -> None:
    assert red(60, worse=1.0, seed=0.2) >= 0.9
