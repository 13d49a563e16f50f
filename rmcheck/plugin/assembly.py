"""From the payloads of a session to its record, its reports, its summary."""

from __future__ import annotations

import os
import shlex
import uuid
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from rmcheck import __version__
from rmcheck.data.rows import shown_path
from rmcheck.documents.recognise import looks_like_suite
from rmcheck.engine.environment import commit
from rmcheck.engine.settings import DEFAULT_BASELINE, NO_BASELINE
from rmcheck.errors import os_message
from rmcheck.plugin import junit, scope, silence
from rmcheck.plugin.asked import suite_files
from rmcheck.plugin.keys import ROWS, STARTED, SUITES
from rmcheck.plugin.settings import settings_of
from rmcheck.plugin.totals import sent_rows, source_of, summed, with_adjusted_p
from rmcheck.record import baseline as baselines
from rmcheck.record import folder as folders
from rmcheck.record import history as histories
from rmcheck.record import run as records
from rmcheck.record.inputs import InputsRecord
from rmcheck.record.removal import missing_from, newer_than
from rmcheck.record.run import (
    BaselineRecord,
    CheckRecord,
    EnvironmentRecord,
    RunRecord,
    ScoringRecord,
    SuiteRecord,
    TrainingRecord,
)
from rmcheck.record.table import ScoreTable
from rmcheck.report.publish import render, write
from rmcheck.spec import redacted
from rmcheck.wording import counted, escaped, listed


class Assembly:
    """What the checks of a session concluded, put together in the order of their files.

    Parameters
    ----------
    payloads
        What `RunLog` attached to the reports, in order of arrival; for a check that was run again,
        the last one counts.
    unread
        The suite files with mistakes; pytest can be told to continue without them.
    finished
        Whether the run came to its end, so that suites which it did not find are missing.
    undecided
        Whether none of the required checks could be decided.
    unselected
        The ids of the required checks, where none of them was run.
    uncollected
        The suite files that were asked for, where none was collected.
    """

    def __init__(
        self,
        config: pytest.Config,
        payloads: Sequence[dict[str, Any]],
        *,
        unread: Sequence[str] = (),
        finished: bool = False,
        undecided: bool = False,
        unselected: Sequence[str] = (),
        uncollected: Sequence[Path] = (),
    ) -> None:
        self._config = config
        self._root = Path(config.rootpath)
        self._settings = settings_of(config)
        self._unread = sorted(unread)
        self._finished = finished
        self._undecided = undecided
        self._uncollected = uncollected
        self._suites: dict[str, SuiteRecord] = {}
        self._checks: dict[str, dict[str, CheckRecord]] = {}
        self._kept: dict[tuple[str, str], bool] = {}
        own: dict[str, ScoreTable] = config.stash.get(ROWS, {})
        self._rows = dict(own)
        self._training: dict[str, TrainingRecord] = {}
        self._scoring: dict[str, dict[str, Any]] = {}
        self._taken: list[dict[str, Any]] = []
        self._environment: EnvironmentRecord | None = None
        asked = {"asked": "", "baseline": None, "inputs": None}
        self._last: dict[str, Any] = {"left_out": [*unselected], "run": asked}
        self._record: RunRecord | None = None
        self._problems: list[str] = []
        self._over_time: Sequence[str] = ()
        self._written = False
        self._where = ""
        self._folder = self._settings.report
        for payload in payloads:
            self._take(payload)

    def _take(self, payload: dict[str, Any]) -> None:
        path = payload["path"]
        check = CheckRecord.model_validate(payload["check"])
        self._checks.setdefault(path, {})[check.id] = check
        self._kept[path, check.id] = payload["kept"]
        if payload["suite"] is not None:
            found = SuiteRecord.model_validate(payload["suite"])
            if path not in self._suites or found.source is not None:
                self._suites[path] = found
        if payload["rows"]:
            self._rows[path] = sent_rows(payload["rows"])
        for entry in payload["training"]:
            if entry in self._taken:  # each check of a process brings the same
                continue
            self._taken.append(entry)
            training = TrainingRecord.model_validate(entry)
            known = self._training.get(training.fingerprint)
            if known is None or known.reused:  # one worker trains, the others find its adapter
                self._training[training.fingerprint] = training
        self._scoring[payload["worker"]] = payload["scoring"]
        environment = EnvironmentRecord.model_validate(payload["environment"])
        if self._environment is None or environment.torch is not None:
            self._environment = environment
        self._last = payload  # the same for each check and each worker

    def write(self, *, incomplete: bool) -> None:
        """Write the record, a line of history, the reports; note what could not be written."""
        record = self._record = self._assembled(incomplete=incomplete)
        rows = ScoreTable.joined(self._rows[path] for path in self._ordered() if path in self._rows)
        history = histories.beside(self._folder, self._root)
        try:
            folders.write(self._folder, record, rows, partial(self._report, history, rows))
            self._written = True
        except OSError as error:
            self._problems.append(f"the report could not be written: {os_message(error)}")
        else:
            self._remember(history, record)
        junit_file = self._config.getoption("xmlpath", None)
        if junit_file:
            checks = [check for suite in record.suites for check in suite.checks]
            with suppress(OSError):  # pytest reports it
                path = Path(self._config.invocation_params.dir, junit_file)
                junit.add_adjusted(path, checks)
                junit.add_missing(path, record.missing)

    def _report(self, history: Path, rows: ScoreTable, folder: Path) -> None:
        published = render(
            folder,
            root=self._root,
            kept=self._settings.baselines,
            history=history,
            rows=rows,
            suites=self._config.stash.get(SUITES, {}).values(),
        )
        write(published.texts, folder)
        for name in published.stale:
            (self._folder / name).unlink(missing_ok=True)
        self._problems += published.remarks
        self._where, self._over_time = published.where, published.over_time

    def _remember(self, path: Path, record: RunRecord) -> None:
        try:
            found = histories.read(path)
            histories.append(path, histories.line_of(record))
        except OSError as error:
            self._problems.append(f"the run could not be added to the history: {os_message(error)}")
            return
        if found.broken:
            lines = listed([str(line) for line in found.broken])
            said = f"line {lines}: not a valid run record"
            if len(found.broken) > 1:
                said = f"lines {lines}: not valid run records"
            self._problems.append(f"{self._shown(path)}: skipped {said}")

    def summarise(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the ten lines of the report's first screen."""
        if self._record is None:
            return
        from rmcheck.report import annotations, terminal

        verbosity = int(self._config.getoption("verbose"))
        report = self._shown(self._folder / "index.html") if self._written else None
        if verbosity >= 0:
            terminalreporter.write_sep("=", terminal.title(self._record))
        told = terminal.lines(
            self._record, verbosity=verbosity, report_path=report, worse=self._where
        )
        for line in told:
            terminalreporter.write_line(line)
        for remark in self._record.scoring.remarks if verbosity >= 0 else ():
            terminalreporter.write_line(f"note: {escaped(remark)}")
        kept = sum(self._kept.values())
        if kept and verbosity >= 0:
            terminalreporter.write_line(
                f"note: {kept} of {counted(len(self._kept), 'check')} as in an earlier run, "
                "because nothing that they depend on changed; --rm-kept off judges them again"
            )
        newer = self._newer(self._record) if verbosity >= 0 else []
        if newer and self._record.baseline:
            name = self._record.baseline.name
            terminalreporter.write_line(
                f"note: newer than {escaped(name)}: {escaped(listed(newer))}; add to it: "
                f"rmcheck bless{'' if name == DEFAULT_BASELINE else f' {escaped(name)}'}"
            )
        for line in self._over_time if verbosity >= 0 else ():
            terminalreporter.write_line(escaped(line), yellow=True)
        unused = self._unused_source()
        if unused:
            terminalreporter.write_line(unused, yellow=True)
        if self._undecided:
            said = "no required check was decided, so the run fails; see the skip reasons"
            terminalreporter.write_line(said, red=True)
        if self._finished and self.silenced:
            terminalreporter.write_line(self.silenced, red=True)
        for problem in self._problems:
            terminalreporter.write_line(problem, red=True)
        if annotations.wanted():
            folder = annotations.folder_of(self._root)
            for command in annotations.lines(self._record, folder=folder):
                terminalreporter.write_line(command)

    def _newer(self, record: RunRecord) -> list[str]:
        """The suites and checks that the baseline does not know."""
        name = record.baseline.name if record.baseline else ""
        if not name or not baselines.known(name, self._settings.baselines):
            return []
        kept = baselines.find(name, self._settings.baselines).record
        return newer_than(kept, record.suites)

    def _unused_source(self) -> str:
        """A line for a `--rm` that no suite used."""
        spec = self._config.getoption("rm_source")
        used = [suite.source.spec for suite in self._suites.values() if suite.source is not None]
        if not spec or not used or redacted(self._last["run"]["asked"]) in used:
            return ""
        shown = escaped(redacted(spec))
        names = escaped(", ".join(dict.fromkeys(used)))
        return f"--rm {shown} was not used: a conftest.py or the suites set their own ({names})"

    def _ordered(self) -> list[str]:
        """Suites in the order of their paths, as pytest collects them."""
        return sorted(self._checks)

    def _assembled(self, *, incomplete: bool) -> RunRecord:
        suites = with_adjusted_p([self._suite(path) for path in self._ordered()])
        started = datetime.fromtimestamp(self._config.stash[STARTED], UTC)
        baseline, inputs = self._last["run"]["baseline"], self._last["run"]["inputs"]
        unasked = self._unasked(suites)
        whole, missing = self._asked(suites, baseline and baseline["name"], incomplete, unasked)
        return RunRecord(
            rmcheck=__version__,
            started=started.isoformat(timespec="seconds").replace("+00:00", "Z"),
            duration_s=round((datetime.now(UTC) - started).total_seconds(), 2),
            seed=self._settings.seed,
            inputs=inputs and InputsRecord.model_validate(inputs),
            command=self._command(),
            source=source_of(suites, self._settings.source),
            baseline=baseline and BaselineRecord.model_validate(baseline),
            environment=self._environment or EnvironmentRecord(python=""),
            outcome="error"
            if self._unread or self._undecided or missing
            else records.outcome(suites),
            incomplete=incomplete,
            unread=self._unread,
            left_out=self._last["left_out"],
            unasked=unasked,
            whole=whole,
            missing=missing,
            uncompared=self._settings.baseline == NO_BASELINE,
            commit=commit(self._root),
            run_id=uuid.uuid4().hex,
            suites=suites,
            training=list(self._training.values()),
            scoring=summed([ScoringRecord.model_validate(each) for each in self._scoring.values()]),
        )

    @property
    def red(self) -> bool:
        """Whether a required check failed or could not be decided, whatever pytest made of it."""
        return self._record is not None and self._record.outcome != "pass"

    @property
    def missing(self) -> Sequence[str]:
        """Suites and required checks of the baseline that the run did not find."""
        return self._record.missing if self._record else ()

    @property
    def silenced(self) -> str:
        """What was left out of what the command line asks for, and by what; "" for nothing."""
        record = self._record
        return silence.partial(record.left_out, record.unasked, self._config) if record else ""

    def vanished(self) -> bool:
        """Whether a run without any check asked for suites of the baseline."""
        return bool(self._asked([], None, incomplete=False, unasked=[])[1])

    def _unasked(self, suites: list[SuiteRecord]) -> list[str]:
        """The suite files beside those of the run that it was not asked to run."""
        asked = [*(suite.path for suite in suites), *self._unread]
        # `Path.resolve` fails for links in a loop, which are a file that could not be read.
        found = {Path(os.path.realpath(self._root / path)) for path in asked}
        beside = suite_files(found, self._config) - found if found else set(self._uncollected)
        return sorted(
            shown_path(path, self._root)
            for path in beside
            if path.is_file() and looks_like_suite(path)
        )

    def _asked(
        self,
        suites: list[SuiteRecord],
        baseline: str | None,
        incomplete: bool,
        unasked: Sequence[str],
    ) -> tuple[bool, list[str]]:
        """Whether the run asked for every suite of the project, and what it did not find.

        What is there and was left out is not missing.
        """
        folders = scope.folders(self._config)
        if folders is None or incomplete or self._unread or not self._finished:
            return False, []
        found = {(self._root / suite.path).resolve() for suite in suites}
        left_out = self._last["left_out"]
        whole = not left_out and suite_files(found, self._config) <= found
        name = self._settings.baseline or DEFAULT_BASELINE if not suites else baseline
        if not name or not baselines.known(name, self._settings.baselines):
            return whole, []
        kept = baselines.find(name, self._settings.baselines).record
        covered = all(
            any((self._root / each.path).resolve().is_relative_to(folder) for folder in folders)
            for each in kept.suites
        )
        paths = [self._root / each.path for each in kept.suites]
        ignored = scope.ignored(paths, self._config)
        missing = missing_from(
            suites,
            kept,
            self._root,
            folders,
            present=[*ignored, *(self._root / each for each in unasked)],
            unselected=left_out,
        )
        return whole and covered and not ignored, missing

    def _suite(self, path: str) -> SuiteRecord:
        checks = sorted(self._checks[path].values(), key=lambda check: check.line)
        return self._suites[path].model_copy(update={"checks": checks})

    def _command(self) -> str:
        """The command that reproduces the run, with paths below the root folder made relative."""
        given = [str(argument) for argument in self._config.invocation_params.args]
        words = (redacted(word.replace(f"{self._root}/", "")) for word in given)
        return shlex.join(["pytest", *words])

    def _shown(self, path: Path) -> str:
        here = Path(self._config.invocation_params.dir)
        return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
