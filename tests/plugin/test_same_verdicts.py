"""A verdict does not depend on what runs beside it, before it, or in which process."""

from __future__ import annotations

from typing import Any

import pytest

from .projects import Project, jsonl, pairs, text_of, without_times
from .test_baselines import blessed, swapped


@pytest.fixture
def gate(project: Project) -> Project:
    """Two suites, six checks, a baseline, and a candidate that is worse in `chat`."""
    project.model()
    slices = {"check": "win_rate", "name": "odd", "min": 0.6, "where": {"tags": ["odd"]}}
    search = {"check": "scale_invariance", "examples": 20}
    rows = pairs(40, wrong=range(5))
    project.suite("chat", "win_rate", slices, "score_gap", search, "no_regression", rows=rows)
    project.suite("code", "no_regression", "win_rate", rows=pairs(30, name="c"), tags=["code"])
    project.run()
    assert project.cli("bless").code == 0
    (project.root / "conftest.py").unlink()
    project.write("worse.jsonl", jsonl(swapped(project.rows(), range(20, 31))))
    return project


def verdicts(project: Project, *arguments: str, way: str = "run") -> dict[str, dict[str, Any]]:
    """Run the gate on the candidate and give its checks without times."""
    getattr(project, way)("--rm", "scores:worse.jsonl", *arguments)
    return without_times(project.checks())


@pytest.mark.ci
def test_alone_selected_reversed_or_in_parallel(gate: Project) -> None:
    whole = verdicts(gate)
    assert len(whole) == 7
    assert {check["outcome"] for check in whole.values()} == {"pass", "fail"}
    assert whole["chat::no_regression"]["state"] == "regressed"

    picked = verdicts(gate, "-k", "chat")
    assert len(picked) == 5
    assert_same(picked, whole)
    assert_same(verdicts(gate, "-m", "code"), whole)
    for name in ("chat::odd", "chat::scale_invariance", "code::win_rate"):
        suite, _, check = name.partition("::")
        alone = verdicts(gate, f"suites/{suite}.yaml::{check}")
        assert list(alone) == [name]
        assert_same(alone, whole)

    gate.write(
        "conftest.py",
        "def pytest_collection_modifyitems(items):\n    items.reverse()\n",
    )
    backwards = verdicts(gate)
    assert list(backwards) == list(whole)
    assert_same(backwards, whole, adjusted=True)
    (gate.root / "conftest.py").unlink()

    parallel = verdicts(gate, "-n", "2", "--junitxml=junit.xml", way="subprocess")
    assert list(parallel) == list(whole)
    assert_same(parallel, whole, adjusted=True)
    assert len(gate.rows()) == 70
    assert gate.record()["duration_s"] > 0.5  # from the start of the run, not the first verdict
    assert "rmcheck_value" in (gate.root / "junit.xml").read_text(encoding="utf-8")


def assert_same(
    some: dict[str, dict[str, Any]], whole: dict[str, dict[str, Any]], *, adjusted: bool = False
) -> None:
    """Every check of `some` is as in `whole`; a p adjusted for its fellows needs all of them."""
    for name, check in some.items():
        for key, value in check.items():
            if key != "adjusted_p" or adjusted:
                assert value == whole[name][key], (name, key)


def test_a_comparison_alone_counts_those_of_its_own_file(project: Project) -> None:
    """m counts the required comparisons of the files collected, whatever was deselected in them."""
    rows = blessed(project)
    three = [{"check": "no_regression", "name": f"n{number}"} for number in range(3)]
    advisory = {"check": "no_regression", "name": "extra", "gate": "advisory"}
    project.suite("chat", *three, advisory)
    project.write("worse.jsonl", jsonl(swapped(rows, range(20, 26))))
    # p = 2 · 2^-6 = 0.031 would be a regression at 0.05, and is none at 0.05 / 3.
    for arguments in ([], ["-k", "n1"], ["suites/chat.yaml::n1"]):
        found = verdicts(project, *arguments)["chat::n1"]
        assert (found["state"], found["p_value"]) == ("inconclusive", 2 * 0.5**6)
        assert "signflip@0.05/3" in found["signature"]


@pytest.mark.slow
def test_workers_tell_usage_errors(project: Project) -> None:
    project.model()
    project.suite("chat", "win_rate", "score_gap", rows=pairs(30, wrong=range(20)))
    result = project.subprocess("-n", "1", "--rm", "scores:gone.jsonl")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    lines = [line for line in (*result.outlines, *result.errlines) if "ERROR" in line]
    assert len(lines) == 1
    assert "file not found" in lines[0]

    # From an ini file, only the workers see it.
    result = project.subprocess("-n", "1", "-o", "rm_baseline=gone")
    result.assert_outcomes(errors=2)
    lines = [line for line in result.outlines if line.startswith("ERROR suites/chat.yaml::")]
    assert len(lines) == 2
    assert all("no baseline 'gone'" in line for line in lines)
    assert "INTERNALERROR" not in text_of(result)


@pytest.mark.slow
def test_workers_each_ask_a_function_of_the_project(project: Project) -> None:
    project.model()
    project.suite("chat", "win_rate", "score_gap", rows=pairs(30, wrong=range(20)))
    project.subprocess("-n", "2").assert_outcomes(failed=2)
    assert len(project.rows()) == 30
    # A function without a fingerprint cannot be shared: each worker asks its own once.
    assert len(project.calls()) == 2 * 60
    assert project.record()["scoring"]["computed"] == 2 * 60
