"""Which parts of a text are prose: not code, mathematics or links; and which are English."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from functools import lru_cache

from rmcheck.perturb.programs import is_program

Span = tuple[int, int]
"""Where a part of a text starts and ends."""

_FENCED = r"^[ \t]*(?P<fence>`{3,}+|~{3,}+)[^\n]*(?:\n.*?)??(?:\n[ \t]*(?P=fence)[`~]*[ \t\r]*$|\Z)"
# A line of a program that nobody fenced.
_CODE_LINE = (
    r"^(?:(?:async )?def \w+\(|class \w+[(:]|import [\w.]+(?: as \w+)?[ \t]*$|from [\w.]+ import "
    r"|@\w+|(?:for|while|if|elif|with|except)\b[^\n]+:[ \t]*$|(?:else|try|finally):[ \t]*$"
    r"|#include\b|[a-z_][\w.\[\]]* ?[-+*/|&]?= ?\S|[\w.]+\([^\n]*\)[;:]?[ \t]*$|>>> |\$ "
    r"|return\b[^\n]*;|[^\n\\$]*(?:[)\]\"'0-9];|[{}])[ \t]*$)[^\n]*$"
)
_CODE = (
    _FENCED,
    r"^(?:[ ]{4}|[ ]*\t)[^\n]*$",
    r"``[^\n]{1,500}?``(?!`)",
    r"`[^`\n]+`",
    r"\[asy\].{1,9000}?\[/asy\]",
    _CODE_LINE,
)
_LINKS = (
    r"\b(?:https?|ftp)://[^\s<>\")\]]+",
    r"\bwww\.[^\s<>\")\]]+",
    r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,64}\.[\w.]{1,64}",
    r"<[/!]?[a-zA-Z][^<>\n]{0,300}>",
)
# A dollar is mathematics where pandoc takes it for that; `$5 and $10` are amounts of money.
_MATH = (
    r"\$\$.{1,5000}?\$\$",
    r"\\\[.{1,5000}?\\\]",
    r"\\\(.{1,2000}?\\\)",
    r"\\begin\{(?P<block>\w+\*?)\}.{0,9000}?\\end\{(?P=block)\}",
    r"(?<![\\$\w])\$(?=\S)[^$\n]{1,300}?(?<=\S)\$(?!\d)",
    r"\\[a-zA-Z]+(?:\{[^{}\n]{0,300}\})*",
)
_PROTECTED = re.compile("|".join((*_CODE, *_MATH, *_LINKS)), re.MULTILINE | re.DOTALL)
_NO_PROSE = re.compile("|".join((*_CODE, *_LINKS)), re.MULTILINE | re.DOTALL)
_PARAGRAPHS = re.compile(r"\n[ \t\r]*\n")
_WORD = re.compile(r"[a-zA-ZÀ-ɏ]+")

_ENGLISH_WORDS = """the and of to is that it you with for are this have from not they we which
would there their what but your can be if by were has had its who when how does did should could
my our them been than into about because he she his her these those where why then only more
most other some any each very just it's don't i'm"""
_FOREIGN_WORDS = """der die das und ist nicht ein eine einen einer zu den dem mit auf für sich
von im auch es wir ihr sie werden oder sind wie durch aber kann bei zum zur man wird hat haben
le la les des est et une dans que qui pour pas sur avec vous nous sont du au ce cette il elle el
los las por con para del una como más pero muy está son di che è per non sono gli della questo
anche os uma não com em mais het een zijn niet dat voor ook och att det som är på av inte nie
się jest że bir ve için"""
_ENGLISH, _FOREIGN = frozenset(_ENGLISH_WORDS.split()), frozenset(_FOREIGN_WORDS.split())


def prose(text: str) -> tuple[Span, ...]:
    """The parts of a text outside code, mathematics, links and tags."""
    return _prose(text)


@lru_cache(maxsize=1024)
def _prose(text: str) -> tuple[Span, ...]:
    if is_program(text):
        return ()
    return _between((match.span() for match in _PROTECTED.finditer(text)), len(text))


def begins_with_prose(text: str) -> bool:
    """Whether a text begins with prose, so that words before it may be on the same line."""
    spans = _prose(text)
    return bool(spans) and spans[0][0] == 0


def outside_code(text: str) -> tuple[Span, ...]:
    """The parts of a text outside code, links and tags; mathematics are among them."""
    if is_program(text):
        return ()
    return _between((match.span() for match in _NO_PROSE.finditer(text)), len(text))


def _between(taken: Iterable[Span], end: int) -> tuple[Span, ...]:
    found, last = [], 0
    for start, stop in taken:
        if start > last:
            found.append((last, start))
        last = stop
    if end > last:
        found.append((last, end))
    return tuple(found)


@lru_cache(maxsize=1024)
def english(text: str) -> tuple[Span, ...]:
    """The parts of a text that are English prose, by paragraphs.

    A paragraph is English if more of its words are frequent in English than in other languages;
    one that has none of either is what the whole text is.
    """
    if not _votes_english(text, None):
        return ()
    found = []
    for start, stop in _prose(text):
        last = start
        for gap in _PARAGRAPHS.finditer(text, start, stop):
            found.append((last, gap.end()))
            last = gap.end()
        found.append((last, stop))
    return tuple(
        (start, stop)
        for start, stop in found
        if start < stop and _votes_english(text[start:stop], True)
    )


def within(spans: Sequence[Span], start: int, end: int) -> list[Span]:
    """The parts of sorted spans between two places, found without a look at all of them."""
    found = []
    for at in range(max(0, bisect_right(spans, (start, start)) - 1), len(spans)):
        first, last = max(start, spans[at][0]), min(end, spans[at][1])
        if spans[at][0] >= end:
            break
        if first < last:
            found.append((first, last))
    return found


def _votes_english(text: str, undecided: bool | None) -> bool:
    """Whether a text is English; `undecided` where no word says so, None: it is not."""
    if not text.isascii():
        letters = sum(map(str.isalpha, text))
        if sum(letter.isalpha() for letter in text if letter > "\x7f") > letters / 5:
            return False
    words = [word.lower() for word in _WORD.findall(text)]
    ours = sum(word in _ENGLISH for word in words)
    theirs = sum(word in _FOREIGN for word in words)
    if not ours and not theirs:
        return bool(undecided)
    return ours > theirs and ours * 15 >= len(words)


@lru_cache(maxsize=1024)
def seems_english(text: str) -> bool:
    """Whether a text is English, or too short to say, and not surely in another language."""
    return bool(english(text)) or _votes_english(text, True)


_ENDS = re.compile(r"""(?<![.!?])[.!?]++["'”’)*_\]]*+(?=\s|\Z)|[。！？।]++[”」』]?|\n""")
_LEAD = re.compile(r"[\s>]*(?:(?:[-*+]|#{1,6}|\d{1,3}[.)])[ \t]+)?\s*")
_SHORT = re.compile(
    r"(?:\b(?:e\.g|i\.e|dr|mr|mrs|ms|prof|vs|etc|st|no|fig|approx|cf)"
    r"|(?:^|\s)[A-HJ-Z]|(?:^|\n)[ \t>]*\d{1,3})$",
    re.IGNORECASE,
)


@lru_cache(maxsize=1024)
def sentences(text: str) -> tuple[Span, ...]:
    """The sentences of a text that end as sentences do; headings and code have none.

    Mathematics, code and links within a sentence belong to it.
    """
    masked = _masked(text)
    found, last = [], 0
    for end in _ENDS.finditer(masked):
        if end.group() == "\n":
            last = end.end()
            continue
        if end.group() == "." and _SHORT.search(
            masked, max(0, last - 1, end.start() - 8), end.start()
        ):
            continue
        lead = _LEAD.match(masked, last, end.start())
        start = lead.end() if lead else last
        if start < end.start():
            found.append((start, end.end()))
        last = end.end()
    return tuple(found)


def _masked(text: str) -> str:
    """The text with a letter for each character that is not prose, line breaks kept."""
    parts, last = [], 0
    for start, stop in (*_prose(text), (len(text), len(text))):
        hidden = text[last:start]
        parts.append("\n".join("x" * len(line) for line in hidden.split("\n")))
        parts.append(text[start:stop])
        last = stop
    return "".join(parts)
