"""How a model reads a prefix forest: the mask, the positions, and where rewards are read.

`Reading` makes the mask of a row as a tensor. `rmcheck.scoring.blocks` gives large forests on a GPU
to `flex_attention` as a mask function, and `rmcheck.scoring.trees` is what a CPU takes instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch

from rmcheck.scoring.forest import Row
from rmcheck.scoring.rewards import as_rewards


@dataclass(frozen=True)
class Reading:
    """Rows stacked for one call of a model, padded to the longest.

    Attributes
    ----------
    tokens, positions
        Shape (r, t).
    allowed
        Shape (r, 1, t, t), boolean: who attends to whom.
    rows, last
        Shape (k,): the row of each sequence and the node at which it ends.
    """

    tokens: torch.Tensor
    positions: torch.Tensor
    allowed: torch.Tensor
    rows: torch.Tensor
    last: torch.Tensor

    @classmethod
    def of(cls, rows: Sequence[Row], device: torch.device | str = "cpu") -> Reading:
        """The rows as tensors on `device`; sequences in the order of the rows' members."""
        width = max(len(row) for row in rows)
        tokens = np.zeros((len(rows), width), dtype=np.int64)
        positions = np.zeros((len(rows), width), dtype=np.int64)
        # A padding node's subtree is itself: it attends to itself (and to what stays open,
        # nothing), and nothing attends to it.
        ends = np.tile(np.arange(1, width + 1), (len(rows), 1))
        for place, row in enumerate(rows):
            tokens[place, : len(row)] = row.tokens
            positions[place, : len(row)] = row.positions
            ends[place, : len(row)] = row.ends
        node = torch.arange(width, device=device)
        end = torch.from_numpy(ends).to(device)
        allowed = (node <= node[:, None]) & (node[:, None] < end[:, None, :])
        return cls(
            tokens=torch.from_numpy(tokens).to(device),
            positions=torch.from_numpy(positions).to(device),
            allowed=allowed[:, None],
            rows=torch.from_numpy(np.repeat(np.arange(len(rows)), [len(r.last) for r in rows])).to(
                device
            ),
            last=torch.from_numpy(np.concatenate([row.last for row in rows])).to(device),
        )

    def paths(self) -> torch.Tensor:
        """Which nodes each sequence reads, shape (k, t), boolean."""
        return self.allowed[self.rows, 0, self.last]


def read_forest(model: Any, reading: Reading, pooling: str = "last") -> torch.Tensor:
    """Rewards at the forest's sequences, shape (k,), float32; differentiable.

    `model` is a sequence-classification model whose `score` head reads its backbone's last
    hidden state; PEFT's layers may be injected into it.
    """
    hidden = forest_states(model, reading)
    return rewards_at(model, hidden, reading, pooling)


class Paths(Protocol):
    """Where the sequences of stacked rows end, and which nodes each of them reads."""

    @property
    def rows(self) -> torch.Tensor:
        """The row of each sequence, shape (k,)."""

    @property
    def last(self) -> torch.Tensor:
        """The node at which each sequence ends, shape (k,)."""

    def paths(self) -> torch.Tensor:
        """Which nodes each sequence reads, shape (k, t), boolean."""


def rewards_at(model: Any, hidden: torch.Tensor, reading: Paths, pooling: str) -> torch.Tensor:
    """What the head gives for the states of each sequence, float32; see `as_rewards`."""
    if pooling == "mean":
        path = reading.paths().float()
        path = path / path.sum(dim=1, keepdim=True)
        # Row by row: (k, t) times (t, d), so that no state is copied for each of its sequences.
        counts = torch.bincount(reading.rows, minlength=len(hidden)).tolist()
        parts = zip(torch.split(path, counts), hidden.float(), strict=True)
        pooled = torch.cat([part @ states for part, states in parts])
    else:
        pooled = hidden[reading.rows, reading.last]
    rewards: torch.Tensor = as_rewards(model.score(pooled))
    return rewards


def forest_states(model: Any, reading: Reading) -> torch.Tensor:
    """The last hidden state of each node of the rows, shape (r, t, d); differentiable."""
    backbone = getattr(model, model.base_model_prefix)
    weight = next(backbone.parameters())
    # An additive mask serves every attention implementation; a boolean one only some.
    mask = torch.zeros(reading.allowed.shape, dtype=weight.dtype, device=weight.device)
    mask.masked_fill_(~reading.allowed, -torch.inf)
    hidden: torch.Tensor = backbone(
        input_ids=reading.tokens,
        attention_mask=mask,
        position_ids=reading.positions,
        use_cache=False,
    )[0]
    return hidden


def head_of(model: Any) -> Any | None:
    """The linear `score` head of a decoder; None for encoders and whatever is built otherwise."""
    head = getattr(model, "score", None)
    encodes = getattr(model.config, "is_encoder_decoder", False)
    return head if head is not None and hasattr(head, "parameters") and not encodes else None


def fallback_reason(model: Any) -> str | None:
    """Why a model cannot read a forest, as far as known without a trial; None if it may."""
    if head_of(model) is None:
        return "its head is not a `score` layer on the last hidden state"
    return layers_reason(model)


def layers_reason(model: Any) -> str | None:
    """Why a model's layers cannot read a forest, as far as known without a trial."""
    config = model.config.get_text_config()
    if "local" in (getattr(config, "attention_layers", None) or ()):
        # GPT-Neo counts in places of the row, whatever the mask; short probes would not see it.
        return "its local attention counts the tokens of a row"
    local = {
        kind for kind in getattr(config, "layer_types", None) or () if kind != "full_attention"
    }
    if local and _window(config) is None:
        return f"its layers are {', '.join(sorted(local))}"
    return None


def reach(model: Any) -> tuple[int, str] | None:
    """The longest text in tokens that can be read in a forest, and the reason; None: any length.

    A custom mask replaces the model's own, so a sliding window shorter than a text would be lost.
    Long-range rotary positions change for all that is in a call when one text is longer than what
    the model was first trained on. A probe of short texts would see neither.
    """
    config = model.config.get_text_config()
    window = _window(config)
    rope = getattr(config, "rope_parameters", None) or {}
    before = rope.get("original_max_position_embeddings")
    limits = []
    if window is not None:
        limits.append((window, f"attention slides over {window} tokens"))
    if before and rope.get("rope_type") == "longrope":
        limits.append((int(before), f"rotary positions change beyond {before} tokens"))
    return min(limits) if limits else None


def _window(config: Any) -> int | None:
    """Over how many tokens some layer's attention slides; None when none does."""
    window = getattr(config, "sliding_window", None) or getattr(
        config, "attention_chunk_size", None
    )
    return int(window) if window and getattr(config, "use_sliding_window", True) else None
