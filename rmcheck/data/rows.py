"""Rows out of files of every form, each with its line."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from rmcheck.data.forms.compression import ending, opened, suffix
from rmcheck.data.forms.json_text import json_rows
from rmcheck.data.forms.tables import is_table, table_rows
from rmcheck.documents.finding import is_yaml
from rmcheck.documents.recognise import looks_like_suite
from rmcheck.errors import Problem, ProblemsFound, os_reason

_NAMES = {".csv": "CSV", ".tsv": "TSV", ".parquet": "Parquet", ".arrow": "Arrow"}
_MAY_BE_EMPTY = ("prompt", "chosen", "rejected")
_JSON_CELLS = ("tags", "responses", "best", "ratings", "variants", "objectives", "prompt")


class Row(NamedTuple):
    """A row of a data file: its values and its line."""

    path: str
    line: int
    values: Mapping[str, Any]


def shown_path(path: Path, root: Path | None) -> str:
    """`path` as messages print it: relative to `root` where it is below it."""
    if root is not None and path.is_relative_to(root):
        return path.relative_to(root).as_posix()
    return str(path)


def renamed(row: Row, columns: Mapping[str, str]) -> Row:
    """The row under our keys; of a table, its cells as JSON has them.

    An empty cell is an empty text where our own layout allows one, and no value elsewhere.
    """
    row = under_our_keys(row, columns)
    if not is_table(row.path):
        return row
    values = {
        key: _cell(key, value)
        for key, value in row.values.items()
        if value != "" or key in _MAY_BE_EMPTY
    }
    return Row(row.path, row.line, values)


def under_our_keys(row: Row, columns: Mapping[str, str]) -> Row:
    """The row with its columns renamed, cells as they are."""
    if not columns:
        return row
    taken = {*columns, *columns.values()}
    values = {key: value for key, value in row.values.items() if key not in taken}
    values.update(
        {ours: row.values[theirs] for ours, theirs in columns.items() if theirs in row.values}
    )
    return Row(row.path, row.line, values)


def read_rows(path: Path, shown: str, form: list[str] | None = None) -> Iterator[Row]:
    """The rows of a file; after the good rows, raises ProblemsFound with all bad ones.

    `form` gets the form of the file in words.
    """
    form = [] if form is None else form
    if is_yaml(path):
        raise _no_data(path, shown)
    try:
        yield from _rows(path, shown, form)
    except OSError as error:
        said = f"cannot be read: {os_reason(error)}"
        raise ProblemsFound([Problem(shown, 0, 0, said)]) from None
    if ending(path.name):
        form[-1:] = [f"{form[-1] if form else 'JSON Lines'}, compressed ({ending(path.name)})"]


def _rows(path: Path, shown: str, form: list[str]) -> Iterator[Row]:
    if is_table(path.name):
        form.append(_NAMES[suffix(path.name)])
        records = table_rows(path)
        while True:
            try:
                number, values = next(records)
            except StopIteration:
                return
            except (OSError, ValueError, ImportError) as error:
                raise ProblemsFound([Problem(shown, 0, 0, f"cannot be read ({error})")]) from None
            yield Row(shown, number, values)
    plain = path.name[: len(path.name) - len(ending(path.name))]
    with opened(path) as file:
        for number, values in json_rows(file, shown, name=plain, form=form):
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


def _cell(key: str, value: Any) -> Any:
    """A table cell as JSON: lists and numbers may be written as text."""
    if not isinstance(value, str):
        return value
    if key == "confidence":
        try:
            return float(value)
        except ValueError:
            return value
    if key in _JSON_CELLS and value[:1] in "[{":
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
