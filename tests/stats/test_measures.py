"""The losses behind `measure`: by hand, against scipy, and what must not change them."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit

from rmcheck.stats.decision import Measure
from rmcheck.stats.measures import LEAST, Weighed, is_worse, pair_losses, rank_curve, weigh
from rmcheck.stats.paired import paired_difference
from rmcheck.stats.winrate import wins as wins_of

Column = NDArray[np.float64]
MEASURES: tuple[Measure, ...] = ("log_loss", "rank_log_loss")


def _wins(margins: Column) -> Column:
    return wins_of(margins, np.zeros_like(margins))


def _losses(measure: Measure, ours: Column, theirs: Column) -> tuple[Column, Column]:
    assert measure != "win_rate"
    return pair_losses(measure, margins=(ours, theirs), wins=(_wins(ours), _wins(theirs)))


def _weigh(
    measure: Measure, ours: Column, theirs: Column, groups: list[str] | None = None
) -> Weighed:
    assert measure != "win_rate"
    named = groups or [str(place) for place in range(len(ours))]
    return weigh(measure, margins=(ours, theirs), wins=(_wins(ours), _wins(theirs)), groups=named)


def _noisy(seed: int, n: int = 200) -> tuple[Column, Column]:
    rng = np.random.default_rng(seed)
    truth = rng.normal(0.8, 1.0, n)
    return truth + rng.normal(0, 0.5, n), truth + rng.normal(0, 0.5, n)


@pytest.mark.parametrize("seed", range(4))
def test_the_curve_is_the_maximum_of_the_likelihood(seed: int) -> None:
    rng = np.random.default_rng(seed)
    ranks = rng.random(300)
    truth = 0.4 + 2.0 * ranks if seed < 3 else 0.9 - 2.0 * ranks
    outcome = (rng.random(300) < expit(truth)).astype(float)
    places, outcomes = np.r_[ranks, 0.0, 1.0], np.r_[outcome, 0.5, 0.5]

    def loss(point: Column) -> float:
        logit = point[0] + point[1] * places
        return float((np.logaddexp(0, logit) - outcomes * logit).sum())

    start, slope = rank_curve(ranks, outcome)
    bounds = [(LEAST, None), (0.0, None)]
    found = minimize(loss, [0.5, 0.5], bounds=bounds, method="L-BFGS-B")
    assert loss(np.array([start, slope])) <= found.fun + 1e-6
    assert start >= LEAST
    assert slope >= 0.0
    if seed == 3:  # surer where it is wrong: the curve is flat
        assert slope == 0.0


def test_the_curve_of_perfect_and_of_hopeless_models_is_finite() -> None:
    ranks = np.linspace(0, 1, 100)
    start, slope = rank_curve(ranks, np.ones(100))
    assert 3.0 < start + slope / 2 < 8.0
    # Wrong on every pair: the side that a model prefers still counts as right no less than wrong.
    assert rank_curve(ranks, np.zeros(100)) == (LEAST, 0.0)


def test_losses_by_hand() -> None:
    # Two models with margins of one size: mean |margin| 2 and 10, and 7 of 8 sides right. σ(1/T)
    # is then 7/8 at the best T, so that a win costs log(8/7) and a loss log 8.
    ours = np.array([2.0, 2.0, 2.0, 2.0])
    theirs = np.array([10.0, 10.0, 10.0, -10.0])
    now, before = _losses("log_loss", ours, theirs)
    assert now == pytest.approx([math.log(8 / 7)] * 4, abs=1e-4)
    assert before == pytest.approx([*[math.log(8 / 7)] * 3, math.log(8)], abs=1e-4)
    # Ranks are all equal, and the curve has one value: 7 of 8 and half of two more are right.
    now, before = _losses("rank_log_loss", ours, theirs)
    assert now == pytest.approx([math.log(10 / 8)] * 4, abs=1e-6)
    assert before == pytest.approx([*[math.log(10 / 8)] * 3, math.log(10 / 2)], abs=1e-6)


def test_a_tie_costs_half_a_win_and_half_a_loss() -> None:
    ours, theirs = _noisy(1)
    ours[0] = 0.0
    now, _ = _losses("log_loss", ours, theirs)
    assert now[0] == pytest.approx(math.log(2))
    now, _ = _losses("rank_log_loss", ours, theirs)
    won = pair_losses(
        "rank_log_loss",
        margins=(np.where(np.arange(200) == 0, 1e-9, ours), theirs),
        wins=(_wins(ours), _wins(theirs)),
    )[0]
    assert now[0] == pytest.approx(won[0])


@pytest.mark.parametrize(
    "change", [lambda d: 1000 * d, np.cbrt, lambda d: d**3, lambda d: np.tanh(d / 4)]
)
def test_ranks_do_not_see_an_increasing_odd_function(change: Callable[[Column], Column]) -> None:
    ours, theirs = _noisy(2)
    first, second = (
        _weigh("rank_log_loss", ours, theirs),
        _weigh("rank_log_loss", change(ours), theirs),
    )
    assert first == second
    assert _weigh("rank_log_loss", change(ours), ours).p_less == 1.0


@pytest.mark.parametrize("measure", MEASURES)
def test_a_temperature_alone_is_no_difference(measure: Measure) -> None:
    ours, _ = _noisy(3)
    assert _weigh(measure, ours * 1024.0, ours).p_two_sided == 1.0


@pytest.mark.parametrize("measure", MEASURES)
def test_the_models_change_places(measure: Measure) -> None:
    ours, theirs = _noisy(4)
    there, back = _weigh(measure, ours, theirs), _weigh(measure, theirs, ours)
    assert there.change == -back.change
    assert there.p_two_sided == back.p_two_sided
    # Not both directions can be rare; what both count is the pattern seen.
    assert there.p_less + back.p_less == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize("measure", MEASURES)
def test_the_order_of_pairs_changes_nothing(measure: Measure) -> None:
    ours, theirs = _noisy(5)
    groups = [str(place // 3) for place in range(200)]
    order = np.random.default_rng(0).permutation(200)
    mixed = _weigh(measure, ours[order], theirs[order], [groups[place] for place in order])
    assert mixed == _weigh(measure, ours, theirs, groups)


def test_margins_of_one_size_leave_mcnemars_test() -> None:
    rng = np.random.default_rng(6)
    ours, theirs = rng.choice([-1.0, 1.0], size=(2, 120), p=[0.3, 0.7])
    names = [str(place) for place in range(120)]
    exact = paired_difference(_wins(ours), _wins(theirs), names)
    for measure in MEASURES:
        found = _weigh(measure, ours, theirs)
        assert found.p_less == pytest.approx(exact.p_less)
        assert found.p_two_sided == pytest.approx(exact.p_two_sided)


@pytest.mark.parametrize("measure", MEASURES)
def test_less_sure_of_pairs_that_it_still_wins_is_evidence(measure: Measure) -> None:
    rng = np.random.default_rng(7)
    before = np.abs(rng.normal(2.0, 0.5, 300)) * np.where(rng.random(300) < 0.9, 1, -0.1)
    # The same pairs are right, but how sure it is of a pair no longer says whether it is.
    now = np.sign(before) * np.abs(rng.permutation(before))
    assert _weigh(measure, now, before).p_less < 0.01
    assert _weigh(measure, now, before).change > 0.0


def test_mistakes_are_named() -> None:
    column = np.ones(3)
    with pytest.raises(ValueError, match=r"margins\[1\] is nan"):
        pair_losses("log_loss", margins=([1.0, math.nan, 1.0], column), wins=(column, column))
    with pytest.raises(ValueError, match="at least one pair"):
        pair_losses("log_loss", margins=([], []), wins=([], []))
    with pytest.raises(ValueError, match="differ in length"):
        pair_losses("log_loss", margins=([1.0], column), wins=(column, column))


@pytest.mark.parametrize("measure", MEASURES)
def test_whether_it_is_worse_is_what_p_says(measure: Measure) -> None:
    assert measure != "win_rate"
    rng = np.random.default_rng(5)
    groups = [str(row // 2) for row in range(240)]
    answers = []
    for noise in np.linspace(0.0, 1.2, 16):
        before = rng.normal(0.8, 1.0, 240)
        now = before + rng.normal(0.0, 0.1 + noise, 240)
        both, won = (now, before), (_wins(now), _wins(before))
        answers.append(weigh(measure, margins=both, wins=won, groups=groups).p_less <= 0.025)
        said = is_worse(measure, margins=both, wins=won, groups=groups, level=0.025)
        assert said == answers[-1]
    assert 2 <= sum(answers) <= 14
