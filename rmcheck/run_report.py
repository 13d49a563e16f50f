"""The controller's side of a run: gathers what the items concluded, writes the record, reports."""

from __future__ import annotations

import shlex
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from rmcheck import __version__
from rmcheck import record as records
from rmcheck.engine.settings import DEFAULT_REPORT
from rmcheck.plugin import PAYLOAD, RUN_LOG
from rmcheck.publish import publish
from rmcheck.record import (
    CheckRecord,
    EnvironmentRecord,
    PairScore,
    RunRecord,
    ScoringRecord,
    SourceRecord,
    SuiteRecord,
    TrainingRecord,
)


class RunReport:
    """Registered as a plugin of its own once a suite was collected."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._started = datetime.now(UTC)
        self._suites: dict[str, SuiteRecord] = {}
        self._checks: dict[str, dict[str, CheckRecord]] = {}
        self._rows: dict[str, list[PairScore]] = {}
        self._training: dict[str, TrainingRecord] = {}
        self._scoring: dict[str, ScoringRecord] = {}
        self._environment: EnvironmentRecord | None = None
        self._record: RunRecord | None = None
        self._problem = ""
        self.folder = Path(config.rootpath) / (
            config.getoption("rm_report") or config.getini("rm_report") or DEFAULT_REPORT
        )

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
            self._training[training.fingerprint] = training
        worker = getattr(report, "worker_id", "")
        self._scoring[worker] = ScoringRecord.model_validate(payload["scoring"])
        environment = EnvironmentRecord.model_validate(payload["environment"])
        if self._environment is None or environment.torch is not None:
            self._environment = environment

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Write the record and the report of whatever was decided, also after Ctrl-C."""
        if not self._checks:
            return
        incomplete = exitstatus == pytest.ExitCode.INTERRUPTED or bool(session.shouldstop)
        self._record = self._assemble(incomplete=incomplete or bool(session.shouldfail))
        rows = [row for path in self._ordered() for row in self._rows.get(path, [])]
        try:
            records.write(self.folder, self._record, rows)
            publish(self.folder, root=Path(self._config.rootpath))
        except OSError as error:
            self._problem = f"the report could not be written: {error}"

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """The ten lines that say what the report's first screen says."""
        if self._record is None:
            return
        from rmcheck.report import terminal

        verbosity = int(self._config.getoption("verbose"))
        report = None if self._problem else self._shown(self.folder / "index.html")
        if verbosity >= 0:
            terminalreporter.write_sep("=", "reward model")
        for line in terminal.lines(self._record, verbosity=verbosity, report_path=report):
            terminalreporter.write_line(line)
        if self._problem:
            terminalreporter.write_line(self._problem, red=True)

    def _ordered(self) -> list[str]:
        """Suites by path, which is how pytest collects them, whatever order workers answer in."""
        return sorted(self._checks)

    def _assemble(self, *, incomplete: bool) -> RunRecord:
        log = self._config.stash[RUN_LOG]
        suites = [self._suite(path) for path in self._ordered()]
        suites = _with_adjusted_p(suites)
        checks = [check for suite in suites for check in suite.checks]
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
            outcome=_outcome(checks),
            incomplete=incomplete,
            suites=suites,
            training=list(self._training.values()),
            scoring=ScoringRecord(
                **{
                    name: sum(getattr(count, name) for count in counts)
                    for name in ScoringRecord.model_fields
                }
            ),
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


def _outcome(checks: list[CheckRecord]) -> str:
    required = [check for check in checks if check.gate == "required"]
    if any(check.outcome == "error" for check in checks):
        return "error"
    return "fail" if any(check.outcome == "fail" for check in required) else "pass"


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
