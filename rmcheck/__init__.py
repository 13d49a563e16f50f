"""rmcheck: pytest for reward models.

Loaded by every pytest run of an environment that has it installed, so nothing heavy is imported
here: the public names are found when first asked for. `__init__.pyi` tells type checkers what they
are, so that whoever reads `__version__` does not import every floor on paper.
"""

from __future__ import annotations

__version__ = "0.2.0"

_HOMES = {
    "Dialogue": "rmcheck.data",
    "PreferencePair": "rmcheck.data",
    "ResponseSet": "rmcheck.data",
    "RewardSource": "rmcheck.reward_source",
    "source": "rmcheck.engine.source",
}


def __getattr__(name: str) -> object:
    if name in _HOMES:
        import importlib

        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'rmcheck' has no attribute {name!r}")


__all__ = ["__version__", *_HOMES]
