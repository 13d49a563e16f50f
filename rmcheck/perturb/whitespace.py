"""Transformations of white space; the words stay as they are."""

from __future__ import annotations

import random
import re

from rmcheck.perturb.transformation import text_transformation


@text_transformation("preserves", "response", "whitespace", idempotent=True)
def blank_ends(text: str, rng: random.Random, strength: float) -> str | None:
    """A blank before the response and a line break after it."""
    after = f" {text.strip()}\n"
    return None if after == text else after


@text_transformation("preserves", "response", "whitespace")
def doubled_blanks(text: str, rng: random.Random, strength: float) -> str | None:
    """Blanks between words doubled."""
    return re.sub(r"(?<=\S) (?=\S)", lambda _: "  " if rng.random() < strength else " ", text)
