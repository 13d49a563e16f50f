"""Transformations of the order of sentences, and of how often they are said."""

from __future__ import annotations

import random

from rmcheck.perturb.places import Place, rewritten
from rmcheck.perturb.prose import Span, sentences
from rmcheck.perturb.transformation import text_transformation


@text_transformation("degrades", "response", "degrade", "sentences")
def sentences_shuffled(text: str, rng: random.Random, strength: float) -> str | None:
    """The sentences of a response in another order; strength is the share of them that moves."""
    found = sentences(text)
    if len({text[start:end] for start, end in found}) < 3:
        return None
    some = min(len(found), max(3, round(strength * len(found))))
    # A run of neighbours moves by one or more places: none of them stays where it was.
    first = rng.randrange(len(found) - some + 1)
    moved = found[first : first + some]
    by = rng.randrange(1, some)
    order = [*moved[by:], *moved[:by]]
    kept = [
        Place(*place, text[start:end]) for place, (start, end) in zip(moved, order, strict=True)
    ]
    return rewritten(text, kept, rng, 1.0)


@text_transformation("degrades", "response", "degrade", "sentences")
def sentence_doubled(text: str, rng: random.Random, strength: float) -> str | None:
    """A sentence or more said twice."""
    found: list[Span] = list(sentences(text))
    twice = [Place(end, end, f" {text[start:end]}") for start, end in found]
    return rewritten(text, twice, rng, strength)
