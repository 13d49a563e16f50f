"""A run without a decided check is not green; `rm_strict` lets no required check be skipped."""

from __future__ import annotations

import json

import pytest

from .projects import Project, jsonl, pairs, scores, text_of

SETS = [
    {
        "id": f"s{number}",
        "prompt": f"question {number}?",
        "responses": [f"a{number}", f"b{number}", f"c{number}"],
        "best": [0],
    }
    for number in range(30)
]
"""Response sets, for which a score file of pairs has no scores."""

SOURCE = "scores:scores.jsonl"


def with_score_file(project: Project) -> None:
    """A suite that the score file decides, and one that it cannot decide."""
    rows = pairs()
    project.write("scores.jsonl", jsonl(scores(rows)))
    project.suite("sets", {"check": "best_of_n", "min": 0.4}, rows=SETS)
    project.suite("chat", "win_rate", rows=rows)


def test_a_run_without_a_decided_check_is_an_error(project: Project) -> None:
    with_score_file(project)
    result = project.run("suites/sets.yaml", "--rm", SOURCE)
    result.assert_outcomes(skipped=1)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert "no required check was decided" in text_of(result)
    assert project.record()["outcome"] == "error"
    summary = (project.root / "reports/latest/summary.md").read_text(encoding="utf-8")
    assert "Cannot say: no required check was decided, 1 check skipped (sets::best" in summary


@pytest.mark.slow
def test_so_it_is_with_workers(project: Project) -> None:
    with_score_file(project)
    result = project.subprocess("-n", "2", "suites/sets.yaml", "--rm", SOURCE)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert project.record()["outcome"] == "error"


def test_beside_a_decided_check_a_skip_is_a_skip(project: Project) -> None:
    with_score_file(project)
    result = project.run("--rm", SOURCE)
    result.assert_outcomes(passed=1, skipped=1)
    assert result.ret == pytest.ExitCode.OK
    assert project.record()["outcome"] == "pass"


def test_strict_makes_a_skip_an_error(project: Project) -> None:
    with_score_file(project)
    project.ini("rm_strict = true")
    result = project.run("--rm", SOURCE)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert project.record()["outcome"] == "error"
    assert "rm_strict: required check not decided: " in text_of(result)
    assert project.checks()["sets::best_of_n"]["outcome"] == "error"


def test_strict_leaves_advisory_checks_alone(project: Project) -> None:
    with_score_file(project)
    project.suite("sets", {"check": "best_of_n", "min": 0.4, "gate": "advisory"})
    project.ini("rm_strict = true")
    result = project.run("--rm", SOURCE)
    result.assert_outcomes(passed=1, skipped=1)
    assert result.ret == pytest.ExitCode.OK


def test_strict_waits_for_the_first_baseline(project: Project) -> None:
    project.model()
    project.suite("chat", "win_rate", "no_regression", rows=pairs())
    project.ini("rm_strict = true")
    result = project.run()
    result.assert_outcomes(passed=1, skipped=1)
    assert result.ret == pytest.ExitCode.OK
    assert project.cli("bless").code == 0
    project.run().assert_outcomes(passed=2)


@pytest.mark.parametrize("value", ["maybe", "1", "yes"])
def test_strict_is_true_or_false(project: Project, value: str) -> None:
    project.model()
    project.suite("chat", "win_rate", rows=pairs())
    project.ini(f"rm_strict = {value}")
    result = project.run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert f"rm_strict = {value}: expected true or false" in text_of(result)


def test_rows_to_be_replaced_are_an_error(project: Project) -> None:
    project.model()
    rows = pairs()
    rows[3]["chosen"] = f"REPLACE THIS: the better response {rows[3]['chosen']}"
    project.suite("chat", "win_rate", rows=rows)
    result = project.run()
    assert result.ret == pytest.ExitCode.INTERRUPTED
    assert "data/chat.jsonl:4:1: a text still begins with 'REPLACE THIS'" in text_of(result)
    rows[3]["chosen"] = json.loads(json.dumps(pairs()[3]["chosen"]))
    rows[4]["prompt"] = [{"role": "user", "content": "fine"}]
    project.data("chat", rows)
    project.run().assert_outcomes(passed=1)


def test_a_response_set_to_be_replaced_is_an_error(project: Project) -> None:
    project.model()
    rows = [{**SETS[0], "responses": ["REPLACE THIS: one", "two"]}, *SETS[1:]]
    project.suite("sets", {"check": "best_of_n", "min": 0.4}, rows=rows)
    assert "data/sets.jsonl:1:1: a text still begins" in text_of(project.run())


MARKED = """
import pytest

def pytest_collection_modifyitems(items):
    for item in items:
        item.add_marker(pytest.mark.{mark})
"""


@pytest.mark.parametrize("mark", ["skip(reason='later')", "xfail(run=False)"])
def test_strict_lets_no_mark_skip_a_required_check(project: Project, mark: str) -> None:
    project.ini("rm_strict = true")
    project.model()
    advised = {"check": "win_rate", "name": "advised", "gate": "advisory", "min": 0.6}
    project.suite("chat", "win_rate", advised, rows=pairs())
    project.write("suites/conftest.py", MARKED.format(mark=mark))
    result = project.run()
    assert result.ret == 1
    assert [each["outcome"] for each in project.checks().values()] == ["error", "skipped"]
    assert "Safe to merge" not in text_of(result)


def test_a_mark_does_not_make_a_failed_check_green(project: Project) -> None:
    project.model()
    project.suite("chat", "win_rate", rows=pairs(wrong=range(20)))
    project.write("suites/conftest.py", MARKED.format(mark="xfail"))
    result = project.run()
    result.assert_outcomes(xfailed=1)
    assert "Do not merge: 1 required check fails (chat::win_rate)" in text_of(result)
    assert result.ret == 1
