"""Names of TRL (and of the trainer below it) that it does not promise to keep.

What a release renames is changed here alone. `tests/training/test_trl_compat.py` fails where one
of them is gone: then it must be found out what takes its place, for TRL would count its users
again, or draw its own order.
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
    """TRL's reward trainer that tells nobody that it is used.

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
        """TRL counts its users and has no option for it; rmcheck sends nothing, ever."""

    def _get_train_sampler(self, train_dataset: Any = None) -> Sampler[int]:
        """The order of an epoch; only by this method may a subclass choose it."""
        return self._sampler()
