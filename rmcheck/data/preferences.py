"""Reading preference data from files, every mistake of a file at once."""

from __future__ import annotations

import glob
from collections.abc import Callable, Hashable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import chain
from pathlib import Path

from rmcheck import collector
from rmcheck.data.dialogue import (
    PreferencePair,
    ResponseSet,
    content_hash,
    data_hash,
    prompt_text,
)
from rmcheck.data.doubts import Doubts, needs_a_look
from rmcheck.data.file_note import FileNote, other_layouts
from rmcheck.data.folders import data_files
from rmcheck.data.forms.json_text import line_rows
from rmcheck.data.layouts import repeated
from rmcheck.data.layouts.registry import OURS
from rmcheck.data.objectives import labelled
from rmcheck.data.pairs import Pairs
from rmcheck.data.reading import SAME_TEXTS, Reading, read_file, surely_ours
from rmcheck.data.row_reader import read_item
from rmcheck.data.rows import Row, renamed, shown_path
from rmcheck.documents.regular import regular_bytes
from rmcheck.errors import Problem, ProblemsFound, condensed
from rmcheck.shipped import anchored

PLACEHOLDER = "REPLACE THIS"
"""The beginning of each text in the rows that `rmcheck new` writes."""
MOST_KEPT = 4_000_000
"""A file of at most so many bytes is parsed once, however many suites name it."""

Item = PreferencePair | ResponseSet

UNFILLED = f"a text still begins with '{PLACEHOLDER}'; write a pair of your own, or remove the row"


@dataclass(frozen=True)
class PreferenceData:
    """The data that a `data:` key names: pairs, response sets, and the files they came from.

    `notes` say of each file in which layout it was read and what was left out.
    """

    pairs: tuple[PreferencePair, ...] = ()
    sets: tuple[ResponseSet, ...] = ()
    paths: tuple[str, ...] = ()
    notes: tuple[FileNote, ...] = ()

    @cached_property
    def hash(self) -> str:
        """A hash over ids and texts of all pairs and response sets in any order, 16 hex digits.

        Layouts other than our own are a part of it.
        """
        own, layouts = data_hash([*self.pairs, *self.sets]), other_layouts(self.notes)
        return content_hash(own, *layouts)[:16] if layouts else own

    def by_objective(self, name: str) -> PreferenceData:
        """The data as one objective labels them; as they are where no pair has a label by it.

        A pair without such a label, or with a tie, is left out; response sets stay.
        """
        if name not in self._sides:
            found = labelled(self.pairs, name) if name else None
            self._sides[name] = self if found is None else replace(self, pairs=found)
        return self._sides[name]

    @cached_property
    def _sides(self) -> dict[str, PreferenceData]:
        return {}

    @property
    def n_groups(self) -> int:
        """How many different prompts (groups) the pairs fall into."""
        return len({pair.group for pair in self.pairs})

    @cached_property
    def _parts(self) -> dict[Hashable, Pairs]:
        return {}

    def part(self, key: Hashable, holds: Callable[[PreferencePair], bool] | None = None) -> Pairs:
        """The pairs for which `holds` is true (None: all), one object for each key."""
        if key not in self._parts:
            kept = self.pairs if holds is None else filter(holds, self.pairs)
            self._parts[key] = Pairs(kept)
        return self._parts[key]


def expand(pattern: str, base: Path) -> list[Path]:
    """The files that a path or a glob matches, sorted.

    Relative to the folder `base`, or with the prefix `shipped:` to rmcheck's own files. A folder
    of Parquet files, or of a saved data set, stands for its files.

    Raises
    ------
    UsageError
        For a folder with several splits, which names them.
    """
    pattern, base = anchored(pattern, base)
    try:
        path = (base / pattern).resolve()
        if path.is_file():
            return [path]
        if pattern and path.is_dir():
            return data_files(path, pattern)
        if not glob.has_magic(pattern):
            return []
        # The folder is not part of the pattern: its name may contain brackets.
        found = [
            (base / name).resolve() for name in glob.glob(pattern, root_dir=base, recursive=True)
        ]
        return sorted({path for path in found if path.is_file()})
    except (OSError, ValueError):
        return []  # not a valid file name: too long, or with a NUL


def unfilled(item: Item) -> bool:
    """Whether a text of a row still is what `rmcheck new` wrote."""
    if (
        isinstance(item, PreferencePair)
        and isinstance(item.prompt, str)
        and PLACEHOLDER not in item.prompt
        and PLACEHOLDER not in item.chosen
        and PLACEHOLDER not in item.rejected
    ):
        return False
    return any(text.startswith(PLACEHOLDER) for text in texts_of(item))


def texts_of(item: Item) -> tuple[str, ...]:
    """The prompt of a row as one text, and its responses, without surrounding white space."""
    if isinstance(item, PreferencePair):
        responses: tuple[str, ...] = (item.chosen, item.rejected)
    else:
        responses = item.responses
    return tuple(text.strip() for text in (prompt_text(item.prompt), *responses))


@collector.paused()
def load(
    paths: Sequence[Path],
    *,
    root: Path | None = None,
    columns: Mapping[str, str] | None = None,
    layout: str | None = None,
) -> PreferenceData:
    """Read files of pairs and response sets into one table.

    Parameters
    ----------
    paths
        Files of any form (see `rmcheck.data.forms`).
    root
        Messages print paths below this folder relative to it.
    columns
        Renames: our key to the file's column, such as ``{"chosen": "answer_a"}``.
    layout
        The name of the layout of all files; by default each file's is recognised.

    Raises
    ------
    ProblemsFound
        Every malformed row with its line, every duplicate id, files without a row, and files with
        too many rows that are no pairs.
    """
    clean = _all_clean(paths, root, columns or {}, layout)
    if clean is not None:
        return clean
    pairs: list[PreferencePair] = []
    sets: list[ResponseSet] = []
    problems: list[Problem] = []
    seen: dict[str, tuple[str, int, Item]] = {}
    notes: list[FileNote] = []
    for path in paths:
        shown = shown_path(path, root)
        found = _reading(path, shown, columns or {}, layout)
        note = found.note
        problems.extend(found.problems)
        for line, item in found.items:
            if unfilled(item):
                problems.append(Problem(shown, line, 1, UNFILLED))
                continue
            if item.id in seen:
                where, first, other = seen[item.id]
                if note.layout != OURS and other.hash == item.hash:  # in another file
                    note = note.without(line, SAME_TEXTS)
                    continue
                said = f"duplicate id '{item.id}' (first at {where}:{first})"
                problems.append(Problem(shown, line, 1, said))
                continue
            seen[item.id] = (shown, line, item)
            if isinstance(item, PreferencePair):
                pairs.append(item)
            else:
                sets.append(item)
        notes.append(note)
        if not found.read:
            problems.append(Problem(shown, 0, 0, "file is empty; add one JSON object per line"))
    if problems:
        raise ProblemsFound(condensed(problems))
    return PreferenceData(
        tuple(pairs),
        tuple(sets),
        tuple(shown_path(path, root) for path in paths),
        tuple(notes),
    )


@dataclass(frozen=True)
class _Clean:
    """The rows of a file in our own layout without a mistake, with their lines."""

    rows: tuple[tuple[int, Item], ...]

    @cached_property
    def ids(self) -> frozenset[str]:
        """The ids of its rows."""
        return frozenset(item.id for _, item in self.rows)

    @cached_property
    def filled(self) -> bool:
        """Whether each row has an id of its own and no text that `rmcheck new` wrote."""
        return len(self.ids) == len(self.rows) and not any(unfilled(one) for _, one in self.rows)

    @cached_property
    def pairs(self) -> tuple[PreferencePair, ...]:
        """Its pairs, in order."""
        return tuple(item for _, item in self.rows if isinstance(item, PreferencePair))

    @cached_property
    def sets(self) -> tuple[ResponseSet, ...]:
        """Its response sets, in order."""
        return tuple(item for _, item in self.rows if isinstance(item, ResponseSet))

    @cached_property
    def repeats(self) -> bool:
        """Whether the answers of any pair repeat its prompt, which has to be looked at."""
        return any(repeated.item_repeats(item) for _, item in self.rows)

    def note(self, shown: str, layout: str | None) -> FileNote:
        """How it was read."""
        return FileNote(shown, OURS, layout is None, "JSON Lines", len(self.rows))


def _all_clean(
    paths: Sequence[Path], root: Path | None, columns: Mapping[str, str], layout: str | None
) -> PreferenceData | None:
    """The data of files that all are clean, have rows, and share no id; None for any other.

    Their rows are looked at once, however many suites name them.
    """
    files = [_clean_file(path, columns, layout) for path in paths]
    found = [each for each in files if each is not None and each.filled]
    if not found or len(found) < len(files):
        return None
    if len(frozenset().union(*(each.ids for each in found))) < sum(len(e.rows) for e in found):
        return None
    shown = tuple(shown_path(path, root) for path in paths)
    return PreferenceData(
        found[0].pairs if len(found) == 1 else tuple(chain.from_iterable(e.pairs for e in found)),
        found[0].sets if len(found) == 1 else tuple(chain.from_iterable(e.sets for e in found)),
        shown,
        tuple(each.note(name, layout) for each, name in zip(found, shown, strict=True)),
    )


def _reading(path: Path, shown: str, columns: Mapping[str, str], layout: str | None) -> Reading:
    known = _clean_file(path, columns, layout)
    if known is not None:
        return Reading(known.note(shown, layout), list(known.rows), read=len(known.rows))
    return read_file(path, shown, columns, layout)


def _clean_file(path: Path, columns: Mapping[str, str], layout: str | None) -> _Clean | None:
    """A file of JSON Lines that is clean and not too large to be kept; else None."""
    if path.suffix == ".jsonl" and layout in (None, OURS):
        with suppress(OSError):  # told by `read_file`
            content = regular_bytes(path, MOST_KEPT + 1)
            if len(content) <= MOST_KEPT:
                found = _clean(content, tuple(columns.items()))
                return None if found is None or (layout is None and found.repeats) else found
    return None


@lru_cache(maxsize=32)
def _clean(content: bytes, columns: tuple[tuple[str, str], ...]) -> _Clean | None:
    """The rows of a file in our own layout without a mistake, None for another one.

    Suites and the report share the pairs of a file, and with them the hashes of their texts.
    """
    names, problems, doubts = dict(columns), list[Problem](), Doubts()
    items = []
    try:
        lines = enumerate(content.decode("utf-8-sig").split("\n"), start=1)
        for line, values in line_rows(lines, ""):
            row = renamed(Row("", line, values), names)
            if not surely_ours(row.values):
                return None
            items.append((line, read_item(row, names, problems)))
            if needs_a_look(row.values):
                doubts.look(line, row.values, items[-1][1])
    except (UnicodeDecodeError, ProblemsFound):
        return None
    read = tuple((line, item) for line, item in items if item is not None)
    flawed = problems or doubts.found or len(read) < len(items)
    return None if flawed or not read else _Clean(read)
