"""A project small enough to train in a test: a random base model, some pairs, a recipe."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from scoring.models import PROMPTS, WORDS, tokenizer
from transformers import GPT2Config, GPT2LMHeadModel

from rmcheck.data import PreferencePair
from rmcheck.data.preferences import load
from rmcheck.reward_source import SourceOptions
from rmcheck.sources.recipe import RecipeSource, create
from rmcheck.training.recipe import Recipe
from rmcheck.training.recipe_file import load_recipe

RECIPE = """recipe: 1
base: base
data: pairs.jsonl
max_length: 64
lora: {r: 4, alpha: 8, targets: [c_attn]}
training: {learning_rate: 1.0e-2, batch_size: 8, epochs: 2}
held_out: 0.2
"""


def base(folder: Path, *, seed: int = 0, width: int = 32) -> Path:
    """A language model of two layers with random weights."""
    torch.manual_seed(seed)
    config = GPT2Config(
        vocab_size=400, n_embd=width, n_layer=2, n_head=4, n_positions=64, initializer_range=0.2,
        bos_token_id=2, eos_token_id=0, pad_token_id=1,
    )  # fmt: skip
    GPT2LMHeadModel(config).save_pretrained(folder)
    tokenizer().save_pretrained(folder)
    return folder


def pairs(folder: Path, count: int = 40) -> Path:
    """Pairs whose chosen side speaks of rain: something to learn."""
    rng = np.random.default_rng(0)
    path = folder / "pairs.jsonl"
    with path.open("w", encoding="utf-8") as file:
        for number in range(count):
            prompt = f"{PROMPTS[number % 4]} {number // 3}"
            words = [WORDS[int(i)] for i in rng.integers(len(WORDS), size=8)]
            other = [WORDS[int(i)] for i in rng.integers(len(WORDS), size=8)]
            row = {
                "id": f"t{number}",
                "prompt": prompt,
                "chosen": " ".join([*words, "rain rain"]),
                "rejected": " ".join([*other, "bridge roof"]),
            }
            file.write(json.dumps(row) + "\n")
    return path


def made(folder: Path) -> Path:
    """The whole project in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    base(folder / "base")
    pairs(folder)
    (folder / "tiny.yaml").write_text(RECIPE, encoding="utf-8")
    return folder


def recipe_of(folder: Path) -> Recipe:
    """Its recipe."""
    return load_recipe("tiny.yaml", folder)


def pairs_in(folder: Path) -> list[PreferencePair]:
    """Its pairs."""
    return list(load([folder / "pairs.jsonl"]).pairs)


def source_of(folder: Path, cache: str = "cache") -> RecipeSource:
    """Its recipe as a reward source."""
    return create("tiny.yaml", SourceOptions(root=folder, cache=folder / cache, device="cpu"))
