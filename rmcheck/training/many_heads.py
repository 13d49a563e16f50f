"""Training with several objectives: labels as columns, and the sum of the heads' masked losses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from rmcheck.data import PreferencePair
from rmcheck.data.label import Label
from rmcheck.data.objectives import label_of, names_of
from rmcheck.errors import TrainingError, did_you_mean
from rmcheck.training.losses import LOSSES, Loss
from rmcheck.training.losses.asked import refuse_shape
from rmcheck.training.objectives_key import PAIR, Head, LossOf
from rmcheck.training.recipe import Recipe
from rmcheck.wording import counted, listed

BETTER = "heads_better"
"""(n, k): 1 where the first side is better by an objective, -1 the second, 0 without a label."""
RATINGS = "heads_ratings"
"""(n, k, 2): the ratings of both sides; 0 where they are not known (and not asked for)."""
MARGIN = "heads_margin"
"""(n, k): the margin of the loss."""
CONFIDENCE = "heads_confidence"
"""(n,): how sure the pair's own label is."""

POINTWISE = ("regression",)
"""Losses that learn from two equal ratings as well."""


@dataclass(frozen=True)
class Labels:
    """What a training's pairs say of its objectives.

    Attributes
    ----------
    pairs
        Those with a label that some head can use.
    columns
        What `ManyHeads` takes, by name; a row for each pair.
    """

    pairs: list[PreferencePair]
    columns: Mapping[str, NDArray[np.float32]]


def usable(pairs: Sequence[PreferencePair], recipe: Recipe) -> list[PreferencePair]:
    """The pairs with a label that some objective of the recipe can use.

    Raises
    ------
    TrainingError
        For an objective that no pair has such a label of; names those that the data have.
    """
    better = columns_of(pairs, recipe)[BETTER]
    for place, (name, head) in enumerate(recipe.objectives.items()):
        if not better[:, place].any():
            raise TrainingError(f"{recipe.path}: {_lacking(name, head, pairs, recipe)}")
    return [pair for pair, row in zip(pairs, better, strict=True) if row.any()]


def counts(pairs: Sequence[PreferencePair], recipe: Recipe) -> dict[str, int]:
    """How many of the pairs have a usable label by each objective."""
    better = columns_of(pairs, recipe)[BETTER]
    return {name: int((better[:, j] != 0).sum()) for j, name in enumerate(recipe.objectives)}


def columns_of(pairs: Sequence[PreferencePair], recipe: Recipe) -> dict[str, NDArray[np.float32]]:
    """The labels of each pair by each objective, as `ManyHeads` takes them."""
    n, k = len(pairs), len(recipe.objectives)
    better, margin = np.zeros((n, k), dtype=np.float32), np.zeros((n, k), dtype=np.float32)
    ratings = np.zeros((n, k, 2), dtype=np.float32)
    confidence = np.array([pair.confidence or 0.0 for pair in pairs], dtype=np.float32)
    for place, (name, head) in enumerate(recipe.objectives.items()):
        loss = head.loss_of(recipe.loss, recipe.loss_settings)
        for row, pair in enumerate(pairs):
            label = _label(pair, name, head)
            if label is None or not _serves(label, pair, loss):
                continue
            better[row, place] = -1 if label.better == "rejected" else 1
            distance = 1.0
            if label.ratings is not None:
                ratings[row, place] = label.ratings
                distance = abs(label.ratings[0] - label.ratings[1])
                if head.labels == PAIR:  # as in a recipe without objectives
                    distance = label.ratings[0] - label.ratings[1]
            margin[row, place] = recipe.margin * distance
    return {BETTER: better, RATINGS: ratings, MARGIN: margin, CONFIDENCE: confidence}


def _label(pair: PreferencePair, name: str, head: Head) -> Label | None:
    if head.labels == PAIR:
        return Label(name, "chosen", pair.ratings)
    return label_of(pair, head.labels or name)


def _serves(label: Label, pair: PreferencePair, loss: LossOf) -> bool:
    """Whether a loss can use a label: it prefers a side, and has what the loss asks for."""
    asked = loss.asked.columns
    if "ratings" in asked and label.ratings is None:
        return False
    if "confidence" in asked and pair.confidence is None:
        return False
    return label.better != "tie" or loss.name in POINTWISE


def _lacking(name: str, head: Head, pairs: Sequence[PreferencePair], recipe: Recipe) -> str:
    """Why no pair has a label by an objective, and what to do."""
    wanted, known = head.labels or name, names_of(pairs)
    loss = head.loss_of(recipe.loss, recipe.loss_settings)
    where = f"objective '{name}'"
    if wanted == PAIR or wanted in known:
        needs = listed(loss.asked.columns)
        why = f"loss '{loss.name}' needs {needs}" if needs else "all of its labels are ties"
        return (
            f"{where}: no label of {counted(len(pairs), 'pair')} can be used: {why}; add it to the "
            "rows, or use another loss"
        )
    if not known:
        return (
            f"{where}: no pair has labels by objective; add them to the rows, such as "
            f'"objectives": {{"{wanted}": "chosen"}}, or use labels: {PAIR} for the pair\'s own'
        )
    return f"{where}: no pair has a label by '{wanted}', {did_you_mean(wanted, [*known, PAIR])}"


class ManyHeads:
    """The sum of the heads' losses, each over the pairs with a label by its objective.

    The loss of a pair is the sum over its labels of weight * loss, so that a label that is missing
    adds nothing; the mean over a batch divides by all of its pairs.
    """

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe
        self._heads: list[tuple[Head, LossOf, Loss]] = []
        for head in recipe.objectives.values():
            of = head.loss_of(recipe.loss, recipe.loss_settings)
            found = LOSSES.find(of.name)
            if found is None:
                said = did_you_mean(of.name, LOSSES.names())
                raise TrainingError(f"loss '{of.name}': {said}")
            self._heads.append((head, of, found))

    def __call__(
        self, scores: torch.Tensor, batch: Mapping[str, torch.Tensor]
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Losses (n,) of n pairs, and differences (m,) of all m labels.

        Parameters
        ----------
        scores
            Of the first sides, then of the second sides, (2 n, k), or (2 n,) for one head.
        batch
            `columns_of` these pairs.
        """
        outputs = scores if scores.dim() == 2 else scores[:, None]
        sides = torch.chunk(outputs, 2)
        total = torch.zeros_like(sides[0][:, 0])
        gaps = []
        for place, (head, of, loss) in enumerate(self._heads):
            better = batch[BETTER][:, place]
            rows = torch.nonzero(better)[:, 0]
            turned = better[rows] < 0
            first, second = (side[rows, place] for side in sides)
            chosen = torch.where(turned, second, first)
            rejected = torch.where(turned, first, second)
            columns = self._columns(of, batch, rows, place, turned)
            losses = loss(chosen, rejected, batch[MARGIN][rows, place], **columns, **of.settings)
            refuse_shape(losses, len(rows), "pairs", of.name)
            if self._recipe.centring:
                losses = losses + self._recipe.centring * (chosen + rejected) ** 2
            total = total + torch.zeros_like(total).index_copy(0, rows, head.weight * losses)
            gaps.append(chosen - rejected)
        return total, torch.cat(gaps)

    @staticmethod
    def _columns(
        of: LossOf,
        batch: Mapping[str, torch.Tensor],
        rows: torch.Tensor,
        place: int,
        turned: torch.Tensor,
    ) -> dict[str, torch.Tensor]:
        """What the loss asks for, of these pairs; ratings of the better side first."""
        ratings = batch[RATINGS][rows, place]
        known = {
            "ratings": torch.where(turned[:, None], ratings.flip(1), ratings),
            "confidence": batch[CONFIDENCE][rows],
        }
        return {name: known[name] for name in of.asked.columns}
