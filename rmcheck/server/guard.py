"""Checks before every endpoint: the size of a request and its token; counts the answers."""

from __future__ import annotations

import hmac
import time
from collections.abc import Mapping

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rmcheck.server.answers import refusal
from rmcheck.server.limits import MEGABYTE
from rmcheck.server.service import Service

OPEN = frozenset({"/", "/docs", "/health", "/openapi.json"})
"""Paths that need no token: they show nothing of the model."""
OTHER = "other"
"""What the counts call a path that is not an endpoint."""


class Guard:
    """An ASGI app before the app: reads a request whole, up to the limit, and checks its token.

    Parameters
    ----------
    app
        The app.
    service
        Limits, token and counts.
    endpoints
        The paths that are counted by name.
    """

    def __init__(self, app: ASGIApp, service: Service, endpoints: frozenset[str]) -> None:
        self._app = app
        self._service = service
        self._endpoints = endpoints

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.monotonic()
        status = 0

        async def counted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = int(message["status"])
            await send(message)

        try:
            await self._answer(scope, receive, counted)
        finally:
            path = str(scope["path"])
            name = path if path in self._endpoints else OTHER
            self._service.metrics.answered(name, status or 500, time.monotonic() - began)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = str(scope["path"])
        headers = {bytes(key).lower(): bytes(value) for key, value in scope["headers"]}
        if path not in OPEN and not self._may(headers):
            said = "expected the header 'Authorization: Bearer TOKEN' with the server's token"
            answer = refusal(path, 401, said, {"WWW-Authenticate": "Bearer"})
            await answer(scope, receive, send)
            return
        limit = self._service.limits.body
        given = headers.get(b"content-length", b"")
        body = None if given.isdigit() and int(given) > limit else await _whole(receive, limit)
        if body is None:
            said = f"the request is larger than {limit / MEGABYTE:.3g} MB; send several requests"
            answer = refusal(path, 413, said, {"Connection": "close"})
            await answer(scope, receive, send)
            return
        waiting = [{"type": "http.request", "body": body, "more_body": False}]

        async def again() -> Message:
            return waiting.pop() if waiting else await receive()

        await self._app(scope, again, send)

    def _may(self, headers: Mapping[bytes, bytes]) -> bool:
        token = self._service.token
        if not token:
            return True
        kind, _, given = headers.get(b"authorization", b"").partition(b" ")
        return kind.lower() == b"bearer" and hmac.compare_digest(given.strip(), token.encode())


async def _whole(receive: Receive, limit: int) -> bytes | None:
    """The body of a request; None where it is larger than `limit` bytes."""
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":  # the client is gone
            return b"".join(parts)
        part = bytes(message.get("body", b""))
        size += len(part)
        if size > limit:
            return None
        parts.append(part)
        if not message.get("more_body", False):
            return b"".join(parts)
