import itertools
import math
import re
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar

from rmcheck.stats import signflip
from rmcheck.stats.signflip import sign_flip_p_integer, sign_flip_p_margins


def enumerated(net: list[int], alternative: str) -> Fraction:
    """All sign patterns, counted one by one."""
    observed = sum(net)
    sums = [
        sum(s * abs(v) for s, v in zip(signs, net, strict=True))
        for signs in itertools.product((-1, 1), repeat=len(net))
    ]
    less = Fraction(sum(s <= observed for s in sums), len(sums))
    greater = Fraction(sum(s >= observed for s in sums), len(sums))
    if alternative == "two-sided":
        return min(Fraction(1), 2 * min(less, greater))
    return less if alternative == "less" else greater


@settings(deadline=None)
@given(st.lists(st.integers(-9, 9), min_size=1, max_size=9))
def test_small_cases_are_the_enumeration(net: list[int]) -> None:
    for alternative in ("less", "greater", "two-sided"):
        found = sign_flip_p_integer(np.array(net), alternative)
        assert found == pytest.approx(float(enumerated(net, alternative)), rel=1e-13)


@settings(deadline=None)
@given(st.lists(st.integers(-9, 9), min_size=1, max_size=9))
def test_a_mid_p_counts_the_sum_that_was_seen_by_half(net: list[int]) -> None:
    column = np.array(net)
    less, greater = (enumerated(net, alternative) for alternative in ("less", "greater"))
    # P(sum < seen) = 1 - P(sum ≥ seen), so the mid-p of "less" is half of P(≤) and half of P(<).
    mid = (less + (1 - greater)) / 2
    assert sign_flip_p_integer(column, mid=True) == pytest.approx(float(mid), rel=1e-12)
    other = sign_flip_p_integer(column, "greater", mid=True)
    assert other == pytest.approx(float(1 - mid), rel=1e-12)
    both = sign_flip_p_integer(column, "two-sided", mid=True)
    assert both == pytest.approx(float(2 * min(mid, 1 - mid)), rel=1e-12)


@settings(deadline=None)
@given(st.integers(0, 60), st.integers(0, 60))
def test_singletons_are_mcnemars_exact_test(lost: int, gained: int) -> None:
    net = np.r_[-np.ones(lost, dtype=int), np.ones(gained, dtype=int), np.zeros(7, dtype=int)]
    if lost + gained == 0:
        assert sign_flip_p_integer(net) == 1.0
        return
    oracle = mcnemar([[5, gained], [lost, 5]], exact=True)
    assert sign_flip_p_integer(net, "two-sided") == pytest.approx(oracle.pvalue, rel=1e-10)
    one_sided = stats.binomtest(gained, lost + gained, 0.5, alternative="less").pvalue
    assert sign_flip_p_integer(net, "less") == pytest.approx(one_sided, rel=1e-10)


def big_exact(net: list[int]) -> Fraction:
    """P(sum ≤ observed) with Python's integers, which never round."""
    counts = {0: 1}
    for size in map(abs, net):
        after: dict[int, int] = {}
        for total, count in counts.items():
            for signed in (total - size, total + size):
                after[signed] = after.get(signed, 0) + count
        counts = after
    observed = sum(net)
    return Fraction(sum(c for total, c in counts.items() if total <= observed), 2 ** len(net))


@pytest.mark.parametrize("shift", [0, 1, 4])
def test_mixed_sizes_are_exact_far_into_the_tail(shift: int) -> None:
    rng = np.random.default_rng(shift)
    net = (rng.integers(-6, 7, 150) - shift).tolist()
    assert sign_flip_p_integer(np.array(net)) == pytest.approx(float(big_exact(net)), rel=1e-11)


def test_three_thousand_groups_down_to_1e_300() -> None:
    # 3,000 coins, k heads: P = Σ C(3000, j) / 2^3000, in exact integers.
    for heads in (1490, 1300, 900, 520):
        net = np.r_[np.ones(heads, dtype=int), -np.ones(3000 - heads, dtype=int)]
        exact = Fraction(sum(math.comb(3000, j) for j in range(heads + 1)), 2**3000)
        assert sign_flip_p_integer(net) == pytest.approx(float(exact), rel=1e-9)
    assert sign_flip_p_integer(-np.ones(990, dtype=int)) == 2.0**-990


def test_a_p_never_is_zero() -> None:
    assert sign_flip_p_integer(-np.ones(3000, dtype=int)) == np.finfo(float).tiny


@settings(deadline=None)
@given(st.lists(st.integers(-6, 6), min_size=1, max_size=40), st.integers(1, 5))
def test_symmetries(net: list[int], factor: int) -> None:
    column = np.array(net)
    less = sign_flip_p_integer(column, "less")
    assert sign_flip_p_integer(-column, "greater") == pytest.approx(less, rel=1e-12)
    assert sign_flip_p_integer(factor * column, "less") == pytest.approx(less, rel=1e-12)
    assert sign_flip_p_integer(np.r_[column, 0, 0], "less") == pytest.approx(less, rel=1e-12)
    # P(≤) + P(≥) counts the observed sum twice.
    assert less + sign_flip_p_integer(column, "greater") >= 1.0 - 1e-12


def test_net_wins_are_integers() -> None:
    assert sign_flip_p_integer(np.array([-1.0, -2.0])) == 0.25
    assert sign_flip_p_integer([]) == 1.0
    with pytest.raises(ValueError, match=re.escape("net[1] is 0.5")):
        sign_flip_p_integer([1.0, 0.5])
    with pytest.raises(ValueError, match=re.escape("net[0] is nan")):
        sign_flip_p_integer([math.nan])
    with pytest.raises(ValueError, match="allowed: less, greater, two-sided"):
        sign_flip_p_integer([1], "more")


def singletons(n: int) -> list[str]:
    return [str(i) for i in range(n)]


def test_few_margins_are_enumerated_like_scipy() -> None:
    margins = np.array([1.2, -0.3, 0.8, 2.0, 0.1, -0.7, 1.1])
    for alternative in ("greater", "less", "two-sided"):
        oracle = stats.permutation_test(
            (margins,), np.mean, permutation_type="samples", alternative=alternative
        )
        found = sign_flip_p_margins(
            margins, singletons(7), alternative=alternative, rng=np.random.default_rng(0)
        )
        assert found == pytest.approx(oracle.pvalue)


def test_a_group_flips_as_a_whole() -> None:
    # Group sums 3 and -1: of the four patterns ±3 ± 1 two are at least 2.
    found = sign_flip_p_margins([1.0, 2.0, -1.0], ["a", "a", "b"], rng=np.random.default_rng(0))
    assert found == 0.5


@settings(deadline=None, max_examples=10)
@given(st.integers(0, 2**32), st.sampled_from(["greater", "less", "two-sided"]))
def test_drawn_signs_agree_with_the_exact_test(seed: int, alternative: str) -> None:
    rng = np.random.default_rng(seed)
    net = rng.integers(-3, 4, 60)
    exact = sign_flip_p_integer(net, alternative)
    drawn = sign_flip_p_margins(
        net.astype(float),
        singletons(60),
        alternative=alternative,
        rng=rng,
    )
    # Five standard errors of 20,000 draws.
    slack = 5 * math.sqrt(exact * (1 - exact) / 20_000) + 1e-4
    assert drawn == pytest.approx(exact, abs=slack)


def test_margins_do_not_depend_on_their_scale() -> None:
    margins = np.random.default_rng(3).normal(0.3, 1, 40)
    found = {
        sign_flip_p_margins(scale * margins, singletons(40), rng=np.random.default_rng(1))
        for scale in (1.0, 1e-300, 1e300, 7.3)
    }
    assert len(found) == 1


def test_the_smallest_drawn_p_counts_the_data_themselves() -> None:
    found = sign_flip_p_margins(
        np.ones(100), singletons(100), rng=np.random.default_rng(0), draws=999
    )
    assert found == 1 / 1000


def test_margins_at_the_edge() -> None:
    rng = np.random.default_rng(0)
    assert sign_flip_p_margins([0.0, 0.0], ["a", "b"], rng=rng) == 1.0
    assert sign_flip_p_margins([1.0], ["a"], rng=rng) == 0.5
    with pytest.raises(ValueError, match="at least one margin"):
        sign_flip_p_margins([], [], rng=rng)
    with pytest.raises(ValueError, match=re.escape("margins[1] is nan")):
        sign_flip_p_margins([1.0, math.nan], ["a", "b"], rng=rng)
    with pytest.raises(ValueError, match="draws=0"):
        sign_flip_p_margins([1.0], ["a"], rng=rng, draws=0)


@pytest.mark.parametrize("count", [0, 1, 2, 3, 10, 11, 501, 1000])
def test_coins_fall_as_counted(count: int) -> None:
    # Not one bit off: a binomial coefficient divided by a power of two is correctly rounded.
    expected = [math.comb(count, heads) / 2**count for heads in range(count + 1)]
    assert signflip._fair_binomial(count, count).tolist() == expected
    assert signflip._fair_binomial(count, 4).tolist() == expected[:5]
    assert sum(expected) == pytest.approx(1.0, rel=1e-14)
