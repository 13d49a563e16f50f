"""Attention within a forest, in chunks of nodes side by side.

At once, every node of a row is weighed against every other and a mask removes what a node may not
see: n² products for n nodes. In depth-first order, what c nodes side by side may see are the nodes
on the path to the first of them, and themselves: c (p + c) products for a path of p nodes. Chunks
with paths of like length attend in one call of a kernel.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import scaled_dot_product_attention

from rmcheck.scoring import chunk_gradient

Ids = NDArray[np.int64]

CHUNK = 64
"""Nodes of a chunk, at least; more where texts are long, for the nodes of a path are copied."""
SLACK, GROWTH = 16, 1.25
"""Paths share a call up to `SLACK` nodes more than `GROWTH` times the shortest of them."""


@dataclass(frozen=True)
class Chunks:
    """m chunks of c nodes that attend in one call, each to l nodes.

    Attributes
    ----------
    queries
        Shape (m c,): the nodes of each chunk; one that is shorter is filled up with a node of it.
    keys
        Shape (m l,): what they may see; filled up in the same way.
    mask
        Shape (m, 1, c, l): 0, or minus infinity.
    own
        Places among `queries` that are not filled up; None: all.
    """

    queries: torch.Tensor
    keys: torch.Tensor
    mask: torch.Tensor
    own: torch.Tensor | None
    _spread: dict[tuple[torch.dtype, int], torch.Tensor] = field(default_factory=dict)

    def attend(
        self, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, scale: float
    ) -> torch.Tensor:
        """Attention of the chunks' nodes, (k, heads, width), of states (t, heads, width) each."""
        count = len(self.mask)

        def picked(states: torch.Tensor, nodes: torch.Tensor) -> torch.Tensor:
            rows = states.index_select(0, nodes)
            return rows.view(count, -1, *states.shape[1:]).transpose(1, 2)

        sides = picked(query, self.queries), picked(key, self.keys), picked(value, self.keys)
        if query.dtype == torch.float32:
            found = scaled_dot_product_attention(*sides, attn_mask=self.mask, scale=scale)
        else:
            # PyTorch's fused kernel runs backwards five times slower in bf16 on a CPU than these.
            mask = self._mask(query.dtype, query.shape[1])
            one, other, third = (side.reshape(-1, *side.shape[2:]) for side in sides)
            scores = torch.baddbmm(mask, one, other.transpose(1, 2), alpha=scale)
            found = (scores.softmax(dim=-1) @ third).view(
                count, -1, scores.shape[1], third.shape[2]
            )
        whole = found.transpose(1, 2).reshape(-1, found.shape[1], found.shape[3])
        return whole if self.own is None else whole.index_select(0, self.own)

    def _mask(self, dtype: torch.dtype, heads: int) -> torch.Tensor:
        """The mask for each head, (m heads, c, l); made once for all layers."""
        known = self._spread.get((dtype, heads))
        if known is None:
            wide = self.mask.to(dtype).expand(-1, heads, -1, -1)
            known = self._spread[dtype, heads] = wide.reshape(-1, *self.mask.shape[2:])
        return known


@dataclass(frozen=True)
class ForestAttention:
    """How the t nodes of a forest attend: in `parts`, whose results `order`, (t,), sorts."""

    parts: tuple[Chunks, ...]
    order: torch.Tensor

    @classmethod
    def of(cls, ends: Ids, positions: Ids) -> ForestAttention:
        """That of nodes in depth-first order.

        Parameters
        ----------
        ends
            The end (exclusive) of each node's subtree, shape (t,).
        positions
            Their depths, shape (t,).
        """
        size = chunk_size(positions)
        starts = range(0, len(ends), size)
        # On the path to the first node of a chunk are the nodes whose subtree it is in.
        paths = [np.flatnonzero(ends[:start] > start) for start in starts]
        parts, order = [], []
        for together in _alike([len(path) for path in paths]):
            nodes = [
                np.arange(size * place, min(size * (place + 1), len(ends))) for place in together
            ]
            parts.append(_together(nodes, [paths[place] for place in together], ends))
            order += nodes
        found = torch.from_numpy(np.argsort(np.concatenate(order)))
        return cls(tuple(parts), found)

    def __call__(
        self, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, scale: float
    ) -> torch.Tensor:
        """Attention of all nodes, (t, heads, width), of states of this shape; differentiable."""
        if chunk_gradient.is_for(query, key, value):
            return chunk_gradient.attend(self.parts, query, key, value, scale)
        query, key, value = (each.contiguous() for each in (query, key, value))
        found = [part.attend(query, key, value, scale) for part in self.parts]
        return torch.cat(found).index_select(0, self.order)


def chunk_size(positions: Ids) -> int:
    """Nodes of a chunk: `CHUNK`, doubled while the mean path is twice as long.

    >>> chunk_size(np.arange(100)), chunk_size(np.arange(500))
    (64, 128)
    """
    size, mean = CHUNK, float(positions.mean())
    while mean >= 2 * size:
        size *= 2
    return size


def _alike(lengths: Sequence[int]) -> list[list[int]]:
    """Places of paths of like length together."""
    found: list[list[int]] = []
    for place in sorted(range(len(lengths)), key=lambda place: (lengths[place], place)):
        if not found or lengths[place] > SLACK + GROWTH * lengths[found[-1][0]]:
            found.append([])
        found[-1].append(place)
    return found


def _together(nodes: Sequence[Ids], paths: Sequence[Ids], ends: Ids) -> Chunks:
    """Chunks of these nodes, each behind its path."""
    wide = max(map(len, nodes))
    length = max(len(path) + len(own) for path, own in zip(paths, nodes, strict=True))
    queries = np.empty((len(nodes), wide), dtype=np.int64)
    keys = np.empty((len(nodes), length), dtype=np.int64)
    there = np.zeros(keys.shape, dtype=np.bool_)
    for row, (path, own) in enumerate(zip(paths, nodes, strict=True)):
        queries[row], keys[row] = own[0], own[0]
        queries[row, : len(own)] = own
        seen = len(path) + len(own)
        keys[row, :seen] = np.concatenate([path, own])
        there[row, :seen] = True
    node = queries[:, :, None]
    allowed = there[:, None] & (keys[:, None] <= node) & (node < ends[keys][:, None])
    mask = torch.zeros(allowed.shape).masked_fill_(~torch.from_numpy(allowed), -torch.inf)
    own_places = np.concatenate([np.arange(len(own)) + row * wide for row, own in enumerate(nodes)])
    return Chunks(
        queries=torch.from_numpy(queries.reshape(-1)),
        keys=torch.from_numpy(keys.reshape(-1)),
        mask=mask[:, None],
        own=None if len(own_places) == queries.size else torch.from_numpy(own_places),
    )
