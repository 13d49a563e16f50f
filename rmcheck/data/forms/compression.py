"""Regular files as streams of bytes, decompressed by the ending of their names."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from rmcheck.documents.regular import open_regular

ENDINGS = (".gz", ".zst", ".bz2", ".xz")
ROOM = 1 << 28
"""A file may decompress to so many bytes whatever its own size,"""
TIMES = 200
"""or else to at most so many times its size; texts compress 3 to 20 times."""


def ending(name: str) -> str:
    """The compression that a file's name says: one of `ENDINGS`, or an empty text.

    >>> ending("a/pairs.jsonl.gz"), ending("pairs.csv")
    ('.gz', '')
    """
    suffix = os.path.splitext(name)[1].lower()
    return suffix if suffix in ENDINGS else ""


def suffix(name: str) -> str:
    """The ending of a file's name that says its form, without that of a compression.

    >>> suffix("a/pairs.CSV.gz"), suffix("pairs.jsonl"), suffix("pairs")
    ('.csv', '.jsonl', '')
    """
    plain = name[: len(name) - len(ending(name))]
    return os.path.splitext(plain)[1].lower()


def opened(path: Path) -> IO[bytes]:
    """A regular file as a stream of its bytes, decompressed.

    Raises
    ------
    OSError
        When it cannot be read, is a pipe, a socket or a device, is not compressed as its name
        says, or decompresses to more than `ROOM` bytes and `TIMES` its size.
    """
    file = open_regular(path)
    packed = ending(path.name)
    if not packed:
        return file
    size = os.fstat(file.fileno()).st_size
    return io.BufferedReader(
        _Bounded(_OPEN[packed](file), packed, max(ROOM, TIMES * size)), 1 << 20
    )


class _Bounded(io.RawIOBase):
    """A stream that fails instead of giving more than `most` bytes."""

    def __init__(self, inner: Any, packed: str, most: int) -> None:
        self._inner, self._packed, self._most, self._given = inner, packed, most, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            piece = self._inner.read(len(buffer))
        except (OSError, EOFError, zlib.error, lzma.LZMAError, ValueError) as error:
            raise OSError(f"not a whole {self._packed} file ({error})") from None
        self._given += len(piece)
        if self._given > self._most:
            raise OSError(
                f"decompresses to more than {self._most:,} bytes; decompress it yourself if it is "
                "sound"
            )
        buffer[: len(piece)] = piece
        return len(piece)

    def close(self) -> None:
        if not self.closed:
            self._inner.close()
        super().close()


def _zstandard(file: IO[bytes]) -> Any:
    import pyarrow

    return pyarrow.CompressedInputStream(pyarrow.PythonFile(file, mode="r"), "zstd")


_OPEN: dict[str, Callable[[IO[bytes]], Any]] = {
    ".gz": lambda file: gzip.GzipFile(fileobj=file),
    ".bz2": bz2.BZ2File,
    ".xz": lzma.LZMAFile,
    ".zst": _zstandard,
}
