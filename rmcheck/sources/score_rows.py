"""The rows of a score file: the scores of each id, and contradictions between rows."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from rmcheck.data.forms.compression import suffix
from rmcheck.data.forms.tables import ARROW, TEXT_TABLES, arrow_records, delimited
from rmcheck.data.rows import read_rows
from rmcheck.errors import Problem, ProblemsFound, nearest, os_reason
from rmcheck.sources.score_columns import NUMBERS, SIDES
from rmcheck.wording import listed

TEXTS = ("prompt", "response")
_NAMED = "name the columns in the spec: scores:FILE,id=COLUMN,chosen=COLUMN,rejected=COLUMN"
KEYS = ("id", *SIDES, "scores", "hash", "suite", "objective")


@dataclass
class Entry:
    """The rewards of one id by side (`chosen`, `rejected`, `0`, `1`, ...).

    `by_hash` has those of rows with the hash of the pair or set, `plain` those of the row without;
    `lines` has the line of each, by hash (None for the plain row).
    """

    by_hash: dict[str, Mapping[str, float]] = field(default_factory=dict)
    plain: Mapping[str, float] | None = None
    lines: dict[str | None, int] = field(default_factory=dict)
    tags: tuple[str, ...] = ()

    @property
    def is_pair(self) -> bool:
        """Whether it belongs to a pair, not to a response set."""
        return any("chosen" in rewards for rewards in (*self.by_hash.values(), self.plain or {}))


class Table(dict[str, Entry]):
    """Entries by id."""

    @cached_property
    def pair_ids(self) -> frozenset[str]:
        """The ids of pairs; asked once all rows are read."""
        return frozenset(name for name, entry in self.items() if entry.is_pair)

    @cached_property
    def texts(self) -> Mapping[str, Mapping[str, float]]:
        """Rewards by the hash of the texts; asked once all rows are read."""
        return {
            stamp: rewards for entry in self.values() for stamp, rewards in entry.by_hash.items()
        }

    def by_text(self, stamp: str) -> Mapping[str, float] | None:
        """The rewards of the texts with this hash."""
        return self.texts.get(stamp)


def tags_of(given: Any) -> tuple[str, ...]:
    """The tags of a row; other packages' files may have anything there."""
    return tuple(map(str, given)) if isinstance(given, list) else ()


def rewards_of(values: Mapping[str, Any]) -> tuple[str, Mapping[str, float]]:
    """A row's id and its rewards by side; raises ValueError for a malformed row."""
    name = values.get("id")
    if not isinstance(name, str) or not name:
        if "id" not in values:
            raise ValueError(_missing(["id"], values))
        raise ValueError(f"id must be text, got {name!r}")
    if values.get("scores") is not None:
        scores = values["scores"]
        if not isinstance(scores, list) or not scores:
            raise ValueError(f"'{name}': scores must be a list of numbers, got {scores!r}")
        return name, {str(place): number(name, "scores", one) for place, one in enumerate(scores)}
    lacking = [side for side in SIDES if values.get(side) is None]
    if lacking:
        raise ValueError(f"'{name}': {_missing(lacking, values)}")
    return name, {side: number(name, side, values[side]) for side in SIDES}


def _missing(keys: Sequence[str], values: Mapping[str, Any]) -> str:
    """The message for missing keys, with the misspelt key of the row where there is one."""
    quoted = listed([f"'{key}'" for key in keys])
    if all(key in values for key in keys):
        return (
            f"{quoted} empty or null; a score must be a number: score the text, or remove the row"
        )
    given = [key for key in values if key not in KEYS]
    wanted = keys if "id" in keys else [*keys, "scores"]
    found = {nearest(key, given): key for key in wanted}
    near = [f"found '{got}', did you mean '{key}'?" for got, key in found.items() if got]
    noun = "key" if len(keys) == 1 else "keys"
    either = " (or 'scores')" if len(keys) == len(SIDES) else ""
    there = listed(list(values)[:12], limit=12) or "none"
    return "; ".join([f"{noun} {quoted}{either} missing", *near, f"keys: {there}", _NAMED])


def number(name: str, key: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError(f"'{name}': {key} must be a number, got {value!r}{_as_number(value)}")
    try:
        number = float(value)
    except OverflowError:  # whole numbers have no largest one
        raise ValueError(f"'{name}': {key} is too large for a score") from None
    if not math.isfinite(number):
        raise ValueError(
            f"'{name}': {key} is {value}; a score must be finite: score the text again, or remove "
            "the row"
        )
    return number


def _as_number(value: Any) -> str:
    """How to write a value that is a number for people."""
    if not isinstance(value, str):
        return ""
    text = value.strip()
    try:
        float(text)
    except ValueError:
        pass
    else:
        return "; write it without quotes"
    if text.endswith("%"):
        return "; write it as a fraction, without a percent sign"
    if "," in text and re.fullmatch(r"[-+]?[\d.,]+", text):
        return "; write it with a decimal point, and thousands without a separator"
    return ""


def enter(entry: Entry, name: str, stamp: Any, rewards: Mapping[str, float], line: int) -> None:
    if stamp is not None and not isinstance(stamp, str):
        raise ValueError(f"'{name}': hash must be text, got {stamp!r}")
    stamp = stamp or None
    known = entry.by_hash.get(stamp) if stamp else entry.plain
    if known is not None and known != rewards:
        why = "the same hash" if stamp else "no hash"
        raise ValueError(
            f"duplicate id '{name}' with {why} and different scores "
            f"(first on line {entry.lines[stamp]}); keep one of the rows"
        )
    entry.lines.setdefault(stamp, line)
    if stamp:
        entry.by_hash[stamp] = rewards
    else:
        entry.plain = rewards
    unlike = [key for key, found in entry.by_hash.items() if found != entry.plain]
    if entry.plain is not None and unlike:
        first = min(entry.lines[None], entry.lines[unlike[0]])
        raise ValueError(
            f"'{name}' has different scores with and without a hash (first on line {first}); "
            "keep one of the rows"
        )


def _each(entry: Entry) -> Iterator[tuple[str | None, Mapping[str, float]]]:
    """The rewards of an entry by hash (None: its plain row)."""
    yield from entry.by_hash.items()
    if entry.plain is not None:
        yield None, entry.plain


def contradiction(name: str, plain: Entry, suited: Entry) -> tuple[int, int, str] | None:
    """Where a row with a suite contradicts one without, for the same text; None if nowhere."""
    for stamp, rewards in _each(suited):
        for other, theirs in _each(plain):
            apart = stamp and other and stamp != other
            if not apart and rewards != theirs:
                lines = sorted((suited.lines[stamp], plain.lines[other]))
                return (
                    lines[1],
                    1,
                    f"'{name}' has different scores with and without a suite "
                    f"(first on line {lines[0]}); keep one of the rows",
                )
    return None


def rows(path: Path, shown: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """(line, values) of each good row; afterwards raises ProblemsFound with the others."""
    kind = suffix(path.name)
    try:
        if kind in ARROW:
            yield from arrow_records(path)
            return
        if kind in TEXT_TABLES:
            yield from _delimited_rows(path, TEXT_TABLES[kind])
            return
    except (OSError, ValueError) as error:
        said = os_reason(error) if isinstance(error, OSError) else error
        raise ProblemsFound([Problem(shown, 0, 0, f"cannot be read: {said}")]) from None
    for row in read_rows(path, shown):
        yield row.line, row.values


def _delimited_rows(path: Path, separator: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for line, record in delimited(path, separator):
        found = {key: cell for key, cell in record.items() if cell != "" or key in TEXTS}
        if any(found.values()):
            yield line, found


def cells(path: Path, values: Mapping[str, Any]) -> Mapping[str, Any]:
    """A row; of a CSV or TSV file its scores as numbers, or lists of them."""
    if suffix(path.name) not in TEXT_TABLES:
        return values
    return {
        key: _cell(cell) if key in NUMBERS or (key == "prompt" and cell[:2] == "[{") else cell
        for key, cell in values.items()
    }


def _cell(cell: str) -> Any:
    """A CSV cell as a number or a list; other text stays text and is reported later."""
    try:
        if cell.lstrip().startswith("["):
            return json.loads(cell)
        return float(cell) if "_" not in cell else cell  # 1_5 is a number of Python's alone
    except (ValueError, RecursionError):
        return cell
