"""Columns of single words and of two words in a row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from rmcheck.slices.condition import Condition
from rmcheck.slices.words import words

MOST = {"prompt": 400, "chosen": 200, "rejected": 200}
"""So many phrases of each text are looked at, the most frequent ones."""

COMMON = 0.3
"""A phrase in a larger share of the texts than this is left out."""


def phrases(
    texts: Mapping[str, Sequence[str]], least: int
) -> Iterator[tuple[Condition, NDArray[np.bool_]]]:
    """The phrases of prompts (words and pairs of words) and of responses (words).

    Parameters
    ----------
    texts : the (n,) texts of each part.
    least : a phrase in fewer texts is left out.
    """
    for part, column in texts.items():
        found = [_phrases(text, pairs=part == "prompt") for text in column]
        counts = Counter(phrase for some in found for phrase in some)
        kept = [
            (-count, phrase)
            for phrase, count in counts.items()
            if least <= count <= COMMON * len(column)
        ]
        chosen = [phrase for _, phrase in sorted(kept)[: MOST[part]]]
        number = {phrase: place for place, phrase in enumerate(chosen)}
        table = np.zeros((len(chosen), len(column)), dtype=bool)
        for row, some in enumerate(found):
            table[[number[phrase] for phrase in some if phrase in number], row] = True
        for phrase, place in number.items():
            yield Condition((part, "has"), phrase), table[place]


def _phrases(text: str, *, pairs: bool) -> set[str]:
    found = words(text)
    if not pairs:
        return set(found)
    return {*found, *(" ".join(two) for two in pairwise(found))}
