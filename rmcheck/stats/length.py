"""Length bias: how much a preference for long (or short) responses affects the wins."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit

from rmcheck.stats import groups as grouping
from rmcheck.stats.at_once import at_once
from rmcheck.stats.columns import finite, proportion, same_length
from rmcheck.stats.correlation import correlation
from rmcheck.stats.logistic import Fit, fit_logistic
from rmcheck.stats.winrate import win_rate, wins
from rmcheck.verdict import Estimate
from rmcheck.wording import counted, minus


@dataclass(frozen=True, kw_only=True)
class LengthBias:
    """What length does to a model's wins.

    - `shorter`, `longer`: win rate over the pairs whose chosen response is the shorter, the longer;
      None where there are none. `n_equal` pairs are in neither.
    - `pull`: the coefficient b of logit P(win) = a + b·tanh(Δ/sd), Δ chosen less rejected length.
      Positive: the model wins more where the chosen response is longer.
    - `controlled`: σ(a), the win rate to be expected at equal lengths.
    - `correction`: the coefficient of tanh(Δ/sd) in logit P(chosen preferred) beside the margin, in
      units of its root mean square. Negative: at equal margins the longer response is preferred
      less often than its score says, so the model overpays length by these labels. Where nearly all
      chosen responses are the shorter (or the longer) it describes the data more than the model.
    - `spearman`: of score and length over all 2n responses; None where one of them is constant.

    `pull`, `controlled` and `correction` are None where `degenerate` says why.
    """

    n: int
    n_groups: int
    n_equal: int
    shorter: Estimate | None
    longer: Estimate | None
    pull: Estimate | None
    controlled: Estimate | None
    correction: Estimate | None
    spearman: Estimate | None
    degenerate: str | None = None


@dataclass(frozen=True, kw_only=True)
class Sides:
    """Scores and lengths of both sides, each (n,): lengths ≥ 0 in characters, words or tokens."""

    chosen: ArrayLike
    rejected: ArrayLike
    chosen_length: ArrayLike
    rejected_length: ArrayLike


def length_bias(
    sides: Sides,
    groups: Sequence[str],
    *,
    level: float = 0.95,
    draws: int = 1_000,
    rng: np.random.Generator,
) -> LengthBias:
    """Measure length bias in three ways.

    Parameters
    ----------
    sides : scores and lengths, n ≥ 1 pairs, finite.
    groups : (n,) group of each pair; groups are independent of each other.
    level : of all intervals, in (0, 1).
    draws, rng : of the bootstrap of Spearman's ρ.

    Notes
    -----
    tanh(Δ/sd) and the win rate at equal length follow AlpacaEval's length control (Dubois et al.
    2024, arXiv 2404.04475); ours has no terms for models and instructions, and Firth's penalty in
    place of a ridge. The split by length follows RM-Bench (arXiv 2410.16184). Intervals of the
    coefficients are Student's on the clustered sandwich error (method `sandwich`).
    """
    proportion("level", level, closed=False)
    better, worse = finite("chosen", sides.chosen), finite("rejected", sides.rejected)
    long_1 = _lengths("chosen_length", sides.chosen_length)
    long_2 = _lengths("rejected_length", sides.rejected_length)
    n = same_length(
        chosen=better, rejected=worse, chosen_length=long_1, rejected_length=long_2, groups=groups
    )
    if n == 0:
        raise ValueError("length bias needs at least one pair")
    codes = grouping.codes(groups)
    won = wins(better, worse)
    difference = long_1 - long_2
    pull = controlled = correction = None
    reason = _degenerate(difference, int(codes.max()) + 1)
    if reason is None:
        length = np.tanh(difference / difference.std())
        fit, correction = at_once(
            lambda work: work(),
            (
                partial(fit_logistic, np.column_stack([np.ones(n), length]), won, codes),
                partial(_correction, better - worse, length, codes, level),
            ),
            n=n,
        )
        if fit is not None:
            controlled = _logit_estimate(fit, 0, codes, level, probability=True)
            pull = _logit_estimate(fit, 1, codes, level, probability=False)
        if fit is None or correction is None:
            reason = f"the margins or lengths of the {n} pairs do not vary enough"
    return LengthBias(
        n=n,
        n_groups=int(codes.max()) + 1,
        n_equal=int(np.count_nonzero(difference == 0)),
        shorter=_part(won, groups, difference < 0, level),
        longer=_part(won, groups, difference > 0, level),
        pull=pull,
        controlled=controlled,
        correction=correction,
        spearman=correlation(
            np.concatenate([better, worse]),
            np.concatenate([long_1, long_2]),
            grouping.numbered(groups).twice(),
            method="spearman",
            level=level,
            draws=draws,
            rng=rng,
        ),
        degenerate=reason,
    )


def _lengths(name: str, values: ArrayLike) -> NDArray[np.float64]:
    column = finite(name, values)
    bad = np.flatnonzero(column < 0)
    if bad.size:
        raise ValueError(f"{name}[{int(bad[0])}] is {column[bad[0]]}; a length is at least 0")
    return column


def _degenerate(difference: NDArray[np.float64], n_groups: int) -> str | None:
    n = len(difference)
    if n < 3:
        return f"{counted(n, 'pair')}; at least 3 are needed for two coefficients"
    if n_groups == 1:
        return f"all {n} pairs are of one group; at least 2 groups are needed"
    if np.all(difference == difference[0]):
        return f"chosen minus rejected length is {minus(f'{difference[0]:g}')} in all {n} pairs"
    return None


def _part(
    won: NDArray[np.float64], groups: Sequence[str], where: NDArray[np.bool_], level: float
) -> Estimate | None:
    kept = np.flatnonzero(where)
    if not kept.size:
        return None
    return win_rate(won[kept], grouping.taken(groups, kept), level=level)


def _correction(
    margins: NDArray[np.float64],
    length: NDArray[np.float64],
    codes: NDArray[np.intp],
    level: float,
) -> Estimate | None:
    """Coefficient of length beside the margin; every pair's label is 1, so no intercept."""
    largest = float(np.abs(margins).max())
    if largest == 0.0:
        return None
    unit = margins / largest
    unit = unit / math.sqrt(float(np.mean(unit**2)))
    fit = fit_logistic(np.column_stack([unit, length]), np.ones(len(length)), codes)
    return None if fit is None else _logit_estimate(fit, 1, codes, level, probability=False)


def _logit_estimate(
    fit: Fit, index: int, codes: NDArray[np.intp], level: float, *, probability: bool
) -> Estimate:
    value = float(fit.coefficients[index])
    half = grouping.student_value(level, codes) * math.sqrt(float(fit.covariance[index, index]))
    limits = (value, value - half, value + half)
    value, low, high = (float(expit(x)) if probability else x for x in limits)
    return Estimate(
        value=value,
        low=low,
        high=high,
        level=level,
        method="sandwich",
        n=len(codes),
        n_groups=int(codes.max()) + 1,
    )
