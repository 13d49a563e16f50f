"""The running reward: what a causal model's head gives after each token of a text."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from rmcheck.errors import SourceError
from rmcheck.scoring.loading import head_scaled
from rmcheck.scoring.precision import TOLERANCE, full_precision
from rmcheck.scoring.reading import head_of

Ids = NDArray[np.int64]


def running_rewards(
    model: Any, ids: Ids, *, dtype: str, pooling: str = "last", head_scale: float = 1.0
) -> NDArray[np.float64]:
    """The reward of each beginning of a text, shape (t,); the last one is the text's own.

    Parameters
    ----------
    model
        A sequence-classification model with one label.
    ids
        Token ids of the text, shape (t,), t >= 1.
    dtype
        The precision in which it computes.
    pooling
        `last` or `mean`, as for `Scorer`.
    head_scale
        A factor of the head's weights.

    Raises
    ------
    SourceError
        For a model whose reward of a beginning depends on what follows it (an encoder).
    """
    if head_of(model) is None:
        raise SourceError(
            f"{type(model).__name__} reads the whole text at once, so that it has no reward after "
            "each token; expected a causal model"
        )
    rewards = _read(model, ids, dtype, pooling, head_scale)
    half = max(1, len(ids) // 2)
    before = float(_read(model, ids[:half], dtype, pooling, head_scale)[-1])
    if abs(before - rewards[half - 1]) > TOLERANCE[dtype] * max(1.0, abs(before)):
        raise SourceError(
            f"{type(model).__name__}: the reward after {half} tokens changes with the tokens that "
            "follow; expected a causal model"
        )
    return rewards


def _read(model: Any, ids: Ids, dtype: str, pooling: str, head_scale: float) -> NDArray[np.float64]:
    backbone = getattr(model, model.base_model_prefix)
    tokens = torch.from_numpy(ids)[None].to(next(backbone.parameters()).device)
    with torch.inference_mode(), full_precision(dtype), head_scaled(model, head_scale):
        hidden = backbone(
            input_ids=tokens, attention_mask=torch.ones_like(tokens), use_cache=False
        )[0]
        if pooling == "mean":
            counts = torch.arange(1, tokens.shape[1] + 1, device=hidden.device)
            hidden = hidden.float().cumsum(dim=1) / counts[:, None]
        found: NDArray[np.float64] = model.score(hidden)[0, :, 0].double().cpu().numpy()
    return found
