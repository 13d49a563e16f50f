"""What a pair's own row says against its label: ratings, and verdicts in a column of their own.

In published data a few such rows are usual: a model rated the responses after people had chosen.
They are read by `chosen` and `rejected`, counted and told. Where most rows are such, the columns
are exchanged or a low rating is the better one, which is an error.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rmcheck.data.dialogue import PreferencePair
from rmcheck.data.layouts.ratings import CHOSEN as RATING_KEYS
from rmcheck.data.layouts.ratings import published

VERDICTS = ("winner", "preference", "preferred", "label", "better", "verdict")
"""Columns with the better side in words."""
_SIDES = ("chosen", "rejected", "tie")
RATED = "chosen is rated below rejected"
SAME = "chosen and rejected are the same text"
MOST = 0.5


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
        if not isinstance(item, PreferencePair):
            return
        if item.chosen == item.rejected:
            self.found.append((line, SAME))
        if not values and item.ratings is None:
            return
        ratings = item.ratings or published(values)
        if ratings is not None and ratings[0] != ratings[1]:
            self._count(RATED, line, ratings[0] < ratings[1])
        for key in VERDICTS:
            given = values.get(key)
            side = given.strip().lower() if isinstance(given, str) else ""
            if side in _SIDES:
                self._count(f"'{key}' is not 'chosen'", line, side != "chosen")

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
                    f"{odd} in {against:,} of the {count:,} rows that say so; exchange the columns "
                    "(columns: {chosen: rejected, rejected: chosen}), or remove the column that "
                    "contradicts them"
                )
        return found


_KEYS = frozenset({*VERDICTS, "ratings", *RATING_KEYS})


def needs_a_look(values: Mapping[str, Any]) -> bool:
    """Whether a row has a key that may contradict its label."""
    return not _KEYS.isdisjoint(values)
