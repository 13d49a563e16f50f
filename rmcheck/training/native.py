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
from rmcheck.training.checkpoint import STATE, Checkpoints
from rmcheck.training.curve import points_of
from rmcheck.training.plan import Plan, warmup_steps
from rmcheck.training.ranks import Rows
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
    plan.ranks.begin(model, (len(plan.material.groups), plan.steps, plan.done))
    if plan.ranks.rank:  # for dropout that is not a layer of its own: other texts, other masks
        torch.manual_seed(seed_of(recipe.seed, plan.ranks.rank))
    step = plan.done
    for batches in _batches(plan):
        seen = []
        for part in plan.ranks.parts(batches):
            batch = plan.collate(part.rows)
            given = {name: _moved(value, plan.device) for name, value in batch.items()}
            loss, found = plan.loss(model, given, _autocast(plan))
            updates.backward(loss / part.divisor)
            seen.append((part, found))
        for each in plan.ranks.add_up(model, seen, len(batches)):
            plan.curve.saw(each)
        updates.step()
        step += 1
        if plan.curve.step_ended(step, plan.steps, model):
            break
        if plan.checkpoints is not None and step in points_of(recipe, plan.steps):
            _checkpoint(plan, plan.checkpoints, updates, step)
    return step


def _checkpoint(plan: Plan, kept: Checkpoints, updates: Updates, step: int) -> None:
    """Keep one if it is time for it: the first process writes it, with all random numbers."""
    if not plan.ranks.agree(kept.due(step, plan.steps)):
        return
    drawn = plan.ranks.gathered(_random())
    if plan.ranks.rank == 0:
        # A full disk costs the checkpoint, not the training.
        with contextlib.suppress(OSError, RuntimeError, SafetensorError):
            updates.save(kept.path(step), step, drawn)
        kept.complete(step)


def seed_of(seed: int, rank: int) -> int:
    """The seed of the random numbers of another process than the first."""
    return int(np.random.SeedSequence([seed, 5, rank]).generate_state(1, np.uint64)[0])


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


def _batches(plan: Plan) -> Iterator[list[Rows]]:
    """The examples of each batch of each step: those whose gradients are added up. Endless.

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
            _load_random(resumed, plan.ranks.rank)
            resumed = None
        for start in range(skipped * size, len(places), size):
            given = [rows[place] for place in places[start : start + size]]
            yield [given[at : at + how.batch_size] for at in range(0, len(given), how.batch_size)]
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

    def save(self, folder: Path, step: int, drawn: list[dict[str, Any]]) -> None:
        """Write a checkpoint's files, `STATE` as the last of them.

        Parameters
        ----------
        drawn
            The state of the random generators of each process.
        """
        self.model.save_pretrained(str(folder), save_embedding_layers=False)
        torch.save(self.optimiser.state_dict(), folder / OPTIMISER)
        torch.save(self.schedule.state_dict(), folder / SCHEDULE)
        if self.scaler is not None:
            torch.save(self.scaler.state_dict(), folder / SCALER)
        for rank, state in enumerate(drawn):
            torch.save(state, folder / random_file(rank))
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


def random_file(rank: int) -> str:
    """The file of the random numbers of a process, in a checkpoint."""
    return RANDOM if rank == 0 else f"rng_state_{rank}.pth"


def _random() -> dict[str, Any]:
    """The state of this process's random generators."""
    drawn = {
        "python": random.getstate(),
        "numpy": np.random.get_state(),
        "cpu": torch.get_rng_state(),
    }
    if torch.cuda.is_available():
        drawn["cuda"] = torch.cuda.get_rng_state()
    return drawn


def _load_random(folder: Path, rank: int) -> None:
    """A process that was not there when the checkpoint was written goes on with its own numbers."""
    path = folder / random_file(rank)
    if not path.is_file():
        return
    drawn = _read(path)
    torch.set_rng_state(drawn["cpu"])
    if torch.cuda.is_available() and "cuda" in drawn:
        torch.cuda.set_rng_state(drawn["cuda"])


def _read(path: Path) -> Any:
    """Tensors and numbers of a file; whatever else is in it is refused, never run."""
    with safe_globals():
        return torch.load(path, map_location="cpu", weights_only=True)
