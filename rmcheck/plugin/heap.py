"""Python's garbage collector in a gate: what lives until the end is not searched for garbage."""

from __future__ import annotations

import gc
from weakref import ReferenceType, ref

import pytest

_first: list[ReferenceType[pytest.Config]] = []


def settle(config: pytest.Config) -> None:
    """Exempt all objects that exist now from garbage collection, until the process ends.

    Suites, modules and pairs stay until then, and pytest alone searches everything five times at
    the end. Only the first session of a process does this: the objects of later sessions would
    never be freed.
    """
    if not _first:
        _first.append(ref(config))
    if _first[0]() is config:
        gc.freeze()
