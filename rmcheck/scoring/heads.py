"""A head with several outputs, read once for every text, and weighted sums of its outputs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rmcheck.data import Dialogue
from rmcheck.progress import DIALOGUES, NoProgress, Progress
from rmcheck.scoring.loading import in_float32
from rmcheck.scoring.objectives import as_one_reward
from rmcheck.scoring.scorer import Scorer

Piece = tuple[NDArray[np.int64], NDArray[np.float64]]


class Heads:
    """A loaded model with k outputs, and the outputs of all texts that it has read.

    A check of each objective, and the reward itself, ask for the same texts: the model reads each
    of them once.
    """

    def __init__(self, scorer: Scorer) -> None:
        self.scorer = scorer
        self._known: dict[tuple[float, str], NDArray[np.float64]] = {}

    def stream(
        self, dialogues: Sequence[Dialogue], progress: Progress, head_scale: float
    ) -> Iterator[Piece]:
        """Outputs (m, k) piece by piece, with the places of their dialogues; known ones first."""
        keys = [(head_scale, dialogue.hash) for dialogue in dialogues]
        known = [place for place, key in enumerate(keys) if key in self._known]
        if known:
            progress.start("reading outputs of known texts", len(known), DIALOGUES)
            try:
                yield (
                    np.array(known, dtype=np.int64),
                    np.stack([self._known[keys[place]] for place in known]),
                )
                progress.advance(len(known))
            finally:
                progress.finish()
        found = set(known)
        new = [place for place in range(len(dialogues)) if place not in found]
        texts = [dialogues[place] for place in new]
        for members, values in self.scorer.stream(texts, progress, head_scale=head_scale):
            rows = values if values.ndim == 2 else values[:, None]
            places = np.array([new[member] for member in members.tolist()], dtype=np.int64)
            for place, row in zip(places.tolist(), rows, strict=True):
                self._known[keys[place]] = row
            yield places, rows


class WeightedHeads:
    """The reward of weighted outputs of `Heads`, as a source scores with it.

    Parameters
    ----------
    heads
        Shared by all weightings of one model.
    weights
        Of the k outputs; the reward is their sum, computed in float64.
    """

    def __init__(self, heads: Heads, weights: Sequence[float]) -> None:
        self._heads = heads
        self._weights = np.array(weights, dtype=np.float64)
        self.device: Any = heads.scorer.device

    @cached_property
    def model(self) -> Any:
        """The model with the weighted sum as its one output; it shares all other weights."""
        scorer = self._heads.scorer
        found = as_one_reward(scorer.model, self._weights.tolist(), scorer.name)
        if scorer.dtype != "float32":
            in_float32(found.score)
        return found

    @property
    def remarks(self) -> Sequence[str]:
        """Notes that the user should see."""
        return self._heads.scorer.remarks

    @property
    def tokens(self) -> Any:
        """What turns dialogues into the ids that the model reads."""
        return self._heads.scorer.tokens

    @property
    def tokenizer(self) -> Any:
        """The tokenizer of the model."""
        return self._heads.scorer.tokenizer

    @property
    def truncated(self) -> int:
        """How many dialogues were cut to the length limit so far."""
        return self._heads.scorer.truncated

    def encode(self, dialogues: Sequence[Dialogue]) -> list[NDArray[np.int64]]:
        """The token ids that the model reads, one array a dialogue."""
        return self._heads.scorer.encode(dialogues)

    def score(
        self, dialogues: Sequence[Dialogue], progress: Progress | None = None
    ) -> NDArray[np.float64]:
        """Rewards in input order, shape (n,)."""
        scores = np.empty(len(dialogues), dtype=np.float64)
        for members, values in self.stream(dialogues, progress):
            scores[members] = values
        return scores

    def stream(
        self,
        dialogues: Sequence[Dialogue],
        progress: Progress | None = None,
        *,
        head_scale: float = 1.0,
    ) -> Iterator[Piece]:
        """`score` piece by piece, with the head's weights times `head_scale`."""
        pieces = self._heads.stream(dialogues, progress or NoProgress(), head_scale)
        for places, outputs in pieces:
            yield places, outputs @ self._weights
