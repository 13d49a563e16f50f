"""A second Ctrl-C while what the first one left is written."""

from __future__ import annotations

import signal
from collections.abc import Callable
from functools import partial


def deaf() -> Callable[[], object]:
    """Let no Ctrl-C in until what this gives is called."""
    try:
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    except ValueError:  # not the main thread, where no Ctrl-C arrives
        return lambda: None
    return partial(signal.signal, signal.SIGINT, before or signal.SIG_DFL)
