"""Verdicts as they are written into results.json."""

from __future__ import annotations

from dataclasses import asdict, replace

from rmcheck.record.run import CheckRecord
from rmcheck.suite import BoundCheck
from rmcheck.verdict import Verdict


def check_record(bound: BoundCheck, verdict: Verdict, seconds: float) -> CheckRecord:
    """A verdict as it is written into results.json."""
    return _record(
        bound,
        decision=verdict.decision,
        outcome=verdict.outcome,
        state=verdict.state,
        weak=verdict.weak,
        estimate=asdict(verdict.estimate) if verdict.estimate else None,
        criterion=dict(verdict.criterion),
        p_value=verdict.p_value,
        adjusted_p=verdict.adjusted_p,
        p_less=verdict.p_less,
        detectable=verdict.detectable,
        message=verdict.message,
        signature=verdict.signature,
        left_out=verdict.left_out,
        evidence={
            **asdict(replace(verdict.evidence, pictures=())),
            "pictures": [
                {"kind": each.kind, "title": each.title, "data": dict(each.data)}
                for each in verdict.evidence.pictures
            ],
        },
        looked=asdict(verdict.looked) if verdict.looked else None,
        duration_s=round(seconds, 4),
    )


def undecided_record(bound: BoundCheck, *, outcome: str, message: str) -> CheckRecord:
    """A check that was skipped, or ended in an error."""
    return _record(bound, outcome=outcome, message=message)


def _record(bound: BoundCheck, **values: object) -> CheckRecord:
    return CheckRecord.model_validate(
        {
            "id": bound.id,
            "kind": bound.check.kind,
            "gate": bound.gate,
            "compares": bound.check.compares,
            "line": bound.line,
            **_plain(values),
        }
    )


def _plain(value: object) -> dict[str, object]:
    """The one choke point where numpy scalars and tuples become plain JSON values."""
    plain = _plainly(value)
    if not isinstance(plain, dict):
        raise TypeError("a record is a mapping")
    return plain


def _plainly(value: object) -> object:
    if isinstance(value, dict):
        return {str(key): _plainly(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plainly(entry) for entry in value]
    if hasattr(value, "tolist"):
        return _plainly(value.tolist())
    return value
