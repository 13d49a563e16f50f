import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kendalltau

from rmcheck.stats.concordance import Concordance


@pytest.mark.ci
@settings(max_examples=100, deadline=None)
@given(st.integers(2, 130), st.integers(0, 2**32), st.integers(0, 3))
def test_tau_is_scipys_digit_by_digit(n: int, seed: int, digits: int) -> None:
    rng = np.random.default_rng(seed)
    x, y = rng.normal(0, 1, n), rng.normal(0, 1, n)
    if digits < 3:
        x, y = x.round(digits), y.round(digits)
    weights = rng.integers(0, 4, (3, n)).astype(float)
    weights[:, :2] += 1  # scipy warns of fewer than two rows
    for row, found in zip(weights, Concordance(x, y).tau(weights), strict=True):
        times = row.astype(int)
        oracle = kendalltau(np.repeat(x, times), np.repeat(y, times)).statistic
        np.testing.assert_equal(found, oracle)


@pytest.mark.ci
@settings(max_examples=100, deadline=None)
@given(st.integers(1, 90), st.integers(0, 2**32), st.integers(1, 9), st.booleans())
def test_a_column_of_few_values_gives_scipys_tau_digit_by_digit(
    n: int, seed: int, values: int, swapped: bool
) -> None:
    rng = np.random.default_rng(seed)
    ratings = rng.integers(0, values, 2 * n).astype(float)
    scores = rng.normal(0, 1, 2 * n).round(int(rng.integers(0, 3)))
    weights = rng.integers(0, 4, (3, 2 * n)).astype(float)
    weights[:, :2] += 1
    x, y = (ratings, scores) if swapped else (scores, ratings)
    for row, found in zip(weights, Concordance(x, y).tau(weights), strict=True):
        times = row.astype(int)
        oracle = kendalltau(np.repeat(x, times), np.repeat(y, times)).statistic
        np.testing.assert_equal(found, oracle)


def test_tau_by_hand() -> None:
    # Of the pairs of rows, (1,1)-(2,3), (1,1)-(3,2) agree and (2,3)-(3,2) does not: (2 - 1) / 3.
    tau = Concordance(np.array([1.0, 2.0, 3.0]), np.array([1.0, 3.0, 2.0]))
    # Twice the last row: 4 agree or 1 + 2, 2 do not; of 6 pairs 1 is tied in both columns:
    # (3 - 2) / 5.
    found = tau.tau(np.array([[1.0, 1.0, 1.0], [1.0, 1.0, 2.0], [0.0, 0.0, 5.0]]))
    assert found[:2].tolist() == pytest.approx([1 / 3, 1 / 5])
    assert np.isnan(found[2])
