"""The trainings of two recipes, from the rows of both sides of a comparison."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rmcheck.checks import ScoredPairs
from rmcheck.checks.paired_scores import PairedScores, RecipeScores
from rmcheck.data import PreferencePair, pair_dialogues
from rmcheck.engine.book import ScoreBook
from rmcheck.record.run import SourceRecord
from rmcheck.record.scores import PairScore
from rmcheck.reward_source import Seeded, Source, completed

Columns = Mapping[str, tuple[Sequence[float], Sequence[float]]]


def trainings(source: Source, count: int) -> dict[str, Source]:
    """The trainings of a recipe by seed, itself first; empty for one, and for other sources.

    A score file has those that it has scores of, whatever `count` is.
    """
    seeds = source.seeds(count) if isinstance(source, Seeded) else ()
    if not isinstance(source, Seeded) or len(seeds) < 2:
        return {}
    first, *others = seeds
    return {
        str(first): source,
        **{str(seed): completed(source.with_seed(seed), source.spec) for seed in others},
    }


def columns_of(
    found: Mapping[str, Source], book: ScoreBook, pairs: Sequence[PreferencePair]
) -> Columns:
    """Both columns of each training, by seed."""
    made = {}
    for seed, source in found.items():
        both = book.scores(source, pair_dialogues(pairs))
        scored = ScoredPairs(pairs, both[0::2], both[1::2])
        made[seed] = (scored.chosen.tolist(), scored.rejected.tolist())
    return made


def recipe_scores(
    first: PairedScores,
    mine: Sequence[PairScore],
    theirs: Sequence[PairScore],
    source: SourceRecord | None,
) -> RecipeScores | None:
    """The scores of all trainings of both sides; None where two models are compared.

    Parameters
    ----------
    first
        The scores of the first training of each.
    mine, theirs
        The rows of the candidate and of the baseline, pair by pair.
    source
        What the candidate is; a recipe with one training is compared with several of another.
    """
    now, before = _seeds(mine), _seeds(theirs)
    is_recipe = bool(now) or bool(source and source.recipe)
    if not is_recipe or max(len(now), len(before)) < 2:
        return None
    own: Any = source.recipe.get("seed", 0) if source else 0
    return RecipeScores(
        first=first,
        now=_scores(mine, now) if now else first.now[None],
        before=_scores(theirs, before) if before else first.before[None],
        now_seeds=tuple(map(int, now)) or (int(own),),
        before_seeds=tuple(map(int, before)),
    )


def _seeds(rows: Sequence[PairScore]) -> list[str]:
    """The seeds that all rows have scores of."""
    if not rows:
        return []
    return [seed for seed in rows[0].seeds if all(seed in row.seeds for row in rows)]


def _scores(rows: Sequence[PairScore], seeds: Sequence[str]) -> NDArray[np.float64]:
    """(k, n, 2) scores of each training."""
    return np.array([[row.seeds[seed] for row in rows] for seed in seeds], dtype=np.float64)
