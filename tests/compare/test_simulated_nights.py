"""Histories of simulated nights: the check's own p, the bound, drops, and rules that break it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from compare.test_selftest import guard
from rmcheck.checks import Changes
from rmcheck.checks.no_regression import NoRegression
from rmcheck.checks.paired_scores import PairedScores
from rmcheck.cli.series import nights_json, nights_lines
from rmcheck.compare.lookalikes import Lookalikes
from rmcheck.compare.selftest import selftest
from rmcheck.compare.simulated_nights import NightsTest, p_less, simulated_nights
from rmcheck.compare.simulation import Guard
from rmcheck.record import standing
from rmcheck.stats.decision import Measure


def _nights(given: list[Guard], *, nights: int = 60, runs: int = 100) -> NightsTest:
    tested = selftest(given, comparisons=len(given), runs=1).tested
    found = simulated_nights(given, tested, comparisons=len(given), nights=nights, runs=runs)
    assert found is not None
    return found


@pytest.mark.parametrize("measure", ["win_rate", "rank_log_loss"])
def test_each_night_has_the_p_of_the_check(measure: Measure) -> None:
    check = NoRegression(measure=measure)
    models = Lookalikes(guard(120, size=2, check=check))
    rng = np.random.default_rng(3)
    seen = set()
    for _ in range(12):
        tossed, before, coins, gone = rng.random((4, 60))
        base = models.contents(tossed, before)
        now = models.contents(tossed, coins, gone, 0.08)
        ours, theirs = (
            np.stack([models.columns(c)[0], np.zeros(120)], axis=1) for c in (now, base)
        )
        verdict = check.compare(
            PairedScores(
                ids=[str(i) for i in range(120)],
                groups=models.guard.groups,
                tags=[[]] * 120,
                now=ours,
                before=theirs,
            ),
            Changes(),
            baseline="main",
            comparisons=1,
            sign=lambda facts: "",
        )
        assert verdict.p_less is not None
        told = verdict.p_less <= standing.ALPHA
        # A p that could never be told need not be computed where that takes long.
        expected = verdict.p_less if told or measure == "win_rate" else 1.0
        assert p_less(models, now, base) == pytest.approx(expected)
        seen.add(told)
    assert seen == {True, False}


def test_equal_models_seldom_have_an_alarm_and_a_drop_has_one() -> None:
    found = _nights([guard(300, lost=20, gained=20)])
    # 5 % at most; three standard errors of 100 histories are 6.5 points.
    assert found.alarms.value <= 0.115
    assert not found.cries_wolf
    (one,) = found.checks
    assert one.drop is not None
    assert one.at_once is not None
    assert one.late is not None
    # The first night has the level of a single run, which catches this drop in 80 % of cases.
    assert one.at_once.median == 1
    assert one.at_once.seen.value > 0.7
    # After 20 nights the level is 1/231 of that.
    assert one.late.seen.value < one.at_once.seen.value


def test_a_rule_that_forgets_earlier_looks_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standing, "anytime_p", lambda p, look, comparisons: min(1.0, 2 * p))
    found = _nights([guard(150)], runs=60)
    assert found.alarms.value > 0.2
    assert found.cries_wolf
    assert "more than alpha (5%)" in nights_lines(found)[1]
    assert nights_json(found)["cries_wolf"] is True


def test_a_rule_that_never_tells_sees_no_drop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standing, "anytime_p", lambda p, look, comparisons: 1.0)
    (one,) = _nights([guard(150)], nights=5, runs=5).checks
    assert one.at_once is not None
    assert (one.at_once.median, one.at_once.seen.count) == (None, 0)
    assert nights_lines(_nights([guard(150)], nights=5, runs=5))[-1].count("none, 0%") == 2


def test_the_seed_decides_and_advisory_checks_have_no_history() -> None:
    given = [guard(90, name="a"), guard(90, size=3, name="b", known=False)]
    assert _nights(given, nights=5, runs=5) == _nights(given, nights=5, runs=5)
    advisory = [replace(given[0], required=False), given[1]]
    assert [one.name for one in _nights(advisory, nights=5, runs=2).checks] == ["b"]
    tested = selftest(advisory[:1], comparisons=1, runs=1).tested
    assert simulated_nights(advisory[:1], tested, comparisons=1) is None


def test_a_check_that_detects_nothing_has_no_drop_to_plant() -> None:
    given = [guard(90)]
    tested = [replace(selftest(given, comparisons=1, runs=1).tested[0], detectable=None)]
    found = simulated_nights(given, tested, comparisons=1, nights=5, runs=2)
    assert found is not None
    assert found.checks[0].drop is None
    assert nights_lines(found)[-1].split()[-3:] == ["nothing", "-", "-"]
