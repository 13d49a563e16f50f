"""Reward models whose head is a value head: one linear layer that transformers does not know.

TRL writes it as ``v_head.summary`` among the model's weights, OpenRLHF as ``value_head``, and
LlamaFactory as ``v_head.summary`` into a file of its own, ``value_head.safetensors`` or ``.bin``.

OpenRLHF 0.11.0 (openrlhf/models/model.py, openrlhf/trainer/rm_trainer.py) names the layer in
config.json (`value_head_prefix`, by default `score`), and keeps mean and standard deviation of the
rewards there (`mean`, `std`): where `normalize_reward` is true, the reward is (r - mean) / std.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open

from rmcheck.errors import SourceError
from rmcheck.scoring.model_json import TRAINED_BY_OPENRLHF

NAMES = ("v_head.summary", "value_head", "v_head")
"""Layers that are value heads; the reward is their one output at the last token."""


def of_openrlhf(config: Any) -> bool:
    """Whether a configuration was saved by OpenRLHF, whose reward models have one output."""
    return any(hasattr(config, key) for key in TRAINED_BY_OPENRLHF)


def value_head(folder: Path, prefix: str = "") -> Mapping[str, torch.Tensor] | None:
    """`weight` and, where there is one, `bias` of the value head in a model folder.

    `prefix` is the layer's name where the configuration says it.

    Raises
    ------
    SourceError
        When a file of weights cannot be read, or the head is not one linear layer.
    """
    names = tuple(name for name in (prefix, *NAMES) if name)
    found: dict[str, torch.Tensor] = {}
    for path in (*sorted(folder.glob("*.safetensors")), *sorted(folder.glob("*.bin"))):
        try:
            found |= dict(_heads_in(path, names))
        except Exception as error:  # each format's reader raises errors of its own
            said = " ".join(str(error).split())[:200]
            raise SourceError(f"{path}: cannot be read ({said})") from None
    for name in names:
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
        some = ", ".join(sorted(found)[:3])
        raise SourceError(
            f"{folder}: its value head is not one linear layer ({some}); compute its scores and "
            "give them as a file (scores:FILE)"
        )
    return None


def _heads_in(path: Path, names: Sequence[str]) -> Iterator[tuple[str, torch.Tensor]]:
    starts = tuple(f"{name.partition('.')[0]}." for name in names)
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


def normalise(model: Any, name: str) -> None:
    """Put OpenRLHF's mean and standard deviation of the rewards into the head, if they count.

    Raises
    ------
    SourceError
        For values that are not numbers, and for a standard deviation that is not above 0.
    """
    config = model.config
    if not getattr(config, "normalize_reward", False):
        return
    mean, std = getattr(config, "mean", 0.0), getattr(config, "std", 1.0)
    for key, value in (("mean", mean), ("std", std)):
        sound = isinstance(value, (int, float)) and math.isfinite(value)
        if not sound or (key == "std" and value <= 0):
            raise SourceError(
                f"{name}: config.json: {key}: expected a number{' above 0' * (key == 'std')} for "
                f"normalize_reward, got {value!r}"
            )
    head = getattr(model, "score", None)
    if not isinstance(head, torch.nn.Linear):
        raise SourceError(
            f"{name}: config.json asks for normalize_reward, but {type(model).__name__} has no "
            "linear head; set normalize_reward to false"
        )
    layer = torch.nn.Linear(head.in_features, head.out_features)
    with torch.no_grad():
        layer.weight.copy_(head.weight / std)
        layer.bias.copy_(((0.0 if head.bias is None else head.bias) - mean) / std)
    model.score = layer
