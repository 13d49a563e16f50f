"""Train a LoRA reward model: rmcheck against TRL's RewardTrainer at its defaults.

Both train the same adapter on the same batches of the shipped training pairs, from the same
random numbers: TRL with gradient checkpointing and bf16 as it chooses, and once more in float32;
rmcheck by its own loop in bf16 and in float32, and in float32 with its batches in TRL's trainer
(`trainer: trl`). The loss curves are held against each other.

    python benchmarks/train.py
"""

from __future__ import annotations

import dataclasses
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from datasets import Dataset
from peft import get_peft_model
from results import Options, held, medians, options, publish, table
from transformers import AutoModelForSequenceClassification, PrinterCallback
from trl import RewardConfig, RewardTrainer
from workload import GPT2, SMALL, Shape, tokenizer

from rmcheck.data import PreferencePair, pair_dialogues
from rmcheck.data.preferences import load
from rmcheck.progress import NoProgress
from rmcheck.scoring.loading import load_base, load_tokenizer, quiet
from rmcheck.scoring.scorer import Scorer
from rmcheck.shipped import shipped
from rmcheck.training.batches import PromptSampler
from rmcheck.training.preparation import Texts, split
from rmcheck.training.recipe import Recipe, steps_of
from rmcheck.training.recipe_file import load_recipe
from rmcheck.training.settings import Lora
from rmcheck.training.trainer import kept_randomness, lora_config, train

BATCH = 8
"""TRL's default, in pairs."""

CLOSE = 1e-3


@dataclasses.dataclass(frozen=True)
class Trained:
    """How fast, and the mean loss of each tenth of the steps."""

    tokens_per_second: float
    curve: Sequence[float]


class Clock(NoProgress):
    """Progress that only takes the time between start and finish of the steps."""

    seconds = 0.0

    def start(self, what: str, total: int, unit: str) -> None:
        self.seconds = time.perf_counter()

    def finish(self) -> None:
        self.seconds = time.perf_counter() - self.seconds


def recipe(base: Path, pairs: int, precision: Literal["fp32", "bf16"]) -> Recipe:
    """The shipped recipe with TRL's learning rate and batch size, on `pairs` pairs."""
    known = load_recipe("tiny", Path())
    how = dataclasses.replace(
        known.optimisation, learning_rate=1e-4, batch_size=BATCH, epochs=1.0, precision=precision
    )
    return dataclasses.replace(
        known, base=str(base), optimisation=how, limit=pairs, held_out=0.0, pooling="last",
        lora=Lora(16, 32, ("c_attn", "c_proj", "c_fc")),
    )  # fmt: skip


def encoded(how: Recipe, pairs: Sequence[PreferencePair]) -> Texts:
    """The token ids that both trainers are given."""
    files = how.base_files()
    scorer = Scorer(
        load_base(files, seed=0).model, load_tokenizer(files), how.template, how.max_length
    )
    ids = scorer.encode(pair_dialogues(pairs))
    return Texts(ids[0::2], ids[1::2])


def by_rmcheck(how: Recipe, pairs: Sequence[PreferencePair], tokens: int) -> Trained:
    """rmcheck's own training; the clock runs from the first step to the last."""
    clock = Clock()
    _, record = train(how, pairs, "cpu", clock)
    return Trained(tokens / clock.seconds, [point.loss for point in record.curve])


def by_trl(how: Recipe, texts: Texts, pairs: Sequence[PreferencePair], **given: Any) -> Trained:
    """TRL's trainer at its defaults, on the batches that rmcheck's sampler draws."""
    files = how.base_files()
    steps = steps_of(how, len(pairs))
    with quiet(), kept_randomness(), tempfile.TemporaryDirectory() as scratch:
        fused, missing = load_base(files, seed=how.seed)
        base = AutoModelForSequenceClassification.from_pretrained(
            files.name, num_labels=1, dtype=torch.float32
        )
        base.score.load_state_dict(fused.score.state_dict())
        torch.manual_seed(how.seed)
        model = get_peft_model(base, lora_config(how, base, missing))
        rows = Dataset.from_dict({"chosen_ids": texts.chosen, "rejected_ids": texts.rejected})
        order = list(PromptSampler([pair.group for pair in pairs], how.seed))
        trainer = RewardTrainer(
            model=model,
            args=RewardConfig(
                output_dir=scratch, use_cpu=True, max_steps=steps, logging_steps=1,
                warmup_steps=round(how.optimisation.warmup * steps), seed=how.seed,
                train_sampling_strategy="sequential", save_strategy="no", report_to="none",
                disable_tqdm=True, **given,
            ),
            train_dataset=rows.select(order),
            processing_class=load_tokenizer(files),
        )  # fmt: skip
        trainer.remove_callback(PrinterCallback)
        started = time.perf_counter()
        trainer.train()
        spent = time.perf_counter() - started
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    count = min(10, steps)
    ends = sorted({round(steps * (place + 1) / count) for place in range(count)})
    curve = [float(np.mean(losses[a:b])) for a, b in zip([0, *ends], ends, strict=False)]
    tokens = sum(len(ids) for side in (texts.chosen, texts.rejected) for ids in side)
    return Trained(tokens / spent, curve)


def race(how: Options, name: str, base: Path, pairs: int, goal: float) -> list[tuple[object, ...]]:
    """A row a way of training one model."""
    exact, half = recipe(base, pairs, "fp32"), recipe(base, pairs, "bf16")
    known = list(load(exact.data_files()).pairs)
    parts = split(known, exact).train
    texts = encoded(exact, parts)
    tokens = sum(len(ids) for side in (texts.chosen, texts.rejected) for ids in side)
    last: dict[str, Trained] = {}

    def timed(way: str, run: Callable[[], Trained]) -> Callable[[], float]:
        def once() -> float:
            last[way] = run()
            return last[way].tokens_per_second

        return once

    inside = dataclasses.replace(exact, trainer="trl")
    defaults, single = "TRL at its defaults", "TRL in float32"
    through = "rmcheck, trainer: trl, float32"
    ways = {
        defaults: timed(defaults, lambda: by_trl(exact, texts, parts)),
        single: timed(single, lambda: by_trl(exact, texts, parts, bf16=False)),
        through: timed(through, lambda: by_rmcheck(inside, known, tokens)),
        "rmcheck, bf16": timed("rmcheck, bf16", lambda: by_rmcheck(half, known, tokens)),
        "rmcheck, float32": timed("rmcheck, float32", lambda: by_rmcheck(exact, known, tokens)),
    }
    speed = medians(ways, how.repeats)

    def apart(way: str, other: str) -> float:
        return float(np.abs(np.subtract(last[way].curve, last[other].curve)).max())

    if apart("rmcheck, float32", single) > CLOSE:
        sys.exit(f"rmcheck's loss curve leaves TRL's by {apart('rmcheck, float32', single)}")
    if apart("rmcheck, float32", through):
        sys.exit(f"the curves of both trainers are {apart('rmcheck, float32', through)} apart")
    rows: list[tuple[object, ...]] = []
    for way, rate in speed.items():
        ours, ratio = way.startswith("rmcheck"), rate / speed[defaults]
        gain = held(ratio, goal) if way == "rmcheck, bf16" else f"{ratio:.2f}×"
        like = {"rmcheck, bf16": defaults, "rmcheck, float32": single, through: single}.get(
            way, way
        )
        distance = f"{apart(way, like):.1e} from {like}" if ours else ""
        rows.append((name, way, rate, gain, last[way].curve[-1], distance))
    return rows


def saved(shape: Shape, folder: Path) -> Path:
    """A base model with random weights, and the shipped tokenizer."""
    known = tokenizer(None)
    shape.model(fused=False, pad=known.pad_token_id).save_pretrained(folder)
    known.save_pretrained(folder)
    return folder


def main() -> None:
    how = options(__doc__, 2)
    with tempfile.TemporaryDirectory() as scratch:
        if how.quick:
            small = saved(SMALL, Path(scratch) / "small")
            rows = race(how, "two layers, 64 wide", small, 16, 5.0)
        else:
            rows = race(how, "tiny, 4 layers, 192 wide", shipped("models", "tiny-gpt2"), 480, 5.0)
            rows += race(how, "GPT-2-124M", saved(GPT2, Path(scratch) / "gpt2"), 32, 2.5)
    head = (
        "model",
        "way",
        "tokens/s",
        "against TRL at its defaults",
        "last loss",
        "loss curve apart",
    )
    body = (
        f"LoRA of rank 16 on every matrix, batches of {BATCH} shipped training pairs, tokens of "
        "both sides counted without padding. TRL at its defaults checkpoints gradients and "
        "computes in bf16. Both see the same batches in the same order. Median of "
        f"{how.repeats}, run in turn.\n\n{table(head, rows)}"
    )
    publish("Training", body, how)


if __name__ == "__main__":
    main()
