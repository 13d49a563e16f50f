"""The command `export`: a benchmark's results file, as its leaderboard takes it."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from rmcheck.checks.benchmark import PARTS
from rmcheck.checks.benchmarks import find
from rmcheck.cli.options import RUN_FOLDER, run_folder, settings
from rmcheck.cli.output import put
from rmcheck.errors import UsageError
from rmcheck.record import folder as folders
from rmcheck.record.leaderboard import benchmark_checks, results_file
from rmcheck.record.run import RESULTS
from rmcheck.wording import listed


def add_commands(commands: Any) -> None:
    """Register it."""
    export = commands.add_parser(
        "export",
        help="write a benchmark's results as its leaderboard takes them",
        description="Writes the results file of RewardBench or RewardBench 2 from a run with a "
        "check 'benchmark'.",
    )
    export.add_argument("folder", nargs="?", metavar="RUN", help=f"the run's folder ({RUN_FOLDER})")
    export.add_argument("--check", metavar="ID", help="which check, where a run has several")
    export.add_argument(
        "--model", metavar="NAME", help="name of the model, ORG/MODEL (default: the run's source)"
    )
    export.add_argument("-o", "--output", metavar="FILE", required=True, help="file to write")
    export.set_defaults(run=run_export)


def run_export(options: argparse.Namespace) -> int:
    """Write the file of the one check that has a leaderboard."""
    folder = Path(options.folder) if options.folder else run_folder(options, settings(options))
    run = folders.read(folder)
    found = [(check, find(name)) for check, name in benchmark_checks(run) if find(name).results]
    named = [each for each in found if options.check in (None, each[0].id)]
    if not named:
        ids = listed([check.id for check, _ in found], limit=8)
        raise UsageError(
            f"--check {options.check}: not a check of this run with a results file ({ids})"
            if found
            else f"{folder / RESULTS}: no check 'benchmark' of a benchmark with a results file "
            "(reward-bench, reward-bench-2)"
        )
    # Several checks of one benchmark, each of its own total, have the same parts.
    if len({definition.name for _, definition in named}) > 1:
        ids = listed([check.id for check, _ in named], limit=8)
        raise UsageError(f"several benchmarks in this run ({ids}); name one with --check")
    check, definition = named[0]
    model = options.model or run.source.spec.partition(":")[2] or run.source.spec
    text = results_file(run, check, definition.results, model=model, title=PARTS)
    put(options.output, text + "\n")
    return 0
