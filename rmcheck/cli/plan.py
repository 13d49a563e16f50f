"""The command `plan`: what suites' pairs buy, and what to label next."""

from __future__ import annotations

import argparse
import csv
import io
from collections.abc import Container, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rmcheck.checks.no_regression import NoRegression
from rmcheck.cli.auditors import auditors_of
from rmcheck.cli.options import (
    RUN_FOLDER,
    add_baselines_option,
    add_compute_options,
    add_suites_option,
    run_folder,
    settings,
    suites_folder,
)
from rmcheck.cli.output import aligned, put, refuse_to_overwrite, tell, tell_json
from rmcheck.compare.comparison import Side, is_run, read_side, recorded, suites_below
from rmcheck.engine import Settings
from rmcheck.engine.settings import DEFAULT_BASELINE
from rmcheck.errors import UsageError, did_you_mean
from rmcheck.record import baseline as baselines
from rmcheck.suite import Suite
from rmcheck.wording import counted, listed, minus

if TYPE_CHECKING:
    from rmcheck.compare.plan import Plan, Planned
    from rmcheck.lint.labels import LabelAudit

MOST_TAGS = 12
MOST_LABELS = 10


def add_commands(commands: Any) -> None:
    """Register it."""
    command = commands.add_parser(
        "plan",
        help="show what suites' pairs buy, what a wanted drop needs, and what to label next",
        description="For each comparison of the suites: the drop of the win rate that it detects "
        "now (80 % power), how many pairs a wanted drop needs, and what those cost. For each tag: "
        "how much more pairs would help. And the pairs whose label all models contradict. How "
        "often two models differ is taken from the last run and its baseline; without them a "
        "fifth of the prompts is assumed.",
    )
    command.add_argument("names", nargs="*", metavar="SUITE", help="names of suites (default: all)")
    command.add_argument(
        "--drop",
        type=_drop,
        default=0.02,
        metavar="SHARE",
        help="the drop of the win rate to detect (default %(default)s)",
    )
    command.add_argument(
        "--more",
        type=_count,
        default=50,
        metavar="N",
        help="a number of further pairs to try (default %(default)s)",
    )
    command.add_argument("--run", dest="folder", metavar="DIR", help=f"a run ({RUN_FOLDER})")
    command.add_argument(
        "--against",
        metavar="NAME",
        help=f"the baseline (default: rm_baseline of the ini file, or {DEFAULT_BASELINE})",
    )
    command.add_argument(
        "--scores",
        nargs="+",
        action="extend",
        default=[],
        metavar="SOURCE",
        help="two or more score files or sources that judge the labels (default: the run and all "
        "baselines)",
    )
    add_suites_option(command, "folder of suites")
    command.add_argument("--csv", metavar="FILE", help="write the tables as CSV")
    command.add_argument(
        "--format", choices=("text", "json"), default="text", help="default %(default)s"
    )
    add_compute_options(command)
    add_baselines_option(command)
    command.set_defaults(run=run_plan, most=False, html=None)


def _drop(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number between 0 and 1")
    return value


def _count(text: str) -> int:
    try:
        value = int(text)
    except ValueError:
        value = 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of 1 or more")
    return value


def run_plan(options: argparse.Namespace) -> int:
    """Print the tables; always 0."""
    from rmcheck.compare.plan import Asked, judges_of, measured_power, plan, wins_of

    if options.csv:
        refuse_to_overwrite("--csv", options.csv, made=",".join(_HEAD[:5]))

    chosen = settings(options)
    every, suites = _suites(options, chosen)
    sides, notes = _sides(options, chosen)
    known = wins_of(sides[0], sides[1]) if len(sides) > 1 else {}
    kept = [recorded(one.name, one.folder) for one in baselines.every(chosen.baselines)]
    auditors = auditors_of(options) or judges_of([*sides, *kept], suites)
    comparisons = max(1, sum(suite.comparisons for suite in every))
    asked = Asked(drop=options.drop, more=options.more, comparisons=comparisons)
    measured = measured_power(suites, sides[0], sides[1], comparisons) if len(sides) > 1 else {}
    found = plan(suites, asked, known, auditors, measured)
    if options.csv:
        put(options.csv, _csv(found), error=options.format == "json")
    if options.format == "json":
        tell_json(_json(found, notes), indent=1)
    else:
        tell(*_lines(found, notes), *_unmeasured(suites, measured))
    return 0


def _unmeasured(suites: Sequence[Suite], measured: Container[str]) -> list[str]:
    """That checks with another measure are planned by the win rate, where no scores are known."""
    names = [
        f"{bound.id} ({bound.check.measure})"
        for suite in suites
        for bound in suite.bound
        if isinstance(bound.check, NoRegression)
        and bound.check.measure != "win_rate"
        and bound.id not in measured
    ]
    if not names:
        return []
    return [
        "",
        f"checks with another measure: {listed(names)}; the numbers above are by win rate all the "
        "same, since the scores of a run and a baseline are needed for that measure",
    ]


def _suites(options: argparse.Namespace, chosen: Settings) -> tuple[list[Suite], list[Suite]]:
    """All suites of the folder, and those with pairs that were asked for."""
    place: Path = suites_folder(options, chosen)
    every = suites_below(place.absolute(), chosen) if place.is_dir() else []
    if not every:
        raise UsageError(f"{place}: no suites found; give their folder with --suites")
    names = [suite.name for suite in every]
    for name in options.names:
        if name not in names:
            raise UsageError(f"no suite '{name}' in {place}, {did_you_mean(name, names)}")
    asked = [suite for suite in every if not options.names or suite.name in options.names]
    found = [suite for suite in asked if suite.data.pairs]
    if not found:
        raise UsageError(f"{place}: no suite with pairs; response sets are not compared")
    return every, found


def _sides(options: argparse.Namespace, chosen: Settings) -> tuple[list[Side], list[str]]:
    """The run and its baseline, and what is missing and so assumed."""
    from rmcheck.compare.simulation import ASSUMED

    folder = run_folder(options, chosen)
    if options.folder is None and not is_run(str(folder.absolute()), chosen):
        return [], [f"assumed: two models differ on {ASSUMED:.0%} of the prompts (no run yet)"]
    run = recorded(str(folder), folder)
    usual = chosen.baseline or DEFAULT_BASELINE
    if options.against is None and not baselines.known(usual, chosen.baselines):
        return [run], [f"assumed: two models differ on {ASSUMED:.0%} of the prompts (no baseline)"]
    return [run, read_side(options.against or usual, chosen, [])], []


def _lines(found: Plan, notes: Sequence[str]) -> Iterable[str]:
    asked = found.asked
    by = "win rate" if all(each.measure == "win_rate" for each in found.checks) else "its measure"
    yield (
        f"what the pairs of each comparison buy (80 % power by {by}; alpha is divided by "
        f"{counted(asked.comparisons, 'required comparison')})"
    )
    yield from _table(found.checks, found)
    yield ""
    yield f"tags, by what {asked.more:,} more pairs of each would gain (drops within the tag)"
    yield from _table(found.tags[:MOST_TAGS], found)
    if len(found.tags) > MOST_TAGS:
        yield f"… and {len(found.tags) - MOST_TAGS:,} more (--format json and --csv list all)"
    rows = [*found.checks, *found.tags]
    if any(each.assumed for each in rows):
        notes = notes or ["assumed: too few scored pairs differ to measure it"]
        yield f"* {notes[0]}"
    smaller = sorted({each.max_drop for each in found.checks if each.max_drop < asked.drop})
    low = [each for each in smaller if each == asked.drop / 2]
    if low:
        yield (
            f"a drop of {_points(asked.drop)} is not above max_drop, so the last columns need "
            f"max_drop: {low[0]:g}"
        )
    yield ""
    yield from _labels(found.labels)


def _table(rows: Sequence[Planned], found: Plan) -> list[str]:
    head = ["", "pairs", "prompts", "differ", "detects", f"+{found.asked.more:,}",
            f"{_points(found.asked.drop)} needs", "to label", "texts a run"]  # fmt: skip
    return aligned([head, *map(_cells, rows)])


def _cells(each: Planned) -> list[str]:
    return [
        each.name if each.measure == "win_rate" else f"{each.name} (by {each.measure})",
        f"{each.pairs:,}",
        f"{each.prompts:,}",
        f"{each.discordant:.1%}{'*' if each.assumed else ''}",
        _points(each.detectable),
        _points(each.with_more),
        _number(each.needed),
        _number(each.to_label),
        _number(each.texts),
    ]


def _points(drop: float | None) -> str:
    return "nothing" if drop is None else f"{100 * drop:.1f} pt"


def _number(value: int | None) -> str:
    return "–" if value is None else f"{value:,}"


def _labels(audit: LabelAudit | None) -> Iterable[str]:
    from rmcheck.lint.labels import who

    if audit is None:
        yield (
            "labels: two or more models have to judge them; bless a run and run another model, or "
            "give --scores A B"
        )
        return
    count = len(audit.doubts)
    yield (
        f"labels to look at again: {who(audit)} ({', '.join(a.name for a in audit.auditors)}) "
        f"contradict {count:,} of {counted(audit.judged, 'pair')} "
        f"({audit.expected:.1f} expected if they failed independently)"
    )
    for doubt in audit.doubts[:MOST_LABELS]:
        units = " ".join("–" if u is None else minus(f"{u:.2f}") for u in doubt.units)
        yield f"  {doubt.place}: {doubt.item.id}  {units}"
    if count > MOST_LABELS:
        yield f"  … and {count - MOST_LABELS:,} more"
    if count:
        yield "  `rmcheck lint FILE --scores A B --html FILE` shows them with their texts"


_COLUMNS = (
    "pairs", "prompts", "discordant", "assumed", "max_drop", "detectable", "with_more", "needed",
    "to_label", "texts", "measure",
)  # fmt: skip
_HEAD = ("what", "name", *_COLUMNS)


def _row(each: Planned) -> dict[str, Any]:
    return {"name": each.name, **{name: getattr(each, name) for name in _COLUMNS}}


def _csv(found: Plan) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(_HEAD)
    for what, rows in (("comparison", found.checks), ("tag", found.tags)):
        for each in rows:
            writer.writerow((what, *_row(each).values()))
    return out.getvalue()


def _json(found: Plan, notes: Sequence[str]) -> dict[str, Any]:
    from rmcheck.lint.labels import audit_json

    return {
        **vars(found.asked),
        "checks": [_row(each) for each in found.checks],
        "tags": [_row(each) for each in found.tags],
        "labels": None if found.labels is None else audit_json(found.labels),
        "notes": list(notes),
    }
