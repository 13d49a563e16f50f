"""Broken suites end a run before it begins: one line a mistake, its place, its remedy."""

from __future__ import annotations

import pytest

from .projects import Project, pairs, text_of

GOOD = """\
rmcheck: 1
name: chat
data: ../data/chat.jsonl
checks:
  - check: win_rate
    min: 0.7
"""

BROKEN = {
    "unknown key": (
        GOOD.replace("min: 0.7", "mim: 0.7"),
        [
            "suites/chat.yaml:5:5: check 'win_rate': the key 'min' is missing",
            "suites/chat.yaml:6:5: check 'win_rate': unknown key 'mim', did you mean 'min'?",
        ],
    ),
    "out of range": (
        GOOD.replace("0.7", "1.3"),
        ["suites/chat.yaml:6:10: check 'win_rate': min=1.3 is"],
    ),
    "unknown check": (
        GOOD.replace("win_rate", "win_rat"),
        ["suites/chat.yaml:5:12: unknown check 'win_rat', did you mean 'win_rate'?"],
    ),
    "duplicate key": (
        GOOD + "    min: 0.8\n",
        ["suites/chat.yaml:7:5: duplicate key 'min' (first on line 6)"],
    ),
    "duplicate check": (
        GOOD + "  - check: win_rate\n    min: 0.8\n",
        ["suites/chat.yaml:7:5: duplicate check name 'win_rate' (first on line 5); give one"],
    ),
    "no data": (
        GOOD.replace("chat.jsonl", "chta.jsonl"),
        ["suites/chat.yaml:3:7: no file matches '../data/chta.jsonl' (looked in suites)"],
    ),
    "not YAML": (
        GOOD + "  - {check: score_gap\n",
        ["suites/chat.yaml:8:1: not valid YAML:"],
    ),
    "other version": (
        GOOD.replace("rmcheck: 1", "rmcheck: 2"),
        ["suites/chat.yaml:1:10: rmcheck=2"],
    ),
    "no checks": (
        "rmcheck: 1\nname: chat\ndata: ../data/chat.jsonl\nchecks: []\n",
        ["suites/chat.yaml:4:9: checks=[]"],
    ),
    "two documents": (
        GOOD + "---\n" + GOOD,
        ["suites/chat.yaml:7:1: not valid YAML:"],
    ),
    "bad data row": (
        GOOD.replace("chat.jsonl", "bad.jsonl"),
        ["data/bad.jsonl:2:1: the key 'rejected' is missing", "data/bad.jsonl:3:"],
    ),
    "three at once": (
        GOOD.replace("0.7", "'high'").replace("name: chat", "nam: chat"),
        [
            "suites/chat.yaml:1:1: the key 'name' is missing",
            "suites/chat.yaml:2:1: unknown key 'nam', did you mean 'name'?",
            "suites/chat.yaml:6:10: check 'win_rate': min='high' is not a number",
        ],
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_each_mistake_is_one_line_with_its_place(project: Project, case: str) -> None:
    text, told = BROKEN[case]
    project.model()
    project.data("chat", pairs())
    project.write(
        "data/bad.jsonl",
        '{"id": "a", "prompt": "", "chosen": "x", "rejected": "y"}\n'
        '{"id": "b", "prompt": "", "chosen": "x"}\n{"id": \n',
    )
    project.write("suites/chat.yaml", text)
    result = project.run()
    assert result.ret == pytest.ExitCode.INTERRUPTED
    messages = [line for line in result.outlines if ".yaml:" in line or ".jsonl:" in line]
    assert len(messages) == len(told), text_of(result)
    for line, start in zip(messages, told, strict=True):
        assert line.startswith(start), line
    assert "Traceback" not in text_of(result)
    assert "rmcheck/" not in text_of(result)
    assert project.record()["outcome"] == "error"  # no green report of before stays
    assert project.record()["unread"] == ["suites/chat.yaml"]


def test_a_broken_suite_beside_a_good_one_stops_the_run(project: Project) -> None:
    project.model()
    project.suite("good", "win_rate", rows=pairs())
    project.write("suites/bad.yaml", GOOD.replace("min: 0.7", "max: 0.7"))
    result = project.run()
    assert result.ret == pytest.ExitCode.INTERRUPTED
    assert project.calls() == []


def test_the_good_ones_run_when_pytest_is_told_to_go_on(project: Project) -> None:
    project.model()
    project.suite("good", "win_rate", rows=pairs())
    project.write("suites/bad.yaml", GOOD.replace("min: 0.7", "max: 0.7"))
    result = project.run("--continue-on-collection-errors")
    result.assert_outcomes(passed=1, errors=1)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
