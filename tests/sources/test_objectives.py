"""Models with several rewards: each is scored by the same loaded weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scoring.models import dialogues, random_model, tokenizer

from rmcheck.errors import SourceError

from .test_readings import opened

NAMES = {0: "helpful", 1: "harmless", 2: "short"}


def save_heads(folder: Path, kind: str = "gpt2", seed: int = 0) -> Any:
    """A model with a head of three named outputs."""
    labels = {name: place for place, name in NAMES.items()}
    model = random_model(kind, seed, num_labels=3, id2label=NAMES, label2id=labels)
    model.save_pretrained(folder)
    tokenizer().save_pretrained(folder)
    return model


@pytest.mark.parametrize("kind", ["gpt2", "llama", "roberta"])
def test_one_loaded_model_gives_each_objective(tmp_path: Path, kind: str) -> None:
    model = save_heads(tmp_path / "model", kind)
    source = opened("hf:model", tmp_path)
    texts = dialogues(6)
    sides = {name: source.with_objective(name) for name in NAMES.values()}
    found = {name: side.score(texts) for name, side in sides.items()}
    alone = {name: opened(f"hf:model,objective={name}", tmp_path) for name in NAMES.values()}
    for name, side in alone.items():
        np.testing.assert_array_equal(found[name], side.score(texts))
        assert side.fingerprint == sides[name].fingerprint
        assert sides[name].spec == f"hf:model,objective={name}"
    ids = sides["helpful"].scorer.encode(texts)
    with torch.no_grad():
        logits = np.array([model(torch.tensor([one.tolist()])).logits[0].numpy() for one in ids])
    for place, name in NAMES.items():
        np.testing.assert_allclose(found[name], logits[:, place], atol=1e-5)
    embeddings = {id(side.scorer.model.get_input_embeddings().weight) for side in sides.values()}
    assert len(embeddings) == 1
    both = source.with_objective("0.5*helpful+2*short").score(texts)
    np.testing.assert_allclose(both, 0.5 * logits[:, 0] + 2 * logits[:, 2], atol=1e-5)


def test_an_unknown_objective_and_a_missing_one_are_told(tmp_path: Path) -> None:
    save_heads(tmp_path / "model")
    source = opened("hf:model", tmp_path)
    with pytest.raises(SourceError, match="objective 'helpfull': did you mean 'helpful'"):
        source.with_objective("helpfull").score(dialogues(2))
    with pytest.raises(SourceError, match="or one in each check"):
        source.score(dialogues(2))
