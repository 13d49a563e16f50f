"""What the history says, in sentences: checkpoints worse than the baseline, verdicts that moved."""

from __future__ import annotations

from collections.abc import Sequence

from rmcheck.record.history import HistoryRun
from rmcheck.record.ledger import Flake, flakes
from rmcheck.record.standing import ALPHA, Standing, standings
from rmcheck.report import numbers
from rmcheck.report.text import one_line
from rmcheck.wording import counted, minus


def lines(runs: Sequence[HistoryRun]) -> list[str]:
    """The sentences about all runs, the last one being this run; none for a single run."""
    if len(runs) < 2:
        return []
    return [*map(moved, flakes(runs)), *map(standing, standings(runs))]


def standing(it: Standing) -> str:
    """A comparison in which a checkpoint was worse than the baseline."""
    when, name = _when(it.since), one_line(it.baseline, 60)
    if it.recovered:
        text = f"was worse than baseline '{name}' in the run of {when} ({_points(it.then)})"
        text += f"; the latest checkpoint is not below it ({_points(it.now)})"
    else:
        text = f"worse than baseline '{name}' since the run of {when} ({_points(it.then)} then"
        text += ")" if it.now is None else f", {_points(it.now)} now)"
    return (
        f"over time: {one_line(it.check, 120)}: {text}; {numbers.p_words(it.p)}, adjusted for "
        f"every look at {counted(it.checkpoints, 'checkpoint')} (false alarms over all runs: at "
        f"most {ALPHA:.0%})"
    )


def moved(it: Flake) -> str:
    """A verdict that changed on the same inputs."""
    return (
        f"UNSTABLE {one_line(it.check, 120)}: {it.before} in the run of {_when(it.earlier)}, "
        f"{it.now} now, on the same model, suite, data, baseline, seed and versions; the check or "
        "the source gives different results each time: do not rely on it, and report it to its "
        "author"
    )


def _when(run: HistoryRun) -> str:
    return one_line(run.started[:16].replace("T", " "), 20)


def _points(value: float | None) -> str:
    return "undecided" if value is None else minus(f"{value * 100:+.1f} points")
