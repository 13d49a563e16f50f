"""`scores:FILE`: rewards that somebody else computed, by the ids of pairs and response sets."""

from __future__ import annotations

import copy
import csv
import io
import json
import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rmcheck.data import Dialogue
from rmcheck.data.dialogue import content_hash
from rmcheck.data.rows import parquet_records, read_rows, shown_path
from rmcheck.errors import (
    Problem,
    ProblemsFound,
    RmcheckError,
    SourceError,
    Unscorable,
    UsageError,
    condensed,
)
from rmcheck.reward_source import Source, SourceOptions
from rmcheck.scoring.files import FileHashes
from rmcheck.sources.model_source import resolved
from rmcheck.wording import counted

SIDES = ("chosen", "rejected")
SUFFIXES = (".jsonl", ".json", ".ndjson", ".csv", ".parquet")
MAX_NAMED = 8
_REMEDY = "score them too (rmcheck score DATA -o FILE), or take them out of the data"


@dataclass
class Entry:
    """What a file says of one id: rewards by side (`chosen`, `rejected`, `0`, `1`, ...).

    `by_hash` holds those of rows that carry the hash of the pair or set, `plain` of one that does
    not; `lines` where each was found first, by hash (None for the plain row).
    """

    by_hash: dict[str, Mapping[str, float]] = field(default_factory=dict)
    plain: Mapping[str, float] | None = None
    lines: dict[str | None, int] = field(default_factory=dict)

    @property
    def is_pair(self) -> bool:
        """Whether it is a pair's, not a response set's."""
        return any("chosen" in rewards for rewards in (*self.by_hash.values(), self.plain or {}))


Table = dict[str, Entry]


class ScoreFile(Source):
    """A reward source that needs no model and knows no new text.

    A row that carries a `hash` answers only for the texts it was computed from; an edited pair is
    then unscorable, not silently wrong. A row that carries a `suite` answers that suite first
    (see `within`), so that a pair which stands in two suites may have a score in each.
    """

    def __init__(self, spec: str, path: Path, options: SourceOptions) -> None:
        self._spec = spec
        self.path = path
        self.shown = shown_path(path, options.root)
        self._hashes = FileHashes(options.cache)
        self._suite = ""

    @property
    def spec(self) -> str:
        """`scores:` and the path as it was given."""
        return self._spec

    def within(self, suite: str) -> ScoreFile:
        """The same file as the suite of that name sees it: its own rows before others."""
        view = copy.copy(self)
        view._suite = suite
        view.__dict__["_tables"] = self._tables  # read once for all views
        return view

    @cached_property
    def fingerprint(self) -> str:
        """A hash of the file."""
        return content_hash("scores", self._hashes.of(self.path))

    def knows(self, dialogue: Dialogue) -> bool:
        """Whether the file has a score for this very text."""
        found = self._find(dialogue)
        return not isinstance(found, str)

    def ids(self, *, own: bool = False) -> frozenset[str]:
        """Ids of pairs that stand in the file; `own`: in rows that name this suite."""
        mine = self._tables.get(self._suite, {}) if self._suite else {}
        tables = [mine] if own else list(self._tables.values())
        return frozenset(name for table in tables for name in table if table[name].is_pair)

    def score(self, dialogues: Sequence[Dialogue]) -> NDArray[np.float64]:
        """Rewards in input order, shape (n,).

        Raises
        ------
        Unscorable
            For new text, and for response sets where the file has scores of pairs only.
        SourceError
            Where it lacks some of the texts, or all, naming them: a gate that left them out would
            judge fewer pairs than its suite holds, or none.
        ProblemsFound
            All malformed rows of the file, each with its line.
        """
        rewards = np.empty(len(dialogues), dtype=np.float64)
        lacking: dict[str, str] = {}
        for place, dialogue in enumerate(dialogues):
            found = self._find(dialogue)
            if not isinstance(found, str):
                rewards[place] = found
                continue
            if _is_new(dialogue) or self._has_pairs_only(dialogue):
                raise Unscorable(f"{self.shown}: {found}")
            lacking.setdefault(dialogue.key.rpartition("/")[0], found)
        if lacking:
            raise self._lacks(lacking, {each.key.rpartition("/")[0] for each in dialogues})
        return rewards

    def _has_pairs_only(self, dialogue: Dialogue) -> bool:
        """Whether the text is a response set's, and the file holds none of any set."""
        return dialogue.key.rpartition("/")[2] not in SIDES and not any(
            not entry.is_pair for table in self._tables.values() for entry in table.values()
        )

    def _lacks(self, lacking: Mapping[str, str], asked: Collection[str]) -> RmcheckError:
        """What to say of ids without scores among those that were asked for."""
        first = list(lacking.values())
        if len(lacking) == len(asked):
            return self._has_none_of(lacking)
        said = "; ".join(first[:MAX_NAMED])
        if len(first) > MAX_NAMED:
            said += f"; and {len(first) - MAX_NAMED} more"
        return SourceError(
            f"{self.shown}: lacks {len(lacking)} of {len(asked)} ids of the data: {said}; {_REMEDY}"
        )

    def _has_none_of(self, lacking: Mapping[str, str]) -> RmcheckError:
        """What to say where no text that was asked for has a score."""
        count = counted(len(lacking), "id")
        head = f"{self.shown}: has no score for any of the {count} of the data"
        entries = {name: table[name] for table in self._searched() for name in table}
        known = [name for name in lacking if name in entries]
        if known:  # edited, or scored as something else
            return SourceError(f"{head} as they are now: {lacking[known[0]]}; {_REMEDY}")
        return SourceError(
            f"{head} ({_named(lacking)}); its ids are {_named(entries)}; name the file "
            "that was made for these data, or run only the suites that this one was made for"
        )

    def _find(self, dialogue: Dialogue) -> float | str:
        """The reward, or why there is none."""
        if _is_new(dialogue):
            return "a score file cannot score new text"
        name, _, side = dialogue.key.rpartition("/")
        entries = [table[name] for table in self._searched() if name in table]
        if not entries:
            return f"no score for '{name}'"
        found = [entry.by_hash.get(dialogue.origin, entry.plain) for entry in entries]
        rewards = next((rewards for rewards in found if rewards is not None), None)
        if rewards is None:
            return f"'{name}' was edited after it was scored (its text's hash differs)"
        if side not in rewards:
            return f"no score for '{dialogue.key}' (has {', '.join(rewards)})"
        return rewards[side]

    def _searched(self) -> list[Table]:
        """The tables in the order of their say: the suite's own, rows of no suite, the others."""
        first = [name for name in (self._suite, "") if name in self._tables]
        return [self._tables[name] for name in dict.fromkeys([*first, *self._tables])]

    @cached_property
    def _tables(self) -> Mapping[str, Table]:
        """Entries by id, for each suite that rows name ('' for rows that name none)."""
        tables: dict[str, Table] = {}
        suited: dict[str, list[Entry]] = {}
        problems: list[Problem] = []
        try:
            for line, values in _rows(self.path, self.shown):
                try:
                    name, rewards = _rewards(values)
                    table = tables.setdefault(str(values.get("suite") or ""), {})
                    entry = table.setdefault(name, Entry())
                    _enter(entry, name, values.get("hash"), rewards, line)
                    if values.get("suite"):
                        suited.setdefault(name, []).append(entry)
                except ValueError as error:
                    problems.append(Problem(self.shown, line, 1, str(error)))
        except ProblemsFound as found:
            problems.extend(found.problems)
        for name, plain in tables.get("", {}).items():
            said = (_contradiction(name, plain, other) for other in suited.get(name, ()))
            problems.extend(Problem(self.shown, *each) for each in said if each)
        if problems:
            raise ProblemsFound(condensed(problems))
        if not tables:
            raise ProblemsFound([Problem(self.shown, 0, 0, "holds no scores")])
        return tables


def _named(ids: Iterable[str]) -> str:
    """A few ids, for a message."""
    some = list(islice(ids, 4))
    return ", ".join([repr(name) for name in some[:3]] + ["…"] * (len(some) > 3))


def _rewards(values: Mapping[str, Any]) -> tuple[str, Mapping[str, float]]:
    """A row's id and its rewards by side; ValueError says what is wrong with it."""
    name = values.get("id")
    if not isinstance(name, str) or not name:
        raise ValueError(f"id must be text, got {name!r}" if name else "the key 'id' is missing")
    if values.get("scores") is not None:
        scores = values["scores"]
        if not isinstance(scores, list) or not scores:
            raise ValueError(f"'{name}': scores must be a list of numbers, got {scores!r}")
        return name, {str(place): _number(name, "scores", one) for place, one in enumerate(scores)}
    missing = [side for side in SIDES if values.get(side) is None]
    if missing:
        keys = "'chosen' and 'rejected' (or 'scores')" if len(missing) == 2 else f"'{missing[0]}'"
        raise ValueError(f"'{name}': {keys} missing; null is not a score")
    return name, {side: _number(name, side, values[side]) for side in SIDES}


def _number(name: str, key: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError(f"'{name}': {key} must be a number, got {value!r}")
    try:
        number = float(value)
    except OverflowError:  # whole numbers have no largest one
        raise ValueError(f"'{name}': {key} is too large for a score") from None
    if not math.isfinite(number):
        raise ValueError(f"'{name}': {key} is {value}; a score must be finite")
    return number


def _enter(entry: Entry, name: str, stamp: Any, rewards: Mapping[str, float], line: int) -> None:
    if stamp is not None and not isinstance(stamp, str):
        raise ValueError(f"'{name}': hash must be text, got {stamp!r}")
    stamp = stamp or None
    known = entry.by_hash.get(stamp) if stamp else entry.plain
    if known is not None and known != rewards:
        why = "the same hash" if stamp else "no hash tells them apart"
        raise ValueError(
            f"'{name}' stands twice with different scores, and {why} "
            f"(first on line {entry.lines[stamp]})"
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
            f"'{name}' has different scores with and without a hash (first on line {first})"
        )


def _each(entry: Entry) -> Iterator[tuple[str | None, Mapping[str, float]]]:
    """What an entry says, by hash (None: of its plain row)."""
    yield from entry.by_hash.items()
    if entry.plain is not None:
        yield None, entry.plain


def _contradiction(name: str, plain: Entry, suited: Entry) -> tuple[int, int, str] | None:
    """Where and how a suite's row and one of no suite differ over one text; None where nowhere."""
    for stamp, rewards in _each(suited):
        for other, theirs in _each(plain):
            apart = stamp and other and stamp != other
            if not apart and rewards != theirs:
                lines = sorted((suited.lines[stamp], plain.lines[other]))
                return (
                    lines[1],
                    1,
                    f"'{name}' stands with and without a suite, with different scores "
                    f"(first on line {lines[0]}); keep one of the rows",
                )
    return None


def _is_new(dialogue: Dialogue) -> bool:
    """Whether a text is of no pair or set, or of a pair's response under another prompt (`~`)."""
    name, _, side = dialogue.key.rpartition("/")
    return not name or "~" in side


def _rows(path: Path, shown: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """(line, values) of each row; raises ProblemsFound, behind the good rows, with the others."""
    try:
        if path.suffix == ".parquet":
            yield from parquet_records(path)
            return
        if path.suffix == ".csv":
            yield from _csv_rows(path.read_bytes().decode("utf-8-sig"))
            return
    except (OSError, ValueError, csv.Error) as error:
        raise ProblemsFound([Problem(shown, 0, 0, f"cannot be read ({error})")]) from None
    for row in read_rows(path, shown):
        yield row.line, row.values


def _csv_rows(text: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    reader = csv.DictReader(io.StringIO(text, newline=""))
    for record in reader:
        values: dict[str, Any] = {}
        for key, cell in record.items():
            if key is None or cell is None or cell == "":
                continue
            values[key] = _cell(cell) if key in (*SIDES, "scores") else cell
        yield reader.line_num, values


def _cell(cell: str) -> Any:
    """A CSV cell as JSON has it: a number or a list; other text stays text and is told of."""
    try:
        return json.loads(cell) if cell.lstrip().startswith("[") else float(cell)
    except (ValueError, RecursionError):
        return cell


def create(rest: str, options: SourceOptions) -> ScoreFile:
    """A file of scores; needs no model.

    Raises UsageError when there is no such file or it is of another kind.
    """
    path = resolved(rest, options.root)
    if not path.is_file():
        raise UsageError(f"scores:{rest}: there is no file {path}")
    if path.suffix not in SUFFIXES:
        raise UsageError(f"scores:{rest}: a score file ends in {', '.join(SUFFIXES)}")
    return ScoreFile(f"scores:{rest}", path, options)
