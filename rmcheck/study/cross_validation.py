"""Cross-validation of a recipe: every pair is scored by a model that was trained without it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rmcheck.data import PreferencePair, pair_dialogues
from rmcheck.engine.book import ScoreBook
from rmcheck.errors import UsageError
from rmcheck.record.run import TrainingRecord
from rmcheck.sources.recipe import RecipeSource, source_of
from rmcheck.sources.recipe_data import data_of
from rmcheck.stats.cross_validation import CrossValidated, cross_validated
from rmcheck.stats.winrate import win_rate, wins
from rmcheck.study.trainings import train_all
from rmcheck.training.folds import Folds, folds_of_data, stratum
from rmcheck.verdict import Estimate

Column = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Fold:
    """One fold: the win rate on its pairs of the model that was trained on the other folds.

    `training` has `pairs`, the number of pairs that it was trained on.
    """

    number: int
    fingerprint: str
    training: TrainingRecord | None
    estimate: Estimate


@dataclass(frozen=True, kw_only=True)
class CrossValidation:
    """All folds, and the scores of every pair by the model that did not see it.

    `numbers`, `chosen` and `rejected` have shape (n,), in the order of `pairs`.
    """

    spec: str
    seed: int
    pairs: Sequence[PreferencePair]
    numbers: NDArray[np.int64]
    chosen: Column
    rejected: Column
    folds: tuple[Fold, ...]
    result: CrossValidated

    def rows(self) -> Iterator[dict[str, Any]]:
        """The rows of a score file, with the fold of each pair."""
        columns = zip(self.pairs, self.numbers.tolist(), self.chosen, self.rejected, strict=True)
        for pair, number, chosen, rejected in columns:
            yield {
                "id": pair.id,
                "hash": pair.hash,
                "chosen": float(chosen),
                "rejected": float(rejected),
                "fold": number,
            }


def cross_validate(source: RecipeSource, *, of: int, seed: int, cache: Path) -> CrossValidation:
    """Train the recipe once for each fold, without that fold, and score the fold.

    Each training is a recipe with the key `folds` and has its own hash, so one that is in the
    cache is not repeated.

    Parameters
    ----------
    source
        The recipe.
    of
        Number of folds, at least 2.
    seed
        Seed of the division into folds.
    cache
        The folder of scores.

    Raises
    ------
    UsageError
        If the recipe has `folds` itself, or its data fewer prompts than folds.
    TrainingError
        If a training fails.
    """
    if source.recipe.folds is not None:
        raise UsageError(
            f"{source.spec}: the recipe has the key 'folds', so a part of its data is left out "
            "already; cross-validate the recipe without this key"
        )
    data = data_of(source.recipe)
    pairs = data.pairs
    try:
        numbers = folds_of_data(data, of, seed)
    except ValueError as error:
        raise UsageError(f"{source.spec}: --folds {of}: {error}") from None
    chosen, rejected = np.zeros(len(pairs)), np.zeros(len(pairs))
    parts = [Folds(of=of, without=(number,), seed=seed) for number in range(1, of + 1)]
    trained = [_without(source, part) for part in parts]
    failed = train_all(trained, source.options.progress)
    if failed:
        raise failed[min(failed)]
    folds = []
    for number, part in enumerate(parts, start=1):
        without = _without(source, part)  # afresh: models that have been asked stay loaded
        rows = np.flatnonzero(numbers == number)
        some = [pairs[row] for row in rows]
        scores = ScoreBook(cache).scores(without, pair_dialogues(some))
        chosen[rows], rejected[rows] = scores[0::2], scores[1::2]
        won = wins(chosen[rows], rejected[rows])
        folds.append(
            Fold(
                number=number,
                fingerprint=without.adapter.name,
                training=without.training,
                estimate=win_rate(won, [pair.group for pair in some]),
            )
        )
    result = cross_validated(
        wins(chosen, rejected),
        [pair.group for pair in pairs],
        numbers,
        [stratum(pair) for pair in pairs],
    )
    return CrossValidation(
        spec=source.spec,
        seed=seed,
        pairs=pairs,
        numbers=numbers,
        chosen=chosen,
        rejected=rejected,
        folds=tuple(folds),
        result=result,
    )


def _without(source: RecipeSource, folds: Folds) -> RecipeSource:
    """The same recipe without some folds."""
    named = ", ".join(map(str, folds.without))
    spec = f"{source.spec} (without fold {named} of {folds.of}, seed {folds.seed})"
    recipe = dataclasses.replace(source.recipe, folds=folds)
    return source_of(spec, recipe, source.options)
