"""Objectives of a model or a score file, judged and compared in a run, up to the report."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from sources.test_objectives import save_heads

from .projects import Project, pairs

CHECKS = [
    {"check": "win_rate", "name": "helpful", "objective": "helpful", "min": 0.01},
    {"check": "win_rate", "name": "short", "objective": "short", "min": 0.01},
    {"check": "scale_invariance", "objective": "short", "examples": 10},
    {"check": "objectives", "objectives": ["helpful", "harmless"]},
]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model, and one in which the head of one objective is turned around.

    Made before pytester is there: it would have torch's modules imported twice.
    """
    root = tmp_path_factory.mktemp("models")
    save_heads(root / "model")
    other = save_heads(root / "worse")
    with torch.no_grad():
        other.score.weight[1] *= -1
    other.save_pretrained(root / "worse")
    return root


@pytest.mark.ci
def test_objectives_from_the_checkpoint_to_the_report(models: Path, project: Project) -> None:
    for name in ("model", "worse"):
        shutil.copytree(models / name, project.root / name)
    rows = pairs(40)
    project.suite("chat", *CHECKS, rows=rows)
    first = project.run("suites", "--rm", "hf:model")
    first.assert_outcomes(passed=3, skipped=1)
    scores = project.rows()
    assert {row["objective"] for row in scores} == {"helpful", "short", "harmless"}
    assert project.cli("bless").code == 0

    same = project.run("suites", "--rm", "hf:model")
    same.assert_outcomes(passed=4)
    assert project.checks()["chat::objectives"]["state"] == "identical"

    before = {row["id"]: row for row in scores if row["objective"] == "harmless"}
    lost = sum(row["chosen"] > row["rejected"] for row in before.values()) > 25
    worse = project.run("suites", "--rm", "hf:worse")
    check = project.checks()["chat::objectives"]
    assert check["criterion"]["objectives"] == ["helpful", "harmless"]
    assert "helpful identical" in check["message"]
    states = {row[0]: row[1] for row in check["evidence"]["tables"][0]["rows"]}
    assert states["helpful"] == "identical"
    assert (states["harmless"] == "regressed") == lost
    assert (worse.ret == 1) == lost
    page = (project.root / "reports/latest/index.html").read_text()
    assert "Change of the win rate of each objective" in page
    assert "objectives" in (project.root / "reports/latest/summary.md").read_text()


def test_a_score_file_with_objectives(project: Project) -> None:
    rows = pairs(40)
    lines = [
        {"id": row["id"], "objective": name, "chosen": sign * (1 + place / 100), "rejected": 0}
        for name, sign in (("helpful", 1), ("harmless", -1))
        for place, row in enumerate(rows)
    ]
    project.write("s.jsonl", "".join(json.dumps(line) + "\n" for line in lines))
    checks = [
        {"check": "win_rate", "name": name, "objective": name, "min": 0.6}
        for name in ("helpful", "harmless", "honest")
    ]
    checks.append({"check": "win_rate", "name": "plain", "min": 0.6})
    project.suite("chat", *checks, rows=rows)
    project.run("suites", "--rm", "scores:s.jsonl")
    found = project.checks()
    assert found["chat::helpful"]["estimate"]["value"] == 1.0
    assert found["chat::harmless"]["estimate"]["value"] == 0.0
    assert found["chat::honest"]["outcome"] == "error"
    assert (
        "no rows with the objective 'honest'; there are harmless"
        in (found["chat::honest"]["message"])
    )
    assert "all rows name an objective (harmless and helpful)" in found["chat::plain"]["message"]


def test_a_model_with_one_reward_has_no_objectives(project: Project) -> None:
    check = {"check": "win_rate", "objective": "helpful", "min": 0.5}
    project.suite("chat", check, rows=pairs(20))
    project.model()
    assert project.run("suites").ret == 1
    (check,) = project.checks().values()
    assert check["outcome"] == "error"
    assert "has one reward for a text, so objective 'helpful' cannot be judged" in check["message"]


@pytest.mark.ci
def test_compare_has_a_line_for_each_objective(models: Path, project: Project) -> None:
    for name in ("model", "worse"):
        shutil.copytree(models / name, project.root / name)
    project.suite("chat", *CHECKS, rows=pairs(40))
    for name in ("model", "worse"):
        project.run("suites", "--rm", f"hf:{name}")
        shutil.copytree(project.root / "reports/latest", project.root / f"runs/{name}")
    said = project.cli("compare", "runs/worse", "runs/model")
    lines = [line for line in said.out if line.lstrip().startswith("chat [")]
    assert [line.split(":")[0].strip() for line in lines] == [
        "chat [harmless]", "chat [helpful]", "chat [short]",
    ]  # fmt: skip
    assert ["regressed" in line for line in lines] == [True, False, False]
    assert said.code == 1
    # The sources themselves: each objective that the checks name is scored.
    same = project.cli("compare", "hf:worse", "hf:model")
    found = [line.replace("hf:model", "runs/model") for line in same.out]
    assert [line for line in found if line.lstrip().startswith("chat [")] == lines
