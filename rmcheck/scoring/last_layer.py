"""The last layer of a decoder, where only some nodes are read.

Keys and values of its attention come from all nodes. What follows works on each node alone, and
nobody reads the others, so that its MLP, two thirds of a layer, is computed for the nodes that end
a text.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import torch

LAYERS = ("h", "layers", "blocks")
"""What backbones of `transformers` call the list of their layers."""


@contextlib.contextmanager
def read_only_at(model: Any, nodes: torch.Tensor) -> Iterator[None]:
    """Within it, the last layer's MLP gives 0 for all but these nodes of a row, shape (k,).

    A model whose last MLP is not found, or gives more than one tensor (a mixture of experts may),
    computes all nodes as before.
    """
    mlp = last_mlp(model)
    if mlp is None:
        yield
        return
    width = 0

    def pick(_: torch.nn.Module, given: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        nonlocal width
        width = given[0].shape[1]
        return (given[0].index_select(1, nodes), *given[1:])

    def spread(_: torch.nn.Module, __: object, found: torch.Tensor) -> torch.Tensor:
        whole = found.new_zeros(found.shape[0], width, found.shape[2])
        return whole.index_copy_(1, nodes, found)

    hooks = (mlp.register_forward_pre_hook(pick), mlp.register_forward_hook(spread))
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def last_mlp(model: Any) -> torch.nn.Module | None:
    """The MLP of the backbone's last layer, if it takes states and gives states of that shape."""
    backbone = getattr(model, model.base_model_prefix)
    layers = next((getattr(backbone, name) for name in LAYERS if hasattr(backbone, name)), None)
    if not isinstance(layers, torch.nn.ModuleList) or not len(layers):
        return None
    mlp = getattr(layers[-1], "mlp", None)
    width = getattr(model.config.get_text_config(), "hidden_size", None)
    if not isinstance(mlp, torch.nn.Module) or width is None:
        return None
    weight = next(mlp.parameters(), None)
    if weight is None:
        return None
    try:
        states = torch.zeros(1, 1, width, dtype=weight.dtype, device=weight.device)
        found = mlp(states)
    except Exception:  # it wants something else than states, in any way it likes
        return None
    return mlp if isinstance(found, torch.Tensor) and found.shape == states.shape else None
