import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from rmcheck.stats import groups as grouping


def test_codes_follow_the_first_appearance() -> None:
    assert grouping.codes(["b", "a", "b", "c", "a"]).tolist() == [0, 1, 0, 2, 1]
    assert grouping.codes([]).tolist() == []


@settings(deadline=None)
@given(st.lists(st.sampled_from("abcdef"), max_size=30))
def test_codes_tell_exactly_the_groups_apart(names: list[str]) -> None:
    found = grouping.codes(names)
    assert [names[i] == names[j] for i in range(len(names)) for j in range(i)] == [
        bool(found[i] == found[j]) for i in range(len(names)) for j in range(i)
    ]
    if names:
        assert sorted(set(found.tolist())) == list(range(len(set(names))))


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 6), st.floats(-5, 5)), min_size=3, max_size=60),
)
def test_clustered_variance_is_that_of_statsmodels(rows: list[tuple[int, float]]) -> None:
    codes = grouping.codes([str(group) for group, _ in rows])
    values = np.array([value for _, value in rows])
    n_groups = int(codes.max()) + 1
    if n_groups < 2 or np.ptp(values) < 1e-3:
        return
    fit = sm.OLS(values, np.ones(len(values))).fit()
    oracle = fit.get_robustcov_results(
        "cluster", groups=codes, use_correction=False, df_correction=False
    )
    # statsmodels without its correction lacks the factor G/(G-1).
    expected = float(oracle.cov_params()[0, 0]) * n_groups / (n_groups - 1)
    assert grouping.clustered_variance(values, codes) == pytest.approx(
        expected, rel=1e-6, abs=1e-12
    )


def test_clustered_variance_of_singletons_is_the_textbook_one() -> None:
    values = np.array([3.0, 1.0, 4.0, 1.0, 5.0])
    codes = np.arange(5)
    assert grouping.clustered_variance(values, codes) == pytest.approx(values.var(ddof=1) / 5)


def test_one_group_has_no_clustered_variance() -> None:
    with pytest.raises(ValueError, match="at least 2 groups"):
        grouping.clustered_variance(np.ones(3), np.zeros(3, dtype=np.intp))


def test_effective_groups_by_hand() -> None:
    # Sizes 2, 2, 2: 36 / 12 = 3. Sizes 4, 1, 1: 36 / 18 = 2.
    assert grouping.effective_groups(grouping.codes(list("aabbcc"))) == pytest.approx(3)
    assert grouping.effective_groups(grouping.codes(list("aaaabc"))) == pytest.approx(2)


def effective_size(wins: list[float], names: str) -> float:
    """That of a share of wins."""
    codes, column = grouping.codes(list(names)), np.array(wins)
    design = grouping.Design.of(codes)
    p, total = column.mean(), column.sum()
    spread = np.square(grouping.sums(column - p, codes)).sum()
    rarer = min(total, len(wins) - total)
    return float(design.effective_size(spread, p * (1 - p), rarer, prior_groups=1.0))


def test_effective_size_by_hand() -> None:
    # Two wins, two losses, in groups that win or lose as one: p = 1/2, residual sums +1 and -1,
    # SE² = 2/1 · (1 + 1) / 16 = 1/4: a design effect of 4 · SE² / (1/4) = 4. The worst that the
    # sizes allow is 2, with the weight of a group of 2, and 2 pairs are the rarer: (2·4 + 2·2) / 4.
    assert effective_size([1, 1, 0, 0], "aabb") == pytest.approx(4 / 3)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 6), st.sampled_from([0.0, 0.5, 1.0])), min_size=3))
def test_effective_size_is_millers(rows: list[tuple[int, float]]) -> None:
    codes = grouping.codes([str(group) for group, _ in rows])
    column = np.array([win for _, win in rows])
    design, p, n = grouping.Design.of(codes), column.mean(), len(rows)
    if design.singletons or len(design.sizes) == 1 or p in (0.0, 1.0):
        return
    variance = grouping.clustered_variance(column, codes)
    spread = np.square(grouping.sums(column - p, codes)).sum()
    # With endless information nothing is left of the steadying.
    found = float(design.effective_size(spread, p * (1 - p), 1e15, prior_groups=1.0))
    assert found == pytest.approx(min(n, p * (1 - p) / variance) if variance else n)
    assert found >= design.least - 1e-9


def test_effective_size_where_nothing_informs_is_the_number_of_groups() -> None:
    assert effective_size([1.0] * 60, "abcdefghijklmnopqrst" * 3) == pytest.approx(20)
    assert effective_size([0.0] * 60, "abcdefghijklmnopqrst" * 3) == pytest.approx(20)
    # Every group wins two of three: no group fails together, and 60 pairs count as 60.
    assert effective_size([1, 1, 0] * 20, "".join(3 * c for c in "abcdefghijklmnopqrst")) == 60


def test_effective_size_of_singletons_and_of_one_group() -> None:
    assert effective_size([1, 0, 1, 1], "abcd") == 4
    assert effective_size([1, 0, 1, 1], "aaaa") == 1


def test_critical_values() -> None:
    assert grouping.critical_value(0.95, np.arange(7)) == pytest.approx(stats.norm.ppf(0.975))
    pairs = grouping.codes(list("aabbccdd"))
    assert grouping.critical_value(0.9, pairs) == pytest.approx(stats.t.ppf(0.95, 3))
    assert grouping.critical_value(0.95, np.zeros(4, dtype=np.intp)) == float("inf")
