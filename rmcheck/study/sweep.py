"""A sweep: recipes that differ in some keys, chosen on some prompts, confirmed on others."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rmcheck.data import PreferencePair, pair_dialogues
from rmcheck.engine.book import ScoreBook
from rmcheck.errors import SourceError, TrainingError, UsageError
from rmcheck.reward_source import SourceOptions
from rmcheck.sources.recipe import RecipeSource, source_of
from rmcheck.sources.recipe_data import data_of
from rmcheck.stats.paired import Difference, paired_difference
from rmcheck.stats.winrate import undecidable, win_rate, wins
from rmcheck.study.pruning import Pruner, Reached, saved
from rmcheck.study.race import Race
from rmcheck.study.search import search_of
from rmcheck.study.trainings import train_all
from rmcheck.training.folds import Folds, folds_of_data
from rmcheck.training.recipe import Recipe
from rmcheck.training.sweep_file import Sweep, shown_settings
from rmcheck.verdict import Estimate

CHOOSE, CONFIRM = 1, 2
"""The folds that choose the settings and confirm them."""

AS_IT_IS = 0
"""The number of the run with the recipe's own settings."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """Settings that were tried: their adapter and their win rate on the prompts that choose.

    If the training failed, there is only the reason (`failed`), and no `estimate`; if it was
    stopped, there is the rung at which it was (`stopped`). `rungs` are its values at those that it
    reached, higher is better.
    """

    number: int
    settings: Mapping[str, Any]
    recipe: Recipe
    fingerprint: str
    estimate: Estimate | None
    failed: str = ""
    rungs: Mapping[int, float] = dataclasses.field(default_factory=dict)
    stopped: int | None = None

    @property
    def place(self) -> tuple[float, ...]:
        """What runs are sorted by: the best win rate, then who got farthest, failed ones last."""
        if self.estimate is not None:
            return 0, -self.estimate.value
        if self.stopped is not None:
            return 1, -self.stopped, -self.rungs[self.stopped]
        return (2,)


@dataclass(frozen=True, kw_only=True)
class SweepResult:
    """All runs, best first, and what the best of them reaches on fresh prompts.

    `confirmed` is the winner's win rate there, `unchanged` that of the recipe as it is, and
    `difference` the winner's less that, pair by pair; both are None if the recipe itself won.
    `shares` are the rungs at which runs were stopped, as shares of a training.
    """

    sweep: Sweep
    trained_on: int
    runs: tuple[Run, ...]
    confirmed: Estimate
    unchanged: Estimate | None
    difference: Difference | None
    notes: tuple[str, ...]
    shares: tuple[float, ...] = ()

    @property
    def saved(self) -> float:
        """The share of the training that was not made, as runs were stopped."""
        done = [run for run in self.runs if not run.failed]
        made = [1.0 if run.stopped is None else self.shares[run.stopped] for run in done]
        return saved([run.recipe.optimisation.epochs for run in done], made)

    @property
    def winner(self) -> Run:
        """The best run on the prompts that choose; of equal ones the first."""
        return self.runs[0]

    @property
    def chosen(self) -> Estimate:
        """Its win rate there, which is too good on average: it was chosen for it."""
        assert self.winner.estimate is not None
        return self.winner.estimate


class _Judge:
    """Trains recipes without the two folds, and scores the pairs of one of these."""

    def __init__(
        self, sweep: Sweep, pairs: Sequence[PreferencePair], numbers: NDArray[np.int64],
        options: SourceOptions,
    ) -> None:  # fmt: skip
        self.sweep, self.pairs, self.numbers, self.options = sweep, pairs, numbers, options
        self.pruner = (
            None if sweep.prune is None else Pruner(sweep.prune, self.of(CHOOSE), options.cache)
        )

    def source(self, number: int, settings: Mapping[str, Any]) -> RecipeSource:
        recipe = dataclasses.replace(
            self.sweep.varied(settings),
            name=f"{self.sweep.recipe.name}, run {number}",
            folds=Folds(of=self.sweep.folds, without=(CHOOSE, CONFIRM), seed=self.sweep.seed),
        )
        return source_of(f"recipe:{recipe.name}", recipe, self.options)

    def refuse_absent(self, settings: Mapping[str, Any]) -> None:
        """Raise UsageError if a file that these settings name is not there."""
        try:
            _ = self.source(AS_IT_IS, settings).adapter
        except (SourceError, UsageError) as error:
            if not settings or str(error).startswith(self.sweep.shown):
                raise
            said = f"{self.sweep.shown}: keys: {shown_settings(settings)}: {error}"
            raise UsageError(said) from None

    def of(self, fold: int) -> list[PreferencePair]:
        """The pairs of a fold."""
        rows = zip(self.pairs, self.numbers.tolist(), strict=True)
        return [pair for pair, number in rows if number == fold]

    def wins(self, source: RecipeSource, fold: int) -> NDArray[np.float64]:
        """Which pairs of a fold it gets right, (n,); trains it if it is not in the cache."""
        book = ScoreBook(self.options.cache)
        scores = book.scores(source, pair_dialogues(self.of(fold)))
        return wins(scores[0::2], scores[1::2])

    def runs(self, first: int, proposed: Sequence[Mapping[str, Any]]) -> Iterator[Run]:
        """Train proposals side by side, then score them one by one; the first is run `first`."""
        numbered = list(enumerate(proposed, start=first))
        sources = [self.source(number, settings) for number, settings in numbered]
        if self.pruner is not None:
            race = Race(self.pruner, sources, [number == AS_IT_IS for number, _ in numbered])
            if race.places < 2:
                for number, settings in numbered:
                    yield self.pruned(self.pruner, number, settings)
                return
            ended = race.run(self.options.progress)
            for (number, settings), found in zip(numbered, ended, strict=True):
                if isinstance(found, TrainingError):
                    yield self.run(number, settings, str(found))
                else:
                    yield self.run(number, settings, "", found)
            return
        failed = train_all(sources, self.options.progress)
        for place, (number, settings) in enumerate(numbered):
            error = failed.get(place)
            if error is not None and not isinstance(error, TrainingError):
                raise error
            yield self.run(number, settings, "" if error is None else str(error))

    def pruned(self, pruner: Pruner, number: int, settings: Mapping[str, Any]) -> Run:
        """Train one proposal, unless it falls behind those before it."""
        try:
            reached = pruner.train(self.source(number, settings), whole=number == AS_IT_IS)
        except TrainingError as error:
            return self.run(number, settings, str(error))
        return self.run(number, settings, "", reached)

    def run(
        self,
        number: int,
        settings: Mapping[str, Any],
        failed: str,
        reached: Reached | None = None,
    ) -> Run:
        # Afresh: a model that has been asked stays in memory.
        source = self.source(number, settings)
        reached = reached or Reached()
        whole = not failed and reached.stopped is None
        estimate = self.rate(self.wins(source, CHOOSE), CHOOSE) if whole else None
        return Run(
            number=number,
            settings=settings,
            recipe=source.recipe,
            fingerprint=source.adapter.name,
            estimate=estimate,
            failed=failed,
            rungs=reached.values,
            stopped=reached.stopped,
        )

    def rate(self, won: NDArray[np.float64], fold: int) -> Estimate:
        return win_rate(won, self.groups(fold))

    def groups(self, fold: int) -> list[str]:
        return [pair.group for pair in self.of(fold)]


def run_sweep(
    sweep: Sweep, options: SourceOptions, cache: Path, seen: Callable[[Run, Sequence[float]], None]
) -> SweepResult:
    """Try the settings of a sweep, choose the best, and confirm it on fresh prompts.

    Several are trained at once where that is faster. With `prune` they are stopped where they fall
    behind those before them; the recipe as it is never is, so one run is always complete.

    Every run is a recipe with its own hash; what is trained and scored already is not repeated, so
    a sweep that was stopped continues, and one with more runs only adds these.

    Parameters
    ----------
    sweep
        What to try.
    options
        Of the reward sources.
    cache
        The folder of scores.
    seen
        Called with each run when it is done, and with the rungs as shares of a training.

    Raises
    ------
    UsageError
        If the data have fewer prompts than folds, settings do not go together, or a file that they
        name is not there; before anything is trained.
    TrainingError
        If the recipe as it is cannot be trained; other runs may fail.
    """
    data = data_of(sweep.recipe)
    try:
        numbers = folds_of_data(data, sweep.folds, sweep.seed)
    except ValueError as error:
        raise UsageError(f"{sweep.shown}: folds: {error}") from None
    judge = _Judge(sweep, data.pairs, numbers, dataclasses.replace(options, cache=cache))
    search = search_of(sweep)
    for alone in sweep.each_value():
        judge.refuse_absent(alone)
    runs: list[Run] = []
    proposed: list[Mapping[str, Any]] = [{}]
    if search.independent:
        proposed += iter(search.ask, None)
    while proposed:
        for run in judge.runs(len(runs), proposed):
            if run.number == AS_IT_IS and run.failed:
                raise TrainingError(run.failed)
            if run.number != AS_IT_IS:
                value = None if run.estimate is None else run.estimate.value
                search.tell(value, list(run.rungs.values()) if run.stopped is not None else ())
            runs.append(run)
            seen(run, () if judge.pruner is None else judge.pruner.shares)
        settings = search.ask()
        proposed = [] if settings is None else [settings]
    ranked = sorted(runs, key=lambda run: run.place)
    return _confirmed(judge, ranked)


def _confirmed(judge: _Judge, ranked: Sequence[Run]) -> SweepResult:
    """The result of a sweep: the best run and the recipe as it is, on fresh prompts."""
    winner = ranked[0]
    best = judge.wins(judge.source(winner.number, winner.settings), CONFIRM)
    unchanged, difference = None, None
    if winner.number != AS_IT_IS:
        before = judge.wins(judge.source(AS_IT_IS, {}), CONFIRM)
        unchanged = judge.rate(before, CONFIRM)
        difference = paired_difference(best, before, judge.groups(CONFIRM))
    notes = []
    for fold, name in ((CHOOSE, "choose"), (CONFIRM, "confirm")):
        reason = undecidable(np.zeros(len(judge.of(fold))), judge.groups(fold))
        if reason is not None:
            notes.append(f"too few prompts to {name}: {reason}")
    left_out = np.isin(judge.numbers, (CHOOSE, CONFIRM))
    return SweepResult(
        sweep=judge.sweep,
        trained_on=int(np.sum(~left_out)),
        runs=tuple(ranked),
        confirmed=judge.rate(best, CONFIRM),
        unchanged=unchanged,
        difference=difference,
        notes=tuple(notes),
        shares=() if judge.pruner is None else judge.pruner.shares,
    )
