"""Equal models are rarely told apart by what their margins say: the promised level, in small.

benchmarks/measures.py simulates it in full, with the rule of the gate.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from rmcheck.stats.measures import weigh
from rmcheck.stats.winrate import wins

Column = NDArray[np.float64]

CASES: dict[str, tuple[int, Callable[[Column], Column], Callable[[Column], Column]]] = {
    "singletons": (1, lambda d: d, lambda d: d),
    "groups of three": (3, lambda d: d, lambda d: d),
    "spreads that differ by 1,000": (1, lambda d: d, lambda d: 1000 * d),
    "both saturate": (1, np.tanh, lambda d: d),
    "both rounded: ties and zero margins": (1, np.round, lambda d: d),
}


@pytest.mark.ci
@pytest.mark.parametrize("measure", ["log_loss", "rank_log_loss"])
@pytest.mark.parametrize("case", CASES)
def test_equal_models_reach_a_level_as_often_as_it_says(measure: str, case: str) -> None:
    size, both, change = CASES[case]
    rng = np.random.default_rng(len(case))
    n, runs, level = 90, 250, 0.05
    groups = [str(place // size) for place in range(n)]
    zero = np.zeros(n)
    low = 0
    for _ in range(runs):
        # Heavy tails, and what a group has in common.
        truth = rng.normal(0.7, 1.0, n) + np.repeat(rng.normal(0, 0.7, n // size), size)
        now, before = (
            both(
                truth + 0.5 * rng.standard_t(3, n) + np.repeat(rng.normal(0, 0.5, n // size), size)
            )
            for _ in range(2)
        )
        found = weigh(
            measure,  # type: ignore[arg-type]
            margins=(change(now), before),
            wins=(wins(now, zero), wins(before, zero)),
            groups=groups,
        )
        low += found.p_less <= level
    assert low / runs <= level + 3 * math.sqrt(level * (1 - level) / runs)
    # And not a test that never speaks.
    assert low / runs >= level - 4 * math.sqrt(level * (1 - level) / runs)
