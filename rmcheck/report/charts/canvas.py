"""The marks that charts are made of, as SVG text, and the checks on a picture's data.

Every chart is drawn 400 units wide with text of 13 and 12, so that on a phone it shrinks by a
tenth at most and stays readable. Colours are CSS classes (`report.css`), so one drawing serves
light and dark.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from rmcheck.report.text import clean, fitted, one_line, width

WIDTH = 400.0
FONT = 13.0
SMALL = 12.0
ROW = 19.0


class DrawingError(ValueError):
    """The data of a picture do not fit its kind; the message says what is wrong."""


@dataclass(frozen=True)
class Sketch:
    """What a chart kind returns: marks, size, a description in words, perhaps a remark."""

    marks: Sequence[str]
    height: float
    description: str
    remark: str | None = None
    width: float = WIDTH


def element(name: str, content: str | None = None, /, **attributes: str | float | None) -> str:
    """One SVG element; attribute names take `_` for `-`, numbers are cut to two decimals."""
    given = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{_value(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    return f"<{name}{given}/>" if content is None else f"<{name}{given}>{content}</{name}>"


def _value(value: str | float) -> str:
    return escape(clean(value)) if isinstance(value, str) else coordinate(value)


def coordinate(value: float) -> str:
    """A number on the paper; never NaN, never infinite."""
    text = f"{value:.2f}"  # a page has twenty thousand
    if text[-3:-2] != ".":
        raise DrawingError("a coordinate is not finite")
    if text[-1] == "0":
        text = text[:-3] if text[-2] == "0" else text[:-1]
    return "0" if text == "-0" else text


def label(
    text: str,
    x: float,
    y: float,
    *,
    room: float = WIDTH,
    size: float = FONT,
    anchor: str = "start",
    class_: str = "t",
) -> str:
    """A text at most `room` wide; one that was cut has the whole text in a title."""
    shown = fitted(text, size, room)
    whole = one_line(text, 400)
    title = "" if shown == whole else element("title", escape(whole))
    place = {"start": None, "middle": "middle", "end": "end"}[anchor]
    return element(
        "text",
        title + escape(shown),
        x=x,
        y=y,
        text_anchor=place,
        class_=class_ if size == FONT else f"{class_} s",
    )


def line(x1: float, y1: float, x2: float, y2: float, class_: str) -> str:
    """A straight line."""
    return element("path", d=path([(x1, y1), (x2, y2)]), class_=class_)


def path(points: Sequence[tuple[float, float]], *, close: bool = False) -> str:
    """The `d` of a polyline."""
    steps = " ".join([f"{coordinate(x)} {coordinate(y)}" for x, y in points])
    return f"M{steps}{'Z' if close else ''}"


def dots(points: Sequence[tuple[float, float]], class_: str) -> str:
    """Many dots as one path of strokes without length: ten bytes a dot instead of fifty."""
    steps = "".join([f"M{coordinate(x)} {coordinate(y)}h0" for x, y in points])
    return element("path", d=steps, class_=class_)


def diamond(x: float, y: float) -> str:
    """A hollow diamond: the baseline's value next to the candidate's dot."""
    shape = [(x, y - 5), (x + 5, y), (x, y + 5), (x - 5, y)]
    return element("path", d=path(shape, close=True), class_="diamond")


def legend(entries: Sequence[tuple[str, str]], top: float) -> tuple[list[str], float]:
    """Entries (swatch, text) flowed into rows below `top`; the marks and the bottom.

    A swatch is the class of a short line (`l-…`) or of a dot (`d-…`), or `diamond`.
    """
    marks: list[str] = []
    x, y = 0.0, top
    for swatch, text in entries:
        shown = fitted(text, SMALL, WIDTH - 30)
        size = 24 + width(shown, SMALL) + 16
        if x > 0 and x + size - 16 > WIDTH:
            x, y = 0.0, y + ROW
        if swatch.startswith("d-"):
            marks.append(dots([(x + 9, y + 8)], f"dot {swatch}"))
        elif swatch == "diamond":
            marks.append(diamond(x + 9, y + 8))
        else:
            marks.append(line(x, y + 8, x + 18, y + 8, swatch))
        marks.append(label(text, x + 24, y + 12, room=WIDTH - 30, size=SMALL, class_="t mu"))
        x += size
    return marks, (y + ROW if entries else top)


def number_in(data: Mapping[str, Any], key: str) -> float | None:
    """A finite number of a picture's data, None if the key is missing or null."""
    value = data.get(key)
    return None if value is None else finite(value, key)


def finite(value: object, what: str) -> float:
    """`value` as a finite float; raises DrawingError for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise DrawingError(f"{what}: expected a finite number, got {one_line(repr(value), 40)}")
    return float(value)


def mappings(data: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    """A list of objects in a picture's data."""
    value = data.get(key)
    if not isinstance(value, (list, tuple)) or not all(isinstance(x, Mapping) for x in value):
        raise DrawingError(f"'{key}': expected a list of objects")
    return list(value)


def sequence(data: Mapping[str, Any], key: str) -> list[Any]:
    """A list in a picture's data."""
    value = data.get(key)
    if not isinstance(value, (list, tuple)):
        raise DrawingError(f"'{key}': expected a list")
    return list(value)


def text_in(data: Mapping[str, Any], key: str) -> str:
    """A text of a picture's data on one line, empty if it has none."""
    value = data.get(key)
    return "" if value is None else one_line(str(value), 200)
