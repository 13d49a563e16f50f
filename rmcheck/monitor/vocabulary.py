"""The words of prompts: how many of a prompt's words the reference never had."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from zlib import crc32

import numpy as np

_WORD = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|[^\\W_]+")
"""A run of letters and digits; where words are not set apart, a single sign."""
_BUCKETS = 1 << 20
_LONGEST = 4000
_KEPT = 4000


class Vocabulary:
    """The words of the reference, as hashes, and the most frequent words that are not among them.

    Its size does not grow with the log: a megabyte of hashes, and at most a few thousand words.
    """

    def __init__(self) -> None:
        self._known = np.zeros(_BUCKETS, dtype=np.bool_)
        self._unseen: Counter[str] = Counter()

    def learn(self, prompt: str) -> None:
        """Add the words of a prompt of the reference."""
        for word in words(prompt):
            self._known[crc32(word.encode()) % _BUCKETS] = True

    def unseen(self, prompt: str, *, count: bool = False) -> float:
        """The share of a prompt's different words that are not known, in [0, 1].

        With `count` they are counted for `most_frequent`.
        """
        found = set(words(prompt))
        new = [word for word in found if not self._known[crc32(word.encode()) % _BUCKETS]]
        if count:
            self._unseen.update(new)
            if len(self._unseen) > 2 * _KEPT:
                self._unseen = Counter(dict(self._unseen.most_common(_KEPT)))
        return len(new) / len(found) if found else 0.0

    def most_frequent(self, most: int) -> list[tuple[str, int]]:
        """Words that the reference never had, and in how many prompts; rare ones may be missing."""
        ranked = sorted(self._unseen.items(), key=lambda each: (-each[1], each[0]))
        return [(word, times) for word, times in ranked[:most] if times > 1]


def words(text: str) -> Iterator[str]:
    """The words of a text in lower case; of a very long one those of its beginning.

    >>> list(words("What's 2+2? 你好"))
    ['what', 's', '2', '2', '你', '好']
    """
    return (found.group() for found in _WORD.finditer(text[:_LONGEST].lower()))
