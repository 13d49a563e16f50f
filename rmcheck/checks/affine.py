"""Hypothesis strategies over the nouns of rmcheck."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from hypothesis import Phase
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from numpy.typing import NDArray

from rmcheck.checks import quiet_search


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


def search(holds: Callable[[AffineMap], None], spread: float, seed: int, examples: int) -> None:
    """Have Hypothesis look for a map at which `holds` raises, and for the simplest such map."""
    phases = (Phase.generate, Phase.shrink)
    quiet_search.search(holds, affine_maps(spread), seed=seed, examples=examples, phases=phases)


@lru_cache(maxsize=8)
def passing_draws(seed: int, examples: int) -> NDArray[np.float64]:
    """The maps of a search in which none fails, for scores of spread 1: (k, 2) of a and b.

    A session that has several such checks draws them once.
    """
    found: list[tuple[float, float]] = []
    search(lambda drawn: found.append((drawn.factor, drawn.shift)), 1.0, seed, examples)
    return np.array(found, dtype=np.float64).reshape(-1, 2)
