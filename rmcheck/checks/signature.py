"""The signature of a number: all that could change it, on one line."""

from __future__ import annotations

from collections.abc import Mapping

from rmcheck import __version__


def signature(kind: str, source: str, data: str, facts: Mapping[str, object], *, seed: int) -> str:
    """All that could change a verdict's number, on one line.

    >>> signature("win_rate", "py:m@f00d", "chat@cafe", {"n": 60}, seed=7)
    ... # doctest: +ELLIPSIS
    'win_rate|src:py:m@f00d|data:chat@cafe|n:60|seed:7|v:...'
    """
    said = (f"{name}:{value}" for name, value in facts.items())
    parts = [kind, f"src:{source}", f"data:{data}", *said, f"seed:{seed}", f"v:{__version__}"]
    return "|".join(parts)
