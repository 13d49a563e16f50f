"""Measures of a comparison: how often equal models go red, and what share of drops each catches.

Prints a Markdown table a question, and replaces the section of RESULTS.md. Each simulated run is
judged by the functions that judge real ones. Exits with 1 when more than 4 % of the runs over equal
models go red with any measure, by more than three standard errors of the simulation.

    python benchmarks/measures.py --runs 2000 --data FOLDER

FOLDER holds score files of public models for the same pairs ({"id", "chosen", "rejected"} a line);
without it the tables over real scores are left out.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from results import RESULTS, Options, publish, table

from rmcheck.stats import groups as grouping
from rmcheck.stats.measures import pair_losses
from rmcheck.stats.multiplicity import one_sided_level
from rmcheck.stats.rounded_flip import rounded, sign_flip_p_sums
from rmcheck.stats.signflip import sign_flip_p_integer

Column = NDArray[np.float64]
Rng = np.random.Generator
Draw = Callable[[Rng], tuple[Column, Column]]
MarginMeasure = Literal["log_loss", "rank_log_loss"]

ALPHA, MAX_DROP, LIMIT = 0.05, 0.02, 0.04
FAMILIES = (1, 5, 23)
NOISES = (0.3, 0.6, 1.0)
BY_MARGIN: tuple[MarginMeasure, ...] = ("log_loss", "rank_log_loss")
MEASURES = ("win_rate", *BY_MARGIN)

TITLES = {
    None: "Measures",
    "equal": "Measures: equal models",
    "swapped": "Measures: public models that change places",
    "planted": "Measures: drops caught",
}
_MANY = 5
"""So many comparisons a run are simulated: enough for runs of 5 suites, fewer runs of more."""


def wins(margins: Column) -> Column:
    """1 above 0, a half at 0, else 0."""
    return (np.sign(margins) + 1) / 2


def p_values(now: Column, before: Column, groups: Sequence[str]) -> dict[str, float]:
    """The one-sided p of a regression by each measure; 1.0 where it is far above 2.5 %.

    1.0 as well where the win rate fell by less than `MAX_DROP`: the gate asks for no p then. Its
    interval, which comes first in the gate, is never above such a drop.
    """
    won, held = wins(now), wins(before)
    if float((won - held).mean()) > -MAX_DROP:
        return dict.fromkeys(MEASURES, 1.0)
    codes = grouping.codes(groups)
    net = np.rint(grouping.sums(2 * (won - held), codes)).astype(np.int64)
    found = {"win_rate": sign_flip_p_integer(net, "less")}
    for measure in BY_MARGIN:
        ours, theirs = pair_losses(measure, margins=(now, before), wins=(won, held))
        rise = grouping.sums(rounded(ours - theirs), codes)
        # 2.5 % of a normal sum are beyond 1.96 standard deviations: what is far below that is not
        # worth its exact distribution.
        near = float(rise.sum()) >= 1.5 * math.sqrt(float((rise**2).sum()))
        found[measure] = sign_flip_p_sums(rise)[0] if near else 1.0
    return found


@dataclass(frozen=True)
class Cell:
    """A named way to draw two models' margins on the same pairs, in groups of `size`."""

    name: str
    n: int
    draw: Draw
    size: int = 1

    def shares(self, runs: int, suites: Sequence[int], rng: Rng) -> list[dict[str, float]]:
        """The share of runs in which any comparison is red, by measure, for each number of suites.

        The same comparisons are dealt into runs of each size.
        """
        groups = grouping.numbered([str(place // self.size) for place in range(self.n)])
        asked = runs * min(_MANY, max(suites))
        drawn = [p_values(*self.draw(rng), groups) for _ in range(asked)]
        return [
            {
                measure: float(
                    np.mean(
                        [
                            min(found[measure] for found in drawn[start : start + m])
                            <= one_sided_level(ALPHA, m)
                            for start in range(0, m * times(runs, m), m)
                        ]
                    )
                )
                for measure in MEASURES
            }
            for m in suites
        ]


def times(runs: int, suites: int) -> int:
    """How many runs of so many suites the comparisons make."""
    return runs if suites <= _MANY else runs * _MANY // suites


def equal(
    n: int,
    *,
    size: int = 1,
    shared: float = 0.0,
    noise: Callable[[Rng, int], Column] = lambda rng, n: rng.normal(0.0, 0.6, n),
    change: Callable[[Column], Column] = lambda margins: margins,
    both: Callable[[Column], Column] = lambda margins: margins,
    mean: float = 0.8,
) -> Draw:
    """Two models of the same quality: one truth, a noise of each model's own.

    `change` alters the candidate's margins alone, `both` those of either; a share `shared` of the
    truth's and of each noise's variance is common to the pairs of a group.
    """

    def grouped(values: Callable[[int], Column]) -> Column:
        own = values(n)
        if not shared:
            return own
        common = np.repeat(values(-(-n // size)), size)[:n]
        return math.sqrt(1 - shared) * own + math.sqrt(shared) * common

    def draw(rng: Rng) -> tuple[Column, Column]:
        truth = mean + grouped(lambda k: rng.normal(0.0, 1.0, k))
        now, before = (both(truth + grouped(partial(noise, rng))) for _ in range(2))
        return change(now), before

    return draw


def swapped(first: Column, second: Column) -> Draw:
    """Two real models, each in its own unit, that change places at random; pairs drawn anew."""
    ours, theirs = (column / np.abs(column).mean() for column in (first, second))

    def draw(rng: Rng) -> tuple[Column, Column]:
        rows = rng.integers(0, len(ours), len(ours))
        places = rng.random(len(ours)) < 0.5
        return np.where(places, ours, theirs)[rows], np.where(places, theirs, ours)[rows]

    return draw


def noisy(margins: Column, noise: float) -> Draw:
    """A model and itself with noise of so many of its standard deviations; pairs drawn anew."""
    spread = float(margins.std())

    def draw(rng: Rng) -> tuple[Column, Column]:
        before = margins[rng.integers(0, len(margins), len(margins))]
        return before + rng.normal(0.0, noise * spread, len(before)), before

    return draw


def flipped(margins: Column, share: float) -> Draw:
    """A model, and itself with some of the wins turned around, as sure as before."""

    def draw(rng: Rng) -> tuple[Column, Column]:
        before = margins[rng.integers(0, len(margins), len(margins))]
        turned = (before > 0) & (rng.random(len(before)) < share)
        # Another model never repeats a margin: a noise of a tenth, which turns few pairs around.
        mixed = before + rng.normal(0.0, 0.1 * float(margins.std()), len(before))
        return np.where(turned, -mixed, mixed), before

    return draw


def unsure(margins: Column, share: float) -> Draw:
    """Two models that win each pair with the same probability, one of which knows it less.

    Both win a pair by the curve of the real model's ranks; on a share of the pairs how sure the
    candidate is says nothing.
    """
    sizes = np.abs(margins)
    order = np.argsort(np.argsort(sizes)) / len(sizes)
    known = np.polynomial.Polynomial.fit(order, wins(margins), 2)
    chance = np.clip(known(order), 0.02, 0.98)

    def draw(rng: Rng) -> tuple[Column, Column]:
        rows = rng.integers(0, len(margins), len(margins))
        lucky = rng.random(len(rows))
        # A fifth of the pairs is decided by each model's own luck.
        own = np.where(rng.random(len(rows)) < 0.2, rng.random(len(rows)), lucky)
        sides = [np.where(luck < chance[rows], 1.0, -1.0) for luck in (own, lucky)]
        size = np.where(rng.random(len(rows)) < share, rng.permutation(sizes[rows]), sizes[rows])
        return sides[0] * size, sides[1] * sizes[rows]

    return draw


def equal_cells() -> list[Cell]:
    """A/A on made-up scores."""

    def heavy(rng: Rng, n: int) -> Column:
        return np.asarray(rng.standard_t(2, n) * 0.6)

    return [
        Cell("60 pairs", 60, equal(60)),
        Cell("180 pairs", 180, equal(180)),
        Cell("450 pairs", 450, equal(450)),
        Cell("450 pairs in groups of 3, ICC 0.5", 450, equal(450, size=3, shared=0.5), 3),
        Cell("win rate 0.95", 450, equal(450, mean=2.0)),
        Cell("win rate 0.5", 450, equal(450, mean=0.0)),
        Cell("candidate × 1,000", 450, equal(450, change=lambda d: 1000 * d)),
        Cell("candidate's temperature / 1,000", 450, equal(450, change=lambda d: d / 1000)),
        Cell("heavy tails (t, 2 degrees)", 450, equal(450, noise=heavy)),
        Cell("candidate saturates (tanh)", 450, equal(450, change=np.tanh)),
        Cell("candidate clipped at ±1", 450, equal(450, change=lambda d: np.clip(d, -1, 1))),
        Cell("both rounded to halves: ties", 450, equal(450, both=lambda d: np.round(2 * d) / 2)),
        Cell("both rounded to whole numbers: 30 % ties", 450, equal(450, both=np.round)),
        Cell("both clipped at ±0.5", 450, equal(450, both=lambda d: np.clip(d, -0.5, 0.5))),
    ]


def shape_cells() -> list[Cell]:
    """Equal models of which one has an odd way to write its margins down."""
    return [
        Cell("candidate cubed", 450, equal(450, change=lambda d: d**3)),
        Cell("candidate's cube roots", 450, equal(450, change=np.cbrt)),
        Cell("candidate's tanh of three times", 450, equal(450, change=lambda d: np.tanh(3 * d))),
        Cell("candidate rounded to whole numbers", 450, equal(450, change=np.round)),
    ]


def rows_of(
    cells: Iterable[Cell], runs: int, suites: Sequence[int], rng: Rng
) -> list[list[object]]:
    rows: list[list[object]] = []
    for cell in cells:
        row: list[object] = [cell.name]
        by_suites = cell.shares(runs, suites, rng)
        for measure in MEASURES:
            row += [f"{found[measure]:.3f}" for found in by_suites]
        rows.append(row)
        print(" | ".join(map(str, row)), file=sys.stderr, flush=True)
    return rows


def read(folder: Path) -> Mapping[str, Column]:
    """The margins of each score file, by its name."""
    tables = {}
    for path in sorted(folder.glob("*.jsonl")):
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        tables[path.stem] = np.array([row["chosen"] - row["rejected"] for row in rows])
    if not tables:
        sys.exit(f"{folder}: no score files (*.jsonl)")
    return tables


def lost(draw: Draw, rng: Rng) -> str:
    """The true loss of win rate in points, by 400 draws."""
    changes = [
        float((wins(before) - wins(now)).mean()) for now, before in (draw(rng) for _ in range(400))
    ]
    return f"{100 * float(np.mean(changes)):.1f}".replace("-", "−")


def shares_of(rows: Iterable[Sequence[object]], suites: Sequence[int]) -> list[tuple[float, int]]:
    """Each share of red runs with its number of suites."""
    return [
        (float(str(cell)), suites[place % len(suites)])
        for row in rows
        for place, cell in enumerate(row[1:])
    ]


def kept(share: float, runs: int) -> bool:
    """Whether a simulated share is within three standard errors of the limit."""
    return share <= LIMIT + 3 * math.sqrt(LIMIT * (1 - LIMIT) / runs)


def main() -> int:
    parser = argparse.ArgumentParser(description="Simulate the measures of no_regression.")
    parser.add_argument("--runs", type=int, default=2000, help="simulated runs a cell")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--data", type=Path, help="folder of score files of public models")
    parser.add_argument("--only", choices=[name for name in TITLES if name], help="some tables")
    parser.add_argument("--results", type=Path, help="file whose section is replaced")
    given = parser.parse_args()
    if given.runs < _MANY:
        parser.error(f"--runs {given.runs}: at least {_MANY} are needed")
    if given.only in ("swapped", "planted") and not given.data:
        parser.error(f"--only {given.only} needs --data, a folder of score files")
    rng = np.random.default_rng(given.seed)
    tables = read(given.data) if given.data else {}
    started = time.perf_counter()
    found: list[tuple[float, int]] = []
    parts: list[str] = []
    if given.only in (None, "equal"):
        found, parts = equal_models(given.runs, rng)
    if given.only in (None, "swapped") and tables:
        more, told = swapped_models(tables, given.runs, rng)
        found, parts = found + more, parts + told
    if given.only in (None, "planted") and tables:
        parts += planted(tables, given.runs, rng)
    missed = [share for share, m in found if not kept(share, times(given.runs, m))]
    if found:
        parts.insert(
            0,
            f"{len(found) - len(missed)} of {len(found)} shares of red runs are at most "
            f"{LIMIT:.0%}, within three standard errors; the largest of 1 and 5 suites is "
            f"{max(share for share, m in found if m <= _MANY):.3f}.",
        )
    parts.insert(0, f"{given.runs:,} runs a cell, in {time.perf_counter() - started:,.0f} s.")
    results = given.results or (RESULTS if given.runs >= 2000 else None)
    publish(TITLES[given.only], "\n\n".join(parts), Options(False, 1, results, given))
    return int(bool(missed))


def equal_models(runs: int, rng: Rng) -> tuple[list[tuple[float, int]], list[str]]:
    """The shares of red runs over made-up scores, with their numbers of suites, and the tables."""
    made_up = rows_of(equal_cells(), runs, FAMILIES, rng)
    by_suites = [f"{measure}, {m}" for measure in MEASURES for m in FAMILIES]
    parts = [
        "### A/A: share of red runs by measure and number of suites",
        f"{runs * _MANY:,} comparisons a row; of {FAMILIES[-1]} suites they make "
        f"{times(runs, FAMILIES[-1]):,} runs.",
        table(["two equal models", *by_suites], made_up),
        "### Equal wins, another shape: share of red runs; no bound is promised for log_loss",
        table(["two models", *MEASURES], rows_of(shape_cells(), runs, (1,), rng)),
    ]
    return shares_of(made_up, FAMILIES), parts


def swapped_models(
    tables: Mapping[str, Column], runs: int, rng: Rng
) -> tuple[list[tuple[float, int]], list[str]]:
    """The same over public models."""
    names, suites = list(tables), FAMILIES[:2]
    pairs = [(a, b) for place, a in enumerate(names) for b in names[place + 1 :]]
    cells = [Cell(f"{a}, {b}", len(tables[a]), swapped(tables[a], tables[b])) for a, b in pairs]
    rows = rows_of(cells, runs, suites, rng)
    parts = [
        "### A/A: two public models that change places at random",
        table(["models", *(f"{measure}, {m}" for measure in MEASURES for m in suites)], rows),
    ]
    return shares_of(rows, suites), parts


def planted(tables: Mapping[str, Column], runs: int, rng: Rng) -> list[str]:
    """The tables of what each measure catches, and of what it takes for a drop."""
    plans = {
        "Caught: noise on the margins, in their standard deviations": [
            (f"{dose:g}", partial(noisy, noise=dose)) for dose in NOISES
        ],
        "Caught: a share of the wins turned around, as sure as before": [
            (f"{dose:.0%}", partial(flipped, share=dose)) for dose in (0.03, 0.06)
        ],
        "The same true win rate, less sure on a share of the pairs": [
            (f"{dose:.0%}", partial(unsure, share=dose)) for dose in (0.3, 1.0)
        ],
    }
    parts = []
    for title, doses in plans.items():
        rows: list[list[object]] = []
        for name, margins in tables.items():
            for dose, plant in doses:
                draw = plant(margins)
                shown = rows_of([Cell(f"{name}, {dose}", len(margins), draw)], runs, (1,), rng)[0]
                rows.append([shown[0], lost(draw, rng), *shown[1:]])
        parts += [f"### {title}", table(["model", "points lost", *MEASURES], rows)]
    return parts


if __name__ == "__main__":
    sys.exit(main())
