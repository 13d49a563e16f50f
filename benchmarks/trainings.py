"""What benchmarks of recipes share: the wins of a training by the cache, and differences."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray
from results import Options

from rmcheck.cache.store import ScoreStore
from rmcheck.data import PreferencePair, pair_dialogues
from rmcheck.engine.book import ScoreBook
from rmcheck.progress import TextProgress
from rmcheck.reward_source import SourceOptions
from rmcheck.sources.recipe import RecipeSource
from rmcheck.stats.paired import paired_difference
from rmcheck.stats.seeds import recipe_difference
from rmcheck.stats.winrate import wins
from rmcheck.training.recipe import Recipe
from rmcheck.verdict import Estimate
from rmcheck.wording import minus

ROOT = Path(__file__).resolve().parents[1]

Wins = NDArray[np.float64]


class Trainings:
    """Trains and scores through the path of the gate, or only reads what the cache has."""

    def __init__(self, cache: Path, *, train: bool) -> None:
        progress = TextProgress(lambda text: print(text, end="", file=sys.stderr), live=False)
        self._options = SourceOptions(root=ROOT, cache=cache, progress=progress)
        self._store = ScoreStore(cache)
        self._train = train

    def wins(self, recipe: Recipe, pairs: Sequence[PreferencePair]) -> Wins | None:
        """Wins on the pairs, (n,); None if they are not in the cache and may not be made."""
        dialogues = pair_dialogues(pairs)
        source = RecipeSource(f"recipe:{recipe.name}", recipe, self._options)
        if self._train:
            # A book of its own: the weights of many models would fill the memory.
            scores = ScoreBook(self._options.cache).scores(source, dialogues)
        else:
            hashes = [dialogue.hash for dialogue in dialogues]
            found = self._store.get(source.fingerprint, hashes)
            if any(each not in found for each in hashes):
                return None
            scores = np.array([found[each] for each in hashes])
        return np.asarray(wins(scores[0::2], scores[1::2]))


def difference(ours: Wins, theirs: Wins, groups: Sequence[str]) -> tuple[Estimate, float]:
    """Ours less theirs, (trainings, pairs) each, and its two-sided p.

    Over prompts and seeds; of single trainings over prompts alone.
    """
    if len(ours) == len(theirs) == 1:
        single = paired_difference(ours[0], theirs[0], groups)
        return single.estimate, single.p_two_sided
    both = recipe_difference(ours, theirs, groups)
    return both.estimate, both.p_two_sided


def points(each: Estimate) -> str:
    """A difference in points with its interval."""
    return minus(f"{100 * each.value:+.1f} [{100 * each.low:+.1f}, {100 * each.high:+.1f}]")


def cache_options(parser: argparse.ArgumentParser) -> None:
    """The options `--cache`, `--so-far` and `--seeds`."""
    where = "folder of adapters and scores"
    parser.add_argument("--cache", type=Path, default=ROOT / ".rmcheck", help=where)
    so_far = "train nothing; print the table of what the cache holds"
    parser.add_argument("--so-far", action="store_true", help=so_far)
    parser.add_argument("--seeds", type=int, default=2, help="trainings of each recipe")


T_co = TypeVar("T_co", covariant=True)


class Scoring(Protocol[T_co]):
    """Scores what a benchmark compares, by trainings in a cache folder."""

    def __call__(self, cache: Path, *, quick: bool, seeds: int, train: bool) -> T_co:
        """With `train` false, only what the cache holds."""


def asked_for(how: Options, scored: Scoring[T_co]) -> T_co:
    """What the options ask for; a quick run trains in a folder of its own."""
    so_far, quick = how.given.so_far, how.quick
    if quick and not so_far:
        with tempfile.TemporaryDirectory() as folder:
            return scored(Path(folder), quick=True, seeds=1, train=True)
    cache, seeds = how.given.cache.resolve(), how.given.seeds
    return scored(cache, quick=quick, seeds=seeds, train=not so_far)
