"""A prefix forest for a GPU: the mask as a function of two places, rows of one fixed length.

`flex_attention` is given the rule of the forest itself (token j attends to token i where
i <= j < end(i)) and skips blocks in which nobody attends to anybody, so no mask of t x t entries is
ever in memory, and a kernel is compiled once for rows of one length. Compiling takes a while: it
pays from `LEAST` nodes on. The mask of `rmcheck.scoring.reading` is what smaller work takes, and
models that do not know this attention.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from rmcheck.scoring.forest import Forest, Row
from rmcheck.scoring.reading import Reading, read_forest, rewards_at
from rmcheck.scoring.transformers_compat import attention_of

LEAST = 1_000_000
"""Nodes of a forest from which compiling the kernel pays."""
NAME = "flex_attention"

MaskFunction = Callable[[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]
"""(batch, head, query, key) to whether the query attends to the key."""
Forward = Callable[[Callable[[], torch.Tensor]], NDArray[np.float64]]
"""Computes a reading as the scorer does: without gradients, in its precision."""


def fixed_length(rows: Sequence[Row], budget: int) -> int:
    """The length that all rows are padded to: the budget, doubled until the longest row fits.

    >>> row = Row(*[np.arange(1100)] * 3, np.array([0]), np.array([0]))
    >>> fixed_length([row], 1024)
    2048
    """
    length, longest = budget, max(len(row) for row in rows)
    while length < longest:
        length *= 2
    return length


@dataclass(frozen=True)
class BlockReading:
    """Rows stacked for one call of a model, padded to one length.

    Attributes
    ----------
    tokens, positions, ends
        Shape (r, t); a padding node's subtree is itself, so that it attends to itself alone.
    rows, last
        Shape (k,): the row of each sequence and the node at which it ends.
    """

    tokens: torch.Tensor
    positions: torch.Tensor
    ends: torch.Tensor
    rows: torch.Tensor
    last: torch.Tensor

    @classmethod
    def of(
        cls, rows: Sequence[Row], length: int, device: torch.device | str = "cpu"
    ) -> BlockReading:
        """The rows as tensors on `device`; sequences in the order of the rows' members."""
        tokens = np.zeros((len(rows), length), dtype=np.int64)
        positions = np.zeros((len(rows), length), dtype=np.int64)
        ends = np.tile(np.arange(1, length + 1), (len(rows), 1))
        for place, row in enumerate(rows):
            tokens[place, : len(row)] = row.tokens
            positions[place, : len(row)] = row.positions
            ends[place, : len(row)] = row.ends
        row_of = np.repeat(np.arange(len(rows)), [len(row.last) for row in rows])
        last = np.concatenate([row.last for row in rows])
        made = (tokens, positions, ends, row_of, last)
        return cls(*(torch.from_numpy(each).to(device) for each in made))

    def mask_function(self) -> MaskFunction:
        """Who attends to whom, as a rule over places."""
        ends = self.ends

        def allowed(
            row: torch.Tensor, _: torch.Tensor, query: torch.Tensor, key: torch.Tensor
        ) -> torch.Tensor:
            return (key <= query) & (query < ends[row, key])

        return allowed

    def block_mask(self) -> Any:
        """The mask function with the blocks in which it is true anywhere."""
        from torch.nn.attention.flex_attention import create_block_mask

        count, length = self.tokens.shape
        device = self.tokens.device
        return create_block_mask(
            self.mask_function(), count, None, length, length, device=str(device)
        )

    def paths(self) -> torch.Tensor:
        """Which nodes each sequence reads, shape (k, t), boolean."""
        node = torch.arange(self.tokens.shape[1], device=self.tokens.device)
        last = self.last[:, None]
        return (node <= last) & (last < self.ends[self.rows])


@contextlib.contextmanager
def flexible(model: Any) -> Iterator[bool]:
    """In this context the model attends by `flex_attention`; yields whether it can."""
    if not getattr(model, "_supports_flex_attn", False):
        yield False
        return
    before = attention_of(model)
    model.set_attn_implementation(NAME)
    try:
        yield True
    finally:
        model.set_attn_implementation(before)


def read_blocks(model: Any, reading: BlockReading, pooling: str = "last") -> torch.Tensor:
    """Rewards at the forest's sequences, shape (k,), float32; within `flexible` only."""
    backbone = getattr(model, model.base_model_prefix)
    hidden = backbone(
        input_ids=reading.tokens,
        attention_mask=reading.block_mask(),
        position_ids=reading.positions,
        use_cache=False,
    )[0]
    return rewards_at(model, hidden, reading, pooling)


class Blocks:
    """Whether a model's forests are read with block masks, and the reading itself.

    Parameters
    ----------
    model
        On a GPU; elsewhere nothing is read so, unless `least` says it.
    pooling
        `last` or `mean`.
    tolerance
        By how much scores may differ from those with a mask in memory.
    least
        Nodes of a forest from which it is used.

    Attributes
    ----------
    remark
        Why it is not used although the forest is large enough; empty otherwise.
    """

    def __init__(
        self, model: Any, pooling: str, tolerance: float, least: float | None = None
    ) -> None:
        self.model = model
        self.pooling = pooling
        self.tolerance = tolerance
        self.remark = ""
        on_gpu = next(model.parameters()).device.type == "cuda"
        self._least = least if least is not None else LEAST if on_gpu else math.inf
        self._right: bool | None = None

    def suit(self, forest: Forest, budget: int, forward: Forward) -> bool:
        """Whether `forest` is large enough and the kernel gives what a mask in memory gives.

        Tried once, on the two shortest rows; `forward` computes a reading.
        """
        if forest.n_tokens < self._least:
            return False
        if self._right is None:
            rows = sorted(forest.rows, key=len)[:2]
            self._right = self._is_right(rows, budget, forward)
        return self._right

    def _is_right(self, rows: Sequence[Row], budget: int, forward: Forward) -> bool:
        with flexible(self.model) as able:
            if not able:
                return False
        device = next(self.model.parameters()).device
        expected = forward(lambda: read_forest(self.model, Reading.of(rows, device), self.pooling))
        try:
            found = forward(lambda: self.read(rows, budget))
        except Exception as error:  # whatever compiling a kernel may raise
            self.remark = f"block masks off ({type(error).__name__}); using masks in memory"
            return False
        far = np.abs(found - expected) / np.maximum(1.0, np.abs(expected))
        if (far <= self.tolerance).all():
            return True
        self.remark = f"block masks off: scores differ by {far.max():.1e}; using masks in memory"
        return False

    def read(self, rows: Sequence[Row], budget: int) -> torch.Tensor:
        """Rewards at the sequences of `rows`, shape (k,), float32."""
        device = next(self.model.parameters()).device
        with flexible(self.model):
            length = fixed_length(rows, budget)
            return read_blocks(self.model, BlockReading.of(rows, length, device), self.pooling)
