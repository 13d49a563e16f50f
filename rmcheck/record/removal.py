"""What only one of a baseline and a run has: suites and checks."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from rmcheck.record.run import RunRecord, SuiteRecord


def missing_from(
    suites: Iterable[SuiteRecord],
    baseline: RunRecord,
    root: Path,
    folders: Iterable[Path],
    *,
    present: Iterable[Path] = (),
    unselected: Iterable[str] = (),
) -> list[str]:
    """The suites of a baseline, and their required checks, that are gone from the run.

    Only ids count: a check that was made advisory is still there.

    Parameters
    ----------
    suites
        The suites of the run.
    root
        The project's root, from which the baseline's paths start.
    folders
        The folders that were asked for; a suite of another folder is not expected.
    present
        Files that the run left out; a suite in one of them is there.
    unselected
        The ids of checks that the run left out.
    """
    found = {suite.name: {check.id for check in suite.checks} for suite in suites}
    asked = [folder.resolve() for folder in folders]
    there = {path.resolve() for path in present}
    spared = set(unselected)
    for name in spared:
        found.setdefault(name.partition("::")[0], set())
    gone: list[str] = []
    for suite in baseline.suites:
        if suite.name in found:
            required = (check.id for check in suite.checks if check.gate == "required")
            gone += [name for name in required if name not in found[suite.name] | spared]
        elif (root / suite.path).resolve() in there:
            continue
        elif any((root / suite.path).resolve().is_relative_to(folder) for folder in asked):
            gone.append(suite.name)
    return gone


def newer_than(baseline: RunRecord, suites: Iterable[SuiteRecord]) -> list[str]:
    """The checks of a run that its baseline does not know, by id; a new suite by its name."""
    known = {suite.name: {check.id for check in suite.checks} for suite in baseline.suites}
    new: list[str] = []
    for suite in suites:
        if suite.name in known:
            new += [check.id for check in suite.checks if check.id not in known[suite.name]]
        else:
            new.append(suite.name)
    return new
