"""A green report does not outlive its run, and files of two runs are not taken for one."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from rmcheck.record.folder import OWN

from .projects import Project, pairs, text_of


@pytest.mark.ci
@pytest.mark.parametrize("alone", [True, False], ids=["the only suite", "beside another"])
@pytest.mark.parametrize("text", ["rmcheck: 1\nname: [\n", "rmcheck: 1\nnam: chat\n"])
def test_a_broken_suite_leaves_no_green_report_and_nothing_to_bless(
    project: Project, text: str, alone: bool
) -> None:
    project.model()
    project.suite("chat", "win_rate", rows=pairs(40))
    if not alone:
        project.suite("art", "win_rate", rows=pairs(40, name="a"))
    assert project.run().ret == 0
    assert project.record()["outcome"] == "pass"
    green = project.record()["run_id"]
    project.write("suites/chat.yaml", text)
    assert project.subprocess().ret == pytest.ExitCode.INTERRUPTED
    record = project.record()
    assert (record["outcome"], record["unread"]) == ("error", ["suites/chat.yaml"])
    assert record["run_id"] != green
    for name in ("summary.md", "index.html"):
        shown = (project.root / "reports/latest" / name).read_text(encoding="utf-8")
        assert green not in shown
        assert "suites/chat.yaml could not be read" in shown
    for arguments in ([], ["--red"]):
        said = project.cli("bless", *arguments)
        assert said.code == 4
        assert "could not be read" in said.err[0]
    assert not (project.root / "fixtures").exists()


def half(text: str) -> str:
    return "".join(text.splitlines(keepends=True)[:20])


MIXTURES: dict[str, tuple[str, Callable[[str, str], str]]] = {
    "scores of the red run": ("scores.jsonl", lambda _, red: red),
    "half of the scores": ("scores.jsonl", lambda green, _: half(green)),
    "results of the red run": ("results.json", lambda _, red: red),
}


@pytest.mark.parametrize("name", MIXTURES)
def test_files_of_two_runs_are_refused_by_every_reader(project: Project, name: str) -> None:
    file, mixed = MIXTURES[name]
    project.model()
    project.suite("chat", "win_rate", "no_regression", rows=pairs(40))
    assert project.run().ret == 0
    latest = project.root / "reports/latest"
    assert project.cli("bless").code == 0
    green = (latest / file).read_text(encoding="utf-8")
    project.model(change="* -1")
    assert project.run().ret == pytest.ExitCode.TESTS_FAILED
    red = (latest / file).read_text(encoding="utf-8")
    project.model()
    assert project.run().ret == 0
    (latest / file).write_text(mixed(green, red), encoding="utf-8")
    told = "scores.jsonl: does not match results.json in the same folder"
    for command in (["bless", "--red"], ["compare", "reports/latest"], ["report"], ["selftest"]):
        said = project.cli(*command)
        assert (said.code, len(said.err)) == (4, 1), command
        assert told in said.err[0], command
    kept = project.root / "fixtures/baselines/main" / file
    kept.write_text(mixed(green, red), encoding="utf-8")
    result = project.run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert told in text_of(result)


def test_links_in_place_of_a_report_are_not_written_through(project: Project) -> None:
    project.model()
    project.suite("chat", "win_rate", rows=pairs())
    precious = project.write("precious", "precious")
    latest = project.root / "reports/latest"
    latest.mkdir(parents=True)
    for name in (*OWN, "../history.jsonl"):
        (latest / name).symlink_to(precious)
    result = project.run()
    result.assert_outcomes(passed=1)
    assert precious.read_text(encoding="utf-8") == "precious"
    assert not any((latest / name).is_symlink() for name in OWN)
    assert "the run could not be added to the history" in text_of(result)
    assert project.cli("report").code == 0
    assert precious.read_text(encoding="utf-8") == "precious"
