"""The command `train`."""

from __future__ import annotations

import argparse
import shlex
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from rmcheck.cli import continuation
from rmcheck.cli.kept import Member, kept_ensemble
from rmcheck.cli.options import add_compute_options, positive, settings
from rmcheck.cli.output import tell
from rmcheck.cli.project import rooted, shown
from rmcheck.cli.taught import taught_by
from rmcheck.engine import Settings
from rmcheck.engine.trainings import train_missing
from rmcheck.errors import RmcheckError, SourceError
from rmcheck.record.run import TrainingRecord
from rmcheck.spec import redacted
from rmcheck.wording import counted

if TYPE_CHECKING:
    from rmcheck.sources.recipe import RecipeSource

FAILED = 4


def add_commands(commands: Any) -> None:
    """Register it."""
    train = commands.add_parser(
        "train",
        help="train recipes, unless they are already trained",
        description="Trains the reward model of each recipe once, several at once where cores and "
        "memory allow; an adapter is cached under a hash of its settings and data. Prints the "
        "adapters' folders and the training curves.",
    )
    train.add_argument(
        "recipes",
        nargs="+",
        metavar="recipe",
        help="name of a recipe (tiny), or path to a recipe file; give one or more",
    )
    train.add_argument(
        "--jobs",
        type=positive,
        metavar="N",
        help="at most so many trainings at once (default: as cores and memory allow)",
    )
    train.add_argument(
        "--seeds",
        type=positive,
        metavar="K",
        help="train each recipe with K seeds (its own and those that follow it), and keep the "
        "models as one ensemble",
    )
    train.add_argument(
        "--ensemble",
        metavar="NAME",
        help="keep the models as one ensemble in sources/NAME.yaml, for --rm source:NAME",
    )
    train.add_argument(
        "--processes",
        type=processes,
        metavar="N",
        help="train each recipe by so many processes together, each on a share of every batch; "
        "auto: one for each GPU (default: training.processes of the recipe)",
    )
    continuation.add_options(train)
    add_compute_options(train)
    train.set_defaults(run=run_train)


def processes(given: str) -> int | Literal["auto"]:
    """A whole number of at least 1, or `auto`, for `type=` of an option."""
    return "auto" if given == "auto" else positive(given)


def recipe_named(given: str, chosen: Settings) -> tuple[str, RecipeSource]:
    """A recipe of the command line: its name, or its path from the project's root, and its source.

    Raises
    ------
    UsageError
        If no recipe has that name or path.
    """
    from rmcheck.sources.recipe import create

    spec = rooted(f"recipe:{given.removeprefix('recipe:')}", chosen.root)
    name = spec.removeprefix("recipe:")
    return name, create(name, chosen.options)


def run_train(options: argparse.Namespace) -> int:
    """Train, and print each adapter's folder and its training curve."""
    continuation.refuse_alone(options)
    chosen = settings(options)
    chosen = replace(chosen, processes=options.processes)
    if options.start is not None:
        from rmcheck.sources.recipe import create

        found = continuation.written(options, chosen)
        source = create(found.spec, chosen.options)
        _show(source.train(), source.training, redacted(source.spec))
        return continuation.compared(found, options, chosen)
    sources: list[RecipeSource] = []
    members: list[Member] = []
    for given in options.recipes:
        name, source = recipe_named(given, chosen)
        seeds = [] if options.seeds is None else source.seeds(options.seeds)
        sources += [source.with_seed(seed) for seed in seeds] or [source]
        members += [Member(name, seed) for seed in seeds] or [Member(name)]
    kept = kept_ensemble(options.ensemble, options.recipes, members, chosen.root)
    failed = train_missing(sources, chosen.progress, options.jobs) if len(sources) > 1 else {}
    errors = list(failed.values())
    for source in sources:
        if id(source) in failed:
            continue
        try:
            _show(source.train(), source.training, redacted(source.spec))
        except RmcheckError as error:
            if len(sources) == 1:
                raise
            errors.append(error)
    for each in errors:
        tell(*(f"rmcheck train: {line}" for line in str(each).splitlines()), error=True)
    if errors:
        return FAILED
    if kept is not None:
        kept.write(chosen.root)
    return 0


def _show(folder: Path, training: TrainingRecord | None, spec: str) -> None:
    if training is None:
        raise SourceError(f"{folder}: training record missing; delete the folder to train again")
    of = counted(training.pairs, "prompt" if training.distil else "pair")
    tell(
        f"{spec}: {of}, {counted(training.steps, 'step')}, "
        f"{training.seconds:.0f} s{_by(training)}{_stopped(training)}"
    )
    if training.replayed is not None:
        tell(f"{counted(training.replayed, 'old example')} replayed among the new ones")
    tell(f"adapter: {shown(folder, Path.cwd())}")
    what = "win rates" if training.distil is None else "the same side as the teacher"
    print(f"{'step':>6}  {'loss':>7}  {'training':>8}  {'held out':>8}   ({what})")
    for point in training.curve:
        print(
            f"{point.step:>6}  {point.loss:>7.4f}  {_share(point.train_win_rate):>8}  "
            f"{_share(point.held_out_win_rate):>8}"
        )
    if training.distil is not None:
        tell(*taught_by(training.distil))
        against = f"--rm {shlex.quote(spec)} --rm-baseline {shlex.quote(training.distil.teacher)}"
        tell(f"to gate it against its teacher: pytest suites/ {against}")


def _by(training: TrainingRecord) -> str:
    return f" in {training.processes} processes" if training.processes > 1 else ""


def _stopped(training: TrainingRecord) -> str:
    if training.best_step is None:
        return ""
    return f", early stopping kept the weights of step {training.best_step}"


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
