"""The state of a pytest session: its suites, the engine, the verdicts, and how they are sent.

A worker of pytest-xdist has a log of its own; what it concludes goes to the controller on the
report objects, as plain JSON, where `rmcheck.plugin.assembly` makes the record of it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Literal, NoReturn

import pytest

from rmcheck.checks import CannotDecide
from rmcheck.documents.recognise import looks_like_suite
from rmcheck.engine import Engine, Settings
from rmcheck.engine.binding import Binding
from rmcheck.engine.environment import environment, inputs
from rmcheck.engine.facts import pair_scores, suite_record
from rmcheck.engine.judged import undecided_record
from rmcheck.errors import (
    BaselineMissing,
    ProblemsFound,
    RmcheckError,
    Unscorable,
)
from rmcheck.plugin import junit
from rmcheck.plugin.asked import suite_files
from rmcheck.plugin.items import CheckItem
from rmcheck.plugin.keys import LOG, MISTAKEN, PAYLOAD, ROWS, SUITES
from rmcheck.plugin.pytest_compat import fixture_of
from rmcheck.plugin.settings import refuse_missing_baselines, settings_of
from rmcheck.record.run import CheckRecord
from rmcheck.spec import redacted
from rmcheck.suite import Suite, count_comparisons
from rmcheck.wording import escaped

_SKIPS = (CannotDecide, BaselineMissing, Unscorable)


def open_log(config: pytest.Config) -> RunLog:
    """The session's log, made when it is first asked for."""
    log = config.stash.get(LOG, None)
    if not isinstance(log, RunLog):
        log = config.stash[LOG] = RunLog(config)
    return log


class RunLog:
    """The suites of a session, their engine, and what was concluded of each item."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.suites: dict[str, Suite] = config.stash.get(SUITES, {})
        self.refused = ""
        self._items: list[CheckItem] = []
        self._unselected: list[str] | None = None
        self._engine: Engine | None = None
        self._ready: set[tuple[str, int]] = set()
        self._told: dict[str, str] = {}
        self._concluded: dict[str, dict[str, Any]] = {}
        self._state: tuple[int, ...] = ()
        self._so_far: dict[str, Any] = {}

    @cached_property
    def settings(self) -> Settings:
        """What the options say; read after collection, where a bad one can end the run."""
        return settings_of(self.config)

    @property
    def engine(self) -> Engine:
        """Made when the first source is needed, so that m counts every suite there is."""
        if self._engine is None:
            comparisons = sum(suite.comparisons for suite in self.suites.values())
            beside = sum(count_comparisons(path) for path in self._beside())
            self._engine = Engine(self.settings, comparisons + beside, keeps=True)
        return self._engine

    def _beside(self) -> list[Path]:
        """Suite files in the same folders as the collected ones that this run was not asked to run.

        They count for m, so that a verdict is the same for one file, one node id or the folder.
        """
        collected = {Path(os.path.realpath(suite.path)) for suite in self.suites.values()}
        found = suite_files(collected, self.config)
        return sorted(path for path in found - collected if looks_like_suite(path))

    def collected(self) -> None:
        """All files are collected: a bad `--rm` or `--rm-baseline` stops the run here.

        Raises
        ------
        pytest.UsageError
            With the remedy; pytest ends with exit code 4. A worker does not raise, because that
            would end the whole run: the message is kept in `refused`, and each check reports it.
        """
        try:
            refuse_missing_baselines(self.config, self.settings)
            self.engine.candidate()
        except (RmcheckError, pytest.UsageError) as error:
            if not hasattr(self.config, "workerinput"):
                if isinstance(error, ProblemsFound):
                    self.config.stash[MISTAKEN] = list(error.problems)
                raise pytest.UsageError(str(error)) from None
            self.refused = str(error)

    def _kept(self, session: pytest.Session) -> list[CheckItem]:
        """The items that will run, in order: what the session did not deselect."""
        if not self._items:
            self._items = [item for item in session.items if isinstance(item, CheckItem)]
        return self._items

    def _left_out(self, session: pytest.Session) -> list[str]:
        """The required checks of the collected suites that were not selected, by their ids."""
        if self._unselected is None:  # each item that concludes says it
            kept = {(item.suite.shown, item.check.label) for item in self._kept(session)}
            self._unselected = [
                bound.id
                for suite in self.suites.values()
                for bound in suite.bound
                if bound.required and (suite.shown, bound.check.label) not in kept
            ]
        return self._unselected

    def prepare(self, item: CheckItem, candidate: object, baseline: object) -> Callable[[], None]:
        """Set an item up: score what it and its fellows need; return a function that judges it."""
        suite, engine = item.suite, self.engine
        binding = None
        try:
            binding = engine.bind(suite, candidate, baseline)
            self._score(item, binding, candidate, baseline)
            engine.require(binding, item.bound)
        except RmcheckError as error:
            reason = error
        else:
            return partial(self._judge, item, binding)
        return self._stop(item, reason, binding)

    def _score(
        self, item: CheckItem, binding: Binding, candidate: object, baseline: object
    ) -> None:
        """Score everything that an item and its fellows need, in one pass per source.

        A function-scoped fixture may give each item a different source; an item that was
        grouped once is then scored alone.
        """
        if (item.nodeid, id(binding)) in self._ready:
            return
        again = any(nodeid == item.nodeid for nodeid, _ in self._ready)
        fellows = [item] if again else self._fellows(item)
        groups = _by_source(fellows, self.engine, candidate, baseline)
        for shared, members in groups:
            self._ready.update((fellow.nodeid, id(shared)) for fellow in members)
        self.engine.prepare_all(
            (shared, [fellow.bound for fellow in members]) for shared, members in groups
        )

    def _fellows(self, item: CheckItem) -> list[CheckItem]:
        """The items that will get the same `reward_model`: those of the session, or of the file."""
        kept, mine = self._kept(item.session), fixture_of(item, "reward_model")
        if mine is None:
            return [other for other in kept if other.path == item.path]
        return [other for other in kept if fixture_of(other, "reward_model") is mine]

    def _judge(self, item: CheckItem, binding: Binding) -> None:
        try:
            record = self.engine.conclude(item.bound, binding)
        except RmcheckError as error:
            reason = error
        else:
            self._conclude(item, record, binding)
            if record.outcome == "fail":
                _fail(record, escaped(record.message))
            return
        self._stop(item, reason, binding)

    def _stop(self, item: CheckItem, reason: RmcheckError, binding: Binding | None) -> NoReturn:
        """Note why an item cannot be decided and end it: skipped, or an error.

        What was scored for a skipped check is kept: the first baseline may come from it.
        """
        outcome: Literal["skipped", "error"] = "error"
        if isinstance(reason, _SKIPS) and not self._must_be_decided(item, reason):
            outcome = "skipped"
        record = undecided_record(item.bound, outcome=outcome, message=str(reason))
        skips = binding if isinstance(reason, _SKIPS) else None
        self._conclude(item, record, skips, undecided=isinstance(reason, CannotDecide | Unscorable))
        if outcome == "skipped":
            pytest.skip(str(reason))
        # The lines of `ProblemsFound` are printable; other errors have one.
        said = str(reason) if isinstance(reason, ProblemsFound) else escaped(str(reason))
        strict = isinstance(reason, _SKIPS)
        _fail(record, f"rm_strict: required check not decided: {said}" if strict else said)

    def _must_be_decided(self, item: CheckItem, reason: RmcheckError) -> bool:
        """Whether `rm_strict` makes an error of a skip.

        Not before the first baseline: the run that becomes it has nothing to compare with.
        """
        required = item.bound.required
        first = isinstance(reason, BaselineMissing) and self.settings.baseline is None
        return self.settings.strict and required and not first

    def _conclude(
        self,
        item: CheckItem,
        check: CheckRecord,
        binding: Binding | None,
        *,
        undecided: bool = False,
    ) -> None:
        """Keep what travels with the item's report; a suite's facts and scores go once."""
        suite, engine = item.suite, self.engine
        payload: dict[str, Any] = {
            "path": suite.shown,
            "undecided": undecided,
            "check": check.model_dump(mode="json"),
            "kept": binding is not None and engine.kept(item.bound, binding),
            **self._scored(),
            "environment": environment(self.settings).model_dump(mode="json"),
            "left_out": self._left_out(item.session),
            "run": self._run(),
            "suite": None,
            "rows": "",
        }
        context = engine.context(suite, binding) if binding else None
        stage = f"{suite.shown}:{'scored' if context else 'bare'}"
        # Sent again when an item is run again: its first report may have been dropped.
        if self._told.setdefault(stage, item.nodeid) == item.nodeid:
            found = suite_record(suite, context, engine.kept_slices)
            payload["suite"] = found.model_dump(mode="json")
            if context:
                rows = pair_scores(suite, context)
                if hasattr(self.config, "workerinput"):
                    payload["rows"] = "".join(rows.lines())
                else:
                    self.config.stash.setdefault(ROWS, {})[suite.shown] = rows
        self._concluded[item.nodeid] = payload

    def _scored(self) -> dict[str, Any]:
        """What was scored and trained so far; made again only after something was."""
        state = self.engine.state
        if state != self._state:
            self._state = state
            self._so_far = {
                "scoring": self.engine.scoring().model_dump(mode="json"),
                "training": [each.model_dump(mode="json") for each in self.engine.trainings()],
            }
        return self._so_far

    def _run(self) -> dict[str, Any]:
        """What the record says about the whole run; the same for each item."""
        baseline = self.engine.baseline_record
        return {
            "asked": self.engine.candidate().spec,
            "baseline": baseline.model_dump(mode="json") if baseline else None,
            "inputs": inputs(self.settings, self.engine.comparisons).model_dump(mode="json"),
        }

    def attach(
        self, item: pytest.Item, call: pytest.CallInfo[None], report: pytest.TestReport
    ) -> None:
        """Attach what was concluded in this phase to pytest's report, once."""
        if not isinstance(item, CheckItem):
            return
        _tell(item, call.excinfo, report)
        if report.when == "call" and report.passed and item.nodeid not in self._concluded:
            # Another plugin, or the lack of one (`-p no:python`), kept pytest from calling it.
            report.outcome = "failed"
            report.longrepr = (
                f"{item.check.label}: not run by pytest; another plugin is disabled or prevents it"
            )
        self._note_outside(item, report)
        payload = self._concluded.pop(item.nodeid, None)
        if payload is None:
            return
        setattr(report, PAYLOAD, payload)
        # On the item: JUnit takes a test's properties from the report of its teardown. Those of
        # an earlier attempt (a plugin may run an item again) make room.
        others = [each for each in item.user_properties if not each[0].startswith(junit.PREFIX)]
        item.user_properties[:] = [*others, *junit.properties(payload["check"])]

    def _note_outside(self, item: CheckItem, report: pytest.TestReport) -> None:
        """Note a check that ended before it was judged: in a fixture of the user's, say."""
        told = item.nodeid in self._concluded or bool(self.refused)
        if told or not (report.failed or report.skipped):
            return
        if isinstance(report.longrepr, tuple):
            message = report.longrepr[2].removeprefix("Skipped: ")
        else:
            crash = getattr(report.longrepr, "reprcrash", None)
            message = crash.message if crash else str(report.longrepr or "")
        message = message.partition("\n")[0] or f"{report.outcome} in {report.when}"
        if report.skipped and self.settings.strict and item.bound.required:
            # By a mark or a fixture of the user's: `rm_strict` lets no required check be skipped.
            report.outcome = "failed"
            message = report.longrepr = f"rm_strict: required check not decided: {message}"
        outcome: Literal["skipped", "error"] = "error" if report.failed else "skipped"
        self._conclude(item, undecided_record(item.bound, outcome=outcome, message=message), None)


def _tell(
    item: CheckItem, excinfo: pytest.ExceptionInfo[BaseException] | None, report: pytest.TestReport
) -> None:
    """Show the message and the YAML line in a report, without any of our code.

    A `reward_model` fixture may raise rmcheck's own errors, which need no traceback; any
    other exception is a bug and keeps its traceback.
    """
    if isinstance(report.longrepr, tuple):  # a skip
        report.longrepr = (str(item.path), item.bound.line, report.longrepr[2])
    if excinfo is None or not report.failed:
        return
    value = excinfo.value
    if not isinstance(value, RmcheckError) and getattr(value, "pytrace", True):
        return
    shown = excinfo.getrepr(style="value", chain=False)
    if shown.reprcrash is not None:
        shown.reprcrash.path, shown.reprcrash.lineno = str(item.path), item.bound.line
        shown.reprcrash.message = str(value)
    report.longrepr = shown


def _fail(check: CheckRecord, message: str) -> NoReturn:
    """End an item: red where the check is required; an advisory one never fails the run."""
    message = redacted("\n".join(escaped(line) for line in message.split("\n")))
    if check.gate == "advisory":
        raise pytest.xfail.Exception(f"advisory: {message}", pytrace=False)
    pytest.fail(message, pytrace=False)


def _by_source(
    items: list[CheckItem], engine: Engine, candidate: object, baseline: object
) -> list[tuple[Binding, list[CheckItem]]]:
    """Items grouped by the sources that they are bound to."""
    groups: dict[int, tuple[Binding, list[CheckItem]]] = {}
    for item in items:
        try:
            binding = engine.bind(item.suite, candidate, baseline)
        except RmcheckError:
            continue  # reported when that item is set up
        groups.setdefault(id(binding), (binding, []))[1].append(item)
    return list(groups.values())
