"""Totals of means: by hand, against the plain intervals, a bootstrap, and by simulated coverage."""

from __future__ import annotations

import numpy as np
import pytest

from rmcheck.stats.composite import Credits, composite, composite_change
from rmcheck.stats.winrate import share_estimate


def singles(values: list[float], prefix: str = "g") -> Credits:
    return Credits(np.array(values, dtype=np.float64), [f"{prefix}{i}" for i in range(len(values))])


def test_a_single_part_is_its_own_estimate() -> None:
    part = singles([1.0] * 30 + [0.0] * 10)
    assert composite({"a": part}, {"a": 1.0}) == share_estimate(part.values, part.groups)


def test_two_independent_parts_by_hand() -> None:
    # Zou & Donner: T = (0.75 + 0.6)/2, and each way is half of that of the part, joined by squares.
    parts = {"a": singles([1.0] * 30 + [0.0] * 10, "a"), "b": singles([1.0] * 12 + [0.0] * 8, "b")}
    found = composite(parts, {"a": 0.5, "b": 0.5})
    a, b = parts["a"].estimate(), parts["b"].estimate()
    assert found.value == pytest.approx(0.675)
    down = np.hypot(0.5 * (a.value - a.low), 0.5 * (b.value - b.low))
    up = np.hypot(0.5 * (a.high - a.value), 0.5 * (b.high - b.value))
    assert (found.low, found.high) == pytest.approx((0.675 - down, 0.675 + up))
    assert (found.n, found.n_groups, found.method) == (60, 60, "mover-wilson")


def test_prompts_in_two_parts_count_once() -> None:
    # The same prompts in both parts, always right or wrong together: as wide as one.
    values = [1.0] * 28 + [0.0] * 12
    one = singles(values)
    both = composite({"a": one, "b": singles(values)}, {"a": 0.5, "b": 0.5})
    alone = one.estimate()
    # t of 39 degrees in place of z, and no more than that.
    assert (both.value, both.low, both.high) == pytest.approx(
        (alone.value, alone.low, alone.high), abs=0.008
    )
    apart = composite({"a": one, "b": singles(values, "h")}, {"a": 0.5, "b": 0.5})
    assert apart.high - apart.low < 0.8 * (both.high - both.low)


def test_all_right_has_no_interval_of_width_zero() -> None:
    parts = {name: singles([1.0] * 20, name) for name in "abc"}
    found = composite(parts, dict.fromkeys("abc", 1 / 3))
    assert found.value == pytest.approx(1.0)
    assert found.high == pytest.approx(1.0)
    assert 0.85 < found.low < 0.97


def test_an_offset_moves_the_limits_with_the_value() -> None:
    parts = {"a": singles([1.0] * 10 + [0.0] * 10)}
    found = composite(parts, {"a": 0.02}, offset=-0.01)
    assert found.value == pytest.approx(0.0)
    assert -0.01 <= found.low < 0 < found.high <= 0.01


def test_missing_parts_and_bad_weights_are_errors() -> None:
    part = singles([1.0, 0.0])
    with pytest.raises(ValueError, match="missing: b"):
        composite({"a": part}, {"a": 0.5, "b": 0.5})
    with pytest.raises(ValueError, match="the weight of a is 0"):
        composite({"a": part}, {"a": 0.0})


def test_against_a_bootstrap_of_prompts() -> None:
    rng = np.random.default_rng(8)
    # 120 prompts with a pair in each of two parts, and 80 with one in a third.
    ability = rng.random(120)
    first, second = (rng.random((2, 120)) < ability).astype(float)
    third = (rng.random(80) < 0.7).astype(float)
    parts = {
        "x": singles(first.tolist(), "s"),
        "y": singles(second.tolist(), "s"),
        "z": singles(third.tolist(), "t"),
    }
    weights = {"x": 0.25, "y": 0.25, "z": 0.5}
    found = composite(parts, weights)
    draws = []
    for _ in range(4000):
        shared, own = rng.integers(0, 120, 120), rng.integers(0, 80, 80)
        draws.append(0.25 * (first[shared] + second[shared]).mean() + 0.5 * third[own].mean())
    low, high = np.quantile(draws, [0.025, 0.975])
    assert 0.95 < (found.high - found.low) / (high - low) < 1.1
    assert found.value == pytest.approx(np.mean(draws), abs=0.01)


@pytest.mark.ci
def test_coverage_of_unequal_parts() -> None:
    rng = np.random.default_rng(21)
    rates, sizes, weights = (0.95, 0.6, 0.8), (40, 100, 25), (0.5, 0.3, 0.2)
    truth = sum(rate * weight for rate, weight in zip(rates, weights, strict=True))
    names = ("a", "b", "c")
    covered = 0
    for _ in range(600):
        parts = {
            name: singles((rng.random(size) < rate).astype(float).tolist(), name)
            for name, rate, size in zip(names, rates, sizes, strict=True)
        }
        found = composite(parts, dict(zip(names, weights, strict=True)))
        covered += found.low <= truth <= found.high
    # 0.95 less three standard errors of 600 draws.
    assert covered / 600 > 0.923


def test_a_change_by_hand_and_its_p() -> None:
    # 40 prompts: 30 as before, 8 lost, 2 gained. Exact signs: 10 flips, 2 or fewer heads, doubled.
    before = [1.0] * 38 + [0.0] * 2
    now = [0.0] * 8 + [1.0] * 32
    rng = np.random.default_rng(0)
    found = composite_change({"a": singles(now)}, {"a": singles(before)}, {"a": 1.0}, rng=rng)
    assert found.estimate.value == pytest.approx(-6 / 40)
    assert found.estimate.low < -6 / 40 < found.estimate.high < 0.02
    assert found.p == pytest.approx(2 * (1 + 10 + 45) / 2**10)
    same = composite_change({"a": singles(now)}, {"a": singles(now)}, {"a": 1.0}, rng=rng)
    assert same.estimate.value == 0.0
    assert same.estimate.low < 0 < same.estimate.high
    assert same.p == 1.0


def test_the_p_of_unequal_weights_is_drawn() -> None:
    # Weights of 1 : √2 have no common step; the p over all 2¹² patterns of signs is the oracle.
    lost = {"a": (5, 2), "b": (4, 1)}  # lost and gained, of 16 prompts each
    now = {name: singles([0.0] * n + [1.0] * (16 - n), name) for name, (n, _) in lost.items()}
    before = {name: singles([1.0] * (16 - n) + [0.0] * n, name) for name, (_, n) in lost.items()}
    weights = {"a": 1.0, "b": 2**0.5}
    found = composite_change(now, before, weights, rng=np.random.default_rng(1))
    sizes = np.array([1.0] * 7 + [2**0.5] * 5)
    signs = 1 - 2 * ((np.arange(2**12)[:, None] >> np.arange(12)) & 1)
    seen = 3 + 3 * 2**0.5
    expected = float((np.abs(signs @ sizes) >= seen - 1e-9).mean())
    assert 0.05 < expected < 0.2
    # Three standard errors of 20,000 patterns.
    assert found.p == pytest.approx(expected, abs=3 * (expected / 20_000) ** 0.5)
