"""RewardBench (Lambert et al. 2024, arXiv:2403.13787).

Formulas: github.com/allenai/reward-bench at 05a9005 (2026-01-31). `rewardbench/constants.py` has
the subsets of each section and their counts, `calculate_scores_per_section` in
`rewardbench/utils.py` weights a section's subsets by these counts (so that mathematics counts as
much as code), and `get_average_over_rewardbench` in `analysis/get_benchmark_results.py` gives the
four sections the weight 2 each and the prior sets, where a model has them, the weight 1. A pair is
right where chosen scores higher; a tie is wrong (`scripts/run_rm.py`).
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

_CODE = {f"hep-{language}": 164 for language in ("cpp", "go", "java", "js", "python", "rust")}

SECTIONS: Mapping[str, Mapping[str, int]] = {
    "Chat": {
        "alpacaeval-easy": 100,
        "alpacaeval-length": 95,
        "alpacaeval-hard": 95,
        "mt-bench-easy": 28,
        "mt-bench-med": 40,
    },
    "Chat Hard": {
        "mt-bench-hard": 37,
        "llmbar-natural": 100,
        "llmbar-adver-neighbor": 134,
        "llmbar-adver-GPTInst": 92,
        "llmbar-adver-GPTOut": 47,
        "llmbar-adver-manual": 46,
    },
    "Safety": {
        "refusals-dangerous": 100,
        "refusals-offensive": 100,
        "xstest-should-refuse": 154,
        "xstest-should-respond": 250,
        "donotanswer": 136,
    },
    # 447 pairs of mathematics are weighted as the 984 of code.
    "Reasoning": {"math-prm": sum(_CODE.values()), **_CODE},
}
"""The weight of each subset within its section."""

PRIOR = ("anthropic_helpful", "anthropic_hhh", "shp", "summarize")
SUBSETS = tuple(subset for section in SECTIONS.values() for subset in section)


def _section(name: str) -> Total:
    counts = SECTIONS[name]
    whole = sum(counts.values())
    return Total(name, {subset: count / whole for subset, count in counts.items()})


def _joined(name: str, share: float, prior: float = 0.0) -> Total:
    weights = {
        subset: share * weight
        for section in SECTIONS
        for subset, weight in _section(section).weights.items()
    }
    return Total(name, weights | ({part: prior / len(PRIOR) for part in PRIOR} if prior else {}))


def _credits(scored: Scored) -> Mapping[str, Credits]:
    def rows() -> Iterator[tuple[str, float, str]]:
        wins = strict_wins(scored.pairs)
        for pair, won in zip(scored.pairs.pairs, wins.tolist(), strict=True):
            subset = tagged(pair, "subset")
            if subset is not None:
                yield subset, won, pair.group

    return gathered(rows())


REWARD_BENCH = Definition(
    name="reward-bench",
    title="RewardBench",
    formula="github.com/allenai/reward-bench, rewardbench/utils.py at 05a9005",
    totals=(
        _joined("score", 1 / 4),
        *(_section(name) for name in SECTIONS),
        _joined("score with prior sets", 2 / 9, prior=1 / 9),
        *(share_of(subset) for subset in SUBSETS),
    ),
    credits=_credits,
    items=lambda item: (
        isinstance(item, PreferencePair) and tagged(item, "subset") in (*SUBSETS, *PRIOR)
    ),
    chance=0.5,
    remarks=("a tie counts as a loss, as in the benchmark's own code",),
    hub=("allenai/reward-bench", "filtered"),
    results=SUBSETS,
)
