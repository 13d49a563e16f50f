"""Recipes over seeds: how often the same recipe with other seeds goes red, and wrong labels do.

The shipped recipe is trained with ten seeds, and with 30 % and 40 % of its training labels flipped
with three. Each training scores the shipped evaluation pairs once. All else is drawn from those
scores: which trainings are the candidate's and which the baseline's. What the cache folder does not
hold is trained and scored first, which takes an hour on two cores.

    python benchmarks/seeds.py [--cache FOLDER]
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from results import options, publish, table

from rmcheck.data import pair_dialogues
from rmcheck.data.preferences import load
from rmcheck.engine.book import ScoreBook
from rmcheck.reward_source import SourceOptions
from rmcheck.scaffold.project import DOMAINS
from rmcheck.sources.recipe import RecipeSource
from rmcheck.stats.decision import Measure
from rmcheck.stats.groups import Groups
from rmcheck.stats.measures import weigh
from rmcheck.stats.multiplicity import one_sided_level
from rmcheck.stats.paired import paired_difference
from rmcheck.stats.recipe_measures import recipe_evidence
from rmcheck.stats.seeds import detectable_recipe_drop, recipe_difference, regressed
from rmcheck.stats.winrate import wins
from rmcheck.training.recipe_file import load_recipe
from rmcheck.training.settings import LabelNoise

ROOT = Path(__file__).resolve().parents[1]
SEEDS = 10
NOISE = {0.3: 1, 0.4: 3}
MOST_SPLITS, MOST_RUNS, ANEW = 1500, 250, 2000
MAX_DROP, ALPHA = 0.02, 0.05

LOSSES: tuple[Literal["rank_log_loss", "log_loss"], ...] = ("rank_log_loss", "log_loss")
MEASURES: tuple[Measure, ...] = ("win_rate", *LOSSES)
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


def red(margins: Table, won: Table, split: Split, part: Part, m: int) -> dict[Measure, bool]:
    """Whether the gate's rule finds a regression by each measure, of two models or two recipes."""
    ours, theirs = (np.ix_(np.asarray(side), part.columns) for side in split)
    wins_of = won[ours], won[theirs]
    if wins_of[0].mean() - wins_of[1].mean() > -MAX_DROP + 1e-12:
        return dict.fromkeys(MEASURES, False)  # spares the tests
    each, sides = one_sided_level(ALPHA, m), (margins[ours], margins[theirs])
    if len(sides[0]) == len(sides[1]) == 1:
        found: dict[Measure, bool] = {
            "win_rate": paired_difference(wins_of[0][0], wins_of[1][0], part.groups).p_less <= each
        }
        single = {"margins": (sides[0][0], sides[1][0]), "wins": (wins_of[0][0], wins_of[1][0])}
        for measure in LOSSES:
            found[measure] = weigh(measure, **single, groups=part.groups).p_less <= each
        return found
    found = {"win_rate": regressed(*wins_of, part.groups, max_drop=MAX_DROP, each=each)}
    for measure in LOSSES:
        p, _ = recipe_evidence(measure, margins=sides, wins=wins_of, groups=part.groups)
        found[measure] = p <= each
    return found


def shares(margins: Table, drawn: Sequence[Split], parts: Sequence[Part]) -> list[str]:
    """By measure: the share red by all pairs alone, and the share of runs of all suites."""
    won = np.stack([wins(row, np.zeros_like(row)) for row in margins])
    cells = []
    alone = [red(margins, won, split, parts[0], 1) for split in drawn]
    few = drawn[:MOST_RUNS]
    whole = [[red(margins, won, split, part, len(parts)) for part in parts] for split in few]
    for measure in MEASURES:
        runs = [any(found[measure] for found in each) for each in whole]
        single = [found[measure] for found in alone]
        cells += [percent(sum(single) / len(single)), percent(sum(runs) / len(runs))]
    return cells


def splits(k: int, j: int, rng: np.random.Generator, most: int) -> list[Split]:
    """Candidate's k and baseline's j of the ten seeds, all of them or as many drawn."""
    every = [
        (ours, theirs)
        for ours in combinations(range(SEEDS), k)
        for theirs in combinations(sorted(set(range(SEEDS)) - set(ours)), j)
    ]
    return some(every, rng, most)


def some(every: Sequence[Split], rng: np.random.Generator, most: int) -> list[Split]:
    """All of them, or as many drawn."""
    most = min(most, len(every))
    return [every[row] for row in rng.choice(len(every), most, replace=False).tolist()]


def percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def level(found: Scored, most: int) -> str:
    """A/A: the same recipe on both sides."""
    rng = np.random.default_rng(0)
    rows = []
    for k, j in ((1, 1), (1, 3), (2, 2), (3, 3), (3, 7), (5, 5)):
        drawn = splits(k, j, rng, most)
        cells = shares(found.clean, drawn, found.parts)
        rows.append((f"{k} against {j}", "split", len(drawn), *cells))
    for k in (3, 5):
        draws = rng.integers(SEEDS, size=(MOST_RUNS, 2, k)).tolist()
        cells = shares(found.clean, [(ours, theirs) for ours, theirs in draws], found.parts)
        rows.append((f"{k} against {k}", "bootstrap", MOST_RUNS, *cells))
    return table(("trainings", "seeds drawn by", "draws", *RED), rows)


def anew(clean: Table, count: int, rng: np.random.Generator) -> Table:
    """Margins of `count` new trainings, (count, pairs): normal, with the ten's mean and covariance.

    Each is the mean plus a random combination of the ten's deviations from it.
    """
    mean = clean.mean(axis=0)
    weights = rng.standard_normal((count, len(clean))) / (len(clean) - 1) ** 0.5
    return np.asarray(mean + weights @ (clean - mean))


def anew_level(found: Scored, most: int) -> str:
    """A/A with trainings, or trainings and prompts, that are drawn anew for each comparison."""
    rng = np.random.default_rng(3)
    rows = []
    for k in (3, 5):
        for of in ("trainings", "trainings and prompts"):
            red_of = dict.fromkeys(MEASURES, 0)
            sides = tuple(range(k)), tuple(range(k, 2 * k))
            for _ in range(most):
                part, margins = found.parts[0], found.clean
                if of != "trainings":
                    columns, groups = prompts_anew(part, rng)
                    margins = margins[:, columns]
                    every = np.arange(len(columns), dtype=np.intp)
                    part = Part(part.name, every, Groups(groups))
                margins = anew(margins, 2 * k, rng)
                won = np.stack([wins(row, np.zeros_like(row)) for row in margins])
                for measure, each in red(margins, won, sides, part, 1).items():
                    red_of[measure] += each
            shown = [percent(each / most) for each in red_of.values()]
            rows.append((f"{k} against {k}", of, most, *shown))
    return table(("trainings", "drawn anew", "draws", *MEASURES), rows)


def prompts_anew(part: Part, rng: np.random.Generator) -> tuple[NDArray[np.intp], list[str]]:
    """Places of the pairs of prompts drawn with replacement; each draw is a prompt of its own."""
    count = part.groups.n_groups
    places = [np.flatnonzero(part.groups.codes == each) for each in range(count)]
    drawn = [places[each] for each in rng.integers(count, size=count)]
    groups = [f"{draw}" for draw, each in enumerate(drawn) for _ in each]
    return part.columns[np.concatenate(drawn)], groups


def caught(found: Scored, most: int) -> str:
    """Wrong labels against the recipe with as many trainings of the ten."""
    rng = np.random.default_rng(1)
    rows = []
    for rate, noisy in found.noisy.items():
        lost = 100 * ((found.clean > 0).mean() - (noisy > 0).mean())
        both = np.concatenate([found.clean, noisy])
        for k, j in ((1, 1), (2, 2), (3, 3), (3, 5), (3, 10)):
            every: list[Split] = [
                (ours, theirs)
                for ours in combinations(range(SEEDS, len(both)), k)
                for theirs in combinations(range(SEEDS), j)
            ]
            if every:
                drawn = some(every, rng, most)
                cells = shares(both, drawn, found.parts)
                rows.append((f"{rate:.0%}", f"{lost:.1f}", f"{k} against {j}", len(drawn), *cells))
    return table(("flipped", "points lost", "trainings", "draws", *RED), rows)


def begun(found: Scored, most: int) -> str:
    """What the one comparison of `rmcheck init` finds, which has the pairs of two domains."""
    two = (
        found.parts[-2:]
        if found.parts[1].name == "one"
        else [part for part in found.parts if part.name in DOMAINS]
    )
    names = [group for part in two for group in part.groups]
    part = Part("overall", np.concatenate([part.columns for part in two]), Groups(names))
    both = np.concatenate([found.clean, found.noisy[0.4]])
    won = np.stack([wins(row, np.zeros_like(row)) for row in both])
    rng = np.random.default_rng(2)
    noisy = tuple(range(SEEDS, len(both)))
    three: list[Split] = [(noisy, theirs) for theirs in combinations(range(SEEDS), 3)]
    rows = []
    for name, drawn in (
        ("A/A, 1 against 1", splits(1, 1, rng, most)),
        ("A/A, 3 against 3", splits(3, 3, rng, most)),
        ("40 % flipped, 3 against 3", some(three, rng, most)),
    ):
        each = [red(both, won, split, part, 1) for split in drawn]
        cells = [percent(sum(one[measure] for one in each) / len(each)) for measure in MEASURES]
        rows.append((name, len(drawn), *cells))
    return table(("comparison", "draws", *MEASURES), rows)


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
    most = 30 if how.quick else MOST_SPLITS
    publish(
        "Recipes over seeds",
        f"The shipped recipe with {SEEDS} seeds, and with flipped training labels (30 % once, 40 % "
        "with three seeds), each scored on the shipped evaluation pairs. A gate of the shipped "
        f"suites makes {len(found.parts)} required comparisons with `max_drop` {MAX_DROP:g}: one "
        "of all pairs, and one for each domain; m = 1 is the comparison of all pairs alone. Which "
        "trainings are the candidate's and which the baseline's is drawn; of more than "
        f"{MOST_RUNS} draws, runs of all suites use the first {MOST_RUNS}.\n\n"
        "### How much a seed moves\n\nPoints of win rate, and the smallest drop that is detected "
        "with 80 % probability by so many trainings of each recipe (one comparison).\n\n"
        f"{spread(found)}\n\n"
        "### The same recipe on both sides (A/A): share red\n\n"
        f"The bound is 4 %.\n\n{level(found, most)}\n\n"
        "Ten trainings stand behind all draws, so that these shares are one sample's. Below, each "
        "comparison (m = 1) has trainings of its own: margins are drawn from a normal distribution "
        "with the mean and covariance of the ten, and prompts with replacement.\n\n"
        f"{anew_level(found, most if how.quick else ANEW)}\n\n"
        "### The suites of `rmcheck init`: share red\n\n"
        "One comparison, of the pairs of two domains, by `log_loss`.\n\n"
        f"{begun(found, most)}\n\n"
        f"### Flipped training labels: share caught\n\n{caught(found, most // 30)}",
        how,
    )


if __name__ == "__main__":
    main()
