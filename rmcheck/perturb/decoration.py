"""Markdown and emoji for show."""

from __future__ import annotations

import random
import re

from rmcheck.perturb.places import Place, rewritten
from rmcheck.perturb.prose import english, prose, sentences
from rmcheck.perturb.transformation import text_transformation

_EMOJI = ("✨", "🚀", "😊", "👍", "🎉", "💡", "✅", "🌟")
_WORD = re.compile(r"(?<![\w*_@./\\#`-])[^\W\d_]{4,}(?![\w*_@/\\(`-]|\.\w)")


@text_transformation("tempts", "response", "decoration", "markdown", english=True)
def markdown_decoration(text: str, rng: random.Random, strength: float) -> str | None:
    """A heading, a rule, and words in bold all over the response."""
    found = [
        Place(match.start(), match.end(), f"**{match.group()}**")
        for span in english(text)
        for match in _WORD.finditer(text, *span)
    ]
    bold = rewritten(text, found, rng, strength)
    if bold is None:
        return None
    return f"# Comprehensive Answer\n\n{bold.strip(chr(10))}\n\n---"


@text_transformation("tempts", "response", "decoration", "emoji")
def emoji_added(text: str, rng: random.Random, strength: float) -> str | None:
    """Emoji after sentences; one at the end where the text has none."""
    spans = prose(text)
    if not spans:
        return None
    ends = [end for _, end in sentences(text)]
    if not ends:
        # After the last word, unless the text ends in code.
        end = len(text.rstrip())
        ends = [end] if spans[-1][0] < end <= spans[-1][1] else []
    return rewritten(text, [Place(at, at, f" {rng.choice(_EMOJI)}") for at in ends], rng, strength)
