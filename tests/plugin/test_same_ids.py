"""Ids of one suite's data that were renamed to those of another suite: never a green run."""

from __future__ import annotations

import pytest

from .projects import Project, jsonl, pairs, scores, text_of

WIN = {"check": "win_rate", "min": 0.5}


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param((), id="alone"),
        pytest.param(("-n", "2"), id="workers", marks=pytest.mark.ci),
    ],
)
def test_ids_of_another_suite_do_not_lend_their_scores(
    project: Project, arguments: tuple[str, ...]
) -> None:
    chat, code = pairs(30, wrong=range(25), name="chat"), pairs(30, name="code")
    project.write("scores.jsonl", jsonl(scores([*chat, *code])))
    project.suite("chat", WIN, rows=chat)
    project.suite("code", WIN, rows=code)
    arguments = ("suites", "--rm", "scores:scores.jsonl", *arguments)
    project.run(*arguments).assert_outcomes(passed=1, failed=1)
    renamed = [{**mine, "id": other["id"]} for mine, other in zip(chat, code, strict=True)]
    project.data("chat", renamed)
    result = project.run(*arguments)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert "id 'code-000' (and 29 more ids) has different texts in the suites chat and code" in (
        text_of(result)
    )
    assert project.record()["outcome"] == "error"
    said = project.cli("compare", "scores:scores.jsonl", "scores:scores.jsonl")
    assert said.code != 0
    assert "has different texts in the suites chat and code" in "".join(said.err)
