"""What a recipe asks of its base model: layers that LoRA adapts, a chat template."""

from __future__ import annotations

from typing import Any

import torch

from rmcheck.errors import TrainingError, did_you_mean
from rmcheck.scoring.transformers_compat import Conv1D
from rmcheck.training.recipe import Recipe

ADAPTED = (torch.nn.Linear, torch.nn.Embedding, torch.nn.Conv1d, torch.nn.Conv2d, Conv1D)
"""The layers that LoRA can be put on."""


def refuse_unknown_targets(recipe: Recipe, model: Any) -> None:
    """Raise TrainingError if `lora.targets` names a layer that the model does not have.

    PEFT adapts the others, and does not tell.
    """
    layers = [name for name, each in model.named_modules() if isinstance(each, ADAPTED)]
    known = {name.rpartition(".")[2] for name in layers if "." in name}
    for target in recipe.lora.targets or ():
        if not any(f".{name}".endswith(f".{target}") for name in layers):
            raise TrainingError(
                f"{recipe.path}: lora.targets: no layer of {recipe.base} that LoRA can adapt is "
                f"named '{target}', {did_you_mean(target, known - {'0'})}"
            )


def refuse_no_chat_template(recipe: Recipe, tokenizer: Any) -> None:
    """Raise TrainingError if the recipe asks for a chat template that the tokenizer lacks."""
    if recipe.template == "chat" and not getattr(tokenizer, "chat_template", None):
        raise TrainingError(
            f"{recipe.path}: template: chat is the tokenizer's own template, but the tokenizer of "
            f"{recipe.base} has none; use template: default"
        )
