"""RewardMATH (Kim et al. 2024, arXiv:2410.01729).

Formulas: `RewardMATHEvaluation` in `src/evaluation/eval.py` of
github.com/kimsh0507/RewardMATH_official at cde06ab (2024-10-13). A problem is solved where the
right solution scores above all nine wrong ones; MRR is the mean of 1/rank of the right one, which
comes after the wrong ones that it ties with.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from rmcheck.checks.benchmarks.definition import (
    Column,
    Definition,
    Scored,
    gathered,
    share_of,
)
from rmcheck.data import ResponseSet

if TYPE_CHECKING:
    from rmcheck.stats.composite import Credits

SIZE = 10


def rank_of_the_best(scores: Column, best: int) -> int:
    """1 + how many others score at least as high."""
    return int((scores >= scores[best]).sum())


def _credits(scored: Scored) -> Mapping[str, Credits]:
    def rows() -> Iterator[tuple[str, float, str]]:
        for entry, scores in scored.sets:
            rank = rank_of_the_best(scores, entry.best[0])
            yield "accuracy", float(rank == 1), entry.group
            yield "MRR", 1.0 / rank, entry.group

    return gathered(rows())


REWARD_MATH = Definition(
    name="reward-math",
    title="RewardMATH",
    formula="github.com/kimsh0507/RewardMATH_official, src/evaluation/eval.py at cde06ab",
    published="git clone https://github.com/kimsh0507/RewardMATH_official",
    file="RewardMATH_official/dataset/benchmark/RewardMATH_direct.json",
    totals=(share_of("accuracy"), share_of("MRR")),
    credits=_credits,
    items=lambda item: (
        isinstance(item, ResponseSet) and len(item.best) == 1 and len(item.responses) == SIZE
    ),
    chance=0.1,
    remarks=("a tie at the top counts as a loss, as in the benchmark's own code",),
)
