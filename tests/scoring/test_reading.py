"""A forest's gradients are those of the padded batch, for every weight of every kind of model."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from rmcheck.scoring.batches import padded
from rmcheck.scoring.forest import plant
from rmcheck.scoring.reading import Reading, read_forest
from rmcheck.scoring.scorer import Scorer
from scoring.models import dialogues, random_model, tokenizer


def gradients(model: Any, rewards: torch.Tensor) -> dict[str, torch.Tensor]:
    """Of a loss that weighs each reward differently, by the weight's name."""
    model.zero_grad()
    weights = torch.linspace(0.1, 1, len(rewards))
    (torch.nn.functional.softplus(rewards) * weights).sum().backward()
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("pooling", ["last", "mean"])
@pytest.mark.parametrize("kind", ["gpt2", "llama", "qwen2", "qwen3", "gemma"])
@pytest.mark.parametrize("budget", [60, 4000])
def test_a_forest_has_the_gradients_of_a_padded_batch(kind: str, pooling: str, budget: int) -> None:
    model = random_model(kind)
    sequences = Scorer(model, tokenizer()).encode(dialogues(12))
    forest = plant(sequences, budget)
    read = read_forest(model, Reading.of(forest.rows), pooling)
    order = np.argsort(np.concatenate([row.members for row in forest.rows]))
    found = gradients(model, read[torch.from_numpy(order[forest.places])])

    batch = padded(sequences, range(len(sequences)), pad=1)
    tokens, mask = torch.from_numpy(batch.tokens), torch.from_numpy(batch.mask)
    backbone = getattr(model, model.base_model_prefix)
    hidden = backbone(tokens, attention_mask=mask).last_hidden_state
    if pooling == "mean":
        own = zip(hidden, sequences, strict=True)
        pooled = torch.stack([states[: len(ids)].mean(dim=0) for states, ids in own])
    else:
        pooled = hidden[torch.arange(len(sequences)), mask.sum(dim=1) - 1]
    expected = gradients(model, model.score(pooled)[:, 0])

    assert found.keys() == expected.keys()
    for name, gradient in found.items():
        scale = expected[name].abs().max()
        assert scale > 0, name
        assert (gradient - expected[name]).abs().max() <= 1e-4 * scale, name
