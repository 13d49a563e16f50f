"""Copies of training pairs whose texts are transformed and whose label stays."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, Literal

import numpy as np
from annotated_types import Ge, Gt, Le, MinLen
from numpy.typing import NDArray
from pydantic import AfterValidator, ConfigDict

from rmcheck import perturb
from rmcheck.data import Dialogue, PreferencePair
from rmcheck.perturb import Transformation

Sides = Literal["chosen", "rejected", "both"]


def _known(names: tuple[str, ...]) -> tuple[str, ...]:
    perturb.chosen(names)  # raises ValueError with the nearest name
    return names


@dataclass(frozen=True, kw_only=True)
class Augment:
    """Transformed copies of the training pairs.

    What preserves a text is done to one side or to both. What degrades a response, or makes it only
    look better, is done to the rejected side alone, so the label stays right. Held-out pairs are
    not augmented.

    Parameters
    ----------
    transformations
        Names, groups, or a promise (`preserves`: all that make it); each copy draws one of those
        that apply.
    copies
        Copies of each pair.
    strength
        The share of the places in a text that are changed.
    seed
        Seed of the draws.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid", allow_inf_nan=False)

    transformations: Annotated[tuple[str, ...], MinLen(1), AfterValidator(_known)]
    copies: Annotated[int, Ge(1), Le(100)] = 1
    strength: Annotated[float, Gt(0), Le(1)] = perturb.DEFAULT_STRENGTH
    seed: Annotated[int, Ge(0)] = 0

    def drawn(self) -> list[Transformation]:
        """The transformations that its names and groups stand for now."""
        return perturb.chosen(self.transformations)


@dataclass(frozen=True)
class Augmented:
    """Training pairs and their copies; `of` (n,) has for each the row of the original."""

    pairs: list[PreferencePair]
    of: NDArray[np.int64]


def augmented(pairs: Sequence[PreferencePair], how: Augment | None) -> Augmented:
    """The pairs, each followed by its copies; a copy to which nothing applies is left out.

    Parameters
    ----------
    pairs
        Training pairs.
    how
        None: no copies.
    """
    if how is None:
        return Augmented(list(pairs), np.arange(len(pairs), dtype=np.int64))
    choices = how.drawn()
    found: list[PreferencePair] = []
    rows: list[int] = []
    for row, pair in enumerate(pairs):
        others = _of_another_prompt(pairs, row)
        made = [pair]
        for number in range(how.copies):
            rng = random.Random(f"{how.seed}|{number}|{pair.hash}")
            copy = _copy(pair, rng, choices, how, others)
            if copy is not None and all(copy.hash != known.hash for known in made):
                made.append(replace(copy, id=f"{pair.id}~{number}"))
        found += made
        rows += [row] * len(made)
    return Augmented(found, np.array(rows, dtype=np.int64))


MOST_OTHERS = 8
"""How many texts of other prompts a transformation may borrow from."""


def _of_another_prompt(pairs: Sequence[PreferencePair], row: int) -> list[Dialogue]:
    """Chosen sides of the next pairs with another prompt."""
    found: list[Dialogue] = []
    for step in range(1, len(pairs)):
        other = pairs[(row + step) % len(pairs)]
        if other.group != pairs[row].group:
            found.append(other.dialogues()[0])
        if len(found) == MOST_OTHERS:
            break
    return found


def _copy(
    pair: PreferencePair,
    rng: random.Random,
    choices: Sequence[Transformation],
    how: Augment,
    others: Sequence[Dialogue],
) -> PreferencePair | None:
    """A copy by the first transformation, in random order, that applies."""
    for each in rng.sample(list(choices), len(choices)):
        sides = _sides(each, rng)
        seed = rng.randrange(2**32)
        chosen, rejected = (
            each.copy(side, seed=seed, strength=how.strength, others=others)
            if sides in (name, "both")
            else None
            for name, side in zip(("chosen", "rejected"), pair.dialogues(), strict=True)
        )
        if chosen is None and rejected is None:
            continue
        changed = chosen or rejected
        assert changed is not None
        return replace(
            pair,
            prompt=changed.prompt,
            chosen=chosen.response if chosen else pair.chosen,
            rejected=rejected.response if rejected else pair.rejected,
            variants=(),
        )
    return None


def _sides(each: Transformation, rng: random.Random) -> Sides:
    if each.touches != "response":
        return "both"  # a pair has one prompt
    if each.promise != "preserves":
        return "rejected"
    drawn: Sides = rng.choice(("chosen", "rejected", "both"))
    return drawn
