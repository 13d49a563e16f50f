"""What one pytest session knows of its suites: the engine, the verdicts, and how they travel.

A worker of pytest-xdist has a log of its own; what it concludes goes to the controller on the
report objects, as plain JSON, where `rmcheck.run_report` makes the record of it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from rmcheck.checks import CannotDecide
from rmcheck.engine import Engine, Settings
from rmcheck.engine.binding import Binding
from rmcheck.engine.environment import environment
from rmcheck.engine.facts import pair_scores, suite_record
from rmcheck.engine.judged import check_record, undecided_record
from rmcheck.engine.settings import DEFAULT_BASELINES, DEFAULT_CACHE, DEFAULT_SOURCE
from rmcheck.errors import BaselineMissing, RmcheckError, Unscorable, UsageError
from rmcheck.plugin import OPTIONS, PAYLOAD, RUN_LOG
from rmcheck.progress import progress_for
from rmcheck.record import CheckRecord
from rmcheck.suite import Suite

if TYPE_CHECKING:
    from rmcheck.collection import CheckItem

_SKIPS = (CannotDecide, BaselineMissing, Unscorable)


def open_run_log(config: pytest.Config) -> RunLog:
    """The session's log; made, and registered for pytest's later hooks, when first asked for."""
    if RUN_LOG not in config.stash:
        config.stash[RUN_LOG] = RunLog(config)
        config.addinivalue_line("markers", "rmcheck: a check of an rmcheck suite")
        if not hasattr(config, "workerinput"):
            from rmcheck.run_report import RunReport

            config.pluginmanager.register(RunReport(config), "rmcheck-report")
    return config.stash[RUN_LOG]


class RunLog:
    """The suites of a session, their engine, and what was concluded of each item."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.settings = settings_of(config)
        self.suites: dict[str, Suite] = {}
        self._items: list[CheckItem] = []
        self._engine: Engine | None = None
        self._ready: set[str] = set()
        self._told: set[str] = set()
        self._concluded: dict[str, dict[str, Any]] = {}

    def add(self, suite: Suite) -> None:
        """A suite was collected.

        Raises
        ------
        ValueError
            When another file has a suite of the same name.
        """
        for other in self.suites.values():
            if other.name == suite.name and other.path != suite.path:
                raise ValueError(f"{suite.shown}: name '{suite.name}' is taken by {other.shown}")
        self.suites[suite.shown] = suite

    @property
    def engine(self) -> Engine:
        """Made when the first source is needed, so that m counts every suite collected."""
        if self._engine is None:
            comparisons = sum(suite.comparisons for suite in self.suites.values())
            self._engine = Engine(self.settings, comparisons)
        return self._engine

    def collected(self) -> None:
        """All files are collected: a bad `--rm` or `--rm-baseline` stops the run here.

        Raises
        ------
        pytest.UsageError
            With the remedy; pytest ends with exit code 4.
        """
        try:
            self.engine.candidate()
        except UsageError as error:
            raise pytest.UsageError(str(error)) from None

    def _kept(self, session: pytest.Session) -> list[CheckItem]:
        """The items that will run, in order: what the session did not deselect."""
        from rmcheck.collection import CheckItem

        if not self._items:
            self._items = [item for item in session.items if isinstance(item, CheckItem)]
        return self._items

    def prepare(self, item: CheckItem, candidate: object, baseline: object) -> Callable[[], None]:
        """Set an item up: have scored what it and its fellows need; give what judges it."""
        suite, engine = item.suite, self.engine
        try:
            binding = engine.bind(suite, candidate, baseline)
            if item.nodeid not in self._ready:
                fellows = self._fellows(item)
                self._ready.update(fellow.nodeid for fellow in fellows)
                for group in _by_source(fellows, engine, candidate, baseline):
                    engine.prepare(*group)
            engine.require(binding, suite, item.check)
        except _SKIPS as reason:
            self._undecided(item, "skipped", str(reason))
            pytest.skip(str(reason))
        except RmcheckError as error:
            self._undecided(item, "error", str(error))
            pytest.fail(str(error), pytrace=False)
        return lambda: self._judge(item, binding)

    def _fellows(self, item: CheckItem) -> list[CheckItem]:
        """The items that will get the same `reward_model`: those of the session, or of the file."""
        kept, mine = self._kept(item.session), _fixture_of(item)
        if mine is None:
            return [other for other in kept if other.path == item.path]
        return [other for other in kept if _fixture_of(other) is mine]

    def _judge(self, item: CheckItem, binding: Binding) -> None:
        try:
            verdict, seconds = self.engine.judge(item.suite, item.check, binding)
        except _SKIPS as reason:
            self._undecided(item, "skipped", str(reason))
            pytest.skip(str(reason))
        except RmcheckError as error:
            self._undecided(item, "error", str(error))
            pytest.fail(str(error), pytrace=False)
        record = check_record(item.suite, item.check, item.line, verdict, seconds)
        self._conclude(item, record, binding)
        if verdict.outcome == "fail":
            if record.gate == "advisory":
                pytest.xfail(f"advisory: {verdict.message}")
            pytest.fail(verdict.message, pytrace=False)

    def _undecided(self, item: CheckItem, outcome: str, message: str) -> None:
        record = undecided_record(
            item.suite, item.check, item.line, outcome=outcome, message=message
        )
        self._conclude(item, record, None)

    def _conclude(self, item: CheckItem, check: CheckRecord, binding: Binding | None) -> None:
        """Keep what travels with the item's report; a suite's facts and scores go once."""
        suite, engine = item.suite, self.engine
        payload: dict[str, Any] = {
            "path": suite.shown,
            "check": check.model_dump(mode="json"),
            "scoring": engine.book.counts().model_dump(mode="json"),
            "environment": environment(self.settings).model_dump(mode="json"),
            "training": [entry.model_dump(mode="json") for entry in engine.trainings()],
            "suite": None,
            "rows": [],
        }
        context = engine.context(suite, binding) if binding else None
        stage = f"{suite.shown}:{'scored' if context else 'bare'}"
        if stage not in self._told:
            self._told.add(stage)
            payload["suite"] = suite_record(suite, context).model_dump(mode="json")
            if context:
                rows = pair_scores(suite, context)
                payload["rows"] = [row.model_dump(mode="json") for row in rows]
        self._concluded[item.nodeid] = payload

    def attach(self, item: pytest.Item, report: pytest.TestReport) -> None:
        """Hang what was concluded in this phase on pytest's report, once."""
        from rmcheck.collection import CheckItem

        if report.failed and isinstance(item, CheckItem) and item.nodeid not in self._concluded:
            crash = getattr(report.longrepr, "reprcrash", None)
            message = getattr(crash, "message", "") or f"error in {report.when}"
            self._undecided(item, "error", message.splitlines()[0])
        payload = self._concluded.pop(item.nodeid, None)
        if payload is None:
            return
        setattr(report, PAYLOAD, payload)
        estimate = payload["check"]["estimate"]
        if estimate:
            for name in ("value", "low", "high", "n"):
                report.user_properties.append((f"rmcheck_{name}", estimate[name]))


def _fixture_of(item: CheckItem) -> object | None:
    """Which definition of `reward_model` an item will get.

    pytest tells this to nobody before set-up, so this one function reads its private tables; where
    it cannot, items are united file by file, which costs time but never correctness.
    """
    try:
        found: object = item._fixtureinfo.name2fixturedefs["reward_model"][-1]
    except (AttributeError, KeyError, IndexError):
        return None
    return found


def _by_source(
    items: list[CheckItem], engine: Engine, candidate: object, baseline: object
) -> list[tuple[Binding, list[Any]]]:
    """Items united by the sources that they are bound to: (binding, [(suite, check), …])."""
    groups: dict[int, tuple[Binding, list[Any]]] = {}
    for item in items:
        try:
            binding = engine.bind(item.suite, candidate, baseline)
        except RmcheckError:
            continue  # told when that item is set up
        groups.setdefault(id(binding), (binding, []))[1].append((item.suite, item.check))
    return list(groups.values())


def settings_of(config: pytest.Config) -> Settings:
    """The settings that pytest's options, or else their ini twins, give.

    Raises
    ------
    pytest.UsageError
        For a seed or a number of examples that is none.
    """
    root = Path(config.rootpath)
    values = {ini: config.getoption(ini) or config.getini(ini) for ini, _, _ in OPTIONS.values()}
    return Settings(
        root=root,
        source=values["rm_source"] or DEFAULT_SOURCE,
        baseline=values["rm_baseline"] or None,
        cache=root / (values["rm_cache"] or DEFAULT_CACHE),
        baselines=root / (config.getini("rm_baselines") or DEFAULT_BASELINES),
        device=values["rm_device"] or None,
        dtype=_dtype(values["rm_dtype"]),
        seed=_whole("--rm-seed", values["rm_seed"]) or 0,
        examples=_whole("--rm-examples", values["rm_examples"]),
        progress=progress_for(config),
    )


def _whole(option: str, value: str | None) -> int | None:
    if not value:
        return None
    if not value.isdigit():
        raise pytest.UsageError(f"{option}={value!r} is not a whole number")
    return int(value)


def _dtype(value: str | None) -> str:
    allowed = ("float32", "bfloat16", "float16")
    if value and value not in allowed:
        raise pytest.UsageError(f"--rm-dtype={value!r} is not one of {', '.join(allowed)}")
    return value or "float32"
