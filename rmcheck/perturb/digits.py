"""Digits of large numbers, grouped or not."""

from __future__ import annotations

import random
import re

from rmcheck.perturb.places import places, rewritten
from rmcheck.perturb.prose import english
from rmcheck.perturb.transformation import text_transformation

# An amount of money, or a number with a noun after it: not a year, a code or a telephone number.
_LARGE = re.compile(
    r"(?<=[$€£])[1-9]\d{3,11}(?![\d,]|\.\d{3})"
    r"|(?<![\w.,$€£/:#+-])[1-9]\d{4,11}"
    r"(?= (?!(?:and|or|in|is|at|on|for|to|from|as|are|was|with|if|but|by|that)\b)[a-z]{2})"
)
_GROUPED = re.compile(r"(?<![\w.,{(\[])[1-9]\d{0,2}(?:,\d{3})+(?![\w,]|\.\d{3})")


@text_transformation("preserves", "response", "digits", "style", idempotent=True, english=True)
def grouped_digits(text: str, rng: random.Random, strength: float) -> str | None:
    """Commas in large numbers (25000 people, 25,000 people)."""
    found = places(_LARGE, text, english(text), lambda match: f"{int(match.group()):,}")
    return rewritten(text, found, rng, strength)


@text_transformation("preserves", "response", "digits", "style", idempotent=True, english=True)
def ungrouped_digits(text: str, rng: random.Random, strength: float) -> str | None:
    """Large numbers without commas (25,000 people, 25000 people)."""
    found = places(_GROUPED, text, english(text), lambda match: match.group().replace(",", ""))
    return rewritten(text, found, rng, strength)
