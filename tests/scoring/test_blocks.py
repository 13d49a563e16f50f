"""The forest's mask as a function: equal to the mask in memory, in rows of one length."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.attention.flex_attention import create_mask, flex_attention

from rmcheck.scoring.blocks import BlockReading, Blocks, fixed_length
from rmcheck.scoring.forest import plant
from rmcheck.scoring.precision import TOLERANCE
from rmcheck.scoring.reading import Reading
from rmcheck.scoring.scorer import Scorer
from scoring.models import dialogues, one_by_one, random_model, tokenizer

texts = st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=12), min_size=1, max_size=12)


@given(texts)
@settings(max_examples=60, deadline=None)
def test_the_function_says_what_the_mask_in_memory_says(given_texts: list[list[int]]) -> None:
    forest = plant([np.array(each) for each in given_texts], 16)
    length = fixed_length(forest.rows, 16)
    found = BlockReading.of(forest.rows, length)
    size = (len(forest.rows), None, length, length)
    mask = create_mask(found.mask_function(), *size, device="cpu")  # type: ignore[arg-type]
    dense = Reading.of(forest.rows)
    width = dense.allowed.shape[-1]
    assert torch.equal(mask[:, :, :width, :width], dense.allowed)
    # Padding attends to itself alone, and nothing attends to it.
    outside = mask[:, 0].clone()
    outside[:, :width, :width] = False
    alone = torch.diag_embed((torch.arange(length) >= width).expand(len(outside), -1))
    assert torch.equal(outside, alone)
    paths = dense.allowed[dense.rows, 0, dense.last]
    assert torch.equal(found.paths()[:, :width], paths)
    assert found.tokens.shape == (len(forest.rows), length)


def test_rows_have_one_length() -> None:
    rows = plant([np.arange(5), np.arange(40) + 100], 8).rows
    assert fixed_length(rows, 8) == 64
    assert BlockReading.of(rows, 64).positions.shape == (2, 64)


@pytest.fixture
def uncompiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same attention without a compiler, which not every machine has."""

    def plain(query: Any, key: Any, value: Any, training: bool = False, **options: Any) -> Any:
        return flex_attention(query, key, value, **options)

    monkeypatch.setattr(
        "transformers.integrations.flex_attention.compile_friendly_flex_attention", plain
    )


def with_blocks(model: Any, pooling: str = "last") -> Scorer:
    scorer = Scorer(model, tokenizer(), pooling=pooling)
    scorer._blocks = Blocks(scorer.model, pooling, TOLERANCE["float32"], least=0)
    return scorer


@pytest.mark.filterwarnings("ignore:.*flex_attention called without torch.compile")
@pytest.mark.parametrize("pooling", ["last", "mean"])
@pytest.mark.parametrize("kind", ["llama", "qwen2", "gemma"])
def test_scores_are_those_of_the_model(uncompiled: None, kind: str, pooling: str) -> None:
    model = random_model(kind)
    before = model.config._attn_implementation
    scorer, some = with_blocks(model, pooling), dialogues(14)
    found = scorer.score(some)
    assert scorer._blocks._right
    assert model.config._attn_implementation == before
    if pooling == "last":
        np.testing.assert_allclose(found, one_by_one(model, tokenizer(), some), atol=1e-5)
    plain = Scorer(random_model(kind), tokenizer(), pooling=pooling)
    np.testing.assert_allclose(found, plain.score(some), atol=1e-5)


def test_without_a_compiler_or_with_a_wrong_kernel_the_mask_in_memory_is_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    where = "transformers.integrations.flex_attention.compile_friendly_flex_attention"
    expected = Scorer(random_model("llama"), tokenizer()).score(dialogues(8))

    def missing(*_: Any, **__: Any) -> Any:
        raise RuntimeError("no compiler")

    def wrong(query: Any, *_: Any, **__: Any) -> Any:
        return query

    for kernel, told in ((missing, "block masks off (RuntimeError)"), (wrong, "scores differ by")):
        monkeypatch.setattr(where, kernel)
        scorer = with_blocks(random_model("llama"))
        np.testing.assert_allclose(scorer.score(dialogues(8)), expected, atol=1e-5)
        assert any(told in remark for remark in scorer.remarks)


def test_a_model_without_this_attention_and_a_cpu_use_the_mask_in_memory() -> None:
    scorer = with_blocks(random_model("gpt2"))
    scorer.score(dialogues(6))
    assert scorer._blocks._right is False
    assert not scorer.remarks
    other = Scorer(random_model("llama"), tokenizer())
    other.score(dialogues(6))
    assert other._blocks._right is None
