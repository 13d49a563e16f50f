"""Transformations of quotes, dashes and the forms of characters; a reader sees the same words."""

from __future__ import annotations

import random
import re
import unicodedata
from typing import Literal

from rmcheck.perturb.places import Place, places, rewritten
from rmcheck.perturb.prose import english, prose
from rmcheck.perturb.transformation import text_transformation

_APOSTROPHE = re.compile(r"(?<=[a-zA-Z])'(?=[a-z])")
_STRAIGHT_ONES = re.compile(
    rf"""(?<![\w"])"(?=\S)(?P<inside>[^"\n]{{1,500}}?)(?<=\S)"(?![\w"])|{_APOSTROPHE.pattern}"""
)
# Both quotes of a quotation are one place; German begins it with a low one.
_CURLY = re.compile("[“„][^„“”\n]{1,500}[“”]|[‘’„“”]")
_STRAIGHT = str.maketrans({"‘": "'", "’": "'", "“": '"', "”": '"', "„": '"'})
# Words on both sides: between single letters it is a minus.
_HYPHENS = re.compile(r"(?<=[^\W\d_]{2}) --? (?=[^\W\d_]{2})")
_DASH = re.compile(r"(?<=\w)\s?[–—]\s?(?=\w)")
_DOTS = re.compile(r"(?<=\w)\.\.\.(?!\.)")


@text_transformation("preserves", "response", "typography", idempotent=True, english=True)
def curly_quotes(text: str, rng: random.Random, strength: float) -> str | None:
    """Typographic quotes and apostrophes for straight ones."""
    found = places(_STRAIGHT_ONES, text, english(text), _curly)
    return rewritten(text, found, rng, strength)


def _curly(match: re.Match[str]) -> str:
    # Both quotes of a quotation, and the apostrophes in it, are one place.
    inside = match["inside"]
    return "’" if inside is None else f"“{_APOSTROPHE.sub('’', inside)}”"


@text_transformation("preserves", "response", "typography", idempotent=True)
def straight_quotes(text: str, rng: random.Random, strength: float) -> str | None:
    """Straight quotes and apostrophes for typographic ones."""
    found = places(_CURLY, text, prose(text), _straight)
    return rewritten(text, found, rng, strength)


def _straight(match: re.Match[str]) -> str:
    return match.group().translate(_STRAIGHT)


@text_transformation("preserves", "response", "typography", idempotent=True)
def long_dashes(text: str, rng: random.Random, strength: float) -> str | None:
    """Dashes for hyphens between blanks."""
    return rewritten(text, places(_HYPHENS, text, prose(text), lambda _: " – "), rng, strength)


@text_transformation("preserves", "response", "typography", idempotent=True)
def plain_dashes(text: str, rng: random.Random, strength: float) -> str | None:
    """Hyphens for dashes."""
    found = places(_DASH, text, prose(text), lambda match: _hyphen(text, match))
    return rewritten(text, found, rng, strength)


def _hyphen(text: str, match: re.Match[str]) -> str | None:
    if "\n" in match.group():
        return None
    # Between digits it is a range (5–7), or a minus with blanks around it, which stays.
    if text[match.start() - 1].isdigit() and text[match.end()].isdigit():
        return "-" if len(match.group()) == 1 else None
    return " - "


@text_transformation("preserves", "response", "typography", idempotent=True)
def one_ellipsis(text: str, rng: random.Random, strength: float) -> str | None:
    """One character for the three dots of an ellipsis."""
    return rewritten(text, places(_DOTS, text, prose(text), lambda _: "…"), rng, strength)


@text_transformation("preserves", "response", "unicode", idempotent=True)
def composed(text: str, rng: random.Random, strength: float) -> str | None:
    """Letters with accents as one character each (NFC); strength has no effect."""
    return _normal(text, "NFC")


@text_transformation("preserves", "response", "unicode", idempotent=True)
def decomposed(text: str, rng: random.Random, strength: float) -> str | None:
    """Letters and their accents as several characters (NFD); strength has no effect."""
    return _normal(text, "NFD")


def _normal(text: str, form: Literal["NFC", "NFD"]) -> str | None:
    if unicodedata.is_normalized(form, text):
        return None
    found = [
        Place(start, end, unicodedata.normalize(form, text[start:end]))
        for start, end in prose(text)
    ]
    return rewritten(text, found, random.Random(0), 1.0)
