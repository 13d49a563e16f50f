"""The scores of a file: by suite and id, and by text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rmcheck.errors import Problem, ProblemsFound, condensed
from rmcheck.sources.score_columns import as_ours, is_data, is_long, long_row, renamed
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


@dataclass
class Scores:
    """What a score file holds.

    Parameters
    ----------
    tables
        Entries by id, for each suite that rows name ('' for rows that name none).
    texts
        Scores by the hash of prompt and response, from rows of a long table.
    """

    tables: dict[str, Table] = field(default_factory=dict)
    texts: dict[str, float] = field(default_factory=dict)


def read_scores(path: Path, shown: str, columns: Mapping[str, str]) -> Scores:
    """Read a score file of any shape (see `rmcheck.sources.score_columns`).

    Raises
    ------
    ProblemsFound
        All malformed rows, each with its line, or that the file has no scores.
    """
    found = Scores()
    suited: dict[str, list[Entry]] = {}
    lines: dict[str, int] = {}
    problems: list[Problem] = []
    try:
        for line, given in rows(path, shown):
            try:
                values = cells(path, renamed(given, columns))
                if is_data(values):
                    wrong = "expected scores, got preference data; score it with `rmcheck score`"
                    raise ProblemsFound([Problem(shown, line, 1, wrong)])
                if is_long(values):
                    _enter_text(found.texts, values, line, lines)
                    continue
                for row in as_ours(values):
                    _enter(found.tables, row, line, suited)
            except ValueError as error:
                problems.append(Problem(shown, line, 1, str(error)))
    except ProblemsFound as error:
        problems.extend(error.problems)
    for name, plain in found.tables.get("", {}).items():
        unlike = (contradiction(name, plain, other) for other in suited.get(name, ()))
        problems.extend(Problem(shown, *each) for each in unlike if each)
    if problems:
        raise ProblemsFound(condensed(problems))
    if not found.tables and not found.texts:
        raise ProblemsFound([Problem(shown, 0, 0, "file has no scores")])
    return found


def _enter(
    tables: dict[str, Table], values: Mapping[str, Any], line: int, suited: dict[str, list[Entry]]
) -> None:
    name, rewards = rewards_of(values)
    table = tables.setdefault(str(values.get("suite") or ""), {})
    entry = table.setdefault(name, Entry())
    enter(entry, name, values.get("hash"), rewards, line)
    entry.tags = entry.tags or tags_of(values.get("tags"))
    if values.get("suite"):
        suited.setdefault(name, []).append(entry)


def _enter_text(
    texts: dict[str, float], values: Mapping[str, Any], line: int, lines: dict[str, int]
) -> None:
    dialogue, score = long_row(values)
    reward = number(str(values.get("id") or "row"), "score", score)
    if texts.setdefault(dialogue.hash, reward) != reward:
        raise ValueError(
            f"the same prompt and response as line {lines[dialogue.hash]} with another score; keep "
            "one of the rows"
        )
    lines.setdefault(dialogue.hash, line)
