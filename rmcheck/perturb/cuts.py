"""Transformations that take something away from a response."""

from __future__ import annotations

import random
import re

from rmcheck.perturb.transformation import text_transformation


@text_transformation("degrades", "response", "degrade", idempotent=True)
def first_sentence(text: str, rng: random.Random, strength: float) -> str | None:
    """Only the first sentence."""
    found = re.match(r"\s*\S.*?[.!?](?=\s|$)", text, re.S)
    return found.group() if found and found.end() < len(text.rstrip()) else None
