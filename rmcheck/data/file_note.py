"""How a data file was read: its layout, and the rows that were left out or are doubtful."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from rmcheck.data.layouts.registry import OURS
from rmcheck.wording import read_as

_EXAMPLES = 3
_MOST_REASONS = 20


@dataclass(frozen=True)
class LeftOut:
    """A row that is not a pair, with the reason; `fault` where it counts against the data."""

    line: int
    reason: str
    fault: bool = True


@dataclass(frozen=True)
class FileNote:
    """How a file was read.

    Parameters
    ----------
    path
        The file as messages print it, or the name of the data set.
    layout, guessed
        The layout, and whether it was recognised, not named.
    form
        The form of the file in words.
    rows
        Its rows.
    reasons
        How many rows were left out, by reason.
    examples
        The lines of the first rows that were left out, or have a remark, by reason.
    remarks
        How many rows were read and are doubtful, by what is odd about them.
    """

    path: str
    layout: str = OURS
    guessed: bool = False
    form: str = ""
    rows: int = 0
    reasons: Mapping[str, int] = field(default_factory=dict)
    examples: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    remarks: Mapping[str, int] = field(default_factory=dict)

    def without(self, line: int, reason: str) -> FileNote:
        """The note with one more row that was left out."""
        lines = self.examples.get(reason, ())
        return replace(
            self,
            reasons={**self.reasons, reason: self.reasons.get(reason, 0) + 1},
            examples={**self.examples, reason: (*lines, line)[:_EXAMPLES]},
        )

    def as_dict(self) -> dict[str, Any]:
        """It for a record, with at most `_MOST_REASONS` reasons."""
        reasons = dict(list(self.reasons.items())[:_MOST_REASONS])
        shown = [*reasons, *self.remarks]
        return {
            "path": self.path,
            "layout": self.layout,
            "guessed": self.guessed,
            "form": self.form,
            "rows": self.rows,
            "left_out": reasons,
            "examples": {reason: list(self.examples.get(reason, ())) for reason in shown},
            "remarks": dict(self.remarks),
        }

    def __str__(self) -> str:
        """The layout, and what was left out, in a line."""
        return read_as(
            self.layout,
            guessed=self.guessed,
            rows=self.rows,
            left_out=self.reasons,
            examples=self.examples,
            remarks=self.remarks,
        )

    @property
    def is_told(self) -> bool:
        """Whether there is anything to say: another layout than ours, or a remark."""
        return self.layout != OURS or bool(self.remarks)


def note_of(
    shown: str,
    layout: str,
    *,
    guessed: bool,
    form: str,
    rows: int,
    left_out: Sequence[LeftOut] = (),
    remarks: Iterable[tuple[int, str]] = (),
) -> FileNote:
    """The note of a file from the rows that were left out, and the remarks with their lines."""
    odd = list(remarks)
    reasons = Counter(each.reason for each in left_out)
    examples: dict[str, tuple[int, ...]] = {}
    for line, reason in [*((each.line, each.reason) for each in left_out), *odd]:
        lines = examples.get(reason, ())
        if len(lines) < _EXAMPLES:
            examples[reason] = (*lines, line)
    return FileNote(
        shown,
        layout,
        guessed,
        form,
        rows,
        dict(reasons.most_common()),
        examples,
        dict(Counter(reason for _, reason in odd).most_common()),
    )


def other_layouts(notes: Iterable[FileNote]) -> tuple[str, ...]:
    """The layouts other than ours, each once, sorted; they are a part of the data's hash."""
    return tuple(sorted({note.layout for note in notes} - {OURS}))


def told(notes: Iterable[FileNote]) -> list[str]:
    """A line for each file that has another layout than ours, or a remark."""
    return [f"{note.path}: {note}" for note in notes if note.is_told]
