"""Attention within a tree, text by text, and the last layer where only ends of texts are read."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rmcheck.scoring.forest import Row, plant
from rmcheck.scoring.last_layer import last_mlp
from rmcheck.scoring.paths import ByPath, Masked, cheapest, masked, trees_of
from rmcheck.scoring.scorer import Scorer

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
    seed=st.integers(0, 99),
)
def test_each_way_is_attention_by_definition(sequences: list[list[int]], seed: int) -> None:
    torch.manual_seed(seed)
    for row in planted(sequences):
        for tree in trees_of(row):
            sides = [torch.randn(HEADS, len(tree), WIDTH) for _ in range(3)]
            expected = by_definition(tree, sides, 0.3)
            for way in ways(tree):
                assert way.size == len(tree)
                found = way.attend(*sides, 0.3)  # type: ignore[arg-type]
                torch.testing.assert_close(found.double(), expected, atol=1e-5, rtol=1e-5)
                for end in tree.last.tolist():
                    nodes = [n for n in range(end + 1) if end < tree.ends[n]]
                    assert way.path(end).tolist() == nodes


def ways(tree: Row) -> list[Masked | ByPath]:
    """The tree under a mask, and text by text whatever it costs, with and without the kernel."""
    from rmcheck.scoring import paths

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paths, "_cost", lambda *_: -1.0)
        return [masked(tree), *(cheapest(tree, fused=fused) for fused in (True, False))]


def test_the_trees_of_a_row_keep_its_sequences_in_order() -> None:
    (row,) = planted([[1, 2, 3], [1, 2, 4], [5], [5, 6], [7, 7, 7, 7]])
    trees = trees_of(row)
    assert [tree.tokens.tolist() for tree in trees] == [[1, 2, 3, 4], [5, 6], [7, 7, 7, 7]]
    assert [tree.ends.tolist() for tree in trees] == [[4, 4, 3, 4], [2, 2], [4, 4, 4, 4]]
    assert [tree.last.tolist() for tree in trees] == [[2, 3], [0, 1], [3]]
    assert np.concatenate([tree.members for tree in trees]).tolist() == row.members.tolist()


def test_the_way_that_costs_less_is_taken() -> None:
    start = list(range(100, 150))
    responses = [[*start, *range(200 * n, 200 * n + 150)] for n in range(2, 8)]
    copies = [[*range(10), n] for n in range(20, 90)]
    (long,) = planted(responses)
    (short,) = planted(copies)
    # 950² products at once; six times 200²/2 by the causal kernel, copies and calls added.
    assert isinstance(cheapest(long, fused=True), ByPath)
    # 80² products at once; a call costs more than the ten products that it saves.
    assert isinstance(cheapest(short, fused=True), Masked)
    found = cheapest(long, fused=True)
    assert isinstance(found, ByPath)
    assert [path.mask is None for path in found.paths] == [True] * 6
    assert [path.shared for path in found.paths] == [0, *[50] * 5]
    without = cheapest(long, fused=False)
    assert isinstance(without, ByPath)
    assert all(path.mask is not None for path in without.paths)


@pytest.mark.parametrize("kind", WITHIN)
def test_the_last_mlp_computes_only_what_is_read(kind: str) -> None:
    model, known = random_model(kind), tokenizer()
    texts = dialogues(12, longest=4)
    scorer = Scorer(model, known, "default", 256)
    scorer.score(texts[:2])
    assert scorer._by_tree
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
