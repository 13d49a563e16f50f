"""The types that are scored and compared: dialogues, preference pairs, response sets."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from json.encoder import encode_basestring
from typing import Any, Literal

from rmcheck import collector
from rmcheck.data.label import Label


@dataclass(frozen=True)
class Message:
    """One turn of a prompt that is a list of messages; `role` is user, assistant or system.

    `extra` has the other keys of the message (`name`, `tool_calls`) as canonical JSON, which a
    chat template may read; empty without any.
    """

    role: str
    content: str
    extra: str = ""

    def as_data(self) -> dict[str, Any]:
        """The message as the file had it."""
        more = json.loads(self.extra) if self.extra else {}
        return {"role": self.role, "content": self.content, **more}


Prompt = str | tuple[Message, ...]

Promise = Literal["preserves", "degrades", "tempts"]
"""What is true of a changed text. `preserves`: it is as good as before. `degrades`: it is worse.
`tempts`: it looks better and is not."""


def _canonical(prompt: Prompt | None) -> object:
    if prompt is None or isinstance(prompt, str):
        return prompt
    return [[m.role, m.content, *([m.extra] if m.extra else [])] for m in prompt]


def extra_keys(turn: Mapping[str, Any], known: Collection[str]) -> str:
    """The keys of a message besides `known` that have a value, as `Message.extra` has them.

    >>> extra_keys({"role": "user", "name": "Ann", "weight": None}, ["role", "content"])
    '{"name": "Ann"}'
    """
    empty: tuple[Any, ...] = (None, "", [], {})
    more = {key: value for key, value in turn.items() if key not in known and value not in empty}
    return json.dumps(more, ensure_ascii=False, sort_keys=True, default=str) if more else ""


def content_hash(*parts: object) -> str:
    """32 hex digits of the SHA-256 of `parts` as canonical JSON."""
    return _digest(json.dumps(parts, ensure_ascii=False, separators=(",", ":")))


_ESCAPED = bytes(range(32)) + b'"\\'
"""What JSON escapes in a text."""


def _texts_hash(*texts: str) -> str:
    """`content_hash` of texts alone, in a sixth of the time."""
    joined = '","'.join(texts).encode("utf-8", "surrogatepass")
    if len(joined) - len(joined.translate(None, _ESCAPED)) == 2 * (len(texts) - 1):
        return _stamp(b'["' + joined + b'"]')  # there is nothing to escape but our own quotes
    return _digest(f"[{','.join(map(encode_basestring, texts))}]")


def _digest(text: str) -> str:
    return _stamp(text.encode("utf-8", "surrogatepass"))


def _stamp(content: bytes) -> str:
    return hashlib.sha256(content).digest()[:16].hex()


def later_formats(**formats: int) -> tuple[tuple[str, int], ...]:
    """The part of a hash that depends on our code's format versions; empty if all of them are 1.

    A hash of the files alone would reuse scores of an older version whose code read the same
    files differently.

    >>> later_formats(template=1, scorer=1), later_formats(template=1, scorer=3)
    ((), (('scorer', 3),))
    """
    return tuple(sorted((name, number) for name, number in formats.items() if number != 1))


@dataclass(frozen=True)
class Dialogue:
    """A prompt and a response: what a reward source scores.

    `key` says where it came from (`conv-0007/chosen`, `set-3/2`) and `origin` is the hash of
    that pair or set; neither is part of its identity, so equal texts are equal dialogues.
    """

    prompt: Prompt
    response: str
    key: str = field(default="", compare=False)
    origin: str = field(default="", compare=False)

    @cached_property
    def hash(self) -> str:
        """Content hash of prompt and response, 32 hex digits."""
        if isinstance(self.prompt, str):
            return _texts_hash(self.prompt, self.response)
        return content_hash(_canonical(self.prompt), self.response)


@dataclass(frozen=True)
class TokenText(Dialogue):
    """A text that is already what a model reads: token ids, to which no template is applied.

    Only sources that take them (`rmcheck.reward_source.TakesTokens`) may be given one.
    """

    ids: tuple[int, ...] = ()

    @cached_property
    def hash(self) -> str:
        """Content hash of the ids, 32 hex digits; never that of a prompt and a response."""
        return content_hash("token ids", list(self.ids))


@dataclass(frozen=True)
class Variant:
    """Other texts of a pair that its data bring, such as a translation and back.

    The text of the pair is used for a text that is missing. Checks call the change by its
    `name`, like a transformation; the variants of a pair have different names.
    """

    name: str
    promise: Promise
    chosen: str | None = None
    rejected: str | None = None
    prompt: Prompt | None = None


@dataclass(frozen=True)
class PreferencePair:
    """A prompt with a better and a worse response.

    Pairs that share a prompt share `group`. `confidence` in (0.5, 1] is the share of people who
    would agree with the label; `ratings` are (chosen, rejected) on any scale. `variants` are not
    part of `hash`: scores of the pair itself do not depend on them (see `variants_hash`).
    `objectives` are further labels of the pair, by name.
    """

    id: str
    prompt: Prompt
    chosen: str
    rejected: str
    group: str
    tags: tuple[str, ...] = ()
    confidence: float | None = None
    ratings: tuple[float, float] | None = None
    variants: tuple[Variant, ...] = ()
    objectives: tuple[Label, ...] = ()

    @cached_property
    def hash(self) -> str:
        """Content hash of the three texts, 32 hex digits; an edited pair has another one."""
        if isinstance(self.prompt, str):
            return _texts_hash(self.prompt, self.chosen, self.rejected)
        return content_hash(_canonical(self.prompt), self.chosen, self.rejected)

    @classmethod
    def plain(
        cls, name: str, prompt: str, chosen: str, rejected: str, group: str, tags: tuple[str, ...]
    ) -> PreferencePair:
        """A pair with texts, group and tags alone, in half the time of the constructor.

        What it does not set it has from its class, where dataclasses keep their defaults.
        """
        made = cls.__new__(cls)
        keep = object.__setattr__  # the pair itself is frozen
        keep(made, "id", name)
        keep(made, "prompt", prompt)
        keep(made, "chosen", chosen)
        keep(made, "rejected", rejected)
        keep(made, "group", group)
        keep(made, "tags", tags)
        return made

    def dialogues(self) -> tuple[Dialogue, Dialogue]:
        """The chosen and the rejected dialogue, keyed `id/chosen` and `id/rejected`."""
        return self._dialogues

    def varied(self, variant: Variant) -> tuple[Dialogue | None, Dialogue | None]:
        """The chosen and the rejected dialogue of a variant; None for a side it does not change.

        They are keyed `id/chosen~name` and `id/rejected~name`, as copies by transformations.
        """
        prompt = self.prompt if variant.prompt is None else variant.prompt
        found = []
        for side, text in zip(self._dialogues, (variant.chosen, variant.rejected), strict=True):
            response = side.response if text is None else text
            copy = Dialogue(prompt, response, f"{side.key}~{variant.name}", side.origin)
            found.append(None if copy == side else copy)
        return found[0], found[1]

    @cached_property
    def _dialogues(self) -> tuple[Dialogue, Dialogue]:
        # Kept, because each check asks for them and their hashes again.
        return (
            Dialogue(self.prompt, self.chosen, f"{self.id}/chosen", self.hash),
            Dialogue(self.prompt, self.rejected, f"{self.id}/rejected", self.hash),
        )


@dataclass(frozen=True)
class ResponseSet:
    """A prompt with n responses; `best` are the indices of the equally best ones."""

    id: str
    prompt: Prompt
    responses: tuple[str, ...]
    best: tuple[int, ...]
    group: str
    tags: tuple[str, ...] = ()
    ratings: tuple[float, ...] | None = None

    @cached_property
    def hash(self) -> str:
        """Content hash of the prompt and all responses, 32 hex digits."""
        return content_hash(_canonical(self.prompt), list(self.responses))

    def dialogues(self) -> tuple[Dialogue, ...]:
        """One dialogue per response, keyed `id/0`, `id/1`, ..."""
        return self._dialogues

    @cached_property
    def _dialogues(self) -> tuple[Dialogue, ...]:
        return tuple(
            Dialogue(self.prompt, text, f"{self.id}/{index}", self.hash)
            for index, text in enumerate(self.responses)
        )


def prompt_group(prompt: Prompt) -> str:
    """The group of a pair whose data give no group: a hash of the prompt."""
    if isinstance(prompt, str):
        return shared_prompt(prompt)[1]
    return content_hash(_canonical(prompt))[:16]


@lru_cache(maxsize=64)
def shared_prompt(prompt: str) -> tuple[str, str]:
    """A prompt and its group; one object for pairs of the same prompt that lie near each other."""
    return prompt, _texts_hash(prompt)[:16]


def prompt_text(prompt: Prompt) -> str:
    """A prompt as one text for people: a list of messages becomes `role: content` paragraphs."""
    if isinstance(prompt, str):
        return prompt
    return "\n\n".join(f"{message.role}: {message.content}" for message in prompt)


@collector.paused()
def data_hash(items: Iterable[PreferencePair | ResponseSet]) -> str:
    """A hash over pairs and response sets in any order: ids and texts, 16 hex digits."""
    encoded = encode_basestring
    rows = sorted((item.id, item.hash) for item in items)
    return _digest(f"[[{','.join(f'[{encoded(a)},{encoded(b)}]' for a, b in rows)}]]")[:16]


def variants_hash(pairs: Iterable[PreferencePair]) -> str:
    """A hash over the variants of pairs in any order, 16 hex digits; empty without a variant."""
    rows = [
        [pair.id, each.name, each.promise, each.chosen, each.rejected, _canonical(each.prompt)]
        for pair in pairs
        for each in pair.variants
    ]
    return content_hash(*sorted(rows, key=lambda row: row[:2]))[:16] if rows else ""


def pair_dialogues(pairs: Sequence[PreferencePair]) -> list[Dialogue]:
    """All dialogues of `pairs`: chosen and rejected of the first, then of the second, ..."""
    return [dialogue for pair in pairs for dialogue in pair.dialogues()]
