"""The evidence of a comparison by the measure that its check names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rmcheck.checks.paired_scores import PairedScores
from rmcheck.stats.decision import Measure
from rmcheck.verdict import Table

if TYPE_CHECKING:
    from rmcheck.stats.paired import Difference


@dataclass(frozen=True, kw_only=True)
class Part:
    """Some of the pairs, and by how much the mean loss of all pairs rose on them, in nats."""

    pairs: str
    reason: str
    rise: float


@dataclass(frozen=True, kw_only=True)
class Measured:
    """p-values of "worse" and of "different" by the measure, and what it saw beside the wins.

    `win_rate` holds the two-sided p of the win rate itself; `parts` is empty for that measure, and
    where several trainings of a recipe are compared.
    """

    measure: Measure
    p_less: float
    p_two_sided: float
    win_rate: float
    parts: tuple[Part, ...] = ()

    @classmethod
    def of(
        cls,
        measure: Measure,
        scores: PairedScores,
        *,
        wins: tuple[NDArray[np.float64], NDArray[np.float64]],
        difference: Difference,
    ) -> Measured:
        """Judge the same pairs by the measure; `wins` (n,) are the candidate's and the baseline's.

        `difference` is what `stats.paired` found of the win rates.
        """
        if measure == "win_rate":
            return cls(
                measure=measure,
                p_less=difference.p_less,
                p_two_sided=difference.p_two_sided,
                win_rate=difference.p_two_sided,
            )
        from rmcheck.stats.measures import weigh

        found = weigh(measure, margins=scores.margins, wins=wins, groups=scores.groups)
        won, held = wins
        kinds = {
            "both right": ("it is less sure of pairs that both win", (won == 1) & (held == 1)),
            "changed sides": ("the pairs it lost were clearer than those it won", won != held),
            "both wrong": ("it is surer of pairs that both get wrong", (won == held) & (won < 1)),
        }
        parts = tuple(
            Part(pairs=pairs, reason=reason, rise=float(found.rise[which].sum()) / len(won))
            for pairs, (reason, which) in kinds.items()
        )
        return cls(
            measure=measure,
            p_less=found.p_less,
            p_two_sided=found.p_two_sided,
            win_rate=difference.p_two_sided,
            parts=parts,
        )

    @property
    def p_words(self) -> str:
        """`p=0.2`, or for another measure its p and that of the win rate."""
        if self.measure == "win_rate":
            return f"p={self.p_two_sided:.2g}"
        return f"p={self.p_two_sided:.2g} by {self.measure} (p={self.win_rate:.2g} by win rate)"

    @property
    def reason(self) -> str:
        """Where the evidence lies that the wins alone do not have; empty where they have it."""
        if not self.parts or self.win_rate <= self.p_two_sided:
            return ""
        worst = max(self.parts, key=lambda part: part.rise)
        return f": most of the evidence is that {worst.reason}"

    @property
    def sight(self) -> str:
        """What a smallest detectable drop is told for."""
        return "" if self.measure == "win_rate" else " by win rate alone"

    @property
    def tables(self) -> tuple[Table, ...]:
        """Both p-values, and the pairs on which the loss rose; none for the win rate."""
        if not self.parts:
            return ()
        total = sum(part.rise for part in self.parts)
        return (
            Table(
                title="Evidence by measure",
                columns=("measure", "p"),
                rows=((self.measure, self.p_two_sided), ("win_rate", self.win_rate)),
            ),
            Table(
                title=f"Rise of the mean {self.measure}, by what became of the pairs",
                columns=("pairs", "rise"),
                rows=(*((part.pairs, part.rise) for part in self.parts), ("all", total)),
            ),
        )

    @property
    def facts(self) -> Mapping[str, object]:
        """What a signature says of it; nothing for the win rate."""
        return {} if self.measure == "win_rate" else {"measure": self.measure}
