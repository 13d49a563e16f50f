"""Runs the `rewardbench` program on a CPU, within its own environment (see score_pairs.py).

Reads one command a line, {"dtype", "model", "data", "folder"}, runs the program itself on it, and
prints {"seconds", "chosen", "rejected"}: how long its scoring loop took, and what it scored.
Three things stand between the program and a machine without a GPU and a hub, and are shimmed here:
its pipeline moves batches to "cuda"; its command line imports wandb; its hub client looks for a
token. Nothing else of it is touched.
"""

from __future__ import annotations

import importlib.machinery
import json
import os
import sys
import time
import types
from pathlib import Path
from typing import Any

os.environ.update(HF_HUB_OFFLINE="1", TOKENIZERS_PARALLELISM="true", HF_HUB_DISABLE_TELEMETRY="1")
answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)  # the program logs to standard output
wandb = types.ModuleType("wandb")
wandb.__spec__ = importlib.machinery.ModuleSpec("wandb", None)
sys.modules["wandb"] = wandb

import rewardbench.rewardbench as program  # type: ignore[import-not-found,unused-ignore]  # noqa: E402
import transformers  # noqa: E402

_to = transformers.BatchEncoding.to


def _stay(batch: Any, device: Any, *rest: Any, **more: Any) -> Any:
    """Where the program says "cuda", this machine has a CPU."""
    return _to(batch, "cpu" if device == "cuda" else device, *rest, **more)


transformers.BatchEncoding.to = _stay


class Timed:
    """The progress bar of the program's scoring loop, replaced by a clock."""

    seconds = 0.0

    def __init__(self, batches: Any, **_: Any) -> None:
        self.batches = batches

    def __iter__(self) -> Any:
        started = time.perf_counter()
        yield from self.batches
        Timed.seconds = time.perf_counter() - started


program.tqdm = Timed


def run(command: dict[str, str]) -> dict[str, Any]:
    """One run of the program at its own batch size."""
    arguments = program.Args(
        dataset=command["data"],
        load_json=True,
        model=command["model"],
        torch_dtype=command["dtype"],
        not_quantized=True,
        force_truncation=True,
        max_length=512,
        batch_size=8,
        output_dir=command["folder"],
    )
    program.rewardbench(arguments)
    written = Path(f"{command['model']}_outputs.jsonl").read_text(encoding="utf-8")
    rows = [json.loads(line) for line in written.splitlines()]
    scores: dict[str, Any] = {"seconds": Timed.seconds}
    for side in ("chosen", "rejected"):
        found = [row[f"scores_{side}"] for row in rows]
        scores[side] = [one[0] if isinstance(one, list) else one for one in found]
    return scores


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(run(json.loads(line))), file=answers, flush=True)
