"""Reward sources: the two required members, and the optional capabilities.

A new source needs the members of `RewardSource`: `score` and `fingerprint`. The capabilities
below are optional and are used if present. The engine works with `Source`, which has all members;
`completed` turns any reward source into one.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, cast, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from rmcheck.data import Dialogue, PreferencePair
from rmcheck.errors import SourceError
from rmcheck.progress import NoProgress, Progress
from rmcheck.record.run import SourceRecord, TrainingRecord


@runtime_checkable
class RewardSource(Protocol):
    """r(x, y): one scalar per dialogue, higher is better; only differences have a meaning."""

    @property
    def fingerprint(self) -> str | None:
        """A hash of all that its scores depend on; None: scores are kept for one session only."""

    def score(self, dialogues: Sequence[Dialogue]) -> NDArray[np.float64]:
        """Rewards in input order, shape (n,), all finite."""


@runtime_checkable
class Named(Protocol):
    """A source with a name of its own; the default is the name of its class."""

    @property
    def spec(self) -> str:
        """Its name for records and messages."""


@runtime_checkable
class Bounded(Protocol):
    """A source that says whether it can score any text; the default is that it can."""

    @property
    def scores_new_text(self) -> bool:
        """False if it has scores of known dialogues only."""


@runtime_checkable
class Partial(Protocol):
    """A source with scores of known dialogues only, by their keys; it cannot score new text."""

    def knows(self, dialogue: Dialogue) -> bool:
        """Whether `score` has a score for exactly this text."""

    def within(self, suite: str) -> Partial:
        """A view for the suite of that name, in which scores of that suite come first."""

    def ids(self, *, own: bool = False) -> frozenset[str]:
        """Ids of the pairs that it has scores of; `own`: only those of this suite."""

    def score(self, dialogues: Sequence[Dialogue]) -> NDArray[np.float64]:
        """Rewards in input order, shape (n,)."""


@runtime_checkable
class ByPairs(Protocol):
    """A partial source that looks up many pairs at once, without their dialogues."""

    def of_pairs(self, pairs: Sequence[PreferencePair]) -> NDArray[np.float64]:
        """Both scores of each pair, shape (n, 2); NaN where `knows` is false."""


@dataclass(frozen=True)
class KeptPair:
    """What a source remembers of a pair beside its scores: hashes of its texts, and its tags."""

    hashes: frozenset[str] = frozenset()
    tags: tuple[str, ...] = ()


@runtime_checkable
class Remembering(Protocol):
    """A partial source that remembers which pairs it was made for."""

    def kept(self) -> Mapping[str, KeptPair]:
        """The pairs kept for this very suite, by id."""


@runtime_checkable
class Settled(Protocol):
    """A remembering source that can say at once that nothing has changed since."""

    def unchanged(self, pairs: Sequence[PreferencePair]) -> Mapping[str, Sequence[str]] | None:
        """The kept pairs' tags by id, if these are just the pairs of `kept`; else None."""


@runtime_checkable
class Described(Protocol):
    """A source that can describe its settings: template, length limit, pooling, dtype."""

    def describe(self) -> SourceRecord:
        """Its part of a run's record. Must not load the model."""


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
class ManySided(Protocol):
    """A source with several rewards for each text, by name (helpful, harmless, ...)."""

    def with_objective(self, objective: str) -> RewardSource:
        """The source of one of them, or of a weighted sum (`0.7*helpful+0.3*harmless`)."""


@runtime_checkable
class Streaming(Protocol):
    """A source that yields scores as they are computed, so that a killed run loses little."""

    def stream(
        self, dialogues: Sequence[Dialogue]
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float64]]]:
        """(indices into `dialogues`, their scores); each index once."""


@runtime_checkable
class Remarking(Protocol):
    """A source with notes about its scoring."""

    @property
    def remarks(self) -> Sequence[str]:
        """Sentences that a run prints once."""


@runtime_checkable
class Truncating(Protocol):
    """A source that counts the dialogues that it truncated to its length limit."""

    @property
    def truncated(self) -> int:
        """Their number so far."""


@runtime_checkable
class Trained(Protocol):
    """A source that knows how its model was trained."""

    @property
    def training(self) -> TrainingRecord | None:
        """The training record; None before it is trained."""


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


OPTIONAL = (
    "stream",
    "with_label_noise",
    "with_head_scaled",
    "with_objective",
    "knows",
    "within",
    "ids",
)
"""Methods that only some sources have. The engine asks for them with `isinstance`."""


class Completed(Source):
    """A source written elsewhere, with defaults for the members that it lacks."""

    def __init__(self, inner: RewardSource, spec: str) -> None:
        self.inner = inner
        self._spec = spec
        for name in OPTIONAL:
            method = getattr(inner, name, None)
            if callable(method):
                setattr(self, name, method)

    @property
    def spec(self) -> str:
        """Its own name, or the spec that created it."""
        return self.inner.spec if isinstance(self.inner, Named) else self._spec

    @property
    def fingerprint(self) -> str | None:
        """Its own.

        Raises
        ------
        SourceError
            If it is neither text nor None.
        """
        found: object = self.inner.fingerprint
        if found is None or (isinstance(found, str) and found):
            return found
        got = "a method (make it a property)" if callable(found) else f"{found!r:.80}"
        raise SourceError(f"{self.spec}: fingerprint must be text or None, got {got}")

    @property
    def scores_new_text(self) -> bool:
        """Its own value, or False if it is `Partial`."""
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
    """Any reward source as a `Source`, with defaults for the members that it lacks.

    Parameters
    ----------
    given
        An object with `score` and `fingerprint`.
    spec
        Its name in messages if it has none of its own; default: the name of its class.

    Raises
    ------
    SourceError
        If a required member is missing; names it.
    """
    if isinstance(given, Source) and type(given).score is not Source.score:
        return given
    kind = given.__name__ if isinstance(given, type) else type(given).__name__
    name = spec or kind
    missing = [member for member in ("score", "fingerprint") if not _has(given, member)]
    if isinstance(given, Source):
        missing = ["score"]
    head = f"{spec}: " if spec else ""
    if isinstance(given, type):
        raise SourceError(f"{head}expected a reward source, got the class; return {kind}(...)")
    if missing:
        raise SourceError(
            f"{head}{kind} is not a reward source, {' and '.join(missing)} missing; a source "
            "has score(dialogues), which returns one finite number for each, and fingerprint, "
            "a text that changes whenever the scores change (or None)"
        )
    return Completed(cast(RewardSource, given), name)


def _has(given: object, member: str) -> bool:
    """Whether it has the member, without computing a property that may be costly."""
    try:
        inspect.getattr_static(given, member)
    except AttributeError:
        return hasattr(given, member)  # a proxy with dynamic members
    return True


@dataclass(frozen=True, kw_only=True)
class SourceOptions:
    """The settings of a session that sources use.

    Relative paths of a spec are resolved against `root`; `cache` is the folder of adapters and
    scores; `device` None means automatic.
    """

    root: Path
    cache: Path
    device: str | None = None
    dtype: str = "float32"
    seed: int | None = None
    progress: Progress = field(default_factory=NoProgress)
