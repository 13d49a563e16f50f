"""The self-test of a check that measures margins: judged as the gate judges, level and power."""

from __future__ import annotations

import numpy as np
import pytest
from builders import make_pairs, make_suite, pair_scores

from rmcheck.checks import Changes
from rmcheck.checks.no_regression import NoRegression
from rmcheck.checks.paired_scores import PairedScores
from rmcheck.compare.comparison import Side
from rmcheck.compare.looking_trial import trial
from rmcheck.compare.measured_trial import MeasuredTrial
from rmcheck.compare.selftest import guards, selftest
from rmcheck.compare.simulation import BEHIND, LOST, SAME, Draws, Guard, Trial
from rmcheck.stats.winrate import wins


def guard(
    measure: str, n: int = 120, *, size: int = 1, known: bool = True, **keys: object
) -> Guard:
    """Two models with one truth and a noise of their own; the second counts in thousands."""
    rng = np.random.default_rng(n + size)
    truth = rng.normal(0.7, 1.0, n)
    now, before = truth + rng.normal(0, 0.5, n), 1000 * (truth + rng.normal(0, 0.5, n))
    now[:4] = 0.0  # ties
    zero = np.zeros(n)
    check = NoRegression(measure=measure, **keys)  # type: ignore[arg-type]
    groups = [f"g{place // size}" for place in range(n)]
    sides = wins(now, zero), wins(before, zero) if known else None
    return Guard("chat", check, True, groups, *sides, (now, before if known else None))


def _draws(runs: int, n_groups: int, seed: int = 0) -> Draws:
    rng = np.random.default_rng(seed)
    return rng.random((runs, n_groups)), rng.random((runs, n_groups)), rng.random((runs, n_groups))


def test_wins_alone_need_no_margins() -> None:
    assert type(trial(guard("win_rate"), 1)) is Trial
    assert type(trial(guard("log_loss"), 1)) is MeasuredTrial


@pytest.mark.parametrize("measure", ["log_loss", "rank_log_loss"])
@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("size", [1, 3])
def test_each_run_is_judged_as_the_gate_judges_it(measure: str, known: bool, size: int) -> None:
    given = guard(measure, size=size, known=known, alpha=0.3, max_drop=0.03)
    made = trial(given, 2)
    assert isinstance(made, MeasuredTrial)
    seen = set()
    for drop in (0.0, 0.1):
        choice = made.choice(_draws(8, len(made.names)), drop)
        rows = np.arange(len(given.groups))
        for run, failed in enumerate(made.red(choice)):
            now, before = made.columns(choice[run])
            zero = np.zeros(len(now))
            scores = PairedScores(
                ids=[str(row) for row in rows],
                groups=given.groups,
                tags=[()] * len(rows),
                now=np.column_stack([now, zero]),
                before=np.column_stack([before, zero]),
            )
            verdict = given.check.compare(
                scores, Changes(), baseline="main", comparisons=2, sign=str
            )
            assert failed == (verdict.outcome == "fail")
            seen.add(bool(failed))
    assert seen == {True, False}


def test_the_contents_have_the_wins_that_are_counted() -> None:
    for known in (True, False):
        made = trial(guard("rank_log_loss", size=3, known=known), 1)
        assert isinstance(made, MeasuredTrial)
        for variant in range(4):
            now, before = made._contents_by_row[variant].T
            change = np.sign(now) - np.sign(before)
            net = np.bincount(np.arange(len(change)) // 3, weights=change)
            assert np.array_equal(net, made._net[:, variant])


def test_groups_with_equal_wins_do_not_join_a_drop() -> None:
    made = trial(guard("rank_log_loss"), 1)
    choice = made.choice(_draws(400, len(made.names)), 0.5)
    even = (made._net[:, BEHIND] == 0) & (made._net[:, LOST] == 0)
    assert even.sum() > 10  # pairs that both models get wrong
    assert not (choice[:, even] == SAME).any()
    behind = (choice[:, even] == BEHIND)[(choice[:, even] != LOST)]
    assert behind.mean() == pytest.approx(0.5, abs=0.02)


@pytest.mark.ci
@pytest.mark.parametrize("measure", ["log_loss", "rank_log_loss"])
def test_equal_models_stay_within_the_bound_and_drops_are_caught(measure: str) -> None:
    given = guard(measure, 240, size=2, max_drop=0.02)
    found = selftest([given], comparisons=1, runs=400, planted=(0.12,))
    # 2.5 % at most, and three standard errors of 400 runs.
    assert found.red.value <= 0.025 + 3 * 0.0078
    assert found.tested[0].caught[0.12].value > 0.9
    assert found.tested[0].measure == measure


def test_margins_come_from_the_run_and_the_baseline() -> None:
    pairs = make_pairs(40)
    now = ([1.0 + place % 3 for place in range(40)], [2.0 - place % 2 for place in range(40)])
    before = ([3.0] * 40, [1.0 + place % 5 for place in range(40)])
    suite = make_suite(pairs, [NoRegression(measure="log_loss")])
    sides = (
        Side(name, pair_scores(pairs, side)) for name, side in (("run", now), ("main", before))
    )
    ((found,), notes) = guards([suite], *sides)
    assert not notes
    assert found.margins is not None
    assert list(found.margins[0]) == [a - b for a, b in zip(*now, strict=True)]
    assert list(found.margins[1]) == [a - b for a, b in zip(*before, strict=True)]  # type: ignore[arg-type]
    ((alone,), _) = guards([suite], Side("run", pair_scores(pairs, now)), None)
    assert alone.margins is not None
    assert alone.margins[1] is None
