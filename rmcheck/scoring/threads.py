"""How torch's threads wait for one another: asleep, so that a busy machine is not made slower."""

from __future__ import annotations

import os
import sys


def wait_asleep() -> None:
    """Before torch is imported: let OpenMP threads sleep while they wait, unless a user chose.

    Threads that spin at each barrier take the core from the thread they wait for where cores are
    busy (pytest-xdist, a small CI runner): training the tiny recipe on two threads took 151 s
    instead of 13 s for 46 steps. OpenMP reads this once, when torch loads it.
    """
    if "torch" not in sys.modules:
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
