"""What pairs buy a measure of margins, held against simulated runs of the check itself."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from builders import make_pairs, make_suite, pair_scores

from rmcheck.checks.no_regression import NoRegression
from rmcheck.compare.comparison import Side
from rmcheck.compare.measured_plan import MeasuredPower
from rmcheck.compare.measured_trial import MeasuredTrial
from rmcheck.compare.plan import Asked, measured_power, plan, wins_of
from rmcheck.compare.simulation import Guard

from .test_measured_trial import _draws, guard


def caught(given: Guard, drop: float, times: int = 1, runs: int = 150) -> float:
    """The share of runs in which the check catches a planted drop, on other prompts each time.

    So many times as many prompts are drawn from those that are given.
    """
    assert given.before is not None
    assert given.margins is not None
    now, before = given.margins
    assert before is not None
    measure = given.check.measure
    assert measure != "win_rate"
    rng = np.random.default_rng(1)
    whole = MeasuredTrial(given, 3, (now, before), measure)
    codes = np.array([whole.names.index(name) for name in given.groups])
    members = [np.flatnonzero(codes == code) for code in range(len(whole.names))]
    found = 0
    for run in range(runs):
        drawn = rng.integers(0, len(members), times * len(members))
        parts = [members[code] for code in drawn]
        rows = np.concatenate(parts)
        other = replace(
            given,
            groups=[str(number) for number, part in enumerate(parts) for _ in part],
            now=given.now[rows],
            before=given.before[rows],
            margins=(now[rows], before[rows]),
        )
        trial = MeasuredTrial(other, 3, (now[rows], before[rows]), measure)
        # A prompt that is drawn again changes by itself: the k-th time as in the k-th row.
        again = [int((drawn[:place] == code).sum()) for place, code in enumerate(drawn)]
        choice = whole.choice(_draws(max(again) + 1, len(members), run), drop)
        found += bool(trial.red(choice[again, drawn][None, :])[0])
    return found / runs


@pytest.mark.ci
@pytest.mark.parametrize("measure", ["log_loss", "rank_log_loss"])
@pytest.mark.parametrize("size", [1, 3])
def test_a_drop_that_is_detected_is_caught_in_four_of_five_runs(measure: str, size: int) -> None:
    given = guard(measure, 240, size=size)
    power = MeasuredPower(given, 3)
    drop = power.detectable(240)
    assert drop is not None
    # 150 runs have a standard error of 3 points; the normal distribution is not exact.
    assert caught(given, drop) == pytest.approx(0.8, abs=0.1)
    four = power.detectable(960)
    assert four is not None
    assert 0.4 * drop < four < 0.65 * drop  # half of it, by the root of four times as many
    assert caught(given, four, times=4) == pytest.approx(0.8, abs=0.12)
    assert power.needed(drop, 0.02) == pytest.approx(240, rel=0.1)
    assert power.needed(four, 0.02) == pytest.approx(960, rel=0.1)


def test_what_no_number_of_pairs_catches() -> None:
    power = MeasuredPower(guard("log_loss"), 1)
    assert power.needed(0.02, 0.02) is None  # which is tolerated
    assert power.needed(0.99, 0.02) is None  # more than the pairs that the baseline wins
    assert power.detectable(10) is None  # too few prompts for a verdict
    with pytest.raises(ValueError, match="needs margins"):
        MeasuredPower(guard("win_rate"), 1)


def test_a_plan_uses_the_measure_of_each_check() -> None:
    pairs = make_pairs(150)
    rng = np.random.default_rng(3)
    truth = rng.normal(0.3, 1.0, 150)
    run, main = (
        Side(name, pair_scores(pairs, ((truth + rng.normal(0, 0.6, 150)).tolist(), [0.0] * 150)))
        for name in ("run", "main")
    )
    measured = NoRegression(measure="rank_log_loss", name="by_rank")
    suite = make_suite(pairs, [NoRegression(), measured])
    asked = Asked(drop=0.06, more=50, comparisons=2)
    powers = measured_power([suite], run, main, 2)
    assert list(powers) == ["chat::by_rank"]
    wins, ranks = plan([suite], asked, wins_of(run, main), None, powers).checks
    assert (wins.measure, ranks.measure) == ("win_rate", "rank_log_loss")
    assert (wins.pairs, wins.discordant) == (ranks.pairs, ranks.discordant)
    assert ranks.detectable == powers["chat::by_rank"].detectable(150)
    assert ranks.needed == powers["chat::by_rank"].needed(0.06, 0.02)
    assert None not in (wins.detectable, ranks.detectable, wins.needed, ranks.needed)
    assert measured_power([make_suite(pairs, [NoRegression()])], run, main, 1) == {}
