"""One axis of a chart: its range, its ticks, and where a value falls on the paper."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from rmcheck.report import numbers
from rmcheck.report.text import width
from rmcheck.wording import minus

_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True)
class Axis:
    """A linear map from [low, high] to [start, end] on the paper; `low` < `high`."""

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        """Where `value` falls, kept on the paper."""
        share = (value - self.low) / (self.high - self.low)
        return self.start + min(1.0, max(0.0, share)) * (self.end - self.start)

    def ticks(self, most: int) -> list[float]:
        """At most `most` round values within the range (at least two where that is possible)."""
        span = self.high - self.low
        for exponent in range(math.floor(math.log10(span)) - 2, math.ceil(math.log10(span)) + 2):
            for step in _STEPS:
                size = step * 10.0**exponent
                first = math.ceil(self.low / size - 1e-9)
                last = math.floor(self.high / size + 1e-9)
                if last - first + 1 <= max(2, most):
                    # The slack above lets rounding in; a tick still belongs on the axis.
                    ticks = (index * size for index in range(first, last + 1))
                    return [min(max(tick, self.low), self.high) for tick in ticks]
        return []

    def labels(self, size: float, paper: float) -> list[tuple[float, str, float]]:
        """Ticks along the bottom at font size `size`: place, label, and the label's middle.

        As many as leave air between the labels, each kept on a paper that is `paper` wide.
        """
        for most in range(7, 1, -1):
            placed = []
            for tick, text in labelled(self.ticks(most)):
                half, x = width(text, size) / 2, self.at(tick)
                placed.append((x, text, min(max(x, half), paper - half)))
            if all(
                later - earlier >= (width(one, size) + width(other, size)) / 2 + size * 0.7
                for (_, one, earlier), (_, other, later) in pairwise(placed)
            ):
                return placed
        return placed[:1]


def labelled(ticks: list[float]) -> list[tuple[float, str]]:
    """Ticks with labels of one number of decimals.

    >>> labelled([0.0, 0.25, 0.5]), labelled([0.0, 5000.0])
    ([(0.0, '0'), (0.25, '0.25'), (0.5, '0.50')], [(0.0, '0'), (5000.0, '5,000')])
    """
    if len(ticks) < 2:
        return [(tick, numbers.number(tick)) for tick in ticks]
    step = ticks[1] - ticks[0]
    if max(abs(tick) for tick in ticks) >= 1e7 or step < 1e-5:
        return [(tick, numbers.number(tick)) for tick in ticks]
    decimals = 0
    while decimals < 6 and abs(round(step, decimals) - step) > step * 1e-6:
        decimals += 1
    return [
        (tick, "0" if abs(tick) < step / 2 else minus(f"{tick:,.{decimals}f}")) for tick in ticks
    ]


def span(values: Iterable[float], *, pad: float = 0.06, zero: bool = False) -> tuple[float, float]:
    """A range that shows all of `values` with some air; rates stay within [0, 1].

    `zero` asks that the range begin at 0. Equal values get a range around them.
    """
    kept = list(values)
    low, high = min(kept), max(kept)
    within = low >= 0 and high <= 1
    if zero:
        low, high = min(0.0, low), max(0.0, high)
    if high - low <= 1e-9 * max(abs(low), abs(high)) or high == low:
        spread = abs(high) * 0.1 or 1.0
        if within:
            spread = 0.1
        low, high = low - spread, high + spread
    else:
        air = (high - low) * pad
        low, high = (low if zero and low == 0 else low - air), high + air
    if within:
        low, high = max(0.0, low), min(1.0, high)
    return low, high
