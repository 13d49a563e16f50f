"""The cluster bootstrap: groups, not pairs, are drawn with replacement."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rmcheck.stats import groups as grouping
from rmcheck.stats.at_once import at_once
from rmcheck.stats.bundles import bundled
from rmcheck.stats.columns import distinct_rows, finite, proportion, same_length

Statistic = Callable[..., float]
"""Columns, each (m,), in the order given, to one number."""

# A chunk's weights or indices take at most 32 MB a thread.
_CHUNK_CELLS: Final = 4_000_000
_DRAWN_CELLS: Final = 32_768


def bootstrap_means(
    values: ArrayLike, groups: Sequence[str], *, draws: int = 10_000, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Means of resampled data, whole groups drawn with replacement.

    Parameters
    ----------
    values : (n,) or (n, k) numbers, n ≥ 1, finite.
    groups : (n,) group of each pair; groups are independent of each other.
    draws : number of resamples, ≥ 1.
    rng : source of the draws; the result depends on its state alone, not on the threads.

    Returns
    -------
    (draws,) or (draws, k): Σ sums / Σ sizes over G groups drawn with replacement.

    Notes
    -----
    Efron 1979, over clusters. Groups of equal sums and size are interchangeable, so they collapse
    into one cell with a multinomial count: for wins the cost depends on the few distinct cells and
    not on n, and the distribution is the same. Very many groups are bundled, see
    `rmcheck.stats.bundles`.
    """
    table = np.asarray(values, dtype=np.float64)
    columns = table[:, None] if table.ndim == 1 else table
    if columns.ndim != 2:
        raise ValueError(f"values must have one or two dimensions, got shape {table.shape}")
    for index, column in enumerate(columns.T):
        finite("values" if table.ndim == 1 else f"values[:, {index}]", column)
    n = same_length(values=columns, groups=groups)
    if n == 0 or draws < 1:
        raise ValueError(f"a bootstrap needs pairs and draws, got n={n} and draws={draws}")
    codes = bundled(grouping.codes(groups), rng)
    totals = np.stack(
        [grouping.sizes(codes).astype(np.float64), *(grouping.sums(c, codes) for c in columns.T)],
        axis=1,
    )
    cells, counts = distinct_rows(totals)
    n_groups = len(totals)
    # Multinomial counts cost one binomial a cell; indices cost one integer a group.
    collapse = 20 * len(cells) <= n_groups
    constants = [bool(np.ptp(totals[:, 0]) == 0.0), *(False for _ in columns.T)]
    chunk = max(1, _CHUNK_CELLS // (len(cells) if collapse else n_groups))
    starts = range(0, draws, chunk)

    def resample(start: int, generator: np.random.Generator) -> NDArray[np.float64]:
        rows = min(chunk, draws - start)
        if collapse:
            picked = generator.multinomial(n_groups, counts / n_groups, size=rows) @ cells
        else:
            drawn = generator.integers(0, n_groups, size=(rows, n_groups), dtype=np.uint32)
            if totals.shape[1] > 3:
                # Counting once is cheaper than gathering every column.
                picked = np.stack(
                    [np.bincount(row, minlength=n_groups) @ totals for row in drawn], axis=0
                )
            else:
                picked = np.stack(
                    [
                        # Groups of one size: a constant denominator need not be gathered.
                        np.full(rows, float(n)) if constant else column.take(drawn).sum(axis=1)
                        for column, constant in zip(totals.T, constants, strict=True)
                    ],
                    axis=1,
                )
        return np.asarray(picked[:, 1:] / picked[:, :1], dtype=np.float64)

    generators = rng.spawn(len(starts))
    means = np.concatenate(at_once(resample, starts, generators, n=draws * n_groups))
    return means[:, 0] if table.ndim == 1 else means


def bootstrap_statistic(
    columns: Sequence[ArrayLike],
    groups: Sequence[str],
    statistic: Statistic,
    *,
    draws: int = 2_000,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Any statistic of resampled rows, whole groups drawn with replacement.

    Parameters
    ----------
    columns : each (n,), finite, n ≥ 1; row i of all of them belongs together.
    groups : (n,) group of each row; groups are independent of each other.
    statistic : called with the resampled columns; may return NaN where a resample has no spread.
    draws : number of resamples, ≥ 1.
    rng : source of the draws.

    Returns
    -------
    (draws,) values of the statistic, NaN kept.
    """
    data = [finite(f"columns[{index}]", column) for index, column in enumerate(columns)]
    lengths = {f"columns[{index}]": column for index, column in enumerate(data)}
    n = same_length(groups=groups, **lengths)
    if n == 0 or draws < 1:
        raise ValueError(f"a bootstrap needs rows and draws, got n={n} and draws={draws}")
    codes = grouping.codes(groups)
    order = np.argsort(codes, kind="stable")
    sizes = grouping.sizes(codes)
    ends = np.cumsum(sizes)
    data = [column[order] for column in data]
    result = np.empty(draws)
    for draw in range(draws):
        drawn = rng.integers(0, len(sizes), size=len(sizes))
        taken = sizes[drawn]
        # Rows of each drawn group follow one another: its start, then 0, 1, … within it.
        within = np.arange(int(taken.sum())) - np.repeat(np.cumsum(taken) - taken, taken)
        rows = np.repeat(ends[drawn] - taken, taken) + within
        result[draw] = statistic(*(column[rows] for column in data))
    return result


def bootstrap_weights(
    groups: Sequence[str], *, draws: int = 2_000, rng: np.random.Generator
) -> Iterator[NDArray[np.float64]]:
    """How often each row is drawn, resample by resample, whole groups drawn with replacement.

    For statistics that take weights: they need no resampled copy, and sort only once.

    Parameters
    ----------
    groups : (n,) group of each row, n ≥ 1; groups are independent of each other.
    draws : number of resamples, ≥ 1.
    rng : source of the draws.

    Yields
    ------
    (n,) whole numbers ≥ 0 as float64.
    """
    codes = grouping.codes(groups)
    if not len(codes) or draws < 1:
        raise ValueError(f"a bootstrap needs rows and draws, got n={len(codes)} and draws={draws}")
    n_groups = int(codes.max()) + 1
    # A few resamples at a time: the same draws as one by one, in half the time.
    at_once = max(1, _DRAWN_CELLS // n_groups)
    for start in range(0, draws, at_once):
        rows = min(at_once, draws - start)
        for drawn in rng.integers(0, n_groups, size=(rows, n_groups)):
            yield np.bincount(drawn, minlength=n_groups).astype(np.float64)[codes]


def percentile_interval(draws: NDArray[np.float64], level: float) -> tuple[float, float]:
    """Middle `level` of the bootstrap values; (draws,) to two numbers, NaN left out.

    Raises
    ------
    ValueError
        When every draw is NaN.
    """
    proportion("level", level, closed=False)
    seen = draws[~np.isnan(draws)]
    if seen.size == 0:
        raise ValueError("every bootstrap draw is undefined")
    tail = (1.0 - level) / 2.0
    low, high = np.quantile(seen, [tail, 1.0 - tail])
    return float(low), float(high)
