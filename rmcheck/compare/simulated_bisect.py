"""What `rmcheck bisect` would say of simulated trainings: with a step that broke, and without."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import bdtrc

from rmcheck.checks.no_regression import NoRegression
from rmcheck.compare.bisect import ALPHA, Bisection, Search, looks
from rmcheck.compare.comparison import Side
from rmcheck.compare.forecast import timed
from rmcheck.compare.lookalikes import Contents, Lookalikes, places
from rmcheck.compare.simulation import Guard, Share, Trial
from rmcheck.progress import NoProgress, Progress
from rmcheck.record.scores import PairScore
from rmcheck.stats.decision import MIN_GROUPS
from rmcheck.stats.multiplicity import one_sided_level
from rmcheck.stats.winrate import undecidable, wins

STEPS = 16
_NOISE = 0.001
MOST_SERIES = 50
"""A search takes a quarter of a second with 1,400 pairs."""


@dataclass(frozen=True, kw_only=True)
class BisectTest:
    """What was found in series of `steps` models.

    `named` are the series without a worse step in which one is named all the same. Of the series
    with a step that broke: `exact` named that step, `early` one before it, `within` told a range
    with it, and `scored` is the mean number of steps that were scored. `drops` are the losses that
    were planted, by suite: what its pairs detect with 80 % probability. All four are None if no
    suite detects any drop.
    """

    steps: int
    most_scored: int
    level: float
    named: Share
    drops: dict[str, float]
    exact: Share | None
    early: Share | None
    within: Share | None
    scored: float | None

    @property
    def cries_wolf(self) -> bool:
        """Whether a step is named in more series than the search allows, by more than noise.

        The search uses nearly all of its level, so that noise is given more room than elsewhere.
        """
        count, runs = self.named.count, self.named.runs
        return count > 0 and float(bdtrc(count - 1, runs, self.level)) < _NOISE


def suite_guards(suites: Sequence[str], run: Side, baseline: Side | None) -> list[Guard]:
    """The pairs of each suite as `rmcheck bisect` compares them, where they decide anything."""
    check = NoRegression()
    others = {(row.suite, row.objective, row.hash): row for row in (baseline or run).rows}
    columns: dict[str, list[PairScore]] = {}
    for row in run.rows:
        if row.suite in suites and (row.suite, row.objective, row.hash) in others:
            name = f"{row.suite} [{row.objective}]" if row.objective else row.suite
            columns.setdefault(name, []).append(row)
    found = []
    for name, rows in columns.items():
        theirs = [others[row.suite, row.objective, row.hash] for row in rows]
        groups = [row.group for row in rows]
        now, before = (
            np.array([row.chosen - row.rejected for row in side], dtype=np.float64)
            for side in (rows, theirs)
        )
        zero = np.zeros(len(rows))
        won, held = wins(now, zero), wins(before, zero)
        if undecidable(won, groups, min_groups=MIN_GROUPS):
            continue
        known = bool(np.any(won != held))
        found.append(
            Guard(
                name,
                check,
                True,
                groups,
                won,
                held if known else None,
                margins=(now, before if known else None),
            )
        )
    return found


def simulated_bisect(
    found: Sequence[Guard],
    *,
    steps: int = STEPS,
    runs: int = MOST_SERIES,
    seed: int = 0,
    progress: Progress | None = None,
) -> BisectTest | None:
    """Simulate searches in series of models on the pairs of all suites together.

    Parameters
    ----------
    found : the suites (`suite_guards`); None is returned without one.
    steps : models in a series, at least 1.
    runs : simulated series of either kind, at most `MOST_SERIES`.
    seed : the result depends on nothing else.

    Notes
    -----
    The models are `Lookalikes`. In the series with a worse step, each one is as likely to be the
    first, and all suites lose what they detect from it on. `bisect.Bisection` searches them as the
    command does, with its defaults.
    """
    if not found:
        return None
    shown, runs = progress or NoProgress(), min(runs, MOST_SERIES)
    models = [Lookalikes(guard) for guard in found]
    drops = [_detectable(guard, len(found)) for guard in found]
    series = _Series(models, drops)
    rng = np.random.default_rng(seed)
    named, exact, early, within, scored = 0, 0, 0, 0, 0
    for _ in timed(shown, "simulating bisect", runs, "series"):
        answer, _ = series.searched(rng, steps, planted=steps)
        named += answer.first is not None
        if any(drops):
            planted = int(rng.integers(steps))
            answer, count = series.searched(rng, steps, planted=planted)
            scored += count
            if answer.first is not None:
                exact += answer.first == planted
                early += answer.first < planted
                within += answer.after < planted <= answer.first
    told = any(drops)
    return BisectTest(
        steps=steps,
        most_scored=looks(steps),
        level=one_sided_level(ALPHA, 1),
        named=Share(named, runs),
        drops={guard.name: drop for guard, drop in zip(found, drops, strict=True) if drop},
        exact=Share(exact, runs) if told else None,
        early=Share(early, runs) if told else None,
        within=Share(within, runs) if told else None,
        scored=scored / runs if told else None,
    )


def _detectable(guard: Guard, suites: int) -> float:
    """The drop that the last step's comparison catches with 80 % probability; 0 if none."""
    return Trial(guard, suites).tested(0, {}, 1).detectable or 0.0


class _Series:
    """Series of models on all suites; a group of pairs in several of them is drawn once."""

    def __init__(self, models: Sequence[Lookalikes], drops: Sequence[float]) -> None:
        self._models = models
        self._drops = drops
        self._groups, self._mine = places(models)
        self._rows = [_rows(each) for each in models]

    def searched(self, rng: np.random.Generator, steps: int, *, planted: int) -> tuple[Search, int]:
        """What the search of a new series finds, and how many steps it scores."""
        tossed, before, gone = rng.random((3, self._groups))
        coins = rng.random((steps, self._groups))

        def read(step: int) -> Side:
            worse = step >= planted
            return self._side(f"step {step + 1}", tossed, coins[step], gone if worse else None)

        baseline = self._side("baseline", tossed, before, None)
        bisection = Bisection(read, baseline, NoRegression.max_drop)
        return bisection.run(steps), len(bisection.points)

    def _side(
        self,
        name: str,
        tossed: np.ndarray[tuple[int], np.dtype[np.float64]],
        coins: np.ndarray[tuple[int], np.dtype[np.float64]],
        gone: np.ndarray[tuple[int], np.dtype[np.float64]] | None,
    ) -> Side:
        rows: list[PairScore] = []
        for each, mine, drop, table in zip(
            self._models, self._mine, self._drops, self._rows, strict=True
        ):
            lost = None if gone is None else gone[mine]
            contents = each.contents(tossed[mine], coins[mine], lost, drop)
            rows += _taken(each, contents, table)
        return Side(name, rows)


def _rows(models: Lookalikes) -> list[list[PairScore]]:
    """Each pair's row in each content of its group: 5 × n, so that a model is only a choice."""
    return [
        [
            PairScore(
                suite=models.guard.name,
                id=str(place),
                hash=str(place),
                group=models.guard.groups[place],
                chosen=margin,
                rejected=0.0,
            )
            for place, margin in enumerate(column.tolist())
        ]
        for column in models.margins
    ]


def _taken(
    models: Lookalikes, contents: Contents, table: Sequence[Sequence[PairScore]]
) -> list[PairScore]:
    return [table[content][row] for row, content in enumerate(contents[models.codes].tolist())]
