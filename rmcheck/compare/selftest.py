"""How often suites cry wolf and how small a drop they see: the gate, tried on simulated models."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from rmcheck.checks.no_regression import NoRegression
from rmcheck.compare.comparison import Side
from rmcheck.progress import NoProgress, Progress
from rmcheck.record.run import PairScore
from rmcheck.stats import groups as grouping
from rmcheck.stats.decision import MIN_GROUPS
from rmcheck.stats.paired import classify, paired_difference
from rmcheck.stats.power import (
    detectable_drop,
    pairs_to_catch,
    smoothed_discordant,
    worst_design_effect,
)
from rmcheck.stats.winrate import undecidable, wilson_limits, wins
from rmcheck.suite import Suite
from rmcheck.wording import counted

PLANTED = (0.01, 0.02, 0.03, 0.05)
"""True drops of the win rate that are planted."""

ASSUMED = 0.2
"""Share of prompts on which two models are taken to differ where no comparison tells."""

LEVEL = 0.95
_CELLS = 2_000_000
_SAME, _AHEAD, _BEHIND, _LOST = range(4)

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

    `before` None: there is no comparison to learn from, so that models are taken to differ on
    `ASSUMED` of the prompts.
    """

    name: str
    check: NoRegression
    required: bool
    groups: Sequence[str]
    now: Wins
    before: Wins | None = None


@dataclass(frozen=True, kw_only=True)
class Tested:
    """What the simulation found of one check.

    `detectable` is the smallest drop caught with 80 % probability. `target` is the drop that a
    check with this `max_drop` should catch: twice that (a drop of just `max_drop` is caught half
    of the time at best), at least 1 point. `pairs_needed` would do for it.
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

    @property
    def too_small(self) -> bool:
        """Whether it cannot guard what it promises."""
        return self.detectable is None or self.detectable > self.target


@dataclass(frozen=True, kw_only=True)
class SelfTest:
    """The whole: `red` are the A/A runs in which some required check failed."""

    runs: int
    seed: int
    comparisons: int
    alpha: float
    red: Share
    tested: Sequence[Tested]
    notes: Sequence[str] = field(default_factory=tuple)

    @property
    def cries_wolf(self) -> bool:
        """Whether equal models go red more often than alpha, by more than noise."""
        return self.red.interval[0] > self.alpha


def guards(
    suites: Sequence[Suite], run: Side, baseline: Side | None
) -> tuple[list[Guard], list[str]]:
    """The comparisons of the suites with their wins, and why others are left out."""
    mine, theirs = _rows(run), _rows(baseline) if baseline else {}
    found: list[Guard] = []
    notes: list[str] = []
    for suite in suites:
        for check in suite.checks:
            if not isinstance(check, NoRegression):
                continue
            name = f"{suite.name}::{check.label}"
            required = suite.gate_of(check) == "required"
            pairs = check.select(suite.data)
            rows = mine.get(suite.name, {})
            kept = [rows[pair.hash] for pair in pairs if pair.hash in rows]
            if len(kept) < len(pairs):
                lacking = counted(len(pairs) - len(kept), "pair")
                notes.append(f"{name}: {run.name} has no scores of {lacking}")
            reason = undecidable(
                _wins(kept, check), [row.group for row in kept], min_groups=MIN_GROUPS
            )
            if reason:
                notes.append(f"{name}: left out, since the check itself cannot decide. {reason}")
                continue
            found.append(_guard(name, check, required, kept, theirs.get(suite.name, {})))
    return found, notes


def _rows(side: Side) -> dict[str, dict[str, PairScore]]:
    """Rows by suite and by the hash of their texts."""
    rows: dict[str, dict[str, PairScore]] = {}
    for row in side.rows:
        rows.setdefault(row.suite, {})[row.hash] = row
    return rows


def _guard(
    name: str,
    check: NoRegression,
    required: bool,
    rows: Sequence[PairScore],
    others: Mapping[str, PairScore],
) -> Guard:
    """Paired with the baseline's wins where that has enough of the pairs, and differs at all."""
    both = [row for row in rows if row.hash in others]
    if len({row.group for row in both}) >= MIN_GROUPS:
        now, before = _wins(both, check), _wins([others[row.hash] for row in both], check)
        if np.any(now != before):
            return Guard(name, check, required, [row.group for row in both], now, before)
    return Guard(name, check, required, [row.group for row in rows], _wins(rows, check))


def _wins(rows: Sequence[PairScore], check: NoRegression) -> Wins:
    sides = ([row.chosen for row in rows], [row.rejected for row in rows])
    return wins(*sides, ties=check.ties)


class _Trial:
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
        most = -self.likely * float(self._net[:, _BEHIND].sum()) / (2 * self._n)
        behind = 0.5 * (1 + min(1.0, drop / most)) if most > 0.0 else 1.0
        all_lost = -float(self._net[:, _LOST].sum()) / (2 * self._n)
        lost = (drop - most) / (all_lost - most) if drop > most and all_lost > most else 0.0
        other = np.where(side < behind, _BEHIND, _AHEAD)
        chosen = np.where(differs < self.likely, other, _SAME)
        return np.where(taken < min(1.0, lost), _LOST, chosen)

    def red(self, choice: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Whether the check fails, run by run: (runs, G) contents to (runs,)."""
        every = np.arange(choice.shape[1])
        change = self._net[every, choice].sum(axis=1) / (2 * self._n)
        kinds = self._kind[every, choice]
        check = self.guard.check
        # A drop smaller than max_drop is no regression: the gate need not be asked.
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

    def tested(self, alarms: int, caught: Mapping[float, int], runs: int) -> Tested:
        """The result, with what the statistics say of this many pairs."""
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


def selftest(
    found: Sequence[Guard],
    *,
    comparisons: int,
    runs: int = 500,
    seed: int = 0,
    planted: Sequence[float] = PLANTED,
    notes: Sequence[str] = (),
    progress: Progress | None = None,
) -> SelfTest:
    """Simulate runs over models that are equal (A/A), and over ones that lost `planted`.

    Parameters
    ----------
    found : comparisons with their wins, at least one.
    comparisons : m, the number of required comparisons of a whole run.
    runs : simulated runs.
    seed : the result depends on nothing else.
    planted : true drops of the win rate.

    Notes
    -----
    Where the baseline's wins are known, the candidate and the baseline change places in a group of
    pairs by a fair coin, which is the null distribution of the gate's own test. Where they are not,
    two models are made up of which one is right and the other wrong on whole groups, each with
    chance `ASSUMED`: the worst that groups allow. Pairs of one group that stand in several suites
    share their draws, so that `red` is that of a run as a whole.
    """
    shown = progress or NoProgress()
    trials = [_Trial(guard, comparisons) for guard in found]
    columns: dict[str, int] = {}
    for trial in trials:
        for name in trial.names:
            columns.setdefault(name, len(columns))
    rng = np.random.default_rng(seed)
    alarms = [0] * len(trials)
    caught = [Counter[float]() for _ in trials]
    red = 0
    chunk = max(1, _CELLS // len(columns))
    shown.start("simulating", runs, "runs")
    for start in range(0, runs, chunk):
        size = min(chunk, runs - start)
        draws = [rng.random((size, len(columns))) for _ in range(3)]
        some = np.zeros(size, dtype=bool)
        for place, trial in enumerate(trials):
            mine = [columns[name] for name in trial.names]
            part = (draws[0][:, mine], draws[1][:, mine], draws[2][:, mine])
            failed = trial.red(trial.choice(part, 0.0))
            alarms[place] += int(failed.sum())
            if trial.guard.required:
                some |= failed
            for drop in planted:
                caught[place][drop] += int(trial.red(trial.choice(part, drop)).sum())
        red += int(some.sum())
        shown.advance(size)
    shown.finish()
    return SelfTest(
        runs=runs,
        seed=seed,
        comparisons=comparisons,
        alpha=max((each.check.alpha for each in found), default=math.nan),
        red=Share(red, runs),
        tested=[
            trial.tested(alarms[place], {drop: caught[place][drop] for drop in planted}, runs)
            for place, trial in enumerate(trials)
        ],
        notes=tuple(notes),
    )
