"""What reward sources that are models have in common: lazy loading, scoring, fingerprints."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from rmcheck.data import Dialogue
from rmcheck.data.dialogue import content_hash
from rmcheck.errors import SourceError, UsageError, did_you_mean
from rmcheck.record import SourceRecord
from rmcheck.scoring.files import FileHashes
from rmcheck.scoring.threads import wait_asleep
from rmcheck.sources import SourceOptions

if TYPE_CHECKING:
    from rmcheck.scoring.scorer import Scorer

DTYPES = ("float32", "bfloat16", "float16")


@dataclass(frozen=True)
class Layout:
    """How a model is given a dialogue: template, length limit (None: the model's own), pooling."""

    template: str = "default"
    max_length: int | None = None
    pooling: str = "last"


@dataclass(frozen=True)
class Loaded:
    """A model in memory with its tokenizer."""

    model: Any
    tokenizer: Any
    layout: Layout


class ModelSource(ABC):
    """A reward source whose scores a model computes here; loaded at the first `score`.

    Attributes
    ----------
    spec
        How a person names it.
    device
        Where it computes; None before it is loaded.
    """

    scores_new_text = True

    def __init__(self, spec: str, options: SourceOptions) -> None:
        if options.dtype not in DTYPES:
            raise UsageError(f"--rm-dtype {options.dtype!r}: {did_you_mean(options.dtype, DTYPES)}")
        self.spec = spec
        self.options = options
        self.hashes = FileHashes(options.cache)
        self.device: str | None = None
        self._factor = 1.0
        self._fingerprint: str | None = None
        self._scorer: Scorer | None = None

    @abstractmethod
    def _identity(self) -> str:
        """A hash of weights, adapter, tokenizer and layout; from files, without torch."""

    @property
    @abstractmethod
    def layout(self) -> Layout:
        """How it is given a dialogue; from files, without torch."""

    @abstractmethod
    def _load(self, device: str) -> Loaded:
        """The model, read (or trained) now."""

    def describe(self) -> SourceRecord:
        """Its part of a run's record."""
        return SourceRecord(
            spec=self.spec,
            fingerprint=self.fingerprint,
            template=self.layout.template,
            max_length=self.layout.max_length,
            pooling=self.layout.pooling,
            dtype=self.options.dtype,
        )

    @property
    def fingerprint(self) -> str:
        """32 hex digits over weights, adapter, tokenizer, template, max length, dtype, pooling."""
        if self._fingerprint is None:
            parts: list[object] = [self._identity(), self.options.dtype]
            if self._factor != 1.0:
                parts.append(self._factor)
            self._fingerprint = content_hash(*parts)
        return self._fingerprint

    @property
    def truncated(self) -> int:
        """Dialogues that were cut to the length limit."""
        return self._scorer.truncated if self._scorer else 0

    @property
    def remarks(self) -> tuple[str, ...]:
        """What a user should know of how scores were made."""
        return tuple(self._scorer.remarks) if self._scorer else ()

    def with_head_scaled(self, factor: float) -> Self:
        """The same model with its head's weights times `factor`."""
        scaled = copy.copy(self)
        scaled.spec = f"{self.spec} × {factor:g}"
        scaled._factor = self._factor * factor
        scaled._fingerprint = None
        scaled._scorer = None
        return scaled

    def score(self, dialogues: Sequence[Dialogue]) -> NDArray[np.float64]:
        """Rewards in input order, shape (n,).

        Raises
        ------
        SourceError
            When the model cannot be loaded, or a reward is NaN or infinite.
        """
        return self.scorer.score(dialogues, self.options.progress)

    def stream(
        self, dialogues: Sequence[Dialogue]
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float64]]]:
        """`score` piece by piece: (indices, rewards), in the order in which the model is done."""
        return self.scorer.stream(dialogues, self.options.progress)

    @property
    def scorer(self) -> Scorer:
        """The loaded model; the first use imports torch, and trains where a recipe says so."""
        if self._scorer is None:
            wait_asleep()
            from rmcheck.scoring.loading import pick_device, scale_head
            from rmcheck.scoring.scorer import Scorer

            self.device = pick_device(self.options.device)
            loaded = self._load(self.device)
            if loaded.layout.template == "chat" and not loaded.tokenizer.chat_template:
                raise SourceError(
                    f"{self.spec}: template 'chat', but the tokenizer has no chat template; "
                    "use template: default"
                )
            if self._factor != 1.0:
                scale_head(loaded.model, self._factor)
            layout = loaded.layout
            self._scorer = Scorer(
                loaded.model,
                loaded.tokenizer,
                layout.template,
                layout.max_length,
                self.device,
                self.options.dtype,
                layout.pooling,
            )
        return self._scorer


def resolved(path: str, root: Path) -> Path:
    """`path` against the folder `root`, with `~` expanded."""
    expanded = Path(path).expanduser()
    return expanded if expanded.is_absolute() else root / expanded
