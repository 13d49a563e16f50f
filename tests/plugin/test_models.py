"""A project's own reward model: fixtures of the whole project, of one folder, of one suite."""

from __future__ import annotations

from collections import Counter

import pytest

from .projects import Project, jsonl, pairs, scores, text_of


def texts_of(rows: list[dict[str, str]]) -> set[tuple[str, str]]:
    """(prompt, response) of both sides of some pairs."""
    return {(row["prompt"], row[side]) for row in rows for side in ("chosen", "rejected")}


def test_each_text_is_scored_once_whatever_asks_for_it(project: Project) -> None:
    project.model()
    rows = pairs(30, name="a")
    even = {"check": "win_rate", "name": "even", "min": 0.5, "where": {"tags": ["even"]}}
    project.suite("alpha", "win_rate", "score_gap", even, rows=rows)
    project.suite("beta", "score_gap", rows=[*rows[:15], *pairs(5, name="b")])
    project.run().assert_outcomes(passed=4)
    asked = Counter((prompt, response) for _, prompt, response in project.calls())
    assert set(asked) == texts_of(rows) | texts_of(pairs(5, name="b"))
    assert set(asked.values()) == {1}
    scoring = project.record()["scoring"]
    assert (scoring["needed"], scoring["cached"], scoring["computed"]) == (70, 0, 70)


def test_a_folder_may_bring_its_own_model(project: Project) -> None:
    project.model()
    project.model("suites/inverted", change="* -1")
    for folder, name in (("suites", "alpha"), ("suites/inverted", "beta"), ("suites", "gamma")):
        project.suite(name, "win_rate", "score_gap", folder=folder, rows=pairs(name=name))
    project.run().assert_outcomes(passed=4, failed=2)
    # Every pair of the data is right, so under the inverted model every one is wrong.
    values = {
        name: check["estimate"]["value"]
        for name, check in project.checks().items()
        if check["kind"] == "win_rate"
    }
    assert values == {"alpha::win_rate": 1.0, "beta::win_rate": 0.0, "gamma::win_rate": 1.0}
    users = {(model, prompt.partition(":")[0]) for model, prompt, _ in project.calls()}
    assert users == {(".", "alpha"), ("suites/inverted", "beta"), (".", "gamma")}
    assert max(Counter(map(tuple, project.calls())).values()) == 1
    chosen = {row["id"]: row["chosen"] for row in project.rows() if row["suite"] == "beta"}
    assert chosen["beta-003"] == -(2 + 0.0137 * 3)


def test_a_suite_may_name_its_own_source(project: Project) -> None:
    project.model()
    rows = pairs(name="own")
    wrong = [{**row, "chosen": row["rejected"], "rejected": row["chosen"]} for row in scores(rows)]
    project.write("wrong.jsonl", jsonl(wrong))
    project.suite("own", "win_rate", rows=rows, source="scores:wrong.jsonl")
    project.suite("other", "win_rate", rows=pairs(name="other"))
    project.run().assert_outcomes(passed=1, failed=1)
    assert project.checks()["own::win_rate"]["estimate"]["value"] == 0.0
    sources = {suite["name"]: suite["source"]["spec"] for suite in project.record()["suites"]}
    assert sources == {"other": "py:read", "own": "scores:wrong.jsonl"}
    assert {prompt.partition(":")[0] for _, prompt, _ in project.calls()} == {"other"}


def test_a_python_test_may_use_the_fixture(project: Project) -> None:
    rows = pairs()
    project.write("scores.jsonl", jsonl(scores(rows)))
    project.suite("chat", "win_rate", rows=rows)
    project.write(
        "suites/test_margin.py",
        "import json, pathlib\n"
        "from rmcheck import Dialogue\n\n"
        "def test_first_margin(reward_model):\n"
        "    row = json.loads(pathlib.Path('data/chat.jsonl').read_text().splitlines()[0])\n"
        "    sides = [Dialogue(row['prompt'], row[side], f\"{row['id']}/{side}\")\n"
        "             for side in ('chosen', 'rejected')]\n"
        "    chosen, rejected = reward_model.score(sides)\n"
        "    assert chosen - rejected == 2.0\n\n"
        "def test_no_baseline(baseline_model):\n"
        "    assert baseline_model is None\n",
    )
    project.run("--rm", "scores:scores.jsonl").assert_outcomes(passed=3)
    result = project.run("--rm", "scores:scores.jsonl", "suites/test_margin.py")
    result.assert_outcomes(passed=2)
    assert "reward model" not in text_of(result)


def test_a_python_test_alone_is_told_of_a_bad_source(project: Project) -> None:
    project.write("suites/test_margin.py", "def test_margin(reward_model): pass\n")
    result = project.run("--rm", "scores:gone.jsonl")
    result.assert_outcomes(errors=1)
    assert "file not found" in text_of(result)
    assert "Traceback" not in text_of(result)
    result = project.run("--rm-seed", "x")
    result.assert_outcomes(errors=1)
    assert "--rm-seed='x': expected a whole number" in text_of(result)
    assert "session.py" not in text_of(result)


def test_a_fixture_of_function_scope_works_too(project: Project) -> None:
    project.model()
    text = (project.root / "conftest.py").read_text().replace('(scope="session")', "")
    project.write("conftest.py", text.replace("return read", "return lambda texts: read(texts)"))
    project.suite("chat", "win_rate", "score_gap", rows=pairs())
    project.run().assert_outcomes(passed=2)
    # Two functions, and nothing says that they are the same: each text once for each.
    assert set(Counter(map(tuple, project.calls())).values()) == {2}


def test_a_source_that_fails_is_asked_once(project: Project) -> None:
    project.write(
        "conftest.py",
        "import pytest\n\n"
        "def dead(texts):\n"
        "    with open('calls.jsonl', 'a') as file:\n"
        "        file.write('[\"dead\"]\\n')\n"
        "    raise ConnectionError('no route')\n\n"
        "@pytest.fixture(scope='session')\n"
        "def reward_model():\n"
        "    return dead\n",
    )
    project.suite("alpha", "win_rate", "score_gap", rows=pairs(name="a"))
    project.suite("beta", "win_rate", rows=pairs(name="b"))
    result = project.run()
    result.assert_outcomes(errors=3)
    assert len(project.calls()) == 1
    assert "ConnectionError: no route" in text_of(result)


def test_a_declared_fingerprint_is_remembered_over_runs(project: Project) -> None:
    project.model()
    text = (
        (project.root / "conftest.py")
        .read_text()
        .replace(
            "    return read\n",
            "    from rmcheck.sources.function import FunctionSource\n"
            "    return FunctionSource(read, spec='py:mine', fingerprint='v1')\n",
        )
    )
    project.write("conftest.py", text)
    rows = pairs()
    project.suite("chat", "win_rate", rows=rows)
    project.run().assert_outcomes(passed=1)
    assert len(project.calls()) == 60
    project.run().assert_outcomes(passed=1)
    assert len(project.calls()) == 60
    scoring = project.record()["scoring"]
    assert (scoring["cached"], scoring["computed"]) == (60, 0)
    # One text more is one call more; another fingerprint is another model.
    project.data("chat", [*rows, {**rows[0], "id": "new", "chosen": "New. [5.5]"}])
    project.run()
    assert [response for _, _, response in project.calls()[60:]] == ["New. [5.5]"]
    project.write("conftest.py", text.replace("v1", "v2"))
    project.run()
    assert len(project.calls()) == 60 + 1 + 61


@pytest.mark.parametrize("where", ["first", pytest.param("later", marks=pytest.mark.ci)])
def test_ctrl_c_leaves_a_report_that_says_incomplete(project: Project, where: str) -> None:
    project.model()
    project.write(
        "suites/conftest.py" if where == "first" else "suites/later/conftest.py",
        "import pytest\n\n"
        "def stop(texts):\n"
        "    raise KeyboardInterrupt\n\n"
        "@pytest.fixture(scope='session')\n"
        "def reward_model():\n"
        "    return stop\n",
    )
    project.suite("alpha", "win_rate", rows=pairs(name="a"))
    project.suite("late", "win_rate", folder="suites/later", rows=pairs(name="l"))
    result = project.pytester.runpytest_inprocess(no_reraise_ctrlc=True)
    assert result.ret == pytest.ExitCode.INTERRUPTED
    record = project.record()
    assert record["incomplete"] is True
    decided = [] if where == "first" else ["alpha::win_rate"]
    assert list(project.checks()) == decided
    for name in ("index.html", "summary.md"):
        page = (project.root / "reports/latest" / name).read_text(encoding="utf-8")
        assert "ncomplete" in page
    assert "Cannot say: the run stopped before all checks were decided" in text_of(result)
