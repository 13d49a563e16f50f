"""The prefix forest: every prefix that several sequences share is computed once.

A causal model gives a token the same hidden state whatever follows it. Sequences sorted
lexicographically form a trie in depth-first order; laid out as one row, token j may attend to
token i where i <= j < end(i), the end of i's subtree, and its position is its depth.
"""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.int64]

SHARED = 8
"""Neighbours that share fewer tokens than this (`Human:`, for example) may be separated."""

GROWTH = 3
"""A row may grow to 1 + GROWTH times its budget where nearly everything in it is shared."""


@dataclass(frozen=True)
class Row:
    """A trie (or several) as one sequence of t nodes in depth-first order.

    Attributes
    ----------
    tokens, positions, ends
        Shape (t,): token id, depth in the trie, and the end (exclusive) of the node's subtree.
    last
        Shape (k,): the node at which each of the k sequences ends.
    members
        Shape (k,): which sequence that is, an index into the forest's unique sequences.
    """

    tokens: Ids
    positions: Ids
    ends: Ids
    last: Ids
    members: Ids

    def __len__(self) -> int:
        return len(self.tokens)

    def mask(self) -> NDArray[np.bool_]:
        """Who attends to whom: (t, t), [j, i] is true where i <= j < end(i)."""
        node = np.arange(len(self))
        allowed: NDArray[np.bool_] = (node <= node[:, None]) & (node[:, None] < self.ends)
        return allowed


@dataclass(frozen=True)
class Forest:
    """Rows that together hold every sequence once.

    `places[i]` is the unique sequence of the i-th input: equal inputs share one.
    """

    rows: tuple[Row, ...]
    places: Ids
    n_unique: int

    @cached_property
    def n_tokens(self) -> int:
        """Tokens that a model computes for this forest."""
        return sum(len(row) for row in self.rows)


def plant(sequences: Sequence[Ids], budget: int, *, packed: bool = True) -> Forest:
    """Lay token sequences out as a forest with rows of about `budget` nodes.

    Parameters
    ----------
    sequences
        Token ids, each of shape (length,) with length >= 1, in any order.
    budget
        Nodes a row holds at most; a longer sequence has a row of its own.
    packed
        Whether trees are put together until a row is full; otherwise each has a row of its own.

    Raises
    ------
    ValueError
        For an empty sequence.

    Notes
    -----
    Sequences that share `SHARED` tokens or more stay together, unless they overfill a row: then
    each further row computes their prefix again. Rows are filled best-fit by falling size.
    """
    if any(len(sequence) == 0 for sequence in sequences):
        raise ValueError("a sequence must hold one token or more")
    unique, places = distinct(sequences)
    shared = _shared_prefixes(unique)
    pieces = _pieces(unique, shared, budget)
    together = _packed(pieces, budget) if packed else [members for _, members in pieces]
    rows = tuple(_row(unique, shared, members) for members in together)
    return Forest(rows, places, len(unique))


def distinct(sequences: Sequence[Ids]) -> tuple[list[Ids], Ids]:
    """The different sequences in lexicographic order, and each input's index among them."""
    # As big-endian bytes, token sequences compare like texts, a prefix before its extensions.
    keys = [np.asarray(sequence, dtype=">u4").tobytes() for sequence in sequences]
    order = {key: index for index, key in enumerate(sorted(set(keys)))}
    places = np.array([order[key] for key in keys], dtype=np.int64)
    return [np.frombuffer(key, dtype=">u4").astype(np.int64) for key in order], places


def _shared_prefixes(unique: Sequence[Ids]) -> Ids:
    """How many tokens each sequence shares with the one before it; 0 for the first. Shape (n,)."""
    shared = np.zeros(len(unique), dtype=np.int64)
    for index in range(1, len(unique)):
        before, here = unique[index - 1], unique[index]
        length = min(len(before), len(here))
        different = np.flatnonzero(before[:length] != here[:length])
        shared[index] = different[0] if different.size else length
    return shared


def _pieces(unique: Sequence[Ids], shared: Ids, budget: int) -> list[tuple[int, list[int]]]:
    """Runs of sequences that belong into one row: (nodes, members)."""
    pieces: list[tuple[int, list[int]]] = []
    members: list[int] = []
    size = 0
    for index, sequence in enumerate(unique):
        common = int(shared[index])
        added = len(sequence) - common
        # Cutting here computes `common` tokens again, a longer row pays in attention: the more
        # is shared, the longer a row may grow.
        limit = budget * (1 + GROWTH * common / len(sequence))
        if members and (common < SHARED or size + added > limit):
            pieces.append((size, members))
            members, size = [], 0
        size += added if members else len(sequence)
        members.append(index)
    if members:
        pieces.append((size, members))
    return pieces


def _packed(pieces: list[tuple[int, list[int]]], budget: int) -> list[list[int]]:
    """Pieces put together into rows, best-fit by falling size; members sorted in each row."""
    rows: list[list[int]] = []
    free: list[tuple[int, int]] = []
    for size, members in sorted(pieces, key=lambda piece: (-piece[0], piece[1])):
        place = bisect.bisect_left(free, (size, -1))
        if place < len(free):
            room, row = free.pop(place)
            rows[row].extend(members)
        else:
            room, row = budget, len(rows)
            rows.append(list(members))
        if room > size:
            bisect.insort(free, (room - size, row))
    return [sorted(members) for members in rows]


def _row(unique: Sequence[Ids], shared: Ids, members: Sequence[int]) -> Row:
    """The row of `members`, indices in rising order."""
    tokens: list[Ids] = []
    positions: list[Ids] = []
    last: list[int] = []
    ends: list[Ids] = []
    path = np.zeros(max(len(unique[member]) for member in members), dtype=np.int64)
    node, depth = 0, 0
    closed = np.zeros(sum(len(unique[member]) for member in members), dtype=np.int64)
    for place, member in enumerate(members):
        sequence = unique[member]
        common = 0
        if place:
            # The prefix shared with a sequence further back is the least of those between.
            between = shared[members[place - 1] + 1 : member + 1]
            common = int(between.min())
        closed[path[common:depth]] = node
        added = sequence[common:]
        path[common : len(sequence)] = np.arange(node, node + len(added))
        tokens.append(added)
        positions.append(np.arange(common, len(sequence), dtype=np.int64))
        node += len(added)
        depth = len(sequence)
        last.append(node - 1)
    closed[path[:depth]] = node
    ends.append(closed[:node])
    return Row(
        tokens=np.concatenate(tokens),
        positions=np.concatenate(positions),
        ends=np.concatenate(ends),
        last=np.array(last, dtype=np.int64),
        members=np.array(members, dtype=np.int64),
    )
