"""The last layer of a decoder, where only some nodes are read.

Keys and values of its attention come from all nodes. What follows works on each node alone, and
nobody reads the others, so that its MLP, two thirds of a layer, is computed for the nodes that end
a text. Where these are few, so are its attention and the product after it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch.nn.functional import scaled_dot_product_attention

LAYERS = ("h", "layers", "blocks")
"""What backbones of `transformers` call the list of their layers."""

ATTENTION = ("attn", "self_attn", "attention", "self_attention")
AFTER = ("c_proj", "o_proj", "out_proj", "dense", "wo")
"""The same of a layer's attention, and of the product that follows it."""

FEW = 64
"""Nodes whose attention to all others costs less than that of all nodes in chunks."""


@dataclass(frozen=True)
class Few:
    """The only nodes whose attention is read.

    Attributes
    ----------
    nodes
        Shape (k,).
    paths
        What each may see of all nodes, shape (k, t), boolean.
    """

    nodes: torch.Tensor
    paths: torch.Tensor

    def attend(
        self, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, scale: float
    ) -> torch.Tensor:
        """Attention of states (t, heads, width) each: of these nodes, and 0 of the others."""
        own = query.index_select(0, self.nodes)
        one, other, third = (each.transpose(0, 1)[None] for each in (own, key, value))
        found = scaled_dot_product_attention(one, other, third, self.paths, scale=scale)
        return torch.zeros_like(query).index_copy(0, self.nodes, found[0].transpose(0, 1))


@contextlib.contextmanager
def read_only_at(model: Any, nodes: torch.Tensor, paths: torch.Tensor) -> Iterator[None]:
    """Within it, the last layer gives what is right at these nodes of a row only, shape (k,).

    Its MLP gives 0 for the others, and so do attention and the product after it if there are at
    most `FEW` nodes. A model whose last MLP is not found, or gives more than one tensor (a mixture
    of experts may), computes all nodes as before.

    Parameters
    ----------
    paths
        Which nodes each of them may see, shape (k, t), boolean.
    """
    mlp = last_mlp(model)
    if mlp is None:
        yield
        return
    with contextlib.ExitStack() as within:
        within.enter_context(_computed_at(mlp, nodes))
        attention, product = _last_attention(model)
        if product is not None and len(nodes) <= FEW:
            within.enter_context(_computed_at(product, nodes))
            attention.few = Few(nodes, paths)
            within.callback(delattr, attention, "few")
        yield


def few_of(attention: Any) -> Few | None:
    """The nodes that are read of a module's attention; None: all."""
    found: Few | None = getattr(attention, "few", None)
    return found


@contextlib.contextmanager
def _computed_at(module: torch.nn.Module, nodes: torch.Tensor) -> Iterator[None]:
    """Within it, a module that works on each node alone does so for these nodes of a row."""
    width = 0

    def pick(_: torch.nn.Module, given: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        nonlocal width
        width = given[0].shape[1]
        return (given[0].index_select(1, nodes), *given[1:])

    def spread(_: torch.nn.Module, __: object, found: torch.Tensor) -> torch.Tensor:
        whole = found.new_zeros(found.shape[0], width, found.shape[2])
        return whole.index_copy_(1, nodes, found)

    hooks = (module.register_forward_pre_hook(pick), module.register_forward_hook(spread))
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _last_layer(model: Any) -> torch.nn.Module | None:
    backbone = getattr(model, model.base_model_prefix)
    layers = next((getattr(backbone, name) for name in LAYERS if hasattr(backbone, name)), None)
    return layers[-1] if isinstance(layers, torch.nn.ModuleList) and len(layers) else None


def _last_attention(model: Any) -> tuple[Any, torch.nn.Module | None]:
    """The last layer's attention, and the product after it; None where it is not found."""
    layer = _last_layer(model)
    attention = next((found for name in ATTENTION if (found := getattr(layer, name, None))), None)
    product = next((found for name in AFTER if (found := getattr(attention, name, None))), None)
    return attention, product if isinstance(product, torch.nn.Module) else None


def last_mlp(model: Any) -> torch.nn.Module | None:
    """The MLP of the backbone's last layer, if it takes states and gives states of that shape."""
    mlp = getattr(_last_layer(model), "mlp", None)
    width = getattr(model.config.get_text_config(), "hidden_size", None)
    if not isinstance(mlp, torch.nn.Module) or width is None:
        return None
    if mlp not in _TRIED:
        _TRIED[mlp] = _keeps_shape(mlp, width)
    return mlp if _TRIED[mlp] else None


_TRIED: WeakKeyDictionary[torch.nn.Module, bool] = WeakKeyDictionary()
"""Whether an MLP takes states and gives states; a trial costs as much as one percent of a step."""


def _keeps_shape(mlp: torch.nn.Module, width: int) -> bool:
    weight = next(mlp.parameters(), None)
    if weight is None:
        return False
    try:
        states = torch.zeros(1, 1, width, dtype=weight.dtype, device=weight.device)
        found = mlp(states)
    except Exception:  # it wants something else than states, in any way it likes
        return False
    return isinstance(found, torch.Tensor) and found.shape == states.shape
