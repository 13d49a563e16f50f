"""How often looks at parts of the pairs call equal models unequal, calculated, not simulated."""

from __future__ import annotations

import numpy as np
import pytest
from builders import TableContext, make_pairs
from numpy.typing import NDArray
from scipy.signal import fftconvolve
from scipy.stats import binom, multinomial

from rmcheck.checks.looks import Look, looks_at
from rmcheck.checks.no_regression import NoRegression
from rmcheck.data import Pairs
from rmcheck.stats.signflip import sign_flip_p_integer

Chances = NDArray[np.float64]


def steps(n: int, share: float, top: int) -> Chances:
    """Chances of so many newly wrong (rows) and newly right (columns) of n pairs, equal models."""
    lost, gained = np.meshgrid(np.arange(top + 1), np.arange(top + 1), indexing="ij")
    counts = np.stack([lost, gained, n - lost - gained], axis=-1)
    chances = multinomial.pmf(counts, n, [share / 2, share / 2, 1 - share])
    return np.where(counts[..., 2] >= 0, chances, 0.0)


def p_values(top: int, *, mid: bool) -> Chances:
    """The check's one-sided p of so many newly wrong and newly right pairs."""

    def of(lost: int, gained: int) -> float:
        return sign_flip_p_integer(np.repeat([-1, 1], [lost, gained]), "less", mid=mid)

    return np.array([[of(lost, gained) for gained in range(top + 1)] for lost in range(top + 1)])


def level(n: int, share: float, alpha: float, ps: tuple[Chances, Chances]) -> float:
    """The probability that any look calls one of two equal models worse.

    Counts of newly wrong and newly right pairs walk from look to look, and end where a look decides
    by its p: `ps` are those before the last look and at it. That the drop must be `max_drop` or
    more, which only lowers it, is left out.
    """
    top = len(ps[0]) - 1
    walk, before, found = np.ones((1, 1)), 0, 0.0
    for look in looks_at(Pairs(make_pairs(n)), early=True):
        seen = len(look.pairs)
        spread = fftconvolve(walk, steps(seen - before, share, min(top, seen - before)))
        walk, before = np.zeros((top + 1, top + 1)), seen
        walk[: len(spread), : len(spread)] = np.maximum(spread[: top + 1, : top + 1], 0.0)
        called = ps[int(look.last)] <= look.nominal(alpha)
        found += float(walk[called].sum())
        walk[called] = 0.0
    assert float(walk.sum()) + found == pytest.approx(1.0, abs=1e-6)
    return found


def test_the_calculation_is_right_for_one_look() -> None:
    # The exact test of 40 pairs: over the number that differ, its chance of p ≤ 0.025.
    top = 40
    ps = p_values(top, mid=False)
    walk = steps(40, 0.3, top)
    changed = np.arange(41)

    def most_gained(differ: int) -> int:
        return int(np.searchsorted(binom.cdf(range(differ + 1), differ, 0.5), 0.025, "right")) - 1

    critical = [most_gained(differ) for differ in changed.tolist()]
    expected = float((binom.pmf(changed, 40, 0.3) * binom.cdf(critical, changed, 0.5)).sum())
    assert float(walk[ps <= 0.025].sum()) == pytest.approx(expected, rel=1e-9)


@pytest.mark.ci
def test_all_looks_together_hold_alpha() -> None:
    top = 110
    mid, exact = p_values(top, mid=True), p_values(top, mid=False)
    for n, share in ((100, 0.4), (300, 0.03), (300, 0.1), (300, 0.4), (1000, 0.02), (1000, 0.1)):
        for alpha in (0.025, 0.025 / 23):
            found = level(n, share, alpha, (mid, exact)) / alpha
            assert found < 0.9
            # Exact p-values at each look would leave more of alpha unused.
            assert level(n, share, alpha, (exact, exact)) / alpha <= found
    # 1,000 pairs of which a tenth differ: 2.1 % of the 2.5 %, and 1.8 % with exact p-values.
    assert level(1000, 0.1, 0.025, (mid, exact)) == pytest.approx(0.0207, abs=1e-4)
    assert level(1000, 0.1, 0.025, (exact, exact)) == pytest.approx(0.0177, abs=1e-4)


def seen_at(look: Look, pairs: list, lost: int) -> TableContext:
    """Two models of which one lost so many of the look's pairs, and is right on all others."""
    wrong = {pair.id for pair in look.pairs[:lost]}
    now = [-1.0 if pair.id in wrong else 1.0 for pair in pairs]
    return TableContext(pairs, (now, [0.0] * len(pairs)), ([1.0] * len(pairs), [0.0] * len(pairs)))


def test_an_early_regression_is_one_by_more_than_is_tolerated() -> None:
    # 300 of 3,000 pairs; max_drop is 2 points. 10 newly wrong: p = 2^-11 = 0.0005, which is enough
    # at this look, but Newcombe's 90 % interval of 3.3 points reaches from 1.9 to 5.6. 20 newly
    # wrong: 6.7 points, from 4.5 up.
    pairs = make_pairs(3000)
    check = NoRegression(max_drop=0.02, early_stop=True)
    look = next(each for each in looks_at(Pairs(pairs), early=True) if len(each.pairs) == 300)
    assert look.nominal(0.025) > 2**-11
    difference, state = check.found(seen_at(look, pairs, 10), look)
    assert (difference.p_less, state) == (2**-11, "inconclusive")
    assert not check.settles(seen_at(look, pairs, 10), look)
    assert check.found(seen_at(look, pairs, 20), look)[1] == "regressed"
    assert check.settles(seen_at(look, pairs, 20), look)
    # A tolerance of 1 point is exceeded for sure.
    assert NoRegression(max_drop=0.01, early_stop=True).settles(seen_at(look, pairs, 10), look)
    # The verdict at the look is the one that it was stopped for.
    verdict = check.judge(seen_at(look, pairs, 20))
    assert verdict.state == "regressed"
    assert "signflip-mid@" in verdict.signature
