"""The rows that are linted together, each with its line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Generic, TypeVar

from rmcheck.data import PreferencePair, ResponseSet, prompt_text
from rmcheck.data.file_note import FileNote
from rmcheck.data.reading import read_file
from rmcheck.data.rows import shown_path
from rmcheck.errors import Problem
from rmcheck.lint.finding import Place
from rmcheck.stats.groups import Groups

Item = TypeVar("Item", PreferencePair, ResponseSet)


@dataclass(frozen=True, slots=True)
class _Placed(Generic[Item]):
    item: Item
    place: Place
    prompt: str = field(init=False, compare=False, repr=False)
    """The prompt as one text."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "prompt", prompt_text(self.item.prompt).strip())


class PlacedPair(_Placed[PreferencePair]):
    """A preference pair and its place."""

    __slots__ = ()

    @property
    def responses(self) -> tuple[str, ...]:
        """The chosen and the rejected text."""
        return (self.item.chosen, self.item.rejected)


class PlacedSet(_Placed[ResponseSet]):
    """A response set and its place."""

    __slots__ = ()

    @property
    def responses(self) -> tuple[str, ...]:
        """All texts of the set."""
        return self.item.responses


@dataclass(frozen=True)
class Pool:
    """Rows of one or several files that are looked at as one table.

    Unlike `rmcheck.data.preferences.load` it keeps rows with a duplicate id, and all good rows
    of a file that has bad ones; `problems` are the bad ones.
    """

    pairs: tuple[PlacedPair, ...] = ()
    sets: tuple[PlacedSet, ...] = ()
    paths: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    files: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """The indices of each file's pairs."""
    notes: tuple[FileNote, ...] = ()
    """How each file was read."""

    @cached_property
    def rows(self) -> tuple[PlacedPair | PlacedSet, ...]:
        """Pairs, then sets."""
        return (*self.pairs, *self.sets)

    @cached_property
    def groups(self) -> Groups:
        """The group of each pair."""
        return Groups(pair.item.group for pair in self.pairs)


@dataclass(frozen=True)
class DataFile:
    """A file to read, and how: our keys by its column names where they differ, and its layout."""

    path: Path
    columns: Mapping[str, str] = field(default_factory=dict)
    layout: str | None = None


def read_pool(files: Sequence[DataFile], *, root: Path | None = None) -> Pool:
    """Read all rows that can be read; a file that is named twice is read once."""
    rows: list[PlacedPair | PlacedSet] = []
    problems: list[Problem] = []
    notes: list[FileNote] = []
    unique = {file.path.resolve(): file for file in files}
    for path, file in unique.items():
        shown = shown_path(path, root)
        found = read_file(path, shown, file.columns, file.layout)
        notes.append(found.note)
        problems.extend(found.problems)
        for line, item in found.items:
            place = Place(shown, line)
            if isinstance(item, PreferencePair):
                rows.append(PlacedPair(item, place))
            else:
                rows.append(PlacedSet(item, place))
        if not found.read:
            problems.append(Problem(shown, 0, 0, "file is empty; add one JSON object per line"))
    return pool_of(rows, [shown_path(path, root) for path in unique], problems, notes)


def pool_of(
    rows: Sequence[PlacedPair | PlacedSet],
    paths: Sequence[str],
    problems: Iterable[Problem] = (),
    notes: Iterable[FileNote] = (),
) -> Pool:
    """A pool of rows that have been read already."""
    pairs = tuple(row for row in rows if isinstance(row, PlacedPair))
    files: dict[str, list[int]] = {}
    for index, pair in enumerate(pairs):
        files.setdefault(pair.place.path, []).append(index)
    return Pool(
        pairs=pairs,
        sets=tuple(row for row in rows if isinstance(row, PlacedSet)),
        paths=tuple(paths),
        problems=tuple(problems),
        files={path: tuple(found) for path, found in files.items()},
        notes=tuple(notes),
    )
