"""Who was measured, with what, against whom: candidate and baseline side by side."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from rmcheck.record.run import RunRecord
from rmcheck.report import numbers
from rmcheck.report.facts import Fact
from rmcheck.report.input import ReportInput


@dataclass(frozen=True)
class IdentityRow:
    """A property of both runs; `differs` marks one that the comparison must bear in mind."""

    label: str
    candidate: str
    baseline: str
    code: bool = False
    differs: bool = False


_COMPARED = frozenset({"rmcheck", "Seed", "Precision", "torch", "transformers", "Python", "Device"})

_ROWS: tuple[tuple[str, bool, Callable[[RunRecord], str]], ...] = (
    ("Source", True, lambda run: run.source.spec),
    ("Fingerprint", True, lambda run: run.source.fingerprint or numbers.MISSING),
    ("Commit", True, lambda run: run.commit or numbers.MISSING),
    ("Run started", False, lambda run: moment(run.started)),
    ("Took", False, lambda run: numbers.seconds(run.duration_s)),
    ("Seed", False, lambda run: str(run.seed)),
    ("rmcheck", False, lambda run: run.rmcheck),
    ("Python", False, lambda run: run.environment.python),
    ("torch", False, lambda run: run.environment.torch or "not loaded"),
    ("transformers", False, lambda run: run.environment.transformers or "not loaded"),
    ("Device", False, lambda run: run.environment.device or numbers.MISSING),
    ("Precision", False, lambda run: run.environment.dtype),
    ("Platform", False, lambda run: run.environment.platform or numbers.MISSING),
)


def moment(text: str) -> str:
    """A time stamp as a person reads it; one that is none stands as it is.

    >>> moment("2025-01-02T03:04:05Z"), moment("yesterday")
    ('2025-01-02 03:04 UTC', 'yesterday')
    """
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        return text
    if when.tzinfo is not None:
        return when.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
    return when.strftime("%Y-%m-%d %H:%M")


def identity(report: ReportInput) -> tuple[IdentityRow, ...]:
    """The rows of the identity table; the baseline's column is empty where it is not at hand."""
    record = report.record
    other = report.baseline[0] if report.baseline else None
    rows = []
    for label, is_code, of in _ROWS:
        mine = of(record)
        theirs = of(other) if other is not None else ""
        differs = bool(theirs) and theirs != mine and label in _COMPARED
        if {mine, theirs} <= {numbers.MISSING, ""}:
            continue
        unknown = {mine, theirs} & {"not loaded", numbers.MISSING}
        rows.append(IdentityRow(label, mine, theirs, is_code, differs and not unknown))
    return tuple(rows)


def scoring_facts(record: RunRecord) -> tuple[Fact, ...]:
    """How the scores came about."""
    scoring = record.scoring
    facts = [
        Fact("Texts needed", numbers.count(scoring.needed)),
        Fact("From the cache", numbers.count(scoring.cached)),
        Fact("Computed", numbers.count(scoring.computed)),
    ]
    if scoring.truncated:
        facts.append(Fact("Cut to the length limit", numbers.count(scoring.truncated)))
    return tuple(facts)
