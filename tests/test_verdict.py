"""Typed pictures: the plain JSON that they make, which the report draws."""

from __future__ import annotations

from typing import Any

import pytest

from rmcheck.report.charts import svg
from rmcheck.verdict import (
    AnyPicture,
    Curve,
    Dot,
    Forest,
    Histogram,
    Interval,
    Mark,
    Point,
    Scatter,
    Series,
)

FOREST = Forest(title="t", rows=(Interval("all", 0.5, 0.4, 0.6),), x_label="x", threshold=0.7)
HISTOGRAM = Histogram(
    title="t", edges=(-1.0, 0.0, 1.0), counts=(1, 2), x_label="x", marks=(Mark(0.0, "tie"),)
)
SERIES = (Series("one", (Point(0.0, 0.5, 0.4, 0.6), Point(1.0, 0.7))),)
CURVE = Curve(title="t", series=SERIES, x_label="x", y_label="y", diagonal=True)
SCATTER = Scatter(title="t", points=(Dot(1.0, 2.0, "newly_right", "a"),), x_label="x", y_label="y")


@pytest.mark.parametrize(
    ("picture", "data"),
    [
        (
            FOREST,
            {
                "rows": [{"label": "all", "value": 0.5, "low": 0.4, "high": 0.6}],
                "threshold": 0.7, "reference": None, "x_label": "x",
            },
        ),
        (
            HISTOGRAM,
            {
                "edges": [-1.0, 0.0, 1.0], "counts": [1, 2], "x_label": "x",
                "marks": [{"x": 0.0, "label": "tie"}], "wrong_below_zero": False,
            },
        ),
        (
            CURVE,
            {
                "series": [
                    {
                        "label": "one",
                        "points": [
                            {"x": 0.0, "y": 0.5, "low": 0.4, "high": 0.6}, {"x": 1.0, "y": 0.7},
                        ],
                    }
                ],
                "x_label": "x", "y_label": "y", "diagonal": True,
            },
        ),
        (
            Curve(title="t", series=(), x_label="x", y_label="y", threshold=0.0),
            {"series": [], "x_label": "x", "y_label": "y", "threshold": 0.0},
        ),
        (SCATTER, {"points": [[1.0, 2.0, "newly_right", "a"]], "x_label": "x", "y_label": "y"}),
    ],
)  # fmt: skip
def test_a_picture_as_plain_json(picture: AnyPicture, data: dict[str, Any]) -> None:
    assert picture.data == data


@pytest.mark.parametrize("picture", [FOREST, HISTOGRAM, CURVE, SCATTER])
def test_the_report_draws_every_typed_picture(picture: AnyPicture) -> None:
    drawn = svg.draw(picture.kind, picture.title, picture.data)
    assert drawn.svg is not None, drawn.remark
