"""What a reward source must have, and what it may have besides."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from rmcheck.data import Dialogue, PreferencePair, TokenText
from rmcheck.progress import Progress
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


@runtime_checkable
class ById(Protocol):
    """A partial source whose scores may be of an id alone, whatever its texts are."""

    def by_id_alone(self, dialogue: Dialogue) -> bool:
        """Whether the score of this text is one that names neither its texts nor its suite."""


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
class BothOrders(Protocol):
    """A source that compares two responses, and is asked in both orders.

    `score` and `stream` take `Ordered` dialogues only. Their values are positive where the first
    response is preferred, negative where the second one is, and 0 where neither is.
    """

    def margins(
        self, chosen_first: NDArray[np.float64], rejected_first: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """From the values of both orders of n pairs to margins, chosen over rejected, (n,)."""


@runtime_checkable
class Retrainable(Protocol):
    """A source that can be trained again with other labels (a recipe)."""

    def with_label_noise(self, rate: float, seed: int) -> RewardSource:
        """The same recipe with a share `rate` of its training labels flipped at random."""


@runtime_checkable
class Seeded(Protocol):
    """A recipe, which can be trained with several seeds; or the scores of such trainings."""

    def seeds(self, count: int) -> Sequence[int]:
        """The seeds of `count` trainings, its own first; or of all whose scores it has.

        Empty where it does not know of any.
        """

    def with_seed(self, seed: int) -> RewardSource:
        """The training with this seed."""


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
class Rechecking(Protocol):
    """A source whose model may change behind its fingerprint (a server that is asked by name)."""

    def recheck(self, dialogues: Sequence[Dialogue], scores: Sequence[float]) -> None:
        """Raise SourceError if these cached scores are not what the model gives now."""


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


class TrainingJob(Protocol):
    """A training that can be given to another process: it can be pickled, and is called there."""

    @property
    def key(self) -> str:
        """What it makes; two jobs with one key make the same."""

    @property
    def spec(self) -> str:
        """The source's name in messages."""

    @property
    def work(self) -> float:
        """About how much there is to compute: bytes of data (each epoch) times those of weights."""

    @property
    def memory(self) -> float:
        """About how many bytes of memory its process needs."""

    def __call__(self, progress: Progress) -> bool:
        """Train; False if another process has done it meanwhile."""


@runtime_checkable
class Trainable(Protocol):
    """A source whose model must be trained before it can score."""

    def training_job(self) -> TrainingJob | None:
        """The missing training; None if the model exists, or is to be trained in this process."""

    def note_training(self) -> None:
        """Its job was done for this session by another process."""


@dataclass(frozen=True)
class TokenReward:
    """A token of a text and the reward of the text up to it; `response`: it is the response's."""

    text: str
    special: bool
    response: bool
    reward: float


@runtime_checkable
class TakesTokens(Protocol):
    """A source whose model reads tokens: `score` and `stream` take `TokenText`, too."""

    def longest(self) -> int:
        """The most tokens that it reads of a text; loads the model."""

    def token_text(
        self, text: str | Sequence[int], *, special: bool = True, keep: int = 0, end: bool = False
    ) -> TokenText:
        """A text that is written as the model reads it, or its token ids.

        `special`: with the special tokens that the tokenizer puts around a text. `keep`: so many
        tokens are kept of a longer one, the last ones if `end`; 0: all.
        """

    def lengths(self, dialogues: Sequence[Dialogue]) -> list[int]:
        """How many tokens the model reads of each, at most `longest`."""

    def running(self, dialogue: Dialogue) -> list[TokenReward]:
        """The reward after each token; the last one is the dialogue's own."""

    def forget(self) -> None:
        """Free the memory of texts that were read before."""
