"""The chart kinds of time: a check's estimate over the last runs, at full size and in a line.

Runs are equally spaced, the latest at the right: time without a run does not show.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from rmcheck.report import numbers
from rmcheck.report.charts.axis import Axis, span
from rmcheck.report.charts.canvas import (
    SMALL,
    WIDTH,
    DrawingError,
    Sketch,
    dots,
    element,
    finite,
    label,
    legend,
    line,
    mappings,
    number_in,
    path,
    text_in,
)
from rmcheck.report.charts.frame import frame
from rmcheck.wording import counted

_SPARK = (168.0, 34.0)
_MARKS = (("bad", "failed"), ("weak", "inconclusive"))


class _Run(NamedTuple):
    """A run on the chart: its place from the left, and its estimate."""

    x: int
    y: float
    low: float
    high: float
    mark: str


def trend(data: Mapping[str, Any]) -> Sketch:
    """`points` of `y`, `low`, `high` and `mark` (`bad`, `weak`, empty), the oldest first.

    `first` and `last` name the times at both ends. A point without `y` leaves a gap.
    """
    count, runs, threshold = _read(data)
    across, up, marks, floor = frame((-0.5, count - 0.5), _span(runs, threshold), "", 150)
    marks += _drawn(runs, threshold, across, up)
    marks.append(line(across.start, floor, across.end, floor, "axis"))
    for words, place, anchor in (
        (text_in(data, "first"), across.start, "start"),
        (text_in(data, "last"), across.end, "end"),
    ):
        marks.append(label(words, place, floor + 15, size=SMALL, anchor=anchor, class_="t mu num"))
    entries = [("l-s0", "estimate and interval")]
    for mark, word in _MARKS:
        hits = sum(run.mark == mark for run in runs)
        if hits:
            entries.append((f"d-{mark}", f"{word} in {counted(hits, 'run')}"))
    if threshold is not None:
        words = text_in(data, "threshold_label") or "threshold"
        entries.append(("l-threshold", f"{words} {numbers.number(threshold)}"))
    more, height = legend(entries, floor + 24)
    return Sketch([*marks, *more], height, _told(count, runs))


def spark(data: Mapping[str, Any]) -> Sketch:
    """The same without axes and words, for a table cell."""
    count, runs, threshold = _read(data)
    wide, tall = _SPARK
    across = Axis(0, max(count - 1, 1), 6, wide - 6)
    up = Axis(*_span(runs, threshold), start=tall - 5, end=5)
    marks = _drawn(runs, threshold, across, up)
    marks.append(dots([(across.at(runs[-1].x), up.at(runs[-1].y))], _dot(runs[-1])))
    return Sketch(marks, tall, _told(count, runs), width=wide)


def _read(data: Mapping[str, Any]) -> tuple[int, list[_Run], float | None]:
    given = mappings(data, "points")
    runs = []
    for x, point in enumerate(given):
        if point.get("y") is None:
            continue
        y = finite(point["y"], "y")
        low, high = number_in(point, "low"), number_in(point, "high")
        mark = text_in(point, "mark")
        runs.append(_Run(x, y, y if low is None else low, y if high is None else high, mark))
    if not runs:
        raise DrawingError("no run has an estimate")
    return len(given), runs, number_in(data, "threshold")


def _span(runs: Sequence[_Run], threshold: float | None) -> tuple[float, float]:
    every = [value for run in runs for value in (run.y, run.low, run.high)]
    return span(every if threshold is None else [*every, threshold])


def _drawn(runs: Sequence[_Run], threshold: float | None, across: Axis, up: Axis) -> list[str]:
    marks = []
    for stretch in _stretches(runs):
        places = [(across.at(run.x), up.at(run.y)) for run in stretch]
        upper = [(across.at(run.x), up.at(run.high)) for run in stretch]
        lower = [(across.at(run.x), up.at(run.low)) for run in reversed(stretch)]
        if len(stretch) > 1:
            band = path([*upper, *lower], close=True)
            marks.append(element("path", d=band, class_="band s0"))
            marks.append(element("path", d=path(places), class_="line s0"))
        else:
            marks.append(line(*upper[0], *lower[0], "whisker"))
    if threshold is not None:
        at = up.at(threshold)
        marks.append(line(across.start, at, across.end, at, "l-threshold"))
    marks += [
        dots([(across.at(run.x), up.at(run.y)) for run in same], _dot(same[0]))
        for same in _by_mark(runs, crowded=across.end - across.start < WIDTH / 2)
    ]
    return marks


def _dot(run: _Run) -> str:
    return f"dot d-{run.mark}" if run.mark in dict(_MARKS) else "dot d-s0"


def _by_mark(runs: Sequence[_Run], *, crowded: bool) -> Iterable[list[_Run]]:
    """Runs grouped by mark; in a small chart only failed runs have a dot."""
    for mark in ("", "weak", "bad"):
        same = [run for run in runs if (run.mark if run.mark in dict(_MARKS) else "") == mark]
        if same and (mark == "bad" or not crowded):
            yield same


def _stretches(runs: Sequence[_Run]) -> list[list[_Run]]:
    """Runs without a gap between them."""
    at = [(run.x - index, run) for index, run in enumerate(runs)]
    return [[run for _, run in same] for _, same in groupby(at, key=lambda each: each[0])]


def _told(count: int, runs: Sequence[_Run]) -> str:
    first, last = runs[0], runs[-1]
    text = f"{counted(count, 'run')}: from {numbers.rate(first.y)} to {numbers.rate(last.y)}"
    for mark, word in _MARKS:
        hits = sum(run.mark == mark for run in runs)
        if hits:
            text += f"; {word} in {hits}"
    undecided = count - len(runs)
    return f"{text}; not decided in {undecided}" if undecided else text
