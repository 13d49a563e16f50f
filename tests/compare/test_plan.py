"""What pairs buy, against the binomial table; which tags gain; which labels are doubtful."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from builders import from_wins, make_pairs, make_suite, pair_scores
from scipy import stats

from rmcheck.checks.no_regression import NoRegression
from rmcheck.checks.win_rate import WinRate
from rmcheck.compare.comparison import Side
from rmcheck.compare.plan import Asked, judges_of, plan, wins_of

ASKED = Asked(drop=0.05, more=50, comparisons=3)
CHECK = NoRegression(max_drop=0.02)


def sides(n: int, *, lost: int, gained: int) -> tuple[Side, Side]:
    """A run and a baseline that is right on all pairs but those that the run gained."""
    pairs = make_pairs(n)
    now = [0 if k < lost else 1 for k in range(n)]
    before = [0 if n - gained <= k else 1 for k in range(n)]
    return tuple(
        Side(name, pair_scores(pairs, from_wins(wins)))
        for name, wins in (("run", now), ("main", before))
    )  # type: ignore[return-value]


def caught(n: int, discordant: float, drop: float, comparisons: int) -> float:
    """Share of 4,000 drawn models with this drop that the rule catches; scipy's binomial tail."""
    rng = np.random.default_rng(7)
    changed = rng.binomial(n, discordant, 4000)
    lost = rng.binomial(changed, (discordant + drop) / (2 * discordant))
    p = stats.binom.sf(lost - 1, changed, 0.5)
    red = (2 * lost - changed >= CHECK.max_drop * n) & (p <= CHECK.alpha / (2 * comparisons))
    return float(red.mean())


def test_so_many_pairs_catch_the_drop() -> None:
    suite = make_suite(make_pairs(200), [CHECK])
    run, main = sides(200, lost=12, gained=8)
    (found,) = plan([suite], ASKED, wins_of(run, main)).checks
    assert (found.pairs, found.prompts, found.assumed) == (200, 200, False)
    assert found.discordant == 0.1
    smoothed = 21 / 202  # Laplace's rule: one more of each kind
    assert found.needed is not None
    assert found.detectable is not None
    assert 0.78 <= caught(found.needed, smoothed, 0.05, 3) <= 0.86
    assert 0.77 <= caught(200, smoothed, found.detectable, 3) <= 0.83
    assert found.with_more is not None
    assert 0.77 <= caught(250, smoothed, found.with_more, 3) <= 0.83
    assert found.to_label == found.needed - 200
    assert found.texts == 2 * found.needed


def test_without_a_comparison_a_fifth_is_assumed() -> None:
    suite = make_suite(make_pairs(200, group_size=2), [WinRate(min=0.5)])
    (found,) = plan([suite], ASKED, {}).checks
    assert found.name == "chat (no comparison yet)"
    assert (found.discordant, found.assumed) == (0.2, True)
    alone = plan([make_suite(make_pairs(200), [CHECK])], ASKED, {}).checks[0]
    assert found.detectable is not None
    assert alone.detectable is not None
    assert found.detectable > alone.detectable  # pairs of a prompt may change together


def test_a_drop_that_is_tolerated_is_planned_with_half_of_it() -> None:
    suite = make_suite(make_pairs(60), [CHECK])
    (found,) = plan([suite], replace(ASKED, drop=0.02), {}).checks
    assert found.max_drop == 0.01
    assert found.needed is not None


def test_small_tags_gain_most_and_detect_nothing_before() -> None:
    pairs = [*make_pairs(150, tags=["many"]), *make_pairs(10, tags=["few"], prefix="q")]
    few, many = plan([make_suite(pairs, [CHECK])], ASKED, {}).tags
    assert (few.name, few.pairs, few.detectable) == ("few", 10, None)
    assert few.with_more is not None
    assert (many.name, many.pairs) == ("many", 150)
    assert few.gain > many.gain > 0


def test_labels_that_run_and_baseline_contradict() -> None:
    pairs = make_pairs(40)
    suite = make_suite(pairs, [CHECK])
    wrong = {"run": {3, 5}, "main": {5, 9}}
    both = [
        Side(name, pair_scores(pairs, from_wins([k not in some for k in range(40)])))
        for name, some in wrong.items()
    ]
    judges = judges_of(both, [suite])
    audit = plan([suite], ASKED, {}, judges).labels
    assert audit is not None
    assert [doubt.item.id for doubt in audit.doubts] == [pairs[5].id]
    assert audit.expected == pytest.approx(40 * 0.05 * 0.05)
    assert judges_of(both[:1], [suite]) is None
    assert judges_of([both[0], both[0]], [suite]) is None  # one model twice
