"""A log of scores, read row by row: prompt, response, score, time."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rmcheck.data.forms.compression import opened, suffix
from rmcheck.data.forms.json_text import json_rows
from rmcheck.data.forms.tables import TABLES, TEXT_TABLES, is_table, table_rows
from rmcheck.errors import (
    MOST_PROBLEMS,
    Problem,
    ProblemsFound,
    UsageError,
    did_you_mean,
    first_of,
    os_reason,
)
from rmcheck.wording import listed

NAMES: Mapping[str, tuple[str, ...]] = {
    "prompt": ("prompt", "input", "question", "messages"),
    "response": ("response", "completion", "output", "answer"),
    "score": ("score", "reward"),
    "time": ("time", "timestamp", "created"),
}
"""The parts of a row, and the columns that are looked for where none is named."""
JSON = (".jsonl", ".json", ".ndjson")
_MOST = 1e100
"""The sums of squares of larger scores are beyond what a float can hold."""
_MILLISECONDS = 1e11
"""A time in seconds is below this until the year 5138."""


@dataclass(frozen=True, slots=True)
class LogRow:
    """A row: `time` in seconds since 1970; None for what the log lacks."""

    score: float
    prompt: str | None = None
    response: str | None = None
    time: float | None = None


@dataclass
class Log:
    """Files that are read as one log, in the order given.

    Parameters
    ----------
    paths
        JSON Lines, JSON, CSV, TSV or Parquet, compressed or not.
    columns
        The column of each part of `NAMES` that the user named.
    """

    paths: Sequence[Path]
    columns: Mapping[str, str] = field(default_factory=dict)
    found: dict[str, str] = field(default_factory=dict)
    """The column that each part was read from, once the first row has been read."""

    def rows(self) -> Iterator[LogRow]:
        """Every row; after the good ones, raises if some cannot be used.

        Raises
        ------
        ProblemsFound
            With file, line and column of each row that cannot be used, of the first ones if they
            are many.
        UsageError
            For a file that is missing or of another kind, and for a column that is not there.
        """
        problems: list[Problem] = []
        for path in self.paths:
            try:
                for number, values in _values(path):
                    if not self.found:
                        self._recognise(path, values)
                    row = self._row(values, _Place(str(path), number, problems))
                    if row is not None:
                        yield row
                    elif len(problems) > MOST_PROBLEMS:
                        break
            except ProblemsFound as error:
                problems += error.problems
        if problems:
            raise ProblemsFound(first_of(sorted(problems)))

    def _recognise(self, path: Path, values: Mapping[str, Any]) -> None:
        for part, known in NAMES.items():
            named = self.columns.get(part)
            if named is not None and named not in values:
                raise UsageError(f"{path}: column {part}={named}: {did_you_mean(named, values)}")
            column = named or next((name for name in known if name in values), None)
            if column is not None:
                self.found[part] = column
        if "score" not in self.found:
            raise UsageError(
                f"{path}: no score: expected a column {' or '.join(NAMES['score'])}, got "
                f"{listed(list(values), limit=8)}; name it: --columns score=COLUMN"
            )

    def _row(self, values: Mapping[str, Any], place: _Place) -> LogRow | None:
        before = len(place.problems)
        parts = {part: values.get(column) for part, column in self.found.items()}
        for part, column in self.found.items():
            if parts[part] is None:
                place.note(f"{column}: missing; every row of the log needs one")
        if len(place.problems) > before:
            return None
        row = LogRow(
            score=place.score(self.found["score"], parts["score"]),
            prompt=place.text(self.found, parts, "prompt"),
            response=place.text(self.found, parts, "response"),
            time=place.time(self.found, parts),
        )
        return row if len(place.problems) == before else None


@dataclass(frozen=True)
class _Place:
    """A row's place, and where its mistakes are noted."""

    path: str
    line: int
    problems: list[Problem]

    def note(self, said: str) -> None:
        self.problems.append(Problem(self.path, self.line, 1, said))

    def score(self, column: str, value: Any) -> float:
        number = math.nan
        if isinstance(value, str) and suffix(self.path) in TEXT_TABLES:
            try:
                number = float(value)
            except ValueError:
                self.note(f"{column}: expected a number, got {value[:40]!r}")
                return number
        elif isinstance(value, bool) or not isinstance(value, int | float):
            self.note(f"{column}: expected a number, got {value!r:.60}")
            return number
        else:
            try:
                number = float(value)
            except OverflowError:
                number = math.inf
        if not math.isfinite(number):
            self.note(f"{column}: expected a finite number, got {value!r:.40}")
        elif abs(number) > _MOST:
            self.note(f"{column}: expected a score up to {_MOST:g} in size, got {value!r:.40}")
        return number

    def text(self, found: Mapping[str, str], parts: Mapping[str, Any], part: str) -> str | None:
        if part not in found:
            return None
        value = parts[part]
        if isinstance(value, str):
            return value
        if isinstance(value, list) and all(
            isinstance(one, Mapping) and isinstance(one.get("content"), str) for one in value
        ):
            return "\n\n".join(f"{one.get('role', '')}: {one['content']}" for one in value)
        self.note(f"{found[part]}: expected text or a list of messages, got {value!r:.60}")
        return None

    def time(self, found: Mapping[str, str], parts: Mapping[str, Any]) -> float | None:
        if "time" not in found:
            return None
        value = parts["time"]
        moment = seconds_of(value)
        if moment is None:
            self.note(
                f"{found['time']}: expected a time such as 2025-01-31T12:00:00Z or seconds since "
                f"1970, got {value!r:.60}"
            )
        return moment


def seconds_of(value: Any) -> float | None:
    """A time in seconds since 1970, None for what is not a time; a time without zone is in UTC.

    >>> seconds_of("1970-01-02T00:00:00Z"), seconds_of(1700000000), seconds_of(1700000000000)
    (86400.0, 1700000000.0, 1700000000.0)
    """
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.strip())
        except ValueError:
            try:
                value = float(value)
            except ValueError:
                return None
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    if not math.isfinite(number) or number < 0:
        return None
    return number / 1000 if number >= _MILLISECONDS else number


def _values(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """The number and the cells of each row of a file."""
    if path.is_dir():
        raise UsageError(f"{path}: is a folder; name the files in it, in the order of time")
    if not path.is_file():
        raise UsageError(f"{path}: file not found")
    kind = suffix(path.name)
    try:
        if is_table(path.name):
            yield from table_rows(path)
            return
        if kind not in JSON:
            known = ", ".join((*JSON, *TABLES))
            raise UsageError(f"{path}: expected a log that ends in {known}; got '{kind}'")
        with opened(path) as file:
            yield from json_rows(file, str(path))
    except OSError as error:
        raise UsageError(f"{path}: {os_reason(error)}") from None
    except ValueError as error:
        raise UsageError(f"{path}: cannot be read ({error})") from None
