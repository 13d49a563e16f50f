"""What the checks on response sets share: n responses to one prompt, scored and ranked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rmcheck.checks.check import CANDIDATE, Context, Need, SourceRef
from rmcheck.checks.threshold import ThresholdCheck
from rmcheck.data import ResponseSet
from rmcheck.data.preferences import PreferenceData

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class SetCheck(ThresholdCheck):
    """What checks on response sets share: which sets, and what they need scored."""

    def _sets(self, data: PreferenceData) -> list[ResponseSet]:
        return [each for each in data.sets if len(set(each.best)) < len(each.responses)]

    def needs(self, data: PreferenceData) -> list[Need]:
        """Every response of the sets, by the candidate."""
        return [Need(CANDIDATE, [side for each in self._sets(data) for side in each.dialogues()])]

    def __post_init__(self) -> None:
        if self.where is not None:
            raise ValueError("'where' selects pairs, but this check uses response sets; remove it")

    def _scores(
        self, ctx: Context, sets: list[ResponseSet], source: SourceRef = CANDIDATE
    ) -> list[NDArray[np.float64]]:
        return [ctx.score(each.dialogues(), source) for each in sets]


def all_tied(scores: list[NDArray[np.float64]]) -> str | None:
    """The reason why nothing can be decided if all responses of each set have the same score."""
    tied = all(float(np.ptp(each)) == 0.0 for each in scores)
    return f"all scores are the same within each of the {len(scores)} sets" if tied else None
