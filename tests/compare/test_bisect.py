"""The search for the first worse step: what it asks, what it finds, what it leaves open."""

from __future__ import annotations

import numpy as np
import pytest
from builders import make_pairs, pair_scores

from rmcheck.compare.bisect import (
    BASELINE,
    Bisection,
    Search,
    every_step,
    lines,
    looks,
    search,
    told,
)
from rmcheck.compare.comparison import Side
from rmcheck.errors import UsageError

PAIRS = make_pairs(300)


class Truth:
    """Answers from the true quality of steps; remembers which steps were scored."""

    def __init__(self, *quality: float, noise: float = 0.5) -> None:
        self.quality = quality
        self.noise = noise
        self.scored: list[int] = []
        self.levels: list[float] = []

    def worse(self, step: int, than: int, level: float) -> bool:
        if step not in self.scored:
            self.scored.append(step)
        if than == BASELINE:
            self.levels.append(level)
        before = 0.0 if than == BASELINE else self.quality[than]
        return before - self.quality[step] > self.noise


@pytest.mark.parametrize("steps", [1, 2, 3, 7, 16, 17, 100])
def test_every_planted_step_is_found_in_as_few_scorings_as_promised(steps: int) -> None:
    for planted in range(steps):
        truth = Truth(*(0.0 if step < planted else -1.0 for step in range(steps)))
        found = search(steps, 0.025, truth.worse)
        assert found == Search(planted, planted - 1)
        assert found.exact
        assert len(truth.scored) <= looks(steps)
        # The last step at the whole level; the others share it, however many there are.
        assert truth.levels[0] == 0.025
        assert sum(truth.levels[1:]) <= 0.025 + 1e-12


def test_one_scoring_tells_that_nothing_is_worse() -> None:
    truth = Truth(*[0.0] * 16)
    assert search(16, 0.025, truth.worse) == Search(None)
    assert truth.scored == [15]


def test_a_step_that_is_like_neither_is_left_open() -> None:
    # The drop comes in two halves, each too small to be seen: at step 2, and at step 5.
    quality = [0.0, 0.0, -0.4, -0.4, -0.4, -0.8, -0.8, -0.8]
    truth = Truth(*quality)
    found = search(8, 0.025, truth.worse)
    assert found.first == 5
    assert not found.exact
    # Step 1 is known to be better than step 5; step 3 and 4 are not.
    assert found.after in (1, BASELINE)
    said = told(found, [f"s{n}" for n in range(8)], "main", every=False)[0]
    assert "s5 is the first step that is shown to be worse than main; the drop" in said
    assert f"may have begun at s{found.after + 1}: " in said


def test_every_step_finds_one_that_recovered() -> None:
    truth = Truth(0.0, -1.0, 0.0, 0.0)
    assert search(4, 0.025, truth.worse).first is None
    found = every_step(4, 0.025, truth.worse)
    assert found == Search(1, 0, (2, 3))
    names = ["a", "b", "c", "d"]
    said = told(found, names, "main", every=True)
    assert said[0] == "b is the first step that is worse than main"
    assert said[1].startswith("not monotone: c, d are better than b again")
    assert told(Search(None), names, "main", every=True) == ["no step is worse than main"]
    (last,) = told(Search(None), names, "main", every=False)
    assert last.startswith("the last step, d, is not worse than main; the steps before it were not")
    # Each step has its share of the level.
    assert truth.levels[-4:] == [0.025 / 4] * 4


def side(name: str, wrong: range, *suites: str) -> Side:
    margins = [-1.0 if row in wrong else 1.0 for row in range(300)]
    columns = (margins, [0.0] * 300)
    rows = [row for suite in suites or ("chat",) for row in pair_scores(PAIRS, columns, suite)]
    return Side(name, rows)


def test_steps_are_compared_as_the_gate_does_and_scored_once() -> None:
    read: list[int] = []

    def scored(step: int) -> Side:
        read.append(step)
        return side(f"s{step}", range(30 if step < 5 else 75), "chat", "safety")

    bisection = Bisection(scored, side("main", range(30), "chat", "safety"), 0.02)
    found = bisection.run(8)
    assert found == Search(5, 4)
    assert len(read) == len(set(read)) == len(bisection.points) == looks(8)
    names = [f"s{number}" for number in range(8)]
    table = lines(bisection.points, names, found)
    assert len(table) == 9
    assert table[1].split() == ["s0", "not", "scored"]
    # 30 and 75 of 300 wrong: 0.900 and 0.750, a loss of 15.0 points, in either suite.
    assert "0.750 [" in table[6]
    assert "−15.0 [" in table[6]
    assert table[6].endswith("(chat)  <- first worse step")
    assert sum("not scored" in line for line in table) == 8 - looks(8)


def test_a_small_drop_and_a_series_that_cannot_be_compared() -> None:
    few = Bisection(lambda step: side("s", range(30 + 5 * step)), side("main", range(30)), 0.02)
    # 5 of 300 newly wrong are 1.7 points, less than is tolerated.
    assert few.run(2).first is None
    assert Bisection(few.read, few.baseline, 0.0).run(2).first is None  # p = 1/32 > 0.025
    tiny = make_pairs(5)
    rows = Side("tiny", pair_scores(tiny, ([1.0] * 5, [0.0] * 5)))
    with pytest.raises(UsageError, match=r"tiny: no suite can be compared: .*at least 15"):
        Bisection(lambda _: rows, rows, 0.02).run(1)


def test_level_over_suites_is_shared() -> None:
    # 6 newly wrong of 300: p = 1/64 = 0.016, below 0.025 for one suite and not for two.
    one = Bisection(lambda _: side("s", range(36)), side("main", range(30)), 0.02)
    assert one.run(1).first == 0
    both = ("chat", "safety")
    two = Bisection(lambda _: side("s", range(36), *both), side("main", range(30), *both), 0.02)
    assert two.run(1).first is None
    assert np.isclose(0.5**6, 0.015625)
