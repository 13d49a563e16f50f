"""Three models or more on the same pairs: a ranking for each suite, and one over all."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath

from rmcheck.compare.comparison import Side
from rmcheck.errors import UsageError
from rmcheck.record.scores import PairScore
from rmcheck.record.table import one_each
from rmcheck.spec import Spec, redacted
from rmcheck.stats.ranking import Ranking, rank_models
from rmcheck.wording import be, counted, listed, minus

ALL = "all suites"
"""The title of the table over all suites."""


@dataclass(frozen=True)
class RankedTable:
    """A ranking on the pairs of a suite, or of all suites, and what it leaves out.

    `notes` count the pairs that not every model has scored with the same texts.
    """

    title: str
    ranking: Ranking
    notes: tuple[str, ...] = ()


def labels(specs: Sequence[str]) -> list[str]:
    """What tables call the models: score files by their names, others as they are given.

    >>> labels(["scores:a/new.jsonl", "old.jsonl", "reports/latest"])
    ['new', 'old', 'reports/latest']

    Raises
    ------
    UsageError
        If a model is given twice.
    """
    twice = [spec for spec, count in Counter(specs).items() if count > 1]
    if twice:
        raise UsageError(f"{listed([redacted(one) for one in twice])} is given more than once")
    short = [_short(spec) for spec in specs]
    return [
        redacted(spec) if short.count(name) > 1 else name
        for spec, name in zip(specs, short, strict=True)
    ]


def _short(spec: str) -> str:
    given = Spec.parse(spec)
    path = PurePath(given.rest)
    if given.kind == "scores" or (not given.kind and path.suffix):
        stem = path.name.removesuffix(".gz")
        return PurePath(stem).stem or redacted(spec)
    return redacted(spec)


def rank(sides: Sequence[Side], *, alpha: float = 0.05) -> list[RankedTable]:
    """A ranking for each suite that all sides have, and over all of them where there are several.

    A pair counts where every side has scored the same texts. Over all suites a pair that is in
    several of them counts once.

    Raises
    ------
    UsageError
        When no suite has a pair that all sides have scored.
    """
    by_side = [_by_suite(one_each(side.rows)) for side in sides]
    names = [side.name for side in sides]
    tables = []
    pooled: dict[str, list[PairScore]] = {}
    suites = list(dict.fromkeys(suite for each in by_side for suite in each))
    for suite in suites:
        rows = [each.get(suite, {}) for each in by_side]
        common = [text for text in rows[0] if all(text in each for each in rows)]
        if not common:
            continue
        columns = [[each[text] for text in common] for each in rows]
        notes = tuple(_left_out(names, rows, len(common)))
        tables.append(_table(suite, names, columns, notes, alpha))
        for text in common:
            pooled.setdefault(text, [each[text] for each in rows])
    if not tables:
        raise UsageError(
            f"{listed(names, limit=len(names))} have scored no pair in common; score the same data "
            "with each (rmcheck score), or set --suites or --data"
        )
    alone = [suite for suite in suites if suite not in [table.title for table in tables]]
    if len(tables) > 1:
        every = list(pooled.values())
        columns = [[row[place] for row in every] for place in range(len(names))]
        tables.insert(0, _table(ALL, names, columns, (), alpha))
    if alone:
        said = f"not ranked, as not every model has it: {listed(alone)}"
        tables[0] = replace(tables[0], notes=(*tables[0].notes, said))
    return tables


def _by_suite(rows: Iterable[PairScore]) -> dict[str, dict[str, PairScore]]:
    """The rows of each suite by the hash of their texts; of equal pairs the first one counts."""
    suites: dict[str, dict[str, PairScore]] = {}
    for row in rows:
        suites.setdefault(row.suite, {}).setdefault(row.hash, row)
    return suites


def _table(
    title: str,
    names: Sequence[str],
    rows: Sequence[Sequence[PairScore]],
    notes: tuple[str, ...],
    alpha: float,
) -> RankedTable:
    from rmcheck.stats.winrate import wins

    columns = {
        name: wins([row.chosen for row in each], [row.rejected for row in each])
        for name, each in zip(names, rows, strict=True)
    }
    groups = [row.group for row in rows[0]]
    return RankedTable(title, rank_models(columns, groups, alpha=alpha), notes)


def _left_out(
    names: Sequence[str], rows: Sequence[Mapping[str, PairScore]], common: int
) -> Iterator[str]:
    every = {text for each in rows for text in each}
    if len(every) == common:
        return
    lacking = [
        f"{name} has no score of {len(every) - len(each):,}"
        for name, each in zip(names, rows, strict=True)
        if len(each) < len(every)
    ]
    missing = len(every) - common
    yield (
        f"{counted(missing, 'pair')} {be(missing)} left out, as not every model has scored "
        f"{'it' if missing == 1 else 'them'}: {listed(lacking)}"
    )


def lines(table: RankedTable) -> Iterator[str]:
    """A table for the terminal."""
    ranking = table.ranking
    yield (
        f"{table.title}: {counted(ranking.n, 'pair')} of "
        f"{counted(ranking.n_groups, 'different prompt')}"
    )
    wide = max(len("model"), *(len(row.model) for row in ranking.rows))
    yield f"  {'rank':<6}{'model':<{wide}}  {'win rate':<22}  letters"
    for row in ranking.rows:
        low, high = row.best_rank, row.worst_rank
        share = f"{row.estimate.value:.3f} [{row.estimate.low:.3f}, {row.estimate.high:.3f}]"
        ranks = f"{low}" if low == high else f"{low}–{high}"
        yield f"  {ranks:<6}{row.model:<{wide}}  {share:<22}  {row.letters}"
    for note in table.notes:
        yield f"  {note}"
    if ranking.undecided:
        yield f"  undecidable: {ranking.undecided}"
        return
    close = [one for one in ranking.versus if not one.apart]
    for one in close[:_MOST]:
        value, *ends = (
            minus(f"{share * 100:+.1f}")
            for share in (one.difference.value, one.difference.low, one.difference.high)
        )
        yield (
            f"  not told apart: {one.better} and {one.worse} ({value} points "
            f"[{ends[0]}, {ends[1]}], p={one.adjusted_p:.2g})"
        )
    if len(close) > _MOST:
        yield f"  and {counted(len(close) - _MOST, 'more pair')} of models"


_MOST = 6


def explained(alpha: float, models: int) -> str:
    """What ranks and letters mean, in one sentence."""
    tests = models * (models - 1) // 2
    return (
        f"models that share a letter are not told apart at {alpha:g} "
        f"(exact paired tests of all {counted(tests, 'pair')} of models, Holm, in each table)"
    )


HEAD = (
    "table", "model", "rank", "best_rank", "worst_rank", "letters", "win_rate", "low", "high",
    "level", "method", "pairs", "prompts", "ties",
)  # fmt: skip


def as_csv(tables: Sequence[RankedTable]) -> str:
    """All tables as one CSV, a row for each model of each table."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(HEAD)
    for table in tables:
        for row in table.ranking.rows:
            it = row.estimate
            writer.writerow(
                (table.title, row.model, row.rank, row.best_rank, row.worst_rank, row.letters,
                 it.value, it.low, it.high, it.level, it.method, it.n, it.n_groups, row.ties)
            )  # fmt: skip
    return out.getvalue()
