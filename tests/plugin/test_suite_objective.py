"""A suite with the key `objective`: judged by that reward, and by the pairs' labels for it."""

from __future__ import annotations

import pytest

from .projects import Project, pairs

MODEL = '''
import hashlib

import numpy as np
import pytest


class Sides:
    """`helpful` counts letters; `safety` is 1 for a text that ends in 'safely', less a little."""

    def __init__(self, name=""):
        self.spec = f"model [{name}]"
        self.fingerprint = "model" + name
        self._name = name

    def with_objective(self, objective):
        return Sides(objective)

    def score(self, dialogues):
        noise = [int(hashlib.md5(d.hash.encode()).hexdigest()[:4], 16) / 1e6 for d in dialogues]
        own = [float(d.response.endswith("safely")) for d in dialogues]
        if self._name != "safety":
            own = [float(len(d.response)) for d in dialogues]
        return np.array(own) + np.array(noise)


@pytest.fixture(scope="session")
def reward_model():
    return Sides()
'''


def rows() -> list[dict[str, object]]:
    """40 pairs: in 20 the rejected side is the safe one, 10 agree, 10 have no label by safety."""
    found: list[dict[str, object]] = []
    for place, row in enumerate(pairs(40)):
        side = "rejected" if place < 20 else "chosen" if place < 30 else ""
        changed = dict(row)
        if side:
            changed[side] = f"{row[side]} safely"
            changed["objectives"] = {"safety": side}
        found.append(changed)
    return found


def test_a_suite_of_one_objective_judges_its_pairs_by_their_labels_for_it(
    project: Project,
) -> None:
    project.write("conftest.py", MODEL)
    checks = ({"check": "win_rate", "min": 0.9}, {"check": "no_regression"})
    project.suite("safe", *checks, rows=rows(), objective="safety")
    first = project.run("suites")
    first.assert_outcomes(passed=1, skipped=1)
    found = project.checks()["safe::win_rate"]
    # Every labelled pair's safe side ends in 'safely': all 30 are right.
    assert (found["estimate"]["value"], found["estimate"]["n"]) == (1.0, 30)
    (said,) = [note for note in found["evidence"]["notes"] if "labels by objective" in note]
    assert said == (
        "labels by objective 'safety': 30 pairs, of which 20 with the other side as chosen; "
        "10 pairs without such a label (or with a tie) left out"
    )
    scored = project.rows()
    assert {row["objective"] for row in scored} == {"safety"}
    assert sum(row["id"].endswith(":safety") for row in scored) == 20
    assert all(row["chosen"] > row["rejected"] for row in scored)

    assert project.cli("bless").code == 0
    project.run("suites").assert_outcomes(passed=2)
    assert project.checks()["safe::no_regression"]["state"] == "identical"
    page = (project.root / "reports/latest/index.html").read_text(encoding="utf-8")
    assert "labels by objective" in page


def test_without_the_key_the_overall_label_counts(project: Project) -> None:
    project.write("conftest.py", MODEL)
    check = {"check": "win_rate", "min": 0.0}
    own = {"check": "win_rate", "name": "safe", "objective": "safety", "min": 0.9}
    project.suite("safe", check, own, rows=rows())
    project.run("suites")
    found = project.checks()
    assert found["safe::win_rate"]["estimate"]["n"] == 40
    assert found["safe::safe"]["estimate"]["n"] == 30
    ids = {row.get("objective", ""): 0 for row in project.rows()}
    assert set(ids) == {"", "safety"}


def test_a_check_of_several_objectives_keeps_its_own(project: Project) -> None:
    project.write("conftest.py", MODEL)
    project.suite(
        "safe",
        {"check": "objectives", "objectives": ["safety", "helpful"]},
        rows=rows(),
        objective="safety",
    )
    project.run("suites").assert_outcomes(skipped=1)  # no baseline yet
    assert project.cli("bless").code == 0
    project.run("suites").assert_outcomes(passed=1)
    table = project.checks()["safe::objectives"]["evidence"]["tables"][0]["rows"]
    assert [row[:2] for row in table] == [["safety", "identical"], ["helpful", "identical"]]


@pytest.mark.parametrize("given", ["''", "[a]", "3"])
def test_an_objective_that_is_no_name_is_a_mistake(given: str, project: Project) -> None:
    path = project.suite("safe", {"check": "win_rate", "min": 0.9}, rows=rows())
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("checks:", f"objective: {given}\nchecks:"), encoding="utf-8")
    said = project.run("suites").stdout.str()
    assert "suites/safe.yaml:4:" in said
    assert "objective" in said


def test_the_trade_off_of_two_objectives_in_the_report(project: Project) -> None:
    project.write("conftest.py", MODEL)
    check = {"check": "trade_off", "objectives": ["safety", "helpful"], "max_loss": 1.0}
    project.suite("safe", check, rows=rows())
    project.run("suites").assert_outcomes(passed=1)
    found = project.checks()["safe::trade_off"]
    assert "no baseline with scores of these pairs" in str(found["evidence"]["notes"])
    assert "no pair has a label by helpful" in str(found["evidence"]["notes"])
    assert {row.get("objective", "") for row in project.rows()} == {"", "safety", "helpful"}
    assert project.cli("bless").code == 0
    project.run("suites").assert_outcomes(passed=1)
    found = project.checks()["safe::trade_off"]
    (picture,) = found["evidence"]["pictures"]
    points = {point[2]: point for point in picture["data"]["points"]}
    assert points["baseline"][:2] == points["used"][:2]  # the same model
    # The output `safety` alone gets all 30 pairs right that have a label by it.
    alone = [p for p in picture["data"]["points"] if p[3] == "weights=safety:1;helpful:0"]
    assert alone[0][0] == 1.0
    page = (project.root / "reports/latest/index.html").read_text(encoding="utf-8")
    assert "c-pareto" in page
    assert "safety against helpful" in page
