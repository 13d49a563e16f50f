"""Charts: well-formed, finite, on the paper, no text over another, and robust to bad data."""

import math
import re
from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rmcheck.record.run import PictureRecord
from rmcheck.report.charts import svg
from rmcheck.report.charts.axis import Axis, labelled, span
from rmcheck.report.charts.canvas import WIDTH, DrawingError, coordinate
from rmcheck.report.charts.svg import KINDS
from rmcheck.report.text import width

from . import builder as build

_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_COORDINATES = ("x", "y", "cx", "cy", "width", "height", "x1", "x2", "d")


def drawn(kind: str, data: Mapping[str, Any], title: str = "A title") -> ElementTree.Element:
    chart = svg.draw(kind, title, data)
    assert chart.svg is not None, chart.remark
    root = ElementTree.fromstring(chart.svg)
    # Labels may say anything; attributes may not.
    attributes = re.sub(r"<title>.*?</title>|<desc>.*?</desc>|>[^<]*<", "", chart.svg).lower()
    assert "nan" not in attributes
    assert "inf" not in attributes
    return root


def frame(root: ElementTree.Element) -> tuple[float, float]:
    _, _, wide, tall = map(float, root.attrib["viewBox"].split())
    return wide, tall


def assert_on_the_paper(root: ElementTree.Element) -> None:
    wide, tall = frame(root)
    assert wide == WIDTH
    for mark in root.iter():
        for key in ("x", "cx"):
            if mark.get(key) is not None:
                assert -0.01 <= float(mark.attrib[key]) <= wide + 0.01
        for key in ("y", "cy"):
            if mark.get(key) is not None:
                assert -0.01 <= float(mark.attrib[key]) <= tall + 0.01
        if mark.get("d"):
            for number in _NUMBER.findall(mark.attrib["d"].replace("h0", "")):
                assert -6 <= float(number) <= max(wide, tall) + 6


def boxes(root: ElementTree.Element) -> Iterator[tuple[str, float, float, float, float]]:
    """The rectangle that each text takes at most."""
    for mark in root.iter("text"):
        size = 12 if " s" in mark.attrib["class"] else 13
        words = mark.text or "".join(child.tail or "" for child in mark)
        wide = width(words, size)
        start = float(mark.attrib["x"])
        start -= {None: 0, "middle": wide / 2, "end": wide}[mark.get("text-anchor")]
        yield (
            words,
            start,
            start + wide,
            float(mark.attrib["y"]) - size * 0.8,
            float(mark.attrib["y"]),
        )


def assert_no_text_over_another(root: ElementTree.Element) -> None:
    for one, other in combinations(boxes(root), 2):
        apart = one[2] <= other[1] or other[2] <= one[1] or one[4] <= other[3] or other[4] <= one[3]
        assert apart, (one, other)


@pytest.mark.parametrize("picture", build.PICTURES, ids=lambda picture: picture.kind)
def test_each_kind_draws(picture: PictureRecord) -> None:
    root = drawn(picture.kind, picture.data)
    assert root.get("role") == "img"
    assert root.findtext("title") == "A title"
    assert root.findtext("desc", "")
    assert_on_the_paper(root)
    assert_no_text_over_another(root)


def test_every_documented_kind_is_drawn() -> None:
    kinds = {"forest", "histogram", "curve", "scatter", "trend", "spark", "pareto"}
    assert set(KINDS.names()) == kinds


WEIGHTINGS = {
    "points": [
        [0.9, 0.5, "front", "weights=a:1;b:0"],
        [0.5, 0.9, "front", "weights=a:0;b:1"],
        [0.6, 0.6, "other", "weights=a:0.5;b:0.5"],
        [0.7, 0.55, "used", "in use: recipe:two"],
        [0.65, 0.6, "baseline", "a baseline with a long name, as names of branches often are long"],
    ],
    "x_label": "win rate on a",
    "y_label": "win rate on b",
    "whole": True,
}


def test_weightings_are_where_the_axes_say_and_the_front_is_a_line() -> None:
    root = drawn("pareto", WEIGHTINGS)
    assert_on_the_paper(root)
    assert_no_text_over_another(root)
    (line,) = [mark for mark in root.iter("path") if mark.get("class") == "line s0"]
    first, last = [
        tuple(map(float, step.split())) for step in re.findall(r"[\d.]+ [\d.]+", line.attrib["d"])
    ]
    assert first[0] < last[0]  # a rises to the right
    assert first[1] < last[1]  # b rises upwards
    titles = [mark.text for mark in root.iter("title")]
    assert "weights=a:1;b:0: 0.9, 0.5" in titles
    assert "in use at 0.7, 0.55" in root.findtext("desc", "")
    # Of three objectives the front is not one of these two axes: dots alone.
    others = drawn("pareto", {**WEIGHTINGS, "whole": False})
    assert not [mark for mark in others.iter("path") if mark.get("class") == "line s0"]


@pytest.mark.parametrize("point", [[0.1, 0.2], [0.1, 0.2, "best", "a"], [0.1, "x", "front", "a"]])
def test_a_weighting_that_is_none_costs_the_chart(point: list[object]) -> None:
    found = svg.draw("pareto", "A title", {"points": [point]})
    assert found.svg is None
    assert "No chart" in (found.remark or "")


def test_the_forest_says_its_numbers_in_text_and_in_the_description() -> None:
    root = drawn("forest", build.PICTURES[0].data)
    texts = ["".join(mark.itertext()) for mark in root.iter("text")]
    assert "0.78 [0.71, 0.84]" in texts
    assert "threshold 0.7" in texts
    assert "refusal 0.52 [0.31, 0.72]" in root.findtext("desc", "")


def test_long_labels_of_a_forest_have_their_count_on_a_second_line() -> None:
    def words(*labels: str) -> list[str]:
        rows = [{"label": label, "value": 0.039, "low": 0.017, "high": 0.085} for label in labels]
        marks = drawn("forest", {"rows": rows}).iter("text")
        return [[*mark.itertext()][-1] for mark in marks if mark.get("x") == "0"]

    assert words("short (n=21)", "plain") == ["short (n=21)", "plain"]
    two = words("prompt_user_name (n=1,142)", "short (n=21)", "plain")
    assert two == ["prompt_user_name", "(n=1,142)", "short", "(n=21)", "plain"]
    assert words("two plain words (n=1,142)") == ["two plain words", "(n=1,142)"]
    once = words("prompt_user_name (n=142)", *["short (n=21)"] * 3)
    assert once == ["prompt_user_name…", *["short (n=21)"] * 3]
    assert words("numbers_with_brackets (n=142)") == ["numbers_with_brackets", "(n=142)"]


RED = {"wrong_below_zero": True}


def test_dots_of_a_forest_lie_where_the_axis_says() -> None:
    # Hand check: with labels "0" and "1" out of the way, three values at equal steps are
    # equally far apart, and a row's dot lies between the ends of its whisker.
    rows = [{"label": "r", "value": v, "low": v - 0.1, "high": v + 0.1} for v in (0.3, 0.5, 0.7)]
    places = [float(dot.attrib["cx"]) for dot in drawn("forest", {"rows": rows}).iter("circle")]
    assert places[1] - places[0] == pytest.approx(places[2] - places[1], abs=0.02)


def test_bars_are_as_tall_as_their_counts() -> None:
    root = drawn("histogram", {"edges": [0, 1, 2, 3], "counts": [1, 2, 4], "x_label": "x"})
    heights = [float(bar.attrib["height"]) for bar in root.iter("rect")]
    assert heights[1] / heights[0] == pytest.approx(2, abs=0.01)
    assert heights[2] / heights[0] == pytest.approx(4, abs=0.01)


def test_bars_below_zero_are_red_where_the_picture_says_so_and_not_for_its_label() -> None:
    # Two bars left of 0 and one right of it; a record of old says nothing and is drawn plainly.
    data = {"edges": [-2, -1, 0, 1], "counts": [1, 2, 4], "x_label": "margin"}
    for said, expected in (({}, 0), ({"wrong_below_zero": False}, 0), (RED, 2)):
        for label in ("margin", "gap"):
            root = drawn("histogram", {**data, **said, "x_label": label})
            bars = [bar.attrib["class"] for bar in root.iter("rect")]
            assert (len(bars), bars.count("bar bad")) == (3, expected)
    above = drawn("histogram", {**data, **RED, "edges": [0, 1, 2, 3]})
    assert all(bar.attrib["class"] == "bar" for bar in above.iter("rect"))


def test_flipped_points_link_to_their_pairs() -> None:
    data = {**build.PICTURES[3].data, "links": "a suite"}
    chart = drawn("scatter", data)
    # No element inside a picture takes the focus: its title and description stand for it.
    assert not list(chart.iter("a"))
    links = [point.attrib["data-go"] for point in chart.iter("g")]
    assert links == ["#pair=a%20suite/c", "#pair=a%20suite/b"]


def test_many_points_stay_small_and_are_counted() -> None:
    points = [[i / 100, i / 90, "kept_right", f"p{i}"] for i in range(10_000)]
    chart = svg.draw("scatter", "t", {"points": points, "x_label": "x", "y_label": "y"})
    assert len(chart.svg or "") < 40_000
    assert chart.remark == "1,000 of 10,000 points drawn."


def test_an_unknown_kind_is_left_out_with_a_remark() -> None:
    chart = svg.draw("pie<script>", "t", {})
    assert chart.svg is None
    assert "'pie<script>'" in (chart.remark or "")


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("forest", {}),
        ("forest", {"rows": []}),
        ("forest", {"rows": "abc"}),
        ("forest", {"rows": [{"label": "x", "value": math.nan}]}),
        ("forest", {"rows": [{"label": "x", "value": "1"}]}),
        ("forest", {"rows": [{"label": "x", "value": 1}], "threshold": math.inf}),
        ("histogram", {"edges": [0, 1], "counts": [1, 2]}),
        ("histogram", {"edges": [1, 0], "counts": [1]}),
        ("histogram", {"edges": [0, 1], "counts": [-1]}),
        ("histogram", {"edges": [0], "counts": []}),
        ("histogram", {"edges": [0, 1], "counts": [1], "marks": [{"label": "no x"}]}),
        ("curve", {"series": [{"label": "x", "points": []}]}),
        ("curve", {"series": [{"label": "x"}]}),
        ("curve", {"series": [{"points": [{"x": None, "y": 1}]}]}),
        ("scatter", {"points": []}),
        ("scatter", {"points": [[1]]}),
        ("scatter", {"points": [[1, None]]}),
        ("scatter", {"points": [[1, True]]}),
    ],
)
def test_bad_data_cost_the_chart_and_nothing_else(kind: str, data: Any) -> None:
    chart = svg.draw(kind, "t", data)
    assert chart.svg is None
    assert (chart.remark or "").startswith("No chart: ")


HOSTILE = [
    "</svg><script>x()</script>",
    '"><img src=x onerror=x()>',
    "\x00\x1b\ud800",
    "&amp;\u202e",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_labels_stay_text(text: str) -> None:
    for picture in build.PICTURES:
        data = {**picture.data, "x_label": text, "y_label": text, "threshold_label": text}
        if picture.kind == "forest":
            data["rows"] = [{"label": text, "value": 0.5, "low": 0.4, "high": 0.6}]
        if picture.kind == "scatter":
            data["points"] = [[0, 1, "newly_wrong", text]]
            data["links"] = text
        root = drawn(picture.kind, data, title=text)
        assert {mark.tag for mark in root.iter()} <= {
            "svg", "title", "desc", "path", "text", "circle", "rect", "g",
        }  # fmt: skip
        for mark in root.iter():
            assert not any(name.startswith("on") for name in mark.attrib)
            assert mark.get("href", "#").startswith("#")


numbers = st.floats(min_value=-1e9, max_value=1e9, allow_nan=False)
labels = st.text(max_size=60)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    st.lists(st.tuples(labels, numbers, numbers, numbers), min_size=1, max_size=45),
    st.none() | numbers,
    labels,
)
def test_any_forest(rows: list[Any], threshold: float | None, words: str) -> None:
    data = {
        "rows": [
            {"label": name, "value": sorted(three)[1], "low": min(three), "high": max(three)}
            for name, *three in rows
        ],
        "threshold": threshold,
        "x_label": words,
    }
    root = drawn("forest", data)
    assert_on_the_paper(root)
    assert_no_text_over_another(root)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    st.lists(st.integers(0, 5000), min_size=1, max_size=60),
    st.floats(-1e5, 1e5),
    st.floats(1e-3, 1e5),
    st.lists(st.tuples(numbers, labels), max_size=4),
)
def test_any_histogram(
    counts: list[int], low: float, size: float, marks: list[tuple[float, str]]
) -> None:
    edges = [low + size * index for index in range(len(counts) + 1)]
    data = {
        "edges": edges,
        "counts": counts,
        "x_label": "margin",
        "marks": [{"x": x, "label": text} for x, text in marks],
        "wrong_below_zero": True,
    }
    root = drawn("histogram", data)
    assert_on_the_paper(root)
    assert_no_text_over_another(root)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    st.lists(
        st.tuples(labels, st.lists(st.tuples(numbers, numbers), min_size=1, max_size=30)),
        min_size=1,
        max_size=8,
    ),
    st.booleans(),
    labels,
)
def test_any_curve_and_scatter(
    series: list[tuple[str, list[tuple[float, float]]]], diagonal: bool, words: str
) -> None:
    curves = [
        {"label": name, "points": [{"x": x, "y": y} for x, y in points]} for name, points in series
    ]
    root = drawn("curve", {"series": curves, "diagonal": diagonal, "x_label": words})
    assert_on_the_paper(root)
    assert_no_text_over_another(root)
    points = [[x, y, "kept_wrong", name] for name, places in series for x, y in places]
    root = drawn("scatter", {"points": points, "diagonal": diagonal, "y_label": words})
    assert_on_the_paper(root)
    assert_no_text_over_another(root)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(numbers, st.floats(1e-6, 1e9), st.integers(2, 9))
def test_ticks_are_round_few_and_within(low: float, size: float, most: int) -> None:
    axis = Axis(low, low + size, 0, 100)
    ticks = axis.ticks(most)
    assert len(ticks) <= most
    assert all(low - size * 1e-6 <= tick <= low + size * (1 + 1e-6) for tick in ticks)


def test_ticks_a_person_would_choose() -> None:
    ticks = labelled(Axis(0.28, 0.93, 0, 1).ticks(4))
    assert [text for _, text in ticks] == ["0.4", "0.6", "0.8"]
    assert [tick for tick, _ in ticks] == pytest.approx([0.4, 0.6, 0.8])
    assert [text for _, text in labelled(Axis(-1, 1, 0, 1).ticks(5))] == [
        "−1.0",
        "−0.5",
        "0",
        "0.5",
        "1.0",
    ]


def test_a_span_is_never_empty_and_rates_stay_rates() -> None:
    assert span([0.5, 0.5]) == pytest.approx((0.4, 0.6))
    assert span([1.0]) == pytest.approx((0.9, 1.0))
    assert span([0.0, 1.0]) == (0.0, 1.0)
    low, high = span([3.0])
    assert low < 3 < high
    assert span([0.0])[0] < span([0.0])[1]


@given(st.floats(-1e9, 1e9) | st.integers(-500, 500).map(float))
def test_a_coordinate_is_the_number_to_two_decimals_without_idle_zeros(value: float) -> None:
    text = coordinate(value)
    assert abs(float(text) - value) <= 0.005 + 1e-6
    assert re.fullmatch(r"0|-?(?!0\d)\d+(\.\d?[1-9])?", text)
    assert text != "-0"


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_coordinate_is_finite(value: float) -> None:
    with pytest.raises(DrawingError, match="not finite"):
        coordinate(value)
