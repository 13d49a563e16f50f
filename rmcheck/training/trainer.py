"""Training: TRL's RewardTrainer on rmcheck's tokens, reading pairs as a prefix forest."""

from __future__ import annotations

import contextlib
import random
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from peft import LoraConfig, get_peft_model
from transformers import PrinterCallback

from rmcheck.data import PreferencePair, ResponseSet
from rmcheck.progress import Progress
from rmcheck.record.run import TrainingRecord
from rmcheck.scoring.loading import load_base, load_tokenizer, quiet
from rmcheck.scoring.scorer import Scorer
from rmcheck.scoring.transformers_compat import Conv1D
from rmcheck.scoring.trees import tree_attention
from rmcheck.training.batches import PromptSampler, rewards
from rmcheck.training.checkpoint import Checkpoints, folder_of
from rmcheck.training.curve import Curve
from rmcheck.training.lessons import Taught
from rmcheck.training.low_rank import fused
from rmcheck.training.material import material_of
from rmcheck.training.objective import objective_of
from rmcheck.training.peft_compat import has_default_targets
from rmcheck.training.preparation import Shared
from rmcheck.training.recipe import Recipe, epoch_steps, steps_of
from rmcheck.training.taught import TaughtMaterial
from rmcheck.training.trl_compat import QuietRewardTrainer, RewardConfig


class ForestRewardTrainer(QuietRewardTrainer):
    """TRL's trainer with our batches and losses, without logging or telemetry."""

    def __init__(
        self,
        *,
        groups: Sequence[str],
        recipe: Recipe,
        curve: Curve,
        done: int,
        **options: Any,
    ) -> None:
        self.recipe = recipe
        self.curve = curve
        self._objective = objective_of(recipe)
        epoch = done // epoch_steps(recipe, len(groups))
        super().__init__(sampler=lambda: PromptSampler(groups, recipe.seed, epoch), **options)

    def compute_loss(
        self,
        model: Any,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> Any:
        """The recipe's loss, mean over the examples of a batch."""
        with self.accelerator.autocast():
            scores = self._rewards(model, inputs)
        losses, gaps = self._objective(scores, inputs)
        loss = losses.mean()
        self.curve.saw(float(loss.detach()), gaps.detach())
        return (loss, {}) if return_outputs else loss

    def _rewards(self, model: Any, inputs: dict[str, Any]) -> torch.Tensor:
        if "sides" in inputs:
            base = self.accelerator.unwrap_model(model).get_base_model()
            return rewards(base, inputs, self.recipe.pooling)
        padded = {name: inputs[name] for name in ("input_ids", "attention_mask")}
        scores: torch.Tensor = model(**padded).logits[:, 0].float()
        return scores

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Do nothing; `Curve` records the training."""


def train(
    recipe: Recipe,
    given: Sequence[PreferencePair | ResponseSet] | Taught,
    device: str,
    progress: Progress,
    shared: Shared | None = None,
    resumable: Path | None = None,
) -> tuple[Any, TrainingRecord]:
    """Train the reward model that `recipe` describes.

    Parameters
    ----------
    given
        All its data; `split` divides them. Of a recipe with a teacher, what it taught.
    device
        `cpu`, `cuda`, ...; with the precision `auto` it trains under bf16 autocast on a GPU that
        supports it, in float32 elsewhere.
    shared
        Shared by the trainings of a recipe and its variants with flipped labels, so that texts
        are tokenised once.
    resumable
        The adapter's folder to be: beside it checkpoints are kept while it trains, and a training
        that was killed goes on from the last one.

    Returns
    -------
    A PEFT model in float32 (on `device`) and its training record; `fingerprint` is left empty.

    Raises
    ------
    TrainingError
        If there are fewer than two training examples, the loss asks for what the data lack, or it
        is NaN or infinite.
    """
    started = time.perf_counter()
    with contextlib.ExitStack() as within:
        within.enter_context(quiet())
        within.enter_context(kept_randomness())
        scratch = within.enter_context(tempfile.TemporaryDirectory())
        files = recipe.base_files()
        tokenizer = load_tokenizer(files, recipe.gguf_file)
        base, missing = load_base(files, seed=recipe.seed, gguf_file=recipe.gguf_file)
        # LoRA's first matrices are drawn from the global generator.
        torch.manual_seed(recipe.seed)
        model = get_peft_model(base, lora_config(recipe, base, missing))
        scorer = Scorer(
            base, tokenizer, recipe.template, recipe.max_length, device, pooling=recipe.pooling
        )
        material = material_of(given, recipe, scorer, shared or Shared())
        sequences = material.sequences()
        forest = scorer.uses_forest(sequences)
        trees = False
        if forest:
            within.enter_context(fused(model))
            half = len(sequences) // 2
            probes = [*sequences[:4], *sequences[half : half + 4]]
            trees = device == "cpu" and within.enter_context(tree_attention(base, probes))
        count = len(material.groups)
        steps = steps_of(recipe, count)
        curve = Curve(recipe, scorer, material, progress)
        callbacks: list[Any] = [curve]
        target, start, done = Path(scratch), None, 0
        if resumable is not None:
            target = folder_of(resumable)
            checkpoints = Checkpoints(target, resumable.name, recipe, curve)
            callbacks.append(checkpoints)
            start = checkpoints.latest()
            done = checkpoints.resume(start) if start else 0
        trainer = ForestRewardTrainer(
            groups=material.groups,
            recipe=recipe,
            curve=curve,
            done=done,
            model=model,
            args=arguments(recipe, device, steps, target),
            train_dataset=material.rows(),
            processing_class=tokenizer,
            data_collator=material.collator(scorer, forest=forest, trees=trees),
            callbacks=callbacks,
        )
        trainer.remove_callback(PrinterCallback)
        title = f"training recipe:{recipe.name} on {count:,} {material.unit}"
        progress.start(title, steps, "steps")
        if done:
            progress.advance(done)
        try:
            trainer.train(resume_from_checkpoint=str(start) if start else None)
        finally:
            progress.finish()
        curve.restore(model)
        taught = material.agreement(scorer) if isinstance(material, TaughtMaterial) else None
    record = TrainingRecord(
        recipe=recipe.name,
        fingerprint="",
        pairs=count,
        truncated=material.truncated,
        steps=trainer.state.global_step,
        best_step=curve.best_step,
        seconds=round(time.perf_counter() - started, 3),
        curve=curve.points,
        held_out_pairs=material.watched_count,
        distil=taught,
    )
    return model.eval(), record


HEADS = ("score", "classifier")
"""Names of the head of a sequence classifier; others are found as missing weights."""


def lora_config(recipe: Recipe, base: Any, missing: Sequence[str] = ()) -> LoraConfig:
    """LoRA for a sequence classifier; its head and all that no file has are trained and saved."""
    targets: list[str] | str | None = list(recipe.lora.targets or ()) or None
    if targets is None and not has_default_targets(base):
        targets = "all-linear"
    return LoraConfig(
        task_type="SEQ_CLS",
        r=recipe.lora.r,
        lora_alpha=recipe.lora.alpha,
        target_modules=targets,
        modules_to_save=whole_modules(base, missing),
        fan_in_fan_out=any(isinstance(module, Conv1D) for module in base.modules()),
    )


def whole_modules(base: Any, missing: Sequence[str]) -> list[str]:
    """The modules that an adapter must bring in full: the head, and those of `missing` weights."""
    heads = [name for name in HEADS if hasattr(base, name)]
    names = {*heads, *(name.rpartition(".")[0] for name in missing)}
    return sorted(
        name for name in names if name and not any(name.startswith(f"{other}.") for other in names)
    )


def arguments(recipe: Recipe, device: str, steps: int, scratch: Path) -> RewardConfig:
    """TRL's configuration; every default that would have a side effect is set here."""
    how = recipe.optimisation
    on_cpu = device == "cpu"
    precision = how.precision
    if precision == "auto":
        able = not on_cpu and torch.cuda.is_available() and torch.cuda.is_bf16_supported()
        precision = "bf16" if able else "fp32"
    elif precision == "fp16" and on_cpu:
        precision = "fp32"  # no CPU has kernels for it
    return RewardConfig(
        output_dir=str(scratch),
        use_cpu=on_cpu,
        max_steps=steps,
        learning_rate=how.learning_rate,
        per_device_train_batch_size=how.batch_size,
        gradient_accumulation_steps=how.gradient_accumulation,
        warmup_steps=round(how.warmup * steps),
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


@contextlib.contextmanager
def kept_randomness() -> Iterator[None]:
    """Restore the global random generators, which the libraries below seed."""
    python, numpy, cpu = random.getstate(), np.random.get_state(), torch.get_rng_state()
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)
        torch.set_rng_state(cpu)
        if cuda:
            torch.cuda.set_rng_state_all(cuda)
