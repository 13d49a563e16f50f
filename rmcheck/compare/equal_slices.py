"""How often equal models have a slice, on the user's own scores (`rmcheck selftest --slices`)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rmcheck.compare.comparison import Side
from rmcheck.compare.simulation import Share
from rmcheck.slices.columns import columns
from rmcheck.slices.finding import find
from rmcheck.slices.scores import flips_of
from rmcheck.suite import Suite


def equal_slices(
    suites: Sequence[Suite], run: Side, baseline: Side, *, runs: int, seed: int
) -> Share | None:
    """The share of simulated runs with a confirmed slice; None if they share no pair.

    Candidate and baseline change places prompt by prompt by a fair coin, so that neither is better
    in any part of the data. At most 5 % of the runs should confirm a slice.
    """
    pairs = {pair.hash: pair for suite in suites for pair in suite.data.pairs}
    flips, _ = flips_of(run.rows, baseline.rows, pairs)
    if not flips.pairs:
        return None
    found = columns(flips.pairs, flips.suites)
    rng = np.random.default_rng(seed)
    confirmed = 0
    for _ in range(runs):
        sides = rng.choice((-1.0, 1.0), flips.codes.max() + 1)
        confirmed += bool(find(flips.changed(flips.change * sides[flips.codes]), found).slices)
    return Share(confirmed, runs)
