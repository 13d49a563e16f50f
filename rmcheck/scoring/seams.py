"""Where a long text can be cut so that the tokens on the side that is kept stay the same."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

Encode = Callable[[str], list[int]]
"""Token ids of a text, without special tokens."""

AROUND = 256
"""Characters on either side of a seam that are tokenised to try it."""
SEARCHED = 20_000
"""Characters that are searched for a seam."""
TRIES = 8

# Between a word and the blank before the next one: what splits a text into words before it is
# tokenised splits it here, whatever else it does.
_SEAM = re.compile(r"(?<=[^\W\d_]) (?=[^\W\d_])")


def seam_after(text: str, start: int, encode: Encode) -> int | None:
    """The first place from `start` on whose left side has the same tokens without what follows."""
    found = (match.start() for match in _SEAM.finditer(text, start, start + SEARCHED))
    return _tried(text, found, encode, left=True)


def seam_before(text: str, stop: int, encode: Encode) -> int | None:
    """A place before `stop` whose right side has the same tokens without what is before it."""
    first = max(0, stop - SEARCHED)
    found = [match.start() for match in _SEAM.finditer(text, first, max(0, stop))]
    return _tried(text, reversed(found), encode, left=False)


def _tried(text: str, places: Iterable[int], encode: Encode, *, left: bool) -> int | None:
    """The first of `places` at which the tokenizer does split; some join words."""
    for _, place in zip(range(TRIES), places, strict=False):
        before, after = text[max(0, place - AROUND) : place], text[place : place + AROUND]
        whole = encode(before + after)
        side = encode(before if left else after)
        if side and (whole[: len(side)] if left else whole[-len(side) :]) == side:
            return place
    return None
