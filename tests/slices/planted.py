"""Shipped pairs as a table of conditions, and models with a slice in which they lost wins."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from rmcheck.data import PreferencePair, preferences
from rmcheck.shipped import shipped
from rmcheck.slices.columns import Columns, columns
from rmcheck.slices.flips import Flips

DOMAINS = ("coding", "conversation", "safety")


@cache
def shipped_pairs() -> tuple[list[PreferencePair], list[tuple[str, ...]]]:
    """The pairs of three domains, and the suite of each."""
    pairs: list[PreferencePair] = []
    suites: list[tuple[str, ...]] = []
    for name in DOMAINS:
        found = preferences.load([shipped("preferences", f"{name}.jsonl")]).pairs
        pairs += found
        suites += [(name,)] * len(found)
    return pairs, suites


@cache
def shipped_columns(*, with_words: bool = True) -> Columns:
    """Their conditions."""
    return columns(*shipped_pairs(), with_words=with_words)


def flips(change: NDArray[np.float64]) -> Flips:
    """The shipped pairs with these changes."""
    return Flips(*shipped_pairs(), change)


def lost_in(inside: NDArray[np.bool_], share: float, background: float, seed: int) -> Flips:
    """Wins lost on a share of the pairs inside, and as many lost as gained on all pairs."""
    rng = np.random.default_rng(seed)
    n = len(inside)
    change = np.where(rng.random(n) < background, np.where(rng.random(n) < 0.5, 1.0, -1.0), 0.0)
    rows = np.flatnonzero(inside)
    change[rng.permutation(rows)[: round(share * len(rows))]] = -1.0
    return flips(change)
