"""A label by objective: what the people who judged a pair said of one of several qualities."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from rmcheck.errors import did_you_mean

Better = Literal["chosen", "rejected", "tie"]
SIDES = ("chosen", "rejected")
BETTER = (*SIDES, "tie")
FORMS = '"chosen", "rejected", "tie" or {"chosen": number, "rejected": number}'


@dataclass(frozen=True)
class Label:
    """What one objective says of a pair.

    Attributes
    ----------
    objective
        Its name.
    better
        The side that is better by this objective, which need not be the pair's `chosen`.
    ratings
        Of (chosen, rejected), on any scale; None where only the better side is known.
    """

    objective: str
    better: Better
    ratings: tuple[float, float] | None = None

    @classmethod
    def rated(cls, objective: str, chosen: float, rejected: float) -> Label:
        """The label of two ratings.

        >>> Label.rated("safety", 1, 4).better
        'rejected'
        """
        better: Better = "tie"
        if chosen != rejected:
            better = "chosen" if chosen > rejected else "rejected"
        return cls(objective, better, (float(chosen), float(rejected)))

    def turned(self) -> Label:
        """The same label of the pair with its sides exchanged."""
        other: Mapping[Better, Better] = {"chosen": "rejected", "rejected": "chosen", "tie": "tie"}
        ratings = self.ratings and (self.ratings[1], self.ratings[0])
        return Label(self.objective, other[self.better], ratings)

    def as_data(self) -> str | dict[str, float]:
        """As a row of a file has it."""
        return self.better if self.ratings is None else dict(zip(SIDES, self.ratings, strict=True))


def read_labels(value: Any, note: Callable[[str], None]) -> tuple[Label, ...]:
    """The key `objectives` of a row, in the order of the row; mistakes go to `note`."""
    if value is None:
        return ()
    if not isinstance(value, dict) or not all(isinstance(name, str) and name for name in value):
        note(f"objectives must be a mapping of names to labels ({FORMS}), got {str(value)[:40]!r}")
        return ()
    found = (_label(name, given, note) for name, given in value.items() if given is not None)
    return tuple(label for label in found if label is not None)


def _label(name: str, given: Any, note: Callable[[str], None]) -> Label | None:
    where = f"objectives.{name[:40]}"
    if isinstance(given, str):
        if given in BETTER:
            return Label(name, given)  # type: ignore[arg-type]
        note(f"{where}: got {given[:40]!r}; {did_you_mean(given, BETTER)}")
        return None
    if not isinstance(given, dict) or set(given) != set(SIDES):
        note(f"{where}: expected {FORMS}, got {str(given)[:40]!r}")
        return None
    for side in SIDES:
        number = given[side]
        plain = isinstance(number, int | float) and not isinstance(number, bool)
        if not plain or not abs(number) < float("inf"):
            note(f"{where}.{side}: expected a finite number, got {number!r:.40}")
            return None
    return Label.rated(name, given["chosen"], given["rejected"])
