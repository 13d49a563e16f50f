"""Simulated series for `rmcheck bisect`: steps that are found, series without one, broken rules."""

from __future__ import annotations

import pytest
from builders import make_pairs, pair_scores

from compare.test_selftest import guard
from rmcheck.cli.series import bisect_json, bisect_lines
from rmcheck.compare import bisect
from rmcheck.compare import simulated_bisect as simulated
from rmcheck.compare.comparison import Side
from rmcheck.compare.simulated_bisect import simulated_bisect, suite_guards


def test_a_planted_step_is_found_and_none_is_named_without_one() -> None:
    # Three suites that lose what each detects: together it cannot be missed.
    given = [guard(100, lost=8, gained=8, name=name) for name in "abc"]
    found = simulated_bisect(given, runs=25)
    assert found is not None
    assert found.exact is not None
    assert found.within is not None
    assert found.scored is not None
    assert set(found.drops) == set("abc")
    # 2.5 % at most: four of 25 have a probability of 0.4 %.
    assert found.named.count < 4
    assert not found.cries_wolf
    assert found.exact.value > 0.5
    assert found.within.value > 0.8
    assert found.most_scored == 5
    assert 3 < found.scored <= 5
    assert found == simulated_bisect(given, runs=25)


def test_a_search_at_too_high_a_level_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bisect, "one_sided_level", lambda alpha, comparisons: 0.4)
    found = simulated_bisect([guard(100)], runs=60)
    assert found is not None
    assert found.named.value > 0.1
    assert found.cries_wolf
    assert "more than allowed (2.5%)" in bisect_lines(found)[1]
    assert bisect_json(found)["cries_wolf"] is True


def test_a_search_that_names_the_first_step_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bisect, "search", lambda *_: bisect.Search(0))
    found = simulated_bisect([guard(60)], runs=20)
    assert found is not None
    assert found.named.count == 20
    assert found.early is not None
    assert found.exact is not None
    # The planted step is the first one in one series of 16.
    assert found.early.count + found.exact.count == 20
    assert found.early.value > 0.7


def test_pairs_that_detect_nothing_have_no_planted_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulated, "_detectable", lambda guard, suites: 0.0)
    found = simulated_bisect([guard(60)], runs=2)
    assert found is not None
    assert found.drops == {}
    assert bisect_lines(found)[-1] == "bisect: no drop planted, the pairs of no suite detect one"
    assert bisect_json(found)["found"] is None
    assert simulated_bisect([]) is None


def test_suites_are_compared_on_the_pairs_that_both_scored() -> None:
    pairs, zeros = make_pairs(40), [0.0] * 40
    run = Side("run", pair_scores(pairs, ([1.0] * 39 + [-1.0], zeros)))
    kept = pair_scores(pairs, ([-1.0] + [1.0] * 39, zeros))
    (one,) = suite_guards(["chat"], run, Side("main", kept[:30]))
    assert (one.name, len(one.now)) == ("chat", 30)
    assert one.before is not None
    assert [i for i in range(30) if one.before[i] == 0] == [0]
    # The same wins tell nothing about how often models differ; neither does no baseline.
    for baseline in (run, None):
        (one,) = suite_guards(["chat"], run, baseline)
        assert one.before is None
    assert suite_guards(["other"], run, None) == []
    assert suite_guards(["chat"], run, Side("main", kept[:14])) == []
