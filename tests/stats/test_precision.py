"""Rounding to what a precision holds, against the list of all that it holds."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rmcheck.stats.precision import PRECISIONS, Precision, cast, lost_orderings

# The oracle for bfloat16: every finite value there is, as the upper half of a float32.
_BITS = np.arange(2**16, dtype=np.uint32) << 16
_BITS = _BITS[np.isfinite(_BITS.view(np.float32))]
_BITS = _BITS[np.argsort(_BITS.view(np.float32), kind="stable")]
VALUES = _BITS.view(np.float32).astype(np.float64)
EVEN = (_BITS >> 16) % 2 == 0
single = st.floats(width=32, allow_nan=False, allow_infinity=False)


def nearest_bfloat16(x: float) -> float:
    """The nearest value of the list, of two as near the one whose last bit is 0."""
    place = int(np.searchsorted(VALUES, x))
    near = [i for i in range(place - 2, place + 2) if 0 <= i < len(VALUES)]
    # Beyond the largest value lies, at the same step again, what rounds to infinity.
    least = min(abs(Fraction(x) - Fraction(float(VALUES[i]))) for i in near)
    best = [i for i in near if abs(Fraction(x) - Fraction(float(VALUES[i]))) == least]
    return float(VALUES[next((i for i in best if EVEN[i]), best[0])])


@given(single)
def test_bfloat16_is_the_nearest_value_ties_to_even(x: float) -> None:
    found = float(cast(np.array([x]), "bfloat16")[0])
    largest = (2 - 2.0**-7) * 2.0**127
    if abs(x) >= largest * (1 + 2.0**-9):
        assert abs(found) in (largest, np.inf)
    else:
        assert found == nearest_bfloat16(x)


def test_bfloat16_by_hand() -> None:
    # 8 bits of mantissa: between 1 and 2 the step is 2⁻⁷, between 256 and 512 it is 2.
    step = 2.0**-7
    given_ = [1 + step / 2, 1 + 3 * step / 2, 1 + step / 2 + 2.0**-20, 257.0, 259.0, -257.0, 0.0]
    expected = [1.0, 1 + 2 * step, 1 + step, 256.0, 260.0, -256.0, 0.0]
    assert cast(np.array(given_), "bfloat16").tolist() == expected
    assert cast(np.array([3.4e38, -3.4e38]), "bfloat16").tolist() == [np.inf, -np.inf]


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numpy_rounds_the_other_two(x: float) -> None:
    with np.errstate(over="ignore"):
        assert cast(np.array([x]), "float32")[0] == np.float64(np.float32(x))
        assert cast(np.array([x]), "float16")[0] == np.float64(np.float16(x))


@given(st.lists(single, max_size=20), st.sampled_from(PRECISIONS))
def test_casting_keeps_order_sign_and_what_it_holds_already(
    scores: list[float], precision: Precision
) -> None:
    column = np.array(sorted(scores), dtype=np.float64)
    once = cast(column, precision)
    assert np.all(np.diff(once[np.isfinite(once)]) >= 0)
    assert np.array_equal(cast(once, precision), once)
    assert np.array_equal(cast(-column, precision), -once)


@given(st.lists(st.tuples(single, single), max_size=20), st.floats(-3, 3), st.integers(-6, 6))
def test_shapes_are_kept(pairs: list[tuple[float, float]], shift: float, exponent: int) -> None:
    table = np.array(pairs, dtype=np.float64).reshape(-1, 2)
    assert cast(table, "bfloat16").shape == table.shape
    lost = lost_orderings(
        table[:, 0], table[:, 1], factor=2.0**exponent, shift=shift, precision="bfloat16"
    )
    # The oracle goes pair by pair.
    expected = []
    for i, (a, b) in enumerate(pairs):
        x, y = (cast(np.array([2.0**exponent * side + shift]), "bfloat16")[0] for side in (a, b))
        if (a > b and not x > y) or (a < b and not x < y):
            expected.append(i)
    assert lost.tolist() == expected


@pytest.mark.parametrize(
    ("precision", "margin", "lost"),
    [
        # At a shift of 256 neighbours lie 2⁻¹⁵ (float32), 2 (bfloat16) and 2⁻² (float16) apart:
        # a margin of a quarter of that is lost, one of twice that is kept.
        ("float32", 2.0**-17, True),
        ("float32", 2.0**-14, False),
        ("bfloat16", 0.5, True),
        ("bfloat16", 4.0, False),
        ("float16", 2.0**-4, True),
        ("float16", 2.0**-1, False),
    ],
)
def test_a_margin_below_the_resolution_is_lost(
    precision: Precision, margin: float, lost: bool
) -> None:
    chosen, rejected = np.array([margin, 0.0, 0.0]), np.array([0.0, margin, 0.0])
    rows = lost_orderings(chosen, rejected, factor=1.0, shift=256.0, precision=precision)
    assert rows.tolist() == ([0, 1] if lost else [])  # a tie was no ordering


def test_what_overflows_is_lost() -> None:
    rows = lost_orderings(
        np.array([3000.0, 10.0]),
        np.array([2000.0, 5.0]),
        factor=64.0,
        shift=0.0,
        precision="float16",
    )
    assert rows.tolist() == [0]  # 64 · 2000 is beyond 65504 already
