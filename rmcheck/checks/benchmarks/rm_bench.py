"""RM-Bench (Liu et al. 2024, arXiv:2410.16184).

Formulas: `compute_accuracy` in `scripts/utils.py` of github.com/THU-KEG/RM-Bench at 73c52d7
(2025-07-18), and its README, "Clarity on Avg Calculation". Of a prompt's 3 × 3 pairs of styles,
hard are those whose wrong response has the more elaborate style, easy those whose right one has,
normal those of one style. A domain is the mean of its three levels, a level the mean over the four
domains, and the overall score the mean of either. A tie is wrong.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from rmcheck.checks.benchmarks.definition import (
    Definition,
    Scored,
    gathered,
    mean_of,
    strict_wins,
    tagged,
)
from rmcheck.data import PreferencePair, ResponseSet

if TYPE_CHECKING:
    from rmcheck.stats.composite import Credits

DOMAINS = ("chat", "math", "code", "safety")
LEVELS = ("easy", "normal", "hard")


def _part(item: PreferencePair | ResponseSet) -> str | None:
    """Domain and level of a pair; safety-refuse and safety-response are one domain."""
    given, level = tagged(item, "domain"), tagged(item, "level")
    domain = next((one for one in DOMAINS if given and given.startswith(one)), None)
    return f"{domain} {level}" if domain and level in LEVELS else None


def _credits(scored: Scored) -> Mapping[str, Credits]:
    def rows() -> Iterator[tuple[str, float, str]]:
        wins = strict_wins(scored.pairs)
        for pair, won in zip(scored.pairs.pairs, wins.tolist(), strict=True):
            part = _part(pair)
            if part is not None:
                yield part, won, pair.group

    return gathered(rows())


RM_BENCH = Definition(
    name="rm-bench",
    title="RM-Bench",
    formula="github.com/THU-KEG/RM-Bench, scripts/utils.py at 73c52d7",
    published="git clone https://github.com/THU-KEG/RM-Bench",
    file="RM-Bench/data/total_dataset.json",
    totals=(
        mean_of("overall", [f"{domain} {level}" for domain in DOMAINS for level in LEVELS]),
        *(mean_of(level, [f"{domain} {level}" for domain in DOMAINS]) for level in LEVELS),
        *(mean_of(domain, [f"{domain} {level}" for level in LEVELS]) for domain in DOMAINS),
    ),
    credits=_credits,
    items=lambda item: isinstance(item, PreferencePair) and _part(item) is not None,
    chance=0.5,
    remarks=("a tie counts as a loss, as in the benchmark's own code",),
)
