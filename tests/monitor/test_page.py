"""The page of a watched log and its gauges: whole, the same each time, and inert."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from report.page import Page

from rmcheck.monitor import prometheus
from rmcheck.monitor.page import render
from rmcheck.monitor.watch import Watched, watch

from .logs import rows

HOSTILE = "</script><img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def found() -> Watched:
    return watch(rows(1500, since=700, shift=1.0, new_words=0.5), reference=500)


def test_the_page_has_every_aspect_with_its_charts(found: Watched) -> None:
    text = render(found, "scores.jsonl")
    assert Page(text).open == []
    assert '<h1 class="headline" id="log-title">Changed: scores and prompts</h1>' in text
    assert text.count('<svg class="chart') == 9  # two of each aspect, and the distribution
    for name in ("Scores", "Ties", "Length", "Prompts"):
        assert f"{name}</h2>" in text
    assert "Words that the reference did not have" in text
    assert "default-src &#39;none&#39;" in text
    assert "http" not in text.replace("http-equiv", "").replace("http://www.w3.org", "")
    assert text == render(found, "scores.jsonl")


def test_names_and_words_are_data() -> None:
    hostile = (replace(row, prompt=f"{row.prompt} {HOSTILE}") for row in rows(900))
    plain = rows(500, seed=1)
    text = render(watch(hostile, plain), HOSTILE)
    assert "<img" not in text
    assert "onerror" in text  # as a word


def test_gauges_are_read_by_prometheus(found: Watched, tmp_path: Path) -> None:
    path = tmp_path / "metrics" / "rmcheck.prom"
    prometheus.write(path, found)
    prometheus.write(path, found)
    assert [each.name for each in path.parent.iterdir()] == ["rmcheck.prom"]
    parser = pytest.importorskip("prometheus_client.parser")
    families = parser.text_string_to_metric_families(path.read_text(encoding="utf-8"))
    gauges = {
        (sample.name, *sample.labels.values()): sample.value
        for family in families
        for sample in family.samples
    }
    assert gauges["rmcheck_monitor_rows",] == 1500
    assert gauges["rmcheck_monitor_changed", "scores"] == 1
    assert gauges["rmcheck_monitor_changed", "ties"] == 0
    assert gauges["rmcheck_monitor_threshold",] == 80
    before, after = (
        gauges["rmcheck_monitor_mean", "scores", part] for part in ("reference", "log")
    )
    assert after - before == pytest.approx(1.0, abs=0.25)
    assert gauges["rmcheck_monitor_last_time_seconds",] == 1.7e9 + 60 * 1499
