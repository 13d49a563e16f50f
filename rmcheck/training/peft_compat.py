"""Internals of PEFT's LoRA layers, which are not part of its public API.

If a release renames them, only this file changes. `tests/training/test_peft_compat.py` fails if
one of the names is missing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

# The layer's class tells a LoRA layer of linear weights from those of embeddings, convolutions
# and quantised weights, which are subclasses or classes of their own.
from peft.tuners.lora.layer import Linear
from peft.utils import TRANSFORMERS_MODELS_TO_LORA_TARGET_MODULES_MAPPING as LORA_TARGETS

from rmcheck.scoring.transformers_compat import Conv1D


def has_default_targets(model: Any) -> bool:
    """Whether PEFT knows by itself which layers of a model LoRA is for."""
    return getattr(model.config, "model_type", "") in LORA_TARGETS


@dataclass(frozen=True)
class LoraParts:
    """The tensors of a plain LoRA layer: x W + bias + scale (x A) B.

    Attributes
    ----------
    weight
        W, shape (in, out); frozen.
    bias
        Shape (out,), or None.
    down, up
        A and B as PEFT stores them, shapes (r, in) and (out, r); trained.
    scale
        alpha / r.
    """

    weight: torch.Tensor
    bias: torch.Tensor | None
    down: torch.Tensor
    up: torch.Tensor
    scale: float


def plain_parts(module: Any) -> LoraParts | None:
    """The parts of a layer that is LoRA and nothing else; None for any other.

    Plain is: no dropout, no DoRA, unquantised, one adapter, not merged.
    """
    if type(module) is not Linear or module.merged or module.disable_adapters:
        return None
    base = module.get_base_layer()
    if type(base) not in (Conv1D, torch.nn.Linear) or base.weight.requires_grad:
        return None
    if len(module.active_adapters) != 1:
        return None
    name = module.active_adapters[0]
    if (
        name not in module.lora_A
        or name in module.lora_variant
        or not isinstance(module.lora_dropout[name], torch.nn.Identity)
        or module.lora_B[name].bias is not None
    ):
        return None
    return LoraParts(
        weight=base.weight if isinstance(base, Conv1D) else base.weight.t(),
        bias=base.bias,
        down=module.lora_A[name].weight,
        up=module.lora_B[name].weight,
        scale=float(module.scaling[name]),
    )
