"""Scores on disk, by source and text, in SQLite."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

FILE = "scores.sqlite"
BUSY = 30.0
"""Seconds to wait for another process that writes."""

_IN_THE_WAY = (
    "SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_FULL", "SQLITE_READONLY", "SQLITE_CANTOPEN",
    "SQLITE_PERM", "SQLITE_AUTH", "SQLITE_IOERR", "SQLITE_NOMEM", "SQLITE_PROTOCOL",
    "SQLITE_INTERRUPT", "SQLITE_NOLFS",
)  # fmt: skip
"""How SQLite's names of errors start that are not the file's fault."""

_SCHEMA = (
    """
    CREATE TABLE IF NOT EXISTS scores (
        source TEXT NOT NULL, dialogue TEXT NOT NULL, score REAL NOT NULL,
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

    It never stops a run: a corrupt file is set aside and counts as empty, a folder that cannot be
    written to means no memory. Each is said once, in `remarks`.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE
        self.remarks: list[str] = []
        self._usable = True
        self._read_only = False
        self._connection: sqlite3.Connection | None = None

    def get(self, source: str, hashes: Iterable[str]) -> dict[str, float]:
        """Those of `hashes` that are known for `source`, with their scores."""
        wanted = list(dict.fromkeys(hashes))
        found: dict[str, float] = {}
        if not self.path.is_file():
            return found
        for start in range(0, len(wanted), 500):
            part = wanted[start : start + 500]
            marks = ",".join("?" * len(part))
            query = f"SELECT dialogue, score FROM scores WHERE source = ? AND dialogue IN ({marks})"
            rows = self._run(query, [source, *part])
            found.update((key, score) for key, score in rows if isinstance(score, float))
        return found

    def put(self, source: str, scores: Mapping[str, float]) -> None:
        """Remember `scores` by dialogue hash."""
        if not scores:
            return
        rows = [(source, key, score) for key, score in scores.items()]
        self._run("INSERT OR REPLACE INTO scores VALUES (?, ?, ?)", rows, many=True)

    def saw(self, source: str, spec: str) -> None:
        """Note that `source` was used now, under the name `spec`; never worth a word or a stop."""
        with contextlib.suppress(sqlite3.Error, OSError, UnicodeDecodeError):
            if self._usable and not self._read_only:
                connection = self._open()
                if not self._read_only:
                    with connection:
                        row = (source, spec, time.time())
                        connection.execute("INSERT OR REPLACE INTO sources VALUES (?, ?, ?)", row)

    def close(self) -> None:
        """Let go of the file; it is opened again when it is needed."""
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
                said = " ".join(str(error).split())[:160]
                if _is_damage(error) and not self._read_only:
                    self._set_aside(said, last=attempt == 1)
                else:
                    self._give_up(said)
        return []

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            try:
                self._connection = self._opened_for_writing()
            except (sqlite3.OperationalError, OSError) as error:
                if _is_damage(error) or not self.path.is_file() or not self.path.stat().st_size:
                    raise
                # A cache on a read-only disk still answers. `immutable`: no lock, no WAL beside it.
                name = f"{self.path.resolve().as_uri()}?mode=ro&immutable=1"
                self._connection = sqlite3.connect(name, uri=True)
                self._read_only = True
                self.remarks.append(f"{self.path}: new scores are not kept ({error})")
        return self._connection

    def _opened_for_writing(self) -> sqlite3.Connection:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(self.path, timeout=BUSY)
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=NORMAL")
            for table in _SCHEMA:
                connection.execute(table)
        except BaseException:
            connection.close()
            raise
        return connection

    def _give_up(self, said: str) -> None:
        self.close()
        self._usable = False
        if not self._read_only:  # else that much was said when it was opened
            self.remarks.append(f"{self.path}: scores are not kept ({said})")

    def _set_aside(self, said: str, *, last: bool) -> None:
        self.close()
        if last:
            self._give_up(said)
            return
        aside = self.path.with_name(f"{FILE}.corrupt")
        try:
            self.path.replace(aside)
            for rest in ("-wal", "-shm"):
                self.path.with_name(FILE + rest).unlink(missing_ok=True)
        except OSError as error:
            self._give_up(f"{said}; {error}")
            return
        self.remarks.append(
            f"{self.path}: was damaged ({said}) and counts as empty; see {aside.name}"
        )


def _is_damage(error: Exception) -> bool:
    """Whether the file itself is wrong, not the disk or another process in the way.

    A file that is cut short is told of as an I/O error, a garbled text or table definition as an
    error in decoding or in SQL.
    """
    name = str(getattr(error, "sqlite_errorname", ""))
    if isinstance(error, OSError) or name.startswith(_IN_THE_WAY):
        return name in ("SQLITE_IOERR_SHORT_READ", "SQLITE_IOERR_CORRUPTFS")
    return True
