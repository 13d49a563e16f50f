"""What is drawn, and what a failure shrinks to."""

from __future__ import annotations

import math

import pytest
from hypothesis import find, given
from hypothesis import strategies as st

from rmcheck.checks.affine import AffineMap, affine_maps


@given(st.floats(0, 1e6), st.data())
def test_maps_stay_within_their_bounds(spread: float, data: st.DataObject) -> None:
    drawn = data.draw(affine_maps(spread))
    assert 1 / 64 <= drawn.factor <= 64
    assert abs(drawn.shift) <= 3 * spread


def test_the_simplest_map_is_the_identity() -> None:
    assert find(affine_maps(2.0), lambda _: True) == AffineMap(1.0, 0.0)


@pytest.mark.parametrize(
    ("condition", "factor", "shift"),
    [
        # Hypothesis takes whole numbers for simpler than others: 2¹ and 2⁻¹, one spread up.
        (lambda m: m.factor > 1, 2.0, 0.0),
        (lambda m: m.factor < 1, 0.5, 0.0),
        (lambda m: m.shift > 0.5, 1.0, 2.0),
    ],
)
def test_a_failing_map_shrinks_to_one_that_a_person_can_read(
    condition: object, factor: float, shift: float
) -> None:
    assert find(affine_maps(2.0), condition) == AffineMap(factor, shift)  # type: ignore[arg-type]


@pytest.mark.ci
def test_scales_are_drawn_evenly_in_their_logarithm() -> None:
    # Every octave from 2⁻⁶ to 2⁶ can be reached.
    for octave in range(-6, 6):
        find(affine_maps(1.0), lambda m, o=octave: o <= math.log2(m.factor) <= o + 1)


def test_a_map_is_shown_in_a_few_digits() -> None:
    assert str(AffineMap(1 / 3, -2.0)) == "a=0.333333, b=-2"
