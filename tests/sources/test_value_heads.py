"""Value heads, as TRL, OpenRLHF and LlamaFactory save them, give what their own layer gives."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file
from scoring.models import SHAPE, dialogues, tokenizer
from transformers import AutoConfig, AutoModelForCausalLM

from rmcheck.errors import SourceError

from .readings import Kind
from .test_readings import opened

WIDTH = 32
TEXTS = 8


def policy(folder: Path, kind: str) -> torch.nn.Module:
    """A language model on disk; it has no head for rewards."""
    torch.manual_seed(3)
    shape = {name: value for name, value in SHAPE.items() if name != "num_labels"}
    if kind == "gpt2":
        shape.pop("intermediate_size")
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(kind, **shape)).eval()
    model.save_pretrained(folder)
    tokenizer().save_pretrained(folder)
    return model


def head(*, bias: bool) -> torch.nn.Linear:
    """A random value head."""
    torch.manual_seed(5)
    return torch.nn.Linear(WIDTH, 1, bias=bias)


def rewards(model: torch.nn.Module, layer: torch.nn.Linear) -> NDArray[np.float64]:
    """What the layer gives at the last token of each text, one by one."""
    found = []
    with torch.no_grad():
        for text in dialogues(TEXTS):
            ids = torch.tensor([Kind().tokens(text)])
            states = model(ids, output_hidden_states=True).hidden_states[-1]  # type: ignore[operator]
            found.append(float(layer(states[0, -1])[0]))
    return np.array(found)


def named(layer: torch.nn.Linear, name: str) -> dict[str, torch.Tensor]:
    """The layer's tensors as they are called in a file."""
    return {f"{name}.{key}": value.contiguous() for key, value in layer.state_dict().items()}


@pytest.mark.parametrize("kind", ["gpt2", "llama"])
@pytest.mark.parametrize(("name", "bias"), [("v_head.summary", True), ("value_head", False)])
@pytest.mark.parametrize("pickled", [False, True], ids=["safetensors", "bin"])
def test_a_head_among_the_weights(
    tmp_path: Path, kind: str, name: str, bias: bool, pickled: bool
) -> None:
    folder = tmp_path / "model"
    model, layer = policy(folder, kind), head(bias=bias)
    file = folder / "model.safetensors"
    weights = {**load_file(file), **named(layer, name)}
    if pickled:
        file.unlink()
        torch.save(weights, folder / "pytorch_model.bin")
    else:
        save_file(weights, file, metadata={"format": "pt"})
    source = opened("hf:model", tmp_path)
    np.testing.assert_allclose(source.score(dialogues(TEXTS)), rewards(model, layer), atol=1e-5)
    assert not any("prefix sharing off" in remark for remark in source.remarks)


@pytest.mark.parametrize("pickled", [False, True], ids=["safetensors", "bin"])
def test_a_head_in_a_file_of_its_own(tmp_path: Path, pickled: bool) -> None:
    folder = tmp_path / "model"
    model, layer = policy(folder, "llama"), head(bias=True)
    tensors = named(layer, "v_head.summary")
    if pickled:
        torch.save(tensors, folder / "value_head.bin")
    else:
        save_file(tensors, folder / "value_head.safetensors")
    source = opened("hf:model", tmp_path)
    np.testing.assert_allclose(source.score(dialogues(TEXTS)), rewards(model, layer), atol=1e-5)
    before = source.fingerprint
    (folder / f"value_head.{'bin' if pickled else 'safetensors'}").write_bytes(b"other")
    assert opened("hf:model", tmp_path).fingerprint != before


def test_an_adapter_with_a_value_head_beside_it(tmp_path: Path) -> None:
    model, layer = policy(tmp_path / "base", "llama"), head(bias=True)
    model.name_or_path = str(tmp_path / "base")  # type: ignore[assignment]
    torch.manual_seed(1)
    tuned = get_peft_model(model, LoraConfig(r=4, target_modules=["q_proj", "v_proj"]))  # type: ignore[arg-type]
    for name, parameter in tuned.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.2)
    tuned.save_pretrained(str(tmp_path / "adapter"))
    with pytest.raises(SourceError, match=r"weights missing .*score\.weight"):
        opened("hf:adapter", tmp_path).score(dialogues(2))
    save_file(named(layer, "v_head.summary"), tmp_path / "adapter/value_head.safetensors")
    found = opened("hf:adapter", tmp_path).score(dialogues(TEXTS))
    np.testing.assert_allclose(found, rewards(tuned.merge_and_unload(), layer), atol=1e-5)


def test_a_head_of_two_layers_or_of_another_width_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    policy(folder, "gpt2")
    save_file({"v_head.0.weight": torch.zeros(8, WIDTH)}, folder / "value_head.safetensors")
    with pytest.raises(SourceError, match="is not one linear layer"):
        opened("hf:model", tmp_path).score(dialogues(2))
    wide = {"v_head.summary.weight": torch.zeros(1, 2 * WIDTH)}
    save_file(wide, folder / "value_head.safetensors")
    with pytest.raises(SourceError, match="has width 64"):
        opened("hf:model", tmp_path).score(dialogues(2))


def test_a_language_model_without_any_head_is_told_so(tmp_path: Path) -> None:
    policy(tmp_path / "model", "gpt2")
    assert "num_labels" not in json.loads((tmp_path / "model/config.json").read_text())
    with pytest.raises(SourceError, match=r"is not a trained reward model .*score\.weight"):
        opened("hf:model", tmp_path).score(dialogues(2))
