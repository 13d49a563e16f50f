"""Why a served model and its local copy give other rewards: what would explain the difference.

Each candidate is computed with the local model: the same texts with two start tokens, without
white space at the end, cut, in another template, with token types. The one whose rewards are those
of the server, on every text, is the cause.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rmcheck.data import Dialogue
from rmcheck.errors import RmcheckError
from rmcheck.sources.model_source import HeadedModel

Ids = NDArray[np.int64]
Rewards = NDArray[np.float64]

MOST_TEXTS = 16
"""Texts for which candidates are computed."""
MATCH = 2e-3
"""How far from the server's rewards a candidate may be, as a share of their spread (or of 1)."""
CUTS = (128, 256, 512, 1024, 2048, 4096, 8192)
"""Lengths at which servers cut."""

ACTIVATIONS: dict[str, Callable[[Rewards], Rewards]] = {
    "": lambda values: values,
    "a sigmoid": lambda values: 1 / (1 + np.exp(-values)),
    "a tanh": np.tanh,
}


def cause(local: HeadedModel, dialogues: Sequence[Dialogue], served: Rewards) -> str | None:
    """What makes the server's rewards other than the local ones; None if no candidate does.

    Parameters
    ----------
    served
        The server's rewards of the dialogues, shape (n,).
    """
    if len(dialogues) > 1 and float(np.ptp(served)) == 0.0:
        return f"the server gives every text {served[0]:g}: a softmax over one label, say"
    for what, rewards in _candidates(local, dialogues):
        for activation, apply in ACTIVATIONS.items():
            if (what or activation) and _matches(apply(rewards), served):
                return " and ".join(filter(None, [activation, what])) + " explains it"
    return None


def _matches(rewards: Rewards, served: Rewards) -> bool:
    if rewards.shape != served.shape or not np.isfinite(rewards).all():
        return False
    scale = max(float(np.std(served)), 1e-3)
    return bool(np.abs(rewards - served).max() <= MATCH * scale)


def _candidates(local: HeadedModel, dialogues: Sequence[Dialogue]) -> Iterator[tuple[str, Rewards]]:
    """Each candidate with the rewards that it gives."""
    scorer = local.scorer
    yield "", scorer.score(dialogues)
    tokenizer = scorer.tokenizer
    encoded = scorer.encode(dialogues)
    for what, changed in _changed(encoded, tokenizer):
        if any(len(one) != len(other) for one, other in zip(encoded, changed, strict=True)):
            yield what, _rewards(scorer, changed)
    stripped = [Dialogue(_right(one.prompt), one.response.strip(), one.key) for one in dialogues]
    yield "white space removed at the end of a text", _stripped(scorer, encoded, stripped)
    with suppress(Exception):  # a model without token types
        zeros = [np.zeros(len(ids), dtype=np.int64) for ids in encoded]
        yield "token_type_ids that the model was not trained with", _rewards(scorer, encoded, zeros)
    for other in local.other_readings():
        layout = getattr(other, "layout", None)
        if layout is not None:
            with suppress(RmcheckError):
                rewards = local.read_with(layout).score(dialogues)
                yield f"another reading ({layout.options})", rewards


def _changed(encoded: Sequence[Ids], tokenizer: Any) -> Iterator[tuple[str, list[Ids]]]:
    bos, eos = tokenizer.bos_token_id, tokenizer.eos_token_id
    if bos is not None:
        yield "two start tokens", [np.insert(ids, 0, bos) for ids in encoded]
        bare = [ids[1:] if len(ids) > 1 and ids[0] == bos else ids for ids in encoded]
        yield "a missing start token", bare
    if eos is not None:
        yield "an end token that is added", [np.append(ids, eos) for ids in encoded]
        bare = [ids[:-1] if len(ids) > 1 and ids[-1] == eos else ids for ids in encoded]
        yield "a missing end token", bare
    for most in CUTS:
        if any(len(ids) > most for ids in encoded):
            yield f"a cut after {most:,} tokens", [ids[:most] for ids in encoded]
            yield f"a cut of all but the last {most:,} tokens", [ids[-most:] for ids in encoded]


def _stripped(scorer: Any, encoded: Sequence[Ids], stripped: Sequence[Dialogue]) -> Rewards:
    """Rewards of texts whose last tokens of white space are gone."""
    tokenizer = scorer.tokenizer
    found = []
    for ids, other in zip(encoded, scorer.encode(stripped), strict=True):
        text = tokenizer.decode(ids)
        bare = tokenizer(text.rstrip(), add_special_tokens=False)["input_ids"]
        same = tokenizer(text, add_special_tokens=False)["input_ids"] == ids.tolist()
        found.append(np.array(bare, dtype=np.int64) if same and bare else other)
    return _rewards(scorer, found)


def _right(prompt: Any) -> Any:
    return prompt.strip() if isinstance(prompt, str) else prompt


def _rewards(scorer: Any, sequences: Sequence[Ids], types: Sequence[Ids] | None = None) -> Rewards:
    """The model's rewards of token ids, one by one, by its own call."""
    import torch

    found = []
    with torch.inference_mode():
        for place, ids in enumerate(sequences):
            given = {"input_ids": torch.tensor(ids[None], device=scorer.device)}
            if types is not None:
                given["token_type_ids"] = torch.tensor(types[place][None], device=scorer.device)
            found.append(float(scorer.model(**given).logits[0, -1]))
    return np.array(found, dtype=np.float64)
