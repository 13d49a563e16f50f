"""The chart kinds: forest, histogram, curve, scatter. Each turns a picture's data into marks."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from html import escape
from itertools import pairwise
from typing import Any

from rmcheck.report import anchor, numbers
from rmcheck.report.charts.axis import Axis, labelled, span
from rmcheck.report.charts.canvas import (
    FONT,
    ROW,
    SMALL,
    WIDTH,
    DrawingError,
    Sketch,
    diamond,
    dots,
    element,
    finite,
    label,
    legend,
    line,
    mappings,
    number_in,
    path,
    sequence,
    text_in,
)
from rmcheck.report.charts.frame import bottom_axis, diagonal, frame, left_axis
from rmcheck.report.text import one_line, width
from rmcheck.wording import counted

MOST_ROWS = 40
MOST_SERIES = 6
MOST_DOTS = 4000
MOST_LINKS = 150

_LABELS, _BROKEN_LABELS = 148.0, 170.0
"""The width of a forest's labels at most: on one line, and with the count on a second."""
_COUNTED = re.compile(r"(.*\S) (\(n=[\d,]+\))")

POINT_WORD = {
    "newly_wrong": "newly wrong",
    "newly_right": "newly right",
    "kept_wrong": "wrong",
    "kept_right": "right",
}


def forest(data: Mapping[str, Any]) -> Sketch:
    """Rows of a label, a point and its interval, on one axis, against a threshold.

    A row may also give `reference` (its own baseline value) and `emphasis` (true for the row that
    the others are compared with); without `low` and `high` it is drawn as a point.
    """
    given = mappings(data, "rows")
    rows = [row for row in given if row.get("value") is not None][:MOST_ROWS]
    if not rows:
        raise DrawingError("no rows to draw")
    values = [finite(row["value"], "value") for row in rows]
    lows = [_or(number_in(row, "low"), value) for row, value in zip(rows, values, strict=True)]
    highs = [_or(number_in(row, "high"), value) for row, value in zip(rows, values, strict=True)]
    own = [number_in(row, "reference") for row in rows]
    threshold, reference = number_in(data, "threshold"), number_in(data, "reference")
    every = [*values, *lows, *highs, *(x for x in (*own, threshold, reference) if x is not None)]
    names = [text_in(row, "label") for row in rows]
    said = [
        _with_interval(value, low, high)
        for value, low, high in zip(values, lows, highs, strict=True)
    ]
    heads = _heads(names)
    pitch = 38.0 if any(below for _, below in heads) else 24.0
    most = _BROKEN_LABELS if pitch > 24 else _LABELS
    left = min(max(width(head, FONT) for head, _ in heads), most) if any(names) else 0.0
    bold = 1.12 if any(row.get("emphasis") for row in rows) else 1.0
    right = max(width(text, SMALL) for text in said) * bold
    axis = Axis(*span(every), start=left + (12 if left else 6), end=WIDTH - right - 12)
    bottom = 4 + pitch * len(rows)
    marks = bottom_axis(axis, 4, bottom, text_in(data, "x_label"))
    if threshold is not None:
        marks.append(line(axis.at(threshold), 2, axis.at(threshold), bottom, "l-threshold"))
    if reference is not None:
        marks.append(line(axis.at(reference), 2, axis.at(reference), bottom, "l-reference"))
    for index, (row, (name, below), text) in enumerate(zip(rows, heads, said, strict=True)):
        y = 4 + pitch * index + pitch / 2
        strong = " hi" if row.get("emphasis") else ""
        marks.append(label(name, 0, y + (-3 if below else 4.5), room=left, class_=f"t{strong}"))
        if below:
            marks.append(label(below, 0, y + 13, room=left, size=SMALL, class_="t mu"))
        ends = axis.at(lows[index]), axis.at(highs[index])
        if ends[0] < ends[1]:
            marks.append(line(ends[0], y, ends[1], y, f"whisker{strong}"))
        marks.append(
            element("circle", cx=axis.at(values[index]), cy=y, r=4.2, class_=f"dot{strong}")
        )
        mine = own[index]
        if mine is not None:
            marks.append(diamond(axis.at(mine), y))
        marks.append(label(text, WIDTH, y + 4.5, size=SMALL, anchor="end", class_=f"t num{strong}"))
    entries = []
    if threshold is not None:
        words = text_in(data, "threshold_label") or "threshold"
        entries.append(("l-threshold", f"{words} {numbers.number(threshold)}"))
    if reference is not None:
        words = text_in(data, "reference_label") or "baseline"
        entries.append(("l-reference", f"{words} {numbers.number(reference)}"))
    if any(x is not None for x in own):
        entries.append(("diamond", text_in(data, "reference_label") or "baseline"))
    height = bottom + 20 + (ROW if text_in(data, "x_label") else 0)
    more, height = legend(entries, height + (4 if entries else 0))
    description = "; ".join(
        f"{name} {text}".strip() for name, text in zip(names, said, strict=True)
    )
    for _, words in entries:
        description += f"; {words}"
    left_out = len(given) - len(rows)
    remark = f"{counted(left_out, 'row')} not drawn." if left_out else None
    return Sketch([*marks, *more], height, description, remark)


def histogram(data: Mapping[str, Any]) -> Sketch:
    """Counts over edges, with marks (a mean, a median) named in the legend.

    With `wrong_below_zero` the bars left of 0 count pairs whose rejected answer scores higher.
    """
    edges = [finite(x, "an edge") for x in sequence(data, "edges")]
    counts = [finite(x, "a count") for x in sequence(data, "counts")]
    if len(edges) != len(counts) + 1 or not counts:
        raise DrawingError(
            f"expected one edge more than counts, got {len(edges)} edges, {len(counts)} counts"
        )
    if any(b <= a for a, b in pairwise(edges)) or min(counts) < 0:
        raise DrawingError("edges must increase and counts must not be negative")
    places = [
        (finite(mark.get("x"), "a mark"), text_in(mark, "label"))
        for mark in (mappings(data, "marks") if data.get("marks") else [])
    ][:6]
    x_label = text_in(data, "x_label")
    tallest = max(counts) or 1.0
    up = Axis(0.0, tallest, 0.0, -150.0)
    up_ticks = [tick for tick in up.ticks(4) if tick == int(tick)]
    gutter = max(width(text, SMALL) for _, text in labelled(up_ticks) or [(0, "0")]) + 8
    axis = Axis(edges[0], edges[-1], gutter, WIDTH - 6)
    top = 6.0
    floor = top + 150
    marks = left_axis([(floor + up.at(tick), text) for tick, text in labelled(up_ticks)], gutter)
    splits = bool(data.get("wrong_below_zero")) and edges[0] < 0 < edges[-1]
    for (low, high), count in zip(pairwise(edges), counts, strict=True):
        if count:
            x, size = axis.at(low), axis.at(high) - axis.at(low)
            side = " bad" if splits and high <= 1e-12 else ""
            gap = min(1.0, size / 4)
            height = -up.at(count)
            marks.append(
                element(
                    "rect", x=x + gap / 2, y=floor - height, width=size - gap, height=height,
                    class_=f"bar{side}",
                )
            )  # fmt: skip
    marks += bottom_axis(axis, None, floor, x_label)
    if edges[0] < 0 < edges[-1]:
        marks.append(line(axis.at(0), top, axis.at(0), floor, "l-zero"))
    for index, (x, _) in enumerate(places):
        marks.append(line(axis.at(x), top, axis.at(x), floor, f"l-mark m{index}"))
    height = floor + 20 + (ROW if x_label else 0)
    entries = [
        (f"l-mark m{index}", text or numbers.number(x)) for index, (x, text) in enumerate(places)
    ]
    if splits:
        entries.append(("l-bad", "left of 0: the rejected answer scores higher"))
    more, height = legend(entries, height + (4 if entries else 0))
    most = counts.index(max(counts))
    description = (
        f"{numbers.number(sum(counts), 6)} values from {numbers.number(edges[0])} "
        f"to {numbers.number(edges[-1])}, most of them between {numbers.number(edges[most])} "
        f"and {numbers.number(edges[most + 1])}"
    )
    for x, text in places:
        description += f"; {text} at {numbers.number(x)}"
    return Sketch([*marks, *more], height, description)


def curve(data: Mapping[str, Any]) -> Sketch:
    """Lines through points, each with its band where low and high are given."""
    given = mappings(data, "series")
    series = [(text_in(each, "label"), _points(each)) for each in given[:MOST_SERIES]]
    series = [(name, points) for name, points in series if points]
    if not series:
        raise DrawingError("no points to draw")
    threshold, equal = number_in(data, "threshold"), bool(data.get("diagonal"))
    xs = [x for _, points in series for x, *_ in points]
    ys = [y for _, points in series for _, *rest in points for y in rest if y is not None]
    if threshold is not None:
        ys.append(threshold)
    if equal:
        both = (min(xs + ys), max(xs + ys))
        xs, ys = [*xs, *both], [*ys, *both]
    across, up, marks, floor = frame(span(xs, pad=0.03), span(ys), text_in(data, "y_label"), 190)
    marks += bottom_axis(across, None, floor, text_in(data, "x_label"))
    if equal:
        marks.append(diagonal(across, up))
    if threshold is not None:
        marks.append(
            line(across.start, up.at(threshold), across.end, up.at(threshold), "l-threshold")
        )
    for index, (_, points) in enumerate(series):
        band = [
            (x, low, high) for x, _, low, high in points if low is not None and high is not None
        ]
        if len(band) > 1:
            upper = [(across.at(x), up.at(high)) for x, _, high in band]
            lower = [(across.at(x), up.at(low)) for x, low, _ in reversed(band)]
            marks.append(
                element("path", d=path([*upper, *lower], close=True), class_=f"band s{index}")
            )
        elif band:
            x, low, high = band[0]
            marks.append(
                line(across.at(x), up.at(low), across.at(x), up.at(high), f"line s{index}")
            )
    for index, (_, points) in enumerate(series):
        places = [(across.at(x), up.at(y)) for x, y, *_ in points]
        if len(places) > 1:
            marks.append(element("path", d=path(places), class_=f"line s{index}"))
        if len(places) <= 24:
            marks.append(dots(places, f"dot d-s{index}"))
    entries = [(f"l-s{index}", name) for index, (name, _) in enumerate(series) if name]
    if len(entries) == 1 and entries[0][1] in text_in(data, "y_label"):
        entries = []  # the axis already says it
    if threshold is not None:
        words = text_in(data, "threshold_label") or "threshold"
        entries.append(("l-threshold", f"{words} {numbers.number(threshold)}"))
    if equal:
        entries.append(("l-diagonal", text_in(data, "diagonal_label") or "equal"))
    height = floor + 20 + (ROW if text_in(data, "x_label") else 0)
    more, height = legend(entries, height + 4)
    description = "; ".join(
        f"{name or 'line'} from {numbers.number(points[0][1])} at {numbers.number(points[0][0])} "
        f"to {numbers.number(points[-1][1])} at {numbers.number(points[-1][0])}"
        for name, points in series
    )
    hidden = len(given) - len(series)
    remark = f"{counted(hidden, 'line')} not drawn." if hidden else None
    return Sketch([*marks, *more], height, description, remark)


def scatter(data: Mapping[str, Any]) -> Sketch:
    """Points by state; flipped ones are drawn on top, with their own shape and colour.

    With `links` (the name of a suite) a click on a flipped point opens its pair.
    """
    points = []
    for point in sequence(data, "points"):
        if not isinstance(point, (list, tuple)) or len(point) < 2:
            raise DrawingError("a point: expected [x, y, state, id]")
        state = str(point[2]) if len(point) > 2 and point[2] is not None else "kept_right"
        name = str(point[3]) if len(point) > 3 and point[3] is not None else ""
        points.append((finite(point[0], "x"), finite(point[1], "y"), state, name))
    if not points:
        raise DrawingError("no points to draw")
    across, up, marks, floor = frame(
        span([x for x, *_ in points], pad=0.04),
        span([y for _, y, *_ in points], pad=0.04),
        text_in(data, "y_label"),
        250,
    )
    marks += bottom_axis(across, None, floor, text_in(data, "x_label"))
    if across.low < 0 < across.high:
        marks.append(line(across.at(0), up.end, across.at(0), up.start, "l-zero"))
    if up.low < 0 < up.high:
        marks.append(line(across.start, up.at(0), across.end, up.at(0), "l-zero"))
    if data.get("diagonal"):
        marks.append(diagonal(across, up))
    entries, drawn, told = [], 0, []
    links = text_in(data, "links")
    present = {_state(point[2]) for point in points}
    # Without a flip there may be one model only, so "both" would be wrong.
    both = "both " if present & {"newly_wrong", "newly_right"} else ""
    for state in ("kept_right", "kept_wrong", "newly_right", "newly_wrong"):
        mine = [point for point in points if _state(point[2]) == state]
        if not mine:
            continue
        shown = _thinned(mine, MOST_DOTS // 4)
        drawn += len(shown)
        flipped = state.startswith("newly")
        if flipped and links and len(shown) <= MOST_LINKS:
            for x, y, _, name in shown:
                place = dots([(across.at(x), up.at(y))], f"dot d-{state}")
                title = element("title", escape(one_line(name, 80)))
                # Not an <a>: a picture (role="img") has no parts for a screen reader to stop at.
                target = f"#{anchor.pair(links, name)}"
                marks.append(element("g", title + place, data_go=target))
        else:
            marks.append(dots([(across.at(x), up.at(y)) for x, y, *_ in shown], f"dot d-{state}"))
        word = POINT_WORD[state] if flipped else both + POINT_WORD[state]
        told.append(f"{numbers.count(len(mine))} {word}")
        if present != {"kept_right"}:
            entries.append((f"d-{state}", told[-1]))
    height = floor + 20 + (ROW if text_in(data, "x_label") else 0)
    more, height = legend(entries, height + 4)
    remark = None
    if drawn < len(points):
        remark = f"{numbers.count(drawn)} of {counted(len(points), 'point')} drawn."
    return Sketch([*marks, *more], height, "; ".join(told), remark)


def _heads(names: Sequence[str]) -> list[tuple[str, str]]:
    """Each label, and its count for a second line.

    Most forests keep both on one line. Where a third of the labels or more would be cut there, all
    labels of the forest have two lines.
    """
    found = [_COUNTED.fullmatch(name) for name in names]
    cut = [each for each in found if each and width(each[0], FONT) > _LABELS]
    long = 3 * len(cut) >= len(names) > 0
    return [
        (each[1], each[2]) if long and each else (name, "")
        for name, each in zip(names, found, strict=True)
    ]


def _or(value: float | None, fallback: float) -> float:
    return fallback if value is None else value


def _with_interval(value: float, low: float, high: float) -> str:
    size = max(abs(value), abs(low), abs(high))

    def short(x: float) -> str:
        return numbers.rate(x, 2 if size >= 0.1 else 3) if size < 10 else numbers.number(x)

    return short(value) if low == high else f"{short(value)} [{short(low)}, {short(high)}]"


def _state(state: str) -> str:
    return state if state in POINT_WORD else "kept_right"


def _thinned(points: Sequence[Any], most: int) -> Sequence[Any]:
    if len(points) <= most:
        return points
    return [points[index * len(points) // most] for index in range(most)]


def _points(
    series: Mapping[str, Any],
) -> list[tuple[float, float, float | None, float | None]]:
    return sorted(
        (
            (
                finite(point.get("x"), "x"),
                finite(point.get("y"), "y"),
                number_in(point, "low"),
                number_in(point, "high"),
            )
            for point in mappings(series, "points")
            if point.get("y") is not None
        ),
        key=lambda point: point[0],
    )
