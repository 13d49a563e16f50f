"""The server as a process: its socket, its signals, and the end that answers what it has begun."""

from __future__ import annotations

import contextlib
import ipaddress
import signal
import socket
from collections.abc import Callable, Iterator

import uvicorn
from fastapi import FastAPI

from rmcheck.errors import UsageError, os_reason

GRACE = 5
"""Seconds beyond the longest request that the end may take."""


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches a server that listens there.

    >>> is_loopback("127.0.0.1"), is_loopback("localhost"), is_loopback("::1")
    (True, True, True)
    >>> is_loopback("0.0.0.0"), is_loopback("example.org")
    (False, False)
    """
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens; port 0: any free one.

    Raises
    ------
    UsageError
        If the address cannot be used.
    """
    bare = host.strip("[]")
    family = socket.AF_INET6 if ":" in bare else socket.AF_INET
    try:
        return socket.create_server((bare, port), family=family, backlog=2048)
    except OSError as error:
        reason = os_reason(error, "choose another one with --host and --port")
        raise UsageError(f"cannot listen on {host}:{port}: {reason}") from None
    except OverflowError:
        raise UsageError(f"--port {port}: expected a number from 0 to 65535") from None


def url(listening: socket.socket, host: str) -> str:
    """Where a browser finds the server."""
    port = int(listening.getsockname()[1])
    shown = f"[{host.strip('[]')}]" if ":" in host else host
    return f"http://{shown}:{port}"


def serve(
    app: FastAPI, listening: socket.socket, seconds: float, ready: Callable[[], None]
) -> None:
    """Answer requests until SIGINT or SIGTERM; then those in hand, and return.

    Parameters
    ----------
    app
        The app.
    listening
        The socket.
    seconds
        How long a request may take.
    ready
        Called when the first request may come.
    """
    config = uvicorn.Config(
        app, log_level="warning", access_log=False, server_header=False,
        timeout_graceful_shutdown=int(seconds) + GRACE, lifespan="on",
    )  # fmt: skip
    _Server(config, ready).run(sockets=[listening])


class _Server(uvicorn.Server):
    """uvicorn, whose end by a signal is a normal one."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say so."""
        await super().startup(sockets)
        if self.started:
            self._ready()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop at a signal. uvicorn raises it again at the end, which would end the process."""
        both = (signal.SIGINT, signal.SIGTERM)
        before = {number: signal.signal(number, self.handle_exit) for number in both}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
