"""How rewards come out of one model object: of rows of a forest, or of a padded batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from rmcheck.scoring.batches import Batch
from rmcheck.scoring.forest import Row
from rmcheck.scoring.loading import head_scaled
from rmcheck.scoring.padding import absent_pad
from rmcheck.scoring.precision import full_precision
from rmcheck.scoring.reading import Reading, head_of, read_forest
from rmcheck.scoring.rewards import as_rewards
from rmcheck.scoring.trees import Trees, by_tree, read_trees

Ids = NDArray[np.int64]


@dataclass
class Reader:
    """A model, and how it is read.

    Attributes
    ----------
    model
        A sequence-classification model; a call may change settings of it for its duration, so that
        two threads must not share one.
    dtype, pooling
        As for `rmcheck.scoring.scorer.Scorer`.
    segments
        The token type of each token of a text; None where the model is given none.
    by_tree
        Whether rows of a forest are read without padding.
    """

    model: Any
    device: torch.device
    dtype: str
    pooling: str
    segments: Callable[[Ids], Ids] | None = None
    by_tree: bool = False

    @cached_property
    def head(self) -> Any | None:
        """The linear head of a decoder; None for an encoder."""
        return head_of(self.model)

    def compute(
        self, read: Callable[[], torch.Tensor], head_scale: float = 1.0
    ) -> NDArray[np.float64]:
        """What `read` gives without gradients, in full precision, with the head scaled."""
        scaled = head_scaled(self.model, head_scale)
        with torch.inference_mode(), full_precision(self.dtype), scaled:
            return _as_array(read())

    def values(self, read: Callable[[Reader], torch.Tensor]) -> NDArray[np.float64]:
        """What `read` gives of this reader, for a caller that has seen to all of that."""
        return _as_array(read(self))

    def rows(self, rows: Sequence[Row]) -> torch.Tensor:
        """Rewards at the sequences of these rows, in the order of their members."""
        if self.by_tree:
            with by_tree(self.model):
                return read_trees(self.model, Trees.of(rows), self.pooling, sparse=True)
        return read_forest(self.model, Reading.of(rows, self.device), self.pooling)

    def batch(self, batch: Batch) -> torch.Tensor:
        """Rewards of one padded batch by the model's own forward."""
        tokens = torch.from_numpy(batch.tokens).to(self.device)
        mask = torch.from_numpy(batch.mask).to(self.device)
        if self.head is None:
            given = {} if self.segments is None else {"token_type_ids": self._types(batch)}
            return as_rewards(self.model(input_ids=tokens, attention_mask=mask, **given).logits)
        if self.pooling == "mean":
            base = getattr(self.model, self.model.base_model_prefix)
            hidden = base(input_ids=tokens, attention_mask=mask, use_cache=False)[0]
            weights = mask / mask.sum(dim=1, keepdim=True)
            pooled = torch.einsum("kt,ktd->kd", weights, hidden.float())
            return as_rewards(self.head(pooled))
        with absent_pad(self.model, tokens, mask) as filled:
            logits = self.model(input_ids=filled, attention_mask=mask, use_cache=False).logits
        return as_rewards(logits)

    def _types(self, batch: Batch) -> torch.Tensor:
        """The token types of a padded batch, shape (k, t)."""
        assert self.segments is not None
        types = np.zeros_like(batch.tokens)
        for row, mask in enumerate(batch.mask.astype(bool)):
            types[row, mask] = self.segments(batch.tokens[row, mask])
        return torch.from_numpy(types).to(self.device)


@dataclass(frozen=True)
class Call:
    """One call of the model.

    Attributes
    ----------
    read
        Its rewards by a reader, which may be that of a replica where it is `portable`.
    members
        Whose rewards they are, shape (k,).
    tokens
        How many tokens are computed, padding apart.
    """

    read: Callable[[Reader], torch.Tensor]
    members: Ids
    tokens: int
    portable: bool = True


def _as_array(rewards: torch.Tensor) -> NDArray[np.float64]:
    values: NDArray[np.float64] = rewards.double().cpu().numpy()
    return values
