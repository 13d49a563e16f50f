"""Batches of preference pairs: their order, and the tensors that the model reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Sampler

from rmcheck.data import PreferencePair
from rmcheck.scoring.forest import Forest
from rmcheck.scoring.reading import Reading, read_forest
from rmcheck.scoring.trees import Trees, read_trees
from rmcheck.training.preparation import Ids, Texts
from rmcheck.training.recipe import Recipe


class ForestCollator:
    """Pairs as one prefix forest: shared prompts and repeated texts are in it once.

    Parameters
    ----------
    texts
        What the pairs say; an example only names its pair and whether its label is flipped.
    row
        Nodes a row.
    trees
        Whether the model reads `Trees`; otherwise padded rows with one mask each.
    columns
        What the loss asks for besides, by its name: an array with a row for each pair.
    """

    def __init__(
        self,
        texts: Texts,
        row: int,
        *,
        trees: bool,
        columns: Mapping[str, NDArray[np.float32]] | None = None,
    ) -> None:
        self.texts = texts
        self.row = row
        self.trees = trees
        self.columns = columns or {}

    def __call__(self, examples: list[dict[str, Any]]) -> dict[str, Any]:
        """The input of `rewards`, and which reward belongs to which side of each pair."""
        pairs = [example["pair"] for example in examples]
        forest = self.texts.forest(pairs, self.row, packed=not self.trees)
        sides = places_in(forest).reshape(2, len(pairs))
        flipped = np.array([example["flipped"] for example in examples], dtype=np.bool_)
        sides[:, flipped] = sides[::-1, flipped]
        batch = {
            "sides": torch.from_numpy(sides.reshape(-1)),
            "margin": torch.tensor([example["margin"] for example in examples]),
            **taken(self.columns, pairs),
        }
        return {**model_input(forest, trees=self.trees), **batch}


def places_in(forest: Forest) -> NDArray[np.int64]:
    """The place of each text's reward among those that `rewards` reads."""
    order = np.argsort(np.concatenate([row.members for row in forest.rows]))
    places: NDArray[np.int64] = order[forest.places]
    return places


def model_input(forest: Forest, *, trees: bool) -> dict[str, Any]:
    """What the model reads of a forest."""
    if trees:
        return {"trees": Trees.of(forest.rows)}
    reading = Reading.of(forest.rows, "cpu")
    return {name: getattr(reading, name) for name in READING}


def taken(
    columns: Mapping[str, NDArray[np.float32]], rows: Sequence[int]
) -> dict[str, torch.Tensor]:
    """These rows of each column."""
    return {name: torch.from_numpy(column[list(rows)]) for name, column in columns.items()}


READING = ("tokens", "positions", "allowed", "rows", "last")
"""The tensors of a `Reading`, each of its own, so that the trainer moves them to its device."""


def rewards(
    model: Any, batch: dict[str, Any], pooling: str, *, sparse: bool = False
) -> torch.Tensor:
    """Rewards of the chosen, then of the rejected texts of a collated batch, shape (2 n,).

    `sparse`, see `read_trees`, is not for a model that checkpoints gradients: its layers are
    computed again after this.
    """
    if "trees" in batch:
        return read_trees(model, batch["trees"], pooling, sparse=sparse)[batch["sides"]]
    reading = Reading(**{name: batch[name] for name in READING})
    return read_forest(model, reading, pooling)[batch["sides"]]


class PaddedCollator:
    """Pairs as padded texts, for models that cannot read a forest; `columns` as above.

    Parameters
    ----------
    pad
        The token to pad with.
    """

    def __init__(
        self, texts: Texts, pad: int, columns: Mapping[str, NDArray[np.float32]] | None = None
    ) -> None:
        self.texts = texts
        self.pad = pad
        self.columns = columns or {}

    def __call__(self, examples: list[dict[str, Any]]) -> dict[str, Any]:
        """The chosen, then the rejected texts, and what the loss asks for."""
        pairs = [example["pair"] for example in examples]
        sides = [(self.texts.chosen[pair], self.texts.rejected[pair]) for pair in pairs]
        first = [each[example["flipped"]] for each, example in zip(sides, examples, strict=True)]
        second = [
            each[not example["flipped"]] for each, example in zip(sides, examples, strict=True)
        ]
        return {
            **padded([*first, *second], self.pad),
            "margin": torch.tensor([example["margin"] for example in examples]),
            **taken(self.columns, pairs),
        }


def padded(texts: Sequence[Ids], pad: int) -> dict[str, torch.Tensor]:
    """Texts padded on the right, and the mask of what is theirs; each (n, length)."""
    width = max(map(len, texts))
    tokens = np.full((len(texts), width), pad, dtype=np.int64)
    mask = np.zeros((len(texts), width), dtype=np.int64)
    for row, ids in enumerate(texts):
        tokens[row, : len(ids)] = ids
        mask[row, : len(ids)] = 1
    return {"input_ids": torch.from_numpy(tokens), "attention_mask": torch.from_numpy(mask)}


class PromptSampler(Sampler[int]):
    """Prompts in random order, each with its pairs together, so that a batch shares prefixes.

    `epoch` is that of the first order; a resumed training begins in a later one.
    """

    def __init__(self, groups: Sequence[str], seed: int, epoch: int = 0) -> None:
        self.seed = seed
        self.epoch = epoch
        self.places: dict[str, list[int]] = {}
        for index, group in enumerate(groups):
            self.places.setdefault(group, []).append(index)
        self.length = len(groups)

    def __len__(self) -> int:
        return self.length

    def __iter__(self) -> Iterator[int]:
        rng = np.random.default_rng([self.seed, 3, self.epoch])
        self.epoch += 1
        names = list(self.places)
        for place in rng.permutation(len(names)):
            yield from rng.permutation(self.places[names[place]]).tolist()


def examples_of(
    pairs: Sequence[PreferencePair], flipped: NDArray[np.bool_], recipe: Recipe
) -> list[dict[str, Any]]:
    """Of each pair: its number, whether its label is flipped, and its margin."""
    rows = enumerate(zip(flipped.tolist(), margins(pairs, recipe), strict=True))
    return [{"pair": pair, "flipped": turned, "margin": margin} for pair, (turned, margin) in rows]


def margins(pairs: Sequence[PreferencePair], recipe: Recipe) -> list[float]:
    """The recipe's margin, times the distance of the pair's ratings."""
    return [
        recipe.margin * (pair.ratings[0] - pair.ratings[1] if pair.ratings else 1.0)
        for pair in pairs
    ]
