"""The trend: which runs it shows, what it says of them, and how it is drawn."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from rmcheck.record.history import HistoryCheck, HistoryRun, HistorySource, line_of
from rmcheck.report import ReportInput
from rmcheck.report.charts import svg
from rmcheck.report.page import html
from rmcheck.report.page.view import view

from . import builder as build
from .page import Page

THIS = "2025-01-02T03:04:05Z"  # when the builder's runs start


def past_run(
    started: str, value: float | None, *, outcome: str = "pass", commit: str | None = None
) -> HistoryRun:
    low, high = (None, None) if value is None else (value - 0.05, value + 0.05)
    check = HistoryCheck.model_validate(
        {"outcome": outcome, "value": value, "low": low, "high": high}
    )
    return HistoryRun.model_validate(
        {
            "started": started,
            "outcome": "fail" if outcome == "fail" else "pass",
            "source": HistorySource(spec="recipe:tiny"),
            "commit": commit,
            "checks": {"conversation::win_rate": check},
        }
    )


def a_report(*history: HistoryRun) -> ReportInput:
    run = build.record(build.suite(build.check(), build.check("score_gap")))
    return ReportInput(run, [build.score()], history=history)


def test_without_an_earlier_run_there_is_no_trend() -> None:
    assert view(a_report(), "none").trend is None
    later = past_run("2025-06-01T00:00:00Z", 0.7)
    assert view(a_report(later), "none").trend is None
    # Its own line, appended already, is no earlier run.
    assert view(a_report(line_of(a_report().record)), "none").trend is None


def test_a_check_beside_the_run_before() -> None:
    trend = view(
        a_report(
            past_run("2025-01-01T00:00:00Z", None, outcome="error"),
            past_run("2024-12-30T00:00:00Z", 0.70, outcome="fail", commit="0123456789abcdef"),
            past_run("2024-12-31T00:00:00Z", 0.80, commit="fedcba9876543210-dirty"),
        ),
        "none",
    ).trend
    assert trend is not None
    assert (trend.count, trend.since) == (4, "2024-12-30")
    # score_gap was in no earlier run, so it has no trend.
    (row,) = trend.rows
    assert row.placed.check.id == "conversation::win_rate"
    # Now 0.78; the run just before decided nothing, the one before that came to 0.80.
    assert (row.before, row.now, row.change) == ("0.800", "0.780", "−0.020")
    assert row.failed == "1 of 4"
    assert [run.when[:10] for run in trend.runs] == [
        "2025-01-02", "2025-01-01", "2024-12-31", "2024-12-30",
    ]  # fmt: skip
    assert trend.runs[-2].commit == "fedcba9876-dirty"
    assert (trend.runs[-1].word, trend.runs[-1].commit) == ("failed", "0123456789")
    assert trend.runs[-1].failed == "conversation::win_rate"


def test_the_page_shows_it_in_a_section_and_beside_the_check() -> None:
    history = [past_run(f"2024-12-{day:02d}T00:00:00Z", 0.7 + day / 1000) for day in range(1, 30)]
    page = Page(html.render(a_report(*history)))
    section = page.one("section", id="trend")
    assert "The last 30 runs, since 2024-12-01" in section.text
    check = page.one("details", id="check=conversation::win_rate")
    assert "The last 30 runs" in check.text
    chart = page.one("svg", class_="c-trend")
    assert "30 runs: from 0.701 to 0.780" in chart.text
    assert "min 0.7" in chart.text
    assert page.one("svg", class_="c-spark").attributes["role"] == "img"


def test_fifty_runs_at_most() -> None:
    history = [
        past_run(f"2024-{month:02d}-{day:02d}T00:00:00Z", 0.7)
        for month in (10, 11, 12)
        for day in range(1, 29)
    ]
    trend = view(a_report(*history), "none").trend
    assert trend is not None
    assert trend.count == 50
    assert len(trend.runs) + trend.left_out == 50


POINTS = [
    {"y": 0.7, "low": 0.6, "high": 0.8},
    {"y": 0.6, "low": 0.5, "high": 0.7, "mark": "bad"},
    {"y": None},
    {"y": 0.75, "low": None, "high": None, "mark": "weak"},
    {"y": 0.72, "low": 0.7, "high": 0.74},
]


def path_of(chart: str, class_: str) -> list[list[float]]:
    """The x of each point of each path of a class."""
    root = ElementTree.fromstring(chart)
    found = []
    for mark in root.iter("path"):
        if mark.get("class") == class_:
            numbers = re.findall(r"(-?[\d.]+) (-?[\d.]+)", mark.attrib["d"])
            found.append([float(x) for x, _ in numbers])
    return found


def test_a_run_that_decided_nothing_leaves_a_gap() -> None:
    drawn = svg.draw("trend", "t", {"points": POINTS, "first": "a", "last": "b"})
    assert drawn.svg is not None
    lines = path_of(drawn.svg, "line s0")
    assert [len(line) for line in lines] == [2, 2]
    # Runs stand at equal distances, so the gap is as wide as one more run.
    step = lines[0][1] - lines[0][0]
    assert lines[1][0] - lines[0][1] == pytest.approx(2 * step, abs=0.05)
    (bad,) = path_of(drawn.svg, "dot d-bad")[:1]
    assert bad[0] == pytest.approx(lines[0][1], abs=0.02)
    assert "5 runs: from 0.700 to 0.720; failed in 1; inconclusive in 1; not decided in 1" in (
        ElementTree.fromstring(drawn.svg).findtext("desc", "")
    )


@pytest.mark.parametrize("kind", ["trend", "spark"])
def test_both_stay_on_their_paper(kind: str) -> None:
    drawn = svg.draw(kind, "t", {"points": POINTS * 10, "threshold": 0.55})
    assert drawn.svg is not None
    root = ElementTree.fromstring(drawn.svg)
    _, _, wide, tall = map(float, root.attrib["viewBox"].split())
    assert wide == (400 if kind == "trend" else 168)
    for mark in root.iter("path"):
        for x, y in re.findall(r"(-?[\d.]+) (-?[\d.]+)", mark.attrib["d"]):
            assert 0 <= float(x) <= wide
            assert 0 <= float(y) <= tall


@pytest.mark.parametrize("kind", ["trend", "spark"])
@pytest.mark.parametrize("data", [{}, {"points": []}, {"points": [{"y": None}]}])
def test_what_no_run_decided_is_not_drawn(kind: str, data: dict[str, object]) -> None:
    drawn = svg.draw(kind, "t", data)
    assert drawn.svg is None
    assert (drawn.remark or "").startswith("No chart: ")
