"""Totals of several means, as benchmarks define them, with an interval by prompt."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rmcheck.stats.signflip import sign_flip_p_integer, sign_flip_p_margins
from rmcheck.stats.winrate import share_estimate
from rmcheck.verdict import Estimate

Column = NDArray[np.float64]

_ROUNDING = 1e-12
_MOST_STEPS = 1_000_000


@dataclass(frozen=True, eq=False)
class Credits:
    """What each item of a part earned: `values` (n,) in [0, 1], and the group of each item."""

    values: Column
    groups: Sequence[str]

    def mean(self) -> float:
        """The part's score."""
        return float(self.values.mean())

    def estimate(self, level: float = 0.95) -> Estimate:
        """The part's score with Wilson's interval at the effective sample size."""
        return share_estimate(self.values, self.groups, level=level)


@dataclass(frozen=True, kw_only=True)
class Change:
    """A total of one model less that of another on the same items, with its two-sided p."""

    estimate: Estimate
    p: float


def composite(
    parts: Mapping[str, Credits],
    weights: Mapping[str, float],
    *,
    offset: float = 0.0,
    level: float = 0.95,
) -> Estimate:
    """Estimate offset + Σ weight · mean over parts.

    Parameters
    ----------
    parts : at least those that `weights` names.
    weights : of each part, > 0.
    offset : added to the sum.
    level : of the two-sided interval, in (0, 1).

    Returns
    -------
    Estimate
        Of a single part with weight 1, `Credits.estimate`; else method `mover-wilson`.

    Notes
    -----
    Groups (prompts) that occur in the same parts form a stratum. Strata are independent of each
    other, and each has the sum A · p, where p is the mean of what its groups earned as a share of
    what they could have. p gets Wilson's interval [l, u] at the effective sample size, and the
    limits of the total T are joined as Zou & Donner 2008 (*Statistics in Medicine* 27:1693-1702,
    "MOVER") say: T - √Σ A²(p - l)² and T + √Σ A²(u - p)². So groups in several parts count once,
    and no interval has the width zero, as a percentile bootstrap has where everything is right.
    """
    used = _used(parts, weights)
    if len(used) == 1 and offset == 0.0 and list(weights.values()) == [1.0]:
        return next(iter(used.values())).estimate(level)
    value = offset + sum(weights[name] * part.mean() for name, part in used.items())
    below = above = 0.0
    for stratum in _strata(used, weights):
        share = stratum.estimate(level)
        below += (stratum.most * (share.value - share.low)) ** 2
        above += (stratum.most * (share.high - share.value)) ** 2
    top = offset + sum(weights.values())
    return Estimate(
        value=value,
        low=max(offset, value - math.sqrt(below)),
        high=min(top, value + math.sqrt(above)),
        level=level,
        method="mover-wilson",
        n=sum(len(part.values) for part in used.values()),
        n_groups=len({group for part in used.values() for group in part.groups}),
    )


def composite_change(
    now: Mapping[str, Credits],
    before: Mapping[str, Credits],
    weights: Mapping[str, float],
    *,
    rng: np.random.Generator,
    level: float = 0.95,
) -> Change:
    """Compare a total of two models on the same items.

    Parameters
    ----------
    now, before : the same parts of the same items in the same order.
    weights, level : as for `composite`.
    rng : draws sign patterns where the p is not exact and there are more than 16 groups.

    Notes
    -----
    p is that of flipping the sign of each group's share in the difference: exact (McNemar's test)
    where these are multiples of one, else from 20,000 patterns. The limits are those of
    the two totals joined as Newcombe's (1998) method 10 joins two paired rates:
    Δ - √(a² - 2ρab + b²) with a the way of the first total to its lower limit, b that of the
    second to its upper one, and ρ the correlation of what the groups add to each total. It is
    moved towards zero by 1/G, as his continuity correction does.
    """
    ours, theirs = composite(now, weights, level=level), composite(before, weights, level=level)
    names, mine = _shares(now, weights)
    others = _shares(before, weights)[1]
    delta = ours.value - theirs.value
    rho = _correlation(mine, others)
    down, up = ours.value - ours.low, theirs.high - theirs.value
    down_2, up_2 = theirs.value - theirs.low, ours.high - ours.value
    return Change(
        estimate=Estimate(
            value=delta,
            low=delta - _joined(down, up, rho),
            high=delta + _joined(up_2, down_2, rho),
            level=level,
            method="newcombe-mover",
            n=ours.n,
            n_groups=len(names),
        ),
        p=_sign_flip_p(mine - others, names, rng),
    )


def _sign_flip_p(changes: Column, names: Sequence[str], rng: np.random.Generator) -> float:
    """Exact where all changes are whole multiples of one, as with credits 0 and 1; else drawn."""
    changes = np.where(np.abs(changes) > _ROUNDING, changes, 0.0)
    sizes = np.abs(changes[changes != 0.0])
    if len(sizes):
        steps = changes / sizes.min()
        whole = np.round(steps)
        if np.abs(whole).sum() <= _MOST_STEPS and np.allclose(steps, whole, rtol=0, atol=1e-6):
            return sign_flip_p_integer(whole.astype(np.int64), "two-sided")
    return sign_flip_p_margins(changes, names, alternative="two-sided", rng=rng)


def _joined(first: float, second: float, rho: float) -> float:
    return math.sqrt(max(0.0, first**2 - 2 * rho * first * second + second**2))


def _correlation(mine: Column, others: Column) -> float:
    """Pearson's, less 1/G when positive; 0 where either does not vary."""
    if np.ptp(mine) == 0.0 or np.ptp(others) == 0.0:
        return 0.0
    found = float(np.corrcoef(mine, others)[0, 1])
    return max(0.0, found - 1.0 / len(mine)) if found > 0 else found


def _used(parts: Mapping[str, Credits], weights: Mapping[str, float]) -> dict[str, Credits]:
    missing = [name for name in weights if name not in parts or not len(parts[name].values)]
    if missing or not weights:
        raise ValueError(f"a total needs its parts; missing: {', '.join(missing) or 'all'}")
    bad = [name for name, weight in weights.items() if not weight > 0]
    if bad:
        raise ValueError(f"the weight of {bad[0]} is {weights[bad[0]]}; it must be above 0")
    return {name: parts[name] for name in weights}


def _shares(parts: Mapping[str, Credits], weights: Mapping[str, float]) -> tuple[list[str], Column]:
    """Each group's name and what it adds to the total."""
    used = _used(parts, weights)
    names = list(dict.fromkeys(group for part in used.values() for group in part.groups))
    place = {name: index for index, name in enumerate(names)}
    added = np.zeros(len(names))
    for name, part in used.items():
        rows = np.array([place[group] for group in part.groups], dtype=np.intp)
        np.add.at(added, rows, weights[name] * part.values / len(part.values))
    return names, added


@dataclass(frozen=True, eq=False)
class _Stratum:
    """Groups that occur in the same parts; together they can add `most` to the total."""

    most: float
    credits: Column
    groups: Sequence[str]

    def estimate(self, level: float) -> Estimate:
        return share_estimate(self.credits, self.groups, level=level)


def _strata(used: Mapping[str, Credits], weights: Mapping[str, float]) -> list[_Stratum]:
    homes: dict[str, list[str]] = {}
    for name, part in used.items():
        for group in dict.fromkeys(part.groups):
            homes.setdefault(group, []).append(name)
    found = []
    for signature in dict.fromkeys(tuple(each) for each in homes.values()):
        inside = {group for group, home in homes.items() if tuple(home) == signature}
        rows = {
            name: np.array([group in inside for group in used[name].groups]) for name in signature
        }
        most = sum(weights[name] * float(row.sum()) / len(row) for name, row in rows.items())
        kept = {name: _kept(used[name], row) for name, row in rows.items()}
        each = {name: weights[name] / len(used[name].values) for name in signature}
        if max(each.values()) <= min(each.values()) * (1 + 1e-9):
            # Items that weigh the same stay apart: a mean of them would hide how little they vary.
            values = np.concatenate([part.values for part in kept.values()])
            groups = [group for part in kept.values() for group in part.groups]
            found.append(_Stratum(most, values, groups))
        else:
            found.append(_Stratum(most, *_shares_of_groups(kept, each)))
    return found


def _kept(part: Credits, rows: NDArray[np.bool_]) -> Credits:
    groups = [group for group, keep in zip(part.groups, rows, strict=True) if keep]
    return Credits(part.values[rows], groups)


def _shares_of_groups(
    parts: Mapping[str, Credits], each: Mapping[str, float]
) -> tuple[Column, list[str]]:
    """What each group earned as a share of what it could have; `each` is the weight of an item."""
    earned: dict[str, float] = {}
    possible: dict[str, float] = {}
    for name, part in parts.items():
        for group, value in zip(part.groups, part.values.tolist(), strict=True):
            earned[group] = earned.get(group, 0.0) + each[name] * value
            possible[group] = possible.get(group, 0.0) + each[name]
    shares = np.array([earned[group] / possible[group] for group in earned])
    return np.clip(shares, 0.0, 1.0), list(earned)


__all__ = ["Change", "Credits", "composite", "composite_change"]
