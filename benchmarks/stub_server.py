"""A stub of vLLM's `/classify` that answers each request after a fixed time; for served.py.

    python benchmarks/stub_server.py SECONDS

Prints its port. It speaks just enough HTTP for clients that send a content-length.
"""

from __future__ import annotations

import asyncio
import json
import sys


class Stub(asyncio.Protocol):
    """One connection."""

    def __init__(self, latency: float) -> None:
        self._latency = latency
        self._read = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has come."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer each whole request after the latency."""
        self._read += data
        while (end := self._read.find(b"\r\n\r\n")) >= 0:
            head = self._read[:end].lower()
            start = head.find(b"content-length:")
            size = int(head[start + 15 :].split(b"\r\n")[0]) if start >= 0 else 0
            if len(self._read) < end + 4 + size:
                return
            body = self._read[end + 4 : end + 4 + size]
            self._read = self._read[end + 4 + size :]
            wait = self._latency if body else 0.0
            asyncio.get_running_loop().call_later(wait, self._answer, body)

    def _answer(self, body: bytes) -> None:
        if body:
            texts = json.loads(body)["input"]
            rows = [{"index": n, "probs": [len(text) / 7]} for n, text in enumerate(texts)]
        else:
            rows = [{"id": "stub", "max_model_len": 100000}]  # GET /v1/models
        said = json.dumps({"data": rows}).encode()
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(
                b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
                % len(said)
                + said
            )


async def serve(latency: float) -> None:
    """Serve until the process ends."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Stub(latency), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(float(sys.argv[1])))
