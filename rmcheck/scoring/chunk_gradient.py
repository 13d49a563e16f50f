"""Attention of chunks for training, with a backward pass of its own.

It calls the kernels that PyTorch's attention calls on a CPU. What it leaves out is between them: a
tensor of zeros and a sum for each of the gathered states of each call, and copies of states.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch.autograd.function import once_differentiable

# Kernels that are not part of the documented API; without them PyTorch's attention is called.
_FORWARD = getattr(torch.ops.aten, "_scaled_dot_product_flash_attention_for_cpu", None)
_BACKWARD = getattr(torch.ops.aten, "_scaled_dot_product_flash_attention_for_cpu_backward", None)


class Part(Protocol):
    """What is asked of `rmcheck.scoring.chunks.Chunks`, with the same attributes."""

    @property
    def queries(self) -> torch.Tensor: ...
    @property
    def keys(self) -> torch.Tensor: ...
    @property
    def mask(self) -> torch.Tensor: ...
    @property
    def own(self) -> torch.Tensor | None: ...


def is_for(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> bool:
    """Whether `attend` is for these states: in float32 on a CPU, and a gradient is asked for.

    Autocast would have attention compute in another precision, whatever theirs is.
    """
    states = (query, key, value)
    there = _FORWARD is not None and _BACKWARD is not None
    suited = all(each.dtype == torch.float32 and each.device.type == "cpu" for each in states)
    asked = torch.is_grad_enabled() and any(each.requires_grad for each in states)
    return there and suited and asked and not torch.is_autocast_enabled("cpu")


def attend(
    parts: Sequence[Part],
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    scale: float,
) -> torch.Tensor:
    """Attention of all nodes, (t, heads, width), of states of this shape."""
    found: torch.Tensor = _Attention.apply(parts, scale, query, key, value)  # type: ignore[no-untyped-call]
    return found


class _Attention(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, parts: Sequence[Part], scale: float, *states: torch.Tensor
    ) -> torch.Tensor:
        assert _FORWARD is not None
        count, heads, width = states[0].shape
        query, key, value = (each.reshape(count, heads * width) for each in states)
        whole = query.new_empty(count, heads * width)
        kept: list[torch.Tensor] = []
        for part in parts:
            shape = (len(part.mask), -1, heads, width)
            sides = [
                each.index_select(0, nodes).view(shape).transpose(1, 2)
                for each, nodes in ((query, part.queries), (key, part.keys), (value, part.keys))
            ]
            found, sums = _FORWARD(*sides, 0.0, False, attn_mask=part.mask, scale=scale)
            # A place that is filled up gives what the node it is filled with gives.
            whole.index_copy_(0, part.queries, found.transpose(1, 2).reshape(-1, heads * width))
            kept += [*sides, found, sums]
        ctx.save_for_backward(*kept)
        ctx.parts, ctx.scale = parts, scale
        return whole.view(count, heads, width)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, given: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        assert _BACKWARD is not None
        count, heads, width = given.shape
        flat = given.reshape(count, heads * width)
        of_query, of_key, of_value = (torch.zeros_like(flat) for _ in range(3))
        kept = iter(ctx.saved_tensors)
        for part in ctx.parts:
            inputs = [next(kept) for _ in range(5)]
            wanted = flat.index_select(0, part.queries)
            if part.own is not None:  # what fills up a chunk is read by nobody
                own = wanted.index_select(0, part.own)
                wanted = torch.zeros_like(wanted).index_copy_(0, part.own, own)
            found = _BACKWARD(
                wanted.view(len(part.mask), -1, heads, width).transpose(1, 2),
                *inputs,
                0.0,
                False,
                attn_mask=part.mask,
                scale=ctx.scale,
            )
            sides = zip(
                (of_query, of_key, of_value),
                (part.queries, part.keys, part.keys),
                found,
                strict=True,
            )
            for whole, nodes, each in sides:
                whole.index_add_(0, nodes, each.transpose(1, 2).reshape(-1, heads * width))
        return None, None, *(each.view(given.shape) for each in (of_query, of_key, of_value))
