"""Python's garbage collector at the end of a gate: it need not search what is left."""

from __future__ import annotations

import gc
from functools import cache


@cache  # the objects of later sessions of this process would never be freed
def settle() -> None:
    """Exempt all objects that exist now from garbage collection, until the process ends.

    pytest searches everything five times at the end, and Python again when it exits. This must
    not happen earlier: `gc.get_referrers`, which Hypothesis calls, misses such objects.
    """
    gc.freeze()
