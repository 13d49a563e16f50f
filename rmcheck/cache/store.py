"""Scores on disk, by source and text, in SQLite."""

from __future__ import annotations

import contextlib
import errno
import math
import sqlite3
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rmcheck.errors import GIVE_ACCESS, OTHER_CACHE, os_reason
from rmcheck.scoring.seal import KEY_VARIABLE, Seals
from rmcheck.wording import counted

FILE = "scores.sqlite"
BUSY = 30.0
"""Seconds to wait for another process to finish writing."""

_IN_THE_WAY = (
    "SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_FULL", "SQLITE_READONLY", "SQLITE_CANTOPEN",
    "SQLITE_PERM", "SQLITE_AUTH", "SQLITE_IOERR", "SQLITE_NOMEM", "SQLITE_PROTOCOL",
    "SQLITE_INTERRUPT", "SQLITE_NOLFS",
)  # fmt: skip
"""Prefixes of SQLite error names that do not mean that the file is damaged."""

_CODES = {"SQLITE_FULL": errno.ENOSPC, "SQLITE_PERM": errno.EACCES}
"""The system's errors for which SQLite has its own names."""

_NO_ACCESS = ("SQLITE_CANTOPEN", "SQLITE_READONLY")
"""Prefixes of SQLite error names for a missing permission, a read-only disk, or a directory."""

COLUMNS = ("source", "dialogue", "score", "seal")
_SCHEMA = (
    """
    CREATE TABLE IF NOT EXISTS scores (
        source TEXT NOT NULL, dialogue TEXT NOT NULL, score REAL NOT NULL,
        seal TEXT NOT NULL,
        PRIMARY KEY (source, dialogue)
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE IF NOT EXISTS sources (
        source TEXT PRIMARY KEY, spec TEXT NOT NULL, used REAL NOT NULL
    ) WITHOUT ROWID
    """,
)


class ScoreStore:
    """Scores by (source fingerprint, dialogue hash), in SQLite; several processes may share it.

    It never stops a run: a corrupt file is moved aside and counts as empty; if the folder cannot
    be written to, scores are not cached. Each is reported once, in `remarks`.

    A row is used if its score is finite and its checksum is that of source, text and score (see
    `rmcheck.scoring.seal`). Rows of older versions without a checksum are ignored.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE
        self._said: list[str] = []
        self._doubted = 0
        self._usable = True
        self._read_only = False
        self._connection: sqlite3.Connection | None = None

    @property
    def remarks(self) -> list[str]:
        """Notes about the cache that the user should see, each once."""
        if not self._doubted:
            return list(self._said)
        return [
            *self._said,
            f"{self.path}: {counted(self._doubted, 'score')} not trusted, scored again: "
            f"damaged, or written without this run's {KEY_VARIABLE}",
        ]

    def get(self, source: str, hashes: Iterable[str]) -> dict[str, float]:
        """The cached scores of `source`, by those of `hashes` that are known."""
        seals = _seals(source)
        rows = self._rows(source, hashes)
        believed = {key: score for key, score, given in rows if _sound(seals, key, score, given)}
        self._doubted += len(rows) - len(believed)
        return believed

    def peek(self, source: str, hashes: Iterable[str]) -> dict[str, float]:
        """The same without a look at checksums, for who compares the scores with trusted ones."""
        rows = self._rows(source, hashes)
        return {key: score for key, score, _ in rows if isinstance(score, float)}

    def glance(self, source: str, most: int) -> dict[str, float]:
        """`most` scores of `source`, whichever, without a look at checksums.

        Much faster than to ask for as many by their hashes.
        """
        if not self._is_there():
            return {}
        query = "SELECT dialogue, score FROM scores WHERE source = ? LIMIT ?"
        rows = self._run(query, [source, most])
        return {key: score for key, score in rows if isinstance(score, float)}

    def _rows(self, source: str, hashes: Iterable[str]) -> list[tuple[Any, ...]]:
        wanted = list(dict.fromkeys(hashes))
        found: list[tuple[Any, ...]] = []
        if not self._is_there():
            return found
        for start in range(0, len(wanted), 500):
            part = wanted[start : start + 500]
            marks = ",".join("?" * len(part))
            query = (
                "SELECT dialogue, score, seal FROM scores "
                f"WHERE source = ? AND dialogue IN ({marks})"
            )
            found += self._run(query, [source, *part])
        return found

    def _is_there(self) -> bool:
        try:
            return self.path.is_file()
        except OSError as error:  # another user's folder
            if self._usable:
                self._give_up(_reason(error, OTHER_CACHE))
            return False

    def put(self, source: str, scores: Mapping[str, float]) -> None:
        """Store `scores` by dialogue hash."""
        if not scores:
            return
        seals = _seals(source)
        rows = [
            (source, key, score, seals.of(*_parts(key, score))) for key, score in scores.items()
        ]
        self._run("INSERT OR REPLACE INTO scores VALUES (?, ?, ?, ?)", rows, many=True)

    def saw(self, source: str, spec: str) -> None:
        """Record that `source` was used now as `spec`. Best effort; errors are ignored."""
        with contextlib.suppress(sqlite3.Error, OSError, UnicodeDecodeError):
            if self._usable and not self._read_only:
                connection = self._open()
                if not self._read_only:
                    with connection:
                        row = (source, spec, time.time())
                        connection.execute("INSERT OR REPLACE INTO sources VALUES (?, ?, ?)", row)

    def close(self) -> None:
        """Close the file; it is opened again when needed."""
        if self._connection is not None:
            with contextlib.suppress(sqlite3.Error):  # a full or failing disk
                self._connection.close()
            self._connection = None

    def _run(
        self, statement: str, values: Sequence[Any], *, many: bool = False
    ) -> list[tuple[Any, ...]]:
        for attempt in range(2):
            if not self._usable or (many and self._read_only):
                break
            try:
                connection = self._open()
                if many and self._read_only:
                    break
                if many:
                    with connection:
                        connection.executemany(statement, values)
                    return []
                return list(connection.execute(statement, values))
            except (sqlite3.Error, OSError, UnicodeDecodeError) as error:
                if attempt == 0 and _is_damage(error) and not self._read_only:
                    self._set_aside(_reason(error))
                else:
                    self._give_up(_reason(error, OTHER_CACHE))
        return []

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            try:
                self._connection = self._opened_for_writing()
            except (sqlite3.OperationalError, OSError) as error:
                if _is_damage(error) or not self.path.is_file() or not self.path.stat().st_size:
                    raise
                # A cache on a read-only disk can still be read. `immutable`: no lock, no WAL.
                name = f"{self.path.resolve().as_uri()}?mode=ro&immutable=1"
                self._connection = sqlite3.connect(name, uri=True)
                self._read_only = True
                why = _reason(error, OTHER_CACHE)
                self._said.append(f"{self.path}: new scores are not cached: {why}")
                if "seal" not in _columns(self._connection):
                    self._said.append(
                        f"{self.path}: ignored: written by an older version of rmcheck"
                    )
                    raise
        return self._connection

    def _opened_for_writing(self) -> sqlite3.Connection:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(self.path, timeout=BUSY)
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=NORMAL")
            if _columns(connection) != COLUMNS:
                with connection:
                    connection.execute("BEGIN IMMEDIATE")
                    self._drop_unsealed(connection)
                    for table in _SCHEMA:
                        connection.execute(table)
        except BaseException:
            connection.close()
            raise
        return connection

    def _drop_unsealed(self, connection: sqlite3.Connection) -> None:
        """Delete scores of an older version, so that they are reported once, not in each run."""
        columns = _columns(connection)
        if not columns or "seal" in columns:
            return
        (count,) = connection.execute("SELECT count(*) FROM scores").fetchone()
        connection.execute("DROP TABLE scores")
        if count:
            self._said.append(
                f"{self.path}: {counted(count, 'score')} of an older version of rmcheck not "
                "trusted, scored again: no checksum"
            )

    def _give_up(self, why: str) -> None:
        self.close()
        self._usable = False
        if not self._read_only:  # else it was reported when the file was opened
            self._said.append(f"{self.path}: scores are not cached: {why}")

    def _set_aside(self, damage: str) -> None:
        self.close()
        aside = self.path.with_name(f"{FILE}.corrupt")
        try:
            self.path.replace(aside)
            for rest in ("-wal", "-shm"):
                self.path.with_name(FILE + rest).unlink(missing_ok=True)
        except OSError as error:
            why = os_reason(error, OTHER_CACHE)
            self._give_up(f"damaged ({damage}), and cannot be moved to {aside.name}: {why}")
            return
        self._said.append(
            f"{self.path}: damaged ({damage}); moved to {aside.name}, starting with an empty cache"
        )


def _columns(connection: sqlite3.Connection) -> tuple[str, ...]:
    """The columns of the table of scores; empty if the table is missing."""
    return tuple(str(row[1]) for row in connection.execute("PRAGMA table_info(scores)"))


def _seals(source: str) -> Seals:
    return Seals("score", source)


def _parts(dialogue: str, score: float) -> tuple[str, str]:
    """What a row's seal covers. SQLite gives minus zero back as zero, so both are one score."""
    return dialogue, (score + 0.0).hex()


def _sound(seals: Seals, dialogue: str, score: object, given: object) -> bool:
    """Whether a row has a finite score and the right checksum."""
    return (
        isinstance(score, float)
        and math.isfinite(score)
        and seals.hold(given, *_parts(dialogue, score))
    )


def _reason(error: Exception, alternative: str = "") -> str:
    """Why the file could not be used, on one line, and what to do about it."""
    if isinstance(error, OSError):
        return os_reason(error, alternative)
    name = str(getattr(error, "sqlite_errorname", ""))
    code = next((code for prefix, code in _CODES.items() if name.startswith(prefix)), None)
    if alternative and name.startswith(_NO_ACCESS):
        alternative = f"{GIVE_ACCESS}, or {alternative}"
    return os_reason(OSError(code, " ".join(str(error).split())[:160]), alternative)


def _is_damage(error: Exception) -> bool:
    """Whether the file itself is damaged; False for errors of the disk or a busy database.

    SQLite reports a truncated file as an I/O error, and a garbled text or table definition as an
    error in decoding or in SQL.
    """
    name = str(getattr(error, "sqlite_errorname", ""))
    if isinstance(error, OSError) or name.startswith(_IN_THE_WAY):
        return name in ("SQLITE_IOERR_SHORT_READ", "SQLITE_IOERR_CORRUPTFS")
    return True
