"""Losses against flipped labels: which pair loss loses least?

The tiny recipe is trained on part of the shipped training pairs, once for each loss, share of
flipped labels and seed, and each training scores all shipped evaluation pairs. What the cache
folder holds already is not trained again, so a run that was stopped goes on; `--so-far` trains
nothing and prints the table of what is there.

    python benchmarks/losses.py [--cache FOLDER] [--so-far]
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from results import options, publish, table
from trainings import ROOT, Trainings, Wins, asked_for, cache_options, difference, points

from rmcheck.data.preferences import load
from rmcheck.stats.multiplicity import holm
from rmcheck.training.recipe import Recipe
from rmcheck.training.recipe_file import load_recipe
from rmcheck.training.settings import LabelNoise
from rmcheck.wording import counted

TITLE = "Losses against flipped labels"
RATES = (0.0, 0.2, 0.4)
FIRST = (0.4, 0.0, 0.2)
"""The shares in the order in which they are trained."""
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

    def own(self, rate: float) -> bool:
        """Whether no other way has the same training at this rate."""
        return rate > 0 or not self.told

    def recipe(self, tiny: Recipe, rate: float, seed: int) -> Recipe:
        """The recipe with this loss, on data with that share flipped."""
        loss, settings = self.at(rate)
        return replace(
            tiny.with_seed(seed),
            name=f"{self.shown}, {rate:.0%} flipped, seed {seed}",
            loss=loss,
            loss_settings=settings,
            label_noise=LabelNoise(rate, seed if rate else 0),
        )


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

    wins: Mapping[tuple[Way, float], Wins]
    groups: Sequence[str]
    asked: int
    limit: int
    seeds: int

    @property
    def there(self) -> int:
        """Trainings that are scored."""
        return sum(len(each) for (way, rate), each in self.wins.items() if way.own(rate))


def scored(cache: Path, *, quick: bool, seeds: int, train: bool) -> Scored:
    """All trainings, one seed of each way and rate after the other, so that parts say much."""
    files = sorted((ROOT / "fixtures/preferences").glob("*.jsonl"))
    pairs = [pair for path in files for pair in load([path]).pairs[: 5 if quick else None]]
    ways, limit = (WAYS[:2], QUICK_LIMIT) if quick else (WAYS, LIMIT)
    trainings, tiny = Trainings(cache, train=train), replace(load_recipe("tiny", ROOT), limit=limit)
    found: dict[tuple[Way, float], list[Wins]] = {}
    for seed in range(seeds):
        for rate in FIRST:
            for way in ways:
                each = trainings.wins(way.recipe(tiny, rate, seed), pairs)
                if each is not None:
                    found.setdefault((way, rate), []).append(each)
    stacked = {key: np.stack(each) for key, each in found.items()}
    asked = seeds * sum(way.own(rate) for rate in FIRST for way in ways)
    return Scored(stacked, [pair.group for pair in pairs], asked, limit, seeds)


def at_rate(found: Scored, rate: float) -> str:
    """The table of one share of flipped labels."""
    ways = [way for way in WAYS if (way, rate) in found.wins]
    ways = [way for way in ways if way.own(rate)]
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


def main() -> None:
    how = options(__doc__, 1, cache_options)
    found = asked_for(how, scored)
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
