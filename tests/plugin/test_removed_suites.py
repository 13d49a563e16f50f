"""A suite, or a required check, that vanishes from a project with a baseline is an error."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from .projects import Project, pairs, text_of

WIN = {"check": "win_rate", "min": 0.5}


@pytest.fixture
def kept(project: Project) -> Project:
    """A project of two suites whose run is the baseline."""
    project.model()
    project.suite("art", WIN, "no_regression", rows=pairs(40, name="a"))
    project.suite("chat", WIN, "no_regression", rows=pairs(40))
    project.run()
    assert project.cli("bless").code == 0
    project.run("suites").assert_outcomes(passed=4)
    assert project.record()["whole"] is True
    return project


def rename(project: Project) -> None:
    path = project.root / "suites/chat.yaml"
    path.write_text(path.read_text().replace("name: chat", "name: talk"))


VANISHED = {
    "deleted": (lambda project: (project.root / "suites/chat.yaml").unlink(), "chat"),
    "renamed": (rename, "chat"),
    "moved away": (
        lambda project: (project.root / "suites/chat.yaml").rename(project.root / "chat.yaml"),
        "chat",
    ),
    "check removed": (lambda project: project.suite("chat", "no_regression"), "chat::win_rate"),
}


@pytest.mark.ci
@pytest.mark.parametrize("arguments", [(), ("suites",), (".",)], ids=" ".join)
@pytest.mark.parametrize("how", VANISHED)
def test_what_vanished_fails_the_whole_run(
    kept: Project, how: str, arguments: tuple[str, ...]
) -> None:
    change, name = VANISHED[how]
    change(kept)
    result = kept.run(*arguments, "--junitxml=junit.xml")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    record = kept.record()
    assert (record["missing"], record["outcome"], record["whole"]) == ([name], "error", True)
    said = f"Do not merge: {name} of main not found; restore it, or bless its removal"
    assert said in text_of(result)
    for file in ("summary.md", "index.html"):
        shown = (kept.root / "reports/latest" / file).read_text(encoding="utf-8")
        assert "of main not found" in shown
    (suite,) = ElementTree.parse(kept.root / "junit.xml").iter("testsuite")
    assert suite.get("failures") == "1"
    assert name in {case.get("name") for case in suite.iter("testcase")}
    # The removal is already used by bless.
    said = kept.cli("bless")
    assert said.code == 0, said.err
    if how != "check removed":
        assert "  removed: chat" in said.out
    assert kept.run(*arguments).ret == 0
    assert kept.record()["missing"] == []


def test_all_suites_gone(kept: Project) -> None:
    for path in (kept.root / "suites").iterdir():
        path.unlink()
    kept.write("test_other.py", "def test_nothing():\n    pass\n")
    result = kept.run()
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert kept.record()["missing"] == ["art", "chat"]
    before = kept.record()["run_id"]
    assert kept.run("test_other.py").ret == 0  # somebody else's run leaves no record
    assert kept.record()["run_id"] == before


@pytest.mark.parametrize(
    "arguments",
    [("-k", "art"), ("-m", "rmcheck"), ("suites/art.yaml",), ("suites/art.yaml::win_rate",)],
    ids=" ".join,
)
def test_a_part_of_the_project_misses_nothing_and_drops_nothing(
    kept: Project, arguments: tuple[str, ...]
) -> None:
    (kept.root / "suites/chat.yaml").unlink()
    result = kept.run(*arguments)
    record = kept.record()
    assert (result.ret, record["missing"], record["whole"]) == (0, [], False)
    assert kept.cli("bless", "--red").code == 0
    names = [suite["name"] for suite in kept.record("fixtures/baselines/main")["suites"]]
    assert names == ["art", "chat"]


def test_another_folder_of_suites_is_not_expected(kept: Project) -> None:
    kept.suite("other", WIN, rows=pairs(40, name="o"), folder="more/suites")
    result = kept.run("more")
    assert result.ret == 0
    assert (kept.record()["missing"], kept.record()["whole"]) == ([], False)


def test_what_is_newer_than_the_baseline_is_told(kept: Project) -> None:
    assert "newer than" not in text_of(kept.run())
    kept.suite("chat", WIN, "no_regression", "score_gap", {"check": "length_bias", "name": "even"})
    result = kept.run()
    assert "note: newer than main: chat::score_gap and chat::even; add to it: rmcheck bless" in (
        text_of(result)
    )
    kept.suite("new", WIN, rows=pairs(40, name="n"))
    assert "newer than main: chat::score_gap, chat::even and new; add" in text_of(kept.run())
    assert kept.cli("bless", "--red").code == 0
    assert "newer than" not in text_of(kept.run())


def test_an_advisory_check_is_still_there(kept: Project) -> None:
    kept.suite("chat", {**WIN, "gate": "advisory"}, "no_regression")
    assert kept.run().ret == 0
    assert kept.record()["missing"] == []
