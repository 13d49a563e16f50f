"""Reward models whose head is a value head: one linear layer that transformers does not know.

TRL writes it as ``v_head.summary`` among the model's weights, OpenRLHF as ``value_head``, and
LlamaFactory as ``v_head.summary`` into a file of its own, ``value_head.safetensors`` or ``.bin``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open

from rmcheck.errors import SourceError

NAMES = ("v_head.summary", "value_head", "v_head")
"""Layers that are value heads; the reward is their one output at the last token."""


def value_head(folder: Path) -> Mapping[str, torch.Tensor] | None:
    """`weight` and, where there is one, `bias` of the value head in a model folder.

    Raises
    ------
    SourceError
        When a file of weights cannot be read, or the head is not one linear layer.
    """
    found: dict[str, torch.Tensor] = {}
    for path in (*sorted(folder.glob("*.safetensors")), *sorted(folder.glob("*.bin"))):
        try:
            found |= dict(_heads_in(path))
        except Exception as error:  # each format's reader raises errors of its own
            said = " ".join(str(error).split())[:200]
            raise SourceError(f"{path}: cannot be read ({said})") from None
    for name in NAMES:
        weight = found.get(f"{name}.weight")
        if weight is None:
            continue
        if weight.dim() != 2 or len(weight) != 1:
            raise SourceError(
                f"{folder}: {name}.weight has the shape {tuple(weight.shape)}; expected (1, width)"
            )
        bias = found.get(f"{name}.bias")
        return {"weight": weight} | ({} if bias is None else {"bias": bias})
    if found:
        names = ", ".join(sorted(found)[:3])
        raise SourceError(
            f"{folder}: its value head is not one linear layer ({names}); compute its scores and "
            "give them as a file (scores:FILE)"
        )
    return None


def _heads_in(path: Path) -> Iterator[tuple[str, torch.Tensor]]:
    starts = tuple(f"{name.partition('.')[0]}." for name in NAMES)
    if path.suffix == ".safetensors":
        with safe_open(str(path), framework="pt") as tensors:
            for name in tensors.keys():  # noqa: SIM118 (not a mapping)
                if name.startswith(starts):
                    yield name, tensors.get_tensor(name)
        return
    loaded = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    if isinstance(loaded, Mapping):
        for name, value in loaded.items():
            if str(name).startswith(starts):
                yield str(name), value


def with_value_head(model: Any, head: Mapping[str, torch.Tensor], name: str) -> None:
    """Replace the model's `score` layer by a value head.

    Raises
    ------
    SourceError
        For a model without such a layer, or of another width.
    """
    score = getattr(model, "score", None)
    weight = head["weight"].float()
    if not isinstance(score, torch.nn.Linear) or score.in_features != weight.shape[1]:
        raise SourceError(
            f"{name}: its value head has width {weight.shape[1]}, and {type(model).__name__} has "
            "no head of that width on its last state"
        )
    layer = torch.nn.Linear(score.in_features, 1, bias="bias" in head)
    layer.load_state_dict({key: value.float() for key, value in head.items()})
    model.score = layer
    model.config.num_labels = model.num_labels = 1
