"""Charts as inline SVG, drawn when the page is made, so they work without JavaScript."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

from rmcheck.registry import Registry, function
from rmcheck.report.charts.canvas import DrawingError, Sketch, coordinate, element
from rmcheck.report.text import one_line

Sketcher = Callable[[Mapping[str, Any]], Sketch]


KINDS: Registry[Sketcher] = Registry(
    {
        "curve": "rmcheck.report.charts.kinds:curve",
        "forest": "rmcheck.report.charts.kinds:forest",
        "histogram": "rmcheck.report.charts.kinds:histogram",
        "pareto": "rmcheck.report.charts.pareto:pareto",
        "scatter": "rmcheck.report.charts.kinds:scatter",
        "spark": "rmcheck.report.charts.trend:spark",
        "trend": "rmcheck.report.charts.trend:trend",
    },
    function("(picture's data) -> Sketch"),
)
"""The kinds of charts; `rmcheck.verdict.Picture` names one."""


@dataclass(frozen=True)
class Drawn:
    """A chart as SVG, or a remark that says why it was not drawn; a chart may have a remark too."""

    svg: str | None
    remark: str | None = None


def draw(kind: str, title: str, data: Mapping[str, Any]) -> Drawn:
    """The chart of a picture, or a remark that says why it could not be drawn.

    The data may come from other packages' checks, so invalid data cost the chart, never the
    report.
    """
    sketcher = KINDS.find(kind)
    if sketcher is None:
        known = ", ".join(sorted(KINDS.names()))
        return Drawn(
            None, f"No chart: unknown kind '{one_line(kind, 40)}'; expected one of {known}."
        )
    try:
        sketch = sketcher(data)
    except DrawingError as reason:
        return Drawn(None, f"No chart: {reason}.")
    inner = "".join(
        (
            element("title", escape(one_line(title, 200))),
            element("desc", escape(one_line(sketch.description, 4000))),
            *sketch.marks,
        )
    )
    frame = f"0 0 {coordinate(sketch.width)} {coordinate(sketch.height)}"
    svg = element("svg", inner, class_=f"chart c-{kind}", viewBox=frame, role="img")
    return Drawn(svg, sketch.remark)
