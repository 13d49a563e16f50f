"""A plain score file as arrays: one row for each pair, and nothing to tell about any of them."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rmcheck.data import PreferencePair
from rmcheck.record.table import ScoreTable, Seeds
from rmcheck.sources.score_columns import SIDES
from rmcheck.sources.score_rows import Entry

_KEYS = frozenset({"id", "chosen", "rejected", "hash", "suite", "group", "tags", "seeds"})
_TEXT = {str}
_WHOLE = 2**53
"""Every smaller whole number is exact as a float."""


@dataclass
class ScoreArrays(Mapping[str, Entry]):
    """The rows of one suite by id, as arrays; an `Entry` is made when one is asked for.

    Parameters
    ----------
    rows
        The row of each id.
    scores
        Chosen, then rejected, row by row.
    stamps
        The hash of each row, None for a row without one.
    tags, lines
        Those of each row.
    seeds
        The same rows with the scores of each training, by its seed.
    """

    rows: dict[str, int] = field(default_factory=dict)
    scores: array[float] = field(default_factory=lambda: array("d"))
    stamps: list[str | None] = field(default_factory=list)
    tags: list[tuple[str, ...]] = field(default_factory=list)
    lines: array[int] = field(default_factory=lambda: array("q"))
    seeds: dict[str, ScoreArrays] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Entry:
        row = self.rows[name]
        rewards, stamp = self.rewards(row), self.stamps[row]
        return Entry(
            by_hash={stamp: rewards} if stamp else {},
            plain=None if stamp else rewards,
            lines={stamp: self.lines[row]},
            tags=self.tags[row],
        )

    def __iter__(self) -> Iterator[str]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def rewards(self, row: int) -> Mapping[str, float]:
        """The scores of a row by side."""
        return dict(zip(SIDES, self.scores[2 * row : 2 * row + 2], strict=True))

    @cached_property
    def pair_ids(self) -> frozenset[str]:
        """The ids of pairs: all."""
        return frozenset(self.rows)

    @cached_property
    def row_of_text(self) -> dict[str, int]:
        """The row of each hash; of equal ones the last row, as in a file that is read by row."""
        return {stamp: row for row, stamp in enumerate(self.stamps) if stamp}

    @cached_property
    def table(self) -> NDArray[np.float64]:
        """The scores, (rows, 2)."""
        return np.array(self.scores, dtype=np.float64).reshape(-1, 2)

    def by_text(self, stamp: str) -> Mapping[str, float] | None:
        """The scores of the texts with this hash."""
        row = self.row_of_text.get(stamp)
        return None if row is None else self.rewards(row)

    def places(self, pairs: Iterable[PreferencePair]) -> Iterator[int]:
        """The row of each pair by its id, -1 without one, or if its texts are others."""
        get, stamps = self.rows.get, self.stamps
        for pair in pairs:
            row = get(pair.id, -1)
            stamp = stamps[row] if row >= 0 else None
            yield row if stamp is None or stamp == pair.hash else -1


def plain_arrays(rows: Iterable[tuple[int, Mapping[str, Any]]]) -> dict[str, ScoreArrays] | None:
    """The rows of a file by suite; None where any of them needs more care.

    Plain is a file in which each row has an id, a number a side, and at most a hash, a suite, a
    group, tags and scores by seed besides; where no id comes again; where either all rows name a
    suite or none; and where all rows of a suite have the same seeds.
    """
    found: dict[str, ScoreArrays] = {}
    known: dict[tuple[str, ...], tuple[str, ...]] = {}
    for line, values in rows:
        get = values.get
        name, stamp, suite, tags = get("id"), get("hash"), get("suite"), get("tags")
        chosen, rejected = get("chosen"), get("rejected")
        plain = (
            values.keys() <= _KEYS
            and type(name) is str
            and name != ""
            and (type(chosen) is float or _is_whole(chosen))
            and (type(rejected) is float or _is_whole(rejected))
            and math.isfinite(chosen - rejected)  # type: ignore[operator]
            and (stamp is None or type(stamp) is str)
            and (suite is None or type(suite) is str)
            and (tags is None or _are_texts(tags))
        )
        if not plain:
            return None
        side = found.get(suite or "")
        if side is None:
            side = found[suite or ""] = ScoreArrays()
        if name in side.rows or not _take_seeds(side, get("seeds")):
            return None
        labels = tuple(tags) if tags else ()
        side.rows[name] = len(side.rows)  # type: ignore[index]
        side.scores.append(chosen)  # type: ignore[arg-type]
        side.scores.append(rejected)  # type: ignore[arg-type]
        side.stamps.append(stamp or None)
        side.tags.append(known.setdefault(labels, labels))
        side.lines.append(line)
    mixed = "" in found and len(found) > 1
    return None if mixed or not found else found


def table_arrays(table: ScoreTable) -> dict[str, ScoreArrays] | None:
    """The same for the rows of a run, one a line, which were found plain.

    None where `plain_arrays` has to look: at rows of objectives, at ids that come again, at
    suites or seeds that are not the same in neighbouring rows.
    """
    found: dict[str, ScoreArrays] = {}
    start = 0
    for suite, same in groupby(table.suites):
        stop = start + sum(1 for _ in same)
        part = slice(start, stop)
        ids = table.ids[part]
        side = ScoreArrays(
            rows=dict(zip(ids, range(len(ids)), strict=True)),
            scores=_interleaved(table.chosen[part], table.rejected[part]),
            stamps=[stamp or None for stamp in table.hashes[part]],
            tags=table.tags[part],
            lines=array("q", range(start + 1, stop + 1)),
        )
        seeds = _seeds_of(table.seeds[part], side)
        plain = suite not in found and len(side.rows) == len(ids) and "" not in side.rows
        if not plain or seeds is None or not _all_finite([side, *seeds.values()]):
            return None
        side.seeds = seeds
        found[suite] = side
        start = stop
    mixed = "" in found and len(found) > 1
    return None if mixed or not found or any(table.objectives) else found


def _seeds_of(rows: Sequence[Seeds], side: ScoreArrays) -> dict[str, ScoreArrays] | None:
    """The rows with the scores of each training; None if they are not all of the same seeds."""
    if len(set(map(len, rows))) > 1:
        return None
    made = {}
    for column in zip(*rows, strict=True):
        names, chosen, rejected = zip(*column, strict=True)
        if len(set(names)) > 1:
            return None
        scores = _interleaved(array("d", chosen), array("d", rejected))
        made[names[0]] = replace(side, scores=scores, seeds={})  # the very same rows
    return made


def _interleaved(chosen: array[float], rejected: array[float]) -> array[float]:
    scores = array("d", bytes(2 * len(chosen) * chosen.itemsize))
    scores[0::2], scores[1::2] = chosen, rejected
    return scores


def _all_finite(sides: Iterable[ScoreArrays]) -> bool:
    """Whether no difference of two scores is too large."""
    with np.errstate(over="ignore"):
        return all(bool(np.isfinite(np.subtract(*side.table.T)).all()) for side in sides)


def _take_seeds(side: ScoreArrays, given: Any) -> bool:
    """Add a row's scores by seed to those of the rows before; False where they need more care."""
    if given is None:
        return not side.seeds
    if not is_by_seed(given):
        return False
    if not side.rows:
        for seed in given:
            side.seeds[seed] = replace(side, scores=array("d"), seeds={})  # the very same rows
    if side.seeds.keys() != given.keys():
        return False
    for seed, both in given.items():
        side.seeds[seed].scores.extend(both)
    return True


def is_by_seed(given: Any) -> bool:
    """Whether this is [chosen, rejected] of each training by its seed, as `scores.jsonl` has it."""
    if type(given) is not dict or not given:
        return False
    for seed, both in given.items():
        if not (seed.isascii() and seed.isdecimal() and type(both) is list and len(both) == 2):
            return False
        chosen, rejected = both
        if not (type(chosen) is float or _is_whole(chosen)):
            return False
        if not (type(rejected) is float or _is_whole(rejected)):
            return False
        if not math.isfinite(chosen - rejected):
            return False
    return True


def _are_texts(given: Any) -> bool:
    return type(given) is list and {*map(type, given)} <= _TEXT


def _is_whole(value: Any) -> bool:
    return type(value) is int and -_WHOLE < value < _WHOLE
