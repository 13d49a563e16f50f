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
from rmcheck.stats.measures import Measure, weigh
from rmcheck.stats.multiplicity import one_sided_level
from rmcheck.stats.paired import paired_difference
from rmcheck.stats.recipe_measures import recipe_evidence
from rmcheck.stats.seeds import detectable_recipe_drop, recipe_difference, regressed
from rmcheck.stats.winrate import wins
from rmcheck.training.recipe import load_recipe
from rmcheck.training.settings import LabelNoise

ROOT = Path(__file__).resolve().parents[1]
SEEDS = 10
NOISE = {0.3: 1, 0.4: 3}
MOST_SPLITS = 400
MAX_DROP, ALPHA = 0.02, 0.05

MEASURES: tuple[Measure, ...] = ("win_rate", "rank_log_loss", "log_loss")
RED = tuple(f"{measure}, {of}" for measure in MEASURES for of in ("m = 1", "all suites"))

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
    """Margins of the trainings: (trainings, pairs), of the recipe and of each share flipped."""

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
    """The margins of the trainings, by scores of the cache; trains and scores what is missing."""
    files = sorted((ROOT / "fixtures/preferences").glob("*.jsonl"))
    data = {path.stem: load([path]).pairs for path in files}
    dialogues = [side for pairs in data.values() for side in pair_dialogues(pairs)]
    recipe, settings = load_recipe("tiny", ROOT), SourceOptions(root=ROOT, cache=cache)
    book = ScoreBook(cache)

    def margins(seed: int, rate: float) -> Table:
        changed = replace(recipe, label_noise=LabelNoise(rate, seed if rate else 0))
        both = book.scores(
            RecipeSource("recipe:tiny", changed.with_seed(seed), settings), dialogues
        )
        return np.asarray(both[0::2] - both[1::2])

    def trained(count: int, rate: float) -> Table:
        return np.stack([margins(seed, rate) for seed in range(count)])

    return Scored(
        trained(SEEDS, 0.0),
        {rate: trained(count, rate) for rate, count in NOISE.items()},
        parts_of({name: [pair.group for pair in pairs] for name, pairs in data.items()}),
    )


def made_up() -> Scored:
    """Trainings that differ by a seed effect, for `--quick`."""
    rng = np.random.default_rng(0)
    ability = rng.standard_normal(120) + 0.7

    def drawn(trainings: int, lost: float) -> Table:
        shift = 0.1 * rng.standard_normal((trainings, 1)) - lost
        return np.asarray(ability + shift + 0.8 * rng.standard_normal((trainings, 120)))

    groups = {name: [f"{name}{row}" for row in range(60)] for name in ("one", "two")}
    noisy = {rate: drawn(count, 2 * rate) for rate, count in NOISE.items()}
    return Scored(drawn(SEEDS, 0.0), noisy, parts_of(groups))


def red(ours: Table, theirs: Table, part: Part, comparisons: int, measure: Measure) -> bool:
    """Whether the gate's rule finds a regression, of two models or of two recipes, by margins."""
    sides = ours[:, part.columns], theirs[:, part.columns]
    won, held = (np.stack([wins(row, np.zeros_like(row)) for row in side]) for side in sides)
    if won.mean() - held.mean() > -MAX_DROP + 1e-12:
        return False  # spares the tests
    each = one_sided_level(ALPHA, comparisons)
    models = len(won) == len(held) == 1
    if measure == "win_rate" and models:
        return paired_difference(won[0], held[0], part.groups).p_less <= each
    if measure == "win_rate":
        return regressed(won, held, part.groups, max_drop=MAX_DROP, each=each)
    if models:
        single = (sides[0][0], sides[1][0]), (won[0], held[0])
        return weigh(measure, margins=single[0], wins=single[1], groups=part.groups).p_less <= each
    found = recipe_evidence(measure, margins=sides, wins=(won, held), groups=part.groups)
    return found[0] <= each


def shares(
    pairs: Iterable[tuple[Table, Table]], parts: Sequence[Part], measure: Measure
) -> tuple[int, float, float]:
    """How many comparisons; the share red by all pairs alone; the share of runs of all suites."""
    alone, whole, count = 0, 0, 0
    for ours, theirs in pairs:
        count += 1
        alone += red(ours, theirs, parts[0], 1, measure)
        whole += any(red(ours, theirs, part, len(parts), measure) for part in parts)
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
    rows = []
    for drawn_by, sizes in (
        ("split", ((1, 1), (1, 3), (2, 2), (3, 3), (3, 7), (5, 5))),
        ("bootstrap", ((3, 3), (5, 5))),
    ):
        for k, j in sizes:
            cells: list[str] = []
            count = 0
            for measure in MEASURES:
                rng = np.random.default_rng(0)
                drawn = (
                    bootstrap(found.clean, k, rng, most)
                    if drawn_by == "bootstrap"
                    else (
                        (found.clean[list(ours)], found.clean[list(theirs)])
                        for ours, theirs in splits(k, j, rng, most)
                    )
                )
                count, alone, whole = shares(drawn, found.parts, measure)
                cells += [percent(alone), percent(whole)]
            rows.append((f"{k} against {j}", drawn_by, count, *cells))
    return table(("trainings", "seeds drawn by", "draws", *RED), rows)


def caught(found: Scored, most: int) -> str:
    """Wrong labels against the recipe with as many trainings of the ten."""
    rows = []
    for rate, noisy in found.noisy.items():
        lost = 100 * ((found.clean > 0).mean() - (noisy > 0).mean())
        for k, j in ((1, 1), (2, 2), (3, 3), (3, 5), (3, 10)):
            sides = [
                (noisy[list(ours)], found.clean[list(theirs)])
                for ours in combinations(range(len(noisy)), k)
                for theirs in combinations(range(SEEDS), j)
            ]
            if not sides:
                continue
            rng = np.random.default_rng(1)
            few = len(sides) <= most
            chosen = range(len(sides)) if few else rng.choice(len(sides), most, replace=False)
            cells: list[str] = []
            for measure in MEASURES:
                drawn = (sides[row] for row in chosen)
                _, alone, whole = shares(drawn, found.parts, measure)
                cells += [percent(alone), percent(whole)]
            rows.append((f"{rate:.0%}", f"{lost:.1f}", f"{k} against {j}", len(chosen), *cells))
    return table(("flipped", "points lost", "trainings", "draws", *RED), rows)


def spread(found: Scored) -> str:
    """How much a seed moves each win rate, and what so many trainings would detect."""
    half = SEEDS // 2
    rows = []
    for part in found.parts:
        clean = (found.clean[:, part.columns] > 0).astype(np.float64)
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
        f"The shipped recipe with {SEEDS} seeds, and with flipped training labels (30 % once, 40 % "
        "with three seeds), each scored on the shipped evaluation pairs. A gate of the shipped "
        f"suites makes {len(found.parts)} required comparisons with `max_drop` {MAX_DROP:g}: one "
        "of all pairs, and one for each domain; m = 1 is the comparison of all pairs alone. Which "
        "trainings are the candidate's and which the baseline's is drawn.\n\n"
        "### How much a seed moves\n\nPoints of win rate, and the smallest drop that is detected "
        "with 80 % probability by so many trainings of each recipe (one comparison).\n\n"
        f"{spread(found)}\n\n"
        "### The same recipe on both sides (A/A): share red\n\n"
        f"The bound is 4 %.\n\n{level(found, most)}\n\n"
        f"### Flipped training labels: share caught\n\n{caught(found, most // 4)}",
        how,
    )


if __name__ == "__main__":
    main()
