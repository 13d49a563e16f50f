import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from rmcheck.stats.multiplicity import holm, one_sided_level


@pytest.mark.ci
@settings(max_examples=8, deadline=None)  # statsmodels collects garbage at every call
@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_holm_is_that_of_statsmodels(p: list[float]) -> None:
    assert holm(p) == pytest.approx(multipletests(p, method="holm")[1].tolist(), abs=1e-12)


@settings(deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_a_run_is_red_by_holm_when_one_p_is_below_its_share(p: list[float]) -> None:
    assert (min(holm(p)) <= 0.05) == (min(p) * len(p) <= 0.05)


def test_no_comparisons() -> None:
    assert holm([]) == []


@pytest.mark.parametrize("bad", [math.nan, -0.1, 1.1])
def test_a_p_outside_its_range_is_named(bad: float) -> None:
    with pytest.raises(ValueError, match=r"p\[1\]"):
        holm([0.5, bad])


def test_half_of_alpha_belongs_to_drops() -> None:
    assert one_sided_level(0.05, 1) == 0.025
    assert one_sided_level(0.05, 5) == pytest.approx(0.005)
    with pytest.raises(ValueError, match="comparisons=0"):
        one_sided_level(0.05, 0)
    with pytest.raises(ValueError, match="alpha=0"):
        one_sided_level(0.0, 1)
