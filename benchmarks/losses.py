"""Losses against flipped labels: which pair loss loses least?

The tiny recipe is trained on part of the shipped training pairs, once for each loss, share of
flipped labels and seed, and each training scores all shipped evaluation pairs. What the cache
folder holds already is not trained again, so a run that was stopped goes on; `--so-far` trains
nothing and prints the table of what is there.

    python benchmarks/losses.py [--cache FOLDER] [--so-far]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from results import options, publish, table

from rmcheck.cache.store import ScoreStore
from rmcheck.data import Dialogue, pair_dialogues
from rmcheck.data.preferences import load
from rmcheck.engine.book import ScoreBook
from rmcheck.progress import TextProgress
from rmcheck.reward_source import SourceOptions
from rmcheck.sources.recipe import RecipeSource
from rmcheck.stats.multiplicity import holm
from rmcheck.stats.paired import paired_difference
from rmcheck.stats.seeds import recipe_difference
from rmcheck.stats.winrate import wins
from rmcheck.training.recipe import load_recipe
from rmcheck.training.settings import LabelNoise
from rmcheck.verdict import Estimate
from rmcheck.wording import counted, minus

ROOT = Path(__file__).resolve().parents[1]
TITLE = "Losses against flipped labels"
RATES = (0.0, 0.2, 0.4)
FIRST = (0.4, 0.0, 0.2)
"""The shares in the order in which they are trained."""
SEEDS = 2
LIMIT, QUICK_LIMIT = 1000, 64
"""Training pairs; all 5,243 would take five times as long."""

PLAIN = "bradley_terry"


@dataclass(frozen=True)
class Way:
    """A loss and its `rate`, if it has one; one that is `told` gets the true share of flips."""

    loss: str
    rate: float | None = None
    told: bool = False

    @property
    def shown(self) -> str:
        """Its name in the tables."""
        if self.told:
            return f"`{self.loss}` (told)"
        return f"`{self.loss}`" if self.rate is None else f"`{self.loss}` (rate {self.rate:g})"

    def at(self, rate: float) -> tuple[str, Mapping[str, float]]:
        """The loss and its settings for data with that share flipped.

        Told that nothing is flipped, both losses that can be told are Bradley-Terry's.
        """
        if self.told:
            return (self.loss, {"rate": rate}) if rate else (PLAIN, {})
        return self.loss, {} if self.rate is None else {"rate": self.rate}


WAYS = (
    Way(PLAIN),
    Way("hinge"),
    Way("robust", told=True),
    Way("label_smoothing", told=True),
    Way("square"),
    Way("robust", 0.1),
    Way("label_smoothing", 0.1),
    Way("contrastive"),
)
"""In this order they are trained: a run that is stopped has those first that differ most."""


@dataclass(frozen=True)
class Scored:
    """Wins of each training on the evaluation pairs: (trainings, pairs); their groups."""

    wins: Mapping[tuple[Way, float], NDArray[np.float64]]
    groups: Sequence[str]
    asked: int
    limit: int
    seeds: int

    @property
    def there(self) -> int:
        """Trainings that are scored; those that two ways share count twice."""
        return sum(len(each) for each in self.wins.values())


class Trainings:
    """Trains and scores through the path of the gate, or only reads what the cache has."""

    def __init__(self, cache: Path, *, limit: int, quick: bool, train: bool) -> None:
        files = sorted((ROOT / "fixtures/preferences").glob("*.jsonl"))
        pairs = [pair for path in files for pair in load([path]).pairs[: 5 if quick else None]]
        self.groups = [pair.group for pair in pairs]
        self._dialogues: list[Dialogue] = pair_dialogues(pairs)
        self._recipe = replace(load_recipe("tiny", ROOT), limit=limit)
        progress = TextProgress(lambda text: print(text, end="", file=sys.stderr), live=False)
        self._options = SourceOptions(root=ROOT, cache=cache, progress=progress)
        self._store = ScoreStore(cache)
        self._train = train

    def wins(self, way: Way, rate: float, seed: int) -> NDArray[np.float64] | None:
        """Wins on the evaluation pairs, (n,); None if they are not there and may not be made."""
        loss, settings = way.at(rate)
        noise = LabelNoise(rate, seed if rate else 0)
        name = f"{way.shown}, {rate:.0%} flipped, seed {seed}"
        recipe = replace(
            self._recipe.with_seed(seed),
            name=name,
            loss=loss,
            loss_settings=settings,
            label_noise=noise,
        )
        source = RecipeSource(f"recipe:{name}", recipe, self._options)
        if self._train:
            # A book of its own: the weights of many models would fill the memory.
            scores = ScoreBook(self._options.cache).scores(source, self._dialogues)
        else:
            hashes = [dialogue.hash for dialogue in self._dialogues]
            found = self._store.get(source.fingerprint, hashes)
            if any(each not in found for each in hashes):
                return None
            scores = np.array([found[each] for each in hashes])
        return np.asarray(wins(scores[0::2], scores[1::2]))


def scored(cache: Path, *, quick: bool, train: bool) -> Scored:
    """All trainings, one seed of each way and rate after the other, so that parts say much."""
    ways, seeds, limit = (WAYS[:2], 1, QUICK_LIMIT) if quick else (WAYS, SEEDS, LIMIT)
    trainings = Trainings(cache, limit=limit, quick=quick, train=train)
    found: dict[tuple[Way, float], list[NDArray[np.float64]]] = {}
    for seed in range(seeds):
        for rate in FIRST:
            for way in ways:
                each = trainings.wins(way, rate, seed)
                if each is not None:
                    found.setdefault((way, rate), []).append(each)
    stacked = {key: np.stack(each) for key, each in found.items()}
    asked = seeds * len(RATES) * len(ways)
    return Scored(stacked, trainings.groups, asked, limit, seeds)


def difference(
    ours: NDArray[np.float64], theirs: NDArray[np.float64], groups: Sequence[str]
) -> tuple[Estimate, float]:
    """Ours less theirs, over prompts and seeds, and its two-sided p; of single trainings over
    prompts alone."""
    if len(ours) == len(theirs) == 1:
        single = paired_difference(ours[0], theirs[0], groups)
        return single.estimate, single.p_two_sided
    both = recipe_difference(ours, theirs, groups)
    return both.estimate, both.p_two_sided


def points(each: Estimate) -> str:
    """A difference in points with its interval."""
    return minus(f"{100 * each.value:+.1f} [{100 * each.low:+.1f}, {100 * each.high:+.1f}]")


def at_rate(found: Scored, rate: float) -> str:
    """The table of one share of flipped labels."""
    ways = [way for way in WAYS if (way, rate) in found.wins]
    if rate == 0:  # told of no flips, a loss is Bradley-Terry's
        ways = [way for way in ways if not way.told]
    plain = Way(PLAIN)
    against = {
        way: difference(found.wins[way, rate], found.wins[plain, rate], found.groups)
        for way in ways
        if way != plain and (plain, rate) in found.wins
    }
    adjusted = dict(zip(against, holm([p for _, p in against.values()]), strict=True))
    rows = []
    for way in sorted(ways, key=lambda way: -found.wins[way, rate].mean()):
        won = found.wins[way, rate]
        row = [way.shown, len(won), f"{won.mean():.3f}"]
        row += [f"{each:.3f}" for each in (won.mean(axis=1).min(), won.mean(axis=1).max())]
        if way in against:
            row += [points(against[way][0]), f"{adjusted[way]:.2g}"]
        else:
            row += ["–", "–"]
        if rate:
            clean = found.wins.get((way, 0.0))
            lost = "–" if clean is None else points(difference(won, clean, found.groups)[0])
            row.append(lost)
        rows.append(row)
    head = ["loss", "seeds", "win rate", "least", "most", "points against Bradley–Terry", "p"]
    return table([*head, *(["points against no flips"] if rate else [])], rows)


def _options(parser: argparse.ArgumentParser) -> None:
    where = "folder of adapters and scores"
    parser.add_argument("--cache", type=Path, default=ROOT / ".rmcheck", help=where)
    so_far = "train nothing; print the table of what the cache holds"
    parser.add_argument("--so-far", action="store_true", help=so_far)


def main() -> None:
    how = options(__doc__, 1, _options)
    so_far, quick = how.given.so_far, how.quick
    if quick and not so_far:
        with tempfile.TemporaryDirectory() as folder:
            found = scored(Path(folder), quick=True, train=True)
    else:
        found = scored(how.given.cache.resolve(), quick=quick, train=not so_far)
    part = (
        ""
        if found.there == found.asked
        else f"**Not finished: {found.there} of {found.asked} trainings.** "
    )
    tables = [
        f"### {rate:.0%} of the training labels flipped\n\n{at_rate(found, rate)}\n"
        for rate in RATES
        if any(key[1] == rate for key in found.wins)
    ]
    publish(
        TITLE,
        f"{part}The shipped tiny recipe on {found.limit:,} of its training pairs (`limit`), with "
        f"each loss, share of flipped labels and {counted(found.seeds, 'seed')}, on "
        f"{len(found.groups):,} shipped evaluation pairs. The flips are drawn with the seed, and "
        "are the same for all losses. "
        "Intervals are 95 %, over prompts and seeds (of single trainings, over prompts); p is "
        "two-sided, adjusted over the losses of a table (Holm). A loss that is told has the true "
        "share as its `rate`. `triplet` is `hinge` with these settings; losses that need ratings "
        "or confidence are left out, as the pairs have none.\n\n" + "\n".join(tables),
        how,
    )


if __name__ == "__main__":
    main()
