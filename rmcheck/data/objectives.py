"""Pairs as one of several objectives labels them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from rmcheck.data.dialogue import PreferencePair
from rmcheck.data.label import Label


def label_of(pair: PreferencePair, objective: str) -> Label | None:
    """What an objective says of a pair; None where it has no such label."""
    return next((each for each in pair.objectives if each.objective == objective), None)


def by_objective(pair: PreferencePair, objective: str) -> PreferencePair | None:
    """The pair with the side as `chosen` that is better by an objective; None without one.

    Its `ratings` are those of the objective; where only the better side is known it has none.
    `confidence` is kept where the objective agrees with the pair, since it is that label's. A pair
    whose sides are exchanged is another pair, so that scores of the one are not taken for those of
    the other: its id is `ID:OBJECTIVE`.
    """
    label = label_of(pair, objective)
    if label is None or label.better == "tie":
        return None
    if label.better == "chosen":
        return replace(pair, ratings=label.ratings)
    return replace(
        pair,
        id=f"{pair.id}:{objective}",
        chosen=pair.rejected,
        rejected=pair.chosen,
        confidence=None,
        ratings=label.turned().ratings,
        variants=tuple(
            replace(each, chosen=each.rejected, rejected=each.chosen) for each in pair.variants
        ),
        objectives=tuple(each.turned() for each in pair.objectives),
    )


def names_of(pairs: Iterable[PreferencePair]) -> dict[str, int]:
    """How many pairs have a label by each objective, in the order of the data."""
    found: dict[str, int] = {}
    for pair in pairs:
        for label in pair.objectives:
            found[label.objective] = found.get(label.objective, 0) + 1
    return found


def labelled(pairs: Sequence[PreferencePair], objective: str) -> tuple[PreferencePair, ...] | None:
    """The pairs as an objective labels them; None where no pair has a label by it.

    A pair without such a label, or with a tie, is left out.
    """
    if not any(label_of(pair, objective) for pair in pairs):
        return None
    found = (by_objective(pair, objective) for pair in pairs)
    return tuple(pair for pair in found if pair is not None)
