"""`trainer: trl`: TRL's RewardTrainer on our batches and losses, without logging or telemetry."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from torch.utils.data import DataLoader
from transformers import PrinterCallback, TrainerCallback

from rmcheck.errors import TrainingError
from rmcheck.training.batches import PromptSampler
from rmcheck.training.curve import points_of
from rmcheck.training.native import RANDOM, seed_of
from rmcheck.training.plan import Plan, precision_of, warmup_steps
from rmcheck.training.ranks import Part, Rows, Seen
from rmcheck.training.recipe import Recipe
from rmcheck.training.trl_compat import QuietRewardTrainer, RewardConfig, unwrapped


class ForestRewardTrainer(QuietRewardTrainer):
    """TRL's trainer with the batches and the loss of a plan."""

    def __init__(self, plan: Plan, **options: Any) -> None:
        self.plan = plan
        epoch = plan.done // plan.epoch_steps
        super().__init__(
            sampler=lambda: PromptSampler(plan.material.groups, plan.recipe.seed, epoch), **options
        )

    def compute_loss(
        self,
        model: Any,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> Any:
        """The recipe's loss, mean over the examples of a batch."""
        loss, seen = self.plan.loss(model, inputs, self.accelerator.autocast())
        self.plan.curve.saw(seen)
        return (loss, {}) if return_outputs else loss

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Do nothing; `Curve` records the training."""


class SharingRewardTrainer(ForestRewardTrainer):
    """TRL's trainer in one of several processes, which reads its share of each step's examples.

    Accelerate would deal out whole batches, and repeat some examples where they do not come out
    even; here the examples and gradients are those of one process, as in our own loop.
    """

    def __init__(self, plan: Plan, **options: Any) -> None:
        super().__init__(plan, **options)
        self._part: Part | None = None
        self._seen: list[tuple[Part, Seen]] = []
        unwrapped(self.accelerator)

    def get_train_dataloader(self) -> DataLoader[Any]:
        """Rows in batches of all processes together."""
        size = self.args.per_device_train_batch_size
        order = self._get_train_sampler()
        return DataLoader(self.train_dataset, size, sampler=order, collate_fn=list)

    def get_batch_samples(
        self, epoch_iterator: Iterator[Rows], num_batches: int, device: torch.device
    ) -> tuple[list[dict[str, Any]], None]:
        """What this process reads of each batch of a step; nothing of some."""
        batches = list(itertools.islice(epoch_iterator, num_batches))
        parts = {part.batch: part for part in self.plan.ranks.parts(batches)}
        return [
            {"part": part, **self.plan.collate(part.rows)} if part else {}
            for part in map(parts.get, range(len(batches)))
        ], None

    def training_step(
        self, model: Any, inputs: dict[str, Any], num_items_in_batch: Any = None
    ) -> torch.Tensor:
        """Read this process's part of a batch; after the last of a step, sum the gradients."""
        self._part = inputs.pop("part", None)
        loss: torch.Tensor = torch.zeros((), device=self.args.device)
        if self._part is not None:
            loss = super().training_step(model, inputs, num_items_in_batch)
        if self.accelerator.sync_gradients:
            batches = self.current_gradient_accumulation_steps
            for each in self.plan.ranks.add_up(self.plan.model, self._seen, batches):
                self.plan.curve.saw(each)
            self._seen.clear()
        return loss

    def compute_loss(
        self,
        model: Any,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> Any:
        """This process's part of the recipe's loss."""
        assert self._part is not None
        loss, seen = self.plan.loss(model, inputs, self.accelerator.autocast())
        self._seen.append((self._part, seen))
        loss = loss * self._part.share
        return (loss, {}) if return_outputs else loss


class Watch(TrainerCallback):  # type: ignore[misc]
    """Tells the plan's curve and checkpoints of each step."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan

    def on_train_begin(self, args: Any, state: Any, control: Any, **options: Any) -> None:
        """Other texts, other random numbers: for dropout that is not a layer of its own."""
        if self.plan.ranks.rank:
            torch.manual_seed(seed_of(self.plan.recipe.seed, self.plan.ranks.rank))

    def on_step_end(self, args: Any, state: Any, control: Any, **options: Any) -> None:
        """Stop where the curve says so; ask for a checkpoint if it is time for one."""
        step, kept = state.global_step, self.plan.checkpoints
        if self.plan.curve.step_ended(step, state.max_steps, options["model"]):
            control.should_training_stop = True
        elif kept is not None and step in points_of(self.plan.recipe, state.max_steps):
            control.should_save = self.plan.ranks.agree(kept.due(step, state.max_steps))

    def on_save(self, args: Any, state: Any, control: Any, **options: Any) -> None:
        """Complete a checkpoint, when all processes have written theirs."""
        kept, ranks, step = self.plan.checkpoints, self.plan.ranks, state.global_step
        ranks.gathered(None)
        if kept is None or ranks.rank:
            return
        if ranks.count > 1:  # the name that it has if one process goes on
            with suppress(OSError):
                shutil.copyfile(kept.path(step) / "rng_state_0.pth", kept.path(step) / RANDOM)
        kept.complete(step)


def run(plan: Plan) -> int:
    """Train `plan.model`; returns the number of steps that were made.

    Raises
    ------
    TrainingError
        If this process sees several GPUs, which TRL would not use and does not ignore.
    """
    gpus = torch.cuda.device_count()
    if plan.device != "cpu" and gpus > 1 and plan.ranks.count == 1:
        raise TrainingError(
            f"{plan.recipe.path}: a process of trainer: trl trains on one GPU, but this one sees "
            f"{gpus}; set CUDA_VISIBLE_DEVICES=0, use training.processes: auto, or trainer: native"
        )
    # TRL takes rows with these two columns as tokens already; the collator has the texts.
    rows = [{**row, "chosen_ids": [0], "rejected_ids": [0]} for row in plan.material.rows()]
    several = plan.ranks.count > 1
    trainer = (SharingRewardTrainer if several else ForestRewardTrainer)(
        plan,
        model=plan.model,
        args=arguments(plan.recipe, plan.device, plan.steps, plan.folder, several=several),
        train_dataset=Dataset.from_list(rows),
        processing_class=plan.tokenizer,
        data_collator=plan.collate,
        callbacks=[Watch(plan)],
    )
    trainer.remove_callback(PrinterCallback)
    plan.ranks.begin(plan.model, (len(plan.material.groups), plan.steps, plan.done))
    trainer.train(resume_from_checkpoint=str(plan.start) if plan.start else None)
    return int(trainer.state.global_step)


def arguments(
    recipe: Recipe, device: str, steps: int, scratch: Path, *, several: bool = False
) -> RewardConfig:
    """TRL's configuration; every default that would have a side effect is set here.

    `several`: the processes of this training have found one another already.
    """
    how = recipe.optimisation
    on_cpu = device == "cpu"
    precision = precision_of(recipe, device)
    return RewardConfig(
        output_dir=str(scratch),
        use_cpu=on_cpu,
        max_steps=steps,
        learning_rate=how.learning_rate,
        per_device_train_batch_size=how.batch_size,
        gradient_accumulation_steps=how.gradient_accumulation,
        warmup_steps=warmup_steps(recipe, steps),
        lr_scheduler_type=how.schedule,
        weight_decay=how.weight_decay,
        max_grad_norm=how.max_gradient_norm,
        gradient_checkpointing=how.gradient_checkpointing,
        bf16=precision == "bf16",
        fp16=precision == "fp16",
        max_length=None,
        seed=recipe.seed,
        data_seed=recipe.seed,
        save_strategy="no",
        eval_strategy="no",
        logging_strategy="no",
        report_to="none",
        disable_tqdm=True,
        remove_unused_columns=False,
        dataloader_pin_memory=not on_cpu,
        dataloader_num_workers=0,
        accelerator_config={"use_configured_state": True} if several else None,
        push_to_hub=False,
    )
