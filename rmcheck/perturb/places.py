"""The places of a text that a transformation may change, and the text with some of them changed."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from rmcheck.perturb.prose import Span


class Place(NamedTuple):
    """A part of a text, and what may be written instead."""

    start: int
    end: int
    after: str


def places(
    pattern: re.Pattern[str],
    text: str,
    spans: Iterable[Span],
    written: Callable[[re.Match[str]], str | None],
) -> list[Place]:
    """The matches of a pattern within spans; `written` gives what to write, None to skip one."""
    found = []
    for start, end in spans:
        for match in pattern.finditer(text, start, end):
            after = written(match)
            if after is not None and after != match.group():
                found.append(Place(match.start(), match.end(), after))
    return found


def count(strength: float, number: int) -> int:
    """How many of `number` places are changed: the share `strength`, at least one."""
    return min(number, max(1, round(strength * number)))


def rewritten(text: str, found: Sequence[Place], rng: random.Random, strength: float) -> str | None:
    """The text with a share of the places changed, drawn by `rng`; None without a place."""
    if not found:
        return None
    some = count(strength, len(found))
    kept = found if some == len(found) else sorted(rng.sample(found, some))
    parts: list[str] = []
    last = 0
    for place in kept:
        parts += (text[last : place.start], place.after)
        last = place.end
    return "".join([*parts, text[last:]])


def cased(like: str, word: str) -> str:
    """A word in lower case, with a capital where `like` has one."""
    return word[:1].upper() + word[1:] if like[:1].isupper() else word


def opens_sentence(text: str, start: int) -> bool:
    """Whether a word at `start` is the first of a sentence or line, and so has a capital."""
    before = text[max(0, start - 4) : start].rstrip(" *_\"'(")
    return not before or before[-1] in ".!?\n:#"
