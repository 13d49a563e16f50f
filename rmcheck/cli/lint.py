"""The command that looks at data and suites before any model does."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rmcheck.cli.project import configured
from rmcheck.data import preferences
from rmcheck.errors import UsageError


def add_commands(commands: Any) -> None:
    """Register it."""
    lint = commands.add_parser(
        "lint",
        help="find what is wrong with preference data, or what a suite cannot decide",
        description="Looks for duplicates, contradictions, give-aways such as length, leakage, "
        "and thresholds within the noise. Exit code: 1 when there are errors, else 0.",
    )
    lint.add_argument("paths", nargs="+", metavar="PATH", help="data file, glob, or suite")
    lint.add_argument(
        "--train",
        nargs="+",
        action="extend",
        default=[],
        metavar="FILE",
        help="train a bag of words on these and see what it wins; searched for leakage too",
    )
    lint.add_argument(
        "--against",
        nargs="+",
        action="extend",
        default=[],
        metavar="FILE",
        help="files that must share no prompt and no response with the linted ones",
    )
    lint.add_argument(
        "--expect",
        type=_share,
        metavar="RATE",
        help="the win rate that you expect, to hold thresholds against",
    )
    lint.add_argument(
        "--format", choices=("text", "json"), default="text", help="default %(default)s"
    )
    lint.set_defaults(run=run_lint)


def run_lint(options: argparse.Namespace) -> int:
    """Print the report; 1 when it holds errors."""
    from rmcheck.lint import lint, render

    here = Path.cwd()
    report = lint(
        _files(options.paths, here),
        root=configured().root,
        train=_files(options.train, here),
        against=_files(options.against, here),
        expect=options.expect,
    )
    if options.format == "json":
        print(json.dumps(report.to_json(), indent=2, ensure_ascii=False))
    else:
        print(render(report))
    return int(bool(report.of_level("error")))


def _files(patterns: Sequence[str], here: Path) -> list[Path]:
    files: list[Path] = []
    for pattern in patterns:
        found = preferences.expand(pattern, here)
        if not found:
            folder = (here / pattern).is_dir()
            ending = "yaml" if any((here / pattern).glob("*.yaml")) else "jsonl"
            said = f"is a folder; name files, or '{pattern.rstrip('/')}/*.{ending}'"
            raise UsageError(f"'{pattern}' {said}" if folder else f"no file matches '{pattern}'")
        files.extend(found)
    return list(dict.fromkeys(files))


def _share(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text} is outside [0, 1]")
    return value
