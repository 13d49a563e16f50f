"""The loss of a student: how far its margins are from those of its teacher."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def margin_regression(rewards: Tensor, teacher: Tensor, there: Tensor) -> Tensor:
    """The mean of ((r_i - r_j) - (t_i - t_j))^2 over all i < j of each prompt's responses.

    Hofstätter et al. (2020), "Improving efficient neural ranking models with cross-architecture
    knowledge distillation" (Margin-MSE), for any number of responses. With d = r - t this is the
    mean of (d_i - d_j)^2, twice the sample variance of d, so k responses cost k terms. Only
    differences count: neither model's rewards have a meaning of their own.

    Parameters
    ----------
    rewards
        The student's, (n, k).
    teacher
        The teacher's, divided by the scale, (n, k).
    there
        Which of the k responses a prompt has, (n, k); two or more.

    Returns
    -------
    The losses, (n,).
    """
    count = there.sum(dim=1, keepdim=True)
    apart = (rewards - teacher).masked_fill(~there, 0.0)
    apart = (apart - apart.sum(dim=1, keepdim=True) / count).masked_fill(~there, 0.0)
    loss: Tensor = 2 * (apart**2).sum(dim=1) / (count[:, 0] - 1)
    return loss
