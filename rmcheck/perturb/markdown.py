"""Transformations of Markdown; without its marks the text is the same."""

from __future__ import annotations

import random
import re

from rmcheck.perturb.places import Place, places, rewritten
from rmcheck.perturb.prose import english, prose, sentences, within
from rmcheck.perturb.transformation import text_transformation

_ITEM = re.compile(r"^( {0,3})([-*+])(?= +(?![-*+](?:\s|$))\S)", re.MULTILINE)
_NUMBERED = re.compile(r"^( {0,3}\d{1,3})([.)])(?= +\S)", re.MULTILINE)
_BOLD = re.compile(r"(?<![*\w])\*\*(?=[^\s*])([^*\n]{1,300}?)(?<=[^\s*])\*\*(?![*\w])")
_HEADING = re.compile(r"^#{1,6} +(?=\S)([^\n#*]{1,200}?)[ \t]*$", re.MULTILINE)
_LONG_WORD = re.compile(r"(?<![\w*_.@/\\#`'’-])[A-Za-z]{6,}(?![\w*_@/\\(`'’-]|\.\w)")


def _every(pattern: re.Pattern[str], text: str, mark: str) -> str | None:
    """All markers at once: where a text has two kinds of them, they may separate two lists."""
    spans = prose(text)
    if len({match[2] for span in spans for match in pattern.finditer(text, *span)}) != 1:
        return None
    found = places(pattern, text, spans, lambda match: match[1] + mark)
    return rewritten(text, found, random.Random(0), 1.0)


@text_transformation("preserves", "response", "markdown", "lists", idempotent=True)
def star_bullets(text: str, rng: random.Random, strength: float) -> str | None:
    """Stars before the points of a list; strength has no effect."""
    return _every(_ITEM, text, "*")


@text_transformation("preserves", "response", "markdown", "lists", idempotent=True)
def dash_bullets(text: str, rng: random.Random, strength: float) -> str | None:
    """Dashes before the points of a list; strength has no effect."""
    return _every(_ITEM, text, "-")


@text_transformation("preserves", "response", "markdown", "lists", idempotent=True)
def numbers_with_brackets(text: str, rng: random.Random, strength: float) -> str | None:
    """`1)` for `1.` before the points of a list; strength has no effect."""
    return _every(_NUMBERED, text, ")")


@text_transformation("preserves", "response", "markdown", "emphasis", idempotent=True)
def bold_removed(text: str, rng: random.Random, strength: float) -> str | None:
    """Bold words as plain ones."""
    return rewritten(text, places(_BOLD, text, prose(text), lambda match: match[1]), rng, strength)


@text_transformation("preserves", "response", "markdown", "emphasis", english=True)
def bold_added(text: str, rng: random.Random, strength: float) -> str | None:
    """The longest word of a sentence in bold."""
    spans, found = english(text), []
    for start, end in sentences(text):
        if "*" in text[start:end] or "`" in text[start:end]:
            continue
        words = places(
            _LONG_WORD, text, within(spans, start, end), lambda match: f"**{match.group()}**"
        )
        if words:
            found.append(max(words, key=lambda word: word.end - word.start))
    return rewritten(text, found, rng, strength)


@text_transformation("preserves", "response", "markdown", "headings", idempotent=True)
def heading_added(text: str, rng: random.Random, strength: float) -> str | None:
    """The heading `## Answer` above the response; strength has no effect."""
    # An answer of one sentence may be asked for as that, or as a word.
    if text.lstrip().startswith("#") or text[0] in " \t" or len(sentences(text)) < 2:
        return None
    return f"## Answer\n\n{text}"


@text_transformation("preserves", "response", "markdown", "headings", idempotent=True)
def headings_in_bold(text: str, rng: random.Random, strength: float) -> str | None:
    """Headings as lines in bold."""

    def written(match: re.Match[str]) -> str:
        # Without a blank line the line would become part of the paragraph after it.
        after = text[match.end() : match.end() + 2]
        return f"**{match[1]}**" + ("\n" if after[:1] == "\n" and after != "\n\n" else "")

    found: list[Place] = places(_HEADING, text, prose(text), written)
    return rewritten(text, found, rng, strength)
