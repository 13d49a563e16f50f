"""Transformations that take something away from a response."""

from __future__ import annotations

import random
import re
import unicodedata

from rmcheck.perturb.places import Place, rewritten
from rmcheck.perturb.prose import sentences
from rmcheck.perturb.transformation import text_transformation

# Vowels of Indic scripts and accents are marks, which `\w` does not match.
_WORD = re.compile(
    "[^\\W\\d_](?:[^\\W\\d_]|[\u0300-\u036f\u0591-\u05c7\u064b-\u065f\u0900-\u0e7f]){3,}"
)


@text_transformation("degrades", "response", "degrade", "cuts", idempotent=True)
def first_sentence(text: str, rng: random.Random, strength: float) -> str | None:
    """Only the first sentence; strength has no effect."""
    found = sentences(text)
    if not found or not text[found[0][1] :].strip():
        return None
    return text[: found[0][1]]


@text_transformation("degrades", "response", "degrade", "cuts", "sentences")
def sentence_dropped(text: str, rng: random.Random, strength: float) -> str | None:
    """A sentence or more missing; one always stays."""
    found = sentences(text)
    if len(found) < 2:
        return None
    some = min(len(found) - 1, max(1, round(strength * len(found))))
    kept = [Place(start, _next(text, end), "") for start, end in rng.sample(found, some)]
    after = rewritten(text, sorted(kept), rng, 1.0)
    return after.rstrip() if after and after.strip() else None


def _next(text: str, end: int) -> int:
    """Where the blanks after a sentence end."""
    while end < len(text) and text[end] in " \t":
        end += 1
    return end


@text_transformation("degrades", "response", "degrade", "cuts")
def cut_in_word(text: str, rng: random.Random, strength: float) -> str | None:
    """The end missing, from the middle of a word on; strength is the share that is missing."""
    cuts = [at for at in map(_middle, _WORD.finditer(text)) if at is not None]
    return text[: min(cuts, key=lambda at: abs(at - (1 - strength) * len(text)))] if cuts else None


def _middle(word: re.Match[str]) -> int | None:
    """The middle of a word, but no accent without its letter; None where only accents follow."""
    at = (word.start() + word.end()) // 2
    while at < word.end() and unicodedata.category(word.string[at]).startswith("M"):
        at += 1
    return at if at < word.end() else None


@text_transformation("degrades", "response", "degrade", "cuts", idempotent=True)
def emptied(text: str, rng: random.Random, strength: float) -> str | None:
    """An empty response, which sources can score; strength has no effect."""
    return ""
