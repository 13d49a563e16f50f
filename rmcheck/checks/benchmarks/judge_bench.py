"""JudgeBench (Tan et al. 2024, arXiv:2410.12784).

Formulas: `compute_final_metrics` in `utils/metrics.py` and the sources in `run_judge.py` of
github.com/ScalerLab/JudgeBench at e2c52c2 (2024-11-06): the share of pairs whose decision is the
label, for each of four groups of sources and over all pairs. A reward model's tie counts as wrong.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from rmcheck.checks.benchmarks.definition import (
    Definition,
    Scored,
    Total,
    gathered,
    share_of,
    strict_wins,
    tagged,
)
from rmcheck.data import PreferencePair

if TYPE_CHECKING:
    from rmcheck.stats.composite import Credits

CATEGORIES = ("knowledge", "reasoning", "math", "coding")


def _credits(scored: Scored) -> Mapping[str, Credits]:
    def rows() -> Iterator[tuple[str, float, str]]:
        wins = strict_wins(scored.pairs)
        for pair, won in zip(scored.pairs.pairs, wins.tolist(), strict=True):
            category = tagged(pair, "category")
            if category is not None:
                yield category, won, pair.group
                yield "overall", won, pair.group

    return gathered(rows())


JUDGE_BENCH = Definition(
    name="judge-bench",
    title="JudgeBench",
    formula="github.com/ScalerLab/JudgeBench, utils/metrics.py at e2c52c2",
    published="git clone https://github.com/ScalerLab/JudgeBench",
    file="JudgeBench/data/dataset=judgebench,response_model=gpt-4o-2024-05-13.jsonl",
    totals=(
        Total("overall", {"overall": 1.0}, needs=CATEGORIES),
        *(share_of(name) for name in CATEGORIES),
    ),
    credits=_credits,
    items=lambda item: isinstance(item, PreferencePair) and tagged(item, "category") in CATEGORIES,
    chance=0.5,
    remarks=("a tie counts as a loss, as in the benchmark's own code",),
)
