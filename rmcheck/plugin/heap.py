"""Python's garbage collector in a gate: what suites and reports are made of is hardly ever garbage.

Reading modules, suites and scores makes hundreds of thousands of objects that stay. Searching them
again and again takes a tenth of the time of a gate that computes nothing.
"""

from __future__ import annotations

import gc
from contextlib import suppress
from functools import cache

import pytest

SELDOM = 250_000, 20, 100
"""How many new objects are searched at once, and how many such searches make a wider one."""
_usual: list[tuple[int, int, int]] = []


def seldom() -> None:
    """Search for garbage seldom, until `usual`; not while checks run, which may load models."""
    if not _usual and gc.get_threshold()[0]:  # 0: the user has switched it off
        _usual.append(gc.get_threshold())
        gc.set_threshold(*SELDOM)


def usual() -> None:
    """Search for garbage as before `seldom`; what came since counts as old."""
    if _usual:
        if not gc.get_freeze_count():  # else it would thaw what somebody else has frozen
            gc.freeze()
            gc.unfreeze()  # into the oldest generation, without the search that is due
        gc.set_threshold(*_usual.pop())


def meet_hypothesis(config: pytest.Config) -> None:
    """Import Hypothesis now, if its plugin imports it at the end of the run.

    The import searches all objects of the process, which are few now.
    """
    if config.pluginmanager.hasplugin("hypothesispytest") and not hasattr(config, "workerinput"):
        with suppress(ImportError):
            import hypothesis  # noqa: F401


@cache  # the objects of later sessions of this process would never be freed
def settle() -> None:
    """Exempt all objects that exist now from garbage collection, until the process ends.

    pytest searches everything at the end, and Python again when it exits. This must not happen
    earlier: `gc.get_referrers`, which Hypothesis calls, misses such objects.
    """
    gc.freeze()
