"""`calibration`: margins whose meaning is known, scikit-learn for what has a formula there."""

from __future__ import annotations

import math

import numpy as np
import pytest
from builders import TableContext, from_margins, make_pairs
from scipy.special import expit
from sklearn.metrics import brier_score_loss, log_loss

from rmcheck.checks.calibration import Calibration
from rmcheck.stats.winrate import win_rate
from rmcheck.verdict import Verdict


def judge(margins: object, **keys: object) -> Verdict:
    columns = from_margins(np.asarray(margins, dtype=float).tolist())
    return Calibration(**keys).judge(TableContext(make_pairs(len(columns[0])), columns))  # type: ignore[arg-type]


def honest(n: int, seed: int = 0) -> np.ndarray:
    """Margins that come out with the sign that they promise: right with probability σ(|m|)."""
    rng = np.random.default_rng(seed)
    size = np.abs(rng.normal(0, 2, n))
    return np.where(rng.random(n) < expit(size), size, -size)


def test_margins_that_keep_their_promise_pass() -> None:
    verdict = judge(honest(1500), max_ece=0.08, temperature="one")
    assert (verdict.decision, verdict.outcome, verdict.weak) == ("pass", "pass", False)
    assert verdict.estimate is not None
    # A calibrated model's ECE is noise: about √(bins / n) / 3 = 0.027, and at most thrice that.
    assert 0 <= verdict.estimate.value < 0.08
    assert verdict.message.startswith("calibration ECE at T=1, fitted T ")
    assert verdict.message.endswith("n=1500) ≤ max_ece 0.08")


def test_the_fitted_temperature_takes_an_overconfident_scale_off() -> None:
    # Ten times the honest margin is σ's honest margin at T = 10.
    loud = 10 * honest(1500)
    at_one = judge(loud, max_ece=0.10, temperature="one")
    assert (at_one.decision, at_one.outcome) == ("fail", "fail")
    assert at_one.message.endswith("> max_ece 0.10")
    fitted = judge(loud, max_ece=0.10)
    assert (fitted.decision, fitted.outcome) == ("pass", "pass")
    said = float(fitted.message.split("fitted T ")[1].split(":")[0])
    # The inverse of T has a standard error of about 1/√(n·E[m²σ(1-σ)]) < 5 % here.
    assert said == pytest.approx(10, rel=0.2)


def test_the_scale_matters_at_t_one_only() -> None:
    margins = honest(300)
    fitted, mapped = judge(margins), judge(64 * margins)
    assert fitted.decision == mapped.decision
    assert fitted.estimate is not None
    assert mapped.estimate is not None
    assert mapped.estimate.value == pytest.approx(fitted.estimate.value, abs=1e-3)
    assert Calibration().scale_free
    assert not Calibration(temperature="one").scale_free


def test_the_error_of_one_confidence_is_win_rate_less_confidence() -> None:
    # All margins ±4: every prediction is σ(4) = 0.982 for one side, and 70 % come true. Whichever
    # side a coin puts first, both bins err in the same direction by |0.7 - σ(4)| in the mean.
    verdict = judge([4.0] * 140 + [-4.0] * 60, temperature="one")
    assert verdict.estimate is not None
    assert verdict.estimate.value == pytest.approx(float(expit(4)) - 0.7)
    assert verdict.outcome == "fail"


def test_brier_and_nll_are_those_of_scikit_learn() -> None:
    margins = honest(200, seed=5)
    table = judge(margins).evidence.tables[0]
    assert table.columns == ("temperature", "ECE", "Brier", "NLL")
    name, _, brier, nll = table.rows[0]
    label, p = np.ones(200), expit(margins)
    assert name == "T = 1"
    assert brier == pytest.approx(brier_score_loss(label, p))
    assert nll == pytest.approx(log_loss(label, np.column_stack([1 - p, p]), labels=[0, 1]))
    # The cross-validated T can only do better than T = 1 by a hair's noise, never worse by much.
    assert table.rows[1][3] <= nll + 0.02


def test_the_diagram_lies_in_the_unit_square() -> None:
    points = judge(honest(200)).evidence.pictures[0].data["series"][0]["points"]
    assert 2 <= len(points) <= 10
    assert all(0 <= point["x"] <= 1 and 0 <= point["y"] <= 1 for point in points)


@pytest.mark.parametrize("policy", ["point", "pass"])
@pytest.mark.parametrize("temperature", ["fitted", "one"])
@pytest.mark.parametrize(
    ("margins", "reason"),
    [
        ([], "0 pairs of 0 different prompts; at least 15 prompts are needed"),
        ([1.0] * 14, "14 pairs of 14 different prompts; at least 15 prompts are needed"),
        ([0.0] * 40, "all 40 margins are zero, so every temperature gives p = 0.5"),
        ([2.0] * 40, "the margins of all 40 pairs are the same"),
    ],
)
def test_what_cannot_be_decided_never_passes(
    margins: list[float], reason: str, temperature: str, policy: str
) -> None:
    verdict = judge(margins, max_ece=1.0, temperature=temperature, on_inconclusive=policy)
    assert (verdict.decision, verdict.outcome) == ("inconclusive", "fail")
    assert verdict.message == f"calibration: undecidable: {reason}"


@pytest.mark.parametrize("temperature", ["fitted", "one"])
@pytest.mark.parametrize("n", [15, 60, 400])
def test_a_model_without_a_mistake_is_not_certain(n: int, temperature: str) -> None:
    # Margins of 12 and more promise 0.999994. Among n right pairs as many wrong ones may be unseen
    # as Wilson's interval leaves open, so that the ECE may be that large.
    rng = np.random.default_rng(1)
    verdict = judge(12 + rng.random(n), max_ece=0.05, temperature=temperature)
    assert verdict.estimate is not None
    unseen = 1 - win_rate(np.ones(n), [str(i) for i in range(n)]).low
    assert verdict.estimate.high == pytest.approx(unseen, abs=0.001)
    # Wilson's lower limit is n / (n + 3.84): it exceeds 0.95 from 73 pairs on.
    assert verdict.decision == ("pass" if n >= 73 else "inconclusive")


def test_the_seed_of_the_run_decides_the_coins() -> None:
    pairs, columns = make_pairs(100), from_margins(honest(100).tolist())
    one, again, other = (
        Calibration().judge(TableContext(pairs, columns, seed=seed)).estimate for seed in (1, 1, 2)
    )
    assert one == again != other
    assert one is not None
    assert not math.isnan(one.value)
