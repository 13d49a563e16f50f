"""A head with several objectives as one reward: one of them, or a weighted sum."""

from __future__ import annotations

import copy
from typing import Any

import torch

from rmcheck.errors import SourceError


def as_one_reward(model: Any, weights: list[float], name: str) -> Any:
    """The same model with the weighted sum of the head's outputs as its one output.

    All weights but the head's are shared with `model`, which stays as it is.

    Raises
    ------
    SourceError
        If no linear layer of the model has as many outputs as there are weights.
    """
    heads = [
        (path, module)
        for path, module in model.named_modules()
        if isinstance(module, torch.nn.Linear) and module.out_features == len(weights)
    ]
    if not heads:
        raise SourceError(f"{name}: no linear layer with {len(weights)} outputs found as its head")
    path, head = heads[-1]
    row = torch.tensor([weights], dtype=head.weight.dtype, device=head.weight.device)
    single = torch.nn.Linear(head.in_features, 1, bias=head.bias is not None)
    with torch.no_grad():
        single.weight.copy_(row @ head.weight)
        if head.bias is not None:
            single.bias.copy_(row @ head.bias)
    single.to(head.weight.device)
    made = _with_layer(model, path, single)
    if hasattr(made, "num_labels"):
        made.num_labels = 1
    return made


def _with_layer(module: Any, path: str, layer: torch.nn.Module) -> Any:
    """A copy of `module` with another layer at `path`; everything else is shared."""
    name, _, rest = path.partition(".")
    made = copy.copy(module)
    made._modules = dict(module._modules)
    made._modules[name] = _with_layer(module._modules[name], rest, layer) if rest else layer
    return made
