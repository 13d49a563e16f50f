"""Looks that share one error rate, and the simulation behind it."""

from __future__ import annotations

from fractions import Fraction

import pytest

from rmcheck.stats.anytime import anytime_p


def test_the_shares_of_all_looks_are_at_most_one() -> None:
    # At p = 1/1000 the adjusted p is p times the inverse of the look's share of alpha.
    shares = [Fraction(1, round(anytime_p(1e-9, look) / 1e-9)) for look in range(1, 201)]
    assert shares[:3] == [Fraction(1, 2), Fraction(1, 6), Fraction(1, 12)]
    # 1/(k(k + 1)) = 1/k - 1/(k + 1): the sum of the first 200 telescopes to 1 - 1/201.
    assert sum(shares) == 1 - Fraction(1, 201)


def test_comparisons_divide_the_share_and_one_is_the_most() -> None:
    assert anytime_p(0.001, 2, comparisons=5) == pytest.approx(0.03)
    assert anytime_p(0.3, 3) == 1.0


@pytest.mark.parametrize(
    ("p", "look", "comparisons"), [(0.0, 1, 1), (1.5, 1, 1), (float("nan"), 1, 1), (0.5, 0, 1),
                                   (0.5, 1, 0)],
)  # fmt: skip
def test_what_is_no_p_and_no_look_is_refused(p: float, look: int, comparisons: int) -> None:
    with pytest.raises(ValueError, match=r"p=|look="):
        anytime_p(p, look, comparisons)
