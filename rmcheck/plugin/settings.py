"""What pytest's options and its ini file say of a run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from rmcheck.documents.ini import KEYS
from rmcheck.engine.settings import Options, Settings, settings_from
from rmcheck.errors import UsageError
from rmcheck.progress import NoProgress, Progress, TextProgress


def settings_of(config: pytest.Config) -> Settings:
    """The settings that pytest's options, or else their ini twins, give.

    Raises
    ------
    pytest.UsageError
        For an option or a key that means nothing.
    """
    given = {key: config.getoption(key, None) for key in KEYS}
    try:
        return settings_from(_Ini(config), Options(given), progress=progress_for(config))
    except UsageError as error:
        raise pytest.UsageError(str(error)) from None


@dataclass(frozen=True)
class _Ini:
    """The ini file as pytest has read it."""

    config: pytest.Config

    @property
    def root(self) -> Path:
        return Path(self.config.rootpath)

    def get(self, name: str) -> str | list[str] | None:
        value: str | list[str] | None = self.config.getini(name)
        return value


def progress_for(config: pytest.Config) -> Progress:
    """Progress on pytest's own terminal, past its capture; none in xdist workers or with -qq."""
    reporter = config.pluginmanager.getplugin("terminalreporter")
    capture = config.pluginmanager.getplugin("capturemanager")
    if reporter is None or hasattr(config, "workerinput") or config.getoption("verbose") < -1:
        return NoProgress()

    def write(text: str) -> None:
        if capture is None:
            reporter.write(text, flush=True)
            return
        with capture.global_and_fixture_disabled():
            reporter.write(text, flush=True)

    return TextProgress(write, live=bool(reporter.hasmarkup and reporter.isatty))
