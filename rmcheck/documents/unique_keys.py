"""Objects of JSON that have each key once."""

from __future__ import annotations

from typing import Any


class DuplicateKey(ValueError):
    """An object has a key twice, so what it says depends on who reads it."""


def unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object from its keys and values, as `object_pairs_hook` of `json` gives them.

    Python's own reader takes the last value of a key that comes again, others take the first.

    >>> unique_keys([("id", "a"), ("chosen", 1.0)])
    {'id': 'a', 'chosen': 1.0}

    Raises
    ------
    DuplicateKey
        If a key comes again.
    """
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [key for key, _ in pairs]
        again = next(key for key in names if names.count(key) > 1)
        raise DuplicateKey(f"duplicate key {again[:80]!r}; keep one of them")
    return found
