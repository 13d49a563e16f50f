"""Comparing two records, score files or sources: the gate's own check, outside of pytest."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rmcheck import __version__
from rmcheck import checks as registry
from rmcheck.checks import BASELINE, CANDIDATE, Changes, Check, ScoredPairs, SourceRef
from rmcheck.checks.no_regression import NoRegression
from rmcheck.data import Dialogue, PreferencePair, pair_dialogues
from rmcheck.data.preferences import PreferenceData
from rmcheck.engine.book import ScoreBook
from rmcheck.engine.settings import Settings
from rmcheck.errors import BaselineRefused, UsageError
from rmcheck.record import baseline as baselines
from rmcheck.record import run as records
from rmcheck.record.run import PairScore, SourceRecord
from rmcheck.reward_source import Partial, Source
from rmcheck.sources import create
from rmcheck.suite import Suite
from rmcheck.verdict import Verdict

MODEL_FILES = ("config.json", "adapter_config.json")


@dataclass(frozen=True)
class Side:
    """One side of a comparison: its name, a row a scored pair, and who scored each suite.

    `comparisons` is the number of required comparisons among the checks of a run, 0 where it is no
    run or had none.
    """

    name: str
    rows: Sequence[PairScore]
    sources: Mapping[str, SourceRecord] = field(default_factory=dict)
    comparisons: int = 0


def is_record(spec: str, settings: Settings) -> bool:
    """Whether `spec` names scores that are there already: a run folder, or a baseline."""
    return is_run(spec, settings) or baselines.known(spec, settings.baselines)


def is_run(spec: str, settings: Settings) -> bool:
    """Whether `spec` names a run folder."""
    return (settings.root / spec / records.RESULTS).is_file()


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
    folder = settings.root / spec
    if is_run(spec, settings):
        return recorded(spec, folder)
    if baselines.known(spec, settings.baselines):
        found = baselines.find(spec, settings.baselines)
        return recorded(found.name, found.folder)
    if ":" not in spec and not folder.is_dir():
        raise UsageError(
            f"'{spec}' is no run folder, no baseline "
            f"({', '.join(baselines.names(settings.baselines)) or 'there are none'}) and no "
            "source (recipe:NAME, hf:PATH, scores:FILE)"
        )
    if ":" not in spec and not any((folder / name).is_file() for name in MODEL_FILES):
        raise UsageError(
            f"'{spec}' holds neither a run ({records.RESULTS}) nor a model "
            f"({', '.join(MODEL_FILES)})"
        )
    if not suites:
        raise UsageError(f"'{spec}' is a source and there are no suites to score; give --suites")
    given = create(spec, settings.options)
    told = given.describe()
    return Side(spec, _scored(given, settings, suites), {suite.name: told for suite in suites})


def recorded(name: str, folder: Path) -> Side:
    """A run folder, or a baseline's, as a side."""
    found = records.read(folder)
    sources = {suite.name: suite.source or found.source for suite in found.suites}
    checks = [check for suite in found.suites for check in suite.checks]
    required = sum(check.gate == "required" and registry.compares(check.kind) for check in checks)
    return Side(name, records.read_scores(folder), sources, required)


def _scored(given: Source, settings: Settings, suites: Sequence[Suite]) -> list[PairScore]:
    book = ScoreBook(settings.cache)
    views = {suite.name: book.view(given, suite.name) for suite in suites}
    known = {
        suite.name: [
            pair
            for pair in suite.data.pairs
            if not isinstance(source := views[suite.name], Partial)
            or all(map(source.knows, pair.dialogues()))
        ]
        for suite in suites
    }
    book.fetch(given, [side for pairs in known.values() for side in pair_dialogues(pairs)])
    rows = []
    for name, pairs in known.items():
        both = book.scores(views[name], pair_dialogues(pairs))
        for pair, chosen, rejected in zip(pairs, both[0::2], both[1::2], strict=True):
            rows.append(
                PairScore(
                    suite=name, id=pair.id, hash=pair.hash, group=pair.group,
                    tags=list(pair.tags), chosen=float(chosen), rejected=float(rejected),
                )
            )  # fmt: skip
    return rows


@dataclass(frozen=True)
class Comparison:
    """A verdict of `no_regression` a suite, and the m of them that alpha is shared by.

    `counted` says in words what m counts. The suites that one side alone has are `only_candidate`
    and `only_baseline`.
    """

    verdicts: Mapping[str, Verdict]
    m: int
    counted: str
    only_candidate: tuple[str, ...] = ()
    only_baseline: tuple[str, ...] = ()


def compare(candidate: Side, baseline: Side, *, max_drop: float, seed: int = 0) -> Comparison:
    """The verdict of `no_regression` for each suite that both sides have.

    Its m is the gate's where the candidate is a run that says so: the required comparisons among
    its checks, of whatever suites and slices. Each shared suite is asked here, so that m is never
    smaller than their number.

    Raises
    ------
    UsageError
        When they have no suite in common.
    BaselineRefused
        When a model of the same kind was given its texts in another way.
    """
    mine, theirs = _by_suite(candidate.rows), _by_suite(baseline.rows)
    shared = [suite for suite in mine if suite in theirs]
    if not shared:
        raise UsageError(
            f"{candidate.name} and {baseline.name} have no suite in common "
            f"({', '.join(mine) or 'none'} / {', '.join(theirs) or 'none'}); if one is a run of "
            "some suites, run `pytest suites/` first"
        )
    verdicts = {}
    m, counted = len(shared), "the suites that both have"
    if candidate.comparisons >= m:
        m, counted = candidate.comparisons, f"the required comparisons of {candidate.name}"
    for suite in shared:
        _refuse_unlike(suite, candidate, baseline)
        context = _RowContext(
            suite, _Scores(candidate.name, mine[suite]), _Scores(baseline.name, theirs[suite]),
            seed=seed, comparisons=m,
        )  # fmt: skip
        verdicts[suite] = NoRegression(max_drop=max_drop).judge(context)
    alone = [tuple(suite for suite in side if suite not in verdicts) for side in (mine, theirs)]
    return Comparison(verdicts, m, counted, *alone)


def _refuse_unlike(suite: str, candidate: Side, baseline: Side) -> None:
    mine, theirs = candidate.sources.get(suite), baseline.sources.get(suite)
    unlike = mine.reads_unlike(theirs) if mine and theirs else ""
    if unlike:
        raise BaselineRefused(
            f"{suite}: {candidate.name} was scored with {unlike} as in {baseline.name}, so a "
            "change of the model could not be told from a change of the reading"
        )


def _by_suite(rows: Iterable[PairScore]) -> dict[str, dict[str, PairScore]]:
    suites: dict[str, dict[str, PairScore]] = {}
    for row in rows:
        suites.setdefault(row.suite, {})[row.id] = row
    return suites


@dataclass(frozen=True)
class _Scores:
    name: str
    rows: dict[str, PairScore]


@dataclass(frozen=True)
class _RowContext:
    """A `Context` over rows of scores; the pairs carry ids, groups and tags, and no texts."""

    suite: str
    _candidate: _Scores
    _baseline: _Scores
    seed: int
    comparisons: int
    examples: int | None = None
    siblings: Sequence[Check] = field(default_factory=tuple)

    @property
    def data(self) -> PreferenceData:
        return PreferenceData(
            tuple(
                PreferencePair(row.id, "", "", "", row.group, tuple(row.tags))
                for row in self._candidate.rows.values()
            )
        )

    def _side(self, source: SourceRef) -> _Scores:
        return self._baseline if source == BASELINE else self._candidate

    def scored(self, pairs: Sequence[PreferencePair], source: SourceRef = CANDIDATE) -> ScoredPairs:
        rows = [self._side(source).rows[pair.id] for pair in pairs]
        return ScoredPairs(
            pairs,
            np.array([row.chosen for row in rows], dtype=np.float64),
            np.array([row.rejected for row in rows], dtype=np.float64),
        )

    def score(
        self, dialogues: Sequence[Dialogue], source: SourceRef = CANDIDATE
    ) -> NDArray[np.float64]:
        raise UsageError("a record cannot score new text")

    def comparable(self, pairs: Sequence[PreferencePair]) -> tuple[list[PreferencePair], list[str]]:
        mine, theirs = self._candidate.rows, self._baseline.rows
        same = [
            pair
            for pair in pairs
            if pair.id in theirs and theirs[pair.id].hash == mine[pair.id].hash
        ]
        kept = {pair.id for pair in same}
        return same, [pair.id for pair in pairs if pair.id not in kept]

    def changes(self, pairs: Sequence[PreferencePair]) -> Changes:
        mine, theirs = self._candidate.rows, self._baseline.rows
        asked = [pair.id for pair in pairs]
        return Changes(
            added=tuple(each for each in asked if each not in theirs),
            edited=tuple(
                each for each in asked if each in theirs and theirs[each].hash != mine[each].hash
            ),
            removed=tuple(sorted(set(theirs) - set(mine))),
        )

    def offers(self, capability: type, source: SourceRef = CANDIDATE) -> bool:
        return False

    def name(self, source: SourceRef = CANDIDATE) -> str:
        return self._side(source).name

    def signature(self, kind: str, facts: Mapping[str, object]) -> str:
        parts = [kind, f"src:{self._candidate.name}", f"data:{self.suite}"]
        parts += [f"{name}:{value}" for name, value in facts.items()]
        return "|".join([*parts, f"seed:{self.seed}", f"v:{__version__}"])


def suites_below(folder: Path, root: Path) -> list[Suite]:
    """Every suite file below `folder`, in order; mistakes raise as they do in pytest."""
    from rmcheck.suite import load_suite, looks_like_suite

    paths = sorted([*folder.rglob("*.yaml"), *folder.rglob("*.yml")])
    return [load_suite(path, root) for path in paths if looks_like_suite(path)]
