"""Training: a reward model on rmcheck's tokens, reading pairs as a prefix forest."""

from __future__ import annotations

import contextlib
import random
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from peft import LoraConfig, get_peft_model

from rmcheck.data import PreferencePair, ResponseSet
from rmcheck.progress import Progress
from rmcheck.record.run import TrainingRecord
from rmcheck.scoring.loading import load_base, load_tokenizer, quiet
from rmcheck.scoring.scorer import Scorer
from rmcheck.scoring.transformers_compat import Conv1D
from rmcheck.scoring.trees import tree_attention
from rmcheck.training.checkpoint import Checkpoints, folder_of
from rmcheck.training.continuation import take_over
from rmcheck.training.curve import Curve
from rmcheck.training.lessons import Taught
from rmcheck.training.low_rank import fused
from rmcheck.training.material import material_of
from rmcheck.training.objective import objective_of
from rmcheck.training.peft_compat import has_default_targets
from rmcheck.training.plan import Plan
from rmcheck.training.preparation import Shared
from rmcheck.training.ranks import ALONE, Alone
from rmcheck.training.recipe import Recipe, steps_of
from rmcheck.training.suitability import refuse_no_chat_template, refuse_unknown_targets
from rmcheck.training.taught import TaughtMaterial
from rmcheck.training.watch import Watch


def train(
    recipe: Recipe,
    given: Sequence[PreferencePair | ResponseSet] | Taught,
    device: str,
    progress: Progress,
    shared: Shared | None = None,
    resumable: Path | None = None,
    watch: Watch | None = None,
    start: Path | None = None,
    ranks: Alone = ALONE,
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
    watch
        Who looks at it while it runs; measuring does not change the weights.
    start
        The adapter whose weights it begins with; see `rmcheck.training.continuation.begin`.
    ranks
        The processes that train it together, of which this is one.

    Returns
    -------
    A PEFT model in float32 (on `device`) and its training record; `fingerprint` is left empty.

    Raises
    ------
    TrainingError
        If there are fewer than two training examples, the loss asks for what the data lack or is
        NaN or infinite, or the recipe asks for what its base does not have.
    Stopped
        If `watch` stops it.
    """
    started = time.perf_counter()
    with contextlib.ExitStack() as within:
        within.enter_context(quiet())
        within.enter_context(kept_randomness())
        scratch = within.enter_context(tempfile.TemporaryDirectory())
        files = recipe.base_files()
        tokenizer = load_tokenizer(files, recipe.gguf_file)
        refuse_no_chat_template(recipe, tokenizer)
        base, missing = load_base(
            files, seed=recipe.seed, gguf_file=recipe.gguf_file, outputs=len(recipe.objectives) or 1
        )
        refuse_unknown_targets(recipe, base)
        # LoRA's first matrices are drawn from the global generator.
        torch.manual_seed(recipe.seed)
        model = get_peft_model(base, lora_config(recipe, base, missing))
        if start is not None:
            take_over(model, start, recipe)
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
        curve = Curve(recipe, scorer, material, progress, watch, ranks)
        target, checkpoints, kept, done = Path(scratch), None, None, 0
        if resumable is not None:
            target = folder_of(resumable)
            checkpoints = Checkpoints(target, resumable.name, recipe, curve)
            kept = checkpoints.latest()
            done = checkpoints.resume(kept) if kept else 0
        plan = Plan(
            recipe=recipe,
            model=model,
            tokenizer=tokenizer,
            device=device,
            material=material,
            collate=material.collator(scorer, forest=forest, trees=trees),
            objective=objective_of(recipe),
            curve=curve,
            steps=steps,
            folder=target,
            checkpoints=checkpoints,
            start=kept,
            done=done,
            ranks=ranks,
        )
        run = trainer_named(recipe.trainer)
        title = f"training recipe:{recipe.name} on {count:,} {material.unit}"
        progress.start(title, steps, "steps")
        if done:
            progress.advance(done)
        try:
            made = run(plan)
        finally:
            progress.finish()
        curve.restore(model)
        taught = None
        if isinstance(material, TaughtMaterial) and ranks.rank == 0:
            taught = material.agreement(scorer)
    record = TrainingRecord(
        recipe=recipe.name,
        fingerprint="",
        pairs=count,
        truncated=material.truncated,
        steps=made,
        best_step=curve.best_step,
        seconds=round(time.perf_counter() - started, 3),
        curve=curve.points,
        held_out_pairs=material.watched_count,
        labels=dict(material.labels),
        distil=taught,
        processes=ranks.count,
    )
    return model.eval(), record


def trainer_named(name: str) -> Callable[[Plan], int]:
    """The trainer of a recipe; only that one is imported."""
    if name == "trl":
        from rmcheck.training import trl_trainer

        return trl_trainer.run
    from rmcheck.training import native

    return native.run


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
