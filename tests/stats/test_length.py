import math
import re

import numpy as np
import pytest
from scipy import stats
from scipy.special import expit
from statsmodels.stats.proportion import proportion_confint

from rmcheck.stats.length import LengthBias, Sides, length_bias


def singletons(n: int) -> list[str]:
    return [str(i) for i in range(n)]


def measure(
    margins: np.ndarray, difference: np.ndarray, groups: list[str] | None = None, **options: float
) -> LengthBias:
    """Length bias of pairs given by margins and length differences alone."""
    n = len(margins)
    sides = Sides(
        chosen=margins,
        rejected=np.zeros(n),
        chosen_length=200 + difference,
        rejected_length=np.full(n, 200.0),
    )
    return length_bias(
        sides, groups or singletons(n), rng=np.random.default_rng(0), draws=50, **options
    )


def test_wins_by_length_are_counted_apart() -> None:
    margins = np.array([1.0, 1, -1, 1, -1, -1, 0, 1])
    difference = np.array([5.0, 7, 3, -2, -4, -6, -1, 0])
    found = measure(margins, difference)
    assert found.n_equal == 1
    assert found.longer is not None
    assert found.shorter is not None
    assert (found.longer.value, found.longer.n) == (pytest.approx(2 / 3), 3)
    assert (found.shorter.value, found.shorter.n) == (pytest.approx(1.5 / 4), 4)
    low, high = proportion_confint(2, 3, method="wilson")
    assert (found.longer.low, found.longer.high) == pytest.approx((low, high))


def test_a_known_pull_is_found_again() -> None:
    rng = np.random.default_rng(1)
    difference = rng.normal(0, 30, 6000)
    length = np.tanh(difference / difference.std())
    win = rng.random(6000) < expit(0.8 + 1.5 * length)
    found = measure(np.where(win, 1.0, -1.0), difference)
    assert found.pull is not None
    assert found.controlled is not None
    assert found.pull.low < 1.5 < found.pull.high
    assert found.controlled.low < expit(0.8) < found.controlled.high
    assert found.pull.high - found.pull.low < 0.4


def test_a_model_that_scores_length_wins_by_length() -> None:
    rng = np.random.default_rng(2)
    difference = rng.integers(-50, 51, 300).astype(float)
    found = measure(difference, difference)
    assert found.pull is not None
    assert found.pull.low > 0
    assert found.shorter is not None
    assert found.shorter.value == 0.0
    assert found.spearman is not None
    assert found.spearman.value > 0.8


def test_a_model_without_length_has_no_pull() -> None:
    rng = np.random.default_rng(3)
    found = measure(rng.normal(0.5, 1, 400), rng.normal(0, 30, 400))
    assert found.pull is not None
    assert found.pull.low < 0 < found.pull.high
    assert found.correction is not None
    assert found.correction.low < 0 < found.correction.high


def test_overpaid_length_is_corrected_downwards() -> None:
    # What people prefer is q; the model scores q plus a bonus for length: at equal margins the
    # longer response has the lower q. Pairs are turned so that the chosen one is preferred.
    rng = np.random.default_rng(4)
    quality, length = rng.normal(size=3000), rng.normal(size=3000)
    preferred = np.where(rng.random(3000) < expit(2 * quality), 1.0, -1.0)
    margins = preferred * (quality + 0.7 * length)
    found = measure(margins, 30 * preferred * length)
    assert found.correction is not None
    assert found.correction.high < 0
    # Scale invariant: the margin enters in units of its root mean square.
    scaled = measure(1e6 * margins, 30 * preferred * length).correction
    assert scaled is not None
    assert scaled.value == pytest.approx(found.correction.value)


def test_groups_widen_the_errors() -> None:
    rng = np.random.default_rng(5)
    margins, difference = rng.normal(0.3, 1, 60), rng.normal(0, 30, 60)
    groups = [str(i // 4) for i in range(240)]
    alone = measure(np.repeat(margins, 4), np.repeat(difference, 4)).pull
    grouped = measure(np.repeat(margins, 4), np.repeat(difference, 4), groups).pull
    assert alone is not None
    assert grouped is not None
    ratio = (grouped.high - grouped.low) / (alone.high - alone.low)
    assert ratio == pytest.approx(2 * stats.t.ppf(0.975, 59) / stats.t.ppf(0.975, 239), rel=0.05)


def test_spearman_runs_over_all_responses() -> None:
    sides = Sides(chosen=[3, 4], rejected=[1, 2], chosen_length=[10, 40], rejected_length=[20, 30])
    found = length_bias(sides, ["a", "b"], rng=np.random.default_rng(0), draws=20)
    # Scores 3 4 1 2 against lengths 10 40 20 30: ranks 3 4 1 2, 1 4 2 3; Σd² = 4 + 0 + 1 + 1,
    # ρ = 1 - 6·6/60 = 0.4.
    assert found.spearman is not None
    assert found.spearman.value == pytest.approx(0.4)


def test_all_right_stays_finite() -> None:
    rng = np.random.default_rng(6)
    found = measure(1 + rng.random(50), rng.normal(0, 30, 50))
    for estimate in (found.pull, found.controlled, found.correction):
        assert estimate is not None
        assert math.isfinite(estimate.low)
        assert math.isfinite(estimate.high)
        assert estimate.high > estimate.low


def test_degenerate_lengths_say_why() -> None:
    same = measure(np.array([1.0, -1, 1]), np.zeros(3))
    assert same.pull is same.controlled is same.correction is same.shorter is same.longer is None
    assert same.n_equal == 3
    assert "0 in all 3 pairs" in str(same.degenerate)
    assert "at least 3" in str(measure(np.array([1.0, -1]), np.array([1.0, 2])).degenerate)
    group = measure(np.array([1.0, -1, 1]), np.array([1.0, 2, 3]), ["a"] * 3)
    assert "one group" in str(group.degenerate)
    tied = measure(np.zeros(4), np.array([1.0, 2, -3, 4]))
    assert tied.correction is None
    assert tied.pull is not None
    assert "do not vary enough" in str(tied.degenerate)


def test_wrong_lengths_are_named() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="at least one pair"):
        length_bias(
            Sides(chosen=[], rejected=[], chosen_length=[], rejected_length=[]), [], rng=rng
        )
    with pytest.raises(ValueError, match=re.escape("chosen_length[0] is -1.0")):
        length_bias(
            Sides(chosen=[1], rejected=[0], chosen_length=[-1], rejected_length=[2]), ["a"], rng=rng
        )
    with pytest.raises(ValueError, match=re.escape("rejected[0] is nan")):
        length_bias(
            Sides(chosen=[1], rejected=[math.nan], chosen_length=[1], rejected_length=[2]),
            ["a"],
            rng=rng,
        )
