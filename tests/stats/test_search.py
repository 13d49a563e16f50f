import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq, minimize_scalar

from rmcheck.stats.search import minimum, root


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.floats(-5, 5), min_size=2, max_size=6),
    st.floats(-3, 0),
    st.floats(0.1, 3),
    st.sampled_from([1e-12, 5e-6, 1e-3]),
)
def test_the_root_is_scipys_digit_by_digit(
    coefficients: list[float], low: float, high: float, tolerance: float
) -> None:
    def polynomial(x: float) -> float:
        return float(np.polyval(coefficients, x))

    if polynomial(low) * polynomial(high) >= 0:
        return
    found = root(polynomial, low, high, tolerance=tolerance)
    assert found == brentq(polynomial, low, high, xtol=tolerance)


def test_the_root_of_a_step_and_of_a_bound() -> None:
    def step(x: float) -> float:
        return -1.0 if x < 1 / 3 else 1.0

    assert root(step, 0.0, 1.0, tolerance=1e-9) == pytest.approx(1 / 3, abs=1e-9)
    assert root(lambda x: x, 0.0, 1.0, tolerance=1e-9) == 0.0
    assert root(lambda x: x - 1, 0.0, 1.0, tolerance=1e-9) == 1.0
    with pytest.raises(ValueError, match=r"one sign at 1\.0 and at 2\.0"):
        root(lambda x: x, 1.0, 2.0, tolerance=1e-9)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: (x - 0.3) ** 2,
        lambda x: abs(x - 0.7),
        lambda x: math.cosh(x + 2.5),
        lambda x: x,
        lambda x: -x,
        lambda x: 0.0,
        lambda x: max(0.0, abs(x) - 1),
    ],
    ids=["parabola", "kink", "cosh", "rising", "falling", "flat", "flat within"],
)
@pytest.mark.parametrize(("low", "high"), [(-7.0, 7.0), (-3.0, 0.5), (0.0, 40.0)])
def test_the_minimum_is_scipys_digit_by_digit(
    function: Callable[[float], float], low: float, high: float
) -> None:
    oracle = minimize_scalar(function, bounds=(low, high), method="bounded").x
    assert minimum(function, low, high) == float(oracle)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32), st.integers(2, 40), st.floats(-1, 3))
def test_the_minimum_of_a_loss_is_scipys_digit_by_digit(seed: int, n: int, mean: float) -> None:
    margins = np.random.default_rng(seed).normal(mean, 1, n)

    def loss(x: float) -> float:
        return float(np.logaddexp(0.0, -margins * math.exp(x)).mean())

    oracle = minimize_scalar(loss, bounds=(-7, 7), method="bounded").x
    assert minimum(loss, -7.0, 7.0) == float(oracle)
