"""Models like those of a comparison: each two differ as its two do; planted drops are true."""

from __future__ import annotations

import math

import numpy as np
import pytest

from compare.test_selftest import guard
from rmcheck.compare.lookalikes import Lookalikes
from rmcheck.compare.simulation import ASSUMED


def _drawn(models: Lookalikes, drop: float, runs: int) -> tuple[list[float], list[float]]:
    """The share of groups on which a model and its baseline differ, and the change, by series."""
    rng = np.random.default_rng(2)
    groups, n = len(models.names), len(models.codes)
    shares, changes = [], []
    for _ in range(runs):
        tossed, coins, before, gone = rng.random((4, groups))
        baseline = models.contents(tossed, before)
        net = models.net(models.contents(tossed, coins, gone, drop), baseline)
        shares.append(float(np.count_nonzero(net)) / groups)
        changes.append(float(net.sum()) / (2 * n))
    return shares, changes


@pytest.mark.parametrize("size", [1, 3])
def test_two_models_differ_as_often_as_the_two_that_were_compared(size: int) -> None:
    given = guard(600, size=size, lost=24, gained=24)
    assert given.before is not None
    leads: dict[str, float] = {}
    for name, now, before in zip(given.groups, given.now, given.before, strict=True):
        leads[name] = leads.get(name, 0.0) + now - before
    expected = sum(lead != 0 for lead in leads.values()) / len(leads)
    shares, _ = _drawn(Lookalikes(given), 0.0, 400)
    error = float(np.std(shares)) / math.sqrt(400)
    assert np.mean(shares) == pytest.approx(expected, abs=4 * error)


def test_without_a_baseline_they_differ_on_the_assumed_share() -> None:
    shares, _ = _drawn(Lookalikes(guard(600, known=False)), 0.0, 400)
    assert np.mean(shares) == pytest.approx(ASSUMED, abs=4 * float(np.std(shares)) / 20)


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("size", [1, 3])
@pytest.mark.parametrize("drop", [0.0, 0.03, 0.3])
def test_the_planted_drop_is_the_true_one(known: bool, size: int, drop: float) -> None:
    _, changes = _drawn(Lookalikes(guard(300, size=size, known=known)), drop, 1500)
    error = float(np.std(changes)) / math.sqrt(1500)
    assert np.mean(changes) == pytest.approx(-drop, abs=4 * error)


def test_what_a_model_wins_is_what_its_margins_say() -> None:
    models = Lookalikes(guard(90, size=3))
    contents = models.contents(*np.random.default_rng(0).random((2, 30)))
    margins, wins = models.columns(contents)
    assert np.array_equal(wins, (margins > 0).astype(float))
    none = np.zeros(30, dtype=np.intp)
    _, others = models.columns(none)
    net = np.bincount(models.codes, weights=2 * (wins - others))
    assert np.array_equal(models.net(contents, none), net)
