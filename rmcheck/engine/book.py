"""All scores of a session, each made once: in memory, through the cache on disk."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import cast

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from rmcheck.data import Dialogue
from rmcheck.record import ScoringRecord
from rmcheck.scoring.cache import CachedSource, ScoreStore
from rmcheck.sources import Partial, RewardSource


class ScoreBook:
    """Looks scores up by source and text; what is missing is scored in one pass a source."""

    def __init__(self, cache: Path) -> None:
        self._cache = cache
        self._store = ScoreStore(cache)
        self._wrapped: dict[int, tuple[RewardSource, CachedSource]] = {}
        self._scores: dict[int, dict[str, float]] = {}
        self._views: dict[tuple[int, str], RewardSource] = {}

    def fetch(self, source: RewardSource, dialogues: Iterable[Dialogue]) -> None:
        """Have every dialogue scored that is not known yet. A score file is only read."""
        if isinstance(source, Partial):
            for dialogue in dialogues:
                source.knows(dialogue)  # a file that cannot be read is told of now
                break
            return
        known = self._scores.setdefault(id(source), {})
        missing: dict[str, Dialogue] = {}
        for dialogue in dialogues:
            if dialogue.hash not in known:
                missing.setdefault(dialogue.hash, dialogue)
        if not missing:
            return
        wrapped = self._wrap(source)
        with self._lock():
            scores = wrapped.score(list(missing.values()))
        known.update(zip(missing, (float(score) for score in scores), strict=True))

    def view(self, source: RewardSource, suite: str) -> RewardSource:
        """A score file as the suite of that name sees it, made once; any other source as it is."""
        if not isinstance(source, Partial):
            return source
        key = (id(source), suite)
        if key not in self._views:
            self._views[key] = cast(RewardSource, source.within(suite))
        return self._views[key]

    def scores(self, source: RewardSource, dialogues: Sequence[Dialogue]) -> NDArray[np.float64]:
        """Scores in the order of `dialogues`, shape (n,)."""
        if isinstance(source, Partial):
            return source.score(dialogues)
        self.fetch(source, dialogues)
        known = self._scores[id(source)]
        return np.array([known[dialogue.hash] for dialogue in dialogues], dtype=np.float64)

    def knows(self, source: RewardSource, dialogue: Dialogue) -> bool:
        """Whether a score is there already, without scoring."""
        if isinstance(source, Partial):
            return source.knows(dialogue)
        return dialogue.hash in self._scores.get(id(source), {})

    def sources(self) -> list[RewardSource]:
        """The sources that scored anything, or whose scores were found in the cache."""
        return [source for source, _ in self._wrapped.values()]

    def counts(self) -> ScoringRecord:
        """How many scores were needed, came from the cache, were computed."""
        wrapped = [found for _, found in self._wrapped.values()]
        return ScoringRecord(
            needed=sum(found.needed for found in wrapped),
            cached=sum(found.cached for found in wrapped),
            computed=sum(found.computed for found in wrapped),
            remarks=self._remarks(),
            truncated=sum(getattr(source, "truncated", 0) for source in self.sources()),
        )

    def _remarks(self) -> list[str]:
        said = [*self._store.remarks]
        for source in self.sources():
            said += [f"{source.spec}: {remark}" for remark in getattr(source, "remarks", ())]
        return list(dict.fromkeys(said))

    def _wrap(self, source: RewardSource) -> CachedSource:
        if id(source) not in self._wrapped:
            self._wrapped[id(source)] = (source, CachedSource(source, self._store))
        return self._wrapped[id(source)][1]

    def _lock(self) -> AbstractContextManager[object]:
        """One process scores at a time; the others then find its scores in the cache."""
        try:
            self._cache.mkdir(parents=True, exist_ok=True)
        except OSError:
            return nullcontext()
        writable = os.access(self._cache, os.W_OK)
        return FileLock(self._cache / "scoring.lock") if writable else nullcontext()
