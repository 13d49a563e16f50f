"""Options that are misspelt, empty or name nothing: what somebody in a hurry is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from .projects import Project, jsonl, made_once, pairs, scores, text_of


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the first test leaves the project for the others."""
    return tmp_path_factory.mktemp("kept") / "simple"


@pytest.fixture
def simple(project: Project, kept: Path) -> Project:
    """A suite, its scores, and the baselines `main` and `spring`."""
    return made_once(project, kept, make)


def make(project: Project) -> None:
    rows = pairs(40)
    project.write("scores.jsonl", jsonl(scores(rows)))
    project.suite("chat", "win_rate", "no_regression", rows=rows)
    project.run("--rm", "scores:scores.jsonl").assert_outcomes(passed=1, skipped=1)
    for name in ("main", "spring"):
        assert project.cli("bless", name).code == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--rm-reprot", "out"], "unknown option --rm-reprot, did you mean '--rm-report'?"),
        (["--rm-report-dir=out"], "unknown option --rm-report-dir, did you mean '--rm-report'?"),
        (["--rmm", "recipe:tiny"], "unknown option --rmm, did you mean '--rm'?"),
        (["--rm", ""], "--rm is empty (is a variable unset?)"),
        (["--rm-baseline="], "--rm-baseline is empty"),
        (["--rm", "tiny"], "did you mean 'recipe:tiny'?"),
        (["--rm", "recipe:tny"], "did you mean 'tiny'?"),
        (["--rm", "recpie:tiny"], "did you mean 'recipe'?"),
        (["--rm", "score:scores.jsonl"], "did you mean 'scores'?"),
        (["--rm", "scores:score.jsonl"], "score.jsonl"),
        (["--rm", "scores.jsonl"], "did you mean 'scores:scores.jsonl'?"),
        (["--rm", "hf:"], "hf:"),
        (["--rm-baseline", "spirng"], "did you mean 'spring'?"),
        (["--rm-baseline", "reports/latest"], "no baseline 'reports/latest'"),
        (["--rm-dtype", "float23"], "did you mean 'float32'?"),
        (["--rm-seed", "1.5"], "--rm-seed='1.5': expected a whole number of at least 0"),
        (["--rm-examples", "0"], "--rm-examples='0': expected a whole number of at least 1"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_bad_option_is_a_usage_error_with_the_nearest_name(
    simple: Project, arguments: list[str], said: str
) -> None:
    source = [] if "--rm" in arguments else ["--rm", "scores:scores.jsonl"]
    result = simple.run(*source, *arguments)
    assert result.ret == pytest.ExitCode.USAGE_ERROR, text_of(result)
    (told,) = [line for line in result.errlines if said in line]
    assert told.startswith("ERROR: ")
    assert "Traceback" not in text_of(result)
    assert "INTERNALERROR" not in text_of(result)


@pytest.mark.slow
def test_with_workers_a_bad_option_is_told_once(simple: Project) -> None:
    for arguments in (["--rm-reprot", "x"], ["--rm", ""], ["--rm-baseline", "spirng"]):
        result = simple.subprocess("-n", "2", *arguments)
        assert result.ret == pytest.ExitCode.USAGE_ERROR, text_of(result)
        assert len([line for line in result.errlines if line.startswith("ERROR: ")]) == 1


def test_an_option_of_the_users_own_is_left_alone(simple: Project) -> None:
    simple.write(
        "conftest.py", "def pytest_addoption(parser):\n    parser.addoption('--rm-mine')\n"
    )
    simple.run("--rm", "scores:scores.jsonl", "--rm-mine", "x").assert_outcomes(passed=2)


def test_a_misspelt_key_of_the_ini_file_is_no_other_model(simple: Project) -> None:
    simple.write("pytest.ini", "[pytest]\nrm_sorce = scores:scores.jsonl\n")
    result = simple.run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR, text_of(result)
    assert "pytest.ini: unknown key rm_sorce, did you mean 'rm_source'?" in text_of(result)


def test_a_key_in_a_file_that_pytest_does_not_read_is_an_error(simple: Project) -> None:
    simple.write("pytest.ini", "[pytest]\nrm_source = scores:scores.jsonl\n")
    simple.write("pyproject.toml", "[tool.pytest.ini_options]\nrm_strict = true\n")
    said = "pyproject.toml: rm_strict has no effect, because pytest reads pytest.ini; move it there"
    result = simple.run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR, text_of(result)
    assert said in text_of(result)
    refused = simple.cli("compare", "main", "spring")
    assert refused.code == 4
    assert said in refused.err[0]
    simple.run("-c", "pyproject.toml", "--rm", "scores:scores.jsonl").assert_outcomes(passed=2)
    simple.write("pyproject.toml", "[tool.pytest.ini_options]\nminversion = '8'\n")
    simple.run().assert_outcomes(passed=2)


@pytest.mark.parametrize("name", ["pytest.ini", "tox.ini", "pyproject.toml"])
@pytest.mark.parametrize("keys", ["rm_source = scores:scores.jsonl", ""], ids=["keys", "baseline"])
def test_a_file_in_the_folder_of_suites_does_not_replace_that_of_the_project(
    simple: Project, name: str, keys: str
) -> None:
    simple.write("pytest.ini", f"[pytest]\n{keys}\n")
    assert simple.run("suites", "--rm", "scores:scores.jsonl").ret == 0
    assert simple.cli("bless").code == 0
    section = "[tool.pytest.ini_options]" if name == "pyproject.toml" else "[pytest]"
    simple.write(
        f"suites/{name}",
        f"{section}\nminversion = '8'\n".replace("'", '"' * (name == "pyproject.toml")),
    )
    result = simple.run("suites", "--rm", "scores:scores.jsonl")
    assert result.ret == pytest.ExitCode.USAGE_ERROR, text_of(result)
    lost = "rm_source" if keys else "its baselines"
    said = f"pytest.ini, so {lost} would have no effect; move its keys there and delete it"
    assert f"suites/{name}: pytest reads this file in place of " in text_of(result)
    assert said in text_of(result)
    simple.write("pytest.ini", "[pytest]\n")
    (simple.root / "fixtures/baselines").rename(simple.root / "fixtures/other")
    assert simple.run("suites", "--co").ret == 0  # nothing of the project is lost


def test_a_misspelt_key_on_the_command_line_is_no_other_model(simple: Project) -> None:
    result = simple.run("-o", "rm_sorce=scores:scores.jsonl")
    assert result.ret == pytest.ExitCode.USAGE_ERROR, text_of(result)
    assert "-o: unknown key rm_sorce, did you mean 'rm_source'?" in text_of(result)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("pyproject.toml", "[tool.other]\nrm_rows = 1\n[tool.pytest.ini_options]\naddopts = ''\n"),
        ("tox.ini", "[pytest]\naddopts =\n# rm_sorce = x\n[testenv]\nrm_rows = 1\n"),
    ],
)
def test_a_key_of_another_tool_is_left_alone(simple: Project, name: str, text: str) -> None:
    (simple.root / "pytest.ini").unlink()
    simple.write(name, text)
    # No warning may come of it either: a project may turn them into errors.
    simple.run("--rm", "scores:scores.jsonl", "-W", "error").assert_outcomes(passed=2)


def test_a_key_that_a_conftest_adds_is_left_alone(simple: Project) -> None:
    simple.write("pytest.ini", "[pytest]\nrm_mine = 1\n")
    simple.write("conftest.py", "def pytest_addoption(parser):\n    parser.addini('rm_mine', '')\n")
    simple.run("--rm", "scores:scores.jsonl").assert_outcomes(passed=2)


@pytest.mark.parametrize("option", ["--rm-cache", "--rm-report"])
def test_a_file_in_place_of_a_folder_is_refused(project: Project, option: str) -> None:
    project.model()
    project.suite("chat", "win_rate", rows=pairs())
    result = project.run(option, "data/chat.jsonl")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert f"{option} data/chat.jsonl is a file; choose a directory" in text_of(result)


def test_a_source_that_needs_no_prefix_was_asked(project: Project) -> None:
    project.suite("chat", "win_rate", rows=pairs())
    project.write("own.jsonl", jsonl(scores(pairs())))
    project.run("--rm", "scores:own.jsonl")
    assert "was not used" not in text_of(project.run("--rm", "scores:./own.jsonl"))


NEAR_MISSES = ["rm-source", "RM_SOURCE", "rmsource", "rm source", "Rm_Source"]


@pytest.mark.parametrize("key", NEAR_MISSES)
def test_a_near_miss_of_a_key_is_refused(project: Project, key: str) -> None:
    """Ignored, it would gate the default model."""
    project.model()
    project.suite("chat", "win_rate", rows=pairs())
    project.write("pytest.ini", f"[pytest]\n{key} = scores:other.jsonl\n")
    said = f"unknown key {key}, did you mean 'rm_source'?"
    result = project.run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert said in text_of(result)
    command = project.cli("score", "data/chat.jsonl", "-o", "o.jsonl")
    assert command.code == 4
    assert said in "\n".join(command.err)


def test_an_empty_key_is_refused(project: Project) -> None:
    project.suite("chat", "win_rate", rows=pairs())
    project.write("pytest.ini", "[pytest]\nrm_source =\n")
    said = "rm_source is empty; give it a value, or remove the key"
    result = project.run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert said in text_of(result)
    command = project.cli("score", "data/chat.jsonl", "-o", "o.jsonl")
    assert (command.code, said in "\n".join(command.err)) == (4, True)


def test_an_option_that_is_given_twice_is_refused(project: Project) -> None:
    project.model()
    project.suite("chat", "win_rate", rows=pairs())
    result = project.run("--rm", "scores:no-model.jsonl", "--rm=scores:other.jsonl")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "--rm is given 2 times; give it once" in text_of(result)
    # What `addopts` says may be overridden, as with every option of pytest.
    project.ini("addopts = --rm scores:gone.jsonl")
    project.run("--rm", "scores:no-model.jsonl").assert_outcomes(passed=1)


def test_a_key_that_names_no_folder_of_baselines_is_refused(project: Project) -> None:
    project.model()
    project.suite("chat", "win_rate", "no_regression", rows=pairs())
    project.ini("rm_baselines = fixtures/baseline")
    result = project.run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "rm_baselines = fixtures/baseline: " in text_of(result)
    assert "is not a directory; fix the key, or" in text_of(result)
    (project.root / "fixtures/baseline").mkdir(parents=True)
    project.run().assert_outcomes(passed=1, skipped=1)
