"""What becomes of a check: passed, failed, advisory, skipped, an error; and the exit codes."""

from __future__ import annotations

import pytest
from statsmodels.stats.proportion import proportion_confint

from .projects import Project, jsonl, pairs, scores, text_of


def lines_with(result: pytest.RunResult, start: str) -> list[str]:
    """Lines of a run's output that begin so."""
    return [line for line in result.outlines if line.startswith(start)]


def test_a_suite_that_holds_is_green(project: Project) -> None:
    project.model()
    project.suite("chat", "win_rate", rows=pairs(30, wrong=[3, 4, 5]))
    result = project.run()
    result.assert_outcomes(passed=1)
    assert result.ret == 0
    check = project.checks()["chat::win_rate"]
    # 27 of 30, and Wilson's interval by statsmodels.
    low, high = proportion_confint(27, 30, method="wilson")
    assert check["estimate"]["value"] == pytest.approx(0.9)
    assert check["estimate"]["low"] == pytest.approx(low)
    assert check["estimate"]["high"] == pytest.approx(high)
    assert (check["outcome"], check["decision"], check["weak"]) == ("pass", "pass", False)


def test_a_failure_is_red_and_says_why_on_its_line(project: Project) -> None:
    project.model()
    project.suite("chat", "win_rate", rows=pairs(40, wrong=range(22)))
    result = project.run()
    result.assert_outcomes(failed=1)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    low, high = proportion_confint(18, 40, method="wilson")
    told = f"win_rate 0.450 [{low:.3f}, {high:.3f}] (wilson 95%, n=40) < min 0.70"
    assert lines_with(result, "FAILED") == [f"FAILED suites/chat.yaml::win_rate - {told}"]
    assert told in result.outlines  # the whole FAILURES section
    assert "Traceback" not in text_of(result)
    assert ".py:" not in text_of(result)
    assert project.record()["outcome"] == "fail"


def test_a_weak_verdict_is_told(project: Project) -> None:
    project.model()
    # 22 of 30 is above 0.7, but its interval is not.
    project.suite("chat", "win_rate", rows=pairs(30, wrong=range(8)))
    result = project.run()
    assert result.ret == 0
    check = project.checks()["chat::win_rate"]
    assert proportion_confint(22, 30, method="wilson")[0] < 0.7 < 22 / 30
    assert (check["outcome"], check["decision"], check["weak"]) == ("pass", "inconclusive", True)
    assert lines_with(result, "  INCONCLUSIVE chat::win_rate - win_rate 0.733")


def test_an_advisory_check_falls_short_and_the_run_is_green(project: Project) -> None:
    project.model()
    rows = pairs(30, wrong=range(20))
    project.suite("whole", "win_rate", rows=rows, gate="advisory")
    project.suite(
        "one",
        "score_gap",
        {"check": "win_rate", "min": 0.99, "gate": "advisory"},
        rows=pairs()[:29],
    )
    project.data("one", pairs(30, wrong=[0], name="q"))
    result = project.run("-rx")
    result.assert_outcomes(passed=1, xfailed=2)
    assert result.ret == 0
    told = lines_with(result, "XFAIL suites/whole.yaml::win_rate - advisory: win_rate 0.333")
    assert len(told) == 1
    record = project.record()
    assert record["outcome"] == "pass"
    outcomes = {name: check["outcome"] for name, check in project.checks().items()}
    assert outcomes == {
        "whole::win_rate": "fail",
        "one::score_gap": "pass",
        "one::win_rate": "fail",
    }


def test_without_a_baseline_a_comparison_is_skipped_with_a_hint(project: Project) -> None:
    project.model()
    project.suite("chat", "no_regression", rows=pairs())
    result = project.run()
    result.assert_outcomes(skipped=1)
    assert result.ret == 0
    check = project.checks()["chat::no_regression"]
    assert check["outcome"] == "skipped"
    assert "rmcheck bless" in check["message"]
    assert any("rmcheck bless main" in line for line in result.outlines)


def test_a_score_file_that_lacks_a_row_is_an_error_where_the_row_counts(project: Project) -> None:
    rows = pairs(40)
    project.write("scores.jsonl", jsonl(scores(rows)[:-1]))
    even = {"check": "win_rate", "name": "even", "min": 0.7, "where": {"tags": ["even"]}}
    project.suite("chat", "win_rate", even, "label_noise", rows=rows)
    result = project.run("--rm", "scores:scores.jsonl", "-rs")
    result.assert_outcomes(passed=1, failed=1, skipped=1)
    checks = project.checks()
    # The missing row is number 39, an odd one.
    said = "no scores for 1 of 40 ids of the data: no score for 'p-039'; score them too"
    assert said in checks["chat::win_rate"]["message"]
    assert checks["chat::win_rate"]["outcome"] == "error"
    assert checks["chat::even"]["estimate"]["n"] == 20
    assert "is not a recipe" in checks["chat::label_noise"]["message"]
    assert any(said in line for line in result.outlines)
    assert "is not a recipe" in "\n".join(lines_with(result, "SKIPPED"))
    assert "Safe to merge" not in result.stdout.str()


def test_a_suite_that_the_score_file_was_not_made_for_is_an_error(project: Project) -> None:
    """Skipped, it would leave a green gate that looked at one suite of two."""
    rows = pairs(40)
    project.write("scores.jsonl", jsonl(scores(rows)))
    project.suite("chat", "win_rate", rows=rows)
    others = [{**row, "id": f"other-{row['id']}"} for row in pairs(40)]
    project.suite("other", "win_rate", rows=others)
    result = project.run("--rm", "scores:scores.jsonl")
    result.assert_outcomes(passed=1, failed=1)
    assert result.ret == 1
    check = project.checks()["other::win_rate"]
    assert check["outcome"] == "error"
    assert "('other-p-000', 'other-p-001', 'other-p-002', …)" in check["message"]
    assert "ids in the file: 'p-000', 'p-001', 'p-002', …" in check["message"]
    assert "Safe to merge" not in result.stdout.str()


@pytest.mark.parametrize("how", ["ids in capitals", "every text edited"])
def test_a_score_file_of_other_data_is_an_error_not_a_green_run_of_skips(
    project: Project, how: str
) -> None:
    rows = pairs(40)
    given = [{**row, "id": str(row["id"]).upper()} for row in scores(rows)]
    if how == "every text edited":
        given = [{**row, "hash": "0" * 32} for row in scores(rows)]
    project.write("scores.jsonl", jsonl(given))
    project.suite("chat", "win_rate", "score_gap", rows=rows)
    result = project.run("--rm", "scores:scores.jsonl")
    result.assert_outcomes(failed=2)
    assert {check["outcome"] for check in project.checks().values()} == {"error"}
    assert "no scores for any of the 40 ids of the data" in result.stdout.str()


SOURCES = {
    "no file": ("scores:gone.jsonl", ["gone.jsonl", "file not found"]),
    "broken rows": ("scores:broken.jsonl", ["broken.jsonl:2:1", "broken.jsonl:3:"]),
    "empty": ("scores:no-model.jsonl", ["no-model.jsonl", "file has no scores"]),
    "no model": ("hf:empty", ["empty", "config.json"]),
    "unknown kind": ("score:gone.jsonl", ["unknown kind 'score', did you mean 'scores'?"]),
    "bad recipe": ("recipe:bad.yaml", ["bad.yaml:2:1", "did you mean 'base'?"]),
    "no recipe": ("recipe:tinny", ["did you mean 'tiny'?"]),
}


@pytest.mark.parametrize("case", SOURCES)
def test_a_source_that_cannot_load_is_an_error_not_a_failure(project: Project, case: str) -> None:
    spec, told = SOURCES[case]
    project.model()
    project.write("broken.jsonl", '{"id": "a", "chosen": 1, "rejected": 0}\n{"id": "b"}\n{\n')
    project.write("bad.yaml", "recipe: 1\nbse: here\ndata: x.jsonl\n")
    (project.root / "empty").mkdir()
    project.suite("fine", "win_rate", rows=pairs())
    project.suite("chat", "win_rate", "score_gap", rows=pairs(name="q"), source=spec)
    result = project.run()
    result.assert_outcomes(passed=1, errors=2)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    for part in told:
        assert part in text_of(result), part
    for line in lines_with(result, "ERROR suites/"):
        assert line.startswith("ERROR suites/chat.yaml::")
        first = line.partition(" - ")[2]
        assert first in project.checks()["chat::win_rate"]["message"], line
        assert not first.startswith("Failed")
    assert "Traceback" not in text_of(result)
    assert ".py" not in text_of(result)
    assert "During handling" not in text_of(result)
    assert project.record()["outcome"] == "error"
    assert {check["outcome"] for check in project.checks().values()} == {"pass", "error"}


def test_an_advisory_error_never_fails_the_run(project: Project) -> None:
    project.model()
    project.suite("fine", "win_rate", rows=pairs())
    project.suite(
        "chat", "win_rate", rows=pairs(name="q"), source="scores:gone.jsonl", gate="advisory"
    )
    result = project.run("-rx")
    result.assert_outcomes(passed=1, xfailed=1)
    assert result.ret == 0
    assert project.checks()["chat::win_rate"]["outcome"] == "error"
    assert project.record()["outcome"] == "pass"
    assert lines_with(result, "XFAIL at setup of suites/chat.yaml::win_rate - advisory")


MODELS = {
    "wrong number": (
        "return lambda texts: [1.0]",
        "expected 60 scores for 60 texts, got 1",
    ),
    "not numbers": (
        "return lambda texts: ['high' for _ in texts]",
        "expected numbers from score()",
    ),
    "nan": (
        "return lambda texts: [float('nan')] * len(texts)",
        "the reward of p-000/chosen is nan",
    ),
    "raises": ("return lambda texts: {}['key']", "KeyError: 'key'"),
    "no source": ("return 7", "reward_model returned a wrong value: int is not a reward source"),
    "our error": ("return rmcheck.source('scores:gone.jsonl')", "file not found"),
}


@pytest.mark.parametrize("case", MODELS)
def test_a_model_of_a_conftest_that_misbehaves_is_an_error(project: Project, case: str) -> None:
    body, told = MODELS[case]
    project.write(
        "conftest.py",
        "import pytest, rmcheck\n\n@pytest.fixture(scope='session')\ndef reward_model():\n"
        f"    {body}\n",
    )
    project.suite("chat", "win_rate", "score_gap", rows=pairs())
    result = project.run()
    result.assert_outcomes(errors=2)
    errors = lines_with(result, "ERROR suites/chat.yaml::")
    assert len(errors) == 2
    assert "conftest.py" not in text_of(result) or case == "raises"
    assert all(told in line for line in errors), errors
    assert "Traceback" not in text_of(result)
    assert "During handling" not in text_of(result)
    assert all(told in check["message"] for check in project.checks().values())


def test_a_bug_in_a_fixture_of_the_user_keeps_its_traceback(project: Project) -> None:
    project.write(
        "conftest.py",
        "import pytest\n\n@pytest.fixture\ndef reward_model():\n    return undefined\n",
    )
    project.suite("chat", "win_rate", rows=pairs())
    result = project.run()
    result.assert_outcomes(errors=1)
    assert "conftest.py:5: NameError" in text_of(result)
    assert "NameError" in project.checks()["chat::win_rate"]["message"]


def test_a_fixture_that_skips_is_recorded_as_skipped(project: Project) -> None:
    project.write(
        "conftest.py",
        "import pytest\n\n@pytest.fixture\ndef reward_model():\n    pytest.skip('no GPU here')\n",
    )
    project.suite("chat", "win_rate", rows=pairs())
    project.run().assert_outcomes(skipped=1)
    check = project.checks()["chat::win_rate"]
    assert (check["outcome"], check["message"]) == ("skipped", "no GPU here")


USAGE = {
    "unknown kind": (["--rm", "recepi:tiny"], "unknown kind 'recepi', did you mean 'recipe'?"),
    "no kind": (
        ["--rm", "nothing"],
        "(kinds: dpo, ensemble, hf, http, https, judge, py, recipe, scores, source)",
    ),
    "recipe typo": (["--rm", "recipe:tinny"], "did you mean 'tiny'?"),
    "bad recipe": (["--rm", "recipe:bad.yaml"], "bad.yaml:2:1"),
    "no score file": (["--rm", "scores:gone.jsonl"], "file not found"),
    "no baseline": (["--rm-baseline", "mian"], "did you mean 'main'?"),
    "no baseline of the ini file": (["-o", "rm_baseline=mian"], "did you mean 'main'?"),
    "bad baseline": (["--rm-baseline", "scores:gone.jsonl"], "file not found"),
    "seed": (["--rm-seed", "x"], "--rm-seed='x': expected a whole number of at least 0"),
    "negative seed": (["--rm-seed=-1"], "--rm-seed='-1': expected a whole number of at least 0"),
    "ini seed": (["-o", "rm_seed=1.5"], "rm_seed='1.5': expected a whole number of at least 0"),
    "dtype": (["--rm-dtype", "float8"], "'float8': did you mean 'float32'?"),
    "examples": (
        ["--rm-examples", "many"],
        "--rm-examples='many': expected a whole number of at least 1",
    ),
    "examples 0": (["--rm-examples", "0"], "--rm-examples='0'"),
}


@pytest.mark.parametrize("case", USAGE)
def test_usage_errors_end_the_run_with_one_line(project: Project, case: str) -> None:
    options, told = USAGE[case]
    project.model()
    project.suite("chat", "win_rate", rows=pairs())
    project.suite("more", "win_rate", rows=pairs(name="q"))
    project.write("bad.yaml", "recipe: 1\nbase: here\nbsae: here\ndata: x.jsonl\n")
    project.run("-k", "chat").assert_outcomes(passed=1, deselected=1)
    for name in ("main", "spring"):
        for file in ("results.json", "scores.jsonl"):
            text = (project.root / "reports/latest" / file).read_text()
            project.write(f"fixtures/baselines/{name}/{file}", text)
    project.write("bad.yaml", "recipe: 1\nbse: here\ndata: x.jsonl\n")
    result = project.run(*options)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    record = project.record()
    assert record["outcome"] == "error" or record["suites"]  # that of the run before
    errors = [line for line in (*result.outlines, *result.errlines) if "ERROR" in line]
    assert len(errors) == 1
    assert told in text_of(result)
    assert "Traceback" not in text_of(result)
    assert "INTERNALERROR" not in text_of(result)


def test_nothing_collected_is_5_and_an_internal_error_3(project: Project) -> None:
    assert project.run().ret == pytest.ExitCode.NO_TESTS_COLLECTED
    project.write("conftest.py", "def pytest_runtest_logstart():\n    raise OSError('full')\n")
    project.suite("chat", "win_rate", rows=pairs())
    assert project.run().ret == pytest.ExitCode.INTERNAL_ERROR
