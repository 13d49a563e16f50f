"""The reward after each token is that of the text that ends there."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rmcheck.scoring.running import running_rewards
from rmcheck.scoring.scorer import Scorer
from scoring.models import dialogues, random_model, tokenizer


@pytest.mark.parametrize("pooling", ["last", "mean"])
def test_each_beginning_has_the_reward_of_a_text_of_its_own(pooling: str) -> None:
    model = random_model("gpt2")
    (ids,) = Scorer(model, tokenizer()).encode(dialogues(1)[:1])
    expected = []
    for count in range(1, len(ids) + 1):
        with torch.no_grad():
            states = model.transformer(torch.from_numpy(ids[:count])[None]).last_hidden_state[0]
            mean, end = states.mean(dim=0), states[-1]
            read = {"last": end, "mean": mean}[pooling]
            expected.append(float(model.score(read)[0]))
    found = running_rewards(model, ids, dtype="float32", pooling=pooling)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert np.ptp(found) > 1e-3
