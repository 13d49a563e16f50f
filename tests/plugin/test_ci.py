"""What a CI server takes from a run: JUnit with the figures, annotations, the history."""

from __future__ import annotations

import json
import time
import xml.etree.ElementTree as ElementTree

import pytest
from statsmodels.stats.multitest import multipletests

from .projects import Project, jsonl, pairs, scores, text_of


def properties(project: Project, path: str = "junit.xml") -> dict[str, dict[str, str]]:
    """The properties of each test case that has some, by check id."""
    found = {}
    for case in ElementTree.parse(project.root / path).iter("testcase"):
        named = [
            (entry.get("name") or "", entry.get("value") or "") for entry in case.iter("property")
        ]
        told = {name.removeprefix("rmcheck_"): value for name, value in named}
        assert len(told) == len(named)
        found[told.pop("id")] = told
    return found


def worse(rows: list[dict[str, str]], count: int) -> str:
    """Scores in which the first `count` pairs have become wrong."""
    return jsonl(
        {**row, "chosen": row["rejected"], "rejected": row["chosen"]} if index < count else row
        for index, row in enumerate(scores(rows))
    )


def comparing(project: Project) -> None:
    """Two suites that compare with a baseline: one fell by 12 of 60 pairs, one by 7 of 60."""
    one, two = pairs(60, name="a"), pairs(60, name="b")
    project.write("old.jsonl", jsonl([*scores(one), *scores(two)]))
    project.write("new.jsonl", worse(one, 12) + worse(two, 7))
    project.suite("alpha", "win_rate", "no_regression", rows=one)
    project.suite("beta", "no_regression", rows=two)


@pytest.mark.ci
@pytest.mark.parametrize("workers", [[], ["-n", "2"]], ids=["serial", "two-workers"])
def test_junit_has_the_figures_of_results_json(project: Project, workers: list[str]) -> None:
    comparing(project)
    project.subprocess(
        "--rm", "scores:new.jsonl", "--rm-baseline", "scores:old.jsonl", "--junitxml=out/junit.xml",
        *workers,
    ).assert_outcomes(failed=2, passed=1)  # fmt: skip
    told, checks = properties(project, "out/junit.xml"), project.checks()
    assert (
        set(told)
        == set(checks)
        == {"alpha::win_rate", "alpha::no_regression", "beta::no_regression"}
    )
    for name, check in checks.items():
        found, estimate = told[name], check["estimate"]
        for key in ("value", "low", "high", "level"):
            assert float(found[key]) == estimate[key]
        assert (int(found["n"]), int(found["n_groups"])) == (estimate["n"], estimate["n_groups"])
        assert json.loads(found["criterion"]) == check["criterion"]
        assert (found["decision"], found["weak"]) == (check["decision"], str(check["weak"]))
        assert found["signature"] == check["signature"]
        for key in ("p_value", "adjusted_p", "detectable", "state"):
            assert (key in found) == (check[key] is not None)
    assert "p_value" not in told["alpha::win_rate"]
    compared = [told[f"{name}::no_regression"] for name in ("alpha", "beta")]
    assert [each["state"] for each in compared] == ["regressed", "regressed"]
    p_values = [float(each["p_value"]) for each in compared]
    # All discordant pairs got worse: exact McNemar, two-sided, is 2 · 2^-n.
    assert p_values == pytest.approx([2 * 0.5**12, 2 * 0.5**7])
    holm = multipletests(p_values, method="holm")[1]
    assert [float(each["adjusted_p"]) for each in compared] == pytest.approx(list(holm))


def test_junit_of_a_check_that_was_not_decided_has_no_figures(project: Project) -> None:
    project.model()
    project.suite("chat", "no_regression", rows=pairs())
    project.run("--junitxml=junit.xml").assert_outcomes(skipped=1)
    assert properties(project) == {"chat::no_regression": {"weak": "False"}}


def test_annotations_are_written_on_github_only(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.model()
    low = {"check": "win_rate", "name": "low", "min": 0.55}
    project.suite("chat", "win_rate", low, rows=pairs(30, wrong=range(12)))
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    assert "::error" not in text_of(project.run())
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_WORKSPACE", str(project.root.parent))
    result = project.run("-q")
    commands = [line for line in result.outlines if line.startswith("::")]
    checks = project.checks()
    at = f"::error file={project.root.name}/suites/chat.yaml,line="
    # 18 of 30 pairs are right: 0.60, with a 95 % interval that reaches down to 0.42.
    assert [command.split(",title=")[0] for command in commands] == [
        f"{at}{checks['chat::win_rate']['line']}",
        f"::warning file={project.root.name}/suites/chat.yaml,line={checks['chat::low']['line']}",
    ]
    assert commands[0].endswith(checks["chat::win_rate"]["message"].replace("%", "%25"))


@pytest.mark.parametrize("workers", [(), pytest.param(("-n", "2"), marks=pytest.mark.slow)])
def test_mistakes_that_stop_collection_are_annotated(
    project: Project, monkeypatch: pytest.MonkeyPatch, workers: tuple[str, ...]
) -> None:
    project.suite("chat", {"check": "win_rate", "mim": 0.5}, rows=pairs())
    project.suite("code", "win_rate", rows=[*pairs(), {"id": "p"}])
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    assert "::error" not in text_of(project.run())
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_WORKSPACE", str(project.root.parent))
    result = project.run("-q", *workers)
    assert result.ret != 0
    found = sorted(line for line in result.outlines if line.startswith("::"))
    name = project.root.name
    at, broken = f"::error file={name}/suites/chat.yaml,line=5,", "title=rmcheck cannot read this::"
    assert (
        found[0]
        == f"::error file={name}/data/code.jsonl,line=31,{broken}the key 'chosen' is missing"
    )
    assert found[3] == f"{at}{broken}check 'win_rate': the key 'min' is missing"
    assert len(found) == 5  # the row lacks three keys, the check one, and has one that is unknown


@pytest.mark.ci
@pytest.mark.parametrize("options", [("--continue-on-collection-errors",), ("-n", "2")])
def test_a_suite_that_cannot_be_read_leaves_the_answer_open(
    project: Project, options: tuple[str, ...]
) -> None:
    project.model()
    project.suite("chat", "win_rate", rows=pairs())
    project.write("suites/code.yaml", "rmchek: 1\nchekcs: []\n")
    result = project.run(*options)
    assert result.ret != 0
    said = "suites/code.yaml could not be read"
    assert f"Cannot say: {said}; 1 check passed." in result.outlines
    assert "rmcheck bless" not in text_of(result)
    folder = project.root / "reports/latest"
    assert said in (folder / "summary.md").read_text().replace("\\", "")
    assert f"Incomplete run:</strong> {said}." in (folder / "index.html").read_text()
    record = project.record()
    assert record["unread"] == ["suites/code.yaml"]
    assert (record["outcome"], record["incomplete"]) == ("error", False)
    line = json.loads((project.root / "reports/history.jsonl").read_text())
    assert (line["outcome"], line["incomplete"]) == ("error", True)
    assert f"this run is incomplete ({said})" in "\n".join(project.cli("bless").err)


@pytest.mark.parametrize("options", [("-k", "win_rate"), ("suites/chat.yaml::win_rate",)])
@pytest.mark.parametrize(
    "workers",
    [pytest.param((), id="alone"), pytest.param(("-n", "2"), id="workers", marks=pytest.mark.slow)],
)
def test_a_run_that_left_checks_out_cannot_say(
    project: Project, options: tuple[str, ...], workers: tuple[str, ...]
) -> None:
    project.model()
    advised = {"check": "win_rate", "name": "advised", "min": 0.99, "gate": "advisory"}
    project.suite("chat", "win_rate", "score_gap", "scale_invariance", advised, rows=pairs())
    result = project.run(*options, *workers)
    assert result.ret == 0
    assert (
        "Cannot say: the one required check passes; 2 other required checks of the suites were "
        "not selected (chat::score_gap and chat::scale_invariance)."
        in text_of(result).replace("; 1 advisory check failed", "")
    )
    assert "rmcheck bless" not in text_of(result)
    assert project.record()["left_out"] == ["chat::score_gap", "chat::scale_invariance"]
    refused = project.cli("bless")
    assert refused.code == 4
    assert "2 required checks of its suites (chat::score_gap and chat::scale_inv" in refused.err[0]
    assert project.cli("bless", "--red").code == 0


@pytest.mark.parametrize("options", [("suites/chat.yaml",), ("--ignore", "suites/code.yaml")])
def test_a_run_of_some_suites_cannot_say_whether_all_hold(
    project: Project, options: tuple[str, ...]
) -> None:
    project.model()
    project.suite("chat", "win_rate", rows=pairs())
    project.suite("code", "win_rate", rows=pairs(name="code", wrong=range(20)))
    result = project.run(*options)
    assert result.ret == 0
    said = (
        "Cannot say: the one required check passes; 1 other suite was not run (suites/code.yaml)."
    )
    assert said in text_of(result)
    assert project.record()["unasked"] == ["suites/code.yaml"]
    named = project.run("suites/chat.yaml", "suites/code.yaml")
    assert named.ret == 1
    assert project.record()["unasked"] == []


def test_a_check_that_is_advisory_may_be_left_out(project: Project) -> None:
    project.model()
    advised = {"check": "win_rate", "name": "advised", "gate": "advisory", "min": 0.6}
    project.suite("chat", "win_rate", advised, rows=pairs())
    result = project.run("suites/chat.yaml::win_rate")
    assert "Safe to merge: the one required check passes; no baseline yet" in text_of(result)


def test_a_mistake_in_the_recipe_is_annotated(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.suite("chat", "win_rate", rows=pairs())
    project.write("mine.yaml", "recipe: 1\nbase: nowhere\ndta: x.jsonl\n")
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.delenv("GITHUB_WORKSPACE", raising=False)
    result = project.run("--rm", "recipe:mine.yaml")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    found = [line for line in result.outlines if line.startswith("::error file=")]
    assert any("mine.yaml,line=3," in line and "unknown key 'dta'" in line for line in found)


def test_every_run_leaves_a_line_of_history(project: Project) -> None:
    project.model()
    project.suite("chat", "win_rate", rows=pairs(30, wrong=range(12)))
    project.run("--rm-seed", "3")
    project.model(change="* -1")
    project.run()
    path = project.root / "reports/history.jsonl"
    first, second = (json.loads(line) for line in path.read_text().splitlines())
    assert (first["outcome"], first["seed"], second["outcome"]) == ("fail", 3, "fail")
    assert first["checks"]["chat::win_rate"]["value"] == 18 / 30
    assert second["checks"]["chat::win_rate"]["value"] == 12 / 30
    project.run("--collect-only")
    assert len(path.read_text().splitlines()) == 2


@pytest.mark.slow
def test_the_report_made_again_has_the_same_history(project: Project) -> None:
    project.suite("chat", "win_rate", rows=pairs(30))
    for change in ("", "* -1", ""):
        project.model(change=change)
        project.run()
        time.sleep(1.01)  # runs are told apart by the second
    page = (project.root / "reports/latest/index.html").read_bytes()
    assert project.cli("report").code == 0
    assert (project.root / "reports/latest/index.html").read_bytes() == page


def test_a_broken_line_of_history_is_passed_over_and_told(project: Project) -> None:
    project.model()
    project.suite("chat", "win_rate", rows=pairs())
    project.write("reports/history.jsonl", "not a run\n")
    result = project.run()
    result.assert_outcomes(passed=1)
    assert "reports/history.jsonl: skipped line 1: not a valid run record" in result.outlines
    lines = (project.root / "reports/history.jsonl").read_text().splitlines()
    assert lines[0] == "not a run"
    assert json.loads(lines[1])["outcome"] == "pass"
    project.write("reports/history.jsonl", "not a run\n\x00\n")
    told = project.run().outlines
    assert "reports/history.jsonl: skipped lines 1 and 2: not valid run records" in told


def test_a_history_that_cannot_be_written_costs_no_report(project: Project) -> None:
    project.model()
    project.suite("chat", "win_rate", rows=pairs())
    (project.root / "reports/history.jsonl").mkdir(parents=True)
    result = project.run()
    assert result.ret == 0
    assert "the run could not be added to the history" in text_of(result)
    assert (project.root / "reports/latest/index.html").is_file()


def test_a_report_straight_below_the_root_keeps_its_history_within(project: Project) -> None:
    project.model()
    project.suite("chat", "win_rate", rows=pairs())
    project.run("--rm-report", "out")
    assert (project.root / "out/history.jsonl").is_file()
    assert not (project.root / "history.jsonl").exists()


def test_the_commit_is_recorded(project: Project) -> None:
    project.model()
    project.suite("chat", "win_rate", rows=pairs())
    project.run()
    assert project.record()["commit"] is None
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.org"]
    project.write(".gitignore", "reports/\n.rmcheck/\n*.jsonl\n.pytest_cache/\nstd*\n")
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "one"]):
        assert project.pytester.run(*git, *command).ret == 0
    sha = project.pytester.run("git", "rev-parse", "HEAD").outlines[0]
    project.run()
    assert project.record()["commit"] == sha
    project.write("pytest.ini", (project.root / "pytest.ini").read_text() + "\n")
    project.run()
    assert project.record()["commit"] == f"{sha}-dirty"
