"""What each of several changes did to the scores of a suite's texts, and what that shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from rmcheck.checks.threshold import too_few
from rmcheck.stats import groups as grouping
from rmcheck.verdict import Estimate

if TYPE_CHECKING:
    from rmcheck.stats.excess import Excess, Shift

Column = NDArray[np.float64]
Control = Literal["fwer", "fdr"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Trial:
    """What one change did.

    Parameters
    ----------
    name, families
        The change, and the groups of changes that it belongs to.
    rows
        (n,) the places of the items (pairs or sets) that the credits belong to.
    credits
        (n,) in [0, 1]: the share of an item's comparisons that broke the promise.
    groups
        (n,) their groups.
    moves
        (k,) changes of score in standard deviations of the scores.
    move_groups
        (k,) their groups.
    """

    name: str
    families: tuple[str, ...]
    rows: NDArray[np.intp]
    credits: Column
    groups: Sequence[str]
    moves: Column
    move_groups: Sequence[str]


@dataclass(frozen=True, kw_only=True, eq=False)
class Tried:
    """A trial and its tests.

    Parameters
    ----------
    reason
        Why it can decide nothing; the numbers are None then.
    excess
        The share of broken promises against its bound.
    shift
        The mean of the moves, and the two-sided p of none.
    p_value
        Of the promise being kept within the bounds: of two bounds, twice the smaller p.
    adjusted
        The same, adjusted over all trials that could decide.
    """

    trial: Trial
    reason: str | None = None
    excess: Excess | None = None
    shift: Shift | None = None
    p_value: float = 1.0
    adjusted: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Rule:
    """When a change is shown to break its promise.

    Parameters
    ----------
    most
        The share of broken promises that is tolerated.
    furthest
        The mean move that is tolerated, in standard deviations; None: any.
    either_way
        Whether a move down counts as one up does.
    control
        `fwer`: the chance of any false alarm is at most alpha (Holm). `fdr`: the expected share of
        false ones among the alarms is (Benjamini and Hochberg).
    alpha
        The level.
    seed
        Of the sign patterns of the tests of moves.
    """

    most: float
    alpha: float
    furthest: float | None = None
    either_way: bool = True
    control: Control = "fwer"
    seed: int = 0


def why_not(groups: Sequence[str], what: str = "pair", which: str = "") -> str | None:
    """Why entries of these groups can decide nothing; None if they can."""
    reason = too_few(len(groups), grouping.count(groups), what, which)
    if reason:
        return reason
    effective = grouping.effective_groups(grouping.codes(groups))
    if effective >= 2.0:
        return None
    return (
        f"nearly all of the {len(groups)} {what}s share one prompt, so the "
        f"{grouping.count(groups)} prompts count as only {effective:.1f}"
    )


def tried(trials: Sequence[Trial], rule: Rule, what: str = "pair") -> list[Tried]:
    """Test each trial, and adjust the p-values over those that can decide, in the order given."""
    from rmcheck.stats import excess, multiplicity

    reasons = [why_not(trial.groups, what) for trial in trials]
    deciding = reasons.count(None)
    bounds = 1 if rule.furthest is None else 2
    found = []
    for trial, reason in zip(trials, reasons, strict=True):
        if reason:
            found.append(Tried(trial=trial, reason=reason))
            continue
        share = excess.share_excess(
            trial.credits, trial.groups, rule.most, alpha=rule.alpha, tests=bounds * deciding
        )
        p_values = [share.p_value]
        if rule.furthest is not None:
            p_values.append(
                excess.shift_excess(
                    trial.moves,
                    trial.move_groups,
                    rule.furthest,
                    seed=rule.seed,
                    either_way=rule.either_way,
                )
            )
        found.append(
            Tried(
                trial=trial,
                excess=share,
                shift=excess.mean_shift(trial.moves, trial.move_groups, seed=rule.seed),
                p_value=min(1.0, bounds * min(p_values)),
            )
        )
    adjust = multiplicity.holm if rule.control == "fwer" else multiplicity.benjamini_hochberg
    adjusted = iter(adjust([each.p_value for each in found if each.reason is None]))
    return [each if each.reason else replace(each, adjusted=next(adjusted)) for each in found]


def pooled(
    trials: Sequence[Trial], groups: Sequence[str]
) -> tuple[Column, grouping.Groups, NDArray[np.intp]]:
    """The mean credit of each item over the trials that it is in.

    Parameters
    ----------
    trials : those to pool.
    groups : (n,) the group of every item.

    Returns
    -------
    (k,) mean credits, (k,) groups and (k,) places of the items that are in any trial.
    """
    total, times = np.zeros(len(groups)), np.zeros(len(groups))
    for trial in trials:
        np.add.at(total, trial.rows, trial.credits)
        np.add.at(times, trial.rows, 1.0)
    rows = np.flatnonzero(times > 0)
    return total[rows] / times[rows], grouping.taken(groups, rows), rows


def overall(trials: Sequence[Trial], groups: Sequence[str]) -> Estimate | None:
    """The share of broken promises over all trials, an item counting once; None without any."""
    from rmcheck.stats.winrate import share_estimate

    credits, of, _ = pooled(trials, groups)
    # A mean of credits may leave [0, 1] by rounding.
    return share_estimate(np.clip(credits, 0.0, 1.0), of) if len(credits) else None


def by_family(trials: Sequence[Trial]) -> dict[str, list[Trial]]:
    """The trials of each family, in the order of first appearance."""
    found: dict[str, list[Trial]] = {}
    for trial in trials:
        for family in trial.families:
            found.setdefault(family, []).append(trial)
    return found
