"""The texts of one request, and what happened to it so far."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from rmcheck.remote.profile import Input

Prepare = Callable[[Sequence[int]], list[Input]]
"""The texts of these indices, ready to be sent."""


@dataclass
class Batch:
    """Indices of texts that are asked for together, and the failures of their request.

    `since` is the time of the first failure; `strikes` counts those for which a text of it may be
    the cause. `body` is the request where it is written ahead.
    """

    members: list[int]
    failures: int = 0
    strikes: int = 0
    since: float | None = None
    inputs: list[Input] = field(default_factory=list)
    body: bytes = b""

    def halves(self) -> Iterator[Batch]:
        """The first and the second half, as new batches."""
        middle = (len(self.members) + 1) // 2
        for part in (slice(None, middle), slice(middle, None)):
            yield Batch(self.members[part], since=self.since, inputs=self.inputs[part])

    def left(self, kept: Sequence[int]) -> None:
        """Go on with the texts at these places only."""
        self.members = [self.members[place] for place in kept]
        self.inputs = [self.inputs[place] for place in kept]


@dataclass
class Traffic:
    """What was sent: requests, those that were repeated, batches that were split."""

    requests: int = 0
    retried: int = 0
    split: int = 0
