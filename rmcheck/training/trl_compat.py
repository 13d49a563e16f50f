"""Names of TRL (and of the Trainer below it) that are not part of its public API.

If a release renames them, only this file changes. `tests/training/test_trl_compat.py` fails if
one of them is missing: find the replacement, or TRL sends telemetry again, or uses its own order.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from functools import partial
from typing import Any

from safetensors import SafetensorError
from torch.utils.data import Sampler

# Taken from their modules: the package itself looks each of its trainers up by name.
from trl.trainer.reward_config import RewardConfig
from trl.trainer.reward_trainer import DataCollatorForPreference, RewardTrainer

__all__ = [
    "OVERRIDDEN",
    "DataCollatorForPreference",
    "QuietRewardTrainer",
    "RewardConfig",
    "unwrapped",
]

OVERRIDDEN = (
    "_send_telemetry",
    "_get_train_sampler",
    "_save_checkpoint",
    "_load_from_checkpoint",
)
"""The private methods that `QuietRewardTrainer` replaces."""


class QuietRewardTrainer(RewardTrainer):  # type: ignore[misc]
    """TRL's reward trainer without telemetry.

    Parameters
    ----------
    sampler
        Makes the order of the training pairs.
    options
        Those of TRL's trainer.
    """

    def __init__(self, *, sampler: Callable[[], Sampler[int]], **options: Any) -> None:
        self._sampler = sampler
        # TRL refuses a head with several outputs; which of them are read is our own business.
        config = options["model"].config
        labels = config.id2label, config.label2id
        config.num_labels = 1
        super().__init__(**options)
        config.id2label, config.label2id = labels

    def _send_telemetry(self) -> None:
        """TRL sends usage data and has no option to turn it off; rmcheck never sends any."""

    def _get_train_sampler(self, train_dataset: Any = None) -> Sampler[int]:
        """The order of an epoch; a subclass can set it only by this method."""
        return self._sampler()

    def save_model(self, output_dir: str | None = None, _internal_call: bool = False) -> None:
        """The adapter only, by the first process; PEFT would ask the hub about embeddings."""
        if not self.args.should_save:
            return
        model = self.accelerator.unwrap_model(self.model)
        model.save_pretrained(output_dir, save_embedding_layers=False)

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        """Load what `save_model` wrote."""
        found = self.accelerator.unwrap_model(self.model)
        found.load_adapter(resume_from_checkpoint, found.active_adapter, is_trainable=True)

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        """Without TRL's model card. A full disk costs the checkpoint, not the training."""
        with contextlib.suppress(OSError, RuntimeError, SafetensorError):
            super(RewardTrainer, self)._save_checkpoint(model, trial)


def unwrapped(accelerator: Any) -> None:
    """Have an accelerator of several processes leave the model as it is, without DDP around it.

    The forest is read without the `forward` by which DDP sums gradients.
    """
    accelerator.prepare_model = partial(accelerator.prepare_model, evaluation_mode=True)
