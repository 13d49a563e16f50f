"""The pins of a verdict beside those of the baseline."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from rmcheck.engine.context import SuiteContext
from rmcheck.errors import RmcheckError
from rmcheck.record.baseline import Baseline
from rmcheck.record.pin_changes import changes, states, told
from rmcheck.verdict import PinResult, PinState, Verdict


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
    before = _states(baseline)
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


def beside_comparison(
    verdict: Verdict, context: SuiteContext, baseline: Baseline | None
) -> Verdict:
    """A comparison that says which pins of the same suite are new, fixed or back again.

    Pins decide nothing here: the check `adversary` that has them does. Those of an objective that
    the source does not have, and of a source that cannot score new text, are left out.
    """
    if baseline is None:
        return verdict
    found: list[PinResult] = []
    for check in context.siblings:
        with suppress(RmcheckError):
            found += check.pin_states(context.side(check.objective or ""))
    if not found:
        return verdict
    before = _states(baseline)
    ids = {pin.id for pin in found}
    known = {name: state for name, state in before.items() if name in ids}
    said = told(f"baseline {baseline.name}", changes(found, known))
    if not said:
        return verdict
    notes = (*verdict.evidence.notes, said)
    return replace(
        verdict,
        message=f"{verdict.message}; {said}",
        evidence=replace(verdict.evidence, notes=notes),
    )


def _states(baseline: Baseline) -> dict[str, PinState]:
    """The state of every pin in the baseline's run."""
    found: dict[str, PinState] = {}
    for suite in baseline.record.suites:
        for each in suite.checks:
            found |= states(each.evidence.pins)
    return found
