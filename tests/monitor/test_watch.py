"""A watched log: what changed, since when, and what is left alone."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import islice, pairwise

import numpy as np
import pytest

from rmcheck.errors import UsageError
from rmcheck.monitor.aspect import longer_ahead, tied
from rmcheck.monitor.log import LogRow
from rmcheck.monitor.summary import summary, told
from rmcheck.monitor.units import units
from rmcheck.monitor.vocabulary import Vocabulary
from rmcheck.monitor.watch import Watched, watch
from rmcheck.monitor.window import MOST_WINDOWS, Mean, Window, Windows

from .logs import rows


def changed(found: Watched) -> list[str]:
    return [kind.name for kind in found.drifted]


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"shift": 0.6}, "scores"),
        ({"rounded": 0.1}, "ties"),
        ({"with_length": 1.0}, "length"),
        ({"new_words": 0.2}, "prompts"),
    ],
)
def test_each_planted_change_is_found_as_what_it_is(change: dict[str, float], name: str) -> None:
    found = watch(rows(2400, since=1000, **change), reference=600)
    assert name in changed(found)
    crossing = found.crossed[name]
    assert 1000 < crossing.row <= 2400
    assert crossing.time == 1.7e9 + 60 * (crossing.row - 1)
    if name != "length":  # a score that follows the length more has a wider distribution, too
        assert changed(found) == [name]


def test_an_unchanged_log_is_left_alone() -> None:
    found = watch(rows(2400), reference=600)
    assert changed(found) == []
    assert (found.rows, found.own_reference, found.prompts) == (2400, 600, 1700)
    # The last block could still change (its last prompt may get more responses): it waits.
    assert found.waiting == 100
    assert sum(window.means["scores"].n for window in found.windows.kept) == 1700
    assert found.windows.kept[-1].rows == 2300


def test_a_log_that_grew_has_the_same_past() -> None:
    short, long = (watch(islice(rows(3000, responses=2), n), reference=400) for n in (2333, 5000))
    pairs = list(zip(short.windows.kept, long.windows.kept, strict=False))
    assert len(pairs) == len(short.windows.kept) == 7
    for before, after in pairs:
        assert (before.rows, before.capital) == (after.rows, after.capital)


def test_another_log_as_the_baseline() -> None:
    assert changed(watch(rows(600, seed=1), rows(1000, seed=2))) == []
    found = watch(rows(600, seed=1, shift=0.8), rows(1000, seed=2))
    assert changed(found) == ["scores"]
    assert found.crossed["scores"].row <= 300
    assert found.own_reference == 0


def test_more_responses_to_a_prompt_are_one_piece_of_evidence() -> None:
    # Eight responses to each prompt have scores that are alike: as rows of their own they would be
    # far from exchangeable.
    found = watch(rows(1500, responses=8), reference=500)
    assert changed(found) == []
    assert (found.rows, found.prompts) == (12_000, 900)
    picked = list(units(rows(50, responses=4), np.random.default_rng(0)))
    assert len(picked) == 50
    assert {length for _, length in picked} == {4}


def test_what_a_log_does_not_have_is_not_watched() -> None:
    bare = [LogRow(row.score) for row in rows(1200)]
    found = watch(iter(bare), reference=500)
    assert set(found.aspects) == {"scores", "ties"}
    assert found.skipped == {
        "length": "the log has no responses",
        "prompts": "the log has no prompts",
    }
    states = [line.state for line in summary(found)]
    assert states == ["unchanged", "unchanged", "not watched", "not watched"]
    full = watch(rows(600), (LogRow(row.score) for row in rows(500, seed=1)))
    assert full.skipped["prompts"] == "the baseline has no prompts"


def test_too_short_a_log_is_refused() -> None:
    with pytest.raises(UsageError, match=r"the log has 30 prompts; expected more than .* 400"):
        watch(rows(30), reference=400)
    with pytest.raises(UsageError, match="no rows after the reference"):
        watch(rows(400), reference=400)
    with pytest.raises(UsageError, match="100 prompts after the reference; expected more than 100"):
        watch(rows(500), reference=400)
    with pytest.raises(UsageError, match="the baseline has 20 prompts"):
        watch(rows(400), rows(20))


def test_times_that_step_back_are_told() -> None:
    mixed = list(rows(900))
    mixed[700] = replace(mixed[700], time=mixed[700].time - 7200)  # type: ignore[operator]
    found = watch(iter(mixed), reference=400)
    assert found.backwards == 1
    assert found.gap == pytest.approx(7200 - 60)
    assert "1 row earlier than the row before, by up to 1 h 59 min" in told(found)[-1]
    assert "100 prompts at the end not used yet" in told(found)[-2]


def test_the_same_log_gives_the_same_result() -> None:
    one, two = (watch(rows(1500, shift=0.3, since=900), reference=500) for _ in range(2))
    assert told(one) == told(two)


def test_the_bound_is_shared_by_all_aspects() -> None:
    found = watch(rows(800), reference=400, alpha=0.05)
    assert found.threshold == 80
    assert all(math.isfinite(each.capital.log) for each in found.aspects.values())


def test_equal_scores_are_no_reason_to_fail() -> None:
    found = watch((replace(row, score=1.0) for row in rows(900)), reference=400)
    assert changed(found) == []
    assert summary(found)[1].before == 1.0  # all tie


def test_ties_and_lengths_by_hand() -> None:
    assert tied([1.0, 1.0, 1.0, 2.0], ["a", "b", "a", "c"]) == 3
    assert tied([1.0, 1.0], ["a", "a"]) == 0
    # Longer and higher, longer and lower, equally long.
    scores, lengths = np.array([1.0, 2, 3, 1, 5, 6]), np.array([10.0, 20, 5, 9, 7, 7])
    assert longer_ahead(scores, lengths).tolist() == [2.0, 0.0, 1.0]


def test_words_of_any_script() -> None:
    known = Vocabulary()
    known.learn("The sum of two numbers")
    assert known.unseen("THE SUM, of numbers!") == 0.0
    assert known.unseen("the sum of 两个 数") == 0.5  # 3 of 6: signs count one by one
    assert known.unseen("…") == 0.0
    for _ in range(3):
        known.unseen("sum of apples", count=True)
    known.unseen("pears", count=True)
    assert known.most_frequent(5) == [("apples", 3)]


def test_windows_stay_few_and_lose_nothing() -> None:
    windows = Windows()
    for number in range(1, 1001):
        mean = Mean()
        mean.add(np.array([float(number)]))
        bins = np.array([1])
        windows.add(Window(number, float(number), float(number), {"scores": mean}, {}, bins))
        assert len(windows.kept) <= MOST_WINDOWS
    assert sum(window.means["scores"].n for window in windows.kept) == 1000
    assert sum(window.means["scores"].total for window in windows.kept) == 500_500
    assert sum(int(window.bins[0]) for window in windows.kept) == 1000
    ends = [window.rows for window in windows.kept]
    assert ends == sorted(ends)
    assert ends[-1] == 1000
    assert {later - earlier for earlier, later in pairwise(ends[:-1])} == {16}
    assert windows.kept[0].first == 1.0
    assert windows.kept[-1].last == 1000.0


def test_a_mean_and_its_error() -> None:
    mean = Mean()
    assert (mean.value, mean.error) == (None, 0.0)
    mean.add(np.array([1.0, 2.0, 3.0, 4.0]))
    # Variance 5/3 with n - 1, its share of the mean: sqrt(5/12).
    assert mean.value == 2.5
    assert mean.error == pytest.approx(math.sqrt(5 / 12))
