"""The forest without padding: trees side by side as one row, which attends in chunks.

A row of 256 nodes that holds two trees spends half of its attention on pairs of nodes that see
nothing of each other. Here the nodes attend as `rmcheck.scoring.chunks` has it, and everything else
of the model runs over all of them at once.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AttentionInterface, AttentionMaskInterface

from rmcheck.scoring.chunks import ForestAttention
from rmcheck.scoring.forest import Row, plant
from rmcheck.scoring.last_layer import few_of, read_only_at
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
    ends
        Shape (t,): the end (exclusive) of each node's subtree.
    read
        Shape (k,): the nodes at which the sequences end.
    attention
        How the nodes attend.
    """

    tokens: torch.Tensor
    positions: torch.Tensor
    ends: torch.Tensor
    read: torch.Tensor
    attention: ForestAttention

    @classmethod
    def of(cls, rows: Sequence[Row]) -> Trees:
        """The rows as tensors; sequences in the order of the rows' members."""
        starts = np.cumsum([0, *(len(row) for row in rows[:-1])])
        sides = list(zip(rows, starts, strict=True))
        positions = np.concatenate([row.positions for row in rows])
        ends = np.concatenate([row.ends + start for row, start in sides])
        return cls(
            tokens=torch.from_numpy(np.concatenate([row.tokens for row in rows]))[None],
            positions=torch.from_numpy(positions)[None],
            ends=torch.from_numpy(ends),
            read=torch.from_numpy(np.concatenate([row.last + start for row, start in sides])),
            attention=ForestAttention.of(ends, positions),
        )

    def paths(self) -> torch.Tensor:
        """Which nodes each sequence reads, shape (k, t), boolean."""
        last = self.read[:, None]
        return (torch.arange(len(self.ends)) <= last) & (last < self.ends)


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
            found = [read_trees(model, Trees.of(rows), sparse=each) for each in (False, True)]
        except Exception:  # a model may refuse, or lose, what it does not know in any way it likes
            return False
    return all(torch.allclose(each, expected, atol=1e-4, rtol=1e-4) for each in found)


def read_trees(
    model: Any, trees: Trees, pooling: str = "last", *, sparse: bool = False
) -> torch.Tensor:
    """Rewards at the trees' sequences, shape (k,), float32; differentiable.

    `model` is a sequence-classification model within `tree_attention`. Where it is `sparse`, the
    last layer computes little more than what is read.
    """
    some = sparse and pooling == "last"
    few = read_only_at(model, trees.read, trees.paths()) if some else contextlib.nullcontext()
    with few:
        states = tree_states(model, trees)
    if pooling == "mean":
        path = trees.paths().float()
        pooled = (path / path.sum(dim=1, keepdim=True)) @ states.float()
    else:
        pooled = states.index_select(0, trees.read)
    rewards: torch.Tensor = as_rewards(model.score(pooled))
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
        trees=trees.attention,
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
    trees: ForestAttention | None = None,
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
    query, key, value = (each[0].transpose(0, 1) for each in (query, key, value))
    few = few_of(module)
    attend = trees if few is None else few.attend
    return attend(query, key, value, scale)[None], None
