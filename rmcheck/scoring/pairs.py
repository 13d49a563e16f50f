"""Prompt and response as the two inputs of a tokenizer, as cross-encoders read them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rmcheck.data import Dialogue, Prompt
from rmcheck.data.dialogue import prompt_text
from rmcheck.errors import SourceError
from rmcheck.scoring.tokens import CHUNK, Tokens

Ids = NDArray[np.int64]


class PairTokens(Tokens):
    """Turns dialogues into the ids of ``tokenizer(prompt, response)``.

    Parameters
    ----------
    tokenizer
        A fast tokenizer of transformers.
    max_length
        Tokens at most, special ones included.
    pad
        As for `Tokens`.
    segmented
        Whether the model is told which tokens are the prompt's and which the response's.

    Raises
    ------
    SourceError
        For a tokenizer that does not say which of its tokens belong to which text.

    Notes
    -----
    Of a pair over the limit the prompt is cut first, on the tokenizer's own side, which is what
    ``truncation="only_first"`` does; where the response alone does not fit, it keeps its beginning
    and the prompt is empty. ``longest_first`` would cut a response that is longer than its prompt.
    """

    def __init__(
        self,
        tokenizer: Any,
        max_length: int,
        *,
        pad: int | None = None,
        segmented: bool = False,
    ) -> None:
        if not getattr(tokenizer, "is_fast", False):
            raise SourceError(
                f"template 'pair' needs a fast tokenizer, got {type(tokenizer).__name__}; save a "
                "tokenizer.json beside the model"
            )
        super().__init__(tokenizer, "pair", max_length, end="tokenizer", pad=pad)
        self._segmented = segmented
        self._segments: dict[bytes, NDArray[np.int8]] = {}

    def segments(self, ids: Ids) -> Ids:
        """Which of the two texts each token of an encoded pair belongs to, as the tokenizer says.

        Shape (t,).
        """
        return self._segments[ids.tobytes()].astype(np.int64)

    def written(
        self, text: str | Sequence[int], *, special: bool = True, keep: int = 0, end: bool = False
    ) -> list[int]:
        """Refuse a text that is written already, if the model must know its two parts.

        Raises
        ------
        SourceError
            If it has segments.
        """
        if self._segmented:
            raise SourceError(
                "the model reads prompt and response as two inputs; send both (/score, or a pair)"
            )
        return super().written(text, special=special, keep=keep, end=end)

    def forget(self) -> None:
        """Remember no pair and no segments."""
        super().forget()
        self._segments.clear()

    def _tokenised(self, dialogues: Sequence[Dialogue]) -> list[Ids]:
        found: list[Ids] = []
        for start in range(0, len(dialogues), CHUNK):
            chunk = dialogues[start : start + CHUNK]
            encoded = self.tokenizer(
                [question(one.prompt) for one in chunk],
                [one.response for one in chunk],
                return_token_type_ids=self._segmented,
                return_attention_mask=False,
                verbose=False,
            )
            for row, dialogue in enumerate(chunk):
                whole = encoded["input_ids"][row]
                kept = self._kept_places(encoded.sequence_ids(row))
                while self._pad is not None and len(kept) > 1 and whole[kept[-1]] == self._pad:
                    kept.pop()
                ids = np.array([whole[place] for place in kept] or [self._filler()], np.int64)
                if self._segmented:
                    types = encoded["token_type_ids"][row]
                    self._remember(dialogue, ids, [types[place] for place in kept])
                found.append(ids)
        return found

    def _kept_places(self, texts: Sequence[int | None]) -> list[int]:
        """The places of the tokens that are kept; `texts` has the text of each, None for special.

        >>> tokens = PairTokens.__new__(PairTokens)
        >>> tokens.max_length, tokens.truncated = 5, 0
        >>> tokens.tokenizer = type("Right", (), {"truncation_side": "right"})
        >>> tokens._kept_places([None, 0, 0, None, 1, 1, None])
        [0, 3, 4, 5, 6]
        """
        over = len(texts) - self.max_length
        if over <= 0:
            return list(range(len(texts)))
        self.truncated += 1
        prompt = [place for place, text in enumerate(texts) if text == 0]
        response = [place for place, text in enumerate(texts) if text == 1]
        left = getattr(self.tokenizer, "truncation_side", "right") == "left"
        cut = min(over, len(prompt))
        dropped = set(prompt[:cut] if left else prompt[len(prompt) - cut :])
        dropped |= set(response[max(0, len(response) - (over - cut)) :])
        return [place for place in range(len(texts)) if place not in dropped]

    def _remember(self, dialogue: Dialogue, ids: Ids, types: Sequence[int]) -> None:
        """Keep the segments of a pair; the same tokens cannot have others."""
        given = np.array(types, np.int8)
        known = self._segments.setdefault(ids.tobytes(), given)
        if not np.array_equal(known, given):
            raise SourceError(
                f"{dialogue.key or dialogue.hash}: its prompt or response contains the token that "
                "separates them, so that another pair has the same tokens; remove it from the text"
            )


def question(prompt: Prompt) -> str:
    """A prompt as the first of two texts: one turn of a user bare, more as `role: content`.

    >>> from rmcheck.data import Message
    >>> question((Message("user", "Why?"),))
    'Why?'
    >>> question((Message("system", "Be brief."), Message("user", "Why?")))
    'system: Be brief.\\n\\nuser: Why?'
    """
    if not isinstance(prompt, str) and len(prompt) == 1 and prompt[0].role in ("user", "human"):
        return prompt[0].content
    return prompt_text(prompt)


def has_segments(model: Any, tokenizer: Any) -> bool:
    """Whether a model is made for token types, and its tokenizer gives them by default.

    A decoder is not: GPT-2 takes them, too, and adds the embeddings of other tokens. Of an encoder,
    `type_vocab_size` says it; XLNet has none and compares the types of two tokens.
    """
    config = model.config
    if "token_type_ids" not in getattr(tokenizer, "model_input_names", ()):
        return False
    if getattr(config, "is_decoder", False) or getattr(config, "is_encoder_decoder", False):
        return False
    return (getattr(config, "type_vocab_size", None) or 0) > 1 or config.model_type == "xlnet"
