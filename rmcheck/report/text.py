"""Text that others wrote: made safe to carry and short enough to read.

Names, tags, messages and prompts come from data files. They may hold control characters (which
move a terminal's cursor or break XML), lone surrogates (which no file can be written with), or a
megabyte in one line.
"""

from __future__ import annotations

import re
import unicodedata

# What XML 1.0 does not allow, and the C1 controls that a terminal obeys.
_UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
# Characters that reorder what stands around them: a name must not rewrite a verdict.
_REORDERING = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_SPACE = re.compile(r"\s+")


def clean(text: str) -> str:
    """`text` with what cannot be written or displayed replaced by U+FFFD, newlines kept."""
    return _UNWRITABLE.sub("\ufffd", text.replace("\r\n", "\n").replace("\r", "\n"))


def one_line(text: str, limit: int = 0) -> str:
    """`text` cleaned, on one line, without reordering marks; cut to `limit` characters if given.

    >>> one_line("a\\n  b", 0), one_line("abcdef", 4)
    ('a b', 'abc…')
    """
    flat = _SPACE.sub(" ", _REORDERING.sub("\ufffd", clean(text))).strip()
    if limit and len(flat) > limit:
        return flat[: limit - 1].rstrip() + "…"
    return flat


_NARROW = frozenset("iljtfrI.,:;|!'`()[] -·")
_BROAD = frozenset("mwMW@%—…")


def width(text: str, size: float) -> float:
    """An upper guess of how wide `text` is, in the unit of `size`, in any common sans-serif face.

    The report uses the reader's own system font, so the widest of the usual ones (DejaVu Sans) is
    taken: a chart may leave a little air, its labels never touch.
    """
    total = 0.0
    for character in text:
        if character in _NARROW:
            total += 0.40
        elif character in _BROAD or unicodedata.east_asian_width(character) in "WF":
            total += 1.0
        elif character.isupper():
            total += 0.72
        elif unicodedata.combining(character):
            continue
        else:
            total += 0.63
    return total * size


def fitted(text: str, size: float, room: float) -> str:
    """`text` on one line, cut with an ellipsis where it is wider than `room`."""
    flat = one_line(text, 400)
    if width(flat, size) <= room:
        return flat
    while flat and width(flat + "…", size) > room:
        flat = flat[:-1]
    return flat.rstrip() + "…"
