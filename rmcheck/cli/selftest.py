"""The command `selftest`: the false-alarm rate of these suites, and the drop that they detect."""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rmcheck.cli import series
from rmcheck.cli.options import (
    RUN_FOLDER,
    add_baselines_option,
    add_source_options,
    add_suites_option,
    run_folder,
    settings,
    suites_folder,
)
from rmcheck.cli.output import aligned, tell, tell_json
from rmcheck.cli.recipes import as_json, recipe_lines, recipes_json
from rmcheck.documents.finding import INI_FILES
from rmcheck.engine.settings import DEFAULT_BASELINE, Settings
from rmcheck.errors import UsageError
from rmcheck.spec import redacted
from rmcheck.wording import counted, listed

if TYPE_CHECKING:
    from rmcheck.compare.selftest import SelfTest
    from rmcheck.compare.simulation import Share, Tested


NO_SUITES = f"no suite matches {INI_FILES} (or its default)"


def add_commands(commands: Any) -> None:
    """Register it."""
    command = commands.add_parser(
        "selftest",
        help="estimate the false-alarm rate and the smallest detectable regression",
        description="Simulates runs of your comparisons (no_regression) with two equal models, "
        "and with models that lost 1, 2, 3 and 5 points. Exit code: 1 if equal models fail, or "
        "have an alarm (--nights) or a worse step (--bisect), more often than alpha, else 0.",
    )
    command.add_argument(
        "--run",
        dest="folder",
        metavar="DIR",
        help=f"the run whose pairs to simulate ({RUN_FOLDER})",
    )
    command.add_argument(
        "--against",
        metavar="NAME",
        help="baseline or run folder; the share of pairs on which it differs from the run is used "
        f"in the simulation (default: rm_baseline of the ini file, or {DEFAULT_BASELINE} if it "
        "exists)",
    )
    command.add_argument(
        "--runs",
        metavar="N",
        type=_count,
        default=500,
        help="number of runs to simulate (default %(default)s)",
    )
    command.add_argument(
        "--seed", metavar="N", type=int, default=0, help="seed of the simulation (default 0)"
    )
    command.add_argument(
        "--mutants",
        action="store_true",
        help="instead plant vices (length, flattery, noise, ...) in the model's scores, by dose, "
        "and show which required check stops each planted model",
    )
    command.add_argument(
        "--slices",
        action="store_true",
        help="also simulate how often `rmcheck slices` would find a slice for equal models",
    )
    command.add_argument(
        "--nights",
        metavar="N",
        type=_count,
        nargs="?",
        const=200,
        help="also simulate histories: how often N nights of equal models have an alarm, and when "
        "a drop has one (default N: %(const)s)",
    )
    command.add_argument(
        "--bisect",
        action="store_true",
        help="also simulate `rmcheck bisect` on series of 16 models, with and without a worse step",
    )
    command.add_argument(
        "--doses",
        metavar="D,D",
        type=_doses,
        help="doses for --mutants, in standard deviations of the scores (default 0.25,0.5,1,2)",
    )
    add_source_options(command)
    add_suites_option(command, "folder of suites")
    command.add_argument(
        "--format", choices=("text", "json"), default="text", help="default %(default)s"
    )
    add_baselines_option(command)
    command.set_defaults(run=run_selftest)


def _count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is less than 1")
    return value


def _doses(text: str) -> tuple[float, ...]:
    try:
        found = tuple(sorted(float(part) for part in text.split(",")))
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"expected numbers separated by commas, got {text}"
        ) from None
    if not all(0 < dose < math.inf for dose in found):
        raise argparse.ArgumentTypeError(f"expected doses above 0, got {text}")
    if len(set(found)) < len(found):
        raise argparse.ArgumentTypeError(f"expected each dose once, got {text}")
    return found


def _run_mutants(options: argparse.Namespace) -> int:
    from rmcheck.cli import mutants
    from rmcheck.compare.comparison import suites_below
    from rmcheck.compare.mutants.trial import DOSES, mutant_test

    chosen = settings(options)
    place = _suites_place(options, chosen)
    suites = suites_below(place.absolute(), chosen)
    if not suites:
        raise UsageError(f"{place}: {NO_SUITES}")
    found = mutant_test(suites, chosen, doses=options.doses or DOSES)
    if options.format == "json":
        tell_json(mutants.as_json(found), indent=1)
    else:
        tell(*mutants.lines(found, redacted(chosen.source)))
    return 0


def _suites_place(options: argparse.Namespace, chosen: Settings) -> Path:
    place = suites_folder(options, chosen)
    if not place.is_dir():
        raise UsageError(f"{place} is not a directory; give the folder of suites with --suites")
    return place


def run_selftest(options: argparse.Namespace) -> int:
    """Simulate and print; returns 1 if equal models fail too often."""
    if options.mutants:
        return _run_mutants(options)
    if options.doses or options.rm:
        name = "--doses" if options.doses else "--rm"
        raise UsageError(f"{name} needs --mutants; a simulation uses the scores of a run")
    from rmcheck.compare.comparison import read_side, recorded, suites_below
    from rmcheck.compare.recipe_selftest import recipe_guards, recipe_selftest
    from rmcheck.compare.selftest import guards, selftest
    from rmcheck.record import baseline as baselines

    chosen = settings(options)
    folder, place = run_folder(options, chosen), _suites_place(options, chosen)
    suites = suites_below(place.absolute(), chosen)
    against = options.against
    usual = chosen.baseline or DEFAULT_BASELINE
    if against is None and baselines.known(usual, chosen.baselines):
        against = usual
    run = recorded(str(folder), folder)
    baseline = read_side(against, chosen, []) if against else None
    scored = {row.suite for row in run.rows}
    comparing = [suite for suite in suites if any(check.compares for check in suite.checks)]
    lacking = [suite.name for suite in comparing if suite.name not in scored]
    found, notes = guards(
        [suite for suite in suites if suite.name not in lacking],
        run,
        baseline,
        early_stop=chosen.early_stop,
    )
    if lacking:
        notes.insert(0, _remedy(lacking, folder, place))
    if not found:
        none = "no suite has the check no_regression" if suites else NO_SUITES
        raise UsageError(f"{place}: no comparison to simulate: {'; '.join(notes) or none}")
    sliced = None
    if options.slices:
        if baseline is None:
            raise UsageError(f"--slices needs a baseline; {_why_assumed(None)}")
        from rmcheck.compare.equal_slices import equal_slices

        sliced = equal_slices(suites, run, baseline, runs=options.runs, seed=options.seed)
        if sliced is None:
            raise UsageError(f"--slices: {folder} and {against} share no pair of the suites")
    result = selftest(
        found,
        comparisons=max(1, sum(suite.comparisons for suite in suites)),
        runs=options.runs,
        seed=options.seed,
        notes=notes,
        progress=chosen.progress,
    )
    recipes = recipe_selftest(
        recipe_guards(suites, run, baseline),
        comparisons=result.comparisons,
        runs=options.runs,
        seed=options.seed,
        progress=chosen.progress,
    )
    over_time = series.simulated(
        found, result, [suite.name for suite in suites], (run, baseline), options, chosen.progress
    )
    if options.format == "json":
        more = {"slices": as_json(sliced)} if sliced else {}
        more |= over_time.as_json()
        tell_json({**_json(result), "recipes": recipes_json(recipes), **more}, indent=1)
    else:
        tell(*_lines(result, against), *recipe_lines(recipes))
        tell(*([_sliced(sliced)] if sliced else []), *over_time.lines())
    wrong = result.cries_wolf or (recipes is not None and recipes.cries_wolf)
    return int(wrong or over_time.cries_wolf)


def _remedy(lacking: list[str], folder: Path, suites: Path) -> str:
    """What to do about suites without scores."""
    run = f"pytest {suites}/"
    return (
        f"{folder} has no scores for {listed(lacking, limit=8)}; run `{run}` first (running "
        "only some suites overwrites the previous results)"
    )


def _lines(result: SelfTest, against: str | None) -> list[str]:
    low, high = result.red.interval
    said = "more than alpha" if result.cries_wolf else "within alpha"
    lines = [
        f"equal models: {_percent(result.red.value)} of "
        f"{counted(result.runs, 'simulated run')} failed "
        f"[{_percent(low)}, {_percent(high)}], {said} ({_percent(result.alpha)}); "
        f"{counted(result.comparisons, 'required comparison')}, seed {result.seed}",
        "",
        *_table(result),
    ]
    if any(one.assumed for one in result.tested):
        lines.append(f"* assumed: {_why_assumed(against)}")
    if any(one.measure != one.detected_by for one in result.tested):
        lines.append("† by win rate alone; the shares that fail are those of the measure")
    lines += _stopped(result)
    small = [one for one in result.tested if one.too_small]
    if small:
        lines += ["", "too few pairs for their max_drop:"]
        lines += [f"  {_shortfall(one)}" for one in small]
    return [*lines, *(["", *result.notes] if result.notes else [])]


def _stopped(result: SelfTest) -> list[str]:
    """What early stopping saves: a line for each check with `early_stop`."""
    stopping = [(one, one.scored) for one in result.tested if one.scored]
    if not stopping:
        return []
    drops = [f"{drop * 100:g} pt" for drop in result.tested[0].caught]
    rows = [["", "equal", *drops]]
    rows += [[_name(one), *map(_percent, scored.values())] for one, scored in stopping]
    told = "early_stop: share of the texts that are scored, for equal models and by loss"
    return ["", told, *aligned(rows)]


def _sliced(share: Share) -> str:
    low, high = share.interval
    return (
        f"slices: equal models have one in {_percent(share.value)} of "
        f"{counted(share.runs, 'simulated run')} [{_percent(low)}, {_percent(high)}]; at most 5 % "
        "should"
    )


def _why_assumed(against: str | None) -> str:
    if against is None:
        return "no baseline to measure how often two models differ; give one with --against NAME"
    return f"this run and {against} win and lose the same pairs, or share too few pairs"


def _table(result: SelfTest) -> list[str]:
    drops = [f"{drop * 100:g} pt" for drop in result.tested[0].caught]
    head = ["", "pairs", "differ", "equal", *drops, "detects", "max_drop"]
    rows = [head]
    for one in result.tested:
        seen = "nothing" if one.detectable is None else f"{one.detectable * 100:.1f} pt"
        rows.append(
            [
                _name(one),
                str(one.n),
                f"{_percent(one.discordant)}{'*' if one.assumed else ''}",
                _percent(one.false_alarms.value),
                *(_with_interval(share) for share in one.caught.values()),
                seen if one.measure == one.detected_by else f"{seen}†",
                f"{one.max_drop * 100:.1f} pt",
            ]
        )
    told = "share of runs that fail: for equal models, and by loss of win rate [95 % interval]"
    return [told, *aligned(rows)]


def _name(one: Tested) -> str:
    by = "" if one.measure == "win_rate" else f" by {one.measure}"
    return f"{one.name}{by}{'' if one.required else ' (advisory)'}"


def _percent(share: float) -> str:
    points = 100 * share
    return f"{points:.0f} %" if points >= 9.95 or points == round(points) else f"{points:.1f} %"


def _with_interval(share: Share) -> str:
    low, high = (100 * limit for limit in share.interval)
    return f"{100 * share.value:.0f} % [{low:.0f}, {high:.0f}]"


def _shortfall(one: Tested) -> str:
    sees = (
        "detects no drop"
        if one.detectable is None
        else f"detects drops of {one.detectable * 100:.1f} points or more (80 % power)"
    )
    needed = "no number of" if one.pairs_needed is None else f"about {one.pairs_needed:,}"
    return (
        f"{one.name}: {one.n} pairs, max_drop {one.max_drop * 100:.1f} points, {sees}; {needed} "
        f"pairs would detect {one.target * 100:.1f}"
    )


def _json(result: SelfTest) -> dict[str, Any]:
    return {
        "runs": result.runs,
        "seed": result.seed,
        "comparisons": result.comparisons,
        "alpha": result.alpha,
        "equal_models": as_json(result.red),
        "cries_wolf": result.cries_wolf,
        "checks": [
            {
                "id": one.name,
                "required": one.required,
                "n": one.n,
                "n_groups": one.n_groups,
                "discordant": one.discordant,
                "assumed": one.assumed,
                "max_drop": one.max_drop,
                "measure": one.measure,
                "detected_by": one.detected_by,
                "equal_models": as_json(one.false_alarms),
                "caught": [{"drop": drop, **as_json(share)} for drop, share in one.caught.items()],
                **_scored(one),
                "detectable": one.detectable,
                "too_small": one.too_small,
                "target": one.target,
                "pairs_needed": one.pairs_needed,
            }
            for one in result.tested
        ],
        "notes": list(result.notes),
    }


def _scored(one: Tested) -> dict[str, Any]:
    """The mean shares of the pairs that a check with `early_stop` scores, if it is one."""
    shares = one.scored or {}
    rows = [{"drop": drop, "share": share} for drop, share in shares.items()]
    return {"early_stop": rows} if rows else {}
