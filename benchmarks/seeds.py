"""Recipes over seeds: how often the same recipe with other seeds goes red, and wrong labels do.

The shipped recipe is trained with ten seeds, and with 30 % and 40 % of its training labels flipped
with three. Each training scores the shipped evaluation pairs once. All else is drawn from those
scores: which trainings are the candidate's and which the baseline's. What the cache folder does not
hold is trained and scored first, which takes an hour on two cores.

    python benchmarks/seeds.py [--cache FOLDER]
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from results import options, publish, table

from rmcheck.data import pair_dialogues
from rmcheck.data.preferences import load
from rmcheck.engine.book import ScoreBook
from rmcheck.reward_source import SourceOptions
from rmcheck.sources.recipe import RecipeSource
from rmcheck.stats.groups import Groups
from rmcheck.stats.multiplicity import one_sided_level
from rmcheck.stats.paired import paired_difference
from rmcheck.stats.seeds import detectable_recipe_drop, recipe_difference
from rmcheck.stats.winrate import wins
from rmcheck.training.recipe import LabelNoise, load_recipe

ROOT = Path(__file__).resolve().parents[1]
SEEDS, NOISY_SEEDS = 10, 3
NOISE = (0.3, 0.4)
MOST_SPLITS = 1000
MAX_DROP, ALPHA = 0.02, 0.05

Table = NDArray[np.float64]
Split = tuple[Sequence[int], Sequence[int]]


@dataclass(frozen=True)
class Part:
    """The pairs that one comparison looks at: columns of the tables of wins, and their groups."""

    name: str
    columns: NDArray[np.intp]
    groups: Groups


@dataclass(frozen=True)
class Scored:
    """The wins of every training: (trainings, pairs), for the recipe and for each share flipped."""

    clean: Table
    noisy: Mapping[float, Table]
    parts: Sequence[Part]


def parts_of(groups: Mapping[str, Sequence[str]]) -> list[Part]:
    """Each domain, and all of them at once, as the shipped suites compare them."""
    found, start = [], 0
    for name, each in groups.items():
        columns = np.arange(start, start + len(each), dtype=np.intp)
        found.append(Part(name, columns, Groups(each)))
        start += len(each)
    every = [group for each in groups.values() for group in each]
    return [Part("all_domains", np.arange(start, dtype=np.intp), Groups(every)), *found]


def scored(cache: Path) -> Scored:
    """The wins of the trainings, by scores of the cache; trains and scores what is missing."""
    files = sorted((ROOT / "fixtures/preferences").glob("*.jsonl"))
    data = {path.stem: load([path]).pairs for path in files}
    dialogues = [side for pairs in data.values() for side in pair_dialogues(pairs)]
    recipe, settings = load_recipe("tiny", ROOT), SourceOptions(root=ROOT, cache=cache)
    book = ScoreBook(cache)

    def won(seed: int, rate: float) -> Table:
        changed = replace(recipe, label_noise=LabelNoise(rate, seed if rate else 0))
        both = book.scores(
            RecipeSource("recipe:tiny", changed.with_seed(seed), settings), dialogues
        )
        return wins(both[0::2], both[1::2])

    return Scored(
        np.stack([won(seed, 0.0) for seed in range(SEEDS)]),
        {rate: np.stack([won(seed, rate) for seed in range(NOISY_SEEDS)]) for rate in NOISE},
        parts_of({name: [pair.group for pair in pairs] for name, pairs in data.items()}),
    )


def made_up() -> Scored:
    """Trainings that differ by a seed effect, for `--quick`."""
    rng = np.random.default_rng(0)
    ability = rng.standard_normal(120) + 0.7

    def drawn(trainings: int, lost: float) -> Table:
        shift = 0.1 * rng.standard_normal((trainings, 1)) - lost
        return (ability + shift + 0.8 * rng.standard_normal((trainings, 120)) > 0).astype(float)

    groups = {name: [f"{name}{row}" for row in range(60)] for name in ("one", "two")}
    noisy = {rate: drawn(NOISY_SEEDS, 2 * rate) for rate in NOISE}
    return Scored(drawn(SEEDS, 0.0), noisy, parts_of(groups))


def red(ours: Table, theirs: Table, part: Part, comparisons: int) -> bool:
    """Whether the gate's rule finds a regression, of two models or of two recipes."""
    mine, other = ours[:, part.columns], theirs[:, part.columns]
    if mine.mean() - other.mean() > -MAX_DROP + 1e-12:
        return False  # spares the tests
    found = (
        paired_difference(mine[0], other[0], part.groups)
        if len(mine) == len(other) == 1
        else recipe_difference(mine, other, part.groups)
    )
    each = one_sided_level(ALPHA, comparisons)
    return found.estimate.value <= -MAX_DROP and found.p_less <= each


def shares(pairs: Iterable[tuple[Table, Table]], parts: Sequence[Part]) -> tuple[int, float, float]:
    """How many comparisons; the share red by all pairs alone; the share of runs of all suites."""
    alone, whole, count = 0, 0, 0
    for ours, theirs in pairs:
        count += 1
        alone += red(ours, theirs, parts[0], 1)
        whole += any(red(ours, theirs, part, len(parts)) for part in parts)
    return count, alone / count, whole / count


def splits(k: int, j: int, rng: np.random.Generator, most: int) -> Iterator[Split]:
    """Candidate's k and baseline's j of the ten seeds, all of them or as many drawn."""
    every = [
        (ours, theirs)
        for ours in combinations(range(SEEDS), k)
        for theirs in combinations(sorted(set(range(SEEDS)) - set(ours)), j)
    ]
    rows = range(len(every))
    chosen = rows if len(rows) <= most else rng.choice(len(rows), most, replace=False).tolist()
    return (every[row] for row in chosen)


def bootstrap(
    clean: Table, k: int, rng: np.random.Generator, runs: int
) -> Iterator[tuple[Table, Table]]:
    """Both recipes' k trainings, drawn from the ten with replacement."""
    for _ in range(runs):
        yield clean[rng.integers(SEEDS, size=k)], clean[rng.integers(SEEDS, size=k)]


def percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def level(found: Scored, most: int) -> str:
    """A/A: the same recipe on both sides."""
    rng = np.random.default_rng(0)
    rows = []
    for k, j in ((1, 1), (1, 3), (2, 2), (3, 3), (5, 5)):
        drawn = ((found.clean[list(a)], found.clean[list(b)]) for a, b in splits(k, j, rng, most))
        count, alone, whole = shares(drawn, found.parts)
        rule = "two models (pairs only)" if k == j == 1 else "two recipes"
        rows.append((f"{k} against {j}", rule, "split", count, percent(alone), percent(whole)))
    for k in (2, 3, 5):
        count, alone, whole = shares(bootstrap(found.clean, k, rng, most), found.parts)
        rows.append(
            (f"{k} against {k}", "two recipes", "bootstrap", count, percent(alone), percent(whole))
        )
    head = (
        "trainings",
        "rule",
        "seeds drawn by",
        "draws",
        "red, one comparison",
        "red, all suites",
    )
    return table(head, rows)


def caught(found: Scored, most: int) -> str:
    """Wrong labels against the recipe with as many trainings of the ten."""
    rng = np.random.default_rng(1)
    rows = []
    for rate, noisy in found.noisy.items():
        for k, j in ((1, 1), (2, 2), (3, 3), (3, 5), (3, 10)):
            sides = [
                (noisy[list(ours)], found.clean[list(theirs)])
                for ours in combinations(range(NOISY_SEEDS), k)
                for theirs in combinations(range(SEEDS), j)
            ]
            few = len(sides) <= most
            chosen = range(len(sides)) if few else rng.choice(len(sides), most, replace=False)
            count, alone, whole = shares((sides[row] for row in chosen), found.parts)
            lost = 100 * (found.clean.mean() - noisy.mean())
            rows.append(
                (
                    percent(rate),
                    f"{lost:.1f}",
                    f"{k} against {j}",
                    count,
                    percent(alone),
                    percent(whole),
                )
            )
    head = (
        "flipped",
        "points lost",
        "trainings",
        "draws",
        "red, one comparison",
        "red, all suites",
    )
    return table(head, rows)


def spread(found: Scored) -> str:
    """How much a seed moves each win rate, and what so many trainings would detect."""
    half = SEEDS // 2
    rows = []
    for part in found.parts:
        clean = found.clean[:, part.columns]
        rates = clean.mean(axis=1)
        seen = recipe_difference(clean[:half], clean[half:], part.groups).spread
        drops = [
            detectable_recipe_drop(
                seen,
                trainings=(k, k),
                max_drop=MAX_DROP,
                each=one_sided_level(ALPHA, 1),
                now=(half, SEEDS - half),
            )
            for k in (2, 3, 5, 10)
        ]
        said = ["nothing" if drop is None else f"{100 * drop:.1f}" for drop in drops]
        rows.append(
            (
                part.name,
                clean.shape[1],
                f"{rates.mean():.3f}",
                f"{rates.min():.3f}–{rates.max():.3f}",
                f"{100 * rates.std(ddof=1):.1f}",
                f"{100 * seen.noise**0.5:.1f}",
                *said,
            )
        )
    head = ("pairs of", "pairs", "win rate", "range", "sd between seeds", "of that by few pairs",
            "2 detect", "3", "5", "10")  # fmt: skip
    return table(head, rows)


def _folder(parser: argparse.ArgumentParser) -> None:
    where = "folder of adapters and scores"
    parser.add_argument("--cache", type=Path, default=ROOT / ".rmcheck", help=where)


def main() -> None:
    how = options(__doc__, 1, _folder)
    found = made_up() if how.quick else scored(how.given.cache.resolve())
    most = 20 if how.quick else MOST_SPLITS
    publish(
        "Recipes over seeds",
        f"The shipped recipe with {SEEDS} seeds, and with flipped training labels with "
        f"{NOISY_SEEDS}, each scored on the shipped evaluation pairs. A gate of the shipped suites "
        f"makes {len(found.parts)} required comparisons with `max_drop` {MAX_DROP:g}: one of all "
        'pairs, and one for each domain. "One comparison" is that of all pairs alone, with m = 1, '
        "as in the suites of `rmcheck init`.\n\n"
        "### How much a seed moves\n\nPoints of win rate, and the smallest drop that is detected "
        "with 80 % probability by so many trainings of each recipe (one comparison).\n\n"
        f"{spread(found)}\n\n"
        "### The same recipe on both sides (A/A): share red\n\n"
        f"The bound is 4 %.\n\n{level(found, most)}\n\n"
        f"### Flipped training labels: share caught\n\n{caught(found, most)}",
        how,
    )


if __name__ == "__main__":
    main()
