"""The parts of a text that a transformation can be applied to: paragraphs, lines, sentences."""

from __future__ import annotations

import re
from typing import Literal

from rmcheck.perturb.prose import prose, sentences

Unit = Literal["text", "paragraph", "line", "sentence"]
UNITS: tuple[Unit, ...] = ("text", "paragraph", "line", "sentence")

_PARTS = {
    "paragraph": re.compile(r"\S.*?(?=\n[ \t]*\n|\s*\Z)", re.DOTALL),
    "line": re.compile(r"\S[^\n]*"),
}


def parts(text: str, unit: Unit) -> list[tuple[int, int]]:
    """Where each part of a text begins and ends, in characters.

    >>> text = "One. Two!\\n\\nThree"
    >>> [text[a:b] for a, b in parts(text, "sentence")]
    ['One.', 'Two!', 'Three']
    >>> [text[a:b] for a, b in parts(text, "paragraph")]
    ['One. Two!', 'Three']
    """
    if unit == "text":
        return [(0, len(text))]
    if unit == "sentence":
        return list(sentences(text))
    return [match.span() for match in _PARTS[unit].finditer(text)]


def stretch(text: str, unit: Unit, first: int, count: int) -> tuple[int, int] | None:
    """Where `count` neighbouring parts begin and end, from number `first` (modulo their number).

    None for a text that has fewer than two such parts, which would be the whole text, and where
    code, mathematics or a link would be cut out of what is around it.
    """
    found = parts(text, unit)
    if len(found) < 2:
        return None
    start = first % len(found)
    last = min(start + count, len(found)) - 1
    begin, end = found[start][0], found[last][1]
    return (begin, end) if any(a <= begin and end <= b for a, b in prose(text)) else None
