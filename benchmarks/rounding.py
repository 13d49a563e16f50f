"""How far training in bf16 leaves the loss curve of float32: rmcheck and TRL's RewardTrainer.

Both train the adapter of `benchmarks/train.py` on the same batches, in bf16 and in float32, with
several seeds. In float32 their curves agree, so what is left over is rounding.

    python benchmarks/rounding.py [--seeds N]
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from results import options, publish, table
from train import CLOSE, by_rmcheck, by_trl, encoded, recipe, saved
from workload import GPT2, SMALL

from rmcheck.data.preferences import load
from rmcheck.shipped import shipped
from rmcheck.training.preparation import split
from rmcheck.wording import counted

TITLE = "Training in bf16: rounding"
TRL, OURS = "TRL at its defaults (bf16)", "rmcheck, bf16"
Curve = NDArray[np.float64]


def curves(base: Path, pairs: int, seed: int) -> Mapping[str, Curve]:
    """The loss curve of each way in bf16, less that of float32."""
    whole = dataclasses.replace(recipe(base, pairs, "fp32"), seed=seed)
    half = dataclasses.replace(recipe(base, pairs, "bf16"), seed=seed)
    known = list(load(whole.data_files()).pairs)
    parts = split(known, whole).train
    texts = encoded(whole, parts)
    exact = np.array(by_trl(whole, texts, parts, bf16=False).curve)
    ours = np.array(by_rmcheck(whole, known, 1).curve)
    if np.abs(ours - exact).max() > CLOSE:
        sys.exit(f"rmcheck's loss curve leaves TRL's in float32 by {np.abs(ours - exact).max()}")
    return {
        TRL: np.array(by_trl(whole, texts, parts).curve) - exact,
        OURS: np.array(by_rmcheck(half, known, 1).curve) - exact,
    }


def rows(name: str, found: Sequence[Mapping[str, Curve]]) -> list[tuple[object, ...]]:
    """A row a way of one model."""
    told: list[tuple[object, ...]] = []
    for way in (TRL, OURS):
        apart = np.stack([each[way] for each in found])
        between = np.stack([each[way] - each[TRL] for each in found])
        largest = [f"{value:.1e}" for value in np.abs(apart).max(axis=1)]
        root = float(np.sqrt(np.mean(apart**2)))
        other = "" if way == TRL else f"{np.sqrt(np.mean(between**2)):.1e}"
        told.append((name, way, f"{root:.1e}", ", ".join(largest), other))
    return told


def seeds(parser: argparse.ArgumentParser) -> None:
    """The option `--seeds`."""
    parser.add_argument("--seeds", type=int, default=3, help="trainings of each way")


def main() -> None:
    how = options(__doc__, 1, seeds)
    count = 1 if how.quick else how.given.seeds
    with tempfile.TemporaryDirectory() as scratch:
        if how.quick:
            tasks = {"two layers, 64 wide": (saved(SMALL, Path(scratch) / "small"), 16)}
        else:
            large = saved(GPT2, Path(scratch) / "gpt2")
            tasks = {
                "tiny, 4 layers, 192 wide": (shipped("models", "tiny-gpt2"), 160),
                "GPT-2-124M": (large, 32),
            }
        body = []
        for name, (base, pairs) in tasks.items():
            body += rows(name, [curves(base, pairs, seed) for seed in range(count)])
    head = ("model", "way", "from float32, root mean square", "the largest, by seed", "from TRL")
    publish(
        TITLE,
        "The loss curves (means of a tenth of the steps, at least one) of "
        f"{counted(count, 'seed')}, less those of the same trainings in float32, in which both "
        "agree.\n\n"
        f"{table(head, body)}",
        how,
    )


if __name__ == "__main__":
    main()
