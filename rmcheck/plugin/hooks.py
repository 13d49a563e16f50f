"""The pytest plugin: options, which files are suites, and the session fixtures.

Loaded in every pytest run of everybody who has rmcheck installed: it imports nothing but pytest
and does nothing until a suite file is collected. What happens then lives in `rmcheck.plugin.items`
(items) and `rmcheck.plugin.session` (record, report, summary).
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Generator, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from rmcheck.plugin.asked import INI_FILES, is_suite, left_out, named, ought_to_be_suite
from rmcheck.plugin.interrupt import deaf

if TYPE_CHECKING:
    from rmcheck.errors import Problem
    from rmcheck.plugin.session import RunLog
    from rmcheck.reward_source import RewardSource

OPTIONS: dict[str, tuple[str, str, str]] = {
    "--rm": ("rm_source", "SPEC", "reward source to test (default recipe:tiny)"),
    "--rm-baseline": ("rm_baseline", "SPEC-or-NAME", "what to compare with (default main)"),
    "--rm-report": ("rm_report", "DIR", "where the report goes (default reports/latest)"),
    "--rm-device": ("rm_device", "DEVICE", "cpu, cuda, ... (default automatic)"),
    "--rm-dtype": ("rm_dtype", "DTYPE", "float32 (default), bfloat16 or float16"),
    "--rm-cache": ("rm_cache", "DIR", "adapters and scores (default .rmcheck)"),
    "--rm-seed": ("rm_seed", "N", "seed of searches and resampling (default 0)"),
    "--rm-examples": ("rm_examples", "N", "how many examples each search draws"),
}
"""Each option, its ini twin, its value's name, its help."""

PAYLOAD = "rmcheck"
"""The attribute of a test report that carries a check's conclusion."""

LISTENER = "rmcheck-listener"
"""The name under which the controller's listener is registered."""

MISTAKES = "rmcheck_mistakes"
"""The attribute of a suite file, and of its collection report, that carries what is wrong in it."""

RUN_LOG: pytest.StashKey[RunLog] = pytest.StashKey()
STARTED: pytest.StashKey[float] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the `--rm` options and their ini twins."""
    group = parser.getgroup("rmcheck", "reward models (rmcheck)")
    for option, (ini, value, text) in OPTIONS.items():
        group.addoption(option, dest=ini, metavar=value, default=None, help=text)
        parser.addini(ini, f"default of {option}: {text}", default=None)
    parser.addini("rm_baselines", "folder of blessed runs (default fixtures/baselines)")
    parser.addini(INI_FILES, "globs of suite files; !GLOB leaves files out", type="args")


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(
    parser: pytest.Parser, args: list[str]
) -> Generator[None, Any, Any]:
    """Tell the nearest name of a misspelt `--rm` option; pytest says only that it knows none."""
    result = yield  # a conftest.py may have added options of its own
    if any(word.startswith("--rm") for word in args):
        _, unknown = parser.parse_known_and_unknown_args(args)
        for word in unknown:
            name = word.partition("=")[0]
            if name.startswith("--rm"):
                from rmcheck.errors import did_you_mean

                raise pytest.UsageError(f"unknown option {name}, {did_you_mean(name, OPTIONS)}")
    return result


def _refuse_misspelt_keys(config: pytest.Config) -> None:
    """A misspelt `rm_source` would gate the default model: pytest only warns of unknown keys."""
    known = [*(ini for ini, _, _ in OPTIONS.values()), "rm_baselines", INI_FILES]
    given = {word.partition("=")[0].strip() for word in config.getoption("override_ini") or ()}
    for key in (*_written_keys(config), *given):
        if key.startswith(("rm_", "rmcheck_")) and key not in known:
            try:
                config.getini(key)  # a conftest.py may have added keys of its own
            except (KeyError, ValueError):
                from rmcheck.errors import did_you_mean

                place = "-o" if key in given else config.inipath
                said = f"{place}: unknown key {key}, {did_you_mean(key, known)}"
                raise pytest.UsageError(said) from None


def _written_keys(config: pytest.Config) -> list[str]:
    """The keys of pytest's section of the ini file, as pytest has read them.

    pytest 9 deprecates `inicfg` and offers nothing in its place for a key that nobody declared.
    Where it is gone the keys are not checked, rather than that no run starts.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return list(getattr(config, "inicfg", ()))


def pytest_configure(config: pytest.Config) -> None:
    """Watch for verdicts from pytest-xdist's workers, the only ones that collect suites there."""
    config.stash[STARTED] = time.time()
    if not hasattr(config, "workerinput"):
        _refuse_misspelt_keys(config)
        if "!" in config.getini(INI_FILES):
            said = f"{INI_FILES}: '!' stands alone; write it right before its glob, with no blank"
            raise pytest.UsageError(said)
        config.pluginmanager.register(_Listener(config), LISTENER)


class _Listener:
    """Opens the controller's log when the first verdict of a worker arrives.

    Attributes
    ----------
    unread
        The suite files that hold mistakes, by their node ids.
    """

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._begun = ""
        self._waiting: list[pytest.TestReport] = []
        self._handed_over = False
        self._mistakes: list[Problem] = []
        self.unread: list[str] = []
        self._hear_again: Callable[[], object] | None = None

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self) -> None:
        """With workers: a bad option ends the run here, for they cannot end it one by one."""
        asked = any(self._config.getoption(ini) is not None for ini, _, _ in OPTIONS.values())
        if asked and self._config.getoption("tx", None):
            from rmcheck.plugin.session import open_run_log

            open_run_log(self._config).collected()

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Take in what is wrong in a suite file, here or on a worker."""
        carried: list[list[Any]] = getattr(report, MISTAKES, [])
        if carried:
            if report.nodeid not in self.unread:
                self.unread.append(report.nodeid)
            from rmcheck.errors import Problem

            self.mistaken(Problem(*each) for each in carried)

    def mistaken(self, problems: Iterable[Problem]) -> None:
        """Keep mistakes, each once: every worker collects every file."""
        self._mistakes += [each for each in problems if each not in self._mistakes]

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """On GitHub: annotate the lines that hold the mistakes."""
        if not self._mistakes:
            return
        from rmcheck.report import annotations

        if annotations.wanted():
            folder = annotations.folder_of(self._config.rootpath)
            for command in annotations.of_mistakes(self._mistakes, folder=folder):
                terminalreporter.write_line(command)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: Iterable[str]) -> None:
        """A worker begins as soon as it has collected; word of it may come later than Ctrl-C."""
        for nodeid in ids:
            self.pytest_runtest_logstart(nodeid)
            if self._begun:
                break

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Note the first check that a worker begins; nothing is imported for it yet."""
        if not self._begun and not self._handed_over:
            path = Path(self._config.rootpath, nodeid.partition("::")[0])
            if path.suffix in (".yaml", ".yml"):
                self._begun = nodeid  # Ctrl-C may come while it is looked at
                self._begun = nodeid if is_suite(path, self._config) else ""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Hand the first verdict over; later ones reach the report plugin by themselves."""
        if not self._handed_over and self._reports is None and hasattr(report, PAYLOAD):
            self._waiting.append(report)
            self._hand_over()

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtestloop(self) -> Generator[None, object, object]:
        """From the first Ctrl-C on, a second one waits until the report is written."""
        try:
            return (yield)
        except KeyboardInterrupt:
            if self._begun and not self._handed_over:
                self._hear_again = deaf()
            raise

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Ctrl-C before the first verdict was taken in, or while it was: the report says so."""
        try:
            if self._handed_over or not (self._begun or self._waiting):
                return
            called_by_pytest = self._reports is not None
            reports = self._hand_over()
            if not called_by_pytest:
                reports.pytest_sessionfinish(session, exitstatus)
        finally:
            if self._hear_again is not None:
                self._hear_again()

    @property
    def _reports(self) -> Any:
        return self._config.pluginmanager.getplugin("rmcheck-report")

    def _hand_over(self) -> Any:
        from rmcheck.plugin.session import open_run_log

        open_run_log(self._config)
        reports = self._reports
        if self._begun:
            reports.pytest_runtest_logstart(self._begun)
        for report in self._waiting:
            reports.pytest_runtest_logreport(report)
        self._handed_over = True
        return reports


@pytest.hookimpl(wrapper=True)
def pytest_collect_file(
    file_path: Path, parent: pytest.Collector
) -> Generator[None, list[pytest.Collector], list[pytest.Collector]]:
    """Collect YAML files that mean to be suites, and those that ought to be: they tell why not."""
    found = yield
    config = parent.config
    suite = is_suite(file_path, config)
    if not suite and not found and left_out(file_path, config):
        return [_LeftOut.from_parent(parent, path=file_path)] if named(file_path, config) else []
    if suite or (not found and ought_to_be_suite(file_path, config)):
        from rmcheck.plugin.items import SuiteFile

        return [*found, SuiteFile.from_parent(parent, path=file_path)]
    return found


class _LeftOut(pytest.File):
    """A file that the shell, or `testpaths`, names and a glob leaves out: nothing, and no error."""

    def collect(self) -> Iterable[pytest.Item]:
        """Nothing."""
        return ()


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Generator[None, Any, Any]:
    """Send the mistakes of a suite file along with pytest's own report, as plain JSON."""
    report = yield
    mistakes = getattr(collector, MISTAKES, None)
    if mistakes:
        setattr(report, MISTAKES, mistakes)
    return report


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config) -> None:
    """Once suites were collected: open the run log, before anything is deselected."""
    if RUN_LOG in config.stash:
        config.stash[RUN_LOG].collected()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, Any, Any]:
    """Send what a check concluded along with pytest's own report, as plain JSON."""
    report = yield
    log = item.config.stash.get(RUN_LOG, None)
    if log is not None:
        log.attach(item, call, report)
    return report


@pytest.fixture(scope="session")
def reward_model(request: pytest.FixtureRequest) -> RewardSource:
    """The reward model under test: what `--rm` names.

    Override it in a conftest.py to bring your own: return a reward source (`rmcheck.source(SPEC)`)
    or a function from a list of (prompt, response) to as many scores.
    """
    from rmcheck.errors import RmcheckError

    try:
        return _log(request).engine.candidate()
    except (RmcheckError, pytest.UsageError) as error:  # no suite was collected before it
        reason = str(error)
    pytest.fail(reason, pytrace=False)


@pytest.fixture(scope="session")
def baseline_model(request: pytest.FixtureRequest) -> RewardSource | None:
    """The baseline that suites compare with: what `--rm-baseline` names, or None."""
    return _log(request).engine.baseline


@pytest.fixture
def _rmcheck_judge(
    request: pytest.FixtureRequest, reward_model: object, baseline_model: object
) -> Callable[[], None]:
    """Set-up of a check: whatever it needs has been scored when this returns."""
    judge: Callable[[], None] = _log(request).prepare(request.node, reward_model, baseline_model)
    return judge


def _log(request: pytest.FixtureRequest) -> RunLog:
    from rmcheck.plugin.session import open_run_log

    log = open_run_log(request.config)
    if log.refused:
        pytest.fail(log.refused, pytrace=False)
    return log
