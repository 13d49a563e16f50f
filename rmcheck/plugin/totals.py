"""What the checks of a session, in one process or several, add up to."""

from __future__ import annotations

from rmcheck.record.run import ScoringRecord, SourceRecord, SuiteRecord
from rmcheck.record.served import RequestsRecord
from rmcheck.record.table import ScoreTable
from rmcheck.spec import redacted


def sent_rows(lines: str) -> ScoreTable:
    """The rows that a worker sent."""
    found = ScoreTable.parsed(lines)
    if found is None:
        raise ValueError("a worker sent rows that cannot be read")
    return found


def source_of(suites: list[SuiteRecord], spec: str) -> SourceRecord:
    """The source of the run: the requested one if a suite used it."""
    used = [suite.source for suite in suites if suite.source is not None]
    for source in used:
        if source.spec == redacted(spec):
            return source
    return used[0] if used else SourceRecord(spec=spec)


def summed(counts: list[ScoringRecord]) -> ScoringRecord:
    """The counts of all workers together."""
    return ScoringRecord(
        needed=sum(count.needed for count in counts),
        cached=sum(count.cached for count in counts),
        computed=sum(count.computed for count in counts),
        truncated=sum(count.truncated for count in counts),
        requests=sum((count.requests for count in counts), RequestsRecord()),
        remarks=list(dict.fromkeys(remark for count in counts for remark in count.remarks)),
    )


def with_adjusted_p(suites: list[SuiteRecord]) -> list[SuiteRecord]:
    """Holm-adjusted p beside each required comparison, over those of this run."""
    compared = [
        check.p_value
        for suite in suites
        for check in suite.checks
        if check.state is not None and check.p_value is not None and check.gate == "required"
    ]
    if not compared:
        return suites
    from rmcheck.stats.multiplicity import holm

    adjusted = iter(holm(compared))
    result = []
    for suite in suites:
        checks = []
        for check in suite.checks:
            counts = check.state is not None and check.p_value is not None
            if counts and check.gate == "required":
                check = check.model_copy(update={"adjusted_p": next(adjusted)})
            checks.append(check)
        result.append(suite.model_copy(update={"checks": checks}))
    return result
