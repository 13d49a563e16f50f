"""Response sets with their order: which response is ranked below which."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from rmcheck.data import Dialogue, PreferencePair, ResponseSet
from rmcheck.scoring.forest import plant
from rmcheck.training.batches import model_input, padded, places_in
from rmcheck.training.preparation import Encoder, Ids


@dataclass(frozen=True)
class Ranked:
    """A prompt with k responses and their order.

    Attributes
    ----------
    group
        That of the pair or set.
    dialogues
        Prompt and response, k of them.
    below
        (k, k); row i, column j: j is ranked below i.
    """

    group: str
    dialogues: tuple[Dialogue, ...]
    below: NDArray[np.bool_]


def ranked(given: PreferencePair | ResponseSet) -> Ranked:
    """A pair as a set of two; a set by its ratings, or the best ones above all others."""
    if isinstance(given, PreferencePair):
        return Ranked(given.group, given.dialogues(), np.array([[False, True], [False, False]]))
    best = [float(place in given.best) for place in range(len(given.responses))]
    heights = np.array(given.ratings or best, dtype=np.float64)
    return Ranked(given.group, given.dialogues(), heights[:, None] > heights[None, :])


def order_of(sets: Sequence[Ranked], flipped: NDArray[np.bool_]) -> dict[str, torch.Tensor]:
    """Where each set's rewards are among those of all, and its order; padded to the largest.

    Returns
    -------
    `slots` (n, k), and `below` (n, k, k), turned around where `flipped`.
    """
    most = max(len(each.dialogues) for each in sets)
    slots = np.zeros((len(sets), most), dtype=np.int64)
    below = np.zeros((len(sets), most, most), dtype=np.bool_)
    start = 0
    for row, each in enumerate(sets):
        count = len(each.dialogues)
        slots[row, :count] = np.arange(start, start + count)
        below[row, :count, :count] = each.below.T if flipped[row] else each.below
        start += count
    return {"slots": torch.from_numpy(slots), "below": torch.from_numpy(below)}


def ids_of(sets: Sequence[Ranked], tokens: Encoder) -> list[list[Ids]]:
    """The token ids of each response of each set."""
    flat = iter(tokens.encode([one for each in sets for one in each.dialogues]))
    return [[next(flat) for _ in each.dialogues] for each in sets]


class RankedCollator:
    """Sets as one prefix forest, or as padded texts.

    Parameters
    ----------
    sets
        The training's sets; an example only names its set and whether its order is turned around.
    ids
        Their token ids.
    row
        Nodes a row of the forest; None: padded texts, for models that cannot read a forest.
    trees
        Whether the model reads `Trees`.
    pad
        The token to pad with.
    """

    def __init__(
        self,
        sets: Sequence[Ranked],
        ids: Sequence[Sequence[Ids]],
        row: int | None,
        *,
        trees: bool = False,
        pad: int = 0,
    ) -> None:
        self.sets = sets
        self.ids = ids
        self.row = row
        self.trees = trees
        self.pad = pad

    def __call__(self, examples: list[dict[str, Any]]) -> dict[str, Any]:
        """The model's input, and which reward is whose."""
        rows = [example["pair"] for example in examples]
        flipped = np.array([example["flipped"] for example in examples], dtype=np.bool_)
        texts = [ids for row in rows for ids in self.ids[row]]
        order = order_of([self.sets[row] for row in rows], flipped)
        if self.row is None:
            return {**padded(texts, self.pad), **order}
        forest = plant(texts, self.row, packed=not self.trees)
        sides = {"sides": torch.from_numpy(places_in(forest))}
        return {**model_input(forest, trees=self.trees), **sides, **order}
