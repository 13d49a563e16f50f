"""The chart of weightings: two objectives, the Pareto front, the one in use and the baseline."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from rmcheck.report import numbers
from rmcheck.report.charts.axis import span
from rmcheck.report.charts.canvas import (
    ROW,
    DrawingError,
    Sketch,
    diamond,
    dots,
    element,
    finite,
    legend,
    path,
    sequence,
    text_in,
)
from rmcheck.report.charts.frame import bottom_axis, frame
from rmcheck.report.text import one_line
from rmcheck.wording import counted

KINDS = ("other", "front", "used", "baseline")
"""What a point is; later ones are drawn on top."""
SAID = {
    "other": "another weighting is better",
    "front": "Pareto front",
    "used": "in use",
    "baseline": "baseline",
}


def pareto(data: Mapping[str, Any]) -> Sketch:
    """Points [x, y, kind, label]; `whole`: the front is that of these two axes, so it is a line."""
    points = []
    for point in sequence(data, "points"):
        if not isinstance(point, (list, tuple)) or len(point) != 4 or point[2] not in KINDS:
            raise DrawingError(f"a point: expected [x, y, kind, label], kind one of {KINDS}")
        x, y = finite(point[0], "x"), finite(point[1], "y")
        points.append((x, y, str(point[2]), one_line(str(point[3]), 120)))
    if not points:
        raise DrawingError("no points to draw")
    across, up, marks, floor = frame(
        span([x for x, *_ in points], pad=0.08),
        span([y for _, y, *_ in points], pad=0.08),
        text_in(data, "y_label"),
        250,
    )
    marks += bottom_axis(across, None, floor, text_in(data, "x_label"))
    line = sorted((x, -y) for x, y, kind, _ in points if kind == "front")
    if data.get("whole") and len(line) > 1:
        steps = [(across.at(x), up.at(-y)) for x, y in line]
        marks.append(element("path", d=path(steps), class_="line s0"))
    entries, told = [], []
    for kind in KINDS:
        mine = [point for point in points if point[2] == kind]
        for x, y, _, name in mine:
            place = across.at(x), up.at(y)
            mark = diamond(*place) if kind == "baseline" else dots([place], f"dot d-{kind}")
            marks.append(element("g", element("title", escape(f"{name}: {_at(x, y)}")) + mark))
        if mine:
            single = kind in ("used", "baseline")
            word = f"{SAID[kind]}: {mine[0][3]}" if kind == "baseline" else SAID[kind]
            entries.append(("diamond" if kind == "baseline" else f"d-{kind}", word))
            told.append(
                f"{SAID[kind]} at {_at(mine[0][0], mine[0][1])}"
                if single
                else f"{counted(len(mine), 'weighting')}: {SAID[kind]}"
            )
    height = floor + 20 + (ROW if text_in(data, "x_label") else 0)
    more, height = legend(entries, height + 4)
    return Sketch([*marks, *more], height, "; ".join(told))


def _at(x: float, y: float) -> str:
    return f"{numbers.number(x)}, {numbers.number(y)}"
