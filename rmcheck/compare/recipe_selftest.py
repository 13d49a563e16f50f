"""Simulated comparisons of two recipes: equal ones trained with other seeds, and worse ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from rmcheck.checks.no_regression import NoRegression
from rmcheck.compare.comparison import Side
from rmcheck.compare.simulation import Share
from rmcheck.progress import NoProgress, Progress
from rmcheck.record.scores import PairScore
from rmcheck.stats import groups as grouping
from rmcheck.stats.decision import MIN_GROUPS
from rmcheck.stats.multiplicity import one_sided_level
from rmcheck.stats.seeds import Spread, detectable_recipe_drop, recipe_difference, regressed
from rmcheck.stats.winrate import wins
from rmcheck.suite import Suite

PLANTED = (0.03, 0.05, 0.10)
"""True drops of the mean win rate that are planted."""

MOST_RUNS = 200
"""A comparison of recipes takes longer to simulate than one of models."""

Wins = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class RecipeGuard:
    """A `no_regression` check with the wins of the trainings that it would judge.

    `now` is (k, n); `trainings` are the k and j of the comparison.
    """

    name: str
    check: NoRegression
    required: bool
    groups: grouping.Groups
    now: Wins
    trainings: tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class RecipeTested:
    """What the simulation found of one check; `sd` is that of a training's win rate by seed."""

    name: str
    required: bool
    n: int
    trainings: tuple[int, int]
    sd: float
    false_alarms: Share
    caught: Mapping[float, Share]
    detectable: float | None


@dataclass(frozen=True, kw_only=True)
class RecipeSelfTest:
    """The whole: `red` are the runs over equal recipes in which some required check failed."""

    runs: int
    alpha: float
    red: Share
    tested: Sequence[RecipeTested]

    @property
    def cries_wolf(self) -> bool:
        """Whether equal recipes fail more often than alpha, by more than noise."""
        return self.red.interval[0] > self.alpha


def recipe_guards(suites: Sequence[Suite], run: Side, baseline: Side | None) -> list[RecipeGuard]:
    """The comparisons of recipes: those of which the run has the scores of several trainings."""
    mine = {(row.suite, row.hash): row for row in run.rows if row.seeds}
    kept = {(row.suite, row.hash): row for row in baseline.rows} if baseline else {}
    found: list[RecipeGuard] = []
    for suite in suites:
        for bound in suite.bound:
            check = bound.check
            if not isinstance(check, NoRegression):
                continue
            keys = [(suite.name, pair.hash) for pair in check.select(suite.data_of(check))]
            rows = [mine[key] for key in keys if key in mine]
            if len({row.group for row in rows}) < MIN_GROUPS:
                continue
            seeds = list(rows[0].seeds)
            theirs = [kept[key] for key in keys if key in kept]
            found.append(
                RecipeGuard(
                    name=bound.id,
                    check=check,
                    required=bound.required,
                    groups=grouping.Groups(row.group for row in rows),
                    now=np.stack([_won(rows, seed, check) for seed in seeds]),
                    trainings=(len(seeds), _trainings(theirs) if theirs else len(seeds)),
                )
            )
    return found


def _won(rows: Sequence[PairScore], seed: str, check: NoRegression) -> Wins:
    both = np.array([row.seeds[seed] for row in rows])
    return wins(both[:, 0], both[:, 1], ties=check.ties)


def _trainings(rows: Sequence[PairScore]) -> int:
    return max(1, min(len(row.seeds) for row in rows))


class _Model:
    """Trainings like those of a run: pairs keep their difficulty, a seed shifts all of them.

    The chance of a pair is its share of wins, drawn towards the mean by one training's weight; the
    shift is normal on the logit scale, and has the variance between seeds that was seen.
    """

    def __init__(self, guard: RecipeGuard, spread: Spread) -> None:
        mean = guard.now.mean()
        chance = (guard.now.sum(axis=0) + mean) / (len(guard.now) + 1)
        self._logits = logit(np.clip(chance, 0.02, 0.98))
        self._slope = float((chance * (1 - chance)).mean())
        self.sd = float(np.sqrt(max(0.0, spread.seed - spread.noise)))

    def drawn(self, shifts: Wins, drop: float, rng: np.random.Generator) -> Wins:
        """(k, n) wins of trainings with these standard normal shifts, (k,), and a true drop."""
        moved = (self.sd * shifts - drop) / self._slope
        chances: Wins = expit(self._logits + moved[:, None])
        return np.asarray(rng.random(chances.shape) < chances, dtype=np.float64)


def recipe_selftest(
    found: Sequence[RecipeGuard],
    *,
    comparisons: int,
    runs: int,
    seed: int = 0,
    progress: Progress | None = None,
) -> RecipeSelfTest | None:
    """Simulate runs over equal recipes, and over ones that lost `PLANTED`; None without seeds.

    Parameters
    ----------
    found : the comparisons of recipes.
    comparisons : m, the number of required comparisons of a whole run.
    runs : simulated runs, at most `MOST_RUNS`.
    seed : the result depends on nothing else.

    Notes
    -----
    The trainings of a recipe shift all suites together, as one seed does.
    """
    if not found:
        return None
    shown, runs = progress or NoProgress(), min(runs, MOST_RUNS)
    spreads = [_spread(guard) for guard in found]
    models = [_Model(guard, spread) for guard, spread in zip(found, spreads, strict=True)]
    counts = np.zeros((len(found), 1 + len(PLANTED)), dtype=np.int64)
    red = 0
    rng = np.random.default_rng(seed)
    shown.start("simulating recipes", runs, "runs")
    for _ in range(runs):
        most = [max(guard.trainings[side] for guard in found) for side in (0, 1)]
        shifts = [rng.standard_normal(count) for count in most]
        some = False
        for place, (guard, model) in enumerate(zip(found, models, strict=True)):
            (k, j), check = guard.trainings, guard.check
            theirs = model.drawn(shifts[1][:j], 0.0, rng)
            for column, drop in enumerate((0.0, *PLANTED)):
                failed = regressed(
                    model.drawn(shifts[0][:k], drop, rng),
                    theirs,
                    guard.groups,
                    max_drop=check.max_drop,
                    each=one_sided_level(check.alpha, comparisons),
                )
                counts[place, column] += failed
                some |= failed and guard.required and not column
        red += some
        shown.advance(1)
    shown.finish()
    return RecipeSelfTest(
        runs=runs,
        alpha=max(guard.check.alpha for guard in found),
        red=Share(red, runs),
        tested=[
            RecipeTested(
                name=guard.name,
                required=guard.required,
                n=guard.now.shape[1],
                trainings=guard.trainings,
                sd=model.sd,
                false_alarms=Share(int(row[0]), runs),
                caught={
                    drop: Share(int(count), runs)
                    for drop, count in zip(PLANTED, row[1:], strict=True)
                },
                detectable=detectable_recipe_drop(
                    spread,
                    trainings=guard.trainings,
                    max_drop=guard.check.max_drop,
                    each=one_sided_level(guard.check.alpha, comparisons),
                    now=(len(guard.now), len(guard.now)),
                ),
            )
            for guard, model, spread, row in zip(found, models, spreads, counts, strict=True)
        ],
    )


def _spread(guard: RecipeGuard) -> Spread:
    """The variances of the run's trainings compared with others like them."""
    seen = recipe_difference(guard.now, guard.now, guard.groups).spread
    # The same trainings twice differ on no pair: other trainings do by their noise.
    return replace(seen, pairs=seen.factor * seen.noise)
