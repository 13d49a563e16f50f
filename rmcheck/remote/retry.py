"""What is asked again, and when."""

from __future__ import annotations

import asyncio
import email.utils
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

RETRIED = frozenset({408, 429, 500, 502, 503, 504})
"""Statuses after which the same request may succeed."""
OVERLOADED = frozenset({429, 503})
"""Those that ask for fewer requests."""
OF_A_TEXT = frozenset({400, 413, 422, 424})
"""Statuses of other requests that one text among several may have caused."""
BASE, MOST = 0.5, 30.0
"""Seconds before the first retry, and at most."""
SOON = 1.0
"""The most seconds before a retry where the server answers, but not what it should."""


@dataclass(frozen=True)
class Clock:
    """The time, and how to wait; tests bring their own."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    wall: Callable[[], float] = time.time


@dataclass(frozen=True)
class Backoff:
    """Exponential backoff with jitter: half of the delay is fixed, half is random."""

    random: random.Random = field(default_factory=random.Random)

    def delay(self, attempt: int, most: float = MOST) -> float:
        """Seconds to wait after the failure number `attempt`, from 1 on."""
        whole = min(most, BASE * 2.0 ** min(attempt - 1, 20))
        return whole * (0.5 + 0.5 * self.random.random())


def retry_after(headers: Mapping[str, str], wall: float) -> float | None:
    """The seconds that a server asks to wait: a number, or a date; None where it says neither.

    >>> retry_after({"retry-after": "7"}, 0.0)
    7.0
    >>> retry_after({"retry-after": "Thu, 01 Jan 1970 00:01:00 GMT"}, 50.0)
    10.0
    """
    said = headers.get("retry-after", "").strip()
    if not said:
        return None
    if said.replace(".", "", 1).isdecimal():
        return float(said)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(said).timestamp() - wall)
    except ValueError:
        return None
