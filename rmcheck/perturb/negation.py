"""Negation put in or taken out, so that a sentence says the opposite."""

from __future__ import annotations

import random
import re

from rmcheck.perturb.places import Place, cased, places, rewritten
from rmcheck.perturb.prose import english, sentences, within
from rmcheck.perturb.transformation import text_transformation

_VERBS = (
    "is", "are", "was", "were", "will", "would", "can", "could", "should", "must", "does", "did",
)  # fmt: skip
# After a noun or pronoun: not in a question, and not where it is negated already.
_POSITIVE = re.compile(
    rf"(?<=[a-z] )(?<!\bnor )(?<!\bwhat )(?<!\bhow )\b(?:{'|'.join(_VERBS)})\b"
    r"(?= (?!not\b|no\b|never\b|n't)[a-z])"
)
_NEGATIVE = re.compile(
    rf"\b(?P<verb>{'|'.join(_VERBS)}|do|have|has|had|may|might) not\b(?! (?:only|just|merely)\b)"
    r"|\bcannot\b|\b(?P<short>is|are|was|were|would|could|should|must|does|did|do|has|have|had)"
    r"n['’]t\b|\b(?:can|won|wo)['’]?n?['’]t\b|\bnever (?=[a-z])",
    re.IGNORECASE,
)


@text_transformation("degrades", "response", "degrade", "negation", english=True)
def negation_added(text: str, rng: random.Random, strength: float) -> str | None:
    """`not` after the first verb of sentences that have none."""
    spans, found = english(text), list[Place]()
    for start, end in sentences(text):
        if _NEGATIVE.search(text, start, end):
            continue
        verbs = places(
            _POSITIVE, text, within(spans, start, end), lambda match: f"{match.group()} not"
        )
        found += verbs[:1]
    return rewritten(text, found, rng, strength)


@text_transformation("degrades", "response", "degrade", "negation", english=True)
def negation_removed(text: str, rng: random.Random, strength: float) -> str | None:
    """`not` and `never` missing, also in contractions (don't, do)."""

    def written(match: re.Match[str]) -> str:
        found = match.group().lower()
        if found.startswith("never"):
            return ""
        verb = match["verb"] or match["short"]
        if verb:
            return verb
        return cased(match.group(), "will" if found.startswith("wo") else "can")

    return rewritten(text, places(_NEGATIVE, text, english(text), written), rng, strength)
