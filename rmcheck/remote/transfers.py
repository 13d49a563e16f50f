"""Transfers of libcurl, driven by the running event loop.

libcurl says which sockets it waits for and until when (its multi-socket interface); the loop tells
it what came. Nothing here knows what is sent. Needs the extra `http`.
"""

from __future__ import annotations

import asyncio

import pycurl

from rmcheck.remote.sockets import Sockets

KEPT = 256
"""Connections that are kept open for further transfers."""
NEVER = float("inf")


class Failed(Exception):
    """libcurl's number of an error (CURLE_…), and what it says about it."""

    def __init__(self, number: int, said: str) -> None:
        super().__init__(said)
        self.number = number
        self.said = said


class Transfers:
    """The transfers that are under way in the running loop, and their connections."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        # libcurl's bits for what a socket is ready for are those of `Sockets`.
        self._sockets = Sockets(self._loop, self._act)
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_SOCKETFUNCTION, self._watch)
        self._multi.setopt(pycurl.M_TIMERFUNCTION, self._wake_after)
        self._multi.setopt(pycurl.M_MAXCONNECTS, KEPT)
        self._waiting: dict[pycurl.Curl, asyncio.Future[None]] = {}
        self._wake = NEVER
        self._timer: asyncio.TimerHandle | None = None

    async def done(self, easy: pycurl.Curl) -> None:
        """Perform a transfer that is set up; one that is cancelled is given up.

        Raises
        ------
        Failed
            If libcurl does.
        """
        future = self._waiting[easy] = self._loop.create_future()
        self._multi.add_handle(easy)
        self._act(pycurl.SOCKET_TIMEOUT, 0)  # sends now, not in the next round of the loop
        try:
            await future
        finally:
            if self._waiting.pop(easy, None) is not None:
                self._multi.remove_handle(easy)

    def close(self) -> None:
        """Close all connections; no transfer may be under way."""
        self._multi.close()
        self._sockets.close()
        if self._timer is not None:
            self._timer.cancel()

    def _watch(self, what: int, number: int, *_: object) -> None:
        """Called by libcurl, so that it is not called from here."""
        self._sockets.watch(number, 0 if what == pycurl.POLL_REMOVE else what)

    def _wake_after(self, milliseconds: int) -> None:
        """Called by libcurl, as `_watch` is; −1: there is nothing to wake it for."""
        if milliseconds < 0:
            self._wake = NEVER
            return
        self._wake = self._loop.time() + milliseconds / 1000
        # A timer that goes off too early looks again, so that most calls change nothing.
        if self._timer is None or self._timer.when() > self._wake:
            if self._timer is not None:
                self._timer.cancel()
            self._timer = self._loop.call_at(self._wake, self._rang)

    def _rang(self) -> None:
        self._timer = None
        if self._wake > self._loop.time():
            if self._wake < NEVER:
                self._timer = self._loop.call_at(self._wake, self._rang)
            return
        self._wake = NEVER
        self._act(pycurl.SOCKET_TIMEOUT, 0)

    def _act(self, number: int, ready: int) -> None:
        """Tell libcurl what a socket is ready for, or that time has passed; see what has ended."""
        _, running = self._multi.socket_action(number, ready)
        if running < len(self._waiting):
            self._end()

    def _end(self) -> None:
        left = 1
        while left:
            left, whole, broken = self._multi.info_read()
            for easy in whole:
                self._finish(easy, None)
            for easy, error, said in broken:
                self._finish(easy, Failed(error, said))

    def _finish(self, easy: pycurl.Curl, error: Failed | None) -> None:
        self._multi.remove_handle(easy)
        future = self._waiting.pop(easy)
        if future.done():
            return  # it was cancelled just now
        if error is None:
            future.set_result(None)
        else:
            future.set_exception(error)
