"""What a server takes at most, and the errors of a request that asks for more."""

from __future__ import annotations

from dataclasses import dataclass

from rmcheck.wording import counted

MEGABYTE = 2**20


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The bounds of a server.

    Attributes
    ----------
    body
        Bytes of a request.
    texts
        Texts of a request.
    waiting
        Texts that may wait for the model; a request that finds as many is refused with 429.
    batch
        Texts that are scored at once.
    seconds
        How long a request may take, waiting included.
    """

    body: int = 8 * MEGABYTE
    texts: int = 1024
    waiting: int = 4096
    batch: int = 1024
    seconds: float = 60.0


class Refused(Exception):
    """A request that gets no score: why, the HTTP status, and the seconds after which to retry."""

    status = 400

    def __init__(self, message: str, *, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Invalid(Refused):
    """The request cannot be read as it is."""


class TooLong(Refused):
    """A text has more tokens than the model reads."""


class TooLarge(Refused):
    """More bytes or texts than the server takes."""

    status = 413


class Unknown(Refused):
    """A model that is not served."""

    status = 404


class Overloaded(Refused):
    """Too many texts wait."""

    status = 429


class Failed(Refused):
    """The model failed on the request's texts."""

    status = 500


class Unavailable(Refused):
    """The server stops, or the request took too long."""

    status = 503


def too_many(texts: int, limit: int) -> TooLarge:
    """The error of a request with more texts than `Limits.texts`."""
    return TooLarge(
        f"the request has {counted(texts, 'text')}; expected at most {limit:,}: send several "
        "requests"
    )
