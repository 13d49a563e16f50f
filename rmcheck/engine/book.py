"""All scores of a session, computed once: kept in memory and in the cache on disk."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from rmcheck.cache.source import CachedSource
from rmcheck.cache.store import ScoreStore
from rmcheck.data import Dialogue, PreferencePair, sides_of
from rmcheck.data.pairs import Sides
from rmcheck.engine import orders
from rmcheck.engine.bar import SessionBar
from rmcheck.engine.trainings import train_missing
from rmcheck.errors import SourceError
from rmcheck.progress import NoProgress
from rmcheck.record.run import ScoringRecord
from rmcheck.record.served import RequestsRecord
from rmcheck.reward_source import (
    BothOrders,
    ByPairs,
    Composed,
    Partial,
    Source,
    Streaming,
    completed,
)
from rmcheck.scoring.rewards import checked
from rmcheck.spec import redacted

if TYPE_CHECKING:
    from filelock import BaseFileLock

    from rmcheck.shards.spread import Spread


@dataclass
class _Asked:
    """A model, the sources that refer to it, and the texts that it must score."""

    cached: CachedSource
    sources: list[Source] = field(default_factory=list)
    unknown: list[Dialogue] = field(default_factory=list)


class ScoreBook:
    """Looks scores up by source and text; what is missing is scored in one pass a source.

    Parameters
    ----------
    cache
        The folder of scores that other sessions made.
    bar
        The session's progress bar, where its sources report to one.
    spread
        The engine that scores what is missing, if not this process.
    """

    def __init__(
        self, cache: Path, bar: SessionBar | None = None, spread: Spread | None = None
    ) -> None:
        self._cache = cache
        self._spread = spread
        self._bar = bar or SessionBar(NoProgress())
        self._store = ScoreStore(cache)
        self._wrapped: dict[int, tuple[Source, CachedSource]] = {}
        self._by_fingerprint: dict[str, CachedSource] = {}
        self._asked: dict[tuple[int, int], tuple[Partial, Sides, NDArray[np.float64]]] = {}
        self._views: dict[tuple[int, str], tuple[Source, Source]] = {}
        self._passes = 0

    def fetch(self, source: Source, dialogues: Iterable[Dialogue]) -> None:
        """Have every dialogue scored that is not known yet. A score file is only read."""
        for error in self.fetch_all([(source, dialogues)]).values():
            raise error

    def fetch_all(
        self, wanted: Iterable[tuple[Source, Iterable[Dialogue]]]
    ) -> dict[int, Exception]:
        """Have all scored that is not known yet: one pass a model, one bar over all of it.

        Returns
        -------
        What went wrong, by the id of the source: one that fails stops no other.
        """
        failed: dict[int, Exception] = {}
        asked: dict[int, _Asked] = {}
        made_of: dict[int, tuple[Source, ...]] = {}
        for source, given in _apart(wanted, made_of):
            # What cannot be asked of a source that compares is refused where its score is needed.
            dialogues = orders.asked(given) if isinstance(source, BothOrders) else given
            try:
                cached = self._ready(source, dialogues)
            except Exception as error:  # another package's source raises what it likes
                failed[id(source)] = error
                continue
            if cached is not None:
                entry = asked.setdefault(id(cached), _Asked(cached))
                entry.sources.append(source)
                entry.unknown.extend(cached.unknown(dialogues))
        work = [entry for entry in asked.values() if entry.unknown]
        if work:
            self._compute(work, failed)
        for whole, members in made_of.items():
            first = next((failed[id(each)] for each in members if id(each) in failed), None)
            if first is not None:
                failed[whole] = first
        return failed

    def _compute(self, work: list[_Asked], failed: dict[int, Exception]) -> None:
        """Score what no session has scored yet; add what went wrong to `failed`."""
        self._passes += 1
        with self._lock():
            for entry in list(work):
                try:
                    # Under the lock: what another process scored meanwhile is on disk now.
                    entry.unknown = entry.cached.missing(entry.unknown)
                except SourceError as error:  # cached scores are not those of the model now
                    failed |= dict.fromkeys(map(id, entry.sources), error)
                    work.remove(entry)
            wanted = [entry.cached.source for entry in work if entry.unknown]
            untrained = train_missing(wanted, self._bar)
            for entry in [entry for entry in work if id(entry.cached.source) in untrained]:
                why = untrained[id(entry.cached.source)]
                failed |= dict.fromkeys(map(id, entry.sources), why)
                work.remove(entry)
            told = sum(len(one.unknown) for one in work if isinstance(one.cached.source, Streaming))
            with self._bar.over(told):
                for entry in work:
                    try:
                        entry.cached.compute(entry.unknown)
                    except Exception as error:
                        failed |= dict.fromkeys(map(id, entry.sources), error)

    def _ready(self, source: Source, dialogues: Iterable[Dialogue]) -> CachedSource | None:
        """The source with its memory; None for a score file, which is only opened."""
        if not isinstance(source, Partial):
            return self.wrapped(source)
        for dialogue in dialogues:
            source.knows(dialogue)  # a file that cannot be read fails now
            break
        return None

    def view(self, source: Source, suite: str) -> Source:
        """A score file as the suite of that name sees it, made once; any other source as it is."""
        known = self._views.get((id(source), suite))
        if known is not None:
            return known[1]
        if not isinstance(source, Partial):
            seen = source
        elif isinstance(source, Composed):
            seen = source.with_members([self.view(each, suite) for each in source.members])
        else:
            seen = completed(source.within(suite), source.spec)
        self._views[id(source), suite] = source, seen  # with the source, whose id stays its own
        return seen

    def scores(self, source: Source, dialogues: Sequence[Dialogue]) -> NDArray[np.float64]:
        """Scores in the order of `dialogues`, shape (n,)."""
        if isinstance(source, Composed):
            rewards = [self.scores(member, dialogues) for member in source.members]
            return checked(source.combined(np.stack(rewards)), dialogues, source.spec)
        if isinstance(source, Partial):
            columns = self._columns(source, dialogues)
            if columns is not None and not np.isnan(columns).any():
                return columns.ravel()
            return source.score(_listed(dialogues))
        if isinstance(source, BothOrders):
            questions = orders.questions(source, dialogues)
            self.fetch(source, questions)
            return orders.scores(source, dialogues, self.wrapped(source).score(questions))
        if isinstance(dialogues, Sides):
            known = self.wrapped(source).known(dialogues.hashes)
            if known is not None:
                return known
        dialogues = _listed(dialogues)
        self.fetch(source, dialogues)
        return self.wrapped(source).score(dialogues)

    def knows(self, source: Source, dialogues: Sequence[Dialogue]) -> bool:
        """Whether the scores of all dialogues are there already, without scoring."""
        if isinstance(source, Composed):
            return all(self.knows(member, dialogues) for member in source.members)
        if isinstance(source, Partial):
            columns = self._columns(source, dialogues)
            if columns is not None:
                return not np.isnan(columns).any()
            return all(source.knows(dialogue) for dialogue in dialogues)
        if isinstance(source, BothOrders):
            dialogues = orders.asked(dialogues)
        if not dialogues:
            return True
        if id(source) not in self._wrapped:
            return False
        if isinstance(dialogues, Sides):
            return self.wrapped(source).knows_all(dialogues.hashes)
        return not self.wrapped(source).unknown(dialogues)

    def known_pairs(self, source: Partial, pairs: Sequence[PreferencePair]) -> list[bool]:
        """Of each pair, whether a partial source has scores for both of its sides."""
        columns = self._columns(source, sides_of(pairs))
        if columns is not None:
            return cast("list[bool]", (~np.isnan(columns).any(axis=1)).tolist())
        return [all(source.knows(side) for side in pair.dialogues()) for pair in pairs]

    def _columns(
        self, source: Partial, dialogues: Sequence[Dialogue]
    ) -> NDArray[np.float64] | None:
        """Both scores of each pair, asked of a score file once; None for single texts."""
        if not isinstance(dialogues, Sides) or not isinstance(source, ByPairs):
            return None
        key = (id(source), id(dialogues))
        if key not in self._asked:
            self._asked[key] = (source, dialogues, source.of_pairs(dialogues.pairs))
        return self._asked[key][2].copy()

    def meet(self, source: Source) -> None:
        """Note a source that will be asked: the record lists sources in this order."""
        if isinstance(source, Composed):
            for member in source.members:
                self.meet(member)
        elif not isinstance(source, Partial):
            with suppress(Exception):  # said where its scores are needed
                self.wrapped(source)

    def missing(self, source: Source, dialogues: Sequence[Dialogue]) -> bool:
        """Whether any of the texts has a score neither in memory nor in the cache."""
        if isinstance(source, Composed):
            return any(self.missing(member, dialogues) for member in source.members)
        return bool(self.wrapped(source).missing(dialogues))

    def sources(self) -> list[Source]:
        """The sources that scored anything, or whose scores were found in the cache."""
        return [source for source, _ in self._wrapped.values()]

    @property
    def state(self) -> tuple[int, ...]:
        """Numbers that change before `counts` says anything else, and before a model is trained."""
        wrapped = (found for _, found in self._wrapped.values())
        each = (number for one in wrapped for number in (one.needed, one.cached, one.computed))
        return (self._passes, len(self._store.remarks), *each)

    def counts(self) -> ScoringRecord:
        """How many scores were needed, came from the cache, were computed."""
        wrapped = {id(found): found for _, found in self._wrapped.values()}.values()
        return ScoringRecord(
            needed=sum(found.needed for found in wrapped),
            cached=sum(found.cached for found in wrapped),
            computed=sum(found.computed for found in wrapped),
            remarks=self._remarks(),
            truncated=sum(source.truncated for source in self.sources()),
            requests=sum((source.requests for source in self.sources()), RequestsRecord()),
        )

    def _remarks(self) -> list[str]:
        said = [*self._store.remarks]
        for source in self.sources():
            said += [f"{redacted(source.spec)}: {remark}" for remark in source.remarks]
        return list(dict.fromkeys(said))

    def wrapped(self, source: Source) -> CachedSource:
        """The source with its memory; one for all names of a model."""
        if id(source) not in self._wrapped:
            cached = CachedSource(source, self._store, self._spread)
            if source.fingerprint is not None:  # two names of one model share its scores
                cached = self._by_fingerprint.setdefault(source.fingerprint, cached)
            self._wrapped[id(source)] = (source, cached)
        return self._wrapped[id(source)][1]

    @contextmanager
    def _lock(self) -> Iterator[None]:
        """One process scores at a time; the others then find its scores in the cache.

        If locking is not possible (a read-only folder, a full disk), nothing is cached either.
        """
        lock = None
        with suppress(OSError):
            self._cache.mkdir(parents=True, exist_ok=True)
            if os.access(self._cache, os.W_OK):
                from filelock import FileLock  # a gate that computes nothing needs no lock

                lock = FileLock(self._cache / "scoring.lock")
                self._acquire(lock)
        try:
            yield
        finally:
            if lock is not None:
                lock.release()

    def _acquire(self, lock: BaseFileLock) -> None:
        from filelock import Timeout

        try:
            lock.acquire(timeout=0)
        except Timeout:
            self._bar.start("waiting for another process that scores with this cache", 1, "process")
            lock.acquire()
            self._bar.finish()


def _apart(
    wanted: Iterable[tuple[Source, Iterable[Dialogue]]], made_of: dict[int, tuple[Source, ...]]
) -> Iterator[tuple[Source, Iterable[Dialogue]]]:
    """What is wanted, with the members of a composed source in its place; notes them."""
    for source, dialogues in wanted:
        if not isinstance(source, Composed):
            yield source, dialogues
            continue
        made_of[id(source)] = tuple(source.members)
        texts = list(dialogues)
        for member in source.members:
            yield member, texts


def _listed(dialogues: Sequence[Dialogue]) -> Sequence[Dialogue]:
    """Dialogues that are made one by one, as a list: a source may go through it several times."""
    return list(dialogues) if isinstance(dialogues, Sides) else dialogues
