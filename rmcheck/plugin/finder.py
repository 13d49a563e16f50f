"""Finds rmcheck's own modules as Python does, not as pytest finds those of plugins.

pytest rewrites the `assert` statements of all modules of a plugin's package. Ours have none that
explain a test, and finding and loading 300 modules through it takes a third of the time of their
imports.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

_OURS = __name__.partition(".")[0] + "."


class OwnModules:
    """Asked before pytest's finder; leaves the modules of everybody else to it."""

    @staticmethod
    def find_spec(
        name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The module's place; None for a module that is not ours."""
        if path is None or not name.startswith(_OURS):
            return None
        return PathFinder.find_spec(name, path, target)


def install() -> None:
    """Have this process find our modules this way."""
    if OwnModules not in sys.meta_path:
        sys.meta_path.insert(0, OwnModules)
