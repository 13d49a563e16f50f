"""One pair made worse raises no limit; pairs doubled within their groups change none."""

from itertools import product

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from rmcheck.stats import groups as grouping
from rmcheck.stats.monotone import Better, lowest
from rmcheck.stats.paired import paired_difference
from rmcheck.stats.signflip import sign_flip_p_integer
from rmcheck.stats.winrate import win_rate
from rmcheck.verdict import Estimate
from stats.newcombe import newcombe_limits

win = st.sampled_from([0.0, 0.5, 1.0])
mostly_won = st.sampled_from([0.0, 0.5, *[1.0] * 12])
quick = settings(max_examples=60, deadline=None)


@st.composite
def shared(
    draw: st.DrawFn, outcome: st.SearchStrategy[float], fewest: int = 3
) -> tuple[list[str], list[float]]:
    """Names of up to 25 groups of 1 to 8 pairs, one of them shared, and a column of outcomes."""
    rest = st.lists(st.integers(1, 8), min_size=fewest - 1, max_size=24)
    sizes = [draw(st.integers(2, 8)), *draw(rest)]
    names = [str(group) for group, size in enumerate(sizes) for _ in range(size)]
    return names, draw(st.lists(outcome, min_size=len(names), max_size=len(names)))


def worsened(column: list[float], data: st.DataObject) -> list[float]:
    rows = [row for row, value in enumerate(column) if value > 0]
    assume(rows)
    row = data.draw(st.sampled_from(rows))
    lower = data.draw(st.sampled_from([v for v in (0.0, 0.5) if v < column[row]]))
    return [*column[:row], lower, *column[row + 1 :]]


def above(one: Estimate, two: Estimate) -> bool:
    """Whether no limit of `one` lies below that of `two`, but for rounding."""
    return one.low >= two.low - 1e-12 and one.high >= two.high - 1e-12


def test_the_first_loss_among_groups_that_won_all() -> None:
    # Wilson at n_eff = 20 groups: 20 / (20 + t(19)²). One loss tells that pairs of a group need
    # not fail together; at the n_eff measured then the limit would rise to 0.83.
    names = [str(i // 3) for i in range(60)]
    all_won = win_rate([1.0] * 60, names)
    assert all_won.low == pytest.approx(20 / (20 + 2.093024054408263**2))
    one_lost = win_rate([0.0] + [1.0] * 59, names)
    assert one_lost.low <= all_won.low
    assert one_lost.high <= all_won.high


@pytest.mark.ci
@quick
@given(st.one_of(shared(win), shared(mostly_won)), st.data())
def test_a_worse_pair_raises_no_limit_of_a_rate(
    drawn: tuple[list[str], list[float]], data: st.DataObject
) -> None:
    names, column = drawn
    assert above(win_rate(column, names), win_rate(worsened(column, data), names))


@pytest.mark.ci
@quick
@given(shared(win), st.booleans(), st.data())
def test_a_worse_pair_raises_no_limit_and_no_p_of_a_difference(
    drawn: tuple[list[str], list[float]], mid: bool, data: st.DataObject
) -> None:
    names, baseline = drawn
    few = data.draw(st.lists(st.tuples(st.integers(0, len(names) - 1), win), max_size=6))
    candidate = list(baseline)
    for row, value in few:
        candidate[row] = value
    one = paired_difference(candidate, baseline, names, mid=mid)
    two = paired_difference(worsened(candidate, data), baseline, names, mid=mid)
    assert above(one.estimate, two.estimate)
    assert two.p_less <= one.p_less * (1 + 1e-12)


@pytest.mark.parametrize("n", [15, pytest.param(31, marks=pytest.mark.ci)])
def test_newcombe_s_limits_fall_with_every_pair(n: int) -> None:
    for both, ours, theirs in product(range(n + 1), repeat=3):
        neither = n - both - ours - theirs
        if neither < 0:
            continue
        low, high = newcombe_limits(both, ours, theirs, neither, 1.959963984540054)
        worse = [(both - 1, ours, theirs + 1, neither), (both, ours - 1, theirs, neither + 1)]
        for cells in worse:
            if min(cells) >= 0:
                found = newcombe_limits(*cells, 1.959963984540054)
                assert found[0] <= low + 1e-12
                assert found[1] <= high + 1e-12


@quick
@given(st.lists(st.integers(-6, 6), min_size=1, max_size=12), st.data())
def test_the_sign_flip_p_falls_with_every_net_win_lost(net: list[int], data: st.DataObject) -> None:
    group = data.draw(st.integers(0, len(net) - 1))
    worse = [*net[:group], net[group] - 1, *net[group + 1 :]]
    assert sign_flip_p_integer(worse) <= sign_flip_p_integer(net) * (1 + 1e-12)


@pytest.mark.ci
@quick
@given(shared(st.sampled_from([0.0, 1.0, 1.0]), fewest=15), st.integers(2, 3))
def test_pairs_doubled_within_shared_groups_change_nothing(
    drawn: tuple[list[str], list[float]], times: int
) -> None:
    names, column = drawn
    n, more = len(names), [name for name in names for _ in range(times)]
    once, often = win_rate(column, names), win_rate(np.repeat(column, times), more)
    # n bounds n_eff, and there are more pairs now; that alone may tell the two apart.
    if once.method != f"wilson-neff{n}":
        assert often.method == once.method
        # Better data are sought in steps of half a pair, finer ones now: less than is printed.
        assert (often.low, often.high) == pytest.approx((once.low, once.high), abs=5e-4)

    other = column[::-1]
    first = paired_difference(column, other, names)
    second = paired_difference(np.repeat(column, times), np.repeat(other, times), more)
    assert second.p_two_sided == pytest.approx(first.p_two_sided)
    if first.design_effect > 1.0:
        assert second.design_effect == pytest.approx(times * first.design_effect)
        limits = (first.estimate.low, first.estimate.high)
        # Better candidates are sought in steps of half a pair, which are finer steps now.
        step = 0.5 / n
        assert (second.estimate.low, second.estimate.high) == pytest.approx(limits, abs=step)


@pytest.mark.ci
@quick
@given(st.data())
def test_the_bound_on_the_spread_is_one(data: st.DataObject) -> None:
    sizes = data.draw(st.lists(st.integers(1, 3), min_size=2, max_size=4))
    won = [data.draw(st.integers(0, size)) for size in sizes]
    top = np.array(sizes, dtype=float)
    seen = np.array(won, dtype=float)
    better = Better(grouping.Design(top), seen, top - seen)
    reached = [
        np.array(sums, dtype=float)
        for sums in product(*(range(w, s + 1) for w, s in zip(won, sizes, strict=True)))
    ]
    for sums in reached:
        spread = float(np.square(sums - sums.sum() / top.sum() * top).sum())
        bound = float(better.spread(np.array([sums.sum() - seen.sum()]))[0])
        assert bound >= spread - 1e-9
        if sums.sum() == seen.sum():
            assert bound == pytest.approx(spread)


def test_the_walk_ends_where_nothing_lower_can_follow() -> None:
    asked: list[float] = []

    def limits(gained: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        asked.extend(gained)
        return np.abs(gained - 3.0), gained / 4 - 1.0

    assert lowest(limits, 500.0) == 0.0  # at a gain of 3; from 4 on nothing below 0 can come
    assert max(asked) < 30
    assert lowest(limits, 0.0) == float("inf")
