"""A check's worst counterexample in one line, for the terminal and the summary."""

from __future__ import annotations

from dataclasses import dataclass

from rmcheck.record.run import CheckRecord, CounterexampleRecord
from rmcheck.report import numbers
from rmcheck.report.difference import excerpt
from rmcheck.report.text import one_line


@dataclass(frozen=True)
class WorstText:
    """What was changed in which text, the scores, the change itself, and how to see it again.

    `change` is empty where both texts are the same or too alike to tell; `repeat` where the check
    names no command.
    """

    name: str
    scores: str
    change: str
    repeat: str


def worst_text(check: CheckRecord) -> WorstText | None:
    """The first counterexample of a check (checks give the worst one first), if it has one."""
    found = check.evidence.counterexamples
    if not found:
        return None
    first = found[0]
    against = "" if first.against is None else f", compared with {numbers.score(first.against)}"
    where = "" if first.key in first.title else f" of {one_line(first.key, 60)}"
    return WorstText(
        name=f"{one_line(first.title, 120)}{where}",
        scores=f"score {numbers.score(first.before_score)} → "
        f"{numbers.score(first.after_score)}{against}",
        change=_change(first),
        repeat=one_line(first.repeat, 400),
    )


def _change(found: CounterexampleRecord) -> str:
    changed = excerpt(found.before, found.after)
    if changed or found.after_prompt is None:
        return changed
    changed = excerpt(found.prompt, found.after_prompt)
    return f"prompt: {changed}" if changed else ""
