"""Compare two records, score files or sources with `no_regression`, without pytest."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rmcheck.checks import Changes, ScoredPairs
from rmcheck.checks.no_regression import NoRegression
from rmcheck.checks.paired_scores import PairedScores
from rmcheck.checks.signature import signature
from rmcheck.compare.recipes import columns_of, recipe_scores, trainings
from rmcheck.data import pair_dialogues
from rmcheck.documents import finding
from rmcheck.engine import same_ids
from rmcheck.engine.book import ScoreBook
from rmcheck.engine.facts import objectives_of, rows_of
from rmcheck.engine.settings import Settings
from rmcheck.errors import UsageError
from rmcheck.record import baseline as baselines
from rmcheck.record import folder as folders
from rmcheck.record.refusal import refuse_unlike
from rmcheck.record.run import RESULTS, CheckRecord, SourceRecord
from rmcheck.record.scores import PairScore
from rmcheck.reward_source import ManySided, Partial, Source, completed
from rmcheck.sources import create
from rmcheck.sources.score_file import ScoreFile
from rmcheck.spec import Spec
from rmcheck.stats.decision import Measure
from rmcheck.suite import Suite
from rmcheck.verdict import Verdict

MODEL_FILES = ("config.json", "adapter_config.json")


@dataclass(frozen=True)
class Side:
    """One side of a comparison: its name, a row for each scored pair, and each suite's source.

    `comparisons` is the number of required comparisons among the checks of a run, 0 where it is not
    a run or had none; `checks` are the verdicts of a run, `given` is the source of any other side.
    """

    name: str
    rows: Sequence[PairScore]
    sources: Mapping[str, SourceRecord] = field(default_factory=dict)
    comparisons: int = 0
    checks: Sequence[CheckRecord] = ()
    given: Source | None = None


def is_record(spec: str, settings: Settings) -> bool:
    """Whether `spec` names existing scores: a run folder, or a baseline."""
    return is_run(spec, settings) or baselines.known(spec, settings.baselines)


def is_run(spec: str, settings: Settings) -> bool:
    """Whether `spec` names a run folder."""
    return folders.present(settings.named(spec))


def read_side(spec: str, settings: Settings, suites: Sequence[Suite]) -> Side:
    """The scored pairs that `spec` names.

    Parameters
    ----------
    spec
        A run folder, a baseline's name, or a source. A source scores the pairs of `suites`.

    Raises
    ------
    UsageError
        When it is none of these, or a source and there are no suites to score.
    """
    folder = settings.named(spec)
    if is_run(spec, settings):
        return recorded(spec, folder)
    if baselines.known(spec, settings.baselines):
        found = baselines.find(spec, settings.baselines)
        return recorded(found.name, found.folder)
    bare = not Spec.parse(spec).kind
    if bare and not folder.is_dir():
        raise UsageError(
            f"'{spec}' is not a run folder, a known baseline "
            f"({', '.join(baselines.names(settings.baselines)) or 'there are none'}) or a source "
            "(recipe:NAME, hf:PATH, scores:FILE)"
        )
    if bare and not any((folder / name).is_file() for name in MODEL_FILES):
        raise UsageError(
            f"'{spec}' contains neither a run ({RESULTS}) nor a model ({', '.join(MODEL_FILES)})"
        )
    if not suites:
        raise UsageError(
            f"'{spec}' is a source, but there are no suites to score; set --suites or --data"
        )
    given = create(spec, settings.options)
    told = given.describe()
    sources = {suite.name: told for suite in suites}
    return Side(spec, _scored(given, settings, suites), sources, given=given)


def recorded(name: str, folder: Path) -> Side:
    """A run folder, or a baseline's, as a side."""
    found = folders.read(folder)
    sources = {suite.name: suite.source or found.source for suite in found.suites}
    checks = [check for suite in found.suites for check in suite.checks]
    required = sum(check.compares and check.gate == "required" for check in checks)
    return Side(name, folders.read_scores(folder, found), sources, required, checks)


def _scored(given: Source, settings: Settings, suites: Sequence[Suite]) -> list[PairScore]:
    """The pairs of all suites, scored; each objective that their checks name, where there are."""
    rows: list[PairScore] = []
    sides: dict[str, list[Suite]] = {}
    one = isinstance(given, ScoreFile) and not given.objectives
    for suite in suites:
        named = objectives_of(suite) if isinstance(given, ManySided) and not one else []
        for objective in named or [""]:
            sides.setdefault(objective, []).append(suite)
    for objective, members in sides.items():
        side = given
        if objective and isinstance(given, ManySided):
            side = completed(given.with_objective(objective), given.spec)
        rows += _side(side, settings, members, objective)
    return rows


def _side(
    given: Source, settings: Settings, suites: Sequence[Suite], objective: str
) -> list[PairScore]:
    book = ScoreBook(settings.cache)
    unclear = same_ids.refused(given, suites, book.view)
    if unclear is not None:
        raise unclear
    views = {suite.name: book.view(given, suite.name) for suite in suites}
    known = {
        suite.name: [
            pair
            for pair in suite.data.by_objective(objective).pairs
            if not isinstance(source := views[suite.name], Partial)
            or all(map(source.knows, pair.dialogues()))
        ]
        for suite in suites
    }
    whole = {} if objective or isinstance(given, Partial) else trainings(given, settings.seeds)
    for source in (given, *list(whole.values())[1:]):
        book.fetch(source, [side for pairs in known.values() for side in pair_dialogues(pairs)])
    rows: list[PairScore] = []
    for name, pairs in known.items():
        both = book.scores(views[name], pair_dialogues(pairs))
        kept = trainings(views[name], 0) if isinstance(views[name], Partial) else whole
        seeds = columns_of({} if objective else kept, book, pairs)
        rows += rows_of(name, ScoredPairs(pairs, both[0::2], both[1::2]), objective, seeds)
    return rows


@dataclass(frozen=True)
class Comparison:
    """A verdict of `no_regression` for each suite, and the m by which alpha is divided.

    `counted` says what m counts. `only_candidate` and `only_baseline` are the suites that only one
    side has, `paired` the scores of the pairs that were compared.
    """

    verdicts: Mapping[str, Verdict]
    m: int
    counted: str
    only_candidate: tuple[str, ...] = ()
    only_baseline: tuple[str, ...] = ()
    paired: Mapping[str, PairedScores] = field(default_factory=dict)


def compare(
    candidate: Side,
    baseline: Side,
    *,
    max_drop: float,
    measure: Measure = "win_rate",
    seed: int = 0,
) -> Comparison:
    """The verdict of `no_regression` for each suite that both sides have.

    Its m is the gate's where the candidate is a run that says so: the required comparisons among
    its checks, of whatever suites and slices. Each shared suite is asked here, so that m is never
    smaller than their number.

    Raises
    ------
    UsageError
        When they have no suite in common.
    BaselineRefused
        When a model of the same kind formats texts differently.
    """
    mine, theirs = _by_suite(candidate.rows), _by_suite(baseline.rows)
    shared = [suite for suite in mine if suite in theirs]
    if not shared:
        raise UsageError(
            f"{candidate.name} and {baseline.name} have no suite in common "
            f"({', '.join(mine) or 'none'} / {', '.join(theirs) or 'none'}); if one ran only "
            "some suites, run `pytest suites/` first"
        )
    verdicts, paired = {}, {}
    m, counted = len(shared), "the suites that both have"
    if candidate.comparisons >= m:
        m, counted = candidate.comparisons, f"the required comparisons of {candidate.name}"
    check = NoRegression(max_drop=max_drop, measure=measure)
    for suite in shared:
        _refuse_unlike(next(iter(mine[suite].values())).suite, candidate, baseline)
        partners = _partners(mine[suite], theirs[suite])
        paired[suite] = _paired(mine[suite], theirs[suite], partners)
        ours = [row for row in mine[suite].values() if row.id in partners]
        recipes = recipe_scores(
            paired[suite],
            ours,
            [theirs[suite][partners[row.id]] for row in ours],
            candidate.sources.get(ours[0].suite) if ours else None,
        )
        verdicts[suite] = check.compare(
            recipes or paired[suite],
            _changes(mine[suite], theirs[suite], partners),
            baseline=baseline.name,
            comparisons=m,
            sign=partial(signature, check.kind, candidate.name, suite, seed=seed),
        )
    alone = [tuple(suite for suite in side if suite not in verdicts) for side in (mine, theirs)]
    return Comparison(verdicts, m, counted, alone[0], alone[1], paired)


def state_first(suite: str, verdict: Verdict) -> str:
    """A suite's line: its state, then the figures; `failed` where the state does not say it.

    >>> told = Verdict(decision="pass", outcome="pass", message="no_regression non_inferior: ...")
    >>> state_first("chat", told)
    'chat: non-inferior: ...'
    """
    text = verdict.message.removeprefix(NoRegression.kind).removeprefix(":").strip()
    failed = verdict.outcome == "fail" and verdict.state != "regressed"
    text = text.replace("non_inferior", "non-inferior", 1)
    return f"{suite}: {'failed, ' if failed else ''}{text}"


def _refuse_unlike(suite: str, candidate: Side, baseline: Side) -> None:
    mine, theirs = candidate.sources.get(suite), baseline.sources.get(suite)
    if mine and theirs:
        refuse_unlike(mine, theirs, baseline.name, called=f"{suite}: {candidate.name}")


def _by_suite(rows: Iterable[PairScore]) -> dict[str, dict[str, PairScore]]:
    """The rows of each suite by id; of each objective where rows name one."""
    suites: dict[str, dict[str, PairScore]] = {}
    for row in rows:
        name = f"{row.suite} [{row.objective}]" if row.objective else row.suite
        suites.setdefault(name, {})[row.id] = row
    return suites


def _partners(mine: Mapping[str, PairScore], theirs: Mapping[str, PairScore]) -> Mapping[str, str]:
    """The other side's id of each pair with the same texts: the same id, or else any."""
    by_text = {row.hash: row.id for row in reversed([*theirs.values()])}
    return {
        row.id: row.id
        if row.id in theirs and theirs[row.id].hash == row.hash
        else by_text[row.hash]
        for row in mine.values()
        if row.hash in by_text
    }


def _paired(
    mine: Mapping[str, PairScore], theirs: Mapping[str, PairScore], partners: Mapping[str, str]
) -> PairedScores:
    """The pairs that both sides scored with the same texts, in the candidate's order."""
    same = [row for row in mine.values() if row.id in partners]
    return PairedScores(
        ids=[row.id for row in same],
        groups=[row.group for row in same],
        tags=[row.tags for row in same],
        now=_both(same),
        before=_both(theirs[partners[row.id]] for row in same),
    )


def _both(rows: Iterable[PairScore]) -> NDArray[np.float64]:
    return np.array([(row.chosen, row.rejected) for row in rows], dtype=np.float64).reshape(-1, 2)


def _changes(
    mine: Mapping[str, PairScore], theirs: Mapping[str, PairScore], partners: Mapping[str, str]
) -> Changes:
    texts = {row.hash for row in mine.values()}
    gone = {each for each, row in theirs.items() if row.hash not in texts}
    return Changes(
        added=tuple(each for each in mine if each not in partners and each not in gone),
        edited=tuple(each for each in mine if each not in partners and each in gone),
        removed=tuple(sorted(gone - set(mine))),
    )


def suites_below(folder: Path, settings: Settings) -> list[Suite]:
    """The suites of a folder, in order, as the gate finds them; mistakes raise as in pytest."""
    from rmcheck.suite import load_suite

    found = finding.suites_below(folder, settings.files)
    return [load_suite(path, settings.root) for path in found]
