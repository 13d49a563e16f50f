"""The near-duplicate search against the definition, computed for every pair of texts."""

from __future__ import annotations

import re
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rmcheck.lint.shingles import (
    _ranked,
    _runs,
    clusters,
    near_duplicates,
    shingle_matrix,
    words,
)

# Few words, so that texts share many triples.
word = st.sampled_from(["ab", "cd", "ef", "gh", "Ij"])
texts = st.lists(st.lists(word, max_size=12).map(" ".join), max_size=14)
thresholds = st.sampled_from([0.1, 0.25, 0.5, 0.6, 0.75, 0.9, 1.0])


def triples(text: str) -> set[tuple[str, ...]]:
    """The definition: all runs of three words; a text of one or two is one run."""
    found = re.findall(r"\w+", text.lower())
    if not found:
        return set()
    return {tuple(found[i : i + 3]) for i in range(max(1, len(found) - 2))}


def brute_force(given: list[str], threshold: float) -> dict[tuple[int, int], float]:
    sets = [triples(text) for text in given]
    found = {}
    for i, j in combinations(range(len(given)), 2):
        if sets[i] and sets[j]:
            jaccard = len(sets[i] & sets[j]) / len(sets[i] | sets[j])
            if jaccard >= threshold:
                found[i, j] = jaccard
    return found


@given(texts, thresholds)
def test_every_pair_above_the_threshold_is_found_and_no_other(
    given: list[str], threshold: float
) -> None:
    near = near_duplicates(given, threshold=threshold)
    keys = zip(near.first.tolist(), near.second.tolist(), strict=True)
    found = dict(zip(keys, near.jaccard.tolist(), strict=True))
    expected = brute_force(given, threshold)
    assert found.keys() == expected.keys()
    assert all(found[key] == pytest.approx(expected[key]) for key in expected)


@given(texts, thresholds, st.randoms())
def test_between_two_sides_only_pairs_that_cross(given: list[str], threshold: float, rng) -> None:
    sides = np.array([rng.random() < 0.5 for _ in given], dtype=bool)
    near = near_duplicates(given, threshold=threshold, sides=sides)
    expected = {key for key in brute_force(given, threshold) if sides[key[0]] != sides[key[1]]}
    assert set(zip(near.first.tolist(), near.second.tolist(), strict=True)) == expected


@given(texts, thresholds)
def test_clusters_are_the_connected_components(given: list[str], threshold: float) -> None:
    label = list(range(len(given)))
    for i, j in brute_force(given, threshold):
        label = [label[i] if one == label[j] else one for one in label]
    expected = {
        frozenset(i for i, one in enumerate(label) if one == name)
        for name in set(label)
        if label.count(name) > 1
    }
    near = near_duplicates(given, threshold=threshold)
    assert {frozenset(found) for found in clusters(len(given), near)} == expected


def test_numbers_are_ranked_as_numpy_ranks_them() -> None:
    rng = np.random.default_rng(0)
    for count in (0, 1, 2, 500):
        codes = rng.integers(-5, 40, count) * 2**55
        wanted = np.unique(codes, return_inverse=True)[1]
        assert np.array_equal(_ranked(codes.copy()), wanted)


def test_runs_follow_each_other() -> None:
    found = _runs(np.array([3, 10, 0, 7]), np.array([2, 0, 3, 1]))
    assert found.tolist() == [3, 4, 0, 1, 2, 7]


def test_a_matrix_row_holds_each_triple_once() -> None:
    matrix = shingle_matrix(["a b a b a b", "a b", "", "a b c"])
    # aba, bab, (aba, bab again) · "a b" as a whole · nothing · abc
    assert np.asarray(matrix.sum(axis=1)).tolist() == [2, 1, 0, 1]
    assert matrix.data.tolist() == [1, 1, 1, 1]


def test_words_ignore_case_and_punctuation_and_split_chinese() -> None:
    assert words("Don't STOP — now!") == ["don", "t", "stop", "now"]
    assert words("snake_case 3.5") == ["snake", "case", "3", "5"]
    assert words("你好 world") == ["你", "好", "world"]


def test_a_template_of_thousands_is_one_cluster_in_linear_time() -> None:
    given = [f"please translate the following sentence into French number {i}" for i in range(3000)]
    near = near_duplicates(given, threshold=0.5, budget=20_000)
    assert len(near.first) < 30_000
    assert [len(found) for found in clusters(len(given), near)] == [3000]


def test_a_threshold_of_zero_would_mean_everything() -> None:
    with pytest.raises(ValueError, match=r"threshold=0.0 is outside \(0, 1\]"):
        near_duplicates(["a"], threshold=0.0)
