"""Options that several commands share, and the settings made from them."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from rmcheck.cli.project import configured, rooted, shown
from rmcheck.engine import Settings
from rmcheck.engine.settings import (
    DEFAULT_BASELINES,
    DEFAULT_CACHE,
    DEFAULT_REPORT,
    DEFAULT_SOURCE,
    Options,
    settings_from,
)
from rmcheck.progress import TextProgress
from rmcheck.stats.precision import PRECISIONS


def add_source_options(command: argparse.ArgumentParser) -> None:
    """`--rm`, device, precision and cache; named as the pytest options are."""
    command.add_argument(
        "--rm",
        metavar="SPEC",
        help=f"reward source (default: rm_source of the ini file, or {DEFAULT_SOURCE})",
    )
    add_compute_options(command)


def add_compute_options(command: argparse.ArgumentParser) -> None:
    """Device, precision and cache."""
    command.add_argument(
        "--rm-device",
        metavar="DEVICE",
        help="cpu, cuda, ... (default: rm_device of the ini file, or automatic)",
    )
    command.add_argument(
        "--rm-dtype",
        metavar="DTYPE",
        help=f"{', '.join(PRECISIONS[:-1])} or {PRECISIONS[-1]} (default: rm_dtype of the ini "
        f"file, or {PRECISIONS[0]})",
    )
    add_cache_option(command)


def add_cache_option(command: argparse.ArgumentParser) -> None:
    """Where adapters and scores are kept."""
    command.add_argument(
        "--rm-cache",
        metavar="DIR",
        help="folder for cached adapters and scores (default: rm_cache of the ini file, or "
        f"{DEFAULT_CACHE} in the project's root)",
    )


def add_baselines_option(command: argparse.ArgumentParser) -> None:
    """Where blessed runs are kept."""
    command.add_argument(
        "--baselines",
        metavar="DIR",
        help="folder of the baselines (default: rm_baselines of the ini file, or "
        f"{DEFAULT_BASELINES} in the project's root)",
    )


def add_suites_option(command: argparse.ArgumentParser, meaning: str) -> None:
    """A folder of suites."""
    command.add_argument(
        "--suites",
        metavar="DIR",
        help=f"{meaning} (default: {SUITES} in the project's root)",
    )


def positive(given: str) -> int:
    """A whole number of at least 1, for `type=` of an option."""
    if not given.isdecimal() or int(given) < 1:
        raise argparse.ArgumentTypeError(f"{given!r}: expected a whole number of at least 1")
    return int(given)


SUITES = "suites"

RUN_FOLDER = f"default: rm_report of the ini file, or {DEFAULT_REPORT} in the project's root"
"""Where the gate writes its runs, for help texts."""


def run_folder(options: argparse.Namespace, chosen: Settings) -> Path:
    """The run folder that a command uses, as messages print it: the given or the last one."""
    return Path(options.folder or shown(chosen.report, chosen.root))


def suites_folder(options: argparse.Namespace, chosen: Settings) -> Path:
    """The folder of suites, as messages print it: the given one, or the project's."""
    return Path(options.suites or shown(chosen.root / SUITES, chosen.root))


def settings(options: argparse.Namespace) -> Settings:
    """The settings of a command: its options, or else the project's ini file.

    Raises
    ------
    UsageError
        For an invalid option or key.
    """
    ini = configured()
    given = {
        "rm_source": getattr(options, "rm", None),
        "rm_device": getattr(options, "rm_device", None),
        "rm_dtype": getattr(options, "rm_dtype", None),
        "rm_cache": getattr(options, "rm_cache", None),
        "rm_baselines": getattr(options, "baselines", None),
        "rm_seeds": getattr(options, "rm_seeds", None),
    }
    if given["rm_source"]:
        given["rm_source"] = rooted(given["rm_source"], ini.root)
    progress = TextProgress(_to_stderr, live=sys.stderr.isatty())
    return settings_from(ini, Options(given, Path.cwd()), progress=progress)


def _to_stderr(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()
