"""`trainer: native`: our own training loop, without TRL's trainer and the one below it.

It makes the same steps as they do, in the same order and from the same random numbers, so that the
weights are equal bit for bit, and it goes on from a checkpoint of theirs. What it leaves out is
bookkeeping.
"""

from __future__ import annotations

import contextlib
import json
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from transformers import get_scheduler
from transformers.trainer_pt_utils import safe_globals

from rmcheck.training.batches import PromptSampler
from rmcheck.training.checkpoint import STATE
from rmcheck.training.plan import Plan, warmup_steps
from rmcheck.training.settings import Optimisation

OPTIMISER, SCHEDULE = "optimizer.pt", "scheduler.pt"
SCALER, RANDOM = "scaler.pt", "rng_state.pth"
"""Files of a checkpoint, with the names that the trainer of `transformers` gives them."""

UNDECAYED = re.compile(r"bias|layernorm|rmsnorm|(?:^|\.)norm(?:$|\.)|_norm(?:$|\.)")
"""Names of parameters without weight decay, as the trainer of `transformers` has them."""


def run(plan: Plan) -> int:
    """Train `plan.model`; returns the number of steps that were made."""
    recipe, model = plan.recipe, plan.model
    torch.manual_seed(recipe.seed)
    _ready(plan)
    updates = Updates.of(plan)
    if plan.start is not None:
        updates.load(plan.start)
    step = plan.done
    for batches in _batches(plan):
        for batch in batches:
            given = {name: _moved(value, plan.device) for name, value in batch.items()}
            loss = plan.loss(model, given, _autocast(plan)) / len(batches)
            updates.backward(loss)
        updates.step()
        step += 1
        if plan.curve.step_ended(step, plan.steps, model):
            break
        kept = plan.checkpoints
        if kept is not None and kept.due(step, plan.steps):
            # A full disk costs the checkpoint, not the training.
            with contextlib.suppress(OSError, RuntimeError, SafetensorError):
                updates.save(kept.path(step), step)
            kept.complete(step)
    return step


def _ready(plan: Plan) -> None:
    """The model on its device, in training mode, without dropout."""
    model = plan.model
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0
    model.config.get_text_config().pad_token_id = plan.tokenizer.pad_token_id
    if plan.recipe.optimisation.gradient_checkpointing:
        model.enable_input_require_grads()
        model.gradient_checkpointing_enable()
    model.to(plan.device).train()


def _batches(plan: Plan) -> Iterator[list[dict[str, Any]]]:
    """The batches of each step: those whose gradients are added up. Endless.

    The random numbers after a checkpoint are loaded where its next step begins.
    """
    how, groups = plan.recipe.optimisation, plan.material.groups
    rows = plan.material.rows()
    epoch, skipped = divmod(plan.done, plan.epoch_steps)
    order = PromptSampler(groups, plan.recipe.seed, epoch)
    size = how.batch_size * how.gradient_accumulation
    resumed = plan.start
    while True:
        # A DataLoader draws this at each epoch, for workers that nobody asked for.
        torch.empty((), dtype=torch.int64).random_()
        places = list(order)
        if resumed is not None:
            _load_random(resumed)
            resumed = None
        for start in range(skipped * size, len(places), size):
            given = [rows[place] for place in places[start : start + size]]
            yield [
                plan.collate(given[at : at + how.batch_size])
                for at in range(0, len(given), how.batch_size)
            ]
        skipped = 0


def _moved(value: Any, device: str) -> Any:
    return value.to(device) if isinstance(value, torch.Tensor) else value


def _autocast(plan: Plan) -> Any:
    kinds = {"bf16": torch.bfloat16, "fp16": torch.float16}
    if plan.precision not in kinds:
        return contextlib.nullcontext()
    return torch.autocast(torch.device(plan.device).type, dtype=kinds[plan.precision])


@dataclass(frozen=True)
class Updates:
    """The optimiser, its schedule and, in fp16, the scale of the loss.

    Attributes
    ----------
    model
        The PEFT model.
    limit
        A gradient of a larger norm is scaled down to it.
    """

    model: Any
    optimiser: torch.optim.Optimizer
    schedule: Any
    limit: float
    scaler: torch.amp.GradScaler | None = None

    @classmethod
    def of(cls, plan: Plan) -> Updates:
        """Those of a plan, at the beginning."""
        how = plan.recipe.optimisation
        optimiser = adamw(plan.model, how)
        warmup = warmup_steps(plan.recipe, plan.steps)
        schedule = get_scheduler(how.schedule, optimiser, warmup, plan.steps)
        kind = torch.device(plan.device).type
        scaler = torch.amp.GradScaler(kind) if plan.precision == "fp16" else None
        return cls(plan.model, optimiser, schedule, how.max_gradient_norm, scaler)

    def backward(self, loss: torch.Tensor) -> None:
        """Add the gradients of a loss."""
        torch.autograd.backward(loss if self.scaler is None else self.scaler.scale(loss))

    def step(self) -> None:
        """Change the weights; a step with infinite gradients in fp16 is skipped."""
        if self.scaler is None:
            self._clip()
            self.optimiser.step()
            self.schedule.step()
        else:
            self.scaler.unscale_(self.optimiser)
            self._clip()
            self.scaler.step(self.optimiser)
            scale = self.scaler.get_scale()
            self.scaler.update()
            if self.scaler.get_scale() >= scale:
                self.schedule.step()
        self.optimiser.zero_grad()

    def _clip(self) -> None:
        given = [each for group in self.optimiser.param_groups for each in group["params"]]
        torch.nn.utils.clip_grad_norm_(given, self.limit)

    def save(self, folder: Path, step: int) -> None:
        """Write a checkpoint's files, `STATE` as the last of them."""
        self.model.save_pretrained(str(folder), save_embedding_layers=False)
        torch.save(self.optimiser.state_dict(), folder / OPTIMISER)
        torch.save(self.schedule.state_dict(), folder / SCHEDULE)
        if self.scaler is not None:
            torch.save(self.scaler.state_dict(), folder / SCALER)
        drawn = {
            "python": random.getstate(),
            "numpy": np.random.get_state(),
            "cpu": torch.get_rng_state(),
        }
        if torch.cuda.is_available():
            drawn["cuda"] = torch.cuda.get_rng_state()
        torch.save(drawn, folder / RANDOM)
        (folder / STATE).write_text(json.dumps({"global_step": step}), encoding="utf-8")

    def load(self, folder: Path) -> None:
        """Go on from a checkpoint of either trainer; `_batches` loads its random numbers."""
        self.model.load_adapter(str(folder), self.model.active_adapter, is_trainable=True)
        self.model.train()
        self.optimiser.load_state_dict(_read(folder / OPTIMISER))
        self.schedule.load_state_dict(_read(folder / SCHEDULE))
        if self.scaler is not None:
            self.scaler.load_state_dict(_read(folder / SCALER))


def adamw(model: Any, how: Optimisation) -> torch.optim.Optimizer:
    """AdamW over the parameters that are trained, as the trainer of `transformers` makes it.

    Loshchilov and Hutter (2019), "Decoupled weight decay regularization"; biases and norms do not
    decay.
    """
    norms = [name for name, each in model.named_modules() if isinstance(each, torch.nn.LayerNorm)]
    decayed: list[Any] = []
    others: list[Any] = []
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            plain = UNDECAYED.search(name.lower()) or name.rpartition(".")[0] in norms
            (others if plain else decayed).append(parameter)
    return torch.optim.AdamW(
        [
            {"params": decayed, "weight_decay": how.weight_decay},
            {"params": others, "weight_decay": 0.0},
        ],
        lr=how.learning_rate,
        betas=(0.9, 0.999),
        eps=1e-8,
        fused=True,
    )


def _load_random(folder: Path) -> None:
    drawn = _read(folder / RANDOM)
    torch.set_rng_state(drawn["cpu"])
    if torch.cuda.is_available() and "cuda" in drawn:
        torch.cuda.set_rng_state(drawn["cuda"])


def _read(path: Path) -> Any:
    """Tensors and numbers of a file; whatever else is in it is refused, never run."""
    with safe_globals():
        return torch.load(path, map_location="cpu", weights_only=True)
