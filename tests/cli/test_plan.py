"""`rmcheck plan` on the command line."""

from __future__ import annotations

import csv
import io
import json

from plugin.projects import Project, jsonl, pairs, scores


def planned(project: Project) -> Project:
    """Two suites, a baseline, and a run that differs from it on a few pairs."""
    rows = pairs(60)
    project.suite("chat", "no_regression", rows=rows)
    project.suite("code", "win_rate", rows=pairs(30, name="c"))
    for name, wrong in (("good", range(4)), ("other", range(2, 9))):
        right = [*scores(pairs(60, wrong=wrong)), *scores(pairs(30, name="c"))]
        project.write(f"{name}.jsonl", jsonl(right))
    project.run("--rm", "scores:good.jsonl")
    assert project.cli("bless").code == 0
    project.run("--rm", "scores:other.jsonl")
    return project


def test_a_plan_uses_the_run_and_its_baseline(project: Project) -> None:
    planned(project)
    said = project.cli("plan", "--drop", "0.05", "--csv", "plan.csv")
    assert said.code == 0, said
    assert "80 % power by win rate; " in said.out[1]
    assert not any("another measure" in line for line in said.out)
    assert "alpha is divided by 1 required comparison)" in said.out[1]
    chat, code = said.out[3:5]
    assert chat.split()[:4] == ["chat::no_regression", "60", "60", "11.7%"]
    assert code.split()[:3] == ["code", "(no", "comparison"]
    assert "20.0%*" in code  # both models are right on all of these pairs
    table = csv.DictReader(io.StringIO((project.root / "plan.csv").read_text(encoding="utf-8")))
    assert [row["name"] for row in table if row["what"] == "comparison"] == [
        "chat::no_regression",
        "code (no comparison yet)",
    ]
    labels = next(line for line in said.out if line.startswith("labels to look at again: "))
    assert "both sources (reports/latest, main) contradict 2 of 90 pairs" in labels
    told = json.loads("\n".join(project.cli("plan", "chat", "--format", "json").out))
    assert [row["name"] for row in told["checks"]] == ["chat::no_regression"]
    assert told["checks"][0]["needed"] > 60
    assert [each["id"] for each in told["labels"]["candidates"]] == ["p-003", "p-002"]


def test_without_a_run_what_is_assumed_is_said(project: Project) -> None:
    project.suite("chat", "no_regression", rows=pairs(30))
    said = project.cli("plan")
    assert said.code == 0, said
    assert "* assumed: two models differ on 20% of the prompts (no run yet)" in said.out
    assert any("need max_drop: 0.01" in line for line in said.out)
    assert said.out[-1].startswith("labels: two or more models have to judge them")


def test_a_check_is_planned_by_its_measure(project: Project) -> None:
    planned(project)
    project.suite("chat", {"check": "no_regression", "measure": "rank_log_loss"}, rows=pairs(60))
    said = project.cli("plan", "--drop", "0.05", "--csv", "plan.csv")
    assert said.code == 0, said
    assert "80 % power by its measure; " in said.out[1]
    assert said.out[3].startswith("chat::no_regression (by rank_log_loss) ")
    assert not any("another measure" in line for line in said.out)
    table = csv.DictReader(io.StringIO((project.root / "plan.csv").read_text(encoding="utf-8")))
    assert [row["measure"] for row in table if row["what"] == "comparison"] == [
        "rank_log_loss",
        "win_rate",
    ]


def test_a_measure_that_the_numbers_leave_aside_is_named(project: Project) -> None:
    project.suite("chat", {"check": "no_regression", "measure": "log_loss"}, rows=pairs(30))
    said = project.cli("plan")
    assert said.out[-1] == (
        "checks with another measure: chat::no_regression (log_loss); the numbers above are by win "
        "rate all the same, since the scores of a run and a baseline are needed for that measure"
    )


def test_mistakes(project: Project) -> None:
    assert project.cli("plan").err == [
        "rmcheck plan: suites: no suites found; give their folder with --suites"
    ]
    project.suite("chat", "no_regression", rows=pairs(30))
    said = project.cli("plan", "chatt")
    assert said.code == 4
    assert said.err == [
        "rmcheck plan: no suite 'chatt' in suites, did you mean 'chat'? (allowed: chat)"
    ]
    for option, value, told in (
        ("--drop", "2", "'2' is not a number between 0 and 1"),
        ("--more", "none", "'none' is not a whole number of 1 or more"),
    ):
        said = project.cli("plan", option, value)
        assert said.code == 4
        assert told in said.err[-1]
