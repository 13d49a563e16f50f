"""The hooks of the plugin: options, which files are suites, and the session fixtures.

Loaded in every pytest run of everybody who has rmcheck installed: it imports nothing but pytest
and does nothing until a suite file is collected. What happens then is in `rmcheck.plugin.items`
(collectors and items), `.session` (set-up and judging) and `.controller` (record and report).
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Generator, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from rmcheck.plugin import heap, scope, silence
from rmcheck.plugin.asked import (
    INI_FILES,
    is_suite,
    left_out,
    named,
    ought_to_be_suite,
    unvisited,
)
from rmcheck.plugin.controller import Controller
from rmcheck.plugin.keys import CONTROLLER, LOG, MISTAKES, OPTIONS, STARTED, SUITES, UNFORKED
from rmcheck.plugin.pytest_compat import written_keys
from rmcheck.plugin.unforked import Unforked

if TYPE_CHECKING:
    from rmcheck.plugin.session import RunLog
    from rmcheck.reward_source import RewardSource


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the `--rm` options and their ini twins."""
    group = parser.getgroup("rmcheck", "reward models (rmcheck)")
    for option, (ini, value, text) in OPTIONS.items():
        group.addoption(option, dest=ini, metavar=value, default=None, help=text)
        parser.addini(ini, f"default of {option}: {text}", default=None)
    parser.addini(
        "rm_baselines", "folder of the baselines (default fixtures/baselines)", default=None
    )
    strict = "true: the run fails if a required check is skipped"
    parser.addini("rm_strict", strict, default=None)
    parser.addini(INI_FILES, "globs of suite files; !GLOB leaves files out", type="args")


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(
    early_config: pytest.Config, parser: pytest.Parser, args: list[str]
) -> Generator[None, Any, Any]:
    """Suggest the nearest name for a misspelt `--rm` option; pytest only calls it unknown.

    Also note what the command line itself says, apart from `addopts`.
    """
    result = yield  # a conftest.py may have added options of its own
    scope.note_typed(early_config, parser)
    if any(word.startswith("--rm") for word in args):
        _, unknown = parser.parse_known_and_unknown_args(args)
        for word in unknown:
            name = word.partition("=")[0]
            if name.startswith("--rm"):
                from rmcheck.errors import did_you_mean

                raise pytest.UsageError(f"unknown option {name}, {did_you_mean(name, OPTIONS)}")
    return result


def _refuse_misspelt_keys(config: pytest.Config) -> None:
    """Refuse a misspelt `rm_source`: pytest only warns, so the default model would be tested."""
    ours = {*(ini for ini, _, _ in OPTIONS.values()), "rm_baselines", "rm_strict", INI_FILES}
    given = {word.partition("=")[0].strip() for word in config.getoption("override_ini") or ()}
    for key in (*written_keys(config), *given):
        if not key.lower().startswith("rm") or key in ours:
            continue
        from rmcheck.documents.ini import misspelt

        said = misspelt(key)
        if said:
            try:
                config.getini(key)  # a conftest.py may have added keys of its own
            except (KeyError, ValueError):
                place = "-o" if key in given else config.inipath
                raise pytest.UsageError(f"{place}: {said}") from None


def _refuse_unread_keys(config: pytest.Config) -> None:
    """Refuse our keys in a file that pytest does not read, because another one replaces it."""
    path = config.inipath
    if path is None or config.getoption("inifilename", None):  # -c FILE is a choice
        return
    others = [path.with_name(name) for name in _CONFIGURATION if name != path.name]
    if "suites" in path.parts or any(each.is_file() for each in others):
        from rmcheck.documents.ini import unread

        said = unread(path)
        if said:
            raise pytest.UsageError(said)


_CONFIGURATION = ("pytest.toml", ".pytest.toml", "pytest.ini", ".pytest.ini", "pyproject.toml",
                  "tox.ini", "setup.cfg")  # fmt: skip


def _refuse_repeated(config: pytest.Config) -> None:
    """Refuse an option that is given twice, because pytest would silently use the last one.

    An option of `addopts` may be overridden on the command line, as pytest has it.
    """
    given = [str(word).partition("=")[0] for word in config.invocation_params.args]
    for option in OPTIONS:
        if given.count(option) > 1:
            raise pytest.UsageError(f"{option} is given {given.count(option)} times; give it once")


def pytest_configure(config: pytest.Config) -> None:
    """Check the ini keys and register the controller; a worker of pytest-xdist has none."""
    config.stash[STARTED] = time.time()
    _refuse_repeated(config)
    if not hasattr(config, "workerinput"):
        _refuse_misspelt_keys(config)
        _refuse_unread_keys(config)
        if "!" in config.getini(INI_FILES):
            said = f"{INI_FILES}: '!' is not followed by a glob; remove the space after it"
            raise pytest.UsageError(said)
        config.pluginmanager.register(Controller(config), CONTROLLER)
    if config.pluginmanager.hasplugin("pytest_forked"):
        config.pluginmanager.register(Unforked(), UNFORKED)


@pytest.hookimpl(wrapper=True)
def pytest_cmdline_main(config: pytest.Config) -> Generator[None, Any, Any]:
    """A run in which the configuration has pytest list things, such as fixtures, is not green."""
    code = yield
    said = silence.idle(config) if code == pytest.ExitCode.OK else ""
    if said:
        sys.stderr.write(f"rmcheck: {said}\n")
        return pytest.ExitCode.TESTS_FAILED
    return code


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """With workers: a bad option ends the run here, because no single worker can end it."""
    config = session.config
    asked = any(config.getoption(ini) is not None for ini, _, _ in OPTIONS.values())
    if asked and config.getoption("tx", None):
        from rmcheck.plugin.session import open_log

        open_log(config).collected()


@pytest.hookimpl(wrapper=True)
def pytest_collect_file(
    file_path: Path, parent: pytest.Collector
) -> Generator[None, list[pytest.Collector], list[pytest.Collector]]:
    """Collect suites, and files that should be suites, which report why they are not."""
    found = yield
    config = parent.config
    suite = is_suite(file_path, config)
    if not suite and not found and left_out(file_path, config):
        return [_LeftOut.from_parent(parent, path=file_path)] if named(file_path, config) else []
    if suite or (not found and ought_to_be_suite(file_path, config)):
        _prepare(config)
        from rmcheck.plugin.items import SuiteFile

        return [*found, SuiteFile.of(parent, file_path)]
    return found


def _prepare(config: pytest.Config) -> None:
    """Before the first suite: make what reads and judges suites cheap to import."""
    from rmcheck.plugin import finder

    heap.seldom()
    heap.meet_hypothesis(config)
    finder.install()


def _more(
    folder: pytest.Directory, found: Iterable[pytest.Item | pytest.Collector]
) -> Iterable[pytest.Collector]:
    """The suites, and files that should be suites, that pytest does not visit: see `unvisited`."""
    for path, _ in unvisited(Path(folder.path), (node.path for node in found), folder.config):
        _prepare(folder.config)
        from rmcheck.plugin.items import SuiteFile

        yield SuiteFile.of(folder, path)


class _LeftOut(pytest.File):
    """A file that the shell or `testpaths` names and a glob excludes: no items, and no error."""

    def collect(self) -> Iterable[pytest.Item]:
        """Yield no items."""
        return ()


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Generator[None, Any, Any]:
    """Add the suites of a folder that pytest does not look at; send a suite file's mistakes along.

    The mistakes travel with pytest's own report, as plain JSON.
    """
    report = yield
    if isinstance(collector, pytest.Directory) and report.passed:
        report.result = [*report.result, *_more(collector, report.result)]
    mistakes = getattr(collector, MISTAKES, None)
    if mistakes:
        setattr(report, MISTAKES, mistakes)
    return report


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config) -> None:
    """Once suites were collected: open the session's log, before anything is deselected."""
    if SUITES in config.stash:
        from rmcheck.plugin.session import open_log

        open_log(config).collected()


def pytest_collection_finish() -> None:
    """All suites are read."""
    heap.usual()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, Any, Any]:
    """Send what a check concluded along with pytest's own report, as plain JSON."""
    report = yield
    log = item.config.stash.get(LOG, None)
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
    """Set up a check: score everything that it needs."""
    judge: Callable[[], None] = _log(request).prepare(request.node, reward_model, baseline_model)
    return judge


def _log(request: pytest.FixtureRequest) -> RunLog:
    from rmcheck.plugin.session import open_log

    log = open_log(request.config)
    if log.refused:
        pytest.fail(log.refused, pytrace=False)
    return log
