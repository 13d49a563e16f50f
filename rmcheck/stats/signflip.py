"""Sign-flip tests over groups: how likely the observed differences are by chance."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln

from rmcheck.stats import groups as grouping
from rmcheck.stats.bundles import bundled
from rmcheck.stats.columns import finite, same_length

Alternative = Literal["less", "greater", "two-sided"]

EXACT_GROUPS = 16
"""Up to this many groups of margins every sign pattern is enumerated (65,536 patterns)."""

_ALTERNATIVES = ("less", "greater", "two-sided")
# A distribution of this many float64 cells takes 160 MB.
_MOST_CELLS = 20_000_000
# Signs are drawn a byte (eight groups) at a time, in chunks of this many bytes.
_CHUNK_BYTES = 4_000_000
# Longer products of polynomials than this leave out zeros; up to it a second is enough.
_LONG_PRODUCT = 1_000_000_000
# Up to so many coins binomial coefficients are exact; a row of them is 8 kB.
_EXACT_COINS = 1_000
_SMALLEST = float(np.finfo(np.float64).tiny)


def sign_flip_p_integer(
    net: ArrayLike, alternative: Alternative = "less", *, mid: bool = False
) -> float:
    """Exact p of the groups' net wins when each group's sign is a fair coin.

    Parameters
    ----------
    net : (G,) integers, wins gained less wins lost in each group. Ties count in halves, so pass
        doubled numbers where there are any; a common factor changes nothing. Zeros drop out.
    alternative : `less` asks how often the sum would be at most the one seen, `greater` how often
        at least, `two-sided` doubles the smaller of the two (at most 1).
    mid : the mid-p instead: the very sum that was seen counts half.

    Returns
    -------
    The p-value, exact to float64 rounding, in [2.2e-308, 1]; 1.0 when every net is zero (0.5 with
    `mid`, 1.0 if two-sided).

    Notes
    -----
    Assumes groups independent and, under the null, each group's net symmetric about 0. With one
    pair a group this is the exact McNemar (binomial) test. All terms of the convolution are
    positive, so that no digit cancels and small p-values are right to about 1e-13 of themselves.
    A p below 2.2e-308 is returned as that bound, never as 0.

    The mid-p (Lancaster 1961, *JASA* 56:223-234) is not bounded by the level for every single
    number of coins, but does not lose what an exact p loses because sums come in steps.
    """
    _known(alternative)
    column = np.asarray(net)
    if not np.issubdtype(column.dtype, np.integer):
        exact = finite("net", column)
        bad = np.flatnonzero(exact != np.rint(exact))
        if bad.size:
            raise ValueError(f"net[{int(bad[0])}] is {exact[bad[0]]}; net wins must be integers")
        column = np.rint(exact)
    values = column.astype(np.int64)
    values = values[values != 0]
    if values.size == 0:
        return 0.5 if mid and alternative != "two-sided" else 1.0
    values = values // np.gcd.reduce(np.abs(values))
    sizes = np.abs(values)
    total = int(sizes.sum())
    positive = int(values[values > 0].sum())
    # With fair signs the positive part T has P(T ≤ t) = P(T ≥ total - t).
    less, greater = (
        _mid_at_most(bound, sizes, total) if mid else _at_most(bound, sizes, total)
        for bound in (positive, total - positive)
    )
    if alternative == "less":
        return less
    return greater if alternative == "greater" else min(1.0, 2.0 * min(less, greater))


def _known(alternative: str) -> None:
    if alternative not in _ALTERNATIVES:
        allowed = ", ".join(_ALTERNATIVES)
        raise ValueError(f"alternative={alternative!r} is unknown (allowed: {allowed})")


def _at_most(bound: int, sizes: NDArray[np.int64], total: int) -> float:
    """P(T ≤ bound) for T the sum of `sizes`, each kept by a fair coin; `total` is their sum."""
    if bound >= total:
        return 1.0
    if 2 * bound >= total:
        # Add up the shorter tail; a p above one half loses nothing by the subtraction.
        return 1.0 - _at_most(total - bound - 1, sizes, total)
    return max(_SMALLEST, float(_lower_tail(bound, sizes).sum()))


def _mid_at_most(bound: int, sizes: NDArray[np.int64], total: int) -> float:
    """P(T < bound) + P(T = bound) / 2."""
    below = _at_most(bound - 1, sizes, total) if bound else 0.0
    return 0.5 * (below + _at_most(bound, sizes, total))


def _lower_tail(bound: int, sizes: NDArray[np.int64]) -> NDArray[np.float64]:
    """P(T = 0), …, P(T = bound): the generating function's product, cut off at `bound`."""
    if bound > _MOST_CELLS:
        raise ValueError(f"net wins add up to {bound}, more than the exact test supports")
    cells = np.zeros(bound + 1)
    cells[0] = 1.0
    reached = 0
    steps, counts = np.unique(sizes, return_counts=True)
    for step, count in zip(steps[::-1].tolist(), counts[::-1].tolist(), strict=True):
        binomial = _fair_binomial(count, bound // step)
        before = cells[: reached + 1].copy()
        reached = min(bound, reached + step * count)
        # Equal sizes act together, on the cells that are `step` apart.
        for residue in range(min(step, len(before))):
            spread = _product(before[residue::step], binomial)
            room = cells[residue : reached + 1 : step]
            room[:] = spread[: len(room)]
    return cells


def _product(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """The product of two polynomials; of long ones without the zeros at both ends.

    Beyond 38 standard deviations the terms of a binomial underflow to zero: of 100,000 coins 12,000
    terms are left.
    """
    if len(a) * len(b) < _LONG_PRODUCT:
        return np.convolve(a, b)
    whole = np.zeros(len(a) + len(b) - 1)
    kept_a, kept_b = np.flatnonzero(a), np.flatnonzero(b)
    if kept_a.size and kept_b.size:
        inner = np.convolve(a[kept_a[0] : kept_a[-1] + 1], b[kept_b[0] : kept_b[-1] + 1])
        start = int(kept_a[0] + kept_b[0])
        whole[start : start + len(inner)] = inner
    return whole


def _fair_binomial(count: int, highest: int) -> NDArray[np.float64]:
    """Probabilities of 0, …, min(count, highest) heads among `count` fair coins."""
    most = min(count, highest) + 1
    if count <= _EXACT_COINS:
        return _exact_binomial(count)[:most]
    heads = np.arange(most, dtype=np.float64)
    logs = gammaln(count + 1) - gammaln(heads + 1) - gammaln(count - heads + 1)
    return np.exp(logs - count * math.log(2.0))


@lru_cache(maxsize=512)
def _exact_binomial(count: int) -> NDArray[np.float64]:
    """All of them, (count + 1,), correctly rounded; logarithms would lose three digits."""
    half, ways = [1], 1
    for k in range(count // 2):
        ways = ways * (count - k) // (k + 1)
        half.append(ways)
    chances = np.array([ways / (1 << count) for ways in half])
    row = np.concatenate([chances, chances[: (count + 1) // 2][::-1]])
    row.flags.writeable = False
    return row


def sign_flip_p_margins(
    margins: ArrayLike,
    groups: Sequence[str],
    *,
    alternative: Alternative = "greater",
    rng: np.random.Generator,
    draws: int = 20_000,
) -> float:
    """P-value of the mean margin when each group's margins change sign together.

    Parameters
    ----------
    margins : (n,) chosen less rejected score, in the model's own units; finite.
    groups : (n,) group of each pair.
    alternative : of the mean margin: `greater` than 0, `less`, or `two-sided`.
    rng : draws the signs when there are more than 16 groups.
    draws : how many sign patterns are then drawn, ≥ 1.

    Returns
    -------
    Exact for up to 16 groups; beyond, (k + 1) / (draws + 1) with k the patterns at least as
    extreme, which is a valid p-value for every number of draws. 1.0 when all margins are zero.

    Notes
    -----
    Assumes groups independent, and each group's summed margin symmetric about 0 under the null.
    Phipson and Smyth 2010 for the + 1. Very many groups flip in bundles, which leaves the test
    valid, see `rmcheck.stats.bundles`. A positive factor on all margins changes nothing.
    """
    _known(alternative)
    column = finite("margins", margins)
    same_length(margins=column, groups=groups)
    if draws < 1:
        raise ValueError(f"draws={draws} must be at least 1")
    if column.size == 0:
        raise ValueError("a sign-flip test needs at least one margin")
    largest = float(np.abs(column).max())
    if largest == 0.0:
        return 1.0
    sums = grouping.sums(column / largest, bundled(grouping.codes(groups), rng))
    if alternative == "less":
        sums = -sums
    observed = float(sums.sum())
    two_sided = alternative == "two-sided"
    threshold = abs(observed) if two_sided else observed
    # Patterns that tie with the observed one count, however their sums were rounded.
    threshold -= 1e-12 * float(np.abs(sums).sum())
    if len(sums) <= EXACT_GROUPS:
        flipped = np.zeros(1)
        for value in sums:
            flipped = np.concatenate([flipped + value, flipped - value])
        extreme = np.abs(flipped) >= threshold if two_sided else flipped >= threshold
        return float(np.count_nonzero(extreme)) / len(flipped)
    hits = 0
    tables = _byte_sums(sums)
    chunk = max(1, _CHUNK_BYTES // len(tables))
    offsets = np.arange(len(tables), dtype=np.int64) * 256
    for start in range(0, draws, chunk):
        rows = min(chunk, draws - start)
        patterns = rng.integers(0, 256, size=(rows, len(tables)), dtype=np.uint8)
        flipped = tables.ravel()[patterns + offsets].sum(axis=1)
        extreme = np.abs(flipped) >= threshold if two_sided else flipped >= threshold
        hits += int(np.count_nonzero(extreme))
    return (hits + 1) / (draws + 1)


def _byte_sums(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """Signed sums of eight groups for each of the 256 sign patterns: (G,) to (⌈G/8⌉, 256)."""
    padded = np.zeros(-(-len(sums) // 8) * 8)
    padded[: len(sums)] = sums
    bits = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1)
    signs = bits.astype(np.float64) * 2.0 - 1.0
    return np.ascontiguousarray(padded.reshape(-1, 8) @ signs.T)
