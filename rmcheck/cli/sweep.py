"""The command `sweep`: try settings of a recipe, and confirm the best on fresh prompts."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rmcheck.cli.options import add_compute_options, settings
from rmcheck.cli.output import (
    PAGE,
    begins_with,
    put,
    refuse_to_overwrite,
    tell,
    tell_json,
)
from rmcheck.documents.finding import is_yaml
from rmcheck.errors import UsageError
from rmcheck.report import numbers
from rmcheck.report.stopping import stopping
from rmcheck.verdict import Estimate
from rmcheck.wording import counted, minus

if TYPE_CHECKING:
    from rmcheck.study.sweep import Run, SweepResult


def add_commands(commands: Any) -> None:
    """Register it."""
    command = commands.add_parser(
        "sweep",
        help="try settings of a recipe, and confirm the best on fresh prompts",
        description="Trains the recipe of a sweep file with different settings (a grid, random "
        "draws, or TPE), chooses the settings with the highest win rate on prompts that were left "
        "out of the training, and measures them on other prompts that were left out. Trained runs "
        "are cached: the command continues where it was stopped.",
    )
    command.add_argument("sweep", metavar="SWEEP.yaml", help="sweep file (rmcheck schema sweep)")
    command.add_argument("-o", "--output", metavar="FILE", help="write the best recipe (.yaml)")
    command.add_argument("--html", metavar="FILE", help="write all runs as a page")
    command.add_argument(
        "--format", choices=("text", "json"), default="text", help="default %(default)s"
    )
    add_compute_options(command)
    command.set_defaults(run=run_sweep)


def run_sweep(options: argparse.Namespace) -> int:
    """Try all settings, print the runs and the confirmation, and write what is asked for."""
    from rmcheck.study import sweep as study
    from rmcheck.study.winner import recipe_text
    from rmcheck.training.sweep_file import load_sweep

    target = None if options.output is None else _target(options.output)
    if options.html is not None:
        refuse_to_overwrite("--html", options.html, made=PAGE)
    path = Path(options.sweep)
    if not path.is_file():
        raise UsageError(
            f"{options.sweep}: sweep file not found; `rmcheck schema sweep` has its keys"
        )
    chosen = settings(options)
    sweep = load_sweep(path.absolute(), chosen.root)
    in_json = options.format == "json"
    found = study.run_sweep(
        sweep,
        chosen.options,
        chosen.cache,
        lambda run, shares: tell(
            f"run {run.number}: {_reached(run, shares)}{_shown(run.settings)}", error=True
        ),
    )
    if in_json:
        tell_json(_as_json(found), indent=2)
    else:
        _tell(found)
    if options.html is not None:
        from rmcheck.report.page.sweep import render

        put(options.html, render(found), error=in_json)
    if target is not None:
        put(options.output, recipe_text(found, target), error=in_json)
    return 0


def _target(name: str) -> Path:
    """The file of the winner's recipe, if it may be written."""
    from rmcheck.study.winner import HEAD

    target = Path(name)
    if not is_yaml(target):
        raise UsageError(f"-o {name}: a recipe is written as YAML; use a name that ends in .yaml")
    if target.exists() and not begins_with(target, HEAD):
        raise UsageError(
            f"-o {name}: already exists and was not written by a sweep; choose another path"
        )
    return target


def _tell(found: SweepResult) -> None:
    sweep, winner = found.sweep, found.winner
    keys = list(sweep.space)
    tell(
        f"recipe:{sweep.recipe.name}: {counted(len(found.runs), 'run')} ({sweep.search}, seed "
        f"{sweep.seed}), each trained on {counted(found.trained_on, 'pair')}; chosen on "
        f"{counted(found.chosen.n, 'other pair')}, confirmed on {numbers.count(found.confirmed.n)}",
        *found.notes,
        "",
        f"{'run':>5}  {'win rate':>8}  95 % interval   {'  '.join(keys)}",
    )
    for run in found.runs:
        values = [_value(run.settings, key).ljust(len(key)) for key in keys]
        tell(f"{run.number:>5}  {_reached(run, found.shares)}  {'  '.join(values)}".rstrip())
    if sweep.prune is not None:
        tell("", *stopping(found, sweep.prune))
    tell(
        "",
        f"chosen: run {winner.number}{_shown(winner.settings)}",
        f"  where it was chosen      {_said(found.chosen)}",
        f"  on fresh prompts         {_said(found.confirmed)}",
    )
    if found.difference is None or found.unchanged is None:
        tell("no settings were better than those of the recipe")
        return
    gain = found.difference.estimate
    tell(
        f"  the recipe as it is      {_said(found.unchanged)}, on the same fresh prompts",
        f"  gained by the settings   {_points(gain)}, p = "
        f"{numbers.p_value(found.difference.p_two_sided)}",
        "the first number is too high on average, as the best of several was chosen by it; report "
        "the second",
    )


def _reached(run: Run, shares: Sequence[float]) -> str:
    if run.stopped is not None:
        value = numbers.number(abs(run.rungs[run.stopped]))
        return f"{'stopped':>8}  {f'at {shares[run.stopped]:.0%}: {value}':<14}"
    if run.estimate is None:
        return f"{'failed':>8}  {run.failed}"
    return f"{numbers.rate(run.estimate.value):>8}  {numbers.interval(run.estimate)}"


def _shown(given: Mapping[str, Any]) -> str:
    """Settings on one line, in brackets."""
    if not given:
        return " (the recipe as it is)"
    from rmcheck.training.sweep_file import shown_settings

    return f" ({shown_settings(given)})"


def _value(given: Mapping[str, Any], key: str) -> str:
    return str(given[key]) if key in given else "–"


def _said(estimate: Estimate) -> str:
    return f"{numbers.rate(estimate.value)} {numbers.interval(estimate)}"


def _points(gain: Estimate) -> str:
    return minus(f"{gain.value:+.3f} [{gain.low:+.3f}, {gain.high:+.3f}]")


def _as_json(found: SweepResult) -> dict[str, Any]:
    def estimate(given: Estimate | None) -> dict[str, Any] | None:
        return None if given is None else asdict(given)

    difference = found.difference
    return {
        "recipe": found.sweep.recipe.name,
        "search": found.sweep.search,
        "seed": found.sweep.seed,
        "folds": found.sweep.folds,
        "trained_on": found.trained_on,
        "rungs": list(found.shares),
        "saved": found.saved,
        "notes": list(found.notes),
        "winner": found.winner.number,
        "chosen": estimate(found.chosen),
        "confirmed": estimate(found.confirmed),
        "unchanged": estimate(found.unchanged),
        "difference": None if difference is None else asdict(difference),
        "runs": [
            {
                "run": run.number,
                "settings": dict(run.settings),
                "adapter": run.fingerprint,
                "win_rate": estimate(run.estimate),
                "failed": run.failed or None,
                "stopped_at": None if run.stopped is None else found.shares[run.stopped],
                "at_rungs": [abs(value) for _, value in sorted(run.rungs.items())],
            }
            for run in found.runs
        ],
    }
