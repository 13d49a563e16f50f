"""What a pair's own row says against its label: ratings, and verdicts in a column of their own.

In published data a few such rows are usual: a model rated the responses after people had chosen.
They are read by `chosen` and `rejected`, counted and told. Where most rows are such, the columns
are exchanged or a low rating is the better one, which is an error.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rmcheck.data.dialogue import PreferencePair, ResponseSet
from rmcheck.data.layouts.ratings import CHOSEN as RATING_KEYS
from rmcheck.data.layouts.ratings import published

VERDICTS = ("winner", "preference", "preferred", "label", "better", "verdict")
"""Columns with the better side in words."""
_SIDES = ("chosen", "rejected", "tie")
RATED = "chosen is rated below rejected"
SAME = "chosen and rejected are the same text"
BEST = "a response of 'best' is rated below another"
MOST = 0.5
_REASONING = ("reasoning_content", "reasoning", "thinking")
"""Keys of a message with what a model thought before it answered."""


@dataclass
class Doubts:
    """What is doubtful in the rows of a file.

    Parameters
    ----------
    found
        The line of each such row, and what is odd about it.
    said
        How many rows say which side is better besides `chosen` and `rejected`, by how they do.
    """

    found: list[tuple[int, str]] = field(default_factory=list)
    said: dict[str, int] = field(default_factory=dict)

    def look(self, line: int, values: Mapping[str, Any], item: object) -> None:
        """Look at a pair and its row; `values` are empty where the layout reads them itself."""
        if isinstance(item, ResponseSet):
            self._look_at_best(line, item)
        if not isinstance(item, PreferencePair):
            return
        if item.chosen == item.rejected:
            self.found.append((line, SAME))
        if not values and item.ratings is None:
            return
        key = _reasoning(values)
        if key is not None:
            self.found.append((line, f"'{key}' of the answers is not scored"))
        ratings = item.ratings or published(values)
        if ratings is not None and ratings[0] != ratings[1]:
            self._count(RATED, line, ratings[0] < ratings[1])
        for key in VERDICTS:
            given = values.get(key)
            side = given.strip().lower() if isinstance(given, str) else ""
            if side in _SIDES:
                self._count(f"'{key}' is not 'chosen'", line, side != "chosen")

    def _look_at_best(self, line: int, item: ResponseSet) -> None:
        if item.ratings is None:
            return
        others = [one for place, one in enumerate(item.ratings) if place not in item.best]
        if others:
            best = min(item.ratings[place] for place in item.best)
            self._count(BEST, line, best < max(others))

    def _count(self, odd: str, line: int, against: bool) -> None:
        self.said[odd] = self.said.get(odd, 0) + 1
        if against:
            self.found.append((line, odd))

    def mistakes(self) -> list[str]:
        """What is odd of more than half of the rows that say something; a message for each."""
        found = []
        for odd, count in self.said.items():
            against = sum(said == odd for _, said in self.found)
            if against > MOST * count:
                found.append(
                    f"{odd} in {against:,} of the {count:,} rows that say so; {_remedy(odd)}"
                )
        return found


def _reasoning(values: Mapping[str, Any]) -> str | None:
    """The key under which the last message of a side has reasoning; None without any."""
    for side in ("chosen", "rejected"):
        given = values.get(side)
        last = given[-1] if isinstance(given, list) and given else given
        if isinstance(last, Mapping):
            for key in _REASONING:
                if isinstance(last.get(key), str) and last[key].strip():
                    return key
    return None


_KEYS = frozenset({*VERDICTS, "ratings", *RATING_KEYS})


def _remedy(odd: str) -> str:
    if odd == BEST:
        return "correct 'best', or remove 'ratings' if a low one is better"
    return (
        "exchange the columns (columns: {chosen: rejected, rejected: chosen}), or remove the "
        "column that contradicts them"
    )


def needs_a_look(values: Mapping[str, Any]) -> bool:
    """Whether a row has a key that may contradict its label."""
    return not _KEYS.isdisjoint(values)
