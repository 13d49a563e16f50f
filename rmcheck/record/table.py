"""The rows of `scores.jsonl` as columns: a run of a million pairs is not a million objects."""

from __future__ import annotations

import json
import math
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import chain, repeat
from json.encoder import encode_basestring
from typing import Any, overload

from pydantic_core import from_json, to_json

from rmcheck import collector
from rmcheck.record.scores import PairScore

_KEYS = frozenset(
    {"suite", "id", "hash", "group", "tags", "chosen", "rejected", "objective", "seeds"}
)

_TEXT = {str}
MOST_KEPT = 20_000_000
"""The text of a file with more characters is not kept."""

Seeds = tuple[tuple[str, float, float], ...]
"""The scores of each training by its seed: (seed, chosen, rejected); empty for one training."""


@dataclass(eq=False)
class ScoreTable(Sequence[PairScore]):
    """Scored pairs, each column of length n; a `PairScore` is made when a row is asked for."""

    suites: list[str] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    hashes: list[str] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)
    tags: list[tuple[str, ...]] = field(default_factory=list)
    chosen: array[float] = field(default_factory=lambda: array("d"))
    rejected: array[float] = field(default_factory=lambda: array("d"))
    objectives: list[str] = field(default_factory=list)
    seeds: list[Seeds] = field(default_factory=list)

    @classmethod
    def of(cls, rows: Iterable[PairScore]) -> ScoreTable:
        """The same rows as columns."""
        if isinstance(rows, ScoreTable):
            return rows
        made = cls()
        for row in rows:
            made.suites.append(row.suite)
            made.ids.append(row.id)
            made.hashes.append(row.hash)
            made.groups.append(row.group)
            made.tags.append(tuple(row.tags))
            made.chosen.append(row.chosen)
            made.rejected.append(row.rejected)
            made.objectives.append(row.objective)
            made.seeds.append(tuple((seed, *both) for seed, both in row.seeds.items()))
        return made

    @classmethod
    def joined(cls, tables: Iterable[ScoreTable]) -> ScoreTable:
        """The rows of several tables, one after the other."""
        made = cls()
        for each in tables:
            for mine, theirs in zip(made.columns, each.columns, strict=True):
                mine.extend(theirs)
        return made

    @property
    def columns(self) -> tuple[Any, ...]:
        """All columns, in the order of a row's keys."""
        return (
            self.suites,
            self.ids,
            self.hashes,
            self.groups,
            self.tags,
            self.chosen,
            self.rejected,
            self.objectives,
            self.seeds,
        )

    def __len__(self) -> int:
        return len(self.ids)

    @overload
    def __getitem__(self, index: int) -> PairScore: ...

    @overload
    def __getitem__(self, index: slice) -> ScoreTable: ...

    def __getitem__(self, index: int | slice) -> PairScore | ScoreTable:
        if isinstance(index, slice):
            return self.take(range(*index.indices(len(self))))
        return PairScore.model_construct(
            suite=self.suites[index],
            id=self.ids[index],
            hash=self.hashes[index],
            group=self.groups[index],
            tags=list(self.tags[index]),
            chosen=self.chosen[index],
            rejected=self.rejected[index],
            objective=self.objectives[index],
            seeds={seed: (chosen, rejected) for seed, chosen, rejected in self.seeds[index]},
        )

    def __eq__(self, other: object) -> bool:
        if isinstance(other, ScoreTable):
            return self.columns == other.columns
        if isinstance(other, Sequence):
            return len(self) == len(other) and all(map(PairScore.__eq__, self, other))
        return NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def take(self, rows: Iterable[int]) -> ScoreTable:
        """Some of the rows, in the order given."""
        kept = list(rows)
        made = ScoreTable()
        for mine, theirs in zip(made.columns, self.columns, strict=True):
            mine.extend(map(theirs.__getitem__, kept))
        return made

    def of_suites(self, names: Iterable[str]) -> ScoreTable:
        """The rows of these suites."""
        wanted = set(names)
        return self.take(row for row, suite in enumerate(self.suites) if suite in wanted)

    def keys(self) -> Iterator[tuple[str, str, str]]:
        """Suite, id and hash of each row."""
        return zip(self.suites, self.ids, self.hashes, strict=True)

    def lines(self) -> Iterator[str]:
        """Each row as a line of JSON, as `PairScore.model_dump_json` writes it."""
        labels: dict[tuple[str, ...], str] = {}
        for suite, name, stamp, group, tags, chosen, rejected, objective, seeds in zip(
            *self.columns, strict=True
        ):
            if tags not in labels:
                labels[tags] = json.dumps(list(tags), ensure_ascii=False, separators=(",", ":"))
            more = f',"objective":{_text(objective)}' if objective else ""
            if seeds:
                each = (f"{_text(seed)}:[{_number(a)},{_number(b)}]" for seed, a, b in seeds)
                more += f',"seeds":{{{",".join(each)}}}'
            yield (
                f'{{"suite":{_text(suite)},"id":{_text(name)},"hash":{_text(stamp)},'
                f'"group":{_text(group)},"tags":{labels[tags]},"chosen":{_number(chosen)},'
                f'"rejected":{_number(rejected)}{more}}}\n'
            )

    @classmethod
    @collector.paused()
    def parsed(cls, text: str) -> ScoreTable | None:
        """The rows of a file's text; None where a row is not as `lines` writes it.

        Such a row may be a mistake, which is found and told by `PairScore`.
        """
        made = cls()
        known: dict[tuple[str, ...], tuple[str, ...]] = {}
        names: dict[str, str] = {}
        group = ""
        try:
            for line in text.split("\n"):
                if not line:
                    continue
                row = from_json(line)
                if not _plain(row):
                    return None
                tags = tuple(row["tags"])
                if row["group"] != group:  # mostly that of the row before
                    group = row["group"]
                made.suites.append(names.setdefault(row["suite"], row["suite"]))
                made.ids.append(row["id"])
                made.hashes.append(row["hash"])
                made.groups.append(group)
                made.tags.append(known.setdefault(tags, tags))
                made.chosen.append(row["chosen"])
                made.rejected.append(row["rejected"])
                objective = row.get("objective", "")
                made.objectives.append(names.setdefault(objective, objective))
                seeds = row.get("seeds")
                made.seeds.append(_seeds(seeds) if seeds else ())
        except (ValueError, RecursionError):
            return None
        return made

    @classmethod
    def of_text(cls, text: str) -> ScoreTable | None:
        """`parsed`, once for the same text in a row: a gate reads its baseline's file twice.

        The caller must not change the table.
        """
        return _parsed_last(text) if len(text) <= MOST_KEPT else cls.parsed(text)

    @classmethod
    def alike(
        cls,
        suite: str,
        rows: Iterable[tuple[str, str, str, tuple[str, ...]]],
        chosen: Iterable[float],
        rejected: Iterable[float],
        objective: str = "",
        seeds: Mapping[str, tuple[Sequence[float], Sequence[float]]] | None = None,
    ) -> ScoreTable:
        """Rows of one suite and objective: (id, hash, group, tags) of each, and its scores.

        `seeds`: both columns of each training, by its seed; the first has `chosen` and `rejected`.

        Raises
        ------
        ValueError
            For a score that is not finite.
        """
        made = cls(chosen=array("d", chosen), rejected=array("d", rejected))
        for name, stamp, group, tags in rows:
            made.ids.append(name)
            made.hashes.append(stamp)
            made.groups.append(group)
            made.tags.append(tags)
        made.suites.extend(repeat(suite, len(made)))
        made.objectives.extend(repeat(objective, len(made)))
        made.seeds.extend(_by_row(seeds, len(made)))
        if not all(map(math.isfinite, chain(made.chosen, made.rejected))):
            for name, *scores in zip(made.ids, made.chosen, made.rejected, strict=True):
                if not all(map(math.isfinite, scores)):
                    raise ValueError(f"'{name}' of {suite}: scores must be finite, got {scores}")
        return made


def _by_row(
    seeds: Mapping[str, tuple[Sequence[float], Sequence[float]]] | None, n: int
) -> list[Seeds]:
    """Columns by seed as what each of n rows has of them."""
    if not seeds:
        return [()] * n
    each = [
        [(seed, float(chosen), float(rejected)) for chosen, rejected in zip(*both, strict=True)]
        for seed, both in seeds.items()
    ]
    return list(zip(*each, strict=True))


@lru_cache(maxsize=1)
def _parsed_last(text: str) -> ScoreTable | None:
    return ScoreTable.parsed(text)


def one_each(rows: Iterable[PairScore]) -> ScoreTable:
    """One row for each pair of each suite: that without an objective, or of the first objective."""
    table = ScoreTable.of(rows)
    if len(set(table.ids)) == len(table):
        return table
    found: dict[tuple[str, str, str], int] = {}
    for row, key in enumerate(table.keys()):
        known = found.setdefault(key, row)
        if known != row and table.objectives[known] and not table.objectives[row]:
            found[key] = row
    return table if len(found) == len(table) else table.take(found.values())


_text = encode_basestring


def _number(value: float) -> str:
    """A finite number as pydantic writes it, which is Python's way but for very large and small."""
    text = float.__repr__(value)
    return to_json(value).decode() if "e" in text else text


def _plain(row: Any) -> bool:
    """Whether a row surely is what `PairScore` accepts, and as it reads it."""
    if type(row) is not dict or not row.keys() <= _KEYS:
        return False
    get = row.get
    chosen, rejected, tags = get("chosen"), get("rejected"), get("tags")
    if not (
        type(get("suite")) is type(get("id")) is type(get("hash")) is type(get("group")) is str
        and type(chosen) is type(rejected) is float
        and math.isfinite(chosen)
        and math.isfinite(rejected)
        and type(tags) is list
        and {*map(type, tags)} <= _TEXT
        and type(get("objective", "")) is str
    ):
        return False
    return "seeds" not in row or _plain_seeds(row)


def _seeds(given: Mapping[str, Sequence[float]]) -> Seeds:
    return tuple((seed, chosen, rejected) for seed, (chosen, rejected) in given.items())


def _plain_seeds(row: Any) -> bool:
    seeds = row["seeds"]
    if type(seeds) is not dict or not seeds:
        return False
    for seed, both in seeds.items():  # a loop: there are as many as rows times trainings
        if not (seed.isascii() and seed.isdecimal() and type(both) is list and len(both) == 2):
            return False
        if not (_is_score(both[0]) and _is_score(both[1])):
            return False
    return bool(next(iter(seeds.values())) == [row["chosen"], row["rejected"]])


def _is_score(value: Any) -> bool:
    return type(value) is float and math.isfinite(value)
