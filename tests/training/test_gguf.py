"""A base model in a GGUF file: written here, loaded by transformers, trained, loaded again."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scoring.models import tokenizer
from transformers import LlamaConfig, LlamaForCausalLM

from rmcheck.data import Dialogue
from rmcheck.errors import SourceError
from rmcheck.reward_source import SourceOptions
from rmcheck.scoring.files import locate
from rmcheck.scoring.loading import load_base, load_tokenizer
from rmcheck.sources.checkpoint import CheckpointSource
from rmcheck.sources.recipe import create
from training import project

gguf = pytest.importorskip("gguf", reason="the package gguf reads and writes GGUF files")

NAME = "small.gguf"
HEADS, KV_HEADS, LAYERS = 4, 2, 2


@pytest.fixture(scope="module")
def twins(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """One random model twice: a folder of safetensors, and a folder with a GGUF file only."""
    folder = tmp_path_factory.mktemp("gguf")
    torch.manual_seed(0)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=400, hidden_size=32, intermediate_size=64, num_hidden_layers=LAYERS,
            num_attention_heads=HEADS, num_key_value_heads=KV_HEADS, max_position_embeddings=64,
            tie_word_embeddings=True, rope_theta=10_000.0,
            bos_token_id=2, eos_token_id=0, pad_token_id=1,
        )
    )  # fmt: skip
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(10 if weight.dim() > 1 else 1)  # far enough from zero to tell texts apart
    model.save_pretrained(folder / "plain")
    tokenizer().save_pretrained(folder / "plain")
    (folder / "packed").mkdir()
    _write(model, folder / "packed" / NAME)
    return folder / "plain", folder / "packed"


def _write(model: LlamaForCausalLM, path: Path, head: NDArray[np.float32] | None = None) -> None:
    """The model as llama.cpp lays it out, by the format's own writer; with a reward head or not."""
    config = model.config
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(config.max_position_embeddings)
    writer.add_block_count(LAYERS)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_rope_dimension_count(config.hidden_size // HEADS)
    writer.add_rope_freq_base(10_000.0)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_vocab_size(config.vocab_size)
    inner = json.loads(tokenizer().backend_tokenizer.to_str())
    known = {**{t["content"]: t["id"] for t in inner["added_tokens"]}, **inner["model"]["vocab"]}
    tokens = sorted(known, key=lambda token: known[token])
    tokens += [f"<|unused{number}|>" for number in range(config.vocab_size - len(tokens))]
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(tokens)
    writer.add_token_types([3 if token.startswith("<|") else 1 for token in tokens])
    writer.add_token_merges([" ".join(merge) for merge in inner["model"]["merges"]])
    writer.add_bos_token_id(2)
    writer.add_eos_token_id(0)
    writer.add_pad_token_id(1)
    weights = {name: tensor.detach().numpy() for name, tensor in model.model.named_parameters()}
    writer.add_tensor("token_embd.weight", weights["embed_tokens.weight"])
    writer.add_tensor("output_norm.weight", weights["norm.weight"])
    for layer in range(LAYERS):
        for ours, theirs in (
            ("input_layernorm", "attn_norm"), ("post_attention_layernorm", "ffn_norm"),
            ("self_attn.v_proj", "attn_v"), ("self_attn.o_proj", "attn_output"),
            ("mlp.gate_proj", "ffn_gate"), ("mlp.up_proj", "ffn_up"), ("mlp.down_proj", "ffn_down"),
        ):  # fmt: skip
            writer.add_tensor(
                f"blk.{layer}.{theirs}.weight", weights[f"layers.{layer}.{ours}.weight"]
            )
        for side, heads in (("q", HEADS), ("k", KV_HEADS)):
            tensor = weights[f"layers.{layer}.self_attn.{side}_proj.weight"]
            writer.add_tensor(f"blk.{layer}.attn_{side}.weight", _interleaved(tensor, heads))
    if head is not None:
        writer.add_tensor("cls.output.weight", head)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _interleaved(weights: NDArray[np.float32], heads: int) -> NDArray[np.float32]:
    """Rows in GGUF's order: a head's two halves, which rotate together, alternate."""
    halves = weights.reshape(heads, 2, -1, weights.shape[1])
    return np.ascontiguousarray(halves.swapaxes(1, 2).reshape(weights.shape))


@pytest.fixture
def packed(twins: tuple[Path, Path], tmp_path: Path) -> Path:
    """A project whose base is the GGUF file."""
    project.pairs(tmp_path)
    recipe = project.RECIPE.replace("base: base", f"base: {twins[1]}\ngguf_file: {NAME}")
    (tmp_path / "tiny.yaml").write_text(recipe.replace("c_attn", "q_proj, v_proj"), "utf-8")
    return tmp_path


def test_the_weights_and_the_tokenizer_come_out_as_they_went_in(twins: tuple[Path, Path]) -> None:
    plain, packed = (locate(str(folder), folder) for folder in twins)
    text = "Human: Where did the cat sit?\n\nAssistant: On the mat."
    ours = load_tokenizer(packed, NAME)
    assert ours(text)["input_ids"] == load_tokenizer(plain)(text)["input_ids"]
    assert ours.pad_token is not None
    found = load_base(packed, seed=3, gguf_file=NAME).model.state_dict()
    expected = load_base(plain, seed=3).model.state_dict()
    assert found.keys() == expected.keys()
    for name, tensor in expected.items():
        torch.testing.assert_close(found[name], tensor)


def test_a_recipe_trains_on_it_and_its_adapter_is_a_checkpoint(packed: Path) -> None:
    source = project.source_of(packed)
    dialogues = [Dialogue("Tell me about the rain.", text) for text in ("rain rain", "a roof")]
    scores = source.score(dialogues)
    assert scores[0] > scores[1]  # the pairs' chosen sides speak of rain
    again = project.source_of(packed)
    assert again.fingerprint == source.fingerprint
    np.testing.assert_allclose(again.score(dialogues), scores, atol=1e-6)
    folder = next(path.parent for path in (packed / "cache").rglob("adapter_config.json"))
    options = SourceOptions(root=packed, cache=packed / "other")
    checkpoint = CheckpointSource(f"hf:{folder}", str(folder), None, options)
    np.testing.assert_allclose(checkpoint.score(dialogues), scores, atol=1e-5)


def test_a_gguf_file_that_is_not_there_is_named(packed: Path) -> None:
    text = (packed / "tiny.yaml").read_text("utf-8")
    (packed / "tiny.yaml").write_text(text.replace(NAME, "other.gguf"), "utf-8")
    with pytest.raises(SourceError, match=r"other\.gguf"):
        create("tiny.yaml", SourceOptions(root=packed, cache=packed / "cache")).score(
            [Dialogue("a", "b")]
        )


def test_a_head_in_the_file_is_not_read_by_transformers(
    twins: tuple[Path, Path], tmp_path: Path
) -> None:
    """Why `hf:` refuses such files; where this fails, transformers reads them, and so can we."""
    model = LlamaForCausalLM.from_pretrained(twins[0])
    _write(model, tmp_path / NAME, np.ones((1, 32), dtype=np.float32))
    found = load_base(locate(str(tmp_path), tmp_path), seed=0, gguf_file=NAME)
    assert found.missing == ("score.weight",)
    assert not (found.model.score.weight == 1).any()
