"""Scores of texts under a budget: each new text costs one, a text asked again costs nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from rmcheck.checks.adversarial.claim import Breach, Claim, Limits
from rmcheck.data import Dialogue

Score = Callable[[Sequence[Dialogue]], NDArray[np.float64]]


class Ledger:
    """Asks for scores in batches and counts the new texts.

    Parameters
    ----------
    score
        Scores of dialogues, shape (n,).
    budget
        How many new texts may be scored.
    known
        Scores that are there already.
    limits
        What a claim is compared with.
    """

    def __init__(
        self, score: Score, budget: int, known: dict[Dialogue, float], limits: Limits
    ) -> None:
        self._score = score
        self._known = dict(known)
        self.limits = limits
        self.budget = budget
        self.used = 0
        self.batches = 0

    @property
    def left(self) -> int:
        """How many new texts may still be scored."""
        return self.budget - self.used

    def judge(self, claims: Sequence[Claim], most: int | None = None) -> list[Breach | None]:
        """The breach of each claim, all scored in one batch.

        None for a claim that the budget (or `most` new texts, if that is less) does not cover.
        """
        room = self.left if most is None else min(most, self.left)
        wanted: dict[Dialogue, None] = {}
        covered = []
        for claim in claims:
            new = [text for text in claim.texts() if text not in self._known]
            more = [text for text in new if text not in wanted]
            fits = len(wanted) + len(more) <= room
            covered.append(fits)
            if fits:
                wanted.update(dict.fromkeys(more))
        self._learn(list(wanted))
        return [
            claim.breach(self._known.__getitem__, self.limits) if fits else None
            for claim, fits in zip(claims, covered, strict=True)
        ]

    def _learn(self, texts: Sequence[Dialogue]) -> None:
        if not texts:
            return
        found = self._score(texts)
        self._known.update(zip(texts, map(float, found), strict=True))
        self.used += len(texts)
        self.batches += 1
