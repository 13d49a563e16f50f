"""Reading preference data: JSON Lines, CSV and Parquet, every mistake of a file at once."""

from __future__ import annotations

import glob
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from rmcheck.data.dialogue import PreferencePair, ResponseSet, data_hash, prompt_text
from rmcheck.data.row_reader import read_item
from rmcheck.data.rows import read_rows, renamed, shown_path
from rmcheck.errors import Problem, ProblemsFound, condensed
from rmcheck.shipped import anchored

PLACEHOLDER = "REPLACE THIS"
"""The beginning of each text in the rows that `rmcheck new` writes."""


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


def _unfilled(item: PreferencePair | ResponseSet) -> bool:
    return any(text.startswith(PLACEHOLDER) for text in texts_of(item))


def texts_of(item: PreferencePair | ResponseSet) -> tuple[str, ...]:
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
            for row in read_rows(path, shown):
                count += 1
                item = read_item(renamed(row, columns or {}), columns or {}, problems)
                if item is None:
                    continue
                if _unfilled(item):
                    said = f"a text still begins with '{PLACEHOLDER}'; {_FILL}"
                    problems.append(Problem(shown, row.line, 1, said))
                    continue
                if item.id in seen:
                    where, line = seen[item.id]
                    problems.append(
                        Problem(
                            shown,
                            row.line,
                            1,
                            f"duplicate id '{item.id}' (first at {where}:{line})",
                        )
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
            problems.append(Problem(shown, 0, 0, "file is empty; add one JSON object per line"))
    if problems:
        raise ProblemsFound(condensed(problems))
    return PreferenceData(
        tuple(pairs), tuple(sets), tuple(shown_path(path, root) for path in paths)
    )
