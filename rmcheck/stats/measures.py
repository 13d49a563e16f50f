"""Measures of a comparison that keep the margins: the log-loss of two models on the same pairs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit

from rmcheck.stats import groups as grouping
from rmcheck.stats.calibration import fit_temperature
from rmcheck.stats.columns import finite, same_length, win_column
from rmcheck.stats.decision import LossMeasure
from rmcheck.stats.ranks import midranks
from rmcheck.stats.rounded_flip import is_significant, rounded, sign_flip_p_sums

Column = NDArray[np.float64]

LEAST: Final = 0.05
"""The curve of `rank_log_loss` begins at σ(0.05) = 0.51 or more. Where margins do not tell who
is right it is flat there, and the measure is the win rate."""

_STEPS: Final = 50
_TOLERANCE: Final = 1e-9
# Digits of a fitted number that count. Sums differ in the last bits with the processor, and a
# verdict must not.
_DIGITS: Final = 8
# As if one more pair, half right and half wrong, had been seen at either end of the ranks: the
# curve stays finite where every pair is right.
_PRIOR_PLACES: Final = (0.0, 1.0)


@dataclass(frozen=True, kw_only=True)
class Weighed:
    """The evidence of a measure that the candidate is worse.

    `rise` (n,) is the candidate's less the baseline's loss of each pair in nats, above 0 where the
    candidate is worse, and `change` its mean. `p_less` is the one-sided p of "worse",
    `p_two_sided` that of a difference.
    """

    measure: LossMeasure
    change: float
    p_less: float
    p_two_sided: float
    rise: Column = field(compare=False, repr=False)


def weigh(
    measure: LossMeasure,
    *,
    margins: tuple[ArrayLike, ArrayLike],
    wins: tuple[ArrayLike, ArrayLike],
    groups: Sequence[str],
) -> Weighed:
    """Compare two models' losses on the same pairs by a sign-flip test over groups.

    Parameters
    ----------
    measure : which loss, see `pair_losses`.
    margins : (n,) and (n,), chosen less rejected score of the candidate and of the baseline, each
        in its own unit; finite.
    wins : (n,) and (n,) in {0, 0.5, 1}, of the candidate and of the baseline.
    groups : (n,) group of each pair; groups are independent of each other.

    Notes
    -----
    Under the null a group's two columns may change places. What the loss takes from the data (the
    temperature, the curve) is fitted to both models' pairs together, so that it is the same after
    any such change: the reference distribution needs no refit, and no fold is left out. See
    `rounded_flip.sign_flip_p_sums` for the p-value, which uses no random numbers. The order of the
    pairs changes nothing.
    """
    rise, net = _rise(measure, margins, wins, groups)
    worse, better = sign_flip_p_sums(net)
    return Weighed(
        measure=measure,
        change=math.fsum(rise.tolist()) / len(rise),
        p_less=worse,
        p_two_sided=min(1.0, 2.0 * min(worse, better)),
        rise=rise,
    )


def is_worse(
    measure: LossMeasure,
    *,
    margins: tuple[ArrayLike, ArrayLike],
    wins: tuple[ArrayLike, ArrayLike],
    groups: Sequence[str],
    level: float,
) -> bool:
    """Whether `p_less` of `weigh` is at most `level`, in a fraction of the time.

    Parameters
    ----------
    measure, margins, wins, groups : as of `weigh`.
    level : one-sided, in (0, 0.5).
    """
    return is_significant(_rise(measure, margins, wins, groups)[1], level)


def _rise(
    measure: LossMeasure,
    margins: tuple[ArrayLike, ArrayLike],
    wins: tuple[ArrayLike, ArrayLike],
    groups: Sequence[str],
) -> tuple[Column, Column]:
    """The rise of each pair's loss in nats, and of each group's in whole numbers."""
    now, before = pair_losses(measure, margins=margins, wins=wins)
    same_length(losses=now, groups=groups)
    rise = now - before
    # Losses of pairs become whole numbers before they are added up: integers do not depend on the
    # order in which they are.
    return rise, grouping.sums(rounded(rise), grouping.codes(groups))


def pair_losses(
    measure: LossMeasure,
    *,
    margins: tuple[ArrayLike, ArrayLike],
    wins: tuple[ArrayLike, ArrayLike],
) -> tuple[Column, Column]:
    """Each pair's loss in nats, (n,) for the candidate and (n,) for the baseline.

    Parameters
    ----------
    measure
        `log_loss`: -log σ(margin / T), where T is a common number times the model's own mean
        |margin|. `rank_log_loss`: the log-loss of the win under P(right) = σ(a + b·rank), a two
        parameter logistic with a ≥ 0.05 and b ≥ 0 on the rank of |margin| among the model's own.

    Notes
    -----
    Ranks are midranks, (rank - 1/2) / n. A tied pair counts half: half the loss of a win and half
    of that of a loss. `rank_log_loss` does not change under an increasing odd function of a model's
    margins, `log_loss` not under a positive factor.
    """
    ours, theirs = (finite("margins", column) for column in margins)
    won, held = (win_column("wins", column) for column in wins)
    n = same_length(margins=ours, baseline=theirs, wins=won, held=held)
    if n == 0:
        raise ValueError("a measure needs at least one pair")
    now, before = losses_of(measure, np.stack([ours, theirs]), np.stack([won, held]))
    return now, before


def losses_of(measure: LossMeasure, margins: Column, wins: Column) -> Column:
    """Each model's loss of each pair in nats: (t, n) margins and wins of t models to (t, n).

    What is fitted (temperature, curve) is fitted to all models together, so that they are
    exchangeable.
    """
    if measure == "log_loss":
        scaled = np.stack([row / _size(row) for row in margins])
        # Sorted, so that the order of pairs or models does not show in the last digit.
        temperature = float(f"{fit_temperature(np.sort(scaled.ravel())):.{_DIGITS}g}")
        return np.asarray(np.logaddexp(0.0, -scaled / temperature))
    n = margins.shape[1]
    ranks = np.stack([(midranks(np.abs(row))[0] - 0.5) / n for row in margins])
    start, slope = rank_curve(ranks.ravel(), wins.ravel())
    logits = start + slope * ranks
    return np.asarray(np.logaddexp(0.0, logits) - wins * logits)


def _size(margins: Column) -> float:
    """The mean |margin|, 1.0 where all are zero."""
    largest = float(np.abs(margins).max())
    if largest == 0.0:
        return 1.0
    return largest * math.fsum(np.abs(margins / largest).tolist()) / len(margins)


def rank_curve(ranks: Column, wins: Column) -> tuple[float, float]:
    """The intercept a ≥ 0.05 and slope b ≥ 0 of P(right | rank) = σ(a + b·rank).

    Parameters
    ----------
    ranks : (n,) in [0, 1].
    wins : (n,) in {0, 0.5, 1}.

    Returns
    -------
    The maximum of the likelihood of the pairs and of two more, half right and half wrong, at ranks
    0 and 1. To eight digits, whatever the order of the pairs.
    """
    order = np.lexsort((wins, ranks))
    places = np.concatenate([ranks[order], _PRIOR_PLACES])
    outcomes = np.concatenate([wins[order], [0.5] * len(_PRIOR_PLACES)])
    start, slope = _newton(places, outcomes)
    if slope < 0.0:
        # The likelihood is concave, so that its top in the quadrant is on an edge.
        start, slope = _along(np.zeros_like(places), np.ones_like(places), outcomes), 0.0
    if start < LEAST:
        slope = max(0.0, _along(np.full_like(places, LEAST), places, outcomes))
        start = LEAST
    return float(f"{start:.{_DIGITS}g}"), float(f"{slope:.{_DIGITS}g}")


def _newton(places: Column, outcomes: Column) -> tuple[float, float]:
    """The unbounded maximum; sums without BLAS, which may add up in another order each time."""
    # Centred, the two directions hardly depend on each other.
    middle = float(places.mean())
    centred = places - middle
    level, slope = 0.0, 0.0
    for _ in range(_STEPS):
        p = expit(level + slope * centred)
        weight = p * (1.0 - p)
        gap = outcomes - p
        g_0, g_1 = float(gap.sum()), float((gap * centred).sum())
        h_00 = float(weight.sum())
        h_01 = float((weight * centred).sum())
        h_11 = float((weight * centred * centred).sum())
        determinant = h_00 * h_11 - h_01 * h_01
        by_level = (h_11 * g_0 - h_01 * g_1) / determinant
        by_slope = (h_00 * g_1 - h_01 * g_0) / determinant
        # A step of more than this leaves the range in which its quadratic means anything.
        short = min(1.0, 2.0 / max(abs(by_level), abs(by_slope), 1e-300))
        level, slope = level + short * by_level, slope + short * by_slope
        if max(abs(by_level), abs(by_slope)) < _TOLERANCE:
            break
    return level - slope * middle, slope


def _along(offset: Column, direction: Column, outcomes: Column) -> float:
    """The t that maximises the likelihood of logits offset + t·direction."""
    t = 0.0
    for _ in range(_STEPS):
        p = expit(offset + t * direction)
        slope = float(((outcomes - p) * direction).sum())
        step = slope / float((p * (1.0 - p) * direction * direction).sum())
        t += max(-2.0, min(2.0, step))
        if abs(step) < _TOLERANCE:
            break
    return t
