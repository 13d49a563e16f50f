"""A reward source with all members that the engine uses, and the settings of sources."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from rmcheck.data import Dialogue
from rmcheck.progress import NoProgress, Progress
from rmcheck.record.run import SourceRecord, TrainingRecord
from rmcheck.record.served import RequestsRecord
from rmcheck.reward_source.capabilities import Partial


class Source:
    """A reward source with all members that the engine uses, and their defaults.

    rmcheck's own sources inherit from it; other sources are wrapped by `completed`.
    """

    @property
    def spec(self) -> str:
        """Its name in records and messages."""
        return type(self).__name__

    @property
    def fingerprint(self) -> str | None:
        """A hash of all that its scores depend on; None keeps scores for one session only."""
        return None

    @property
    def scores_new_text(self) -> bool:
        """Whether it can score any text; False if it has scores of known dialogues only."""
        return not isinstance(self, Partial)

    @property
    def truncated(self) -> int:
        """Number of dialogues truncated to the length limit."""
        return 0

    @property
    def remarks(self) -> Sequence[str]:
        """Notes about the scoring that the user should see."""
        return ()

    @property
    def requests(self) -> RequestsRecord:
        """What was sent to a server."""
        return RequestsRecord()

    @property
    def training(self) -> TrainingRecord | None:
        """Its training record, if known."""
        return None

    @property
    def loaded(self) -> bool:
        """Whether it can score without loading a model first."""
        return True

    def other_readings(self) -> Sequence[Source]:
        """The same model with other readings that it may have been trained with."""
        return ()

    def describe(self) -> SourceRecord:
        """Its part of a run's record."""
        return SourceRecord(spec=self.spec, fingerprint=self.fingerprint)

    def score(self, dialogues: Sequence[Dialogue]) -> NDArray[np.float64]:
        """Rewards in input order, shape (n,), all finite."""
        raise NotImplementedError


@runtime_checkable
class Composed(Protocol):
    """A source whose rewards are made from those of its members, which are scored apart."""

    @property
    def members(self) -> Sequence[Source]:
        """The sources that it is made of."""

    @property
    def weights(self) -> Sequence[float]:
        """How much each of them counts."""

    def combined(
        self, rewards: NDArray[np.float64], rows: Sequence[int] | None = None
    ) -> NDArray[np.float64]:
        """From rewards of the members, shape (m, n), to its own, shape (n,).

        `rows`: which members these are, where they are not all.
        """

    def with_members(self, members: Sequence[Source]) -> Source:
        """The same, made of other views of its members."""


Scores = Callable[[Source, Sequence[Dialogue]], NDArray[np.float64]]
"""Rewards of another source, shape (n,)."""


def _asked(source: Source, dialogues: Sequence[Dialogue]) -> NDArray[np.float64]:
    return source.score(dialogues)


@dataclass(frozen=True, kw_only=True)
class SourceOptions:
    """The settings of a session that sources use.

    Relative paths of a spec are resolved against `root`; `cache` is the folder of adapters and
    scores; `device` None means automatic. `scores` asks other sources, such as a teacher; it can be
    pickled. `processes` train a recipe together; None: as the recipe says.
    """

    root: Path
    cache: Path
    device: str | None = None
    dtype: str = "float32"
    seed: int | None = None
    progress: Progress = field(default_factory=NoProgress)
    scores: Scores = _asked
    processes: int | Literal["auto"] | None = None
