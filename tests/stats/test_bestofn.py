import math
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.proportion import proportion_confint

from rmcheck.stats.bestofn import separation, top_one


def names(n: int) -> list[str]:
    return [str(i) for i in range(n)]


def test_top_one_by_hand() -> None:
    scores = [[3.0, 1.0, 2.0, 0.0], [1.0, 3.0, 2.0, 0.0], [2.0, 2.0, 1.0, 2.0], [5.0, 5.0]]
    best = [[0], [0], [0], [0, 1]]
    found = top_one(scores, best, names(4))
    # Right, wrong, one of three tied at the top, both tied are good.
    assert found.credits.tolist() == pytest.approx([1, 0, 1 / 3, 1])
    assert found.accuracy.value == pytest.approx(7 / 12)
    assert found.chance == pytest.approx((1 / 4 + 1 / 4 + 1 / 4 + 1) / 4)


def test_without_ties_the_interval_is_wilsons() -> None:
    scores = [[1.0, 0.0]] * 30 + [[0.0, 1.0]] * 10
    found = top_one(scores, [[0]] * 40, names(40)).accuracy
    low, high = proportion_confint(30, 40, method="wilson")
    assert (found.low, found.high, found.method) == (
        pytest.approx(low),
        pytest.approx(high),
        "wilson",
    )


@pytest.mark.ci
@settings(deadline=None)
@given(st.integers(1, 6), st.integers(0, 2**32))
def test_equal_scores_reach_chance_and_nothing_more(n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    best = [sorted(rng.choice(n, rng.integers(1, n + 1), replace=False).tolist()) for _ in range(9)]
    found = top_one([[0.5] * n] * 9, best, names(9))
    assert found.accuracy.value == pytest.approx(found.chance)


def test_random_scores_reach_chance() -> None:
    scores = np.random.default_rng(0).normal(size=(4000, 4))
    found = top_one(list(scores), [[0]] * 4000, names(4000))
    assert found.chance == 0.25
    assert found.accuracy.value == pytest.approx(0.25, abs=0.03)


def test_separation_by_hand() -> None:
    scores = [[5.0, 4.0, 1.0], [5.0, 2.0, 1.5], [1.0, 3.0, 2.0], [1.0, 2.0]]
    best = [[0, 1], [0, 1], [0, 1], [0, 1]]
    found = separation(scores, best, names(4))
    assert found is not None
    # Spreads 1, 3, 2; gaps 3, 0.5, -1; the last set has no bad response.
    assert found.spread.tolist() == [1.0, 3.0, 2.0]
    assert found.gap.tolist() == [3.0, 0.5, -1.0]
    assert found.separated.value == pytest.approx(2 / 3)
    assert found.clear.value == pytest.approx(1 / 3)
    assert found.indices.tolist() == [0, 1, 2]


def test_sets_without_a_bad_response_have_no_gap() -> None:
    assert separation([[1.0, 2.0]], [[0, 1]], ["a"]) is None


def test_wrong_sets_are_told() -> None:
    with pytest.raises(ValueError, match="at least one response set"):
        top_one([], [], [])
    with pytest.raises(ValueError, match=re.escape("best[1] is empty")):
        top_one([[1.0], [1.0]], [[0], []], ["a", "b"])
    with pytest.raises(ValueError, match=re.escape("best[0] names response 2; allowed: 0 to 1")):
        top_one([[1.0, 2.0]], [[2]], ["a"])
    with pytest.raises(ValueError, match=re.escape("scores[0][1] is nan")):
        separation([[1.0, math.nan]], [[0]], ["a"])
    with pytest.raises(ValueError, match="differ in length"):
        top_one([[1.0]], [[0], [0]], ["a"])
