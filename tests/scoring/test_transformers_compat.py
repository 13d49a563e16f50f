"""The unpromised names of `transformers` are there, and mean what rmcheck takes them for."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
import transformers

from rmcheck.scoring import transformers_compat as compat

from .models import random_model


def test_a_models_attention_is_told_as_it_was_set() -> None:
    model = random_model("llama")
    for name in ("eager", "sdpa"):
        model.set_attn_implementation(name)
        assert compat.attention_of(model) == name


def test_keys_are_repeated_head_by_head() -> None:
    states = torch.arange(2.0).reshape(1, 2, 1, 1)
    assert compat.repeat_kv(states, 3).flatten().tolist() == [0, 0, 0, 1, 1, 1]


def test_attention_comes_back_with_heads_behind_positions() -> None:
    # One key for all queries: each is given its value, whatever the scores are.
    query = torch.randn(1, 2, 3, 4)
    key = value = torch.randn(1, 2, 1, 4)
    module = torch.nn.Module()
    found, weights = compat.sdpa_attention_forward(module, query, key, value, None, is_causal=False)
    assert weights is None
    torch.testing.assert_close(found, value.expand(1, 2, 3, 4).transpose(1, 2))


def test_masks_are_made_by_a_function_that_may_be_registered() -> None:
    assert callable(compat.sdpa_mask)
    assert compat.sdpa_mask is transformers.AttentionMaskInterface()["sdpa"]


def test_gpt2_is_made_of_the_transposed_linear_layer() -> None:
    kinds = {type(module) for module in random_model("gpt2").modules()}
    assert compat.Conv1D in kinds
    layer = compat.Conv1D(5, 3)  # out, in
    assert layer.weight.shape == (3, 5)


def test_gguf_weights_are_unpacked_where_that_is_an_option(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if hasattr(transformers, "GgufConfig"):
        assert compat.unpacked()["quantization_config"].dequantize is True
    monkeypatch.setattr(compat, "transformers", SimpleNamespace())
    assert compat.unpacked() == {}
