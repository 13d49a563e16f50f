import re

import numpy as np
import pytest

from rmcheck.stats.columns import finite, proportion, same_length, win_column


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_a_value_that_is_not_finite_is_named_by_its_index(bad: float) -> None:
    with pytest.raises(ValueError, match=re.escape(f"margins[2] is {bad}")):
        finite("margins", [0.0, 1.0, bad, bad])


def test_a_table_is_no_column() -> None:
    with pytest.raises(ValueError, match="one-dimensional"):
        finite("margins", np.zeros((2, 2)))


def test_lengths_that_differ_are_all_told() -> None:
    with pytest.raises(ValueError, match="chosen has 2, rejected has 3"):
        same_length(chosen=[1, 2], rejected=[1, 2, 3])


def test_a_win_is_zero_a_half_or_one() -> None:
    assert win_column("wins", [0, 0.5, 1]).tolist() == [0.0, 0.5, 1.0]
    with pytest.raises(ValueError, match=re.escape("wins[1] is 0.25")):
        win_column("wins", [1, 0.25])


def test_a_proportion_may_be_asked_to_lie_strictly_inside() -> None:
    assert proportion("minimum", 1.0) == 1.0
    with pytest.raises(ValueError, match=r"outside \[0, 1\]"):
        proportion("minimum", 1.3)
    with pytest.raises(ValueError, match=r"outside \(0, 1\)"):
        proportion("level", 1.0, closed=False)
    with pytest.raises(ValueError, match="nan"):
        proportion("level", float("nan"))
