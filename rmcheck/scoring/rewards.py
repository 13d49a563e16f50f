"""Validate the rewards that a source returns."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rmcheck.data import Dialogue
from rmcheck.errors import SourceError
from rmcheck.wording import counted


def checked(values: ArrayLike, dialogues: Sequence[Dialogue], spec: str) -> NDArray[np.float64]:
    """`values` as rewards: one finite number a dialogue, shape (n,).

    Raises
    ------
    SourceError
        If there are more or fewer, or one is NaN, infinite or not a number; names its dialogue.
    """
    try:
        rewards = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError, RuntimeError) as error:  # a tensor with a gradient: RuntimeError
        raise SourceError(f"{spec}: expected numbers from score() ({error})") from None
    if rewards.shape != (len(dialogues),):
        raise SourceError(
            f"{spec}: expected rewards of shape ({len(dialogues)},) for "
            f"{counted(len(dialogues), 'dialogue')}, got {rewards.shape}"
        )
    wrong = np.flatnonzero(~np.isfinite(rewards))
    if wrong.size:
        dialogue = dialogues[int(wrong[0])]
        name = dialogue.key or repr(dialogue.response[:40])
        raise SourceError(
            f"{spec}: the reward of {name} is {rewards[wrong[0]]}; a reward must be finite"
        )
    return rewards
