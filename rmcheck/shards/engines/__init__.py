"""The engines that score shards: processes of this machine, or Ray."""

from __future__ import annotations

from rmcheck.errors import UsageError, did_you_mean
from rmcheck.shards.work import Engine

ENGINES = ("local", "ray")


def named(asked: str) -> Engine:
    """The engine that `NAME` or `NAME:WORKERS` names; nothing is started.

    Raises
    ------
    UsageError
        For an unknown name or a wrong number.
    """
    name, colon, count = asked.partition(":")
    if name not in ENGINES:
        raise UsageError(f"engine {asked!r}: {did_you_mean(name, ENGINES)}, with :WORKERS or not")
    if colon and (not count.isdecimal() or int(count) < 1):
        raise UsageError(f"engine {asked!r}: expected a number of workers after ':', at least 1")
    workers = int(count) if colon else None
    if name == "ray":
        from rmcheck.shards.engines.ray import Ray

        return Ray(workers)
    from rmcheck.shards.engines.local import Local

    return Local(workers)
