"""Sign-flip p-values of differences that are not whole, against enumeration and the binomial."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy.stats import binom

from rmcheck.stats import rounded_flip
from rmcheck.stats.rounded_flip import (
    FINENESS,
    is_significant,
    p_at_most,
    rounded,
    sign_flip_p_sums,
)


def _enumerated(values: np.ndarray) -> tuple[float, float]:
    signs = np.array(list(itertools.product((-1, 1), repeat=len(values))))
    sums = signs @ np.abs(values)
    return float((sums >= values.sum()).mean()), float((sums <= values.sum()).mean())


@pytest.mark.parametrize("seed", range(6))
def test_as_many_sign_patterns_as_enumeration_finds(seed: int) -> None:
    values = np.random.default_rng(seed).integers(-90, 100, size=13)
    assert sign_flip_p_sums(values) == pytest.approx(_enumerated(values), rel=1e-12)


def test_one_size_is_mcnemars_test() -> None:
    # Ten of twelve discordant pairs against the candidate: P(Binomial(12, 1/2) ≥ 10).
    worse, better = sign_flip_p_sums(np.array([7] * 10 + [-7] * 2))
    assert worse == pytest.approx(float(binom.sf(9, 12, 0.5)))
    assert better == pytest.approx(float(binom.cdf(10, 12, 0.5)))


def test_nothing_moved_and_everything_moved() -> None:
    assert sign_flip_p_sums(np.zeros(5)) == (1.0, 1.0)
    worse, better = sign_flip_p_sums(np.arange(1, 31))
    assert worse == pytest.approx(2.0**-30)
    assert better == 1.0


def test_the_saddlepoint_agrees_with_the_exact_distribution(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rng = np.random.default_rng(3)
    sizes = rounded(rng.gamma(0.7, size=800))
    for z in (-2.0, 0.3, 1.0, 2.0, 3.5, 6.0):
        # Signs that put the sum near z standard deviations.
        tilt = z / math.sqrt(float((sizes.astype(float) ** 2).sum()))
        signs = np.where(rng.random(800) < 1 / (1 + np.exp(-2 * tilt * sizes)), 1, -1)
        exact = sign_flip_p_sums(signs * sizes)
        with monkeypatch.context() as patch:
            patch.setattr(rounded_flip, "MOST_EXACT", 0)
            assert sign_flip_p_sums(signs * sizes) == pytest.approx(exact, rel=0.01)


def test_rounding_is_symmetric_and_fine() -> None:
    values = np.random.default_rng(0).normal(size=200)
    whole = rounded(values)
    assert np.array_equal(rounded(-values), -whole)
    assert np.abs(whole).mean() == pytest.approx(FINENESS, rel=0.01)
    unit = np.abs(values).mean() / FINENESS
    assert np.abs(whole * unit - values).max() <= unit / 2
    assert not rounded(np.zeros(4)).any()


def _near(z: float, sizes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The sizes with signs of which the sum is about z standard deviations."""
    tilt = z / math.sqrt(float((sizes.astype(float) ** 2).sum()))
    worse = rng.random(len(sizes)) < 1 / (1 + np.exp(-2 * tilt * sizes))
    return np.asarray(np.where(worse, sizes, -sizes))


@pytest.mark.parametrize("n", [13, 100, 300])
@pytest.mark.parametrize("shape", ["gamma", "heavy", "one size and a few others"])
def test_a_level_is_decided_as_by_the_exact_p(n: int, shape: str) -> None:
    rng = np.random.default_rng(n)
    answers = []
    for z in np.linspace(-1.0, 5.0, 25):
        if shape == "gamma":
            sizes = rounded(rng.gamma(0.7, size=n))
        elif shape == "heavy":
            sizes = rounded(np.abs(rng.standard_t(1.5, size=n)))
        else:
            # As losses of clipped margins are: a lattice on which a p moves in large steps.
            sizes = np.where(np.arange(n) < 12, np.arange(1, n + 1), 32).astype(np.float64)
        net = _near(z, sizes, rng)
        p, _ = sign_flip_p_sums(net)
        assert p <= p_at_most(net) * (1 + 1e-12)
        for level in (0.025, 0.005, 0.025 / 23):
            answers.append(p <= level)
            assert is_significant(net, level) == (p <= level), (z, level, p)
        if p < 0.5:  # the level itself is "at most"
            assert is_significant(net, p)
            assert not is_significant(net, p * (1 - 1e-9))
    assert 0.1 < np.mean(answers) < 0.9
    assert not is_significant(np.zeros(n), 0.025)
