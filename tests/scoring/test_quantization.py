"""Layers in 8 bits compute what their definition says, one text at a time, and name the rest."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from rmcheck.errors import ExtraMissing, SourceError, UsageError
from rmcheck.extras import QUANTIZE, missing
from rmcheck.reward_source import SourceOptions
from rmcheck.scoring.transformers_compat import Conv1D
from rmcheck.sources import create
from rmcheck.sources.checkpoint import CheckpointSource
from scoring.models import dialogues, one_by_one, random_model, save, tokenizer

needs_torchao = pytest.mark.skipif(bool(missing(QUANTIZE)), reason="torchao is not installed")


def opened(root: Path, spec: str, **options: str) -> CheckpointSource:
    given = {"device": "cpu", **options}
    source = create(spec, SourceOptions(root=root, cache=root / "cache", **given))
    assert isinstance(source, CheckpointSource)
    return source


def by_hand(kind: str, texts: list[object]) -> tuple[NDArray[np.float64], int]:
    """Rewards of the same model, whose layers torchao is given one by one; their number."""
    from torchao.quantization import Int8DynamicActivationInt8WeightConfig, quantize_

    # The same activation under the name that rmcheck gives it, which computes other last bits.
    fused = {"activation_function": "gelu_pytorch_tanh"} if kind == "gpt2" else {}
    model, count = random_model(kind, **fused), 0
    for name, layer in list(model.named_modules()):
        if isinstance(layer, Conv1D):
            linear = torch.nn.Linear(layer.weight.shape[0], layer.nf)
            linear.weight.data, linear.bias.data = layer.weight.data.t().clone(), layer.bias.data
            parent, _, last = name.rpartition(".")
            setattr(model.get_submodule(parent), last, linear)
            layer = linear
        if isinstance(layer, torch.nn.Linear) and layer.out_features > 1:
            quantize_(layer, Int8DynamicActivationInt8WeightConfig())
            count += 1
    return one_by_one(model, tokenizer(), texts), count  # type: ignore[arg-type]


@needs_torchao
@pytest.mark.parametrize(
    "kind",
    ["gpt2", *(pytest.param(kind, marks=pytest.mark.slow) for kind in
     ("llama", "qwen3", "mistral", "gemma2", "phi3", "bert", "roberta", "deberta-v2"))],
)  # fmt: skip
def test_scores_are_those_of_the_quantised_model_alone(tmp_path: Path, kind: str) -> None:
    save(tmp_path / "model", kind)
    texts = dialogues(12)
    source = opened(tmp_path, "hf:model,end=none,quantize=int8")
    found = source.score(texts)
    expected, count = by_hand(kind, list(texts))
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert f"quantize int8: {count} linear layers" in source.remarks[0]
    assert "left in float32: " in source.remarks[0]
    plain = opened(tmp_path, "hf:model,end=none").score(texts)
    assert 1e-4 < np.abs(found - plain).max() < plain.std()
    # Whatever else is scored in the same run, a text keeps its reward to the last bit.
    again = opened(tmp_path, "hf:model,end=none,quantize=int8").score(texts[::-1][:5])
    assert again.tolist() == found[::-1][:5].tolist()


@needs_torchao
def test_a_layer_is_its_definition() -> None:
    """Rounded weights, one scale an output; rounded inputs, one scale a token; exact sums."""
    from rmcheck.scoring.quantization import quantized

    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(48, 64), torch.nn.Linear(64, 1))
    inputs = torch.randn(9, 48) * torch.linspace(0.1, 50, 9)[:, None]
    with torch.no_grad():
        # The largest of a row rounds to the end of the range, which has one value more below zero.
        model[0].weight[:, 0], inputs[:, 0] = 0.2, 200.0
    weight, bias = model[0].weight.detach().double(), model[0].bias.detach().double()
    remark = quantized(model, "hf:model", "cpu", "float32")
    assert remark.startswith("quantize int8: 1 linear layer (3,072 weights) in 8 bits by torchao")
    assert remark.endswith("left in float32: 1")
    with torch.no_grad():
        found = model[0](inputs).double()

    def rounded(values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        scale = values.abs().amax(-1, keepdim=True).float() / 127.5  # the range is −128 to 127
        return torch.round(values.float() / scale).clamp(-128, 127).double(), scale.double()

    (w, w_scale), (x, x_scale) = rounded(weight), rounded(inputs)
    expected = (x @ w.t()) * x_scale * w_scale.t() + bias
    np.testing.assert_allclose(found.numpy(), expected.numpy(), rtol=1e-5, atol=1e-5)


@pytest.mark.slow
@needs_torchao
def test_an_adapter_is_merged_first(tmp_path: Path) -> None:
    from peft import LoraConfig, get_peft_model

    save(tmp_path / "base", "llama")
    model = random_model("llama")
    model.name_or_path = str(tmp_path / "base")
    tuned = get_peft_model(model, LoraConfig(r=4, target_modules=["q_proj"]))
    for name, weight in tuned.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.3)
    tuned.save_pretrained(str(tmp_path / "adapter"))
    merged = tuned.merge_and_unload()
    merged.save_pretrained(tmp_path / "merged")
    tokenizer().save_pretrained(tmp_path / "merged")
    texts = dialogues(6)
    one, other = (
        opened(tmp_path, f"hf:{name},end=none,quantize=int8").score(texts)
        for name in ("adapter", "merged")
    )
    np.testing.assert_allclose(one, other, atol=1e-5)


@needs_torchao
def test_the_head_is_scaled_and_restored(tmp_path: Path) -> None:
    save(tmp_path / "model", "llama")
    source, texts = opened(tmp_path, "hf:model,quantize=int8"), dialogues(4)
    before = source.score(texts)
    twice = source.with_head_scaled(2.0).score(texts)
    np.testing.assert_allclose(twice, 2 * before, rtol=1e-5)
    assert source.score(texts).tolist() == before.tolist()


def test_it_is_part_of_the_reading_and_of_the_fingerprint(tmp_path: Path) -> None:
    save(tmp_path / "model")
    plain, small = opened(tmp_path, "hf:model"), opened(tmp_path, "hf:model,quantize=int8")
    assert plain.fingerprint != small.fingerprint
    found = small.describe()
    assert found.quantize == "int8"
    assert found.reading.endswith("quantize int8 (the spec)")
    assert "quantize" not in plain.describe().reading
    assert plain.describe().reads_unlike(found) == ""  # what it costs can be compared


@pytest.mark.parametrize(
    ("options", "said"),
    [({"dtype": "bfloat16"}, "expects --rm-dtype float32, got bfloat16"),
     ({"device": "meta"}, "computes on a CPU, not on meta; use --rm-device cpu")],
)  # fmt: skip
def test_another_device_or_precision_is_refused(
    tmp_path: Path, options: dict[str, str], said: str
) -> None:
    save(tmp_path / "model")
    with pytest.raises(SourceError, match=rf"^hf:model,quantize=int8: quantize=int8 {said}$"):
        opened(tmp_path, "hf:model,quantize=int8", **options).score(dialogues(1))


def test_another_word_for_it_is_refused(tmp_path: Path) -> None:
    save(tmp_path / "model")
    with pytest.raises(UsageError, match=r"quantize: got 'int4'; .*int8"):
        opened(tmp_path, "hf:model,quantize=int4")


def test_without_torchao_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(tmp_path / "model")
    monkeypatch.setitem(sys.modules, "torchao", None)
    with pytest.raises(ExtraMissing) as caught:
        opened(tmp_path, "hf:model,quantize=int8").score(dialogues(1))
    assert str(caught.value) == (
        "hf:model,quantize=int8 needs packages that are not installed (torchao); install them: "
        "pip install 'rmcheck[quantize]'"
    )


@needs_torchao
def test_a_model_whose_weights_are_mostly_elsewhere_is_refused(tmp_path: Path) -> None:
    """XLNet keeps the matrices of its attention as bare parameters."""
    from transformers import AutoModelForSequenceClassification, XLNetConfig

    torch.manual_seed(0)
    config = XLNetConfig(
        vocab_size=400, d_model=32, n_layer=2, n_head=4, d_inner=8, num_labels=1, pad_token_id=1
    )
    AutoModelForSequenceClassification.from_config(config).save_pretrained(tmp_path / "model")
    tokenizer().save_pretrained(tmp_path / "model")
    with pytest.raises(
        SourceError, match=r"is for linear layers, and .* are in others \(.*rel_attn"
    ):
        opened(tmp_path, "hf:model,quantize=int8").score(dialogues(1))


@needs_torchao
def test_a_cpu_whose_sums_overflow_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from rmcheck.scoring import quantization

    class Saturating(torch.nn.Linear):
        def forward(self, given: torch.Tensor) -> torch.Tensor:
            return super().forward(given).clamp(max=130)

    def overflow(model: torch.nn.Sequential, *_: object) -> None:
        model[0].__class__ = Saturating

    with pytest.raises(SourceError, match="256 ones add up to 130"):
        quantization._refuse_overflow("hf:model", overflow, None)
