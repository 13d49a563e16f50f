"""Attention within one tree of a forest: of all its nodes at once, or text by text.

At once, every node is weighed against every other and a mask removes what a node may not see: n²
products for n nodes. Text by text, only the nodes that a text adds to the tree look at its path:
for a text of l tokens that adds a, a·l products, or l²/2 where PyTorch's causal kernel computes all
of the path. What two texts share is never computed twice by the rest of the model.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import scaled_dot_product_attention

from rmcheck.scoring.forest import Row

COPIED, CALLED = 16, 500
"""What one node's keys and values cost to copy, and what one call of a kernel does, in products."""


@dataclass(frozen=True)
class Masked:
    """A tree whose nodes attend all at once; `mask` has shape (1, n, n): 0 or minus infinity."""

    mask: torch.Tensor

    @property
    def size(self) -> int:
        """Its nodes."""
        return self.mask.shape[-1]

    def path(self, end: int) -> torch.Tensor:
        """The nodes that are read by the sequence that ends at one of them."""
        return torch.nonzero(self.mask[0, end] == 0)[:, 0]

    def attend(
        self, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, scale: float
    ) -> torch.Tensor:
        """Attention of the tree, of shape (heads, n, width) each."""
        return attended(query, key, value, self.mask, scale)


@dataclass(frozen=True)
class Path:
    """What one text reads: its nodes, shape (l,), and from where on they are its own.

    Its own nodes are the last ones, side by side in the tree. `mask`, shape (1, a, l), is for them
    alone; None: the causal kernel computes the whole path.
    """

    nodes: torch.Tensor
    shared: int
    mask: torch.Tensor | None

    def attend(
        self, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, scale: float
    ) -> torch.Tensor:
        """Attention of its own nodes."""
        first = int(self.nodes[-1]) + 1 - (len(self.nodes) - self.shared)
        own = slice(first, int(self.nodes[-1]) + 1)
        if self.mask is None and not self.shared:
            sides = (query[:, own], key[:, own], value[:, own])
            return causal(*sides, scale)
        keys, values = key.index_select(1, self.nodes), value.index_select(1, self.nodes)
        if self.mask is None:
            return causal(query.index_select(1, self.nodes), keys, values, scale)[:, self.shared :]
        return attended(query[:, own], keys, values, self.mask, scale)


@dataclass(frozen=True)
class ByPath:
    """A tree whose texts attend one by one."""

    paths: tuple[Path, ...]

    @property
    def size(self) -> int:
        """Its nodes."""
        return int(self.paths[-1].nodes[-1]) + 1

    def path(self, end: int) -> torch.Tensor:
        """The nodes that are read by the sequence that ends at one of them."""
        return next(path.nodes for path in self.paths if int(path.nodes[-1]) == end)

    def attend(
        self, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, scale: float
    ) -> torch.Tensor:
        """Attention of the tree, of shape (heads, n, width) each."""
        return torch.cat([path.attend(query, key, value, scale) for path in self.paths], dim=1)


Tree = Masked | ByPath


def masked(row: Row) -> Masked:
    """A row as one tree that attends at once."""
    mask = torch.zeros(1, len(row), len(row))
    return Masked(mask.masked_fill_(~torch.from_numpy(row.mask()), -torch.inf))


def cheapest(row: Row, *, fused: bool) -> Tree:
    """A row of one tree, read in the way that costs less.

    Parameters
    ----------
    fused
        Whether the causal kernel may be used.
    """
    nodes = [np.flatnonzero(row.ends[: end + 1] > end) for end in row.last]
    added = np.diff(row.last, prepend=-1)
    sides = list(zip(nodes, added.tolist(), strict=True))
    if sum(_cost(len(path), own, fused) for path, own in sides) >= len(row) ** 2:
        return masked(row)
    return ByPath(tuple(_path(path, own, fused) for path, own in sides))


def trees_of(row: Row) -> Sequence[Row]:
    """The trees of a row, each as a row of its own; their sequences stay in order."""
    starts = [*np.flatnonzero(row.positions == 0).tolist(), len(row)]
    found = []
    for start, stop in itertools.pairwise(starts):
        here: NDArray[np.bool_] = (row.last >= start) & (row.last < stop)
        found.append(
            Row(
                tokens=row.tokens[start:stop],
                positions=row.positions[start:stop],
                ends=row.ends[start:stop] - start,
                last=row.last[here] - start,
                members=row.members[here],
            )
        )
    return found


def attended(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, mask: torch.Tensor, scale: float
) -> torch.Tensor:
    """Attention under a mask: (heads, n, width)."""
    mask = mask.to(query.dtype)
    if query.dtype == torch.float32:
        # With a batch of one, for without it PyTorch does not take its fused kernel.
        sides = (query[None], key[None], value[None])
        return scaled_dot_product_attention(*sides, attn_mask=mask[None], scale=scale)[0]
    # PyTorch's fused kernel runs backwards five times slower in bf16 on a CPU than these.
    scores = torch.baddbmm(mask.expand(len(query), -1, -1), query, key.transpose(1, 2), alpha=scale)
    return scores.softmax(dim=-1) @ value


def causal(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, scale: float
) -> torch.Tensor:
    """Attention of a text: (heads, n, width)."""
    sides = (query[None], key[None], value[None])
    return scaled_dot_product_attention(*sides, is_causal=True, scale=scale)[0]


def _cost(length: int, own: int, fused: bool) -> float:
    """What a path costs, in products of a query and a key."""
    copied = 0 if length == own else COPIED * length
    return min(own * length, length**2 / 2 if fused else np.inf) + copied + CALLED


def _path(nodes: NDArray[np.int64], own: int, fused: bool) -> Path:
    length = len(nodes)
    shared = length - own
    if fused and own >= length / 2:
        return Path(torch.from_numpy(nodes), shared, None)
    seen = torch.ones(1, own, length, dtype=torch.bool).tril(shared)
    mask = torch.zeros(1, own, length).masked_fill_(~seen, -torch.inf)
    return Path(torch.from_numpy(nodes), shared, mask)
