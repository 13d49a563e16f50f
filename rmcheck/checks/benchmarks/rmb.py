"""RMB (Zhou et al. 2024, arXiv:2410.09893).

Formulas: a pair is right where chosen scores higher (`eval/scripts/my_run_rm.py` of
github.com/Zhou-Zoey/RMB-Reward-Model-Benchmark at 2be3180, 2025-03-25); a best-of-n set is right
where the best response scores above all others, and the overall score is the mean of pairwise and
best-of-n accuracy under both goals (the paper; its code stops at the accuracy of a file).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from rmcheck.checks.benchmarks.definition import (
    Definition,
    Scored,
    gathered,
    mean_of,
    share_of,
    strict_wins,
    tagged,
)
from rmcheck.checks.benchmarks.reward_math import rank_of_the_best
from rmcheck.data import PreferencePair, ResponseSet

if TYPE_CHECKING:
    from rmcheck.stats.composite import Credits

GOALS = ("Helpfulness", "Harmlessness")
PARTS = tuple(f"{goal}, {way}" for goal in GOALS for way in ("pairwise", "best of n"))


def _goal(item: PreferencePair | ResponseSet) -> str | None:
    """The goal, anywhere in the path of categories (`Pairwise_set/Harmlessness/S1`)."""
    path = (tagged(item, "category") or "").split("/")
    return next((goal for goal in GOALS if goal in path), None)


def _credits(scored: Scored) -> Mapping[str, Credits]:
    def rows() -> Iterator[tuple[str, float, str]]:
        wins = strict_wins(scored.pairs)
        for pair, won in zip(scored.pairs.pairs, wins.tolist(), strict=True):
            yield f"{_goal(pair)}, pairwise", won, pair.group
        for entry, scores in scored.sets:
            right = rank_of_the_best(scores, entry.best[0]) == 1
            yield f"{_goal(entry)}, best of n", float(right), entry.group

    return gathered(rows())


RMB = Definition(
    name="rmb",
    title="RMB",
    formula="github.com/Zhou-Zoey/RMB-Reward-Model-Benchmark at 2be3180, and arXiv:2410.09893",
    published="git clone https://github.com/Zhou-Zoey/RMB-Reward-Model-Benchmark",
    file="RMB-Reward-Model-Benchmark/RMB_dataset/**/*.json",
    totals=(mean_of("overall", PARTS), *(share_of(part) for part in PARTS)),
    credits=_credits,
    items=lambda item: _goal(item) is not None,
    chance=None,
    remarks=("a tie counts as a loss, as in the benchmark's own code",),
)
