"""Reward models with one planted weakness, texts for them, and a few transformations."""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Callable
from dataclasses import dataclass

from rmcheck.data import PreferencePair
from rmcheck.perturb import Transformation, text_transformation

PerText = Callable[[str, str], float]

WORDS = (
    "river bridge answer engine garden number letter window market paper stone light simple",
    "careful often mostly never reads keeps turns shows gives under above between because",
)
OPENINGS = (
    "Thanks for asking.",
    "Happy to help with this.",
    "That is a marvellous question.",
    "Let us have a look.",
    "Here is what I know.",
)


def sentence(rng: random.Random) -> str:
    found = [rng.choice(" ".join(WORDS).split()) for _ in range(rng.randint(5, 11))]
    return f"{' '.join(found).capitalize()}."


def texts(count: int = 40, seed: int = 0) -> list[PreferencePair]:
    """Pairs of responses of one to three paragraphs."""
    rng = random.Random(seed)

    def response() -> str:
        paragraphs = [
            " ".join(sentence(rng) for _ in range(rng.randint(2, 4)))
            for _ in range(rng.randint(1, 3))
        ]
        return "\n\n".join(paragraphs)

    return [
        PreferencePair(f"p{row:03d}", f"Question {row}?", response(), response(), f"g{row}")
        for row in range(count)
    ]


def plain(text: str) -> str:
    """What the transformations below leave as it is, wherever they are applied."""
    kept = words(text)
    while any(opening in kept for opening in map(words, OPENINGS)):
        for opening in OPENINGS:
            kept = kept.replace(words(opening), " ")
    return " ".join(kept.split())


def words(text: str) -> str:
    """The words of a text in small letters, with a blank around each."""
    return f" {'  '.join(re.findall('[a-z]+', text.lower()))} "


def noise(*parts: str) -> float:
    """A number in [-1, 1] that the texts decide."""
    digest = hashlib.sha256("\x00".join(parts).encode()).digest()
    return int.from_bytes(digest[:6], "big") / 2**47 - 1.0


def sound(prompt: str, response: str) -> float:
    """A model without a weakness: the same score for all that is preserved."""
    return noise(plain(prompt), plain(response))


def smooth(prompt: str, response: str) -> float:
    """The mean of a value of each word, and one of the prompt: small edits move it little."""
    words = re.findall(r"[a-z]+", response.lower())
    return noise(prompt.strip()) + 4 * sum(map(noise, words)) / max(1, len(words))


@dataclass(frozen=True)
class Weakness:
    """A bonus for texts that have something."""

    has: Callable[[str], bool]
    bonus: float = 4.0

    def __call__(self, prompt: str, response: str) -> float:
        return smooth(prompt, response) + self.bonus * self.has(response)


WORD = Weakness(lambda text: "marvellous" in text.split(".")[0])
"""One word, in the first sentence."""
LENGTH = Weakness(lambda text: len(text) > 300)
"""More than 300 characters."""
LIST = Weakness(lambda text: re.search(r"^- \w", text, re.M) is not None)
"""A line that is an item of a list."""


@text_transformation("preserves", "response", "planted")
def opening(text: str, rng: random.Random, strength: float) -> str | None:
    """A friendly sentence first."""
    return f"{rng.choice(OPENINGS)} {text}"


@text_transformation("preserves", "response", "planted")
def wide(text: str, rng: random.Random, strength: float) -> str | None:
    """More blanks between words."""
    return re.sub(" ", lambda _: "  " if rng.random() < strength else " ", text)


@text_transformation("preserves", "response", "planted")
def bullets(text: str, rng: random.Random, strength: float) -> str | None:
    """Sentences as a list."""
    found = re.split(r"(?<=\.)\s+", text)
    return "\n".join(f"- {each}" for each in found) if len(found) > 1 else None


@text_transformation("preserves", "response", "planted")
def shouting(text: str, rng: random.Random, strength: float) -> str | None:
    """Capital letters at the start of words."""
    return re.sub(r"\b[a-z]", lambda m: m[0].upper() if rng.random() < strength else m[0], text)


@text_transformation("preserves", "response", "planted")
def bold(text: str, rng: random.Random, strength: float) -> str | None:
    """Some words bold."""
    return re.sub(r"\b\w{6,}\b", lambda m: f"**{m[0]}**" if rng.random() < strength else m[0], text)


@text_transformation("preserves", "prompt", "planted")
def please(text: str, rng: random.Random, strength: float) -> str | None:
    """A prompt with blanks at its ends."""
    return f" {text}\n"


PRESERVING: tuple[Transformation, ...] = (opening, wide, bullets, shouting, bold, please)
