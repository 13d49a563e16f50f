"""Checksums of what a cache holds: plain, or keyed with a secret from the environment."""

from __future__ import annotations

import hmac
import os

KEY_VARIABLE = "RMCHECK_CACHE_KEY"
"""Whoever does not know its value cannot write a cache that a run with it believes."""


def seal(*parts: object) -> str:
    """32 hex digits: HMAC-SHA256 over `parts`, with an empty key where no secret is given.

    Without a secret it finds damage, not intent: anybody can compute it.
    """
    # Each part with its length, so that no two lists of parts give the same bytes.
    texts = (str(part).encode("utf-8", "surrogatepass") for part in parts)
    message = b"".join(b"%d:%b" % (len(text), text) for text in texts)
    key = os.environ.get(KEY_VARIABLE, "").encode("utf-8", "surrogateescape")
    return hmac.digest(key, message, "sha256")[:16].hex()


def holds(given: object, *parts: object) -> bool:
    """Whether `given` is the seal of `parts`."""
    return isinstance(given, str) and given.isascii() and hmac.compare_digest(given, seal(*parts))
