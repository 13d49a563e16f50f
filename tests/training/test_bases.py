"""Every kind of base is trained, saved and loaded again bit for bit; nothing is left to chance."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from scoring.models import CONFIGURATIONS, SHAPE, tokenizer
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForMaskedLM,
    AutoModelForSeq2SeqLM,
)

from rmcheck.data import Dialogue
from rmcheck.errors import SourceError
from rmcheck.reward_source import SourceOptions
from rmcheck.sources import create

from . import project

TWO_SIDES: dict[str, Any] = {
    "vocab_size": 400, "d_model": 32, "pad_token_id": 1, "eos_token_id": 0, "bos_token_id": 2,
    "decoder_start_token_id": 2,
}  # fmt: skip
OTHERS: dict[str, dict[str, Any]] = {
    "distilbert": {
        "vocab_size": 400, "dim": 32, "n_layers": 2, "n_heads": 4, "hidden_dim": 64,
        "pad_token_id": 1, "max_position_embeddings": 128,
    },
    "modernbert": {**SHAPE, "cls_token_id": 2, "sep_token_id": 0, "global_attn_every_n_layers": 2},
    "t5": {
        **TWO_SIDES, "d_ff": 64, "d_kv": 8, "num_layers": 2, "num_decoder_layers": 2,
        "num_heads": 4,
    },
    "bart": {
        **TWO_SIDES, "encoder_layers": 2, "decoder_layers": 2, "encoder_attention_heads": 4,
        "decoder_attention_heads": 4, "encoder_ffn_dim": 64, "decoder_ffn_dim": 64,
        "max_position_embeddings": 128,
    },
}  # fmt: skip
MASKED = ("bert", "roberta", "deberta-v2", "distilbert", "modernbert")
KINDS = {
    **dict.fromkeys(("gpt2", "llama", "qwen3", "mistral", "gemma3_text"), AutoModelForCausalLM),
    **dict.fromkeys(MASKED, AutoModelForMaskedLM),
    **dict.fromkeys(("t5", "bart"), AutoModelForSeq2SeqLM),
}
QUICK = ("gpt2", "roberta", "distilbert")
RECIPE = """recipe: 1
base: base
data: pairs.jsonl
max_length: 64
lora: {r: 4, alpha: 8}
training: {learning_rate: 1.0e-2, batch_size: 8, epochs: 1}
"""
TEXTS = [
    Dialogue("Where did the cat sit?", "on the mat"),
    Dialogue("What was gone?", "the bridge near the river"),
    Dialogue("Tell me about the rain.", "rain fell on the old roof of the house"),
]


def made(folder: Path, kind: str) -> Path:
    """A project whose base is a random language model of that kind."""
    torch.manual_seed(0)
    config = AutoConfig.for_model(kind, **(CONFIGURATIONS | OTHERS)[kind])
    KINDS[kind].from_config(config).save_pretrained(folder / "base")
    tokenizer(encloses=kind in (*MASKED, "t5", "bart")).save_pretrained(folder / "base")
    project.pairs(folder)
    (folder / "tiny.yaml").write_text(RECIPE, encoding="utf-8")
    return folder


def scores(folder: Path, spec: str, cache: str = "cache") -> np.ndarray:
    """Rewards by a source that is loaded anew."""
    options = SourceOptions(root=folder, cache=folder / cache, device="cpu")
    return create(spec, options).score(TEXTS)


@pytest.mark.parametrize(
    "kind",
    [
        "gpt2",
        *(pytest.param(kind, marks=pytest.mark.ci) for kind in QUICK[1:]),
        *(pytest.param(kind, marks=pytest.mark.slow) for kind in KINDS if kind not in QUICK),
    ],
)
def test_what_is_trained_is_what_is_loaded(tmp_path: Path, kind: str) -> None:
    made(tmp_path, kind)
    options = SourceOptions(root=tmp_path, cache=tmp_path / "cache", device="cpu")
    source = create("recipe:tiny.yaml", options)
    folder = source.train()  # type: ignore[attr-defined]
    first = scores(tmp_path, "recipe:tiny.yaml")
    torch.manual_seed(99)  # weights that no file has would now be others
    np.testing.assert_array_equal(scores(tmp_path, "recipe:tiny.yaml"), first)
    torch.manual_seed(7)
    np.testing.assert_array_equal(scores(tmp_path, f"hf:{folder}"), first)
    again = scores(tmp_path, "recipe:tiny.yaml", "another")
    np.testing.assert_array_equal(again, first)
    assert len(set(first)) == len(TEXTS)


@pytest.mark.parametrize("kind", ["roberta", "gpt2"])
def test_an_adapter_without_what_its_base_lacks_is_refused(tmp_path: Path, kind: str) -> None:
    made(tmp_path, kind)
    options = SourceOptions(root=tmp_path, cache=tmp_path / "cache", device="cpu")
    folder = create("recipe:tiny.yaml", options).train()  # type: ignore[attr-defined]
    (folder / "rmcheck.json").unlink()  # another tool's adapter
    file = folder / "adapter_model.safetensors"
    tensors = load_file(file)
    part = "classifier.dense" if kind == "roberta" else "score"
    kept = {name: value for name, value in tensors.items() if f"{part}.weight" not in name}
    assert len(kept) < len(tensors)
    # A layer that LoRA changes and that is called like a head is none.
    kept["base_model.model.roberta.encoder.layer.0.out_proj.lora_A.weight"] = torch.zeros(4, 32)
    save_file(kept, file)
    with pytest.raises(SourceError, match=rf"weights missing .*{part}\.weight.*modules_to_save"):
        scores(tmp_path, f"hf:{folder}")
    torch.save(kept, folder / "adapter_model.bin")
    file.unlink()
    with pytest.raises(SourceError, match=rf"adapter_model\.bin: weights missing .*{part}"):
        scores(tmp_path, f"hf:{folder}")


def test_an_adapter_on_a_reward_model_needs_no_head_of_its_own(tmp_path: Path) -> None:
    from peft import LoraConfig, get_peft_model
    from scoring.models import random_model

    made(tmp_path, "gpt2")
    model = random_model("gpt2", seed=3)
    model.save_pretrained(tmp_path / "reward")
    tokenizer().save_pretrained(tmp_path / "reward")
    model.name_or_path = str(tmp_path / "reward")
    torch.manual_seed(0)
    tuned = get_peft_model(model, LoraConfig(r=4, target_modules=["c_attn"], fan_in_fan_out=True))
    for name, parameter in tuned.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter)
    tuned.save_pretrained(tmp_path / "adapter")
    found = scores(tmp_path, "hf:adapter,template=default")
    assert not np.allclose(found, scores(tmp_path, "hf:reward"))
    merged = tuned.merge_and_unload()
    merged.save_pretrained(tmp_path / "merged")
    tokenizer().save_pretrained(tmp_path / "merged")
    np.testing.assert_allclose(found, scores(tmp_path, "hf:merged"), atol=1e-5)
