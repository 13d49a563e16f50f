"""An ensemble from the spec to the report."""

from __future__ import annotations

import json

from rmcheck.record.run import RunRecord

from .projects import Project, pairs

CODE = """
def number(response):
    return float(response.rsplit("[", 1)[1].rstrip("]"))


def wide(texts):
    return [100 * number(response) for _, response in texts]


def wrong(texts):
    return [-number(response) for _, response in texts]
"""


def test_an_ensemble_from_the_spec_to_the_report(project: Project) -> None:
    (project.root / "members.py").write_text(CODE)
    project.suite("chat", {"check": "win_rate", "min": 0.6}, rows=pairs(40))
    spec = "ensemble:py:members.py:wide;py:members.py:wrong"
    result = project.run("suites", "--rm", spec)
    result.assert_outcomes(passed=1)
    text = result.stdout.str()
    assert "the members disagree about 100.0% of 40 pairs" in text
    assert "the margins of py:members.py:wide are 100 times as wide as those of" in text
    folder = project.root / "reports/latest"
    run = RunRecord.model_validate(json.loads((folder / "results.json").read_text()))
    assert [one.spec for one in run.source.members] == spec.removeprefix("ensemble:").split(";")
    members = run.suites[0].members
    assert members is not None
    assert [one.win_rate for one in members.members] == [1.0, 0.0]
    assert [one.dissent for one in members.members] == [0.0, 1.0]
    page = (folder / "index.html").read_text()
    assert "Members of the ensemble" in page
    assert "the members disagree about 100.0% of 40 pairs" in page
    again = project.run("suites", "--rm", spec)
    assert "160 from the cache, 0 computed" in again.stdout.str()


def test_weights_turn_the_verdict(project: Project) -> None:
    (project.root / "members.py").write_text(CODE)
    project.suite("chat", {"check": "win_rate", "min": 0.6}, rows=pairs(40))
    spec = "ensemble:py:members.py:wide;py:members.py:wrong,weights=1:200"
    project.run("suites", "--rm", spec).assert_outcomes(failed=1)


def test_an_ensemble_with_a_score_file_is_gated(project: Project) -> None:
    (project.root / "members.py").write_text(CODE)
    rows = pairs(40)
    project.suite("chat", {"check": "win_rate", "min": 0.6}, rows=rows)
    scores = [{"id": row["id"], "chosen": 500.0, "rejected": 0.0} for row in rows]
    (project.root / "s.jsonl").write_text("".join(json.dumps(row) + "\n" for row in scores))
    result = project.run("suites", "--rm", "ensemble:scores:s.jsonl;py:members.py:wrong")
    result.assert_outcomes(passed=1)
    short = (project.root / "s.jsonl").read_text().splitlines()[:30]
    (project.root / "s.jsonl").write_text("\n".join(short) + "\n")
    result = project.run("suites", "--rm", "ensemble:scores:s.jsonl;py:members.py:wrong")
    assert result.ret != 0
    assert "no scores for 10 of 40 ids" in result.stdout.str()
