"""The columns of a file that its layout does not read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any

from rmcheck.data.layouts.recognise import named
from rmcheck.data.layouts.registry import OURS
from rmcheck.data.reading import decoded
from rmcheck.data.row_reader import PAIR_KEYS, SET_KEYS
from rmcheck.data.rows import read_rows

ROWS = 1000
"""Rows at the beginning of a file whose columns are looked at."""
_NONE: tuple[Any, ...] = (None, "", [], {})


class _Watched(dict[str, Any]):
    """A row that notes which of its keys are asked for."""

    def __init__(self, values: Mapping[str, Any], asked: set[str]) -> None:
        super().__init__(values)
        self._asked = asked

    def get(self, key: str, default: Any = None) -> Any:
        self._asked.add(key)
        return super().get(key, default)

    def __getitem__(self, key: str) -> Any:
        self._asked.add(key)
        return super().__getitem__(key)


def unused_columns(path: Path, shown: str, layout: str) -> list[str]:
    """The columns with a value that the layout of that name does not read, in their order.

    Raises
    ------
    ProblemsFound
        If the file cannot be read.
    """
    rows = [row.values for row in decoded(list(islice(read_rows(path, shown), ROWS)))]
    asked = set(PAIR_KEYS) | set(SET_KEYS) if layout == OURS else set(_asked(rows, layout))
    there = {str(key): None for row in rows for key, one in row.items() if one not in _NONE}
    return [key for key in there if key not in asked]


def _asked(rows: Iterable[Mapping[str, Any]], name: str) -> Iterator[str]:
    layout, asked = named(name), set[str]()
    for row in rows:
        # A row that is left out asks for fewer keys; others ask for all.
        with suppress(KeyError, IndexError, TypeError, AttributeError, ValueError):
            list(layout.read([_Watched(row, asked)]))
    yield from asked
    yield from layout.needs
