"""Commands about runs: bless, report, compare."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

from rmcheck.cli.options import (
    RUN_FOLDER,
    add_baselines_option,
    add_compute_options,
    add_suites_option,
    run_folder,
    settings,
)
from rmcheck.cli.output import tell
from rmcheck.cli.project import configured, shown, tell_ignored
from rmcheck.cli.ranking import add_options as add_ranking_options
from rmcheck.cli.ranking import as_spec, on_data, refuse_files, run_ranking, suites_of, write
from rmcheck.compare import agreement, parity, pins
from rmcheck.compare.comparison import Side, compare, is_record, is_run, read_side, state_first
from rmcheck.compare.ranking import rank
from rmcheck.engine.seeds import no_effect
from rmcheck.engine.settings import (
    DEFAULT_BASELINE,
    DEFAULT_REPORT,
    Options,
    Settings,
    settings_from,
)
from rmcheck.errors import UsageError
from rmcheck.record import baseline as baselines
from rmcheck.record import history
from rmcheck.record.refusal import failures
from rmcheck.record.run import RESULTS, SCORES
from rmcheck.report.publish import publish, root_of
from rmcheck.spec import redacted
from rmcheck.stats.decision import Measure
from rmcheck.wording import counted


def add_commands(commands: Any) -> None:
    """Register them."""
    bless = commands.add_parser(
        "bless",
        help="keep the last run as a baseline",
        description="Keeps a run as a baseline. Suites of the run replace suites of the same name "
        "in the existing baseline; its other suites are kept, unless the run covered the whole "
        "project and did not find them.",
    )
    bless.add_argument(
        "name",
        nargs="?",
        default=DEFAULT_BASELINE,
        help="name of the baseline (default %(default)s)",
    )
    bless.add_argument(
        "--run",
        dest="folder",
        metavar="DIR",
        help=f"the run to keep ({RUN_FOLDER})",
    )
    bless.add_argument(
        "--red",
        action="store_true",
        help="keep the run even if required checks failed or were not selected",
    )
    bless.add_argument("--list", action="store_true", help="list all baselines")
    add_baselines_option(bless)
    bless.set_defaults(run=run_bless)

    report = commands.add_parser(
        "report",
        help="render a run's report again",
        description="Renders index.html and summary.md of a run from its results.json and "
        "scores.jsonl.",
    )
    report.add_argument(
        "folder",
        nargs="?",
        metavar="RUN",
        help=f"the run's folder ({RUN_FOLDER})",
    )
    report.add_argument(
        "--texts",
        choices=("failing", "all", "none"),
        default="failing",
        help="include the texts of these pairs (default %(default)s)",
    )
    report.add_argument(
        "--baselines",
        metavar="DIR",
        help="folder of the baselines (default: that of the run's project)",
    )
    report.set_defaults(run=run_report)

    versus = commands.add_parser(
        "compare",
        help="compare two runs, baselines or sources, or rank several",
        description="Applies no_regression to all pairs of every suite that both sides have, "
        "and tells how alike they judge: pairs that flip, rank agreement, log-loss of each, and "
        "the verdicts that change (a source is judged on the suites' checks, without those that "
        "train again or compare with a baseline); of a served model and its local copy the "
        "largest difference of rewards and its cause. Alpha is divided by m: the number of "
        "required comparisons in the candidate's run, or the number of compared suites if that "
        "is larger or the candidate is not a run. Recipes with several trainings are compared "
        "as recipes: the test includes what a seed changes. Exit code: 1 if a suite regressed, "
        "else 0. With three or more: ranks them on the pairs that all have scored, for each "
        "suite and over all, and says which cannot be told apart.",
    )
    versus.add_argument(
        "candidate", nargs="?", help="run folder, baseline name, score file or source"
    )
    versus.add_argument(
        "others",
        nargs="*",
        metavar="baseline",
        help=f"what to compare it with (default {DEFAULT_BASELINE}), or two or more to rank all",
    )
    versus.add_argument(
        "--max-drop",
        metavar="SHARE",
        type=share,
        default=0.02,
        help="largest acceptable drop of the win rate (default %(default)s)",
    )
    versus.add_argument(
        "--seeds",
        "--rm-seeds",
        dest="rm_seeds",
        metavar="K",
        help="compare recipes by K trainings with different seeds (default: rm_seeds of the ini "
        "file, or 1); runs and baselines have as many as they were made with",
    )
    versus.add_argument(
        "--measure",
        choices=get_args(Measure),
        default="win_rate",
        help="what the test of a drop compares: the wins (win_rate, default), or also how sure "
        "each model is, by rank (rank_log_loss) or size (log_loss) of its margins",
    )
    add_suites_option(versus, "folder of suites, for comparing sources")
    add_ranking_options(versus)
    add_compute_options(versus)
    add_baselines_option(versus)
    versus.set_defaults(run=run_compare)


def share(text: str) -> float:
    """A number in [0, 1] of the command line."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number in [0, 1]")
    return value


def run_bless(options: argparse.Namespace) -> int:
    """Keep a run folder as a baseline, or list the baselines."""
    chosen = settings(options)
    kept = Path(options.baselines or shown(chosen.baselines, chosen.root))
    if options.list:
        return _list_baselines(kept)
    folder = run_folder(options, chosen)
    blessing = baselines.prepare(folder, kept, options.name, red=options.red)
    target = blessing.keep()
    tell(f"{folder} is now the baseline '{options.name}' ({target}); commit that folder")
    if blessing.record.red:
        tell(f"  warning: {failures(blessing.record)}")
    if blessing.replaced or blessing.kept or blessing.removed:
        for word in ("replaced", "added", "kept", "removed"):
            suites = getattr(blessing, word)
            if suites:
                tell(f"  {word}: {', '.join(suites)}")
    tell_ignored(Path.cwd(), [str(target / name) for name in (RESULTS, SCORES)])
    return 0


def _list_baselines(folder: Path) -> int:
    """Print one line for each baseline, the latest first."""
    kept = baselines.every(folder)
    if not kept:
        tell(f"{folder}: no baselines yet; run `rmcheck bless` to keep the last run as one")
    for one in reversed(kept):
        suites = [suite.name for suite in one.record.suites]
        pairs = sum(suite.data.pairs for suite in one.record.suites)
        when = (one.record.blessed or one.record.started)[:16].replace("T", " ")
        mark = " (latest)" if one is kept[-1] else ""
        tell(
            f"{one.name}{mark}: {when}, {redacted(one.record.source.spec)}, "
            f"{counted(pairs, 'pair')} in {counted(len(suites), 'suite')}: {', '.join(suites)}"
        )
    return 0


def run_report(options: argparse.Namespace) -> int:
    """Render all report formats from results.json and scores.jsonl."""
    folder = Path(options.folder) if options.folder else run_folder(options, settings(options))
    root = root_of(folder)
    own = settings_from(configured(root), Options())
    published = publish(
        folder,
        root=root,
        kept=Path(options.baselines or own.baselines),
        history=history.beside(folder.resolve(), root),
        texts_of=options.texts,
    )
    for name in published.texts:
        tell(str(folder / name))
    for remark in published.remarks:
        tell(f"rmcheck report: {remark}", error=True)
    return 0


def _seeds_unused(count: int, candidate: Side, baseline: Side) -> list[str]:
    """What is said of an asked number of trainings that a comparison does not have."""
    sources = [side.given for side in (candidate, baseline) if side.given]
    if not sources:
        return [
            f"seeds: {count} has no effect: {candidate.name} and {baseline.name} have as many "
            "trainings as they were made with"
        ]
    told = (no_effect(source, count) for source in sources)
    return list(dict.fromkeys(said for said in told if said))


def run_compare(options: argparse.Namespace) -> int:
    """Print one line for each suite, 1 if one regressed; or rank three or more models."""
    refuse_files(options)
    if options.candidate is None:
        raise UsageError(
            "name what to compare: a run folder, a baseline, a score file or a source, such as "
            f"`rmcheck compare {DEFAULT_REPORT} {DEFAULT_BASELINE}` or `rmcheck compare "
            "scores:NEW.jsonl scores:OLD.jsonl`"
        )
    chosen, sides = settings(options), [options.candidate, *options.others]
    if len(sides) > 2:
        if options.measure != "win_rate":
            raise UsageError(
                f"--measure {options.measure} compares two; {len(sides)} were given, "
                "and a ranking counts wins; leave --measure out, or name two"
            )
        if options.rm_seeds and chosen.seeds > 1:
            raise UsageError(
                f"--seeds {chosen.seeds} compares two recipes; {len(sides)} models "
                "were given, and a ranking takes one training of each; leave --seeds out, or name "
                "two"
            )
        chosen = replace(chosen, seeds=1)
        return run_ranking(options, chosen, sides)
    given = sides if len(sides) > 1 else [*sides, DEFAULT_BASELINE]
    specs = [as_spec(spec, chosen) for spec in given]
    suites = suites_of(options, chosen, specs)
    candidate, baseline = (read_side(spec, chosen, suites) for spec in specs)
    if options.data:
        candidate, baseline = (on_data(side, suites[0]) for side in (candidate, baseline))
    found = compare(
        candidate,
        baseline,
        max_drop=options.max_drop,
        measure=options.measure,
        seed=chosen.seed,
    )
    candidate, baseline = (
        agreement.with_verdicts(side, chosen, suites) for side in (candidate, baseline)
    )
    alike = agreement.agreement(candidate, baseline, found, seed=chosen.seed)
    for suite, verdict in found.verdicts.items():
        tell(state_first(suite, verdict))
        if suite in alike.suites and verdict.state != "identical":
            tell(f"       {agreement.told(alike.suites[suite])}")
        for note in verdict.evidence.notes:
            tell(f"       {note}")
    for side in (candidate, baseline):
        for remark in side.given.remarks if side.given else ():
            tell(f"{redacted(side.name)}: {remark}")
    if options.rm_seeds and chosen.seeds > 1:
        tell(*_seeds_unused(chosen.seeds, candidate, baseline))
    for lacking, other, alone in (
        (given[0], given[1], found.only_baseline),
        (given[1], given[0], found.only_candidate),
    ):
        if alone:
            there = redacted(other)
            tell(f"not compared (only in {there}): {', '.join(alone)}{_why(lacking, chosen)}")
    for line in agreement.lines(alike):
        tell(line)
    for line in pins.lines(candidate, baseline):
        tell(line)
    for line in parity.lines(candidate, baseline, found, suites):
        tell(line)
    if found.m > 1:
        tell(f"alpha is divided by {found.m} comparisons: {found.counted}")
    if options.html or options.csv:
        write(options, rank([candidate, baseline]))
    return int(any(verdict.outcome == "fail" for verdict in found.verdicts.values()))


def _why(lacking: str, chosen: Settings) -> str:
    """Why suites of the other side may be missing from a side; empty for a source."""
    if not is_record(lacking, chosen):
        return ""
    if is_run(lacking, chosen):
        return f"; {lacking} may be a run of some suites only; run `pytest suites/` to run all"
    return f"; run `rmcheck bless` to add the suites of the last run to {lacking}"
