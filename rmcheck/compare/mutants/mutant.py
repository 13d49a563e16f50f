"""A reward source with a vice: another source's scores, changed by a dose of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray

from rmcheck.compare.mutants.vices import Facts, Texts, Vice
from rmcheck.data import Dialogue
from rmcheck.engine.book import ScoreBook
from rmcheck.reward_source import ManySided, Partial, Source, completed
from rmcheck.spec import redacted


@dataclass(frozen=True)
class Dose:
    """So much of a vice; of none (the model as it is) without a vice."""

    vice: Vice | None = None
    amount: float = 0.0

    @property
    def name(self) -> str:
        """For messages."""
        return f"{self.vice.name} × {self.amount:g}" if self.vice else "unchanged"


Known = Callable[[Source], Facts]
"""The facts of a source or of one of its objectives."""


class Mutant(Source):
    """Another source's scores with a dose of a vice; they are kept for the session only.

    Parameters
    ----------
    base
        The model itself.
    book
        Where the model's own scores are looked up, and scored if they are missing.
    dose
        What is added.
    facts
        What is known of the model's scores.
    """

    def __init__(self, base: Source, book: ScoreBook, dose: Dose, facts: Known) -> None:
        self._base = base
        self._book = book
        self._dose = dose
        self._facts = facts

    @property
    def spec(self) -> str:
        """The model's, with the dose."""
        return f"{redacted(self._base.spec)} [{self._dose.name}]"

    @property
    def scores_new_text(self) -> bool:
        """The model's."""
        return self._base.scores_new_text

    def score(self, dialogues: Sequence[Dialogue]) -> NDArray[np.float64]:
        """The model's scores with the dose, shape (n,)."""
        scores = self._own(dialogues)
        vice = self._dose.vice
        if vice is None or not len(scores):
            return scores
        return vice.planted(
            Texts(
                scores=scores,
                dialogues=dialogues,
                dose=self._dose.amount,
                facts=self._facts(self._base),
                rescore=self._own,
            )
        )

    def _own(self, dialogues: Sequence[Dialogue]) -> NDArray[np.float64]:
        return self._book.scores(self._base, dialogues)

    def _of(self, base: Source) -> Mutant:
        return mutant(base, self._book, self._dose, self._facts)


class SidedMutant(Mutant):
    """A mutant of a model with several rewards."""

    def with_objective(self, objective: str) -> Mutant:
        """The mutant of one of them."""
        side = cast(ManySided, self._base).with_objective(objective)
        return self._of(completed(side, self._base.spec))


class PartialMutant(SidedMutant):
    """A mutant of a score file."""

    def knows(self, dialogue: Dialogue) -> bool:
        """Whether the file has a score for this text."""
        return cast(Partial, self._base).knows(dialogue)

    def within(self, suite: str) -> Mutant:
        """The mutant of the file as that suite sees it."""
        return self._of(self._book.view(self._base, suite))

    def ids(self, *, own: bool = False) -> frozenset[str]:
        """The file's."""
        return cast(Partial, self._base).ids(own=own)


def mutant(base: Source, book: ScoreBook, dose: Dose, facts: Known) -> Mutant:
    """A mutant of the kind that the model allows."""
    if isinstance(base, Partial):
        return PartialMutant(base, book, dose, facts)
    kind = SidedMutant if isinstance(base, ManySided) else Mutant
    return kind(base, book, dose, facts)
