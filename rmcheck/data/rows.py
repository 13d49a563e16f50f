"""Rows out of files: JSON Lines, CSV and Parquet, each with its line."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rmcheck.documents.finding import is_yaml
from rmcheck.documents.recognise import looks_like_suite
from rmcheck.documents.regular import regular_bytes
from rmcheck.errors import Problem, ProblemsFound, os_reason

TABLES = (".csv", ".parquet")
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


@dataclass(frozen=True)
class Row:
    """A row of a table file: its values and its line."""

    path: str
    line: int
    values: Mapping[str, Any]


def shown_path(path: Path, root: Path | None) -> str:
    """`path` as messages print it: relative to `root` where it is below it."""
    if root is not None and path.is_relative_to(root):
        return path.relative_to(root).as_posix()
    return str(path)


def renamed(row: Row, columns: Mapping[str, str]) -> Row:
    """The row under our keys; of a table, its cells as JSON has them."""
    if not columns and not row.path.endswith(TABLES):
        return row
    taken = {*columns, *columns.values()}
    values = {key: value for key, value in row.values.items() if key not in taken}
    values.update(
        {ours: row.values[theirs] for ours, theirs in columns.items() if theirs in row.values}
    )
    if row.path.endswith(TABLES):
        values = {key: _cell(key, value) for key, value in values.items()}
    return Row(row.path, row.line, values)


def read_rows(path: Path, shown: str) -> Iterator[Row]:
    """The rows of a file; after the good rows, raises ProblemsFound with all bad ones."""
    if path.suffix in TABLES:
        yield from _table_rows(path, shown)
        return
    if is_yaml(path):
        raise _no_data(path, shown)
    try:
        text = regular_bytes(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        row = error.object[: error.start].count(b"\n") + 1
        said = f"not UTF-8 text (byte 0x{error.object[error.start]:02x}); save the file as UTF-8"
        raise ProblemsFound([Problem(shown, row, 1, said)]) from None
    except OSError as error:
        said = f"cannot be read: {os_reason(error)}"
        raise ProblemsFound([Problem(shown, 0, 0, said)]) from None
    for number, values in json_rows(text, shown):
        yield Row(shown, number, values)


def _no_data(path: Path, shown: str) -> ProblemsFound:
    """A YAML file was given where rows are expected."""
    said = "expected data, got YAML; pass a .jsonl, .csv or .parquet file"
    if looks_like_suite(path):
        said = (
            "expected data, got a suite; pass the file in its key 'data' "
            f"(`pytest {shown}` runs the suite)"
        )
    return ProblemsFound([Problem(shown, 0, 0, said)])


def json_rows(text: str, shown: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """(line, object) of each row of JSON Lines; after them, raises with all bad lines.

    Raises
    ------
    ProblemsFound
        After all good rows, when there are bad ones.
    """
    bad: list[Problem] = []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            values = json.loads(line)
        except (ValueError, RecursionError) as error:
            said = f"invalid JSON: {_why(line, error)}; write one object per line"
            bad.append(Problem(shown, number, getattr(error, "colno", 1), said))
            continue
        if _SURROGATE.search(line) and not _encodable(values):
            said = "unpaired surrogate (\\ud800 to \\udfff); fix the text"
            bad.append(Problem(shown, number, 1, said))
            continue
        if not isinstance(values, dict):
            kind = type(values).__name__
            bad.append(Problem(shown, number, 1, f"a row must be a JSON object, got {kind}"))
            continue
        yield number, values
    if bad:
        raise ProblemsFound(bad)


def _why(line: str, error: Exception) -> str:
    """What is wrong with a line; Python names a trailing comma only from 3.13 on."""
    if isinstance(error, json.JSONDecodeError):
        before, behind = line[: error.pos].rstrip(), line[error.pos :].strip()
        if error.msg == "Extra data" and behind == ",":
            return "extra comma after the object; remove it"
        if error.msg.startswith("Illegal trailing comma") or (
            before.endswith(",") and behind[:1] in ("}", "]")
        ):
            return "a trailing comma; remove it"
    return getattr(error, "msg", str(error))


def _encodable(values: object) -> bool:
    try:
        json.dumps(values, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _table_rows(path: Path, shown: str) -> Iterator[Row]:
    read = _csv_records if path.suffix == ".csv" else parquet_records
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
        raise ValueError("rows have more cells than the header; quote cells that contain commas")
    line = 2 + sum(str(column).count("\n") for column in frame.columns)
    for record in frame.to_dict(orient="records"):
        yield line, {str(key): value for key, value in record.items()}
        line += 1 + sum(str(value).count("\n") for value in record.values())


def parquet_records(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Values as Python has them, with the row's number, from 1."""
    import pyarrow
    import pyarrow.parquet

    try:
        records = pyarrow.parquet.read_table(path).to_pylist()
    except pyarrow.ArrowException as error:
        raise ValueError(str(error)) from None
    yield from enumerate(records, start=1)


def _set(value: Any) -> bool:
    """Whether a cell has a value: not None, NaN or an empty text."""
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
