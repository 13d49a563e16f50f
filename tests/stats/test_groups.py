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


def test_effective_size_by_hand() -> None:
    # Two wins, two losses, in groups that win or lose as one: p = 1/2, residual sums +1 and -1,
    # SE² = 2/1 · (1 + 1) / 16 = 1/4, so n_eff = (1/4) / (1/4) = 1.
    wins, codes = np.array([1.0, 1.0, 0.0, 0.0]), grouping.codes(list("aabb"))
    assert grouping.effective_size(wins, codes, 0.25) == pytest.approx(1.0)
    # The design effect is 4, the worst that the sizes allow 2, two pairs are the rarer ones:
    # (2·4 + 2·2) / 4 = 3.
    assert grouping.effective_size(wins, codes, 0.25, informative=2) == pytest.approx(4 / 3)


def test_effective_size_without_spread_is_the_number_of_groups() -> None:
    wins = np.tile([1.0, 1.0, 0.0], 20)
    codes = np.repeat(np.arange(20), 3)
    assert grouping.effective_size(wins, codes, 2 / 9) == pytest.approx(20)
    assert grouping.effective_size(np.ones(60), codes, 0.0, informative=0) == pytest.approx(20)


def test_effective_size_of_singletons_and_of_one_group() -> None:
    wins = np.array([1.0, 0.0, 1.0, 1.0])
    assert grouping.effective_size(wins, np.arange(4), 3 / 16) == 4
    assert grouping.effective_size(wins, np.zeros(4, dtype=np.intp), 3 / 16) == 1


def test_critical_values() -> None:
    assert grouping.critical_value(0.95, np.arange(7)) == pytest.approx(stats.norm.ppf(0.975))
    pairs = grouping.codes(list("aabbccdd"))
    assert grouping.critical_value(0.9, pairs) == pytest.approx(stats.t.ppf(0.95, 3))
    assert grouping.critical_value(0.95, np.zeros(4, dtype=np.intp)) == float("inf")
