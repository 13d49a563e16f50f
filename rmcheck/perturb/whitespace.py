"""Transformations of white space; words, code and Markdown stay as they are."""

from __future__ import annotations

import random
import re

from rmcheck.perturb.places import places, rewritten
from rmcheck.perturb.prose import begins_with_prose, prose
from rmcheck.perturb.transformation import text_transformation

# Not after the marker of a list or a heading: the place of its text would move.
_BLANK = re.compile(r"(?<=[\w,;:!?'\"’”]) (?=\S)")
_LINE_END = re.compile(r"[^\s|`~](?=\r?\n)")
_PARAGRAPH = re.compile(r"(?<=\n)\n(?=\S)")
_WORD_BREAK = re.compile(r"(?<=[^\W\d_]) (?=[^\W\d_])")


@text_transformation("preserves", "response", "whitespace", idempotent=True)
def blank_ends(text: str, rng: random.Random, strength: float) -> str | None:
    """A blank (before code: a line break) and a line break around it; strength has no effect."""
    # White space before the first word may be the indentation of code, or would be.
    before = text if text[0].isspace() else f"{' ' if begins_with_prose(text) else chr(10)}{text}"
    return before if before.endswith("\n") else f"{before}\n"


@text_transformation("preserves", "response", "whitespace")
def doubled_blanks(text: str, rng: random.Random, strength: float) -> str | None:
    """Blanks between words doubled."""
    return rewritten(text, places(_BLANK, text, prose(text), lambda _: "  "), rng, strength)


@text_transformation("preserves", "response", "whitespace", idempotent=True)
def trailing_blanks(text: str, rng: random.Random, strength: float) -> str | None:
    """A blank at the end of lines; two of them would be a line break of Markdown."""
    return rewritten(
        text, places(_LINE_END, text, prose(text), lambda match: f"{match.group()} "), rng, strength
    )


@text_transformation("preserves", "response", "whitespace")
def blank_lines(text: str, rng: random.Random, strength: float) -> str | None:
    """One more blank line between paragraphs."""
    return rewritten(text, places(_PARAGRAPH, text, prose(text), lambda _: "\n\n"), rng, strength)


@text_transformation("preserves", "response", "whitespace", idempotent=True)
def windows_line_ends(text: str, rng: random.Random, strength: float) -> str | None:
    """Line ends as on Windows (CR and LF), in code too; strength has no effect."""
    return re.sub(r"(?<!\r)\n", "\r\n", text)


@text_transformation("preserves", "response", "whitespace", "unicode", idempotent=True)
def no_break_spaces(text: str, rng: random.Random, strength: float) -> str | None:
    """Non-breaking spaces for blanks between words."""
    found = places(_WORD_BREAK, text, prose(text), lambda _: "\u00a0")
    return rewritten(text, found, rng, strength)


@text_transformation("preserves", "response", "whitespace", "unicode", idempotent=True)
def zero_width(text: str, rng: random.Random, strength: float) -> str | None:
    """Zero-width spaces, which nobody sees, before blanks between words."""
    found = places(_WORD_BREAK, text, prose(text), lambda _: "\u200b ")
    return rewritten(text, found, rng, strength)


@text_transformation("preserves", "prompt", "whitespace", "prompt", idempotent=True)
def prompt_blank_ends(text: str, rng: random.Random, strength: float) -> str | None:
    """A line break before the prompt and after it; strength has no effect."""
    before = text if text[0].isspace() else f"\n{text}"
    return before if before.endswith("\n") else f"{before}\n"
