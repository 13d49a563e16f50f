"""The conditions on texts that `where:` of a suite knows, and that slices are made of.

Both use this file: a slice that `rmcheck slices` finds selects the same pairs in a suite.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from annotated_types import MinLen

from rmcheck.data import PreferencePair
from rmcheck.data.dialogue import Prompt
from rmcheck.slices import marks
from rmcheck.slices.question import Question, question
from rmcheck.slices.script import Language, Script, language, script
from rmcheck.slices.words import has, shared_start, words

Words = Annotated[tuple[Annotated[str, MinLen(1)], ...], MinLen(1)]
"""One or more words or phrases."""

ABOUT = 2
"""So many of the words of `about` have to be in a text."""


CONDITIONS_FORMAT = 1
"""Version of the conditions of `where`. It is part of the hash of every recipe that has them: add 1
with every change by which another pair satisfies one."""


@dataclass(frozen=True, kw_only=True)
class Range:
    """A range of numbers, both ends included.

    Parameters
    ----------
    min
        The smallest number; none if it is left out.
    max
        The largest number; none if it is left out.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid", "allow_inf_nan": False}

    min: float | None = None
    max: float | None = None

    def __post_init__(self) -> None:
        if self.min is None and self.max is None:
            raise ValueError("expected min, max or both, as in {min: 40}")
        for name, bound in (("min", self.min), ("max", self.max)):
            if bound is not None and bound < 0:
                raise ValueError(f"{name}={bound:g} is negative; use 0 or more")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min={self.min:g} is larger than max={self.max:g}; exchange them")

    def holds(self, value: float) -> bool:
        """Whether a number is in the range."""
        return (self.min is None or value >= self.min) and (self.max is None or value <= self.max)


@dataclass(frozen=True, kw_only=True)
class TextIs:
    """What must be true of a text: every key given.

    Parameters
    ----------
    words
        How many words it has, such as `{min: 40}`.
    language
        Its language, by its most common words.
    script
        The script of most of its letters.
    code
        Whether it contains code.
    numbers
        Whether it contains a digit.
    markdown
        Whether it contains Markdown: a heading, a list, bold words, a table, a link, a fence.
    refusal
        Whether it contains the usual words of a refusal, in English.
    question
        Which kind of question it asks last, in English; `none` without one.
    has
        Words or phrases that it contains, all of them.
    about
        Words of a topic: the text contains two or more of them.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    words: Range | None = None
    language: Language | None = None
    script: Script | None = None
    code: bool | None = None
    numbers: bool | None = None
    markdown: bool | None = None
    refusal: bool | None = None
    question: Question | None = None
    has: Words | None = None
    about: Words | None = None

    def __post_init__(self) -> None:
        if all(value is None for value in vars(self).values()):
            raise ValueError("expected one or more keys, as in {code: true}")
        for key, phrases in (("has", self.has), ("about", self.about)):
            for phrase in phrases or ():
                if not words(phrase):
                    raise ValueError(f"{key}: {phrase!r} has no word; give a word or a phrase")
        if self.about is not None and len(set(map(words, self.about))) < ABOUT:
            raise ValueError(f"about: expected {ABOUT} or more words, got {list(self.about)}")

    def holds(self, text: str) -> bool:
        """Whether all of it is true of a text."""
        return (
            (self.words is None or self.words.holds(len(words(text))))
            and (self.language is None or language(text) == self.language)
            and (self.script is None or script(text) == self.script)
            and (self.code is None or marks.code(text) == self.code)
            and (self.numbers is None or marks.numbers(text) == self.numbers)
            and (self.markdown is None or marks.markdown(text) == self.markdown)
            and (self.refusal is None or marks.refusal(text) == self.refusal)
            and (self.question is None or question(text) == self.question)
            and (self.has is None or all(has(text, phrase) for phrase in self.has))
            and (self.about is None or about(text, self.about))
        )


def about(text: str, topic: tuple[str, ...]) -> bool:
    """Whether a text contains two or more words of a topic; case does not count, as in `has`.

    >>> about("Bake the bread in an oven", ("Bread", "oven", "dough")), about("bread", ("bread",))
    (True, False)
    """
    return len({words(each) for each in topic if has(text, each)}) >= ABOUT


def asked(prompt: Prompt) -> str:
    """A prompt as the text that conditions look at: the content of its messages, without roles."""
    if isinstance(prompt, str):
        return prompt
    return "\n\n".join(message.content for message in prompt)


def turns(prompt: Prompt) -> int:
    """How many messages a prompt has."""
    return 1 if isinstance(prompt, str) else len(prompt)


def length_ratio(pair: PreferencePair) -> float:
    """Words of the chosen response for each word of the rejected one, to two decimals."""
    return round(len(words(pair.chosen)) / max(1, len(words(pair.rejected))), 2)


def same_start(pair: PreferencePair) -> int:
    """How many words the two responses share at their beginnings."""
    return shared_start(pair.chosen, pair.rejected)
