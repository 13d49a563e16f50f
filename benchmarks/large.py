"""Scoring with large models: rmcheck's forest against padded batches and vLLM, on a GPU.

Models of Llama's shape with 1B and 8B weights, drawn at random, score the same texts in bf16: model
FLOP utilisation (operations on unique tokens, held against a plain bf16 matrix product), texts per
second, peak memory. vLLM's pooling runner is asked where it is installed. Without CUDA it says so,
unless `--device cpu` is given, which is of use with `--quick` only.

    python benchmarks/large.py
"""

from __future__ import annotations

import argparse
import gc
import importlib.util
import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gpu import matrix_product
from numpy.typing import NDArray
from results import medians, options, publish, seconds, table
from transformers import LlamaConfig, LlamaForSequenceClassification
from workload import MAX_LENGTH, Peer, pairs, tokenizer

from rmcheck.data import Dialogue, pair_dialogues
from rmcheck.scoring.forest import plant
from rmcheck.scoring.loading import fuse, quiet
from rmcheck.scoring.scorer import Scorer

TITLE = "Scoring with large models"
GOAL = 0.45
FAR = 0.1
"""Rewards in bf16 may differ so much, in standard deviations of the rewards."""


@dataclass(frozen=True)
class Llama:
    """The size of a Llama."""

    name: str
    layers: int
    width: int
    inner: int
    heads: int
    shared: int
    """Heads of keys and values."""
    vocabulary: int = 128_256

    @property
    def linear(self) -> int:
        """Weights of all matrices that every token is multiplied with."""
        attention = self.width**2 * (2 + 2 * self.shared / self.heads)
        return int(self.layers * (attention + 3 * self.width * self.inner))

    def model(self, device: str, *, fused: bool, pad: int) -> Any:
        """A reward model with random weights in bf16, made on the device; always the same."""
        config = LlamaConfig(
            num_hidden_layers=self.layers, hidden_size=self.width, intermediate_size=self.inner,
            num_attention_heads=self.heads, num_key_value_heads=self.shared, num_labels=1,
            vocab_size=self.vocabulary, max_position_embeddings=8192, pad_token_id=pad,
        )  # fmt: skip
        if fused:
            fuse(config)
        torch.manual_seed(0)
        before = torch.get_default_dtype()
        torch.set_default_dtype(torch.bfloat16)
        try:
            with quiet(), torch.device(device):
                return LlamaForSequenceClassification(config).eval()
        finally:
            torch.set_default_dtype(before)


SHAPES: tuple[Llama, ...] = (
    Llama("1B", layers=16, width=2048, inner=8192, heads=32, shared=8),
    Llama("8B", layers=32, width=4096, inner=14_336, heads=32, shared=8),
)
SMALL: tuple[Llama, ...] = (Llama("a small Llama", 2, 64, 128, 4, 2, 5_000),)
"""For quick runs."""


class OnDevice(Peer):
    """Padded batches of `transformers` on a device, longest first."""

    def score(self, dialogues: Sequence[Dialogue]) -> NDArray[np.float64]:
        """Rewards in input order, shape (n,)."""
        from rmcheck.scoring.batches import padded

        ids = self.scorer.encode(dialogues)
        order = sorted(range(len(ids)), key=lambda index: len(ids[index]), reverse=True)
        scores = np.empty(len(ids))
        device = next(self.model.parameters()).device
        for start in range(0, len(order), self.size):
            batch = padded(ids, order[start : start + self.size], self.scorer.pad)
            with torch.inference_mode():
                logits = self.model(
                    input_ids=torch.from_numpy(batch.tokens).to(device),
                    attention_mask=torch.from_numpy(batch.mask).to(device),
                    use_cache=False,
                ).logits
            scores[batch.members] = logits[:, 0].double().cpu().numpy()
        return scores


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--device", help="cuda, or cpu for a quick run (default: cuda)")
    parser.add_argument("--pairs", type=int, default=1300)
    parser.add_argument("--padded", type=int, default=32, help="texts of a padded batch")
    parser.add_argument("--shape", choices=[shape.name for shape in SHAPES], action="append")


def compare(
    shape: Llama, device: str, data: Sequence[Dialogue], peak: float, how: Any
) -> list[tuple[object, ...]]:
    """A row a way of scoring."""
    known = tokenizer(None)
    model = shape.model(device, fused=True, pad=known.pad_token_id)
    ours = Scorer(model, known, "default", MAX_LENGTH, device, "bfloat16")
    ids = ours.encode(data)
    unique = plant(ids, MAX_LENGTH).n_tokens
    plain = OnDevice(ours, model, how.given.padded)
    scored: dict[str, NDArray[np.float64]] = {}
    memory: dict[str, str] = {}

    def timed(name: str, score: Any) -> Any:
        def run() -> float:
            if device == "cuda":
                torch.cuda.synchronize()
                torch.cuda.reset_peak_memory_stats()
            spent = seconds(lambda: scored.__setitem__(name, score(data)))
            if device == "cuda":
                memory[name] = f"{torch.cuda.max_memory_allocated() / 2**30:.1f}"
            return len(data) / spent

        return run

    padded = f"transformers, padded batches of {how.given.padded}, by length"
    ways = {"rmcheck": timed("rmcheck", ours.score), padded: timed(padded, plain.score)}
    ours.score(data[:8])  # tries out the forest, once a session
    speed = medians(ways, how.repeats)
    del model, ours, plain
    gc.collect()
    if device == "cuda":
        torch.cuda.empty_cache()
        if importlib.util.find_spec("vllm"):
            name = "vLLM, pooling runner"
            speed[name], scored[name] = vllm_rate(shape, ids)
    spread = float(scored["rmcheck"].std()) or 1.0
    rows: list[tuple[object, ...]] = []
    for name, rate in speed.items():
        used = 2 * shape.linear * unique / (len(data) / rate) / 1e12 / peak
        share = f"{used:.0%}"
        if name == "rmcheck" and device == "cuda":
            share += f" (goal {GOAL:.0%}: {'reached' if used >= GOAL else 'missed'})"
        apart = float(np.abs(scored[name] - scored["rmcheck"]).max()) / spread
        rows.append((shape.name, name, rate, share, memory.get(name, "–"), apart))
    return rows


def vllm_rate(shape: Llama, ids: Sequence[NDArray[np.int64]]) -> tuple[float, NDArray[np.float64]]:
    """Texts per second of vLLM on the same token ids, with its prefix cache, and its rewards."""
    from vllm import LLM, PoolingParams, TokensPrompt  # type: ignore[import-not-found]

    known = tokenizer(None)
    with tempfile.TemporaryDirectory() as folder:
        shape.model("cuda", fused=False, pad=known.pad_token_id).save_pretrained(folder)
        known.save_pretrained(folder)
        config = Path(folder) / "config.json"
        told = {**json.loads(config.read_text()), "dtype": "bfloat16"}
        config.write_text(json.dumps(told))
        torch.cuda.empty_cache()
        server = LLM(
            folder, runner="pooling", convert="classify", dtype="bfloat16",
            max_model_len=MAX_LENGTH, enable_prefix_caching=True,
        )  # fmt: skip
        prompts = [TokensPrompt(prompt_token_ids=each.tolist()) for each in ids]
        raw = PoolingParams(use_activation=False)
        server.classify(prompts[:8], pooling_params=raw, use_tqdm=False)
        found: list[Any] = []
        spent = seconds(
            lambda: found.extend(server.classify(prompts, pooling_params=raw, use_tqdm=False))
        )
        return len(ids) / spent, np.array([each.outputs.probs[0] for each in found])


def main() -> None:
    how = options(__doc__, 3, add)
    device = how.given.device or "cuda"
    if device == "cuda" and not torch.cuda.is_available():
        publish(TITLE, "not measured: this machine has no CUDA device.", how)
        return
    shapes = SMALL if how.quick else SHAPES
    if how.given.shape:
        shapes = tuple(shape for shape in SHAPES if shape.name in how.given.shape)
    data = pair_dialogues(pairs(10 if how.quick else how.given.pairs, None))
    peak = matrix_product(1024 if how.quick else 8192, device=device)
    rows = [row for shape in shapes for row in compare(shape, device, data, peak, how)]
    for row in rows:
        if "transformers" in str(row[1]) and float(str(row[5])) > FAR:
            raise SystemExit(f"{row[0]}: rewards are {row[5]} deviations from those of {row[1]}")
    where = torch.cuda.get_device_name() if device == "cuda" else "this processor"
    body = (
        f"{where}; random weights in bf16, {len(data):,} texts of shipped evaluation pairs; a bf16 "
        f"matrix product reaches {peak:,.3g} TFLOP/s. Median of {how.repeats}.\n\n"
        + table(
            ("model", "way", "texts/s", "MFU on unique tokens", "peak GiB",
             "farthest from rmcheck, in standard deviations"),
            rows,
        )
    )  # fmt: skip
    publish(TITLE, body, how)


if __name__ == "__main__":
    main()
