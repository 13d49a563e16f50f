"""The reward source that a spec names, outside a run: for a fixture or a notebook."""

from __future__ import annotations

from pathlib import Path

from rmcheck.engine.settings import Settings
from rmcheck.reward_source import Source
from rmcheck.sources import create


def source(spec: str, root: Path | None = None) -> Source:
    """The reward source that `spec` names (`recipe:tiny`, `hf:PATH`, `scores:FILE`).

    For your own `reward_model` fixture, or a notebook. Relative paths are resolved against
    `root` (default: the current folder), which also has the cache folder `.rmcheck`.

    Raises
    ------
    rmcheck.errors.UsageError
        When the spec names nothing known.
    """
    return create(spec, Settings.below((root or Path.cwd()).resolve()).options)
