"""Losses on pairs of rewards, one function each; a recipe names them by the function's name.

Other packages add theirs by the entry point group `rmcheck.losses`.

Every loss takes the rewards of the chosen and the rejected responses and a margin, each of shape
(n,), and returns the n losses. torch is imported when one is called, so that a recipe can be
checked without it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from rmcheck.registry import Registry, function

if TYPE_CHECKING:
    from torch import Tensor

Loss = Callable[["Tensor", "Tensor", "Tensor"], "Tensor"]


def bradley_terry(chosen: Tensor, rejected: Tensor, margin: Tensor) -> Tensor:
    """The negative log-likelihood under Bradley-Terry: -log sigmoid(chosen - rejected - margin).

    Bradley & Terry (1952), Biometrika 39; with a margin as in Touvron et al. (2023), "Llama 2".
    """
    from torch.nn.functional import logsigmoid

    return -logsigmoid(chosen - rejected - margin)


def hinge(chosen: Tensor, rejected: Tensor, margin: Tensor) -> Tensor:
    """max(0, 1 + margin - (chosen - rejected)): no pull once that distance is reached."""
    loss: Tensor = (1 + margin - (chosen - rejected)).clamp(min=0)
    return loss


LOSSES: Registry[Loss] = Registry(
    {name: f"rmcheck.training.losses:{name}" for name in ("bradley_terry", "hinge")},
    function("(chosen, rejected, margin) -> losses"),
    "rmcheck.losses",
)
"""The losses that a recipe can name, ours and those of other packages."""
