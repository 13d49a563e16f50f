"""Names of TRL (and of the Trainer below it) that are not part of its public API.

If a release renames them, only this file changes. `tests/training/test_trl_compat.py` fails if
one of them is missing: find the replacement, or TRL sends telemetry again, or uses its own order.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch.utils.data import Sampler

# Taken from their modules: the package itself looks each of its trainers up by name.
from trl.trainer.reward_config import RewardConfig
from trl.trainer.reward_trainer import DataCollatorForPreference, RewardTrainer

__all__ = ["OVERRIDDEN", "DataCollatorForPreference", "QuietRewardTrainer", "RewardConfig"]

OVERRIDDEN = ("_send_telemetry", "_get_train_sampler")
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
        super().__init__(**options)

    def _send_telemetry(self) -> None:
        """TRL sends usage data and has no option to turn it off; rmcheck never sends any."""

    def _get_train_sampler(self, train_dataset: Any = None) -> Sampler[int]:
        """The order of an epoch; a subclass can set it only by this method."""
        return self._sampler()
