"""The line that says what a comparison with a baseline found."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rmcheck.checks.measured import Measured
from rmcheck.checks.paired_scores import NewlyWrong
from rmcheck.verdict import Estimate, State
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
    estimate = difference.estimate
    text = (
        f"{label} {state}: win rate {moved(estimate)} against {baseline} {interval(estimate)}, "
        f"{measured.p_words}"
    )
    if state == "regressed":
        text += measured.reason
    text += named(newly_wrong)
    if state == "inconclusive":
        text += too_weak(f"{estimate.n} pairs", measured, detectable)
    return text


def moved(change: Estimate) -> str:
    """How far a win rate moved: `fell 2.5 points`."""
    points = change.value * 100
    how = "fell" if points < 0 else "rose" if points > 0 else "did not move:"
    return f"{how} {abs(points):.1f} points"


def interval(change: Estimate) -> str:
    """The interval of a change, in points."""
    return minus(f"[{change.low * 100:+.1f}, {change.high * 100:+.1f}]")


def named(newly_wrong: NewlyWrong, where: str = "") -> str:
    """How many pairs are newly wrong (`where`, if it is not plain), which tag most of them have,
    and the first of them; empty for none.
    """
    if not newly_wrong.ids:
        return ""
    text = f"; {counted(len(newly_wrong.ids), 'pair')} newly wrong{where}"
    if newly_wrong.tags:
        tag, count = newly_wrong.tags[0]
        text += f" (most often tagged '{tag}', {count:,})"
    return f"{text}: {listed(newly_wrong.ids)}"


def too_weak(of: str, measured: Measured, detectable: float | None) -> str:
    """The smallest drop that these pairs (`of`) could have shown."""
    seen = f"{detectable * 100:.1f} points" if detectable else "nothing"
    return f"; weak: the smallest drop that {of} catch{measured.sight} is {seen}"
