"""`trade_off`: every weighting from the same scores, the Pareto front, and a better weighting."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product
from math import comb

import numpy as np
import pytest
from builders import TableContext, from_margins, make_pairs

from rmcheck.checks import BASELINE, CANDIDATE
from rmcheck.checks.trade_off import TradeOff
from rmcheck.data.label import Label
from rmcheck.report.charts.svg import draw
from rmcheck.stats.pareto import front, lattice
from rmcheck.verdict import Verdict

HELP, SAFE = "help", "safe"


def context(
    outputs: Mapping[str, Sequence[float]],
    used: Sequence[float],
    labels: Sequence[tuple[Label, ...]] = (),
    baseline: Sequence[float] | None = None,
) -> TableContext:
    """Margins of each output, of the reward in use, and of the baseline; labels of each pair."""
    pairs = make_pairs(len(used))
    if labels:
        pairs = [replace(pair, objectives=given) for pair, given in zip(pairs, labels, strict=True)]
    variants = {
        replace(CANDIDATE, objective=name): from_margins(margins)
        for name, margins in outputs.items()
    }
    before = from_margins(used if baseline is None else baseline)
    variants[BASELINE] = before
    return TableContext(pairs, from_margins(used), before, variants=variants)


def opposed(n: int = 200) -> tuple[list[float], list[float], list[tuple[Label, ...]]]:
    """Two outputs, and labels by two objectives, each of which one output knows well.

    `help` is right on its objective always and at random on `safe`; the other way round for `safe`.
    """
    rng = np.random.default_rng(0)
    labels, first, second = [], [], []
    for _ in range(n):
        help_, safe = rng.choice([-1, 1], size=2)
        side = {1: "chosen", -1: "rejected"}
        labels.append((Label(HELP, side[int(help_)]), Label(SAFE, side[int(safe)])))  # type: ignore[arg-type]
        first.append(float(help_ * (1 + rng.random())))
        second.append(float(safe * (1 + rng.random())))
    return first, second, labels


def judged(outputs: Sequence[Sequence[float]], used: Sequence[float], **given: object) -> Verdict:
    named = dict(zip((HELP, SAFE), outputs, strict=True))
    check = TradeOff(objectives=(HELP, SAFE), **given.pop("check", {}))  # type: ignore[arg-type]
    return check.judge(context(named, used, **given))  # type: ignore[arg-type]


def test_a_weighting_that_is_better_on_all_objectives_fails_the_check() -> None:
    first, second, labels = opposed()
    rng = np.random.default_rng(1)
    noise = rng.standard_normal(len(first)).tolist()  # the reward in use knows nothing
    found = judged((first, second), noise, labels=labels)
    assert (found.decision, found.outcome) == ("fail", "fail")
    assert found.estimate is not None
    # Equal weights are right on about 3/4 of each: whoever is larger decides where they disagree.
    assert found.estimate.value == pytest.approx(0.25, abs=0.1)
    assert found.estimate.low > 0
    assert "weights=help:" in found.message
    assert "on every objective" in found.message


def test_the_front_of_opposed_objectives_and_the_place_of_the_reward_in_use() -> None:
    first, second, labels = opposed()
    used = (np.array(first) + np.array(second)).tolist()
    found = judged((first, second), used, labels=labels, baseline=first)
    assert (found.decision, found.outcome) == ("pass", "pass")
    assert "the Pareto front of 12 weightings" in found.message
    (picture,) = found.evidence.pictures
    kinds = [point[2] for point in picture.data["points"]]
    assert kinds.count("used") == kinds.count("baseline") == 1
    by_label = {point[3]: point for point in picture.data["points"]}
    # help alone is always right on its objective; the baseline is that output.
    assert by_label["weights=help:1;safe:0"][0] == 1.0
    assert by_label["main"][:2] == by_label["weights=help:1;safe:0"][:2]
    assert by_label["weights=help:0;safe:1"][1] == 1.0
    # By hand: the wins of the sum against each label.
    for place, objective in enumerate((HELP, SAFE)):
        signs = [
            1 if next(each for each in given if each.objective == objective).better == "chosen"
            else -1
            for given in labels
        ]  # fmt: skip
        by_hand = np.mean([margin * sign > 0 for margin, sign in zip(used, signs, strict=True)])
        assert by_label["in use: py:table"][place] == pytest.approx(by_hand)
    drawn = draw(picture.kind, picture.title, picture.data)
    assert drawn.svg is not None
    assert "Pareto front" in drawn.svg
    assert "in use" in drawn.svg
    assert drawn.svg.count("<title>") == 1 + len(kinds)


def test_a_gain_that_is_not_sure_is_weak() -> None:
    first, second, labels = opposed(24)
    used = (0.7 * np.array(first) + np.array(second)).tolist()
    for row in (0, 5, 9):  # a few pairs wrong by both objectives, as chance would have it
        used[row] = -first[row] - second[row]
    found = judged((first, second), used, labels=labels, check={"max_loss": 0.0})
    assert (found.decision, found.outcome, found.weak) == ("inconclusive", "pass", True)
    tolerant = judged((first, second), used, labels=labels, check={"max_loss": 0.5})
    assert (tolerant.decision, tolerant.weak) == ("pass", False)


def test_pairs_count_where_they_have_a_label_and_ties_do_not() -> None:
    first, second, labels = opposed(60)
    cut = [
        given if row < 40 else (given[0], Label(SAFE, "tie")) if row < 50 else given[:1]
        for row, given in enumerate(labels)
    ]
    found = judged((first, second), first, labels=cut)
    assert "pairs with a label by each objective: help 60, safe 40 of 60" in found.evidence.notes
    none = judged((first, second), first)
    assert any("no pair has a label by help and safe" in note for note in none.evidence.notes)


def test_three_objectives_have_a_chart_of_each_two() -> None:
    rng = np.random.default_rng(0)
    outputs = {name: rng.standard_normal(60).tolist() for name in "abc"}
    check = TradeOff(objectives=("a", "b", "c"), steps=4, max_loss=1.0)
    found = check.judge(context(outputs, outputs["a"]))
    assert [each.title for each in found.evidence.pictures] == [
        "a against b", "a against c", "b against c",
    ]  # fmt: skip
    assert all(not each.data["whole"] for each in found.evidence.pictures)
    table = found.evidence.tables[0]
    assert table.columns == ("weighting", "Pareto front", "a", "b", "c")
    assert table.rows[0][0] == "in use: py:table"


def test_too_few_pairs_cannot_decide() -> None:
    first, second, labels = opposed(6)
    found = judged((first, second), first, labels=labels)
    assert (found.decision, found.outcome) == ("inconclusive", "fail")
    assert "help: 6 pairs" in found.message


def test_what_is_asked_is_scored_once() -> None:
    check = TradeOff(objectives=(HELP, SAFE))
    data = context({}, [1.0] * 10).data
    refs = [need.source for need in check.needs(data)]
    assert refs == [
        replace(CANDIDATE, objective=HELP), replace(CANDIDATE, objective=SAFE), CANDIDATE, BASELINE,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"objectives": ("a", "a")}, "a given twice"),
        ({"objectives": ("a", "b"), "objective": "a"}, "objective has no effect"),
        ({"objectives": tuple("abcde"), "steps": 20}, "makes 10,626 weightings"),
    ],
)
def test_keys_that_contradict_each_other(given: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        TradeOff(**given)  # type: ignore[arg-type]


@pytest.mark.parametrize(("k", "steps"), [(1, 3), (2, 10), (3, 4), (4, 5)])
def test_the_lattice_has_every_weighting_once(k: int, steps: int) -> None:
    found = lattice(k, steps)
    assert found.shape == (comb(steps + k - 1, k - 1), k)
    np.testing.assert_allclose(found.sum(axis=1), 1.0)
    assert len({tuple(row) for row in found.round(9).tolist()}) == len(found)


def test_the_front_by_its_definition() -> None:
    points = np.random.default_rng(0).integers(0, 5, size=(80, 3)).astype(float)
    found = front(points)
    for row, other in product(range(80), repeat=2):
        over = (points[other] >= points[row]).all() and (points[other] > points[row]).any()
        assert not (found[row] and over)
    for row in np.flatnonzero(~found):
        over = [(each >= points[row]).all() and (each > points[row]).any() for each in points]
        assert any(over)
