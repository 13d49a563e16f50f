"""Pytest's own options do with suites what they do with any test."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import pytest

from .projects import Project, pairs, text_of
from .test_collection import node_ids, two_suites

OTHER = "rmcheck: 1\nname: other\ndata: ../data/b.jsonl\nchecks: [{check: win_rate, min: 0.5}]\n"


def failing(project: Project, count: int = 4) -> None:
    """A suite of so many checks, all of which fail."""
    project.model()
    checks = [{"check": "win_rate", "name": f"w{i}", "min": 0.9} for i in range(count)]
    project.suite("chat", *checks, rows=pairs(30, wrong=range(12)))


def test_a_file_named_on_the_command_line_is_collected_wherever_it_lies(project: Project) -> None:
    two_suites(project)
    project.data("b", pairs(name="b"))
    project.write("elsewhere/x.yaml", OTHER)
    assert len(node_ids(project.run("--collect-only", "-q"))) == 4
    for arguments in (
        ["elsewhere/x.yaml"],
        ["elsewhere/x.yaml::win_rate"],
        [str(project.root / "elsewhere/x.yaml")],
        ["suites/../elsewhere/x.yaml"],
    ):
        project.run(*arguments).assert_outcomes(passed=1)
        assert list(project.checks()) == ["other::win_rate"]
    project.run("elsewhere/x.yaml", "suites/beta.yaml").assert_outcomes(passed=3)
    # Its folder alone is searched by the globs.
    assert project.run("elsewhere").ret == pytest.ExitCode.NO_TESTS_COLLECTED
    project.write("elsewhere/compose.yaml", "services: {}\n")
    result = project.run("elsewhere/compose.yaml")
    assert result.ret == pytest.ExitCode.INTERRUPTED
    assert "elsewhere/compose.yaml:1:1: not a suite (" in text_of(result)


@pytest.mark.slow
def test_with_workers_it_is_collected_too_and_reported(project: Project) -> None:
    project.model()
    project.data("b", pairs(name="b"))
    project.write("elsewhere/x.yaml", OTHER)
    result = project.subprocess("-n", "2", "elsewhere/x.yaml::win_rate")
    result.assert_outcomes(passed=1)
    assert list(project.checks()) == ["other::win_rate"]


def test_maxfail_stops_and_the_record_says_so(project: Project) -> None:
    failing(project)
    result = project.run("--maxfail", "2")
    result.assert_outcomes(failed=2)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert project.record()["incomplete"] is True
    assert list(project.checks()) == ["chat::w0", "chat::w1"]
    project.run("--maxfail", "4").assert_outcomes(failed=4)
    assert project.record()["incomplete"] is False


@pytest.mark.slow
def test_with_workers_selection_stopping_and_last_failed_work_as_without(project: Project) -> None:
    two_suites(project)
    two = ("-n", "2")
    project.subprocess(*two, "-m", "safety").assert_outcomes(passed=2)
    assert list(project.checks()) == ["beta::win_rate", "beta::score_gap"]
    project.subprocess(*two, "-k", "win_rate").assert_outcomes(passed=2, failed=1)
    project.subprocess(*two, "--lf").assert_outcomes(failed=1)
    assert list(project.checks()) == ["alpha::win_rate_high"]


def test_durations_name_checks(project: Project) -> None:
    two_suites(project)
    result = project.run("--durations=0", "-vv")
    slow = [line for line in result.outlines if "s setup    suites/alpha.yaml::win_rate" in line]
    assert slow


def test_quiet_verbose_and_collect_only_show_what_they_always_do(project: Project) -> None:
    two_suites(project)
    lines = project.run("-v", "--tb=no").outlines
    for node in ("suites/alpha.yaml::win_rate PASSED", "suites/alpha.yaml::win_rate_high FAILED"):
        assert any(line.startswith(node) for line in lines), node
    quiet = project.run("-q", "--tb=no", "-rN").outlines
    assert quiet[-1].startswith("1 failed, 3 passed")
    assert not any("::" in line and "PASSED" in line for line in quiet)
    tree = project.run("--collect-only").outlines
    assert any("SuiteFile alpha.yaml" in line for line in tree)
    assert any("CheckItem win_rate_high" in line for line in tree)
    assert node_ids(project.run("--co", "-q"))[1] == "suites/alpha.yaml::win_rate_high"


def test_without_a_terminal_the_report_and_junit_are_there(project: Project) -> None:
    two_suites(project)
    result = project.run("-p", "no:terminal", "--junitxml=junit.xml")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert text_of(result).strip() == ""
    assert project.record()["outcome"] == "fail"
    cases = ElementTree.parse(project.root / "junit.xml").findall(".//testcase")
    assert [case.get("name") for case in cases] == [
        "win_rate", "win_rate_high", "win_rate", "score_gap",
    ]  # fmt: skip


@pytest.mark.parametrize("plugin", ["cacheprovider", "junitxml", "capture", "hypothesispytest"])
def test_it_does_not_lean_on_a_plugin_that_may_be_off(project: Project, plugin: str) -> None:
    two_suites(project)
    project.run("-p", f"no:{plugin}").assert_outcomes(passed=3, failed=1)


def test_a_check_that_is_run_again_is_judged_again(project: Project) -> None:
    """As pytest-rerunfailures does it: the same item, from set-up to teardown, twice."""
    two_suites(project)
    high = {"check": "win_rate", "name": "win_rate_high", "min": 0.99}
    project.suite("alpha", high, rows=pairs(30, wrong=range(6), name="a"))
    conftest = (project.root / "conftest.py").read_text()
    project.write(
        "conftest.py",
        f"{conftest}\n"
        "from _pytest.runner import runtestprotocol\n\n"
        "def pytest_runtest_protocol(item, nextitem):\n"
        "    hook = item.ihook\n"
        "    hook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)\n"
        "    reports = runtestprotocol(item, nextitem=nextitem, log=False)\n"
        "    if any(report.failed for report in reports):\n"
        "        item._initrequest()\n"
        "        reports = runtestprotocol(item, nextitem=nextitem, log=False)\n"
        "    for report in reports:\n"
        "        hook.pytest_runtest_logreport(report=report)\n"
        "    hook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)\n"
        "    return True\n",
    )
    result = project.run("--junitxml=junit.xml")
    result.assert_outcomes(passed=2, failed=1)
    assert len(project.rows()) == 30 + 30
    assert project.checks()["alpha::win_rate_high"]["outcome"] == "fail"
    assert project.record()["suites"][0]["data"]["pairs"] == 30
    for case in ElementTree.parse(project.root / "junit.xml").iter("testcase"):
        names = [entry.get("name") for entry in case.iter("property")]
        assert len(names) == len(set(names))


def test_stepwise_and_failed_first_find_the_failed_check(project: Project) -> None:
    two_suites(project)
    project.run("--stepwise").assert_outcomes(passed=1, failed=1)
    assert project.record()["incomplete"] is True
    result = project.run("--ff", "-v")
    assert next(iter(project.checks())) == "alpha::win_rate"  # the record keeps the file's order
    nodes = [line.split()[0] for line in result.outlines if line.startswith("suites/")]
    assert nodes[0] == "suites/alpha.yaml::win_rate_high"
