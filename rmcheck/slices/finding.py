"""Slices that hold the newly wrong pairs: found on one half of the prompts, confirmed on the other.

Two questions are asked of the other half: whether more wins were lost than gained in the slice (the
exact sign-flip test over prompts, as in `no_regression`), and whether prompts with a lost win are
more frequent in it than elsewhere (hypergeometric). A slice is confirmed if both answers hold after
Holm, so a model that is worse everywhere has none.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaln

from rmcheck.slices.columns import Columns
from rmcheck.slices.condition import SUITE, Condition, said
from rmcheck.slices.flips import Flips
from rmcheck.slices.search import Lost, best, conjunction, score
from rmcheck.stats import groups as grouping
from rmcheck.stats.decision import MIN_GROUPS
from rmcheck.stats.multiplicity import holm
from rmcheck.stats.signflip import sign_flip_p_integer

ALPHA = 0.05
"""The chance that a slice is confirmed although the models are equal is at most this."""

ROUNDS = 3
COST = 0.5
LEAST_PROMPTS = 8
"""A slice has so many prompts in each half."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """Some pairs, and how many of them are newly wrong and newly right."""

    pairs: int
    newly_wrong: int
    newly_right: int


@dataclass(frozen=True, kw_only=True, eq=False)
class Slice:
    """A part of the data that conditions describe.

    `inside` and `elsewhere` count all pairs, `confirming` those of the half that confirms, without
    the pairs of the slices before it. `p` is the larger of the two tests' p-values, Holm-adjusted.
    `rows` are the places of its pairs, `suites` those that they are in.
    """

    conditions: tuple[Condition, ...]
    rows: NDArray[np.intp]
    suites: tuple[str, ...]
    inside: Part
    elsewhere: Part
    confirming: Part
    p: float

    def __str__(self) -> str:
        """The conditions in English."""
        return said(self.conditions)


@dataclass(frozen=True, kw_only=True, eq=False)
class Found:
    """The confirmed slices, and what was searched.

    `tried` candidates were tested, `covered` counts the pairs of all slices together, `notes` say
    why there could be no slice, or what was left out.
    """

    pairs: int
    prompts: int
    newly_wrong: int
    newly_right: int
    conditions: int
    tried: int
    slices: tuple[Slice, ...]
    covered: Part
    notes: tuple[str, ...] = ()


def find(flips: Flips, columns: Columns, *, alpha: float = ALPHA) -> Found:
    """Search and confirm.

    Parameters
    ----------
    columns : conditions of the same pairs (`columns.columns`).
    alpha : the level of each search, over all of its candidates.

    Notes
    -----
    A round tests the best conjunctions of one, two and three conditions, Holm over them at `alpha`,
    and keeps one of those that are confirmed. Only then does another round search, and test, the
    pairs outside of the first one's best. So equal models have a slice with probability `alpha` at
    most, and each further slice has that chance of being there without a reason.
    """
    notes = [columns.left_out] if columns.left_out else []
    slices: list[Slice] = []
    tried = 0
    n_prompts = grouping.count([pair.group for pair in flips.pairs])
    if n_prompts < 2 * MIN_GROUPS:
        notes.insert(0, f"at least {2 * MIN_GROUPS} prompts are needed, for two halves")
    else:
        rounds = _rounds(flips, columns)
        for candidates in islice(rounds, ROUNDS):
            tried += len(candidates)
            adjusted = holm([_p(flips, each.inside) for each in candidates])
            confirmed = [
                (each, p) for each, p in zip(candidates, adjusted, strict=True) if p <= alpha
            ]
            if not confirmed:
                break
            found = _slice(flips, columns, *max(confirmed, key=lambda one: _worth(flips, one[0])))
            if not any(_alike(found.rows, known.rows) for known in slices):
                slices.append(found)
    return Found(
        pairs=len(flips.pairs),
        prompts=n_prompts,
        newly_wrong=flips.newly_wrong,
        newly_right=flips.newly_right,
        conditions=len(columns.conditions),
        tried=tried,
        slices=tuple(slices),
        covered=_part(flips, _in_any(slices, len(flips.pairs))),
        notes=tuple(notes),
    )


@dataclass(frozen=True, eq=False)
class _Tested:
    """A candidate: its columns, and (n,) its pairs outside of the rounds before."""

    columns: tuple[int, ...]
    inside: NDArray[np.bool_]


def _rounds(flips: Flips, columns: Columns) -> Iterator[list[_Tested]]:
    """The best conjunctions of each length, round by round; ends where none is large enough.

    The next round leaves out the pairs of the best one. The half that confirms decides nothing.
    """
    half = flips.confirming
    supported = _supported(flips, columns.table)
    table = columns.table[:, supported]
    conditions = [columns.conditions[place] for place in supported]
    open_ = np.ones(len(half), dtype=bool)
    while True:
        rows = open_ & ~half
        some = best(conditions, table[rows], _lost(flips, rows), least=LEAST_PROMPTS)
        tested = [
            _Tested(
                tuple(sorted(int(supported[place]) for place in each.columns)),
                open_ & conjunction(table, each.columns),
            )
            for each in some
        ]
        enough = [
            each
            for each in tested
            if float(flips.weights[each.inside & half].sum()) >= LEAST_PROMPTS
        ]
        if not enough:
            return
        yield enough
        open_ &= ~enough[0].inside


def _worth(flips: Flips, each: _Tested) -> float:
    """How much a candidate stands out in the half that confirms, less `COST` a condition.

    A condition that chance added leaves out lost pairs there as well as others.
    """
    half = flips.confirming
    inside = _lost(flips, each.inside & half)
    value = score(
        np.array([inside.lost.sum()]),
        np.array([inside.gained.sum()]),
        np.array([float(len(inside.lost))]),
        _lost(flips, half),
    )
    return float(value[0]) - COST * len(each.columns)


def _alike(one: NDArray[np.intp], other: NDArray[np.intp]) -> bool:
    """Whether two slices have more than half of their pairs in common."""
    both = len(np.intersect1d(one, other))
    return 2 * both > len(one) + len(other) - both


def _supported(flips: Flips, table: NDArray[np.bool_]) -> NDArray[np.intp]:
    """The columns with enough prompts in both halves, which no score decides."""
    weights = np.stack([flips.weights * flips.confirming, flips.weights * ~flips.confirming])
    prompts = weights.astype(np.float32) @ table.astype(np.float32)
    return np.flatnonzero((prompts >= LEAST_PROMPTS).all(axis=0))


def _lost(flips: Flips, rows: NDArray[np.bool_]) -> Lost:
    change = flips.change[rows]
    return Lost(np.maximum(-change, 0.0), np.maximum(change, 0.0), flips.weights[rows])


def _p(flips: Flips, inside: NDArray[np.bool_]) -> float:
    """The larger p-value of the two tests, on the half that confirms."""
    half = flips.confirming
    return max(_net_loss(flips, inside & half), _concentration(flips, inside & half, half))


def _net_loss(flips: Flips, rows: NDArray[np.bool_]) -> float:
    """Exact p that not more wins were lost than gained on these rows, by prompt."""
    net = grouping.sums(np.where(rows, 2.0 * flips.change, 0.0), flips.codes)
    return sign_flip_p_integer(np.rint(net).astype(np.int64), "less")


def _concentration(flips: Flips, inside: NDArray[np.bool_], among: NDArray[np.bool_]) -> float:
    """P of as many losing prompts inside, were they drawn from all prompts of the half.

    A prompt with pairs on both sides counts inside, by its pairs there.
    """
    codes = flips.codes
    within = np.bincount(codes, weights=inside, minlength=codes.max() + 1) > 0
    present = np.bincount(codes, weights=among, minlength=codes.max() + 1) > 0
    counted = np.where(within[codes], inside, among)
    losing = grouping.sums(np.where(counted, flips.change, 0.0), codes) < 0
    return hypergeometric_tail(
        int((losing & within).sum()),
        drawn=int(within.sum()),
        marked=int((losing & present).sum()),
        n=int(present.sum()),
    )


def hypergeometric_tail(hits: int, *, drawn: int, marked: int, n: int) -> float:
    """P of at least so many marked ones among `drawn` of n, drawn without replacement.

    >>> round(hypergeometric_tail(2, drawn=2, marked=2, n=4), 6)  # 1 of the 6 pairs
    0.166667
    """
    counts = np.arange(max(hits, drawn + marked - n, 0), min(drawn, marked) + 1)
    if not len(counts):
        return 0.0
    logs = _log_choose(marked, counts) + _log_choose(n - marked, drawn - counts)
    return min(1.0, float(np.exp(logs - _log_choose(n, np.array([drawn]))).sum()))


def _log_choose(n: int, k: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.asarray(-np.log(n + 1.0) - betaln(n - k + 1.0, k + 1.0), dtype=np.float64)


def _slice(
    flips: Flips,
    columns: Columns,
    each: _Tested,
    p: float,
) -> Slice:
    whole = conjunction(columns.table, each.columns)
    rows = np.flatnonzero(whole)
    conditions = tuple(columns.conditions[place] for place in each.columns)
    named = [one.value for one in conditions if one.place == SUITE]
    suites = dict.fromkeys(name for row in rows.tolist() for name in flips.suites[row])
    return Slice(
        conditions=conditions,
        rows=rows,
        suites=tuple(name for name in suites if not named or name in named),
        inside=_part(flips, whole),
        elsewhere=_part(flips, ~whole),
        confirming=_part(flips, each.inside & flips.confirming),
        p=p,
    )


def _in_any(slices: Sequence[Slice], n: int) -> NDArray[np.bool_]:
    inside = np.zeros(n, dtype=bool)
    for each in slices:
        inside[each.rows] = True
    return inside


def _part(flips: Flips, rows: NDArray[np.bool_]) -> Part:
    change = flips.change[rows]
    return Part(
        pairs=len(change),
        newly_wrong=int((change < 0).sum()),
        newly_right=int((change > 0).sum()),
    )
