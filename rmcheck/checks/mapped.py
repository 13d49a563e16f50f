"""A suite seen through a·r + b: the same context with the candidate's scores mapped and cast."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rmcheck.checks.check import (
    CANDIDATE,
    Changes,
    Check,
    Context,
    ScoredPairs,
    SourceRef,
    Trainings,
)
from rmcheck.data import Dialogue, PreferencePair
from rmcheck.data.preferences import PreferenceData
from rmcheck.verdict import Verdict

if TYPE_CHECKING:
    from rmcheck.checks.affine import AffineMap
    from rmcheck.stats.precision import Precision


class MappedContext:
    """Wraps a context; every score of the candidate is mapped and held in `precision`."""

    def __init__(self, inner: Context, found: AffineMap, precision: Precision) -> None:
        self._inner = inner
        self._map = found
        self._precision: Precision = precision

    def _mapped(self, scores: NDArray[np.float64], source: SourceRef) -> NDArray[np.float64]:
        from rmcheck.stats.precision import cast

        if source.role != "candidate":
            return scores
        return cast(self._map.factor * scores + self._map.shift, self._precision)

    def scored(self, pairs: Sequence[PreferencePair], source: SourceRef = CANDIDATE) -> ScoredPairs:
        found = self._inner.scored(pairs, source)
        return ScoredPairs(
            found.pairs, self._mapped(found.chosen, source), self._mapped(found.rejected, source)
        )

    def score(
        self, dialogues: Sequence[Dialogue], source: SourceRef = CANDIDATE
    ) -> NDArray[np.float64]:
        return self._mapped(self._inner.score(dialogues, source), source)

    @property
    def suite(self) -> str:
        return self._inner.suite

    @property
    def data(self) -> PreferenceData:
        return self._inner.data

    @property
    def siblings(self) -> Sequence[Check]:
        return self._inner.siblings

    @property
    def seed(self) -> int:
        return self._inner.seed

    @property
    def examples(self) -> int | None:
        return self._inner.examples

    @property
    def comparisons(self) -> int:
        return self._inner.comparisons

    def comparable(
        self, pairs: Sequence[PreferencePair]
    ) -> tuple[Sequence[PreferencePair], list[str]]:
        return self._inner.comparable(pairs)

    def changes(self, pairs: Sequence[PreferencePair]) -> Changes:
        return self._inner.changes(pairs)

    def trainings(self, source: SourceRef = CANDIDATE, count: int | None = None) -> Trainings:
        return self._inner.trainings(source, count)

    def side(self, objective: str) -> MappedContext:
        return MappedContext(self._inner.side(objective), self._map, self._precision)

    def verdict(self, check: Check) -> Verdict:
        return check.judge(self)

    def offers(self, capability: type, source: SourceRef = CANDIDATE) -> bool:
        return self._inner.offers(capability, source)

    def name(self, source: SourceRef = CANDIDATE) -> str:
        return self._inner.name(source)

    def signature(self, kind: str, facts: Mapping[str, object]) -> str:
        return self._inner.signature(kind, facts)
