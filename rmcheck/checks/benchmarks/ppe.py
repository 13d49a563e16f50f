"""PPE, Preference Proxy Evaluations (Frick et al. 2024, arXiv:2410.14872; github.com/lmarena/PPE).

Formulas: the paper's; its code was not compared. Human preference: accuracy over the votes that are
no ties. Correctness: for a prompt with right and wrong responses, the share of (right, wrong) pairs
in which the right one scores higher; the benchmark's code draws some of these pairs, here all of
them count, which is what its draws estimate. Best of k: how often the top score goes to a right
response.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np

from rmcheck.checks.benchmarks.definition import (
    Column,
    Definition,
    Scored,
    gathered,
    share_of,
    strict_wins,
)
from rmcheck.data import ResponseSet

if TYPE_CHECKING:
    from rmcheck.stats.composite import Credits


def right_over_wrong(entry: ResponseSet, scores: Column) -> float:
    """The share of (right, wrong) pairs of a set in which the right response scores higher."""
    right = np.zeros(len(scores), dtype=bool)
    right[list(entry.best)] = True
    return float((scores[right][:, None] > scores[~right][None, :]).mean())


def _credits(scored: Scored) -> Mapping[str, Credits]:
    def rows() -> Iterator[tuple[str, float, str]]:
        wins = strict_wins(scored.pairs)
        for pair, won in zip(scored.pairs.pairs, wins.tolist(), strict=True):
            yield "human preference", won, pair.group
        for entry, scores in scored.sets:
            yield "correctness", right_over_wrong(entry, scores), entry.group
            top = np.flatnonzero(scores == scores.max())
            yield "best of k", float(np.isin(top, entry.best).mean()), entry.group

    return gathered(rows())


PPE = Definition(
    name="ppe",
    title="PPE",
    formula="Frick et al. 2024, arXiv:2410.14872",
    published="hf download lmarena-ai/PPE-Human-Preference-V1 --repo-type dataset --local-dir ppe",
    file="ppe",
    totals=tuple(share_of(name) for name in ("human preference", "correctness", "best of k")),
    credits=_credits,
    items=lambda item: (
        not isinstance(item, ResponseSet) or 0 < len(set(item.best)) < len(item.responses)
    ),
    chance=0.5,
    remarks=(
        "correctness is that of the data of this suite; rows do not name their benchmark, so write "
        "a suite for each of the five and average their totals",
    ),
)
