"""A green report does not outlive a run that could not read its suites."""

from __future__ import annotations

import pytest

from .projects import Project, pairs


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
