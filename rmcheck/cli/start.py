"""Commands that write files: init, new, schema."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from rmcheck.cli.data import data_of
from rmcheck.cli.options import add_suites_option, settings, suites_folder
from rmcheck.cli.output import tell
from rmcheck.cli.project import rooted, shown, tell_ignored
from rmcheck.data.file_note import told
from rmcheck.data.preferences import expand
from rmcheck.documents.finding import INI_FILES, matches
from rmcheck.documents.ini import IniFile
from rmcheck.engine.settings import DEFAULT_BASELINE, Options, settings_from
from rmcheck.errors import UsageError
from rmcheck.extras import MODELS, missing
from rmcheck.record.run import RESULTS
from rmcheck.scoring.files import nearest_path
from rmcheck.spec import redacted
from rmcheck.wording import counted, listed

if TYPE_CHECKING:
    from rmcheck.engine import Settings
    from rmcheck.scaffold import Student


def add_commands(commands: Any) -> None:
    """Register them."""
    init = commands.add_parser(
        "init",
        help="start a project: suites, sample data, a recipe, a workflow for CI",
        description="Writes suites with sample data, the recipe of a sample model, and a workflow "
        "for CI. Existing files are never overwritten.",
    )
    init.add_argument(
        "folder",
        nargs="?",
        default=".",
        metavar="DIR",
        help="folder of the project (default: the current one)",
    )
    init.add_argument(
        "--ci",
        choices=("github", "gitlab", "none"),
        default="github",
        help="CI system to write a workflow for (default %(default)s)",
    )
    init.add_argument(
        "--teacher",
        metavar="SPEC",
        help="have the sample model learn from this reward source, in place of the labels, and "
        "compare it with it; its paths are relative to the project",
    )
    init.set_defaults(run=run_init)

    new = commands.add_parser(
        "new",
        help="add a domain: a commented suite and a data file to fill in; or a benchmark",
        description="Writes SUITES/DOMAIN.yaml and DATA/DOMAIN.jsonl, or the suite of a published "
        "benchmark. Existing files are never overwritten.",
    )
    new.add_argument(
        "domain",
        metavar="DOMAIN",
        nargs="?",
        help="name of the suite, e.g. cooking (default with --benchmark: its name)",
    )
    new.add_argument(
        "--benchmark",
        metavar="NAME",
        help="write the suite of this benchmark (reward-bench, rm-bench, …) for the files of "
        "--data, or for the hub",
    )
    add_suites_option(new, "folder for the suite")
    new.add_argument(
        "--data",
        metavar="PATH",
        help="folder for its data (default: the folder that other suites use), or existing data: "
        "a file, or a folder of Parquet files",
    )
    new.add_argument(
        "--recipe",
        metavar="RECIPE",
        help="the suite's own model, in place of --rm: a recipe, by its name or path; if it has a "
        "teacher (distil), the suite compares the student with it",
    )
    new.add_argument(
        "--teacher",
        metavar="SPEC",
        help="have the suite compare the model with this reward source, its teacher",
    )
    new.set_defaults(run=run_new)

    schema = commands.add_parser(
        "schema",
        help="print the JSON Schema of a suite, a recipe, a sweep, a source file, results.json or "
        "a pin",
        description="Prints a JSON Schema (draft 7) that covers all installed check kinds. "
        "Editors use it to complete and validate files.",
    )
    schema.add_argument(
        "name",
        nargs="?",
        choices=("suite", "recipe", "sweep", "source", "results", "pin"),
        default="suite",
        help="which schema to print (default %(default)s)",
    )
    schema.set_defaults(run=run_schema)


def run_init(options: argparse.Namespace) -> int:
    """Write a project and print the next steps."""
    from rmcheck import sources
    from rmcheck.engine import Settings
    from rmcheck.scaffold import project

    given = Path(options.folder)
    if os.path.lexists(given) and not given.is_dir():
        raise UsageError(f"{given} is not a directory")
    root = given.resolve()
    own = IniFile.of(root)
    configured = own.path.name if own and own.path else None
    if options.teacher is not None:  # one that cannot be found is told before anything is written
        sources.create(options.teacher, Settings.below(root).options)
    begun = project.begin(
        root, ini=configured in (None, project.INI), ci=options.ci, teacher=options.teacher
    )
    if begun.made.written:
        print(f"created in {given}:")
        print("".join(f"  {path}\n" for path in begun.made.written), end="")
    if begun.ignored:
        print(f"added to {project.IGNORED}: {' '.join(begun.ignored)}")
    if begun.made.kept:
        print(f"already exist, not changed: {', '.join(begun.made.kept)}")
    if configured and project.SPEC not in (root / configured).read_text("utf-8", "replace"):
        key = f'rm_source = "{project.SPEC}"' if configured.endswith(".toml") else project.SOURCE
        strict = 'rm_strict = "true"' if configured.endswith(".toml") else "rm_strict = true"
        print(f"{configured} configures pytest; add to it: {key} and {strict}")
    baselines = settings_from(IniFile.of(root) or IniFile(root), Options()).baselines
    kept = baselines / DEFAULT_BASELINE / RESULTS
    tell_ignored(root, [*begun.made.written, *begun.made.kept, os.path.relpath(kept, root)])
    above = project.repository_above(root)
    workflow = project.CI[options.ci]
    if above and workflow:
        print(
            f"{workflow} only works at the root of a repository; move it to {above}, and set "
            f"its working directory to {root.relative_to(above).as_posix()}"
        )
    if project.REQUIREMENTS in begun.made.written:
        print(f"CI installs {project.REQUIREMENTS}; its comments explain how to add rmcheck")
    if begun.made.written:
        print("\nnext:")
        for command, meaning in _next(options.folder):
            print(f"  {command:<16}  {meaning}".rstrip())
        if options.teacher is not None:
            against = f"pytest suites/ --rm-baseline {shlex.quote(redacted(options.teacher))}"
            tell(f"  {against}  compares the student with its teacher")
    return 0


def _next(folder: str) -> list[tuple[str, str]]:
    steps = [
        ("pytest suites/", "trains the sample model (three seeds, two minutes), runs the gate"),
        ("rmcheck bless", "saves that run as the baseline; commit it with the rest"),
        ("rmcheck new NAME", "adds a domain of your own"),
    ]
    absent = missing(MODELS)
    if absent:
        brings = f"brings {listed(absent)}, which the sample model needs"
        steps.insert(0, (f"pip install 'rmcheck[{MODELS}]'", brings))
    return steps if folder == "." else [(f"cd {folder}", ""), *steps]


_FILES = (
    ".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet", ".arrow", ".gz", ".zst", ".bz2", ".xz"
)  # fmt: skip
"""Endings of files of data; other names are those of folders."""


def run_new(options: argparse.Namespace) -> int:
    """Write a suite and its data file, and print how many pairs it needs."""
    from rmcheck.scaffold import benchmark_form, benchmark_of, new_domain
    from rmcheck.stats.decision import MIN_GROUPS

    chosen = settings(options)
    root = chosen.root
    for option in ("suites", "data"):
        given = getattr(options, option)
        if given and not Path(given).resolve().is_relative_to(root.resolve()):
            raise UsageError(f"--{option} {given} is outside this project ({root})")
    if options.domain is None and options.benchmark is None:
        raise UsageError("name the suite (rmcheck new DOMAIN), or a benchmark (--benchmark NAME)")
    student = _student(options, chosen)
    definition = benchmark_of(options.benchmark) if options.benchmark else None
    form = None
    if definition is not None:
        given = data_of(options.data, root) if options.data else None
        form = benchmark_form(definition, given)
    data = _below(Path(options.data), root) if options.data else None
    if data and PurePath(data).suffix in _FILES and not expand(data, root):
        raise UsageError(f"--data {options.data}: no such file{_nearest(root / data)}")
    # Data that cannot be read are an error before anything is written.
    reading = _described(data, root) if data and expand(data, root) else []
    made = new_domain(
        options.domain if definition is None else options.domain or definition.name,
        root=root,
        suites=_below(suites_folder(options, chosen), root),
        data=data,
        globs=chosen.files,
        form=form,
        student=student,
    )
    suite, rows = shown(root / made.suite, root), shown(root / made.data, root)
    if definition is not None:
        tell(f"created {suite} for {definition.title}")
        tell(*reading)
        print(f"\nnext:\n  pytest {suite} --rm SPEC")
        return 0
    if reading:
        tell(f"created {suite} for {rows}", *reading)
    else:
        print(f"created {suite} and {rows}")
    if not matches(root / made.suite, chosen.files):
        print(f"warning: {INI_FILES} does not match {suite}; add a glob, or pytest skips it")
    start = (
        ""
        if reading
        else (
            f"Replace the two example rows in {rows} with your pairs, one JSON object per line.\n"
        )
    )
    print(
        f"{start}The suite fails with fewer than {MIN_GROUPS} different prompts. About 90 pairs "
        "are needed to\ndistinguish a win rate of 0.70 from the threshold of 0.60."
    )
    against = ""
    if made.pooled:
        pooled = ", ".join(shown(root / path, root) for path in made.pooled)
        print(
            f"{pooled}: the `data:` pattern also matches {rows}, so it includes\n"
            "these pairs too; list the files one by one to leave them out."
        )
    if student.teacher is not None:
        tell(
            f"The suite asks whether the model ranks pairs like {redacted(student.teacher)} "
            "(agreement),",
            "and with --rm-baseline whether it wins as many of them (no_regression).",
        )
        against = f" --rm-baseline {shlex.quote(redacted(student.teacher))}"
    print("\nnext:")
    tell(f"  rmcheck lint {suite}", f"  pytest {suite}{against}")
    return 0


def _student(options: argparse.Namespace, chosen: Settings) -> Student:
    """The model that a new suite is for, and its teacher.

    Raises
    ------
    UsageError
        For an unknown recipe or source, and with a benchmark, whose suite has one check.
    """
    from rmcheck import sources
    from rmcheck.scaffold import Student
    from rmcheck.training.recipe_file import load_recipe

    for option in ("recipe", "teacher"):
        if options.benchmark and getattr(options, option) is not None:
            raise UsageError(f"--{option} does not go with --benchmark; name the model with --rm")
    source, teacher = None, options.teacher and rooted(options.teacher, chosen.root)
    if options.recipe is not None:
        source = rooted(f"recipe:{options.recipe.removeprefix('recipe:')}", chosen.root)
        recipe = load_recipe(source.removeprefix("recipe:"), chosen.root)
        if recipe.distil is not None:
            teacher = teacher or recipe.distil.teacher
    if teacher is not None:
        sources.create(teacher, chosen.options)  # one that cannot be found is told now
    return Student(source, teacher)


def _nearest(path: Path) -> str:
    near = nearest_path(path, files=True)
    return f"; did you mean '{near}'?" if near else ""


def _described(data: str, root: Path) -> list[str]:
    """How existing data are read, and how many pairs they have."""
    found = data_of(data, root)
    counts = [counted(len(found.pairs), "pair"), counted(len(found.sets), "response set")]
    return [*told(found.notes), f"{counts[0]} and {counts[1]}"]


def _below(path: Path, root: Path) -> str:
    """A path relative to the current folder, made relative to the project's root."""
    return Path(os.path.relpath(path.resolve(), root.resolve())).as_posix()


def run_schema(options: argparse.Namespace) -> int:
    """Print a schema."""
    from rmcheck.scaffold.schema import SCHEMAS, rendered, usable_checks
    from rmcheck.training.losses import LOSSES

    print(rendered(SCHEMAS[options.name].make()), end="", flush=True)
    broken = {"suite": usable_checks, "recipe": LOSSES.sound}.get(options.name)
    for error in broken()[1] if broken else ():
        print(f"rmcheck schema: {error}", file=sys.stderr)
    return 0
