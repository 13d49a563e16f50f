"""Null controls: scorers that do not read the texts, and their wins on a suite's pairs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rmcheck.data import Dialogue, PreferencePair, Prompt

LONGER = "pick the longer"
SHORTER = "pick the shorter"
CONSTANT = "constant"
SHUFFLED = "shuffled labels"


def control_wins(pairs: Sequence[PreferencePair], seed: int) -> dict[str, NDArray[np.float64]]:
    """The wins of each control, shape (n,) in {0, 0.5, 1}.

    `constant` ties everything; `shuffled labels` is a coin tossed with `seed`, as the scale of
    what chance alone gives on this many pairs.
    """
    difference = np.array([len(pair.chosen) - len(pair.rejected) for pair in pairs])
    longer = np.where(difference == 0, 0.5, (difference > 0).astype(np.float64))
    coin = np.random.default_rng(seed).integers(0, 2, len(pairs)).astype(np.float64)
    return {
        LONGER: longer,
        SHORTER: 1.0 - longer,
        CONSTANT: np.full(len(pairs), 0.5),
        SHUFFLED: coin,
    }


def with_swapped_prompts(pairs: Sequence[PreferencePair]) -> list[Dialogue]:
    """Both sides of each pair under the prompt of another group, in the order of `pairs`.

    Every group gets the prompt of the next group but one half of the list away, so that neither
    neighbours (often alike) nor a group itself is used. With a single group the pairs keep their
    own prompt.
    """
    prompts: dict[str, Prompt] = {}
    for pair in pairs:
        prompts.setdefault(pair.group, pair.prompt)
    groups = list(prompts)
    step = max(1, len(groups) // 2)
    other = {
        group: prompts[groups[(place + step) % len(groups)]] for place, group in enumerate(groups)
    }
    return [
        Dialogue(other[pair.group], response, f"{pair.id}/{side}~swapped")
        for pair in pairs
        for side, response in (("chosen", pair.chosen), ("rejected", pair.rejected))
    ]
