"""Planted slices are found on one half and confirmed on the other; equal models have none."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from rmcheck.slices.columns import Columns
from rmcheck.slices.condition import Condition
from rmcheck.slices.finding import find, hypergeometric_tail
from rmcheck.slices.flips import Flips
from rmcheck.slices.search import Lost, best, likelihood_ratio, score

from .planted import flips, lost_in, shipped_columns, shipped_pairs


@pytest.mark.parametrize(
    ("hits", "drawn", "marked", "n"), [(0, 5, 3, 20), (3, 5, 3, 20), (7, 40, 20, 350), (4, 3, 9, 9)]
)
def test_the_hypergeometric_tail_is_scipys(hits: int, drawn: int, marked: int, n: int) -> None:
    expected = stats.hypergeom.sf(hits - 1, n, marked, drawn)
    found = hypergeometric_tail(hits, drawn=drawn, marked=marked, n=n)
    assert found == pytest.approx(expected, rel=1e-9, abs=1e-15)


def test_the_likelihood_ratio_by_hand() -> None:
    # 4 of 5 inside and 1 of 5 outside, against 5 of 10:
    # 8 ln 0.8 + 2 ln 0.2 - 10 ln 0.5 = -1.7851 - 3.2189 + 6.9315 = 1.9275.
    found = likelihood_ratio(np.array([4.0, 1.0]), np.array([5.0, 5.0]), 5.0, 10.0)
    assert found[0] == pytest.approx(1.9274, abs=1e-4)
    assert found[1] == 0.0  # fewer inside than outside


def test_what_is_lost_and_gained_alike_does_not_stand_out() -> None:
    column = np.repeat([1.0, 0.0], [10, 90])
    data = Lost(column, column, np.ones(100))
    one, size = np.array([10.0]), np.array([10.0])
    assert score(one, one, size, data)[0] == 0.0
    fewer = score(one, np.array([4.0]), size, data)[0]
    assert fewer > 0.0


def test_the_best_conjunction_is_that_of_a_full_search() -> None:
    rng = np.random.default_rng(4)
    table = rng.random((200, 12)) < 0.4
    lost = (table[:, 2] & table[:, 7] & (rng.random(200) < 0.6)) | (rng.random(200) < 0.03)
    data = Lost(lost.astype(float), np.zeros(200), np.ones(200))
    conditions = [Condition(("tags",), str(k)) for k in range(12)]
    values = {}
    for one in range(12):
        for two in range(one, 12):
            for three in range(two, 12):
                some = tuple(sorted({one, two, three}))
                inside = table[:, list(some)].all(axis=1)
                if inside.sum() >= 8:
                    ratio = likelihood_ratio(
                        np.array([float(lost[inside].sum())]), np.array([float(inside.sum())]),
                        float(lost.sum()), 200.0,
                    )  # fmt: skip
                    values[some] = float(ratio[0]) - math.log(12) * len(some)
    expected = max(values, key=lambda some: values[some])
    found = best(conditions, table, data, least=8)
    assert tuple(sorted(found[0].columns)) == expected == (2, 7)
    assert sorted(len(each.columns) for each in found) == [1, 2, 3]


def test_the_halves_keep_prompts_together_and_depend_on_texts_alone() -> None:
    pairs, suites = shipped_pairs()
    found = flips(np.zeros(len(pairs)))
    half = found.confirming
    assert abs(int(half.sum()) - len(pairs) / 2) < 0.1 * len(pairs)
    for group in {pair.group for pair in pairs}:
        assert (
            len({bool(h) for h, pair in zip(half, pairs, strict=True) if pair.group == group}) == 1
        )
    order = np.random.default_rng(0).permutation(len(pairs))
    other = Flips(
        [pairs[k] for k in order], [suites[k] for k in order], np.ones(len(pairs))
    ).confirming
    assert (other == half[order]).all()


@pytest.mark.parametrize("place", [("tags",), ("prompt", "words"), ("rejected", "has")])
def test_a_planted_slice_is_found_and_named(place: tuple[str, ...]) -> None:
    columns = shipped_columns()
    sizes = columns.table.sum(axis=0)
    number = next(
        k
        for k, each in enumerate(columns.conditions)
        if each.place == place and 45 <= sizes[k] <= 90
    )
    inside = columns.table[:, number]
    found = find(lost_in(inside, 0.5, 0.06, seed=1), columns)
    (first, *_) = found.slices
    mine = np.zeros(len(inside), dtype=bool)
    mine[first.rows] = True
    assert (mine & inside).sum() >= 0.8 * (mine | inside).sum()
    assert first.p <= 0.05
    assert first.inside.newly_wrong + first.elsewhere.newly_wrong == found.newly_wrong
    assert first.confirming.newly_wrong < first.inside.newly_wrong


def test_two_slices_are_told_apart() -> None:
    columns = shipped_columns()
    sizes = columns.table.sum(axis=0)
    tags = [
        columns.table[:, k]
        for k, each in enumerate(columns.conditions)
        if each.place == ("tags",) and sizes[k] >= 40
    ]
    one, two = next((a, b) for a in tags for b in tags if not (a & b).any())
    found = find(lost_in(one | two, 0.6, 0.0, seed=2), columns)
    assert len(found.slices) >= 1
    covered = np.zeros(len(one), dtype=bool)
    for each in found.slices:
        covered[each.rows] = True
    assert found.covered.pairs == covered.sum()
    assert found.covered.newly_wrong >= 0.6 * found.newly_wrong


@pytest.mark.ci
@pytest.mark.parametrize("worse", [0.5, 1.0])
def test_models_that_are_equal_or_worse_everywhere_rarely_have_a_slice(worse: float) -> None:
    n = len(shipped_pairs()[0])
    rng = np.random.default_rng(5)
    start = flips(np.zeros(n))
    confirmed = 0
    for _ in range(60):
        change = np.where(rng.random(n) < worse, -1.0, 1.0) * (rng.random(n) < 0.15)
        confirmed += bool(find(start.changed(change), shipped_columns()).slices)
    # At most 5 %: 8 or more of 60 would have p = 0.01.
    assert confirmed < 8


def test_few_prompts_are_not_searched() -> None:
    pairs, suites = shipped_pairs()
    columns = Columns((Condition(("tags",), "x"),), np.ones((20, 1), dtype=bool))
    found = find(Flips(pairs[:20], suites[:20], -np.ones(20)), columns)
    assert found.slices == ()
    assert found.notes == ("at least 30 prompts are needed, for two halves",)
