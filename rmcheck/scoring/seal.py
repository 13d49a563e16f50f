"""Checksums of cached data: plain, or keyed with a secret from the environment."""

from __future__ import annotations

import hmac
import os
from collections.abc import Iterable

KEY_VARIABLE = "RMCHECK_CACHE_KEY"
"""The environment variable of the secret; a run with it trusts only a cache written with it."""


def seal(*parts: object) -> str:
    """32 hex digits: HMAC-SHA256 over `parts`, with an empty key if no secret is set.

    Without a secret it detects damage, not forgery: anybody can compute it.
    """
    return Seals().of(*parts)


def holds(given: object, *parts: object) -> bool:
    """Whether `given` is the seal of `parts`."""
    return Seals().hold(given, *parts)


class Seals:
    """The seals of many lists of parts that begin alike; what they share is prepared once."""

    def __init__(self, *first: object) -> None:
        self._key = os.environ.get(KEY_VARIABLE, "").encode("utf-8", "surrogateescape")
        self._first = _message(first)

    def of(self, *rest: object) -> str:
        """The seal of the first parts and `rest`; see `seal`."""
        return hmac.digest(self._key, self._first + _message(rest), "sha256")[:16].hex()

    def hold(self, given: object, *rest: object) -> bool:
        """Whether `given` is that seal."""
        return (
            isinstance(given, str)
            and given.isascii()
            and hmac.compare_digest(given, self.of(*rest))
        )


def _message(parts: Iterable[object]) -> bytes:
    """Each part with its length, so that no two lists of parts give the same bytes."""
    texts = [str(part).encode("utf-8", "surrogatepass") for part in parts]
    return b"".join([b"%d:%b" % (len(text), text) for text in texts])
