"""The cores of this process, and how its threads wait."""

from __future__ import annotations

import os
import sys


def wait_asleep() -> None:
    """Let OpenMP threads sleep while they wait; call before torch is imported.

    Has no effect if the user has set the policy.

    Threads that spin at each barrier take the core from the thread they wait for where cores are
    busy (pytest-xdist, a small CI runner): training the tiny recipe on two threads took 151 s
    instead of 13 s for 46 steps. OpenMP reads this once, when torch loads it.
    """
    if "torch" not in sys.modules:
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
