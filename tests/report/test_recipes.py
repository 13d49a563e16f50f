"""The report shows in which settings the recipes of candidate and baseline differ."""

from __future__ import annotations

from typing import Any

from rmcheck.record.run import RunRecord, SourceRecord
from rmcheck.report import ReportInput, markdown
from rmcheck.report.page import html
from rmcheck.report.recipes import recipe_diff

from . import builder as build
from .page import Page

SETTINGS = {"seed": 0, "label_noise.rate": 0.0, "data": ["a.jsonl (1)", "b.jsonl (2)"]}


def run(spec: str = "recipe:tiny", **settings: Any) -> RunRecord:
    source = SourceRecord(spec=spec, fingerprint="9f3c5a77", recipe=settings)
    return build.record(build.suite(build.regressed()), source=source, seed=7)


def report(candidate: RunRecord, baseline: RunRecord) -> ReportInput:
    score = build.score()
    return ReportInput(candidate, [score], (baseline, [score]))


def test_every_setting_that_differs_with_both_values() -> None:
    mine = {**SETTINGS, "seed": 3, "label_noise.rate": 0.4, "limit": 100}
    mine["data"] = ["a.jsonl (1)", "b.jsonl (9)"]
    diff = recipe_diff(report(run(**mine), run(**SETTINGS)))
    assert diff is not None
    assert [(each.key, each.baseline, each.candidate) for each in diff.changes] == [
        ("seed", "0", "3"),
        ("label_noise.rate", "0", "0.4"),
        ("data", "b.jsonl (2)", "b.jsonl (9)"),
        ("limit", "–", "100"),
    ]


def test_page_and_summary_tell_them() -> None:
    given = report(run(**{**SETTINGS, "seed": 3}), run(**SETTINGS))
    page = Page(html.render(given))
    assert "seed 3 (was 0)" in page.one("section", id="verdict").text
    (row,) = [each for each in page.all("tr") if each.text.startswith("seed")]
    assert row.text == "seed03"
    # The seed of the run is not the recipe's, and says so.
    section = page.one("section", id="run").text
    assert "Recipe's seed" in section
    assert "Seed of the checks" in section
    summary = markdown.render(given)
    assert "Recipe: `seed` 3 (was 0)." in summary
    assert "seed 7" not in summary


def test_equal_recipes_and_records_without_settings_say_so() -> None:
    assert "Both recipes have the same settings." in html.render(
        report(run(**SETTINGS), run(**SETTINGS))
    )
    assert "The record of the baseline does not include the recipe" in html.render(
        report(run(**SETTINGS), run())
    )
    assert recipe_diff(report(run("scores:a.jsonl"), run(**SETTINGS))) is None
    assert recipe_diff(ReportInput(run(**SETTINGS), [])) is None
