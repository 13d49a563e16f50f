"""Two win rates on different pairs: their difference with an interval."""

from __future__ import annotations

import math

from rmcheck.verdict import Estimate


def rate_difference(first: Estimate, second: Estimate) -> Estimate:
    """first - second for two rates on disjoint pairs, each with a Wilson interval at one level.

    Returns
    -------
    Estimate
        In [-1, 1]; method `newcombe-unpaired`; `n` and `n_groups` are sums.

    Raises
    ------
    ValueError
        When the levels differ.

    Notes
    -----
    Newcombe 1998, *Statistics in Medicine* 17:873-890, method 10: the distances of both rates to
    their Wilson limits, joined by squares. Taking the limits as given, it carries over whatever
    clustering they allow for. Pairs of one group that fall on both sides are taken as independent.

    >>> a = Estimate(value=0.8, low=0.66, high=0.89, level=0.95, method="wilson", n=50, n_groups=50)
    >>> round(rate_difference(a, a).low, 3)
    -0.166
    """
    if first.level != second.level:
        raise ValueError(f"levels differ: {first.level} and {second.level}")
    # 0.8 - 0.6 is to be the 0.2 that a user writes.
    value = round(first.value - second.value, 12)
    below = math.hypot(first.value - first.low, second.high - second.value)
    above = math.hypot(first.high - first.value, second.value - second.low)
    return Estimate(
        value=value,
        low=max(-1.0, value - below),
        high=min(1.0, value + above),
        level=first.level,
        method="newcombe-unpaired",
        n=first.n + second.n,
        n_groups=first.n_groups + second.n_groups,
    )
