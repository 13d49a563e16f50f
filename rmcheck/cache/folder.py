"""List what a cache folder contains, and delete from it while no run uses it."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from filelock import FileLock, Timeout

from rmcheck.cache.store import FILE
from rmcheck.cache.verdicts import FOLDER as VERDICTS
from rmcheck.cache.verdicts import SLICES
from rmcheck.errors import GIVE_ACCESS, OTHER_CACHE, SourceError, UsageError, os_reason
from rmcheck.sources.model_source import model_hash
from rmcheck.stats.precision import PRECISIONS
from rmcheck.training.adapter import adapter_folder, read_sidecar
from rmcheck.wording import counted

LOCK = "scoring.lock"
"""Locked by a run that scores into the folder, and while something is deleted from it."""


@dataclass(frozen=True)
class Holding:
    """One entry of a cache folder.

    Attributes
    ----------
    kind
        Scores of a model, a trained adapter, what checks concluded (all of it), or a leftover of a
        killed training or damaged file.
    name
        The model's fingerprint, the adapter's, or a path from the folder.
    title
        The last known spec of a model, or an adapter's recipe; empty if not known.
    size
        Bytes; for scores, their share of the database.
    used
        Time of last use in seconds since the epoch; None if not known.
    scores
        Number of scores.
    """

    kind: Literal["scores", "adapter", "verdicts", "leftover"]
    name: str
    title: str
    size: int
    used: float | None
    scores: int = 0


class CacheFolder:
    """A cache folder: scores by model, adapters, leftovers."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.database = path / FILE

    @property
    def size(self) -> int:
        """Bytes of everything in it."""
        return _size(self.path)

    def holdings(self) -> list[Holding]:
        """All entries by kind, the last used first.

        Raises
        ------
        UsageError
            If the folder cannot be read.
        """
        try:
            return self._holdings()
        except OSError as error:
            raise UsageError(
                f"{self.path}: cannot be read: {os_reason(error, OTHER_CACHE)}"
            ) from None

    def _holdings(self) -> list[Holding]:
        try:
            scores, damaged = self._scores(), []
        except (sqlite3.Error, UnicodeDecodeError) as error:
            title = f"damaged: {' '.join(str(error).split())[:80]}"
            scores, damaged = [], [Holding("leftover", FILE, title, _size(self.database), None)]
        adapters = self._adapters(scores)
        titles = {model: one.title for one in adapters for model in _models(one.name)}
        scores = [replace(one, title=one.title or titles.get(one.name, "")) for one in scores]
        found = [scores, adapters, self._verdicts(), [*damaged, *self._leftovers()]]
        return [
            holding
            for kind in found
            for holding in sorted(kind, key=lambda one: (-(one.used or 0.0), one.name))
        ]

    def remove(self, chosen: Sequence[Holding]) -> dict[Holding, str]:
        """Delete `chosen`; returns the entries that could not be deleted, with the reason.

        Raises
        ------
        UsageError
            If a run is scoring into the folder, or it cannot be written to.
        """
        kept: dict[Holding, str] = {}
        with self._alone():
            try:
                self._remove_scores([one.name for one in chosen if one.kind == "scores"])
                for one in chosen:
                    if one.kind != "scores" and not self._remove_files(one):
                        kept[one] = "it is being trained"
            except (sqlite3.Error, OSError) as error:
                said = os_reason(error) if isinstance(error, OSError) else error
                raise UsageError(f"{self.path}: cannot be changed: {said}") from None
        return kept

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        if not os.access(self.path, os.W_OK):
            raise UsageError(
                f"{self.path}: nothing was deleted: the folder cannot be written to; {GIVE_ACCESS}"
            )
        lock = FileLock(self.path / LOCK)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            raise UsageError(
                f"{self.path}: nothing was deleted: a run is scoring into it; try again when the "
                "run has finished"
            ) from None
        except OSError as error:
            raise UsageError(
                f"{self.path}: nothing was deleted: cannot be locked: {os_reason(error)}"
            ) from None
        try:
            yield
        finally:
            lock.release()

    def _scores(self) -> list[Holding]:
        if not self.database.is_file():
            return []
        counts: dict[str, int] = {}
        seen: dict[str, tuple[str, float]] = {}
        with contextlib.closing(self._opened_for_reading()) as connection:
            tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
            if "scores" in tables:
                rows = connection.execute("SELECT source, count(*) FROM scores GROUP BY source")
                for source, count in rows:
                    counts[_model(source)] = counts.get(_model(source), 0) + count
            if "sources" in tables:
                rows = connection.execute("SELECT source, spec, used FROM sources ORDER BY used")
                seen = {_model(source): (spec, used) for source, spec, used in rows}
        total = sum(_size(self.database.with_name(FILE + end)) for end in ("", "-wal"))
        share = total / max(1, sum(counts.values()))
        found = []
        for name, count in counts.items():
            spec, used = seen.get(name, ("", None))
            found.append(Holding("scores", name, spec, round(count * share), used, count))
        return found

    def _opened_for_reading(self) -> sqlite3.Connection:
        name = f"{self.database.resolve().as_uri()}?mode=ro"
        connection = sqlite3.connect(name, uri=True, timeout=5)
        try:
            connection.execute("SELECT count(*) FROM sqlite_master")
        except sqlite3.OperationalError:  # no lock file can be written on a read-only disk
            connection.close()
            connection = sqlite3.connect(f"{name}&immutable=1", uri=True)
        return connection

    def _adapters(self, scores: Sequence[Holding]) -> list[Holding]:
        used = {one.name: one.used or 0.0 for one in scores}
        found = []
        for folder in sorted(self.path.glob("adapters/[!.]*/")):
            models = _models(folder.name)
            last = max(folder.stat().st_mtime, *(used.get(model, 0.0) for model in models))
            try:
                sidecar = read_sidecar(folder)
                title = f"recipe:{sidecar.recipe}" if sidecar else "incomplete"
            except SourceError:
                title = "damaged"
            found.append(Holding("adapter", folder.name, title, _size(folder), last))
        return found

    def _verdicts(self) -> list[Holding]:
        """What checks concluded, as one entry; it was used when something was added last."""
        kept = list(self.path.glob(f"{VERDICTS}/*.json"))
        if not kept:
            return []
        last = max(path.stat().st_mtime for path in kept)
        checks = sum(not path.name.startswith(SLICES) for path in kept)
        title = f"{counted(checks, 'verdict')} of checks"
        return [Holding("verdicts", VERDICTS, title, _size(self.path / VERDICTS), last)]

    def _leftovers(self) -> list[Holding]:
        """Folders of killed trainings, and damaged databases."""
        paths = [
            *self.path.glob("adapters/.*.tmp"),
            *self.path.glob("adapters/.*.resume"),
            *self.path.glob("adapters/.*.rungs"),
            *self.path.glob(f"{FILE}.corrupt"),
        ]
        return [
            Holding(
                "leftover",
                path.relative_to(self.path).as_posix(),
                _LEFT.get(path.suffix, "killed training"),
                _size(path),
                path.stat().st_mtime,
            )
            for path in sorted(paths)
        ]

    def _remove_scores(self, models: Sequence[str]) -> None:
        if not models:
            return
        with contextlib.closing(sqlite3.connect(self.database, timeout=5)) as connection:
            for table in ("scores", "sources"):
                with connection, contextlib.suppress(sqlite3.OperationalError):
                    connection.executemany(
                        f"DELETE FROM {table} WHERE source = ? OR source LIKE ? || '~%'",
                        [(model, model) for model in models],
                    )
            with contextlib.suppress(sqlite3.OperationalError):  # somebody reads: later, then
                connection.execute("VACUUM")
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _remove_files(self, one: Holding) -> bool:
        """Remove an adapter or a leftover, unless it belongs to a training that runs now."""
        path = (
            adapter_folder(self.path, one.name) if one.kind == "adapter" else self.path / one.name
        )
        if one.kind == "verdicts":  # a run that writes into it makes the folder again
            shutil.rmtree(path)
            return True
        if not path.is_dir():
            path.unlink(missing_ok=True)
            return True
        # A training's own folders are .NAME.PID.tmp and .NAME.resume, its lock NAME.lock.
        name = path.name.removeprefix(".").partition(".")[0]
        lock = FileLock(path.with_name(f"{name}.lock"))
        try:
            lock.acquire(timeout=0)
        except Timeout:
            return False
        try:
            shutil.rmtree(path)
        finally:
            lock.release()
        return True


_LEFT = {".corrupt": "damaged database", ".rungs": "what a training of a sweep had reached"}
"""What a leftover is, by the ending of its name."""


def _models(adapter: str) -> list[str]:
    """Fingerprints of the reward models of an adapter, one for each precision."""
    return [model_hash(adapter, dtype) for dtype in PRECISIONS]


def _model(source: str) -> str:
    """The fingerprint without the suffix of a probe."""
    return source.partition("~")[0]


def _size(path: Path) -> int:
    """Bytes of a file, or of all files below a folder; 0 for files deleted meanwhile."""
    total = 0
    for each in [path, *path.rglob("*")] if path.is_dir() else [path]:
        with contextlib.suppress(OSError):
            total += each.stat().st_size if each.is_file() else 0
    return total
