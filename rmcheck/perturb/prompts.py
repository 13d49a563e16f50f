"""Transformations of the prompt that change nothing about what is asked."""

from __future__ import annotations

import random

from rmcheck.perturb.transformation import text_transformation

_NAMES = ("blue_river", "oak_tree", "quiet_hill", "paper_boat", "long_road", "green_tea")
_OPENINGS = ("Hello!", "Hi there!", "Good day!", "Hello, I hope you are well.")
_CLOSINGS = ("Thank you!", "Many thanks in advance.", "Thanks for your help!")
_QUOTES = '"""'


@text_transformation("preserves", "prompt", "prompt")
def prompt_url(text: str, rng: random.Random, strength: float) -> str | None:
    """A URL after the prompt; strength has no effect."""
    return f"{text}\n\nhttps://example.com/p/{rng.randrange(1000, 10000)}"


@text_transformation("preserves", "prompt", "prompt")
def prompt_user_name(text: str, rng: random.Random, strength: float) -> str | None:
    """A user name after the prompt; strength has no effect."""
    return f"{text}\n\n@{rng.choice(_NAMES)}{rng.randrange(10, 100)}"


@text_transformation("preserves", "prompt", "prompt", idempotent=True)
def prompt_quoted(text: str, rng: random.Random, strength: float) -> str | None:
    """The prompt in triple quotes; strength has no effect."""
    return None if _QUOTES in text else f"{_QUOTES}\n{text}\n{_QUOTES}"


@text_transformation("preserves", "prompt", "prompt", "politeness", english=True)
def prompt_polite(text: str, rng: random.Random, strength: float) -> str | None:
    """A greeting before the prompt and thanks after it; strength has no effect."""
    between = "\n\n" if text[0] in " \t#>`|-*" else " "
    return f"{rng.choice(_OPENINGS)}{between}{text.rstrip()}\n\n{rng.choice(_CLOSINGS)}"
