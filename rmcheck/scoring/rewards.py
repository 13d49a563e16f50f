"""Validate the rewards that a source returns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rmcheck.data import Dialogue
from rmcheck.errors import SourceError
from rmcheck.wording import counted

if TYPE_CHECKING:
    from torch import Tensor


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
    if rewards.ndim == 1 and len(rewards) != len(dialogues):
        raise SourceError(
            f"{spec}: expected {counted(len(dialogues), 'score')} for "
            f"{counted(len(dialogues), 'text')}, got {len(rewards)}"
        )
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


def checked_outputs(
    values: NDArray[np.float64], dialogues: Sequence[Dialogue], spec: str
) -> NDArray[np.float64]:
    """The same for the outputs of a head: rewards (n,) of one, (n, outputs) of several."""
    if values.ndim == 1:
        return checked(values, dialogues, spec)
    return np.stack([checked(column, dialogues, spec) for column in values.T], axis=1)


def as_rewards(logits: Tensor) -> Tensor:
    """A head's outputs in float32: rewards (k,) of one output, (k, outputs) of several."""
    found = logits.float()
    return found[:, 0] if found.shape[1] == 1 else found


def refuse_unknown(
    sequences: Sequence[NDArray[np.int64]], dialogues: Sequence[Dialogue], model: Any, name: str
) -> None:
    """Refuse tokens that a model has no embedding for; tokenizer and model then differ.

    Raises
    ------
    SourceError
        Naming the largest such token, and a dialogue that has it.
    """
    embeddings = model.get_input_embeddings()
    size = getattr(embeddings, "num_embeddings", None)
    if size is None or not sequences:
        return
    largest = [int(ids.max()) for ids in sequences]
    worst = int(np.argmax(largest))
    if largest[worst] >= size:
        raise SourceError(
            f"{name}: {dialogues[worst].key or dialogues[worst].hash} has the token "
            f"{largest[worst]}, but the model has embeddings for {size:,} tokens only; its "
            "tokenizer is another model's, or the embeddings were not resized when tokens were "
            "added"
        )
