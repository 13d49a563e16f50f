"""Carrying rewards in another precision, as RLHF trainers do."""

from __future__ import annotations

from typing import Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from rmcheck.stats.at_once import at_once

Precision = Literal["float32", "bfloat16", "float16"]
PRECISIONS: tuple[Precision, ...] = get_args(Precision)
"""The precisions in which rewards are computed or carried, the default first."""

_CELLS: Final = 65_536
"""Scores that are mapped at a time."""


def cast(values: NDArray[np.float64], precision: Precision) -> NDArray[np.float64]:
    """Round to the nearest number that `precision` can hold (ties to even); back as float64.

    Parameters
    ----------
    values
        Any shape, finite. What lies beyond the range of `precision` becomes infinite.

    Notes
    -----
    NumPy has no bfloat16: it is a float32 whose lower 16 bits are gone, rounded here to nearest,
    ties to even, by adding 0x7FFF plus the lowest kept bit (IEEE 754 binary32, truncated).

    >>> cast(np.array([1.0, 1.003, 1.004]), "bfloat16").tolist()
    [1.0, 1.0, 1.0078125]
    """
    with np.errstate(over="ignore", under="ignore"):
        if precision == "float16":
            return values.astype(np.float16).astype(np.float64)
        single = values.astype(np.float32)
    if precision == "bfloat16":
        bits = single.view(np.uint32)
        rounded = bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))
        single = (rounded & np.uint32(0xFFFF0000)).view(np.float32)
    return single.astype(np.float64)


def lost_orderings(
    chosen: NDArray[np.float64],
    rejected: NDArray[np.float64],
    *,
    factor: float,
    shift: float,
    precision: Precision,
) -> NDArray[np.intp]:
    """Rows whose strict ordering is gone after mapping both scores by a·r + b and casting them.

    Parameters
    ----------
    chosen, rejected
        Scores of shape (n,).
    factor, shift
        a > 0 and b, applied in float64 before the cast (the kindest order).

    Returns
    -------
    Indices of pairs that were strictly ordered and are now tied or reversed.
    """
    before = np.sign(chosen - rejected)
    mapped = (cast(factor * side + shift, precision) for side in (chosen, rejected))
    high, low = mapped
    after = (high > low).astype(np.float64) - (high < low)
    return np.flatnonzero((before != 0) & (before != after))


def lost_at_most(
    chosen: NDArray[np.float64],
    rejected: NDArray[np.float64],
    factors: NDArray[np.float64],
    shifts: NDArray[np.float64],
    precision: Precision,
) -> int:
    """The most orderings that one of several maps loses; see `lost_orderings`.

    Parameters
    ----------
    chosen, rejected
        Scores of shape (n,).
    factors, shifts
        a > 0 and b of each map, of shape (k,).

    Returns
    -------
    The largest count; 0 without maps.
    """
    before = np.sign(chosen - rejected)
    if len(before) > _CELLS:
        return _lost_of_many(chosen, rejected, factors, shifts, precision)
    maps = max(1, _CELLS // max(1, len(before)))
    most = 0
    for start in range(0, len(factors), maps):
        a = factors[start : start + maps, None]
        b = shifts[start : start + maps, None]
        high, low = cast(a * chosen + b, precision), cast(a * rejected + b, precision)
        after = (high > low).astype(np.float64) - (high < low)
        lost = ((before != 0) & (before != after)).sum(axis=1)
        most = max(most, int(lost.max()))
    return most


def _lost_of_many(
    chosen: NDArray[np.float64],
    rejected: NDArray[np.float64],
    factors: NDArray[np.float64],
    shifts: NDArray[np.float64],
    precision: Precision,
) -> int:
    """`lost_at_most`, which compares only the pairs that a map can bring together.

    Two mapped scores at most M in size that differ by more than 2·(u·M + v) stay apart, with u the
    unit roundoff of `precision` and v half its smallest step; twice that is taken here, which also
    covers the rounding of the map itself in float64.
    """
    order = np.argsort(np.abs(chosen - rejected), kind="stable")
    chosen, rejected = chosen[order], rejected[order]
    margins = np.abs(chosen - rejected)
    largest = float(max(np.abs(chosen).max(), np.abs(rejected).max()))
    unit, step, top = _ROUNDING[precision]

    def lost(factor: float, shift: float) -> int:
        size = factor * largest + abs(shift)
        near = len(margins)
        if size < top:
            bound = 4.0 * (unit * size + step) / factor
            near = int(np.searchsorted(margins, bound, side="right"))
        rows = lost_orderings(
            chosen[:near], rejected[:near], factor=factor, shift=shift, precision=precision
        )
        return len(rows)

    return max(at_once(lost, factors.tolist(), shifts.tolist(), n=len(margins)), default=0)


_ROUNDING: Final[dict[Precision, tuple[float, float, float]]] = {
    "float32": (2.0**-24, 2.0**-150, 2.0**127),
    "bfloat16": (2.0**-8, 2.0**-134, 2.0**127),
    "float16": (2.0**-11, 2.0**-25, 2.0**15),
}
"""Unit roundoff, half the smallest step, and a size below which nothing becomes infinite."""
