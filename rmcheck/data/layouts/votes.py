"""Two responses and a vote between them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rmcheck.data.dialogue import PreferencePair, Prompt
from rmcheck.data.layouts.layout import NoPreference, NotAPair, pair

TIES = ("tie", "tie (bothbad)", "both_bad", "bothbad", "both bad", "tie (both bad)", "draw")


def voted(
    prompt: Prompt,
    first: str,
    second: str,
    winner: int,
    *,
    name: str | None = None,
    tags: Iterable[str] = (),
    confidence: float | None = None,
    ratings: tuple[float, float] | None = None,
) -> PreferencePair:
    """The pair of two responses of which the one with the index `winner` is better.

    `ratings` are those of the first and the second response.
    """
    good, bad = (first, second) if winner == 0 else (second, first)
    turned = ratings if ratings is None or winner == 0 else (ratings[1], ratings[0])
    return pair(prompt, good, bad, name=name, tags=tags, confidence=confidence, ratings=turned)


def named(where: str, value: Any, winners: Mapping[str, int]) -> int:
    """The index that a vote names, in any case.

    Raises
    ------
    NoPreference
        For a tie.
    NotAPair
        For any other value.
    """
    said = str(value).strip().lower() if isinstance(value, str | int | float) else None
    if said in TIES:
        raise NoPreference(f"{where} is a tie")
    found = {key.lower(): index for key, index in winners.items()}
    if said is None or said not in found:
        allowed = ", ".join(winners)
        raise NotAPair(f"{where}: expected {allowed} or a tie, got {str(value)[:40]!r}")
    return found[said]


def signed(where: str, value: float) -> int:
    """The index that the sign of a number names: negative the first, positive the second.

    Raises
    ------
    NoPreference
        For zero.
    """
    if value == 0:
        raise NoPreference(f"{where} is 0, a tie")
    return int(value > 0)
