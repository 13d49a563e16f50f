"""Rankings: letters by hand and by brute force, tests against scipy and Holm by hand."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from scipy.stats import binomtest

from rmcheck.stats.ranking import Ranking, compact_letters, letter, rank_models


def test_letters_of_tables_by_hand() -> None:
    # Nobody apart: one letter. All apart: a letter each.
    assert compact_letters(3, []) == ["a", "a", "a"]
    assert compact_letters(3, [(0, 1), (0, 2), (1, 2)]) == ["a", "b", "c"]
    # A chain: 0–1, 1–2 and 2–3 are close, all others are apart.
    assert compact_letters(4, [(0, 2), (0, 3), (1, 3)]) == ["a", "ab", "bc", "c"]
    # The worst of three is close to the best and not to the middle one (it has other pairs right).
    assert compact_letters(3, [(1, 2)]) == ["ab", "a", "b"]
    assert compact_letters(1, []) == ["a"]
    # A cycle of four: every edge needs a letter of its own.
    assert compact_letters(4, [(0, 2), (1, 3)]) == ["ab", "ac", "cd", "bd"]
    with pytest.raises(ValueError, match=r"\(0, 3\) are not two of 3 models"):
        compact_letters(3, [(0, 3)])


def test_two_models_share_a_letter_exactly_when_they_are_not_apart() -> None:
    rng = np.random.default_rng(5)
    for _ in range(300):
        k = int(rng.integers(2, 9))
        every = list(combinations(range(k), 2))
        apart = [pair for pair in every if rng.random() < rng.choice([0.2, 0.5, 0.8])]
        found = compact_letters(k, apart)
        for pair in every:
            shared = set(found[pair[0]]) & set(found[pair[1]])
            assert bool(shared) != (pair in apart)
        assert all(found)


def test_names_of_letters_beyond_z_are_told_apart() -> None:
    names = [letter(index) for index in range(60)]
    assert names[:2] == ["a", "b"]
    assert names[25:28] == ["z", "a1", "b1"]
    assert len(set(names)) == 60


def ranking(n: int = 40) -> Ranking:
    """40 pairs: a loses 2, b loses 4 (a's and two more), c loses 24."""
    wins = np.ones((3, n))
    wins[0, :2] = wins[1, :4] = wins[2, :24] = 0
    return rank_models(dict(zip("cab", wins[[2, 0, 1]], strict=True)), [str(i) for i in range(n)])


def test_a_table_by_hand() -> None:
    found = ranking()
    assert [row.model for row in found.rows] == ["a", "b", "c"]
    assert [row.estimate.value for row in found.rows] == [38 / 40, 36 / 40, 16 / 40]
    assert [row.letters for row in found.rows] == ["a", "a", "b"]
    assert [row.rank for row in found.rows] == [1, 2, 3]
    assert [(row.best_rank, row.worst_rank) for row in found.rows] == [(1, 2), (1, 2), (3, 3)]
    p = {one.better + one.worse: one for one in found.versus}
    # Discordant pairs: a–b 2 to 0, a–c 22 to 0, b–c 20 to 0. McNemar's exact p: 2 · 2⁻ᵏ.
    assert p["ab"].p == pytest.approx(binomtest(2, 2).pvalue)
    assert p["ac"].p == pytest.approx(2.0**-21)
    assert p["bc"].p == pytest.approx(2.0**-19)
    # Holm: the smallest of three times 3, the next times 2, the largest times 1.
    assert p["ac"].adjusted_p == pytest.approx(3 * 2.0**-21)
    assert p["bc"].adjusted_p == pytest.approx(2 * 2.0**-19)
    assert p["ab"].adjusted_p == pytest.approx(0.5)
    assert [one.apart for one in found.versus] == [False, True, True]
    assert (found.n, found.n_groups, found.undecided) == (40, 40, "")


def test_equal_models_share_rank_and_letter() -> None:
    wins = [1.0] * 20 + [0.0] * 10
    found = rank_models({"x": wins, "y": wins}, [str(i) for i in range(30)])
    assert [(row.model, row.rank, row.letters) for row in found.rows] == [
        ("x", 1, "a"),
        ("y", 1, "a"),
    ]


def test_too_few_prompts_tell_nothing_apart() -> None:
    # 28 pairs of 14 prompts, one model right everywhere and one nowhere.
    groups = [str(i // 2) for i in range(28)]
    found = rank_models({"x": [1.0] * 28, "y": [0.0] * 28}, groups)
    assert found.undecided.startswith("14 different prompts; at least 15 are needed")
    assert [row.letters for row in found.rows] == ["a", "a"]
    with pytest.raises(ValueError, match="two models or more, got 1"):
        rank_models({"x": [1.0]}, ["a"])


def test_groups_count_and_not_pairs() -> None:
    # 20 prompts of four equal pairs each: as singletons 24 of 80 discordant, as groups 6 of 20.
    right, wrong = np.ones(80), np.ones(80)
    wrong[:24] = 0
    prompts = [str(i // 4) for i in range(80)]
    grouped = rank_models({"x": right, "y": wrong}, prompts).versus[0]
    assert grouped.p == pytest.approx(2.0**-5)
    single = rank_models({"x": right, "y": wrong}, [str(i) for i in range(80)]).versus[0]
    assert single.p == pytest.approx(2.0**-23)


@pytest.mark.ci
def test_equal_models_are_seldom_told_apart() -> None:
    # Four equal models on 60 prompts, whose difficulty they share; any pair apart is a false alarm.
    rng = np.random.default_rng(17)
    groups = [str(place) for place in range(60)]
    alarms = 0
    for _ in range(250):
        hard = rng.random(60)
        wins = {name: (rng.random(60) < hard).astype(float) for name in "abcd"}
        alarms += any(one.apart for one in rank_models(wins, groups).versus)
    # 0.05, and three standard errors of 250 runs.
    assert alarms / 250 <= 0.05 + 3 * (0.05 * 0.95 / 250) ** 0.5
