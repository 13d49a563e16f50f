"""Lost wins over seeds: how often the same recipe goes red, and a planted weakness does.

The shipped recipe is trained with several seeds, and each training scores the shipped safety pairs
and their copies by all changes that preserve a text, once. All else is drawn from those scores:
which trainings are the candidate's and which the baseline's, and which prompts. What the cache
folder does not hold is trained and scored first, which takes minutes of a core for each seed.

    python benchmarks/more_flips.py [--cache FOLDER] [--seeds 6]
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from results import options, publish, table

from rmcheck import perturb
from rmcheck.checks.copies import Copies, copies_of
from rmcheck.checks.invariance import Changed
from rmcheck.checks.more_flips import FlipRule, Flips, more_flips
from rmcheck.checks.recipe_flips import RecipeFlips, more_recipe_flips
from rmcheck.data import pair_dialogues
from rmcheck.data.preferences import load
from rmcheck.engine.book import ScoreBook
from rmcheck.reward_source import SourceOptions
from rmcheck.sources.recipe import RecipeSource
from rmcheck.training.recipe_file import load_recipe

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT / "fixtures/preferences/safety.jsonl"
RULE = FlipRule(most=0.0, alpha=0.05)
GOAL = 0.04
PLANTED = ("blank_ends", "doubled_blanks", "bold_added", "typo_swapped", "prompt_polite")
"""A white space, a sign, a decoration, an error, and a change of the prompt."""
LEAST = 60
"""Changes with fewer copies are left out: they would decide nothing."""
SIZES = ((1, 1), (1, 2), (2, 2), (3, 3))
"""Trainings of the candidate and of the baseline."""
DOSES = (1.0, 2.0, 4.0)

Column = NDArray[np.float64]


@dataclass(frozen=True)
class Scored:
    """Scores of the pairs (trainings, n, 2), and of their copies by each change, NaN without."""

    own: Column
    copies: dict[str, Column]
    made: dict[str, Copies]
    groups: list[str]

    def flips(self, name: str, planted: float = 0.0) -> Column:
        """(trainings, n) shares of lost wins; a copy of a chosen response may cost so much."""
        spread = self.own.std(axis=(1, 2))
        found = []
        for training, own in enumerate(self.own):
            chosen, rejected = self.copies[name][training].T
            changed = chosen - planted * spread[training], rejected
            found.append(Changed.of(self.made[name], (own[:, 0], own[:, 1]), changed).flips)
        return np.stack(found)


def scored(cache: Path, seeds: int, most: int) -> Scored:
    """The scores of the cache of so many pairs; trains and scores what is missing."""
    pairs = load([DATA]).pairs[:most]
    every = copies_of(
        pairs, perturb.chosen(["all"], ("preserves",)), seed=0, strength=perturb.DEFAULT_STRENGTH
    )
    every = [each for each in every if len(list(each.dialogues)) >= LEAST]
    recipe, settings = load_recipe("tiny", ROOT), SourceOptions(root=ROOT, cache=cache)
    book = ScoreBook(cache)
    own: list[Column] = []
    copies: dict[str, list[object]] = {each.name: [] for each in every}
    texts = [*pair_dialogues(pairs), *(copy for each in every for copy in each.dialogues)]
    for seed in range(seeds):
        scores = book.scores(RecipeSource("recipe:tiny", recipe.with_seed(seed), settings), texts)
        own.append(scores[: 2 * len(pairs)].reshape(-1, 2))
        rest = iter(scores[2 * len(pairs) :])
        for each in every:
            sides = zip(each.chosen, each.rejected, strict=True)
            copies[each.name].append(
                [[np.nan if copy is None else next(rest) for copy in both] for both in sides]
            )
    return Scored(
        np.stack(own),
        {name: np.array(rows, dtype=np.float64) for name, rows in copies.items()},
        {each.name: each for each in every},
        [pair.group for pair in pairs],
    )


def made_up(seeds: int) -> Scored:
    """Trainings that differ by seed in what a change costs, for `--quick`."""
    rng = np.random.default_rng(0)
    own = np.stack([rng.normal(size=(seeds, 60)) + 1.5, rng.normal(size=(seeds, 60))], axis=-1)
    copies = {
        name: own + rng.normal(size=(seeds, 1, 1)) + 0.5 * rng.normal(size=own.shape)
        for name in PLANTED
    }
    none, nowhere = (None,) * 60, (False,) * 60
    made = {
        name: Copies(name=name, families=(), changes_prompt=nowhere, chosen=none, rejected=none)
        for name in PLANTED
    }
    return Scored(own, copies, made, [f"g{row // 2}" for row in range(60)])


@dataclass(frozen=True)
class Drawn:
    """A comparison: whose trainings, and the places of the pairs of the prompts that were drawn."""

    ours: Sequence[int]
    theirs: Sequence[int]
    rows: NDArray[np.intp]
    groups: list[str]


def draws(
    found: Scored, k: int, j: int, count: int, rng: np.random.Generator, fresh: bool
) -> list[Drawn]:
    """So many comparisons of k trainings with j others; `fresh`: of prompts drawn anew, too."""
    seeds = range(len(found.own))
    splits = [
        (ours, theirs)
        for ours in combinations(seeds, k)
        for theirs in combinations(sorted(set(seeds) - set(ours)), j)
    ]
    names = list(dict.fromkeys(found.groups))
    places = {name: np.flatnonzero(np.array(found.groups) == name) for name in names}
    made = []
    for turn in range(count if fresh else min(count, len(splits))):
        ours, theirs = splits[turn % len(splits)]
        picked = rng.integers(len(names), size=len(names)) if fresh else range(len(names))
        parts = [places[names[place]] for place in picked]
        groups = [f"p{turn}-{i}" for i, part in enumerate(parts) for _ in part]
        made.append(Drawn(ours, theirs, np.concatenate(parts), groups))
    return made


def red(flips: dict[str, Column], drawn: Drawn, other: dict[str, Column]) -> list[str]:
    """The changes that the check names: of two models, or of two recipes."""
    now, before = (
        {name: table[np.ix_(np.asarray(side), drawn.rows)] for name, table in tables.items()}
        for tables, side in ((flips, drawn.ours), (other, drawn.theirs))
    )
    if len(drawn.ours) == len(drawn.theirs) == 1:
        both = [Flips(name, now[name][0], before[name][0]) for name in now]
        return [each.name for each in more_flips(both, drawn.groups, RULE).worse]
    recipes = [RecipeFlips(name, now[name], before[name]) for name in now]
    return [each.name for each in more_recipe_flips(recipes, drawn.groups, RULE).worse]


def percent(hits: int, of: int) -> str:
    return f"{100 * hits / of:.1f} %"


def level(found: Scored, runs: int) -> str:
    """A/A: the same recipe on both sides."""
    flips = {name: found.flips(name) for name in found.copies}
    rng, rows = np.random.default_rng(0), []
    for k, j in SIZES:
        if k + j > len(found.own):
            continue
        for fresh in (False, True):
            every = draws(found, k, j, runs, rng, fresh)
            hits = sum(bool(red(flips, one, flips)) for one in every)
            goal = (
                f" (goal {100 * GOAL:g} %: {'reached' if hits <= GOAL * len(every) else 'missed'})"
            )
            said = percent(hits, len(every)) + (goal if k == 3 else "")
            rows.append((f"{k} against {j}", "drawn anew" if fresh else "all", len(every), said))
    return table(("trainings", "prompts", "runs", "red"), rows)


def planted(found: Scored, runs: int, k: int, j: int) -> str:
    """Every training of the candidate loses so much on the copies of one change."""
    plain = {name: found.flips(name) for name in found.copies}
    rng, rows = np.random.default_rng(1), []
    for name in PLANTED:
        for dose in DOSES:
            weak = {**plain, name: found.flips(name, dose)}
            every = draws(found, k, j, runs, rng, fresh=False)
            named = [red(weak, one, plain) for one in every]
            lost = np.nanmean(weak[name]) - np.nanmean(plain[name])
            pairs = int((~np.isnan(plain[name])).sum(axis=1).mean())
            hits = sum(name in changes for changes in named)
            rows.append(
                (f"`{name}`", pairs, f"{dose:g}", f"{100 * lost:.0f}", percent(hits, len(every)))
            )
    head = ("weakness", "pairs", "standard deviations", "more wins lost, points", "found and named")
    return table(head, rows)


def seed_table(found: Scored) -> str:
    """What each seed loses, over all changes and by the change that differs most."""
    flips = {name: found.flips(name) for name in found.copies}
    shares = {name: np.nanmean(each, axis=1) for name, each in flips.items()}
    widest = sorted(shares, key=lambda name: -np.ptp(shares[name]))[:4]
    rows = []
    for seed in range(len(found.own)):
        wins = float((found.own[seed, :, 0] > found.own[seed, :, 1]).mean())
        every = float(np.nanmean(np.concatenate([each[seed] for each in flips.values()])))
        cells = [f"{shares[name][seed]:.3f}" for name in widest]
        rows.append((str(seed), f"{wins:.3f}", f"{every:.3f}", *cells))
    return table(("seed", "win rate", "lost wins", *(f"`{name}`" for name in widest)), rows)


def _more(parser: argparse.ArgumentParser) -> None:
    where = "folder of adapters and scores"
    parser.add_argument("--cache", type=Path, default=ROOT / ".rmcheck", help=where)
    parser.add_argument("--seeds", type=int, default=6, help="trainings, at least 2")
    parser.add_argument("--pairs", type=int, default=1000, help="so many pairs at most")
    parser.add_argument("--runs", type=int, default=300, help="runs of each kind")


def main() -> None:
    how = options(__doc__, 1, _more)
    seeds = how.given.seeds
    found = (
        made_up(seeds) if how.quick else scored(how.given.cache.resolve(), seeds, how.given.pairs)
    )
    runs = 6 if how.quick else how.given.runs
    k, j = [size for size in SIZES if sum(size) <= seeds][-1]
    publish(
        "Lost wins over seeds",
        f"The shipped recipe with {seeds} seeds, {len(found.groups)} pairs and {len(found.copies)} "
        f"changes that preserve a text; `invariance` with `max_more_flips: 0`, alone in its run. "
        "Which trainings are the candidate's and which the baseline's: every split of the seeds. "
        "Prompts: all, or drawn anew with replacement in each run.\n\n"
        f"### What a seed changes\n\n{seed_table(found)}\n\n"
        f"### The same recipe on both sides: share red\n\n{level(found, runs)}\n\n"
        f"### A weakness in every training, {k} against {j}\n\n"
        "Each training of the candidate takes so many standard deviations of its scores off the "
        f"copies of chosen responses by one change.\n\n{planted(found, runs, k, j)}",
        how,
    )


if __name__ == "__main__":
    main()
