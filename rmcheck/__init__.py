"""rmcheck: pytest for reward models.

Loaded by every pytest run of an environment that has it installed, so nothing heavy is imported
here: the public names are found when first asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from rmcheck.data import Dialogue, PreferencePair, ResponseSet
    from rmcheck.reward_source import RewardSource, Source

__version__ = "0.1.0"

_HOMES = {
    "Dialogue": "rmcheck.data",
    "PreferencePair": "rmcheck.data",
    "ResponseSet": "rmcheck.data",
    "RewardSource": "rmcheck.reward_source",
}


def source(spec: str, root: Path | None = None) -> Source:
    """The reward source that `spec` names (`recipe:tiny`, `hf:PATH`, `scores:FILE`).

    For a `reward_model` fixture of one's own, or a notebook. Relative paths are resolved against
    `root` (default: the current folder), where the cache folder `.rmcheck` lies too.

    Raises
    ------
    rmcheck.errors.UsageError
        When the spec names nothing that there is.
    """
    from pathlib import Path

    from rmcheck.engine import Settings
    from rmcheck.sources import create

    return create(spec, Settings.below((root or Path.cwd()).resolve()).options)


def __getattr__(name: str) -> object:
    if name in _HOMES:
        import importlib

        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'rmcheck' has no attribute {name!r}")


__all__ = ["Dialogue", "PreferencePair", "ResponseSet", "RewardSource", "__version__", "source"]
