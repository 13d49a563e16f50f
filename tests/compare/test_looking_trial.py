"""The self-test of a check that stops early: judged as the gate judges, level, power and saving."""

from __future__ import annotations

import numpy as np
import pytest
from builders import TableContext, make_pairs, make_suite, pair_scores

from rmcheck.checks.looks import looks_at
from rmcheck.checks.no_regression import NoRegression
from rmcheck.compare.comparison import Side
from rmcheck.compare.looking_trial import LookingTrial, trial
from rmcheck.compare.selftest import guards, selftest
from rmcheck.compare.simulation import Draws, Guard, Trial

STOPPING = NoRegression(max_drop=0.02, early_stop=True)


def guard(
    n: int = 200, *, size: int = 1, share: float = 0.1, check: NoRegression = STOPPING
) -> Guard:
    """Two models that each lose `share` of the pairs to the other."""
    rng = np.random.default_rng(n + size)
    pairs = make_pairs(n, group_size=size)
    now = (rng.random(n) < 0.7).astype(float)
    before = now.copy()
    order = rng.permutation(n)[: round(2 * share * n)]
    now[order[::2]], before[order[::2]] = 1.0, 0.0
    now[order[1::2]], before[order[1::2]] = 0.0, 1.0
    groups = [pair.group for pair in pairs]
    looks = looks_at(pairs, early=check.early_stop)
    return Guard("chat", check, True, groups, now, before, looks=looks if len(looks) > 1 else ())


def _draws(runs: int, n_groups: int, seed: int = 0) -> Draws:
    rng = np.random.default_rng(seed)
    return rng.random((runs, n_groups)), rng.random((runs, n_groups)), rng.random((runs, n_groups))


@pytest.mark.parametrize("size", [1, 3])
@pytest.mark.parametrize("require", ["no_regression", "non_inferior"])
def test_each_run_is_judged_as_the_gate_judges_it(size: int, require: str) -> None:
    check = NoRegression(max_drop=0.03, early_stop=True, require=require)  # type: ignore[arg-type]
    given = guard(150, size=size, check=check)
    made = trial(given, 1)
    assert isinstance(made, LookingTrial)
    pairs = make_pairs(150, group_size=size)
    seen, parts = set(), set()
    for drop in (0.0, 0.08, 0.35):
        choice = made.choice(_draws(6, len(made.names)), drop)
        failed, scored = made.judged(choice)
        assert scored is not None
        assert np.array_equal(made.red(choice), failed)
        for run in range(6):
            # The contents of each prompt, put back to its pairs.
            wins = np.empty((150, 2))
            for code, name in enumerate(made.names):
                rows = [row for row, group in enumerate(given.groups) if group == name]
                wins[rows] = made._contents[made._kind[code, choice[run, code]]]
            zeros = [0.0] * 150
            now, before = ((2 * column - 1).tolist() for column in wins.T)
            verdict = check.judge(TableContext(pairs, (now, zeros), (before, zeros)))
            assert failed[run] == (verdict.outcome == "fail")
            assert verdict.looked is not None
            assert scored[run] == verdict.looked.pairs / 150
            seen.add(bool(failed[run]))
            parts.add(verdict.looked.look)
    assert seen == {True, False}
    assert len(parts) > 2


def test_a_check_that_looks_at_everything_is_no_looking_trial() -> None:
    assert type(trial(guard(check=NoRegression()), 1)) is Trial


@pytest.mark.ci
def test_the_level_holds_drops_are_caught_and_texts_are_saved() -> None:
    found = selftest([guard(400)], comparisons=1, runs=600, planted=(0.05, 0.2))
    (one,) = found.tested
    # 2.5 % at most, and three standard errors of 600 runs.
    assert found.red.value <= 0.025 + 3 * 0.0064
    assert one.caught[0.2].value > 0.98
    assert one.scored is not None
    assert list(one.scored) == [0.0, 0.05, 0.2]
    assert 0.8 < one.scored[0.0] <= 1.0
    # 20 points lost are all the 20 % discordant pairs: z = 3 is reached with nine of them, which 45
    # pairs have on average; the looks are at 15 (few), 20, 30, 40, 50, 60.
    assert 0.05 < one.scored[0.2] < 0.2
    plain = selftest([guard(400, check=NoRegression())], comparisons=1, runs=600, planted=(0.05,))
    assert plain.tested[0].scored is None
    assert one.caught[0.05].value > 0.6 * plain.tested[0].caught[0.05].value


def test_looks_come_from_the_pairs_and_the_settings() -> None:
    pairs = make_pairs(60)
    zeros = [0.0] * 60
    sides = (
        Side("run", pair_scores(pairs, ([1.0] * 60, zeros))),
        Side("main", pair_scores(pairs, ([-1.0] * 20 + [1.0] * 40, zeros))),
    )
    for early, planned in ((None, True), (True, True), (False, False)):
        ((found,), _) = guards([make_suite(pairs, [STOPPING])], *sides, early_stop=early)
        assert bool(found.looks) == planned
        assert found.check.early_stop == planned
    ((found,), _) = guards([make_suite(pairs, [NoRegression()])], *sides, early_stop=True)
    assert len(found.looks) == len(looks_at(pairs, early=True))
    # The looks are at the pairs that are compared.
    fewer = Side("main", sides[1].rows[:40])
    ((found,), _) = guards([make_suite(pairs, [STOPPING])], sides[0], fewer)
    assert len(found.looks[-1].pairs) == len(found.groups) == 40
