"""What the command line asks for and a setting leaves out is named and not green."""

from __future__ import annotations

from pathlib import Path

import pytest

from .forked import Call, Server
from .projects import Project, pairs, text_of
from .settings_broken import SILENCING

WIN = {"check": "win_rate", "min": 0.5}


@pytest.fixture
def two(project: Project) -> Project:
    """Two suites that pass, and a test of the project's own."""
    project.model()
    project.suite("art", WIN, rows=pairs(name="a"))
    project.suite("chat", WIN, "score_gap", rows=pairs())
    project.write("tests/test_own.py", "def test_own():\n    pass\n")
    project.run("suites").assert_outcomes(passed=3)
    return project


NARROWING = {
    "-k art": "chat::win_rate, chat::score_gap and suites/chat.yaml were left out",
    "-m 'not chat'": "",
    "--deselect suites/chat.yaml::score_gap": "chat::score_gap was left out",
    "--ignore=suites/chat.yaml": "suites/chat.yaml was left out",
    "--ignore-glob=*chat*": "suites/chat.yaml was left out",
}


@pytest.mark.ci
@pytest.mark.parametrize("options", NARROWING)
@pytest.mark.parametrize("place", ["addopts", "variable"])
def test_options_that_nobody_typed_leave_nothing_out_silently(
    two: Project, monkeypatch: pytest.MonkeyPatch, options: str, place: str
) -> None:
    if place == "addopts":
        two.ini(f"addopts = {options}")
    else:
        monkeypatch.setenv("PYTEST_ADDOPTS", options)
    result = two.run("suites")
    gone = NARROWING[options]
    assert result.ret == (1 if gone else 0)
    assert ("Cannot say: " in text_of(result)) is bool(gone)
    assert gone in text_of(result)
    if gone:
        named = options.replace("=", " ", 1)
        assert f"{named} (from addopts or PYTEST_ADDOPTS) left them out" in text_of(result)


@pytest.mark.parametrize("options", [("-k", "art"), ("--ignore", "suites/chat.yaml")])
def test_what_is_typed_selects(two: Project, options: tuple[str, ...]) -> None:
    result = two.run("suites", *options)
    assert result.ret == 0
    assert "Cannot say: " in text_of(result)
    assert "so the run fails" not in text_of(result)
    two.ini("addopts = -k chat")
    assert two.run("suites", *options, "-o", "addopts=-k art").ret == 0


def test_an_option_that_leaves_out_nothing_of_the_suites_is_fine(two: Project) -> None:
    two.ini("addopts = --ignore=tests -m 'not slow'")
    result = two.run("suites")
    assert result.ret == 0
    assert "Safe to merge: all 3 required checks pass" in text_of(result)
    assert two.record()["whole"] is True
    assert two.cli("bless").code == 0
    (two.root / "suites/chat.yaml").unlink()
    gone = two.run("suites")
    assert gone.ret == 1
    assert two.record()["missing"] == ["chat"]


@pytest.mark.parametrize(
    "options", ["-m 'not rmcheck'", "-k own", "--setup-only", "--setup-plan"], ids=str
)
def test_a_run_without_any_check_is_not_green(two: Project, options: str) -> None:
    two.ini(f"addopts = {options}")
    result = two.run("suites", "tests")
    assert result.ret == 1
    assert "Cannot say: no check was run; 3 required checks of the suites were not sel" in text_of(
        result
    )
    assert two.record()["outcome"] == "error"
    assert two.record()["left_out"] == ["art::win_rate", "chat::win_rate", "chat::score_gap"]


LISTING = ("--co", "--fixtures", "--fixtures-per-test", "--markers", "--cache-show", "--help")


@pytest.mark.parametrize("option", LISTING)
def test_a_list_that_nobody_typed_is_not_green(two: Project, server: Server, option: str) -> None:
    before = two.record()["run_id"]
    typed = server.run(Call(arguments=["suites", option], folder=str(two.root)))
    assert typed.code == 0
    assert "rmcheck: no check was run" not in typed.text
    assert two.record()["run_id"] == before  # a list is no run
    two.ini(f"addopts = {option}")
    ended = server.run(Call(arguments=["suites"], folder=str(two.root)))
    assert ended.code == 1
    option = {"--co": "--collect-only"}.get(option, option)
    assert f"no check was run, because addopts or PYTEST_ADDOPTS has {option}" in ended.text


def test_a_list_is_fine_in_a_project_without_suites(project: Project) -> None:
    project.write("tests/test_own.py", "def test_own():\n    pass\n")
    project.ini("addopts = --co")
    assert project.subprocess("tests").ret == 0


@pytest.mark.parametrize("paths", ["suites/art.yaml", "suites/art.yaml tests"])
def test_testpaths_that_name_one_of_the_suites_are_not_green(two: Project, paths: str) -> None:
    two.ini(f"testpaths = {paths}")
    result = two.run()
    assert result.ret == 1
    assert f"suites/chat.yaml was left out, so the run fails: testpaths = {paths}" in text_of(
        result
    )
    two.ini("testpaths = tests")  # the gate is not asked for
    assert two.run().ret == 0


SKIPPING = ("a mark skips", "a mark expects a failure", "a fixture skips")
RED = [how for how in SILENCING if how != "harmless"]


@pytest.mark.ci
@pytest.mark.parametrize("strict", [True, False], ids=["strict", "usual"])
@pytest.mark.parametrize("how", RED)
def test_a_conftest_that_silences_checks_is_not_green(
    two: Project, server: Server, how: str, *, strict: bool
) -> None:
    model = (two.root / "conftest.py").read_text(encoding="utf-8")
    two.write("conftest.py", f"{model}\n{SILENCING[how].replace('no_regression', 'score_gap')}")
    two.ini(*(["rm_strict = true"] if strict else []))
    ended = server.run(Call(arguments=["."], folder=str(two.root)))
    assert "Safe to merge" not in ended.text
    if how in SKIPPING and not strict:  # a skip is told and is no failure
        assert "Cannot say: " in ended.text
    else:
        assert ended.code != 0, ended.text


@pytest.mark.slow
def test_so_it_is_with_workers(two: Project) -> None:
    two.ini("addopts = -k art")
    result = two.subprocess("suites", "-n", "2")
    assert result.ret == 1
    assert NARROWING["-k art"] in text_of(result)
    two.ini("addopts = -k own")
    result = two.subprocess("suites", "tests", "-n", "2")
    assert result.ret == 1
    assert "suites/art.yaml and suites/chat.yaml were left out" in text_of(result)
    two.ini()
    two.write("suites/conftest.py", SILENCING["a hook drops items"])
    result = two.subprocess("suites", "-n", "2")
    assert result.ret == 1
    assert "a hook of a conftest.py or of a plugin deselects or ignores them" in text_of(result)


def test_to_compare_with_none_is_not_called_good(two: Project) -> None:
    two.suite("chat", WIN, "no_regression", rows=pairs())
    two.run("suites")
    assert two.cli("bless").code == 0
    result = two.run("suites", "--rm-baseline", "none")
    assert result.ret == 0
    said = "1 was skipped (chat::no_regression); it was not compared with a baseline"
    assert said in text_of(result)
    assert "Cannot say: " in text_of(result)
    assert "no baseline yet" not in text_of(result)
    assert two.record()["uncompared"] is True
    summary = Path(two.root, "reports/latest/summary.md").read_text(encoding="utf-8")
    assert "Cannot say: " in summary


@pytest.mark.parametrize("options", [("-p", "no:rmcheck"), ()], ids=["blocked", "loaded"])
def test_required_plugins_names_the_one_that_is_not_loaded(
    two: Project, server: Server, options: tuple[str, ...]
) -> None:
    two.ini("required_plugins = rmcheck")
    ended = server.run(Call(arguments=["suites", "tests", *options], folder=str(two.root)))
    assert ended.code == (4 if options else 0)
    assert ("Missing required plugins: rmcheck" in ended.text) is bool(options)
