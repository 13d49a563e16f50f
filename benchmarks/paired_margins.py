"""Two models' margins on the same pairs: equal ones, real ones, and ones with a drop planted."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

Column = NDArray[np.float64]
Rng = np.random.Generator
Draw = Callable[[Rng], tuple[Column, Column]]
"""Draws the candidate's and the baseline's margins, (n,) each."""


def wins(margins: Column) -> Column:
    """1 above 0, a half at 0, else 0."""
    return (np.sign(margins) + 1) / 2


def equal(
    n: int,
    *,
    size: int = 1,
    shared: float = 0.0,
    noise: Callable[[Rng, int], Column] = lambda rng, n: rng.normal(0.0, 0.6, n),
    change: Callable[[Column], Column] = lambda margins: margins,
    both: Callable[[Column], Column] = lambda margins: margins,
    mean: float = 0.8,
) -> Draw:
    """Two models of the same quality: one truth, a noise of each model's own.

    `change` alters the candidate's margins alone, `both` those of either; a share `shared` of the
    truth's and of each noise's variance is common to the pairs of a group.
    """

    def grouped(values: Callable[[int], Column]) -> Column:
        own = values(n)
        if not shared:
            return own
        common = np.repeat(values(-(-n // size)), size)[:n]
        return math.sqrt(1 - shared) * own + math.sqrt(shared) * common

    def draw(rng: Rng) -> tuple[Column, Column]:
        truth = mean + grouped(lambda k: rng.normal(0.0, 1.0, k))
        now, before = (both(truth + grouped(partial(noise, rng))) for _ in range(2))
        return change(now), before

    return draw


def swapped(first: Column, second: Column) -> Draw:
    """Two real models, each in its own unit, that change places at random; pairs drawn anew."""
    ours, theirs = (column / np.abs(column).mean() for column in (first, second))

    def draw(rng: Rng) -> tuple[Column, Column]:
        rows = rng.integers(0, len(ours), len(ours))
        # A coin for each drawn pair: one that is drawn twice is two pairs.
        places = rng.random(len(rows)) < 0.5
        sides = ours[rows], theirs[rows]
        return np.where(places, *sides), np.where(places, *sides[::-1])

    return draw


def noisy(margins: Column, noise: float) -> Draw:
    """A model and itself with noise of so many of its standard deviations; pairs drawn anew."""
    spread = float(margins.std())

    def draw(rng: Rng) -> tuple[Column, Column]:
        before = margins[rng.integers(0, len(margins), len(margins))]
        return before + rng.normal(0.0, noise * spread, len(before)), before

    return draw


def flipped(margins: Column, share: float) -> Draw:
    """A model, and itself with some of the wins turned around, as sure as before."""

    def draw(rng: Rng) -> tuple[Column, Column]:
        before = margins[rng.integers(0, len(margins), len(margins))]
        turned = (before > 0) & (rng.random(len(before)) < share)
        # Another model never repeats a margin: a noise of a tenth, which turns few pairs around.
        mixed = before + rng.normal(0.0, 0.1 * float(margins.std()), len(before))
        return np.where(turned, -mixed, mixed), before

    return draw


def unsure(margins: Column, share: float) -> Draw:
    """Two models that win each pair with the same probability, one of which knows it less.

    Both win a pair by the curve of the real model's ranks; on a share of the pairs how sure the
    candidate is says nothing.
    """
    sizes = np.abs(margins)
    order = np.argsort(np.argsort(sizes)) / len(sizes)
    known = np.polynomial.Polynomial.fit(order, wins(margins), 2)
    chance = np.clip(known(order), 0.02, 0.98)

    def draw(rng: Rng) -> tuple[Column, Column]:
        rows = rng.integers(0, len(margins), len(margins))
        lucky = rng.random(len(rows))
        # A fifth of the pairs is decided by each model's own luck.
        own = np.where(rng.random(len(rows)) < 0.2, rng.random(len(rows)), lucky)
        sides = [np.where(luck < chance[rows], 1.0, -1.0) for luck in (own, lucky)]
        size = np.where(rng.random(len(rows)) < share, rng.permutation(sizes[rows]), sizes[rows])
        return sides[0] * size, sides[1] * sizes[rows]

    return draw
