"""Beam search for the conjunction of conditions in which most wins were lost."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import xlogy

from rmcheck.slices.condition import Condition

Numbers = NDArray[np.float64]

BEAM = 30
MOST_CONDITIONS = 3
LARGEST = 0.5
"""A slice is at most this share of the pairs: more is not a part of the data."""


@dataclass(frozen=True, eq=False)
class Lost:
    """What happened to the pairs that are searched, each column of length n.

    `lost` and `gained` are wins (halves of ties count half), `weight` is 1 divided by the number
    of pairs with the same prompt, so that a sum of weights counts prompts.
    """

    lost: Numbers
    gained: Numbers
    weight: Numbers


@dataclass(frozen=True)
class Candidate:
    """A conjunction of columns, and its score less what its conditions cost, in nats."""

    value: float
    columns: tuple[int, ...]


def likelihood_ratio(inside: Numbers, size: Numbers, events: float, n: float) -> Numbers:
    """How much likelier events are with a rate of their own inside than with one rate, in nats.

    Parameters
    ----------
    inside : (k,) numbers of events in each part, at most its size.
    size : (k,) numbers of pairs in each part.
    events, n : the same for all pairs.

    Returns
    -------
    (k,) at least 0; 0 where the rate inside is not above the rate outside.

    Notes
    -----
    The statistic of Kulldorff's spatial scan for Bernoulli events (1997, *Communications in
    Statistics* 26:1481-1496), with parts of the data instead of circles on a map.
    """
    outside, rest = events - inside, n - size

    def fit(count: Numbers, of: Numbers) -> Numbers:
        share = np.divide(count, of, out=np.zeros_like(of), where=of > 0)
        return np.asarray(xlogy(count, share) + xlogy(of - count, 1 - share), dtype=np.float64)

    whole = fit(np.array([events]), np.array([n]))[0]
    ratio = fit(inside, size) + fit(outside, rest) - whole
    return np.where(inside * rest > outside * size, np.maximum(ratio, 0.0), 0.0)


def score(lost: Numbers, gained: Numbers, size: Numbers, all_: Lost) -> Numbers:
    """How much a part stands out by its lost wins, less by its gained ones: (k,) in nats.

    Where a model guesses, wins are lost and gained alike; such a part is not worse.
    """
    n = float(len(all_.lost))
    found = likelihood_ratio(lost, size, float(all_.lost.sum()), n)
    balanced = likelihood_ratio(gained, size, float(all_.gained.sum()), n)
    return np.where(lost > gained, found - balanced, 0.0)


def conjunction(table: NDArray[np.bool_], some: Sequence[int]) -> NDArray[np.bool_]:
    """Where all of these columns of an (n, F) table are true, (n,)."""
    return np.asarray(table[:, list(some)].all(axis=1), dtype=bool)


def _sums(
    values: Numbers, inside: NDArray[np.bool_], columns: NDArray[np.float32]
) -> NDArray[np.float64]:
    """Sums of (n,) values over the pairs of each of (k, n) parts and (n, F) columns: (k, F)."""
    rows = np.flatnonzero(values)
    some = inside[:, rows] * values[rows].astype(np.float32)
    return np.asarray(some @ columns[rows], dtype=np.float64)


def best(
    conditions: Sequence[Condition], table: NDArray[np.bool_], data: Lost, *, least: float
) -> list[Candidate]:
    """The conjunctions that stand out most of those of 1, 2 and 3 of F columns, best first.

    Parameters
    ----------
    table : (n, F) of the same pairs as `data`.
    least : a slice has at least so many prompts.

    Notes
    -----
    Best first by the score less log F nats for each condition, the logarithm of how many there are
    to choose from: a longer conjunction that leaves out some pairs which chance did not take away
    would always look better. The best conjunctions of each length (`BEAM`) are extended. Of equal
    ones the first is taken, so that the result depends on nothing but the data.
    """
    if not len(conditions) or not len(table):
        return []
    cost = math.log(len(conditions))
    keys = [condition.key for condition in conditions]
    columns = table.astype(np.float32)
    per_pair = (data.lost, data.gained, data.weight, np.ones(len(table)))
    beam: list[tuple[int, ...]] = [()]
    winners: list[Candidate] = []
    seen: set[frozenset[int]] = set()
    for length in range(1, MOST_CONDITIONS + 1):
        found: list[Candidate] = []
        inside = np.stack([conjunction(table, some) for some in beam])
        lost, gained, prompts, size = (_sums(each, inside, columns) for each in per_pair)
        # Halves and shares of prompts were added up in single precision.
        places, candidates = np.nonzero((lost > gained) & (prompts >= least - 1e-3))
        picked = places, candidates
        values = score(lost[picked], gained[picked], size[picked], data)
        order = np.argsort(-values, kind="stable")
        slices = 0
        for rank in order[values[order] > 0.0].tolist():
            if len(found) >= BEAM and slices:
                break
            some, column = beam[places[rank]], int(candidates[rank])
            both = frozenset((*some, column))
            if keys[column] in {keys[one] for one in some} or both in seen:
                continue
            seen.add(both)
            each = Candidate(float(values[rank]) - cost * length, (*some, column))
            found.append(each)
            # A conjunction that is too large to be a slice may be a part of one.
            if not slices and size[places[rank], column] <= LARGEST * len(table):
                winners.append(each)
                slices = 1
        beam = [each.columns for each in found[:BEAM]]
        if not beam:
            break
    return sorted(winners, key=lambda each: -each.value)
