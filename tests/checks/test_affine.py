"""What is drawn, and what a failure shrinks to."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import find, given
from hypothesis import strategies as st

from rmcheck.checks.affine import AffineMap
from rmcheck.checks.drawn import DRAWN, passing_draws
from rmcheck.checks.scale_invariance import ScaleInvariance
from rmcheck.checks.search import affine_maps, draw
from rmcheck.engine import Settings


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


def test_scales_are_drawn_evenly_in_their_logarithm() -> None:
    # Every octave from 2⁻⁶ to 2⁶ can be reached.
    for octave in range(-6, 6):
        find(affine_maps(1.0), lambda m, o=octave: o <= math.log2(m.factor) <= o + 1)


def test_a_map_is_shown_in_a_few_digits() -> None:
    assert str(AffineMap(1 / 3, -2.0)) == "a=0.333333, b=-2"


def test_the_maps_that_are_kept_serve_the_default_search() -> None:
    kept = json.loads(DRAWN.read_text(encoding="utf-8"))
    assert kept["seed"] == Settings.__dataclass_fields__["seed"].default
    assert len(kept["maps"]) == ScaleInvariance().examples
    maps = passing_draws(kept["seed"], len(kept["maps"]))
    assert maps.tolist() == kept["maps"]
    octaves = np.floor(np.log2(maps[:, 0]))
    assert set(range(-6, 6)) <= {int(octave) for octave in octaves}
    assert (np.abs(maps[:, 1]) <= 3).all()
    assert (maps[:, 1] < -1).any()
    assert (maps[:, 1] > 1).any()


@pytest.mark.parametrize(("seed", "examples"), [(1, 200), (0, 100)])
def test_other_searches_are_drawn(seed: int, examples: int) -> None:
    maps = passing_draws(seed, examples)
    assert len(maps) == examples
    assert maps.tolist() == draw(seed, examples).tolist()
    assert maps.tolist() != passing_draws(0, 200)[:examples].tolist()
