"""The command `bisect`: the first step of a training that is worse than the baseline."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, get_args

from rmcheck.cli.options import (
    add_baselines_option,
    add_compute_options,
    add_suites_option,
    settings,
)
from rmcheck.cli.output import PAGE, put, refuse_to_overwrite, tell
from rmcheck.cli.ranking import as_spec, on_data, suites_of
from rmcheck.cli.runs import share
from rmcheck.compare.bisect import Bisection, Search, lines, looks, row, told, win_rate_of
from rmcheck.compare.comparison import Side, read_side
from rmcheck.compare.series import series
from rmcheck.engine.settings import DEFAULT_BASELINE
from rmcheck.record import baseline as baselines
from rmcheck.spec import redacted
from rmcheck.stats.decision import Measure
from rmcheck.wording import counted


def add_commands(commands: Any) -> None:
    """Register it."""
    bisect = commands.add_parser(
        "bisect",
        help="find the step of a training from which on the model is worse",
        description="Compares steps of a training with a baseline and names the first one that is "
        "worse, by few scorings: the last step first, then halves of what is left. All "
        "comparisons together hold alpha, and a step is worse by the rule of no_regression. "
        "Exit code: 1 if a step is worse, else 0.",
    )
    bisect.add_argument(
        "steps",
        nargs="+",
        metavar="STEP",
        help="checkpoints, runs, score files or other sources in the order of training, or one "
        "folder of numbered ones (checkpoint-100, checkpoint-200, ...)",
    )
    bisect.add_argument(
        "--baseline",
        metavar="SPEC-or-NAME",
        help=f"what to compare with (default: the baseline {DEFAULT_BASELINE}, or else the first "
        "step)",
    )
    bisect.add_argument(
        "--all",
        action="store_true",
        help="score every step: also finds one that recovered later",
    )
    bisect.add_argument(
        "--max-drop",
        metavar="SHARE",
        type=share,
        default=0.02,
        help="largest acceptable drop of the win rate (default %(default)s)",
    )
    bisect.add_argument(
        "--measure",
        choices=get_args(Measure),
        default="win_rate",
        help="what the paired tests compare, as in no_regression (default %(default)s)",
    )
    bisect.add_argument(
        "--data", metavar="FILE", help="preference data to compare on, instead of suites"
    )
    bisect.add_argument("--html", metavar="FILE", help="write the curve as a page")
    add_suites_option(bisect, "folder of suites")
    add_compute_options(bisect)
    add_baselines_option(bisect)
    bisect.set_defaults(run=run_bisect)


def run_bisect(options: argparse.Namespace) -> int:
    """Search, print the curve and what was found, write the page where asked."""
    if options.html:
        refuse_to_overwrite("--html", options.html, made=PAGE)
    chosen = settings(options)
    given = series(options.steps, Path.cwd())
    if given.remark:
        tell(given.remark)
    names = list(given.specs)
    baseline = options.baseline
    if baseline is None and baselines.known(DEFAULT_BASELINE, chosen.baselines):
        baseline = DEFAULT_BASELINE
    if baseline is None:
        baseline = names.pop(0)
        tell(f"baseline: {redacted(baseline)}, the first step (no {DEFAULT_BASELINE} yet)")
    specs = [as_spec(name, chosen) for name in (baseline, *names)]
    suites = suites_of(options, chosen, specs)

    def read(step: int) -> Side:
        side = read_side(specs[step + 1], chosen, suites)
        return on_data(side, suites[0]) if options.data else side

    shown = [redacted(name) for name in names]
    bisection = Bisection(read, read(-1), options.max_drop, options.measure, chosen.seed)
    found = bisection.run(len(names), every=options.all)
    tell(*lines(bisection.points, shown, found))
    notes = [
        *told(found, shown, redacted(baseline), every=options.all),
        *bisection.notes,
        _count(bisection, shown),
    ]
    tell("", *notes)
    if options.html:
        _write(options.html, bisection, found, shown, notes)
    return int(found.first is not None)


def _count(bisection: Bisection, names: list[str]) -> str:
    return (
        f"{len(bisection.points)} of {counted(len(names), 'step')} compared "
        f"(a search needs {looks(len(names))} at most)"
    )


def _write(
    target: str, bisection: Bisection, found: Search, names: list[str], notes: list[str]
) -> None:
    from rmcheck.report.page.bisection import render

    rows = []
    for step, name in enumerate(names):
        cells = row(bisection.points[step]) if step in bisection.points else ("", "", "")
        mark = "first worse step" if step == found.first else ""
        mark = "better again" if step in found.recovered else mark
        rows.append([name, *cells, mark if cells[0] else "not scored"])
    rates = [(step + 1, point.win_rate) for step, point in sorted(bisection.points.items())]
    put(target, render(notes[0], notes[1:], rates, win_rate_of(bisection.baseline), rows))
