"""Every recipe of the hub trains two steps: a small base of its kind, rows like its data's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pytest
import torch
from scoring.models import CONFIGURATIONS, WORDS, tokenizer
from transformers import AutoConfig

from rmcheck.data import Dialogue
from rmcheck.reward_source import SourceOptions
from rmcheck.sources.recipe import source_of
from rmcheck.training.adapter import read_config
from rmcheck.training.recipe_file import load_recipe, shipped_recipes

from .test_bases import KINDS, MASKED, OTHERS

CHAT = (
    "{% for message in messages %}<{{ message['role'] }}>{{ message['content'] }}"
    "{% endfor %}<|end|>"
)


def _plain(number: int, good: str, bad: str) -> dict[str, Any]:
    return {"prompt": f"Why {number}?", "chosen": good, "rejected": bad}


def _transcripts(number: int, good: str, bad: str) -> dict[str, Any]:
    start = f"\n\nHuman: Why {number}?\n\nAssistant: "
    return {"chosen": start + good, "rejected": start + bad}


def _rated(number: int, good: str, bad: str) -> dict[str, Any]:
    marks = ((good, 4.5), (bad, 1.5), (f"{good} {bad}", 3.0))
    return {
        "instruction": f"Why {number}?",
        "completions": [{"response": text, "fine-grained_score": mark} for text, mark in marks],
    }


def _messages(number: int, good: str, bad: str) -> dict[str, Any]:
    asked = {"role": "user", "content": f"Why {number}?"}
    both = {"chosen": good, "rejected": bad}
    return {"prompt": asked["content"]} | {
        side: [asked, {"role": "assistant", "content": text}] for side, text in both.items()
    }


def _judged_twice(number: int, good: str, bad: str) -> dict[str, Any]:
    """Every second response that helps more is the less safe one."""
    asked = {"prompt": f"Why {number}?", "response_0": good, "response_1": bad}
    return {**asked, "better_response_id": 0, "safer_response_id": number % 2}


SETS = {
    "Dahoas/synthetic-instruct-gptj-pairwise": _plain,
    "trl-lib/tldr-preference": _plain,
    "Anthropic/hh-rlhf": _transcripts,
    "openbmb/UltraFeedback": _rated,
    "PKU-Alignment/PKU-SafeRLHF": _judged_twice,
    "HuggingFaceH4/ultrafeedback_binarized": _messages,
}
"""How a row of each data set is laid out."""
BASES = {
    "gpt2": "gpt2",
    "microsoft/DialoGPT-medium": "gpt2",
    "distilbert/distilbert-base-uncased": "distilbert",
    "FacebookAI/roberta-base": "roberta",
    "meta-llama/Llama-3.2-1B-Instruct": "llama",
    "meta-llama/Llama-3.1-8B-Instruct": "llama",
}
"""The architecture of each base."""
OF_HUB = [
    name for name in shipped_recipes() if isinstance(load_recipe(name, Path("/")).data, Mapping)
]
QUICK = ("gpt2", "gpt2-safe-rlhf", "gpt2-ultrafeedback", "llama-8b", "roberta")


def base(folder: Path, kind: str) -> Path:
    """A random language model of that kind, with a tokenizer and a chat template."""
    torch.manual_seed(0)
    config = AutoConfig.for_model(kind, **(CONFIGURATIONS | OTHERS)[kind])
    KINDS[kind].from_config(config).save_pretrained(folder)
    tokenizer(encloses=kind in MASKED, chat_template=CHAT).save_pretrained(folder)
    return folder


def rows(dataset: str, count: int) -> datasets.Dataset:
    """Rows in the layout of that data set, each with a prompt of its own."""
    rng = np.random.default_rng(0)
    words = rng.choice(WORDS, size=(count, 2, 6))
    return datasets.Dataset.from_list(
        [
            SETS[dataset](number, f"so {' '.join(good)}", f"no {' '.join(bad)}")
            for number, (good, bad) in enumerate(words.tolist())
        ]
    )


@pytest.mark.parametrize(
    "name",
    [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in OF_HUB],
)
def test_a_shipped_recipe_trains_two_steps(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = load_recipe(name, tmp_path)
    how = recipe.optimisation
    of_two_steps = 2 * how.batch_size * how.gradient_accumulation
    asked: list[tuple[str, dict[str, Any]]] = []

    def load_dataset(dataset: str, **options: Any) -> datasets.Dataset:
        asked.append((dataset, options))
        return rows(dataset, 2 * of_two_steps)

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    small = replace(
        recipe,
        base=str(base(tmp_path / "base", BASES[recipe.base])),
        optimisation=replace(how, epochs=1),
        limit=of_two_steps,
    )
    options = SourceOptions(root=tmp_path, cache=tmp_path / "cache", device="cpu")
    source = source_of(f"recipe:{name}", small, options)
    texts = [Dialogue("Why?", "so the rain fell"), Dialogue("Why?", "no roof near the river")]
    scores = source.score(texts)

    assert isinstance(recipe.data, dict)
    [(dataset, given)] = asked
    assert (dataset, given["split"]) == (recipe.data["dataset"], recipe.data["split"])
    assert given.get("data_dir", given.get("name")) == recipe.data.get("subset")
    training = source.training
    assert training is not None
    assert (training.steps, training.pairs, training.truncated) == (2, of_two_steps, 0)
    assert training.labels == dict.fromkeys(recipe.objectives, of_two_steps)
    assert np.isfinite(scores).all()
    assert scores[0] != scores[1]
    kept = read_config(source.adapter)
    assert (kept["r"], kept["lora_alpha"]) == (recipe.lora.r, recipe.lora.alpha)
    if recipe.lora.targets:
        assert set(kept["target_modules"]) == set(recipe.lora.targets)


def test_every_recipe_says_what_it_needs() -> None:
    for name in OF_HUB:
        recipe = load_recipe(name, Path("/"))
        assert "needs the hub" in recipe.description, name
        assert recipe.base in BASES, name


@pytest.mark.parametrize("name", ["llama-1b", "llama-8b"])
def test_recipes_of_large_models_save_memory(name: str) -> None:
    how = load_recipe(name, Path("/")).optimisation
    assert (how.precision, how.gradient_checkpointing) == ("bf16", True)
    assert how.batch_size * how.gradient_accumulation == 16
