"""Dialogues as token ids, through the one formatter; too long ones are cut, and counted."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rmcheck.data import Dialogue, Prompt, TokenText
from rmcheck.data.template import conversation, prompt_prefix
from rmcheck.errors import SourceError
from rmcheck.scoring.seams import seam_after, seam_before
from rmcheck.wording import listed

Ids = NDArray[np.int64]

SCORER_FORMAT = 1
"""How a text becomes tokens and a reward. It is part of every model's hash: add 1 with every
change of a model's scores, in whatever module of this package (and 1 to `TRAINER_FORMAT` where
tokens change)."""

CHUNK = 1000
PER_TOKEN = 16
"""Characters of a long text that are tokenised at first for each token that may be kept."""
LONG = 8192
"""Characters that are always tokenised whole."""
PATIENCE = 2.0
"""Seconds in which further dialogues that a chat template refuses are looked for."""
MARGIN = 64
"""Tokens between those that are kept and a cut within a word."""
KEPT = 16_000_000
"""Tokens of texts that are remembered, 128 MB of them: checks ask for some texts again."""
UNLIMITED = 1_000_000
"""Tokenizers say `model_max_length=1e30` when they know no limit."""


class Tokens:
    """Turns dialogues into the ids that a model reads.

    Parameters
    ----------
    tokenizer
        A Hugging Face tokenizer.
    template
        `default`, `chat` or `raw`; see `rmcheck.data.template`.
    max_length
        Tokens at most, special ones included.
    end
        What is read after the response: `none`; `tokenizer`: what the tokenizer puts after a text
        (BERT's ``[SEP]``, an end token); `template`: what the chat template puts after an answer;
        `eos`: the tokenizer's end token; `openrlhf`: as that trainer writes a text, see `_trimmed`.
    pad
        The padding id of the model's configuration. transformers reads a reward at the last token
        that is not this one, so such tokens at the end of a text are left out; None: none are.

    Notes
    -----
    The full text is tokenised at once, so that texts with a common prefix have tokens with a
    common prefix. A sequence over the limit loses the start of its prompt; a response that alone
    exceeds it keeps its beginning. `truncated` counts both. Of a text many times as long as the
    limit only a part is tokenised, cut where the tokens that are kept are the same. What was
    asked for before is not tokenised, nor counted, again, as far as `KEPT` tokens go.
    """

    def __init__(
        self,
        tokenizer: Any,
        template: str,
        max_length: int,
        *,
        end: str = "none",
        pad: int | None = None,
    ) -> None:
        self.tokenizer = tokenizer
        self.template = template
        self.max_length = max_length
        self.truncated = 0
        # A chat template writes its own special tokens into the text.
        self._special = template != "chat" and end != "openrlhf"
        self._head, self._tail = self._around()
        self._end = end
        self._pad = pad
        self._final = [int(tokenizer.eos_token_id)] if end in ("eos", "openrlhf") else []
        self._prefixes: dict[Prompt, str] = {}
        self._known: dict[str, Ids] = {}
        self._kept = 0
        self._types: Ids | None = None

    def encode(self, dialogues: Sequence[Dialogue]) -> list[Ids]:
        """Token ids of each dialogue, at least one and at most `max_length`, in input order."""
        new = {one.hash: one for one in dialogues if one.hash not in self._known}
        given = {key: one.ids for key, one in new.items() if isinstance(one, TokenText)}
        plain = {key: one for key, one in new.items() if key not in given}
        found = dict(zip(plain, self._tokenised(list(plain.values())), strict=True))
        found |= {key: self._unpadded(list(ids)) for key, ids in given.items()}
        for key, ids in found.items():
            if self._kept + len(ids) <= KEPT:
                self._known[key] = ids
                self._kept += len(ids)
        keys = (one.hash for one in dialogues)
        return [found[key] if key in found else self._known[key] for key in keys]

    def written(
        self, text: str | Sequence[int], *, special: bool = True, keep: int = 0, end: bool = False
    ) -> list[int]:
        """Token ids of a text that is written as the model reads it: no template, no end.

        `special`: with what the tokenizer puts around a text. A template may have written that
        already, and no model was trained with two start tokens: it is not put there twice.
        `keep`: of more tokens so many are kept, special ones included, the last if `end`; 0: all.
        """
        body = self._plain(text) if isinstance(text, str) else list(text)
        head: list[int] = []
        tail: list[int] = []
        if isinstance(text, str) and special:
            whole: list[int] = self.tokenizer(text, verbose=False)["input_ids"]
            size = len(body)
            starts = (at for at in range(len(whole) - size + 1) if whole[at : at + size] == body)
            start = next(starts, None)
            if start is None:  # a tokenizer that reads a text with special tokens otherwise
                body = whole
            else:
                head, tail = whole[:start], whole[start + size :]
            head = head if body[: len(head)] != head else []
            tail = tail if body[len(body) - len(tail) :] != tail else []
        room = max(0, keep - len(head) - len(tail)) if keep else len(body)
        cut = body[max(0, len(body) - room) :] if end else body[:room]
        return [*head, *cut, *tail]

    def forget(self) -> None:
        """Remember no text: for a process that is asked for ever new ones."""
        self._known.clear()
        self._kept = 0

    def given(self, dialogues: Sequence[Dialogue], encoded: Sequence[Ids]) -> Ids:
        """How many tokens of each dialogue are before its response, shape (n,).

        `encoded` are their tokens as `encode` gives them. A token with a character of the response
        belongs to the response; so does what is read after it.
        """
        found: list[int] = []
        for (prefix, response), ids in zip(self._splits(dialogues), encoded, strict=True):
            parts = self._shortened(prefix, response)
            text = "".join(parts)
            body = self._plain(text)
            ending = self._tail if self._end == "tokenizer" else len(self._ending(body))
            kept = min(len(body), len(ids) - self._head - ending)
            response_tokens = self._response_tokens(body, parts[0], text)
            found.append(self._head + max(0, kept - response_tokens))
        self._prefixes.clear()
        return np.array(found, dtype=np.int64)

    def segments(self, ids: Ids) -> Ids:
        """The token types of an encoded text, as the tokenizer gives them to one text: (t,).

        They are 0 but for special tokens: XLNet's last one has a type of its own.
        """
        if self._types is None:
            options = {"return_token_type_ids": True, "verbose": False}
            whole = self.tokenizer("a", add_special_tokens=self._special, **options)
            self._types = np.array(whole["token_type_ids"], dtype=np.int64)
        found = np.zeros(len(ids), dtype=np.int64)
        found[: self._head] = self._types[: self._head][: len(ids)]
        tail = min(self._tail, len(ids)) if self._end == "tokenizer" else 0
        if tail:
            found[-tail:] = self._types[-tail:]
        return found

    def _tokenised(self, dialogues: Sequence[Dialogue]) -> list[Ids]:
        found: list[Ids] = []
        for start in range(0, len(dialogues), CHUNK):
            chunk = dialogues[start : start + CHUNK]
            parts = [self._shortened(*split) for split in self._splits(chunk)]
            texts = [prefix + response for prefix, response in parts]
            for ids, (prefix, _), text in zip(self._ids(texts), parts, texts, strict=True):
                found.append(self._fitted(ids, prefix, text))
        self._prefixes.clear()
        return found

    def _splits(self, dialogues: Sequence[Dialogue]) -> list[tuple[str, str]]:
        """`_split` of each; an error names the dialogues that the template refuses."""
        found: list[tuple[str, str]] = []
        refused: list[str] = []
        first: SourceError | None = None
        end = float("inf")
        for dialogue in dialogues:
            try:
                found.append(self._split(dialogue))
            except SourceError as error:
                first = first or error
                refused.append(dialogue.key or dialogue.hash)
                end = min(end, time.monotonic() + PATIENCE)
            if time.monotonic() > end:
                break
        if first is not None:
            raise SourceError(f"{listed(refused)}: {first}")
        return found

    def _split(self, dialogue: Dialogue) -> tuple[str, str]:
        """The text in two parts: before the response, and the response with what ends it."""
        prefix = self._prefix(dialogue.prompt)
        if self._end == "openrlhf":
            return self._trimmed(prefix, dialogue)
        if self._end != "template":
            return prefix, dialogue.response
        return self._conversation(prefix, dialogue)

    def _trimmed(self, prefix: str, dialogue: Dialogue) -> tuple[str, str]:
        """The parts as OpenRLHF 0.11.0 writes them, apart from the end token.

        Line breaks at the end are removed, and a blank is put there unless the text ends with the
        end token; special tokens of the tokenizer are not (openrlhf/datasets/reward_dataset.py).
        """
        parts = prefix, dialogue.response
        if self.template == "chat":
            parts = self._conversation(prefix, dialogue)
        whole, end = "".join(parts).rstrip("\n"), str(self.tokenizer.eos_token)
        whole = whole.removesuffix(end) if whole.endswith(end) else f"{whole} "
        before = parts[0][: len(whole)]
        return before, whole[len(before) :]

    def _conversation(self, prefix: str, dialogue: Dialogue) -> tuple[str, str]:
        """The parts of what the chat template writes with the answer in it."""
        whole = conversation(dialogue, self.tokenizer)
        if not whole.startswith(prefix):  # the template writes answers otherwise than it asks
            pairs = enumerate(zip(prefix, whole, strict=False))
            prefix = prefix[: next((at for at, (one, other) in pairs if one != other), len(whole))]
        return prefix, whole[len(prefix) :]

    def _prefix(self, prompt: Prompt) -> str:
        known = self._prefixes.get(prompt)
        if known is None:
            known = prompt_prefix(prompt, self.template, self.tokenizer)
            self._prefixes[prompt] = known
        return known

    def _ids(self, texts: list[str]) -> list[list[int]]:
        options: dict[str, Any] = {"return_attention_mask": False, "verbose": False}
        encoded = self.tokenizer(texts, add_special_tokens=self._special, **options)
        ids: list[list[int]] = encoded["input_ids"]
        return ids

    def _around(self) -> tuple[int, int]:
        """How many special tokens the tokenizer puts before and after a text."""
        if not self._special:
            return 0, 0
        plain = self.tokenizer("a", add_special_tokens=False)["input_ids"]
        full = self.tokenizer("a", add_special_tokens=True)["input_ids"]
        for start in range(len(full) - len(plain) + 1):
            if full[start : start + len(plain)] == plain:
                return start, len(full) - start - len(plain)
        return 0, 0

    def _shortened(self, prefix: str, response: str) -> tuple[str, str]:
        """Prompt and response, without what surely is past the length limit.

        A part is tried until it has more tokens than are kept; what cannot be cut so that these
        stay the same is tokenised whole.
        """
        size = PER_TOKEN * self.max_length
        while len(prefix) + len(response) > 2 * size + LONG:
            start, stop = 0, len(response)
            sure = True
            if len(response) > size:
                place = seam_after(response, size, self._plain)
                sure = place is not None
                stop = size if place is None else place
            if len(prefix) > size:
                start = seam_before(prefix, len(prefix) - size, self._plain) or 0
            if start == 0 and stop == len(response):
                break
            shorter = prefix[start:], response[:stop]
            if self._suffices(shorter, cut=stop < len(response)) and (
                sure or self._first(shorter) == self._first((shorter[0], response[: 2 * size]))
            ):
                return shorter
            size *= 2
        return prefix, response

    def _suffices(self, parts: tuple[str, str], *, cut: bool) -> bool:
        """Whether what is kept of the whole text is within these parts of it.

        `cut`: the response goes on. Then it alone must exceed the limit, for its beginning is
        kept; else what is kept is the end.
        """
        prefix, text = parts[0], "".join(parts)
        body = self._plain(text)
        if not cut:
            return len(body) > self.max_length
        return self._response_tokens(body, prefix, text) > self.max_length + MARGIN

    def _first(self, parts: tuple[str, str]) -> list[int]:
        """The tokens of the response's beginning that are kept, and some more."""
        text = "".join(parts)
        body = self._plain(text)
        start = len(body) - self._response_tokens(body, parts[0], text)
        return body[start : start + self.max_length + MARGIN // 2]

    def _plain(self, text: str) -> list[int]:
        ids: list[int] = self.tokenizer(
            text, add_special_tokens=False, return_attention_mask=False, verbose=False
        )["input_ids"]
        return ids

    def _fitted(self, ids: list[int], prefix: str, text: str) -> Ids:
        end = len(ids) - self._tail
        head, body, tail = ids[: self._head], ids[self._head : end], ids[end:]
        if self._end != "tokenizer":
            tail = self._ending(body)
        room = self.max_length - len(head) - len(tail)
        if len(body) > room:
            self.truncated += 1
            response = self._response_tokens(body, prefix, text)
            start = len(body) - max(response, room)
            body = body[start : start + room]
        return self._unpadded([*head, *body, *tail])

    def _unpadded(self, whole: list[int]) -> Ids:
        while self._pad is not None and len(whole) > 1 and whole[-1] == self._pad:
            whole.pop()
        whole = whole or [self._filler()]
        return np.array(whole, dtype=np.int64)

    def _ending(self, body: list[int]) -> list[int]:
        """What is put after a text whose tokenizer puts nothing there: the end token, once."""
        return self._final if body[-1:] != self._final else []

    def _response_tokens(self, body: list[int], prefix: str, text: str) -> int:
        """How many of `body`'s tokens hold a character of the response."""
        if getattr(self.tokenizer, "is_fast", False):
            encoded = self.tokenizer(
                text, add_special_tokens=False, return_offsets_mapping=True, verbose=False
            )
            spans = encoded["offset_mapping"]
            if len(spans) == len(body):
                return sum(1 for _, stop in spans if stop > len(prefix))
        alone = self._plain(prefix)
        common = 0
        for ours, theirs in zip(alone, body, strict=False):
            if ours != theirs:
                break
            common += 1
        return len(body) - common

    def _filler(self) -> int:
        """The token that stands for a text without any."""
        for name in ("bos_token_id", "eos_token_id", "pad_token_id"):
            known = getattr(self.tokenizer, name, None)
            if known is not None:
                return int(known)
        return 0


def length_limit(config: Any, tokenizer: Any, wanted: int | None) -> int:
    """The least of what was asked for, what the tokenizer says and what positions there are."""
    limits = [wanted or UNLIMITED, positions_of(config) or UNLIMITED]
    known = getattr(tokenizer, "model_max_length", None)
    if known and known < UNLIMITED:
        limits.append(int(known))
    return min(limits)


def positions_of(config: Any) -> int | None:
    """How many tokens a model has positions for; None where it has no such limit.

    RoBERTa-like models count positions from `pad_token_id + 1`, so that many are lost.
    """
    text = config.get_text_config() if hasattr(config, "get_text_config") else config
    positions = int(getattr(text, "max_position_embeddings", None) or 0)
    if positions <= 0:  # XLNet says -1
        return None
    kind = str(getattr(text, "model_type", ""))
    lost = int(text.pad_token_id or 0) + 1 if "roberta" in kind or kind == "camembert" else 0
    return positions - lost


def refuse_endless(model: Any, tokens: Tokens) -> None:
    """Refuse an encoder-decoder whose texts do not end with the token at which it reads a reward.

    Raises
    ------
    SourceError
        With the remedy.
    """
    if not getattr(model.config, "is_encoder_decoder", False):
        return
    end = model.config.eos_token_id
    (ids,) = tokens.encode([Dialogue("a", "b")])
    if end not in ids:
        raise SourceError(
            f"{type(model).__name__} reads the reward at the end token ({end}), and its tokenizer "
            "puts none after a text; save a tokenizer that appends it"
        )
