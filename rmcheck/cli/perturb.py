"""The command `perturb`: what a transformation makes of a text, and of its score."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from rmcheck.checks.copies import neighbours
from rmcheck.cli.data import add_layout_option, data_of, layout_of
from rmcheck.cli.options import add_source_options, settings
from rmcheck.cli.output import tell
from rmcheck.cli.word_diff import marked
from rmcheck.data import Dialogue, PreferencePair, Variant, pair_dialogues, prompt_text
from rmcheck.data.preferences import PreferenceData
from rmcheck.engine import Settings
from rmcheck.engine.book import ScoreBook
from rmcheck.errors import UsageError, nearest
from rmcheck.perturb import (
    DEFAULT_STRENGTH,
    TRANSFORMATIONS,
    Transformation,
    UnknownTransformation,
    chosen,
    groups,
)
from rmcheck.sources import create
from rmcheck.spec import redacted
from rmcheck.wording import counted, listed, minus

SIDES = ("chosen", "rejected")
_MOST_NAMES = 10_000
"""Among so many ids a near one is searched; a million take minutes."""


def add_commands(commands: Any) -> None:
    """Register it."""
    perturb = commands.add_parser(
        "perturb",
        help="show what a transformation makes of a pair's text, and of its score",
        description="Applies transformations, one after the other, to one side of a pair and "
        "prints the text before and after with the difference marked; with --rm the scores, too. "
        "A check of behaviour prints this command for what it found. `rmcheck list "
        "--transformations` lists them.",
    )
    perturb.add_argument(
        "names",
        metavar="NAME[,NAME…]",
        help="transformations, applied in this order, or a variant that the pair brings",
    )
    perturb.add_argument(
        "--data", metavar="FILE", required=True, help="data file, folder of Parquet files, or glob"
    )
    add_layout_option(perturb)
    perturb.add_argument("--id", metavar="ID", required=True, help="id of a pair in the data")
    perturb.add_argument(
        "--side", choices=SIDES, default=SIDES[0], help="side to change (default %(default)s)"
    )
    perturb.add_argument(
        "--seed", type=int, default=0, metavar="N", help="seed of the change (default %(default)s)"
    )
    perturb.add_argument(
        "--strength",
        type=float,
        default=DEFAULT_STRENGTH,
        metavar="S",
        help="share of the places that are changed, in (0, 1] (default %(default)s)",
    )
    add_source_options(perturb)
    perturb.set_defaults(run=run_perturb)


def run_perturb(options: argparse.Namespace) -> int:
    """Print a text before and after, the difference, and with --rm the scores of both."""
    if not 0 < options.strength <= 1:
        raise UsageError(f"--strength: expected a number in (0, 1], got {options.strength:g}")
    found = settings(options)
    data = data_of(options.data, found.root, layout_of(options))
    pair = _pair(data, options.id, options.data)
    steps = [_step(name.strip(), pair) for name in options.names.split(",")]
    side = SIDES.index(options.side)
    before, opponent = pair.dialogues()[side], pair.dialogues()[1 - side]
    own = tuple(text.group for text in data.pairs for _ in SIDES)
    others = neighbours(tuple(pair_dialogues(data.pairs)), own)[pair.group]
    after = before
    for step in steps:
        changed = _changed(step, pair, side, after, options, others)
        if changed is None:
            raise UsageError(
                f"'{step.name}' does not apply to pair '{pair.id}' ({options.side}): it has "
                "nothing to change there; name another pair, side or transformation"
            )
        after = changed
    scored: list[str] = []
    if options.rm is not None:
        beside = opponent
        for step in steps if after.prompt != before.prompt else ():
            if not (isinstance(step, Transformation) and step.touches == "response"):
                beside = _changed(step, pair, 1 - side, beside, options, others) or beside
        beside = replace(beside, prompt=after.prompt)
        scored = _scored(found, options.side, [before, after, opponent, beside])
    tell(f"pair {pair.id}, {options.side}, seed {options.seed}, strength {options.strength:g}")
    tell(*(_about(step) for step in steps))
    _tell_change("prompt", prompt_text(before.prompt), prompt_text(after.prompt))
    _tell_change("response", before.response, after.response)
    tell(*scored)
    return 0


def _pair(data: PreferenceData, name: str, path: str) -> PreferencePair:
    pairs = {pair.id: pair for pair in data.pairs}
    if name in pairs:
        return pairs[name]
    if any(entry.id == name for entry in data.sets):
        raise UsageError(f"--id {name}: expected a pair, got a response set")
    near = nearest(name, list(pairs)[:_MOST_NAMES])
    said = f"did you mean '{near}'?" if near else f"`rmcheck data {path}` shows two pairs"
    raise UsageError(f"--id {name}: no such pair in {path} ({counted(len(pairs), 'pair')}); {said}")


def _step(name: str, pair: PreferencePair) -> Transformation | Variant:
    """The transformation of that name, or the variant of the pair."""
    variant = next((each for each in pair.variants if each.name == name), None)
    if name in groups() and name not in TRANSFORMATIONS.names():
        raise UsageError(
            f"'{name}' is a group of transformations ({listed(groups()[name], limit=5)}); name one"
        )
    try:
        found = chosen([name])
    except UnknownTransformation as error:
        if variant is None:
            raise UsageError(str(error)) from None
        return variant
    if [each.name for each in found] != [name]:
        raise UsageError(f"'{name}' stands for {len(found)} transformations; name one")
    return found[0]


def _changed(
    step: Transformation | Variant,
    pair: PreferencePair,
    side: int,
    dialogue: Dialogue,
    options: argparse.Namespace,
    others: Sequence[Dialogue],
) -> Dialogue | None:
    if isinstance(step, Transformation):
        return step.copy(dialogue, seed=options.seed, strength=options.strength, others=others)
    if dialogue != pair.dialogues()[side]:
        raise UsageError(f"'{step.name}' is a variant of the pair; name it before transformations")
    return pair.varied(step)[side]


def _about(step: Transformation | Variant) -> str:
    if isinstance(step, Variant):
        return f"{step.name} ({step.promise}): a variant that the pair brings"
    return f"{step.name} ({step.promise}): {step.sentence}"


def _tell_change(name: str, before: str, after: str) -> None:
    if before == after:
        return
    for title, text in (
        (f"{name} before", before), (f"{name} after", after), ("difference", marked(before, after))
    ):  # fmt: skip
        tell("", f"{title}:", *(f"  | {line}" for line in text.split("\n")))


def _scored(found: Settings, side: str, dialogues: Sequence[Dialogue]) -> list[str]:
    """The lines on the scores of a text, its copy, the other side, and that with the copy."""
    source = create(found.source, found.options)
    before, after, opponent, beside = map(float, ScoreBook(found.cache).scores(source, dialogues))
    sign = 1 if side == SIDES[0] else -1
    margin, margin_after = sign * (before - opponent), sign * (after - beside)
    lost = "; the win is lost" if margin > 0 >= margin_after else ""
    return [
        "",
        f"scores of {redacted(source.spec)}:",
        minus(f"  {side}: {before:.4f} before, {after:.4f} after ({after - before:+.4f})"),
        minus(f"  margin of the pair: {margin:+.4f} before, {margin_after:+.4f} after") + lost,
    ]
