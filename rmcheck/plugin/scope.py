"""How much of a project a pytest run asked for: whole folders, or a selection of files and checks.

Imported in every run, so it imports nothing heavy.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

_NARROWING = ("keyword", "markexpr", "deselect", "ignore", "ignore_glob", "lf", "stepwise")


def folders(config: pytest.Config) -> list[Path] | None:
    """The folders that were asked for; None for a selection (`-k`, a file, a node id)."""
    if any(config.getoption(name, None) for name in _NARROWING):
        return None
    here = config.invocation_params.dir
    paths = [Path(os.path.abspath(here / word)) for word in config.args]
    return paths if paths and all(path.is_dir() for path in paths) else None


def has_baseline(config: pytest.Config) -> bool:
    """Whether the project may have a baseline; looks for folders only."""
    kept = Path(config.rootpath, config.getini("rm_baselines") or "fixtures/baselines")
    return kept.is_dir() and any(kept.glob("*/results.json"))
