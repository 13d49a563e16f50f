"""The prefix forest against tries drawn by hand and against sets of prefixes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rmcheck.scoring.forest import GROWTH, Forest, plant

SEQUENCES = st.lists(
    st.lists(st.integers(0, 3), min_size=1, max_size=24), min_size=1, max_size=25
).map(lambda rows: [np.array(row, dtype=np.int64) for row in rows])


def grown(*rows: list[int], budget: int = 100) -> Forest:
    return plant([np.array(row, dtype=np.int64) for row in rows], budget)


def test_a_trie_drawn_by_hand() -> None:
    # 5 ─ 6 ─ 7        in depth-first order: 5 6 7 8 9, and the single 9 as a tree of its own.
    #       └ 8
    #  9               Node 0 (5) has the subtree [0, 4), node 1 (6) too, the leaves themselves.
    forest = grown([5, 6, 7], [9], [5, 6, 8], [5, 6])
    (row,) = forest.rows
    assert row.tokens.tolist() == [5, 6, 7, 8, 9]
    assert row.positions.tolist() == [0, 1, 2, 2, 0]
    assert row.ends.tolist() == [4, 4, 3, 4, 5]
    assert row.mask().astype(int).tolist() == [
        [1, 0, 0, 0, 0],
        [1, 1, 0, 0, 0],
        [1, 1, 1, 0, 0],
        [1, 1, 0, 1, 0],
        [0, 0, 0, 0, 1],
    ]
    # Sorted, the unique sequences are [5,6], [5,6,7], [5,6,8], [9].
    assert forest.places.tolist() == [1, 3, 2, 0]
    assert row.members.tolist() == [0, 1, 2, 3]
    assert row.last.tolist() == [1, 2, 3, 4]


def test_equal_sequences_are_one() -> None:
    forest = grown([1, 2], [1, 2], [1, 2])
    assert forest.n_unique == 1
    assert forest.n_tokens == 2
    assert forest.places.tolist() == [0, 0, 0]


def test_a_prompt_with_copies_that_differ_in_their_end_is_computed_once() -> None:
    # 100 shared tokens and 13 endings of one token: 113 nodes instead of 13 * 101 = 1,313.
    forest = grown(*[[*range(100), 1000 + ending] for ending in range(13)], budget=512)
    assert forest.n_tokens == 113
    assert len(forest.rows) == 1


def test_sequences_that_share_little_may_part_and_rows_keep_their_budget() -> None:
    forest = grown(*[[7, start, *range(100, 148)] for start in range(20)], budget=128)
    assert all(len(row) <= 128 for row in forest.rows)
    assert sum(len(row.members) for row in forest.rows) == 20


def test_a_sequence_longer_than_the_budget_has_a_row_of_its_own() -> None:
    forest = grown(list(range(50)), [1, 2], budget=10)
    assert sorted(len(row) for row in forest.rows) == [2, 50]


def test_an_empty_sequence_is_refused() -> None:
    with pytest.raises(ValueError, match="one token or more"):
        grown([1], [])


@settings(max_examples=150, deadline=None)
@given(SEQUENCES, st.integers(4, 60))
def test_each_node_sees_its_own_prefix_and_nothing_else(
    sequences: list[np.ndarray], budget: int
) -> None:
    forest = plant(sequences, budget)
    found: dict[int, list[int]] = {}
    for row in forest.rows:
        mask = row.mask()
        for member, last in zip(row.members, row.last, strict=True):
            path = np.flatnonzero(mask[last])
            found[int(member)] = row.tokens[path].tolist()
            assert row.positions[path].tolist() == list(range(len(path)))
            for depth, node in enumerate(path):  # every node on the way sees the way to itself
                assert np.flatnonzero(mask[node]).tolist() == path[: depth + 1].tolist()
    assert len(found) == forest.n_unique == len({tuple(row.tolist()) for row in sequences})
    for place, sequence in zip(forest.places, sequences, strict=True):
        assert found[int(place)] == sequence.tolist()


@settings(max_examples=100, deadline=None)
@given(SEQUENCES)
def test_in_one_row_every_different_prefix_stands_once(sequences: list[np.ndarray]) -> None:
    prefixes = {tuple(row[: end + 1].tolist()) for row in sequences for end in range(len(row))}
    total = sum(len(row) for row in sequences)
    forest = plant(sequences, total + 1)
    assert len(forest.rows) == 1
    assert forest.n_tokens == len(prefixes)


@settings(max_examples=100, deadline=None)
@given(SEQUENCES, st.integers(24, 60))
def test_rows_stay_within_what_they_may_grow_to(sequences: list[np.ndarray], budget: int) -> None:
    forest = plant(sequences, budget)
    assert all(len(row) <= budget * (1 + GROWTH) for row in forest.rows)
    assert forest.n_tokens <= sum(len(row) for row in sequences)


@settings(max_examples=50, deadline=None)
@given(SEQUENCES, st.randoms(use_true_random=False))
def test_the_order_of_the_input_changes_nothing(sequences: list[np.ndarray], random) -> None:
    shuffled = list(sequences)
    random.shuffle(shuffled)
    first, second = plant(sequences, 40), plant(shuffled, 40)
    assert [row.tokens.tolist() for row in first.rows] == [
        row.tokens.tolist() for row in second.rows
    ]
