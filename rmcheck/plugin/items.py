"""Suite files as pytest sees them: one collector a file, one item a check."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import astuple, replace
from pathlib import Path
from typing import Any

import pytest

from rmcheck.checks import Check
from rmcheck.errors import ProblemsFound
from rmcheck.plugin.hooks import MISTAKES
from rmcheck.plugin.session import open_run_log
from rmcheck.suite import Suite, load_suite


def _run_check(_rmcheck_judge: Callable[[], None]) -> None:
    """What every check's item calls; the fixture has done its set-up."""
    _rmcheck_judge()


class SuiteFile(pytest.Module):
    """A YAML file of checks. A Module, so that module-scoped fixtures work; nothing is imported."""

    suite: Suite

    def _getobj(self) -> Any:
        return None

    def collect(self) -> Iterable[CheckItem]:
        """Load the suite and yield an item a check.

        Raises
        ------
        pytest.Collector.CollectError
            With every mistake of the file, one line each.
        """
        try:
            self.suite = load_suite(Path(self.path), Path(self.config.rootpath))
            open_run_log(self.config).add(self.suite)
        except ProblemsFound as found:
            setattr(self, MISTAKES, [list(astuple(problem)) for problem in found.problems])
            raise self.CollectError(str(found)) from None
        for tag in self.suite.tags:
            self.config.addinivalue_line("markers", f"{tag}: tag of rmcheck suites")
        fixtures = None
        for check, line in zip(self.suite.checks, self.suite.lines, strict=True):
            item = CheckItem.from_parent(
                self,
                name=check.label,
                callobj=_run_check,
                fixtureinfo=fixtures and replace(fixtures, names_closure=[*fixtures.names_closure]),
                check=check,
                line=line,
            )
            fixtures = item._fixtureinfo  # looked up once a file, as for parametrised tests
            for tag in self.suite.tags:
                item.add_marker(tag)
            yield item


class CheckItem(pytest.Function):
    """One check of a suite."""

    def __init__(self, *, check: Check, line: int, **options: Any) -> None:
        super().__init__(**options)
        self.check = check
        self.line = line
        self.add_marker(pytest.mark.rmcheck)

    @property
    def suite(self) -> Suite:
        """The suite that the check stands in."""
        parent = self.getparent(SuiteFile)
        assert parent is not None  # made by SuiteFile.collect alone
        return parent.suite

    def reportinfo(self) -> tuple[Path, int, str]:
        """The line of the YAML file, from 0, so that annotations point at it."""
        return Path(self.path), self.line - 1, f"{self.suite.name}::{self.check.label}"
