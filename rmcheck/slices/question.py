"""Which kind of question a text asks."""

from __future__ import annotations

import re
from typing import Literal

from rmcheck.slices.words import words

Question = Literal["how", "what", "why", "who", "when", "where", "which", "yes_no", "other", "none"]
"""By the first word of the last question; `none` is a text without a question mark."""

_WH: dict[str, Question] = {
    "how": "how",
    "what": "what",
    "what's": "what",
    "why": "why",
    "who": "who",
    "who's": "who",
    "whose": "who",
    "whom": "who",
    "when": "when",
    "where": "where",
    "which": "which",
}
_AUXILIARY = (
    "is are am was were do does did can could will would should shall may might must has have had "
    "isn't aren't don't doesn't didn't can't couldn't won't wouldn't shouldn't"
)
_YES_NO = frozenset(_AUXILIARY.split())
_END = r"[?？؟]"
_BEGIN = r"[.!?。\n:;]"


def question(text: str) -> Question:
    """The kind of the last question of a text, in English.

    >>> question("I moved. How do I vote?"), question("Is it safe?"), question("Write a poem.")
    ('how', 'yes_no', 'none')
    """
    parts = re.split(_END, text)
    if len(parts) < 2:
        return "none"
    last = next((part for part in reversed(parts[:-1]) if part.strip()), "")
    found = words(re.split(_BEGIN, last)[-1])
    first = next((word for word in found if word in _WH or word in _YES_NO), "")
    if first in _WH and (first in found[:3] or found[0] not in _YES_NO):
        return _WH[first]
    return "yes_no" if first in _YES_NO and first in found[:3] else "other"
