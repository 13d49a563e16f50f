"""Adapters of every kind that PEFT saves score as PEFT's own model does, or are refused by name."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from peft import (
    AdaLoraConfig,
    IA3Config,
    LoHaConfig,
    LoKrConfig,
    LoraConfig,
    PromptTuningConfig,
    VeraConfig,
    get_peft_model,
)
from safetensors.torch import load_file, save_file
from scoring.models import CONFIGURATIONS, dialogues, random_model, tokenizer
from transformers import AutoConfig, AutoModelForCausalLM

from rmcheck.data import Dialogue
from rmcheck.errors import SourceError
from rmcheck.reward_source import SourceOptions
from rmcheck.sources import create
from rmcheck.training import adapter

TARGETS = {
    "gpt2": ["c_attn", "c_fc"],
    "llama": ["q_proj", "down_proj"],
    "bert": ["query", "dense"],
}
EMBEDDINGS = {"gpt2": "wte", "llama": "embed_tokens", "bert": "word_embeddings"}
NEW = ("<|user|>", "<|sep|>")


def score(folder: Path, spec: str, texts: Sequence[Dialogue]) -> NDArray[np.float64]:
    """Rewards as rmcheck reads the folder."""
    options = SourceOptions(root=folder, cache=folder / "cache", device="cpu")
    return create(f"{spec},end=none", options).score(texts)


def by_hand(model: Any, tokens: Any, texts: Sequence[Dialogue]) -> NDArray[np.float64]:
    """Rewards of PEFT's or transformers' own forward, one text at a time."""
    model.eval()
    found = []
    with torch.no_grad():
        for text in texts:
            ids = tokens(f"Human: {text.prompt}\n\nAssistant: {text.response}")["input_ids"]
            found.append(float(model(input_ids=torch.tensor([ids])).logits[0, 0]))
    return np.array(found)


def shake(model: Any) -> None:
    """Numbers in everything that can be trained, as a training would leave them."""
    torch.manual_seed(7)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.requires_grad and "magnitude" not in name:
                weight.add_(torch.randn_like(weight) * 0.1)
            elif weight.requires_grad:
                weight.mul_(1 + 0.2 * torch.rand_like(weight))


def base(folder: Path, kind: str, *, head: bool) -> Any:
    """A base model on disk, a reward model or a language model, as the reward model to train."""
    from transformers import AutoModelForSequenceClassification

    if head:
        random_model(kind).save_pretrained(folder)
    else:
        torch.manual_seed(0)
        shape = {key: value for key, value in CONFIGURATIONS[kind].items() if key != "num_labels"}
        AutoModelForCausalLM.from_config(AutoConfig.for_model(kind, **shape)).save_pretrained(
            folder
        )
    tokenizer().save_pretrained(folder)
    return AutoModelForSequenceClassification.from_pretrained(folder, num_labels=1)


def saved(model: Any, folder: Path, tokens: Any = None, **options: Any) -> None:
    model.save_pretrained(str(folder / "adapter"), **options)
    if tokens is not None:
        tokens.save_pretrained(folder / "adapter")


LORA: dict[str, dict[str, Any]] = {
    "plain": {},
    "dora": {"use_dora": True},
    "rslora": {"use_rslora": True, "lora_alpha": 3},
    "all biases": {"bias": "all"},
    "biases of the adapted layers": {"bias": "lora_only"},
    "biases of its own": {"lora_bias": True},
    "ranks by layer": {
        "rank_pattern": {"c_fc": 2, "q_proj": 2, "query": 2},
        "alpha_pattern": {"c_attn": 5, "down_proj": 5, "dense": 5},
    },
    "pissa": {"init_lora_weights": "pissa"},
}
QUICK = ("plain", "dora", "all biases")


@pytest.mark.parametrize(
    "way", [each if each in QUICK else pytest.param(each, marks=pytest.mark.slow) for each in LORA]
)
@pytest.mark.parametrize(
    ("kind", "head"),
    [
        ("gpt2", False),
        pytest.param("llama", True, marks=pytest.mark.slow),
        pytest.param("bert", True, marks=pytest.mark.slow),
    ],
)
def test_a_lora_scores_as_pefts_model_and_so_does_its_merged_checkpoint(
    tmp_path: Path, kind: str, head: bool, way: str
) -> None:
    """`head`: the base is a reward model whose head stays; else the adapter brings the head."""
    model = base(tmp_path / "base", kind, head=head)
    named = {"task_type": None if head else "SEQ_CLS"}
    config = LoraConfig(r=4, target_modules=TARGETS[kind], **named, **LORA[way])
    tuned = get_peft_model(model, config)
    shake(tuned)
    saved(tuned, tmp_path)
    texts = dialogues(8)
    expected = by_hand(tuned, tokenizer(), texts)
    plain = by_hand(base(tmp_path / "again", kind, head=True), tokenizer(), texts)
    assert np.abs(expected - plain).max() > 0.01  # it says something that the base does not
    np.testing.assert_allclose(score(tmp_path, "hf:adapter", texts), expected, atol=1e-5)
    if head:
        stored = load_file(tmp_path / "adapter" / adapter.WEIGHTS)
        assert not any(
            "score" in name and "lora" not in name for name in stored if "bias" not in name
        )
    if way == "biases of its own" and kind == "llama":
        return  # PEFT itself merges a bias only into a layer that has one
    merged = tuned.merge_and_unload()
    merged.save_pretrained(tmp_path / "merged")
    tokenizer().save_pretrained(tmp_path / "merged")
    np.testing.assert_allclose(score(tmp_path, "hf:merged", texts), expected, atol=1e-5)


OTHERS: dict[str, Callable[[], Any]] = {
    "ia3": lambda: IA3Config(
        task_type="SEQ_CLS",
        target_modules=["q_proj", "down_proj"],
        feedforward_modules=["down_proj"],
    ),
    "loha": lambda: LoHaConfig(r=2, task_type="SEQ_CLS", target_modules=["q_proj"]),
    "lokr": lambda: LoKrConfig(r=2, task_type="SEQ_CLS", target_modules=["q_proj"]),
    "vera": lambda: VeraConfig(r=4, task_type="SEQ_CLS", target_modules=["q_proj"]),
    "adalora": lambda: AdaLoraConfig(task_type="SEQ_CLS", target_modules=["q_proj"], total_step=9),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("way", OTHERS)
def test_other_kinds_of_adapters(tmp_path: Path, way: str) -> None:
    tuned = get_peft_model(base(tmp_path / "base", "llama", head=False), OTHERS[way]())
    shake(tuned)
    saved(tuned, tmp_path)
    texts = dialogues(8)
    expected = by_hand(tuned, tokenizer(), texts)
    np.testing.assert_allclose(score(tmp_path, "hf:adapter", texts), expected, atol=1e-5)


def with_tokens(folder: Path, kind: str, **options: Any) -> tuple[Any, Any]:
    """An untrained adapter on a model whose embeddings were made longer for two new tokens."""
    model = base(folder / "base", kind, head=True)
    tokens = tokenizer()
    tokens.add_tokens(list(NEW), special_tokens=True)
    # 400 embeddings, of which the tokenizer uses fewer: new tokens beyond them need a resize.
    tokens.add_tokens([f"<x{number}>" for number in range(402 - len(tokens))])
    assert len(tokens) == 402
    model.resize_token_embeddings(len(tokens))
    return get_peft_model(
        model, LoraConfig(**{"r": 4, "target_modules": TARGETS[kind], **options})
    ), tokens


def told(tokens: Any) -> list[Dialogue]:
    """Texts, half of which have the last of the new tokens."""
    last = tokens.convert_ids_to_tokens(401)
    return [
        Dialogue(
            text.prompt, f"{text.response} {last} rain" if place % 2 else text.response, text.key
        )
        for place, text in enumerate(dialogues(8))
    ]


@pytest.mark.parametrize(
    "kind", ["llama", *(pytest.param(kind, marks=pytest.mark.slow) for kind in ("gpt2", "bert"))]
)
@pytest.mark.parametrize(
    "way",
    [
        "saved beside",
        "some tokens",
        pytest.param("saved as a module", marks=pytest.mark.slow),
        pytest.param("low rank", marks=pytest.mark.slow),
    ],
)
def test_tokens_that_were_added_in_training(tmp_path: Path, kind: str, way: str) -> None:
    name = EMBEDDINGS[kind]
    options: dict[str, Any] = {
        "saved beside": {},
        "saved as a module": {"modules_to_save": [name]},
        "some tokens": {"trainable_token_indices": {name: [5, 400, 401]}},
        "low rank": {"target_modules": [*TARGETS[kind], name]},
    }[way]
    model, tokens = with_tokens(tmp_path, kind, **options)
    shake(model)
    whole = way in ("saved beside", "low rank")
    saved(model, tmp_path, tokens, save_embedding_layers=whole)
    texts = told(tokens)
    expected = by_hand(model, tokens, texts)
    np.testing.assert_allclose(score(tmp_path, "hf:adapter", texts), expected, atol=1e-5)


def test_tokens_whose_embeddings_are_nowhere_are_refused(tmp_path: Path) -> None:
    options = {"trainable_token_indices": {"embed_tokens": [401]}}
    model, tokens = with_tokens(tmp_path, "llama", **options)
    saved(model, tmp_path, tokens, save_embedding_layers=False)
    with pytest.raises(
        SourceError, match=r"trained with 402 tokens, its base model has embeddings of 400"
    ):
        score(tmp_path, "hf:adapter", dialogues(2))


def refused(folder: Path) -> str:
    """The one line with which the adapter is refused."""
    with pytest.raises(SourceError) as caught:
        score(folder, "hf:adapter", dialogues(2))
    said = str(caught.value)
    assert "\n" not in said
    assert "Traceback" not in said
    return said


def small(folder: Path, **options: Any) -> dict[str, torch.Tensor]:
    """A trained adapter on a Llama whose head stays in the base; its weights."""
    model = get_peft_model(
        base(folder / "base", "llama", head=True),
        LoraConfig(**{"r": 4, "target_modules": TARGETS["llama"], **options}),
    )
    shake(model)
    saved(model, folder)
    return load_file(folder / "adapter" / adapter.WEIGHTS)


def test_a_legacy_pickle_of_tensors_is_read(tmp_path: Path) -> None:
    weights = small(tmp_path)
    texts = dialogues(8)
    expected = score(tmp_path, "hf:adapter", texts)
    (tmp_path / "adapter" / adapter.WEIGHTS).unlink()
    torch.save(weights, tmp_path / "adapter" / adapter.OLD_WEIGHTS)
    found = score(tmp_path, "hf:adapter", texts)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    plain = score(tmp_path, "hf:base", texts)
    assert np.abs(found - plain).max() > 0.01


class Bomb:
    """Writes a file when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, ...]:
        return Path.write_text, (self.mark, "ran")


@pytest.mark.parametrize("way", ["among the weights", "alone", "old format"])
def test_a_hostile_pickle_is_refused_and_never_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    weights: dict[str, Any] = dict(small(tmp_path))
    (tmp_path / "adapter" / adapter.WEIGHTS).unlink()
    path, mark = tmp_path / "adapter" / adapter.OLD_WEIGHTS, tmp_path / "ran"
    weights["base_model.model.x"] = Bomb(mark)
    if way == "alone":
        path.write_bytes(pickle.dumps(Bomb(mark)))
    else:
        torch.save(weights, path, _use_new_zipfile_serialization=way == "among the weights")
    said = refused(tmp_path)
    assert said.startswith(f"{path}: a pickle of more than tensors, which could run code")
    assert not mark.exists()


def test_weights_that_are_missing_or_have_no_place_are_named(tmp_path: Path) -> None:
    weights = small(tmp_path)
    file = tmp_path / "adapter" / adapter.WEIGHTS
    gone = "base_model.model.model.layers.1.self_attn.q_proj.lora_B.weight"
    save_file({name: weight for name, weight in weights.items() if name != gone}, file)
    said = refused(tmp_path)
    assert "1 weight of the adapter missing: model.layers.1.self_attn.q_proj.lora_B.weight" in said
    # What PEFT writes for an adapter of the bare model, without the reward model around it.
    bare = {
        name.replace("model.model.model", "model.model"): each for name, each in weights.items()
    }
    save_file({**weights, **{name: each.clone() for name, each in bare.items()}}, file)
    said = refused(tmp_path)
    assert "8 weights with no place in its base model: layers.0.mlp.down_proj.lora_A.weight" in said


def test_a_kind_that_cannot_be_merged_is_refused_by_its_name(tmp_path: Path) -> None:
    model = base(tmp_path / "base", "llama", head=True)
    saved(
        get_peft_model(model, PromptTuningConfig(task_type="SEQ_CLS", num_virtual_tokens=3)),
        tmp_path,
    )
    assert "PEFT's type PROMPT_TUNING adds to a model's input" in refused(tmp_path)


def test_an_adapter_that_wakes_at_a_token_is_refused(tmp_path: Path) -> None:
    small(tmp_path)
    path = tmp_path / "adapter" / adapter.CONFIG
    config = {**json.loads(path.read_text()), "alora_invocation_tokens": [5]}
    path.write_text(json.dumps({**config, "task_type": "CAUSAL_LM"}))
    assert "cannot be merged into its base" in refused(tmp_path)


def test_a_head_of_another_width_is_refused(tmp_path: Path) -> None:
    weights = small(tmp_path, task_type="SEQ_CLS")
    head = next(name for name in weights if "score" in name)
    save_file({**weights, head: torch.zeros(1, 16)}, tmp_path / "adapter" / adapter.WEIGHTS)
    assert "does not fit its base model" in refused(tmp_path)
    save_file({**weights, head: torch.zeros(2, 32)}, tmp_path / "adapter" / adapter.WEIGHTS)
    assert "the adapter's head has 2 outputs and does not fit its base model" in refused(tmp_path)


def test_a_type_that_peft_does_not_know_is_refused(tmp_path: Path) -> None:
    small(tmp_path)
    path = tmp_path / "adapter" / adapter.CONFIG
    path.write_text(json.dumps({**json.loads(path.read_text()), "peft_type": "NEXT_YEARS"}))
    assert "NEXT_YEARS" in refused(tmp_path)


def test_an_adapter_of_a_language_model_with_a_value_head_and_new_tokens(tmp_path: Path) -> None:
    """As LlamaFactory saves a reward model: task CAUSAL_LM, embeddings and output layer, a head."""
    base(tmp_path / "base", "llama", head=False)
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "base")
    model.resize_token_embeddings(402)
    config = LoraConfig(r=4, target_modules=TARGETS["llama"], task_type="CAUSAL_LM")
    tuned = get_peft_model(model, config)
    shake(tuned)
    saved(tuned, tmp_path, tokenizer(), save_embedding_layers=True)
    assert "base_model.model.lm_head.weight" in load_file(tmp_path / "adapter" / adapter.WEIGHTS)
    head = torch.randn(1, 32)
    save_file({"v_head.summary.weight": head}, tmp_path / "adapter/value_head.safetensors")
    texts, expected = dialogues(8), []
    with torch.no_grad():
        for text in texts:
            written = f"Human: {text.prompt}\n\nAssistant: {text.response}"
            ids = torch.tensor([tokenizer()(written)["input_ids"]])
            states = tuned(input_ids=ids, output_hidden_states=True).hidden_states[-1]
            expected.append(float(head[0] @ states[0, -1]))
    np.testing.assert_allclose(score(tmp_path, "hf:adapter", texts), expected, atol=1e-5)


def test_a_value_head_in_the_base_of_an_adapter(tmp_path: Path) -> None:
    """An adapter that was trained on a model with a value head (TRL) leaves the head there."""
    small(tmp_path)
    texts = dialogues(8)
    expected = score(tmp_path, "hf:adapter", texts)
    file = tmp_path / "base/model.safetensors"
    weights = load_file(file)
    weights["v_head.summary.weight"] = weights.pop("score.weight")
    save_file(weights, file, metadata={"format": "pt"})
    np.testing.assert_allclose(score(tmp_path, "hf:adapter", texts), expected, atol=1e-5)
