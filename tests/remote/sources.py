"""Sources against the imitating server, with a time of their own."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

from rmcheck.data import Dialogue
from rmcheck.remote.retry import Backoff, Clock
from rmcheck.reward_source import SourceOptions
from rmcheck.sources.served import ServedSource
from rmcheck.sources.served_settings import from_spec

from .imitation import Imitation, InProcess

URL = "http://rm.test:8000"


class FakeTime:
    """A clock that is moved by whoever waits, so that no test waits."""

    def __init__(self) -> None:
        self.time = 1000.0
        self.slept: list[float] = []

    def now(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += seconds
        await asyncio.sleep(0)

    @property
    def clock(self) -> Clock:
        return Clock(self.now, self.sleep, self.now)


def served(
    server: Imitation, root: Path, options: str = "", time: FakeTime | None = None
) -> ServedSource:
    """A source that asks `server`, in this process."""
    said = f"profile={server.profile}{',' if options else ''}{options}"
    spec = f"{URL},{said}"
    return ServedSource(
        from_spec(URL, said, spec, root),
        SourceOptions(root=root, cache=root / ".rmcheck"),
        clock=(time or FakeTime()).clock,
        backoff=Backoff(random.Random(0)),
        link=InProcess(server),
    )


def dialogues(count: int) -> list[Dialogue]:
    return [
        Dialogue(f"What is {place} plus one?", f"It is {place + 1}.", f"pair-{place}/chosen")
        for place in range(count)
    ]
