"""What gives rewards: the protocol that every reward source keeps, and what more one may offer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from rmcheck.data import Dialogue
from rmcheck.progress import NoProgress, Progress
from rmcheck.record.run import SourceRecord


@runtime_checkable
class RewardSource(Protocol):
    """r(x, y): one scalar a dialogue, higher is better; only differences carry meaning."""

    @property
    def spec(self) -> str:
        """How a person names this source, for records and messages."""

    @property
    def fingerprint(self) -> str | None:
        """A hash of all that its scores depend on; None: scores are kept for one session only."""

    @property
    def scores_new_text(self) -> bool:
        """False for a score file, which knows only what it was given."""

    def score(self, dialogues: Sequence[Dialogue]) -> NDArray[np.float64]:
        """Rewards in input order, shape (n,), all finite."""


@runtime_checkable
class Partial(Protocol):
    """A source that knows some dialogues only."""

    def knows(self, dialogue: Dialogue) -> bool:
        """Whether `score` has an answer for this very text."""

    def within(self, suite: str) -> Partial:
        """The source as the suite of that name sees it: scores kept for it come first."""

    def ids(self, *, own: bool = False) -> frozenset[str]:
        """Ids of the pairs that it has scores of; `own`: only those kept for this very suite."""

    def score(self, dialogues: Sequence[Dialogue]) -> NDArray[np.float64]:
        """Rewards in input order, shape (n,)."""


@runtime_checkable
class Described(Protocol):
    """A source that can say how it is given a dialogue: template, length limit, pooling, dtype."""

    def describe(self) -> SourceRecord:
        """Its part of a run's record. Loads nothing heavy."""


def describe(source: RewardSource) -> SourceRecord:
    """What a record says of any source; one that tells no more has a spec and a fingerprint."""
    if isinstance(source, Described):
        return source.describe()
    return SourceRecord(spec=source.spec, fingerprint=source.fingerprint)


@runtime_checkable
class Retrainable(Protocol):
    """A source that can be trained again with other labels (a recipe)."""

    def with_label_noise(self, rate: float, seed: int) -> RewardSource:
        """The same recipe with a share `rate` of its training labels flipped at random."""


@runtime_checkable
class Rescalable(Protocol):
    """A source whose scalar head can be multiplied by a constant."""

    def with_head_scaled(self, factor: float) -> RewardSource:
        """The same model with the head's weights (and bias) times `factor`."""


@runtime_checkable
class Streaming(Protocol):
    """A source that gives scores as it has them, so that a killed run loses little."""

    def stream(
        self, dialogues: Sequence[Dialogue]
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float64]]]:
        """(indices into `dialogues`, their scores), until each index was given once."""


@dataclass(frozen=True, kw_only=True)
class SourceOptions:
    """What sources need to know of a session.

    `root` is the folder against which relative paths of a spec are resolved; `cache` holds
    adapters and scores; `device` and `dtype` None mean automatic and float32.
    """

    root: Path
    cache: Path
    device: str | None = None
    dtype: str = "float32"
    seed: int | None = None
    progress: Progress = field(default_factory=NoProgress)
