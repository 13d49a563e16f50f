"""What a run leaves behind: the record, the report, and the last lines on the terminal."""

from __future__ import annotations

import json
import sys

import pytest

from rmcheck.report.publish import report_input

from .projects import Project, jsonl, pairs, score_of, scores, text_of

# Promised to whoever reads it: the keys of results.json.
RUN = {
    "schema_version", "rmcheck", "started", "duration_s", "seed", "source", "baseline",
    "environment", "outcome", "suites", "scores",
}  # fmt: skip
SUITE = {"name", "path", "data", "checks"}
CHECK = {
    "id", "kind", "gate", "outcome", "decision", "state", "weak", "estimate", "criterion",
    "p_value", "adjusted_p", "detectable", "message", "signature", "evidence", "duration_s",
}  # fmt: skip
ESTIMATE = {"value", "low", "high", "level", "method", "n", "n_groups"}


def gate(project: Project, *arguments: str) -> pytest.RunResult:
    """Run two suites: `chat` with a failure, `code` without."""
    project.model()
    project.suite("chat", "win_rate", "score_gap", "label_noise", rows=pairs(30, wrong=range(12)))
    project.suite("code", "win_rate", "no_regression", rows=pairs(25, name="c"))
    return project.run(*arguments)


def test_results_json_keeps_its_promises(project: Project) -> None:
    gate(project, "--rm-seed", "11")
    record = project.record()
    assert set(record) >= RUN
    assert (record["schema_version"], record["seed"], record["outcome"]) == (1, 11, "fail")
    assert record["incomplete"] is False
    assert record["source"]["spec"] == "py:read"
    assert record["source"]["fingerprint"] is None
    assert record["baseline"] is None
    assert record["command"] == "pytest --rm-seed 11"
    assert record["environment"]["python"] == ".".join(map(str, sys.version_info[:3]))
    assert record["environment"]["dtype"] == "float32"
    assert record["duration_s"] > 0
    assert record["started"].endswith("Z")
    assert [suite["name"] for suite in record["suites"]] == ["chat", "code"]
    for suite, n in zip(record["suites"], (30, 25), strict=True):
        assert set(suite) >= SUITE
        assert (suite["path"], suite["data"]["pairs"]) == (f"suites/{suite['name']}.yaml", n)
        assert suite["data"]["groups"] == n
        for check in suite["checks"]:
            assert set(check) >= CHECK
            assert check["id"].startswith(f"{suite['name']}::")
    checks = project.checks()
    assert list(checks) == [
        "chat::win_rate", "chat::score_gap", "chat::label_noise",
        "code::win_rate", "code::no_regression",
    ]  # fmt: skip
    assert set(checks["chat::win_rate"]["estimate"]) == ESTIMATE
    assert checks["chat::win_rate"]["estimate"]["value"] == 18 / 30
    assert checks["chat::win_rate"]["criterion"] == {"min": 0.7}
    assert "seed:11" in checks["chat::win_rate"]["signature"]
    assert checks["code::no_regression"]["decision"] is None
    assert checks["chat::label_noise"]["outcome"] == "skipped"


def test_scores_jsonl_holds_a_row_a_pair(project: Project) -> None:
    gate(project)
    rows = project.rows()
    given = [*pairs(30, wrong=range(12)), *pairs(25, name="c")]
    assert len(rows) == 55
    for row, pair in zip(rows, given, strict=True):
        assert set(row) == {"suite", "id", "hash", "group", "tags", "chosen", "rejected"}
        assert (row["id"], row["tags"]) == (pair["id"], pair["tags"])
        assert row["chosen"] == score_of(pair["chosen"])
        assert row["rejected"] == score_of(pair["rejected"])
    assert len({row["hash"] for row in rows}) == len({row["group"] for row in rows}) == 55


def test_a_suite_of_slices_keeps_the_scores_that_it_has(project: Project) -> None:
    project.model()
    even = {"check": "win_rate", "min": 0.5, "where": {"tags": ["even"]}}
    project.suite("chat", even, rows=pairs(40))
    project.run().assert_outcomes(passed=1)
    assert [row["id"] for row in project.rows()] == [f"p-{row:03d}" for row in range(0, 40, 2)]
    assert project.record()["suites"][0]["source"]["spec"] == "py:read"


def test_page_and_summary_lie_beside_it(project: Project) -> None:
    gate(project)
    folder = project.root / "reports/latest"
    assert sorted(path.name for path in folder.iterdir()) == [
        "index.html", "results.json", "scores.jsonl", "summary.md",
    ]  # fmt: skip
    page = (folder / "index.html").read_text(encoding="utf-8")
    assert "chat::win_rate" in page
    assert "p: question 3?" in page  # a wrong pair's text
    summary = (folder / "summary.md").read_text(encoding="utf-8")
    assert summary.startswith("<!-- rmcheck -->")
    assert "chat::win_rate" in summary


def test_the_report_made_again_is_the_one_that_the_gate_wrote(project: Project) -> None:
    # A baseline, a regression against it, a data file with texts, and a history of two runs.
    project.model()
    checks = ("win_rate", "score_gap", "no_regression")
    project.suite("chat", *checks, rows=pairs(40, wrong=range(4)))
    project.suite("code", *checks, rows=pairs(25, name="c"))
    project.run()
    assert project.cli("bless").code == 0
    project.model(change="* -1")
    # Days ago rather than in this very second, so that the first run is one of the past.
    history = project.root / "reports/history.jsonl"
    (line,) = history.read_text(encoding="utf-8").splitlines()
    earlier = {**json.loads(line), "started": "2025-01-01T00:00:00Z"}
    history.write_text(json.dumps(earlier) + "\n", encoding="utf-8")
    project.run()
    assert project.checks()["chat::no_regression"]["state"] == "regressed"
    folder = project.root / "reports/latest"
    made = {name: (folder / name).read_bytes() for name in ("index.html", "summary.md")}
    assert b"p: question 39?" in made["index.html"]
    assert b"The last 2 runs, since 2025-01-01" in made["index.html"]
    for name in made:
        (folder / name).unlink()
    said = project.cli("report")
    assert said.code == 0, said.err
    assert {name: (folder / name).read_bytes() for name in made} == made
    # Another selection of texts is another page; the first choice again is the first page.
    project.cli("report", "--texts", "none")
    assert b"p: question 39?" not in (folder / "index.html").read_bytes()
    project.cli("report", "--texts", "failing")
    assert (folder / "index.html").read_bytes() == made["index.html"]


def test_the_report_goes_where_it_is_told_to(project: Project) -> None:
    gate(project, "--rm-report", "out/run 1")
    assert project.record("out/run 1")["outcome"] == "fail"
    assert not (project.root / "reports").exists()
    project.ini("rm_report = elsewhere")
    project.run()
    assert project.record("elsewhere")["outcome"] == "fail"


def test_a_report_that_cannot_be_written_does_not_hide_the_verdicts(project: Project) -> None:
    project.write("taken", "a file")
    result = gate(project, "--rm-report", "taken/here")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.assert_outcomes(passed=1, failed=2, skipped=2)
    assert "the report could not be written" in text_of(result)
    assert "INTERNALERROR" not in text_of(result)


def section(result: pytest.RunResult) -> list[str]:
    """The lines under `reward model`."""
    start = next(i for i, line in enumerate(result.outlines) if "= reward model: " in line)
    rest = result.outlines[start + 1 :]
    return rest[: next(i for i, line in enumerate(rest) if line.startswith("===="))]


def test_the_summary_has_ten_lines_at_most(project: Project) -> None:
    project.model()
    many = [{"check": "win_rate", "name": f"w{i}", "min": 0.9} for i in range(15)]
    project.suite("chat", *many, rows=pairs(30, wrong=range(12)))
    lines = section(project.run("--tb=no", "-rN"))
    assert len(lines) <= 10
    assert lines[0].startswith("Do not merge: 15 required checks fail")
    shown = sum(line.startswith("  FAILED chat::w") for line in lines)
    assert f"  … and {15 - shown} more checks to look at" in lines
    assert "15 checks: 15 failed" in lines
    assert "report: reports/latest/index.html" in lines


def test_the_summary_names_the_model_and_the_baseline(project: Project) -> None:
    project.suite("chat", "win_rate", rows=pairs())
    project.write("scores.jsonl", jsonl(scores(pairs())))
    project.write("old.jsonl", jsonl(scores(pairs())))
    options = ("--rm", "scores:scores.jsonl")
    assert "= reward model: scores:scores.jsonl =" in text_of(project.run(*options))
    said = text_of(project.run(*options, "--rm-baseline", "scores:old.jsonl"))
    assert "= reward model: scores:scores.jsonl, against scores:old.jsonl =" in said


def test_quiet_says_two_lines_and_verbose_all(project: Project) -> None:
    result = gate(project, "-q", "--tb=no", "-rN")
    assert "reward model" not in text_of(result)
    # Progress, the sentence, the report's place, pytest's count.
    assert len([line for line in result.outlines if line.strip()]) == 4
    assert any(line.startswith("Do not merge: ") for line in result.outlines)
    assert len(section(project.run("-v", "--tb=no", "-rN"))) >= 5 + 3
    verbose = section(project.run("-v", "--tb=no", "-rN"))
    for name in project.checks():
        assert any(line.startswith("  ") and f" {name} - " in line for line in verbose), name


@pytest.mark.ci
def test_a_runs_scores_are_a_source(project: Project) -> None:
    """The same verdicts from scores.jsonl, in a process that never imports torch."""
    project.model()
    rows = pairs(40, wrong=range(10))
    checks = ["win_rate", "score_gap", "no_regression", "label_noise"]
    project.suite("chat", *checks, rows=rows)
    project.run()
    assert project.cli("bless").code == 0
    (project.root / "conftest.py").unlink()
    # Twelve pairs that were right, 10 to 21, are wrong under this model.
    swapped = {f"p-{row:03d}" for row in range(10, 22)}
    worse = [
        {**row, "chosen": row["rejected"], "rejected": row["chosen"]}
        if row["id"] in swapped
        else row
        for row in project.rows()
    ]
    project.write("worse.jsonl", jsonl(worse))
    project.run("--rm", "scores:worse.jsonl").assert_outcomes(failed=3, skipped=1)
    first = project.checks()
    project.write(
        "seen.py",
        "import json, sys\n"
        "def pytest_unconfigure():\n"
        "    open('modules.json', 'w').write(json.dumps(sorted(sys.modules)))\n",
    )
    result = project.subprocess("-p", "seen", "--rm", "scores:reports/latest/scores.jsonl", "-rs")
    result.assert_outcomes(failed=3, skipped=1)
    again = project.checks()
    for kind in ("win_rate", "score_gap", "no_regression"):
        name = f"chat::{kind}"
        for key in ("outcome", "decision", "state", "estimate", "p_value", "message", "evidence"):
            assert again[name][key] == first[name][key], (name, key)
    assert again["chat::no_regression"]["state"] == "regressed"
    assert "is not a recipe" in text_of(result)
    assert [row["chosen"] for row in project.rows()] == [row["chosen"] for row in worse]
    modules = set(json.loads((project.root / "modules.json").read_text()))
    assert "rmcheck.engine.engine" in modules
    assert not modules & {"torch", "transformers", "peft", "trl", "datasets"}


def test_a_source_that_was_not_asked_is_told(project: Project) -> None:
    rows = pairs()
    project.write("scores.jsonl", jsonl(scores(rows)))
    project.suite("chat", "win_rate", rows=rows)
    told = "--rm scores:scores.jsonl was not used"
    assert told not in text_of(project.run("--rm", "scores:scores.jsonl"))
    project.model()
    for verbosity in ("-q", "-v"):
        result = project.run("--rm", "scores:scores.jsonl", verbosity)
        assert any(line.startswith(told) and "py:read" in line for line in result.outlines)


def test_a_suite_that_renames_columns_has_its_texts_in_the_report(project: Project) -> None:
    rows = [
        {"better" if key == "chosen" else key: value for key, value in row.items()}
        for row in pairs(30, wrong=range(12))
    ]
    project.model()
    project.data("chat", rows)
    project.write(
        "suites/chat.yaml",
        """
        rmcheck: 1
        name: chat
        data: {path: ../data/chat.jsonl, columns: {chosen: better}}
        checks: [{check: win_rate, min: 0.5}]
        """,
    )
    project.run()
    found = report_input(
        project.root / "reports/latest", root=project.root, kept=project.root / "fixtures/baselines"
    )
    assert len(found.scores) == 30
    for row in rows:
        (score,) = (score for score in found.scores if score.id == row["id"])
        text = found.texts[score.hash]
        assert (text.prompt, text.chosen) == (row["prompt"], row["better"])
        assert text.rejected == row["rejected"]
