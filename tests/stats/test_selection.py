"""Best of n as n grows, against all subsets one by one, a published formula, and scipy."""

import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ttest_1samp

from rmcheck.stats.selection import expected_quality, selection, sizes_up_to


def one_by_one(scores: list[float], quality: list[float], n: int) -> float:
    """The mean over all subsets, each written out; ties at the top share."""
    found = []
    for subset in combinations(range(len(scores)), n):
        top = max(scores[i] for i in subset)
        tied = [quality[i] for i in subset if scores[i] == top]
        found.append(sum(tied) / len(tied))
    return sum(found) / len(found)


def names(n: int) -> list[str]:
    return [str(i) for i in range(n)]


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 5)), min_size=1, max_size=8))
def test_it_is_the_mean_over_all_subsets(rows: list[tuple[int, int]]) -> None:
    scores, quality = ([float(row[at]) for row in rows] for at in (0, 1))
    sizes = range(1, len(rows) + 1)
    found = expected_quality(scores, quality, list(sizes))
    assert found == pytest.approx([one_by_one(scores, quality, n) for n in sizes], abs=1e-12)


def test_a_perfect_choice_is_pass_at_k() -> None:
    # Chen et al. 2021: 1 - C(n - c, k) / C(n, k) with c good ones among n.
    good = [1.0] * 3 + [0.0] * 17
    found = expected_quality(good, good, [1, 2, 5, 10])
    assert found == pytest.approx(
        [1 - math.comb(17, k) / math.comb(20, k) for k in (1, 2, 5, 10)], abs=1e-12
    )


def test_large_sets_are_exact_too() -> None:
    # The best of 1,000 is drawn into a subset of n in n/1000 of all cases.
    scores = np.arange(1000.0)
    quality = (scores == 999).astype(float)
    assert expected_quality(scores, quality, [1, 256, 1000]) == pytest.approx([0.001, 0.256, 1.0])


def test_the_sizes() -> None:
    assert sizes_up_to(2) == (1, 2)
    assert sizes_up_to(16) == (1, 2, 4, 8, 16)
    assert sizes_up_to(12) == (1, 2, 4, 8, 12)
    with pytest.raises(ValueError, match="most=1 must be at least 2"):
        sizes_up_to(1)


def test_the_interval_of_singletons_is_students() -> None:
    rng = np.random.default_rng(3)
    scores = rng.normal(size=(30, 4))
    quality = scores + rng.normal(size=(30, 4))
    found = selection(list(scores), list(quality), names(30), (1, 2, 4), rng=rng)
    table = np.array(
        [
            [one_by_one(list(s), list(q), n) for n in (1, 2, 4)]
            for s, q in zip(scores, quality, strict=True)
        ]
    )
    for values, estimate in (
        (table[:, 2] - table[:, 0], found.gain),
        (table[:, 1] - table[:, 0], found.steps[0].gain),
        (table[:, 1], found.quality[1]),
    ):
        interval = ttest_1samp(values, 0).confidence_interval(0.95)
        assert estimate.value == pytest.approx(values.mean())
        assert (estimate.low, estimate.high) == pytest.approx((interval.low, interval.high))
        assert (estimate.method, estimate.n, estimate.n_groups) == ("t-clustered", 30, 30)


def test_doubling_every_set_within_its_prompt_changes_no_interval() -> None:
    rng = np.random.default_rng(4)
    scores, quality = list(rng.normal(size=(20, 4))), list(rng.normal(size=(20, 4)))
    once = selection(scores, quality, names(20), (1, 4), rng=np.random.default_rng(0))
    twice = selection(scores * 2, quality * 2, names(20) * 2, (1, 4), rng=np.random.default_rng(0))
    assert (twice.gain.low, twice.gain.high) == pytest.approx((once.gain.low, once.gain.high))
    assert twice.steps[0].p == pytest.approx(once.steps[0].p)
    assert (twice.gain.n, twice.gain.n_groups) == (40, 20)


def test_the_test_of_a_step_is_exact_for_few_prompts() -> None:
    # Quality falls by 1 in each of 5 sets: of 2^5 sign patterns one is as low. Holm over one step.
    found = selection([[0, 1]] * 5, [[1, 0]] * 5, names(5), (1, 2), rng=np.random.default_rng(0))
    assert [step.p for step in found.steps] == [1 / 32]
    assert found.fall(0.05) is found.steps[0]
    assert found.fall(0.03) is None
    assert found.gain.value == -0.5


def test_no_width_of_zero_and_no_rounding_taken_for_a_fall() -> None:
    # All tied: quality is 1/3 at any n, but for rounding.
    rows = [[0.0] * 9] * 40
    good = [[1.0, 1.0, 1.0] + [0.0] * 6] * 40
    found = selection(rows, good, names(40), (1, 2, 4, 8, 9), rng=np.random.default_rng(0))
    assert [step.p for step in found.steps] == [1.0] * 4
    assert found.gain.low == pytest.approx(-found.gain.high, abs=1e-12)
    # √2 / (40 + 2) of the range, times t(39).
    assert found.gain.high == pytest.approx(math.sqrt(2) / 42 * 2.022691, rel=1e-5)


def test_one_prompt_tells_nothing() -> None:
    found = selection([[0, 1]] * 3, [[0, 1]] * 3, ["a"] * 3, (1, 2), rng=np.random.default_rng(0))
    assert (found.gain.low, found.gain.high) == (-1.0, 1.0)
    assert (found.quality[0].low, found.quality[0].high) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("sizes", "groups", "said"),
    [
        ((1,), ["a"], "two sizes"),
        ((2, 1), ["a"], "sizes must increase"),
        ((1, 3), ["a"], "expected numbers from 1 to 2, got 3"),
        ((1, 2), ["a", "b"], "differ in length"),
    ],
)
def test_what_cannot_be_computed_says_why(
    sizes: tuple[int, ...], groups: list[str], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        selection([[0, 1]], [[0, 1]], groups, sizes, rng=np.random.default_rng(0))


@pytest.mark.slow
def test_coverage_false_alarms_and_power() -> None:
    rng = np.random.default_rng(11)
    runs, sets, sizes = 400, 30, (1, 2, 4, 8)
    covered = alarms = 0
    for _ in range(runs):
        # Scores know nothing: quality is the same at every n, and the true gain is 0.
        scores = rng.normal(size=(sets, 8))
        good = (rng.random((sets, 8)) < rng.beta(1, 2, size=(sets, 1))).astype(float)
        found = selection(list(scores), list(good), names(sets), sizes, rng=rng)
        covered += found.gain.low <= 0 <= found.gain.high
        alarms += found.fall(0.05) is not None
    assert covered / runs >= 0.93
    assert alarms / runs <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / runs)
    # A fall of the detectable size is found about 4 times of 5.
    caught, size = 0, 0.0
    for _ in range(runs):
        # From n=1 to n=2 quality falls by `tilt`, whose standard error is 0.35 / √30.
        tilt = 0.159 + rng.normal(0, 0.35, size=sets)
        quality = [[each, -each] for each in tilt]
        found = selection([[0.0, 1.0]] * sets, quality, names(sets), (1, 2), rng=rng)
        caught += found.fall(0.05) is not None
        size += found.steps[0].detectable / runs
    # By hand: (z(0.95) + z(0.8)) · 0.35 / √30 = (1.645 + 0.842) · 0.0639 = 0.159.
    assert size == pytest.approx(0.159, abs=0.005)
    assert caught / runs == pytest.approx(0.8, abs=0.07)
