"""HTTP by aiohttp, without what could change or leak a request.

No redirect is followed, since it could send the key elsewhere; no proxy, no cookie and no login of
a file is used; an answer is read as it was sent, up to a limit. Needs the extra `http`, so that
only `http_link` imports this file.
"""

from __future__ import annotations

import errno
import io
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from types import SimpleNamespace

import aiohttp
from yarl import URL

from rmcheck.remote.address import Address
from rmcheck.remote.connection import MOST_BYTES, LinkError, Reply

WHOLE = 2**20
"""Bytes up to which aiohttp takes a body as one piece without a warning."""
AUTOMATIC = ("accept", "accept-encoding", "content-type", "user-agent")
"""Headers that aiohttp would add; the client names those that it wants."""


@dataclass
class _Attempt:
    """What is known of a request under way: whether its connection is open, and used before."""

    opening: bool = False
    reused: bool = False


class Connections:
    """A `Link` over TCP, and TLS for https; connections are kept open between requests.

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
        self._urls: dict[str, URL] = {}
        self._session: aiohttp.ClientSession | None = None

    async def ask(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes = b""
    ) -> Reply:
        """The answer to one request; a connection that the server had closed is opened again."""
        while True:
            attempt = _Attempt()
            try:
                return await self._asked(method, path, headers, body, attempt)
            except TimeoutError:
                what = "connection" if attempt.opening else "answer"
                raise LinkError("time-out", f"no {what} within {self._timeout:g} s") from None
            except aiohttp.ClientSSLError as error:
                raise LinkError("tls", f"no secure connection ({_reason(error)})") from None
            except (aiohttp.ClientConnectorDNSError, UnicodeError):  # of IDNA
                raise self._unknown() from None
            except aiohttp.ClientConnectorError as error:
                raise _unconnected(error.os_error) from None
            except aiohttp.ClientConnectionError:
                # It may have been closed just before this request, so that it was not read.
                if not attempt.reused:
                    said = "the connection was closed without an answer"
                    raise LinkError("reset", said) from None
            except aiohttp.ClientPayloadError:
                said = "the connection was closed before the answer ended"
                raise LinkError("reset", said) from None
            except aiohttp.ClientResponseError:
                raise LinkError("garbled", "the answer is not HTTP") from None

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _asked(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes, attempt: _Attempt
    ) -> Reply:
        if self._session is None:
            self._session = self._opened()
        async with self._session.request(
            method,
            self._url(path),
            headers=headers,
            data=io.BytesIO(body) if len(body) > WHOLE else body or None,
            allow_redirects=False,
            trace_request_ctx=attempt,
        ) as response:
            if (response.content_length or 0) > MOST_BYTES:
                raise LinkError("garbled", "the answer is too long")
            parts, size = [], 0
            async for part in response.content.iter_any():
                parts.append(part)
                size += len(part)
                if size > MOST_BYTES:
                    raise LinkError("garbled", "the answer is too long")
            return Reply(response.status, response.headers, b"".join(parts))

    def _url(self, path: str) -> URL:
        """The URL of a path, to the letter."""
        if path not in self._urls:
            host = self._address
            try:
                base = URL.build(scheme=host.scheme, host=host.host, port=host.port)
            except ValueError:
                raise self._unknown() from None
            self._urls[path] = base.with_path(host.target(path), encoded=True)
        return self._urls[path]

    def _unknown(self) -> LinkError:
        return LinkError("name", f"unknown host {self._address.host}")

    def _opened(self) -> aiohttp.ClientSession:
        """A session in the running loop; how many requests are under way, `Pace` decides."""
        tls = ssl.create_default_context() if self._address.scheme == "https" else True
        trace = aiohttp.TraceConfig()
        trace.on_connection_create_start.append(_opening)
        trace.on_connection_create_end.append(_open)
        trace.on_connection_reuseconn.append(_reused)
        return aiohttp.ClientSession(
            # The system's own resolver, also where aiodns is installed.
            connector=aiohttp.TCPConnector(limit=0, ssl=tls, resolver=aiohttp.ThreadedResolver()),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=self._timeout),
            skip_auto_headers=AUTOMATIC,
            auto_decompress=False,
            trust_env=False,
            trace_configs=[trace],
        )


async def _opening(_: aiohttp.ClientSession, context: SimpleNamespace, __: object) -> None:
    context.trace_request_ctx.opening = True


async def _open(_: aiohttp.ClientSession, context: SimpleNamespace, __: object) -> None:
    context.trace_request_ctx.opening = False


async def _reused(_: aiohttp.ClientSession, context: SimpleNamespace, __: object) -> None:
    context.trace_request_ctx.reused = True


def _reason(error: aiohttp.ClientSSLError) -> str:
    """Why a secure connection failed, in a few words."""
    cause = getattr(error, "certificate_error", None) or getattr(error, "os_error", error)
    return getattr(cause, "verify_message", "") or getattr(cause, "reason", "") or "failed"


def _unconnected(error: OSError) -> LinkError:
    """The error for a connection that could not be opened."""
    # With several addresses of a host, their errors are joined into one text.
    if error.errno == errno.ECONNREFUSED or "Connect call failed" in str(error):
        return LinkError("refused", "connection refused")
    return LinkError("reset", f"no connection ({error.strerror or error})")
