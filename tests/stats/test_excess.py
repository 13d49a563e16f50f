"""Shares and mean changes against a bound: exact p-values, and what could be found."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom, binomtest, false_discovery_control, permutation_test

from rmcheck.stats.excess import detectable_share, mean_shift, share_excess, shift_excess
from rmcheck.stats.multiplicity import benjamini_hochberg


def names(n: int) -> list[str]:
    return [f"g{i}" for i in range(n)]


@pytest.mark.parametrize(
    ("events", "n", "bound"),
    [(9, 50, 0.1), (0, 20, 0.1), (20, 20, 0.9), (3, 100, 0.0), (7, 30, 0.5)],
)
def test_of_singletons_it_is_the_binomial_test(events: int, n: int, bound: float) -> None:
    found = share_excess([1.0] * events + [0.0] * (n - events), names(n), bound, alpha=0.05)
    assert found.p_value == pytest.approx(binomtest(events, n, bound, "greater").pvalue, rel=1e-9)
    assert (found.estimate.value, found.n_eff) == (events / n, n)


def test_pairs_of_one_prompt_that_agree_count_once() -> None:
    once = share_excess([1.0] * 9 + [0.0] * 41, names(50), 0.1, alpha=0.05)
    thrice = share_excess(
        np.repeat([1.0] * 9 + [0.0] * 41, 3), np.repeat(names(50), 3).tolist(), 0.1, alpha=0.05
    )
    assert once.p_value <= thrice.p_value <= 3 * once.p_value
    # Taken for independent, they would have been 27 events in 150 trials.
    assert thrice.p_value > 10 * binomtest(27, 150, 0.1, "greater").pvalue


def test_halves_of_events_are_rounded_down() -> None:
    halves = share_excess([0.5] * 9 + [0.0] * 21, names(30), 0.05, alpha=0.05)
    assert halves.p_value == pytest.approx(binomtest(4, 30, 0.05, "greater").pvalue, rel=1e-9)


@pytest.mark.parametrize("tests", [1, 45])
@pytest.mark.parametrize(("n", "bound"), [(30, 0.1), (200, 0.1), (60, 0.0), (100, 0.35)])
def test_the_detectable_share_is_found_in_four_of_five_runs(
    n: int, bound: float, tests: int
) -> None:
    share = share_excess([0.0] * n, names(n), bound, alpha=0.05, tests=tests).detectable
    assert share is not None
    assert share > bound
    # The fewest events whose p is small enough, by trying all of them.
    fewest = next(k for k in range(n + 1) if binom.sf(k - 1, n, bound) <= 0.05 / tests)
    assert binom.sf(fewest - 1, n, share) == pytest.approx(0.8, abs=1e-9)


def test_what_no_share_could_show_is_not_detectable() -> None:
    assert detectable_share(3, 0.5, 0.05) is None
    assert detectable_share(0, 0.1, 0.05) is None


def test_the_p_of_a_mean_change_is_that_of_all_sign_patterns() -> None:
    changes = np.random.default_rng(3).normal(0.4, 1.0, 12)
    found = mean_shift(changes, names(12), seed=0)
    oracle = permutation_test(
        (changes,), np.mean, permutation_type="samples", n_resamples=np.inf
    ).pvalue
    assert found.value == pytest.approx(changes.mean())
    assert found.p_value == pytest.approx(oracle, rel=1e-9)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_change_beyond_a_bound_is_that_of_what_is_left_of_it(sign: float) -> None:
    changes = sign * np.random.default_rng(5).normal(0.9, 0.6, 14)
    oracle = permutation_test(
        (sign * changes - 0.5,), np.mean, permutation_type="samples", n_resamples=np.inf,
        alternative="greater",
    ).pvalue  # fmt: skip
    assert shift_excess(changes, names(14), 0.5, seed=0) == pytest.approx(2 * oracle)
    upwards = shift_excess(changes, names(14), 0.5, seed=0, either_way=False)
    assert upwards == pytest.approx(oracle if sign > 0 else 1.0)
    assert shift_excess(changes, names(14), 2.0, seed=0) == 1.0


def test_groups_change_sign_together_in_whatever_order_they_come() -> None:
    rng = np.random.default_rng(8)
    changes, of = rng.normal(0.3, 1.0, 60), [f"g{i % 20}" for i in range(60)]
    sums = [changes[row::20].sum() for row in range(20)]
    order = rng.permutation(60)
    found = mean_shift(changes, of, seed=1)
    again = mean_shift(changes[order], [of[row] for row in order], seed=1)
    assert found.p_value == again.p_value
    assert found.p_value == mean_shift(sums, names(20), seed=1).p_value


def test_a_negative_bound_is_refused_where_both_directions_count() -> None:
    with pytest.raises(ValueError, match=r"bound=-1 must be at least 0"):
        shift_excess([1.0], ["a"], -1, seed=0)
    assert shift_excess([0.0] * 20, names(20), -1, seed=0, either_way=False) < 0.001


def test_p_values_are_adjusted_as_scipy_does() -> None:
    rng = np.random.default_rng(0)
    for n in (1, 2, 7, 40):
        p = rng.random(n) ** 3
        assert benjamini_hochberg(p.tolist()) == pytest.approx(false_discovery_control(p))
    assert benjamini_hochberg([]) == []
    with pytest.raises(ValueError, match=r"p\[1\] is 1.5"):
        benjamini_hochberg([0.1, 1.5])


@pytest.mark.ci
@pytest.mark.parametrize(
    ("groups", "size", "bound", "alike"), [(15, 3, 0.1, 1.0), (60, 1, 0.1, 0.0), (40, 3, 0.1, 0.5)]
)
def test_a_share_at_its_bound_is_rarely_found_to_exceed_it(
    groups: int, size: int, bound: float, alike: float
) -> None:
    rng = np.random.default_rng(11)
    of = [f"g{i // size}" for i in range(groups * size)]
    red = 0
    for _ in range(1000):
        together = np.repeat(rng.random(groups) < bound, size)
        own = rng.random(groups * size) < bound
        credits = np.where(np.repeat(rng.random(groups) < alike, size), together, own)
        red += share_excess(credits.astype(float), of, bound, alpha=0.05).p_value <= 0.05
    assert red <= 65  # 5 % of 1000 runs, and two standard errors
