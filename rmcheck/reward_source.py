"""What gives rewards: the two members of every reward source, and what more one may offer.

A person who writes a source writes `RewardSource`: `score` and `fingerprint`. Whatever else it has
of the capabilities below is used. The engine works with `Source`, which has all that it asks for;
`completed` makes one of whatever a person wrote.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, cast, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from rmcheck.data import Dialogue
from rmcheck.errors import SourceError
from rmcheck.progress import NoProgress, Progress
from rmcheck.record.run import SourceRecord, TrainingRecord


@runtime_checkable
class RewardSource(Protocol):
    """r(x, y): one scalar a dialogue, higher is better; only differences carry meaning."""

    @property
    def fingerprint(self) -> str | None:
        """A hash of all that its scores depend on; None: scores are kept for one session only."""

    def score(self, dialogues: Sequence[Dialogue]) -> NDArray[np.float64]:
        """Rewards in input order, shape (n,), all finite."""


@runtime_checkable
class Named(Protocol):
    """A source that says how a person calls it; one that does not is called by its class."""

    @property
    def spec(self) -> str:
        """Its name for records and messages."""


@runtime_checkable
class Bounded(Protocol):
    """A source that says whether it scores any text; one that does not say so does."""

    @property
    def scores_new_text(self) -> bool:
        """False where it knows only what it was given."""


@runtime_checkable
class Partial(Protocol):
    """A source that knows some dialogues only, by their keys: it scores no new text."""

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


@runtime_checkable
class Remarking(Protocol):
    """A source that has something to say of how its scores were made."""

    @property
    def remarks(self) -> Sequence[str]:
        """Sentences that a run prints once."""


@runtime_checkable
class Truncating(Protocol):
    """A source that counts the dialogues that it cut to its length limit."""

    @property
    def truncated(self) -> int:
        """How many, so far."""


@runtime_checkable
class Trained(Protocol):
    """A source that knows how its model was trained."""

    @property
    def training(self) -> TrainingRecord | None:
        """The training's record; None before there is one."""


class Source:
    """A reward source with all that the engine asks for, and the default of each.

    rmcheck's own sources inherit from it; anybody else's is `completed`.
    """

    @property
    def spec(self) -> str:
        """How a person names it, for records and messages."""
        return type(self).__name__

    @property
    def fingerprint(self) -> str | None:
        """A hash of all that its scores depend on; None keeps scores for one session only."""
        return None

    @property
    def scores_new_text(self) -> bool:
        """Whether it scores any text; False for one that knows only what it was given."""
        return not isinstance(self, Partial)

    @property
    def truncated(self) -> int:
        """Dialogues that it cut to its length limit."""
        return 0

    @property
    def remarks(self) -> Sequence[str]:
        """What a user should know of how scores were made."""
        return ()

    @property
    def training(self) -> TrainingRecord | None:
        """How it was trained, where it knows."""
        return None

    def describe(self) -> SourceRecord:
        """Its part of a run's record."""
        return SourceRecord(spec=self.spec, fingerprint=self.fingerprint)

    def score(self, dialogues: Sequence[Dialogue]) -> NDArray[np.float64]:
        """Rewards in input order, shape (n,), all finite."""
        raise NotImplementedError


OPTIONAL = ("stream", "with_label_noise", "with_head_scaled", "knows", "within", "ids")
"""Methods that only some sources have. The engine asks for them with `isinstance`."""


class Completed(Source):
    """A source as a person wrote it, with the defaults of what it leaves out."""

    def __init__(self, inner: RewardSource, spec: str) -> None:
        self.inner = inner
        self._spec = spec
        for name in OPTIONAL:
            method = getattr(inner, name, None)
            if callable(method):
                setattr(self, name, method)

    @property
    def spec(self) -> str:
        """Its own name, or the one that it was asked for by."""
        return self.inner.spec if isinstance(self.inner, Named) else self._spec

    @property
    def fingerprint(self) -> str | None:
        """Its own.

        Raises
        ------
        SourceError
            When it is neither text nor None.
        """
        found: object = self.inner.fingerprint
        if found is None or (isinstance(found, str) and found):
            return found
        got = "a method (make it a property)" if callable(found) else f"{found!r:.80}"
        raise SourceError(f"{self.spec}: fingerprint must be text or None, got {got}")

    @property
    def scores_new_text(self) -> bool:
        """What it says, or whether it answers for any key."""
        if isinstance(self.inner, Bounded):
            return self.inner.scores_new_text
        return super().scores_new_text

    @property
    def truncated(self) -> int:
        """Its own count."""
        return self.inner.truncated if isinstance(self.inner, Truncating) else 0

    @property
    def remarks(self) -> Sequence[str]:
        """Its own."""
        return self.inner.remarks if isinstance(self.inner, Remarking) else ()

    @property
    def training(self) -> TrainingRecord | None:
        """Its own."""
        return self.inner.training if isinstance(self.inner, Trained) else None

    def describe(self) -> SourceRecord:
        """Its own description, or its name and fingerprint."""
        return self.inner.describe() if isinstance(self.inner, Described) else super().describe()

    def score(self, dialogues: Sequence[Dialogue]) -> NDArray[np.float64]:
        """Its own scores."""
        return self.inner.score(dialogues)


def completed(given: object, spec: str | None = None) -> Source:
    """What a person brings as a source, with defaults for all that it leaves out.

    Parameters
    ----------
    given
        An object with `score` and `fingerprint`.
    spec
        What messages call it if it has no name of its own; default: the name of its class.

    Raises
    ------
    SourceError
        When a member is missing; names those, and says what a source is.
    """
    if isinstance(given, Source) and type(given).score is not Source.score:
        return given
    kind = given.__name__ if isinstance(given, type) else type(given).__name__
    name = spec or kind
    missing = [member for member in ("score", "fingerprint") if not _has(given, member)]
    if isinstance(given, Source):
        missing = ["score"]
    if isinstance(given, type):
        raise SourceError(f"{name}: expected a reward source, got the class; return {kind}(...)")
    if missing:
        raise SourceError(
            f"{name}: {kind} is not a reward source, it lacks {' and '.join(missing)}; a source "
            "has score(dialogues), which returns one finite number for each, and fingerprint, "
            "a text that changes when the scores do (or None)"
        )
    return Completed(cast(RewardSource, given), name)


def _has(given: object, member: str) -> bool:
    """Whether it has the member, without computing what may be a costly property."""
    try:
        inspect.getattr_static(given, member)
    except AttributeError:
        return hasattr(given, member)  # a proxy, which finds members when it is asked
    return True


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
