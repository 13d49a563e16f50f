"""The frame of a chart: its axes, their labels, and the line of equal values."""

from __future__ import annotations

from collections.abc import Sequence

from rmcheck.report.charts.axis import Axis, labelled
from rmcheck.report.charts.canvas import ROW, SMALL, WIDTH, label, line
from rmcheck.report.text import fitted, width


def diagonal(across: Axis, up: Axis) -> str:
    """The line of equal values, as far as both axes reach; empty where they do not overlap."""
    low, high = max(across.low, up.low), min(across.high, up.high)
    if low >= high:
        return ""
    return line(across.at(low), up.at(low), across.at(high), up.at(high), "l-diagonal")


def bottom_axis(axis: Axis, top: float | None, floor: float, words: str) -> list[str]:
    """The axis along the bottom with its labels and words; grid lines up to `top` when given."""
    marks = []
    for x, text, middle in axis.labels(SMALL, WIDTH):
        if top is not None:
            marks.append(line(x, top, x, floor, "grid"))
        marks.append(
            label(text, middle, floor + 15, size=SMALL, anchor="middle", class_="t mu num")
        )
    marks.append(line(axis.start, floor, axis.end, floor, "axis"))
    if words:
        room = WIDTH
        half = width(fitted(words, SMALL, room), SMALL) / 2
        middle = min(max((axis.start + axis.end) / 2, half), WIDTH - half)
        marks.append(
            label(words, middle, floor + 15 + ROW, room=room, size=SMALL, anchor="middle",
                  class_="t mu")
        )  # fmt: skip
    return marks


def left_axis(ticks: Sequence[tuple[float, str]], gutter: float) -> list[str]:
    """Grid lines and labels of the axis at the left, right-aligned at `gutter`."""
    marks = []
    for y, text in ticks:
        marks.append(line(gutter, y, WIDTH - 6, y, "grid"))
        marks.append(label(text, gutter - 6, y + 4, size=SMALL, anchor="end", class_="t mu num"))
    return marks


def frame(
    xs: tuple[float, float], ys: tuple[float, float], y_label: str, tall: float
) -> tuple[Axis, Axis, list[str], float]:
    """Both axes of a chart with a left axis; its label is above it, where it can be read."""
    top = 8 + (ROW if y_label else 0.0)
    floor = top + tall
    up = Axis(*ys, start=floor, end=top)
    ticks = labelled(up.ticks(5))
    gutter = max((width(text, SMALL) for _, text in ticks), default=10.0) + 8
    across = Axis(*xs, start=gutter, end=WIDTH - 8)
    marks = left_axis([(up.at(tick), text) for tick, text in ticks], gutter)
    if y_label:
        marks.append(label(y_label, 0, 12, size=SMALL, class_="t mu"))
    return across, up, marks, floor
