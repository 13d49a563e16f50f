"""Which files become suites, and which are somebody else's: none vanishes without a word."""

from __future__ import annotations

import pytest

from rmcheck.shipped import shipped

from .projects import Project, node_ids, pairs, text_of


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
    "empty": ("", "1:1: file is empty; a suite starts with 'rmcheck: 1'; write one, remove the"),
    "comments": ("# rmcheck: 1\n---\n", "1:1: file is empty; "),
    "both misspelt": ("rmchek: 1\nname: a\nchekcs: []\n", "1:1: unknown key 'rmchek', did you"),
    "data misspelt": ("name: a\ndta: a.jsonl\n", "2:1: unknown key 'dta', did you mean 'data'?"),
    "a list": ("- check: win_rate\n", "1:1: not a suite: expected a mapping that starts with 'rm"),
    "services": ("services: {}\n", "1:1: not a suite (keys found: services); start it with 'rm"
                 "check: 1' and fix the keys, or exclude it with rmcheck_files = !"),
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


def test_a_recipe_below_the_suites_is_an_error_that_says_how_to_leave_it_out(
    project: Project,
) -> None:
    project.model()
    project.suite("good", "win_rate", rows=pairs())
    recipe = (shipped("recipes") / "tiny.yaml").read_text(encoding="utf-8")
    project.write("suites/models/mine.yaml", recipe)
    told = "suites/models/mine.yaml:1:1: is a recipe, not a suite; move it to another folder"
    assert told in text_of(project.run())
    project.ini("rmcheck_files = !suites/models")
    project.run().assert_outcomes(passed=1)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig"])
def test_a_suite_in_another_encoding_does_not_vanish(project: Project, encoding: str) -> None:
    project.model()
    project.suite("good", "win_rate", rows=pairs())
    (project.root / "suites/good.yaml").rename(project.root / "suites/kept.yaml")
    text = (project.root / "suites/kept.yaml").read_text()
    (project.root / "suites/b.yaml").write_bytes(text.replace("good", "b", 1).encode(encoding))
    project.data("b", pairs(name="b"))
    result = project.run()
    if encoding == "utf-16":
        assert result.ret == pytest.ExitCode.INTERRUPTED
        assert "suites/b.yaml:1:1: not UTF-8 text" in text_of(result)
    else:
        result.assert_outcomes(passed=2)


GLOBS = {
    "suites/**": {"a", "d", "e"},
    "suites/**/*.yaml": {"a", "d", "e"},
    "./suites/*.yaml": {"a"},
    "suites/[ab].yaml": {"a"},
    "suites/[!a].yaml": set(),
    "suites/**/*.yaml !suites/deep": {"a"},
    "suites/**/*.yaml !./suites/deep/": {"a"},
    "suites/**/*.yaml !suites/deep/**": {"a"},
    "suites/**/*.yaml !suites/deep/*": {"a"},
    "!suites/[d]eep/*.yaml": {"a", "e"},
    "!suites/deep/deeper": {"a", "d"},
}


@pytest.mark.parametrize("globs", GLOBS)
def test_globs_find_and_leave_out(project: Project, globs: str) -> None:
    project.model()
    for name, folder in (("a", ""), ("d", "deep/"), ("e", "deep/deeper/")):
        project.data(name, pairs(name=name))
        data = f"{'../' * (folder.count('/') + 1)}data/{name}.jsonl"
        checks = "checks: [{check: win_rate, min: 0.1}]"
        project.write(
            f"suites/{folder}{name}.yaml", f"rmcheck: 1\nname: {name}\ndata: {data}\n{checks}\n"
        )
    project.ini(f"rmcheck_files = {globs}")
    project.run()
    record = project.root / "reports/latest/results.json"
    found = project.record()["suites"] if record.is_file() else []
    assert {suite["name"] for suite in found} == GLOBS[globs]


@pytest.mark.parametrize("line", ["rmcheck_files = ! suites/a.yaml", "rmcheck_file = a.yaml"])
def test_a_key_that_finds_no_suites_is_refused(project: Project, line: str) -> None:
    project.ini(line)
    result = project.run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    said = "is not followed by a glob" if "!" in line else "did you mean"
    assert said in text_of(result)


def test_a_file_left_out_stays_out_when_the_shell_names_it(project: Project) -> None:
    project.model()
    project.suite("good", "win_rate", rows=pairs())
    project.write("suites/compose.yaml", "services: {}\n")
    named = ["suites/compose.yaml", "suites/good.yaml"]
    assert project.run(*named).ret == pytest.ExitCode.INTERRUPTED
    project.ini("testpaths = suites/*.yaml")
    result = project.run()
    assert result.ret == pytest.ExitCode.INTERRUPTED
    assert "exclude it with rmcheck_files = !suites/compose.yaml" in text_of(result)
    project.ini("rmcheck_files = !suites/compose.yaml", "testpaths = suites/*.yaml")
    project.run(*named).assert_outcomes(passed=1)
    project.run().assert_outcomes(passed=1)


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
