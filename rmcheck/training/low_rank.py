"""LoRA layers with less memory traffic: the same sum in fewer matrix products and passes."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
from torch.autograd.function import once_differentiable

from rmcheck.training.peft_compat import LoraParts, plain_parts

MERGED = 2**19
"""Elements of the largest weight that is merged with A and B in each step, two megabytes.

The sum is kept for the backward pass; of wider layers these copies would be as large as the model.
"""


class LowRank:
    """x W + bias + scale (x A) B of one PEFT layer, with gradients for x, A and B.

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
        flat = x.reshape(-1, x.shape[-1])
        if dtype == torch.float32 and flat.dtype == dtype == self._down.dtype == self._up.dtype:
            whole: torch.Tensor = _Sum.apply(  # type: ignore[no-untyped-call]
                flat, weight, bias, self._down, self._up, self._scale
            )
            return whole.view(*x.shape[:-1], -1)
        with torch.autocast(kind, enabled=False):
            flat = flat.to(dtype)
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


class _Sum(torch.autograd.Function):
    """x W + bias + scale (x A) B in float32, with W and bias frozen.

    A small weight is merged first, W + scale A B, so that x and its gradient take one product each.
    In lower precisions that sum would lose the digits of A B.
    """

    @staticmethod
    def forward(
        ctx: Any,
        x: torch.Tensor,
        weight: torch.Tensor,
        bias: torch.Tensor | None,
        down: torch.Tensor,
        up: torch.Tensor,
        scale: float,
    ) -> torch.Tensor:
        ctx.merged = weight.numel() <= MERGED
        ctx.scale = scale
        if ctx.merged:
            weight = torch.addmm(weight, down.t(), up.t(), alpha=scale)
        out = x @ weight if bias is None else torch.addmm(bias, x, weight)
        if not ctx.merged:
            out.addmm_(x @ down.t(), up.t(), alpha=scale)
        ctx.save_for_backward(x, weight, down, up)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, given: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        x, weight, down, up = ctx.saved_tensors
        low = given @ up
        up_gradient = ((x @ down.t()).t() @ given).mul_(ctx.scale).t()
        down_gradient = (low.t() @ x).mul_(ctx.scale)
        x_gradient = None
        if ctx.needs_input_grad[0]:
            x_gradient = given @ weight.t()
            if not ctx.merged:
                x_gradient.addmm_(low, down, alpha=ctx.scale)
        return x_gradient, None, None, down_gradient, up_gradient, None


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
