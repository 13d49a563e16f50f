"""Concluded checks of earlier runs: used again where all that they depend on is the same.

A check is pure, so its verdict is a function of our code, the packages it computes with, the
settings, its suite and data, and the scores that it has read. All but the scores are in the key
under which a conclusion is kept; it names the texts whose scores were read, and counts only if
every score is the same today, to the last bit.
"""

from __future__ import annotations

import hashlib
import os
import platform
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import astuple, dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

import rmcheck
from rmcheck.cache.source import CachedSource
from rmcheck.cache.verdicts import VerdictStore
from rmcheck.checks import Check, SourceRef
from rmcheck.data.dialogue import PreferencePair, ResponseSet, content_hash, variants_hash
from rmcheck.engine.binding import Binding
from rmcheck.engine.book import ScoreBook
from rmcheck.engine.context import SuiteContext
from rmcheck.engine.environment import inputs
from rmcheck.engine.reads import Reads
from rmcheck.engine.settings import Settings
from rmcheck.errors import RmcheckError
from rmcheck.record.baseline import Baseline
from rmcheck.record.run import RESULTS
from rmcheck.registry import entry_points
from rmcheck.reward_source import Source
from rmcheck.suite import BoundCheck, Suite

MOST_PAIRS = 50_000
"""Nothing is kept of a suite with more: naming all that was read would take long as well."""
MOST_TEXTS = 200_000
"""Nothing is kept of a check that has read more."""
_DIGITS = 32
"""Of the hash of a text."""


@dataclass(frozen=True)
class Conclusion:
    """A conclusion that holds: its record as plain JSON, and the scores that it rests on.

    `sources` are those that were asked for scores.
    """

    record: dict[str, Any]
    sources: tuple[Source, ...]
    texts: tuple[_Texts, ...]

    def adopt(self) -> None:
        """Count its scores as those of the run."""
        for each in self.texts:
            each.adopt()


@dataclass(eq=False)
class _Texts:
    """Texts of which a source has all scores, with these in bytes; many checks read the same."""

    cached: CachedSource
    hashes: Sequence[str]
    scores: bytes
    _adopted: bool = False

    def adopt(self) -> None:
        """Count the scores as those of the run, once."""
        if not self._adopted:
            self.cached.adopt(self.hashes)
            self._adopted = True


class KeptConclusions:
    """Finds and keeps the conclusions of checks.

    Parameters
    ----------
    settings
        Of the run; its cache has the folder.
    book
        The run's scores.
    comparisons
        m.
    baseline
        The run's baseline, if it is a blessed one.
    """

    def __init__(
        self, settings: Settings, book: ScoreBook, comparisons: int, baseline: Baseline | None
    ) -> None:
        self.folder = settings.cache
        self._store = VerdictStore(settings.cache)
        self._book = book
        self._on = settings.kept and not _others()
        self._run = _of_run(settings, comparisons, baseline) if self._on else ""
        self._suites: dict[Suite, str] = {}
        self._bindings: dict[Binding, str] = {}
        self._texts: dict[tuple[int, str], _Texts] = {}

    def key(self, bound: BoundCheck, context: SuiteContext) -> str:
        """The key of a check in this run; empty if its conclusion cannot be kept."""
        check = context.asked(bound.check)
        if not self._on or getattr(check, "early_stop", False):
            return ""  # early stopping decides by what was scored before it, and reports it
        try:
            suite, sources = self._suite(bound.suite), self._sources(context.binding)
        except RmcheckError:
            return ""
        if not (suite and sources):
            return ""
        return content_hash(self._run, suite, sources, bound.check.label)

    def suite_key(self, suite: Suite) -> str:
        """A hash of the run and a suite with its data; empty if nothing of it is kept."""
        known = self._suite(suite) if self._on else ""
        return known and content_hash(self._run, known)

    def find(self, bound: BoundCheck, key: str, context: SuiteContext) -> Conclusion | None:
        """What was concluded under this key, if all scores that it read are the same now.

        The checksum of what is kept covers a hash of these scores, so their own are not looked at.
        """
        kept = self._store.get(bound.id, key) if key else None
        if kept is None:
            return None
        sources, texts, digest = [], [], hashlib.sha256()
        for ref, told, asked, joined in kept["reads"]:
            source = self._source(SourceRef(*ref), context)
            if source is None or told != self._told(source, context):
                return None
            sources += [source] if asked else []
            if not joined:
                continue
            found = self._read(source, joined)
            if found is None:
                return None
            digest.update(found.scores)
            texts.append(found)
        if digest.hexdigest() != kept["scores"]:
            return None
        return Conclusion(kept["record"], tuple(sources), tuple(texts))

    def _read(self, source: Source, joined: str) -> _Texts | None:
        """The texts with these hashes, if memory or the disk has all of their scores."""
        cached = self._book.wrapped(source)
        known = self._texts.get((id(cached), joined))
        if known is None:
            hashes = [joined[at : at + _DIGITS] for at in range(0, len(joined), _DIGITS)]
            scores = cached.peek(hashes)
            if scores is None:
                return None
            known = _Texts(cached, hashes, np.array(scores, dtype=np.float64).tobytes())
            self._texts[id(cached), joined] = known
        return known

    def keep(
        self,
        bound: BoundCheck,
        key: str,
        context: SuiteContext,
        reads: Reads,
        record: dict[str, Any],
    ) -> None:
        """Keep what was concluded now."""
        if not key or not reads.complete:
            return
        rows: list[tuple[tuple[Any, ...], list[str | None], bool, str]] = []
        digest, count = hashlib.sha256(), 0
        for ref, asked, hashes in reads:
            source = self._source(ref, context)
            if source is None or source.fingerprint is None:
                return
            if hashes:
                scores = self._book.wrapped(source).remembered(hashes)
                count += len(hashes)
                if scores is None or count > MOST_TEXTS:
                    return
                digest.update(np.array(scores, dtype=np.float64).tobytes())
            rows.append((astuple(ref), self._told(source, context), asked, "".join(hashes)))
        content = {"reads": rows, "scores": digest.hexdigest(), "record": record}
        self._store.put(bound.id, key, content)

    def _source(self, ref: SourceRef, context: SuiteContext) -> Source | None:
        """The source that a reference means; None if there is not one."""
        with suppress(RmcheckError):
            return context.binding.source(ref)
        return None

    def _told(self, source: Source, context: SuiteContext) -> list[str | None]:
        """What a source must be again, as the suite sees it."""
        return _told(self._book.view(source, context.suite))

    def _suite(self, suite: Suite) -> str:
        if suite not in self._suites:
            self._suites[suite] = _of_suite(suite)
        return self._suites[suite]

    def _sources(self, binding: Binding) -> str:
        if binding not in self._bindings:
            self._bindings[binding] = _of_sources(binding)
        return self._bindings[binding]


def _told(source: Source) -> list[str | None]:
    """What a source must be again: its name, fingerprint, and kind."""
    return [source.spec, source.fingerprint, type(source).__qualname__]


def _of_run(settings: Settings, comparisons: int, baseline: Baseline | None) -> str:
    """A hash of what all checks of a run depend on."""
    kept = b"" if baseline is None else (baseline.folder / RESULTS).read_bytes()
    return content_hash(
        _code(),
        inputs(settings, comparisons).model_dump_json(),
        settings.seed,
        settings.dtype,
        sys.version,
        platform.machine(),
        "" if baseline is None else baseline.name,
        hashlib.sha256(kept).hexdigest(),
    )


def _of_sources(binding: Binding) -> str:
    """A hash of the candidate and of the baseline; empty if one has no fingerprint."""
    parts = [binding.baseline_name]
    for source in (binding.candidate, binding.baseline):
        if source is None:
            parts.append("")
        elif source.fingerprint is None:
            return ""
        else:
            parts += [repr(_told(source)), source.describe().model_dump_json()]
    return content_hash(*parts)


def _of_suite(suite: Suite) -> str:
    """A hash of a suite with its data; empty if it has too many pairs, or kinds of others."""
    data = suite.data
    if len(data.pairs) + len(data.sets) > MOST_PAIRS:
        return ""
    checks = [repr(check) for check in suite.checks]
    if any(" at 0x" in told for told in checks):  # not told by its fields
        return ""
    return content_hash(
        suite.name,
        suite.shown,
        suite.gate,
        suite.source,
        suite.hash,
        checks,
        list(_files(suite.checks)),
        repr((data.paths, data.notes)),
        suite.objective,
        _rows(data.pairs, PreferencePair),
        _rows(data.sets, ResponseSet),
        variants_hash(data.pairs),
    )


_IN_HASH = {"prompt", "chosen", "rejected", "responses", "variants"}
"""Fields of pairs and sets that are told by their hashes."""


def _rows(given: Sequence[PreferencePair] | Sequence[ResponseSet], kind: type) -> str:
    """All that pairs or sets are, their texts by their hashes."""
    names = [field.name for field in fields(kind) if field.name not in _IN_HASH]
    return repr([(each.hash, *(getattr(each, name) for name in names)) for each in given])


def _files(checks: Iterable[Check]) -> Iterable[str]:
    """Hashes of the files that keys of checks name."""
    for check in checks:
        for field in fields(check):
            value = getattr(check, field.name)
            if isinstance(value, str) and os.path.isabs(value) and os.path.isfile(value):
                yield hashlib.sha256(Path(value).read_bytes()).hexdigest()


def _others() -> bool:
    """Whether another package brings checks or transformations, whose code is not in the key."""
    groups = ("rmcheck.checks", "rmcheck.transformations")
    return any(entry_points(group) for group in groups)


@cache
def _code() -> str:
    """A hash of our own source files."""
    root = rmcheck.__path__[0]
    found = hashlib.sha256()
    for folder, below, names in os.walk(root):
        below[:] = sorted(name for name in below if name != "__pycache__")
        for name in sorted(names):
            if name.endswith(".py"):
                path = os.path.join(folder, name)
                with open(path, "rb", buffering=0) as file:  # six hundred, in each gate
                    content = file.read()
                place = path[len(root) + 1 :].replace(os.sep, "/")
                found.update(f"{place} {len(content)}\n".encode() + content)
    return found.hexdigest()
