"""Text from outside, made safe to show and short enough to read.

Names, tags, messages and prompts come from data files. They may contain control characters (which
move a terminal's cursor or break XML), characters that reorder the text around them, lone
surrogates (which cannot be written to a file), or a megabyte in one line. Such characters are
shown escaped, as `\\x1b` or `\\u202e`.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

# What XML 1.0 does not allow, C1 controls that a terminal obeys, and characters that reorder the
# text around them: a name must not rewrite a verdict.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u206f\ud800-\udfff"
    "\ufff9-\ufffb\ufffe\uffff]"
)
_SPACE = re.compile(r"\s+")


def clean(text: str) -> str:
    r"""`text` with control and similar characters escaped, newlines and tabs kept.

    >>> print(clean("a\x1b[2J"), clean("a\u202eb"))
    a\x1b[2J a\u202eb
    """
    if text.isascii() and text.isprintable():
        return text  # nearly all names and most lines, in a fifth of the time
    return _HIDDEN.sub(_escaped, text.replace("\r\n", "\n").replace("\r", "\n"))


def _escaped(hidden: re.Match[str]) -> str:
    code = ord(hidden[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def one_line(text: str, limit: int = 0) -> str:
    """`text` cleaned, on one line, cut to `limit` characters if given.

    >>> one_line("a\\n  b", 0), one_line("abcdef", 4)
    ('a b', 'abc…')
    """
    flat = _SPACE.sub(" ", clean(text)).strip()
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
    return _ems(text) * size


@lru_cache(maxsize=4096)  # labels come again in many charts
def _ems(text: str) -> float:
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
    return total


def fitted(text: str, size: float, room: float) -> str:
    """`text` on one line, cut with an ellipsis where it is wider than `room`."""
    flat = one_line(text, 400)
    if width(flat, size) <= room:
        return flat
    while flat and width(flat + "…", size) > room:
        flat = flat[:-1]
    return flat.rstrip() + "…"
