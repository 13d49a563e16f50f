"""Two texts with the words marked in which they differ."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from difflib import SequenceMatcher

_TOKEN = re.compile(r"\w+|\s|[^\w\s]")
_SHOWN = {" ": "·", "\n": "↵\n", "\t": "→", "\r": "␍", "\u00a0": "⍽"}
MOST_TOKENS = 4_000
"""Of longer changes only the ends are compared: to align them would take too long."""

Piece = tuple[str, str]
"""What was there, and what is there now; equal where nothing changed."""


def pieces(before: str, after: str) -> Iterator[Piece]:
    """The texts in pieces that are the same or differ, in order."""
    old, new = _TOKEN.findall(before), _TOKEN.findall(after)
    first = 0
    while first < min(len(old), len(new)) and old[first] == new[first]:
        first += 1
    last = 0
    while last < min(len(old), len(new)) - first and old[-1 - last] == new[-1 - last]:
        last += 1
    yield _equal(old[:first])
    middle = old[first : len(old) - last], new[first : len(new) - last]
    if max(map(len, middle)) > MOST_TOKENS:
        yield "".join(middle[0]), "".join(middle[1])
    else:
        for kind, a, b, c, d in SequenceMatcher(None, *middle, autojunk=False).get_opcodes():
            part = middle[0][a:b]
            yield _equal(part) if kind == "equal" else ("".join(part), "".join(middle[1][c:d]))
    yield _equal(old[len(old) - last :])


def _equal(tokens: list[str]) -> Piece:
    text = "".join(tokens)
    return text, text


def marked(before: str, after: str) -> str:
    """One text with what is gone in `[-…-]` and what is new in `{+…+}`.

    White space and characters that nobody sees are shown where they changed.

    >>> marked("It is a color.", "It is  a colour.")
    'It is {+·+}a [-color-]{+colour+}.'
    """
    parts = []
    for old, new in pieces(before, after):
        if old == new:
            parts.append(old)
            continue
        # Blanks are shown where they are all that differs.
        blanks = old.split() == new.split() or (old or new).isspace()
        parts.append(f"[-{visible(old, blanks=blanks)}-]" if old else "")
        parts.append(f"{{+{visible(new, blanks=blanks)}+}}" if new else "")
    return "".join(parts)


def visible(text: str, *, blanks: bool = True) -> str:
    r"""A text with signs for white space (`blanks`: also blanks), and escapes for what is hidden.

    >>> visible("a b\u200b"), visible("e\u0301")
    ('a·b\\u200b', 'e\\u0301')
    """
    return "".join(" " if each == " " and not blanks else _visible(each) for each in text)


def _visible(character: str) -> str:
    if character in _SHOWN:
        return _SHOWN[character]
    hidden = unicodedata.category(character) in ("Cf", "Cc", "Mn", "Zs", "Zl", "Zp", "Cs")
    return f"\\u{ord(character):04x}" if hidden else character
