"""Two models on the same pairs: the difference of their win rates and what it amounts to."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from rmcheck.stats import groups as grouping
from rmcheck.stats.columns import proportion, same_length, win_column
from rmcheck.stats.multiplicity import one_sided_level
from rmcheck.stats.signflip import sign_flip_p_integer
from rmcheck.stats.winrate import wilson_limits
from rmcheck.verdict import Estimate, State


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Candidate against baseline.

    `estimate` is Δ = candidate - baseline win rate with Newcombe's paired interval; `p_less` the
    one-sided exact sign-flip p of Δ < 0, `p_two_sided` that of Δ ≠ 0; `newly_wrong` counts pairs
    that did worse (a win became a tie or a loss, a tie a loss), `newly_right` pairs that did
    better. `design_effect`, at least 1, says by how much groups dilute the pairs; it is steadied
    (`groups.effective_size`), so that a few changes in as few groups do not promise too much.
    """

    estimate: Estimate
    p_less: float
    p_two_sided: float
    newly_wrong: int
    newly_right: int
    design_effect: float = 1.0


def newcombe_limits(
    both: float, candidate_only: float, baseline_only: float, neither: float, critical: float
) -> tuple[float, float]:
    """Newcombe's interval for the difference of two proportions on the same pairs.

    Parameters
    ----------
    both, candidate_only, baseline_only, neither : counts ≥ 0 of pairs that both models got right,
        only one, or neither; not necessarily whole. Their sum is the (effective) sample size, > 0.
    critical : two-sided critical value; infinite gives [-1, 1].

    Returns
    -------
    Lower and upper limit of candidate - baseline, within [-1, 1]; the width is never zero.

    Notes
    -----
    Newcombe 1998, *Statistics in Medicine* 17:2635-2650, method 10: Wilson limits of the two
    rates, joined by squares with the correlation φ̂ whose numerator is moved towards zero by n/2
    (the continuity correction) when positive. φ̂ = 0 when a margin is empty.
    """
    if math.isinf(critical):
        return -1.0, 1.0
    n = both + candidate_only + baseline_only + neither
    right_1, right_2 = both + candidate_only, both + baseline_only
    p_1, p_2 = min(1.0, right_1 / n), min(1.0, right_2 / n)
    low_1, high_1 = wilson_limits(p_1, n, critical)
    low_2, high_2 = wilson_limits(p_2, n, critical)
    product = right_1 * (n - right_1) * right_2 * (n - right_2)
    phi = 0.0
    if product > 0.0:
        cross = both * neither - candidate_only * baseline_only
        corrected = max(cross - n / 2, 0.0) if cross > 0 else cross
        phi = corrected / math.sqrt(product)
    down_1, up_1 = p_1 - low_1, high_1 - p_1
    down_2, up_2 = p_2 - low_2, high_2 - p_2
    delta = (candidate_only - baseline_only) / n
    below = math.sqrt(max(0.0, down_1**2 - 2 * phi * down_1 * up_2 + up_2**2))
    above = math.sqrt(max(0.0, up_1**2 - 2 * phi * up_1 * down_2 + down_2**2))
    return max(-1.0, delta - below), min(1.0, delta + above)


def paired_difference(
    wins_candidate: ArrayLike,
    wins_baseline: ArrayLike,
    groups: Sequence[str],
    *,
    level: float = 0.95,
) -> Difference:
    """Compare two models' wins on the same pairs.

    Parameters
    ----------
    wins_candidate, wins_baseline : (n,) in {0, 0.5, 1}, pair by pair, n ≥ 1.
    groups : (n,) group of each pair; groups are independent of each other.
    level : of the two-sided interval, in (0, 1).

    Returns
    -------
    Difference
        Its estimate's method is `newcombe` for singletons without ties, else
        `newcombe-neff<n_eff rounded>`.

    Notes
    -----
    The p-values are exact (`sign_flip_p_integer` on each group's net wins, doubled because of
    ties). The interval is Newcombe's method 10 on the table of shares times n_eff, that of the
    per-pair differences d with unit variance mean |d| - Δ² (`groups.effective_size`); t takes the
    place of z when pairs share groups. For singletons that is Newcombe 1998 at n. A tie enters the
    table by halves: of a win against a tie, half is `both` and half `candidate_only`; of two ties,
    half is `both` and half `neither`.
    """
    candidate = win_column("wins_candidate", wins_candidate)
    baseline = win_column("wins_baseline", wins_baseline)
    proportion("level", level, closed=False)
    n = same_length(wins_candidate=candidate, wins_baseline=baseline, groups=groups)
    if n == 0:
        raise ValueError("a paired difference needs at least one pair")
    codes = grouping.codes(groups)
    n_groups = int(codes.max()) + 1
    change = candidate - baseline
    doubled = np.rint(2 * change).astype(np.int64)
    net = np.rint(grouping.sums(2 * change, codes)).astype(np.int64)
    # A quotient of integers, so that a drop of 3 in 150 is exactly the 0.02 that a user writes.
    delta = int(doubled.sum()) / (2 * n)
    moved = float(np.abs(change).sum())
    unit_variance = moved / n - delta**2
    n_eff = grouping.effective_size(change, codes, unit_variance)
    steadied = grouping.effective_size(change, codes, unit_variance, informative=moved)
    scale = n_eff / n
    low, high = newcombe_limits(
        scale * float(np.minimum(candidate, baseline).sum()),
        scale * float(np.maximum(change, 0.0).sum()),
        scale * float(np.maximum(-change, 0.0).sum()),
        scale * float((1.0 - np.maximum(candidate, baseline)).sum()),
        grouping.critical_value(level, codes),
    )
    plain = n_groups == n and not (np.any(candidate == 0.5) or np.any(baseline == 0.5))
    return Difference(
        estimate=Estimate(
            value=delta,
            low=min(low, delta),
            high=max(high, delta),
            level=level,
            method="newcombe" if plain else f"newcombe-neff{round(n_eff)}",
            n=n,
            n_groups=n_groups,
        ),
        p_less=sign_flip_p_integer(net, "less"),
        p_two_sided=sign_flip_p_integer(net, "two-sided"),
        newly_wrong=int(np.count_nonzero(doubled < 0)),
        newly_right=int(np.count_nonzero(doubled > 0)),
        design_effect=n / steadied,
    )


def classify(
    difference: Difference, *, identical: bool, max_drop: float, alpha: float, comparisons: int
) -> State:
    """Name the state of a comparison: the first line of the table that holds.

    Parameters
    ----------
    difference : what `paired_difference` found.
    identical : whether every score is the same to the last decided digit.
    max_drop : the drop that is tolerated, in [0, 1].
    alpha : two-sided level of the whole run, in (0, 1).
    comparisons : the number m ≥ 1 of required comparisons of the run.

    Returns
    -------
    `identical`; `improved` when the interval lies above 0; `non_inferior` when it lies above
    -max_drop; `regressed` when Δ ≤ -max_drop and the one-sided p is at most α/2m (that is, the
    two-sided p at most α/m; see `multiplicity.one_sided_level`); else `inconclusive`.
    """
    proportion("max_drop", max_drop)
    each = one_sided_level(alpha, comparisons)
    if identical:
        return "identical"
    if difference.estimate.low > 0.0:
        return "improved"
    if difference.estimate.low > -max_drop:
        return "non_inferior"
    if difference.estimate.value <= -max_drop and difference.p_less <= each:
        return "regressed"
    return "inconclusive"
