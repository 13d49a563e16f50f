"""Typing errors in long words, one to three of them; names, numbers and code have none."""

from __future__ import annotations

import random
import re
from collections.abc import Callable

from rmcheck.perturb.places import Place, rewritten
from rmcheck.perturb.prose import english
from rmcheck.perturb.transformation import text_transformation

# Six letters and more, so that the result is not another word (form and from), and no capital.
_WORD = re.compile(r"(?<![\w.@/\\#'’-])[a-z]{6,}(?![\w@/\\('’-]|\.\w)")
_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_BESIDE = {
    letter: row[max(0, place - 1) : place] + row[place + 1 : place + 2]
    for row in _ROWS
    for place, letter in enumerate(row)
}
"""The keys beside a key of the keyboard."""

Slip = Callable[[str, random.Random], "str | None"]


def _slipped(text: str, slip: Slip, rng: random.Random, strength: float) -> str | None:
    words = [match for span in english(text) for match in _WORD.finditer(text, *span)]
    rng.shuffle(words)
    errors, found = 1 + round(2 * strength), list[Place]()
    for match in words:
        after = slip(match.group(), rng)
        if after is not None:
            found.append(Place(match.start(), match.end(), after))
            if len(found) == errors:
                break
    return rewritten(text, sorted(found), rng, 1.0)


def _swap(word: str, rng: random.Random) -> str | None:
    # The first two letters and the last one stay: people read by them.
    inner = [at for at in range(2, len(word) - 2) if word[at] != word[at + 1]]
    if not inner:
        return None
    at = rng.choice(inner)
    return word[:at] + word[at + 1] + word[at] + word[at + 2 :]


def _drop(word: str, rng: random.Random) -> str:
    at = rng.randrange(2, len(word) - 1)
    return word[:at] + word[at + 1 :]


def _double(word: str, rng: random.Random) -> str:
    at = rng.randrange(2, len(word) - 1)
    return word[:at] + word[at] + word[at:]


def _neighbour(word: str, rng: random.Random) -> str:
    at = rng.randrange(2, len(word) - 1)
    return word[:at] + rng.choice(_BESIDE[word[at]]) + word[at + 1 :]


@text_transformation("preserves", "response", "typos", english=True)
def typo_swapped(text: str, rng: random.Random, strength: float) -> str | None:
    """Two letters swapped in one to three long words, more of them with more strength."""
    return _slipped(text, _swap, rng, strength)


@text_transformation("preserves", "response", "typos", english=True)
def typo_dropped(text: str, rng: random.Random, strength: float) -> str | None:
    """A letter missing in one to three long words, more of them with more strength."""
    return _slipped(text, _drop, rng, strength)


@text_transformation("preserves", "response", "typos", english=True)
def typo_doubled(text: str, rng: random.Random, strength: float) -> str | None:
    """A letter doubled in one to three long words, more of them with more strength."""
    return _slipped(text, _double, rng, strength)


@text_transformation("preserves", "response", "typos", english=True)
def typo_neighbour(text: str, rng: random.Random, strength: float) -> str | None:
    """The key beside the right one in one to three long words, more of them with more strength."""
    return _slipped(text, _neighbour, rng, strength)


@text_transformation("preserves", "prompt", "typos", "prompt", english=True)
def prompt_typos(text: str, rng: random.Random, strength: float) -> str | None:
    """Two letters swapped in one to three long words of the prompt, more with more strength."""
    return _slipped(text, _swap, rng, strength)
