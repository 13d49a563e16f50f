"""Prompts with responses of which none is said to be better: what a student learns from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from rmcheck.data.dialogue import Dialogue, Prompt, ResponseSet, prompt_group
from rmcheck.data.layouts.recognise import recognised
from rmcheck.data.layouts.registry import OURS
from rmcheck.data.layouts.shape import Shape
from rmcheck.data.row_reader import read_responses
from rmcheck.data.rows import Row, read_rows, renamed
from rmcheck.errors import Problem, ProblemsFound, condensed
from rmcheck.wording import counted

LABELS = ("chosen", "rejected", "best", "ratings")
"""Keys that say which response is better."""
KEYS = ("response", "responses")


@dataclass(frozen=True)
class Unlabelled:
    """A prompt with one response or more, in no order of preference."""

    id: str
    prompt: Prompt
    responses: tuple[str, ...]
    group: str
    tags: tuple[str, ...] = ()

    @property
    def hash(self) -> str:
        """Content hash of the prompt and all responses, as of a response set."""
        return self._set.hash

    def dialogues(self) -> tuple[Dialogue, ...]:
        """One dialogue per response, keyed `id/0`, `id/1`, ..."""
        return self._set.dialogues()

    @cached_property
    def _set(self) -> ResponseSet:
        return ResponseSet(self.id, self.prompt, self.responses, (), self.group, self.tags)


def read_unlabelled(path: Path, shown: str) -> list[Unlabelled] | None:
    """The rows of a file without labels; None for a file with labels, in whatever layout.

    A row has `prompt`, and `responses` (a list of texts) or `response` (one text). Rows of one
    prompt with one `response` each are taken together.

    Raises
    ------
    ProblemsFound
        Every malformed row with its line; rows with labels among rows without.
    """
    rows: list[Row] = []
    bad: list[Problem] = []
    try:
        rows.extend(renamed(row, {}) for row in read_rows(path, shown))
    except ProblemsFound as error:
        bad = list(error.problems)
    without = [row for row in rows if _is_unlabelled(row)]
    if not without:
        return None
    if len(without) < len(rows) and not any(_labels(row) for row in rows):
        without = rows  # a row that lacks its responses is told below
    layout = recognised(Shape(row.values for row in rows))
    if layout is not None and layout.name != OURS:
        return None
    if len(without) < len(rows):
        first = next(row for row in rows if not _is_unlabelled(row))
        said = (
            f"expected no labels, as in {len(without):,} of {counted(len(rows), 'row')}, got "
            f"{_labels(first)}; keep rows with labels in a file of their own"
        )
        raise ProblemsFound([Problem(shown, first.line, 1, said)])
    problems = list(bad)
    found = [read for row in without if (read := _read(row, problems)) is not None]
    if problems:
        raise ProblemsFound(condensed(problems))
    return _together(found)


def _labels(row: Row) -> str:
    return ", ".join(f"'{key}'" for key in LABELS if row.values.get(key) is not None)


def _is_unlabelled(row: Row) -> bool:
    return not _labels(row) and any(key in row.values for key in KEYS)


def _read(row: Row, problems: list[Problem]) -> tuple[Unlabelled, bool] | None:
    """The row, and whether it has one `response` only."""
    found = read_responses(row, problems)
    if found is None:
        return None
    name, prompt, responses, group, tags = found
    made = Unlabelled(
        id=name or f"{Path(row.path).name}:{row.line}",
        prompt=prompt,
        responses=responses,
        group=group or prompt_group(prompt),
        tags=tags,
    )
    return made, "responses" not in row.values


def _together(rows: Sequence[tuple[Unlabelled, bool]]) -> list[Unlabelled]:
    """Rows with one response each, joined where they have one prompt; in the order of the file."""
    places: dict[tuple[str, str], int] = {}
    found: list[Unlabelled] = []
    for row, single in rows:
        key = (prompt_group(row.prompt), row.group)
        if not single or key not in places:
            if single:
                places[key] = len(found)
            found.append(row)
            continue
        first = found[places[key]]
        found[places[key]] = Unlabelled(
            first.id, first.prompt, (*first.responses, *row.responses), first.group, first.tags
        )
    return found
