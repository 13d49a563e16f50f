"""Bytes of regular files only: reading a pipe or a device could wait forever."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import IO

_AT_ONCE = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


def open_regular(path: Path) -> IO[bytes]:
    """The file at `path`, open for reading.

    Raises
    ------
    OSError
        When it cannot be read, and when it is a pipe, a socket or a device.
    """
    file = open(os.open(path, os.O_RDONLY | _AT_ONCE), "rb")  # noqa: SIM115 - the caller closes it
    try:
        require_regular(file.fileno())
    except OSError:
        file.close()
        raise
    return file


def regular_bytes(path: Path, most: int = -1) -> bytes:
    """The bytes of the file at `path`, at most `most` of them.

    Raises
    ------
    OSError
        When the file cannot be read, and when it is a pipe, a socket or a device.
    """
    with open_regular(path) as file:
        return file.read(most)


def require_regular(descriptor: int) -> None:
    """Refuse what is open at `descriptor` if it is neither a file nor a folder.

    Raises
    ------
    OSError
        With the reason as its text.
    """
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "not a regular file; replace it with one")
