"""The command `monitor`: whether the scores of a production log are still what they were."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rmcheck.cli.options import add_baselines_option, settings
from rmcheck.cli.output import PAGE, put, refuse_to_overwrite, tell
from rmcheck.engine import Settings
from rmcheck.errors import UsageError, did_you_mean
from rmcheck.monitor.log import NAMES, Log, LogRow
from rmcheck.monitor.run import rows_of_run
from rmcheck.monitor.summary import told
from rmcheck.monitor.watch import LEAST_REFERENCE, REFERENCE, watch
from rmcheck.record import baseline as baselines
from rmcheck.record import folder as folders
from rmcheck.report.publish import root_of


def add_commands(commands: Any) -> None:
    """Register it."""
    monitor = commands.add_parser(
        "monitor",
        help="tell whether the scores of a production log changed",
        description="Reads a log of scores in the order of time and tells whether the scores, "
        "their ties, the relation of score and length, or the words of the prompts are no longer "
        "those of a reference: the first part of the log, another log, or a run of the gate. The "
        "log may be read as often as you like: the probability of an alarm, if nothing ever "
        "changes, stays at most ALPHA. Exit code: 1 if something changed, else 0.",
    )
    monitor.add_argument(
        "log",
        nargs="+",
        metavar="LOG",
        help="JSON Lines, CSV or Parquet, compressed or not; several files are one log, in order",
    )
    monitor.add_argument(
        "--baseline",
        metavar="RUN|LOG",
        help="what to compare with: a log, a run folder or a baseline (default: the first part of "
        "the log)",
    )
    monitor.add_argument(
        "--reference",
        type=int,
        metavar="N",
        help=f"without --baseline: the first N prompts are the reference (default {REFERENCE})",
    )
    monitor.add_argument(
        "--columns",
        nargs="+",
        action="extend",
        default=[],
        metavar="PART=COLUMN",
        help=f"the columns of {', '.join(NAMES)} (default: those names, and a few others)",
    )
    monitor.add_argument(
        "--alpha",
        type=float,
        default=0.05,
        help="probability of a false alarm over all looks (default %(default)s)",
    )
    monitor.add_argument("--html", metavar="FILE", help="write a page with charts")
    monitor.add_argument(
        "--prometheus", metavar="FILE", help="write gauges in the text format of Prometheus"
    )
    add_baselines_option(monitor)
    monitor.set_defaults(run=run_monitor)


def run_monitor(options: argparse.Namespace) -> int:
    """Print a line for each aspect; 1 if one of them changed."""
    if not 0 < options.alpha < 1:
        raise UsageError(f"--alpha {options.alpha:g}: expected a number between 0 and 1")
    if options.baseline and options.reference is not None:
        raise UsageError("--reference and --baseline exclude each other; leave one of them out")
    reference = REFERENCE if options.reference is None else options.reference
    if reference < LEAST_REFERENCE:
        raise UsageError(f"--reference {reference}: expected at least {LEAST_REFERENCE}")
    columns = _columns(options.columns)
    outputs = [Path(each).resolve() for each in (options.html, options.prometheus) if each]
    if len(set(outputs)) < len(outputs):
        raise UsageError(
            f"--html and --prometheus name the same file, {options.html}; name two files"
        )
    if options.html:
        refuse_to_overwrite("--html", options.html, made=PAGE)
    if options.prometheus:
        refuse_to_overwrite("--prometheus", options.prometheus, made="# HELP rmcheck_monitor_")
    places = [Path(name).resolve() for name in options.log]
    for name, place in zip(options.log, places, strict=True):
        if places.count(place) > 1:
            raise UsageError(f"{name}: given more than once; name each file of the log once")
        if options.baseline and Path(options.baseline).resolve() == place:
            raise UsageError(
                f"--baseline {options.baseline}: is the log itself; name an earlier log, or leave "
                "--baseline out: then the first part of the log is the reference"
            )
    log = Log([Path(name) for name in options.log], columns)
    baseline = _baseline(options, columns) if options.baseline else None
    found = watch(log.rows(), baseline, alpha=options.alpha, reference=reference)
    parts = ", ".join(f"{part}={column}" for part, column in log.found.items())
    tell(f"columns: {parts}", *told(found))
    if options.html:
        from rmcheck.monitor.page import render

        put(options.html, render(found, ", ".join(Path(name).name for name in options.log)))
    if options.prometheus:
        from rmcheck.monitor.prometheus import write

        write(Path(options.prometheus), found)
        tell(f"wrote {options.prometheus}")
    return int(bool(found.drifted))


def _columns(given: list[str]) -> dict[str, str]:
    columns: dict[str, str] = {}
    for each in given:
        part, equals, column = each.partition("=")
        if not equals or not column:
            raise UsageError(f"--columns {each}: expected PART=COLUMN, such as score=reward")
        if part not in NAMES:
            raise UsageError(f"--columns {each}: {did_you_mean(part, NAMES)}")
        if part in columns:
            raise UsageError(f"--columns: {part} given twice; give it once")
        columns[part] = column
    return columns


def _baseline(options: argparse.Namespace, columns: dict[str, str]) -> Iterable[LogRow]:
    """The rows of the log, the run or the baseline of that name."""
    path = Path(options.baseline)
    if path.is_file():
        return Log([path], columns).rows()
    chosen: Settings = settings(options)
    if path.is_dir():
        folders.read(path)  # says what is missing
        return rows_of_run(path, root=root_of(path), kept=chosen.baselines)
    if not baselines.known(options.baseline, chosen.baselines):
        raise UsageError(
            f"--baseline {options.baseline}: not a log, a run folder or a known baseline"
        )
    kept = baselines.find(options.baseline, chosen.baselines)
    return rows_of_run(kept.folder, root=chosen.root, kept=chosen.baselines)
