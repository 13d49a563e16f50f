"""Length-sorted, right-padded batches, for models that cannot read a prefix forest."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.int64]


@dataclass(frozen=True)
class Batch:
    """`members` of the sequences, padded on the right: `tokens` and `mask` have shape (k, t)."""

    tokens: Ids
    mask: Ids
    members: Ids


def batches(sequences: Sequence[Ids], order: Iterable[int], budget: int, pad: int) -> list[Batch]:
    """Sequences of like length together, at most `budget` tokens with padding a batch.

    Parameters
    ----------
    sequences
        Token ids, each of shape (length,).
    order
        Which of them to batch.
    budget
        Tokens a batch, padding included; one sequence may exceed it.
    pad
        The id that fills up.
    """
    members = sorted(order, key=lambda index: (len(sequences[index]), index), reverse=True)
    found: list[Batch] = []
    start = 0
    while start < len(members):
        width = len(sequences[members[start]])
        count = max(1, budget // max(width, 1))
        found.append(padded(sequences, members[start : start + count], pad))
        start += count
    return found


def padded(sequences: Sequence[Ids], members: Sequence[int], pad: int) -> Batch:
    """One batch of `members`."""
    width = max(len(sequences[member]) for member in members)
    tokens = np.full((len(members), width), pad, dtype=np.int64)
    mask = np.zeros((len(members), width), dtype=np.int64)
    for row, member in enumerate(members):
        ids = sequences[member]
        tokens[row, : len(ids)] = ids
        mask[row, : len(ids)] = 1
    return Batch(tokens, mask, np.array(members, dtype=np.int64))
