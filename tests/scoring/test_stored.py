"""Checkpoints with quantised weights score as their library computes, or are refused by name."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file

from rmcheck.errors import SourceError
from rmcheck.extras import QUANTIZE, missing
from rmcheck.reward_source import SourceOptions
from rmcheck.scoring import stored
from rmcheck.scoring.files import locate
from rmcheck.sources import create
from scoring.models import dialogues, one_by_one, random_model, save, tokenizer

needs_torchao = pytest.mark.skipif(bool(missing(QUANTIZE)), reason="torchao is not installed")


def score(root: Path, spec: str = "hf:model,end=none", **options: str) -> NDArray[np.float64]:
    given = {"device": "cpu", **options}
    source = create(spec, SourceOptions(root=root, cache=root / "cache", **given))
    return source.score(dialogues(8))


def refused(root: Path, spec: str = "hf:model,end=none", **options: str) -> str:
    with pytest.raises(SourceError) as caught:
        score(root, spec, **options)
    said = str(caught.value)
    assert "\n" not in said
    return said


def quantise(root: Path, kind: str, config: Any) -> Any:
    """A checkpoint that transformers quantised and saved, and the model that was saved."""
    from transformers import AutoModelForSequenceClassification

    save(root / "plain", kind)
    model = AutoModelForSequenceClassification.from_pretrained(
        root / "plain", quantization_config=config, device_map="cpu", dtype=torch.float32
    )
    model.save_pretrained(root / "model")
    tokenizer().save_pretrained(root / "model")
    return model.eval()


def torchao(way: str) -> Any:
    from torchao.quantization import Int8DynamicActivationInt8WeightConfig, Int8WeightOnlyConfig
    from transformers import TorchAoConfig

    ways = {"weights": Int8WeightOnlyConfig, "inputs": Int8DynamicActivationInt8WeightConfig}
    return TorchAoConfig(ways[way]())


@needs_torchao
@pytest.mark.parametrize("way", ["inputs", pytest.param("weights", marks=pytest.mark.slow)])
@pytest.mark.parametrize("kind", ["llama", pytest.param("bert", marks=pytest.mark.slow)])
def test_a_checkpoint_of_torchao(tmp_path: Path, kind: str, way: str) -> None:
    model = quantise(tmp_path, kind, torchao(way))
    expected = one_by_one(model, tokenizer(), dialogues(8))
    found = score(tmp_path)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    plain = score(tmp_path, "hf:plain,end=none")
    assert np.abs(found - plain).max() > 1e-3  # not loaded as if it were unquantised
    assert "quantised already" in refused(tmp_path, "hf:model,quantize=int8")
    assert "--rm-dtype float32, not bfloat16" in refused(tmp_path, dtype="bfloat16")


@pytest.mark.slow
@pytest.mark.parametrize("bits", [8, 4])
@pytest.mark.parametrize("kind", ["gpt2", "llama", "bert"])
def test_a_checkpoint_of_bitsandbytes(tmp_path: Path, kind: str, bits: int) -> None:
    pytest.importorskip("bitsandbytes", reason="bitsandbytes is in no extra")
    from transformers import BitsAndBytesConfig

    model = quantise(tmp_path, kind, BitsAndBytesConfig(**{f"load_in_{bits}bit": True}))
    expected = one_by_one(model, tokenizer(), dialogues(8))
    np.testing.assert_allclose(score(tmp_path), expected, atol=1e-5)


@pytest.mark.slow
@needs_torchao
def test_an_adapter_on_a_quantised_base_stays_beside_it(tmp_path: Path) -> None:
    """Merging would round the sum of both again, and score otherwise than what was trained."""
    from peft import LoraConfig, get_peft_model

    model = quantise(tmp_path, "llama", torchao("weights"))
    model.name_or_path = str(tmp_path / "model")
    tuned = get_peft_model(model, LoraConfig(r=4, target_modules=["q_proj", "down_proj"]))
    for name, weight in tuned.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.2)
    tuned.save_pretrained(str(tmp_path / "adapter"))
    expected = one_by_one(tuned.eval(), tokenizer(), dialogues(8))
    np.testing.assert_allclose(score(tmp_path, "hf:adapter,end=none"), expected, atol=1e-5)
    assert np.abs(expected - score(tmp_path)).max() > 0.01


def configured(root: Path, **settings: Any) -> None:
    """A checkpoint whose `config.json` has more settings."""
    save(root / "model", "llama")
    path = root / "model/config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **settings}))


FORMATS = {
    "bitsandbytes": ({"quant_method": "bitsandbytes", "load_in_8bit": True}, "bitsandbytes"),
    "bitsandbytes of old": ({"load_in_4bit": True}, "bitsandbytes"),
    "gptq": ({"quant_method": "gptq", "bits": 4}, "gptqmodel and optimum"),
    "awq": ({"quant_method": "awq", "bits": 4}, "gptqmodel"),
    "compressed-tensors": ({"quant_method": "compressed-tensors"}, "compressed-tensors"),
    "torchao": ({"quant_method": "torchao", "quant_type": "int4_weight_only"}, "torchao"),
    "fp8": ({"quant_method": "fp8", "weight_block_size": [128, 128]}, "kernels"),
    "quanto": ({"quant_method": "quanto", "weights": "int8"}, "optimum-quanto"),
}


@pytest.mark.parametrize("name", FORMATS)
def test_without_its_library_the_library_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    settings, library = FORMATS[name]
    configured(tmp_path, quantization_config=settings)
    monkeypatch.setattr(stored, "_installed", lambda module: False)
    said = refused(tmp_path)
    assert f"which needs {library}; install: pip install " in said
    assert str(tmp_path / "model") in said


def test_a_library_that_cannot_be_found_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert stored._installed("torch")
    assert not stored._installed("no_such_parent.module")
    monkeypatch.setitem(sys.modules, "torchao", None)
    assert not stored._installed("torchao")


def test_a_format_that_nobody_knows_is_refused(tmp_path: Path) -> None:
    """transformers logs a warning for it, and loads what is there as if it were plain."""
    configured(tmp_path, quantization_config={"quant_method": "next_years"})
    assert "quantised as 'next_years', which rmcheck cannot compute with" in refused(tmp_path)


@pytest.mark.parametrize("key", ["compression_config", "quantization_config"])
def test_a_configuration_that_transformers_does_not_read_is_refused(
    tmp_path: Path, key: str
) -> None:
    configured(tmp_path, **{key: {"format": "pack-quantized"}})
    assert f"config.json has a {key}" in refused(tmp_path)


def test_quantised_weights_without_a_configuration_are_refused(tmp_path: Path) -> None:
    configured(tmp_path)
    file = tmp_path / "model/model.safetensors"
    weights = load_file(file)
    name = "model.layers.0.mlp.down_proj.weight"
    scale = weights[name].abs().amax() / 127
    weights[name] = torch.round(weights[name] / scale).to(torch.int8)
    save_file({**weights, f"{name}_scale": scale}, file, metadata={"format": "pt"})
    said = refused(tmp_path)
    assert f"quantised weights ({name}_scale), but config.json has no quantization_config" in said


@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU computes with such weights")
def test_what_this_machine_could_only_unpack_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configured(tmp_path, quantization_config={"quant_method": "fp8", "weight_block_size": [16, 16]})
    file, packed = tmp_path / "model/model.safetensors", {}
    for name, weight in load_file(file).items():
        packed[name] = weight
        if name.endswith("_proj.weight"):
            rows, columns = weight.shape
            blocks = weight.reshape(rows // 16, 16, columns // 16, 16)
            scale = blocks.abs().amax((1, 3)) / 448
            packed[name] = (blocks / scale[:, None, :, None]).reshape(rows, columns)
            packed[name] = packed[name].to(torch.float8_e4m3fn)
            packed[f"{name}_scale_inv"] = scale
    save_file(packed, file, metadata={"format": "pt"})
    monkeypatch.setattr(stored, "_installed", lambda module: True)
    assert "quantised as 'fp8', and this machine can only unpack them" in refused(tmp_path)


@needs_torchao
def test_a_recipe_is_refused_before_it_trains_on_quantised_weights(tmp_path: Path) -> None:
    from rmcheck.scoring.loading import load_base

    quantise(tmp_path, "llama", torchao("weights"))
    with pytest.raises(SourceError, match="model before it was quantised as the recipe's base"):
        load_base(locate("model", tmp_path), seed=0)


def test_a_plain_model_is_none_of_these(tmp_path: Path) -> None:
    save(tmp_path / "model", "llama")
    expected = one_by_one(random_model("llama"), tokenizer(), dialogues(8))
    np.testing.assert_allclose(score(tmp_path), expected, atol=1e-5)
