"""Long computations beside each other: NumPy lets other threads run while it computes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TypeVar

THREADS: Final = 2
MANY: Final = 20_000
"""Columns up to this length are done before threads have begun."""

Result = TypeVar("Result")


def at_once(work: Callable[..., Result], *each: Iterable[Any], n: int) -> list[Result]:
    """What `work` returns for each, in order, as `map` gives it.

    Parameters
    ----------
    work : draws from no generator that another call draws from, and changes nothing.
    n : length of the columns that it goes through; up to `MANY` one after the other.
    """
    if n <= MANY:
        return list(map(work, *each))
    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(work, *each))
