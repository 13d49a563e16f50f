"""Commands that write a page or a table do not overwrite what others wrote."""

from __future__ import annotations

import pytest
from plugin.projects import Project, jsonl, pairs, scores


@pytest.fixture
def project(project: Project) -> Project:
    data = pairs(20)
    project.write("data/chat.jsonl", jsonl(data))
    for name in ("a", "b", "c"):
        project.write(f"{name}.jsonl", jsonl(scores(data)))
    return project


@pytest.mark.parametrize(
    "command",
    [
        ("compare", "a.jsonl", "b.jsonl", "--data", "data/chat.jsonl", "--html"),
        ("compare", "a.jsonl", "b.jsonl", "--data", "data/chat.jsonl", "--csv"),
        ("compare", "a.jsonl", "b.jsonl", "c.jsonl", "--data", "data/chat.jsonl", "--html"),
        ("bisect", "a.jsonl", "b.jsonl", "c.jsonl", "--data", "data/chat.jsonl", "--html"),
        ("lint", "data/chat.jsonl", "--scores", "a.jsonl", "b.jsonl", "--html"),
        ("plan", "--csv"),
    ],
    ids=" ".join,
)
def test_what_others_wrote_is_not_overwritten(project: Project, command: tuple[str, ...]) -> None:
    before = (project.root / "b.jsonl").read_bytes()
    said = project.cli(*command, "b.jsonl")
    assert said.code == 4
    (line,) = said.err
    assert line.endswith(
        f"{command[-1]} b.jsonl: already exists and was not written by this command; choose "
        "another path"
    )
    assert (project.root / "b.jsonl").read_bytes() == before
