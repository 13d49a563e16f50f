"""The words of a text, as every condition on texts counts and compares them."""

from __future__ import annotations

import re
from functools import lru_cache

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_KEPT = 8_192


@lru_cache(maxsize=_KEPT)
def words(text: str) -> tuple[str, ...]:
    """The words of a text in lower case; punctuation and underscores separate them.

    >>> words("Don't use `run_all()`, please: 3 runs")
    ("don't", 'use', 'run', 'all', 'please', '3', 'runs')
    """
    return tuple(_WORD.findall(text.lower().replace("’", "'")))


@lru_cache(maxsize=_KEPT)
def _joined(text: str) -> str:
    return f" {' '.join(words(text))} "


def has(text: str, phrase: str) -> bool:
    """Whether the words of a phrase are in the text, one after the other.

    >>> has("How do I refund it?", "i refund"), has("refunded", "refund"), has("a b", "b a")
    (True, False, False)
    """
    return _joined(phrase) in _joined(text)


def shared_start(first: str, second: str) -> int:
    """How many words two texts share at their beginnings: the position of the first difference.

    >>> shared_start("Sure, here it is", "Sure, here you are"), shared_start("No", "Yes")
    (2, 0)
    """
    count = 0
    for mine, other in zip(words(first), words(second), strict=False):
        if mine != other:
            break
        count += 1
    return count
