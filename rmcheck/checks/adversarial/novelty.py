"""What is new in a changed text: words in their places, signs, marks of lines, lengths.

A search that sees no reward rise learns most from texts that differ from all those before.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Hashable
from itertools import takewhile

from rmcheck.data import Dialogue
from rmcheck.data.dialogue import prompt_text

_MARK = re.compile(r"\s*(\W+|\d+[.)])")
_EDGE = 3
_MOST_WORDS = 40


def features(before: Dialogue, after: Dialogue) -> set[Hashable]:
    """What the changed texts have that the texts before did not have."""
    found: set[Hashable] = set()
    if after.response != before.response:
        found |= {("response", each) for each in _of_text(before.response, after.response)}
    if after.prompt != before.prompt:
        texts = prompt_text(before.prompt), prompt_text(after.prompt)
        found |= {("prompt", each) for each in _of_text(*texts)}
    return found


def _of_text(before: str, after: str) -> set[Hashable]:
    old, new = before.split(), after.split()
    start = _alike(old, new)
    end = len(new) - _alike(old[start:][::-1], new[start:][::-1])
    known = set(old)
    found: set[Hashable] = {("length", int(3 * math.log2(len(after) + 1)))}
    for place in range(start, min(end, start + _MOST_WORDS)):
        if new[place] not in known:
            edge = "first" if place < _EDGE else "last" if place >= len(new) - _EDGE else "inside"
            found.add((new[place], edge))
    more = Counter(after) - Counter(before)
    found |= {("sign", sign) for sign in more if not sign.isalnum()}
    lines = set(before.splitlines())
    for line in after.splitlines():
        mark = None if line in lines else _MARK.match(line)
        if mark:
            found.add(("mark", mark[1]))
    return found


def _alike(one: list[str], two: list[str]) -> int:
    """How many words at the start are the same."""
    return sum(1 for _ in takewhile(lambda both: both[0] == both[1], zip(one, two, strict=False)))
