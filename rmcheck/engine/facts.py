"""The parts of a suite's record other than its checks: data, slices, null controls, scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from rmcheck.checks import ScoredPairs
from rmcheck.checks.controls import LONGER, SHORTER, SHUFFLED, control_wins
from rmcheck.checks.evidence import estimates_by_tag
from rmcheck.data import Pairs, PreferencePair
from rmcheck.engine.context import SuiteContext
from rmcheck.engine.kept_slices import KeptSlices, Parts
from rmcheck.engine.members import members_record
from rmcheck.errors import RmcheckError
from rmcheck.record.run import DataRecord, EstimateRecord, FileRecord, SuiteRecord
from rmcheck.record.table import ScoreTable
from rmcheck.suite import Suite
from rmcheck.verdict import Estimate


def suite_record(
    suite: Suite, context: SuiteContext | None, kept: KeptSlices | None = None
) -> SuiteRecord:
    """The suite without its checks; slices and controls need scores, so a context.

    `kept` may have slices and controls of an earlier run.
    """
    record = SuiteRecord(
        name=suite.name,
        path=suite.shown,
        description=suite.description,
        hash=suite.hash,
        tags=list(suite.tags),
        data=DataRecord(
            hash=suite.data.hash,
            pairs=len(suite.data.pairs),
            groups=suite.data.n_groups,
            paths=list(suite.data.paths),
            files=_files(suite),
        ),
    )
    if context is None:
        return record
    source = context.binding.candidate.describe()
    record = record.model_copy(update={"source": source})
    scored = _scored(context, context.data.part(None))
    if scored is None or not scored.pairs:
        return record
    parts = _parts(suite, scored, context.seed, kept)
    return record.model_copy(update={"members": members_record(context, scored), **parts})


def _parts(suite: Suite, scored: ScoredPairs, seed: int, kept: KeptSlices | None) -> Parts:
    """The slices and controls of a suite."""
    key = kept.key(suite, scored) if kept else ""
    found = kept.find(suite, key) if kept else None
    if found is not None:
        return found
    wins = _wins(scored.chosen, scored.rejected)
    parts = {
        "slices": _json(estimates_by_tag(scored.pairs, wins)),
        "controls": _json(controls(scored.pairs, seed)),
    }
    if kept:
        kept.keep(suite, key, parts)
    return parts


def pair_scores(suite: Suite, context: SuiteContext) -> ScoreTable:
    """The candidate's scores of those pairs of the suite whose scores are known."""
    tables: list[ScoreTable] = []
    for objective in sorted({"", *objectives_of(suite)}):
        side = replace(context, objective=objective)
        try:
            known = side.known(side.data.part(None))
        except RmcheckError:  # the checks of that objective have said so
            continue
        scored = _scored(side, known)
        if scored is not None:
            columns = {} if objective else _by_seed(side, known)
            tables.append(rows_of(suite.name, scored, objective, columns))
    return ScoreTable.joined(tables)


def objectives_of(suite: Suite) -> list[str]:
    """The objectives that the checks of a suite judge; '' for a check that names none."""
    return sorted(
        {
            need.source.objective or check.objective or ""
            for check in suite.checks
            for need in check.needs(suite.data_of(check))
        }
    )


def rows_of(
    suite: str,
    scored: ScoredPairs,
    objective: str = "",
    seeds: Mapping[str, tuple[Sequence[float], Sequence[float]]] | None = None,
) -> ScoreTable:
    """Scored pairs as rows of `scores.jsonl`; `seeds` has both columns of each training."""
    rows = ((pair.id, pair.hash, pair.group, pair.tags) for pair in scored.pairs)
    return ScoreTable.alike(suite, rows, scored.chosen, scored.rejected, objective, seeds)


def _by_seed(
    context: SuiteContext, pairs: Sequence[PreferencePair]
) -> dict[str, tuple[Sequence[float], Sequence[float]]]:
    """The scores of every training that the suite's comparisons look at, by seed; {} for one."""
    counts = {check.trainings_asked(context.seeds) for check in context.bound.checks}
    for count in sorted(counts, reverse=True):
        found = context.trainings(count=count)
        if len(found.refs) > 1 and all(context.has_scored(pairs, ref) for ref in found.refs):
            every = zip(found.seeds, found.refs, strict=True)
            return {str(seed): _both(context.scored(pairs, ref)) for seed, ref in every}
    return {}  # one training, or some failed, which their comparison has said


def _both(scored: ScoredPairs) -> tuple[Sequence[float], Sequence[float]]:
    return scored.chosen.tolist(), scored.rejected.tolist()


def controls(pairs: Sequence[PreferencePair], seed: int) -> dict[str, Estimate]:
    """Win rates of scorers that do not read the texts."""
    from rmcheck.stats.winrate import win_rate

    groups = (pairs if isinstance(pairs, Pairs) else Pairs(pairs)).groups
    wins = control_wins(pairs, seed)
    return {name: win_rate(wins[name], groups) for name in (LONGER, SHORTER, SHUFFLED)}


def _files(suite: Suite) -> list[FileRecord]:
    """How the files of a suite were read that have another layout than our own."""
    return [FileRecord(**note.as_dict()) for note in suite.data.notes if note.is_told]


def _scored(context: SuiteContext, pairs: Sequence[PreferencePair]) -> ScoredPairs | None:
    """Scores of `pairs` if they are there; never scores anything for the record alone."""
    try:
        return context.scored(pairs) if context.has_scored(pairs) else None
    except RmcheckError:
        return None


def _wins(better: object, worse: object) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    from rmcheck.stats.winrate import wins

    return np.asarray(wins(better, worse), dtype=np.float64)  # type: ignore[arg-type]


def _json(estimates: dict[str, Estimate]) -> dict[str, EstimateRecord]:
    return {name: EstimateRecord(**vars(estimate)) for name, estimate in estimates.items()}
