"""LoRA layers with less memory traffic: the same sum, accumulated in the matrix products."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import torch

from rmcheck.training.peft_compat import LoraParts, plain_parts


class LowRank:
    """x W + bias + scale (x A) B of one PEFT layer, accumulated in place.

    PEFT makes a tensor for each of x W + bias, (x A) B, its multiple and the sum; where the layer
    is wide and the batch small, these passes cost as much as the products. Under autocast the
    frozen weight is cast once a training, not once a step.
    """

    def __init__(self, parts: LoraParts) -> None:
        self._weight, self._bias = parts.weight, parts.bias
        self._down, self._up = parts.down, parts.up
        self._scale = parts.scale
        self._cast: dict[torch.dtype, tuple[torch.Tensor, torch.Tensor | None]] = {}

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """What PEFT's layer gives for `x`, shape (..., in) to (..., out)."""
        kind = x.device.type
        dtype = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else x.dtype
        weight, bias = self._frozen(dtype)
        with torch.autocast(kind, enabled=False):
            flat = x.reshape(-1, x.shape[-1]).to(dtype)
            out = flat @ weight if bias is None else torch.addmm(bias, flat, weight)
            low = flat @ self._down.to(dtype).t()
            out.addmm_(low, self._up.to(dtype).t(), alpha=self._scale)
        return out.view(*x.shape[:-1], -1)

    def _frozen(self, dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor | None]:
        if dtype == self._weight.dtype:
            return self._weight, self._bias
        if dtype not in self._cast:
            # Tensors made in inference mode could not be used by a backward pass later.
            with torch.inference_mode(False), torch.no_grad():
                bias = None if self._bias is None else self._bias.to(dtype)
                self._cast[dtype] = self._weight.to(dtype), bias
        return self._cast[dtype]


@contextlib.contextmanager
def fused(model: Any) -> Iterator[int]:
    """In this context, plain LoRA layers of a PEFT model use `LowRank`; yields their number."""
    found = [(module, plain_parts(module)) for module in model.modules()]
    layers = [(module, parts) for module, parts in found if parts is not None]
    for layer, parts in layers:
        layer.forward = LowRank(parts)
    try:
        yield len(layers)
    finally:
        for layer, _ in layers:
            del layer.forward
