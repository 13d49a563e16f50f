"""Options that several commands share, and the settings that they give."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from rmcheck.cli.project import ini
from rmcheck.engine import Settings
from rmcheck.engine.settings import (
    DEFAULT_BASELINES,
    DEFAULT_CACHE,
    DEFAULT_REPORT,
    DEFAULT_SOURCE,
)
from rmcheck.progress import TextProgress


def add_source_options(command: argparse.ArgumentParser) -> None:
    """`--rm` and where and how it is computed; the names are those of the pytest options."""
    command.add_argument(
        "--rm",
        metavar="SPEC",
        default=ini("rm_source", DEFAULT_SOURCE),
        help="reward source (default %(default)s)",
    )
    add_compute_options(command)


def add_compute_options(command: argparse.ArgumentParser) -> None:
    """Device, precision and cache."""
    command.add_argument("--rm-device", metavar="DEVICE", help="cpu, cuda, ... (default automatic)")
    command.add_argument(
        "--rm-dtype",
        choices=("float32", "bfloat16", "float16"),
        default="float32",
        help="precision of the scores (default %(default)s)",
    )
    add_cache_option(command)


def add_cache_option(command: argparse.ArgumentParser) -> None:
    """Where adapters and scores are kept."""
    command.add_argument(
        "--rm-cache",
        metavar="DIR",
        default=ini("rm_cache", DEFAULT_CACHE),
        help="where adapters and scores are kept (default %(default)s)",
    )


def add_baselines_option(command: argparse.ArgumentParser) -> None:
    """Where blessed runs are kept."""
    command.add_argument(
        "--baselines",
        metavar="DIR",
        default=ini("rm_baselines", DEFAULT_BASELINES),
        help="where blessed runs are kept (default %(default)s)",
    )


def run_folder() -> str:
    """Where the gate writes its runs."""
    return ini("rm_report", DEFAULT_REPORT)


def settings(options: argparse.Namespace) -> Settings:
    """The settings of a command that was started in the current folder."""
    root = Path.cwd()
    return Settings(
        root=root,
        source=getattr(options, "rm", DEFAULT_SOURCE),
        cache=root / getattr(options, "rm_cache", DEFAULT_CACHE),
        baselines=root / getattr(options, "baselines", DEFAULT_BASELINES),
        device=getattr(options, "rm_device", None),
        dtype=getattr(options, "rm_dtype", "float32"),
        progress=TextProgress(_to_stderr, live=sys.stderr.isatty()),
    )


def _to_stderr(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()
