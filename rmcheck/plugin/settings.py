"""What pytest's options and its ini file say of a run."""

from __future__ import annotations

from pathlib import Path

import pytest

from rmcheck.engine.settings import DEFAULT_BASELINES, DEFAULT_CACHE, DEFAULT_SOURCE, Settings
from rmcheck.errors import did_you_mean
from rmcheck.plugin.keys import OPTIONS
from rmcheck.progress import NoProgress, Progress, TextProgress


def settings_of(config: pytest.Config) -> Settings:
    """The settings that pytest's options, or else their ini twins, give.

    Raises
    ------
    pytest.UsageError
        For an option that is empty, for a seed or a number of examples that is none.
    """
    root = Path(config.rootpath)
    values = {}
    for option, (ini, _, _) in OPTIONS.items():
        given = config.getoption(ini)
        if given is not None and not given.strip():
            # Never the default: a gate of another model would be green.
            raise pytest.UsageError(f"{option} is empty (is a variable unset?); give it a value")
        values[ini] = given or config.getini(ini)
    for option, ini in (("--rm-cache", "rm_cache"), ("--rm-report", "rm_report")):
        if values[ini] and (root / values[ini]).is_file():
            raise pytest.UsageError(f"{option} {values[ini]} is a file; name a folder")
    return Settings(
        root=root,
        source=values["rm_source"] or DEFAULT_SOURCE,
        baseline=values["rm_baseline"] or None,
        cache=root / (values["rm_cache"] or DEFAULT_CACHE),
        baselines=root / (config.getini("rm_baselines") or DEFAULT_BASELINES),
        device=values["rm_device"] or None,
        dtype=_dtype(values["rm_dtype"]),
        seed=_whole("--rm-seed", values["rm_seed"]) or 0,
        examples=_whole("--rm-examples", values["rm_examples"], least=1),
        progress=progress_for(config),
    )


def _whole(option: str, value: str | None, *, least: int = 0) -> int | None:
    if not value:
        return None
    if not value.isdecimal() or int(value) < least:
        raise pytest.UsageError(f"{option}={value!r} is not a whole number from {least} up")
    return int(value)


def _dtype(value: str | None) -> str:
    allowed = ("float32", "bfloat16", "float16")
    if value and value not in allowed:
        raise pytest.UsageError(f"--rm-dtype={value!r}: {did_you_mean(value, allowed)}")
    return value or "float32"


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
