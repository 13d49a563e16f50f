"""A `no_regression` check on simulated models: equal ones, and ones that lost some points."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from rmcheck.checks.looks import Look
from rmcheck.checks.no_regression import NoRegression
from rmcheck.stats import groups as grouping
from rmcheck.stats.decision import Measure
from rmcheck.stats.paired import classify, paired_difference
from rmcheck.stats.power import (
    detectable_drop,
    pairs_to_catch,
    smoothed_discordant,
    worst_design_effect,
)
from rmcheck.stats.winrate import wilson_limits

PLANTED = (0.01, 0.02, 0.03, 0.05)
"""True drops of the win rate that are planted."""

ASSUMED = 0.2
"""Share of prompts on which two models are taken to differ where no comparison tells."""

LEVEL = 0.95
SAME, AHEAD, BEHIND, LOST = range(4)
"""The contents of a group; see `Trial`."""

Wins = NDArray[np.float64]
Draws = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]


@dataclass(frozen=True)
class Share:
    """How many of so many simulated runs, with Wilson's interval."""

    count: int
    runs: int

    @property
    def value(self) -> float:
        """In [0, 1]."""
        return self.count / self.runs

    @property
    def interval(self) -> tuple[float, float]:
        """At level 0.95."""
        return wilson_limits(self.value, self.runs, float(ndtri((1 + LEVEL) / 2)))


@dataclass(frozen=True, eq=False)
class Guard:
    """A `no_regression` check with the wins that it would judge; each column is (n,).

    `before` None: there was nothing to compare with, so that models are taken to differ on
    `ASSUMED` of the prompts. `margins` are those behind the wins, for a check that measures them;
    each model's in its own unit. `looks` are those of a check that may decide before all pairs are
    scored.
    """

    name: str
    check: NoRegression
    required: bool
    groups: Sequence[str]
    now: Wins
    before: Wins | None = None
    margins: tuple[Wins, Wins | None] | None = None
    looks: Sequence[Look] = ()


@dataclass(frozen=True, kw_only=True)
class Tested:
    """What the simulation found of one check.

    `detectable` is the smallest drop caught with 80 % probability. `target` is the drop that a
    check with this `max_drop` should catch: twice that (a drop of just `max_drop` is caught half
    of the time at best), at least 1 point. `pairs_needed` would do for it. Both are those of
    `detected_by`, which is the measure where both models' margins are known, else the win rate.

    `scored` is the mean share of the pairs that a check with `early_stop` scores, by drop (0 for
    equal models); None for one without.
    """

    name: str
    required: bool
    n: int
    n_groups: int
    discordant: float
    assumed: bool
    max_drop: float
    false_alarms: Share
    caught: Mapping[float, Share]
    detectable: float | None
    target: float
    pairs_needed: int | None
    measure: Measure = "win_rate"
    detected_by: Measure = "win_rate"
    scored: Mapping[float, float] | None = None

    @property
    def too_small(self) -> bool:
        """Whether it has too few pairs to detect `target`."""
        return self.detectable is None or self.detectable > self.target


class Trial:
    """One guard, ready to be judged on data that differ by group.

    Each group has four contents, that is, columns of (candidate, baseline) wins: both models the
    same, the candidate ahead, the candidate behind, and the candidate losing what it had right.
    The verdict depends on nothing but how many groups have which content, so it is kept by that.
    """

    def __init__(self, guard: Guard, comparisons: int) -> None:
        self.guard = guard
        self._comparisons = comparisons
        self._verdicts: dict[bytes, bool] = {}
        self._n = len(guard.now)
        self.names = list(dict.fromkeys(guard.groups))
        self.likely = 1.0 if guard.before is not None else ASSUMED
        kinds: dict[tuple[tuple[float, float], ...], int] = {}
        self._kind = np.empty((len(self.names), 4), dtype=np.intp)
        self._net = np.empty((len(self.names), 4), dtype=np.int64)
        for code, rows in enumerate(_rows_by_group(guard.groups)):
            for variant, content in enumerate(_contents(guard, rows)):
                kind = tuple(sorted(content))
                self._kind[code, variant] = kinds.setdefault(kind, len(kinds))
                self._net[code, variant] = round(2 * sum(mine - other for mine, other in kind))
        self._contents = [np.array(kind) for kind in kinds]

    def choice(self, draws: Draws, drop: float) -> NDArray[np.intp]:
        """Which content each group has: three (runs, G) tables of uniform numbers to (runs, G).

        Without a drop a group that differs is ahead or behind with equal chance. A drop first
        tilts that chance; what is left of it takes away pairs that both models have right.
        """
        differs, side, taken = draws
        most = -self.likely * float(self._net[:, BEHIND].sum()) / (2 * self._n)
        behind = 0.5 * (1 + min(1.0, drop / most)) if most > 0.0 else 1.0
        all_lost = self.most
        lost = (drop - most) / (all_lost - most) if drop > most and all_lost > most else 0.0
        other = np.where(side < behind, BEHIND, AHEAD)
        chosen = np.where(differs < self.likely, other, SAME)
        return np.where(taken < min(1.0, lost), LOST, chosen)

    @property
    def most(self) -> float:
        """The largest drop of the win rate that can be planted."""
        return -float(self._net[:, LOST].sum()) / (2 * self._n)

    def judged(self, choice: NDArray[np.intp]) -> tuple[NDArray[np.bool_], Wins | None]:
        """As `red`, and the share of the pairs that each run scores, if that may be a part."""
        return self.red(choice), None

    def red(self, choice: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Whether the check fails, run by run: (runs, G) contents to (runs,)."""
        every = np.arange(choice.shape[1])
        change = self._net[every, choice].sum(axis=1) / (2 * self._n)
        kinds = self._kind[every, choice]
        check = self.guard.check
        # A drop smaller than max_drop is never a regression: skip the gate.
        asked = np.full(len(choice), True)
        if check.require == "no_regression":
            asked = change <= -check.max_drop
        found = np.zeros(len(choice), dtype=bool)
        for run in np.flatnonzero(asked):
            found[run] = self._fails(np.bincount(kinds[run], minlength=len(self._contents)))
        return found

    def _fails(self, counts: NDArray[np.intp]) -> bool:
        """The gate's own verdict on so many groups of each content."""
        key = counts.tobytes()
        if key not in self._verdicts:
            rows = [np.tile(c, (k, 1)) for c, k in zip(self._contents, counts, strict=True)]
            sizes = np.repeat([len(content) for content in self._contents], counts)
            groups = np.repeat(np.arange(len(sizes)), sizes).astype(str).tolist()
            columns = np.concatenate(rows)
            check = self.guard.check
            state = classify(
                paired_difference(columns[:, 0], columns[:, 1], groups),
                identical=False,
                max_drop=check.max_drop,
                alpha=check.alpha,
                comparisons=self._comparisons,
            )
            self._verdicts[key] = check.decide(state)[1] == "fail"
        return self._verdicts[key]

    def tested(
        self,
        alarms: int,
        caught: Mapping[float, int],
        runs: int,
        scored: Mapping[float, float] | None = None,
    ) -> Tested:
        """The result, with what this many pairs can detect."""
        guard, check = self.guard, self.guard.check
        effect, share = worst_design_effect(guard.groups), ASSUMED
        smoothed = ASSUMED
        if guard.before is not None:
            seen = paired_difference(guard.now, guard.before, guard.groups)
            effect = seen.design_effect
            share = (seen.newly_wrong + seen.newly_right) / self._n
            smoothed = smoothed_discordant(seen.newly_wrong, seen.newly_right, self._n)
        target = max(2 * check.max_drop, PLANTED[0])
        return Tested(
            name=guard.name,
            required=guard.required,
            n=self._n,
            n_groups=len(self.names),
            discordant=share,
            assumed=guard.before is None,
            max_drop=check.max_drop,
            false_alarms=Share(alarms, runs),
            caught={drop: Share(count, runs) for drop, count in caught.items()},
            detectable=detectable_drop(
                n=self._n,
                group_sizes_or_groups=guard.groups,
                discordant=smoothed,
                max_drop=check.max_drop,
                alpha=check.alpha,
                comparisons=self._comparisons,
                design_effect=effect,
            ),
            target=target,
            measure=check.measure,
            scored=scored,
            pairs_needed=pairs_to_catch(
                min(1.0, target),
                discordant=smoothed,
                max_drop=check.max_drop,
                alpha=check.alpha,
                comparisons=self._comparisons,
                design_effect=effect,
            ),
        )


def _rows_by_group(groups: Sequence[str]) -> list[NDArray[np.intp]]:
    """The rows of each group, groups in the order of their first appearance."""
    codes = grouping.codes(groups)
    order = np.argsort(codes, kind="stable")
    return np.split(order, np.cumsum(grouping.sizes(codes))[:-1])


def _contents(guard: Guard, rows: NDArray[np.intp]) -> Iterator[list[tuple[float, float]]]:
    """A group's four contents, in the order same, ahead, behind, lost."""
    now = guard.now[rows].tolist()
    if guard.before is None:
        yield [(each, each) for each in now]
        yield [(1.0, 0.0)] * len(now)
        yield [(0.0, 1.0)] * len(now)
        yield [(0.0, each) for each in now]
        return
    before = guard.before[rows].tolist()
    low, high = (now, before) if sum(now) <= sum(before) else (before, now)
    yield list(zip(now, now, strict=True))
    yield list(zip(high, low, strict=True))
    yield list(zip(low, high, strict=True))
    # Behind on all that they differ on, and what both had right is lost, too.
    yield [
        (0.0 if mine == other == 1.0 else mine, other)
        for mine, other in zip(low, high, strict=True)
    ]
