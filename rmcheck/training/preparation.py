"""Preparation of a training: held-out pairs, flipped labels, texts as token ids."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from rmcheck.data import Dialogue, PreferencePair, pair_dialogues
from rmcheck.errors import TrainingError
from rmcheck.scoring.forest import Forest, plant
from rmcheck.training.folds import Foldable, remaining
from rmcheck.training.recipe import Recipe
from rmcheck.training.settings import LabelNoise

Ids = NDArray[np.int64]


class Encoder(Protocol):
    """Turns dialogues into token ids, and counts those that it cuts."""

    @property
    def truncated(self) -> int: ...

    def encode(self, dialogues: Sequence[Dialogue]) -> list[Ids]: ...


class Grouped(Protocol):
    """An example that belongs to a prompt."""

    @property
    def group(self) -> str: ...


Example = TypeVar("Example", bound=Grouped)
Divided = TypeVar("Divided", bound=Foldable)


@dataclass(frozen=True)
class Split(Generic[Example]):
    """Training examples with their original labels, and held-out ones."""

    train: list[Example]
    held_out: list[Example]


def without_folds(examples: Sequence[Divided], recipe: Recipe) -> Sequence[Divided]:
    """Leave out the recipe's `folds`."""
    try:
        return remaining(examples, recipe.folds)
    except ValueError as error:
        raise TrainingError(f"{recipe.path}: folds: {error}") from None


def split(pairs: Sequence[Example], recipe: Recipe) -> Split[Example]:
    """Divide by prompt, then draw the recipe's `limit`."""
    rng = np.random.default_rng([recipe.seed, 1])
    groups: dict[str, list[Example]] = {}
    for pair in pairs:
        groups.setdefault(pair.group, []).append(pair)
    names = list(groups)
    rng.shuffle(names)
    aside = round(recipe.held_out * len(pairs))
    held_out: list[Example] = []
    train: list[Example] = []
    for name in names:
        if len(held_out) < aside:
            held_out += groups[name]
        elif recipe.limit is None or len(train) < recipe.limit:
            train += groups[name]
    return Split(train[: recipe.limit], held_out)


def flips(count: int, noise: LabelNoise) -> NDArray[np.bool_]:
    """Which of `count` labels are flipped: exactly round(rate * count). Shape (count,)."""
    rng = np.random.default_rng([noise.seed, 2])
    turned = np.zeros(count, dtype=np.bool_)
    turned[rng.permutation(count)[: round(noise.rate * count)]] = True
    return turned


@dataclass(frozen=True)
class Texts:
    """The training pairs as token ids, and the forests of batches of them.

    Attributes
    ----------
    chosen, rejected
        Prompt and response of each pair, with the original labels.
    truncated
        Number of texts truncated to the length limit.
    """

    chosen: Sequence[Ids]
    rejected: Sequence[Ids]
    truncated: int = 0
    _forests: dict[tuple[int, ...], Forest] = field(default_factory=dict)

    def forest(self, pairs: Sequence[int], row: int, *, packed: bool) -> Forest:
        """The chosen, then the rejected texts of these pairs; see `rmcheck.scoring.forest.plant`.

        A training with flipped labels has the same pairs in the same order, so each batch is laid
        out once for all trainings.
        """
        key = (row, int(packed), *pairs)
        if key not in self._forests:
            sides = [self.chosen[pair] for pair in pairs] + [self.rejected[pair] for pair in pairs]
            self._forests[key] = plant(sides, row, packed=packed)
        return self._forests[key]


class Shared:
    """Tokens and forests that a recipe and its variants with flipped labels share."""

    def __init__(self) -> None:
        self._of: tuple[Recipe, Sequence[PreferencePair]] | None = None
        self._texts = Texts([], [])

    def texts(self, recipe: Recipe, pairs: Sequence[PreferencePair], tokens: Encoder) -> Texts:
        """The texts of the training pairs; `tokens` is used by the first caller only.

        Parameters
        ----------
        pairs
            The training pairs with their original labels.
        tokens
            A fresh encoder for this recipe.
        """
        of = replace(recipe, name="", label_noise=LabelNoise()), pairs
        if self._of != of:
            ids = tokens.encode(pair_dialogues(pairs))
            self._texts = Texts(ids[0::2], ids[1::2], tokens.truncated)
            self._of = of
        return self._texts
