"""Model FLOP utilisation on CUDA in bf16: scoring and training on the prefix forest.

Operations are counted on unique tokens, and held against a plain bf16 matrix product on the same
GPU. Without CUDA it says so.

    python benchmarks/gpu.py
"""

from __future__ import annotations

import dataclasses
import tempfile
import time
from pathlib import Path

import torch
from results import medians, options, publish, seconds, table
from train import recipe, saved
from workload import GPT2, MAX_LENGTH, SMALL, pairs, tokenizer

from rmcheck.data import pair_dialogues
from rmcheck.data.preferences import load
from rmcheck.progress import NoProgress
from rmcheck.scoring.forest import plant
from rmcheck.scoring.scorer import Scorer
from rmcheck.training.trainer import train

GOALS = {"scoring": 0.45, "training": 0.30}
TITLE = "On a GPU"


def matrix_product(size: int, repeats: int = 20, device: str = "cuda") -> float:
    """TFLOP/s of a square product in bf16."""
    left = torch.randn(size, size, device=device, dtype=torch.bfloat16)

    def run() -> None:
        for _ in range(repeats):
            left @ left
        if device == "cuda":
            torch.cuda.synchronize()

    run()
    return 2 * size**3 * repeats / seconds(run) / 1e12


class Clock(NoProgress):
    """Takes the time between start and finish of the steps."""

    seconds = 0.0

    def start(self, what: str, total: int, unit: str) -> None:
        torch.cuda.synchronize()
        self.seconds = time.perf_counter()

    def finish(self) -> None:
        torch.cuda.synchronize()
        self.seconds = time.perf_counter() - self.seconds


def main() -> None:
    how = options(__doc__, 5)
    if not torch.cuda.is_available():
        publish(TITLE, "not measured: this machine has no CUDA device.", how)
        return
    shape = SMALL if how.quick else GPT2
    known = tokenizer(None)
    data = pair_dialogues(pairs(20 if how.quick else 1300, None))
    model = shape.model(pad=known.pad_token_id)
    ours = Scorer(model, known, "default", MAX_LENGTH, "cuda", "bfloat16")
    unique = plant(ours.encode(data), MAX_LENGTH).n_tokens
    ours.score(data)
    with tempfile.TemporaryDirectory() as scratch:
        base = saved(shape, Path(scratch))
        half = recipe(base, 64 if how.quick else 2048, "bf16")
        half = dataclasses.replace(
            half, optimisation=dataclasses.replace(half.optimisation, batch_size=64)
        )
        training = list(load(half.data_files()).pairs)
        sides = ours.encode(pair_dialogues(training[: half.limit]))
        trained = plant(sides, MAX_LENGTH).n_tokens

        def training_rate() -> float:
            clock = Clock()
            train(half, training, "cuda", clock)
            # Forward, and as much again for the gradients of activations: the base is frozen.
            return 4 * shape.linear * trained / clock.seconds / 1e12

        rates = medians(
            {
                "bf16 matrix product": lambda: matrix_product(1024 if how.quick else 8192),
                "scoring": lambda: (
                    2 * shape.linear * unique / seconds(lambda: ours.score(data)) / 1e12
                ),
                "training": training_rate,
            },
            how.repeats,
        )
    own = rates["bf16 matrix product"]
    rows: list[tuple[object, ...]] = [("bf16 matrix product", own, "")]
    for name, goal in GOALS.items():
        share = rates[name] / own
        said = "reached" if share >= goal else "missed"
        rows.append((name, rates[name], f"{share:.0%} (goal {goal:.0%}: {said})"))
    body = (
        f"{torch.cuda.get_device_name()}; {shape.name} with random weights, bf16, operations "
        f"counted on unique tokens. Median of {how.repeats}.\n\n"
        + table(("what", "TFLOP/s", "of the matrix product"), rows)
    )
    publish(TITLE, body, how)


if __name__ == "__main__":
    main()
