"""Connections to real sockets: what HTTP allows is read, what breaks it is told."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import socket
import ssl
import subprocess
import warnings
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from rmcheck.errors import UsageError
from rmcheck.remote import session, sockets, transfers
from rmcheck.remote.address import Address
from rmcheck.remote.connection import LinkError, Reply
from rmcheck.remote.session import Connections

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"

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
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nsize\r\nhello", "garbled"),
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


def test_a_kept_connection_on_which_no_answer_comes() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"{}")
        writer.write(OK)
        await writer.drain()
        await reader.read()

    with pytest.raises(LinkError, match=r"^no answer within 0\.2 s$"):
        asked(talk, times=2, timeout=0.2)


def test_a_request_that_is_given_up_leaves_the_others() -> None:
    open_ = asyncio.Event()

    async def whole() -> list[Reply]:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                while True:
                    head = await reader.readuntil(b"{}")
                    if b"/slow" in head:
                        await open_.wait()
                    writer.write(OK)

        server = await asyncio.start_server(talk, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        link = Connections(Address.parse(f"http://127.0.0.1:{port}"), 5)
        slow = [asyncio.create_task(link.ask("POST", "/slow", {}, b"{}")) for _ in range(3)]
        quick = [await link.ask("POST", "/quick", {}, b"{}") for _ in range(3)]
        slow[1].cancel()
        await asyncio.sleep(0)
        open_.set()
        answered = await asyncio.gather(*slow, return_exceptions=True)
        assert isinstance(answered.pop(1), asyncio.CancelledError)
        quick.append(await link.ask("POST", "/quick", {}, b"{}"))
        await link.close()
        server.close()
        return [*quick, *answered]  # type: ignore[list-item]

    assert [reply.body for reply in asyncio.run(whole())] == [b"ok"] * 6


@pytest.mark.skipif(not hasattr(sockets, "Polled"), reason="no epoll, so that there is one way")
def test_without_epoll_the_loop_watches_the_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfers, "Sockets", sockets.Readers)
    test_a_kept_connection_that_the_server_closed_is_opened_again()
    test_a_large_body_is_sent_whole()
    test_a_server_that_does_not_answer()
    test_a_request_that_is_given_up_leaves_the_others()
    test_nobody_listens_and_no_such_host()


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


def test_a_connection_that_ends_before_it_is_secure() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10_000)

    with pytest.raises(LinkError, match=r"^no connection \(") as caught:
        asked(talk, scheme="https")
    assert caught.value.kind == "reset"  # so that it is tried again


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 that signs itself, and its key, in one file."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl makes the certificate")
    found = tmp_path_factory.mktemp("tls") / "both.pem"
    key = found.with_name("key.pem")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-nodes", "-days", "2", "-subj", "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1",
         "-keyout", str(key), "-out", str(found)],
        check=True, capture_output=True,
    )  # fmt: skip
    found.write_text(found.read_text() + key.read_text())
    return found


def over_tls(certificate: Path, host: str = "127.0.0.1") -> Reply:
    """The answer of a server with that certificate, asked by that name."""

    async def whole() -> Reply:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                await reader.readuntil(b"{}")
                writer.write(OK)
                await writer.drain()
            writer.close()

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server = await asyncio.start_server(talk, "127.0.0.1", 0, ssl=context)
        port = server.sockets[0].getsockname()[1]
        link = Connections(Address.parse(f"https://{host}:{port}"), 5)
        try:
            return await link.ask("POST", "/", {}, b"{}")
        finally:
            await link.close()
            server.close()

    return asyncio.run(whole())


def test_tls_trusts_whom_python_trusts(monkeypatch: pytest.MonkeyPatch, certificate: Path) -> None:
    with pytest.raises(
        LinkError, match=r"^no secure connection \(self.signed certificate\)$"
    ) as caught:
        over_tls(certificate)
    assert caught.value.kind == "tls"
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert over_tls(certificate).body == b"ok"
    with pytest.raises(LinkError, match=r"no secure connection .*localhost") as caught:
        over_tls(certificate, "localhost")  # which is not the name in it
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
