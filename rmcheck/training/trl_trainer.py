"""`trainer: trl`: TRL's RewardTrainer on our batches and losses, without logging or telemetry."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from transformers import PrinterCallback, TrainerCallback

from rmcheck.errors import TrainingError
from rmcheck.training.batches import PromptSampler
from rmcheck.training.plan import Plan, precision_of, warmup_steps
from rmcheck.training.recipe import Recipe
from rmcheck.training.trl_compat import QuietRewardTrainer, RewardConfig


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


class Watch(TrainerCallback):  # type: ignore[misc]
    """Tells the plan's curve and checkpoints of each step."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan

    def on_step_end(self, args: Any, state: Any, control: Any, **options: Any) -> None:
        """Stop where the curve says so; ask for a checkpoint if it is time for one."""
        step, kept = state.global_step, self.plan.checkpoints
        if self.plan.curve.step_ended(step, state.max_steps, options["model"]):
            control.should_training_stop = True
        elif kept is not None:
            control.should_save = kept.due(step, state.max_steps)

    def on_save(self, args: Any, state: Any, control: Any, **options: Any) -> None:
        """Complete a checkpoint."""
        if self.plan.checkpoints is not None:
            self.plan.checkpoints.complete(state.global_step)


def run(plan: Plan) -> int:
    """Train `plan.model`; returns the number of steps that were made.

    Raises
    ------
    TrainingError
        If this process sees several GPUs, which TRL would not use and does not ignore.
    """
    gpus = torch.cuda.device_count()
    if plan.device != "cpu" and gpus > 1:
        raise TrainingError(
            f"{plan.recipe.path}: trainer: trl trains on one GPU, but this process sees {gpus}; "
            "set CUDA_VISIBLE_DEVICES=0, or use trainer: native"
        )
    # TRL takes rows with these two columns as tokens already; the collator has the texts.
    rows = [{**row, "chosen_ids": [0], "rejected_ids": [0]} for row in plan.material.rows()]
    trainer = ForestRewardTrainer(
        plan,
        model=plan.model,
        args=arguments(plan.recipe, plan.device, plan.steps, plan.folder),
        train_dataset=Dataset.from_list(rows),
        processing_class=plan.tokenizer,
        data_collator=plan.collate,
        callbacks=[Watch(plan)],
    )
    trainer.remove_callback(PrinterCallback)
    trainer.train(resume_from_checkpoint=str(plan.start) if plan.start else None)
    return int(trainer.state.global_step)


def arguments(recipe: Recipe, device: str, steps: int, scratch: Path) -> RewardConfig:
    """TRL's configuration; every default that would have a side effect is set here."""
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
        push_to_hub=False,
    )
