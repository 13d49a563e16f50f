"""Scorers that read nothing, and prompts that are not one's own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from builders import make_pairs

from rmcheck.checks.controls import (
    CONSTANT,
    LONGER,
    SHORTER,
    SHUFFLED,
    control_wins,
    with_swapped_prompts,
)


def test_wins_of_each_control_by_hand() -> None:
    texts = [("aaa", "b"), ("a", "bbb"), ("aa", "bb"), ("", ""), ("é", "ab")]
    pairs = [
        replace(pair, chosen=chosen, rejected=rejected)
        for pair, (chosen, rejected) in zip(make_pairs(5), texts, strict=True)
    ]
    wins = control_wins(pairs, seed=3)
    # Lengths in characters: é is one.
    assert wins[LONGER].tolist() == [1.0, 0.0, 0.5, 0.5, 0.0]
    assert wins[SHORTER].tolist() == [0.0, 1.0, 0.5, 0.5, 1.0]
    assert wins[CONSTANT].tolist() == [0.5] * 5


def test_shuffled_labels_are_a_fair_coin_with_the_seed() -> None:
    pairs = make_pairs(4000)
    coin = control_wins(pairs, seed=1)[SHUFFLED]
    assert set(coin.tolist()) == {0.0, 1.0}
    # Four standard errors of 4,000 fair tosses: 4 · 0.5 / √4000 = 0.032.
    assert abs(coin.mean() - 0.5) < 0.032
    assert np.array_equal(coin, control_wins(pairs, seed=1)[SHUFFLED])
    assert not np.array_equal(coin, control_wins(pairs, seed=2)[SHUFFLED])


@pytest.mark.parametrize(("n", "group_size"), [(2, 1), (3, 1), (40, 1), (41, 1), (30, 3), (31, 2)])
def test_swapped_prompts_are_those_of_another_group(n: int, group_size: int) -> None:
    pairs = make_pairs(n, group_size=group_size)
    swapped = with_swapped_prompts(pairs)
    own = [pair.prompt for pair in pairs for _ in range(2)]
    assert len(swapped) == 2 * n
    assert all(dialogue.prompt != prompt for dialogue, prompt in zip(swapped, own, strict=True))
    # Every prompt is handed on once: each stands in for one other group.
    handed = {prompt: dialogue.prompt for dialogue, prompt in zip(swapped, own, strict=True)}
    assert sorted(handed) == sorted(handed.values())
    assert [d.response for d in swapped] == [
        text for pair in pairs for text in (pair.chosen, pair.rejected)
    ]
    assert swapped[1].key == f"{pairs[0].id}/rejected~swapped"


def test_neighbours_which_are_often_alike_do_not_swap() -> None:
    swapped = with_swapped_prompts(make_pairs(40))
    assert swapped[0].prompt == "p question 20"
    assert swapped[78].prompt == "p question 19"


def test_one_prompt_alone_stays() -> None:
    pairs = make_pairs(6, group_size=6)
    assert {dialogue.prompt for dialogue in with_swapped_prompts(pairs)} == {pairs[0].prompt}
    assert with_swapped_prompts([]) == []
