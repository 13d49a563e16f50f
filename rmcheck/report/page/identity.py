"""Candidate and baseline side by side: source, versions, device."""

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
    """A property of both runs; `differs` marks one that may affect the comparison.

    Rows that are not `main` are folded: versions, for example, that do not differ.
    """

    label: str
    candidate: str
    baseline: str
    code: bool = False
    differs: bool = False
    main: bool = True


_COMPARED = frozenset(
    {
        "rmcheck",
        "Reading",
        "Recipe's seed",
        "Seed of the checks",
        "Precision",
        "torch",
        "transformers",
        "Python",
        "Device",
    }
)

_FOLDED = frozenset({"Took", "Platform"})

_ROWS: tuple[tuple[str, bool, Callable[[RunRecord], str]], ...] = (
    ("Source", True, lambda run: run.source.spec),
    ("Fingerprint", True, lambda run: run.source.fingerprint or numbers.MISSING),
    ("Reading", True, lambda run: run.source.reading or numbers.MISSING),
    ("Commit", True, lambda run: run.commit or numbers.MISSING),
    ("Run started", False, lambda run: moment(run.started)),
    ("Took", False, lambda run: numbers.seconds(run.duration_s)),
    ("Recipe's seed", False, lambda run: str(run.source.recipe.get("seed", numbers.MISSING))),
    ("Seed of the checks", False, lambda run: str(run.seed)),
    ("rmcheck", False, lambda run: run.rmcheck),
    ("Python", False, lambda run: run.environment.python),
    ("torch", False, lambda run: run.environment.torch or "not loaded"),
    ("transformers", False, lambda run: run.environment.transformers or "not loaded"),
    ("Device", False, lambda run: run.environment.device or numbers.MISSING),
    ("Precision", False, lambda run: run.environment.dtype),
    ("Platform", False, lambda run: run.environment.platform or numbers.MISSING),
)


def moment(text: str) -> str:
    """A time stamp for people; other text is returned as it is.

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
    """The rows of the identity table; the baseline's column is empty without its record."""
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
        differs = differs and not unknown
        main = differs or label not in _COMPARED | _FOLDED
        rows.append(IdentityRow(label, mine, theirs, is_code, differs, main))
    return tuple(rows)


def scoring_facts(record: RunRecord) -> tuple[Fact, ...]:
    """Where the scores came from."""
    scoring = record.scoring
    facts = [
        Fact("Texts needed", numbers.count(scoring.needed)),
        Fact("From the cache", numbers.count(scoring.cached)),
        Fact("Computed", numbers.count(scoring.computed)),
    ]
    if scoring.truncated:
        facts.append(Fact("Truncated to the length limit", numbers.count(scoring.truncated)))
    if scoring.requests.sent:
        facts.append(Fact("Asked of the server", str(scoring.requests)))
    return tuple(facts)
