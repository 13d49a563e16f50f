"""A head with several objectives as one reward: one of them, or a weighted sum."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from typing import Any

import torch

from rmcheck.errors import SourceError, did_you_mean

_TERM = re.compile(r"(?:(?P<weight>[-+]?\d+(?:\.\d+)?)\*)?(?P<name>[^*]+)")


def weights_of(objective: str, names: Mapping[int, str], model: str) -> list[float]:
    """The weight of each output of a head, in its order.

    Parameters
    ----------
    objective
        A name (`helpful`), or a weighted sum of names (`0.7*helpful+0.3*harmless`).
    names
        The names of the outputs by their place; `id2label` of a configuration.
    model
        The model's name, for messages.

    Raises
    ------
    SourceError
        For a name that the model does not have, a name given twice, and what is not a sum.

    >>> weights_of("0.5*a+2*c", {0: "a", 1: "b", 2: "c"}, "m")
    [0.5, 0.0, 2.0]
    """
    places = {name: place for place, name in names.items()}
    weights = [0.0] * len(places)
    given: set[str] = set()
    whole = [objective] if objective in places else objective.split("+")
    for term in whole:
        found = _TERM.fullmatch(term.strip())
        name = found["name"].strip() if found else term
        if len(places) == 1 and name not in places:
            raise SourceError(
                f"{model}: objective {name!r}: the model has one output; remove the objective"
            )
        if name not in places:
            raise SourceError(f"{model}: objective {name!r}: {did_you_mean(name, places)}")
        if name in given:
            raise SourceError(f"{model}: objective {name!r} is given twice; give it once")
        given.add(name)
        weights[places[name]] = float(found["weight"] or 1) if found else 1.0
    return weights


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
