"""The command `slices`: in which part of the data a model got worse."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from rmcheck.cli.options import (
    RUN_FOLDER,
    add_baselines_option,
    add_compute_options,
    add_suites_option,
    settings,
    suites_folder,
)
from rmcheck.cli.output import tell, tell_json
from rmcheck.cli.project import shown
from rmcheck.cli.ranking import as_spec, on_data, suites_of
from rmcheck.compare.comparison import Side, is_run, read_side, suites_below
from rmcheck.engine import Settings
from rmcheck.engine.settings import DEFAULT_BASELINE
from rmcheck.errors import UsageError
from rmcheck.record.table import one_each
from rmcheck.report.input import TextsByHash
from rmcheck.spec import redacted
from rmcheck.suite import Suite
from rmcheck.wording import counted, listed

if TYPE_CHECKING:
    from rmcheck.slices.finding import Found, Slice


def add_commands(commands: Any) -> None:
    """Register it."""
    command = commands.add_parser(
        "slices",
        help="find the part of the data that holds the newly wrong pairs",
        description="Searches the pairs that a run gets wrong and its baseline got right for a "
        "part of the data that can be described: by tags, suite, lengths, language, code, "
        "numbers, Markdown, refusals, the kind of question, words, topics (with "
        "rmcheck[slices]), up to three of these together. It is found on one half of the prompts "
        "and confirmed on the other (Holm). Prints each as a check to copy.",
    )
    command.add_argument(
        "candidate",
        nargs="?",
        metavar="RUN",
        help=f"run folder, baseline name, score file or source ({RUN_FOLDER})",
    )
    command.add_argument(
        "--baseline",
        metavar="RUN",
        help=f"what to compare it with (default: the baseline of the run, or {DEFAULT_BASELINE})",
    )
    command.add_argument(
        "--data", metavar="FILE", help="preference data to look at, instead of suites"
    )
    add_suites_option(command, "folder of suites, for the texts of the pairs")
    command.add_argument(
        "--format", choices=("text", "json"), default="text", help="default %(default)s"
    )
    add_compute_options(command)
    add_baselines_option(command)
    command.set_defaults(run=run_slices)


def run_slices(options: argparse.Namespace) -> int:
    """Search and print; always 0, since a slice explains a verdict and is not one."""
    from rmcheck.slices.columns import columns
    from rmcheck.slices.finding import find
    from rmcheck.slices.scores import flips_of

    chosen = settings(options)
    first = options.candidate or shown(chosen.report, chosen.root)
    given = [first, options.baseline or _usual(first, chosen)]
    specs = [as_spec(spec, chosen) for spec in given]
    suites = suites_of(options, chosen, specs)
    sides = [read_side(spec, chosen, suites) for spec in specs]
    if options.data:
        sides = [on_data(side, suites[0]) for side in sides]
    texts = _texts(specs, chosen, suites, options)
    flips, lacking = flips_of(sides[0].rows, sides[1].rows, texts.pairs)
    folder = suites_folder(options, chosen).absolute()
    if lacking and not suites and folder.is_dir():  # baselines keep no texts
        for suite in suites_below(folder, chosen):
            texts.add(suite.data.pairs)
        flips, lacking = flips_of(sides[0].rows, sides[1].rows, texts.pairs)
    names = [redacted(side.name) for side in sides]
    if not flips.pairs:
        raise UsageError(_nothing(names, lacking))
    found = find(flips, columns(flips.pairs, flips.suites, with_topics=True))
    notes = [*found.notes, *_alone(sides, names)]
    if lacking:
        notes.append(
            f"left out {counted(lacking, 'pair')} whose texts were not found; set --suites"
        )
    if options.format == "json":
        tell_json(_json(found, flips.pairs, notes), indent=1)
    else:
        tell(*_lines(found, names[1], notes, options.data))
    return 0


def _usual(candidate: str, chosen: Settings) -> str:
    """The baseline that a run was compared with, or else the project's."""
    from rmcheck.record import folder as folders

    if is_run(candidate, chosen):
        record = folders.read(chosen.named(candidate))
        if record.baseline is not None:
            return record.baseline.name
    return chosen.baseline or DEFAULT_BASELINE


def _texts(
    specs: Sequence[str], chosen: Settings, suites: Sequence[Suite], options: argparse.Namespace
) -> TextsByHash:
    """The pairs of the suites that were loaded, and those that the runs' records name."""
    from rmcheck.report.publish import report_input, root_of

    found = TextsByHash()
    for spec in specs:
        if is_run(spec, chosen) and not options.data:
            folder = chosen.named(spec)
            each = report_input(folder, root=root_of(folder), kept=chosen.baselines)
            if isinstance(each.texts, TextsByHash):
                found.add(each.texts.pairs.values())
    for suite in suites:
        found.add(suite.data.pairs)
    return found


def _alone(sides: Sequence[Side], names: Sequence[str]) -> list[str]:
    """How many pairs were not searched, because one side alone has scores of their texts."""
    texts = [set(one_each(side.rows).hashes) for side in sides]
    alone = [len(texts[0] - texts[1]), len(texts[1] - texts[0])]
    return [
        f"left out {counted(count, 'pair')} that only {name} has"
        for count, name in zip(alone, names, strict=True)
        if count
    ]


def _nothing(names: Sequence[str], lacking: int) -> str:
    if lacking:
        return (
            f"{names[0]} and {names[1]} share {counted(lacking, 'pair')}, but none of their texts "
            "was found; set --suites or --data"
        )
    return f"{names[0]} and {names[1]} have no pair in common; run the same suites with both"


def _lines(found: Found, against: str, notes: Sequence[str], data: str | None) -> Iterable[str]:
    from rmcheck.report.where import counts
    from rmcheck.slices.offer import check_yaml

    yield (
        f"{counted(found.pairs, 'pair')} of {counted(found.prompts, 'prompt')}: "
        f"{found.newly_wrong:,} newly wrong against {against}, {found.newly_right:,} newly right"
    )
    yield (
        f"{counted(found.conditions, 'condition')} searched on one half of the prompts, "
        f"{counted(found.tried, 'candidate')} tested on the other"
    )
    for number, each in enumerate(found.slices, start=1):
        yield ""
        yield f"{number}. {each}"
        yield f"   {counts(each)}"
        yield f"   to watch these pairs, add this below `checks:` of {_suites(each, data)}:"
        yield from (f"     {line}" for line in check_yaml(each).rstrip().split("\n"))
    if not found.slices:
        yield (
            "no slice is confirmed: the newly wrong pairs are spread over the data, or too few to "
            "tell"
        )
    yield from (f"note: {note}" for note in notes)


def _suites(each: Slice, data: str | None) -> str:
    return f"a suite on {data}" if data else listed(each.suites, limit=8)


def _json(found: Found, pairs: Sequence[Any], notes: Sequence[str]) -> dict[str, Any]:
    from rmcheck.slices.condition import where
    from rmcheck.slices.offer import check_yaml

    return {
        "pairs": found.pairs,
        "prompts": found.prompts,
        "newly_wrong": found.newly_wrong,
        "newly_right": found.newly_right,
        "conditions": found.conditions,
        "tried": found.tried,
        "slices": [
            {
                "said": str(each),
                "where": where(each.conditions),
                "suites": list(each.suites),
                "p_value": each.p,
                **{name: vars(getattr(each, name)) for name in _PARTS},
                "ids": [pairs[row].id for row in each.rows],
                "check": check_yaml(each),
            }
            for each in found.slices
        ],
        "notes": list(notes),
    }


_PARTS = ("inside", "elsewhere", "confirming")
