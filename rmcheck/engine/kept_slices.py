"""The slices and null controls of a suite's record, used again while scores and data are the same.

They are a function of our code, the packages it computes with, the seed, the suite with its data,
and the scores of its pairs; all of these are in the key.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from rmcheck.cache.verdicts import SLICES, VerdictStore
from rmcheck.checks import ScoredPairs
from rmcheck.data.dialogue import content_hash
from rmcheck.record.run import EstimateRecord

if TYPE_CHECKING:
    from rmcheck.engine.kept import KeptConclusions
    from rmcheck.suite import Suite

Parts = dict[str, dict[str, EstimateRecord]]
"""Estimates by the key of a suite's record and by name."""


class KeptSlices:
    """Finds and keeps the parts of suites' records that are estimates.

    Parameters
    ----------
    conclusions
        Those of the run: they know what its verdicts depend on, and whether anything is kept.
    """

    def __init__(self, conclusions: KeptConclusions) -> None:
        self._conclusions = conclusions
        self._store = VerdictStore(conclusions.folder, SLICES)

    def key(self, suite: Suite, scored: ScoredPairs) -> str:
        """The key of a suite with these scores; empty if nothing of it is kept."""
        known = self._conclusions.suite_key(suite)
        if not known:
            return ""
        digest = hashlib.sha256(scored.chosen.tobytes())
        digest.update(scored.rejected.tobytes())
        return content_hash(known, digest.hexdigest())

    def find(self, suite: Suite, key: str) -> Parts | None:
        """What an earlier run kept under this key."""
        kept = self._store.get(suite.name, key) if key else None
        if kept is None:
            return None
        return {
            part: {name: EstimateRecord.model_validate(each) for name, each in found.items()}
            for part, found in kept.items()
        }

    def keep(self, suite: Suite, key: str, parts: Parts) -> None:
        """Keep what was computed now."""
        if key:
            plain: dict[str, Any] = {
                part: {name: each.model_dump(mode="json") for name, each in found.items()}
                for part, found in parts.items()
            }
            self._store.put(suite.name, key, plain)
