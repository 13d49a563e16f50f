"""Reading preference data: JSON Lines, CSV and Parquet, every mistake of a file at once."""

from __future__ import annotations

import glob
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

from rmcheck.data.dialogue import PreferencePair, ResponseSet, data_hash, prompt_text
from rmcheck.data.row_reader import read_item
from rmcheck.data.rows import Row, json_rows, read_rows, renamed, shown_path
from rmcheck.documents.regular import regular_bytes
from rmcheck.errors import Problem, ProblemsFound, condensed
from rmcheck.shipped import anchored

PLACEHOLDER = "REPLACE THIS"
"""The beginning of each text in the rows that `rmcheck new` writes."""
MOST_KEPT = 4_000_000
"""A file of at most so many bytes is parsed once, however many suites name it."""

Item = PreferencePair | ResponseSet

_FILL = "write a pair of your own, or remove the row"


@dataclass(frozen=True)
class PreferenceData:
    """The data that a `data:` key names: pairs, response sets, and the files they came from."""

    pairs: tuple[PreferencePair, ...] = ()
    sets: tuple[ResponseSet, ...] = ()
    paths: tuple[str, ...] = ()

    @cached_property
    def hash(self) -> str:
        """A hash over ids and texts of all pairs and response sets in any order, 16 hex digits."""
        return data_hash([*self.pairs, *self.sets])

    @property
    def n_groups(self) -> int:
        """How many different prompts (groups) the pairs fall into."""
        return len({pair.group for pair in self.pairs})


def expand(pattern: str, base: Path) -> list[Path]:
    """The files that a path or a glob matches, sorted.

    Relative to the folder `base`, or with the prefix `shipped:` to rmcheck's own files.
    """
    pattern, base = anchored(pattern, base)
    try:
        path = (base / pattern).resolve()
        if path.is_file():
            return [path]
        if not glob.has_magic(pattern):
            return []
        # The folder is not part of the pattern: its name may contain brackets.
        found = [
            (base / name).resolve() for name in glob.glob(pattern, root_dir=base, recursive=True)
        ]
        return sorted({path for path in found if path.is_file()})
    except (OSError, ValueError):
        return []  # not a valid file name: too long, or with a NUL


def _unfilled(item: Item) -> bool:
    return any(text.startswith(PLACEHOLDER) for text in texts_of(item))


def texts_of(item: Item) -> tuple[str, ...]:
    """The prompt of a row as one text, and its responses, without surrounding white space."""
    if isinstance(item, PreferencePair):
        responses: tuple[str, ...] = (item.chosen, item.rejected)
    else:
        responses = item.responses
    return tuple(text.strip() for text in (prompt_text(item.prompt), *responses))


def load(
    paths: Sequence[Path], *, root: Path | None = None, columns: Mapping[str, str] | None = None
) -> PreferenceData:
    """Read files of pairs and response sets into one table.

    Parameters
    ----------
    paths
        `.jsonl`, `.csv` or `.parquet` files; a row with `responses` is a response set.
    root
        Messages print paths below this folder relative to it.
    columns
        Renames: our key to the file's column, such as ``{"chosen": "answer_a"}``.

    Raises
    ------
    ProblemsFound
        Every malformed row with its line, every duplicate id, and files without a row.
    """
    pairs: list[PreferencePair] = []
    sets: list[ResponseSet] = []
    problems: list[Problem] = []
    seen: dict[str, tuple[str, int]] = {}
    for path in paths:
        shown = shown_path(path, root)
        count = 0
        try:
            for line, item in _items(path, shown, columns or {}, problems):
                count += 1
                if item is None:
                    continue
                if _unfilled(item):
                    said = f"a text still begins with '{PLACEHOLDER}'; {_FILL}"
                    problems.append(Problem(shown, line, 1, said))
                    continue
                if item.id in seen:
                    where, first = seen[item.id]
                    said = f"duplicate id '{item.id}' (first at {where}:{first})"
                    problems.append(Problem(shown, line, 1, said))
                    continue
                seen[item.id] = (shown, line)
                if isinstance(item, PreferencePair):
                    pairs.append(item)
                else:
                    sets.append(item)
        except ProblemsFound as found:
            problems.extend(found.problems)
            count += len(found.problems)
        if not count:
            problems.append(Problem(shown, 0, 0, "file is empty; add one JSON object per line"))
    if problems:
        raise ProblemsFound(condensed(problems))
    return PreferenceData(
        tuple(pairs), tuple(sets), tuple(shown_path(path, root) for path in paths)
    )


def _items(
    path: Path, shown: str, columns: Mapping[str, str], problems: list[Problem]
) -> Iterator[tuple[int, Item | None]]:
    """The line and the pair or set of each row; None where its mistakes went to `problems`."""
    if path.suffix == ".jsonl":
        with suppress(OSError):  # told below
            content = regular_bytes(path, MOST_KEPT + 1)
            known = _clean(content, tuple(columns.items())) if len(content) <= MOST_KEPT else None
            if known is not None:
                yield from known
                return
    for row in read_rows(path, shown):
        yield row.line, read_item(renamed(row, columns), columns, problems)


@lru_cache(maxsize=32)
def _clean(
    content: bytes, columns: tuple[tuple[str, str], ...]
) -> tuple[tuple[int, Item], ...] | None:
    """The rows of a file without a mistake, None for another one.

    Suites and the report share the pairs of a file, and with them the hashes of their texts.
    """
    names, problems = dict(columns), list[Problem]()
    items = []
    try:
        for line, values in json_rows(content.decode("utf-8-sig"), ""):
            row = renamed(Row("", line, values), names)
            items.append((line, read_item(row, names, problems)))
    except (UnicodeDecodeError, ProblemsFound):
        return None
    read = tuple((line, item) for line, item in items if item is not None)
    return None if problems or len(read) < len(items) else read
