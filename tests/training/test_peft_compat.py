"""What rmcheck knows of the inside of PEFT's layers is so."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from peft.tuners.lora.layer import Linear
from scoring.models import random_model

from rmcheck.training.peft_compat import plain_parts


def layers(kind: str, **options: Any) -> list[Any]:
    """The LoRA layers of a small model."""
    target = "c_attn" if kind == "gpt2" else "q_proj"
    config = LoraConfig(task_type="SEQ_CLS", r=4, lora_alpha=8, target_modules=[target], **options)
    model = get_peft_model(random_model(kind), config)
    found = [module for module in model.modules() if isinstance(module, Linear)]
    assert found
    return found


@pytest.mark.parametrize("kind", ["gpt2", "llama"])  # Conv1D with a bias, Linear without
def test_the_parts_add_up_to_what_the_layer_computes(kind: str) -> None:
    layer = layers(kind)[0]
    torch.manual_seed(0)
    torch.nn.init.normal_(layer.lora_B["default"].weight)
    parts = plain_parts(layer)
    assert parts is not None
    assert parts.scale == 2.0  # lora_alpha / r
    x = torch.randn(3, parts.weight.shape[0])
    expected = x @ parts.weight + parts.scale * (x @ parts.down.t()) @ parts.up.t()
    expected = expected if parts.bias is None else expected + parts.bias
    torch.testing.assert_close(layer(x), expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(
    "options", [{"lora_dropout": 0.1}, {"use_dora": True}, {"lora_bias": True}]
)
def test_a_layer_that_is_more_than_plain_has_no_parts(options: dict[str, Any]) -> None:
    assert plain_parts(layers("llama", **options)[0]) is None


def test_a_merged_layer_has_no_parts() -> None:
    layer = layers("llama")[0]
    layer.merge()
    assert plain_parts(layer) is None
