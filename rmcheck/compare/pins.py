"""Pins of two runs side by side, for `rmcheck compare`."""

from __future__ import annotations

from rmcheck.compare.comparison import Side
from rmcheck.record.pin_changes import changes, states, told
from rmcheck.record.run import PinRecord
from rmcheck.spec import redacted


def lines(candidate: Side, baseline: Side) -> list[str]:
    """One line on the pins that are new, fixed or back again; none unless both are runs."""
    if not candidate.checks or not baseline.checks:
        return []
    now, before = _pins(candidate), _pins(baseline)
    said = told(redacted(baseline.name), changes(now, states(before)))
    return [said] if said else []


def _pins(side: Side) -> list[PinRecord]:
    """The pins of all checks, each once."""
    found: dict[str, PinRecord] = {}
    for check in side.checks:
        found.update((pin.id, pin) for pin in check.evidence.pins)
    return list(found.values())
