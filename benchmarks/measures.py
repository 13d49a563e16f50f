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
import multiprocessing
import sys
import time
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
from paired_margins import Column, Draw, Rng, equal, flipped, noisy, swapped, unsure, wins
from results import RESULTS, Options, publish, table

from rmcheck.stats import groups as grouping
from rmcheck.stats.measures import pair_losses
from rmcheck.stats.multiplicity import one_sided_level
from rmcheck.stats.rounded_flip import p_at_most, rounded, sign_flip_p_sums
from rmcheck.stats.signflip import sign_flip_p_integer

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
    "noise": "Measures: noise caught",
    "planted": "Measures: other drops",
}


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
        found[measure] = _p(rise) if near else 1.0
    return found


def _p(rise: Column) -> float:
    """The exact p; a bound that it does not exceed, if that is below every level."""
    bound = p_at_most(rise)
    return bound if bound <= one_sided_level(ALPHA, max(FAMILIES)) else sign_flip_p_sums(rise)[0]


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
        drawn = [p_values(*self.draw(rng), groups) for _ in range(runs * max(suites))]
        return [
            {
                measure: float(
                    np.mean(
                        [
                            min(found[measure] for found in drawn[start : start + m])
                            <= one_sided_level(ALPHA, m)
                            for start in range(0, m * runs, m)
                        ]
                    )
                )
                for measure in MEASURES
            }
            for m in suites
        ]


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
        Cell("both saturate (tanh)", 450, equal(450, both=np.tanh)),
        Cell("both clipped at ±1", 450, equal(450, both=lambda d: np.clip(d, -1, 1))),
        Cell("both rounded to halves: ties", 450, equal(450, both=lambda d: np.round(2 * d) / 2)),
        Cell("both rounded to whole numbers: 30 % ties", 450, equal(450, both=np.round)),
        Cell("both clipped at ±0.5", 450, equal(450, both=lambda d: np.clip(d, -0.5, 0.5))),
    ]


def shape_cells() -> list[Cell]:
    """Equal models of which one has an odd way to write its margins down."""
    return [
        Cell("candidate saturates (tanh)", 450, equal(450, change=np.tanh)),
        Cell("candidate clipped at ±1", 450, equal(450, change=lambda d: np.clip(d, -1, 1))),
        Cell("candidate cubed", 450, equal(450, change=lambda d: d**3)),
        Cell("candidate's cube roots", 450, equal(450, change=np.cbrt)),
        Cell("candidate's tanh of three times", 450, equal(450, change=lambda d: np.tanh(3 * d))),
    ]


@dataclass(frozen=True)
class How:
    """How many runs a cell, the seed, and in how many processes."""

    runs: int
    seed: int
    jobs: int


# What the processes work on: cells hold functions, which are not sent to a process but inherited.
_at_work: list[Cell] = []


def rows_of(cells: Sequence[Cell], suites: Sequence[int], how: How) -> list[list[object]]:
    """A row for each cell: its name and the shares of red runs by measure and number of suites.

    The random numbers of a cell depend on the seed and its name, not on what else is simulated.
    """
    _at_work[:] = cells
    work = partial(_row, suites=tuple(suites), how=how)
    with multiprocessing.get_context("fork").Pool(how.jobs) as pool:
        return list(pool.imap(work, range(len(cells))))


def _row(place: int, *, suites: Sequence[int], how: How) -> list[object]:
    cell = _at_work[place]
    rng = np.random.default_rng([how.seed, zlib.crc32(cell.name.encode())])
    by_suites = cell.shares(how.runs, suites, rng)
    shares = [f"{found[measure]:.3f}" for measure in MEASURES for found in by_suites]
    row: list[object] = [cell.name, lost(cell.draw, rng), *shares]
    print(" | ".join(map(str, row)), file=sys.stderr, flush=True)
    return row


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


def shares_of(rows: Iterable[Sequence[object]]) -> list[float]:
    """Each share of red runs."""
    return [float(str(cell)) for row in rows for cell in row[2:]]


def kept(share: float, runs: int) -> bool:
    """Whether a simulated share is within three standard errors of the limit."""
    return share <= LIMIT + 3 * math.sqrt(LIMIT * (1 - LIMIT) / runs)


def main() -> int:
    parser = argparse.ArgumentParser(description="Simulate the measures of no_regression.")
    parser.add_argument("--runs", type=int, default=2000, help="simulated runs a cell")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--data", type=Path, help="folder of score files of public models")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--only", choices=[name for name in TITLES if name], help="some tables")
    parser.add_argument("--results", type=Path, help="file whose section is replaced")
    given = parser.parse_args()
    if given.runs < 1:
        parser.error(f"--runs {given.runs}: at least 1 is needed")
    if given.only in ("swapped", "noise", "planted") and not given.data:
        parser.error(f"--only {given.only} needs --data, a folder of score files")
    how = How(given.runs, given.seed, given.jobs)
    tables = read(given.data) if given.data else {}
    started = time.perf_counter()
    found: list[float] = []
    parts: list[str] = []
    if given.only in (None, "equal"):
        found, parts = equal_models(how)
    if given.only in (None, "swapped") and tables:
        more, told = swapped_models(tables, how)
        found, parts = found + more, parts + told
    if given.only in (None, "noise") and tables:
        parts += planted(NOISE, tables, how)
    if given.only in (None, "planted") and tables:
        parts += planted(OTHERS, tables, how)
    missed = [share for share in found if not kept(share, given.runs)]
    if found:
        parts.insert(
            0,
            f"{len(found) - len(missed)} of {len(found)} shares of red runs are at most "
            f"{LIMIT:.0%}, within three standard errors; the largest is {max(found):.3f}.",
        )
    parts.insert(0, f"{given.runs:,} runs a cell, in {time.perf_counter() - started:,.0f} s.")
    results = given.results or (RESULTS if given.runs >= 2000 else None)
    publish(TITLES[given.only], "\n\n".join(parts), Options(False, 1, results, given))
    return int(bool(missed))


def equal_models(how: How) -> tuple[list[float], list[str]]:
    """The shares of red runs over made-up scores, and the tables."""
    rows = rows_of(equal_cells(), FAMILIES, how)
    shapes = rows_of(shape_cells(), FAMILIES, how)
    head = [f"{measure}, {m}" for measure in MEASURES for m in FAMILIES]
    parts = [
        "### A/A: share of red runs by measure and number of suites",
        f"{how.runs * FAMILIES[-1]:,} comparisons a row.",
        table(["two equal models", *head], map(_unplanted, rows)),
        "### Equal models of which one has another shape: share of red runs",
        "No bound is promised here: log_loss takes another shape for a difference, and clipping "
        "one model loses which of its clipped pairs it was surer of.",
        table(["two models", *head], map(_unplanted, shapes)),
    ]
    return shares_of(rows), parts


def _unplanted(row: Sequence[object]) -> list[object]:
    """Without the points lost, of which there are none."""
    return [row[0], *row[2:]]


def swapped_models(tables: Mapping[str, Column], how: How) -> tuple[list[float], list[str]]:
    """The same over public models."""
    names, suites = list(tables), FAMILIES[:2]
    pairs = [(a, b) for place, a in enumerate(names) for b in names[place + 1 :]]
    cells = [Cell(f"{a}, {b}", len(tables[a]), swapped(tables[a], tables[b])) for a, b in pairs]
    rows = rows_of(cells, suites, how)
    head = ["models", *(f"{measure}, {m}" for measure in MEASURES for m in suites)]
    title = "### A/A: two public models that change places at random"
    return shares_of(rows), [title, table(head, map(_unplanted, rows))]


Plans = Mapping[str, Sequence[tuple[str, Callable[[Column], Draw]]]]

NOISE: Plans = {
    "Caught: noise on the margins, in their standard deviations": [
        (f"{dose:g}", partial(noisy, noise=dose)) for dose in NOISES
    ],
}
OTHERS: Plans = {
    "Caught: a share of the wins turned around, as sure as before": [
        (f"{dose:.0%}", partial(flipped, share=dose)) for dose in (0.03, 0.06)
    ],
    "The same true win rate, less sure on a share of the pairs": [
        (f"{dose:.0%}", partial(unsure, share=dose)) for dose in (0.3, 1.0)
    ],
}


def planted(plans: Plans, tables: Mapping[str, Column], how: How) -> list[str]:
    """The tables of what each measure catches, and of what it takes for a drop."""
    parts = []
    for title, doses in plans.items():
        cells = [
            Cell(f"{name}, {dose}", len(margins), plant(margins))
            for name, margins in tables.items()
            for dose, plant in doses
        ]
        rows = rows_of(cells, (1,), how)
        parts += [f"### {title}", table(["model", "points lost", *MEASURES], rows)]
    return parts


if __name__ == "__main__":
    sys.exit(main())
