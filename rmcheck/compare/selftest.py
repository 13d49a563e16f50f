"""Simulate the false-alarm rate and the smallest detectable drop of suites."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from rmcheck.checks.looks import looks_at
from rmcheck.checks.no_regression import NoRegression
from rmcheck.compare.comparison import Side
from rmcheck.compare.looking_trial import trial
from rmcheck.compare.measured_plan import MeasuredPower
from rmcheck.compare.simulation import PLANTED, Guard, Share, Tested, Wins
from rmcheck.data import PreferencePair
from rmcheck.progress import NoProgress, Progress
from rmcheck.record.scores import PairScore
from rmcheck.stats.decision import MIN_GROUPS
from rmcheck.stats.winrate import undecidable, wins
from rmcheck.suite import Suite
from rmcheck.wording import counted

_CELLS = 2_000_000


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
        """Whether equal models fail more often than alpha, by more than noise."""
        return self.red.interval[0] > self.alpha


def guards(
    suites: Sequence[Suite],
    run: Side,
    baseline: Side | None,
    *,
    early_stop: bool | None = None,
) -> tuple[list[Guard], list[str]]:
    """The comparisons of the suites with their wins, and why others are left out.

    `early_stop` is that of the settings: True or False for all checks, None for what each says.
    """
    mine, theirs = _rows(run), _rows(baseline) if baseline else {}
    found: list[Guard] = []
    notes: list[str] = []
    for suite in suites:
        for bound in suite.bound:
            check, name = bound.check, bound.id
            if not isinstance(check, NoRegression):
                continue
            if early_stop is not None:
                check = check.stopping(early_stop)
            pairs = check.select(suite.data_of(check))
            column = (suite.name, check.objective or "")
            rows = mine.get(column, {})
            known = [(pair, rows[pair.hash]) for pair in pairs if pair.hash in rows]
            kept = [row for _, row in known]
            if len(kept) < len(pairs):
                lacking = counted(len(pairs) - len(kept), "pair")
                notes.append(f"{name}: {run.name} has no scores for {lacking}")
            reason = undecidable(
                _wins(kept, check), [row.group for row in kept], min_groups=MIN_GROUPS
            )
            if reason:
                notes.append(f"{name}: left out, because the check cannot decide: {reason}")
                continue
            found.append(_guard(name, check, bound.required, known, theirs.get(column, {})))
    return found, notes


def _rows(side: Side) -> dict[tuple[str, str], dict[str, PairScore]]:
    """Rows by suite and objective, and by the hash of their texts."""
    rows: dict[tuple[str, str], dict[str, PairScore]] = {}
    for row in side.rows:
        rows.setdefault((row.suite, row.objective), {})[row.hash] = row
    return rows


def _guard(
    name: str,
    check: NoRegression,
    required: bool,
    known: Sequence[tuple[PreferencePair, PairScore]],
    others: Mapping[str, PairScore],
) -> Guard:
    """Paired with the baseline's wins where that has enough of the pairs, and differs at all."""
    if any(row.seeds for _, row in known):
        check = check.stopping(False)  # a comparison of recipes looks at all pairs
    both = [(pair, row) for pair, row in known if row.hash in others]
    theirs = [others[row.hash] for _, row in both]
    compared = len({row.group for _, row in both}) >= MIN_GROUPS and np.any(
        _wins([row for _, row in both], check) != _wins(theirs, check)
    )
    kept = both if compared else known
    rows = [row for _, row in kept]
    looks = looks_at([pair for pair, _ in kept], early=check.early_stop)
    return Guard(
        name,
        check,
        required,
        [row.group for row in rows],
        _wins(rows, check),
        _wins(theirs, check) if compared else None,
        margins=(_margins(rows), _margins(theirs) if compared else None),
        looks=looks if check.early_stop else (),
    )


def _margins(rows: Sequence[PairScore]) -> Wins:
    return np.array([row.chosen - row.rejected for row in rows], dtype=np.float64)


def _wins(rows: Sequence[PairScore], check: NoRegression) -> Wins:
    sides = ([row.chosen for row in rows], [row.rejected for row in rows])
    return wins(*sides, ties=check.ties)


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
    chance `ASSUMED`: the worst that groups allow. Pairs of one group found in several suites
    share their draws, so that `red` is that of a run as a whole. A drop takes wins away and leaves
    the models as sure as they were.
    """
    shown = progress or NoProgress()
    trials = [trial(guard, comparisons) for guard in found]
    columns: dict[str, int] = {}
    for each in trials:
        for name in each.names:
            columns.setdefault(name, len(columns))
    rng = np.random.default_rng(seed)
    alarms = [0] * len(trials)
    caught = [Counter[float]() for _ in trials]
    scored = [dict.fromkeys((0.0, *planted), 0.0) for _ in trials]
    red = 0
    chunk = max(1, _CELLS // len(columns))
    shown.start("simulating", runs, "runs")
    for start in range(0, runs, chunk):
        size = min(chunk, runs - start)
        draws = [rng.random((size, len(columns))) for _ in range(3)]
        some = np.zeros(size, dtype=bool)
        for place, each in enumerate(trials):
            mine = [columns[name] for name in each.names]
            part = (draws[0][:, mine], draws[1][:, mine], draws[2][:, mine])
            for drop in (0.0, *planted):
                failed, shares = each.judged(each.choice(part, drop))
                if shares is not None:
                    scored[place][drop] += float(shares.sum()) / runs
                if drop:
                    caught[place][drop] += int(failed.sum())
                    continue
                alarms[place] += int(failed.sum())
                if each.guard.required:
                    some |= failed
        red += int(some.sum())
        shown.advance(size)
    shown.finish()
    return SelfTest(
        runs=runs,
        seed=seed,
        comparisons=comparisons,
        alpha=max((guard.check.alpha for guard in found), default=math.nan),
        red=Share(red, runs),
        tested=[
            _by_measure(
                each.tested(
                    alarms[place],
                    {drop: caught[place][drop] for drop in planted},
                    runs,
                    scored[place] if each.guard.looks else None,
                ),
                each.guard,
                comparisons,
            )
            for place, each in enumerate(trials)
        ],
        notes=tuple(notes),
    )


def _by_measure(tested: Tested, guard: Guard, comparisons: int) -> Tested:
    """With what the check's own measure detects, where both models' margins are known."""
    if tested.measure == "win_rate" or guard.before is None:
        return tested
    power = MeasuredPower(guard, comparisons)
    return replace(
        tested,
        detected_by=tested.measure,
        detectable=power.detectable(tested.n),
        pairs_needed=power.needed(tested.target, tested.max_drop),
    )
