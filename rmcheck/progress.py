"""Progress of a long job: a live bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Protocol


class Progress(Protocol):
    """Shows the progress of a long job: bars on a terminal, lines in CI."""

    def start(self, title: str, total: int, unit: str) -> None: ...
    def advance(self, amount: int = 1, note: str = "") -> None: ...
    def finish(self) -> None: ...


DIALOGUES = "dialogues"
"""The unit in which a source reports the progress of scoring."""


class NoProgress:
    """Shows nothing."""

    def start(self, title: str, total: int, unit: str) -> None:
        """Begin a job of `total` units."""

    def advance(self, amount: int = 1, note: str = "") -> None:
        """`amount` more units are done."""

    def finish(self) -> None:
        """The job is over."""


LIVE_EVERY = 0.2
LINE_EVERY = 15.0


class TextProgress:
    """Writes progress through `write`: one line redrawn when `live`, else a line now and then."""

    def __init__(self, write: Callable[[str], None], *, live: bool) -> None:
        self._write = write
        self._live = live
        self._title = self._unit = self._note = ""
        self._total = self._done = 0
        self._started = self._shown = 0.0

    def start(self, title: str, total: int, unit: str) -> None:
        """Begin a job of `total` units."""
        self._title, self._total, self._unit, self._note = title, total, unit, ""
        self._done = 0
        self._started = self._shown = time.monotonic()
        self._write("\n")  # pytest's own line of dots is still open
        self._show(force=True)

    def advance(self, amount: int = 1, note: str = "") -> None:
        """`amount` more units are done; `note` (such as a loss) is shown at the end of the bar."""
        self._done += amount
        self._note = note or self._note
        self._show()

    def finish(self) -> None:
        """The job is over: the bar ends at 100 %, unless an exception ended the job."""
        if sys.exc_info()[0] is None:
            # A bar closed early (the rest follows under another one) ends at what it has done.
            self._total = self._done = self._done or self._total
        self._show(force=True)
        if self._live:
            self._write("\n")

    def _show(self, *, force: bool = False) -> None:
        now = time.monotonic()
        if not force and now - self._shown < (LIVE_EVERY if self._live else LINE_EVERY):
            return
        self._shown = now
        from tqdm import tqdm

        meter = tqdm.format_meter(
            self._done,
            self._total,
            now - self._started,
            ncols=88,
            prefix=self._title,
            unit=f" {self._unit}",
            postfix=self._note or None,
        )
        self._write(f"\r{meter}\x1b[K" if self._live else f"{meter}\n")
