"""The padding id of a model, and one that is not in any text of a batch."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import torch


def pad_token(model: Any, tokenizer: Any) -> int:
    """The padding id for batches; it is set in the configuration if missing there."""
    config = model.config.get_text_config()
    pad = tokenizer.pad_token_id
    if pad is None:
        pad = config.pad_token_id
    if pad is None:
        pad = tokenizer.eos_token_id
    if isinstance(pad, list):
        pad = pad[0]
    pad = int(pad or 0)
    if config.pad_token_id is None:
        config.pad_token_id = pad
    return pad


@contextlib.contextmanager
def absent_pad(model: Any, tokens: torch.Tensor, mask: torch.Tensor) -> Iterator[torch.Tensor]:
    """Pad with an id that is not in any text of the batch.

    `transformers` pools at the last token that is not the padding id; where padding and end of
    text are one token, a text that ends with it would be read too early.
    """
    config = model.config.get_text_config()
    known = config.pad_token_id
    used = set(tokens[mask.bool()].tolist())
    free = known if known is not None and known not in used else 0
    while free in used:
        free += 1
    config.pad_token_id = free if free < config.vocab_size else known
    try:
        yield tokens.masked_fill(~mask.bool(), config.pad_token_id)
    finally:
        config.pad_token_id = known
