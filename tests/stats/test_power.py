import math
import time

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import stats

from rmcheck.stats.power import (
    detectable_drop,
    detectable_shortfall,
    drop_power,
    pairs_to_catch,
    smoothed_discordant,
    worst_design_effect,
)
from rmcheck.stats.winrate import win_rate


def by_enumeration(n: int, discordant: float, drop: float, max_drop: float, alpha: float) -> float:
    """Power summed over every table (lost, gained), each judged by the rule itself."""
    share = max(discordant, drop)
    lost_share, gained_share = (share + drop) / 2, (share - drop) / 2
    total = 0.0
    for lost in range(n + 1):
        for gained in range(n - lost + 1):
            p = stats.binom.cdf(gained, lost + gained, 0.5)
            if lost - gained >= max_drop * n - 1e-9 and p <= alpha:
                counts = [lost, gained, n - lost - gained]
                # Not 1 - lost - gained, which may round below zero and is then no share.
                shares = [lost_share, gained_share, 1 - share]
                total += stats.multinomial.pmf(counts, n, shares)
    return total


@pytest.mark.ci
@example(5, 1.0, 0.6989719310990176, 0.0, 0.05)  # every pair changes
@settings(max_examples=25, deadline=None)
@given(
    st.integers(1, 25),
    st.floats(0.05, 1.0),
    st.floats(0.0, 1.0),
    st.sampled_from([0.0, 0.02, 0.2]),
    st.sampled_from([0.05, 0.025, 0.005]),
)
def test_power_is_the_sum_over_all_tables(
    n: int, discordant: float, drop: float, max_drop: float, alpha: float
) -> None:
    expected = by_enumeration(n, discordant, drop, max_drop, alpha)
    assert drop_power(n, discordant, drop, max_drop, alpha) == pytest.approx(expected, abs=1e-9)


def detect(n: int, **wrong: object) -> float | None:
    rule: dict[str, object] = {
        "n": n,
        "group_sizes_or_groups": [1] * n,
        "discordant": 0.1,
        "max_drop": 0.02,
        "alpha": 0.05,
        "comparisons": 1,
    }
    return detectable_drop(**(rule | wrong))


@pytest.mark.parametrize("n", [30, 150, 1000])
@pytest.mark.parametrize("discordant", [0.03, 0.3])
@pytest.mark.parametrize("comparisons", [1, 5])
def test_the_detectable_drop_is_where_the_power_reaches_its_aim(
    n: int, discordant: float, comparisons: int
) -> None:
    drop = detect(n, discordant=discordant, comparisons=comparisons)
    assert drop is not None
    alpha = 0.05 / (2 * comparisons)
    assert drop_power(n, discordant, drop, 0.02, alpha) >= 0.8
    assert drop_power(n, discordant, drop - 1e-4, 0.02, alpha) < 0.8


def test_large_samples_follow_the_normal_approximation() -> None:
    # Connor 1987: δ ≈ (z_α √D + z_β √(D - δ²)) / √n for the one-sided McNemar test.
    n, share = 4000, 0.2
    drop = detect(n, discordant=share, max_drop=0.0)
    assert drop is not None
    z_alpha, z_beta = stats.norm.ppf(0.975), stats.norm.ppf(0.8)
    expected = (z_alpha * math.sqrt(share) + z_beta * math.sqrt(share - drop**2)) / math.sqrt(n)
    assert drop == pytest.approx(expected, rel=0.03)


@settings(max_examples=15, deadline=None)
@given(st.integers(20, 300), st.floats(0.02, 0.5))
def test_more_of_anything_helps_or_hurts_as_it_must(n: int, discordant: float) -> None:
    drop = detect(n, discordant=discordant)
    assert drop is not None
    assert (detect(n, discordant=discordant, comparisons=20) or 1.0) >= drop
    assert (detect(n, discordant=discordant, max_drop=0.1) or 1.0) >= drop
    assert (detect(n, discordant=discordant, power=0.9) or 1.0) >= drop
    assert (detect(n, discordant=discordant, design_effect=2.0) or 1.0) >= drop


@pytest.mark.parametrize(
    ("n", "at_alpha", "at_half"), [(300, 0.045, 0.022), (1000, 0.047, 0.023), (3000, 0.048, 0.024)]
)
def test_the_level_of_a_regression_is_that_of_the_note(
    n: int, at_alpha: float, at_half: float
) -> None:
    # docs/notes/level-of-a-regression.md; the largest over discordant shares of 2 to 98 %.
    shares = np.arange(0.02, 1.0, 0.04)
    for level, worst in ((0.05, at_alpha), (0.025, at_half)):
        assert max(drop_power(n, share, 0.0, 0.02, level) for share in shares) == pytest.approx(
            worst, abs=0.0005
        )


def test_groups_enter_by_their_design_effect() -> None:
    sizes = [3] * 100
    worst = detect(300, group_sizes_or_groups=sizes)
    assert worst == detect(100)
    assert worst == detect(300, group_sizes_or_groups=[str(i // 3) for i in range(300)])
    assert detect(300, group_sizes_or_groups=sizes, design_effect=1.0) == detect(300)
    # Sizes 4, 1, 1: (16 + 1 + 1) / 6.
    assert worst_design_effect([4, 1, 1]) == worst_design_effect(list("aaaabc")) == 3.0


def test_too_few_pairs_see_nothing() -> None:
    # All 5 lost: p = 1/32 > 0.025. All 6 lost: p = 1/64, caught with 80 % only if nearly all are.
    assert [detect(n) for n in (0, 1, 2, 5)] == [None] * 4
    six = detect(6)
    assert six is not None
    # Power 0.8 asks for six losses of six: δ⁶ = 0.8.
    assert six == pytest.approx(0.8 ** (1 / 6), abs=1e-4)
    assert detect(6, max_drop=1.0) == pytest.approx(0.8 ** (1 / 6), abs=1e-4)


def test_it_is_fast() -> None:
    names = [str(i) for i in range(3000)]
    started = time.perf_counter()
    # A share that no other test has cached.
    detect(3000, group_sizes_or_groups=names, discordant=0.123456)
    assert time.perf_counter() - started < 0.5  # 0.01 s on a free core


def test_smoothed_discordant_by_hand() -> None:
    assert smoothed_discordant(0, 0, 98) == 0.01
    assert smoothed_discordant(3, 2, 10) == 0.5
    assert smoothed_discordant(0.5, 0, 1) == 0.5
    for wrong in ((0, 0, 0), (-1, 0, 5), (4, 2, 5)):
        with pytest.raises(ValueError, match="do not fit"):
            smoothed_discordant(*wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        {"discordant": 0.0},
        {"discordant": 1.1},
        {"alpha": 0.0},
        {"comparisons": 0},
        {"max_drop": -0.1},
        {"power": 1.0},
        {"design_effect": 0.5},
        {"discordant": math.nan},
    ],
)
def test_a_rule_out_of_range_is_told(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        detect(50, **wrong)


@pytest.mark.parametrize("drop", [0.03, 0.05, 0.1])
@pytest.mark.parametrize("discordant", [0.1, 0.2, 0.4])
@pytest.mark.parametrize("comparisons", [1, 8])
def test_the_number_of_pairs_is_connors(drop: float, discordant: float, comparisons: int) -> None:
    found = pairs_to_catch(
        drop, discordant=discordant, max_drop=0.0, alpha=0.05, comparisons=comparisons
    )
    assert found is not None
    # Connor 1987, for McNemar's test: n = (z_α√D + z_β√(D - δ²))² / δ². The exact test wants some
    # more, the more the fewer pairs change (or less, where every change is a loss: D = δ), and the
    # number is rounded up to two digits.
    z_alpha, z_beta = stats.norm.isf(0.025 / comparisons), stats.norm.isf(0.2)
    root = z_alpha * math.sqrt(discordant) + z_beta * math.sqrt(discordant - drop**2)
    connor = (root / drop) ** 2
    assert 0.95 * connor < found < 1.25 * connor
    # By the other road: that many pairs detect the drop, and eight tenths of them do not.
    rule = {"max_drop": 0.0, "alpha": 0.05, "comparisons": comparisons, "discordant": discordant}
    for n, enough in ((found, True), (round(0.8 * found), False)):
        seen = detectable_drop(n=n, group_sizes_or_groups=[1] * n, **rule)
        assert seen is not None
        assert (seen <= drop * 1.02) is enough


def test_pairs_in_groups_are_needed_in_proportion() -> None:
    rule = {"discordant": 0.2, "max_drop": 0.02, "alpha": 0.05, "comparisons": 1}
    plain = pairs_to_catch(0.05, **rule)
    grouped = pairs_to_catch(0.05, **rule, design_effect=3.0)
    assert plain is not None
    assert grouped == pytest.approx(3 * plain, rel=0.1)


@pytest.mark.ci
def test_a_drop_that_is_tolerated_is_caught_by_no_number() -> None:
    rule = {"discordant": 0.2, "max_drop": 0.05, "alpha": 0.05, "comparisons": 1}
    assert pairs_to_catch(0.05, **rule) is None
    assert pairs_to_catch(0.04, **rule) is None
    # Just above it the test is sure long before the drop looks large enough, which takes about
    # z_β²·D / (δ - max_drop)² pairs: 141,000 for 0.051, and 14 million for 0.0501.
    near = pairs_to_catch(0.051, **rule)
    assert near == pytest.approx(stats.norm.isf(0.2) ** 2 * 0.2 / 0.001**2, rel=0.1)
    assert pairs_to_catch(0.0501, **rule) is None
    with pytest.raises(ValueError, match=r"drop=0 is outside"):
        pairs_to_catch(0, **rule)


@pytest.mark.ci
@pytest.mark.parametrize(("n", "minimum"), [(30, 0.7), (150, 0.7), (150, 0.95), (800, 0.5)])
def test_a_shortfall_is_seen_with_the_power_asked_for(n: int, minimum: float) -> None:
    short = detectable_shortfall(n, minimum, 0.95)
    assert short is not None

    def fails(right: int) -> bool:
        column = np.r_[np.ones(right), np.zeros(n - right)]
        return win_rate(column, [str(i) for i in range(n)]).high < minimum

    chance = sum(
        stats.binom.pmf(right, n, minimum - short) for right in range(n + 1) if fails(right)
    )
    assert chance == pytest.approx(0.8, abs=1e-9)


def test_a_shortfall_that_nothing_shows() -> None:
    # 0 of 3 has the upper limit z²/(3 + z²) = 0.56: no rate fails a minimum of 0.5.
    assert detectable_shortfall(3, 0.5, 0.95) is None
    assert detectable_shortfall(0.5, 0.9, 0.95) is None
    assert detectable_shortfall(100, 0.0, 0.95) is None
    assert detectable_shortfall(4, 0.5, 0.95) is not None
    # At a minimum of 1 a single loss fails: P(any loss in 10) = 0.8 at rate 0.2^(1/10).
    assert detectable_shortfall(10, 1.0, 0.95) == pytest.approx(1 - 0.2**0.1)
