"""Contractions, and the words that they are short for."""

from __future__ import annotations

import random
import re

from rmcheck.perturb.places import cased, places, rewritten
from rmcheck.perturb.prose import english
from rmcheck.perturb.transformation import text_transformation

_NOT = {
    "do not": "don't", "does not": "doesn't", "did not": "didn't", "is not": "isn't",
    "are not": "aren't", "was not": "wasn't", "were not": "weren't", "has not": "hasn't",
    "have not": "haven't", "had not": "hadn't", "would not": "wouldn't",
    "could not": "couldn't", "should not": "shouldn't", "cannot": "can't", "will not": "won't",
}  # fmt: skip
_IS = {
    "it is": "it's", "that is": "that's", "there is": "there's", "you are": "you're",
    "we are": "we're", "they are": "they're", "i am": "i'm", "i will": "i'll",
    "you will": "you'll", "we will": "we'll", "they will": "they'll", "it will": "it'll",
}  # fmt: skip
SHORT = {**_NOT, **_IS}
LONG = {short: long for long, short in SHORT.items()}

# A word must follow: "I know what it is." has no contraction. "Not only … but" keeps its "not".
_LONG_FORMS = re.compile(
    rf"\b(?:{'|'.join(_NOT)})\b(?! (?:only|just|merely|to)\b)(?= [a-z])"
    rf"|(?<!\bwhat )(?<!\bthan )(?<!\bas )\b(?:{'|'.join(_IS)})\b(?= (?!not\b)[a-z])",
    re.IGNORECASE,
)
# In a question ("Don't you think", "Why isn't the") the words would be in the wrong order.
_PRONOUN = r"(?! (?:you|we|they|i|he|she|it|there|that|this|these|those|people|anyone)\b)"
_ASKS = re.compile(r"(?:^|[.!?:\n]\s?|\b(?:why|how|what|when|where|who|which)\s)$", re.IGNORECASE)
_NOUN = re.compile(r" (?:the|a|an|my|your|our|his|her|their)\b")
# "It's been" is "it has been".
_HAS = r"(?! (?:been|got|had|become|gone|taken|always|just|never|only)\b)"
_SHORT_FORMS = re.compile(
    rf"\b(?:{'|'.join(each.replace(chr(39), '[' + chr(39) + '’]') for each in _NOT.values())})"
    rf"(?![\w'’]){_PRONOUN}(?= [a-z])"
    rf"|\b(?:{'|'.join(each.replace(chr(39), '[' + chr(39) + '’]') for each in _IS.values())})"
    rf"(?![\w'’]){_HAS}(?= [a-z])",
    re.IGNORECASE,
)


@text_transformation(
    "preserves", "response", "contractions", "style", idempotent=True, english=True
)
def contracted(text: str, rng: random.Random, strength: float) -> str | None:
    """Contractions for the words that they are short for (do not, don't)."""

    def written(match: re.Match[str]) -> str | None:
        found = match.group()
        if not _one_case(found):
            return None
        return cased(found, SHORT[found.lower()].replace("i'", "I'"))

    return rewritten(text, places(_LONG_FORMS, text, english(text), written), rng, strength)


@text_transformation(
    "preserves", "response", "contractions", "style", idempotent=True, english=True
)
def expanded(text: str, rng: random.Random, strength: float) -> str | None:
    """The words that contractions are short for (don't, do not)."""

    def written(match: re.Match[str]) -> str | None:
        found = match.group()
        asks = _ASKS.search(text, max(0, match.start() - 7), match.start())
        long = LONG[found.lower().replace("’", "'")]
        turned = long.endswith("not") and asks and _NOUN.match(text, match.end())
        if turned or not _one_case(found):
            return None
        return cased(found, "I" + long[1:] if long.startswith("i ") else long)

    return rewritten(text, places(_SHORT_FORMS, text, english(text), written), rng, strength)


def _one_case(found: str) -> bool:
    """Whether only the first letter may be a capital; DO NOT is meant to be loud."""
    return found[1:] == found[1:].lower()
