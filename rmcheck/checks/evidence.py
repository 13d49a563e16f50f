"""Pictures, tables and pairs that several check kinds show."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from rmcheck.checks.check import ScoredPairs
from rmcheck.data import PreferencePair
from rmcheck.verdict import Estimate, Picture

Wins = NDArray[np.float64]


def estimates_by_tag(
    pairs: Sequence[PreferencePair], wins: Wins, at_least: int = 8
) -> dict[str, Estimate]:
    """The win rate on the pairs of each tag that has `at_least` of them, most pairs first."""
    from rmcheck.stats.winrate import win_rate

    rows: dict[str, list[int]] = {}
    for row, pair in enumerate(pairs):
        for tag in pair.tags:
            rows.setdefault(tag, []).append(row)
    kept = sorted(
        ((tag, found) for tag, found in rows.items() if len(found) >= at_least),
        key=lambda entry: (-len(entry[1]), entry[0]),
    )
    return {tag: win_rate(wins[found], [pairs[row].group for row in found]) for tag, found in kept}


def forest(
    title: str,
    rows: Mapping[str, Estimate],
    *,
    x_label: str,
    threshold: float | None = None,
    reference: float | None = None,
) -> Picture:
    """A forest plot: one interval a row."""
    return Picture(
        kind="forest",
        title=title,
        data={
            "rows": [
                {
                    "label": f"{label} (n={estimate.n})",
                    "value": estimate.value,
                    "low": estimate.low,
                    "high": estimate.high,
                }
                for label, estimate in rows.items()
            ],
            "threshold": threshold,
            "reference": reference,
            "x_label": x_label,
        },
    )


def histogram(title: str, values: NDArray[np.float64], *, bins: int, x_label: str) -> Picture:
    """How values lie about 0, where neither side is ahead."""
    counts, edges = np.histogram(values, bins=bins)
    return Picture(
        kind="histogram",
        title=title,
        data={
            "edges": [float(edge) for edge in edges],
            "counts": [int(count) for count in counts],
            "x_label": x_label,
            "marks": [{"x": 0.0, "label": "tie"}],
        },
    )


def margin_histogram(scored: ScoredPairs) -> Picture:
    """How the margins lie about 0."""
    return histogram(
        "Margins (chosen − rejected)",
        scored.margins,
        bins=24,
        x_label="margin in the model's own units",
    )


def side_curves(scored: ScoredPairs) -> Picture:
    """How the scores of chosen and of rejected responses are distributed."""
    edges = np.histogram_bin_edges(np.concatenate([scored.chosen, scored.rejected]), bins=20)
    centres = (edges[:-1] + edges[1:]) / 2
    series = []
    for label, column in (("chosen", scored.chosen), ("rejected", scored.rejected)):
        shares = np.histogram(column, bins=edges)[0] / max(1, len(column))
        points = [{"x": float(x), "y": float(y)} for x, y in zip(centres, shares, strict=True)]
        series.append({"label": label, "points": points})
    return Picture(
        kind="curve",
        title="Scores of the two sides",
        data={"series": series, "x_label": "score", "y_label": "share of responses"},
    )


def worst(scored: ScoredPairs, most: int = 10) -> tuple[str, ...]:
    """Ids of the wrong pairs, the most wrong first."""
    order = np.argsort(scored.margins, kind="stable")[:most]
    return tuple(scored.pairs[row].id for row in order if scored.margins[row] <= 0)


def tag_counts(pairs: Iterable[PreferencePair]) -> list[tuple[str, int]]:
    """How many of the pairs carry each tag, most first."""
    counts = Counter(tag for pair in pairs for tag in pair.tags)
    return sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))
