"""Python's garbage collector: not while many objects are made that stay, nor at the end of a gate.

It searches all objects again each time their number has grown by a quarter, which takes a fifth of
the time in which rows are read. Rows refer to nothing that refers to them: it finds nothing there.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache


@contextmanager
def paused() -> Iterator[None]:
    """Search for no garbage within the block or the decorated function.

    It is on again afterwards, also after an error; where it was off before, it stays off. Not for
    generators, which would keep it off between their items.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@cache  # the objects of later sessions of this process would never be freed
def settle() -> None:
    """Exempt all objects that exist now from garbage collection, until the process ends.

    pytest searches everything five times at the end, and Python again when it exits. This must
    not happen earlier: `gc.get_referrers`, which Hypothesis calls, misses such objects.
    """
    gc.freeze()
