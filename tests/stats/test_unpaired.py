import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.proportion import confint_proportions_2indep

from rmcheck.stats.unpaired import rate_difference
from rmcheck.stats.winrate import win_rate
from rmcheck.verdict import Estimate

# Newcombe 1998, Statistics in Medicine 17:873-890, Table II, method 10: a of m, b of n, and the
# 95 % limits of a/m - b/n as printed there.
NEWCOMBE = [
    (56, 70, 48, 80, 0.0524, 0.3339),
    (9, 10, 3, 10, 0.1705, 0.8090),
    (6, 7, 2, 7, 0.0582, 0.8062),
    (5, 56, 0, 29, -0.0381, 0.1926),
    (0, 10, 0, 20, -0.1611, 0.2775),
    (0, 10, 0, 10, -0.2775, 0.2775),
    (10, 10, 0, 20, 0.6791, 1.0000),
    (10, 10, 0, 10, 0.6075, 1.0000),
]


def rate(right: int, n: int, name: str = "g", level: float = 0.95) -> Estimate:
    wins = [1.0] * right + [0.0] * (n - right)
    return win_rate(wins, [f"{name}{i}" for i in range(n)], level=level)


@pytest.mark.parametrize(("a", "m", "b", "n", "low", "high"), NEWCOMBE)
def test_published_intervals(a: int, m: int, b: int, n: int, low: float, high: float) -> None:
    found = rate_difference(rate(a, m), rate(b, n))
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.00006)
    assert found.value == pytest.approx(a / m - b / n)
    assert (found.n, found.n_groups, found.method) == (m + n, m + n, "newcombe-unpaired")


sizes = st.integers(1, 60)


@pytest.mark.ci
@given(sizes, sizes, st.floats(0, 1), st.floats(0, 1), st.sampled_from([0.8, 0.95, 0.99]))
def test_intervals_are_those_of_statsmodels_and_mirror(
    m: int, n: int, first: float, second: float, level: float
) -> None:
    a, b = round(first * m), round(second * n)
    found = rate_difference(rate(a, m, level=level), rate(b, n, level=level))
    limits = confint_proportions_2indep(a, m, b, n, method="newcomb", alpha=1 - level)
    assert (found.low, found.high) == pytest.approx(limits, abs=1e-9)
    other = rate_difference(rate(b, n, level=level), rate(a, m, level=level))
    assert (other.low, other.value, other.high) == (-found.high, -found.value, -found.low)
    assert -1.0 <= found.low <= found.value <= found.high <= 1.0
    assert found.high - found.low > 0.01


def test_a_round_difference_is_round() -> None:
    # In floating point 0.8 - 0.6 is 0.20000000000000007.
    assert rate_difference(rate(16, 20), rate(12, 20)).value == 0.2


def test_clustered_limits_are_carried_over() -> None:
    # Ten prompts of two pairs that always agree are worth ten pairs.
    wins = [1.0] * 16 + [0.0] * 4
    clustered = win_rate(wins, [f"g{i // 2}" for i in range(20)])
    wide = rate_difference(clustered, rate(10, 20))
    plain = rate_difference(rate(16, 20), rate(10, 20))
    assert wide.value == plain.value
    assert wide.low < plain.low
    assert wide.n_groups == 30


def test_levels_must_agree() -> None:
    with pytest.raises(ValueError, match=r"levels differ: 0\.95 and 0\.9"):
        rate_difference(rate(1, 2), rate(1, 2, level=0.9))
