"""One progress bar for everything that a session scores, by any source."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from rmcheck.progress import DIALOGUES, Progress

FEW = 16
"""Fewer dialogues get no bar: a search that asks for one after another would print one for each."""


class SessionBar:
    """A `Progress` for every source of a session; it shows one bar instead of one per source.

    Other jobs keep theirs: if a recipe is trained in between, the bar is closed before, and another
    one over the rest follows.
    """

    def __init__(self, shown: Progress) -> None:
        self._shown = shown
        self._left = 0
        self._open = False
        self._apart = False
        self._quiet = False

    @contextlib.contextmanager
    def over(self, total: int) -> Iterator[None]:
        """Within this context all scoring advances one bar of `total` dialogues."""
        self._left = total
        self._quiet = total < FEW
        try:
            yield
        finally:
            self._left = 0
            self._close()

    def start(self, title: str, total: int, unit: str) -> None:
        """A source begins a job of `total` units."""
        self._apart = unit != DIALOGUES or self._left == 0
        if self._apart:
            self._close()
            self._shown.start(title, total, unit)
        elif not self._open and not self._quiet:
            self._open = True
            self._shown.start("scoring", self._left, DIALOGUES)

    def advance(self, amount: int = 1, note: str = "") -> None:
        """`amount` more units are done."""
        if self._apart or self._open:
            self._shown.advance(amount, note)
        if not self._apart:
            self._left = max(0, self._left - amount)

    def finish(self) -> None:
        """A source's job is over; the one bar stays open for the next source."""
        if self._apart:
            self._shown.finish()
            self._apart = False

    def _close(self) -> None:
        if self._open:
            self._shown.finish()
            self._open = False
