"""Measures that keep the margins, for two recipes that were each trained with several seeds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from rmcheck.stats import groups as grouping
from rmcheck.stats.decision import LossMeasure
from rmcheck.stats.measures import losses_of
from rmcheck.stats.rounded_flip import rounded, sign_flip_p_sums
from rmcheck.stats.seeds import p_below, spread_of


def recipe_evidence(
    measure: LossMeasure,
    *,
    margins: tuple[ArrayLike, ArrayLike],
    wins: tuple[ArrayLike, ArrayLike],
    groups: Sequence[str],
) -> tuple[float, float]:
    """The one-sided p of "the candidate recipe is worse", and the two-sided p of a difference.

    Parameters
    ----------
    measure : which loss, see `measures.pair_losses`.
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
    losses = losses_of(measure, np.concatenate([ours, theirs]), np.concatenate([won, held]))
    now, before = losses[: len(ours)], losses[len(ours) :]
    codes = grouping.codes(groups)
    rise = now.mean(axis=0) - before.mean(axis=0)
    spread = spread_of(now, before, rise, codes)
    worse, better = sign_flip_p_sums(grouping.sums(rounded(rise), codes))
    mean = float(rise.mean())
    p_worse, p_better = max(p_below(-mean, spread), worse), max(p_below(mean, spread), better)
    return p_worse, min(1.0, 2.0 * min(p_worse, p_better))
