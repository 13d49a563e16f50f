"""What the items of suites are called, and how pytest selects among them."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import pytest

from .projects import Project, node_ids, pairs, text_of


def two_suites(project: Project) -> None:
    """`alpha` fails its second check, `beta` holds; four items in all."""
    project.model()
    project.suite(
        "alpha",
        "win_rate",
        {"check": "win_rate", "name": "win_rate_high", "min": 0.99},
        rows=pairs(30, wrong=range(6), name="a"),
        tags=["helpfulness"],
    )
    project.suite("beta", "win_rate", "score_gap", rows=pairs(name="b"), tags=["safety"])


def test_node_ids_are_the_file_and_the_checks_name(project: Project) -> None:
    two_suites(project)
    result = project.run("--collect-only", "-q")
    assert result.ret == 0
    assert node_ids(result) == [
        "suites/alpha.yaml::win_rate",
        "suites/alpha.yaml::win_rate_high",
        "suites/beta.yaml::win_rate",
        "suites/beta.yaml::score_gap",
    ]
    assert project.calls() == []
    assert not (project.root / "reports").exists()


def test_a_fixture_that_a_hook_adds_to_one_check_is_not_the_others(project: Project) -> None:
    project.model()
    project.suite("good", "win_rate", "score_gap", rows=pairs())
    project.write(
        "conftest.py",
        (project.root / "conftest.py").read_text()
        + """
@pytest.fixture
def extra(request):
    print("EXTRA", request.node.name)

def pytest_collection_modifyitems(items):
    for item in items:
        if item.name == "score_gap":
            item.fixturenames.append("extra")
""",
    )
    result = project.run("-s")
    assert text_of(result).count("EXTRA") == 1
    assert "EXTRA score_gap" in text_of(result)


def test_line_numbers_point_into_the_yaml_file(project: Project) -> None:
    project.model()
    project.data("chat", pairs(wrong=range(20)))
    path = project.write(
        "suites/chat.yaml",
        "# a comment\nrmcheck: 1\nname: chat\ndata: ../data/chat.jsonl\nchecks:\n"
        "  - check: score_gap\n\n  - check: win_rate\n    min: 0.7\n",
    )
    result = project.run("--junitxml=junit.xml", "-o", "junit_family=xunit1", "-rA")
    cases = ElementTree.parse(project.root / "junit.xml").findall(".//testcase")
    # JUnit counts lines from 0, editors from 1.
    lines = {case.get("name"): int(case.get("line", "-1")) + 1 for case in cases}
    text = path.read_text().splitlines()
    assert text[lines["score_gap"] - 1] == "  - check: score_gap"
    assert text[lines["win_rate"] - 1] == "  - check: win_rate"
    assert {case.get("file") for case in cases} == {"suites/chat.yaml"}
    properties = {
        entry.get("name"): entry.get("value") for entry in cases[1].findall(".//property")
    }
    # 10 of 30 pairs are right.
    assert float(properties["rmcheck_value"] or "nan") == pytest.approx(1 / 3)
    assert properties["rmcheck_n"] == "30"
    failure = cases[1].find("failure")
    assert failure is not None
    assert (failure.get("message") or "").startswith("win_rate 0.333")
    assert result.ret == 1


def test_the_skipped_are_told_at_their_line(project: Project) -> None:
    project.model()
    project.suite("chat", "win_rate", "no_regression", rows=pairs())
    result = project.run("-rs")
    place = project.checks()["chat::no_regression"]["line"]
    assert any(
        line.startswith(f"SKIPPED [1] suites/chat.yaml:{place}: no baseline")
        for line in result.outlines
    ), text_of(result)


def test_tags_are_markers_that_strict_markers_accepts(project: Project) -> None:
    two_suites(project)
    result = project.run("--strict-markers", "--collect-only", "-q", "-m", "helpfulness")
    assert node_ids(result) == ["suites/alpha.yaml::win_rate", "suites/alpha.yaml::win_rate_high"]
    assert result.ret == 0
    result = project.run("--strict-markers", "--collect-only", "-q", "-m", "rmcheck and safety")
    assert node_ids(result) == ["suites/beta.yaml::win_rate", "suites/beta.yaml::score_gap"]


@pytest.mark.parametrize("tag", ["skip", "xfail", "parametrize", "usefixtures"])
def test_a_tag_cannot_be_a_marker_with_a_meaning_of_its_own(project: Project, tag: str) -> None:
    project.suite("chat", "score_gap", rows=pairs(), tags=[tag])
    result = project.run()
    assert result.ret == pytest.ExitCode.INTERRUPTED
    told = [line for line in result.outlines if line.startswith("suites/chat.yaml:5:3: tags")]
    assert len(told) == 1
    assert f"pytest reserves '{tag}'" in told[0]


def test_k_selects_by_name_and_only_that_is_scored(project: Project) -> None:
    two_suites(project)
    result = project.run("-k", "beta and win_rate")
    result.assert_outcomes(passed=1, deselected=3)
    assert {prompt.split(":")[0] for _, prompt, _ in project.calls()} == {"b"}
    assert list(project.checks()) == ["beta::win_rate"]


def test_last_failed_runs_what_failed(project: Project) -> None:
    two_suites(project)
    project.run().assert_outcomes(passed=3, failed=1)
    result = project.run("--lf")
    result.assert_outcomes(failed=1)
    assert list(project.checks()) == ["alpha::win_rate_high"]


def test_x_stops_at_the_first_failure_and_the_record_says_so(project: Project) -> None:
    two_suites(project)
    project.run("-x").assert_outcomes(passed=1, failed=1)
    record = project.record()
    assert list(project.checks()) == ["alpha::win_rate", "alpha::win_rate_high"]
    assert (record["outcome"], record["incomplete"]) == ("fail", True)


def test_x_at_the_last_check_leaves_a_whole_record(project: Project) -> None:
    project.model()
    high = {"check": "win_rate", "min": 0.99}
    project.suite("chat", "score_gap", high, rows=pairs(30, wrong=range(4)))
    project.run("-x").assert_outcomes(passed=1, failed=1)
    assert project.record()["incomplete"] is False


def test_a_bad_option_is_told_before_anything_is_listed(project: Project) -> None:
    two_suites(project)
    result = project.run("--collect-only", "--rm", "scores:gone.jsonl")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "file not found" in "\n".join(result.errlines)


def test_nothing_warns(project: Project) -> None:
    two_suites(project)
    result = project.run("-W", "error", "--strict-markers", "--strict-config")
    result.assert_outcomes(passed=3, failed=1, warnings=0)


def test_a_node_id_runs_one_check(project: Project) -> None:
    two_suites(project)
    project.run("suites/alpha.yaml::win_rate_high").assert_outcomes(failed=1)
    assert list(project.checks()) == ["alpha::win_rate_high"]


def test_the_plugin_can_be_switched_off(project: Project) -> None:
    two_suites(project)
    result = project.run("-p", "no:rmcheck")
    assert result.ret == pytest.ExitCode.NO_TESTS_COLLECTED
    assert not (project.root / "reports").exists()


def test_two_suites_of_one_name_are_refused(project: Project) -> None:
    project.model()
    project.suite("chat", "score_gap", rows=pairs())
    project.suite("chat", "score_gap", folder="suites/more")
    result = project.run()
    assert result.ret == pytest.ExitCode.INTERRUPTED
    told = [
        line
        for line in result.outlines
        if "name 'chat' is already used by suites/chat.yaml" in line
    ]
    assert told
    assert told[0].startswith("suites/more/chat.yaml:2:7: ")
    assert "session.py" not in text_of(result)


def test_a_check_beside_a_python_test(project: Project) -> None:
    project.model()
    project.suite("chat", "score_gap", rows=pairs())
    project.write("suites/test_more.py", "def test_plain(): pass\n")
    project.run().assert_outcomes(passed=2)
    assert list(project.checks()) == ["chat::score_gap"]
