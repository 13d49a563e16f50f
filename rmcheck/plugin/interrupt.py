"""Ignore a second Ctrl-C while the report is written."""

from __future__ import annotations

import signal
from collections.abc import Callable
from functools import partial


def ignore_sigint() -> Callable[[], object]:
    """Ignore SIGINT; returns a function that restores the handler."""
    try:
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    except ValueError:  # not the main thread, where no Ctrl-C arrives
        return lambda: None
    return partial(signal.signal, signal.SIGINT, before or signal.SIG_DFL)
