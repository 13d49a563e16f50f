"""The forest without padding: trees side by side as one row, attention tree by tree.

A row of 256 nodes that holds two trees spends half of its attention on pairs of nodes that see
nothing of each other. Where a call of a kernel costs little (a CPU), each tree attends alone, and
everything else of the model runs over all of them at once.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface, AttentionMaskInterface

from rmcheck.scoring.forest import Row, plant
from rmcheck.scoring.reading import Reading, read_forest
from rmcheck.scoring.rewards import as_rewards
from rmcheck.scoring.transformers_compat import (
    attention_of,
    repeat_kv,
    sdpa_attention_forward,
    sdpa_mask,
)

NAME = "rmcheck_trees"


@dataclass(frozen=True)
class Trees:
    """Rows of a forest, one behind the other.

    Attributes
    ----------
    tokens, positions
        Shape (1, t).
    masks
        One a tree, shape (1, n, n) of its n nodes: 0 where a node may attend, else minus infinity.
    ends
        For each tree, shape (k,): the nodes, counted within it, at which its sequences end.
    """

    tokens: torch.Tensor
    positions: torch.Tensor
    masks: tuple[torch.Tensor, ...]
    ends: tuple[torch.Tensor, ...]

    @classmethod
    def of(cls, rows: Sequence[Row]) -> Trees:
        """The rows as tensors; sequences in the order of the rows' members."""
        masks = []
        for row in rows:
            mask = torch.zeros(1, len(row), len(row))
            masks.append(mask.masked_fill_(~torch.from_numpy(row.mask()), -torch.inf))
        return cls(
            tokens=torch.from_numpy(np.concatenate([row.tokens for row in rows]))[None],
            positions=torch.from_numpy(np.concatenate([row.positions for row in rows]))[None],
            masks=tuple(masks),
            ends=tuple(torch.from_numpy(row.last) for row in rows),
        )


@contextlib.contextmanager
def by_tree(model: Any) -> Iterator[bool]:
    """Within it, `model` may be given `Trees`; false where its attention is not PyTorch's own.

    Other attention may add terms that would be lost. What `transformers` passes without trees is
    computed as before.
    """
    before = attention_of(model)
    if before not in ("sdpa", NAME):
        yield False
        return
    if before != NAME:
        AttentionInterface.register(NAME, _attention)
        AttentionMaskInterface.register(NAME, sdpa_mask)
        model.set_attn_implementation(NAME)
    try:
        yield True
    finally:
        if before != NAME:
            model.set_attn_implementation(before)


@contextlib.contextmanager
def tree_attention(model: Any, probes: Sequence[NDArray[np.int64]]) -> Iterator[bool]:
    """`by_tree`, true where the texts `probes` (token ids) give what they give with one mask a row.

    For training, which stays within it.
    """
    with by_tree(model) as able:
        yield able and _agrees(model, probes)


def _agrees(model: Any, probes: Sequence[NDArray[np.int64]]) -> bool:
    rows = plant(probes, max(len(probe) for probe in probes), packed=False).rows
    with torch.inference_mode():
        expected = read_forest(model, Reading.of(rows))
        try:
            found = read_trees(model, Trees.of(rows))
        except Exception:  # a model may refuse, or lose, what it does not know in any way it likes
            return False
    return torch.allclose(found, expected, atol=1e-4, rtol=1e-4)


def read_trees(model: Any, trees: Trees, pooling: str = "last") -> torch.Tensor:
    """Rewards at the trees' sequences, shape (k,), float32; differentiable.

    `model` is a sequence-classification model within `tree_attention`.
    """
    hidden: Any = tree_states(model, trees)
    pooled = []
    sizes = [mask.shape[-1] for mask in trees.masks]
    for states, mask, ends in zip(hidden.split(sizes), trees.masks, trees.ends, strict=True):
        if pooling == "mean":
            path = (mask[0, ends] == 0).float()
            pooled.append((path / path.sum(dim=1, keepdim=True)) @ states.float())
        else:
            pooled.append(states[ends])
    rewards: torch.Tensor = as_rewards(model.score(torch.cat(pooled)))
    return rewards


def tree_states(model: Any, trees: Trees) -> torch.Tensor:
    """The last hidden state of each node, shape (t, d); differentiable."""
    backbone = getattr(model, model.base_model_prefix)
    # No mask of the whole row is made; a model that dropped `trees` would fail on this one.
    refused = torch.zeros(1, 1, 1, trees.tokens.shape[1] + 1)
    hidden: torch.Tensor = backbone(
        input_ids=trees.tokens,
        attention_mask=refused,
        position_ids=trees.positions,
        use_cache=False,
        trees=trees.masks,
    )[0][0]
    return hidden


def _attention(
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    trees: tuple[torch.Tensor, ...] | None = None,
    **options: Any,
) -> tuple[torch.Tensor, None]:
    """Attention as `transformers` calls it: (1, heads, t, width) to (1, t, heads, width)."""
    if trees is None:
        result: tuple[torch.Tensor, None] = sdpa_attention_forward(
            module, query, key, value, attention_mask, dropout, scaling, **options
        )
        return result
    groups = getattr(module, "num_key_value_groups", 1)
    key, value = repeat_kv(key, groups), repeat_kv(value, groups)
    scale = query.shape[-1] ** -0.5 if scaling is None else float(scaling)
    sizes = [mask.shape[-1] for mask in trees]
    sides = (torch.split(states[0], sizes, dim=1) for states in (query, key, value))
    parts = zip(*sides, trees, strict=True)
    attended = [_attend(q, k, v, mask.to(q.dtype), scale) for q, k, v, mask in parts]
    return torch.cat(attended, dim=1).transpose(0, 1)[None], None


def _attend(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, mask: torch.Tensor, scale: float
) -> torch.Tensor:
    """One tree: (heads, n, width)."""
    if query.dtype == torch.float32:
        # With a batch of one, for without it PyTorch does not take its fused kernel.
        sides = (query[None], key[None], value[None])
        return scaled_dot_product_attention(*sides, attn_mask=mask[None], scale=scale)[0]
    # PyTorch's fused kernel runs backwards five times slower in bf16 on a CPU than these.
    scores = torch.baddbmm(mask.expand(len(query), -1, -1), query, key.transpose(1, 2), alpha=scale)
    return scores.softmax(dim=-1) @ value
