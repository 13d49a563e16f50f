"""One request to a server and its answer: what a link promises, whatever speaks HTTP below it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

MOST_BYTES = 64 * 1024 * 1024
"""The longest answer that is read."""

Trouble = Literal["refused", "name", "tls", "reset", "time-out", "garbled"]


class LinkError(Exception):
    """No answer came; `kind` says why, and the text says it to people."""

    def __init__(self, kind: Trouble, said: str) -> None:
        super().__init__(said)
        self.kind: Trouble = kind


@dataclass(frozen=True)
class Reply:
    """An answer of a server; `headers` is asked for names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Link(Protocol):
    """Sends requests to one server."""

    async def ask(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes = b""
    ) -> Reply:
        """The answer to one request.

        Raises
        ------
        LinkError
            If none came.
        """

    async def close(self) -> None:
        """Close all connections."""
