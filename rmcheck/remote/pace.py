"""How many requests are under way: more while the server keeps up, half as many when it does not.

Additive increase, multiplicative decrease (Chiu and Jain, 1989), with a start that doubles until
the first setback, as TCP has it (RFC 5681, 3.1).
"""

from __future__ import annotations

import asyncio

FIRST = 8
"""Requests at once in the beginning."""


class Pace:
    """The number of requests that may be under way at once, between 1 and `bound`."""

    def __init__(self, bound: int) -> None:
        self.bound = bound
        self.limit = float(min(FIRST, bound))
        self._starting = True
        self._reduced = float("-inf")
        self._grown = asyncio.Event()

    def succeeded(self) -> None:
        """A request was answered."""
        before = int(self.limit)
        if before < self.bound:
            self.limit = min(self.bound, self.limit + (1.0 if self._starting else 1 / self.limit))
            if int(self.limit) > before:
                self._wake()

    def overloaded(self, sent: float, now: float) -> None:
        """A request that was sent at `sent` was refused or not answered.

        Requests that were under way at the last reduction say nothing new about the server.
        """
        if sent >= self._reduced:
            self.limit = max(1.0, self.limit / 2)
            self._starting = False
            self._reduced = now

    async def turn(self, worker: int) -> None:
        """Wait until the worker of that number may send."""
        while worker >= int(self.limit):
            await self._grown.wait()

    def release(self) -> None:
        """Let every worker go on: the work is done."""
        self.limit = float(self.bound)
        self._wake()

    def _wake(self) -> None:
        self._grown.set()
        self._grown = asyncio.Event()
