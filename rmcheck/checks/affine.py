"""Hypothesis strategies over the nouns of rmcheck."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy


@dataclass(frozen=True)
class AffineMap:
    """r ↦ factor·r + shift with factor > 0: no change of a reward's meaning."""

    factor: float
    shift: float

    def __str__(self) -> str:
        return f"a={self.factor:.6g}, b={self.shift:.6g}"


def affine_maps(spread: float) -> SearchStrategy[AffineMap]:
    """Maps with a in [1/64, 64] (even in log a) and b within ±3 `spread`; shrink to the identity.

    Parameters
    ----------
    spread
        The standard deviation of the scores, ≥ 0, in the model's own units.
    """
    return st.builds(
        lambda exponent, shifts: AffineMap(2.0**exponent, shifts * spread),
        st.floats(-6, 6, allow_nan=False),
        st.floats(-3, 3, allow_nan=False),
    )
