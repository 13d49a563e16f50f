"""A transformation: a function that rewrites a dialogue, and what it promises about the result."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol

from rmcheck.data import Dialogue
from rmcheck.data.dialogue import Message, Promise, Prompt, content_hash, later_formats
from rmcheck.perturb.guard import guarded
from rmcheck.perturb.prose import seems_english
from rmcheck.registry import summary

Touches = Literal["prompt", "response", "both"]

DEFAULT_STRENGTH = 0.5

PERTURB_FORMAT = 1
"""Add 1 where our transformations make other copies of the same texts."""

TextRewrite = Callable[[str, random.Random, float], "str | None"]
"""Rewrites one text; None where it does not apply."""


class Rewrite(Protocol):
    """Rewrites a dialogue; None where it does not apply."""

    def __call__(
        self,
        dialogue: Dialogue,
        rng: random.Random,
        strength: float,
        others: Sequence[Dialogue],
        /,
    ) -> Dialogue | None:
        """The dialogue after the change; `others` are dialogues of other prompts."""


@dataclass(frozen=True, kw_only=True)
class Transformation:
    """A rewriting of dialogues with a promise about the result.

    Parameters
    ----------
    name
        What suites call it.
    sentence
        What it does, in one line.
    promise
        what is true of the result compared with the original.
    touches
        Which part it changes. Both sides of a pair get the same change of the prompt.
    groups
        The groups that it belongs to, such as `whitespace`.
    rewrite
        The function itself.
    text
        The same for one text, where the change of a text does not depend on the rest of the
        dialogue; it can then be applied to a part of the text alone.
    idempotent
        Whether a second application at strength 1 changes nothing more.
    borrows
        Whether it uses texts of other prompts.
    english
        Whether it leaves texts in other languages as they are.
    package
        The package that it comes from, with its version; None for ours.
    """

    name: str
    sentence: str
    promise: Promise
    touches: Touches
    groups: tuple[str, ...]
    rewrite: Rewrite
    text: TextRewrite | None = None
    idempotent: bool = False
    borrows: bool = False
    english: bool = False
    package: str | None = None
    _twice: set[str] = field(default_factory=set, init=False, repr=False, compare=False)

    def copy(
        self,
        dialogue: Dialogue,
        *,
        seed: int = 0,
        strength: float = DEFAULT_STRENGTH,
        others: Sequence[Dialogue] = (),
    ) -> Dialogue | None:
        """The dialogue after the change, or None where it does not apply or changes nothing.

        Parameters
        ----------
        dialogue
            What is changed.
        seed
            The same seed gives the same change of the same text.
        strength
            In (0, 1]: the share of the places that are changed, at least one. The sentences of
            the transformations say where it means something else, or nothing.
        others
            Dialogues of other prompts, for a transformation that borrows.

        Raises
        ------
        ValueError
            For a strength outside (0, 1].
        TransformationError
            For a transformation of another package that fails, or gives no texts, or two results.
        """
        if not 0 < strength <= 1:
            raise ValueError(f"strength: expected a number in (0, 1], got {strength!r}")

        def apply() -> Dialogue | None:
            return self.rewrite(
                dialogue, random.Random(self._seed(dialogue, seed)), strength, others
            )

        if self.package is None:
            found = apply()
        else:
            found = guarded(apply, self.name, self.package, dialogue.key, self._twice)
        if found is None or found == dialogue:
            return None
        return replace(found, key=f"{dialogue.key}~{self.name}", origin=dialogue.origin)

    def _seed(self, dialogue: Dialogue, seed: int) -> int:
        # A change of the prompt is the same for every response to it.
        whole = self.touches == "response"
        text = dialogue.hash if whole else Dialogue(dialogue.prompt, "").hash
        digest = hashlib.sha256(f"{self.name}|{seed}|{text}".encode()).digest()
        return int.from_bytes(digest[:8], "big")


def transformation(
    promise: Promise,
    touches: Touches,
    *groups: str,
    idempotent: bool = False,
    borrows: bool = False,
    english: bool = False,
) -> Callable[[Rewrite], Transformation]:
    """Make a `Transformation` of a function on dialogues; its docstring says what it does.

    The function itself leaves other languages alone where it is declared for English.
    """

    def declared(function: Rewrite) -> Transformation:
        return Transformation(
            name=str(getattr(function, "__name__", "")),
            sentence=summary(function),
            promise=promise,
            touches=touches,
            groups=groups,
            rewrite=function,
            idempotent=idempotent,
            borrows=borrows,
            english=english,
        )

    return declared


def text_transformation(
    promise: Promise,
    touches: Literal["prompt", "response"],
    *groups: str,
    idempotent: bool = False,
    english: bool = False,
) -> Callable[[TextRewrite], Transformation]:
    """Make a `Transformation` of a function on one text: the response, or the last user turn.

    The function gets no blank text and, where it is declared for English, no text that is surely
    in another language; a text that it leaves as it is counts as not changed.
    """

    def declared(function: TextRewrite) -> Transformation:
        def text(before: str, rng: random.Random, strength: float) -> str | None:
            if not before.strip() or (english and not seems_english(before)):
                return None
            after = function(before, rng, strength)
            return None if after == before else after

        def rewrite(
            dialogue: Dialogue, rng: random.Random, strength: float, others: Sequence[Dialogue], /
        ) -> Dialogue | None:
            if touches == "response":
                after = text(dialogue.response, rng, strength)
                return None if after is None else replace(dialogue, response=after)
            prompt = with_last_turn(dialogue.prompt, lambda said: text(said, rng, strength))
            return None if prompt is None else replace(dialogue, prompt=prompt)

        return Transformation(
            name=str(getattr(function, "__name__", "")),
            sentence=summary(function),
            promise=promise,
            touches=touches,
            groups=groups,
            rewrite=rewrite,
            text=text,
            idempotent=idempotent,
            english=english,
        )

    return declared


def with_last_turn(prompt: Prompt, change: Callable[[str], str | None]) -> Prompt | None:
    """A prompt whose text (of messages: the last one of the user) is changed; None if it is not."""
    if isinstance(prompt, str):
        return change(prompt)
    turns = [place for place, message in enumerate(prompt) if message.role == "user"]
    if not turns:
        return None
    last = turns[-1]
    after = change(prompt[last].content)
    if after is None:
        return None
    changed = Message(prompt[last].role, after, prompt[last].extra)
    return (*prompt[:last], changed, *prompt[last + 1 :])


def version(transformations: Sequence[Transformation]) -> str:
    """8 hex digits for signatures: the names of transformations and the versions of their code."""
    names = [
        f"{each.name} {each.package}" if each.package else each.name for each in transformations
    ]
    return content_hash(names, *later_formats(transformations=PERTURB_FORMAT))[:8]
