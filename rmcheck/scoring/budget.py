"""How many tokens a call of a model computes, and which rows of a forest share one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from rmcheck.scoring.forest import Row

Ids = NDArray[np.int64]

ALIKE = 0.9
"""Rows at least this share of the longest row's length share a call."""


def budgets(device: torch.device) -> tuple[int, int]:
    """Nodes a row and tokens a call: (row, call).

    Linear layers work on all tokens of a call at once, so short rows cost them nothing and save
    attention, t / (6 width) of a row's other work. The 2,748 texts of the shipped pairs need
    174,317 nodes in rows of 256 and 173,400 in rows of 512, which pay twice as much for attention.
    Where chunks attend apart (`rmcheck.scoring.chunks`), a row is as long as a call.
    """
    if device.type != "cpu":
        return 1024, 16384
    return 256, 1024


def calls(rows: Iterable[Row], budget: int, *, padded: bool = True) -> Iterator[list[Row]]:
    """Rows put together, at most `budget` nodes (padding included) a call.

    Where shorter rows are `padded`, one much shorter than the longest begins a call of its own:
    padding costs more than a call.
    """
    together: list[Row] = []
    size = 0
    for row in sorted(rows, key=len, reverse=True):
        if together:
            widest = len(together[0]) if padded else 0
            grown = max(size + len(row), (len(together) + 1) * widest)
            if grown > budget or len(row) < ALIKE * widest:
                yield together
                together, size = [], 0
        together.append(row)
        size += len(row)
    if together:
        yield together


def probe_sequences(unique: Sequence[Ids], length: int = 96) -> list[Ids]:
    """A few short texts that share prefixes, and the longest one: what a wrong mask would break."""
    longest = max(unique, key=len)
    start = longest[:length]
    half = len(start) // 2
    branch = np.concatenate([start[:half], start[half:][::-1]])
    other = min(unique, key=lambda ids: abs(len(ids) - length))
    return [longest, start, branch, other[: 2 * length], start[: half + 1]]
