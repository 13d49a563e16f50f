"""Length-sorted, padded batches, for models that cannot read a prefix forest."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.int64]


@dataclass(frozen=True)
class Batch:
    """`members` of the sequences, padded to one length: `tokens` and `mask` have shape (k, t)."""

    tokens: Ids
    mask: Ids
    members: Ids


def batches(
    sequences: Sequence[Ids],
    order: Iterable[int],
    budget: int,
    pad: int,
    *,
    left: bool = False,
    alike: bool = False,
) -> list[Batch]:
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
    left
        Whether it fills up on the left.
    alike
        Whether only sequences of one length share a batch, so that nothing is filled up.
    """
    members = sorted(order, key=lambda index: (len(sequences[index]), index), reverse=True)
    found: list[Batch] = []
    start = 0
    while start < len(members):
        width = len(sequences[members[start]])
        count = max(1, budget // max(width, 1))
        if alike:
            others = members[start : start + count]
            count = sum(len(sequences[member]) == width for member in others)
        found.append(padded(sequences, members[start : start + count], pad, left=left))
        start += count
    return found


def padded(
    sequences: Sequence[Ids], members: Sequence[int], pad: int, *, left: bool = False
) -> Batch:
    """One batch of `members`, padded on the right, or on the `left`."""
    width = max(len(sequences[member]) for member in members)
    tokens = np.full((len(members), width), pad, dtype=np.int64)
    mask = np.zeros((len(members), width), dtype=np.int64)
    for row, member in enumerate(members):
        ids = sequences[member]
        place = slice(width - len(ids), None) if left else slice(len(ids))
        tokens[row, place] = ids
        mask[row, place] = 1
    return Batch(tokens, mask, np.array(members, dtype=np.int64))
