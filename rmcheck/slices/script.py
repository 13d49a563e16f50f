"""The script and the language of a text, by its letters and its most common words."""

from __future__ import annotations

import unicodedata
from collections import Counter
from functools import lru_cache
from typing import Literal

from rmcheck.slices.words import words

Script = Literal[
    "latin", "cyrillic", "greek", "arabic", "hebrew", "devanagari", "thai", "hangul", "kana", "han",
    "other", "none",
]  # fmt: skip
"""Most letters of a text are of it; `none` is a text without letters."""

Language = Literal[
    "english", "german", "french", "spanish", "italian", "portuguese", "dutch", "other"
]
"""By the most common words of each; `other` is any other language, and what has too few words."""

_NAMED: dict[str, Script] = {
    "LATIN": "latin",
    "CYRILLIC": "cyrillic",
    "GREEK": "greek",
    "ARABIC": "arabic",
    "HEBREW": "hebrew",
    "DEVANAGARI": "devanagari",
    "THAI": "thai",
    "HANGUL": "hangul",
    "HIRAGANA": "kana",
    "KATAKANA": "kana",
    "CJK": "han",
}

# Words that are frequent in one of these languages and rare, or not words, in the others.
_FREQUENT: dict[Language, str] = {
    "english": (
        "the of and to is that it for with you this are was be have not what how can your from "
        "which would there my they"
    ),
    "german": (
        "der das und ist nicht ein eine ich mit auf für dem den von zu sie wir auch wie wird sich "
        "oder werden kann"
    ),
    "french": (
        "le les et est des une du dans que qui pour pas vous nous sur avec je il ce au plus par "
        "cette sont"
    ),
    "spanish": (
        "el los las y es una que por para con no del se como su más pero lo está este son muy puede"
    ),
    "italian": (
        "il gli che è di per una non con sono del della come questo più si ma nel anche alla "
        "cosa essere"
    ),
    "portuguese": (
        "o os as e é um uma que para com não do da em por mais como se mas você são isso também"
    ),
    "dutch": (
        "de het een en is niet van ik je dat op te zijn voor met maar ook aan wat naar kan bij "
        "worden"
    ),
}
_COMMON = {name: frozenset(text.split()) for name, text in _FREQUENT.items()}
_OF = {
    word: tuple(name for name, common in _COMMON.items() if word in common)
    for word in frozenset().union(*_COMMON.values())
}
_LEAST = 2


@lru_cache(maxsize=32_768)
def script(text: str) -> Script:
    """The script of most letters of a text.

    >>> script("Wie geht's?"), script("Как дела?"), script("你好吗"), script("42!")
    ('latin', 'cyrillic', 'han', 'none')
    """
    if text.isascii():
        return "latin" if any(map(str.isalpha, text)) else "none"
    found: Counter[Script] = Counter()
    for letter, count in Counter(text).items():
        if letter.isalpha():
            name = unicodedata.name(letter, "").partition(" ")[0]
            found[_NAMED.get(name, "other")] += count
    # Japanese is written in kana and in characters that Chinese uses, too.
    if found["kana"] and found["kana"] * 10 > found["han"]:
        return "kana"
    ordered = found.most_common(1)
    return ordered[0][0] if ordered and ordered[0][1] else "none"


@lru_cache(maxsize=32_768)
def language(text: str) -> Language:
    """The language whose common words are most frequent in a text, at least two of them.

    A heuristic for slicing data: short texts are often `other`, mixed ones what they have most of.

    >>> language("How can I do this in the morning?"), language("Was ist das und wie geht es?")
    ('english', 'german')
    """
    counts = dict.fromkeys(_COMMON, 0)
    for word in words(text):
        for name in _OF.get(word, ()):
            counts[name] += 1
    best = max(counts, key=lambda name: counts[name])
    return best if counts[best] >= _LEAST else "other"
