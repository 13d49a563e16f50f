"""HTTP/1.1 over asyncio: connections that are kept open, one request at a time on each.

A general HTTP client spends 1 to 1.5 ms of a processor on one request (benchmarks/RESULTS.md),
which is more than a batch of rewards takes; requests and answers of reward servers need little of
what such a client does.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from rmcheck.remote.address import Address

MOST_BYTES = 64 * 1024 * 1024
"""The longest answer that is read."""
HEAD_BYTES = 64 * 1024
"""The longest head of an answer."""

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
        self._idle: list[_Line] = []
        self._heads: dict[tuple[str, str], tuple[Mapping[str, str], bytes]] = {}
        self._tls = ssl.create_default_context() if address.scheme == "https" else None

    async def ask(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes = b""
    ) -> Reply:
        """The answer to one request; a connection that the server had closed is opened again."""
        head = self._heads.get((method, path))
        if head is None or head[0] is not headers:
            lines = [f"{method} {self._address.target(path)} HTTP/1.1"]
            lines += [f"{name}: {value}" for name, value in headers.items()]
            lines += [f"host: {self._address.authority}", "content-length: "]
            head = self._heads[method, path] = (headers, "\r\n".join(lines).encode("latin-1"))
        message = b"%b%d\r\n\r\n%b" % (head[1], len(body), body)
        deadline = asyncio.get_running_loop().time() + self._timeout
        while self._idle:
            kept = self._idle.pop()
            try:
                return await self._exchanged(kept, message, deadline)
            except _Stale:
                continue
        try:
            return await self._exchanged(await self._opened(deadline), message, deadline)
        except _Stale:
            raise LinkError("reset", "the connection was closed without an answer") from None

    async def close(self) -> None:
        """Close all connections."""
        while self._idle:
            self._idle.pop().close()

    async def _exchanged(self, line: _Line, message: bytes, deadline: float) -> Reply:
        reply = None
        try:
            reply = await line.exchange(message, deadline)
            return reply
        except TimeoutError:
            raise LinkError("time-out", f"no answer within {self._timeout:g} s") from None
        finally:
            if reply is not None and line.reusable:
                self._idle.append(line)
            else:
                line.close()

    async def _opened(self, deadline: float) -> _Line:
        host, port = self._address.host, self._address.port
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout_at(deadline):
                _, line = await loop.create_connection(_Line, host, port, ssl=self._tls)
        except TimeoutError:
            raise LinkError("time-out", f"no connection within {self._timeout:g} s") from None
        except socket.gaierror:
            raise LinkError("name", f"unknown host {host}") from None
        except ssl.SSLError as error:
            reason = getattr(error, "verify_message", "") or error.reason or "failed"
            raise LinkError("tls", f"no secure connection ({reason})") from None
        except OSError as error:
            # With several addresses of a host, asyncio joins their errors into one text.
            text = str(error)
            if isinstance(error, ConnectionRefusedError) or "Connect call failed" in text:
                raise LinkError("refused", "connection refused") from None
            said = error.strerror or text
            raise LinkError("reset", f"no connection ({said})") from None
        return line


class _Stale(Exception):
    """The server closed the connection before the first byte of an answer."""


class _Line(asyncio.Protocol):
    """One connection: a request is written, and its answer is put together as it comes."""

    def __init__(self) -> None:
        self.reusable = False
        self._transport: asyncio.Transport | None = None
        self._read = bytearray()
        self._need = 0
        self._lost = False
        self._waiting: asyncio.Future[Reply] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is open."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """A part of an answer came."""
        self._read += data
        if len(self._read) >= self._need:
            self._look(ended=False)

    def connection_lost(self, exc: Exception | None) -> None:
        """The server closed the connection, which may be the end of an answer."""
        self._lost = True
        self._look(ended=True)

    async def exchange(self, message: bytes, deadline: float) -> Reply:
        """Send a request and wait for its answer."""
        if self._lost or self._transport is None or self._transport.is_closing():
            raise _Stale
        loop = asyncio.get_running_loop()
        self._read, self._need, self.reusable = bytearray(), 0, False
        self._waiting = loop.create_future()
        timer = loop.call_at(deadline, self._late)
        try:
            self._transport.write(message)
            return await self._waiting
        finally:
            timer.cancel()
            self._waiting = None

    def close(self) -> None:
        """Close the connection."""
        if self._transport is not None:
            self._transport.abort()

    def _late(self) -> None:
        self._fail(TimeoutError())

    def _fail(self, error: Exception) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(error)

    def _look(self, *, ended: bool) -> None:
        """See whether the answer is whole."""
        if self._waiting is None or self._waiting.done():
            return
        if ended and not self._read:
            self._fail(_Stale())
            return
        try:
            found = parsed(self._read, ended=ended)
        except ValueError:
            self._fail(LinkError("garbled", "the answer is not HTTP"))
            return
        if isinstance(found, Reply):
            self.reusable = not ended and found.headers.get("connection", "").lower() != "close"
            self._waiting.set_result(found)
        elif ended:
            said = "the connection was closed before the answer ended"
            self._fail(LinkError("reset", said))
        else:
            self._need = found


def parsed(data: bytearray, *, ended: bool) -> Reply | int:
    """The answer in `data`, or the number of bytes without which it is not worth another look.

    Parameters
    ----------
    ended
        Whether no more will come.

    Raises
    ------
    ValueError
        If it is not HTTP/1, or too long.
    """
    start = 0
    while True:
        end = data.find(b"\r\n\r\n", start)
        if end < 0:
            if len(data) - start > HEAD_BYTES or not b"HTTP/1.".startswith(data[start:][:7]):
                raise ValueError("no head")
            return len(data) + 1
        first, *lines = data[start:end].decode("latin-1").split("\r\n")
        if not first.startswith("HTTP/1."):
            raise ValueError(first)
        status, start = int(first[9:12]), end + 4
        if status >= 200:
            break
    headers = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    if first.startswith("HTTP/1.0") and headers.get("connection", "").lower() != "keep-alive":
        headers["connection"] = "close"
    if status in (204, 304):
        return Reply(status, headers, b"")
    if "chunked" in headers.get("transfer-encoding", "").lower():
        body = _chunks(data, start)
        return len(data) + 1 if body is None else Reply(status, headers, body)
    if "content-length" in headers:
        size = int(headers["content-length"])
        if not 0 <= size <= MOST_BYTES:
            raise ValueError("too long")
        whole = start + size
        return Reply(status, headers, bytes(data[start:whole])) if len(data) >= whole else whole
    if len(data) - start > MOST_BYTES:
        raise ValueError("too long")
    return Reply(status, headers, bytes(data[start:])) if ended else len(data) + 1


def _chunks(data: bytearray, start: int) -> bytes | None:
    """The body of chunks that begin at `start`; None if the last one is missing."""
    parts: list[bytes] = []
    total = 0
    while True:
        end = data.find(b"\r\n", start)
        if end < 0:
            return None
        size = int(bytes(data[start:end]).split(b";")[0], 16)
        total += size
        if size < 0 or total > MOST_BYTES:
            raise ValueError("too long")
        start = end + 2
        if size == 0:
            # Trailers, then an empty line.
            ended = data.startswith(b"\r\n", start) or data.find(b"\r\n\r\n", start) >= 0
            return b"".join(parts) if ended else None
        if len(data) < start + size + 2:
            return None
        parts.append(bytes(data[start : start + size]))
        start += size + 2
