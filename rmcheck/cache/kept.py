"""Scores that a training needs of another source: asked once, then kept in the cache."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rmcheck.cache.source import CachedSource
from rmcheck.cache.store import ScoreStore
from rmcheck.data import Dialogue
from rmcheck.reward_source import Composed, Source
from rmcheck.scoring.rewards import checked


@dataclass(frozen=True)
class KeptScores:
    """Scores of any source, through the score cache; members of an ensemble are kept apart.

    It takes no lock on the cache: a training asks while its session holds it.

    Parameters
    ----------
    cache
        The folder of scores.
    """

    cache: Path

    def __call__(self, source: Source, dialogues: Sequence[Dialogue]) -> NDArray[np.float64]:
        """Rewards in input order, shape (n,), all finite.

        Raises
        ------
        SourceError
            If a score is missing or not finite.
        """
        if isinstance(source, Composed):
            rewards = np.stack([self(member, dialogues) for member in source.members])
            return checked(source.combined(rewards), dialogues, source.spec)
        store = ScoreStore(self.cache)
        try:
            return CachedSource(source, store).score(dialogues)
        finally:
            store.close()
