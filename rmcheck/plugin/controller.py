"""The controller's side of a run: keeps what the items concluded until the record is made of it.

Registered in every run and idle where no suite is collected, so nothing heavy is imported here.
The payloads of workers and of this process are the same plain JSON; `rmcheck.plugin.assembly`
makes the record, the reports and the summary of them when the session ends.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from rmcheck.plugin import heap, scope, silence
from rmcheck.plugin.asked import is_suite
from rmcheck.plugin.interrupt import ignore_sigint
from rmcheck.plugin.keys import MISTAKEN, MISTAKES, PAYLOAD, SUITES

if TYPE_CHECKING:
    from rmcheck.errors import Problem
    from rmcheck.plugin.assembly import Assembly


_ENDED = (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.NO_TESTS_COLLECTED)


class Controller:
    """Receives every check's report, from this process or from a worker of pytest-xdist."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._begun = ""
        self._payloads: list[dict[str, Any]] = []
        self._mistakes: list[Problem] = []
        self._unread: list[str] = []
        self._assembly: Assembly | None = None
        self._restore_sigint: Callable[[], object] | None = None
        self._checks_only = False

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Keep the mistakes of a suite file, found here or on a worker."""
        carried: list[list[Any]] = getattr(report, MISTAKES, [])
        if carried:
            if report.nodeid not in self._unread:
                self._unread.append(report.nodeid)
            from rmcheck.errors import Problem

            self._note(Problem(*each) for each in carried)

    def _note(self, problems: Iterable[Problem]) -> None:
        """Keep mistakes, each once: every worker collects every file."""
        self._mistakes += [each for each in problems if each not in self._mistakes]

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: Iterable[str]) -> None:
        """A worker starts as soon as it has collected; its first report may come after Ctrl-C."""
        for nodeid in ids:
            self.pytest_runtest_logstart(nodeid)
            if self._begun:
                break

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Note the first check that starts: a run that is stopped after it leaves a report."""
        if not self._begun:
            path = Path(self._config.rootpath, nodeid.partition("::")[0])
            self._begun = nodeid  # Ctrl-C may come while it is looked at
            self._begun = nodeid if is_suite(path, self._config) else ""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep what a check concluded."""
        payload: dict[str, Any] | None = getattr(report, PAYLOAD, None)
        if payload is not None:
            self._payloads.append({**payload, "worker": getattr(report, "worker_id", "")})

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtestloop(self) -> Generator[None, object, object]:
        """After the first Ctrl-C, ignore a second one until the report is written."""
        try:
            return (yield)
        except KeyboardInterrupt:
            if self._begun or self._payloads:
                self._restore_sigint = ignore_sigint()
            raise

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Write the record and the report of whatever was decided, also after Ctrl-C."""
        restore = self._restore_sigint
        try:
            interrupted = exitstatus == pytest.ExitCode.INTERRUPTED
            if self._leaves_a_record(exitstatus, session):
                restore = restore or ignore_sigint()
                stopped = interrupted or bool(session.shouldstop) or bool(session.shouldfail)
                finished = exitstatus in _ENDED and not stopped
                heap.seldom()
                from rmcheck.plugin.assembly import Assembly

                undecided = self._undecided()
                if undecided and session.exitstatus == pytest.ExitCode.OK:
                    session.exitstatus = pytest.ExitCode.TESTS_FAILED
                self._assembly = Assembly(
                    self._config,
                    self._payloads,
                    unread=self._unread,
                    finished=finished,
                    undecided=undecided,
                    unselected=() if self._payloads else self._unselected(),
                    uncollected=() if self._payloads else self._uncollected(),
                )
                self._assembly.write(incomplete=stopped and not self._all_decided(session))
                if self._assembly.missing and exitstatus in _ENDED:
                    session.exitstatus = pytest.ExitCode.TESTS_FAILED
                red = self._assembly.red or (finished and self._assembly.silenced)
                if red and session.exitstatus == pytest.ExitCode.OK:
                    # Another plugin or a mark (`xfail`) made a failed check green, or a setting
                    # left a part of the run out.
                    session.exitstatus = pytest.ExitCode.TESTS_FAILED
            self._checks_only = self._has_only_checks(session)
        finally:
            if restore is not None:
                restore()

    def pytest_unconfigure(self) -> None:
        """Spare what only checks left the last garbage collections; of tests they find errors.

        pytest's own hook of this name, which comes after those of later plugins, makes one.
        """
        heap.usual()
        if self._checks_only:
            heap.settle()

    def _has_only_checks(self, session: pytest.Session) -> bool:
        """Whether the session has checks of suites and no other tests."""
        if SUITES not in self._config.stash:
            return False
        from rmcheck.plugin.items import CheckItem

        return all(isinstance(item, CheckItem) for item in session.items)

    def _undecided(self) -> bool:
        """Whether required checks were run and none of them could be decided.

        A green run would then say nothing about the model. Not where they only wait for the first
        baseline, or where the user skips them.
        """
        last = {(each["path"], each["check"]["id"]): each for each in self._payloads}
        required = [each for each in last.values() if each["check"]["gate"] == "required"]
        return any(each["undecided"] for each in required) and all(
            each["check"]["outcome"] == "skipped" for each in required
        )

    def _leaves_a_record(self, exitstatus: int, session: pytest.Session) -> bool:
        """Whether the run replaces the previous one: an error must not leave a passed report."""
        if scope.lists_only(session.config):
            return False
        if self._payloads or self._unread:
            return True
        if exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
            return bool(self._unselected() or self._uncollected()) or self._vanished()
        if exitstatus == pytest.ExitCode.USAGE_ERROR:
            return SUITES in session.config.stash
        return bool(self._begun) and exitstatus == pytest.ExitCode.INTERRUPTED

    def _unselected(self) -> list[str]:
        """The required checks of the collected suites, where the command line asked for them."""
        suites = self._config.stash.get(SUITES, {})
        if scope.folders(self._config) is None:
            return []
        return [each.id for suite in suites.values() for each in suite.bound if each.required]

    def _uncollected(self) -> list[Path]:
        """The suite files that were asked for, where this process collected none of them."""
        if SUITES in self._config.stash or scope.folders(self._config) is None:
            return []
        return silence.suites_asked(self._config)

    def _vanished(self) -> bool:
        """Whether no check was found where the baseline has some."""
        if scope.folders(self._config) is None or not scope.has_baseline(self._config):
            return False
        from rmcheck.plugin.assembly import Assembly

        return Assembly(self._config, (), finished=True).vanished()

    def _all_decided(self, session: pytest.Session) -> bool:
        """Whether `-x` stopped at the last check; unknown, so False, where workers ran them."""
        if not self._payloads:
            return False
        from rmcheck.plugin.items import CheckItem

        kept = sum(isinstance(item, CheckItem) for item in session.items)
        decided = {(each["path"], each["check"]["id"]) for each in self._payloads}
        return 0 < kept <= len(decided)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the lines of the report's first screen; annotate mistakes on GitHub."""
        if self._assembly is not None:
            self._assembly.summarise(terminalreporter)
        read_later: list[Problem] = self._config.stash.get(MISTAKEN, [])
        self._note(read_later)
        if not self._mistakes:
            return
        from rmcheck.report import annotations

        if annotations.wanted():
            folder = annotations.folder_of(self._config.rootpath)
            for command in annotations.of_mistakes(self._mistakes, folder=folder):
                terminalreporter.write_line(command)
