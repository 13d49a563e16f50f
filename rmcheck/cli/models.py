"""Commands about models: score, try, and list."""

from __future__ import annotations

import argparse
import json
import math
import sys
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rmcheck.cli.data import add_layout_option, data_of, layout_of
from rmcheck.cli.options import add_source_options, settings
from rmcheck.cli.output import refuse_to_replace, tell
from rmcheck.cli.project import configured
from rmcheck.cli.shards import add_score_options, in_shards, run_shards
from rmcheck.data import Dialogue, pair_dialogues
from rmcheck.data.file_note import told
from rmcheck.engine import Settings
from rmcheck.engine.book import ScoreBook
from rmcheck.errors import UsageError
from rmcheck.extras import MODELS, missing
from rmcheck.registry import BrokenEntryPoint, summary
from rmcheck.reward_source import Source
from rmcheck.shipped import shipped
from rmcheck.sources import KINDS as SOURCES
from rmcheck.sources import create
from rmcheck.sources.recipe import RecipeSource
from rmcheck.spec import redacted
from rmcheck.wording import counted


def add_commands(commands: Any) -> None:
    """Register them."""
    score = commands.add_parser(
        "score",
        help="score preference data into a score file",
        description="Writes the scores of each pair and response set, one row each. Use the file "
        "instead of a model with `--rm scores:FILE`.",
    )
    score.add_argument("data", help="data file, folder of Parquet files, or glob")
    add_layout_option(score)
    score.add_argument("-o", "--output", metavar="FILE", help="score file to write")
    add_score_options(score)
    add_source_options(score)
    score.set_defaults(run=run_score)

    attempt = commands.add_parser(
        "try",
        help="score and rank responses to one prompt",
        description="Prints the reward of each response, and the probability that the best one "
        "is preferred to it.",
    )
    attempt.add_argument("prompt", help="the prompt, as one argument (in quotes)")
    attempt.add_argument(
        "responses", nargs="+", metavar="response", help="a response; give two or more"
    )
    add_source_options(attempt)
    attempt.set_defaults(run=run_try)

    catalogue = commands.add_parser(
        "list",
        help="list check kinds, reward sources, losses, report formats, recipes, transformations",
        description="Lists check kinds, reward sources, losses, report formats and "
        "transformations of texts, including those of installed plugin packages, and the recipes "
        "of rmcheck and of this project's folder `recipes`.",
    )
    catalogue.add_argument(
        "--transformations",
        action="store_true",
        help="only the transformations, each with what it does",
    )
    catalogue.set_defaults(run=run_list)


def _shown(path: Path) -> str:
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def run_score(options: argparse.Namespace) -> int:
    """Write a score file for pairs and response sets."""
    chosen = settings(options)
    if options.output is None and options.shard is None:
        raise UsageError("-o FILE is missing: the score file to write")
    if options.output is not None:
        refuse_to_replace(Path(options.output))
    if in_shards(options):
        return run_shards(options, chosen)
    target = Path(options.output)
    data = data_of(options.data, chosen.root, layout_of(options))
    tell(*told(data.notes))
    source, book = create(chosen.source, chosen.options), ScoreBook(chosen.cache)
    _tell_default(source, chosen)
    set_dialogues = [side for entry in data.sets for side in entry.dialogues()]
    book.fetch(source, [*pair_dialogues(data.pairs), *set_dialogues])
    both = book.scores(source, pair_dialogues(data.pairs))
    lines = [
        {"id": pair.id, "hash": pair.hash, "chosen": float(chosen), "rejected": float(rejected)}
        for pair, chosen, rejected in zip(data.pairs, both[0::2], both[1::2], strict=True)
    ] + [
        {
            "id": entry.id,
            "hash": entry.hash,
            "scores": book.scores(source, entry.dialogues()).tolist(),
        }
        for entry in data.sets
    ]
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    right = int((both[0::2] > both[1::2]).sum())
    counts = book.counts()
    made = f"{counted(counts.computed, 'text')} scored, {counts.cached} from the cache"
    tell(f"wrote {counted(len(lines), 'row')} to {target} ({made})")
    if data.pairs:
        print(
            f"chosen scores higher in {right} of {counted(len(data.pairs), 'pair')} "
            f"({right / len(data.pairs):.3f})"
        )
    return 0


def run_try(options: argparse.Namespace) -> int:
    """Print each response's reward and rank, and the chance that the best beats it."""
    if len(options.responses) < 2:
        raise UsageError("expected two or more responses, got 1; a single reward has no meaning")
    chosen = settings(options)
    source, book = create(chosen.source, chosen.options), ScoreBook(chosen.cache)
    _tell_default(source, chosen)
    dialogues = [
        Dialogue(options.prompt, response, key=f"response {number}")
        for number, response in enumerate(options.responses, start=1)
    ]
    scores = book.scores(source, dialogues)
    order = sorted(range(len(scores)), key=lambda row: -scores[row])
    best = float(scores[order[0]])
    named = redacted(source.spec)
    tell(f"{'rank':>4}  {'reward':>9}  {'P(best beats it)':>16}   response   ({named})")
    for rank, row in enumerate(order, start=1):
        chance = 1 / (1 + math.exp(-(best - float(scores[row]))))
        beaten = "–" if rank == 1 else f"σ({best - scores[row]:.3f}) = {chance:.3f}"
        tell(f"{rank:>4}  {scores[row]:>9.4f}  {beaten:>16}   {_clip(options.responses[row])}")
    return 0


def _tell_default(source: Source, chosen: Settings) -> None:
    """Say which model is used where none was named, and that it is trained first."""
    if chosen.source_named or missing(MODELS):  # where packages are missing, the error is next
        return
    said = f"no --rm and no rm_source: using {chosen.source}"
    if isinstance(source, RecipeSource) and not source.is_trained:
        said += (
            ", which is trained first and kept in the cache (about a minute on two CPU cores); "
            "name a model with --rm SPEC instead"
        )
    tell(said, error=True)


def _clip(text: str, width: int = 70) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= width else flat[: width - 1] + "…"


def run_list(options: argparse.Namespace) -> int:
    """Print every registered kind with its summary, and errors in plugin packages."""
    if options.transformations:
        _tell_broken(_list_transformations(whole=True))
        return 0
    from rmcheck.remote import PROFILES
    from rmcheck.report.formats import FORMATS
    from rmcheck.scaffold.schema import usable_checks
    from rmcheck.sources.source_file import OWN, project_sources
    from rmcheck.training.losses import LOSSES
    from rmcheck.training.recipe_file import load_recipe, project_recipes, shipped_recipes

    broken = [
        *_listed("checks (check: KIND in a suite)", *usable_checks()),
        *_listed("\nreward sources (--rm KIND:NAME)", *SOURCES.sound()),
        *_listed("\nservers (--rm http://HOST:PORT,profile=NAME)", *PROFILES.sound()),
        *_listed("\nlosses (loss: NAME in a recipe)", *LOSSES.sound()),
        *_listed("\nreport formats", *FORMATS.sound()),
        *_list_transformations(whole=False),
    ]
    print("\nrecipes (--rm recipe:NAME)")
    for name, path in shipped_recipes().items():
        tell(f"  {name:<18} {load_recipe(name, path.parent).description}")
    tell(f"  (their files: {_shown(shipped('recipes'))})")
    for name in project_recipes(configured().root):
        tell(f"  {name:<18} of this project")
    if project_sources(configured().root):
        print("\nsource files (--rm source:NAME)")
        for name, path in project_sources(configured().root).items():
            tell(f"  {name:<18} {OWN}/{path.name}")
    _tell_broken(broken)
    return 0


def _tell_broken(broken: Sequence[BrokenEntryPoint]) -> None:
    sys.stdout.flush()
    for error in broken:
        tell(f"rmcheck list: {error}", error=True)


_PROMISES = {
    "preserves": "transformations that preserve how good a text is, by group",
    "degrades": "transformations that make a text worse, by group",
    "tempts": "transformations that only make a text look better, by group",
}


def _list_transformations(*, whole: bool) -> Sequence[BrokenEntryPoint]:
    """Print the transformations by promise and group; `whole`: each with its sentence."""
    from rmcheck.perturb import TRANSFORMATIONS

    known, broken = TRANSFORMATIONS.sound()
    for number, (promise, title) in enumerate(_PROMISES.items()):
        print(title if whole and not number else f"\n{title}")
        some = {name: each for name, each in known.items() if each.promise == promise}
        groups: dict[str, list[str]] = {}
        for name, each in some.items():
            # In the whole list each is shown once, in the first of its groups.
            for group in each.groups[: 1 if whole else None]:
                groups.setdefault(group, []).append(name)
        for group, names in groups.items():
            lines = [""] if whole else textwrap.wrap(", ".join(names), 78)
            tell(f"  {group:<18} {lines[0]}".rstrip(), *(f"{'':21}{line}" for line in lines[1:]))
            for name in names if whole else ():
                tell(f"    {name:<22} {some[name].sentence}")
    return broken


def _listed(
    title: str, kinds: Mapping[str, object], broken: Sequence[BrokenEntryPoint]
) -> Sequence[BrokenEntryPoint]:
    """Print the kinds of one registry, a line each; returns the errors of broken ones."""
    print(title)
    for name, kind in kinds.items():
        tell(f"  {name:<18} {summary(kind)}".rstrip())
    return broken
