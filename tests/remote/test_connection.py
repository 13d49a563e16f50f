"""Connections to real sockets: what HTTP allows is read, what breaks it is told."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from rmcheck.errors import UsageError
from rmcheck.remote.address import Address
from rmcheck.remote.connection import Connections, LinkError, Reply

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def asked(talk: Talk, times: int = 1, timeout: float = 5.0, scheme: str = "http") -> list[Reply]:
    """The answers of a server that talks so, asked some times on kept connections."""

    async def whole() -> list[Reply]:
        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                await talk(reader, writer)
            except (ConnectionError, asyncio.IncompleteReadError):
                pass
            finally:
                writer.close()

        server = await asyncio.start_server(handle, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        link = Connections(Address.parse(f"{scheme}://127.0.0.1:{port}/base"), timeout)
        try:
            return [await link.ask("POST", "/x", {"a": "b"}, b"{}") for _ in range(times)]
        finally:
            await link.close()
            server.close()

    return asyncio.run(whole())


def answering(raw: bytes, requests: list[bytes] | None = None) -> Talk:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(2)
            if requests is not None:
                requests.append(head)
            writer.write(raw)
            await writer.drain()

    return talk


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n\r\n2;x=1\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
        b"HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nTrail: er\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length:5\r\n\r\nhello",
    ],
    ids=["length", "chunks", "trailers", "continue"],
)
def test_bodies_and_kept_connections(raw: bytes) -> None:
    requests: list[bytes] = []
    replies = asked(answering(raw, requests), times=3)
    assert [(reply.status, reply.body) for reply in replies] == [(200, b"hello")] * 3
    assert requests[0].startswith(b"POST /base/x HTTP/1.1\r\na: b\r\nhost: 127.0.0.1:")
    assert requests[0].endswith(b"\r\ncontent-length: 2\r\n\r\n")
    assert len(requests) == 3


def test_a_body_until_the_connection_closes() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.0 200 OK\r\n\r\nhello")

    assert [reply.body for reply in asked(talk, times=2)] == [b"hello", b"hello"]


def test_a_kept_connection_that_the_server_closed_is_opened_again() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
        await writer.drain()  # and the connection is closed, which no header says

    assert [reply.body for reply in asked(talk, times=3)] == [b"ok"] * 3


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (b"", "reset"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\nhal", "reset"),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n9\r\nhal", "reset"),
        (b"HTTP/1.1 200 OK\r\nconte", "reset"),
        (b"SSH-2.0-OpenSSH_9.6\r\n\r\n", "garbled"),
        (b"HTTP/1.1 OK\r\n\r\n", "garbled"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: -5\r\n\r\n", "garbled"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n", "garbled"),
    ],
)
def test_broken_answers(raw: bytes, kind: str) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(raw)

    with pytest.raises(LinkError) as caught:
        asked(talk)
    assert caught.value.kind == kind


def test_a_server_that_does_not_answer() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhe")
        await writer.drain()
        await reader.read()

    with pytest.raises(LinkError, match=r"no answer within 0\.05 s") as caught:
        asked(talk, timeout=0.05)
    assert caught.value.kind == "time-out"


def test_nobody_listens_and_no_such_host() -> None:
    async def ask(url: str) -> None:
        await Connections(Address.parse(url), 5).ask("GET", "/", {})

    with pytest.raises(LinkError) as caught:
        asyncio.run(ask("http://127.0.0.1:9"))
    assert caught.value.kind == "refused"
    with pytest.raises(LinkError) as caught:
        asyncio.run(ask("http://nobody.invalid"))
    assert caught.value.kind in ("name", "reset", "time-out")


def test_tls_to_a_server_without_it() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()

    with pytest.raises(LinkError, match="no secure connection") as caught:
        asked(talk, scheme="https")
    assert caught.value.kind == "tls"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://me:secret@host:8000", "a login in the URL would be kept with every run"),
        ("http://host:8000/?token=secret", "could contain a secret"),
        ("http://", "not a URL"),
        ("http://host:port", "not a URL"),
        ("http://host:99999", "not a URL"),
        ("ftp://host", "not a URL"),
        ("http://host/ä", "ASCII"),
    ],
)
def test_a_url_is_checked_and_no_secret_in_it_shown(url: str, said: str) -> None:
    with pytest.raises(UsageError, match=said) as caught:
        Address.parse(url)
    assert "secret@" not in str(caught.value)
    assert "token=secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://[::1]:8000/a/", "http://[::1]:8000/a"),
        ("https://host", "https://host"),
        ("http://host:80/", "http://host"),
        ("https://host:80", "https://host:80"),
    ],
)
def test_how_an_address_is_shown(url: str, shown: str) -> None:
    assert str(Address.parse(url)) == shown
