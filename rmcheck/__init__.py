"""rmcheck: pytest for reward models.

Every pytest run loads this package if it is installed, so nothing heavy is imported here: public
names are imported on first use. `__init__.pyi` declares them for type checkers.
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
