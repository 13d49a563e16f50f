"""A source that asks for scores only where the store on disk has none."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import closing
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rmcheck.cache.store import ScoreStore
from rmcheck.data import Dialogue
from rmcheck.reward_source import BothOrders, Partial, Rechecking, Source, Streaming
from rmcheck.scoring.rewards import checked

if TYPE_CHECKING:
    from rmcheck.shards.spread import Spread

CHUNK = 1000
"""Dialogues at a time for a source that gives its scores all at once."""
RECHECKED = 4
"""Cached scores that are compared once with what the source gives now, where it may change."""
LEAST, SHARE = 20_000, 4
"""The first look at the disk takes so many scores, or so many times those asked for: the checks of
a gate ask for most of a model's scores, a few hundred at a time."""
PAUSE = 1.0
"""Seconds between two writes; a killed run loses at most the scores of that time."""


class CachedSource(Source):
    """A reward source that scores only texts without a cached score.

    Parameters
    ----------
    source
        Any reward source. Scores of one without a fingerprint are kept for the session only; a
        score file is not cached, since it is read by id, not by text.
    store
        The cache on disk.
    spread
        An engine that scores what is missing, for sources that its workers can open.

    Attributes
    ----------
    needed, cached, computed
        Different texts asked for, found on disk, and scored now.
    """

    def __init__(self, source: Source, store: ScoreStore, spread: Spread | None = None) -> None:
        self.source = source
        self.store = store
        self.spread = spread
        self.needed = 0
        self.cached = 0
        self.computed = 0
        # Scores of this session stay in memory: a check may ask again, and the disk may be gone.
        self._known: dict[str, float] = {}
        self._peeked: dict[str, float] = {}  # and all of `_known` as of `_merged` of them
        self._merged = 0
        self._glanced = False
        self._rechecked = False

    @property
    def spec(self) -> str:
        """The wrapped source's name."""
        return self.source.spec

    @property
    def fingerprint(self) -> str | None:
        """The wrapped source's fingerprint."""
        return self.source.fingerprint

    @property
    def scores_new_text(self) -> bool:
        """Whether the wrapped source can score any text."""
        return self.source.scores_new_text

    def knows(self, dialogue: Dialogue) -> bool:
        """Whether `score` has a score for exactly this text."""
        return self.source.knows(dialogue) if isinstance(self.source, Partial) else True

    def score(self, dialogues: Sequence[Dialogue]) -> NDArray[np.float64]:
        """Rewards in input order, shape (n,); equal texts are scored once."""
        if not (self.source.scores_new_text or isinstance(self.source, BothOrders)):
            return self._asked_directly(dialogues)
        known = self._known
        try:
            return np.array([known[dialogue.hash] for dialogue in dialogues], dtype=np.float64)
        except KeyError:
            self.compute(self.missing(dialogues))
        return np.array([known[dialogue.hash] for dialogue in dialogues], dtype=np.float64)

    def known(self, hashes: Sequence[str]) -> NDArray[np.float64] | None:
        """The scores of texts that are in memory, by their hashes; None if one is missing."""
        try:
            return np.array(list(map(self._known.__getitem__, hashes)), dtype=np.float64)
        except KeyError:
            return None

    def knows_all(self, hashes: Iterable[str]) -> bool:
        """Whether the scores of all these texts are in memory."""
        return all(map(self._known.__contains__, hashes))

    def unknown(self, dialogues: Iterable[Dialogue]) -> list[Dialogue]:
        """Those of the dialogues whose scores are not in memory."""
        known = self._known
        return [dialogue for dialogue in dialogues if dialogue.hash not in known]

    def missing(self, dialogues: Iterable[Dialogue]) -> list[Dialogue]:
        """The different texts that are neither in memory nor on disk."""
        asked: dict[str, Dialogue] = {}
        for dialogue in self.unknown(dialogues):
            asked.setdefault(dialogue.hash, dialogue)
        if not asked:
            return []
        fingerprint = self.source.fingerprint
        found = self.store.get(fingerprint, asked) if fingerprint is not None else {}
        if fingerprint is not None and found:
            self._recheck(asked, found)
            self.store.saw(fingerprint, self.spec)
        self._known |= found
        self.needed += len(asked)
        self.cached += len(found)
        return [dialogue for key, dialogue in asked.items() if key not in found]

    def peek(self, hashes: Sequence[str]) -> list[float] | None:
        """The scores of texts that memory or the disk has, by their hashes; None if one is missing.

        Those of the disk are not to be trusted, nor do they count as asked for, before they were
        found equal to trusted ones and adopted.
        """
        if len(self._known) != self._merged:
            self._peeked |= self._known
            self._merged = len(self._known)
        found = _of_each(self._peeked, hashes)
        if found is None and self.source.fingerprint is not None:
            self._look(self.source.fingerprint, hashes)
            found = _of_each(self._peeked, hashes)
        return found

    def _look(self, fingerprint: str, hashes: Sequence[str]) -> None:
        """Add what the disk has of these texts to `_peeked`; what is in memory stays."""
        unread = [key for key in hashes if key not in self._peeked]
        if not self._glanced:
            self._glanced = True
            many = self.store.glance(fingerprint, max(LEAST, SHARE * len(unread)))
            self._peeked = many | self._peeked
            unread = [key for key in unread if key not in self._peeked]
        if unread:
            self._peeked |= self.store.peek(fingerprint, unread)

    def remembered(self, hashes: Sequence[str]) -> list[float] | None:
        """The scores of texts that this session has got; None if one is missing."""
        return _of_each(self._known, hashes)

    def adopt(self, hashes: Iterable[str]) -> None:
        """Take scores that were peeked at for those of the texts, asked for and found on disk."""
        found = {key: self._peeked[key] for key in hashes if key not in self._known}
        if not found:
            return
        fingerprint = self.source.fingerprint
        if fingerprint is not None and not self.cached:
            self.store.saw(fingerprint, self.spec)
        self._known |= found
        self.needed += len(found)
        self.cached += len(found)

    def _recheck(self, asked: Mapping[str, Dialogue], found: Mapping[str, float]) -> None:
        """Have a source that may change behind its fingerprint look at a few cached scores."""
        if not self._rechecked and isinstance(self.source, Rechecking):
            keys = sorted(found)[:RECHECKED]
            self.source.recheck([asked[key] for key in keys], [found[key] for key in keys])
        self._rechecked = True

    def _asked_directly(self, dialogues: Sequence[Dialogue]) -> NDArray[np.float64]:
        self.needed += len(dialogues)
        self.computed += len(dialogues)
        return checked(self.source.score(dialogues), dialogues, self.spec)

    def compute(self, missing: Sequence[Dialogue]) -> None:
        """Score different texts now; keeps the finished scores even if the rest fails."""
        if not missing:
            return
        fingerprint = self.source.fingerprint
        unwritten: dict[str, float] = {}
        written = time.monotonic()
        try:
            with closing(self._pieces(missing)) as pieces:  # a source may compute ahead of us
                for members, values in pieces:
                    for member, value in zip(members, values, strict=True):
                        unwritten[missing[int(member)].hash] = float(value)
                    self.computed += len(members)
                    if fingerprint is not None and time.monotonic() - written > PAUSE:
                        self.store.put(fingerprint, unwritten)
                        self._known |= unwritten
                        unwritten = {}
                        written = time.monotonic()
        finally:
            self._known |= unwritten
            if fingerprint is not None:
                self.store.put(fingerprint, unwritten)
                self.store.saw(fingerprint, self.spec)

    def _pieces(
        self, missing: Sequence[Dialogue]
    ) -> Generator[tuple[NDArray[np.int64], NDArray[np.float64]]]:
        pieces = None
        if self.spread is not None and self.spread.takes(self.source):
            pieces = self.spread.stream(self.source, missing)
        elif isinstance(self.source, Streaming):
            pieces = self.source.stream(missing)
        if pieces is not None:
            for members, values in pieces:
                asked = [missing[int(member)] for member in members]
                yield members, checked(values, asked, self.spec)
            return
        for start in range(0, len(missing), CHUNK):
            part = missing[start : start + CHUNK]
            values = checked(self.source.score(part), part, self.spec)
            yield np.arange(start, start + len(part), dtype=np.int64), values


def _of_each(scores: Mapping[str, float], hashes: Sequence[str]) -> list[float] | None:
    """The score of each text; None if one is missing."""
    try:
        return list(map(scores.__getitem__, hashes))
    except KeyError:
        return None
