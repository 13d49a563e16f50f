"""Transformations of letters."""

import random

from rmcheck.perturb import text_transformation


@text_transformation("degrades", "response", "degrade", "letters", idempotent=True)
def shouted(text: str, rng: random.Random, strength: float) -> str | None:
    """The whole response in capitals; strength has no effect."""
    return text.upper()
