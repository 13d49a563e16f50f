"""The command `lint`: find errors in data and suites before a model is run."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rmcheck.cli.auditors import auditors_of
from rmcheck.cli.data import add_layout_option, layout_of
from rmcheck.cli.options import add_compute_options
from rmcheck.cli.output import PAGE, put, refuse_to_overwrite, tell_json
from rmcheck.cli.project import configured, shown
from rmcheck.data import preferences
from rmcheck.documents.finding import is_yaml
from rmcheck.documents.recognise import looks_like_recipe
from rmcheck.errors import UsageError


def add_commands(commands: Any) -> None:
    """Register the command."""
    lint = commands.add_parser(
        "lint",
        help="find errors in preference data, and thresholds that a suite cannot decide",
        description="Finds duplicates, contradictions, leakage, pairs that can be won by a trick "
        "such as length, and thresholds within the noise. Exit code: 1 if there are errors (with "
        "--strict also if there are warnings), else 0.",
    )
    lint.add_argument("paths", nargs="+", metavar="PATH", help="data file, glob, or suite")
    add_layout_option(lint)
    lint.add_argument(
        "--train",
        nargs="+",
        action="extend",
        default=[],
        metavar="FILE",
        help="training data: report how many pairs a bag of words trained on it wins, and "
        "leakage from it",
    )
    lint.add_argument(
        "--against",
        nargs="+",
        action="extend",
        default=[],
        metavar="FILE",
        help="files that must not share a prompt or response with the linted ones",
    )
    lint.add_argument(
        "--expect",
        type=_share,
        metavar="RATE",
        help="the expected win rate, to check thresholds against",
    )
    lint.add_argument(
        "--scores",
        nargs="+",
        action="extend",
        default=[],
        metavar="SOURCE",
        help="two or more score files or reward sources: list the pairs whose label all of them "
        "contradict, worst first",
    )
    lint.add_argument(
        "--most",
        action="store_true",
        help="with --scores: list pairs that more than half of the sources contradict",
    )
    lint.add_argument(
        "--html", metavar="FILE", help="with --scores: write those pairs with their texts as a page"
    )
    add_compute_options(lint)
    lint.add_argument(
        "--format", choices=("text", "json"), default="text", help="default %(default)s"
    )
    lint.add_argument("--strict", action="store_true", help="exit with 1 on warnings too")
    lint.set_defaults(run=run_lint)


def run_lint(options: argparse.Namespace) -> int:
    """Print the report; returns 1 if it has errors, or with --strict warnings."""
    from rmcheck.lint import lint, render

    if options.html:
        refuse_to_overwrite("--html", options.html, made=PAGE)
    here = Path.cwd()
    paths = _files(options.paths, here)
    for path in paths:
        if is_yaml(path) and looks_like_recipe(path):
            raise UsageError(
                f"{shown(path, here)} is a recipe; lint reads data files and suites, so give the "
                "files of its `data:`"
            )
    auditors = auditors_of(options)
    report = lint(
        paths,
        root=configured().root,
        train=_files(options.train, here),
        against=_files(options.against, here),
        expect=options.expect,
        layout=layout_of(options),
        auditors=auditors,
    )
    if options.html and report.labels is not None:
        from rmcheck.report.page.labels import render as page

        put(options.html, page(report.labels), error=options.format == "json")
    if options.format == "json":
        tell_json(report.to_json(), indent=2)
    else:
        print(render(report))
    failing = ("error", "warning") if options.strict else ("error",)
    return int(any(report.of_level(level) for level in failing))


def _files(patterns: Sequence[str], here: Path) -> list[Path]:
    files: list[Path] = []
    for pattern in patterns:
        found = preferences.expand(pattern, here)
        if not found:
            folder = (here / pattern).is_dir()
            ending = "yaml" if any((here / pattern).glob("*.yaml")) else "jsonl"
            said = f"is a directory; name files, e.g. '{pattern.rstrip('/')}/*.{ending}'"
            raise UsageError(f"'{pattern}' {said}" if folder else f"no file matches '{pattern}'")
        files.extend(found)
    return list(dict.fromkeys(files))


def _share(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"expected a number from 0 to 1, got {text}")
    return value
