"""Verdicts that changed although nothing that they depend on did: it must not happen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rmcheck.record.history import HistoryCheck, HistoryRun

_DECIDED = ("pass", "fail")


@dataclass(frozen=True)
class Flake:
    """A check whose verdict is not the one that an earlier run had on the same inputs."""

    check: str
    earlier: HistoryRun
    before: str
    now: str


def flakes(runs: Sequence[HistoryRun]) -> tuple[Flake, ...]:
    """The checks of the last run whose verdict differs from that of an earlier run.

    Parameters
    ----------
    runs
        In the order of time. Only runs with the same inputs (`rmcheck.record.digest`) are
        compared, and of these the latest that decided differently is named. Errors and skipped
        checks have no verdict.
    """
    if not runs:
        return ()
    found = []
    for name, now in runs[-1].checks.items():
        if not now.inputs or now.outcome not in _DECIDED:
            continue
        for run in reversed(runs[:-1]):
            before = run.checks.get(name)
            if before is None or before.inputs != now.inputs or before.outcome not in _DECIDED:
                continue
            if verdict(before) != verdict(now):
                found.append(Flake(name, run, verdict(before), verdict(now)))
                break
    return tuple(found)


def verdict(check: HistoryCheck) -> str:
    """A verdict in words: outcome, state, and whether it was inconclusive.

    >>> verdict(HistoryCheck(outcome="pass", state="inconclusive", weak=True))
    'pass (inconclusive)'
    """
    state = check.state or ("inconclusive" if check.weak else "")
    return f"{check.outcome} ({state})" if state else check.outcome
