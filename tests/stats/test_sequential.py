"""Group sequential boundaries, held against published tables and a simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import ndtr, ndtri

from rmcheck.stats.sequential import (
    EARLY,
    EARLY_UNTIL,
    critical_values,
    exit_probabilities,
    nominal_levels,
    obrien_fleming,
    repeated_p,
    spent,
)

FIFTHS = (0.2, 0.4, 0.6, 0.8, 1.0)


def test_lan_demets_boundaries_are_the_published_ones() -> None:
    # Five equal looks, spending of O'Brien and Fleming's shape, one-sided 0.025: the values that
    # the R packages ldbounds and gsDesign print.
    assert critical_values(FIFTHS, 0.025, spending=obrien_fleming) == pytest.approx(
        (4.8769, 3.3569, 2.6803, 2.2898, 2.0310), abs=2e-4
    )
    # Two looks, from the same packages.
    assert critical_values((0.5, 1.0), 0.025, spending=obrien_fleming) == pytest.approx(
        (2.9626, 1.9686), abs=2e-4
    )


@pytest.mark.parametrize(
    ("looks", "constant"),
    # Jennison and Turnbull 2000, table 2.3, α = 0.05 two-sided: C_B(K, α) of the classic test,
    # which stops where Z_k ≥ C_B √(K / k).
    [(2, 1.977), (3, 2.004), (4, 2.024), (5, 2.040), (10, 2.087), (20, 2.126)],
)
def test_the_classic_obrien_fleming_test_spends_its_alpha(looks: int, constant: float) -> None:
    fractions = [k / looks for k in range(1, looks + 1)]
    critical = [constant / math.sqrt(t) for t in fractions]
    assert exit_probabilities(fractions, critical).sum() == pytest.approx(0.025, abs=4e-5)


@pytest.mark.parametrize(
    ("looks", "constant"),
    # The same book, table 2.1: Pocock's test has one critical value for all looks.
    [(2, 2.178), (3, 2.289), (5, 2.413), (10, 2.555)],
)
def test_pococks_test_spends_its_alpha(looks: int, constant: float) -> None:
    fractions = [k / looks for k in range(1, looks + 1)]
    found = exit_probabilities(fractions, [constant] * looks).sum()
    assert found == pytest.approx(0.025, abs=4e-5)


def test_power_is_that_of_simulated_paths() -> None:
    fractions, drift = np.array([0.1, 0.25, 0.6, 1.0]), 2.5
    critical = critical_values(tuple(fractions), 0.025)
    rng = np.random.default_rng(0)
    steps = np.diff(fractions, prepend=0.0)
    paths = (drift * steps + rng.standard_normal((200_000, 4)) * np.sqrt(steps)).cumsum(axis=1)
    first = (paths / np.sqrt(fractions) > critical).argmax(axis=1)
    crossed = (paths / np.sqrt(fractions) > critical).any(axis=1)
    simulated = [np.mean(crossed & (first == look)) for look in range(4)]
    found = exit_probabilities(tuple(fractions), critical, drift=drift)
    assert found == pytest.approx(np.array(simulated), abs=4e-3)


def test_one_look_is_the_plain_test_and_all_looks_hold_alpha() -> None:
    assert critical_values((1.0,), 0.025)[0] == pytest.approx(ndtri(0.975), abs=1e-8)
    uneven = (0.05, 0.075, 0.31, 0.35, 0.9, 1.0)
    for alpha in (0.025, 0.001):
        assert exit_probabilities(uneven, critical_values(uneven, alpha)).sum() == pytest.approx(
            alpha, rel=1e-6
        )
    # The first look has what is spent by then: u = 0.05 / 0.35 = 1/7 of the way, and a smooth step
    # is 3/49 - 2/343 = 19/343 there; of the rest 0.05^5.
    first = 0.35 * 19 / 343 + 0.65 * 0.05**5
    assert nominal_levels(uneven, 0.025)[0] == pytest.approx(0.025 * first, rel=1e-6)


def test_a_third_is_spent_early_and_all_of_alpha_at_the_end() -> None:
    assert (EARLY, EARLY_UNTIL) == (0.35, 0.35)
    for alpha in (0.025, 0.001):
        assert spent(1.0, alpha) == pytest.approx(alpha, rel=1e-12)
        # By hand: half of the step is half of the way; 0.65·0.175^5 and 0.65·0.35^5 of the rest.
        assert spent(0.175, alpha) == pytest.approx(0.175 * alpha + 1.0669e-4 * alpha, rel=1e-6)
        assert spent(0.35, alpha) == pytest.approx(0.35 * alpha + 3.4139e-3 * alpha, rel=1e-6)
        steps = np.diff([spent(t, alpha) for t in np.linspace(0.001, 1.0, 500)])
        assert (steps > 0).all()
    fractions = (0.1, 0.3, 0.6, 1.0)
    classic = critical_values(fractions, 0.025, spending=obrien_fleming)
    ours = critical_values(fractions, 0.025)
    assert ours[0] < 3.1 < 6.0 < classic[0]
    assert 1.96 < classic[-1] < ours[-1] < 2.14


def test_a_stricter_level_is_stricter_at_every_look() -> None:
    # What a repeated p rests on.
    fractions = (0.05, 0.1, 0.3, 0.4, 0.7, 1.0)
    levels = [nominal_levels(fractions, alpha) for alpha in (1e-4, 1e-3, 0.005, 0.025, 0.1, 0.3)]
    assert (np.diff(np.array(levels), axis=0) > 0).all()


def test_a_repeated_p_is_alpha_where_the_look_just_decides() -> None:
    for look in (2, 3, 5):
        nominal = nominal_levels(FIFTHS, 0.025)[look - 1]
        assert repeated_p(FIFTHS[:look], nominal) == pytest.approx(0.025, rel=5e-3)
    assert repeated_p((1.0,), 0.3) == 0.3
    assert repeated_p(FIFTHS[:1], 0.9) == 1.0
    assert repeated_p(FIFTHS[:1], 0.0) < 1e-10
    assert repeated_p(FIFTHS, 0.02) > 0.02 > float(ndtr(-2.1))


def test_what_is_refused() -> None:
    for fractions in ((), (0.5, 0.5), (0.0, 1.0), (0.5, 1.2)):
        with pytest.raises(ValueError, match=r"look|rise within"):
            critical_values(fractions, 0.025)
    with pytest.raises(ValueError, match=r"alpha=0\.7 is outside"):
        critical_values(FIFTHS, 0.7)
    with pytest.raises(ValueError, match="fraction=0 is outside"):
        spent(0, 0.025)
