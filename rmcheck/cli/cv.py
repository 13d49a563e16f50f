"""The command `cv`: cross-validation of a recipe, by prompt."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rmcheck.cli.options import add_compute_options, settings
from rmcheck.cli.output import put, refuse_to_replace, tell, tell_json
from rmcheck.cli.train import recipe_named
from rmcheck.report import numbers
from rmcheck.spec import redacted
from rmcheck.wording import counted

if TYPE_CHECKING:
    from rmcheck.study.cross_validation import CrossValidation


def add_commands(commands: Any) -> None:
    """Register it."""
    command = commands.add_parser(
        "cv",
        help="cross-validate a recipe by prompt",
        description="Trains the recipe once for each fold of its prompts, without that fold, and "
        "prints the win rate on prompts that the model did not see. Trained folds are cached: the "
        "command continues where it was stopped. With -o it writes a score file in which every "
        "pair is scored by the model that did not see it.",
    )
    command.add_argument("recipe", help="name of a recipe (tiny), or path to a recipe file")
    command.add_argument(
        "--folds", type=_folds, default=5, metavar="K", help="number of folds (default %(default)s)"
    )
    command.add_argument(
        "--seed",
        type=_seed,
        default=0,
        metavar="N",
        help="seed of the division into folds (default %(default)s)",
    )
    command.add_argument("-o", "--output", metavar="FILE", help="score file to write")
    command.add_argument(
        "--format", choices=("text", "json"), default="text", help="default %(default)s"
    )
    add_compute_options(command)
    command.set_defaults(run=run_cv)


def run_cv(options: argparse.Namespace) -> int:
    """Train and score every fold; print the win rates, and write the scores where asked."""
    from rmcheck.study.cross_validation import cross_validate

    if options.output is not None:
        refuse_to_replace(Path(options.output))
    chosen = settings(options)
    _, source = recipe_named(options.recipe, chosen)
    found = cross_validate(source, of=options.folds, seed=options.seed, cache=chosen.cache)
    if options.format == "json":
        tell_json(_as_json(found), indent=2)
    else:
        _tell(found)
    if options.output is not None:
        rows = "".join(json.dumps(row) + "\n" for row in found.rows())
        put(options.output, rows, error=options.format == "json")
    return 0


def _tell(found: CrossValidation) -> None:
    whole = found.result.estimate
    tell(
        f"{redacted(found.spec)}: {counted(whole.n, 'pair')} of {counted(whole.n_groups, 'prompt')}"
        f" in {len(found.folds)} folds by prompt, seed {found.seed}",
        "",
        f"{'fold':>6}  {'trained on':>10}  {'tested on':>9}  {'win rate':>8}  95 % interval",
    )
    for fold in found.folds:
        trained = "–" if fold.training is None else numbers.count(fold.training.pairs)
        tell(
            f"{fold.number:>6}  {trained:>10}  {numbers.count(fold.estimate.n):>9}  "
            f"{numbers.rate(fold.estimate.value):>8}  {numbers.interval(fold.estimate)}"
        )
    tell(
        f"{'all':>6}  {'':>10}  {numbers.count(whole.n):>9}  {numbers.rate(whole.value):>8}  "
        f"{numbers.interval(whole)}  ({whole.method})",
        "",
        _about(found),
    )


def _about(found: CrossValidation) -> str:
    """What the interval is about, and how far the models differ."""
    result = found.result
    said = (
        "all: what the recipe reaches on new prompts with as many training pairs, whatever they "
        f"are; for exactly these {len(found.folds)} models the interval is "
        f"{numbers.interval(result.pooled)}"
    )
    if result.between == 0.0:
        return f"{said}; the folds differ no more than their pairs explain"
    return (
        f"{said}; beyond what their pairs explain, the models' win rates have a standard deviation "
        f"of {numbers.rate(result.between)}"
    )


def _as_json(found: CrossValidation) -> dict[str, Any]:
    return {
        "recipe": redacted(found.spec),
        "seed": found.seed,
        "win_rate": asdict(found.result.estimate),
        "pooled": asdict(found.result.pooled),
        "between_models": found.result.between,
        "folds": [
            {
                "fold": fold.number,
                "adapter": fold.fingerprint,
                "trained_on": None if fold.training is None else fold.training.pairs,
                "win_rate": asdict(fold.estimate),
            }
            for fold in found.folds
        ],
    }


def _folds(text: str) -> int:
    if not text.isdecimal() or not 2 <= int(text) <= 1000:
        raise argparse.ArgumentTypeError(f"expected a whole number from 2 to 1000, got {text!r}")
    return int(text)


def _seed(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"expected a whole number from 0, got {text!r}")
    return int(text)
