"""What a training minimises: the recipe's loss of the rewards of a batch, and their differences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import torch

from rmcheck.errors import TrainingError, did_you_mean
from rmcheck.training.losses import LOSSES, Loss
from rmcheck.training.losses.asked import asked_by, refuse_shape
from rmcheck.training.many_heads import ManyHeads
from rmcheck.training.recipe import Recipe
from rmcheck.training.taught import TaughtObjective


class Objective(Protocol):
    """Losses (n,) of a batch's n examples, and differences (m,) that are positive where right."""

    def __call__(
        self, scores: torch.Tensor, batch: Mapping[str, torch.Tensor]
    ) -> tuple[torch.Tensor, torch.Tensor]: ...


class PairObjective:
    """The loss of pairs; scores are those of the chosen, then of the rejected, (2 n,)."""

    def __init__(self, recipe: Recipe, loss: Loss) -> None:
        self._recipe, self._loss = recipe, loss
        self._columns = asked_by(loss).columns

    def __call__(
        self, scores: torch.Tensor, batch: Mapping[str, torch.Tensor]
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Losses and differences of the pairs, each (n,)."""
        chosen, rejected = torch.chunk(scores, 2)
        columns = {name: batch[name] for name in self._columns}
        losses = self._loss(
            chosen, rejected, batch["margin"], **columns, **self._recipe.loss_settings
        )
        refuse_shape(losses, len(chosen), "pairs", self._recipe.loss)
        if self._recipe.centring:
            losses = losses + self._recipe.centring * (chosen + rejected) ** 2
        return losses, chosen - rejected


class SetObjective:
    """The loss of response sets; scores are those of all responses, in the order of the sets."""

    def __init__(self, recipe: Recipe, loss: Loss) -> None:
        self._recipe, self._loss = recipe, loss

    def __call__(
        self, scores: torch.Tensor, batch: Mapping[str, torch.Tensor]
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Losses of the sets, (n,), and differences of all ranked pairs in them, (m,)."""
        rewards, below = scores[batch["slots"]], batch["below"]
        losses = self._loss(rewards, below, **self._recipe.loss_settings)
        refuse_shape(losses, len(rewards), "sets", self._recipe.loss)
        if self._recipe.centring:
            there = below.any(dim=1) | below.any(dim=2)
            mean = (rewards * there).sum(dim=1) / there.sum(dim=1)
            # For a set of two this is (chosen + rejected)^2, as for pairs.
            losses = losses + self._recipe.centring * (2 * mean) ** 2
        return losses, (rewards[:, :, None] - rewards[:, None, :])[below]


def objective_of(recipe: Recipe) -> Objective:
    """What a training by this recipe minimises.

    With `centring` it has a term more: Eisenstein et al. (2023), "Helping or herding? Reward model
    ensembles mitigate but do not eliminate reward hacking".
    """
    found = LOSSES.find(recipe.loss)
    if found is None:
        raise TrainingError(f"loss '{recipe.loss}': {did_you_mean(recipe.loss, LOSSES.names())}")
    if recipe.objectives:
        return ManyHeads(recipe)
    if recipe.distil is not None:
        return TaughtObjective(recipe, found)
    kind = SetObjective if asked_by(found).sets else PairObjective
    return kind(recipe, found)
