"""Bets against exchangeability: fair if nothing changed, rich if something did."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import kstest

from rmcheck.stats.betting import SIZES, Capital, Ranks


def test_the_place_among_all_values_so_far() -> None:
    ranks = Ranks(3)
    ranks.add([0, 0, 1])
    # 2 is larger than the three before: 0 larger, 1 the same (itself), 4 in all.
    # 0 then: larger are 1 and 2, the same are 0, 0 and itself, 5 in all.
    p = ranks.p_values([2, 0], [0.5, 0.25])
    np.testing.assert_allclose(p, [(0 + 0.5 * 1) / 4, (2 + 0.25 * 3) / 5])
    assert ranks.counts.tolist() == [3, 1, 1]


def test_in_blocks_or_one_by_one_is_the_same() -> None:
    rng = np.random.default_rng(0)
    codes, draws = rng.integers(0, 7, 60), rng.random(60)
    whole, apart = Ranks(7), Ranks(7)
    each = zip(codes, draws, strict=True)
    one_by_one = [apart.p_values([code], [draw])[0] for code, draw in each]
    np.testing.assert_allclose(whole.p_values(codes, draws), one_by_one)


def test_p_values_are_uniform_whatever_the_distribution() -> None:
    rng = np.random.default_rng(1)
    codes = rng.choice(4, 4000, p=[0.7, 0.2, 0.09, 0.01])
    ranks = Ranks(4)
    ranks.add(codes[:500])
    assert kstest(ranks.p_values(codes[500:], rng.random(3500)), "uniform").pvalue > 0.01


def test_the_game_is_fair() -> None:
    # The mean over the midpoints of equal parts of [0, 1] is the mean over a uniform p, exact here
    # because every bet is a piecewise linear function of p with kinks at 1/2.
    places = (np.arange(30) + 0.5) / 30
    capitals = []
    for first in places:
        for second in places:
            player = Capital()
            player.bet([first])
            player.bet([second])
            capitals.append(np.exp(player.log))
    assert np.mean(capitals) == pytest.approx(1.0, abs=1e-12)
    assert max(capitals) > 1.05


def test_the_capital_of_two_bets_by_hand() -> None:
    player = Capital()
    player.bet([0.0, 0.0])
    # p = 0: the bets on larger and on wider values win 1 + s, the opposite ones keep 1 - s.
    wins = sum(2 * (1 + size) ** 2 + 2 * (1 - size) ** 2 for size in SIZES)
    assert np.exp(player.log) == pytest.approx(0.5 + 0.5 * wins / 12)


def peaks(runs: int, change: float, *, after: int = 0, blocks: int = 20) -> list[float]:
    found = []
    for seed in range(runs):
        rng = np.random.default_rng(seed)
        player = Capital()
        for block in range(blocks):
            p = rng.random(100)
            player.bet(p ** (1 + change) if block >= after else p)
        found.append(player.peak)
    return found


def test_without_a_change_the_capital_hardly_ever_gets_large() -> None:
    large = np.mean(np.array(peaks(100, 0.0)) >= np.log(20))
    assert large <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 100)


def test_a_change_makes_rich_also_when_it_begins_late() -> None:
    assert min(peaks(10, 0.25)) >= np.log(80)
    assert min(peaks(4, 0.25, after=100, blocks=120)) >= np.log(80)
