"""TRL's private names: gone, they would be overridden for nothing, and TRL count its users."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest
import trl.trainer.base_trainer as trl_base
from accelerate import Accelerator
from trl.trainer.reward_trainer import RewardTrainer

from rmcheck.training.trl_compat import OVERRIDDEN, QuietRewardTrainer
from training import project


@pytest.mark.parametrize("name", OVERRIDDEN)
def test_what_is_overridden_is_there_to_be_overridden(name: str) -> None:
    assert callable(getattr(RewardTrainer, name, None)), (
        f"TRL's RewardTrainer has no {name} any longer: look for what takes its place, and change "
        "rmcheck/training/trl_compat.py"
    )
    assert name in vars(QuietRewardTrainer)


def test_what_several_processes_rely_on_is_there() -> None:
    for name in ("get_train_dataloader", "get_batch_samples", "training_step", "compute_loss"):
        assert callable(getattr(RewardTrainer, name, None)), name
    assert "evaluation_mode" in inspect.signature(Accelerator.prepare_model).parameters


def test_a_training_tells_nobody(
    shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[object] = []
    monkeypatch.setattr(trl_base, "send_telemetry", lambda *_, **said: told.append(said))
    # These keep TRL quiet by themselves.
    for name in ("CI", "HF_HUB_OFFLINE", "HF_HUB_DISABLE_TELEMETRY"):
        monkeypatch.delenv(name, raising=False)
    source = project.source_of(shared, cache=str(tmp_path / "cache"))
    source.train()
    assert source.training is not None
    assert source.training.steps > 0
    assert told == []
