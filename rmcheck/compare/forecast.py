"""How long a simulation will take, from the time of its first part."""

from __future__ import annotations

import time
from collections.abc import Iterator

from rmcheck.progress import Progress

_WORTH_TELLING_S = 10.0


def timed(progress: Progress, title: str, count: int, unit: str) -> Iterator[int]:
    """The numbers from 0 to `count` - 1; the progress is that of what is done between them.

    The title says how long all of it takes, measured with the first one: minutes are told before
    they have passed.
    """
    started = time.perf_counter()
    for number in range(count):
        yield number
        if number == 0:
            rest = (time.perf_counter() - started) * (count - 1)
            progress.start(f"{title}{about(rest)}", count, unit)
        progress.advance(1)
    progress.finish()


def about(seconds: float) -> str:
    """A time to come, in words that follow a title; empty for a few seconds.

    >>> about(4), about(40), about(89), about(240)
    ('', ', about 40 s', ', about 89 s', ', about 4 minutes')
    """
    if seconds < _WORTH_TELLING_S:
        return ""
    if seconds < 90:
        return f", about {seconds:.0f} s"
    return f", about {seconds / 60:.0f} minutes"
