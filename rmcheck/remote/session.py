"""HTTP by libcurl, without what could change or leak a request.

No redirect is followed, since it could send the key elsewhere; no proxy, no cookie and no login of
a file or of the environment is used; an answer is read as it was sent, up to a limit. Needs the
extra `http`, so that only `http_link` imports this file.
"""

from __future__ import annotations

import errno
import os
import re
import ssl
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property

import pycurl

from rmcheck.remote.address import Address
from rmcheck.remote.connection import MOST_BYTES, LinkError, Reply
from rmcheck.remote.transfers import Failed, Transfers

MOST_HEAD = 64 * 1024
"""The longest headers of an answer that are read, in bytes."""
AUTOMATIC = ("accept", "content-type", "expect", "user-agent")
"""Headers that libcurl would add; the client names those that it wants."""
TLS = {
    getattr(pycurl, f"E_{name}")
    for name in (
        "SSL_CONNECT_ERROR", "SSL_CERTPROBLEM", "SSL_CIPHER", "SSL_CACERT", "SSL_CACERT_BADFILE",
        "SSL_CRL_BADFILE", "SSL_ISSUER_ERROR", "SSL_PINNEDPUBKEYNOTMATCH", "SSL_INVALIDCERTSTATUS",
    )
}  # fmt: skip
"""Errors of a connection that cannot be made secure."""
CLOSED = {
    pycurl.E_GOT_NOTHING, pycurl.E_SEND_ERROR, pycurl.E_RECV_ERROR, pycurl.E_PARTIAL_FILE,
}  # fmt: skip
"""Errors of a connection that ends too early."""
ASKED = "Operation"
"""How libcurl begins its message where an answer is late; else the connection is."""
CHUNK = "chunk"
"""A word of its message where the sizes of an answer's chunks are wrong."""
ENDED = ("unexpected eof", "error:00000000")
"""Parts of its message where a connection ends before it is secure."""
REASON = re.compile(r"(?:.*(?:::|problem: |result: ))?(.*?)(?: \(\d+\))?$", re.DOTALL)
"""The reason in its message about TLS, without the function and the number of the error."""
TOO_LONG = (pycurl.E_WRITE_ERROR, pycurl.E_FILESIZE_EXCEEDED)
"""Errors of an answer over the limit."""


class Headers(Mapping[str, str]):
    """The headers of an answer by name in lower case, read when one is asked for."""

    def __init__(self, lines: Sequence[bytes]) -> None:
        self._lines = lines

    @cached_property
    def _found(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for line in self._lines:
            if line[:5] == b"HTTP/":
                found.clear()  # what came before was an interim answer (100 Continue)
            elif line.strip():
                name, _, value = line.decode("latin-1").partition(":")
                found[name.strip().lower()] = value.strip()
        return found

    def __getitem__(self, name: str) -> str:
        return self._found[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)


class _Exchange:
    """A handle of libcurl, what it is set to ask, and what came of the answer so far."""

    def __init__(self) -> None:
        self.easy = pycurl.Curl()
        self.asks: tuple[str, str, Mapping[str, str]] = ("", "", {})
        self.lines: list[bytes] = []
        self.parts: list[bytes] = []
        self._size = 0
        self.easy.setopt(pycurl.HEADERFUNCTION, self._line)
        self.easy.setopt(pycurl.WRITEFUNCTION, self._part)

    def clear(self) -> None:
        """Forget the last answer."""
        self.lines, self.parts, self._size = [], [], 0

    def reply(self) -> Reply:
        """The answer.

        Raises
        ------
        LinkError
            If its headers are too long, or do not end.
        """
        if sum(map(len, self.lines)) > MOST_HEAD:
            raise LinkError("garbled", "the headers of the answer are too long")
        if b"\r\n" not in self.lines and b"\n" not in self.lines:
            raise LinkError("reset", "the connection was closed before the answer ended")
        status = self.easy.getinfo(pycurl.RESPONSE_CODE)
        return Reply(status, Headers(self.lines), b"".join(self.parts))

    def _line(self, line: bytes) -> None:
        self.lines.append(line)

    def _part(self, part: bytes) -> int | None:
        """Keep a part of the body; −1 ends the transfer."""
        self._size += len(part)
        if self._size > MOST_BYTES:
            return -1
        self.parts.append(part)
        return None


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
        self._transfers: Transfers | None = None
        self._idle: list[_Exchange] = []

    async def ask(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes = b""
    ) -> Reply:
        """The answer to one request; a connection that the server had closed is opened again."""
        if self._transfers is None:
            self._transfers = Transfers()
        exchange = self._idle.pop() if self._idle else self._opened()
        if exchange.asks != (method, path, headers):
            self._prepare(exchange, method, path, headers)
        if method != "GET":
            exchange.easy.setopt(pycurl.POSTFIELDS, body)
        exchange.clear()
        try:
            await self._transfers.done(exchange.easy)
        except Failed as failed:
            raise self._error(failed, exchange) from None
        reply = exchange.reply()
        self._idle.append(exchange)
        return reply

    async def close(self) -> None:
        """Close all connections."""
        self._idle.clear()
        if self._transfers is not None:
            self._transfers.close()
            self._transfers = None

    def _opened(self) -> _Exchange:
        """A new exchange; how many requests are under way, `Pace` decides."""
        exchange = _Exchange()
        limit = max(1, round(self._timeout * 1000))
        for option, value in (
            (pycurl.NOSIGNAL, 1),
            (pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1),
            (pycurl.TIMEOUT_MS, limit),
            (pycurl.CONNECTTIMEOUT_MS, limit),
            (pycurl.PROXY, ""),  # also none of the environment
            (pycurl.NETRC, pycurl.NETRC_IGNORED),
            (pycurl.FOLLOWLOCATION, 0),
            (pycurl.MAXFILESIZE_LARGE, MOST_BYTES),
            (pycurl.PATH_AS_IS, 1),
        ):
            exchange.easy.setopt(option, value)
        if self._address.scheme == "https":
            _trust(exchange.easy)
        return exchange

    def _prepare(
        self, exchange: _Exchange, method: str, path: str, headers: Mapping[str, str]
    ) -> None:
        """Set method, URL and headers, which seldom change from one request to the next."""
        host, easy = self._address, exchange.easy
        try:
            url = f"{host.scheme}://{host.authority.encode('idna').decode()}{host.target(path)}"
        except UnicodeError:
            raise self._unknown() from None
        easy.setopt(pycurl.URL, url)
        easy.setopt(pycurl.HTTPGET if method == "GET" else pycurl.POST, 1)
        given = {name.lower() for name in headers}
        lines = [f"{name}: {value}" for name, value in headers.items()]
        lines += [f"{name}:" for name in AUTOMATIC if name not in given]
        easy.setopt(pycurl.HTTPHEADER, [line.encode() for line in lines])
        exchange.asks = (method, path, headers)

    def _unknown(self) -> LinkError:
        return LinkError("name", f"unknown host {self._address.host}")

    def _error(self, failed: Failed, exchange: _Exchange) -> LinkError:
        """What libcurl's error means."""
        number, system = failed.number, exchange.easy.getinfo(pycurl.OS_ERRNO)
        if number == pycurl.E_OPERATION_TIMEDOUT:
            what = "answer" if failed.said.startswith(ASKED) else "connection"
            return LinkError("time-out", f"no {what} within {self._timeout:g} s")
        if number in (pycurl.E_COULDNT_RESOLVE_HOST, pycurl.E_URL_MALFORMAT):
            return self._unknown()
        if number == pycurl.E_COULDNT_CONNECT:
            if system == errno.ECONNREFUSED:
                return LinkError("refused", "connection refused")
            said = os.strerror(system) if system else failed.said
            return LinkError("reset", f"no connection ({said})")
        if number == pycurl.E_SSL_CONNECT_ERROR and (
            system or any(part in failed.said for part in ENDED)
        ):
            said = os.strerror(system) if system else "closed before it was secure"
            return LinkError("reset", f"no connection ({said})")
        if number in TLS:
            return LinkError("tls", f"no secure connection ({_reason(failed.said)})")
        if number in TOO_LONG:
            return LinkError("garbled", "the answer is too long")
        if number in CLOSED and CHUNK not in failed.said:
            when = "before the answer ended" if exchange.lines else "without an answer"
            return LinkError("reset", f"the connection was closed {when}")
        return LinkError("garbled", "the answer is not HTTP")


def _trust(easy: pycurl.Curl) -> None:
    """Trust whom Python trusts: the system, or SSL_CERT_FILE and SSL_CERT_DIR."""
    paths = ssl.get_default_verify_paths()
    if paths.cafile:
        easy.setopt(pycurl.CAINFO, paths.cafile)
    if paths.capath:
        easy.setopt(pycurl.CAPATH, paths.capath)


def _reason(said: str) -> str:
    """Why a secure connection failed, in a few words."""
    found = REASON.search(said)
    return found[1] if found and found[1] else "failed"
