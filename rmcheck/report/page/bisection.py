"""The page of `rmcheck bisect`: the win rate of every scored step, as one self-contained file."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from rmcheck import __version__
from rmcheck.report.charts.svg import draw
from rmcheck.report.page.figure import Figure, Grid
from rmcheck.report.page.html import document
from rmcheck.verdict import Curve, Estimate, Point, Series


def render(
    headline: str,
    notes: Sequence[str],
    rates: Sequence[tuple[int, Estimate]],
    baseline: Estimate,
    rows: Sequence[Sequence[str]],
) -> str:
    """The page; the same input gives the same text.

    Parameters
    ----------
    headline, notes
        What was found, and what else there is to say, a sentence each.
    rates
        The number of each scored step, from 1, and its win rate.
    baseline
        The baseline's win rate.
    rows
        Of every step its name, win rate, change, p and what it is, as text.
    """
    curve = Curve(
        title="Win rate by step",
        series=(
            Series(
                "win rate",
                tuple(Point(float(step), it.value, it.low, it.high) for step, it in rates),
            ),
        ),
        x_label="step",
        y_label="win rate",
        threshold=baseline.value,
    )
    drawn = draw(curve.kind, curve.title, {**curve.data, "threshold_label": "baseline"})
    svg = None if drawn.svg is None else Markup(drawn.svg)
    return document(
        "bisection.html.j2",
        ("page.js",),
        version=__version__,
        headline=headline,
        notes=notes,
        chart=Figure("Win rate of every scored step, with 95 % intervals", svg, drawn.remark),
        grid=Grid(
            title="Every step, in the order of training",
            columns=(("step", False), ("win rate", True), ("points against the baseline", True),
                     ("p", True), ("", False)),
            rows=rows,
        ),
    )  # fmt: skip
