"""Suite files as pytest sees them: one collector per file, one item per check."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import astuple
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from rmcheck.checks import Check
from rmcheck.documents import located
from rmcheck.errors import Problem, ProblemsFound
from rmcheck.plugin.keys import MISTAKES, SUITES
from rmcheck.plugin.pytest_compat import fixtures_again
from rmcheck.suite import BoundCheck, Suite, load_suite
from rmcheck.wording import escaped


def _run_check(_rmcheck_judge: Callable[[], None]) -> None:
    """The function of every check's item; the fixture has done the set-up."""
    _rmcheck_judge()


class SuiteFile(pytest.Module):
    """A YAML file of checks. A Module, so that module-scoped fixtures work; nothing is imported."""

    suite: Suite
    misnamed = False

    @classmethod
    def of(cls, parent: pytest.Collector, path: Path) -> SuiteFile:
        """The collector of a file; pytest prints its name, so control characters are escaped."""
        shown = Path(escaped(str(path)))
        found: SuiteFile = cls.from_parent(parent, path=shown)
        found.misnamed = shown != path
        return found

    def _getobj(self) -> Any:
        # Not None: pytest would ask again and again, and plugins read a module's name.
        return ModuleType(self.nodeid)

    def collect(self) -> Iterable[CheckItem]:
        """Load the suite and yield an item for each check.

        Raises
        ------
        pytest.Collector.CollectError
            With every mistake of the file, one line each.
        """
        try:
            if self.misnamed:
                said = "the name has control characters; rename the file"
                raise ProblemsFound([Problem(self.nodeid, 0, 0, said)])
            self.suite = load_suite(Path(self.path), Path(self.config.rootpath))
            _add(self.suite, self.config)
        except ProblemsFound as found:
            setattr(self, MISTAKES, [list(astuple(problem)) for problem in found.problems])
            raise self.CollectError(str(found)) from None
        for tag in self.suite.tags:
            self.config.addinivalue_line("markers", f"{tag}: tag of rmcheck suites")
        first: CheckItem | None = None
        for bound in self.suite.bound:
            item = CheckItem.from_parent(
                self,
                name=bound.check.label,
                callobj=_run_check,
                fixtureinfo=first and fixtures_again(first),
                bound=bound,
            )
            first = first or item  # fixtures are looked up once a file
            for tag in self.suite.tags:
                item.add_marker(tag)
            yield item


class CheckItem(pytest.Function):
    """One check of a suite."""

    def __init__(self, *, bound: BoundCheck, **options: Any) -> None:
        super().__init__(**options)
        self.bound = bound
        self.add_marker(pytest.mark.rmcheck)

    @property
    def suite(self) -> Suite:
        """The suite of the check."""
        return self.bound.suite

    @property
    def check(self) -> Check:
        """The check itself."""
        return self.bound.check

    def reportinfo(self) -> tuple[Path, int, str]:
        """The line of the YAML file, from 0, so that annotations point at it."""
        return Path(self.path), self.bound.line - 1, self.bound.id


def _add(suite: Suite, config: pytest.Config) -> None:
    """Put a suite into the session's stash.

    Raises
    ------
    ProblemsFound
        When another file has a suite of the same name.
    """
    if SUITES not in config.stash:
        config.stash[SUITES] = {}
        config.addinivalue_line("markers", "rmcheck: a check of an rmcheck suite")
    suites = config.stash[SUITES]
    for other in suites.values():
        if other.name == suite.name and other.path != suite.path:
            document = located.read(suite.path, suite.shown)
            said = f"name '{suite.name}' is already used by {other.shown}; rename this suite"
            raise ProblemsFound([document.problem(("name",), said)])
    suites[suite.shown] = suite
