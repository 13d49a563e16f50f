"""The sockets of a library that says which of them it waits for, watched by an event loop.

A loop's own readers and writers cost more for each request than the request itself does in libcurl,
so that where the system has epoll, the loop watches one object that watches all sockets.
"""

from __future__ import annotations

import asyncio
import contextlib
import select
import sys
from collections.abc import Callable

READ, WRITE = 1, 2
"""What a socket may be ready for, as bits."""

Ready = Callable[[int, int], object]
"""Takes the number of a socket, and what it is ready for."""


class Readers:
    """Sockets that are watched by the loop itself: for systems without epoll.

    Parameters
    ----------
    ready
        Called when a socket is ready.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, ready: Ready) -> None:
        self._loop = loop
        self._ready = ready
        self._watched: dict[int, int] = {}

    def watch(self, number: int, events: int) -> None:
        """Wait for these events of a socket, and no others; 0: for none any more."""
        before = self._watched.pop(number, 0)
        if events:
            self._watched[number] = events
        if before & READ and not events & READ:
            self._loop.remove_reader(number)
        if before & WRITE and not events & WRITE:
            self._loop.remove_writer(number)
        if events & READ and not before & READ:
            self._loop.add_reader(number, self._ready, number, READ)
        if events & WRITE and not before & WRITE:
            self._loop.add_writer(number, self._ready, number, WRITE)

    def close(self) -> None:
        """Watch none any more."""
        for number in list(self._watched):
            self.watch(number, 0)


if sys.platform == "linux":
    MASKS = (0, select.EPOLLIN, select.EPOLLOUT, select.EPOLLIN | select.EPOLLOUT)

    class Polled:
        """Sockets that are watched by an epoll object; it is what the loop watches.

        Parameters
        ----------
        ready
            Called when a socket is ready.
        """

        def __init__(self, loop: asyncio.AbstractEventLoop, ready: Ready) -> None:
            self._loop = loop
            self._ready = ready
            self._watched: set[int] = set()
            self._epoll = select.epoll()
            loop.add_reader(self._epoll.fileno(), self._look)

        def watch(self, number: int, events: int) -> None:
            """Wait for these events of a socket, and no others; 0: for none any more."""
            if not events:
                self._watched.discard(number)
                with contextlib.suppress(OSError):  # it was not watched, or is closed
                    self._epoll.unregister(number)
            elif number in self._watched:
                self._epoll.modify(number, MASKS[events])
            else:
                self._epoll.register(number, MASKS[events])
                self._watched.add(number)

        def close(self) -> None:
            """Watch none any more."""
            self._loop.remove_reader(self._epoll.fileno())
            self._epoll.close()

        def _look(self) -> None:
            for number, event in self._epoll.poll(0):
                # An error or the end of a connection is read, or written, like data.
                reads = READ if event & ~select.EPOLLOUT else 0
                self._ready(number, reads | (WRITE if event & ~select.EPOLLIN else 0))

    Sockets: type[Polled] | type[Readers] = Polled
else:
    Sockets = Readers
