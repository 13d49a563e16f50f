"""What a training reads: its examples as token ids and batches, and those it is watched on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from rmcheck.data import Dialogue, PreferencePair, ResponseSet, pair_dialogues
from rmcheck.errors import TrainingError
from rmcheck.scoring.scorer import Scorer
from rmcheck.training import many_heads
from rmcheck.training.augmentation import augmented
from rmcheck.training.batches import (
    ForestCollator,
    PaddedCollator,
    examples_of,
    margins,
)
from rmcheck.training.lessons import Taught
from rmcheck.training.loss_key import asked_of
from rmcheck.training.losses.asked import losses_with
from rmcheck.training.preparation import Example, Ids, Shared, flips, split, without_folds
from rmcheck.training.ranked import Ranked, RankedCollator, ids_of, order_of, ranked
from rmcheck.training.recipe import Recipe
from rmcheck.training.taught import TaughtMaterial
from rmcheck.wording import counted, listed

WATCHED = 64
"""Held-out examples that each point of the curve is measured on."""

JUDGED = 1000
"""The same, at most, where the loss of these examples decides when a training stops."""


def watched(held_out: Sequence[Example], recipe: Recipe) -> list[Example]:
    """The held-out examples that the curve is measured on.

    Raises
    ------
    TrainingError
        If there are none, and the training is to stop by them.
    """
    if recipe.early_stopping is None:
        return list(held_out[:WATCHED])
    if not held_out:
        raise TrainingError(
            f"{recipe.path}: early_stopping needs held-out pairs, but held_out: "
            f"{recipe.held_out:g} of the data gives 0 pairs; use more"
        )
    return list(held_out[:JUDGED])


ROWS = {"ratings": '"ratings": {"chosen": 5, "rejected": 2}', "confidence": '"confidence": 0.9'}
"""How a row of data gives what a loss may ask for."""


class Material(Protocol):
    """What a training reads.

    Attributes
    ----------
    groups
        The group of each training example.
    unit
        What an example is, for messages.
    truncated
        Texts that were cut to the length limit.
    watched
        Dialogues of the held-out examples.
    watched_count
        How many examples these are.
    labels
        How many training examples have a label by each objective; empty without objectives.
    """

    unit: str
    labels: Mapping[str, int]

    groups: list[str]
    truncated: int
    watched: list[Dialogue]
    watched_count: int

    def sequences(self) -> list[Ids]:
        """The token ids of all texts."""

    def collator(self, scorer: Scorer, *, forest: bool, trees: bool) -> Any:
        """Makes a batch of rows of `rows`."""

    def rows(self) -> list[dict[str, Any]]:
        """What a collator must know of each training example."""

    def judged(self, rewards: NDArray[np.float64]) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """Rewards of `watched` as an `Objective` takes them: scores, and the rest of the batch."""


class PairMaterial:
    """Pairs, with their augmented copies."""

    unit = "pairs"

    def __init__(
        self, pairs: Sequence[PreferencePair], recipe: Recipe, scorer: Scorer, shared: Shared
    ) -> None:
        parts = split(pairs, recipe)
        refuse_few(len(parts.train), recipe)
        whole = augmented(parts.train, recipe.augment)
        self.recipe = recipe
        self.pairs = whole.pairs
        self.held_out = watched(parts.held_out, recipe)
        self.labels: Mapping[str, int] = {}
        if recipe.objectives:
            self.labels = many_heads.counts(whole.pairs, recipe)
        self.groups = [pair.group for pair in whole.pairs]
        self.watched = pair_dialogues(self.held_out)
        self.watched_count = len(self.held_out)
        self._columns = columns_of(whole.pairs, recipe)
        self._held_out_columns = columns_of(self.held_out, recipe)
        self._flipped = flips(len(parts.train), recipe.label_noise)[whole.of]
        self._texts = shared.texts(recipe, whole.pairs, scorer)
        self.truncated = self._texts.truncated

    def sequences(self) -> list[Ids]:
        """The token ids of all texts."""
        return [*self._texts.chosen, *self._texts.rejected]

    def collator(self, scorer: Scorer, *, forest: bool, trees: bool) -> Any:
        """Makes a batch of rows of `rows`."""
        if forest:
            return ForestCollator(self._texts, scorer.row, trees=trees, columns=self._columns)
        return PaddedCollator(self._texts, scorer.pad, self._columns)

    def rows(self) -> list[dict[str, Any]]:
        """One row for each pair."""
        return examples_of(self.pairs, self._flipped, self.recipe)

    def judged(self, rewards: NDArray[np.float64]) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """Rewards of `watched` as an `Objective` takes them: scores, and the rest of the batch."""
        scores = torch.from_numpy(np.concatenate([rewards[0::2], rewards[1::2]]))
        batch = {"margin": torch.tensor(margins(self.held_out, self.recipe))}
        given = {name: torch.from_numpy(each) for name, each in self._held_out_columns.items()}
        return scores, batch | given


class SetMaterial:
    """Response sets, and pairs as sets of two."""

    unit = "response sets"

    def __init__(
        self, given: Sequence[PreferencePair | ResponseSet], recipe: Recipe, scorer: Scorer
    ) -> None:
        # A set without an order (all rated alike) says nothing.
        kept = map(ranked, given)
        parts = split([each for each in kept if each.below.any()], recipe)
        refuse_few(len(parts.train), recipe, "response sets (or pairs)")
        self.sets: list[Ranked] = parts.train
        self.held_out: list[Ranked] = watched(parts.held_out, recipe)
        self.groups = [each.group for each in self.sets]
        self.watched = [one for each in self.held_out for one in each.dialogues]
        self.watched_count = len(self.held_out)
        self._flipped = flips(len(self.sets), recipe.label_noise)
        self._ids = ids_of(self.sets, scorer)
        self.truncated = scorer.truncated
        self.labels: Mapping[str, int] = {}

    def sequences(self) -> list[Ids]:
        """The token ids of all texts."""
        return [ids for each in self._ids for ids in each]

    def collator(self, scorer: Scorer, *, forest: bool, trees: bool) -> Any:
        """Makes a batch of rows of `rows`."""
        row = scorer.row if forest else None
        return RankedCollator(self.sets, self._ids, row, trees=trees, pad=scorer.pad)

    def rows(self) -> list[dict[str, Any]]:
        """One row for each set: its number, and whether its order is turned around."""
        return [
            {"pair": number, "flipped": turned}
            for number, turned in enumerate(self._flipped.tolist())
        ]

    def judged(self, rewards: NDArray[np.float64]) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """Rewards of `watched` as an `Objective` takes them: scores, and the rest of the batch."""
        order = order_of(self.held_out, np.zeros(len(self.held_out), dtype=np.bool_))
        return torch.from_numpy(rewards), order


def material_of(
    given: Sequence[PreferencePair | ResponseSet] | Taught,
    recipe: Recipe,
    scorer: Scorer,
    shared: Shared,
) -> Material:
    """What a training by this recipe reads of its data.

    Raises
    ------
    TrainingError
        If there are fewer than two examples, or the loss asks for what the data lack.
    """
    if isinstance(given, Taught):
        return _of_teacher(given, recipe, scorer)
    # Pairs and sets together: whatever the loss takes, a prompt is in the same fold.
    given = without_folds(given, recipe)
    if asked_of(recipe.loss).sets and not recipe.objectives:
        return SetMaterial(given, recipe, scorer)
    pairs = [each for each in given if isinstance(each, PreferencePair)]
    if len(pairs) < 2 and len(given) > len(pairs):
        raise TrainingError(
            f"{recipe.path}: loss '{recipe.loss}' trains on pairs, but the data have "
            f"{counted(len(given) - len(pairs), 'response set')} and {counted(len(pairs), 'pair')};"
            f" use loss: {' or '.join(losses_with(sets=True))}"
        )
    if recipe.objectives:
        return PairMaterial(many_heads.usable(pairs, recipe), recipe, scorer, shared)
    refuse_lacking(pairs, recipe)
    return PairMaterial(pairs, recipe, scorer, shared)


def _of_teacher(given: Taught, recipe: Recipe, scorer: Scorer) -> TaughtMaterial:
    refuse_few(len(given.lessons.train), recipe, "prompts")
    refuse_lacking([each.label for each in given.lessons.train if each.label], recipe)
    made = TaughtMaterial(given, recipe, scorer, asked_of(recipe.loss).columns)
    made.watch(len(watched(given.lessons.held_out, recipe)))
    return made


def refuse_few(count: int, recipe: Recipe, kind: str = "pairs") -> None:
    """Raise TrainingError for fewer than two training examples."""
    if count < 2:
        why = (
            f"; held_out: {recipe.held_out:g} holds out whole prompts, so data of one or two "
            "prompts may leave none: use more prompts, or held_out: 0"
            if recipe.held_out
            else "; use more data"
        )
        raise TrainingError(f"{recipe.path}: expected at least 2 training {kind}, got {count}{why}")


def columns_of(pairs: Sequence[PreferencePair], recipe: Recipe) -> dict[str, NDArray[np.float32]]:
    """What the loss asks of each pair: `ratings` (n, 2), `confidence` (n,); labels of heads."""
    if recipe.objectives:
        return many_heads.columns_of(pairs, recipe)
    return {
        name: np.array([getattr(pair, name) for pair in pairs], dtype=np.float32)
        for name in asked_of(recipe.loss).columns
    }


def refuse_lacking(pairs: Sequence[PreferencePair], recipe: Recipe) -> None:
    """Raise TrainingError if a pair lacks what the loss asks for."""
    for name in asked_of(recipe.loss).columns:
        lacking = [pair.id for pair in pairs if getattr(pair, name) is None]
        if lacking:
            raise TrainingError(
                f"{recipe.path}: loss '{recipe.loss}' needs {name} of each pair, but "
                f"{len(lacking):,} of {counted(len(pairs), 'pair')} have none (the first: "
                f"{lacking[0]!r}); add {ROWS[name]} to their rows, or use another loss: "
                f"{listed(losses_with(sets=False, columns=()))}"
            )
