"""Best of n: whether the top score goes to a good response, and how goods and bads separate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rmcheck.stats.columns import finite
from rmcheck.stats.winrate import share_estimate
from rmcheck.verdict import Estimate


@dataclass(frozen=True, kw_only=True)
class TopOne:
    """Top-1 accuracy; `chance` is what random scores would reach, `credits` (n_sets,) in [0, 1]."""

    accuracy: Estimate
    chance: float
    credits: NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Separation:
    """Goods against bads, set by set, over the sets that have at least one of each.

    `spread` is the range of the good scores, `gap` the lowest good less the highest bad score, both
    (n,) in the model's units. `separated` is the share of sets with gap > 0 (every good above every
    bad), `clear` the share with gap > spread (the goods lie closer together than they lie to the
    bads). `indices` (n,) tells which sets these are.
    """

    spread: NDArray[np.float64]
    gap: NDArray[np.float64]
    separated: Estimate
    clear: Estimate
    indices: NDArray[np.intp]


def top_one(
    scores: Sequence[ArrayLike],
    best: Sequence[Sequence[int]],
    groups: Sequence[str],
    *,
    level: float = 0.95,
) -> TopOne:
    """Share of response sets whose top score goes to a good response.

    Parameters
    ----------
    scores : one (k,) column a set, k ≥ 1, finite; sets may differ in k.
    best : for each set the indices of its good responses, at least one.
    groups : (n_sets,) group of each set.
    level : of the interval, Wilson's at the effective sample size.

    Returns
    -------
    TopOne
        Of t responses tied at the top, each has 1/t of the credit; chance is the mean over sets of
        good responses / responses.

    Notes
    -----
    RewardBench 2 (Malik et al. 2025), whose four-way sets have chance 1/4 and one good response.
    """
    columns = _checked(scores, best, groups)
    credits = np.empty(len(columns))
    for index, (column, good) in enumerate(zip(columns, best, strict=True)):
        top = np.flatnonzero(column == column.max())
        credits[index] = np.isin(top, np.asarray(good)).mean()
    chances = [len(set(good)) / len(column) for column, good in zip(columns, best, strict=True)]
    return TopOne(
        accuracy=share_estimate(credits, groups, level=level),
        chance=float(np.mean(chances)),
        credits=credits,
    )


def separation(
    scores: Sequence[ArrayLike],
    best: Sequence[Sequence[int]],
    groups: Sequence[str],
    *,
    level: float = 0.95,
) -> Separation | None:
    """Hold the spread within the good responses against their gap to the bad ones.

    Parameters
    ----------
    scores, best, groups, level : as for `top_one`.

    Returns
    -------
    Separation, or None when no set has both a good and a bad response.

    Notes
    -----
    After the Ties subset of RewardBench 2, which asks that equally good answers score alike and
    above the bad ones. Ours reports the two shares with intervals and does not merge them into one
    weighted score.
    """
    columns = _checked(scores, best, groups)
    rows: list[tuple[int, float, float]] = []
    for index, (column, good) in enumerate(zip(columns, best, strict=True)):
        chosen = np.zeros(len(column), dtype=bool)
        chosen[list(good)] = True
        if chosen.all():
            continue
        lowest = float(column[chosen].min())
        spread = float(column[chosen].max()) - lowest
        rows.append((index, spread, lowest - float(column[~chosen].max())))
    if not rows:
        return None
    indices = np.array([row[0] for row in rows], dtype=np.intp)
    spreads = np.array([row[1] for row in rows])
    gaps = np.array([row[2] for row in rows])
    kept = [groups[index] for index in indices]
    return Separation(
        spread=spreads,
        gap=gaps,
        separated=share_estimate(gaps > 0, kept, level=level),
        clear=share_estimate(gaps > spreads, kept, level=level),
        indices=indices,
    )


def _checked(
    scores: Sequence[ArrayLike], best: Sequence[Sequence[int]], groups: Sequence[str]
) -> list[NDArray[np.float64]]:
    lengths = {"scores": len(scores), "best": len(best), "groups": len(groups)}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"columns differ in length: {lengths}")
    if not lengths["scores"]:
        raise ValueError("best-of-n needs at least one response set")
    columns = [finite(f"scores[{index}]", column) for index, column in enumerate(scores)]
    for index, (column, good) in enumerate(zip(columns, best, strict=True)):
        if not len(good):
            raise ValueError(f"best[{index}] is empty; a set needs at least one good response")
        outside = [place for place in good if not 0 <= place < len(column)]
        if outside:
            raise ValueError(
                f"best[{index}] names response {outside[0]}; allowed: 0 to {len(column) - 1}"
            )
    return columns
