"""`rmcheck new --teacher` and `--recipe`: a suite that compares a student with its teacher."""

from __future__ import annotations

import numpy as np
import pytest
import yaml
from plugin.projects import Project, jsonl, pairs, scores

from rmcheck.reward_source import SourceOptions
from rmcheck.scaffold.project import template
from rmcheck.scaffold.schema import SCHEMAS
from rmcheck.scaffold.student import Student
from rmcheck.sources.recipe import create
from rmcheck.suite.loading import load_suite

STUDENT = """recipe: 1
base: shipped:models/tiny-gpt2
data: shipped:preferences/train/coding.jsonl
distil: {teacher: "scores:teacher.jsonl"}
"""


@pytest.fixture
def taught(project: Project) -> Project:
    """A project with scores of a teacher."""
    rows = pairs(40)
    rng = np.random.default_rng(0)
    margins = rng.normal(1.0, 1.0, size=len(rows))

    def scored(by: np.ndarray) -> str:
        found = [{**row, "chosen": float(m), "rejected": 0.0} for row, m in zip(known, by)]  # noqa: B905
        return jsonl(found)

    known = scores(rows)
    project.data("chat", rows)
    project.write("teacher.jsonl", scored(margins))
    # One that ranks like the teacher, and one that wins as often and ranks otherwise.
    project.write("alike.jsonl", scored(2 * margins + rng.normal(0, 0.1, size=len(rows))))
    project.write("unlike.jsonl", scored(np.where(margins > 0, 1 / margins, margins)))
    return project


def test_the_suite_compares_the_student_with_its_teacher(taught: Project) -> None:
    said = taught.cli("new", "chat", "--data", "data/chat.jsonl", "--teacher",
                      "scores:teacher.jsonl")  # fmt: skip
    assert (said.code, said.err) == (0, [])
    assert any("ranks pairs like scores:teacher.jsonl (agreement)" in line for line in said.out)
    assert said.out[-1] == "  pytest suites/chat.yaml --rm-baseline scores:teacher.jsonl"
    suite = yaml.safe_load((taught.root / "suites/chat.yaml").read_text(encoding="utf-8"))
    assert "source" not in suite
    assert [check["check"] for check in suite["checks"]] == [
        "win_rate", "no_regression", "agreement",
    ]  # fmt: skip
    assert suite["checks"][-1] == {
        "check": "agreement", "with_source": "scores:teacher.jsonl", "min": 0.6,
    }  # fmt: skip
    run = ("suites/", "--rm-baseline", "scores:teacher.jsonl", "--rm")
    assert taught.run(*run, "scores:alike.jsonl").ret == 0
    result = taught.run(*run, "scores:unlike.jsonl")
    assert result.ret == 1
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(["*FAILED chat::agreement*"])


def test_a_recipe_brings_its_teacher_and_is_the_suites_own_model(taught: Project) -> None:
    taught.write("recipes/student.yaml", STUDENT)
    given = ("new", "chat", "--data", "data/chat.jsonl", "--recipe", "recipes/student.yaml")
    assert taught.cli(*given).code == 0
    suite = yaml.safe_load((taught.root / "suites/chat.yaml").read_text(encoding="utf-8"))
    assert suite["source"] == "recipe:recipes/student.yaml"
    assert suite["checks"][-1]["with_source"] == "scores:teacher.jsonl"
    listed = taught.run("suites/", "--collect-only", "-q")
    assert listed.ret == 0
    listed.stdout.fnmatch_lines(["suites/chat.yaml::agreement"])


def test_a_recipe_without_a_teacher_is_the_suites_model_alone(project: Project) -> None:
    said = project.cli("new", "cooking", "--recipe", "tiny")
    assert said.out[-1] == "  pytest suites/cooking.yaml"
    suite = yaml.safe_load((project.root / "suites/cooking.yaml").read_text(encoding="utf-8"))
    assert suite["source"] == "recipe:tiny"
    assert [check["check"] for check in suite["checks"]] == ["win_rate", "no_regression"]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (("chat", "--teacher", "scores:nothing.jsonl"), "nothing.jsonl"),
        (("chat", "--recipe", "tyni"), "did you mean 'tiny'?"),
        (("--benchmark", "rm-bench", "--recipe", "tiny"), "--recipe does not go with --benchmark"),
    ],
)
def test_a_mistake_is_told_before_anything_is_written(
    project: Project, given: tuple[str, ...], told: str
) -> None:
    said = project.cli("new", *given)
    assert said.code != 0
    assert told in said.err[0]
    assert not (project.root / "suites").exists()


def test_a_spec_is_one_text_whatever_is_in_it() -> None:
    # Placeholders and characters of YAML in a spec change nothing else.
    spec = "hf:DATA/a: b #c,template=raw"
    text = Student(f"{spec} \\d", spec).added(template("domain.yaml").replace("DATA", "d.jsonl"))
    suite = yaml.safe_load(text.replace("SCHEMA", "s").replace("DOMAIN", "d"))
    assert (suite["source"], suite["checks"][-1]["with_source"]) == (f"{spec} \\d", spec)
    assert suite["data"] == "d.jsonl"
    assert SCHEMAS["suite"].make()["properties"]["source"]


def test_a_new_project_may_begin_with_a_student(project: Project) -> None:
    project.write("teacher.jsonl", jsonl(scores(pairs(3))))
    said = project.cli("init", "--ci", "none", "--teacher", "scores:teacher.jsonl")
    assert (said.code, said.err) == (0, [])
    assert said.out[-1] == (
        "  pytest suites/ --rm-baseline scores:teacher.jsonl  compares the student with its teacher"
    )
    recipe = create("recipes/sample.yaml", SourceOptions(root=project.root, cache=project.root))
    assert recipe.recipe.distil is not None
    assert recipe.recipe.distil.teacher == "scores:teacher.jsonl"
    text = (project.root / "recipes/sample.yaml").read_text(encoding="utf-8")
    assert "label_noise" not in text
    suite = load_suite(project.root / "suites/overall.yaml")
    assert [each.label for each in suite.checks][-1] == "agreement"
    assert "label_noise" in template("sample.yaml")


def test_a_teacher_that_is_not_there_begins_no_project(project: Project) -> None:
    said = project.cli("init", "--teacher", "scores:nothing.jsonl")
    assert said.code != 0
    assert "nothing.jsonl" in said.err[0]
    assert not (project.root / "recipes").exists()
