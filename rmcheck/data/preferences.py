"""Reading preference data: JSON Lines, CSV and Parquet, every mistake of a file at once."""

from __future__ import annotations

import difflib
import glob
import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rmcheck.data.dialogue import (
    Message,
    PreferencePair,
    Prompt,
    ResponseSet,
    data_hash,
    prompt_group,
)
from rmcheck.errors import Problem, ProblemsFound, did_you_mean

PAIR_KEYS = (
    "id", "prompt", "chosen", "rejected", "group", "tags", "confidence", "ratings",
)  # fmt: skip
SET_KEYS = ("id", "prompt", "responses", "best", "group", "tags", "ratings")
MAX_PROBLEMS = 20
"""A file whose every line is wrong is told of with this many lines and a count."""
TABLES = (".csv", ".parquet")
LARGEST = sys.float_info.max
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


@dataclass(frozen=True)
class PreferenceData:
    """What a `data:` key names: pairs, response sets, and the files they came from."""

    pairs: tuple[PreferencePair, ...] = ()
    sets: tuple[ResponseSet, ...] = ()
    paths: tuple[str, ...] = ()

    @property
    def hash(self) -> str:
        """A hash over ids and texts of all pairs and response sets in any order, 16 hex digits."""
        return data_hash([*self.pairs, *self.sets])

    @property
    def n_groups(self) -> int:
        """How many different prompts (groups) the pairs fall into."""
        return len({pair.group for pair in self.pairs})


@dataclass(frozen=True)
class Row:
    """A row of a table file: its values, and where it stands."""

    path: str
    line: int
    values: Mapping[str, Any]


def expand(pattern: str, base: Path) -> list[Path]:
    """The files that a path or a glob, relative to the folder `base`, names; sorted."""
    try:
        path = (base / pattern).resolve()
        if path.is_file():
            return [path]
        if not glob.has_magic(pattern):
            return []
        # The folder is not part of the pattern: its own name may hold brackets.
        found = [
            (base / name).resolve() for name in glob.glob(pattern, root_dir=base, recursive=True)
        ]
        return sorted({path for path in found if path.is_file()})
    except (OSError, ValueError):
        return []  # a name that no file can have: too long, or with a NUL


def load(
    paths: Sequence[Path], *, root: Path | None = None, columns: Mapping[str, str] | None = None
) -> PreferenceData:
    """Read files of pairs and response sets into one table.

    Parameters
    ----------
    paths
        `.jsonl`, `.csv` or `.parquet` files; a row with `responses` is a response set.
    root
        Messages print paths relative to this folder where they lie below it.
    columns
        Renames: our key to the file's column, such as ``{"chosen": "answer_a"}``.

    Raises
    ------
    ProblemsFound
        Every malformed row with its line, every id that stands twice, and files without a row.
    """
    pairs: list[PreferencePair] = []
    sets: list[ResponseSet] = []
    problems: list[Problem] = []
    seen: dict[str, tuple[str, int]] = {}
    for path in paths:
        shown = _shown(path, root)
        count = 0
        try:
            for row in _rows(path, shown):
                count += 1
                item = _item(_renamed(row, columns or {}), columns or {}, problems)
                if item is None:
                    continue
                if item.id in seen:
                    where, line = seen[item.id]
                    problems.append(
                        Problem(shown, row.line, 1, f"id '{item.id}' stands twice ({where}:{line})")
                    )
                    continue
                seen[item.id] = (shown, row.line)
                if isinstance(item, PreferencePair):
                    pairs.append(item)
                else:
                    sets.append(item)
        except ProblemsFound as found:
            problems.extend(found.problems)
            count += len(found.problems)
        if not count:
            problems.append(Problem(shown, 0, 0, "holds no rows; add one JSON object a line"))
    if problems:
        raise ProblemsFound(_shortened(problems))
    return PreferenceData(tuple(pairs), tuple(sets), tuple(_shown(path, root) for path in paths))


def _shortened(problems: list[Problem]) -> list[Problem]:
    if len(problems) <= MAX_PROBLEMS:
        return problems
    first = problems[:MAX_PROBLEMS]
    last = first[-1]
    more = f"… and {len(problems) - MAX_PROBLEMS} more rows with mistakes"
    return [*first, Problem(last.path, last.line, last.column + 1, more)]


def _shown(path: Path, root: Path | None) -> str:
    if root is not None and path.is_relative_to(root):
        return path.relative_to(root).as_posix()
    return str(path)


def _renamed(row: Row, columns: Mapping[str, str]) -> Row:
    """The row under our keys; of a table, its cells as JSON has them."""
    taken = {*columns, *columns.values()}
    values = {key: value for key, value in row.values.items() if key not in taken}
    values.update(
        {ours: row.values[theirs] for ours, theirs in columns.items() if theirs in row.values}
    )
    if row.path.endswith(TABLES):
        values = {key: _cell(key, value) for key, value in values.items()}
    return Row(row.path, row.line, values)


def _rows(path: Path, shown: str) -> Iterator[Row]:
    if path.suffix in TABLES:
        yield from _table_rows(path, shown)
        return
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        row = error.object[: error.start].count(b"\n") + 1
        said = f"not UTF-8 text (byte 0x{error.object[error.start]:02x}); save the file as UTF-8"
        raise ProblemsFound([Problem(shown, row, 1, said)]) from None
    except OSError as error:
        raise ProblemsFound([Problem(shown, 0, 0, f"cannot be read ({error})")]) from None
    bad: list[Problem] = []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            values = json.loads(line)
        except (ValueError, RecursionError) as error:
            column = getattr(error, "colno", 1)
            said = getattr(error, "msg", str(error))
            bad.append(Problem(shown, number, column, f"not JSON: {said}; one object a line"))
            continue
        if _SURROGATE.search(line) and not _encodable(values):
            said = "half of a character (\\ud800 to \\udfff without its partner); mend the text"
            bad.append(Problem(shown, number, 1, said))
            continue
        if not isinstance(values, dict):
            kind = type(values).__name__
            bad.append(Problem(shown, number, 1, f"a row must be a JSON object, got {kind}"))
            continue
        yield Row(shown, number, values)
    if bad:
        raise ProblemsFound(bad)


def _encodable(values: object) -> bool:
    try:
        json.dumps(values, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _table_rows(path: Path, shown: str) -> Iterator[Row]:
    read = _csv_records if path.suffix == ".csv" else _parquet_records
    try:
        records = list(read(path))
    except (OSError, ValueError, ImportError) as error:
        raise ProblemsFound([Problem(shown, 0, 0, f"cannot be read ({error})")]) from None
    for number, record in records:
        values = {key: value for key, value in record.items() if _set(value)}
        if values:
            yield Row(shown, number, values)


def _csv_records(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Cells as text, with the line on which each record begins."""
    import pandas as pd

    frame = pd.read_csv(path, dtype=str, keep_default_na=False, skip_blank_lines=False)
    if not isinstance(frame.index, pd.RangeIndex):
        raise ValueError("its rows have more cells than its head; quote cells that hold commas")
    line = 2 + sum(str(column).count("\n") for column in frame.columns)
    for record in frame.to_dict(orient="records"):
        yield line, {str(key): value for key, value in record.items()}
        line += 1 + sum(str(value).count("\n") for value in record.values())


def _parquet_records(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Values as Python has them, with the row's number, from 1."""
    import pyarrow
    import pyarrow.parquet

    try:
        records = pyarrow.parquet.read_table(path).to_pylist()
    except pyarrow.ArrowException as error:
        raise ValueError(str(error)) from None
    yield from enumerate(records, start=1)


def _set(value: Any) -> bool:
    """Whether a cell holds something: not None, NaN or an empty text."""
    return value is not None and value != "" and value == value


def _cell(key: str, value: Any) -> Any:
    """A table cell as JSON: lists and numbers may be written as text."""
    if not isinstance(value, str):
        return value
    if key == "confidence":
        try:
            return float(value)
        except ValueError:
            return value
    if key in ("tags", "responses", "best", "ratings", "prompt") and value[:1] in "[{":
        try:
            found = json.loads(value)
        except (ValueError, RecursionError):
            found = value
        # A prompt may be about JSON; only a list of messages is one.
        messages = isinstance(found, list) and all(isinstance(turn, dict) for turn in found)
        if key != "prompt" or messages:
            return found
    if key == "tags":
        return [tag.strip() for tag in value.split(";") if tag.strip()]
    return value


def _item(
    row: Row, columns: Mapping[str, str], problems: list[Problem]
) -> PreferencePair | ResponseSet | None:
    reader = _Reader(row, columns)
    item = reader.response_set() if "responses" in row.values else reader.pair()
    problems.extend(reader.problems)
    return None if reader.problems else item


class _Reader:
    """Reads one row, noting each mistake instead of stopping at the first."""

    def __init__(self, row: Row, columns: Mapping[str, str]) -> None:
        self.row = row
        self.columns = columns
        self.problems: list[Problem] = []

    def pair(self) -> PreferencePair:
        self._known(PAIR_KEYS)
        prompt = self._prompt()
        confidence = self._number("confidence", self.row.values.get("confidence"))
        if confidence is not None and not 0.5 <= confidence <= 1:
            self._note(f"confidence={confidence} is outside [0.5, 1]")
        return PreferencePair(
            id=self._text("id"),
            prompt=prompt,
            chosen=self._text("chosen", empty=True),
            rejected=self._text("rejected", empty=True),
            group=self._group(prompt),
            tags=self._tags(),
            confidence=confidence,
            ratings=self._pair_ratings(),
        )

    def response_set(self) -> ResponseSet:
        self._known(SET_KEYS)
        prompt = self._prompt()
        responses = self._list("responses", str)
        best = self._list("best", int)
        if len(responses) < 2:
            self._note("responses must hold two texts or more")
        if not best or any(not 0 <= index < len(responses) for index in best):
            self._note(f"best={best} must name one response or more by index (0 is the first)")
        given = self.row.values.get("ratings")
        ratings = None if given is None else self._list("ratings", (int, float))
        if ratings is not None and len(ratings) != len(responses):
            self._note(f"{len(ratings)} ratings for {len(responses)} responses")
        floats = [self._number("ratings", rating) or 0.0 for rating in ratings or ()]
        return ResponseSet(
            id=self._text("id"),
            prompt=prompt,
            responses=tuple(responses),
            best=tuple(best),
            group=self._group(prompt),
            tags=self._tags(),
            ratings=None if ratings is None else tuple(floats),
        )

    def _note(self, message: str) -> None:
        self.problems.append(Problem(self.row.path, self.row.line, 1, message))

    def _known(self, allowed: Sequence[str]) -> None:
        """Further columns are the user's own; one that looks like a misspelt key is a mistake."""
        for key in self.row.values:
            near = difflib.get_close_matches(key.lower(), allowed, n=1, cutoff=0.8)
            if key not in allowed and near:
                self._note(f"unknown key '{key}', {did_you_mean(key, allowed)}")

    def _text(self, key: str, *, empty: bool = False) -> str:
        value = self.row.values.get(key)
        if value is None and key in self.columns:
            self._note(f"the column '{self.columns[key]}' (columns: {key}) is missing")
        elif value is None:
            self._note(f"the key '{key}' is missing")
        elif not isinstance(value, str):
            self._note(f"{key} must be text, got {type(value).__name__} {str(value)[:40]!r}")
        elif not value and not empty:
            self._note(f"{key} is empty")
        return value if isinstance(value, str) else ""

    def _prompt(self) -> Prompt:
        value = self.row.values.get("prompt")
        if not isinstance(value, list):
            return self._text("prompt", empty=True)
        turns: list[Message] = []
        for turn in value:
            if (
                not isinstance(turn, dict)
                or set(turn) != {"role", "content"}
                or not all(isinstance(text, str) for text in turn.values())
            ):
                self._note('a prompt of messages holds objects {"role": text, "content": text}')
                return ""
            turns.append(Message(turn["role"], turn["content"]))
        return tuple(turns)

    def _group(self, prompt: Prompt) -> str:
        given = self.row.values.get("group")
        return prompt_group(prompt) if given is None else self._text("group")

    def _tags(self) -> tuple[str, ...]:
        return () if self.row.values.get("tags") is None else tuple(self._list("tags", str))

    def _list(self, key: str, kind: type | tuple[type, ...]) -> list[Any]:
        value = self.row.values.get(key)
        good = isinstance(value, list) and all(
            isinstance(entry, kind) and not isinstance(entry, bool) for entry in value
        )
        if not good:
            self._note(f"{key} must be a list, got {str(value)[:40]!r}")
            return []
        return list(value or [])

    def _number(self, key: str, value: Any) -> float | None:
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            self._note(f"{key} must be a number, got {str(value)[:40]!r}")
            return None
        if not abs(value) <= LARGEST:
            self._note(f"{key} must be a finite number, got {value!r:.40}")
            return None
        return float(value)

    def _pair_ratings(self) -> tuple[float, float] | None:
        value = self.row.values.get("ratings")
        if value is None:
            return None
        if not isinstance(value, dict) or set(value) != {"chosen", "rejected"}:
            self._note('ratings must be {"chosen": number, "rejected": number}')
            return None
        chosen = self._number("ratings.chosen", value["chosen"])
        rejected = self._number("ratings.rejected", value["rejected"])
        return None if chosen is None or rejected is None else (chosen, rejected)
