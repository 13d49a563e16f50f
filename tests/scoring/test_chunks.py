"""Attention within a forest, in chunks, and the last layer where only ends of texts are read."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rmcheck.scoring import chunk_gradient, chunks
from rmcheck.scoring.chunks import ForestAttention, chunk_size
from rmcheck.scoring.forest import Row, plant
from rmcheck.scoring.last_layer import last_mlp
from rmcheck.scoring.scorer import Scorer
from rmcheck.scoring.trees import Trees

from .models import dialogues, one_by_one, random_model, tokenizer

HEADS, WIDTH = 2, 4
WITHIN = ("gpt2", "llama", "qwen2", "qwen3", "gemma")
"""Kinds that read these texts tree by tree."""


def planted(sequences: list[list[int]], budget: int = 10_000) -> tuple[Row, ...]:
    return plant([np.array(ids, dtype=np.int64) for ids in sequences], budget).rows


def by_definition(row: Row, sides: list[torch.Tensor], scale: float) -> torch.Tensor:
    """Softmax over the nodes that each node may see, one node at a time, in float64."""
    query, key, value = (side.double() for side in sides)
    found = torch.empty_like(query)
    for node in range(len(row)):
        seen = [other for other in range(node + 1) if node < row.ends[other]]
        weights = torch.softmax(scale * (key[:, seen] @ query[:, node, :, None])[..., 0], dim=1)
        found[:, node] = (weights[..., None] * value[:, seen]).sum(dim=1)
    return found


@settings(max_examples=60, deadline=None)
@given(
    sequences=st.lists(
        st.lists(st.integers(0, 2), min_size=1, max_size=14), min_size=1, max_size=9
    ),
    chunk=st.integers(1, 9),
    budget=st.integers(4, 60),
    seed=st.integers(0, 99),
)
def test_chunks_are_attention_by_definition(
    sequences: list[list[int]], chunk: int, budget: int, seed: int
) -> None:
    torch.manual_seed(seed)
    rows = planted(sequences, budget)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chunks, "CHUNK", chunk)
        trees = Trees.of(rows)
    sides = [torch.randn(HEADS, sum(map(len, rows)), WIDTH) for _ in range(3)]
    sizes = [len(row) for row in rows]
    parts = zip(rows, *(side.split(sizes, dim=1) for side in sides), strict=True)
    expected = torch.cat([by_definition(row, list(part), 0.3) for row, *part in parts], dim=1)
    given = [side.transpose(0, 1).contiguous() for side in sides]
    found = trees.attention(*given, 0.3).transpose(0, 1)
    torch.testing.assert_close(found.double(), expected, atol=1e-5, rtol=1e-5)
    half = trees.attention(*(side.bfloat16() for side in given), 0.3).transpose(0, 1)
    torch.testing.assert_close(half.double(), expected, atol=0.1, rtol=0.05)


def test_states_of_two_precisions_and_autocast_are_left_to_pytorch() -> None:
    """Rotary positions are in float32, values in bfloat16, where a model trains in bfloat16."""
    trees = Trees.of(planted([[1, 2, 3, 4], [1, 2, 5]]))
    full = [torch.randn(5, HEADS, WIDTH).requires_grad_() for _ in range(3)]
    mixed = [*full[:2], full[2].detach().bfloat16().requires_grad_()]
    assert chunk_gradient.is_for(*full)
    assert not chunk_gradient.is_for(*mixed)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert not chunk_gradient.is_for(*full)
        found = trees.attention(*mixed, 0.3)
    assert found.dtype == torch.bfloat16
    expected = trees.attention(*full[:2], mixed[2].detach().float(), 0.3)
    torch.testing.assert_close(found.float(), expected, atol=0.05, rtol=0.05)


@pytest.mark.parametrize("own", [True, False])  # the backward pass of ours, or PyTorch's
def test_gradients_are_those_of_attention_at_once(
    own: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not own:
        monkeypatch.setattr(chunk_gradient, "_FORWARD", None)
    torch.manual_seed(0)
    start = list(range(100, 150))
    texts = [[*start, *range(200 * n, 200 * n + 40 + n)] for n in range(2, 6)]
    rows = planted([*texts, [1, 2, 3]])
    mask = torch.block_diag(*(torch.from_numpy(row.mask()).float() for row in rows)).bool()
    sides = [torch.randn(len(mask), HEADS, WIDTH, dtype=torch.float32) for _ in range(3)]
    outer = torch.randn(len(mask), HEADS, WIDTH)
    given = [side.clone().requires_grad_() for side in sides]
    assert chunk_gradient.is_for(*given) is own
    found = Trees.of(rows).attention(*given, 0.3)
    (found * outer).sum().backward()
    # The other way in float64, by plain operations.
    plain = [side.double().requires_grad_() for side in sides]
    scores = 0.3 * torch.einsum("qhw,khw->hqk", plain[0], plain[1])
    weights = scores.masked_fill(~mask, -torch.inf).softmax(dim=-1)
    expected = torch.einsum("hqk,khw->qhw", weights, plain[2])
    (expected * outer.double()).sum().backward()
    torch.testing.assert_close(found.double(), expected, atol=1e-5, rtol=1e-4)
    for side, other in zip(given, plain, strict=True):
        assert side.grad is not None
        assert other.grad is not None
        torch.testing.assert_close(side.grad.double(), other.grad, atol=1e-5, rtol=1e-4)


def test_each_sequence_reads_its_path_across_rows() -> None:
    rows = planted([[1, 2, 3], [1, 2, 4], [5], [5, 6], [7, 7, 7, 7]], budget=4)
    trees = Trees.of(rows)
    read = [trees.tokens[0, torch.nonzero(path)[:, 0]].tolist() for path in trees.paths()]
    ordered = [np.concatenate([row.members for row in rows]).tolist().index(n) for n in range(5)]
    assert [read[place] for place in ordered] == [[1, 2, 3], [1, 2, 4], [5], [5, 6], [7, 7, 7, 7]]


def test_far_fewer_products_than_at_once_are_computed() -> None:
    start = list(range(100, 150))
    (row,) = planted([[*start, *range(200 * n, 200 * n + 150)] for n in range(2, 8)])
    parts = ForestAttention.of(row.ends, row.positions).parts
    # 950 nodes in 15 chunks of 64; a path has 199 nodes at most, so that a chunk sees at most 263.
    # Of those with a path of under 50, of 62 or 63 and so on, each group has a call of its own.
    assert sum(len(part.mask) for part in parts) == 15
    assert max(part.mask.shape[-1] for part in parts) <= 263
    assert sum(part.mask.numel() for part in parts) < len(row) ** 2 / 3
    assert len(parts) <= 5


def test_chunks_of_long_texts_are_longer() -> None:
    assert [chunk_size(np.arange(length)) for length in (10, 250, 300, 600, 2000)] == [
        64, 64, 128, 256, 512,
    ]  # fmt: skip


@pytest.mark.parametrize("kind", WITHIN)
def test_the_last_mlp_computes_only_what_is_read(kind: str) -> None:
    model, known = random_model(kind), tokenizer()
    texts = dialogues(12, longest=4)
    scorer = Scorer(model, known, "default", 256)
    scorer.score(texts[:2])
    assert scorer._reader.by_tree
    mlp = last_mlp(model)
    assert mlp is not None
    inner = next(
        part for part in mlp.modules() if next(part.parameters(recurse=False), None) is not None
    )
    counts: list[int] = []
    hook = inner.register_forward_hook(lambda _, given, __: counts.append(given[0].shape[1]))
    before = scorer.unique_tokens
    scores = scorer.score(texts)
    hook.remove()
    ids = {tuple(each.tolist()) for each in scorer.encode(texts)}
    computed = [count for count in counts if count > 1]  # the trial of its shape has one
    assert sum(computed) == len(ids) < scorer.unique_tokens - before
    np.testing.assert_allclose(scores, one_by_one(model, known, texts), atol=1e-4)


def test_an_mlp_of_another_form_is_left_alone() -> None:
    class Mixture(torch.nn.Module):
        def __init__(self, inner: Any) -> None:
            super().__init__()
            self.inner = inner

        def forward(self, states: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            return self.inner(states), states.sum()

    model = random_model("llama")
    assert last_mlp(model) is model.model.layers[-1].mlp
    model.model.layers[-1].mlp = Mixture(model.model.layers[-1].mlp)
    assert last_mlp(model) is None
    assert last_mlp(random_model("bert")) is None
