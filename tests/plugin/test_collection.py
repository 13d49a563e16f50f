"""Which files become suites, what their items are called, and how pytest selects among them."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import pytest

from .projects import Project, pairs, text_of


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


def node_ids(result: pytest.RunResult) -> list[str]:
    """What `--collect-only -q` lists."""
    return [line for line in result.outlines if "::" in line]


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


def test_suites_are_found_below_suites_and_by_their_ending(project: Project) -> None:
    project.model()
    rows = pairs()
    project.data("any", rows)
    body = "rmcheck: 1\nname: {0}\ndata: {1}data/any.jsonl\nchecks: [{{check: score_gap}}]\n"
    project.write("suites/one.yaml", body.format("one", "../"))
    project.write("suites/deep/two.yml", body.format("two", "../../"))
    project.write("models/chat/three.rmcheck.yaml", body.format("three", "../../"))
    project.write("models/chat/four.yaml", body.format("four", "../../"))
    project.write("five.yaml", body.format("five", ""))
    assert node_ids(project.run("--collect-only", "-q")) == [
        "models/chat/three.rmcheck.yaml::score_gap",
        "suites/deep/two.yml::score_gap",
        "suites/one.yaml::score_gap",
    ]


def test_ini_globs_replace_the_default_ones(project: Project) -> None:
    project.ini("rmcheck_files = gates/*.yaml", "    **/*.gate.yml")
    for folder in ("suites", "gates", "gates/deep", "gates2"):
        project.suite("s", "score_gap", folder=folder, rows=pairs())
    project.write(
        "here.gate.yml",
        "rmcheck: 1\nname: here\ndata: data/s.jsonl\nchecks: [{check: score_gap}]\n",
    )
    assert node_ids(project.run("--collect-only", "-q")) == [
        "gates/s.yaml::score_gap",
        "here.gate.yml::score_gap",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "services: {web: {image: nginx}}\n",
        "- just\n- a list\n",
        "apiVersion: v1\nkind: Pod\n# checks and rmcheck are only words here\n",
        "broken: [unclosed\n",
    ],
    ids=["mapping", "list", "comment", "broken"],
)
def test_foreign_yaml_is_left_alone(project: Project, text: str) -> None:
    """A folder called `suites` may hold somebody else's files, too."""
    project.write("suites/foreign.yaml", text)
    project.write("b.rmcheck.yaml", "services: {}\n")
    project.write("elsewhere/empty.yaml", "")
    result = project.run()
    assert result.ret == pytest.ExitCode.NO_TESTS_COLLECTED
    assert "foreign.yaml" not in text_of(result)


NO_SUITE = {
    "empty": ("", "1:1: holds nothing; a suite is a mapping that begins 'rmcheck: 1': write it"),
    "comments": ("# rmcheck: 1\n---\n", "1:1: holds nothing; "),
    "both misspelt": ("rmchek: 1\nname: a\nchekcs: []\n", "1:1: unknown key 'rmchek', did you"),
    "data misspelt": ("name: a\ndta: a.jsonl\n", "2:1: unknown key 'dta', did you mean 'data'?"),
    "a list": ("- check: win_rate\n", "1:1: no suite: a suite is a mapping that begins"),
    "services": ("services: {}\n", "1:1: no suite: a suite is a mapping that begins 'rmcheck: 1', "
                 "and the keys here are: services; mend them, or name another file"),
}  # fmt: skip


NEARLY = ["empty", "comments", "both misspelt", "data misspelt"]


@pytest.mark.parametrize("case", NEARLY)
def test_no_suite_vanishes_beside_another(project: Project, case: str) -> None:
    text, told = NO_SUITE[case]
    project.model()
    project.suite("good", "win_rate", rows=pairs())
    project.write("suites/deep/a.yaml", text)
    result = project.run()
    assert result.ret == pytest.ExitCode.INTERRUPTED
    lines = [line for line in result.outlines if line.startswith("suites/deep/a.yaml:")]
    assert any(line.startswith(f"suites/deep/a.yaml:{told}") for line in lines), lines
    assert "Traceback" not in text_of(result)


@pytest.mark.parametrize("case", NEARLY)
def test_an_empty_or_misspelt_suite_does_not_vanish_alone(project: Project, case: str) -> None:
    project.write("suites/a.yaml", NO_SUITE[case][0])
    result = project.run()
    assert result.ret == pytest.ExitCode.INTERRUPTED
    assert f"suites/a.yaml:{NO_SUITE[case][1]}" in text_of(result)


@pytest.mark.parametrize("case", NO_SUITE)
def test_a_file_that_is_named_and_no_suite_says_why(project: Project, case: str) -> None:
    project.write("here.yaml", NO_SUITE[case][0])
    result = project.run("here.yaml")
    assert result.ret == pytest.ExitCode.INTERRUPTED
    assert f"here.yaml:{NO_SUITE[case][1]}" in text_of(result)
    assert project.run().ret == pytest.ExitCode.NO_TESTS_COLLECTED


def test_a_glob_with_an_exclamation_mark_leaves_files_out(project: Project) -> None:
    project.model()
    project.suite("good", "win_rate", rows=pairs())
    project.write("suites/compose.yaml", "# nothing yet\n")
    assert project.run().ret == pytest.ExitCode.INTERRUPTED
    project.ini("rmcheck_files = !suites/compose.yaml")
    project.run().assert_outcomes(passed=1)
    project.ini("rmcheck_files = **/*.yaml !**/compose.yaml")
    project.run().assert_outcomes(passed=1)


def test_a_file_that_another_plugin_collects_is_that_plugins(project: Project) -> None:
    project.write(
        "conftest.py",
        """
        import pytest

        class Step(pytest.Item):
            def runtest(self):
                pass

        class Steps(pytest.File):
            def collect(self):
                yield Step.from_parent(self, name="step")

        def pytest_collect_file(file_path, parent):
            if file_path.suffix == ".yaml":
                return Steps.from_parent(parent, path=file_path)
        """.replace("\n        ", "\n"),
    )
    project.write("suites/steps.yaml", "")
    project.run("suites/steps.yaml").assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("rmchek: 1\nchecks: [{check: score_gap}]\n", "did you mean 'rmcheck'"),
        ("name: chat\ndata: x.jsonl\nchecks: [{check: score_gap}]\n", "'rmcheck' is missing"),
    ],
    ids=["misspelt", "missing"],
)
def test_a_suite_whose_first_key_is_wrong_does_not_vanish(
    project: Project, text: str, told: str
) -> None:
    project.write("suites/chat.yaml", text)
    result = project.run()
    assert result.ret == pytest.ExitCode.INTERRUPTED
    assert any(told in line and "suites/chat.yaml:1:1" in line for line in result.outlines)
    assert "Traceback" not in text_of(result)


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
    assert f"'{tag}' is one of pytest's own" in told[0]


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
    assert "there is no file" in "\n".join(result.errlines)


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
    told = [line for line in result.outlines if "name 'chat' is taken by suites/chat.yaml" in line]
    assert told
    assert told[0].startswith("suites/more/chat.yaml:2:7: ")
    assert "run_log.py" not in text_of(result)


def test_a_check_beside_a_python_test(project: Project) -> None:
    project.model()
    project.suite("chat", "score_gap", rows=pairs())
    project.write("suites/test_more.py", "def test_plain(): pass\n")
    project.run().assert_outcomes(passed=2)
    assert list(project.checks()) == ["chat::score_gap"]
