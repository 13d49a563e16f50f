"""The ratings of both sides of a pair, as data sets of preferences name their columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rmcheck.data.layouts import texts
from rmcheck.data.layouts.layout import NotAPair, Values

CHOSEN = ("score_chosen", "chosen_score", "chosen-rating", "chosen_rating", "rating_chosen")
REJECTED = (
    "score_rejected", "rejected_score", "rejected-rating", "rejected_rating", "rating_rejected",
)  # fmt: skip


def ratings_of(row: Values) -> tuple[float, float] | None:
    """The ratings of (chosen, rejected); None without both.

    Raises
    ------
    NotAPair
        If rmcheck's own key `ratings` has anything but numbers.
    """
    own = row.get("ratings")
    if isinstance(own, Mapping) and {"chosen", "rejected"} <= set(own):
        both = [texts.number(f"ratings.{side}", own[side]) for side in ("chosen", "rejected")]
        return both[0], both[1]
    return published(row)


def published(row: Values) -> tuple[float, float] | None:
    """The ratings under keys of others, which may mean anything."""
    try:
        return texts.number("", _first(row, CHOSEN)), texts.number("", _first(row, REJECTED))
    except NotAPair:
        return None


def _first(row: Values, keys: Sequence[str]) -> Any:
    return next((row[key] for key in keys if row.get(key) is not None), None)
