"""Losses of response sets: rewards (n, k), and `below` (n, k, k): j is ranked below i.

Shorter sets are padded; a response that is not there is above and below none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def plackett_luce(rewards: Tensor, below: Tensor) -> Tensor:
    """The negative log-likelihood of a ranking: each response is chosen before those below it.

    sum_i log(exp r_i + sum_{j below i} exp r_j) - r_i. Plackett (1975), "The analysis of
    permutations"; Luce (1959). Responses of the same rank do not compete with each other, so that
    "one best, the others worse" is the softmax over the best and the others. For a set of two it
    is the Bradley-Terry loss.
    """
    import torch

    itself = torch.eye(rewards.shape[1], dtype=torch.bool, device=rewards.device)
    rivals = rewards[:, None, :].masked_fill(~(below | itself), float("-inf"))
    losses: Tensor = (torch.logsumexp(rivals, dim=2) - rewards).sum(dim=1)
    return losses


def pairwise_ranking(rewards: Tensor, below: Tensor) -> Tensor:
    """The mean of -log sigmoid(r_i - r_j) over all pairs with j ranked below i.

    Ouyang et al. (2022), "Training language models to follow instructions with human feedback",
    equation 1: all pairs of a ranking are one example of a batch.
    """
    from torch.nn.functional import logsigmoid

    gaps = rewards[:, :, None] - rewards[:, None, :]
    losses = (-logsigmoid(gaps) * below).sum(dim=(1, 2))
    found: Tensor = losses / below.sum(dim=(1, 2)).clamp(min=1)
    return found
