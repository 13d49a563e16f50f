"""The settings that pytest's options and ini file give."""

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
        For an invalid option or key.
    """
    given = {key: config.getoption(key, None) for key in KEYS}
    try:
        return settings_from(_Ini(config), Options(given), progress=progress_for(config))
    except UsageError as error:
        raise pytest.UsageError(str(error)) from None


def refuse_missing_baselines(config: pytest.Config, settings: Settings) -> None:
    """Refuse an `rm_baselines` that names no folder.

    Treated as "no baseline yet", it would let every model pass its comparisons.

    Raises
    ------
    pytest.UsageError
        With the key and the remedy.
    """
    given = _Ini(config).get("rm_baselines")
    if given and not settings.baselines.is_dir():
        raise pytest.UsageError(
            f"rm_baselines = {given}: {settings.baselines} is not a directory; fix the key, or, "
            f"before the first baseline, create it: mkdir -p {settings.baselines}"
        )


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
    """Progress on pytest's terminal, past its capture; no progress in xdist workers or with -qq."""
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
