"""Flips, rank agreement and log-loss of two models, against counts by hand and scipy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import kendalltau

from rmcheck.stats.likeness import likeness


def rng() -> np.random.Generator:
    return np.random.default_rng(3)


def test_by_hand() -> None:
    # Sides: + + − 0 − now; + − + − − before. Two did better (2nd: − to +; 4th: − to a tie), one
    # worse (3rd), two kept their side: 3 flips of 5.
    now, before = [1.0, 0.5, -0.2, 0.0, -1.0], [2.0, -0.1, 0.4, -0.3, -2.0]
    found = likeness(now, before, list("abcde"), rng=rng())
    assert (found.n, found.newly_wrong, found.newly_right) == (5, 1, 2)
    assert found.flips.value == pytest.approx(3 / 5)
    assert found.flips.low < 3 / 5 < found.flips.high

    def loss(margins: list[float]) -> float:
        return sum(math.log(1 + math.exp(-each)) for each in margins) / len(margins)

    assert found.loss == pytest.approx(loss(now))
    assert found.loss_before == pytest.approx(loss(before))
    assert found.loss_change is not None
    assert found.loss_change.value == pytest.approx(loss(now) - loss(before))
    assert found.tau == pytest.approx(kendalltau(now, before).statistic)


def test_the_rescaled_loss_does_not_depend_on_the_unit() -> None:
    margins = np.random.default_rng(1).normal(0.8, 1.0, 300)
    groups = [str(place) for place in range(300)]
    found = likeness(1000 * margins, margins, groups, rng=rng())
    assert found.loss > 50 * found.loss_before
    assert found.temperature == pytest.approx(1000 * found.temperature_before, rel=1e-5)
    assert found.best == pytest.approx(found.best_before, abs=1e-6)
    assert found.best <= found.loss_before
    assert (found.flips.value, found.tau) == (0.0, pytest.approx(1.0))


def test_the_interval_of_the_loss_covers_a_known_change() -> None:
    """Margins m and 0 for groups of two: the change is the mean of log(1 + e⁻ᵐ) − ln 2."""
    inside = 0
    for seed in range(60):
        draw = np.random.default_rng(seed)
        # In truth: m is 1 or −1 with probability 3/4 and 1/4, the same within a group.
        margins = np.repeat(np.where(draw.random(80) < 0.75, 1.0, -1.0), 2)
        groups = [str(place // 2) for place in range(160)]
        found = likeness(margins, np.zeros(160), groups, rng=rng())
        truth = 0.75 * math.log1p(math.exp(-1)) + 0.25 * math.log1p(math.e) - math.log(2)
        assert found.loss_change is not None
        inside += found.loss_change.low <= truth <= found.loss_change.high
    # 95 % of 60 are 57; fewer than 51 would be one case in 300.
    assert inside >= 51


def test_constant_margins_and_a_single_group() -> None:
    found = likeness([1.0, 1.0], [0.5, 2.0], ["a", "a"], rng=rng())
    assert (found.tau, found.loss_change) == (None, None)


def test_mistakes() -> None:
    with pytest.raises(ValueError, match="at least one pair"):
        likeness([], [], [], rng=rng())
    with pytest.raises(ValueError, match="nan"):
        likeness([math.nan], [1.0], ["a"], rng=rng())
    with pytest.raises(ValueError, match="length"):
        likeness([1.0, 2.0], [1.0], ["a"], rng=rng())
