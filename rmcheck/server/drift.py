"""Whether the scores of served texts are those of the gate's run: their distance as a number."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rmcheck.errors import RmcheckError
from rmcheck.record import folder as folders

FEWEST = 100
"""Scores that a run must have, and texts that must be served, before a distance is told."""
REMEMBERED = 10_000
"""Scores of served texts that are compared, the newest."""


class Drift:
    """The newest served scores, and those of a run of the gate with the same model.

    Parameters
    ----------
    reference
        The scores of the run, shape (n,); None without such a run.
    """

    def __init__(self, reference: NDArray[np.float64] | None) -> None:
        usable = reference is not None and len(reference) >= FEWEST
        self.reference = reference if usable else None
        self._newest: deque[float] = deque(maxlen=REMEMBERED)

    def add(self, rewards: Sequence[float] | NDArray[np.float64]) -> None:
        """Rewards of served texts."""
        if self.reference is not None:
            self._newest.extend(float(one) for one in rewards)

    def distance(self) -> float | None:
        """The largest difference between the two distribution functions, in [0, 1].

        The statistic of Kolmogorov and Smirnov for two samples; None while there are too few
        scores on either side.
        """
        if self.reference is None or len(self._newest) < FEWEST:
            return None
        from scipy.stats import ks_2samp

        served = np.array(self._newest, dtype=np.float64)
        return float(ks_2samp(served, self.reference, method="asymp").statistic)


def reference(fingerprint: str | None, runs: Iterable[Path]) -> NDArray[np.float64] | None:
    """The scores in the first of `runs` that has scored with this model, shape (n,).

    Each pair gives two scores. A folder that is missing or cannot be read is skipped.
    """
    if fingerprint is None:
        return None
    for run in runs:
        try:
            record = folders.read(run)
            suites = {
                suite.name
                for suite in record.suites
                if (suite.source or record.source).fingerprint == fingerprint
            }
            rows = folders.read_scores(run, record) if suites else ()
        except (RmcheckError, OSError):
            continue
        found = [
            score for row in rows if row.suite in suites for score in (row.chosen, row.rejected)
        ]
        if found:
            return np.array(found, dtype=np.float64)
    return None
