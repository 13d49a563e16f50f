"""The pins of a verdict beside those of the baseline."""

from __future__ import annotations

from dataclasses import replace

from rmcheck.record.baseline import Baseline
from rmcheck.record.pin_changes import changes, states, told
from rmcheck.verdict import PinState, Verdict


def with_baseline(verdict: Verdict, check: str, baseline: Baseline | None) -> Verdict:
    """The verdict with each pin's state in the baseline; its message says what has changed.

    Parameters
    ----------
    check
        The id of the check (`suite::name`); pins of another one of the baseline do not count as
        removed.
    """
    if baseline is None:
        return verdict
    before: dict[str, PinState] = {}
    for suite in baseline.record.suites:
        for each in suite.checks:
            before |= states(each.evidence.pins)
    pins = verdict.evidence.pins
    now = {pin.id for pin in pins}
    own = next(
        (
            states(each.evidence.pins)
            for suite in baseline.record.suites
            for each in suite.checks
            if each.id == check
        ),
        {},
    )
    known = own | {name: state for name, state in before.items() if name in now}
    if not pins and not known:
        return verdict
    said = told(f"baseline {baseline.name}", changes(pins, known))
    beside = tuple(replace(pin, before=before.get(pin.id)) for pin in pins)
    return replace(
        verdict,
        message=f"{verdict.message}; {said}" if said else verdict.message,
        evidence=replace(verdict.evidence, pins=beside),
    )
