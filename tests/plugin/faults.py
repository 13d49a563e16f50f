"""Every operation on files below a folder is counted, and one of them kills, or finds no room.

A kill is a real one: SIGKILL, after which nothing of the process runs. It comes before the
operation; within a write, when half of it is written. A disk that is full stays full for whatever
needs room: writing, making files and folders; removing and renaming still work.
"""

from __future__ import annotations

import builtins
import errno
import io
import os
import signal
import sqlite3
from collections.abc import Callable
from typing import Any

NEEDS_ROOM = ("mkdir", "symlink", "link")
OTHERS = ("rename", "replace", "unlink", "remove", "rmdir")
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC


class Operations:
    """The operations of this process below a folder.

    Parameters
    ----------
    folder
        What is elsewhere is neither counted nor hindered.
    at
        The number of the operation, from 1, that fails; 0: none does.
    full
        The disk is full from then on, in place of a kill.
    """

    def __init__(self, folder: str, at: int, *, full: bool) -> None:
        self.seen = 0
        self._folder = os.path.realpath(folder) + os.sep
        self._at = at
        self._full = full

    def watch(self) -> None:
        """Put a counter in front of what opens, writes, moves and removes."""
        for name in (*NEEDS_ROOM, *OTHERS):
            setattr(os, name, self._counted(getattr(os, name), room=name in NEEDS_ROOM))
        os.open = self._opening(os.open)
        os.write = self._writing(os.write)
        io.open = builtins.open = self._opened(io.open)
        sqlite3.connect = self._connecting(sqlite3.connect)

    def _inside(self, path: object) -> bool:
        if not isinstance(path, (str, os.PathLike)):
            return isinstance(path, int) and self._inside_descriptor(path)
        return os.path.abspath(os.fspath(path)).startswith(self._folder)

    def _inside_descriptor(self, descriptor: int) -> bool:
        try:
            return os.readlink(f"/proc/self/fd/{descriptor}").startswith(self._folder)
        except OSError:
            return False

    def _strikes(self, *, room: bool) -> bool:
        """Count an operation; whether it is the one, or finds no room after it."""
        self.seen += 1
        if not self._at or self.seen < self._at:
            return False
        return room if self._full else self.seen == self._at

    def _fail(self) -> None:
        if self._full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.kill(os.getpid(), signal.SIGKILL)

    def _before(self, *, room: bool) -> None:
        if self._strikes(room=room):
            self._fail()

    def _counted(self, original: Callable[..., Any], *, room: bool) -> Callable[..., Any]:
        def operation(path: Any, *arguments: Any, **options: Any) -> Any:
            if self._inside(path) or "dir_fd" in options:
                self._before(room=room)
            return original(path, *arguments, **options)

        return operation

    def _opening(self, original: Callable[..., int]) -> Callable[..., int]:
        def opened(path: Any, flags: int, *arguments: Any, **options: Any) -> int:
            if flags & _WRITES and self._inside(path):
                self._before(room=bool(flags & os.O_CREAT) and not os.path.exists(path))
            return original(path, flags, *arguments, **options)

        return opened

    def _writing(self, original: Callable[[int, bytes], int]) -> Callable[[int, bytes], int]:
        def written(descriptor: int, content: bytes) -> int:
            if self._inside_descriptor(descriptor) and self._strikes(room=True):
                original(descriptor, content[: len(content) // 2])
                self._fail()
            return original(descriptor, content)

        return written

    def _opened(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def opened(file: Any, mode: str = "r", *arguments: Any, **options: Any) -> Any:
            if not set(mode) & set("wax+") or not self._inside(file):
                return original(file, mode, *arguments, **options)
            if not isinstance(file, int):
                self._before(room=not os.path.exists(file))
            found = original(file, mode, *arguments, **options)
            write = found.write

            def written(content: Any) -> Any:
                if self._strikes(room=True):
                    write(content[: len(content) // 2])
                    found.flush()
                    self._fail()
                return write(content)

            found.write = written
            return found

        return opened

    def _connecting(self, original: Callable[..., sqlite3.Connection]) -> Callable[..., Any]:
        operations = self

        class Watched(sqlite3.Connection):
            """A connection whose statements are counted as well."""

            def execute(self, *arguments: Any) -> Any:
                operations._before_statement()
                return super().execute(*arguments)

            def executemany(self, statement: str, rows: Any) -> Any:
                operations._before_statement()
                return super().executemany(statement, rows)

            def __exit__(self, *error: Any) -> Any:
                operations._before_statement()  # what was begun is committed here
                return super().__exit__(*error)

        def connected(path: Any, *arguments: Any, **options: Any) -> Any:
            if not self._inside(str(path).removeprefix("file://")):
                return original(path, *arguments, **options)
            return original(path, *arguments, factory=Watched, **options)

        return connected

    def _before_statement(self) -> None:
        if not self._strikes(room=True):
            return
        if self._full:
            error = sqlite3.OperationalError("database or disk is full")
            error.sqlite_errorname = "SQLITE_FULL"  # type: ignore[misc]
            raise error
        self._fail()
