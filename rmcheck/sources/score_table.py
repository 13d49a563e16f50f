"""The scores of a file: by suite and id, and by text."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rmcheck import collector
from rmcheck.data.forms.compression import ending, opened, suffix
from rmcheck.data.forms.json_text import json_rows
from rmcheck.data.forms.tables import ARROW, TEXT_TABLES
from rmcheck.documents.regular import regular_bytes
from rmcheck.errors import Problem, ProblemsFound, condensed
from rmcheck.record.run import SCORES
from rmcheck.record.table import ScoreTable
from rmcheck.sources.score_arrays import ScoreArrays, is_by_seed, plain_arrays, table_arrays
from rmcheck.sources.score_claims import Models, refuse_contradictions
from rmcheck.sources.score_columns import SIDES, as_ours, is_data, is_long, long_row, renamed
from rmcheck.sources.score_rows import (
    Entry,
    Table,
    cells,
    contradiction,
    enter,
    number,
    rewards_of,
    rows,
    tags_of,
)

NONE = (
    "file has no scores; expected rows with 'id', 'chosen' and 'rejected' (`rmcheck score DATA -o "
    "FILE` writes them), or name the columns: scores:FILE,id=COLUMN,chosen=COLUMN,rejected=COLUMN"
)


@dataclass
class Scores:
    """What a score file holds of one objective.

    Parameters
    ----------
    entered
        Entries by id, for each suite that rows name ('' for rows that name none).
    texts
        Scores by the hash of prompt and response, from rows of a long table.
    suited
        By id, the entries of rows that name a suite.
    lines
        The line of each of `texts`.
    arrays
        The same as `entered` of a plain file, which has nothing else.
    seeds
        The scores of each training by its seed, where the rows are of a recipe that was trained
        with several.
    """

    entered: dict[str, Table] = field(default_factory=dict)
    texts: dict[str, float] = field(default_factory=dict)
    suited: dict[str, list[Entry]] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)
    arrays: dict[str, ScoreArrays] = field(default_factory=dict)
    seeds: dict[str, Scores] = field(default_factory=dict)

    @property
    def tables(self) -> Mapping[str, Table | ScoreArrays]:
        """What there is of them: entries by id, for each suite that rows name."""
        return self.arrays or self.entered


@collector.paused()
def read_scores(path: Path, shown: str, columns: Mapping[str, str]) -> dict[str, Scores]:
    """Read a score file of any shape (see `rmcheck.sources.score_columns`).

    Returns
    -------
    The scores by the objective that rows name ('' for rows that name none).

    Raises
    ------
    ProblemsFound
        All malformed rows, each with its line, or that the file has no scores.
    """
    plain = None if columns else _of_a_run(path)
    if plain is not None:
        return {"": Scores(arrays=plain, seeds=_by_seed(plain))}
    if not columns and suffix(path.name) not in (*ARROW, *TEXT_TABLES):
        with suppress(ProblemsFound, OSError), opened(path) as file:  # told below
            plain = plain_arrays(
                json_rows(file, shown, name=path.name.removesuffix(ending(path.name)))
            )
            if plain is not None:
                return {"": Scores(arrays=plain, seeds=_by_seed(plain))}
    sides: dict[str, Scores] = {}
    problems: list[Problem] = []
    models = Models()
    try:
        for line, given in rows(path, shown):
            try:
                values = cells(path, renamed(given, columns))
                if is_data(values):
                    wrong = "expected scores, got preference data; score it with `rmcheck score`"
                    raise ProblemsFound([Problem(shown, line, 1, wrong)])
                models.look(line, values)
                refuse_contradictions(values, columns)
                side = sides.setdefault(str(values.get("objective") or ""), Scores())
                if is_long(values):
                    _enter_text(side, values, line)
                    continue
                for row in as_ours(values):
                    _enter(side, row, line)
                    _enter_seeds(side, row, line)
            except ValueError as error:
                problems.append(Problem(shown, line, 1, str(error)))
    except ProblemsFound as error:
        problems.extend(error.problems)
    several = models.mistake()
    if several is not None:  # and not that their scores differ
        raise ProblemsFound([Problem(shown, several[0], 1, several[1])])
    for side in sides.values():
        for name, entry in side.entered.get("", Table()).items():
            unlike = (contradiction(name, entry, other) for other in side.suited.get(name, ()))
            problems.extend(Problem(shown, *each) for each in unlike if each)
    if problems:
        raise ProblemsFound(condensed(problems))
    if not any(side.tables or side.texts for side in sides.values()):
        raise ProblemsFound([Problem(shown, 0, 0, NONE)])
    return sides


def _of_a_run(path: Path) -> dict[str, ScoreArrays] | None:
    """The rows of a run's `scores.jsonl`, which other parts read as well; None for other files."""
    if path.name != SCORES:
        return None
    try:
        text = regular_bytes(path).decode("utf-8")
    except (OSError, UnicodeDecodeError):  # told below
        return None
    table = ScoreTable.of_text(text) if "\n\n" not in text and text[:1] == "{" else None
    if table is None or any(text.count(f'"{side}"') != len(table) for side in SIDES):
        return None  # a key that comes twice is told below
    return table_arrays(table)


def _enter(side: Scores, values: Mapping[str, Any], line: int) -> None:
    name, rewards = rewards_of(values)
    table = side.entered.setdefault(str(values.get("suite") or ""), Table())
    entry = table.setdefault(name, Entry())
    enter(entry, name, values.get("hash"), rewards, line)
    entry.tags = entry.tags or tags_of(values.get("tags"))
    if values.get("suite"):
        side.suited.setdefault(name, []).append(entry)


def _by_seed(plain: Mapping[str, ScoreArrays]) -> dict[str, Scores]:
    """The arrays of each training, by its seed and then by suite."""
    found: dict[str, Scores] = {}
    for suite, side in plain.items():
        for seed, arrays in side.seeds.items():
            found.setdefault(seed, Scores()).arrays[suite] = arrays
    return found


def _enter_seeds(side: Scores, values: Mapping[str, Any], line: int) -> None:
    """The scores of each training; a column of another meaning that is called so is left alone."""
    given = values.get("seeds")
    if not isinstance(given, dict):
        return
    if not is_by_seed(given):
        raise ValueError(
            f"'{values.get('id')}': seeds: expected {{SEED: [chosen, rejected], …}} with finite "
            f"numbers, got {str(given)[:60]}"
        )
    for seed, (chosen, rejected) in given.items():
        row = {**values, "chosen": chosen, "rejected": rejected}
        _enter(side.seeds.setdefault(seed, Scores()), row, line)


def _enter_text(side: Scores, values: Mapping[str, Any], line: int) -> None:
    dialogue, score = long_row(values)
    reward = number(str(values.get("id") or "row"), "score", score)
    if side.texts.setdefault(dialogue.hash, reward) != reward:
        raise ValueError(
            f"the same prompt and response as line {side.lines[dialogue.hash]} with another score; "
            "keep one of the rows"
        )
    side.lines.setdefault(dialogue.hash, line)
