"""Rows of tables: CSV, TSV, Parquet, and the Arrow files of `datasets.save_to_disk`."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from rmcheck.data.forms.compression import ending, not_text, opened, suffix

Values = Mapping[str, Any]
TAB = "\t"
TEXT_TABLES = {".csv": ",", ".tsv": TAB}
ARROW = (".parquet", ".arrow")
TABLES = (*TEXT_TABLES, *ARROW)
_BATCH = 1024


def is_table(name: str) -> bool:
    """Whether a file of this name is a table, compressed or not."""
    return suffix(name) in TABLES


def table_rows(path: Path) -> Iterator[tuple[int, Values]]:
    """The number and the cells of each row; cells without a value are left out.

    An empty cell of CSV is an empty text. A row without any value is skipped.

    Raises
    ------
    OSError, ValueError
        When the file cannot be read.
    """
    kind = suffix(path.name)
    records = delimited(path, TEXT_TABLES[kind]) if kind in TEXT_TABLES else arrow_records(path)
    for number, record in records:
        values = {key: value for key, value in record.items() if _set(value)}
        if any(value != "" for value in values.values()):
            yield number, values


def _set(value: Any) -> bool:
    """Whether a cell has a value: neither None nor NaN."""
    return value is not None and (not isinstance(value, float) or value == value)


def delimited(path: Path, separator: str) -> Iterator[tuple[int, dict[str, str]]]:
    """Cells as text by the names of the header, with the line on which each row begins.

    Raises
    ------
    OSError, ValueError
        When the file cannot be read, is empty, has a row with more cells than the header, two
        columns of one name, another separator, or a quote that is not closed or not doubled.
    """
    csv.field_size_limit(sys.maxsize)  # the module's own limit is shorter than some responses
    with io.TextIOWrapper(opened(path), encoding="utf-8-sig", newline="") as text:
        # Strict: else a quote that is never closed takes the rest of the file into one cell.
        reader, line = csv.reader(text, delimiter=separator, strict=True), 1
        try:
            header = _names(next(reader, []), separator)
            if not header:
                raise ValueError("no header; the first line must name the columns")
            line = reader.line_num + 1
            for cells in reader:
                if len(cells) > len(header):
                    raise ValueError(
                        f"line {line} has {len(cells)} cells and the header {len(header)}; quote "
                        "cells that contain separators"
                    )
                yield line, dict(zip(header, cells, strict=False))
                line = reader.line_num + 1
        except csv.Error as error:
            raise ValueError(f"line {line}: {_in_words(error)}") from None
        except UnicodeDecodeError as error:
            byte = (
                f"not UTF-8 text (byte 0x{error.object[error.start]:02x}); save the file as UTF-8"
            )
            with opened(path) as begun:
                known = not_text(begun.read(16), path.name)
            raise ValueError(known or byte) from None


def _in_words(error: csv.Error) -> str:
    """What is wrong with the quotes of a row."""
    said = str(error)
    if "expected after" in said:
        return "text after the closing quote of a cell; write a quote within a text twice"
    if said == "unexpected end of data":
        return "a quoted cell is never closed; close it, or remove its first quote"
    return said


_SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}


def _names(header: Sequence[str], separator: str) -> list[str]:
    """The names of columns.

    Raises
    ------
    ValueError
        If a name comes again, or the columns have another separator.
    """
    if len(header) == 1:
        for other, called in _SEPARATORS.items():
            if other in header[0] and other != separator:
                raise ValueError(
                    f"the columns are separated by {called}, expected {_SEPARATORS[separator]}; "
                    f"{'name the file .tsv' if other == TAB else 'save it with commas as .csv'}"
                )
    for other, called in _SEPARATORS.items():
        # A header in which another separator comes more often has names that are several columns.
        if other != separator and sum(map(_counts(other), header)) > len(header) - 1:
            raise ValueError(
                f"the header has more {called} than {_SEPARATORS[separator]}; save it with "
                f"{_SEPARATORS[separator]} between its cells"
            )
    _refuse_repeated(header)
    return list(header)


def _counts(separator: str) -> Callable[[str], int]:
    return lambda name: name.count(separator)


def _refuse_repeated(names: Sequence[str]) -> None:
    """Raise where two columns have one name: which of them is meant, readers decide differently."""
    named = [name for name in names if name]  # spreadsheets leave columns without a name
    if len(set(named)) < len(named):
        again = next(name for name in named if named.count(name) > 1)
        raise ValueError(
            f"{names.count(again)} columns are named {again[:80]!r}; rename or remove one"
        )


def arrow_records(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Values as Python has them, with the row's number, from 1; one batch at a time in memory.

    Raises
    ------
    OSError, ValueError
        When the file cannot be read.
    """
    import pyarrow

    number = 0
    with opened(path) as file:
        whole = io.BytesIO(file.read()) if ending(path.name) else file
        try:
            for batch in _batches(whole, suffix(path.name)):
                _refuse_repeated(batch.schema.names)
                for record in batch.to_pylist():
                    number += 1
                    yield number, record
        except pyarrow.ArrowException as error:
            raise ValueError(str(error)) from None


def _batches(file: IO[bytes], kind: str) -> Iterator[Any]:
    if kind == ".arrow":
        import pyarrow.ipc

        try:
            yield from pyarrow.ipc.open_stream(file)
        except pyarrow.ArrowInvalid:  # the other format of Arrow files
            file.seek(0)
            found = pyarrow.ipc.open_file(file)
            yield from (found.get_batch(index) for index in range(found.num_record_batches))
        return
    import pyarrow.parquet

    yield from pyarrow.parquet.ParquetFile(file).iter_batches(batch_size=_BATCH)
