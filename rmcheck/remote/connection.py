"""HTTP/1.1 over asyncio: connections that are kept open, one exchange at a time on each.

A general HTTP client spends 1 to 1.5 ms of a processor on one request (benchmarks/RESULTS.md),
which is more than a batch of rewards takes; requests and answers of reward servers need little of
what such a client does.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from rmcheck.remote.address import Address

MOST_BYTES = 64 * 1024 * 1024
"""The longest answer that is read."""
HEAD_BYTES = 64 * 1024

Trouble = Literal["refused", "name", "tls", "reset", "time-out", "garbled"]


class LinkError(Exception):
    """No answer came; `kind` says why, and the text says it to people."""

    def __init__(self, kind: Trouble, said: str) -> None:
        super().__init__(said)
        self.kind: Trouble = kind


@dataclass(frozen=True)
class Reply:
    """An answer of a server; the names of `headers` are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Link(Protocol):
    """Sends requests to one server."""

    async def ask(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes = b""
    ) -> Reply:
        """The answer to one request.

        Raises
        ------
        LinkError
            If none came.
        """

    async def close(self) -> None:
        """Close all connections."""


@dataclass
class _Open:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter


class Connections:
    """A `Link` over TCP, and TLS for https.

    Parameters
    ----------
    address
        The server.
    timeout
        Seconds for one request, from the connection to the last byte of the answer.
    """

    def __init__(self, address: Address, timeout: float) -> None:
        self._address = address
        self._timeout = timeout
        self._idle: list[_Open] = []
        self._tls = ssl.create_default_context() if address.scheme == "https" else None

    async def ask(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes = b""
    ) -> Reply:
        """The answer to one request; a connection that the server had closed is opened again."""
        lines = [f"{method} {self._address.prefix}{path or '/'} HTTP/1.1"]
        lines += [f"host: {self._address.authority}", f"content-length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        message = "\r\n".join([*lines, "", ""]).encode("latin-1") + body
        try:
            async with asyncio.timeout(self._timeout):
                return await self._exchanged(message)
        except TimeoutError:
            raise LinkError("time-out", f"no answer within {self._timeout:g} s") from None

    async def close(self) -> None:
        """Close all connections."""
        while self._idle:
            _drop(self._idle.pop())

    async def _exchanged(self, message: bytes) -> Reply:
        while self._idle:
            kept = self._idle.pop()
            with contextlib.suppress(_Stale):
                return await self._exchange(kept, message, kept=True)
        return await self._exchange(await self._opened(), message)

    async def _opened(self) -> _Open:
        host, port = self._address.host, self._address.port
        try:
            reader, writer = await asyncio.open_connection(
                host, port, ssl=self._tls, limit=HEAD_BYTES
            )
        except socket.gaierror:
            raise LinkError("name", f"unknown host {host}") from None
        except ssl.SSLError as error:
            reason = getattr(error, "verify_message", "") or error.reason or "failed"
            raise LinkError("tls", f"no secure connection ({reason})") from None
        except OSError as error:
            kind: Trouble = "refused" if isinstance(error, ConnectionRefusedError) else "reset"
            refused = kind == "refused" or "Connect call failed" in str(error)
            said = "connection refused" if refused else f"no connection ({error.strerror or error})"
            raise LinkError("refused" if refused else kind, said) from None
        return _Open(reader, writer)

    async def _exchange(self, opened: _Open, message: bytes, *, kept: bool = False) -> Reply:
        usable = False
        try:
            opened.writer.write(message)
            await opened.writer.drain()
            status, headers = await _head(opened.reader)
            body, whole = await _body(opened.reader, status, headers)
            usable = whole and headers.get("connection", "").lower() != "close"
            return Reply(status, headers, body)
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError, OSError) as error:
            unread = not isinstance(error, asyncio.IncompleteReadError) or not error.partial
            if kept and unread and not isinstance(error, _Cut):
                raise _Stale from None
            raise LinkError("reset", "the connection was closed before the answer ended") from None
        except (ValueError, asyncio.LimitOverrunError):
            raise LinkError("garbled", "the answer is not HTTP") from None
        finally:
            if usable:
                self._idle.append(opened)
            else:
                _drop(opened)


class _Stale(Exception):
    """The server had closed a kept connection before it read the request."""


class _Cut(ConnectionError):
    """An answer began and did not end."""


def _drop(opened: _Open) -> None:
    with contextlib.suppress(Exception):  # best effort; errors are ignored
        opened.writer.close()


async def _head(reader: asyncio.StreamReader) -> tuple[int, dict[str, str]]:
    while True:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head[:-4].split("\r\n")
        version, _, rest = first.partition(" ")
        if not version.startswith("HTTP/1."):
            raise ValueError(first)
        status = int(rest[:3])
        if status >= 200:
            break
    headers = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    if version == "HTTP/1.0" and headers.get("connection", "").lower() != "keep-alive":
        headers["connection"] = "close"
    return status, headers


async def _body(
    reader: asyncio.StreamReader, status: int, headers: Mapping[str, str]
) -> tuple[bytes, bool]:
    """The body, and whether the connection can be used again after it."""
    try:
        if status in (204, 304):
            return b"", True
        if "chunked" in headers.get("transfer-encoding", "").lower():
            return await _chunks(reader), True
        if "content-length" in headers:
            size = int(headers["content-length"])
            if not 0 <= size <= MOST_BYTES:
                raise ValueError("too long")
            return await reader.readexactly(size), True
        return await _rest(reader), False
    except (ConnectionError, asyncio.IncompleteReadError) as error:
        raise _Cut from error


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    parts: list[bytes] = []
    total = 0
    while True:
        size = int((await reader.readuntil(b"\r\n")).split(b";")[0], 16)
        total += size
        if size < 0 or total > MOST_BYTES:
            raise ValueError("too long")
        if size == 0:
            while await reader.readuntil(b"\r\n") != b"\r\n":
                pass  # trailers
            return b"".join(parts)
        parts.append((await reader.readexactly(size + 2))[:-2])


async def _rest(reader: asyncio.StreamReader) -> bytes:
    parts: list[bytes] = []
    total = 0
    while part := await reader.read(HEAD_BYTES):
        parts.append(part)
        total += len(part)
        if total > MOST_BYTES:
            raise ValueError("too long")
    return b"".join(parts)
