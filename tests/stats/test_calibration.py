import math
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.special import expit
from sklearn.calibration import calibration_curve
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, log_loss

from rmcheck.stats.calibration import (
    Calibration,
    calibrate,
    expected_calibration_error,
    fit_temperature,
    reliability,
)


def singletons(n: int) -> list[str]:
    return [str(i) for i in range(n)]


def honest(n: int, seed: int, scale: float = 2.0) -> np.ndarray:
    """Margins whose σ is the true chance of a right order."""
    rng = np.random.default_rng(seed)
    margins = np.abs(rng.normal(0, scale, n))
    return np.where(rng.random(n) < expit(margins), margins, -margins)


def measure(margins: np.ndarray, groups: list[str] | None = None, **options: int) -> Calibration:
    return calibrate(
        margins,
        groups or singletons(len(margins)),
        rng=np.random.default_rng(0),
        **({"draws": 200} | options),
    )


@settings(max_examples=15, deadline=None)
@given(st.integers(2, 120), st.integers(0, 2**32))
def test_scores_are_those_of_sklearn(n: int, seed: int) -> None:
    margins = np.random.default_rng(seed).normal(0.5, 2, n)
    raw = measure(margins, draws=20).raw
    # Both sides of every pair, so that both labels occur; neither score minds the swap.
    p, label = np.r_[expit(margins), expit(-margins)], np.r_[np.ones(n), np.zeros(n)]
    assert raw.brier.value == pytest.approx(brier_score_loss(label, p))
    assert raw.nll == pytest.approx(log_loss(label, p))


def test_reliability_is_sklearns_curve() -> None:
    rng = np.random.default_rng(1)
    p, label = rng.random(500), (rng.random(500) < 0.6).astype(float)
    bins = reliability(p, label, 10)
    frequency, confidence = calibration_curve(label, p, n_bins=10)
    assert [b.frequency for b in bins] == pytest.approx(frequency)
    assert [b.confidence for b in bins] == pytest.approx(confidence)
    weights = np.array([b.n for b in bins]) / 500
    assert expected_calibration_error(p, label, 10) == pytest.approx(
        float(weights @ np.abs(frequency - confidence))
    )


def test_ece_by_hand() -> None:
    # Bins [0, 0.5) and [0.5, 1]: (0.2 + 0.4) predicted and 1 true, (0.9 + 1.0) and 1 true:
    # |1 - 0.6|/4 + |1 - 1.9|/4 = 0.325.
    p, label = np.array([0.2, 0.4, 0.9, 1.0]), np.array([0.0, 1.0, 1.0, 0.0])
    assert expected_calibration_error(p, label, 2) == pytest.approx(0.325)
    empty = reliability(np.array([0.9]), np.array([1.0]), 2)
    assert (empty[0].n, empty[0].confidence, empty[0].frequency) == (0, None, None)
    assert (empty[1].low, empty[1].high, empty[1].n) == (0.5, 1.0, 1)


def test_an_honest_model_is_calibrated_where_unswapped_bins_would_condemn_it() -> None:
    margins = honest(5000, 2)
    raw = measure(margins).raw
    collapsed = expected_calibration_error(expit(margins), np.ones(5000), 10)
    assert collapsed == pytest.approx(1 - expit(margins).mean())
    assert collapsed > 0.1
    # √(10/5000)/3 = 0.015 is what chance alone makes.
    assert raw.ece.value < 0.03
    assert raw.ece.low < 0.01


def test_the_temperature_undoes_a_scale() -> None:
    margins = honest(4000, 3)
    for factor in (0.01, 1.0, 50.0):
        found = measure(factor * margins)
        assert found.temperature == pytest.approx(factor, rel=0.1)
        assert found.fitted is not None
        assert found.fitted.ece.value < 0.03
    # The fitted scores do not depend on the scale at all.
    one, two = measure(margins).fitted, measure(1000 * margins).fitted
    assert one is not None
    assert two is not None
    assert one.nll == pytest.approx(two.nll, rel=1e-6)


@pytest.mark.parametrize("seed", [4, 5])
def test_the_temperature_is_that_of_other_optimisers(seed: int) -> None:
    margins = np.random.default_rng(seed).normal(0.7, 3, 400)
    found = fit_temperature(margins)
    brent = minimize_scalar(
        lambda b: np.logaddexp(0, -b * margins).mean(), bracket=(0.01, 1.0), method="brent"
    )
    assert found == pytest.approx(1 / brent.x, rel=1e-3)
    # A logistic regression without intercept on both sides of each pair has slope 1/T.
    both = np.r_[margins, -margins][:, None]
    model = LogisticRegression(C=1e9, fit_intercept=False, tol=1e-10)
    slope = model.fit(both, np.r_[np.ones(400), np.zeros(400)]).coef_[0, 0]
    assert found == pytest.approx(1 / slope, rel=1e-3)


def test_a_temperature_without_an_optimum_is_bounded() -> None:
    # All right: past a point every lower temperature has an NLL of 0 in float64.
    assert math.exp(-7) <= fit_temperature(np.ones(5)) < 0.01
    assert fit_temperature(-np.ones(5)) == pytest.approx(math.exp(7), rel=1e-3)
    assert fit_temperature(np.zeros(5)) == 1.0


def test_a_group_is_never_split_between_folds() -> None:
    # Each group is right or wrong as a whole, with a margin of its own: a temperature that had
    # seen the group's copies would fit better than one that had not.
    margins = np.repeat(honest(12, 6), 8)
    groups = [str(i // 8) for i in range(96)]
    kept = [measure(margins, groups, folds=12, draws=10).fitted]
    leaked = [measure(margins, folds=12, draws=10).fitted]
    assert kept[0] is not None
    assert leaked[0] is not None
    assert kept[0].nll > leaked[0].nll


def test_two_folds_by_hand() -> None:
    # Two groups: each is scored with the temperature of the other.
    margins = np.array([3.0, 2.0, -1.0, 1.0, 4.0, -3.0])
    found = measure(margins, list("aaabbb"), draws=10)
    scaled = np.r_[
        margins[:3] / fit_temperature(margins[3:]), margins[3:] / fit_temperature(margins[:3])
    ]
    assert found.fitted is not None
    assert found.fitted.nll == pytest.approx(float(np.logaddexp(0, -scaled).mean()))
    assert found.fitted.brier.value == pytest.approx(float(((1 - expit(scaled)) ** 2).mean()))


def test_the_same_seed_swaps_the_same_sides() -> None:
    margins = honest(100, 7)
    assert measure(margins).raw == measure(margins).raw


def test_the_interval_of_an_overconfident_model_excludes_zero() -> None:
    ece = measure(5 * honest(800, 8)).raw.ece
    assert 0.0 < ece.low < ece.value < ece.high < 1.0


def test_degenerate_margins_say_why_and_keep_a_width() -> None:
    tied = measure(np.zeros(30))
    assert "all 30 margins are zero" in str(tied.degenerate)
    assert tied.fitted is tied.temperature is None
    assert tied.raw.brier.value == 0.25
    assert (tied.raw.brier.low, tied.raw.brier.high) == (0.0, 1.0)
    group = measure(np.array([1.0, -2.0]), ["a", "a"])
    assert "one group" in str(group.degenerate)
    assert (group.raw.ece.low, group.raw.ece.high) == (0.0, 1.0)
    one = measure(np.array([0.3]))
    assert one.raw.nll == pytest.approx(math.log1p(math.exp(-0.3)))
    huge = measure(np.array([1e300, -1e300, 1.0]))
    assert math.isfinite(huge.raw.nll)


def test_wrong_inputs_are_told() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="at least one pair"):
        calibrate([], [], rng=rng)
    with pytest.raises(ValueError, match=re.escape("margins[1] is nan")):
        calibrate([1.0, math.nan], ["a", "b"], rng=rng)
    with pytest.raises(ValueError, match="folds=1"):
        calibrate([1.0], ["a"], rng=rng, folds=1)
