"""LoRA layers in fewer passes: what PEFT gives, under autocast too, and only where it is plain."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from scoring.models import random_model

from rmcheck.training import low_rank
from rmcheck.training.low_rank import fused


def lora(kind: str, **options: Any) -> Any:
    """A PEFT model whose second matrices are not zero."""
    torch.manual_seed(0)
    targets = ["c_attn", "c_proj"] if kind == "gpt2" else ["q_proj", "down_proj"]
    config = LoraConfig(task_type="SEQ_CLS", r=4, target_modules=targets, **options)
    model = get_peft_model(random_model(kind), config)
    for name, parameter in model.named_parameters():
        if "lora_B" in name or "lora_magnitude" in name:
            torch.nn.init.normal_(parameter, std=0.1)
    return model.eval()


def step(model: Any) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """Rewards and gradients on some tokens."""
    tokens = torch.arange(60).reshape(3, 20) + 5
    model.zero_grad()
    rewards = model(input_ids=tokens).logits[:, 0]
    rewards.float().square().sum().backward()
    return rewards.detach(), {
        name: parameter.grad.clone()
        for name, parameter in model.named_parameters()
        if parameter.grad is not None
    }


@pytest.mark.parametrize("kind", ["gpt2", "llama"])  # Conv1D with a bias, Linear without
@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("merged", [0, low_rank.MERGED])  # elements of a weight, at most
def test_rewards_and_gradients_are_pefts(
    kind: str, half: bool, merged: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(low_rank, "MERGED", merged)
    model = lora(kind)
    tolerance = 5e-2 if half else 1e-5
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=half):
        expected, gradients = step(model)
        with fused(model) as count:
            assert count == (6 if kind == "gpt2" else 4)
            found, others = step(model)
    torch.testing.assert_close(found, expected, atol=tolerance, rtol=tolerance)
    assert others.keys() == gradients.keys()
    for name, gradient in others.items():
        limit = tolerance * float(gradients[name].abs().max())
        torch.testing.assert_close(gradient, gradients[name], atol=limit, rtol=tolerance)
    again, _ = step(model)  # outside autocast, and with PEFT's own layers again
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=half):
        torch.testing.assert_close(step(model)[0], expected, atol=0, rtol=0)
    assert again.dtype == torch.float32


def test_a_pass_without_gradients_does_not_spoil_the_next_step() -> None:
    model = lora("gpt2")
    with fused(model), torch.autocast("cpu", dtype=torch.bfloat16):
        with torch.inference_mode():
            model(input_ids=torch.arange(20)[None] + 5)
        _, gradients = step(model)
    assert any("lora_A" in name for name in gradients)


@pytest.mark.parametrize("options", [{"use_dora": True}, {"lora_dropout": 0.1}])
def test_what_is_more_than_low_rank_is_left_to_peft(options: dict[str, Any]) -> None:
    with fused(lora("gpt2", **options)) as count:
        assert count == 0
