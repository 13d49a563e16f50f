"""The controller's side of a run: gathers what the items concluded, writes the record, reports."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from rmcheck import __version__
from rmcheck.engine.environment import commit
from rmcheck.engine.settings import DEFAULT_REPORT
from rmcheck.plugin import junit
from rmcheck.plugin.hooks import LISTENER, PAYLOAD, RUN_LOG, STARTED
from rmcheck.plugin.interrupt import deaf
from rmcheck.record import history as histories
from rmcheck.record import run as records
from rmcheck.record.run import (
    CheckRecord,
    EnvironmentRecord,
    PairScore,
    RunRecord,
    ScoringRecord,
    SourceRecord,
    SuiteRecord,
    TrainingRecord,
)
from rmcheck.report.publish import publish
from rmcheck.wording import listed


class RunReport:
    """Registered as a plugin of its own once a suite was collected."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._started = datetime.fromtimestamp(config.stash[STARTED], UTC)
        self._suites: dict[str, SuiteRecord] = {}
        self._checks: dict[str, dict[str, CheckRecord]] = {}
        self._rows: dict[str, list[PairScore]] = {}
        self._left_out: list[str] = []
        self._training: dict[str, TrainingRecord] = {}
        self._scoring: dict[str, ScoringRecord] = {}
        self._environment: EnvironmentRecord | None = None
        self._record: RunRecord | None = None
        self._problems: list[str] = []
        self._begun = self._written = False
        self._hear_again: Callable[[], object] | None = None
        self.folder = Path(config.rootpath) / (
            config.getoption("rm_report") or config.getini("rm_report") or DEFAULT_REPORT
        )

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Note that a check was begun: a run that is stopped from here on leaves a report."""
        self._begun = self._begun or nodeid.partition("::")[0].endswith((".yaml", ".yml"))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take in what a check concluded, here or on a worker."""
        payload: dict[str, Any] | None = getattr(report, PAYLOAD, None)
        if payload is None:
            return
        path = payload["path"]
        check = CheckRecord.model_validate(payload["check"])
        self._checks.setdefault(path, {})[check.id] = check
        if payload["suite"] is not None:
            found = SuiteRecord.model_validate(payload["suite"])
            if path not in self._suites or found.source is not None:
                self._suites[path] = found
        if payload["rows"]:
            self._rows[path] = [PairScore.model_validate(row) for row in payload["rows"]]
        for entry in payload["training"]:
            training = TrainingRecord.model_validate(entry)
            known = self._training.get(training.fingerprint)
            if known is None or known.reused:  # one worker trains, the others find its adapter
                self._training[training.fingerprint] = training
        self._left_out = payload["left_out"]  # each worker says the same
        worker = getattr(report, "worker_id", "")
        self._scoring[worker] = ScoringRecord.model_validate(payload["scoring"])
        environment = EnvironmentRecord.model_validate(payload["environment"])
        if self._environment is None or environment.torch is not None:
            self._environment = environment

    @pytest.hookimpl(tryfirst=True)
    def pytest_keyboard_interrupt(self) -> None:
        """From the first Ctrl-C on, a second one waits until the report is written."""
        self._hear_again = deaf()

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Write the record and the report of whatever was decided, also after Ctrl-C."""
        hear_again = self._hear_again or deaf()
        try:
            self._finish(session, exitstatus)
        finally:
            hear_again()

    def _finish(self, session: pytest.Session, exitstatus: int) -> None:
        interrupted = exitstatus == pytest.ExitCode.INTERRUPTED
        if not self._checks and not (self._begun and interrupted):
            return
        stopped = interrupted or bool(session.shouldstop) or bool(session.shouldfail)
        self._record = self._assemble(incomplete=stopped and not self._all_decided(session))
        self._write(self._record)

    def _write(self, record: RunRecord) -> None:
        """Write the record, a line of history, the reports; note what could not be written."""
        root = Path(self._config.rootpath)
        rows = [row for path in self._ordered() for row in self._rows.get(path, [])]
        history = histories.beside(self.folder, root)
        try:
            records.write(self.folder, record, rows)
            self._remember(history, record)
            kept = self._config.stash[RUN_LOG].settings.baselines
            published = publish(self.folder, root=root, kept=kept, history=history)
            self._problems += published.remarks
            self._written = True
        except OSError as error:
            self._problems.append(f"the report could not be written: {error}")
        junit_file = self._config.getoption("xmlpath", None)
        if junit_file:
            checks = [check for suite in record.suites for check in suite.checks]
            with suppress(OSError):  # pytest has said so
                junit.add_adjusted(Path(self._config.invocation_params.dir, junit_file), checks)

    def _remember(self, path: Path, record: RunRecord) -> None:
        try:
            broken = histories.read(path).broken
            histories.append(path, histories.line_of(record))
        except OSError as error:
            self._problems.append(f"the run could not be added to the history: {error}")
            return
        if broken:
            lines = listed([str(line) for line in broken])
            self._problems.append(f"{self._shown(path)}: no run on line {lines}; passed over")

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """The ten lines that say what the report's first screen says."""
        if self._record is None:
            return
        from rmcheck.report import annotations, terminal

        verbosity = int(self._config.getoption("verbose"))
        page = self.folder / "index.html"
        report = self._shown(page) if self._written else None
        if verbosity >= 0:
            terminalreporter.write_sep("=", terminal.title(self._record))
        for line in terminal.lines(self._record, verbosity=verbosity, report_path=report):
            terminalreporter.write_line(line)
        for remark in self._record.scoring.remarks if verbosity >= 0 else ():
            terminalreporter.write_line(f"note: {remark}")
        unused = self._unused_source()
        if unused:
            terminalreporter.write_line(unused, yellow=True)
        for problem in self._problems:
            terminalreporter.write_line(problem, red=True)
        if annotations.wanted():
            folder = annotations.folder_of(self._config.rootpath)
            for command in annotations.lines(self._record, folder=folder):
                terminalreporter.write_line(command)

    def _unused_source(self) -> str:
        """A line when `--rm` was given and no suite asked it: the user may think otherwise."""
        spec = self._config.getoption("rm_source")
        used = [suite.source.spec for suite in self._suites.values() if suite.source is not None]
        if not spec or not used or self._config.stash[RUN_LOG].engine.candidate().spec in used:
            return ""
        names = ", ".join(dict.fromkeys(used))
        return f"--rm {spec} was not asked: a conftest.py or the suites bring their own ({names})"

    def _all_decided(self, session: pytest.Session) -> bool:
        """Whether `-x` stopped at the last check; unknown, so False, where workers ran them."""
        from rmcheck.plugin.items import CheckItem

        kept = sum(isinstance(item, CheckItem) for item in session.items)
        return 0 < kept <= sum(len(checks) for checks in self._checks.values())

    def _unread(self) -> list[str]:
        """The suite files that hold mistakes; pytest goes on without them where it is told to."""
        return sorted(self._config.pluginmanager.getplugin(LISTENER).unread)

    def _ordered(self) -> list[str]:
        """Suites by path, which is how pytest collects them, whatever order workers answer in."""
        return sorted(self._checks)

    def _assemble(self, *, incomplete: bool) -> RunRecord:
        log = self._config.stash[RUN_LOG]
        suites = [self._suite(path) for path in self._ordered()]
        suites = _with_adjusted_p(suites)
        counts = list(self._scoring.values())
        return RunRecord(
            rmcheck=__version__,
            started=self._started.isoformat(timespec="seconds").replace("+00:00", "Z"),
            duration_s=round((datetime.now(UTC) - self._started).total_seconds(), 2),
            seed=log.settings.seed,
            command=self._command(),
            source=self._source(suites, log.settings.source),
            baseline=log.engine.baseline_record,
            environment=self._environment or EnvironmentRecord(python=""),
            outcome="error" if self._unread() else records.outcome(suites),
            incomplete=incomplete,
            unread=self._unread(),
            left_out=self._left_out,
            commit=commit(Path(self._config.rootpath)),
            suites=suites,
            training=list(self._training.values()),
            scoring=_summed(counts),
        )

    def _suite(self, path: str) -> SuiteRecord:
        checks = sorted(self._checks[path].values(), key=lambda check: check.line)
        return self._suites[path].model_copy(update={"checks": checks})

    def _source(self, suites: list[SuiteRecord], spec: str) -> SourceRecord:
        used = [suite.source for suite in suites if suite.source is not None]
        for source in used:
            if source.spec == spec:
                return source
        return used[0] if used else SourceRecord(spec=spec)

    def _command(self) -> str:
        """The command that reproduces the run, with paths below the root folder made relative."""
        root = str(self._config.rootpath)
        given = [str(argument) for argument in self._config.invocation_params.args]
        return shlex.join(["pytest", *(word.replace(f"{root}/", "") for word in given)])

    def _shown(self, path: Path) -> str:
        here = Path(self._config.invocation_params.dir)
        return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def _summed(counts: list[ScoringRecord]) -> ScoringRecord:
    """The counts of all workers together."""
    return ScoringRecord(
        needed=sum(count.needed for count in counts),
        cached=sum(count.cached for count in counts),
        computed=sum(count.computed for count in counts),
        truncated=sum(count.truncated for count in counts),
        remarks=list(dict.fromkeys(remark for count in counts for remark in count.remarks)),
    )


def _with_adjusted_p(suites: list[SuiteRecord]) -> list[SuiteRecord]:
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
