"""Pictures, tables and pairs that several check kinds show."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from rmcheck.checks.check import ScoredPairs
from rmcheck.data import Pairs, PreferencePair
from rmcheck.verdict import (
    Curve,
    Dot,
    Estimate,
    Forest,
    Histogram,
    Interval,
    Mark,
    PairState,
    Point,
    Scatter,
    Series,
)
from rmcheck.wording import counted

MOST_DOTS = 2_000
"""A scatter plot holds so many pairs at most: `results.json` is committed with each baseline."""
MOST_PAIRS, MOST_TAGS = 500, 50
"""So many ids of pairs and rows of tags at most, for the same reason."""

Wins = NDArray[np.float64]


def estimates_by_tag(
    pairs: Sequence[PreferencePair], wins: Wins, at_least: int = 8
) -> dict[str, Estimate]:
    """The win rate on the pairs of each tag that has `at_least` of them, most pairs first."""
    from rmcheck.stats.winrate import win_rate

    table = pairs if isinstance(pairs, Pairs) else Pairs(pairs)
    kept = sorted(
        ((tag, found) for tag, found in table.tagged.items() if len(found) >= at_least),
        key=lambda entry: (-len(entry[1]), entry[0]),
    )
    return {tag: win_rate(wins[found], table.groups_by_tag[tag]) for tag, found in kept}


def forest(
    title: str,
    rows: Mapping[str, Estimate],
    *,
    x_label: str,
    threshold: float | None = None,
    reference: float | None = None,
) -> Forest:
    """A forest plot: one interval a row; the reference of a change is 0, else it is chance."""
    named = "no change" if reference == 0 else "chance"
    return Forest(
        title=title,
        rows=tuple(
            Interval(f"{label} (n={estimate.n})", estimate.value, estimate.low, estimate.high)
            for label, estimate in rows.items()
        ),
        x_label=x_label,
        threshold=threshold,
        reference=reference,
        reference_label="" if reference is None else named,
    )


def histogram(
    title: str,
    values: NDArray[np.float64],
    *,
    bins: int,
    x_label: str,
    wrong_below_zero: bool = False,
) -> Histogram:
    """How values spread about 0, where neither side is ahead."""
    counts, edges = np.histogram(values, bins=bins)
    return Histogram(
        title=title,
        edges=tuple(float(edge) for edge in edges),
        counts=tuple(int(count) for count in counts),
        x_label=x_label,
        marks=(Mark(0.0, "tie"),),
        wrong_below_zero=wrong_below_zero,
    )


def margin_histogram(scored: ScoredPairs) -> Histogram:
    """How the margins lie about 0."""
    return histogram(
        "Margins (chosen − rejected)",
        scored.margins,
        bins=24,
        x_label="margin in the model's own units",
        wrong_below_zero=True,
    )


def side_curves(scored: ScoredPairs) -> Curve:
    """How the scores of chosen and of rejected responses are distributed."""
    edges = np.histogram_bin_edges(np.concatenate([scored.chosen, scored.rejected]), bins=20)
    centres = (edges[:-1] + edges[1:]) / 2
    series = []
    for label, column in (("chosen", scored.chosen), ("rejected", scored.rejected)):
        shares = np.histogram(column, bins=edges)[0] / max(1, len(column))
        points = (Point(float(x), float(y)) for x, y in zip(centres, shares, strict=True))
        series.append(Series(label, tuple(points)))
    return Curve(
        title="Scores of the two sides",
        series=tuple(series),
        x_label="score",
        y_label="share of responses",
    )


def scatter(
    title: str,
    ids: Iterable[str],
    across: NDArray[np.float64],
    up: NDArray[np.float64],
    right: NDArray[np.bool_],
    before: NDArray[np.bool_] | None = None,
    *,
    x_label: str,
    y_label: str,
) -> Scatter:
    """One dot per pair, all columns of shape (n,), coloured by what changed.

    Of more than `MOST_DOTS` pairs a sample is kept, which the title says: newly wrong ones first,
    then newly right ones, then the others, each evenly spaced. The same pairs give the same sample.

    Parameters
    ----------
    right
        Whether the model gets the pair right.
    before
        Whether the baseline (or another source) does; the same as `right` when left out.
    """
    was = right if before is None else before
    names = list(ids)
    rows = _sampled(np.asarray(right, dtype=bool), np.asarray(was, dtype=bool))
    if len(rows) < len(names):
        title = f"{title} ({len(rows):,} of {counted(len(names), 'pair')})"
    return Scatter(
        title=title,
        points=tuple(
            Dot(
                float(across[row]),
                float(up[row]),
                _STATES[bool(was[row]), bool(right[row])],
                names[row],
            )
            for row in rows
        ),
        x_label=x_label,
        y_label=y_label,
    )


def _sampled(right: NDArray[np.bool_], was: NDArray[np.bool_]) -> list[int]:
    """The rows of at most `MOST_DOTS` pairs, in order."""
    kept: list[int] = []
    for group in (was & ~right, right & ~was, right == was):
        rows, room = np.flatnonzero(group), MOST_DOTS - len(kept)
        if len(rows) > room:
            rows = rows[np.linspace(0, len(rows) - 1, room).astype(int)]
        kept += [int(row) for row in rows]
    return sorted(kept)


_STATES: Mapping[tuple[bool, bool], PairState] = {
    (True, True): "kept_right",
    (True, False): "newly_wrong",
    (False, True): "newly_right",
    (False, False): "kept_wrong",
}
"""By whether a pair was right, and whether it is now."""


def worst(scored: ScoredPairs, most: int = 10) -> tuple[str, ...]:
    """Ids of the wrong pairs, the most wrong first."""
    order = np.argsort(scored.margins, kind="stable")[:most]
    return tuple(scored.pairs[row].id for row in order if scored.margins[row] <= 0)


def tag_counts(tags: Iterable[Iterable[str]]) -> list[tuple[str, int]]:
    """How many pairs carry each tag, most first; `tags` are those of each pair."""
    counts = Counter(tag for each in tags for tag in each)
    return sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))
