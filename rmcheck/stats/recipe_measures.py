"""Measures that keep the margins, for two recipes that were each trained with several seeds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rmcheck.stats import groups as grouping
from rmcheck.stats.calibration import fit_temperature
from rmcheck.stats.measures import rank_curve
from rmcheck.stats.ranks import midranks
from rmcheck.stats.rounded_flip import rounded, sign_flip_p_sums
from rmcheck.stats.seeds import p_below, spread_of

Table = NDArray[np.float64]


def recipe_evidence(
    measure: Literal["log_loss", "rank_log_loss"],
    *,
    margins: tuple[ArrayLike, ArrayLike],
    wins: tuple[ArrayLike, ArrayLike],
    groups: Sequence[str],
) -> tuple[float, float]:
    """The one-sided p of "the candidate recipe is worse", and the two-sided p of a difference.

    Parameters
    ----------
    measure : which loss, see `training_losses`.
    margins : (k, n) and (j, n), chosen less rejected score of each training of the candidate and of
        the baseline; k + j ≥ 3. Finite.
    wins : (k, n) and (j, n) in {0, 0.5, 1}.
    groups : (n,) group of each pair; groups are independent of each other.

    Notes
    -----
    As `seeds.recipe_difference`, with the mean loss in place of the win rate: both variances, and
    never below the sign-flip test of the pairs' mean losses over groups.
    """
    ours, theirs = (np.asarray(each, dtype=np.float64) for each in margins)
    won, held = (np.asarray(each, dtype=np.float64) for each in wins)
    losses = training_losses(measure, np.concatenate([ours, theirs]), np.concatenate([won, held]))
    now, before = losses[: len(ours)], losses[len(ours) :]
    codes = grouping.codes(groups)
    rise = now.mean(axis=0) - before.mean(axis=0)
    spread = spread_of(now, before, rise, codes)
    worse, better = sign_flip_p_sums(grouping.sums(rounded(rise), codes))
    mean = float(rise.mean())
    p_worse, p_better = max(p_below(-mean, spread), worse), max(p_below(mean, spread), better)
    return p_worse, min(1.0, 2.0 * min(p_worse, p_better))


def training_losses(
    measure: Literal["log_loss", "rank_log_loss"], margins: Table, wins: Table
) -> Table:
    """Each training's loss of each pair in nats: (t, n) margins and wins to (t, n).

    As `measures.pair_losses` of two models, with what is fitted (temperature, curve) fitted to all
    trainings together, so that trainings of one recipe are exchangeable.
    """
    if measure == "log_loss":
        sizes = np.abs(margins).mean(axis=1, keepdims=True)
        scaled = margins / np.where(sizes > 0.0, sizes, 1.0)
        temperature = fit_temperature(np.sort(scaled.ravel()))
        return np.asarray(np.logaddexp(0.0, -scaled / temperature))
    n = margins.shape[1]
    ranks = np.stack([(midranks(np.abs(row))[0] - 0.5) / n for row in margins])
    start, slope = rank_curve(ranks.ravel(), wins.ravel())
    logits = start + slope * ranks
    return np.asarray(np.logaddexp(0.0, logits) - wins * logits)
