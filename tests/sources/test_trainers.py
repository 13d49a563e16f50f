"""Checkpoints as trainers leave them: OpenRLHF, TRL, and tokenizers that append an end token."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from scoring.models import dialogues, random_model, tokenizer

from rmcheck.data import Dialogue
from rmcheck.errors import SourceError

from .readings import CHATML, KINDS, Kind, save
from .test_readings import opened
from .test_value_heads import head, policy

TEXTS = 8


def with_keys(path: Path, **keys: Any) -> None:
    """Add keys to a JSON file."""
    path.write_text(json.dumps({**json.loads(path.read_text()), **keys}))


def openrlhf(
    folder: Path, prefix: str, template: str = "", **config: Any
) -> Callable[[], NDArray[np.float64]]:
    """A reward model as OpenRLHF 0.11.0 saves it; returns its rewards, one text at a time.

    They are computed as its RewardDataset and RewardModel do, without a look at rmcheck.
    """
    model, layer = policy(folder, "llama"), head(bias=False)
    made = tokenizer()
    if template:
        made.chat_template = template
    made.save_pretrained(folder)
    file = folder / "model.safetensors"
    kept = {name: value for name, value in load_file(file).items() if name != "lm_head.weight"}
    save_file({**kept, f"{prefix}.weight": layer.weight.data}, file, metadata={"format": "pt"})
    with_keys(
        folder / "config.json",
        architectures=["RewardModel"], value_head_prefix=prefix, tie_word_embeddings=False,
        **{"normalize_reward": False, **config},
    )  # fmt: skip

    def rewards() -> NDArray[np.float64]:
        found = []
        for text in dialogues(TEXTS):
            turns = [
                {"role": "user", "content": str(text.prompt)},
                {"role": "assistant", "content": text.response},
            ]
            whole = str(text.prompt) + text.response
            if template:
                whole = made.apply_chat_template(turns, tokenize=False)
            whole = whole.rstrip("\n")
            if not whole.endswith("<|end|>"):
                whole += " <|end|>"
            ids = torch.tensor([made(whole, add_special_tokens=False)["input_ids"]])
            assert ids[0, -1] == made.eos_token_id
            with torch.no_grad():
                states = model(ids, output_hidden_states=True).hidden_states[-1]
                found.append(float(layer(states[0, -1])[0]))
        raw = np.array(found)
        if config.get("normalize_reward"):
            return (raw - config["mean"]) / config["std"]
        return raw

    return rewards


@pytest.mark.parametrize("prefix", ["score", "value_head", "reward_head"])
@pytest.mark.parametrize("template", ["", CHATML])
def test_a_reward_model_of_openrlhf(tmp_path: Path, prefix: str, template: str) -> None:
    rewards = openrlhf(tmp_path / "model", prefix, template)
    source = opened("hf:model", tmp_path)
    np.testing.assert_allclose(source.score(dialogues(TEXTS)), rewards(), atol=1e-5)
    said = "template chat (chat_template.jinja)" if template else "template raw (config.json)"
    assert source.describe().reading.startswith(f"{said}, end openrlhf (config.json)")
    assert not any("prefix sharing off" in remark for remark in source.remarks)


@pytest.mark.parametrize("prefix", ["score", "value_head"])
def test_its_rewards_are_normalised_where_its_configuration_says_so(
    tmp_path: Path, prefix: str
) -> None:
    said = {"normalize_reward": True, "mean": 0.7, "std": 2.5}
    rewards = openrlhf(tmp_path / "model", prefix, **said)
    source = opened("hf:model", tmp_path)
    texts = dialogues(TEXTS)
    np.testing.assert_allclose(source.score(texts), rewards(), atol=1e-5)
    scaled = source.with_head_scaled(4.0).score(texts)
    np.testing.assert_allclose(scaled, 4 * rewards(), atol=1e-4)
    with_keys(tmp_path / "model/config.json", normalize_reward=False)
    plain = opened("hf:model", tmp_path)
    np.testing.assert_allclose(plain.score(texts), 2.5 * rewards() + 0.7, atol=1e-5)
    assert plain.fingerprint != source.fingerprint


@pytest.mark.parametrize(("key", "value"), [("std", 0.0), ("std", "wide"), ("mean", None)])
def test_what_cannot_normalise_is_told(tmp_path: Path, key: str, value: Any) -> None:
    openrlhf(tmp_path / "model", "score", normalize_reward=True, mean=0.0, std=1.0)
    with_keys(tmp_path / "model/config.json", **{key: value})
    with pytest.raises(SourceError, match=rf"config\.json: {key}: expected a number") as caught:
        opened("hf:model", tmp_path).score(dialogues(2))
    assert str(caught.value).endswith(f"for normalize_reward, got {value!r}")


def test_a_long_text_of_openrlhf_keeps_its_end_token(tmp_path: Path) -> None:
    openrlhf(tmp_path / "model", "score")
    source = opened("hf:model,max_length=9", tmp_path)
    long = Dialogue("the old house by the river", "the cat sat on a mat\n\n" * 4)
    (ids,) = source.scorer.encode([long])
    assert len(ids) == 9
    assert ids[-1] == 0


@pytest.mark.parametrize("problem", ["regression", "multi_label_classification", None])
def test_a_reward_model_of_trl_is_read_with_the_template_that_was_added(
    tmp_path: Path, problem: str | None
) -> None:
    # RewardTrainer of TRL 1.16: one label, and a chat template cloned into the tokenizer's files.
    rewards = save(tmp_path / "model", "qwen2", KINDS["chatml"])
    with_keys(tmp_path / "model/config.json", problem_type=problem)
    source = opened("hf:model", tmp_path)
    np.testing.assert_allclose(source.score(dialogues(TEXTS)), rewards(dialogues(TEXTS)), atol=1e-5)
    assert source.describe().origins["template"] == "chat_template.jinja"


@pytest.mark.parametrize("starts", [False, True])
def test_an_end_token_that_the_tokenizers_configuration_asks_for_is_read(
    tmp_path: Path, starts: bool
) -> None:
    folder = tmp_path / "model"
    model = random_model("llama")
    model.save_pretrained(folder)
    around = {"single": "<|start|> $A", "pair": "<|start|> $A $B"} if starts else None
    made = tokenizer(around=around)
    made.save_pretrained(folder)
    with_keys(folder / "tokenizer_config.json", add_eos_token=True)
    source = opened("hf:model", tmp_path)
    expected = []
    for text in dialogues(TEXTS):
        ids = made(f"Human: {text.prompt}\n\nAssistant: {text.response}")["input_ids"]
        assert (ids[0] == made.bos_token_id) == starts
        with torch.no_grad():
            expected.append(float(model(torch.tensor([[*ids, 0]])).logits[0, 0]))
    np.testing.assert_allclose(source.score(dialogues(TEXTS)), expected, atol=1e-5)
    assert source.describe().origins["end"] == "tokenizer_config.json"


def test_an_end_token_that_is_there_already_is_not_put_twice(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    rewards = save(folder, "gpt2", KINDS["appends an end"])
    with_keys(folder / "tokenizer_config.json", add_eos_token=True)
    source = opened("hf:model", tmp_path)
    np.testing.assert_allclose(source.score(dialogues(TEXTS)), rewards(dialogues(TEXTS)), atol=1e-5)
    chat = tmp_path / "chat"
    rewards = save(chat, "gpt2", Kind(CHATML))
    with_keys(chat / "tokenizer_config.json", add_eos_token=True)
    source = opened("hf:chat", tmp_path)
    assert source.describe().origins["end"] == "chat_template.jinja"
    np.testing.assert_allclose(source.score(dialogues(TEXTS)), rewards(dialogues(TEXTS)), atol=1e-5)
