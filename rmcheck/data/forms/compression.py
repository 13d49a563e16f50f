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

_CHUNK = 1 << 16


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


_MAGIC = {
    b"\x1f\x8b": ("gzip", ".gz"),
    b"BZh": ("bzip2", ".bz2"),
    b"\xfd7zXZ\x00": ("xz", ".xz"),
    b"\x28\xb5\x2f\xfd": ("Zstandard", ".zst"),
}
_OTHERS = {
    b"PK\x03\x04": "a zip archive; unpack it, and name the file in it",
    b"7z\xbc\xaf": "a 7z archive; unpack it, and name the file in it",
    b"PAR1": "a Parquet file; name it .parquet",
    b"ARROW1": "an Arrow file; name it .arrow",
    b"\xff\xfe": "UTF-16 text; save it as UTF-8",
    b"\xfe\xff": "UTF-16 text; save it as UTF-8",
}


def not_text(begin: bytes, name: str) -> str | None:
    """What a file of another kind than UTF-8 text is, by its first bytes, and what to do; or None.

    >>> not_text(b"\\x1f\\x8b\\x08", "d.jsonl")
    'compressed with gzip; name it d.jsonl.gz'
    """
    for magic, (called, end) in _MAGIC.items():
        if begin.startswith(magic):
            if ending(name):
                return f"compressed twice (inside, with {called}); decompress it once"
            return f"compressed with {called}; name it {name}{end}"
    return next((said for magic, said in _OTHERS.items() if begin.startswith(magic)), None)


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


class _Streams:
    """The streams of a file, one after the other, decompressed.

    The standard library stops without a word where what follows a stream of bzip2 or xz is not
    another one; the rest of a damaged file would be missing. Zeros may follow, as padding.
    """

    def __init__(self, file: IO[bytes], make: Callable[[], Any]) -> None:
        self._file, self._make, self._stream = file, make, make()

    def read(self, size: int) -> bytes:
        """`size` bytes, or what is left of the file.

        Raises
        ------
        OSError, EOFError, LZMAError
            For a stream that is damaged or not whole, and for anything else after a stream.
        """
        pieces: list[bytes] = []
        while size > 0:
            found = self._some(size)
            if not found:
                break
            pieces.append(found)
            size -= len(found)
        return b"".join(pieces)

    def _some(self, size: int) -> bytes:
        """At most `size` bytes, or none at the end of the file."""
        while True:
            piece = b""
            if self._stream.eof:
                piece = self._after()
                if not piece:
                    return b""
                self._stream = self._make()
            elif self._stream.needs_input:
                piece = self._file.read(_CHUNK)
                if not piece:
                    raise EOFError("the file ends within a stream")
            found: bytes = self._stream.decompress(piece, size)
            if found:
                return found

    def _after(self) -> bytes:
        """What follows a stream, without padding."""
        piece = self._stream.unused_data.lstrip(b"\0")
        while not piece:
            more = self._file.read(_CHUNK)
            if not more:
                return b""
            piece = more.lstrip(b"\0")
        return bytes(piece)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _zstandard(file: IO[bytes]) -> Any:
    import pyarrow

    return pyarrow.CompressedInputStream(pyarrow.PythonFile(file, mode="r"), "zstd")


_OPEN: dict[str, Callable[[IO[bytes]], Any]] = {
    ".gz": lambda file: gzip.GzipFile(fileobj=file),
    ".bz2": lambda file: _Streams(file, bz2.BZ2Decompressor),
    ".xz": lambda file: _Streams(file, lzma.LZMADecompressor),
    ".zst": _zstandard,
}
