"""What a trainer is given, whichever it is: the model, its batches, and who watches its steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from rmcheck.scoring.rewards import as_rewards
from rmcheck.training.batches import rewards
from rmcheck.training.checkpoint import Checkpoints
from rmcheck.training.curve import Curve, wins
from rmcheck.training.material import Material
from rmcheck.training.objective import Objective
from rmcheck.training.ranks import ALONE, Alone, Seen
from rmcheck.training.recipe import Recipe, epoch_steps


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A training that is ready to begin, or to go on.

    Attributes
    ----------
    model
        The PEFT model; LoRA's matrices are drawn already.
    tokenizer
        Its tokenizer, with a padding token.
    material, collate
        The examples, and what makes a batch of some of them.
    steps
        Optimiser steps of the whole training.
    folder
        For the trainer's files.
    checkpoints
        None: nothing is kept on the way.
    start, done
        The checkpoint to go on from, and its step; None and 0 at the beginning.
    ranks
        The processes that train it.
    """

    recipe: Recipe
    model: Any
    tokenizer: Any
    device: str
    material: Material
    collate: Callable[[list[dict[str, Any]]], dict[str, Any]]
    objective: Objective
    curve: Curve
    steps: int
    folder: Path
    checkpoints: Checkpoints | None = None
    start: Path | None = None
    done: int = 0
    ranks: Alone = ALONE

    @property
    def epoch_steps(self) -> int:
        """Optimiser steps of an epoch."""
        return epoch_steps(self.recipe, len(self.material.groups))

    @property
    def precision(self) -> str:
        """`fp32`, `bf16` or `fp16`: what the recipe's precision is on this device."""
        return precision_of(self.recipe, self.device)

    def loss(self, model: Any, batch: dict[str, Any], autocast: Any) -> tuple[torch.Tensor, Seen]:
        """The recipe's loss, mean over the examples of a batch, and what the curve is told.

        Parameters
        ----------
        model
            The PEFT model, as the trainer wraps it.
        autocast
            A context manager for the model's arithmetic; the loss itself is in float32.
        """
        with autocast:
            if "sides" in batch:
                sparse = not self.recipe.optimisation.gradient_checkpointing
                base = self.model.get_base_model()
                scores = rewards(base, batch, self.recipe.pooling, sparse=sparse)
            else:
                padded = {name: batch[name] for name in ("input_ids", "attention_mask")}
                scores = as_rewards(model(**padded).logits)
        losses, gaps = self.objective(scores, batch)
        loss = losses.mean()
        right = wins(gaps.detach().double().cpu().numpy())
        return loss, Seen(float(loss.detach()), float(right.sum()), len(right))


def precision_of(recipe: Recipe, device: str) -> str:
    """`fp32`, `bf16` or `fp16`: what the recipe's precision is on a device."""
    precision, on_cpu = recipe.optimisation.precision, device == "cpu"
    if precision == "auto":
        able = not on_cpu and torch.cuda.is_available() and torch.cuda.is_bf16_supported()
        return "bf16" if able else "fp32"
    if precision == "fp16" and on_cpu:
        return "fp32"  # no CPU has kernels for it
    return precision


def warmup_steps(recipe: Recipe, steps: int) -> int:
    """The steps in which the learning rate rises."""
    return round(recipe.optimisation.warmup * steps)
