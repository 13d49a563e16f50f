"""Columns of numbers, checked at the border: finite, one-dimensional, of one length."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

_MANY_ROWS = 50_000
_LARGEST_HALF = 1e6


def finite(name: str, values: ArrayLike) -> NDArray[np.float64]:
    """Turn `values` into a float64 column, or name the first entry that is not finite.

    Parameters
    ----------
    name : what the column is called in the message.
    values : (n,), any real dtype.

    Raises
    ------
    ValueError
        If the column is not one-dimensional, or an entry is NaN or infinite.
    """
    column = np.asarray(values, dtype=np.float64)
    if column.ndim != 1:
        raise ValueError(f"{name} must be one-dimensional, got shape {column.shape}")
    bad = np.flatnonzero(~np.isfinite(column))
    if bad.size:
        first = int(bad[0])
        raise ValueError(f"{name}[{first}] is {column[first]}; every value must be finite")
    return column


def distinct_rows(
    table: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """The distinct rows of an (n, k) table in lexicographic order, and how often each occurs.

    As `numpy.unique(axis=0)`, whose comparison of whole rows takes seconds for a million of them.
    """
    of_halves = _distinct_halves(table)
    if of_halves is not None:
        return of_halves
    if len(table) < _MANY_ROWS:
        rows, counts = np.unique(table, axis=0, return_counts=True)
        return rows, counts
    codes = np.zeros(len(table), dtype=np.int64)
    for column in table.T:
        place = np.unique(column, return_inverse=True)[1]
        # Renumbered at every step, so that a code never outgrows 64 bits.
        codes = np.unique(codes * (int(place.max()) + 1) + place, return_inverse=True)[1]
    _, first, counts = np.unique(codes, return_index=True, return_counts=True)
    return table[first], counts


def _distinct_halves(
    table: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.intp]] | None:
    """`distinct_rows` by counting; None unless the entries are few different multiples of one half.

    Such are numbers of pairs and of wins. A row is a number whose digits are its entries.
    """
    if not table.size or float(np.abs(table).max()) > _LARGEST_HALF:
        return None
    digits = (2.0 * table).astype(np.int64)
    if not np.array_equal(digits, 2.0 * table):
        return None
    least = digits.min(axis=0)
    digits -= least
    bases = digits.max(axis=0) + 1
    if float(np.prod(bases.astype(np.float64))) > max(1_000, len(table)):
        return None
    codes = np.zeros(len(table), dtype=np.int64)
    for base, column in zip(bases.tolist(), digits.T, strict=True):
        codes *= base
        codes += column
    counts = np.bincount(codes)
    rest = np.flatnonzero(counts)
    counts = counts[rest].astype(np.intp)
    rows = np.empty((len(rest), table.shape[1]))
    for place in range(table.shape[1] - 1, -1, -1):
        rest, digit = np.divmod(rest, bases[place])
        rows[:, place] = (digit + least[place]) / 2.0
    return rows, counts


def same_length(**columns: ArrayLike) -> int:
    """Return the length that all columns share.

    Raises
    ------
    ValueError
        If two lengths differ; the message gives all of them.
    """
    # A list of names is not copied into an array to count it.
    lengths = {
        name: len(column) if isinstance(column, list) else len(np.asarray(column))
        for name, column in columns.items()
    }
    if len(set(lengths.values())) > 1:
        given = ", ".join(f"{name} has {length}" for name, length in lengths.items())
        raise ValueError(f"columns differ in length: {given}")
    return next(iter(lengths.values()), 0)


def win_column(name: str, values: ArrayLike) -> NDArray[np.float64]:
    """Check that a column holds wins: 0 (lost), 0.5 (tied) or 1 (won)."""
    column = finite(name, values)
    bad = np.flatnonzero((column != 0.0) & (column != 0.5) & (column != 1.0))
    if bad.size:
        first = int(bad[0])
        raise ValueError(f"{name}[{first}] is {column[first]}; allowed: 0, 0.5, 1")
    return column


def proportion(name: str, value: float, *, closed: bool = True) -> float:
    """Check that `value` is in [0, 1], or in (0, 1) where `closed` is false."""
    inside = 0.0 <= value <= 1.0 if closed else 0.0 < value < 1.0
    if not inside:
        raise ValueError(f"{name}={value} is outside {'[0, 1]' if closed else '(0, 1)'}")
    return float(value)
