"""`rmcheck compare` of three models or more, and its page and table."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rmcheck.cli.data import data_of
from rmcheck.cli.options import suites_folder
from rmcheck.cli.output import PAGE, put, refuse_to_overwrite, tell
from rmcheck.cli.project import rooted
from rmcheck.compare.comparison import Side, is_record, read_side, suites_below
from rmcheck.compare.ranking import HEAD, RankedTable, as_csv, explained, labels, lines, rank
from rmcheck.engine import Settings
from rmcheck.errors import UsageError
from rmcheck.scoring.files import nearest_path
from rmcheck.sources.layout import without_options
from rmcheck.sources.score_file import SUFFIXES
from rmcheck.spec import Spec
from rmcheck.suite import Suite


def add_options(command: argparse.ArgumentParser) -> None:
    """The options of a ranking."""
    command.add_argument(
        "--data",
        metavar="FILE",
        help="preference data to compare score files and models on, instead of suites",
    )
    command.add_argument("--html", metavar="FILE", help="write the ranking as a page")
    command.add_argument("--csv", metavar="FILE", help="write the ranking as a CSV table")


def as_spec(text: str, chosen: Settings) -> str:
    """A source as the command line names it; a file without a kind is a score file.

    A path that exists is a path, with a colon in it or not.
    """
    bare = not Spec.parse(text).kind or Path(text).exists()
    path = Path(without_options(text, lambda given: Path(given).is_dir())[0])
    if bare and path.name.removesuffix(".gz").endswith(SUFFIXES) and not path.exists():
        near = nearest_path(path.absolute(), files=True)
        meant = f"; did you mean '{near}'?" if near else ""
        raise UsageError(f"'{text}': score file not found: {path.absolute()}{meant}")
    if bare and path.is_file():
        if not path.name.removesuffix(".gz").endswith(SUFFIXES):
            raise UsageError(
                f"'{text}' is a file, but not a score file ({', '.join(SUFFIXES)}); name a source "
                "(recipe:NAME, hf:PATH, scores:FILE)"
            )
        text = f"scores:{text}"
    elif bare and Spec.parse(text).kind and not is_record(text, chosen):
        text = f"hf:{text}"
    return text if is_record(text, chosen) else rooted(text, chosen.root)


def suites_of(options: argparse.Namespace, chosen: Settings, specs: Sequence[str]) -> list[Suite]:
    """The suites that sources are to score: the data of `--data`, or the project's suites."""
    if options.data:
        return [_suite_on(options.data, chosen)]
    folder = suites_folder(options, chosen).absolute()
    recorded = all(is_record(spec, chosen) for spec in specs)
    return suites_below(folder, chosen) if not recorded and folder.is_dir() else []


def _suite_on(pattern: str, chosen: Settings) -> Suite:
    """A suite without checks on data that are named on the command line."""
    data = data_of(pattern, chosen.root)
    if not data.pairs:
        raise UsageError(f"--data {pattern}: expected pairs, got response sets only")
    path = Path(pattern)
    name = path.name.partition(".")[0] or "data"
    return Suite(name, path, pattern, "", None, (), "required", (), (), data)


def read_sides(specs: Sequence[str], chosen: Settings, suites: Sequence[Suite]) -> list[Side]:
    """The scored pairs of every model, under the name that tables use."""
    names = labels(specs)
    sides = [read_side(spec, chosen, suites) for spec in specs]
    return [Side(name, side.rows, side.sources) for name, side in zip(names, sides, strict=True)]


def on_data(side: Side, suite: Suite) -> Side:
    """A side's rows of the pairs of `suite`, in whatever suite a run has scored them."""
    texts = {pair.hash for pair in suite.data.pairs}
    rows = [row.model_copy(update={"suite": suite.name}) for row in side.rows if row.hash in texts]
    return replace(side, rows=rows)


def run_ranking(options: argparse.Namespace, chosen: Settings, given: Sequence[str]) -> int:
    """Print the tables, and write page and CSV where asked."""
    specs = [as_spec(spec, chosen) for spec in given]
    suites = suites_of(options, chosen, specs)
    sides = read_sides(specs, chosen, suites)
    if options.data:
        sides = [on_data(side, suites[0]) for side in sides]
    tables = rank(sides)
    for number, table in enumerate(tables):
        tell(*([""] if number else []), *lines(table))
    tell("", explained(tables[0].ranking.alpha, len(sides)))
    write(options, tables)
    return 0


def refuse_files(options: argparse.Namespace) -> None:
    """Refuse targets of `write` that are something else, before anything is scored."""
    if options.html:
        refuse_to_overwrite("--html", options.html, made=PAGE)
    if options.csv:
        refuse_to_overwrite("--csv", options.csv, made=",".join(HEAD))


def write(options: argparse.Namespace, tables: Sequence[RankedTable]) -> None:
    """Write page and CSV where asked."""
    ranking = tables[0].ranking
    if options.html:
        from rmcheck.report.page.ranking import render

        put(options.html, render(tables, explained(ranking.alpha, len(ranking.rows))))
    if options.csv:
        put(options.csv, as_csv(tables))
