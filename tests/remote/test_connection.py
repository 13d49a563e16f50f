"""Connections to real sockets: what HTTP allows is read, what breaks it is told."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import warnings
from collections.abc import Awaitable, Callable

import pytest

from rmcheck.errors import UsageError
from rmcheck.remote import session
from rmcheck.remote.address import Address
from rmcheck.remote.connection import LinkError, Reply
from rmcheck.remote.session import Connections

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def asked(
    talk: Talk, times: int = 1, timeout: float = 5.0, scheme: str = "http", body: bytes = b"{}"
) -> list[Reply]:
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
            return [await link.ask("POST", "/x", {"a": "b"}, body) for _ in range(times)]
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
    first, *headers = requests[0].lower().decode().split("\r\n")
    assert first == "post /base/x http/1.1"
    names = {name: value for name, _, value in (line.partition(": ") for line in headers if line)}
    assert names.pop("host").startswith("127.0.0.1:")
    assert names == {"a": "b", "content-length": "2"}  # nothing that nobody asked for
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
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nfive\r\nhello", "garbled"),
        (b"HTTP/1.1 200 OK\r\na: " + b"b" * 100_000 + b"\r\n\r\n", "garbled"),
    ],
)
def test_broken_answers(raw: bytes, kind: str) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(raw)

    with pytest.raises(LinkError) as caught:
        asked(talk)
    assert caught.value.kind == kind


@pytest.mark.parametrize("head", [b"transfer-encoding: chunked", b"a: b"], ids=["chunks", "close"])
def test_an_answer_that_does_not_end_is_not_read_to_its_end(
    monkeypatch: pytest.MonkeyPatch, head: bytes
) -> None:
    monkeypatch.setattr(session, "MOST_BYTES", 100_000)
    written = 0

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal written
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n\r\n")
        while written < 1000:
            writer.write(b"2000\r\n" + b"x" * 8192 + b"\r\n")
            await writer.drain()
            written += 1

    with pytest.raises(LinkError, match="too long") as caught:
        asked(talk)
    assert caught.value.kind == "garbled"
    assert written < 1000


def test_what_could_change_or_leak_a_request_is_off(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    requests: list[bytes] = []
    raw = (
        b"HTTP/1.1 302 Found\r\nlocation: /elsewhere\r\nset-cookie: a=b\r\n"
        b"content-encoding: gzip\r\ncontent-length: 5\r\n\r\nhello"
    )
    replies = asked(answering(raw, requests), times=2)
    # The redirect is an answer, its cookie is not kept, no proxy was asked, and the body, which is
    # no gzip, is as it was sent.
    assert [(reply.status, reply.body) for reply in replies] == [(302, b"hello")] * 2
    assert [request.split()[1] for request in requests] == [b"/base/x"] * 2
    assert b"cookie" not in requests[1].lower()


def test_a_large_body_is_sent_whole() -> None:
    sizes: list[int] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        size = int(head.split(b"content-length: ")[1].split(b"\r\n")[0])
        sizes.append(len(await reader.readexactly(size)))
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
        await writer.drain()

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert asked(talk, body=b"x" * 3_000_000)[0].body == b"ok"
    assert sizes == [3_000_000]


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
        link = Connections(Address.parse(url), 5)
        try:
            await link.ask("GET", "/", {})
        finally:
            await link.close()

    with pytest.raises(LinkError) as caught:
        asyncio.run(ask("http://127.0.0.1:9"))
    assert caught.value.kind == "refused"
    for host in ("nobody.invalid", "a..b", "x" * 70, 'a"b'):
        with pytest.raises(LinkError) as caught:
            asyncio.run(ask(f"http://{host}"))
        assert caught.value.kind in ("name", "reset", "time-out")


def test_a_connection_that_is_not_opened_in_time() -> None:
    # A queue of one is full after the first connections, and a further one is not answered.
    with socket.socket() as full, contextlib.ExitStack() as stack:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(4):
            one = stack.enter_context(socket.socket())
            one.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                one.connect(full.getsockname())
        url = f"http://127.0.0.1:{full.getsockname()[1]}"
        with pytest.raises(LinkError, match=r"^no connection within 0\.1 s$") as caught:
            asyncio.run(Connections(Address.parse(url), 0.1).ask("GET", "/", {}))
    assert caught.value.kind == "time-out"


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
