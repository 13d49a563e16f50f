"""The log in stretches of equal length, for the charts: a bounded number, however long the log."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

MOST_WINDOWS = 96


@dataclass
class Mean:
    """Sums from which a mean and its standard error follow."""

    n: int = 0
    total: float = 0.0
    squares: float = 0.0

    def add(self, values: NDArray[np.float64]) -> None:
        """Add values, (n,)."""
        self.n += len(values)
        self.total += float(values.sum())
        self.squares += float(np.square(values).sum())

    def join(self, other: Mean) -> None:
        """Add what another has summed."""
        self.n += other.n
        self.total += other.total
        self.squares += other.squares

    @property
    def value(self) -> float | None:
        """The mean; None without values."""
        return self.total / self.n if self.n else None

    @property
    def error(self) -> float:
        """The standard error of the mean, 0 without two values."""
        if self.n < 2:
            return 0.0
        variance = max(0.0, self.squares / self.n - (self.total / self.n) ** 2)
        return math.sqrt(variance / (self.n - 1))


@dataclass
class Window:
    """A stretch of the log.

    `rows` counts rows up to its end, `first` and `last` are times (None: the log has none). `means`
    and `capital` (the logarithm to base 10 at the end) are by aspect; `bins` counts scores.
    """

    rows: int
    first: float | None
    last: float | None
    means: dict[str, Mean]
    capital: Mapping[str, float]
    bins: NDArray[np.int64]

    def join(self, later: Window) -> None:
        """Make one of this window and the next."""
        self.rows, self.capital = later.rows, later.capital
        self.first = later.first if self.first is None else self.first
        self.last = self.last if later.last is None else later.last
        for name, mean in later.means.items():
            self.means[name].join(mean)
        self.bins = self.bins + later.bins


@dataclass
class Windows:
    """Windows that double their length when there are more than `MOST_WINDOWS`."""

    blocks: int = 1
    """How many blocks a full window holds."""
    kept: list[Window] = field(default_factory=list)
    _last: int = 0

    def add(self, block: Window) -> None:
        """Add the next block of the log."""
        if self.kept and self._last < self.blocks:
            self.kept[-1].join(block)
            self._last += 1
            return
        self.kept.append(block)
        self._last = 1
        if len(self.kept) > MOST_WINDOWS:
            for earlier, later in zip(self.kept[:-1:2], self.kept[1::2], strict=False):
                earlier.join(later)
            odd = len(self.kept) % 2 == 1
            self.kept = self.kept[::2]
            self.blocks *= 2
            self._last = 1 if odd else self.blocks
