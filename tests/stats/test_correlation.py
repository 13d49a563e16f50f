import math
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from rmcheck.stats.correlation import (
    agreement,
    correlation,
    kendall,
    pearson,
    spearman,
)


def singletons(n: int) -> list[str]:
    return [str(i) for i in range(n)]


@pytest.mark.ci
@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(-9, 9), st.integers(-9, 9)), min_size=3, max_size=50),
    st.sampled_from([1.0, 1e-200, 1e200]),
)
def test_coefficients_are_those_of_scipy(rows: list[tuple[int, int]], scale: float) -> None:
    x, y = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        assert math.isnan(pearson(x, y))
        assert math.isnan(spearman(x, y))
        assert math.isnan(kendall(x, y))
        return
    assert pearson(scale * x, y) == pytest.approx(stats.pearsonr(x, y).statistic, abs=1e-9)
    assert spearman(scale * x, y) == pytest.approx(stats.spearmanr(x, y).statistic, abs=1e-9)
    assert kendall(scale * x, y) == pytest.approx(stats.kendalltau(x, y).statistic, abs=1e-9)


@settings(deadline=None, max_examples=50)
@given(
    st.lists(
        st.tuples(st.integers(-3, 3), st.integers(-3, 3), st.integers(0, 3)),
        min_size=1,
        max_size=20,
    )
)
def test_a_weight_counts_a_row_so_often(rows: list[tuple[int, int, int]]) -> None:
    x, y, weights = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    if not weights.any():
        return
    times = weights.astype(int)
    for coefficient in (pearson, spearman):
        one = coefficient(x, y, weights)
        other = coefficient(np.repeat(x, times), np.repeat(y, times))
        assert one == pytest.approx(other, abs=1e-9, nan_ok=True)


def test_the_interval_is_near_fishers_for_normal_data() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=400)
    y = 0.6 * x + 0.8 * rng.normal(size=400)
    found = correlation(x, y, singletons(400), method="pearson", rng=rng)
    assert found is not None
    oracle = stats.pearsonr(x, y).confidence_interval()
    assert (found.low, found.high) == pytest.approx((oracle.low, oracle.high), abs=0.02)
    assert found.method == "bootstrap"


def test_groups_widen_the_interval() -> None:
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(2, 60))
    groups = [str(i // 5) for i in range(300)]
    for method in ("pearson", "spearman", "kendall"):
        alone = correlation(
            np.repeat(x, 5), np.repeat(y, 5), singletons(300), method=method, draws=300, rng=rng
        )
        grouped = correlation(
            np.repeat(x, 5), np.repeat(y, 5), groups, method=method, draws=300, rng=rng
        )
        assert alone is not None
        assert grouped is not None
        ratio = (grouped.high - grouped.low) / (alone.high - alone.low)
        assert ratio == pytest.approx(math.sqrt(5), rel=0.25)


@pytest.mark.ci
def test_the_interval_covers() -> None:
    rng = np.random.default_rng(2)
    hits = 0
    for _ in range(150):
        x = rng.normal(size=100)
        y = 0.6 * x + 0.8 * rng.normal(size=100)
        found = correlation(x, y, singletons(100), method="pearson", draws=150, rng=rng)
        assert found is not None
        hits += found.low <= 0.6 <= found.high
    # 0.95 less three standard errors of 150 runs, and a little for the percentile method.
    assert hits / 150 > 0.88


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("method", ["pearson", "spearman", "kendall"])
def test_a_perfect_correlation_keeps_a_width(sign: float, method: str) -> None:
    x = np.arange(30.0)
    found = correlation(
        x, sign * (2 * x + 1), singletons(30), method=method, draws=50, rng=np.random.default_rng(0)
    )
    assert found is not None
    # Fisher: tanh(atanh(29/30) - 1.96/√27) = tanh(2.0388 - 0.3772) = 0.930.
    inner = found.low if sign > 0 else -found.high
    assert inner == pytest.approx(0.930, abs=0.001)
    assert abs(found.value) == pytest.approx(1.0)
    assert found.method == "fisher"


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 5)), min_size=2, max_size=20
    )
)
def test_no_interval_has_width_zero(rows: list[tuple[int, int, int]]) -> None:
    x, y, groups = zip(*rows, strict=True)
    found = correlation(
        x, y, [str(g) for g in groups], method="kendall", draws=40, rng=np.random.default_rng(0)
    )
    if found is not None:
        assert -1.0 <= found.low <= found.value <= found.high <= 1.0
        assert found.high - found.low > 1e-6


def test_agreement_tells_what_has_no_correlation() -> None:
    rng = np.random.default_rng(0)
    flat = agreement([1, 1, 1], [1, 2, 3], list("abc"), rng=rng)
    assert flat.pearson is flat.spearman is flat.kendall is None
    assert flat.degenerate == "the first column is 1 in all 3 rows"
    assert "at least 2" in str(agreement([1], [1], ["a"], rng=rng).degenerate)
    assert agreement([], [], [], rng=rng).pearson is None
    one = agreement([1, 2, 3], [3, 1, 2], ["a"] * 3, rng=rng, draws=20)
    assert one.spearman is not None
    assert (one.spearman.low, one.spearman.high) == (-1.0, 1.0)
    # Ranks 1 2 3 against 3 1 2: ρ = 1 - 6·(4 + 1 + 1)/24 = -1/2; one concordant pair of three.
    assert one.spearman.value == pytest.approx(-0.5)
    assert one.kendall is not None
    assert one.kendall.value == pytest.approx(-1 / 3)
    assert one.degenerate is None


def test_wrong_inputs_are_told() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match=re.escape("y[1] is nan")):
        correlation([1, 2], [1, math.nan], ["a", "b"], rng=rng)
    with pytest.raises(ValueError, match="allowed: pearson, spearman, kendall"):
        correlation([1, 2], [1, 2], ["a", "b"], method="tau", rng=rng)
