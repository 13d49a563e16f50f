"""One reward model for all domains, one for each, or one that is told the domain in the prompt.

The tiny recipe is trained in three ways on as many training pairs: on those of all domains at once;
on the same with the domain's name put before the prompt, in training and evaluation; and once on
each domain's share of them alone. Each model is judged on the evaluation pairs of its domains.

    python benchmarks/domains.py [--cache FOLDER] [--seeds N] [--so-far]
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from results import options, publish, table
from trainings import ROOT, Trainings, Wins, asked_for, cache_options, difference, points

from rmcheck.data import PreferencePair
from rmcheck.data.preferences import load
from rmcheck.stats.multiplicity import holm
from rmcheck.training.recipe import Recipe
from rmcheck.training.recipe_file import load_recipe
from rmcheck.wording import counted

TITLE = "Domains: one model or several"
PREFERENCES = ROOT / "fixtures/preferences"
LIMIT, QUICK_LIMIT = 700, 70
"""Training pairs of all domains together: 100 of each of seven."""

ALL, TOLD, EACH = "one for all", "one for all, told the domain", "one for each domain"
WAYS = (ALL, TOLD, EACH)

Pairs = Sequence[PreferencePair]


def with_domain(path: Path, folder: Path) -> Path:
    """A copy of a data file in which each prompt begins with the name of its domain, the file's."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    for row in rows:
        row["prompt"] = f"[{path.stem}] {row['prompt']}"
    copy = folder / path.name
    copy.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    return copy


@dataclass(frozen=True)
class Domains:
    """Wins of the trainings of each way in each domain, (trainings, pairs), and the groups."""

    wins: Mapping[tuple[str, str], Wins]
    groups: Mapping[str, Sequence[str]]
    asked: int
    limit: int
    seeds: int

    def all_of(self, way: str) -> Wins | None:
        """Its wins in all domains; None if a domain is missing in one of its trainings."""
        parts = [self.wins.get((way, domain)) for domain in self.groups]
        there = [part for part in parts if part is not None]
        if len(there) < len(parts) or len({len(part) for part in there}) > 1:
            return None
        return np.concatenate(there, axis=1)


def scored(cache: Path, *, quick: bool, seeds: int, train: bool) -> Domains:
    """All trainings: of each seed, those of all domains first."""
    trainings, tiny = Trainings(cache, train=train), load_recipe("tiny", ROOT)
    limit = QUICK_LIMIT if quick else LIMIT
    files = sorted(PREFERENCES.glob("*.jsonl"))
    learnt = [PREFERENCES / "train" / path.name for path in files]
    found: dict[tuple[str, str], list[Wins]] = {}
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "train").mkdir()
        told = [with_domain(path, Path(folder) / "train") for path in learnt]
        asked = [with_domain(path, Path(folder)) for path in files]
        plain, marked = (
            {path.stem: load([path]).pairs[: 5 if quick else None] for path in paths}
            for paths in (files, asked)
        )
        every = 1 + 1 + len(files)
        for seed in range(seeds):
            seeded = tiny.with_seed(seed)
            jobs: list[tuple[str, Recipe, Mapping[str, Pairs]]] = [
                (ALL, on(seeded, ALL, learnt, limit), plain),
                (TOLD, on(seeded, TOLD, told, limit), marked),
            ]
            for path in learnt:
                one = on(seeded, f"{path.stem} alone", [path], limit // len(files))
                jobs.append((EACH, one, {path.stem: plain[path.stem]}))
            for way, recipe, pairs in jobs:
                won = trainings.wins(recipe, [pair for part in pairs.values() for pair in part])
                if won is None:
                    continue
                ends = np.cumsum([len(part) for part in pairs.values()])[:-1]
                for domain, part in zip(pairs, np.split(won, ends), strict=True):
                    found.setdefault((way, domain), []).append(part)
    stacked = {key: np.stack(each) for key, each in found.items()}
    groups = {name: [pair.group for pair in pairs] for name, pairs in plain.items()}
    return Domains(stacked, groups, seeds * every, limit, seeds)


def on(recipe: Recipe, name: str, files: Sequence[Path], limit: int) -> Recipe:
    """The recipe on so many pairs of these files."""
    return replace(recipe, name=name, data=tuple(map(str, files)), limit=limit)


def by_domain(found: Domains) -> str:
    """The table of win rates, and of differences to the model of all domains."""
    compared = [
        (domain, way)
        for domain in found.groups
        for way in (TOLD, EACH)
        if {(ALL, domain), (way, domain)} <= set(found.wins)
    ]
    differences = [
        difference(found.wins[way, domain], found.wins[ALL, domain], found.groups[domain])
        for domain, way in compared
    ]
    adjusted = holm([p for _, p in differences])
    told = {
        key: (points(estimate), f"{p:.2g}")
        for key, (estimate, _), p in zip(compared, differences, adjusted, strict=True)
    }
    rows = []
    for domain, groups in found.groups.items():
        row: list[object] = [domain, len(groups), *(_rate(found.wins.get((ALL, domain))),)]
        for way in (TOLD, EACH):
            row += [_rate(found.wins.get((way, domain))), *told.get((domain, way), ("–", "–"))]
        rows.append(row)
    everything = [group for groups in found.groups.values() for group in groups]
    whole = {way: found.all_of(way) for way in WAYS}
    row = ["all", len(everything), _rate(whole[ALL])]
    for way in (TOLD, EACH):
        ours, theirs = whole[way], whole[ALL]
        row.append(_rate(ours))
        if ours is None or theirs is None:
            row += ["–", "–"]
        else:
            estimate, p = difference(ours, theirs, everything)
            row += [points(estimate), f"{p:.2g}"]
    head = ("domain", "pairs", ALL, TOLD, "points", "p", EACH, "points", "p")
    return table(head, [*rows, row])


def by_seed(found: Domains) -> str:
    """The table of each way's win rates on all pairs, by seed, with their mean and spread."""
    rows = []
    for way in WAYS:
        won = found.all_of(way)
        if won is None:
            continue
        rates = won.mean(axis=1)
        spread = f"{100 * rates.std(ddof=1):.1f}" if len(rates) > 1 else "–"
        rows.append((way, *(f"{rate:.3f}" for rate in rates), f"{rates.mean():.3f}", spread))
    seeds = max((len(row) - 3 for row in rows), default=0)
    head = ("way", *(f"seed {seed}" for seed in range(seeds)), "mean", "sd in points")
    return table(head, rows)


def _rate(won: Wins | None) -> str:
    return "–" if won is None else f"{won.mean():.3f}"


def main() -> None:
    how = options(__doc__, 1, cache_options)
    found = asked_for(how, scored)
    there = sum(
        len(found.wins.get((way, domain), ()))
        for way, domains in ((ALL, [next(iter(found.groups))]), (TOLD, [next(iter(found.groups))]))
        for domain in domains
    ) + sum(len(each) for (way, _), each in found.wins.items() if way == EACH)
    part = "" if there == found.asked else f"**Not finished: {there} of {found.asked} trainings.** "
    publish(
        TITLE,
        f"{part}The shipped tiny recipe with {counted(found.seeds, 'seed')} on "
        f"{found.limit:,} training pairs (`limit`), {found.limit // len(found.groups)} of them for "
        "a model of one domain. A model that is told the domain has its name before each prompt, "
        "in training and evaluation. Points are against the model of all domains; intervals are "
        "95 %, over prompts and seeds (of single trainings, over prompts); p is two-sided, in the "
        f"rows of domains adjusted over both columns (Holm).\n\n{by_domain(found)}\n\n"
        f"All domains by seed:\n\n{by_seed(found)}",
        how,
    )


if __name__ == "__main__":
    main()
