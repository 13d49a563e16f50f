"""Train a LoRA reward model: rmcheck against TRL's RewardTrainer at its defaults.

Both train the same adapter on the same batches of the shipped training pairs, from the same
random numbers: TRL with gradient checkpointing and bf16 as it chooses, and once more in float32;
rmcheck by its own loop in bf16 and in float32, and in float32 with its batches in TRL's trainer
(`trainer: trl`). The loss curves are held against each other, and the peak memory of each way in a
process of its own. Then five seeds of the shipped recipe are trained at once, and it is
cross-validated.

    python benchmarks/train.py
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import resource
import subprocess
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
from train_many import many
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


DEFAULTS, SINGLE = "TRL at its defaults", "TRL in float32"
THROUGH = "rmcheck, trainer: trl, float32"
HALF, WHOLE = "rmcheck, bf16", "rmcheck, float32"


@dataclasses.dataclass(frozen=True)
class Task:
    """What all ways train: a base model, and how many pairs."""

    base: Path
    pairs: int

    def ways(self) -> dict[str, Callable[[], Trained]]:
        """Each way of training it."""
        exact, half = recipe(self.base, self.pairs, "fp32"), recipe(self.base, self.pairs, "bf16")
        inside = dataclasses.replace(exact, trainer="trl")
        known = list(load(exact.data_files()).pairs)
        parts = split(known, exact).train
        texts = encoded(exact, parts)
        tokens = sum(len(ids) for side in (texts.chosen, texts.rejected) for ids in side)
        return {
            DEFAULTS: lambda: by_trl(exact, texts, parts),
            SINGLE: lambda: by_trl(exact, texts, parts, bf16=False),
            THROUGH: lambda: by_rmcheck(inside, known, tokens),
            HALF: lambda: by_rmcheck(half, known, tokens),
            WHOLE: lambda: by_rmcheck(exact, known, tokens),
        }

    def peak(self, way: str) -> float:
        """The peak memory of one way in MB, in a process of its own."""
        given = ["--way", way, "--base", str(self.base), "--pairs", str(self.pairs)]
        command = [sys.executable, __file__, *given]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(done.stdout + done.stderr)
        return float(json.loads(done.stdout.splitlines()[-1]))


def race(how: Options, name: str, task: Task, goal: float) -> list[tuple[object, ...]]:
    """A row a way of training one model."""
    last: dict[str, Trained] = {}

    def timed(way: str, run: Callable[[], Trained]) -> Callable[[], float]:
        def once() -> float:
            last[way] = run()
            return last[way].tokens_per_second

        return once

    ways = {way: timed(way, run) for way, run in task.ways().items()}
    speed = medians(ways, how.repeats)
    memory = {way: task.peak(way) for way in ways}

    def apart(way: str, other: str) -> float:
        return float(np.abs(np.subtract(last[way].curve, last[other].curve)).max())

    if apart(WHOLE, SINGLE) > CLOSE:
        sys.exit(f"rmcheck's loss curve leaves TRL's by {apart(WHOLE, SINGLE)}")
    if apart(WHOLE, THROUGH):
        sys.exit(f"the curves of both trainers are {apart(WHOLE, THROUGH)} apart")
    like = {HALF: DEFAULTS, WHOLE: SINGLE, THROUGH: SINGLE}
    rows: list[tuple[object, ...]] = []
    for way, rate in speed.items():
        ratio = rate / speed[DEFAULTS]
        gain = held(ratio, goal) if way == HALF else f"{ratio:.2f}×"
        used = f"{memory[way]:,.0f}"
        if way == HALF:
            used += f" (goal: TRL's {'reached' if memory[way] <= memory[DEFAULTS] else 'missed'})"
        distance = f"{apart(way, like[way]):.1e} from {like[way]}" if way in like else ""
        rows.append((name, way, rate, gain, used, last[way].curve[-1], distance))
    return rows


def add(parser: argparse.ArgumentParser) -> None:
    """The options of a process that measures memory."""
    parser.add_argument("--way", help=argparse.SUPPRESS)
    parser.add_argument("--base", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--pairs", type=int, help=argparse.SUPPRESS)


def saved(shape: Shape, folder: Path) -> Path:
    """A base model with random weights, and the shipped tokenizer."""
    known = tokenizer(None)
    shape.model(fused=False, pad=known.pad_token_id).save_pretrained(folder)
    known.save_pretrained(folder)
    return folder


def peak() -> float:
    """The most memory of this process so far, in MB.

    `getrusage` would tell that of the process that started it, if it was larger.
    """
    status = Path("/proc/self/status")
    if status.exists():
        lines = status.read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # macOS gives bytes


def main() -> None:
    how = options(__doc__, 2, add)
    if how.given.way:
        Task(how.given.base, how.given.pairs).ways()[how.given.way]()
        print(json.dumps(peak()))
        return
    with tempfile.TemporaryDirectory() as scratch:
        if how.quick:
            small = saved(SMALL, Path(scratch) / "small")
            rows = race(how, "two layers, 64 wide", Task(small, 16), 5.0)
        else:
            tiny = Task(shipped("models", "tiny-gpt2"), 480)
            rows = race(how, "tiny, 4 layers, 192 wide", tiny, 5.0)
            large = Task(saved(GPT2, Path(scratch) / "gpt2"), 32)
            rows += race(how, "GPT-2-124M", large, 6.0)
    several = table(("of the shipped recipe", "took", "against the goal"), many(quick=how.quick))
    head = (
        "model",
        "way",
        "tokens/s",
        "against TRL at its defaults",
        "peak MB",
        "last loss",
        "loss curve apart",
    )
    body = (
        f"LoRA of rank 16 on every matrix, batches of {BATCH} shipped training pairs, tokens of "
        "both sides counted without padding. TRL at its defaults checkpoints gradients and "
        "computes in bf16. Both see the same batches in the same order. Median of "
        f"{how.repeats}, run in turn; memory in a process of its own, with the libraries of both."
        f"\n\n{table(head, rows)}\n\n{several}"
    )
    publish("Training", body, how)


if __name__ == "__main__":
    main()
