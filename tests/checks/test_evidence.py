"""What verdicts show: counted by hand."""

from __future__ import annotations

import dataclasses
from collections import Counter

import numpy as np
import pytest
from builders import make_pairs

from rmcheck.checks import ScoredPairs, evidence
from rmcheck.verdict import Scatter

PAIRS = [
    dataclasses.replace(pair, tags=tags)
    for pair, tags in zip(
        make_pairs(20), [("a", "b")] * 9 + [("b",)] * 8 + [("c",)] * 3, strict=True
    )
]
MARGINS = np.array([1.0, 0.0, -2.0, *[3.0] * 16, -5.0])
SCORED = ScoredPairs(PAIRS, MARGINS, np.zeros(20))


def test_win_rates_by_tag_of_tags_with_enough_pairs() -> None:
    wins = (MARGINS > 0).astype(float)
    found = evidence.estimates_by_tag(PAIRS, wins)
    # b: 17 pairs, rows 0 to 16, of which 1 and 2 are not won; a: 9 pairs; c has only 3.
    assert list(found) == ["b", "a"]
    assert (found["b"].value, found["b"].n) == (15 / 17, 17)
    assert (found["a"].value, found["a"].n) == (7 / 9, 9)
    assert list(evidence.estimates_by_tag(PAIRS, wins, at_least=3)) == ["b", "a", "c"]


def test_the_worst_pairs_are_wrong_or_tied_and_come_most_wrong_first() -> None:
    assert evidence.worst(SCORED) == ("p019", "p002", "p001")
    assert evidence.worst(SCORED, most=1) == ("p019",)


def test_tags_are_counted_most_first_then_by_name() -> None:
    tags = [pair.tags for pair in PAIRS]
    assert evidence.tag_counts(tags) == [("b", 17), ("a", 9), ("c", 3)]
    assert evidence.tag_counts([tags[19], tags[16]]) == [("b", 1), ("c", 1)]


def test_every_pair_is_in_a_histogram_and_every_response_in_a_curve() -> None:
    histogram = evidence.margin_histogram(SCORED).data
    assert sum(histogram["counts"]) == 20
    assert len(histogram["edges"]) == len(histogram["counts"]) + 1
    assert (histogram["edges"][0], histogram["edges"][-1]) == (-5.0, 3.0)
    for series in evidence.side_curves(SCORED).data["series"]:
        assert abs(sum(point["y"] for point in series["points"]) - 1) < 1e-12


def test_only_margins_are_wrong_below_zero() -> None:
    assert evidence.margin_histogram(SCORED).wrong_below_zero
    assert not evidence.histogram("T", MARGINS, bins=4, x_label="margin").wrong_below_zero


def test_a_dot_tells_what_changed() -> None:
    right, before = np.array([True, True, False, False]), np.array([True, False, True, False])
    axes = {"x_label": "x", "y_label": "y"}
    picture = evidence.scatter("T", "abcd", MARGINS[:4], MARGINS[:4], right, before, **axes)
    assert [dot.state for dot in picture.points] == [
        "kept_right", "newly_right", "newly_wrong", "kept_wrong",
    ]  # fmt: skip
    alone = evidence.scatter("T", "abcd", MARGINS[:4], MARGINS[:4], right, **axes)
    assert [dot.state for dot in alone.points] == ["kept_right"] * 2 + ["kept_wrong"] * 2


def test_a_forest_has_a_row_an_estimate() -> None:
    found = evidence.estimates_by_tag(PAIRS, (MARGINS > 0).astype(float))
    picture = evidence.forest("T", found, x_label="x", threshold=0.5, reference=0.1)
    assert [row["label"] for row in picture.data["rows"]] == ["b (n=17)", "a (n=9)"]
    assert (picture.data["threshold"], picture.data["reference"]) == (0.5, 0.1)


def _scatter(n: int, lost: int, won: int) -> Scatter:
    before, now = np.ones(n, dtype=bool), np.ones(n, dtype=bool)
    now[:lost] = False
    before[lost : lost + won] = False
    margins = np.linspace(-1, 1, n)
    return evidence.scatter(
        "Margins", [f"p{row}" for row in range(n)], margins, margins, now, before,
        x_label="x", y_label="y",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("n", "lost", "won", "shown"),
    [
        (2_000, 5, 5, {"newly_wrong": 5, "newly_right": 5, "kept_right": 1_990}),
        (2_001, 5, 5, {"newly_wrong": 5, "newly_right": 5, "kept_right": 1_990}),
        (50_000, 1_500, 3_000, {"newly_wrong": 1_500, "newly_right": 500}),
        (50_000, 9_000, 3_000, {"newly_wrong": 2_000}),
    ],
)
def test_a_scatter_plot_keeps_a_bounded_sample(
    n: int, lost: int, won: int, shown: dict[str, int]
) -> None:
    found = _scatter(n, lost, won)
    assert Counter(point.state for point in found.points) == shown
    assert len({point.id for point in found.points}) == 2_000
    assert found.title == ("Margins" if n == 2_000 else f"Margins (2,000 of {n:,} pairs)")
    assert found == _scatter(n, lost, won)
