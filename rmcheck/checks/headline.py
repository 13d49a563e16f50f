"""The line that says what a comparison with a baseline found."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rmcheck.checks.measured import Measured
from rmcheck.checks.paired_scores import NewlyWrong
from rmcheck.verdict import State
from rmcheck.wording import counted, listed, minus

if TYPE_CHECKING:
    from rmcheck.stats.paired import Difference


def headline(
    label: str,
    difference: Difference,
    state: State,
    *,
    measured: Measured,
    detectable: float | None,
    newly_wrong: NewlyWrong,
    baseline: str,
) -> str:
    """The state, the change of the win rate, the pairs newly wrong, and what n pairs could see.

    Parameters
    ----------
    label
        What the check is called.
    measured
        The evidence by the measure of the check.
    detectable
        The smallest drop that these pairs catch by win rate, in [0, 1]; None: none is caught.
    baseline
        What the baseline is called.
    """
    if state == "identical":
        n = difference.estimate.n
        return f"{label} identical: every score is the same as in {baseline} (n={n})"
    points = difference.estimate.value * 100
    moved = "fell" if points < 0 else "rose" if points > 0 else "did not move:"
    low, high = difference.estimate.low * 100, difference.estimate.high * 100
    interval = minus(f"[{low:+.1f}, {high:+.1f}]")
    text = (
        f"{label} {state}: win rate {moved} {abs(points):.1f} points against {baseline} "
        f"{interval}, {measured.p_words}"
    )
    if state == "regressed":
        text += measured.reason
    if newly_wrong.ids:
        text += f"; {counted(len(newly_wrong.ids), 'pair')} newly wrong"
        if newly_wrong.tags:
            tag, count = newly_wrong.tags[0]
            text += f" (most often tagged '{tag}', {count:,})"
        text += f": {listed(newly_wrong.ids)}"
    if state == "inconclusive":
        seen = f"{detectable * 100:.1f} points" if detectable else "nothing"
        by = measured.sight
        text += f"; weak: the smallest drop that {difference.estimate.n} pairs catch{by} is {seen}"
    return text
